"""Protectors that are to go: the fence, who has not obeyed it yet, and the date from which they can be destroyed."""

import datetime
import hashlib
import os
import shutil

from harness import SignetTest, flip, main, tree_state, wait_until, write


class Retire(SignetTest):
    """An officer's machine with a vault, a host with public halves alone, one backup of each under prod/1, and prod/2."""

    def setUp(self):
        super().setUp()
        self.init()
        self.old = self.thumbprint("prod/1")
        self.source = self.sample_tree()
        self.first = self.backup("--series", "home", "--time", "2026-01-01T00:00:00Z", self.source)["backup_id"]
        write(self.path("prod.pem"), self.signet("key", "export-public", "prod").out)
        self.host = {"SIGNET_KEYRING": self.path("host"), "SIGNET_CACHE_DIR": self.path("host-cache"), "SIGNET_VAULT": self.path("host-vault")}
        self.signet("keyring", "link", "public:prod.pem", "--default", env=self.host)
        self.theirs = write(self.path("theirs/data"), os.urandom(50000))
        self.host_first = self.host_backup("--time", "2026-01-02T00:00:00Z")["backup_id"]
        self.writer = self.signet("keyring", "show", "--json", env=self.host).json()["writer"]
        self.signet("keyring", "trust", self.writer)
        self.signet("key", "rotate", "prod")
        self.new = self.thumbprint("prod/2")

    def thumbprint(self, key):
        return self.signet("key", "show", key, "--json").json()["thumbprint"]

    def own_backup(self):
        return self.backup("--series", "home", self.source)

    def host_backup(self, *words, expect=0):
        return self.signet("backup", "--json", "--series", "theirs", "--host", "web1", *words, self.path("theirs"), env=self.host, expect=expect).last()

    def retire(self, *words, expect=17):
        """What it says of the repository."""
        result = self.signet("key", "retire", "prod/1", "--json", *words, expect=expect)
        report = result.last()
        self.assertEqual((report["message_type"], report["thumbprint"]), ("key_retirement", self.old))
        return report

    def one(self, *words, expect=17):
        row, = self.retire(*words, expect=expect)["repositories"]
        return row

    def days_after(self, backup, days):
        """When a backup was made, whatever time it claims, and so many days later."""
        signed = self.signet("show", backup, "--json").json()["signed"]
        return (datetime.date.fromisoformat(signed[:10]) + datetime.timedelta(days=days)).isoformat() + signed[10:]

    def obeyed(self):
        """Both writers have made a backup behind the fence."""
        self.retire()
        self.own_backup()
        self.host_backup()

    def policy(self):
        return self.signet("keyring", "policy", "--json").json()["policy"]

    def needed(self):
        return {row["thumbprint"]: row for row in self.signet("key", "list", "--needed", "--json").json()}


class Fence(Retire):
    def test_writers_that_have_not_obeyed_it_are_named_and_waited_for(self):
        """[R93, R96]"""
        row = self.one()
        self.assertEqual((row["location"], row["fenced"], row["free"], row["from"]), (self.repository, True, False, None))
        self.assertEqual(self.policy()["retiring"], self.old)
        self.assertEqual(len(row["waiting"]), 2)
        self.own_backup()
        waiting, = self.one()["waiting"]
        self.assertEqual((waiting["identity"], waiting["last_backup"]), (self.writer, "2026-01-02T00:00:00Z"))
        result = self.signet("key", "retire", "prod/1", expect=17)
        self.assertSays(result.out, "waits for", self.writer[:16], "needed by         1 backup, the newest of 2026-01-02", "no date yet")
        self.assertMessage(result, "prod/1 must not be destroyed yet", "1 writer made no backup", f"signet keyring trust {self.writer[:16]} --until 2")

    def test_a_host_with_public_halves_alone_obeys_it_by_itself(self):
        """[R92, R93, R98] It learns of the new default, stores anew, and asks nobody."""
        self.retire()
        result = self.signet("backup", "--json", "--series", "theirs", self.path("theirs"), env=self.host)
        self.assertEqual(result.last()["protector_thumbprint"], self.new)
        self.assertGreater(result.last()["data_added"], 50000)
        self.assertSays(result.err, "names " + self.new[:19], "now linked", "to go")
        links = {link["thumbprint"]: link for link in self.signet("keyring", "show", "--json", env=self.host).json()["links"]}
        self.assertEqual({thumbprint: link["role"] for thumbprint, link in links.items()}, {self.old: "default", self.new: "linked"})
        self.assertEqual(self.host_backup()["data_added"] > 50000, False)

    def test_without_the_public_half_in_the_policy_a_host_is_told_the_command(self):
        self.retire()
        self.signet("keyring", "unlink", self.new[:19], "--force")
        self.signet("keyring", "policy", "set", f"public-key:{self.new}=")
        result = self.signet("backup", "--series", "theirs", self.path("theirs"), env=self.host, expect=17)
        self.assertMessage(result, "retiring", "hint: signet keyring link public:FILE --thumbprint " + self.new[:19] + " --default")
        write(self.path("new.pem"), self.signet("key", "export-public", "prod/2").out)
        self.signet("keyring", "link", "public:new.pem", "--thumbprint", self.new[:19], "--default", env=self.host)
        self.assertEqual(self.host_backup()["protector_thumbprint"], self.new)

    def test_a_default_protector_of_the_policy_carries_its_public_half(self):
        """[R92]"""
        self.signet("keyring", "policy", "set", "default-protector=" + self.new)
        self.assertEqual(self.host_backup()["protector_thumbprint"], self.new)
        self.assertSays(self.signet("keyring", "policy").out, "public-key:" + self.new, "(public half)")

    def test_a_writer_that_is_closed_is_not_waited_for(self):
        """[R96]"""
        self.retire()
        self.own_backup()
        self.signet("keyring", "trust", self.writer, "--until", "2")
        self.assertEqual(self.one()["waiting"], [])

    def start_at_prompt(self, *words):
        """Starts a command that waits where it asks for the passphrase, until there is a file called `go`."""
        ask = f"touch {self.path('asked')}; while [ ! -e {self.path('go')} ]; do sleep 0.02; done; cat {self.env['SIGNET_PASSPHRASE_FILE']}"
        process = self.start(*words, env={"SIGNET_PASSPHRASE_FILE": None, "SIGNET_PASSPHRASE_COMMAND": ask})
        self.assertTrue(wait_until(lambda: os.path.exists(self.path("asked"))))
        return process

    def test_a_policy_that_is_signed_while_another_waits_for_the_passphrase_keeps_both(self):
        """[R96][security]"""
        setting = ["keyring", "policy", "set", "keep-within=30d"]
        retiring = ["key", "retire", "prod/1"]
        for slow, fast in ((setting, retiring), (retiring, setting)):
            with self.subTest(slow):
                process = self.start_at_prompt(*slow)
                self.signet(*fast, expect=(0, 17))
                self.write("go")
                self.finish(process, slow, (0, 17))
                policy = self.policy()
                self.assertEqual((policy["retiring"], policy["keep-within"]), (self.old, "30d"))
                for name in ("asked", "go"):
                    os.remove(self.path(name))
                self.signet("keyring", "policy", "set", "keep-within=", "retiring=none")

    def test_it_is_raised_once(self):
        self.retire()
        before = self.objects("journal")
        self.retire()
        self.assertEqual(self.objects("journal"), before)

    def test_the_default_protector_is_not_retired(self):
        """[R96]"""
        before = tree_state(self.repository)
        self.assertMessage(self.signet("key", "retire", "prod/2", expect=17), "default protector", "signet key rotate")
        self.assertMessage(self.signet("key", "retire", "prod", expect=2), "several versions")
        self.assertEqual(tree_state(self.repository), before)

    def test_a_dry_run_looks_and_changes_nothing(self):
        before = tree_state(self.repository)
        row = self.one("-n")
        self.assertEqual((row["fenced"], row["needing"]), (False, 2))
        self.assertEqual(tree_state(self.repository), before)

    def test_only_an_officer_raises_it(self):
        """[R37]"""
        before = self.objects("journal")
        self.signet("key", "retire", self.old, env=self.host, expect=17)
        self.assertEqual(self.objects("journal"), before)

    def test_rewraps_are_never_under_what_is_to_go(self):
        self.retire()
        self.signet("keyring", "default", self.old[:19])
        self.assertEqual(self.signet("rewrap", "--all", "--json").last()["protectors"], [self.new])
        self.signet("keyring", "policy", "set", "default-protector=none")
        self.assertMessage(self.signet("rewrap", "--all", expect=17), "retiring")


class Date(Retire):
    def test_without_a_retention_rule_there_is_no_date(self):
        """[R96]"""
        self.obeyed()
        row = self.one()
        self.assertEqual((row["waiting"], row["needing"], row["newest"], row["from"]), ([], 1, "2026-01-02T00:00:00Z", None))
        result = self.signet("key", "retire", "prod/1", expect=17)
        self.assertSays(result.out, "no date: the retention rule names no time")
        self.assertSays(result.err, "hint: give those backups another opener: signet rewrap --all -r " + self.repository)
        self.assertIsNone(self.needed()[self.old]["safe_to_destroy"])

    def test_the_date_is_when_the_newest_that_needs_it_may_be_forgotten(self):
        """[R96] The policy lets a backup be forgotten so long after it was made: what time it claims does not count."""
        self.signet("keyring", "policy", "set", "keep-within=365d")
        self.retire()
        self.assertIsNone(self.needed()[self.old]["safe_to_destroy"])
        self.obeyed()
        date = self.days_after(self.host_first, 365)
        self.assertEqual(self.one()["from"], date)
        self.assertMessage(self.signet("key", "retire", "prod/1", expect=17), "must not be destroyed before " + date[:10])
        # Without unwrapping, slots that nobody signed do not count: it is later, never earlier.
        rows = self.needed()
        self.assertGreaterEqual(rows[self.old]["safe_to_destroy"], date)
        self.assertIsNone(rows[self.new]["safe_to_destroy"])
        self.assertSays(self.signet("key", "list", "--needed").out, "SAFE TO DESTROY", rows[self.old]["safe_to_destroy"][:10], "in use")
        self.assertMessage(self.signet("key", "delete", "prod/1", expect=17), "hint: keep it until " + date[:10])

    def test_after_a_rewrap_it_can_be_destroyed_and_everything_still_opens(self):
        """[R93, R96]"""
        self.obeyed()
        self.signet("rewrap", "--all")
        report = self.retire(expect=0)
        self.assertTrue(report["free"])
        key = self.signet("key", "show", "prod/1", "--json").json()
        self.assertEqual(key["state"], "expired")
        self.assertIn("retired/1", key["tags"])
        self.retire(expect=0)
        self.signet("key", "delete", "prod/1")
        for backup in (self.first, self.host_first):
            self.signet("restore", backup, "-t", "out-" + backup[:8])
        self.signet("check")

    def test_a_retired_key_opens_and_does_not_wrap(self):
        """[R96]"""
        self.obeyed()
        self.signet("rewrap", "--all")
        self.retire(expect=0)
        self.env["SIGNET_KEYRING"] = self.path("another")
        self.signet("keyring", "link", "local:prod/1")
        self.signet("restore", self.first, "-t", "out")
        self.signet("keyring", "default", self.old[:19], expect=13)

    def test_slots_that_somebody_stored_open_nothing(self):
        """[R96][security]"""
        self.obeyed()
        for name in self.objects("slots"):
            if self.old[7:] not in name:
                continue
            with open(os.path.join(self.repository, name), "rb") as file:
                content = file.read().replace(bytes.fromhex(self.old[7:]), bytes.fromhex(self.new[7:]))
            dek = os.path.basename(name).split(".")[0]
            write(os.path.join(self.repository, "slots", "sha256-" + self.new[7:], dek + "." + hashlib.sha256(content).hexdigest()), content)
        self.signet("keyring", "policy", "set", "keep-within=365d")
        date = self.days_after(self.host_first, 365)
        self.assertGreaterEqual(self.needed()[self.old]["safe_to_destroy"], date)
        row = self.one()
        self.assertEqual((row["needing"], row["from"]), (1, date))

    def test_the_date_counts_backups_to_come_that_may_still_refer_to_what_it_opens(self):
        """[R96] An offline recovery protector opens that too: hosts rely on it, and this one cannot prove it."""
        self.signet("--vault", self.path("safe"), "key", "create", "offline", "--size", "2048")
        write(self.path("offline.pem"), self.signet("--vault", self.path("safe"), "key", "export-public", "offline").out)
        self.signet("keyring", "link", "public:offline.pem", "--recovery")
        self.signet("keyring", "policy", "set", "keep-within=30d", "dedup-horizon=90d", "after-rotation=inherit")
        self.signet("keyring", "default", self.old[:19])
        self.write("source/new", os.urandom(50000))
        self.backup("--series", "home", "--time", "2026-02-01T00:00:00Z", self.source)
        self.signet("keyring", "default", self.new[:19])
        self.retire()
        self.own_backup()
        self.host_backup()
        before = self.one()["from"]
        self.own_backup()
        row = self.one()
        self.assertGreater(row["needing"], 1)
        self.assertEqual(row["from"], before)
        self.assertEqual(self.needed()[self.old]["safe_to_destroy"], before)
        made = datetime.datetime.now(datetime.timezone.utc)
        self.assertAlmostEqual((datetime.datetime.fromisoformat(before.replace("Z", "+00:00")) - made).total_seconds() / 86400, 120, delta=0.1)

    def test_two_that_are_to_go_do_not_vouch_for_each_other(self):
        """[R96][security]"""
        self.obeyed()
        self.signet("rewrap", "--all")
        self.signet("key", "rotate", "prod")
        self.assertEqual(self.signet("key", "retire", "prod/2", "--json", expect=17).last()["repositories"][0]["fenced"], True)
        self.assertGreater(self.one()["needing"], 0)

    def test_another_copy_of_the_key_is_no_other_opener(self):
        """[R96, R127]"""
        self.obeyed()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("twin"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", "local:" + self.path("twin") + "#prod/1", "--twin-of", self.old[:19])
        self.assertEqual(self.one()["needing"], 1)


class Strangers(Retire):
    """To put a journal into a repository takes no key: who is not trusted keeps no protector in use."""

    def stranger(self, name="stranger"):
        """A host that nobody has decided about, with a backup under prod/1. returns  its environment"""
        env = {"SIGNET_KEYRING": self.path(name), "SIGNET_CACHE_DIR": self.path(name + "-cache"), "SIGNET_VAULT": self.path(name + "-vault")}
        self.signet("keyring", "link", "public:prod.pem", "--default", env=env)
        self.backup("--series", "strange", "--host", "new1", self.path("theirs"), env=env)
        return env

    def writer_of(self, env):
        return self.signet("keyring", "show", "--json", env=env).json()["writer"]

    def test_a_stranger_does_not_keep_a_key_in_use_and_is_named(self):
        """[R96][security]"""
        env = self.stranger()
        self.obeyed()
        self.signet("rewrap", "--all")
        row = self.one(expect=0)
        self.assertEqual((row["free"], row["needing"], row["obstacles"]), (True, 0, []))
        untrusted, = row["untrusted"]
        self.assertEqual((untrusted["writer"], untrusted["backups"], untrusted["undecided"]), (self.writer_of(env), 1, True))
        self.assertSays(self.signet("key", "retire", "prod/1").out, "not counted", "writer " + self.writer_of(env)[:16], "1 backup that would need it too",
                        "nobody has decided about this writer yet: signet keyring trust " + self.writer_of(env)[:16])
        self.assertSays(self.signet("key", "delete", "prod/1").err, "would need prod/1 too", "signet keyring trust " + self.writer_of(env)[:16])

    def test_a_new_host_that_is_trusted_first_is_waited_for(self):
        """[R96] What the line is for."""
        env = self.stranger()
        self.obeyed()
        self.signet("rewrap", "--all")
        self.signet("keyring", "trust", self.writer_of(env))
        row = self.one()
        self.assertEqual((row["needing"], [one["identity"] for one in row["waiting"]], row["untrusted"]), (1, [self.writer_of(env)], []))

    def test_a_writer_whom_the_officer_has_turned_down_is_counted_and_asks_for_nothing(self):
        env = self.stranger()
        self.signet("keyring", "trust", self.writer_of(env), "--until", "0")
        self.obeyed()
        self.signet("rewrap", "--all")
        self.assertFalse(self.one(expect=0)["untrusted"][0]["undecided"])
        self.assertNotIn("decided", self.signet("key", "retire", "prod/1").out)

    def test_what_is_wrong_with_a_strangers_journal_stops_nothing(self):
        """[R96, R98][security]"""
        env = self.stranger()
        self.backup("--series", "strange", self.path("theirs"), env=env)
        self.obeyed()
        self.signet("rewrap", "--all")
        self.alter(f"journal/{self.writer_of(env)}/0000000002", flip())
        self.assertEqual(self.one(expect=0)["obstacles"], [])
        self.signet("key", "delete", "prod/1")

    def test_a_broken_officers_journal_leaves_no_answer(self):
        """[security] Who counts is not known then."""
        self.stranger()
        self.obeyed()
        self.signet("rewrap", "--all")
        officer = self.signet("keyring", "show", "--json").json()["officer"]
        entry = [name for name in self.objects("journal") if officer in name][-1]
        self.alter(entry, flip())
        self.signet("key", "retire", "prod/1", "-n", expect=(14, 17))
        self.signet("key", "delete", "prod/1", expect=(14, 17))

    def test_key_compromised_ends_although_a_stranger_has_something_under_the_key(self):
        """[R98][security]"""
        env = self.stranger()
        before = self.signet("key", "compromised", "prod/1", "-n", "--json")
        exposed, = [line for line in before.lines() if line["message_type"] == "exposed"]
        self.assertEqual([row["id"] for row in exposed["backups"]], [self.first, self.host_first])
        self.assertSays(before.err, "1 backup by writers who are not trusted", "nobody has decided yet about " + self.writer_of(env)[:16])
        self.signet("key", "compromised", "prod/1", expect=17)
        self.own_backup()
        self.host_backup()
        result = self.signet("key", "compromised", "prod/1", "--backup-to", "prod.backup")
        self.assertSays(result.out, "5/7 no backup needs it", "7/7 prod/1 is deleted")
        self.assertSays(result.err, "would need prod/1 too")


class Places(Retire):
    def second(self):
        other = self.path("second")
        self.signet("init", "-r", other)
        return other

    def test_every_repository_that_the_keyring_knows_is_judged_by_name(self):
        """[R96]"""
        other = self.second()
        self.obeyed()
        self.signet("rewrap", "--all")
        report = self.retire(expect=0)
        self.assertEqual([row["location"] for row in report["repositories"]], [self.repository, other])
        self.assertEqual([row["fenced"] for row in report["repositories"]], [True, True])

    def test_one_that_cannot_be_looked_at_stands_in_the_way(self):
        """[R96]"""
        other = self.second()
        self.obeyed()
        self.signet("rewrap", "--all")
        shutil.rmtree(other)
        report = self.retire()
        self.assertEqual([(row["location"], row["free"]) for row in report["repositories"]], [(self.repository, True), (other, False)])
        self.assertMessage(self.signet("key", "retire", "prod/1", expect=17), other, "--except " + other)
        self.retire("--except", other, expect=0)

    def test_an_empty_one_whose_backups_it_is_to_wrap_stands_in_the_way(self):
        """[R96] No backup there needs it yet."""
        self.signet("key", "create", "far", "--size", "2048")
        self.signet("keyring", "link", "local:far", "--default", "--region", "far")
        other = self.path("far-repository")
        self.signet("init", "--region", "far", "-r", other)
        result = self.signet("key", "retire", "far/1", expect=17)
        self.assertMessage(result, other, "is this keyring's default protector for local/far")
        self.assertIsNone(self.signet("key", "show", "far", "--json").json()["expires"])
        self.signet("backup", "-r", other, self.source)

    def test_one_that_was_named_must_be_there(self):
        self.signet("key", "retire", "prod/1", "--also", self.path("nowhere"), expect=10)


class Compromised(Retire):
    def compromised(self, key, *words, expect=17):
        return self.signet("key", "compromised", key, *words, expect=expect)

    def steps(self, result):
        return [line["step"] for line in result.lines() if line["message_type"] == "step"]

    def test_it_lists_what_was_exposed_and_says_what_stays_readable(self):
        """[R98]"""
        result = self.compromised("prod/1", "-n", "--json", expect=0)
        exposed, = [line for line in result.lines() if line["message_type"] == "exposed"]
        self.assertEqual([row["id"] for row in exposed["backups"]], [self.first, self.host_first])
        result = self.compromised("prod/1")
        self.assertSays(result.out, "1/7 prod/1 is not the default", "2/7 the policy of 1 repository says", "3/7 the data keys of 2 backups were exposed",
                        self.first[:8], self.host_first[:8], "4/7 2 backups sealed anew")
        self.assertSays(result.err, "copies of a repository that were taken before stay readable", "names of all its backups", "5/7")
        self.assertEqual(self.policy()["compromised"], self.old)
        result = self.compromised("prod/1", "--json")
        self.assertEqual(self.steps(result), [1, 2, 3, 4])
        self.assertEqual([line for line in result.lines() if line["message_type"] == "exposed"], [])

    def test_to_its_end_every_backup_is_restored_without_the_key(self):
        """[R98]"""
        self.compromised("prod/1")
        self.own_backup()
        self.host_backup()
        result = self.compromised("prod/1", "--backup-to", "prod.backup", expect=0)
        self.assertSays(result.out, "3/7 no backup", "4/7 nothing is left", "5/7 no backup needs it", "7/7 prod/1 is deleted")
        self.signet("plan", self.first, "--without-key", "prod/1")
        self.signet("restore", self.first, "-t", "out", "--verify")
        self.signet("check", "--read-data")

    def test_copies_in_other_vaults_are_named_at_the_end(self):
        """[R98, R127]"""
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("twin"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", f"local:{self.path('twin')}#prod/1", "--twin-of", self.old)
        self.compromised("prod/1")
        self.own_backup()
        self.host_backup()
        result = self.compromised("prod/1", "--backup-to", "again.backup", expect=0)
        self.assertSays(result.err, "prod/1 is in local:" + self.path("twin"), "delete it there as well")

    def test_a_dry_run_changes_nothing(self):
        before = (tree_state(self.repository), tree_state(self.path("vault")))
        self.assertSays(self.compromised("prod/2", "-n", expect=0).out, "another protector would become the default", "3/7 no backup")
        self.assertEqual((tree_state(self.repository), tree_state(self.path("vault"))), before)

    def test_the_default_is_replaced_first(self):
        """[R92, R98]"""
        self.own_backup()
        self.assertSays(self.compromised("prod/2").out, "1/7 prod", "is the default protector in its place", "3/7 the data keys of 2 backups")
        self.assertEqual(self.own_backup()["protector_thumbprint"], self.thumbprint("prod/3"))
        self.signet("key", "create", "fresh", "--size", "2048")
        self.compromised("prod/3", "--replace-by", "local:fresh")
        self.assertEqual(self.host_backup()["protector_thumbprint"], self.thumbprint("fresh"))

    def test_no_new_backup_refers_to_what_it_ever_wrapped(self):
        """[R98] Not even to what was wrapped anew."""
        self.signet("rewrap", "--all")
        self.compromised("prod/1")
        ids = {self.own_backup()["backup_id"], self.host_backup()["backup_id"]}
        lines = self.compromised("prod/1", "--json", expect=None).lines()
        self.assertEqual([line for line in lines if line["message_type"] == "exposed"], [])
        needed = {row["id"]: row["needs"] for row in self.signet("list", "--json").json()}
        for one in ids:
            for need in needed[one]:
                self.assertNotIn(self.old, need["thumbprints"])

    def test_a_slot_that_the_protector_does_not_open_exposes_nothing(self):
        """[security]"""
        self.signet("key", "create", "spare", "--size", "2048")
        spare = self.thumbprint("spare")
        self.signet("keyring", "link", "local:spare")
        for name in self.objects("slots"):
            with open(os.path.join(self.repository, name), "rb") as file:
                content = file.read().replace(bytes.fromhex(self.old[7:]), bytes.fromhex(spare[7:]))
            dek = os.path.basename(name).split(".")[0]
            write(os.path.join(self.repository, "slots", "sha256-" + spare[7:], dek + "." + hashlib.sha256(content).hexdigest()), content)
        self.assertSays(self.compromised("spare").out, "3/7 no backup has a data key that it opens")

    def test_it_goes_on_where_it_stopped(self):
        """[R98]"""
        self.signet("key", "create", "spare", "--size", "2048")
        self.signet("keyring", "link", "local:spare")
        result = self.compromised("spare", "--json")
        self.assertEqual(self.steps(result), [1, 2, 3, 4])
        self.assertSays(result.err, "5/7", "2 writers made no backup")
        entries = self.objects("journal")
        self.own_backup()
        self.host_backup()
        self.assertSays(self.compromised("spare").err, "6/7", "--backup-to FILE")
        self.assertEqual(len(self.objects("journal")), len(entries) + 4)  # two for each run
        result = self.compromised("spare", "--backup-to", "spare.backup", expect=0)
        self.assertSays(result.out, "2/7 the policy of 1 repository says that it is compromised (as before)", "5/7 no backup needs it",
                        "6/7 a key backup of spare is in spare.backup", "7/7 spare/1 is deleted; it can be recovered until")
        self.assertEqual(self.signet("key", "show", "spare", "--json").json()["state"], "deleted")
        self.assertTrue(os.path.exists(self.path("spare.backup")))
        self.assertSays(self.compromised("spare", expect=0).out, "6/7 it was deleted before")
        notes = [line["operation"] for line in self.signet("keyring", "audit", "--json").lines() if line.get("event") == "note"]
        for operation in ("fence-compromised", "key-compromised", "key-backup", "key-delete"):
            self.assertIn(operation, notes)
        self.signet("keyring", "audit", "--verify")

    def test_obeying_that_it_retires_is_not_enough(self):
        """[R98] A rewrapped data key may be referred to then."""
        self.signet("key", "create", "spare", "--size", "2048")
        self.signet("keyring", "link", "local:spare")
        self.signet("key", "retire", "spare", expect=17)
        self.own_backup()
        self.host_backup()
        self.signet("key", "retire", "spare")
        self.assertSays(self.compromised("spare").err, "2 writers made no backup")


if __name__ == "__main__":
    main()
