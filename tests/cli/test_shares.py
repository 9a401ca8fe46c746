"""Key backups that people hold in shares on paper."""

import itertools
import os
import re

from harness import SignetTest, main, write


class Shares(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(_with_shares)
        self.shares = [self.path("shares", f"prod-share-{number}-of-5.txt") for number in range(1, 6)]

    def restore(self, *shares, vault="elsewhere", **more):
        """Restores into another vault, as after the loss of the machine."""
        words = [word for share in shares for word in ("--share", share)]
        self.env["SIGNET_VAULT"] = self.path(vault)
        return self.signet("key", "restore", "prod.backup", *words, **more)

    def rows(self, share):
        with open(share) as file:
            return [line for line in file.read().splitlines() if re.match(r"  [1-5]: ", line)]

    def test_any_three_of_five_bring_the_key_back_and_the_backups_open(self):
        """[R65]"""
        for number, three in enumerate(itertools.combinations(self.shares, 3)):
            out = self.restore(*three, vault=f"vault-{number}").out
            self.assertSays(out, "prod/1 is restored")
        self.env["SIGNET_KEYRING"] = self.path("other-keyring")
        self.signet("keyring", "link", "local:prod/1")
        self.signet("restore", "-t", "out", "latest")
        self.assertSameTree(self.path("source"), self.restored(self.path("out"), self.made_at + "/source"))

    def test_every_two_say_how_many_are_lacking_and_make_no_vault(self):
        """[R65]"""
        for two in itertools.combinations(self.shares, 2):
            self.assertMessage(self.restore(*two, expect=12), "2 of 3 needed shares", "--share")
        self.assertMessage(self.restore(self.shares[0], self.shares[0], self.shares[1], expect=12), "2 of 3 needed shares")
        self.assertMessage(self.restore(expect=12), "0 of 3 needed shares")
        self.assertNothingAt(self.path("elsewhere"))

    def test_typed_rows_alone_are_enough_and_a_mistyped_one_is_named(self):
        """[R65]"""
        typed = self.write("typed.txt", "\n".join(row.upper() for share in self.shares[:3] for row in self.rows(share)))
        self.restore(typed)
        lines = self.rows(self.shares[0])
        lines[3] = lines[3][:7] + ("b" if lines[3][7] != "b" else "c") + lines[3][8:]
        wrong = self.write("wrong.txt", "\n".join(lines) + "\n")
        self.assertMessage(self.restore(wrong, *self.shares[1:3], vault="third", expect=14), "wrong.txt, line 4: row 4 of the share was mistyped")
        self.assertNothingAt(self.path("third"))

    def test_shares_of_another_key_backup_are_refused(self):
        """[R65]"""
        self.signet("key", "backup", "prod", "-o", "second.backup", "--shares", "5", "--threshold", "3", "--shares-dir", "second")
        other = self.path("second", "prod-share-3-of-5.txt")
        self.assertMessage(self.restore(*self.shares[:2], other, expect=12), "share 3 of 5 is of another key backup")

    def test_a_file_and_shares_are_private_and_named_in_the_audit_log(self):
        """[R65]"""
        for share in self.shares:
            self.assertEqual(os.stat(share).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.path("shares")).st_mode & 0o777, 0o700)
        with open(self.shares[1]) as file:
            page = file.read()
        self.assertSays(page, "SHARE 2 OF 5", "prod/1", "sha256:", "3 of 5 shares, and the file", "signet key restore FILE")
        self.assertSays(self.signet("keyring", "audit", "--json").out, '"key-backup"', "opened by 3 of 5 shares")
        self.assertEqual(self.signet("key", "show", "prod", "--json").json()["key_backup"]["state"], "current")

    def test_shares_go_to_a_printer(self):
        """[R65]"""
        result = self.signet("key", "backup", "prod", "-o", "printed.backup", "--shares", "3", "--threshold", "2")
        pages = result.out.split("\f")
        self.assertEqual(len(pages), 3)
        self.assertSays(result.err, "key backup of prod/1 in", "keep them apart")
        self.env["SIGNET_VAULT"] = self.path("elsewhere")
        self.signet("key", "restore", "printed.backup", "--share", self.write("pages.txt", pages[0] + pages[2]))

    def test_what_goes_wrong_leaves_neither_file_nor_shares(self):
        for words in (["--shares", "3"], ["--threshold", "2"], ["--shares", "3", "--threshold", "4"], ["--shares", "17", "--threshold", "2"],
                      ["--shares", "3", "--threshold", "1"], ["--shares-dir", "x"], ["--json", "--shares", "3", "--threshold", "2"],
                      ["--shares", "3", "--threshold", "2", "--backup-passphrase-file", "passphrase"]):
            with self.subTest(words):
                self.assertEqual(self.signet("key", "backup", "prod", "-o", "new.backup", *words, expect=2).out, "")
                self.assertNothingAt(self.path("new.backup"))
        self.signet("key", "backup", "prod", "-o", "new.backup", "--shares", "5", "--threshold", "2", "--shares-dir", "shares", expect=17)
        self.signet("key", "backup", "prod", "-o", "no/such/folder", "--shares", "5", "--threshold", "2", "--shares-dir", "fresh", expect=1)
        self.assertEqual(os.listdir(self.path("fresh")), [])
        self.assertNothingAt(self.path("new.backup"))
        write(self.env["SIGNET_PASSPHRASE_FILE"], "wrong\n")
        self.signet("key", "backup", "prod", "-o", "new.backup", "--shares", "5", "--threshold", "2", "--shares-dir", "new", expect=12)
        self.assertNothingAt(self.path("new"))


def _with_shares(test):
    test.init()
    test.backup(test.sample_tree())
    made = test.signet("key", "backup", "prod", "-o", "prod.backup", "--shares", "5", "--threshold", "3", "--shares-dir", "shares", "--json").last()
    assert [os.path.basename(share) for share in made["shares"]] == [f"prod-share-{number}-of-5.txt" for number in range(1, 6)]
    return {}


if __name__ == "__main__":
    main()
