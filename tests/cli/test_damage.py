"""Objects that are not as they were written: each kind is noticed, named, and never restored from."""

import os
import re

from harness import SignetTest, flip, main, truncate, write

KINDS = ("packs", "indexes", "slots", "journal", "escrow")


class Damage(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.escrow = os.path.join(self.repository, "escrow")

    def copy_back(self, name):
        """Keeps an object's content, to be put back."""
        path = os.path.join(self.repository, name)
        with open(path, "rb") as file:
            content = file.read()

        def restore():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(path, content)
        return restore

    def test_a_whole_repository_checks_well(self):
        self.assertSays(self.signet("check").out, "all as written")
        summary = self.signet("check", "--read-data", "--json").last()
        self.assertEqual((summary["num_errors"], summary["damaged"]), (0, []))
        self.assertGreater(summary["chunks"], 3)
        self.signet("check", env={"SIGNET_KEYRING": self.path("nobody"), "SIGNET_PASSPHRASE_FILE": None})
        self.signet("check", "--read-data", env={"SIGNET_KEYRING": self.path("nobody")}, expect=13)

    def test_each_kind_of_object_flipped_truncated_or_missing_is_noticed_by_check(self):
        for name in self.objects():
            put_back = self.copy_back(name)
            size = os.path.getsize(os.path.join(self.repository, name))
            changes = {"middle": flip(), "first": flip(0), "last": flip(size - 1, 7), "truncated": truncate(), "emptied": truncate(size),
                       "longer": lambda content: content + b"\0"}
            for what, change in changes.items():
                with self.subTest(f"{name} {what}"):
                    self.alter(name, change)
                    result = self.signet("check", expect=(14, 10, 1) if name == "config.json" else 14)
                    self.assertMessage(result, name if not name.startswith("journal/") else name.rsplit("/", 1)[0])
                    put_back()
            if name != "config.json":
                with self.subTest(f"{name} missing"):
                    os.remove(os.path.join(self.repository, name))
                    last = name.startswith("journal/") and not os.path.exists(os.path.join(self.repository, name[:-1] + chr(ord(name[-1]) + 1)))
                    # Only pins tell that the end of a journal is missing; this keyring has seen it.
                    self.signet("check", expect=14)
                    put_back()
        self.signet("check")

    def test_check_names_the_backups_that_are_touched(self):
        header = self.signet("show", self.second, "--json").json()
        own = [pack["id"] for pack in header["packs"]][0]
        name = f"packs/{own[:2]}/{own}"
        self.alter(name, flip())
        result = self.signet("check", expect=14)
        self.assertSays(result.err, name, self.second[:8])
        self.assertNotIn(self.first[:8], result.err)
        damaged = self.signet("check", "--json", expect=14).last()["damaged"]
        self.assertEqual([(one["object"], one["backups"]) for one in damaged], [(name, [self.second[:8]])])
        self.signet("restore", self.first, "-t", "out")

    def test_restore_from_a_damaged_pack_is_14_and_leaves_no_file_of_it(self):
        for name in self.objects("packs"):
            self.alter(name, flip())
        out = self.path("out")
        result = self.signet("restore", "latest", "-t", out, expect=14)
        self.assertTrue(re.search(r"packs/[0-9a-f]", result.err), str(result))
        files = [os.path.join(where, name) for where, _, names in os.walk(out) for name in names]
        for path in files:
            with open(path, "rb") as file, open(self.source + path[len(out + self.template_source):], "rb") as source:
                self.assertEqual(file.read(), source.read(), path)

    def test_without_its_indexes_a_backup_is_restored_whole_from_its_packs_and_check_still_names_them(self):
        for number, name in enumerate(self.objects("indexes")):
            if number % 2 == 0:
                os.remove(os.path.join(self.repository, name))
            else:
                self.alter(name, flip())
        result = self.signet("restore", "latest", "-t", "out")
        self.assertSays(result.err, "indexes/", "reading them to find out")
        self.assertSameTree(self.source, self.path("out") + self.template_source)
        self.assertSays(self.signet("check", expect=14).err, "indexes/")

    def test_a_damaged_manifest_is_14_and_never_skipped_in_silence(self):
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        name = f"journal/{writer}/0000000004"
        self.alter(name, flip())
        for words in (["restore", "-t", "out"], ["ls"], ["plan"]):
            with self.subTest(words):
                self.assertMessage(self.signet(*words, expect=14), name)
        self.assertNothingAt(self.path("out"))
        self.signet("restore", self.first, "-t", "out")
        self.assertSays(self.signet("list").err, name)

    def test_a_damaged_slot_is_noticed_though_another_copy_opens(self):
        name = self.objects("slots")[0]
        self.alter(name, flip())
        self.signet("check", expect=14)
        self.signet("restore", "-t", "out")

    def test_a_damaged_config_is_noticed_by_every_command(self):
        self.alter("config.json", lambda content: content.replace(b'"region":"local"', b'"region":"other"'))
        for words in (["list"], ["restore", "-t", "out"], ["backup", self.source], ["check"]):
            self.signet(*words, expect=(14, 17))
        self.alter("config.json", lambda content: b"{}")
        self.assertMessage(self.signet("list", expect=14), "config.json")
        self.assertNothingAt(self.path("out"))

    def test_a_repository_of_a_newer_version_is_refused_by_name(self):
        self.alter("config.json", lambda content: content.replace(b'"format":1', b'"format":2'))
        for words in (["list"], ["backup", self.source], ["restore", "-t", "out"], ["check"]):
            self.assertMessage(self.signet(*words, expect=1), "newer")
        self.assertNothingAt(self.path("out"))

    def test_an_object_of_a_newer_version_is_refused(self):
        name = self.objects("journal")[-1]
        self.alter(name, lambda content: content[:8] + b"\2\0" + content[10:])
        self.signet("check", expect=14)

    def test_leftovers_are_information(self):
        write(os.path.join(self.repository, "tmp", "x"), "x")
        write(os.path.join(self.repository, "stranger"), "x")
        summary = self.signet("check", "--json").last()
        self.assertEqual(summary["num_errors"], 0)
        self.signet("list")

    def test_a_damaged_vault_or_keyring_is_14(self):
        for name in ("vault/vault.json", "keyring/keyring.json"):
            path = self.path(name)
            with open(path, "rb") as file:
                content = file.read()
            middle = len(content) // 2
            write(path, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:])
            self.assertMessage(self.signet("restore", "-t", "out", expect=(13, 14)))
            write(path, content)
        self.assertNothingAt(self.path("out"))


class EscrowDamage(SignetTest):
    def test_a_damaged_escrow_object_is_noticed(self):
        officer = self.signet("init", "--json").last()["officer"]
        name = self.objects("escrow")[0]
        self.alter(name, flip())
        self.assertMessage(self.signet("check", expect=14), name)
        self.signet("keyring", "recover", "--officer", officer, env={"SIGNET_KEYRING": self.path("k"), "SIGNET_VAULT": self.path("v")}, expect=14)
        self.assertNothingAt(self.path("v"))


if __name__ == "__main__":
    main()
