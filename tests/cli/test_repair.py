"""check with samples and files, repair, and the backup after it: what was lost comes back where anything is left of it, and
nothing becomes less restorable."""

import hashlib
import json
import os
import shutil
import subprocess
import time

from harness import SIGNET, SignetTest, flip, main, tree_state, truncate, write


class Repair(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        shutil.copytree(self.source, self.path("newest"), symlinks=True)

    def packs_of(self, backup):
        ids = [pack["id"] for pack in self.signet("show", backup, "--json").json()["packs"]]
        return [f"packs/{pack[:2]}/{pack}" for pack in ids]

    def restorable(self, backup):
        """Every file that a restore gives, whatever its exit code."""
        out = self.path("look")
        shutil.rmtree(out, ignore_errors=True)
        self.signet("restore", backup, "-t", out, "--salvage", expect=(0, 3, 14))
        state = tree_state(out) if os.path.isdir(out) else {}
        return {path: seen for path, seen in state.items() if seen[0] == "file"}

    def back_up_again(self):
        """The same source, at the same place as before, with nothing that a cache would know."""
        return self.backup(self.template_source, "--series", "home", env={"SIGNET_CACHE_DIR": self.path("no-cache")})["backup_id"]

    # check.

    def test_a_damaged_pack_names_backups_files_and_what_to_do(self):
        pack = self.packs_of(self.second)[0]
        self.alter(pack, flip(140))
        result = self.signet("check", "--read-data", expect=14)
        self.assertSays(result.err, pack, self.second[:8], "signet repair")
        [damaged] = self.signet("check", "--read-data", "--json", expect=14).last()["damaged"]
        self.assertEqual((damaged["object"], damaged["backups"], damaged["altered"]), (pack, [self.second[:8]], True))
        self.assertTrue(damaged["files"])
        for file in damaged["files"]:
            self.assertEqual(file["backup"], self.second[:8])
            self.assertTrue(file["path"] == "/" or file["path"].startswith("/"), file)
        self.assertIn("signet repair", damaged["remedy"])

    def test_all_parts_read_every_pack_and_a_part_is_the_same_each_time(self):
        packs = len(self.objects("packs"))
        read = [self.signet("check", "--read-data-subset", f"{n}/3", "--json").last() for n in (1, 2, 3)]
        self.assertEqual(sum(one["packs_read"] for one in read), packs)
        self.assertEqual(read[0]["packs_read"], self.signet("check", "--read-data-subset", "1/3", "--json").last()["packs_read"])
        self.assertGreater(sum(one["chunks"] for one in read), 3)
        victim = self.objects("packs")[0]
        self.alter(victim, flip())
        codes = [self.signet("check", "--read-data-subset", f"{n}/3", expect=(0, 14)).code for n in (1, 2, 3)]
        self.assertEqual(sorted(codes), [0, 0, 14])

    def test_a_random_subset_prints_its_seed_and_takes_it_again(self):
        for subset in ("50%", "100%", "1K", "10M"):
            with self.subTest(subset):
                summary = self.signet("check", "--read-data-subset", subset, "--json").last()
                self.assertGreaterEqual(summary["packs_read"], 1)
                again = self.signet("check", "--read-data-subset", subset, "--seed", str(summary["seed"]), "--json").last()
                for field in ("packs_read", "chunks", "bytes", "seed"):
                    self.assertEqual(again[field], summary[field])
        self.assertSays(self.signet("check", "--read-data-subset", "50%").err, "--seed")
        self.signet("check", "--read-data-subset", "50%", env={"SIGNET_KEYRING": self.path("nobody")}, expect=13)

    def test_subsets_that_are_none_are_usage(self):
        for words in (["--read-data-subset", "0/3"], ["--read-data-subset", "4/3"], ["--read-data-subset", "a/b"], ["--read-data-subset", "0%"],
                      ["--read-data-subset", "101%"], ["--read-data-subset", "x%"], ["--read-data-subset", "many"], ["--read-data-subset", ""], ["--read-data-subset", "0"],
                      ["--read-data", "--read-data-subset", "1/2"], ["--seed", "1"], ["--read-data-subset", "1/2", "--seed", "1"]):
            with self.subTest(words):
                self.signet("check", *words, expect=2)

    # repair.

    def test_nothing_is_changed_in_a_whole_repository(self):
        before = self.objects()
        self.assertSays(self.signet("repair").out, "nothing is damaged")
        self.assertEqual(self.signet("repair", "--json").last()["done"], [])
        self.assertEqual(self.objects(), before)

    def test_a_rehearsal_says_what_would_be_done_and_does_nothing(self):
        self.alter(self.packs_of(self.second)[0], flip(140))
        self.alter(self.objects("slots")[0], flip())
        os.remove(os.path.join(self.repository, self.objects("indexes")[0]))
        before = self.objects()
        summary = self.signet("repair", "-n", "--json", expect=14).last()
        self.assertEqual({step["action"] for step in summary["done"]}, {"set-aside", "slot-stored", "index-rebuilt"})
        self.assertTrue(summary["dry_run"])
        self.assertEqual(self.objects(), before)

    def test_slots_come_back_from_their_entries_without_a_key(self):
        slots = self.objects("slots")
        self.alter(slots[0], flip())
        os.remove(os.path.join(self.repository, slots[1]))
        nobody = {"SIGNET_KEYRING": self.path("nobody"), "SIGNET_VAULT": self.path("none"), "SIGNET_PASSPHRASE_FILE": None}
        summary = self.signet("repair", "--no-keys", "--json", env=nobody).last()
        self.assertEqual(summary["remaining"], [])
        self.assertEqual(self.objects("slots"), slots)
        self.assertEqual(len(self.objects("quarantine")), 1)
        self.signet("check", "--read-data")

    def test_lost_index_segments_are_made_again_with_the_keys_and_are_used(self):
        for number, name in enumerate(self.objects("indexes")):
            os.remove(os.path.join(self.repository, name)) if number else self.alter(name, flip())
        self.signet("check", expect=14)
        self.signet("repair", "--no-keys", expect=14)
        nobody = {"SIGNET_KEYRING": self.path("nobody"), "SIGNET_VAULT": self.path("none"), "SIGNET_PASSPHRASE_FILE": None}
        self.signet("repair", env=nobody, expect=13)
        self.signet("repair")
        self.signet("check")
        result = self.signet("restore", "latest", "-t", "out")
        self.assertNotIn("reading them to find out", result.err)
        self.assertSameTree(self.path("newest"), self.path("out") + self.template_source)
        # The next backup finds again what was stored, although no segment of it is left.
        summary = self.backup(self.template_source, "--series", "home", env={"SIGNET_CACHE_DIR": self.path("no-cache")})
        self.assertLess(summary["data_added"], 2000)
        self.signet("check", "--read-data")

    def test_a_damaged_pack_is_set_aside_the_next_backup_stores_it_again_and_older_backups_are_whole_again(self):
        packs = self.packs_of(self.first) + self.packs_of(self.second)
        whole = self.restorable(self.second)
        for pack in packs:
            self.alter(pack, flip(140))
        before = {backup: self.restorable(backup) for backup in (self.first, self.second)}
        summary = self.signet("repair", "--json", expect=14).last()
        self.assertEqual({one["object"] for one in summary["remaining"]}, set(packs))
        self.assertEqual(self.objects("packs"), [])
        for backup, files in before.items():
            after = self.restorable(backup)
            self.assertEqual({path: after.get(path) for path in files}, files)
        third = self.back_up_again()
        self.assertSameTree(self.path("newest"), self.source)
        self.signet("restore", third, "-t", "out")
        self.assertSameTree(self.template_source, self.path("out") + self.template_source)
        # The letter of the first backup is in no source any more: that pack stays, the second backup's comes back.
        summary = self.signet("repair", "--json", expect=14).last()
        mended = {step["object"] for step in summary["done"] if step["action"] == "pack-restored"}
        self.assertEqual(mended, set(self.packs_of(self.second)))
        self.assertEqual({one["object"] for one in summary["remaining"]}, set(self.packs_of(self.first)))
        salvaged = self.restorable(self.first)
        self.assertGreaterEqual(len(salvaged), len(before[self.first]))
        self.assertGreaterEqual(len(self.restorable(self.second)), len(whole) - 1)

    def test_a_pack_comes_back_out_of_what_is_left_of_it_and_of_what_is_stored_again(self):
        for pack in self.packs_of(self.second):
            self.alter(pack, flip(140))
        self.signet("restore", self.second, "-t", "out", expect=14)
        self.signet("repair", expect=14)
        self.back_up_again()
        self.signet("repair")
        self.signet("check", "--read-data")
        shutil.rmtree(self.path("out"), ignore_errors=True)
        self.signet("restore", self.second, "-t", "out")
        self.assertSameTree(self.path("newest"), self.path("out") + self.template_source)
        self.assertSays(self.signet("check").err, "set aside as damaged")
        self.signet("repair")

    def test_without_an_officer_nothing_is_signed_and_it_is_said(self):
        for pack in self.packs_of(self.second):
            self.alter(pack, flip(140))
        self.signet("repair", expect=14)
        self.back_up_again()
        other = {"SIGNET_KEYRING": self.path("other"), "SIGNET_VAULT": self.path("other-vault")}
        for version in ("prod",):
            self.signet("keyring", "link", f"local:{self.path('vault')}#{version}", "--default", env=other)
        before = self.objects()
        self.assertSays(self.signet("repair", env=other, expect=14).err, "officer")
        self.assertEqual(self.objects(), before)
        self.signet("repair")
        self.signet("check", "--read-data")

    def test_a_good_copy_elsewhere_takes_the_place_of_what_was_set_aside(self):
        self.signet("copy", "--to", "replica", "--init")
        packs = self.packs_of(self.first)
        for pack in packs:
            self.alter(pack, flip(140))
        self.signet("repair", expect=14)
        self.signet("copy", "-r", "replica", "--to", self.repository)
        self.signet("check", "--read-data")
        self.signet("restore", self.first, "-t", "out")

    def test_a_damaged_entry_stays_where_it_is(self):
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        name = f"journal/{writer}/0000000002"
        self.alter(name, flip())
        before = self.objects()
        self.assertSays(self.signet("repair", expect=14).err, "journal/" + writer, "signet copy")
        self.assertEqual(self.objects(), before)
        self.assertMessage(self.signet("restore", "-t", "out", expect=14), name)

    def test_salvage_reads_what_is_left_of_a_pack_and_names_the_rest(self):
        for pack in self.packs_of(self.first):
            self.alter(pack, truncate(300))
        result = self.signet("restore", self.first, "-t", "out", "--salvage", expect=3)
        self.assertSays(result.err, "packs/")
        self.signet("restore", self.first, "-t", "strict", expect=14)

    def entry_of_first(self):
        """The entry of the first backup, whose packs the second one reaches. returns  its name"""
        shown = self.signet("show", self.first, "--json").json()
        return f"journal/{shown['writer']}/{shown['sequence']:010}"

    def test_backups_behind_a_damaged_entry_are_named_and_salvaged_by_their_ids(self):
        before = self.restorable(self.second)
        name = self.entry_of_first()
        for damage in (flip(), truncate(80), None):
            with self.subTest(damage):
                self.alter(name, damage) if damage else os.unlink(os.path.join(self.repository, name))
                for words in ((self.second,), ("latest",), ("latest", "--salvage")):
                    self.signet("restore", *words, "-t", "out", expect=14)
                    self.assertNothingAt(self.path("out"))
                result = self.signet("restore", self.second, "-t", "out", expect=14)
                self.assertSays(result.err, "behind damage", name, f"signet restore {self.second[:8]} --salvage")
                [damaged] = [one for one in self.signet("check", "--json", expect=14).last()["damaged"] if one["object"] == name]
                self.assertEqual(damaged["backups"], [self.second[:8]])
                self.assertIn("--salvage", damaged["remedy"])
                self.assertEqual(self.restorable(self.second), before)
                result = self.signet("restore", self.second, "--salvage", "-t", self.path("told"), expect=0)
                self.assertSays(result.err, "is proven by what is known of a later entry")
                shutil.rmtree(self.path("told"))

    def test_while_an_officers_journal_is_broken_a_person_can_vouch_for_a_writer(self):
        before = self.restorable(self.second)
        writer = self.signet("show", self.second, "--json").json()["writer"]
        officer = json.loads(self.config())["officer"]
        vouch = ["restore", self.second, "--salvage", "-t", "out", "--trust-writer"]
        # Nobody's word counts beside that of officers who can be read.
        self.signet("keyring", "trust", writer, "--until", "1")
        self.signet("restore", self.second, "-t", "out", expect=17)
        self.signet(*vouch, writer, expect=17)
        entry = f"journal/{officer}/0000000001"
        whole = self.octets_of(entry)
        self.alter(entry, flip())
        # What can still be read of them is no matter of doubt.
        self.assertSays(self.signet(*vouch, writer, expect=17).err, "who is not trusted for it")
        self.alter(entry, lambda _: whole)
        self.signet("keyring", "trust", writer)
        self.signet("keyring", "trust", writer)
        last = sorted(name for name in self.objects() if name.startswith(f"journal/{officer}/"))[-1]
        for damage in (flip(), truncate(80), None):
            # Gone altogether, it is the newest: of any other all that follow would be damaged as well.
            if damage is None:
                self.alter(entry, lambda _: whole)
                os.unlink(os.path.join(self.repository, last))
            else:
                self.alter(entry, damage)
            for words in ([self.second], [self.second, "--salvage"], ["latest", "--salvage", "--trust-writer", writer]):
                result = self.signet("restore", *words, "-t", "out", expect=14)
                is_cut = damage is None and "--salvage" not in words
                self.assertSays(result.err, "rolled back" if is_cut else "who is trusted cannot be known", "--salvage")
            self.signet(*vouch, officer, expect=14)
            self.signet(*vouch, writer[:16], expect=2)
            self.signet("restore", self.second, "-t", "out", "--trust-writer", writer, expect=2)
            self.assertNothingAt(self.path("out"))
            self.assertSays(self.signet(*vouch, writer).err, "is believed where an officer's journal is broken")
            restored = {path: seen for path, seen in tree_state(self.path("out")).items() if seen[0] == "file"}
            self.assertEqual(restored, before)
            shutil.rmtree(self.path("out"))
        self.signet(*vouch, writer, expect=13, env={"SIGNET_KEYRING": self.path("other-keyring")})

    def test_what_an_officer_forgot_stays_forgotten_although_an_earlier_entry_cannot_be_read(self):
        writer = self.signet("show", self.second, "--json").json()["writer"]
        officer = json.loads(self.config())["officer"]
        self.signet("forget", self.second)
        self.alter(f"journal/{officer}/0000000001", flip())
        result = self.signet("restore", self.second, "--salvage", "-t", "out", "--trust-writer", writer, expect=17)
        self.assertSays(result.err, "forgotten")
        self.assertNothingAt(self.path("out"))

    def test_packs_planted_for_a_lost_run_are_passed_over(self):
        before = self.restorable(self.second)
        # Headers name the data key; only its holder can make what it commits to.
        for pack in self.packs_of(self.first):
            for offset in (60, 90, 120):
                octets = bytearray(self.octets_of(pack))
                octets[offset] ^= 1
                name = hashlib.sha256(octets).hexdigest()
                write(f"{self.repository}/packs/{name[:2]}/{name}", bytes(octets))
        self.alter(self.entry_of_first(), flip())
        self.assertEqual(self.restorable(self.second), before)

    def test_repairs_at_once_do_each_others_work_no_harm(self):
        before = {backup: self.restorable(backup) for backup in (self.first, self.second)}
        config = self.config()
        os.unlink(os.path.join(self.repository, "config.json"))
        for number, name in enumerate(self.objects("indexes") + self.objects("slots")):
            self.alter(name, flip()) if number % 2 else os.remove(os.path.join(self.repository, name))
        running = [subprocess.Popen([SIGNET, "repair"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for _ in range(4)]
        # One that finds things changed by another meanwhile asks to be run again, or names what is not mended yet.
        self.assertLessEqual({one.wait() for one in running}, {0, 1, 14})
        self.signet("repair")
        self.assertEqual(self.config(), config)
        self.signet("check", "--read-data")
        self.assertEqual({backup: self.restorable(backup) for backup in before}, before)

    def test_what_is_behind_a_damaged_entry_counts_for_salvage_alone(self):
        self.alter(self.entry_of_first(), flip())
        listed = self.signet("list", "--json").json()
        self.assertEqual(listed["backups"] if isinstance(listed, dict) else listed, [])
        self.signet("prune", expect=14)
        self.signet("forget", self.second, expect=14)

    def test_nobody_salvages_what_a_stranger_left_behind_a_damaged_entry(self):
        """Trust is for places in a journal, and what stands before does not change it."""
        self.signet("keyring", "trust", self.signet("show", self.second, "--json").json()["writer"], "--until", "2")
        self.alter(self.entry_of_first(), flip())
        self.signet("restore", self.second, "--salvage", "-t", "out", expect=17)
        self.assertNothingAt(self.path("out"))

    def test_without_its_key_nothing_behind_a_damaged_entry_is_salvaged(self):
        self.alter(self.entry_of_first(), flip())
        self.signet("restore", self.second, "--salvage", "-t", "out", expect=13,
                    env={"SIGNET_KEYRING": self.path("other-keyring")})
        self.assertNothingAt(self.path("out"))

    def octets_of(self, name):
        with open(os.path.join(self.repository, name), "rb") as file:
            return file.read()

    def config(self):
        return self.octets_of("config.json")

    def test_a_config_that_is_lost_or_damaged_is_made_again_as_it_was(self):
        right = self.config()
        officer = json.loads(right)["officer"].encode()
        path = os.path.join(self.repository, "config.json")
        damages = [None, b"", b"{}", right[:50], right + b" ", right.replace(b'"format":1', b'"format":3'), right.replace(b"local", b"other"),
                   right.replace(officer, b"a" * 64), b"\0" * len(right), b"x" * 5000]
        damages += [right[:at] + bytes([right[at] ^ 1]) + right[at + 1:] for at in range(3, len(right), 17)]
        for number, damage in enumerate(damages):
            with self.subTest(damage):
                os.unlink(path)
                if damage is not None:
                    write(path, damage)
                if number < 6:
                    self.assertSays(self.signet("list", expect=(1, 10, 14)).err, "config.json")
                    self.assertSays(self.signet("repair", "-n", expect=14).out, "config.json", "would be made again")
                    self.assertEqual(self.config() if damage is not None else None, damage)
                [step] = [one for one in self.signet("repair", "--json").last()["done"] if one["object"] == "config.json"]
                self.assertEqual((step["action"], self.config()), ("config-stored", right))
        self.signet("check", "--read-data")
        self.assertEqual(self.signet("repair", "--json").last()["done"], [])

    def test_a_config_of_a_region_is_made_again(self):
        """The region is known by a link, or by what is left of the file."""
        self.env["SIGNET_REPOSITORY"] = self.path("of-a-region")
        self.signet("key", "create", "west")
        self.signet("keyring", "link", "local:west", "--default", "--region", "eu-west-1")
        self.signet("init", "--region", "eu-west-1")
        right = self.config()
        self.assertIn(b"eu-west-1", right)
        path = os.path.join(self.repository, "config.json")
        os.unlink(path)
        self.signet("repair")
        self.assertEqual(self.config(), right)
        self.signet("keyring", "unlink", "west", "--force")
        write(path, right[20:])
        self.signet("repair")
        self.assertEqual(self.config(), right)

    def test_no_config_is_made_up(self):
        """By a keyring that does not know the repository, or in the place of one that is another."""
        path = os.path.join(self.repository, "config.json")
        right = self.config()
        os.unlink(path)
        self.signet("repair", expect=10, env={"SIGNET_KEYRING": self.path("other-keyring")})
        self.assertFalse(os.path.exists(path))
        write(path, right)
        self.backup(self.source)
        theirs = {"SIGNET_KEYRING": self.path("theirs"), "SIGNET_REPOSITORY": self.path("second")}
        self.signet("init", env=theirs)
        shutil.rmtree(self.repository)
        shutil.copytree(self.path("second"), self.repository)
        their_config = self.config()
        self.assertNotEqual(their_config, right)
        self.signet("repair", expect=17)
        self.assertEqual(self.config(), their_config)

    def test_storage_that_mixes_two_repositories_has_neither_taken_apart(self):
        """At a place that no keyring remembers, and where the keyring knows both."""
        right = self.config()
        officer = json.loads(right)["officer"]
        # Wrapped anew, and the old protector gone: these slots stand in no entry.
        self.signet("key", "rotate", "prod")
        self.signet("rewrap", "--all")
        other = {"SIGNET_REPOSITORY": self.path("second")}
        self.signet("init", env=other)
        with open(os.path.join(self.path("second"), "config.json"), "rb") as file:
            theirs = file.read()
        [entry] = [name for name in os.listdir(os.path.join(self.path("second"), "journal", json.loads(theirs)["officer"])) if name.endswith("1")]
        planted = os.path.join(self.path("second"), "journal", json.loads(theirs)["officer"], entry)
        os.rename(self.repository, self.path("elsewhere"))
        self.env["SIGNET_REPOSITORY"] = self.path("elsewhere")
        own = f"journal/{officer}/0000000001"
        whole = self.octets_of(own)
        path = os.path.join(self.repository, "config.json")
        for config, plants in ((None, True), (theirs, True), (theirs, False)):
            with self.subTest((config, plants)):
                if plants:
                    shutil.copyfile(planted, os.path.join(self.repository, own))
                os.unlink(path)
                if config is not None:
                    write(path, config)
                before = self.objects()
                if plants:
                    self.assertSays(self.signet("repair", expect=14).err, "entries of two repositories", "nothing was changed")
                    self.assertEqual(self.objects(), before)
                else:
                    self.signet("repair")
                    self.assertEqual((self.config(), self.objects("slots")), (right, [one for one in before if one.startswith("slots/")]))
                self.alter(own, lambda _: whole)
                if os.path.exists(path):
                    os.unlink(path)
                write(path, right)
        self.signet("check")
        self.signet("restore", self.second, "-t", "out")

    def test_a_repair_of_config_that_was_stopped_is_ended_by_the_next(self):
        """The region stands in nothing but the damaged file, which is set aside already."""
        self.env["SIGNET_REPOSITORY"] = self.path("of-a-region")
        self.signet("key", "create", "west")
        self.signet("keyring", "link", "local:west", "--default", "--region", "eu-west-1")
        self.signet("init", "--region", "eu-west-1")
        self.signet("keyring", "unlink", "west", "--force")
        right = self.config()
        write(os.path.join(self.repository, "quarantine", "config.json." + "a" * 32), right[20:])
        os.unlink(os.path.join(self.repository, "config.json"))
        self.signet("repair")
        self.assertEqual(self.config(), right)

    def test_why_no_config_can_be_made_is_said(self):
        officer = json.loads(self.config())["officer"]
        right = self.config()
        path = os.path.join(self.repository, "config.json")
        os.unlink(path)
        stranger = self.signet("repair", expect=10, env={"SIGNET_KEYRING": self.path("other-keyring")})
        self.assertSays(stranger.err, "no keyring here knows the repository")
        self.assertNotIn("signet repair", stranger.err)
        # The officer's first entry is not needed for it.
        self.alter(f"journal/{officer}/0000000001", flip())
        self.signet("repair", expect=14)
        self.assertEqual(self.config(), right)

    def test_what_a_keyring_has_seen_is_salvaged_as_proven_and_another_in_its_place_is_not(self):
        """A thief with the writer's key, and the storage, against a keyring that has seen more."""
        shutil.copytree(self.env["SIGNET_KEYRING"], self.path("stolen"))
        shutil.copytree(self.repository, self.path("thiefs"))
        third = self.backup(self.source)["backup_id"]
        thiefs = {"SIGNET_KEYRING": self.path("stolen"), "SIGNET_REPOSITORY": self.path("thiefs")}
        forged = self.backup(self.source, env=thiefs)["backup_id"]
        shown = self.signet("show", third, "--json").json()
        place = f"journal/{shown['writer']}/{shown['sequence']:010}"
        genuine = self.octets_of(place)
        self.alter(self.entry_of_first(), flip())
        told = self.signet("restore", third, "--salvage", "-t", self.path("proven"))
        self.assertSays(told.err, "is proven by what is known of a later entry")
        with open(os.path.join(self.path("thiefs"), place), "rb") as file:
            lie = file.read()
        self.alter(place, lambda _: lie)
        self.assertSays(self.signet("restore", forged, "--salvage", "-t", "out", expect=14).err, "this keyring has seen", place)
        self.assertNothingAt(self.path("out"))
        self.alter(place, lambda _: genuine)
        # With the newest gone, what is left is salvaged all the same.
        os.unlink(os.path.join(self.repository, place))
        self.signet("restore", self.second, "-t", "out", expect=14)
        self.assertSays(self.signet("restore", self.second, "--salvage", "-t", "out").err, "this keyring has seen it", "not proven")

    def test_no_date_is_named_while_backups_may_be_missing(self):
        self.alter(self.entry_of_first(), flip())
        result = self.signet("key", "list", "--needed", "--json", expect=14)
        self.assertTrue(all(one["safe_to_destroy"] is None for one in result.json()))
        self.assertSays(result.err, "there may be more backups")
        self.assertNotIn("there is no backup", self.signet("key", "list", "--needed", expect=14).out)
        self.signet("keyring", "check", expect=14)

    def test_a_writer_is_closed_behind_what_can_be_salvaged_and_a_person_who_cuts_it_off_is_told(self):
        writer = self.signet("show", self.second, "--json").json()["writer"]
        sequence = self.signet("show", self.second, "--json").json()["sequence"]
        self.alter(self.entry_of_first(), flip())
        self.signet("keyring", "adopt", "--new-identity")
        trusted = self.signet("keyring", "trust", self.own_writer(), "--instead-of", writer, "--json").last()
        self.assertEqual(trusted["instead_of_last"], sequence)
        self.signet("restore", self.second, "--salvage", "-t", "out")
        cut = self.signet("keyring", "trust", writer, "--until", "1")
        self.assertSays(cut.err, "1 backup behind damage", "salvaged no more", f"signet keyring trust {writer}")
        self.signet("restore", self.second, "--salvage", "-t", "never", expect=17)

    def own_writer(self):
        return self.signet("keyring", "show", "--json").json()["writer"]

    def test_what_no_object_can_be_is_not_read_to_its_end(self):
        """Four tebibytes of nothing in the place of each kind of object."""
        names = [self.objects(kind)[0] for kind in ("packs", "indexes", "slots")]
        for name in names:
            os.truncate(os.path.join(self.repository, name), 1 << 42)
        for words in (["check"], ["check", "--read-data"], ["repair"], ["check"], ["restore", self.second, "--salvage", "-t", "out"]):
            with self.subTest(words):
                began = time.monotonic()
                self.signet(*words, expect=(0, 3, 14))
                self.assertLess(time.monotonic() - began, 60)

    def test_planted_slots_are_set_aside(self):
        slot = self.objects("slots")[0]
        folder = os.path.dirname(slot)
        dek = os.path.basename(slot).split(".")[0]
        import hashlib
        octets = b"SIGNETSL" + b"\1" * 300
        planted = f"{folder}/{dek}.{hashlib.sha256(octets).hexdigest()}"
        write(os.path.join(self.repository, planted), octets)
        self.signet("check", expect=14)
        self.signet("repair")
        self.assertNotIn(planted, self.objects("slots"))
        self.signet("check")


if __name__ == "__main__":
    main()
