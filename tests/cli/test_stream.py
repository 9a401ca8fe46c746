"""Backups of standard input and of commands."""

import os
import signal
import time

from harness import SignetTest, interrupt, main


class Stream(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()

    def test_standard_input(self):
        content = os.urandom(3_000_000)
        summary = self.signet("backup", "--json", "--stdin", "--stdin-filename", "db.sql", "--series", "db", data=content).last()
        self.assertEqual(summary["total_bytes_processed"], len(content))
        row = self.signet("list", "--json", "--series", "db").json()[0]
        self.assertEqual(row["kind"], "stream")
        self.assertEqual(self.signet("dump", "latest", "--series", "db").raw, content)
        self.signet("restore", "--series", "db", "-t", "out")
        with open(self.path("out", "db.sql"), "rb") as file:
            self.assertEqual(file.read(), content)

    def test_nothing_at_all_is_a_backup_too(self):
        self.signet("backup", "--stdin", "--series", "empty", data=b"")
        self.assertEqual(self.signet("dump", "latest", "--series", "empty").raw, b"")

    def test_the_output_of_a_command(self):
        summary = self.backup("--series", "db", "--stdin-filename", "x", "--stdin-from-command", "--", "sh", "-c", "echo -n $1 $2; echo noise >&2", "sh", "--json", "b")
        self.assertEqual(summary["total_bytes_processed"], len("--json b"))
        self.assertEqual(self.signet("dump", "latest", "--series", "db").out, "--json b")
        self.assertSays(self.signet("show", "latest", "--series", "db").out, "command")

    def test_a_command_that_fails_makes_no_backup(self):
        before = self.signet("list", "--json").json()
        for words, part in ((["sh", "-c", "head -c 3000000 /dev/urandom; exit 3"], "exit status 3"), (["sh", "-c", "kill -9 $$"], "signal 9"),
                            (["/nowhere/program"], "/nowhere/program")):
            with self.subTest(words):
                self.assertMessage(self.signet("backup", "--stdin-from-command", "--", *words, expect=1), part)
                self.assertEqual(self.signet("list", "--json").json(), before)
                self.signet("check")

    def test_an_interrupt_ends_the_command_too(self):
        mark = self.path("still-here")
        process = self.start("backup", "--series", "db", "--stdin-from-command", "--", "sh", "-c", f"echo x; sleep 30 2> /dev/null; touch {mark}")
        time.sleep(1)
        interrupt(process, signal.SIGTERM)
        started = time.monotonic()
        self.assertMessage(self.finish(process, ["backup"], 130), "interrupted")
        self.assertLess(time.monotonic() - started, 25)
        self.assertNothingAt(mark)

    def test_waiting_for_input_can_be_interrupted(self):
        read, give = os.pipe()
        process = self.start("backup", "--stdin", "--series", "db", stdin=read)
        os.close(read)
        time.sleep(1)
        interrupt(process)
        self.assertMessage(self.finish(process, ["backup"], 130), "interrupted")
        os.close(give)
        self.signet("check")


if __name__ == "__main__":
    main()
