"""Checkpoints: what was kept outside tells what the storage withholds."""

import os
import shutil

from harness import SignetTest, main, write


class Checkpoints(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.fresh = {"SIGNET_KEYRING": self.path("fresh")}
        self.signet("keyring", "link", "local:prod", "--default", env=self.fresh)

    def lose(self, sequence):
        os.remove(os.path.join(self.repository, "journal", self.writer, f"{sequence:010}"))

    def keep(self):
        return write(self.path("kept"), self.signet("checkpoint").out)

    def test_checkpoint_prints_a_line_for_each_trusted_journal(self):
        lines = self.signet("checkpoint").out.splitlines()
        self.assertEqual(len(lines), 2)  # the writer's, and the officer's
        for line in lines:
            self.assertRegex(line, r"^signet-checkpoint 1 [0-9a-f]{32} [0-9a-f]{64} [0-9]+ [0-9a-f]{64} \S+Z [0-9a-f]{8}$")
        rows = self.signet("checkpoint", "--json").json()
        self.assertEqual([row["line"] for row in rows], lines)
        # Each run made two entries: that it begins, and its backup.
        own = [row for row in rows if row["identity"] == self.writer][0]
        self.assertEqual((own["sequence"], own["entry"], own["role"]), (4, self.second, "writer"))

    def test_a_backup_appends_its_line_and_says_it(self):
        kept = self.path("kept")
        for _ in range(2):
            summary = self.backup(self.source, "--series", "home", "--checkpoint-file", kept)
            with open(kept) as file:
                lines = file.read().splitlines()
            self.assertEqual(lines[-1], summary["checkpoint"])
            self.assertIn(summary["backup_id"], lines[-1])
        self.assertEqual(len(lines), 2)
        self.assertSays(self.signet("backup", "-v", self.source, "--series", "home").out, "signet-checkpoint 1 ")
        self.assertIsNone(self.backup("-n", self.source, "--checkpoint-file", kept)["checkpoint"])
        self.signet("check", "--checkpoint", kept)

    def test_a_checkpoint_file_that_cannot_be_written_is_told_before_a_backup_is_made(self):
        before = self.objects()
        self.assertMessage(self.signet("backup", self.source, "--series", "home", "--checkpoint-file", "no/such/folder", expect=1), "no/such/folder")
        self.assertEqual(self.objects(), before)

    def test_withheld_entries_are_named_with_writer_numbers_and_time(self):
        kept = self.keep()
        self.lose(4)
        for words in (["check"], ["plan"], ["restore", "-t", "out"], ["restore", self.first, "-t", "out"]):
            with self.subTest(words):
                result = self.signet(*words, "--checkpoint", kept, env=self.fresh, expect=14)
                self.assertSays(result.err, self.writer, "entry 4 of", "withheld", "signed after")
        self.assertNothingAt(self.path("out"))
        [damaged] = self.signet("check", "--checkpoint", kept, "--json", env=self.fresh, expect=14).last()["damaged"]
        self.assertTrue(damaged["object"].startswith("journal/" + self.writer))

    def test_without_checkpoint_and_memory_nobody_can_know_and_that_is_said(self):
        self.lose(4)
        self.assertSays(self.signet("check", env=self.fresh).err, "the tail cannot be proven", self.writer[:16])
        shutil.rmtree(self.path("fresh"))
        self.signet("keyring", "link", "local:prod", "--default", env=self.fresh)
        plan = self.signet("plan", "--json", env=self.fresh).json()
        self.assertTrue(any("the tail cannot be proven" in one for one in plan["warnings"]), plan["warnings"])
        self.assertSays(self.signet("restore", "-t", "out", env=self.fresh).err, "the tail cannot be proven")
        # By now it has seen it.
        self.assertNotIn("cannot be proven", self.signet("check", env=self.fresh).err)
        self.assertNotIn("cannot be proven", self.signet("check", expect=14).err)

    def test_a_line_that_went_through_a_mail_program_is_the_same(self):
        with open(self.keep()) as file:
            lines = file.read().splitlines()
        mailed = self.write("mailed", "".join(f"   {line}  \r\n" for line in lines))
        self.assertNotIn("cannot be proven", self.signet("check", "--checkpoint", mailed, env=self.fresh).err)
        self.lose(4)
        self.signet("check", "--checkpoint", mailed, env=self.fresh, expect=14)

    def test_a_gap_and_a_rolled_back_repository_are_told_apart(self):
        kept = self.keep()
        self.lose(1)
        self.assertSays(self.signet("check", "--checkpoint", kept, env=self.fresh, expect=14).err, "missing, but entry 2 is there")
        for sequence in (2, 3, 4):
            self.lose(sequence)
        self.assertSays(self.signet("check", "--checkpoint", kept, env=self.fresh, expect=14).err, "entries 1 to 4", "rolled back or withheld")

    def test_a_fork_is_noticed(self):
        shutil.copytree(self.repository, self.path("before"))
        subject = self.backup(self.source, "--series", "home", "--checkpoint-file", self.path("kept"))
        self.assertTrue(subject["checkpoint"])
        # Another machine with the same keys goes on from the older state.
        shutil.copytree(self.made_at + "/keyring", self.path("twin"))
        write(f"{self.source}/other.txt", "other\n")
        self.signet("backup", "-r", self.path("before"), self.source, "--series", "home", env={"SIGNET_KEYRING": self.path("twin")})
        result = self.signet("check", "-r", self.path("before"), "--checkpoint", self.path("kept"), env=self.fresh, expect=14)
        self.assertSays(result.err, "another entry than the checkpoint knows", "entry 6 of")
        self.signet("check", "--checkpoint", self.path("kept"), env={"SIGNET_KEYRING": self.path("nobody")})

    def test_lines_are_taken_on_the_command_line_and_mangled_ones_are_not(self):
        line = self.signet("checkpoint").out.splitlines()[0]
        self.signet("check", "--checkpoint", line)
        for wrong in (line[:-1], line.replace(" 1 ", " 2 ", 1), line.upper(), "signet-checkpoint", "signet-checkpoint 1 "):
            with self.subTest(wrong):
                self.signet("check", "--checkpoint", wrong, expect=2)
        self.signet("check", "--checkpoint", "no-such-file", expect=2)
        self.signet("check", "--checkpoint", self.write("empty", "# nothing\n"), expect=2)

    def test_a_checkpoint_of_another_repository_is_refused(self):
        kept = self.keep()
        env = {"SIGNET_REPOSITORY": self.path("second")}
        self.signet("init", env=env)
        for words in (["check"], ["plan"], ["restore", "-t", "out"]):
            self.assertMessage(self.signet(*words, "--checkpoint", kept, env=env, expect=17), "repository")


if __name__ == "__main__":
    main()
