"""The page of `timeline --html`, as a browser shows it: light, dark, on a phone and on paper."""

import os
import re
import shutil
import struct
import subprocess
import unittest
import zlib

from harness import SignetTest, main

BROWSER = next((found for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if found), None)
RED, DARK_RED = (0xc6, 0x28, 0x28), (0xef, 0x53, 0x50)
GREEN, DARK_GREEN = (0x2e, 0x7d, 0x32), (0x66, 0xbb, 0x6a)


def read_png(path):
    """returns  width, height and the colours of all pixels, row by row (8 bits, RGB or RGBA)"""
    with open(path, "rb") as file:
        data = file.read()
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    step = 4 if colour == 6 else 3
    raw, stride, above, pixels = zlib.decompress(packed), width * step, bytes(width * step), []
    for row in range(height):
        start = row * (stride + 1)
        kind, line = raw[start], bytearray(raw[start + 1:start + 1 + stride])
        for i in range(stride):
            left = line[i - step] if i >= step else 0
            up, corner = above[i], above[i - step] if i >= step else 0
            if kind == 1:
                line[i] = (line[i] + left) & 255
            elif kind == 2:
                line[i] = (line[i] + up) & 255
            elif kind == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif kind == 4:
                guess = left + up - corner
                near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
                line[i] = (line[i] + near[2]) & 255
        above = bytes(line)
        pixels += [tuple(line[i:i + 3]) for i in range(0, stride, step)]
    return width, height, pixels


@unittest.skipUnless(BROWSER, "needs a Chromium")
class Page(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.signet("keyring", "policy", "set", "after-rotation=fresh")
        self.signet("key", "rotate", "prod")
        self.backup(self.source, "--series", "home", "--time", "2026-03-01T12:00:00Z")
        page = self.signet("timeline", "--html", "--without-key", "prod/1").out
        self.page = self.write("page.html", page)
        self.text = page

    def browse(self, *words, page=None):
        profile = self.path("profile")
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                   f"--user-data-dir={profile}", *words, "file://" + (page or self.page)]
        return subprocess.run(command, capture_output=True, timeout=120, check=True,
                              env=dict(self.env, HOME=self.path("home"))).stdout.decode()

    def colours(self, *words):
        picture = self.path("picture.png")
        self.browse("--window-size=1000,700", f"--screenshot={picture}", *words)
        return read_png(picture)[2]

    def test_gaps_are_red_and_the_page_follows_the_light(self):
        light = self.colours("--blink-settings=preferredColorScheme=1")
        self.assertEqual(light[0], (255, 255, 255))
        self.assertGreater(light.count(RED), 200)
        self.assertGreater(light.count(GREEN), 200)
        dark = self.colours("--blink-settings=preferredColorScheme=0")
        self.assertLess(max(dark[0]), 64)
        self.assertGreater(dark.count(DARK_RED), 200)
        self.assertGreater(dark.count(DARK_GREEN), 200)

    def test_nothing_but_the_chart_scrolls_sideways_on_a_phone(self):
        script = "<script>document.title=[document.documentElement.scrollWidth,innerWidth].join(' ')</script>"
        page = self.write("measured.html", self.text.replace("</body>", script + "</body>"))
        title = re.search("<title>(\\d+) (\\d+)</title>", self.browse("--window-size=500,900", "--dump-dom", page=page))
        self.assertTrue(title, "the page has a title and a body")
        self.assertLessEqual(int(title.group(1)), int(title.group(2)))

    def test_it_prints(self):
        paper = self.path("page.pdf")
        self.browse(f"--print-to-pdf={paper}")
        with open(paper, "rb") as file:
            self.assertEqual(file.read(5), b"%PDF-")

    def test_it_needs_no_other_file(self):
        self.assertNotRegex(self.text, r"(?i)(src|href)\s*=|url\(|@import|<script")


if __name__ == "__main__":
    main()
