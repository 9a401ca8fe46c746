"""Sealing older backups anew, and forgetting backups."""

import os
import shutil
import subprocess

from harness import SignetTest, flip, main, tree_state
from test_plan import two_eras

READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reader", "signet_reader.py")


class Reseal(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(two_eras)

    def trees(self):
        """What each backup restores to."""
        found = {}
        for backup in self.ids:
            target = self.path("tree-" + backup[:8])
            self.signet("restore", backup, "-t", target)
            found[backup] = tree_state(target)
            shutil.rmtree(target)
        return found

    def lose_the_old_one(self):
        self.env["SIGNET_KEYRING"] = self.path("without-old")
        self.signet("keyring", "link", "local:prod/2")

    def test_afterwards_nothing_needs_the_old_protector_and_everything_restores_as_it_was(self):
        """[R98]"""
        before = self.trees()
        old_packs = self.objects("packs")
        report = self.signet("reseal", "--opened-by", "local:prod/1", "--json").last()
        self.assertEqual((report["backups"], report["backups_touched"], report["deks_left"], report["failed"], report["stopped"]), (4, 2, 2, 0, False))
        self.assertEqual((report["bodies"], report["deks_made"], report["protectors"]), (2, 1, [self.new]))
        self.assertGreater(report["packs"], 0)
        self.signet("check", "--read-data")
        for backup in self.ids:
            needed = {one["thumbprint"] for one in self.signet("plan", backup, "--json").json()["required"]}
            self.assertEqual(needed, {self.new})
            self.signet("plan", backup, "--without-key", "local:prod/1")
        # The old packs stay; and nothing reads them.
        self.assertEqual([name for name in old_packs if name not in self.objects("packs")], [])
        self.signet("key", "delete", "prod/1")
        self.assertEqual(self.trees(), before)

    def long_history(self):
        """Ten backups, of which each has stored something that the last one needs."""
        for number in range(10):
            self.write(f"history/{number}", os.urandom(20_000 + number))
            last = self.backup(self.path("history"), "--series", "long")["backup_id"]
        return last

    def needed(self, backup):
        [row] = [row for row in self.signet("list", "--json").json() if row["id"] == backup]
        return len(row["needs"])

    def test_consolidating_leaves_no_more_data_keys_than_wanted_and_prune_deletes_the_rest(self):
        last = self.long_history()
        self.ids = self.ids + [last]
        before = self.trees()
        rehearsal = self.signet("consolidate", "-n", "--max-deks", "3", "--series", "long", "--json").last()
        self.assertGreater(rehearsal["packs"], 0)
        self.assertEqual(self.needed(last), 10)
        report = self.signet("consolidate", "--max-deks", "3", "--series", "long", "--json").last()
        self.assertEqual((report["failed"], report["deks_made"], report["stopped"]), (0, 1, False))
        self.assertLessEqual(self.needed(last), 3)
        self.assertEqual(self.trees(), before)
        self.signet("prune", "--wait")
        self.assertEqual(self.trees(), before)
        self.signet("check", "--read-data")
        again = self.backup(self.path("history"), "--series", "long", env={"SIGNET_CACHE_DIR": self.path("no-cache")})
        self.assertLess(again["data_added"], 2000)
        self.assertLessEqual(self.needed(again["backup_id"]), 4)
        self.assertEqual(self.signet("consolidate", "--max-deks", "8", "--json").last()["packs"], 0)

    def test_consolidating_to_one_data_key(self):
        last = self.long_history()
        self.signet("consolidate", "--max-deks", "1", last)
        self.assertEqual(self.needed(last), 1)
        self.signet("consolidate", "--max-deks", "0", expect=2)

    def test_without_the_old_packs_as_well(self):
        before = self.trees()
        old_packs = self.objects("packs")
        self.signet("reseal", "--all")
        made = [name for name in self.objects("packs") if name not in old_packs]
        self.assertTrue(made)
        replaced = [name for name in old_packs if name in self.named_by_first_two()]
        self.assertTrue(replaced)
        for name in replaced:
            os.unlink(os.path.join(self.repository, name))
        self.lose_the_old_one()
        self.assertEqual(self.trees(), before)
        check = self.signet("check")
        self.assertSays(check.err, "gone that nothing needs")

    def named_by_first_two(self):
        names = set()
        for backup in self.ids[:2]:
            for pack in self.signet("show", backup, "--json").json()["packs"]:
                names.add(f"packs/{pack['id'][:2]}/{pack['id']}")
        return names

    def test_what_it_says(self):
        result = self.signet("reseal", "--opened-by", "prod/1")
        self.assertSays(result.out, "2 backups of 4 need 2 data keys to be left", "sealed anew", "2 bodies", self.new[:19])
        self.assertSays(result.err, "copies of them that were taken earlier stay readable")

    def test_twice_is_once(self):
        self.signet("reseal", "--all")
        before = tree_state(self.repository)
        report = self.signet("reseal", "--all", "--json").last()
        self.assertEqual((report["deks_left"], report["entries"], report["packs"]), (0, 0, 0))
        self.assertEqual(tree_state(self.repository), before)

    def test_a_dry_run_writes_nothing_and_counts(self):
        before = tree_state(self.repository)
        report = self.signet("reseal", "--all", "-n", "--json").last()
        self.assertEqual((report["deks_left"], report["bodies"], report["entries"], report["dry_run"]), (2, 2, 0, True))
        self.assertGreater(report["bytes"], 30000)
        self.assertEqual(tree_state(self.repository), before)

    def test_the_protector_that_wraps_cannot_be_the_one_to_be_left(self):
        before = tree_state(self.repository)
        self.assertMessage(self.signet("reseal", "--opened-by", "local:prod/2", expect=17), "to be left", "signet key rotate")
        self.assertMessage(self.signet("reseal", "--opened-by", "nobody", expect=2), "no protector is called")
        self.signet("reseal", expect=2)
        self.signet("reseal", "--all", self.ids[0], expect=2)
        self.assertEqual(tree_state(self.repository), before)

    def test_without_the_old_protector_nothing_can_be_resealed(self):
        self.lose_the_old_one()
        self.signet("keyring", "default", self.new[:19])
        before = self.objects("packs")
        self.assertEqual(self.signet("reseal", "--all", expect=13).code, 13)
        self.assertEqual(self.objects("packs"), before)

    def test_an_altered_repack_entry_is_damage_and_stops_restores(self):
        """[security] It is an officer's entry: what it says cannot be known any more."""
        officer = self.signet("keyring", "show", "--json").json()["officer"]
        before = self.objects("journal/" + officer)
        self.signet("reseal", "--all")
        entry = [name for name in self.objects("journal/" + officer) if name not in before][-1]  # behind the opening one
        self.alter(entry, flip(-70))
        self.assertSays(self.signet("check", expect=14).err, entry)
        self.signet("restore", self.ids[0], "-t", "out", expect=14)
        self.assertNothingAt(self.path("out"))

    def test_another_writer_reads_it_by_the_document_alone(self):
        """[R98] The reader of tests/reader knows nothing of signet's code."""
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.path("new.pem")],
                       check=True, capture_output=True)
        self.signet("key", "import", "kept", self.path("new.pem"))
        self.signet("keyring", "link", "local:kept", "--default")
        self.signet("reseal", "--all")
        target = self.path("by-reader")
        for backup in self.ids:
            read = subprocess.run(["/usr/bin/python3", "-B", READER, self.repository, "restore", backup, target, "--key", self.path("new.pem")],
                                  capture_output=True, text=True)
            self.assertEqual(read.returncode, 0, read.stderr)
            own = self.path("own")
            self.signet("restore", backup, "-t", own)
            self.assertEqual(tree_state(target), tree_state(own))
            shutil.rmtree(target)
            shutil.rmtree(own)
        verified = subprocess.run(["/usr/bin/python3", "-B", READER, self.repository, "verify", "--key", self.path("new.pem")],
                                  capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_later_backups_go_on_as_before(self):
        source = self.made_at + "/source"
        self.signet("reseal", "--all")
        later = self.backup("--series", "prod-db", source)
        self.signet("restore", later["backup_id"], "-t", "out")
        self.assertEqual(tree_state(self.path("out") + source), tree_state(source))
        self.signet("check", "--read-data")


class Forget(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()

    def listed(self):
        return [row["id"] for row in self.signet("list", "--json").json()]

    def test_a_forgotten_backup_counts_no_more_until_it_is_taken_back(self):
        self.assertEqual(self.listed(), [self.first, self.second])
        before = self.objects("packs")
        result = self.signet("forget", self.second)
        self.assertSays(result.out, "forgotten", self.second[:8])
        self.assertSays(result.err, "signet undelete")
        self.assertEqual(self.listed(), [self.first])
        self.assertEqual(self.signet("plan", "latest", "--json").json()["backup"], self.first)
        for words in (["restore", self.second, "-t", "out"], ["show", self.second], ["plan", self.second], ["forget", self.second]):
            self.assertMessage(self.signet(*words, expect=17), "was forgotten", "signet undelete " + self.second[:8])
        self.assertNothingAt(self.path("out"))
        self.assertEqual(self.objects("packs"), before)
        self.signet("check", "--read-data")
        self.assertSays(self.signet("undelete", self.second[:8]).out, "taken back")
        self.assertEqual(self.listed(), [self.first, self.second])
        self.signet("restore", self.second, "-t", "out")

    def test_a_dry_run_says_nothing_to_the_repository(self):
        before = tree_state(self.repository)
        self.assertEqual(self.signet("forget", self.first, "-n", "--json").last(),
                         {"message_type": "summary", "forgotten": [self.first], "dry_run": True})
        self.assertEqual(tree_state(self.repository), before)

    def test_backups_are_named_by_their_ids(self):
        self.signet("forget", expect=2)
        self.signet("forget", "latest", expect=2)
        self.signet("forget", "abcdef01", expect=2)
        self.signet("undelete", self.first, expect=2)

    def test_what_only_a_forgotten_backup_needs_may_be_gone(self):
        packs = [pack["id"] for pack in self.signet("show", self.second, "--json").json()["packs"]]
        self.assertTrue(packs)
        self.signet("forget", self.second)
        for pack in packs:
            os.unlink(os.path.join(self.repository, "packs", pack[:2], pack))
        self.assertSays(self.signet("check").err, "gone that nothing needs")
        self.assertMessage(self.signet("undelete", self.second, expect=14), "cannot be taken back")
        self.signet("restore", self.first, "-t", "out")

    def test_what_another_backup_needs_may_not(self):
        """[security] The second backup refers to packs of the first."""
        packs = [pack["id"] for pack in self.signet("show", self.first, "--json").json()["packs"]]
        self.signet("forget", self.first)
        os.unlink(os.path.join(self.repository, "packs", packs[0][:2], packs[0]))
        self.assertSays(self.signet("check", expect=14).err, packs[0], self.second[:8])

    def test_shredding_says_what_stays_deletes_the_rest_and_gives_a_receipt(self):
        """The second backup refers to packs of the first."""
        first = {f"packs/{pack['id'][:2]}/{pack['id']}" for pack in self.signet("show", self.first, "--json").json()["packs"]}
        second = {f"packs/{pack['id'][:2]}/{pack['id']}" for pack in self.signet("show", self.second, "--json").json()["packs"]}
        self.signet("restore", self.second, "-t", "before")
        foreseen = self.signet("forget", self.first, "--shred", "-n", "--json").last()
        receipt = self.signet("forget", self.first, "--shred", "--json").last()
        self.assertEqual((receipt["forgotten"], receipt["not_deleted"], receipt["broken_backups"], receipt["dry_run"]), ([self.first], [], [], False))
        for name in ("packs", "indexes", "slots", "deks", "shared_packs", "shared_deks"):
            self.assertEqual(receipt[name], foreseen[name], name)
        stay = {one["object"] for one in receipt["shared_packs"]}
        self.assertTrue(stay)
        self.assertEqual({user for one in receipt["shared_packs"] for user in one["backups"]}, {self.second[:8]})
        self.assertEqual(set(self.objects("packs")), second | stay)
        self.assertLessEqual(stay, first)
        self.assertEqual(receipt["slots"], 0)  # the second needs the first's data key
        self.assertTrue(any("snapshots, versions and replicas" in one for one in receipt["unproven"]))
        self.signet("check", "--read-data")
        self.signet("restore", self.second, "-t", "after")
        self.assertEqual(tree_state(self.path("before")), tree_state(self.path("after")))

    def test_shredding_everything_leaves_signed_entries_alone(self):
        packs, indexes, slots = self.objects("packs"), self.objects("indexes"), self.objects("slots")
        result = self.signet("forget", self.first, self.second, "--shred")
        self.assertSays(result.out, "forgotten", "deleted", f"of {len(packs)} packs", "unproven", "stay in signed entries")
        self.assertNotIn("stays", result.out)
        self.assertEqual((self.objects("packs"), self.objects("indexes"), self.objects("slots")), ([], [], []))
        self.assertEqual(self.listed(), [])
        self.assertSays(self.signet("check").err, f"{len(packs) + len(indexes) + len(slots)} objects are gone that nothing needs")
        self.signet("undelete", self.first, expect=14)
        # The next run stores everything anew, whatever its caches say.
        again = self.backup("--series", "again", self.template_source)
        self.signet("restore", again["backup_id"], "-t", "out")
        self.assertEqual(tree_state(self.path("out") + self.template_source), tree_state(self.template_source))
        self.signet("check", "--read-data")

    def test_a_backup_forgotten_before_can_be_shredded_later_and_twice_is_once(self):
        self.signet("forget", self.second)
        self.assertGreater(self.signet("forget", self.second, "--shred", "--json").last()["objects_deleted"], 0)
        before = self.objects("packs")
        self.assertEqual(self.signet("forget", self.second, "--shred", "--json").last()["objects_deleted"], 0)
        self.assertEqual(self.objects("packs"), before)
        self.signet("restore", self.first, "-t", "out")

    def test_a_dry_run_of_shredding_changes_nothing(self):
        before = tree_state(self.repository)
        result = self.signet("forget", self.first, "--shred", "-n")
        self.assertSays(result.out, "stays  packs/", "needed by " + self.second[:8], "would be forgotten", "would be deleted")
        self.assertEqual(tree_state(self.repository), before)

    def test_nothing_is_deleted_while_a_journal_is_not_whole(self):
        """[security] What cannot be read may need what would be deleted."""
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.alter(self.objects("journal/" + writer)[-1], flip(-70))
        before = tree_state(self.repository)
        self.signet("forget", self.first, "--shred", expect=14)
        self.assertEqual(tree_state(self.repository), before)

    def test_a_run_whose_packs_go_away_meanwhile_says_so_and_the_next_one_is_whole(self):
        data = self.write("data", os.urandom(300000))
        self.backup("--stdin-from-command", "--series", "stream", "--", "cat", data)
        gone = f"sleep 1; find {self.repository}/packs -type f -delete; cat {data}"
        result = self.signet("backup", "--stdin-from-command", "--series", "stream", "--", "sh", "-c", gone, expect=14)
        self.assertSays(result.err, "went away while it was made", "run it again")
        again = self.backup("--stdin-from-command", "--series", "stream", "--", "cat", data)
        self.signet("restore", again["backup_id"], "-t", "out")

    def test_a_backup_after_a_forgotten_one_is_not_skipped(self):
        self.signet("forget", self.second)
        summary = self.backup("--series", "home", "--skip-if-unchanged", self.template_source)
        self.assertFalse(summary["skipped_unchanged"])
        self.assertEqual(self.listed(), [self.first, summary["backup_id"]])
        self.assertTrue(self.backup("--series", "home", "--skip-if-unchanged", self.template_source)["skipped_unchanged"])

    def test_what_is_taken_back_and_opened_by_nothing_is_13(self):
        self.signet("forget", self.second)
        self.signet("key", "disable", "prod")
        result = self.signet("undelete", self.second, expect=13)
        self.assertSays(result.out, "taken back")
        self.assertMessage(result, "no protector at hand opens", "signet plan " + self.second[:8])
        self.assertEqual(self.listed(), [self.first, self.second])

    def test_what_is_forgotten_is_shredded_without_a_further_statement(self):
        self.signet("forget", self.second)
        before = self.objects("journal")
        self.signet("forget", self.second, "--shred")
        self.assertEqual(self.objects("journal"), before)

    def test_only_an_officer_forgets(self):
        """[security]"""
        self.env["SIGNET_KEYRING"], self.env["SIGNET_VAULT"] = self.path("another"), self.path("another-vault")
        before = tree_state(self.repository)
        self.assertEqual(self.signet("forget", self.second, expect=17).code, 17)
        self.assertEqual(tree_state(self.repository), before)


FAR_AHEAD = "1900000000"  # the year 2030
LAST_MOMENT = "9223372036.854775807"  # no entry can claim a later one


class TwoOfficers(SignetTest):
    """The first officer, and a deputy whose clock is wrong."""

    def setUp(self):
        super().setUp()
        self.from_template()

    def deputy(self, name):
        """Another officer, on a host of its own. returns  its environment, and its identity"""
        env = {"SIGNET_KEYRING": self.path(name), "SIGNET_CACHE_DIR": self.path(name + "-cache"), "SIGNET_VAULT": self.path(name + "-vault")}
        self.signet("keyring", "link", f"local:{self.path('vault')}#prod", "--default", env=env)
        self.signet("init", "-r", self.path(name + "-elsewhere"), env=env)
        identities = self.signet("keyring", "show", "--json", env=env).json()
        self.signet("keyring", "trust", identities["officer"], "--role", "officer")
        self.signet("keyring", "trust", identities["writer"])
        return env, identities["officer"]

    def at(self, env, clock):
        return dict(env, **self.clock_at(clock))

    def rows(self):
        return {row["id"]: row for row in self.signet("list", "--json").json()}

    def forgotten_and_taken_back(self, clock):
        """By a deputy with that clock. returns  the other deputy, whose identity is the lower one"""
        low, high = sorted([self.deputy("one"), self.deputy("two")], key=lambda one: one[1])
        self.signet("forget", self.second, env=low[0])
        self.signet("undelete", self.second, env=self.at(high[0], clock))
        return low, high

    def test_what_an_officer_says_now_counts_although_a_colleagues_clock_was_ahead(self):
        low, high = self.forgotten_and_taken_back(FAR_AHEAD)
        self.assertEqual(list(self.rows()), [self.first, self.second])
        self.signet("forget", self.second)
        self.assertEqual(list(self.rows()), [self.first])
        self.signet("undelete", self.second, env=low[0])
        self.assertEqual(list(self.rows()), [self.first, self.second])
        self.signet("forget", self.second, "--shred", env=low[0])
        self.assertEqual(list(self.rows()), [self.first])
        self.signet("check")
        self.signet("restore", self.first, "-t", "out")

    def test_what_cannot_count_fails_before_anything_is_deleted(self):
        """[security] What is shown as a backup stays one."""
        low, high = self.forgotten_and_taken_back(LAST_MOMENT)
        packs, indexes, slots = self.objects("packs"), self.objects("indexes"), self.objects("slots")
        for words in (["forget", self.second], ["forget", self.second, "--shred"]):
            result = self.signet(*words, env=low[0], expect=17)
            self.assertMessage(result, "does not count", self.second[:8], "is not forgotten", f"entry 1 of {high[1]}",
                               f"keyring trust {high[1][:16]} --role officer --until 0")
            self.assertNotIn("forgotten", result.out)
        self.assertEqual((self.objects("packs"), self.objects("indexes"), self.objects("slots")), (packs, indexes, slots))
        self.signet("restore", self.second, "-t", "out")
        # As it says: the first officer ends the trust in that entry.
        self.signet("keyring", "trust", high[1], "--role", "officer", "--until", "0")
        self.assertEqual(list(self.rows()), [self.first])

    def test_taking_back_that_cannot_count_fails(self):
        low, high = sorted([self.deputy("one"), self.deputy("two")], key=lambda one: one[1])
        self.signet("forget", self.second, env=self.at(high[0], LAST_MOMENT))
        self.assertMessage(self.signet("undelete", self.second, env=low[0], expect=17), "is forgotten as before", high[1])
        self.assertEqual(list(self.rows()), [self.first])

    def test_tags_count_although_a_colleagues_clock_was_ahead_or_it_says_so(self):
        deputy, officer = self.deputy("one")
        self.signet("tag", self.second, "--set", "theirs", env=self.at(deputy, FAR_AHEAD))
        self.signet("tag", self.second, "--set", "mine")
        self.assertEqual(self.rows()[self.second]["tags"], ["mine"])
        # Of a writer that nobody trusts no tag counts.
        self.signet("keyring", "trust", self.signet("keyring", "show", "--json", env=deputy).json()["writer"], "--until", "0")
        result = self.signet("tag", self.second, "--set", "nobodys", env=deputy, expect=17)
        self.assertMessage(result, "does not count", "mine")
        self.assertEqual(result.out, "")
        self.assertEqual(self.rows()[self.second]["tags"], ["mine"])

    def test_what_is_sealed_anew_counts_although_a_colleagues_clock_was_ahead(self):
        deputy, officer = self.deputy("one")
        self.signet("key", "create", "theirs", "--size", "2048", env=deputy)
        self.signet("keyring", "link", "local:theirs", "--default", env=deputy)
        self.signet("reseal", "--all", env=self.at(deputy, FAR_AHEAD))
        self.signet("keyring", "link", f"local:{self.path('one-vault')}#theirs")
        self.signet("plan", self.second, "--without-key", "theirs", expect=13)
        self.assertGreater(self.signet("reseal", "--opened-by", "theirs", "--json").last()["packs"], 0)
        for backup in (self.first, self.second):
            self.signet("plan", backup, "--without-key", "theirs")
        self.signet("check", "--read-data")

    def test_an_officer_who_is_trusted_no_more_signs_nothing(self):
        deputy, officer = self.deputy("one")
        self.signet("keyring", "trust", officer, "--role", "officer", "--until", "0")
        before = self.objects("journal")
        self.assertMessage(self.signet("forget", self.second, "--shred", env=deputy, expect=17), "is no officer of the repository")
        self.assertEqual(self.objects("journal"), before)
        self.assertEqual(list(self.rows()), [self.first, self.second])

    def test_what_counts_no_more_with_an_officer_is_said_before(self):
        deputy, officer = self.deputy("one")
        self.signet("forget", self.second, env=deputy)
        self.signet("keyring", "policy", "set", "max-deks=8", env=deputy)
        result = self.signet("keyring", "trust", officer, "--role", "officer", "--until", "1")
        self.assertSays(result.err, "1 policy of this officer counts no more")
        self.assertNotIn("tombstone", result.err)
        result = self.signet("keyring", "trust", officer, "--role", "officer", "--until", "0")
        self.assertSays(result.err, "1 tombstone of this officer counts no more", "what it forgot is back")
        self.assertNotIn("policy of", result.err)
        self.assertEqual(list(self.rows()), [self.first, self.second])


if __name__ == "__main__":
    main()
