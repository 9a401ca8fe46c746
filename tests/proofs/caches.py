"""Caches are disposable: deleted, cut, altered, of another time, somebody else's, or not to be read; the result is the same.

What commands say and what restores give with each such cache is compared with what they say and give without any. Prints
how many caches were tried.

    caches.py              every file of the cache, in every way
    caches.py --seconds N  a sample, for as long as that
"""

import argparse
import json
import os
import random
import shutil
import sys
import time

from host import Host, tree
from scenarios import Broken, first_source, own_key, require, require_restorable, second_source, third_source

LOOKING = (["list", "--json"], ["plan", "latest", "--json"], ["timeline", "--json"], ["ls", "latest", "--json"], ["status", "--json"],
           ["stats", "--json"])


def cache_files(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names)


def written(path, content):
    with open(path, "wb") as file:
        file.write(content)


def alter(path, at, bit):
    with open(path, "rb") as file:
        content = bytearray(file.read())
    if content:
        content[at % len(content)] ^= 1 << bit
    written(path, content)


def is_volatile(key):
    """What depends on the moment at which something is asked."""
    return key in ("age", "age_seconds", "now", "to", "until", "total_duration", "checked")


def stable(value):
    if isinstance(value, dict):
        return {key: stable(item) for key, item in value.items() if not is_volatile(key)}
    return [stable(item) for item in value] if isinstance(value, list) else value


def said(ended):
    lines = [stable(json.loads(line)) for line in ended.out.splitlines() if line.startswith(("{", "["))]
    return ended.code, lines


def difference(found, expected):
    """The first thing that is not the same, for people."""
    if isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)) and len(found) == len(expected):
        return next((difference(one, other) for one, other in zip(found, expected) if one != other), "")
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        return next((f"{key}: {difference(found[key], expected[key])}" for key in found if found[key] != expected[key]), "")
    return f"{str(found)[:200]} instead of {str(expected)[:200]}"


class Caches:
    def __init__(self, options):
        self.end = time.monotonic() + options.seconds if options.seconds else None
        self.random = random.Random(options.seed)
        self.tried = 0
        self.broken = []

    def run(self):
        with Host() as other, Host() as host:
            self.make_other(other)
            self.make(host)
            expected = self.look(host, None)
            host.back_to("now")
            ways = list(self.ways(host, other))
            if self.end:
                self.random.shuffle(ways)
            for name, change in ways:
                if self.end and time.monotonic() > self.end:
                    break
                self.one(host, name, change, expected)
        print(f"caches: {len(self.broken)} of {self.tried} gave another result than none")
        sys.exit(1 if self.broken or not self.tried else 0)

    @staticmethod
    def make_other(other):
        own_key(other)
        first_source(other)
        other.signet("init", expect=0)
        for _ in range(2):
            other.backup("--series", "files")

    @staticmethod
    def make(host):
        own_key(host)
        first_source(host)
        host.signet("init", expect=0)
        for _ in range(18):  # journals of more than sixteen entries are kept
            host.signet("tag", host.backup("--series", "files"), "--add", "good", expect=0)
            for words in LOOKING:
                host.signet(*words)
        shutil.copytree(host.path("cache"), host.path("cache-before"))
        for change in (second_source, third_source):
            change(host)
            host.backup("--series", "files")
            for words in LOOKING:
                host.signet(*words)
        host.keep("now")

    def ways(self, host, other):
        """(name, change of the folder `cache`)"""
        yield "none", lambda cache: shutil.rmtree(cache)
        yield "of an earlier moment", lambda cache: (shutil.rmtree(cache), shutil.copytree(host.path("cache-before"), cache))
        yield "somebody else's", lambda cache: (shutil.rmtree(cache), shutil.copytree(other.path("cache"), cache))
        yield "a file in its place", lambda cache: (shutil.rmtree(cache), written(cache, b"x"))
        yield "a link to nothing in its place", lambda cache: (shutil.rmtree(cache), os.symlink("nowhere", cache))
        files = cache_files(host.path("cache"))
        foreign = [other.path("cache", name) for name in cache_files(other.path("cache"))]
        for name in files:
            size = os.path.getsize(host.path("cache", name))
            yield f"{name} lost", lambda cache, n=name: os.unlink(os.path.join(cache, n))
            yield f"{name} empty", lambda cache, n=name: written(os.path.join(cache, n), b"")
            yield f"{name} a folder", lambda cache, n=name: (os.unlink(os.path.join(cache, n)), os.mkdir(os.path.join(cache, n)))
            yield f"{name} of zeros", lambda cache, n=name, s=size: written(os.path.join(cache, n), bytes(s))
            for part in (1, size // 3, size // 2, size - 1):
                yield f"{name} cut at {part}", lambda cache, n=name, s=part: os.truncate(os.path.join(cache, n), s)
            for at in sorted({0, 8, 20, 60, size // 2, size - 1, *(self.random.randrange(max(1, size)) for _ in range(10))}):
                yield f"{name} flipped at {at}", lambda cache, n=name, a=at: alter(os.path.join(cache, n), a, a % 8)
            earlier = host.path("cache-before", name)
            if os.path.exists(earlier):
                yield f"{name} of an earlier moment", lambda cache, n=name, e=earlier: shutil.copy(e, os.path.join(cache, n))
            for number, strange in enumerate(foreign):
                yield f"{name} is somebody else's {number}", lambda cache, n=name, f=strange: shutil.copy(f, os.path.join(cache, n))
            for other_name in files:
                if other_name != name:
                    yield f"{name} is {other_name}", lambda cache, n=name, o=other_name: shutil.copy(
                        os.path.join(cache, o), os.path.join(cache, n))

    @staticmethod
    def look(host, change):
        """What is said and given with a cache, without touching the host as it was."""
        host.back_to("now")
        if change is None:
            shutil.rmtree(host.path("cache"))
        else:
            change(host.path("cache"))
        results = {" ".join(words): said(host.signet(*words)) for words in LOOKING}
        source = tree(host.source)
        backup_id = require(host, "backup", "--json", "--series", "files", host.source).last()["backup_id"]
        require_restorable(host, backup_id, source)
        latest = list(host.trees)[-1]
        require_restorable(host, latest, host.trees[latest])
        listing = require(host, "ls", backup_id, "--json").out
        nodes = json.loads(listing.strip().splitlines()[-1])
        # Times of the folders above change with every attempt.
        results["what the next backup holds"] = [{key: value for key, value in node.items() if key not in ("btime", "ctime", "inode")}
                                                 for node in nodes if node["path"].startswith(host.source + "/")]
        require(host, "check")
        return results

    def one(self, host, name, change, expected):
        self.tried += 1
        try:
            found = self.look(host, change)
            for what, result in expected.items():
                if found[what] != result:
                    raise Broken(f"{what}: {difference(found[what], result)}")
        except Broken as broken:
            self.broken.append(name)
            print(f"BROKEN cache {name}: {broken}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    Caches(parser.parse_args()).run()


if __name__ == "__main__":
    main()
