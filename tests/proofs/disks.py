"""Disks that are really full, really read-only, and system calls that move fewer octets than they were asked for.

A repository lies on a small file system (tmpfs, and ext4 on a loop device where there are such). For each amount of room,
from none in steps of 4 KiB, a backup runs into its end: it says so (1), what was there stays, and with room again the
next one works without any repair. Then the same file system is read-only. Then whole commands run with every read and
write cut short. Prints how many were tried.

    disks.py               every amount of room that is too little
    disks.py --seconds N   a sample, for as long as that
"""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import time

from host import Host, tree
from scenarios import CHAIN, ESCROW, Broken, first_source, own_key, play, put, noise, require, require_restorable, verify

STEP = 4096
SIZE = 16 * 1024 * 1024


def quietly(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Disk:
    """A small file system with a repository on it."""

    def __init__(self, kind, base):
        self.kind, self.place, self.image = kind, os.path.join(base, "disk-" + kind), os.path.join(base, kind + ".img")
        os.makedirs(self.place)

    def mount(self):
        if self.kind == "tmpfs":
            return quietly("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.place)
        with open(self.image, "wb") as file:
            file.truncate(SIZE)
        return quietly("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", self.image) and \
            quietly("mount", "-o", "loop", self.image, self.place)

    def unmount(self):
        quietly("umount", "-l", self.place)

    def read_only(self, on):
        if not quietly("mount", "-o", "remount," + ("ro" if on else "rw"), self.place):
            raise AssertionError("cannot remount")

    def room(self):
        system = os.statvfs(self.place)
        return system.f_bavail * system.f_frsize

    def fill(self, left):
        """Takes all room but so much."""
        ballast = os.path.join(self.place, "ballast")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(ballast)
        if left is None:
            return
        with open(ballast, "wb", buffering=0) as file:
            size = max(0, self.room() - left)
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError:
                with contextlib.suppress(OSError):
                    while size > 0:
                        size -= file.write(bytes(min(size, 65536)))


class Proof:
    def __init__(self, options):
        self.end = time.monotonic() + options.seconds if options.seconds else None
        self.random = random.Random(options.seed)
        self.tried = {}
        self.broken = []
        self.skipped = []

    def share(self, parts):
        return None if self.end is None else time.monotonic() + (self.end - time.monotonic()) / parts

    def attempt(self, what, action):
        try:
            if action() is not False:
                self.tried[what] = self.tried.get(what, 0) + 1
        except (Broken, AssertionError) as broken:
            self.broken.append(f"{what}: {broken}")
            print(f"BROKEN {self.broken[-1]}", flush=True)

    # A full disk.

    def full(self, kind, until):
        with Host() as host:
            disk = Disk(kind, host.base)
            if not disk.mount():
                self.skipped.append(kind)
                return
            try:
                host.env["SIGNET_REPOSITORY"] = os.path.join(disk.place, "repository")
                own_key(host)
                first_source(host)
                host.signet("init", expect=0)
                host.backup()
                put(host, "more", noise(9, 400_000))
                shutil.copytree(host.env["SIGNET_REPOSITORY"], host.path("repository-before"))
                host.keep("before")
                needed = self.needed(host, disk)
                steps = list(range(0, needed + 2 * STEP, STEP))
                if until:
                    self.random.shuffle(steps)
                for left in steps:
                    if until and time.monotonic() > until:
                        break
                    self.attempt(f"full {kind}", lambda room=left: self.one_full(host, disk, room))
                self.attempt(f"read-only {kind}", lambda: self.one_read_only(host, disk))
            finally:
                disk.unmount()

    def reset(self, host, disk):
        host.back_to("before")
        disk.fill(None)
        shutil.rmtree(host.env["SIGNET_REPOSITORY"])
        shutil.copytree(host.path("repository-before"), host.env["SIGNET_REPOSITORY"])

    def needed(self, host, disk):
        self.reset(host, disk)
        before = disk.room()
        host.signet("backup", host.source, expect=0)
        return before - disk.room()

    def one_full(self, host, disk, left):
        self.reset(host, disk)
        disk.fill(left)
        known = tree(host.source)
        ended = host.signet("backup", "--json", host.source)
        if ended.code not in (0, 1):
            raise Broken(f"with {left} octets of room: {ended}")
        if ended.code == 1 and "No space left" not in ended.err:
            raise Broken(f"with {left} octets of room it does not say why: {ended}")
        if ended.code == 0:
            host.trees[ended.last()["backup_id"]] = known
        require(host, "check")
        for backup_id, expected in host.trees.items():
            require_restorable(host, backup_id, expected)
        disk.fill(None)
        after = host.backup()
        require_restorable(host, after, known)
        require(host, "check")

    def one_read_only(self, host, disk):
        self.reset(host, disk)
        disk.read_only(True)
        try:
            for words in (["check"], ["list"], ["plan", "latest"]):
                require(host, *words)
            for backup_id, expected in host.trees.items():
                require_restorable(host, backup_id, expected)
            for words in (["backup", host.source], ["tag", "latest", "--add", "x"], ["forget", next(iter(host.trees))]):
                ended = host.signet(*words)
                if ended.code != 1 or "Read-only" not in ended.err:
                    raise Broken(f"on a read-only disk: {ended}")
        finally:
            disk.read_only(False)
        require_restorable(host, host.backup(), tree(host.source))

    # Short reads and writes.

    def short(self, until):
        for chain in (ESCROW, CHAIN):
            with Host() as host:
                play(host, chain, lambda scenario, moment: self.one_short(host, scenario, moment, until))
                if chain is CHAIN:
                    self.attempt("short restore", lambda: self.short_restore(host))

    def one_short(self, host, scenario, moment, until):
        if until and time.monotonic() > until:
            return
        self.attempt("short reads and writes", lambda: self.short_command(host, scenario, moment))

    @staticmethod
    def short_command(host, scenario, moment):
        host.back_to(moment)
        ended = host.struck(scenario.words(host), "--calls", "all", "--short")
        if ended.code != 0:
            raise Broken(f"with short reads and writes: {ended}")
        verify(host, scenario, ended)

    @staticmethod
    def short_restore(host):
        backup_id = list(host.trees)[-1]
        target = os.path.join(host.base, "short-out")
        ended = host.struck(["restore", backup_id, "-t", target], "--calls", "all", "--short")
        if ended.code != 0 or tree(target + host.source) != host.trees[backup_id]:
            raise Broken(f"restore with short reads and writes: {ended}")

    def report(self):
        for what in self.skipped:
            print(f"  {what}: skipped, cannot be mounted here")
        counts = ", ".join(f"{what} {count}" for what, count in self.tried.items())
        total = sum(self.tried.values()) + len(self.broken)
        print(f"disks: {len(self.broken)} of {total} lost something, needed a repair or did not say why ({counts})")
        sys.exit(1 if self.broken or not self.tried else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    proof = Proof(parser.parse_args())
    proof.full("tmpfs", proof.share(3))
    proof.full("ext4", proof.share(2))
    proof.short(proof.share(1))
    proof.report()


if __name__ == "__main__":
    main()
