"""Looking without restoring: list, show, ls, find, diff, dump, stats."""

import io
import os
import subprocess
import tarfile

from harness import SIGNET, SignetTest, main, write


class Browse(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()

    def below(self, path=""):
        return self.template_source + path

    def test_list(self):
        text = self.signet("list").out
        self.assertSays(text, self.first[:8], self.second[:8], "home", "2026-01-01 12:00:00", "ok")
        rows = self.signet("list", "--json").json()
        self.assertEqual([row["id"] for row in rows], [self.first, self.second])
        for name in "id short_id series writer host kind time paths tags protector_thumbprint needs restorable".split():
            self.assertIn(name, rows[0])
        self.assertEqual(rows[0]["paths"], [self.template_source])
        self.assertTrue(rows[1]["restorable"])
        for need in rows[1]["needs"]:
            self.assertEqual(sorted(need), ["dek_id", "thumbprints"])
        self.assertEqual([row["id"] for row in self.signet("list", "--json", "--latest", "1").json()], [self.second])
        self.assertEqual([row["id"] for row in self.signet("list", "--json", "--at", "2026-01-15").json()], [self.first])
        self.assertEqual([row["id"] for row in self.signet("list", "--json", "--from", "2026-01-15").json()], [self.second])

    def test_list_needs_no_key_and_no_keyring(self):
        env = {"SIGNET_KEYRING": self.path("nobody"), "SIGNET_VAULT": self.path("nobody-vault"), "SIGNET_PASSPHRASE_FILE": None}
        row = self.signet("list", "--json", env=env).json()[0]
        self.assertEqual((row["series"], row["host"], row["paths"], row["tags"]), (None, None, None, None))
        self.assertFalse(row["restorable"])
        self.assertSays(self.signet("list", env=env).out, "key missing")
        self.assertNothingAt(self.path("nobody"))
        self.assertNothingAt(self.path("nobody-vault"))

    def test_list_is_fast(self):
        with open(SIGNET, "rb") as file:
            program = file.read()
        if b"__asan_init" in program or b"__gcov_init" in program:
            self.skipTest("a build that counts or checks is slow")
        best = 9
        for _ in range(5):
            process = subprocess.Popen([SIGNET, "list"], env=self.env, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            self.assertEqual(os.waitstatus_to_exitcode(status), 0)
            process.returncode = 0
            best = min(best, usage.ru_utime + usage.ru_stime)
        self.assertLess(best, 0.1)

    def test_show(self):
        env = {"SIGNET_KEYRING": self.path("nobody"), "SIGNET_PASSPHRASE_FILE": None}
        header = self.signet("show", self.second[:10], "--json", env=env).json()
        self.assertEqual(header["id"], self.second)
        for name in "repository config_hash previous run_id dek_id dek_commitment slots packs indexes reach started finished".split():
            self.assertIn(name, header)
        self.assertEqual(header["reach"][0]["sequence"], 2)  # behind the entry that announced the first run
        self.assertSays(self.signet("show").out, self.second, "home", self.template_source)

    def test_ls(self):
        lines = self.signet("ls").out.splitlines()
        self.assertIn(self.below("/photos/one.jpg"), lines)
        lines = self.signet("ls", "latest", self.below()).out.splitlines()
        self.assertIn(self.below("/photos"), lines)
        self.assertNotIn(self.below("/photos/one.jpg"), lines)
        self.assertIn(self.below("/photos/one.jpg"), self.signet("ls", "latest", "--recursive", self.below()).out.splitlines())
        self.assertIn(self.below("/photos/one.jpg"), self.signet("ls", f"latest:{self.below('/photos')}").out.splitlines())
        self.assertRegex(self.signet("ls", "-l", "latest", self.below("/letter.txt")).out, r"(?m)^-rw-r-----")
        self.assertSays(self.signet("ls", "-l").out, "link -> letter.txt", "drwx")
        nodes = {node["path"]: node for node in self.signet("ls", "--json").json()}
        node = nodes[self.below("/letter.txt")]
        self.assertEqual((node["type"], node["size"], node["mode"], node["permissions"]), ("file", 360, 0o640, "-rw-r-----"))
        self.assertEqual(nodes[self.below("/link")]["linktarget"], "letter.txt")
        self.assertEqual(nodes[self.below("/photos")]["type"], "dir")
        self.signet("ls", "latest", "/nowhere", expect=2)

    def test_nothing_a_terminal_could_obey_is_printed(self):
        """Names, series and errors come from others."""
        name = self.source + "/\x1b]0;owned\x07\n"
        write(name, "x")
        self.backup("--series", "s\x1b[31m", "--tag", "t\x1b[0m", self.source)
        for words in (["list"], ["show"], ["ls"], ["ls", "-l"], ["find", "*owned*"], ["stats", "latest"], ["plan"], ["timeline"],
                      ["restore", "-t", "out"], ["diff", self.second, "latest"]):
            result = self.signet(*words)
            self.assertNotIn("\x1b", result.out + result.err, words)
        self.assertNotIn("\x1b", self.signet("ls", "latest", "/\x1bnowhere", expect=2).err)
        self.assertNotIn("\x1b", self.signet("\x1bnowhere", expect=2).err)

    def test_commas_part_tags_wherever_they_are_given(self):
        tagged = self.backup("--series", "tagged", "--tag", "year,good", "--tag", "third", self.source)["backup_id"]

        def tags():
            return self.signet("show", tagged, "--json").json()["tags"]

        def found(*words):
            return [one["id"] for one in self.signet("list", "--json", *words).json()]
        self.assertEqual(sorted(tags()), ["good", "third", "year"])
        for words in (("--tag", "year"), ("--tag", "good,year"), ("--tag", "year", "--tag", "third"), ("--tag", "year,good,third")):
            self.assertEqual(found(*words), [tagged])
        for words in (("--tag", "year,bad"), ("--tag", "year", "--tag", "bad")):
            self.assertEqual(found(*words), [])
        for words in (["list", "--tag", ""], ["list", "--tag", ","], ["forget", "--tag", "", "--keep-last", "1"],
                      ["backup", "--tag", "", self.source], ["tag", tagged, "--add", ""]):
            self.assertMessage(self.signet(*words, expect=2), "has no tag in it")
        self.signet("tag", tagged, "--add", "a,b", "--remove", "year,good")
        self.assertEqual(sorted(tags()), ["a", "b", "third"])
        self.signet("tag", tagged, "--set", "x,y")
        self.assertEqual(sorted(tags()), ["x", "y"])
        self.signet("tag", tagged, "--set", "")
        self.assertEqual(tags(), [])

    def test_find(self):
        self.assertSays(self.signet("find", "*.jpg").out, self.first[:8], self.second[:8], "one.jpg")
        found = self.signet("find", "--json", "--backup", "latest", "-i", "NEW*").json()
        self.assertEqual([(one["backup"], one["hits"]) for one in found], [(self.second, 1)])
        self.assertEqual(found[0]["matches"][0]["path"], self.below("/new.txt"))
        self.assertEqual(self.signet("find", "--json", "*.mp3").json(), [])
        paths = [match["path"] for match in self.signet("find", "--json", "--backup", "latest", "--type", "l", "*").json()[0]["matches"]]
        self.assertEqual(paths, [self.below("/link")])
        self.signet("find", "--type", "monkey", "x", expect=2)

    def test_diff(self):
        lines = self.signet("diff", self.first, "latest").out.splitlines()
        self.assertEqual(lines, [f"M    {self.below('/letter.txt')}", f"+    {self.below('/new.txt')}", f"M    {self.below('/twin.txt')}"])
        objects = self.signet("diff", "--json", self.first, self.second).lines()
        self.assertEqual(objects[-1]["message_type"], "statistics")
        self.assertEqual(objects[-1]["added"]["files"], 1)
        self.assertEqual({(one["modifier"], one["path"]) for one in objects[:-1]},
                         {("M", self.below("/letter.txt")), ("M", self.below("/twin.txt")), ("+", self.below("/new.txt"))})
        self.assertEqual(self.signet("diff", self.first, self.first).out, "")

    def test_dump_of_a_file_and_of_a_folder(self):
        with open(f"{self.source}/photos/one.jpg", "rb") as file:
            content = file.read()
        self.assertEqual(self.signet("dump", "latest", self.below("/photos/one.jpg")).raw, content)
        self.assertEqual(self.signet("dump", self.below("/photos/one.jpg")).raw, content)
        archive = tarfile.open(fileobj=io.BytesIO(self.signet("dump", "latest", self.below(), "--archive", "tar").raw))
        names = archive.getnames()
        self.assertTrue([name for name in names if name.endswith("photos/one.jpg")])
        member = [name for name in names if name.endswith("photos/one.jpg")][0]
        self.assertEqual(archive.extractfile(member).read(), content)
        self.signet("dump", "latest", "/nowhere", expect=2)
        self.signet("dump", "latest", "--archive", "zip", expect=2)

    def test_dump_into_a_file_that_appears_whole(self):
        self.signet("dump", "latest", self.below("/letter.txt"), "-t", "file")
        with open(self.path("file")) as file, open(f"{self.source}/letter.txt") as source:
            self.assertEqual(file.read(), source.read())
        for pack in self.objects("packs"):
            self.alter(pack, lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:])
        self.signet("dump", "latest", self.below("/letter.txt"), "-t", "other", expect=14)
        self.assertEqual([name for name in os.listdir(self.scratch) if name.startswith("other")], [])

    def test_stats(self):
        self.assertSays(self.signet("stats").out, "2 backups", "packs")
        whole = self.signet("stats", "--json", env={"SIGNET_PASSPHRASE_FILE": None}).json()
        self.assertEqual((whole["backups"], whole["series"], whole["writers"]), (2, 1, 1))
        one = self.signet("stats", "--json", "latest").json()
        self.assertEqual(one["hard_links"], 1)
        self.assertGreater(one["total_size"], 30000)
        self.assertGreater(one["total_stored_size"], 0)


if __name__ == "__main__":
    main()
