"""Restores: whole, by part, into what is there, and never without all keys."""

import os
import re
import unittest

from harness import SignetTest, flip, main, tree_state, write


class Restore(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.out = self.path("out")
        self.there = self.out + self.template_source

    def test_whole_at_the_stored_paths(self):
        result = self.signet("restore", "latest", "-t", self.out)
        self.assertSays(result.out, "restored")
        self.assertSameTree(self.source, self.there)
        self.assertEqual(os.stat(f"{self.there}/letter.txt").st_ino, os.stat(f"{self.there}/twin.txt").st_ino)
        self.assertEqual(os.stat(f"{self.there}/empty").st_mtime_ns, os.stat(f"{self.source}/empty").st_mtime_ns)

    def test_a_folder_as_the_root(self):
        self.signet("restore", f"latest:{self.template_source}", "-t", self.out)
        self.assertSameTree(self.source, self.out)
        self.signet("restore", f"latest:{self.template_source}", "-t", self.path("part"), "/photos")
        self.assertEqual(sorted(tree_state(self.path("part"))), ["photos", "photos/one.jpg", "photos/two.jpg"])

    def test_by_path_and_by_pattern(self):
        self.signet("restore", "latest", "-t", self.out, f"{self.template_source}/photos")
        self.assertEqual(os.listdir(self.there), ["photos"])
        self.signet("restore", "-t", self.path("two"), f"{self.template_source}/empty")
        self.assertEqual(os.listdir(self.path("two") + self.template_source), ["empty"])
        self.signet("restore", "latest", "-t", self.path("three"), "-i", "*.jpg", "-e", "two.*")
        self.assertEqual(os.listdir(self.path("three") + self.template_source + "/photos"), ["one.jpg"])
        self.signet("restore", "latest", "-t", self.path("four"), "/nowhere", expect=2)
        self.assertNothingAt(self.path("four"))

    def test_to_a_time(self):
        self.signet("restore", "--at", "2026-01-15", "-t", self.out)
        with open(f"{self.there}/letter.txt") as file:
            self.assertIn("anna", file.read())
        self.assertNothingAt(f"{self.there}/new.txt")
        self.signet("restore", "--at", "2025-01-01", "-t", self.path("early"), expect=2)
        self.assertNothingAt(self.path("early"))

    def test_the_time_that_is_shown_of_a_backup_finds_it(self):
        made = self.backup("--series", "home", "--time", "2026-03-01T12:00:00.25Z", self.source)["backup_id"]
        for words in (["list"], ["find", "new.txt"]):
            row = next(line for line in self.signet(*words).out.splitlines() if line.startswith(made[:8]))
            shown = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row).group()
            self.assertEqual(self.signet("plan", "--at", shown, "--json").json()["backup"], made)

    def test_by_id_and_by_series(self):
        self.signet("restore", self.first[:8], "-t", self.out)
        self.assertNothingAt(f"{self.there}/new.txt")
        self.backup("--series", "other", f"{self.source}/empty")
        self.signet("restore", "--series", "home", "-t", self.path("home-out"))
        self.assertTrue(os.path.exists(self.path("home-out") + self.template_source + "/new.txt"))
        self.signet("restore", "0123456789abcdef", "-t", self.path("none"), expect=2)
        self.signet("restore", "--series", "nothing", "-t", self.path("none"), expect=2)
        self.assertNothingAt(self.path("none"))

    def test_an_id_and_a_rule_that_chooses_cannot_be_given_together(self):
        for rule in (["--at", "2025-01-01"], ["--series", "else"], ["--host", "else"], ["--path", "/else"], ["--tag", "else"]):
            for words in (["restore", self.second, "-t", "out"], ["dump", self.second, "/x"], ["ls", self.second], ["plan", self.second],
                          ["show", self.second], ["find", "x", "--backup", self.second], ["tag", self.second, "--add", "x"]):
                if words[0] in ("tag", "show", "find") and rule[0] != "--series":
                    continue
                with self.subTest(words=words[0], rule=rule[0]):
                    self.assertMessage(self.signet(*words, *rule, expect=2), rule[0] + ", not both")
        self.assertNothingAt(self.path("out"))

    def test_a_damaged_entry_is_not_passed_over_whatever_moment_is_asked_for(self):
        """[security: nothing is passed over in silence] What its backup stood for, nobody knows."""
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.alter(f"journal/{writer}/0000000004", flip(-70))
        for at in ("2026-02-15", "2026-01-15"):
            result = self.signet("restore", "--at", at, "-t", "out", expect=14)
            self.assertMessage(result, "a newer backup may be lost", "0000000004")
            self.assertNothingAt(self.path("out"))
        self.signet("restore", self.first, "-t", "out")

    def test_overwrite(self):
        self.signet("restore", "latest", "-t", self.out)
        changed = f"{self.there}/letter.txt"
        write(changed, "mine")
        self.signet("restore", "latest", "-t", self.out, "--overwrite", "never")
        with open(changed) as file:
            self.assertEqual(file.read(), "mine")
        summary = self.signet("restore", "latest", "-t", self.out, "--overwrite", "if-changed", "--json").last()
        self.assertGreater(summary["files_unchanged"], 2)
        self.assertSameTree(self.source, self.there)
        write(changed, "mine")
        self.signet("restore", "latest", "-t", self.out)
        self.assertSameTree(self.source, self.there)

    def test_delete_removes_what_is_not_in_the_backup(self):
        self.signet("restore", f"latest:{self.template_source}", "-t", self.out)
        write(f"{self.out}/stranger/file", "x")
        summary = self.signet("restore", f"latest:{self.template_source}", "-t", self.out, "--delete", "--json").last()
        self.assertGreater(summary["deleted"], 0)
        self.assertSameTree(self.source, self.out)

    def test_dry_run_changes_nothing(self):
        result = self.signet("restore", "latest", "-t", self.out, "-n")
        self.assertSays(result.out, "would restore")
        self.assertSays(result.err, "letter.txt")
        self.assertNothingAt(self.out)

    def test_verify_reads_everything_back(self):
        summary = self.signet("restore", "latest", "-t", self.out, "--verify", "--json").last()
        self.assertGreater(summary["files_verified"], 4)
        self.assertEqual(summary["errors"], 0)

    def test_summary(self):
        summary = self.signet("restore", "latest", "-t", self.out, "--json").last()
        self.assertEqual((summary["message_type"], summary["backup_id"], summary["dry_run"]), ("summary", self.second, False))
        self.assertGreater(summary["bytes_restored"], 30000)

    def test_a_target_that_is_a_file_is_a_failure(self):
        write(self.out, "x")
        self.signet("restore", "latest", "-t", self.out, expect=(1, 2))
        with open(self.out) as file:
            self.assertEqual(file.read(), "x")


if __name__ == "__main__":
    main()
