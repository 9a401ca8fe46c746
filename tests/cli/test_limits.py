"""Places that cannot be written: read-only, full, of another user."""

import os
import resource
import subprocess
import unittest

from harness import SIGNET, SignetTest, main, write

IS_ROOT = os.geteuid() == 0


class Limits(SignetTest):
    def test_one_file_system_keeps_mount_points_as_empty_folders(self):
        self.signet("init")
        source = self.path("tree")
        write(os.path.join(source, "here"), "here")
        write(os.path.join(self.mount("tree/mounted", "1m"), "elsewhere"), "elsewhere")
        self.signet("backup", "-x", source)
        self.signet("restore", "latest:" + source, "-t", "out")
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["here", "mounted"])
        self.assertEqual(os.listdir(self.path("out/mounted")), [])
        self.signet("backup", source)
        self.signet("restore", "latest:" + source, "-t", "whole")
        self.assertEqual(os.listdir(self.path("whole/mounted")), ["elsewhere"])

    def mount(self, name, size):
        """A small file system; skips the test where that is not allowed."""
        folder = self.path(name)
        os.makedirs(folder, exist_ok=True)
        ended = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
        if ended.returncode != 0:
            self.skipTest("cannot mount: " + ended.stderr.decode())
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        return folder

    def move_repository_to(self, folder):
        subprocess.run(["cp", "-a", self.repository, folder + "/repository"], check=True)
        self.env["SIGNET_REPOSITORY"] = folder + "/repository"

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_a_full_disk_is_1_and_loses_nothing(self):
        self.from_template()
        self.move_repository_to(self.mount("disk", "12m"))
        big = self.write("big", os.urandom(40_000_000))
        result = self.signet("backup", "--series", "big", big, expect=1)
        self.assertMessage(result, "No space left")
        self.assertEqual(len(self.signet("list", "--json").json()), 2)
        self.signet("check")
        self.signet("restore", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.template_source)

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_a_full_target_is_1_and_leaves_no_partial_file(self):
        self.from_template()
        write(f"{self.source}/big", os.urandom(9_000_000))
        self.backup("--series", "big", self.source)
        target = self.mount("target", "4m")
        result = self.signet("restore", "latest", "-t", target, "--no-space-check", expect=1)
        self.assertMessage(result, "No space left")
        self.assertNothingAt(target + self.source + "/big")

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_what_the_target_has_no_room_for_is_1_before_anything_is_written(self):
        self.from_template()
        write(f"{self.source}/big", os.urandom(9_000_000))
        self.backup("--series", "big", self.source)
        target = self.mount("target", "4m")
        for place in (target, target + "/new/folder"):
            result = self.signet("restore", "latest", "-t", place, expect=1)
            self.assertMessage(result, "has room for", "--no-space-check")
            self.assertEqual(os.listdir(target), [])
        # A part of it fits, and so does what is not written.
        self.signet("restore", "latest", "-t", target, self.source + "/letter.txt")
        self.signet("restore", "latest", "-t", target, "--exclude", "big")
        self.assertEqual(os.path.exists(target + self.source + "/big"), False)

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_room_is_counted_without_holes_further_names_and_what_is_replaced_or_stays(self):
        self.from_template()
        write(f"{self.source}/big", os.urandom(9_000_000))
        os.link(f"{self.source}/big", f"{self.source}/same")
        with open(f"{self.source}/holes", "wb") as file:
            file.truncate(200_000_000)
            file.write(b"x")
        self.backup("--series", "big", self.source)
        target = self.mount("target", "12m")
        self.signet("restore", "latest", "-t", target)
        for when in ("if-changed", "never"):
            self.signet("restore", "latest", "-t", target, "--overwrite", when)
        # A file of one name that is replaced would give its room back; one of two does not surely: nothing is touched.
        self.assertMessage(self.signet("restore", "latest", "-t", target, "--overwrite", "always", expect=1), "has room for")
        self.signet("restore", "latest", "-t", target, "--overwrite", "never")
        # Zeros that were no holes in the source are known only when they are read.
        write(f"{self.source}/zeros", bytes(30_000_000))
        self.backup("--series", "big", self.source)
        self.assertMessage(self.signet("restore", "latest", "-t", target, "--overwrite", "if-changed", expect=1), "has room for")
        self.signet("restore", "latest", "-t", target, "--overwrite", "if-changed", "--sparse")

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_a_read_only_repository_can_be_read(self):
        self.from_template()
        folder = self.mount("disk", "20m")
        self.move_repository_to(folder)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        self.addCleanup(subprocess.run, ["mount", "-o", "remount,rw", folder], check=False)
        for words in (["list"], ["plan"], ["check"], ["ls"], ["restore", "-t", "out"]):
            self.signet(*words)
        self.assertMessage(self.signet("backup", self.source, expect=1), "Read-only")
        self.assertMessage(self.signet("tag", "latest", "--add", "x", expect=1), "Read-only")
        self.env["SIGNET_REPOSITORY"] = folder + "/new"
        self.assertMessage(self.signet("init", expect=1), "Read-only")

    @unittest.skipIf("asan" in SIGNET or "tsan" in SIGNET, "sanitizers need address space")
    def test_check_and_restore_go_on_with_fewer_threads_than_they_want(self):
        """As at a limit on processes, of which root is free: stacks so large that the address space has room for two."""
        self.from_template()
        gib = 2**30

        def narrow():
            resource.setrlimit(resource.RLIMIT_STACK, (gib, resource.getrlimit(resource.RLIMIT_STACK)[1]))
            resource.setrlimit(resource.RLIMIT_AS, (int(3.3 * gib), int(3.3 * gib)))

        if resource.getrlimit(resource.RLIMIT_STACK)[1] not in (resource.RLIM_INFINITY, -1):
            self.skipTest("stacks are limited here")
        self.signet("check", "--jobs", "8", preexec_fn=narrow)
        self.signet("restore", "-t", "out", "--jobs", "8", preexec_fn=narrow)
        self.assertSameTree(self.source, self.path("out") + self.template_source)

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_a_keyring_that_cannot_be_written_still_restores(self):
        self.from_template()
        folder = self.mount("keys", "5m")
        subprocess.run(["cp", "-a", self.env["SIGNET_KEYRING"], self.env["SIGNET_VAULT"], folder], check=True)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        self.addCleanup(subprocess.run, ["mount", "-o", "remount,rw", folder], check=False)
        env = {"SIGNET_KEYRING": folder + "/keyring", "SIGNET_VAULT": folder + "/vault"}
        self.signet("list", env=env)
        self.signet("plan", env=env)
        # Every use of a protector is written down first: without that, it is not used.
        self.assertMessage(self.signet("restore", "-t", "out", env=env, expect=1), "Read-only")
        self.assertNothingAt(self.path("out"))


if __name__ == "__main__":
    main()
