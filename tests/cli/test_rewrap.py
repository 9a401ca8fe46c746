"""Rewrapping on demand, and the proof that protectors still open what they wrap."""

import hashlib
import os

from harness import SignetTest, main, tree_state, write
from test_plan import two_eras


class Rewrap(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(two_eras)

    def objects_but_slots(self):
        return {name: what for name, what in tree_state(self.repository).items() if not name.startswith("slots")}

    def lose_the_old_one(self):
        self.env["SIGNET_KEYRING"] = self.path("without-old")
        self.signet("keyring", "link", "local:prod/2")

    def test_afterwards_old_backups_need_only_the_new_protector_and_no_data_was_touched(self):
        """[R88]"""
        before = self.objects_but_slots()
        report = self.signet("rewrap", "--all", "--json").last()
        self.assertEqual((report["deks"], report["rewrapped"], report["already"], report["failed"], report["remaining"]), (4, 2, 2, 0, 0))
        self.assertEqual(report["slots_added"], 2)
        self.assertEqual(report["protectors"], [self.new])
        self.assertEqual(self.objects_but_slots(), before)
        self.lose_the_old_one()
        for backup in self.ids:
            self.signet("restore", backup, "-t", self.path("out-" + backup[:8]))
        self.signet("check")

    def test_twice_is_once(self):
        self.signet("rewrap", "--all")
        slots = self.objects("slots")
        report = self.signet("rewrap", "--all", "--json").last()
        self.assertEqual((report["rewrapped"], report["already"]), (0, 4))
        self.assertEqual(self.objects("slots"), slots)

    def test_it_takes_the_backups_that_were_asked_for(self):
        for words, deks in ((["--series", "prod-db"], 4), (["--to", "2026-01-05"], 1), (["--from", "2026-01-05", "--to", "2026-01-15"], 2),
                            ([self.ids[0]], 1), (["--series", "other"], 0)):
            with self.subTest(words):
                self.assertEqual(self.signet("rewrap", "--dry-run", "--json", *words).last()["deks"], deks)
        self.signet("rewrap", expect=2)
        self.signet("rewrap", "--all", self.ids[0], expect=2)

    def test_a_dry_run_adds_nothing(self):
        before = tree_state(self.repository)
        self.assertEqual(self.signet("rewrap", "--all", "-n", "--json").last()["rewrapped"], 2)
        self.assertEqual(tree_state(self.repository), before)

    def test_it_stops_when_its_time_is_over_and_goes_on_when_run_again(self):
        self.assertEqual(self.signet("rewrap", "--all", "--max-duration", "0s", "--json").last()["remaining"], 4)
        self.assertSays(self.signet("rewrap", "--all", "--max-duration", "0s").out, "run this again")
        self.assertEqual(self.signet("rewrap", "--all", "--max-duration", "1h", "--json").last()["remaining"], 0)

    def test_what_cannot_be_opened_is_13_and_the_rest_is_done(self):
        self.lose_the_old_one()
        self.signet("keyring", "default", self.new[:19])
        before = self.objects("slots")
        result = self.signet("rewrap", "--all", expect=13)
        self.assertSays(result.err, "2 data keys of 4", "prod")
        self.assertEqual(self.objects("slots"), before)

    def test_a_planted_slot_does_not_pass_for_a_rewrap(self):
        """[security] A stored slot is a claim until its protector has opened it."""
        old = [name for name in self.objects("slots") if self.old[7:] in name]
        new = [name for name in self.objects("slots") if self.new[7:] in name]
        with open(os.path.join(self.repository, new[0]), "rb") as file:
            content = bytearray(file.read())
        dek = os.path.basename(old[0]).split(".")[0]
        where = content.find(bytes.fromhex(os.path.basename(new[0]).split(".")[0]))
        self.assertGreater(where, 0)
        content[where:where + 16] = bytes.fromhex(dek)
        write(os.path.join(self.repository, "slots", "sha256-" + self.new[7:], dek + "." + hashlib.sha256(content).hexdigest()), bytes(content))
        report = self.signet("rewrap", "--all", "--json").last()
        self.assertEqual((report["rewrapped"], report["slots_added"]), (2, 2))
        self.lose_the_old_one()
        self.signet("restore", self.ids[0], "-t", "out")


    def plant(self, change, thumbprint=None):
        """[security] A slot for the oldest data key that claims to be of a protector."""
        old, = [name for name in self.objects("slots") if self.old[7:] in name][:1]
        deks = sorted({os.path.basename(name).split(".")[0] for name in self.objects("slots") if self.old[7:] in name})
        with open(os.path.join(self.repository, old), "rb") as file:
            content = change(bytearray(file.read()))
        folder = "sha256-" + (thumbprint or self.new)[7:]
        for dek in deks:
            write(os.path.join(self.repository, "slots", folder, dek + "." + hashlib.sha256(content).hexdigest()), bytes(content))

    def test_planted_slots_of_an_unknown_algorithm_stop_nothing(self):
        """[security]"""
        def algorithm_99(content):
            content[10:12] = b"\x63\x00"
            return content
        self.plant(algorithm_99)
        self.assertEqual(self.signet("rewrap", "--all", "--json").last()["rewrapped"], 2)
        self.signet("keyring", "check")

    def test_junk_slots_neither_hide_a_needed_key_nor_fail_the_nightly_check(self):
        """[security]"""
        self.plant(lambda content: os.urandom(200))
        rows = {row["thumbprint"]: row for row in self.signet("key", "list", "--needed", "--json").json()}
        self.assertEqual((rows[self.old]["lost_without"], rows[self.old]["unproven_without"]), (None, 2))
        self.assertSays(self.signet("key", "list", "--needed").out, "2 backups open by unproven slots only")
        self.signet("keyring", "check")
        self.signet("key", "disable", "prod/1")
        self.assertSays(self.signet("keyring", "check", expect=13).err, "2 backups cannot be opened")
        self.assertSays(self.signet("status").out, "only if slots that nobody signed are genuine")

    def test_a_recovery_protector_that_cannot_unwrap_gets_one_slot_each_and_no_more(self):
        self.signet("key", "create", "offline")
        write(self.path("offline.pem"), self.signet("key", "export-public", "offline").out)
        self.signet("keyring", "link", "public:" + self.path("offline.pem"), "--recovery")
        self.assertEqual(self.signet("rewrap", "--all", "--json").last()["slots_added"], 6)
        report = self.signet("rewrap", "--all", "--json").last()
        self.assertEqual((report["slots_added"], report["already"]), (0, 4))

    def test_a_dry_run_counts_what_cannot_be_opened(self):
        self.signet("key", "disable", "prod/1")
        report = self.signet("rewrap", "--all", "-n", "--json", expect=13).last()
        self.assertEqual((report["rewrapped"], report["failed"]), (0, 2))

    def test_a_target_that_refuses_is_said_before_anything_is_opened(self):
        self.signet("key", "disable", "prod/2")
        self.assertMessage(self.signet("rewrap", "--all", expect=13), "cannot wrap", "disabled")

    def test_the_policy_on_what_wraps_holds_for_rewraps(self):
        self.signet("keyring", "policy", "set", "allowed-sizes=4096")
        self.assertMessage(self.signet("rewrap", "--all", expect=17), "allowed-sizes")


class Check(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(two_eras)

    def test_each_protector_opens_one_data_key_and_the_date_is_kept(self):
        """[R122]"""
        report = self.signet("keyring", "check", "--json").last()
        self.assertEqual({one["thumbprint"]: one["proven"] for one in report["protectors"]}, {self.old: True, self.new: True})
        self.assertTrue(all(link["last_proven"] for link in self.signet("keyring", "show", "--json").json()["links"]))

    def test_a_disabled_key_is_13_and_named(self):
        self.signet("key", "disable", "prod/1")
        result = self.signet("keyring", "check", expect=13)
        self.assertSays(result.out, self.old[:19], "disabled")

    def test_a_key_that_others_stand_in_for_is_no_failure(self):
        self.signet("rewrap", "--all")
        self.signet("key", "disable", "prod/1")
        self.assertSays(self.signet("keyring", "check").out, "others open everything it wraps")

    def test_the_list_of_needed_keys_says_what_would_be_lost(self):
        """[R23, R97, R124]"""
        rows = {row["thumbprint"]: row for row in self.signet("key", "list", "--needed", "--json").json()}
        self.assertEqual(rows[self.old]["lost_without"], {"backups": 2, "from": "2026-01-01T00:00:00Z", "to": "2026-01-10T00:00:00Z"})
        self.assertEqual((rows[self.old]["backups"], rows[self.old]["last_proven"], rows[self.old]["twins"]), (2, None, []))
        self.assertSays(self.signet("key", "list", "--needed").out, "prod/1", "prod/2", "2 backups, 2026-01-01 00:00 .. 2026-01-10 00:00", "never")
        self.signet("rewrap", "--all")
        rows = {row["thumbprint"]: row for row in self.signet("key", "list", "--needed", "--json").json()}
        self.assertEqual((rows[self.old]["lost_without"], rows[self.new]["backups"]), (None, 4))


if __name__ == "__main__":
    main()
