"""Replicas: the same repository in a second region, under a second keyring and vault."""

import hashlib
import os
import shutil

from harness import SignetTest, flip, main, plant_slots, tree_state, wait_until, write


class ReplicaTest(SignetTest):
    """West is where the template's repository, keyring and vault are; east is a folder with a keyring and a vault."""

    def setUp(self):
        super().setUp()
        self.from_template()
        self.east_repository = self.path("east", "repository")
        self.east_keyring = self.path("east", "keyring")
        self.east_vault = self.path("east", "vault")
        self.signet("key", "create", "east", "--size", "2048", "--vault", self.east_vault)
        self.signet("keyring", "link", f"local:{self.east_vault}#east", "--default", "--region", "east", "-k", self.east_keyring)
        self.east_key = self.default_of(self.east_keyring)

    # Places and keys.

    def default_of(self, keyring):
        links = self.signet("keyring", "show", "--json", "-k", keyring).json()["links"]
        return [link["thumbprint"] for link in links if link["role"] == "default"][0]

    def wrap_for_east(self):
        """From now on every new data key is wrapped for east's key as well."""
        pem = self.signet("key", "export-public", "east", "--vault", self.east_vault).out
        self.signet("keyring", "link", "public:" + self.write("east.pem", pem), "--recovery", "--region", "east")

    def make_replica(self):
        self.wrap_for_east()
        self.signet("keyring", "policy", "set", "replicas=east")
        return self.init_replica("-k", self.east_keyring, "-k", self.env["SIGNET_KEYRING"]).last()

    def init_replica(self, *words, **more):
        return self.signet("init", "--json", "--replica-of", self.repository, "-r", self.east_repository, "--region", "east", *words, **more)

    def in_east(self, *words, **more):
        """With east's keyring, and without a way to west's vault."""
        return self.signet(*words, "-k", self.east_keyring, "--vault", self.path("nowhere"), "-r", self.east_repository, **more)

    def copy(self, *words, **more):
        return self.signet("copy", "--json", "--to", self.east_repository, "-k", self.east_keyring, *words, **more)

    def name_east(self):
        self.signet("keyring", "replica", "add", "east", "--with", self.east_keyring, "--with-vault", self.east_vault)

    # Looking.

    def octets(self, repository, *left_out):
        return {name: what[-1] for name, what in tree_state(repository).items()
                if what[0] == "file" and not name.startswith(("tmp/", *left_out))}

    def ids(self, repository, keyring):
        return [row["id"] for row in self.signet("list", "--json", "-r", repository, "-k", keyring).json()]

    def assertEastIsWhole(self):
        self.signet("check", "-r", self.east_repository, "-k", self.east_keyring)

    def more(self, octets=300_000):
        write(f"{self.source}/more-{len(os.listdir(self.source))}", os.urandom(octets))
        return self.backup(self.source, "--series", "home")["backup_id"]


class MakingOne(ReplicaTest):
    def test_it_is_the_same_repository_and_opens_with_its_regions_key_alone(self):
        """[R135, R136]"""
        made = self.make_replica()
        self.assertEqual((made["message_type"], made["region"], made["slots_added"], made["problems"]), ("initialized", "east", 2, []))
        west = self.octets(self.repository)
        east = self.octets(self.east_repository)
        self.assertEqual({name: east[name] for name in west}, west)
        self.assertEqual({name.split("/")[0] for name in east.keys() - west.keys()}, {"slots"})
        self.assertEastIsWhole()
        shutil.rmtree(self.env["SIGNET_VAULT"])
        for backup in (self.first, self.second):
            self.in_east("restore", backup, "-t", self.path("out-" + backup[:4]))
        self.assertSameTree(self.restored(self.path("out-" + self.second[:4]), self.template_source), self.source)

    def test_without_a_key_that_opens_them_everything_is_copied_and_13_says_what_lacks(self):
        """[R140]"""
        self.signet("keyring", "policy", "set", "replicas=east")
        result = self.init_replica("-k", self.east_keyring, expect=13)
        self.assertEqual((result.last()["deks_without_slot"], result.last()["problems"]), (2, []))
        self.assertEqual(self.octets(self.east_repository), self.octets(self.repository))
        self.assertEqual(self.copy(expect=13).last()["objects_copied"], 0)
        self.copy("--no-rewrap")
        self.assertEqual(self.copy("-k", self.env["SIGNET_KEYRING"]).last()["slots_added"], 2)
        self.in_east("restore", self.first, "-t", "out")

    def test_a_region_without_a_key_of_its_own_is_refused(self):
        """[R49, R135]"""
        self.signet("keyring", "policy", "set", "replicas=east,north")
        result = self.signet("init", "--replica-of", self.repository, "-r", self.path("north"), "--region", "north", "-k", self.east_keyring, expect=13)
        self.assertMessage(result, "no default protector for local/north", "signet keyring link LOCATION --default --region north")
        self.assertNothingAt(self.path("north"))

    def test_the_officer_says_which_regions_and_at_most_four(self):
        """[R137]"""
        self.assertSays(self.init_replica("-k", self.east_keyring, expect=17).err, "does not name east", "replicas=east")
        self.signet("keyring", "policy", "set", "replicas=a,b,c,d")
        self.assertSays(self.init_replica("-k", self.east_keyring, expect=17).err, "there can be no more")
        self.assertMessage(self.signet("keyring", "policy", "set", "replicas=a,b,c,d,east", expect=17), "at most")
        self.signet("keyring", "policy", "set", "replicas=West", expect=2)
        self.assertNothingAt(self.east_repository)

    def test_a_fifth_keyring_of_a_replica_is_refused(self):
        """[R137]"""
        for region in ("a", "b", "c", "d"):
            self.signet("keyring", "replica", "add", region, "--with", self.east_keyring)
        self.assertMessage(self.signet("keyring", "replica", "add", "e", "--with", self.east_keyring, expect=17), "4 replicas")
        self.assertEqual(len(self.signet("keyring", "replica", "--json").json()["keyrings"]), 4)

    def test_no_replica_is_made_of_a_replica(self):
        """[R138]"""
        self.make_replica()
        self.signet("keyring", "policy", "set", "replicas=east,north")
        self.copy()
        self.signet("keyring", "link", f"local:{self.env['SIGNET_VAULT']}#prod", "--default", "--region", "north", "-k", self.path("north", "keyring"))
        refused = self.signet("init", "--replica-of", self.east_repository, "-r", self.path("north", "repository"), "--region", "north",
                              "-k", self.path("north", "keyring"), "-k", self.east_keyring, expect=17)
        self.assertMessage(refused, "no replica is made of a replica")
        refused = self.signet("copy", "-r", self.east_repository, "--to", self.path("north", "repository"), "--init", "-k", self.east_keyring, expect=17)
        self.assertMessage(refused, "no replica is made of a replica")
        self.assertNothingAt(self.path("north", "repository"))

    def test_one_keyring_may_serve_both_regions(self):
        self.signet("keyring", "link", f"local:{self.east_vault}#east", "--default", "--region", "east")
        self.signet("keyring", "policy", "set", "replicas=east")
        self.assertEqual(self.init_replica().last()["slots_added"], 2)
        made = self.more()
        self.assertEqual(self.signet("copy", "--json", "--to", self.east_repository).last()["slots_added"], 1)
        self.assertEqual(self.signet("rewrap", "--all", "--json", "-r", self.east_repository).last()["protectors"], [self.east_key])
        self.in_east("restore", made, "-t", "out")
        self.signet("keyring", "replica")

    def test_what_it_does_not_take(self):
        self.signet("keyring", "policy", "set", "replicas=east,local")
        self.signet("init", "--replica-of", self.repository, "-r", self.east_repository, "-k", self.east_keyring, expect=2)
        self.signet("init", "--replica-of", self.path("nothing"), "-r", self.east_repository, "--region", "east", "-k", self.east_keyring, expect=10)
        self.assertNothingAt(self.east_repository)
        own = self.signet("init", "--replica-of", self.repository, "-r", self.east_repository, "--region", "local", "-k", self.east_keyring, expect=17)
        self.assertMessage(own, "in region local itself")
        self.signet("init", "-r", self.east_repository, "-k", self.path("other"), "--vault", self.path("other-vault"))
        before = tree_state(self.east_repository)
        self.assertSays(self.init_replica("-k", self.east_keyring, expect=17).err, "another repository")
        self.assertEqual(tree_state(self.east_repository), before)

    def test_nothing_but_copies_is_written_to_it(self):
        self.make_replica()
        self.name_east()
        before = self.octets(self.east_repository)
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        for words in (["backup", self.source], ["tag", self.first, "--set", "kept"], ["keyring", "trust", writer], ["keyring", "policy", "set", "max-deks=8"]):
            for keyring in (self.east_keyring, self.env["SIGNET_KEYRING"]):
                with self.subTest(" ".join(words[:2]), keyring=keyring):
                    result = self.signet(*words, "-r", self.east_repository, "-k", keyring, expect=17)
                    self.assertMessage(result, "is a replica")
        self.assertEqual(self.octets(self.east_repository), before)


class Copying(ReplicaTest):
    def setUp(self):
        super().setUp()
        self.make_replica()

    def test_it_brings_what_is_new_and_nothing_twice(self):
        made = self.more()
        rehearsal = self.copy("-n").last()
        before = tree_state(self.east_repository)
        self.assertEqual(tree_state(self.east_repository), before)
        report = self.copy().last()
        for field in ("objects_copied", "bytes_copied", "entries_copied"):
            self.assertEqual(report[field], rehearsal[field], field)
        self.assertEqual((report["entries_copied"], report["problems"], report["slots_added"]), (2, [], 0))
        self.assertEqual(self.copy().last()["objects_copied"], 0)
        self.assertEastIsWhole()
        self.in_east("restore", made, "-t", "out")
        self.assertSameTree(self.restored(self.path("out")), self.source)

    def test_killed_at_any_moment_it_leaves_a_repository_and_goes_on(self):
        """[security] The target is whole whenever the copy is killed."""
        before = self.ids(self.east_repository, self.east_keyring)
        made = self.more(64 << 20)
        packs = os.path.join(self.east_repository, "packs")
        count = lambda: sum(len(files) for _, _, files in os.walk(packs))
        had = count()
        for _ in range(3):
            process = self.start("copy", "--to", self.east_repository, "-k", self.east_keyring, "--jobs", "1")
            wait_until(lambda: count() > had or process.poll() is not None)
            process.kill()
            process.communicate()
            had = count()
            self.assertEastIsWhole()
            self.assertIn(self.ids(self.east_repository, self.east_keyring), (before, before + [made]))
        self.copy()
        self.assertEqual(self.ids(self.east_repository, self.east_keyring), before + [made])
        self.assertEastIsWhole()

    def test_interrupted_it_ends_with_130_and_no_entry_before_its_packs(self):
        self.more(64 << 20)
        process = self.start("copy", "--to", self.east_repository, "-k", self.east_keyring, "--jobs", "1")
        had = len(self.octets(self.east_repository))
        wait_until(lambda: len(self.octets(self.east_repository)) > had or process.poll() is not None)
        process.terminate()
        self.finish(process, ["copy"], (0, 130))
        self.assertEastIsWhole()

    def test_a_damaged_object_is_named_and_left_out_and_the_rest_is_copied(self):
        before = set(self.objects("packs"))
        self.more()
        damaged = sorted(set(self.objects("packs")) - before)[0]
        self.alter(damaged, flip())
        result = self.copy(expect=14)
        self.assertEqual([one["object"] for one in result.last()["problems"]], [damaged])
        self.assertSays(result.err, damaged)
        self.assertNothingAt(os.path.join(self.east_repository, damaged))
        west, east = self.octets(self.repository), self.octets(self.east_repository)
        self.assertEqual(west.keys() - east.keys(), {damaged})
        self.alter(damaged, flip())
        self.assertEqual(self.copy().last()["objects_copied"], 1)
        self.assertEastIsWhole()

    def test_a_copy_of_what_withholds_entries_that_were_seen_is_not_whole(self):
        """[security]"""
        self.more()
        self.signet("list")  # by which the keyring has seen the newest entry
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        newest = sorted(self.objects("journal/" + writer))[-1]
        os.rename(os.path.join(self.repository, newest), self.path("withheld"))
        self.assertSays(self.copy("-k", self.env["SIGNET_KEYRING"], expect=14).err, newest, "this keyring has seen it")
        os.rename(self.path("withheld"), os.path.join(self.repository, newest))
        self.copy()

    def test_of_a_journal_with_a_damaged_entry_what_stands_is_copied(self):
        kept, lost, later = self.more(), self.more(), self.more()
        journals = [name for name in self.objects("journal") if lost == self.id_of(name)]
        self.alter(journals[0], flip())
        report = self.copy(expect=14).last()
        self.assertEqual(report["entries_withheld"], 3)
        self.assertEqual(self.ids(self.east_repository, self.east_keyring)[-1], kept)
        self.assertNotIn(later, self.ids(self.east_repository, self.east_keyring))
        self.assertEastIsWhole()

    def id_of(self, name):
        with open(os.path.join(self.repository, name), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def test_while_an_officers_journal_is_broken_nobody_elses_entries_are_copied(self):
        """[security] The entry that is lost may be the one that withdrew a writer."""
        made = self.more()
        officer = self.signet("keyring", "show", "--json").json()["officer"]
        self.signet("keyring", "policy", "set", "max-deks=32")
        newest = sorted(self.objects("journal/" + officer))[-1]
        self.alter(newest, flip())
        result = self.copy(expect=14)
        self.assertSays(result.err, newest)
        self.assertGreater(result.last()["entries_withheld"], 0)
        self.assertNotIn(made, self.ids(self.east_repository, self.east_keyring))
        self.alter(newest, flip())
        self.copy()
        self.assertIn(made, self.ids(self.east_repository, self.east_keyring))

    def test_what_was_shortened_in_the_target_is_named_and_not_overwritten(self):
        pack = [name for name in self.octets(self.east_repository) if name.startswith("packs/")][0]
        path = os.path.join(self.east_repository, pack)
        with open(path, "rb+") as file:
            file.truncate(100)
        self.assertSays(self.copy(expect=14).err, pack)
        self.assertEqual(os.path.getsize(path), 100)
        os.remove(path)
        self.copy()
        self.assertEastIsWhole()

    def test_two_places_that_were_both_written_to_are_not_mixed(self):
        twin = self.path("twin")
        shutil.copytree(self.env["SIGNET_KEYRING"], self.path("keyring-2"))
        self.signet("copy", "--to", twin, "--init")
        self.more()
        write(f"{self.source}/other", b"other")
        self.signet("backup", self.source, "--series", "home", "-r", twin, "-k", self.path("keyring-2"))
        before = tree_state(twin)
        self.assertMessage(self.signet("copy", "--to", twin, expect=14), "both places", "nothing was copied")
        self.assertEqual(tree_state(twin), before)

    def test_slots_that_were_added_in_the_replica_flow_back(self):
        self.signet("copy", "-r", self.east_repository, "--to", self.repository, "-k", self.east_keyring)
        self.assertEqual(self.octets(self.repository), self.octets(self.east_repository))
        self.signet("restore", self.first, "-t", "out", "-k", self.east_keyring, "--vault", self.path("nowhere"))

    def back(self, *words, **more):
        return self.signet("copy", "--json", "-r", self.east_repository, "--to", self.repository, "-k", self.east_keyring, *words, **more).last()

    def test_what_was_shredded_here_is_not_brought_back_and_is_shredded_there_as_well(self):
        """[security]"""
        west = self.env["SIGNET_KEYRING"]
        self.back()
        receipt = self.signet("forget", self.second, "--shred", "--json").last()
        gone = receipt["packs"] + receipt["indexes"] + receipt["slots"]
        self.assertGreater(receipt["packs"], 0)
        before = self.octets(self.repository)
        # The replica knows nothing of it yet.
        report = self.back()
        self.assertEqual((report["objects_copied"], report["objects_left_out"] >= gone), (0, True))
        self.assertEqual(self.octets(self.repository), before)
        self.assertMessage(self.signet("forget", self.second, "--shred", "-r", self.east_repository, "-k", self.east_keyring, expect=17), "is a replica")
        self.copy()
        self.assertEqual(self.back()["objects_copied"], 0)
        # It is finished there without an officer, and nothing is written, whichever keyring is named.
        journals = self.octets(self.east_repository, "packs", "indexes", "slots")
        receipt = self.signet("forget", self.second, "--shred", "--json", "-r", self.east_repository, "-k", self.east_keyring).last()
        self.assertGreaterEqual(receipt["objects_deleted"], gone)
        self.signet("forget", self.second, "--shred", "-r", self.east_repository, "-k", west)
        self.assertEqual(self.octets(self.east_repository, "packs", "indexes", "slots"), journals)
        self.copy()
        self.assertEastIsWhole()
        self.signet("check")
        self.in_east("restore", self.first, "-t", "out")

    def test_who_has_seen_more_than_one_of_the_places_shows_brings_nothing_back_either(self):
        """[security] The officer's own keyring, and a further copy that is behind."""
        twin = self.path("twin")
        self.signet("copy", "--to", twin, "--init")
        receipt = self.signet("forget", self.second, "--shred", "--json").last()
        before = self.octets(self.repository)
        back = self.signet("copy", "--json", "-r", twin, "--to", self.repository, expect=14).last()
        self.assertEqual((back["objects_copied"], back["objects_left_out"]), (0, receipt["objects_deleted"]))
        self.assertEqual(self.octets(self.repository), before)
        third = self.more()
        self.signet("forget", third)
        self.assertGreater(self.signet("copy", "--json", "--to", twin).last()["objects_left_out"], 0)
        # What was said and is in neither place may be that a backup counts again: then everything is copied.
        self.signet("undelete", third)
        writer = self.signet("keyring", "show", "--json").json()["officer"]
        newest = sorted(self.objects(f"journal/{writer}"))[-1]
        os.rename(os.path.join(self.repository, newest), self.path("newest"))
        result = self.signet("copy", "--json", "--to", twin, expect=14)
        self.assertSays(result.err, "which backups are forgotten cannot be known", newest)
        self.assertEqual(result.last()["objects_left_out"], 0)

    def test_a_forgotten_backup_is_not_copied_until_it_is_taken_back(self):
        third = self.more()
        self.signet("forget", third)
        self.assertGreater(self.copy().last()["objects_left_out"], 0)
        self.assertNotIn(third, self.ids(self.east_repository, self.east_keyring))
        self.signet("undelete", third)
        self.assertEqual(self.copy("-k", self.env["SIGNET_KEYRING"]).last()["objects_left_out"], 0)
        self.assertEastIsWhole()
        self.in_east("restore", third, "-t", "out")

    def test_a_replica_is_pruned_but_not_repacked(self):
        """Repacked is in the primary; a copy brings what came of it."""
        self.copy()
        before = tree_state(self.east_repository)
        for words in ((), ("-n",)):
            self.assertMessage(self.in_east("prune", "--max-unused", "0", *words, expect=17), "replica", "signet copy")
        self.assertEqual(tree_state(self.east_repository), before)
        self.assertTrue(self.in_east("prune", "--json").last()["replica"])

    def test_what_copy_does_not_take(self):
        self.signet("copy", expect=2)
        self.signet("copy", "--to", self.repository, expect=2)
        self.assertMessage(self.signet("copy", "--to", self.path("empty"), expect=10), "no repository")
        self.assertNothingAt(self.path("empty"))
        self.signet("copy", "--to", self.path("empty"), "--init", "-n")
        self.assertNothingAt(self.path("empty"))
        self.signet("init", "-r", self.path("other"), "-k", self.path("other-keyring"), "--vault", self.path("other-vault"))
        before = tree_state(self.path("other"))
        self.assertMessage(self.signet("copy", "--to", self.path("other"), expect=17), "another repository")
        self.assertEqual(tree_state(self.path("other")), before)


class Failover(ReplicaTest):
    def setUp(self):
        super().setUp()
        self.make_replica()
        # The standby's writer is trusted while all is well.
        standby = self.signet("keyring", "show", "--json", "-k", self.east_keyring).json()["writer"]
        self.signet("keyring", "trust", standby)
        self.copy()

    def test_restores_and_then_backups_go_on_in_the_second_region_and_come_back(self):
        """[R130, R142]"""
        os.rename(self.repository, self.path("lost"))
        os.rename(self.env["SIGNET_VAULT"], self.path("lost-vault"))
        self.in_east("keyring", "check")
        self.in_east("restore", "-t", "out")
        self.assertSameTree(self.restored(self.path("out"), self.template_source), self.source)

        self.assertMessage(self.in_east("backup", self.source, expect=17), "is a replica", "promote")
        self.in_east("keyring", "replica", "promote")
        write(f"{self.source}/written-in-the-east", b"after the failover")
        made = self.in_east("backup", "--json", self.source).last()
        self.assertEqual((made["protector_thumbprint"], made["trusted"]), (self.east_key, True))
        self.in_east("restore", made["backup_id"], "-t", "out-2")
        self.assertSameTree(self.restored(self.path("out-2")), self.source)

        os.rename(self.path("lost"), self.repository)
        os.rename(self.path("lost-vault"), self.env["SIGNET_VAULT"])
        report = self.signet("copy", "--json", "--to", self.east_repository, "-k", self.east_keyring, "-n").last()
        self.assertEqual(report["entries_ahead"], 2)
        self.signet("copy", "-r", self.east_repository, "--to", self.repository, "-k", self.east_keyring)
        self.in_east("keyring", "replica", "demote")
        self.in_east("backup", self.source, expect=17)
        self.assertEqual(self.octets(self.repository), self.octets(self.east_repository))
        self.assertEqual(self.ids(self.repository, self.env["SIGNET_KEYRING"])[-1], made["backup_id"])
        self.signet("check")
        self.more()

    def test_a_first_place_that_is_gone_is_made_anew_from_the_replica(self):
        shutil.rmtree(self.repository)
        refused = self.signet("copy", "-r", self.east_repository, "--to", self.repository, "--init", "-k", self.east_keyring, expect=17)
        self.assertMessage(refused, "promote")
        self.in_east("keyring", "replica", "promote")
        self.signet("copy", "-r", self.east_repository, "--to", self.repository, "--init", "-k", self.east_keyring)
        self.assertEqual(self.octets(self.repository), self.octets(self.east_repository))
        self.in_east("keyring", "replica", "demote")
        self.more()
        self.copy()

    def test_a_host_brings_its_own_keyring_to_the_promoted_place(self):
        self.name_east()
        shutil.rmtree(self.repository)
        self.assertMessage(self.signet("backup", self.source, "-r", self.east_repository, expect=17), "is a replica")
        self.in_east("keyring", "replica", "promote")
        made = self.backup(self.source, "-r", self.east_repository)
        self.assertTrue(made["trusted"])
        self.in_east("restore", made["backup_id"], "-t", "out")

    def test_only_what_a_keyring_knows_as_a_replica_is_promoted(self):
        self.assertMessage(self.signet("keyring", "replica", "promote", expect=2), "is no replica")
        self.in_east("keyring", "replica", "promote")
        again = self.init_replica("-k", self.east_keyring, expect=17)
        self.assertSays(again.err, "was promoted")


class Rotation(ReplicaTest):
    def versions(self):
        links = self.signet("keyring", "show", "--json").json()["links"]
        return {link["locations"][0].removeprefix("local:"): link["role"] for link in links if link["name"] == "prod"}

    def carry_over(self):
        """East gets every version of west's key, and links the newest."""
        self.signet("key", "backup", "prod", "-o", self.path("prod.backup"))
        self.signet("key", "restore", self.path("prod.backup"), "--vault", self.east_vault)
        os.remove(self.path("prod.backup"))
        self.signet("keyring", "link", f"local:{self.east_vault}#prod", "--region", "east", "-k", self.east_keyring)

    def test_with_a_key_of_its_own_a_replica_is_ready_at_once(self):
        """[R141]"""
        self.wrap_for_east()
        self.name_east()
        self.signet("key", "rotate", "prod")
        self.assertEqual(self.versions(), {"prod/1": "linked", "prod/2": "default"})

    def test_the_same_key_must_be_there_before_it_is_the_default_here(self):
        """[R141]"""
        self.carry_over()
        self.name_east()
        self.assertMessage(self.signet("key", "rotate", "prod", expect=17), "prod/2 is made", "not the default yet", "east could not open")
        self.assertEqual(self.versions(), {"prod/1": "default", "prod/2": "linked"})
        second = [one["thumbprint"] for one in self.signet("key", "list", "--json").json() if one["version"] == 2][0]
        for words in (["keyring", "default", second], ["keyring", "link", "local:prod", "--default"], ["keyring", "revalidate", "--use-key", second]):
            self.assertMessage(self.signet(*words, expect=17), "replicas first")
        result = self.signet("backup", "--json", self.source)
        self.assertSays(result.err, "prod/2 does not take over")
        self.assertNotEqual(result.last()["protector_thumbprint"], second)
        self.carry_over()
        self.assertEqual(self.backup(self.source)["protector_thumbprint"], second)
        self.assertEqual(self.versions(), {"prod/1": "linked", "prod/2": "default"})

    def test_one_command_lets_it_take_over_once_it_is_there(self):
        self.carry_over()
        self.name_east()
        self.signet("key", "rotate", "prod", expect=17)
        self.carry_over()
        self.signet("keyring", "link", "local:prod", "--default")
        self.assertEqual(self.versions(), {"prod/1": "linked", "prod/2": "default"})

    def test_a_replica_out_of_reach_holds_rotation_up_until_it_is_taken_off(self):
        self.wrap_for_east()
        self.name_east()
        os.rename(self.east_keyring, self.path("unplugged"))
        self.assertMessage(self.signet("key", "rotate", "prod", expect=17), "east cannot be asked")
        self.signet("keyring", "replica", "remove", "east")
        self.signet("keyring", "link", "local:prod", "--default")
        self.assertEqual(self.versions()["prod/2"], "default")
        self.signet("keyring", "replica", "remove", "east", expect=2)


class Comparing(ReplicaTest):
    def compare(self, *words, **more):
        return self.signet("keyring", "compare", "--json", "--with", self.east_keyring, "--with-vault", self.east_vault, *words, **more)

    def test_what_only_one_side_can_open_is_13_in_both_directions(self):
        """[R136, R140]"""
        self.wrap_for_east()
        made = self.more()
        result = self.compare(expect=13)
        self.assertEqual((result.last()["backups"], result.last()["only_here"], result.last()["only_there"]), (3, 3, 0))
        self.signet("rewrap", "--all")
        report = self.compare().last()
        self.assertEqual((report["arrangement"], report["only_here"], report["only_there"]), ("own-keys", 0, 0))
        rows = {row["thumbprint"]: row for row in report["protectors"]}
        self.assertEqual(rows[self.east_key]["backups"], 3)
        self.assertEqual((rows[self.east_key]["here"]["status"], rows[self.east_key]["there"]["can_open"]), ("wrap-only", True))
        other = [row for row in report["protectors"] if row["thumbprint"] != self.east_key][0]
        self.assertIsNone(other["there"])
        self.signet("key", "disable", "prod")
        self.assertEqual(self.compare(expect=13).last()["only_there"], 3)
        self.assertTrue(made)

    def test_the_slots_of_the_place_that_is_named_count_even_when_it_is_behind(self):
        self.make_replica()
        self.more()
        self.assertEqual(self.compare(expect=13).last()["only_here"], 3)
        report = self.compare("-r", self.east_repository).last()
        self.assertEqual((report["arrangement"], report["backups"], report["only_here"]), ("own-keys", 2, 0))

    def test_the_same_key_in_both_vaults_is_compared_in_its_properties(self):
        """[R139, R140]"""
        self.signet("key", "backup", "prod", "-o", self.path("prod.backup"))
        self.signet("key", "restore", self.path("prod.backup"), "--vault", self.east_vault)
        self.signet("keyring", "link", f"local:{self.east_vault}#prod/1", "--region", "east", "-k", self.east_keyring)
        report = self.compare().last()
        self.assertEqual((report["arrangement"], report["only_here"], [row["differences"] for row in report["protectors"]]), ("same-keys", 0, [[], []]))
        self.signet("key", "disable", "prod", "--vault", self.east_vault)
        result = self.compare(expect=13)
        self.assertSays(str(result.last()["protectors"]), "state: enabled here, disabled there")
        self.signet("key", "enable", "prod", "--vault", self.east_vault)
        self.compare("--test")

    def test_properties_alone_are_1(self):
        """[R139]"""
        self.signet("key", "create", "waived", "--no-purge-protection", "--vault", self.path("second-vault"))
        self.signet("key", "backup", "prod", "-o", self.path("prod.backup"))
        self.signet("key", "restore", self.path("prod.backup"), "--vault", self.path("second-vault"))
        self.signet("keyring", "link", f"local:{self.path('second-vault')}#prod/1", "--region", "east", "-k", self.east_keyring)
        result = self.signet("keyring", "compare", "--with", self.east_keyring, expect=1)
        self.assertSays(result.out, "purge protection: on here, off there", "same-keys")

    def test_rights_are_probed_with_test(self):
        """[R139]"""
        self.wrap_for_east()
        self.signet("rewrap", "--all")
        report = self.compare("--test").last()
        row = [row for row in report["protectors"] if row["thumbprint"] == self.east_key][0]
        self.assertTrue(row["there"]["tested"])
        audit = self.signet("keyring", "audit", "-k", self.east_keyring, env={"SIGNET_REPOSITORY": None}).out
        self.assertEqual(audit.count("intent   test"), 2)

    def test_hollow_slots_make_no_replica_ready(self):
        """[security] Somebody stored slots for the replica's key that hold nothing."""
        self.wrap_for_east()
        deks = {need["dek_id"] for row in self.signet("list", "--json").json() for need in row["needs"]}
        plant_slots(self.repository, self.east_key, deks)
        result = self.compare(expect=13)
        report = result.last()
        self.assertEqual((report["claimed_here"], report["claimed_there"], report["only_here"]), (0, report["backups"], report["backups"]))
        self.assertSays(result.err, "only if stored slots that nobody signed tell the truth")
        report = self.compare("--test", expect=13).last()
        self.assertEqual((report["claimed_there"], report["only_here"]), (0, report["backups"]))
        self.signet("rewrap", "--all")
        self.compare()
        # A machine that has made no slots itself opens them, and then knows.
        self.assertEqual(self.compare("--no-cache", expect=13).last()["claimed_there"], report["backups"])
        self.assertEqual(self.compare("--no-cache", "--test").last()["claimed_there"], 0)

    def test_nothing_that_opens_what_comes_is_13(self):
        shutil.rmtree(self.repository)
        self.signet("init")
        self.assertMessage(self.signet("keyring", "compare", "--with", self.east_keyring, expect=13), "from now on")
        self.signet("keyring", "compare", expect=2)
        self.signet("keyring", "compare", "--with", self.path("nothing"), expect=2)


class KeysThatGo(ReplicaTest):
    """The officer's keyring has looked at the replica, and so asks it as well."""

    def setUp(self):
        super().setUp()
        self.make_replica()
        self.name_east()
        self.signet("restore", self.first, "-t", "seen", "-r", self.east_repository)
        # The keyring was copied with its repository, and still knows where that was.
        self.elsewhere = ("--except", self.made_at + "/repository")

    def test_a_compromised_key_is_dealt_with_in_the_primary_and_waits_for_the_copy(self):
        """[R98, R136] A replica that is behind stops nothing, and is not passed over."""
        result = self.signet("key", "compromised", "prod/1", *self.elsewhere, expect=17)
        self.assertSays(result.out, "2/7 the policy of 1 repository says", "4/7 2 backups sealed anew")
        self.assertSays(result.err, "1 replica of it", "signet copy")
        self.more()
        words = ("key", "compromised", "prod/1", "--backup-to", "prod.backup", *self.elsewhere)
        self.assertMessage(self.signet(*words, expect=17), f"{self.east_repository}: it is a replica", "signet copy brings it up")
        self.copy()
        self.assertSays(self.signet(*words).out, "5/7 no backup needs it", "7/7 prod/1 is deleted")
        self.assertEastIsWhole()
        self.in_east("restore", self.first, "-t", "out")

    def test_a_recovery_protector_that_a_replica_has_stays_one_beside_its_new_version(self):
        """[R88, R141] East opens what is wrapped in west by nothing else."""
        self.signet("keyring", "unlink", self.east_key)
        self.signet("key", "backup", "east", "-o", "east.backup", "--vault", self.east_vault)
        self.signet("key", "restore", "east.backup")
        self.signet("keyring", "link", "local:east", "--recovery", "--region", "east")
        self.assertSays(self.signet("key", "rotate", "east").err, "stays a recovery protector beside it", "signet keyring unlink")
        backup = self.more()
        self.copy()
        self.in_east("restore", backup, "-t", "out")

    def test_a_replica_that_is_behind_holds_up_a_retirement(self):
        """[R96]"""
        self.signet("key", "rotate", "prod")
        self.signet("key", "retire", "prod/1", *self.elsewhere, expect=17)
        self.more()
        self.signet("rewrap", "--all")
        result = self.signet("key", "retire", "prod/1", *self.elsewhere, expect=17)
        self.assertMessage(result, "it is a replica", f"signet copy --to {self.east_repository}")
        self.assertNotIn("--except", result.err)
        self.copy()
        self.signet("key", "retire", "prod/1", *self.elsewhere)


if __name__ == "__main__":
    main()
