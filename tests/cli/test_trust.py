"""Writers, officers, pins: whose backups are believed; and hosts that can write and not read."""

import os
import shutil

from harness import SignetTest, flip, main, wait_until, write


class Trust(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.own = self.env["SIGNET_KEYRING"]

    def other_host(self, name="other"):
        """A host of its own that has linked the same key, without the officer. returns its environment"""
        env = {"SIGNET_KEYRING": self.path(name), "SIGNET_CACHE_DIR": self.path(name + "-cache"), "SIGNET_VAULT": self.path(name + "-vault")}
        self.signet("keyring", "link", f"local:{self.path('vault')}#prod", "--default", env=env)
        return env

    def test_an_untrusted_writers_backup_is_made_with_a_warning_and_not_restored_until_trusted(self):
        other = self.other_host()
        result = self.signet("backup", "--json", "--series", "theirs", self.source, env=other)
        self.assertFalse(result.last()["trusted"])
        writer = self.signet("keyring", "show", "--json", env=other).json()["writer"]
        self.assertSays(result.err, "signet keyring trust " + writer)
        backup = result.last()["backup_id"]
        rows = {row["id"]: row for row in self.signet("list", "--json").json()}
        self.assertFalse(rows[backup]["restorable"])
        self.assertSays(self.signet("list").out, "untrusted")
        self.assertMessage(self.signet("restore", backup, "-t", "out", expect=17), "trust")
        self.assertMessage(self.signet("restore", "latest", "-t", "out", expect=17), "trust")
        self.assertNothingAt(self.path("out"))
        self.signet("restore", self.second, "-t", "mine")
        self.signet("check")

        self.assertMessage(self.signet("keyring", "trust", writer, env=other, expect=17), "officer")
        self.signet("keyring", "trust", writer[:16])
        self.signet("restore", backup, "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)
        result = self.signet("backup", "--json", "--series", "theirs", self.source, env=other)
        self.assertTrue(result.last()["trusted"])
        self.assertNotIn("keyring trust", result.err)

    def test_trust_can_end(self):
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.signet("keyring", "trust", writer, "--until", "2")
        self.signet("restore", self.first, "-t", "out")
        self.signet("restore", self.second, "-t", "out2", expect=17)
        self.assertNothingAt(self.path("out2"))

    def test_trust_that_ends_while_a_backup_runs_ends_the_backup(self):
        """[security] It says what a restore would say of it."""
        self.from_template()
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        words = ["backup", "--json", "--series", "stream", "--stdin-from-command", "--", "cat", fifo]
        slots = self.objects("slots")
        running = self.start(*words)
        with open(fifo, "wb") as stream:
            stream.write(os.urandom(40 << 20))  # enough for a pack, before which the run says that it begins
            stream.flush()
            self.assertTrue(wait_until(lambda: self.objects("slots") != slots), "no data key was made")
            entries = len(os.listdir(os.path.join(self.repository, "journal", writer)))
            self.signet("keyring", "trust", writer, "--until", str(entries))
        result = self.finish(running, words, 17)
        self.assertSays(result.err, "ended the trust in writer " + writer, "while the backup ran", "adopt --new-identity")
        self.assertEqual(len(self.signet("list", "--json").json()), 2)

    def test_a_writer_who_was_withdrawn_is_told_that_nobody_trusts_its_backup(self):
        self.from_template()
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.assertTrue(self.backup(self.source)["trusted"])
        self.signet("keyring", "trust", writer, "--until", "0")
        self.assertFalse(self.backup(self.source)["trusted"])

    def test_names_of_another_writer_are_learnt_by_opening_its_backup(self):
        other = self.other_host()
        self.backup("--series", "theirs", self.source, env=other)
        self.signet("keyring", "trust", self.signet("keyring", "show", "--json", env=other).json()["writer"])
        self.assertIsNone(self.signet("list", "--json").json()[-1]["series"])
        self.signet("ls", "latest")
        self.assertEqual(self.signet("list", "--json").json()[-1]["series"], "theirs")

    def test_a_series_of_two_hosts_is_chosen_by_its_host_or_id(self):
        other = self.other_host()
        theirs = self.backup("--series", "home", "--host", "app", self.source, env=other)["backup_id"]
        self.signet("keyring", "trust", self.signet("keyring", "show", "--json", env=other).json()["writer"])
        self.signet("ls", theirs)
        rows = {row["id"]: row for row in self.signet("list", "--json").json()}
        host, series = rows[self.second]["host"], self.signet("show", self.second, "--json").json()["series_id"]
        for words in (["restore", "-t", "out"], ["plan"], ["plan", "--from", "2026-01-01"]):
            with self.subTest(words):
                self.assertMessage(self.signet(*words, "--series", "home", expect=2), "several series match", "of host app", "of host " + host,
                                   series[:16], "--host")
                if words[0] == "plan":
                    self.signet(*words, "--series", "home", "--host", host)
                    self.signet(*words, "--series", series[:16])
        self.assertNothingAt(self.path("out"))
        self.signet("restore", "--series", "home", "--host", host, "-t", "mine")
        self.signet("restore", "--series", series[:16], "-t", "mine-too")
        self.assertSameTree(self.path("mine"), self.path("mine-too"))
        # Before the other host had made one there was no question.
        self.signet("restore", "--series", "home", "--at", "2026-02-02", "-t", "then")

    def test_unknown_identities_are_usage(self):
        self.signet("keyring", "trust", "0123456789abcdef", expect=2)
        self.signet("keyring", "trust", "x", expect=2)

    def test_first_contact_shows_the_officer_and_later_ones_do_not(self):
        officer = self.signet("keyring", "show", "--json").json()["officer"]
        other = self.other_host()
        self.assertSays(self.signet("backup", self.source, env=other).err, officer)
        self.assertNotIn(officer, self.signet("backup", self.source, env=other).err)

    def test_adopt_compares_the_officer(self):
        officer = self.signet("keyring", "show", "--json").json()["officer"]
        other = self.other_host()
        self.assertMessage(self.signet("keyring", "adopt", "--officer", "f" * 64, env=other, expect=17), officer)
        self.assertTrue(self.signet("keyring", "adopt", "--officer", officer[:16], "--json", env=other).json()["new"])
        self.assertFalse(self.signet("keyring", "adopt", "--officer", officer, "--json", env=other).json()["new"])

    def test_another_repository_in_the_place_of_a_pinned_one_is_noticed(self):
        """Somebody puts up a repository with the same id and an officer of their own."""
        import json
        path = os.path.join(self.repository, "config.json")
        with open(path) as file:
            config = json.load(file)
        config["officer"] = "ab" * 32
        os.chmod(path, 0o600)
        write(path, json.dumps(config, sort_keys=True, separators=(",", ":")) + "\n")
        for words in (["list"], ["backup", self.source], ["restore", "-t", "out"], ["plan"]):
            with self.subTest(words):
                self.assertMessage(self.signet(*words, expect=(14, 17)))
        self.assertNothingAt(self.path("out"))

    def withdraw(self, writer, **more):
        """The officer trusts the writer for nothing any more. returns  the name of that entry"""
        before = set(self.objects("journal"))
        self.signet("keyring", "trust", writer, "--until", "0", **more)
        return (set(self.objects("journal")) - before).pop()

    def test_a_broken_officers_journal_stops_everything_that_reads(self):
        """[security: a revocation must not be undone by damage]"""
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        entry = self.withdraw(writer)
        for seen in (False, True):
            if seen:
                self.signet("restore", self.first, "-t", "out", expect=17)
            for name, change in (("altered", flip(-70)), ("emptied", lambda content: b"")):
                with open(os.path.join(self.repository, entry), "rb") as file:
                    whole = file.read()
                self.alter(entry, change)
                with self.subTest(name, seen=seen):
                    letter = self.source + "/letter.txt"
                    for words in (["restore", self.first, "-t", "out"], ["restore", "-t", "out"], ["dump", self.first, letter],
                                  ["restore", "--at", "2100-01-01", "-t", "out"], ["ls", self.first], ["find", "letter.txt"],
                                  ["find", "letter.txt", "--backup", self.first], ["diff", self.first, self.second],
                                  ["plan", self.first], ["plan", "--from", "2000-01-01"], ["check", "--read-data"],
                                  ["backup", self.source]):
                        with self.subTest(words):
                            self.assertSays(self.signet(*words, expect=14).err, entry)
                    self.assertNothingAt(self.path("out"))
                    self.assertEqual([row["restorable"] for row in self.signet("list", "--json").json()], [False, False])
                    listed = self.signet("list").out
                    self.assertSays(listed, "trust unknown")
                    self.assertNotIn(" ok", listed)
                    self.assertSays(self.signet("show", self.first).out, "trust unknown")
                self.alter(entry, lambda content: whole)

    def test_a_withdrawn_officers_broken_journal_stops_nothing(self):
        """One rule for backup and restore: what has no effect may be damaged."""
        other = self.other_host()
        self.signet("init", "-r", self.path("elsewhere"), env=other)
        officer = self.signet("keyring", "show", "--json", env=other).json()["officer"]
        self.signet("keyring", "trust", officer, "--role", "officer")
        self.signet("keyring", "trust", "e" * 64, env=other)
        entry = f"journal/{officer}/0000000001"
        self.signet("restore", "-t", "seen")
        self.alter(entry, flip(-70))
        self.assertSays(self.signet("restore", self.first, "-t", "out", expect=14).err, entry)
        self.assertSays(self.signet("backup", self.source, expect=14).err, entry)
        self.assertNothingAt(self.path("out"))
        self.signet("keyring", "trust", officer, "--role", "officer", "--until", "0")
        self.signet("restore", self.first, "-t", "out")
        self.backup(self.source)
        os.remove(os.path.join(self.repository, entry))
        self.signet("restore", self.first, "-t", "out2")
        self.backup(self.source)

    def test_a_statement_that_a_nearer_officer_overrules_fails(self):
        deputy = self.other_host()
        self.signet("init", "-r", self.path("elsewhere"), env=deputy)
        self.signet("keyring", "trust", self.signet("keyring", "show", "--json", env=deputy).json()["officer"], "--role", "officer")
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.assertMessage(self.signet("keyring", "trust", writer, "--until", "0", env=deputy, expect=1), "not in force")
        self.signet("keyring", "trust", "ab" * 32, env=deputy)
        self.signet("restore", self.second, "-t", "out")
        self.withdraw(writer)
        self.assertMessage(self.signet("keyring", "trust", writer, env=deputy, expect=1), "not in force")
        self.signet("restore", self.second, "-t", "out2", expect=17)

    def test_a_withdrawn_officer_signs_nothing(self):
        deputy = self.other_host()
        self.signet("init", "-r", self.path("elsewhere"), env=deputy)
        officer = self.signet("keyring", "show", "--json", env=deputy).json()["officer"]
        self.signet("keyring", "trust", officer, "--role", "officer")
        self.signet("keyring", "policy", "set", "keep-within=3d", env=deputy)
        for until in ("1", "0"):
            self.signet("keyring", "trust", officer, "--role", "officer", "--until", until)
            before = self.objects("journal")
            self.assertMessage(self.signet("keyring", "policy", "set", "keep-within=4d", env=deputy, expect=17), "is no officer of the repository")
            self.assertEqual(self.objects("journal"), before)

    def test_another_repository_in_the_place_of_a_known_one_is_refused(self):
        """[security: a forged repository, with an id and an officer of its own, is no first contact]"""
        forger = self.other_host("forger")
        self.signet("restore", "-t", "first")
        known = self.signet("keyring", "show", "--json").json()["officer"]
        os.rename(self.repository, self.path("away"))
        self.signet("init", env=forger)
        self.backup(self.source, env=forger)
        forged = self.signet("keyring", "show", "--json", env=forger).json()["officer"]
        os.symlink(self.repository, self.path("alias"))
        for words in (["restore", "-t", "out"], ["backup", self.source], ["list"], ["check"], ["plan"], ["keyring", "policy", "show"],
                      ["keyring", "trust", "ab" * 32], ["list", "-r", self.path("alias")],
                      ["list", "-r", "local:" + self.repository + "/"]):
            with self.subTest(words):
                self.assertMessage(self.signet(*words, expect=17), known, forged, "keyring adopt")
        self.assertMessage(self.signet("keyring", "adopt", expect=17), "--officer")
        self.assertNothingAt(self.path("out"))
        self.signet("keyring", "adopt", "--officer", forged)
        self.signet("list")
        shutil.rmtree(self.repository)
        os.rename(self.path("away"), self.repository)
        self.signet("list", expect=17)
        self.signet("keyring", "adopt", "--officer", known)
        self.signet("restore", "-t", "out")
        shutil.rmtree(self.repository)
        self.signet("init")
        self.backup(self.source)

    def test_a_policy_that_was_seen_cannot_be_taken_away(self):
        before = set(self.objects("journal"))
        self.signet("keyring", "policy", "set", "after-rotation=fresh")
        entry = (set(self.objects("journal")) - before).pop()
        hosts = {}
        for name, words in (("backup", ["backup", self.source]), ("show", ["keyring", "policy", "show"]), ("restore", ["list"])):
            hosts[name] = self.other_host(name)
            self.signet("keyring", "adopt", env=hosts[name])
            self.signet(*words, env=hosts[name])
        self.signet("restore", self.first, "-t", "seen", env=hosts["restore"])
        os.remove(os.path.join(self.repository, entry))
        for name, env in hosts.items():
            for words in (["backup", self.source], ["backup", "--dry-run", self.source], ["keyring", "policy", "show"], ["restore", self.first, "-t", "out"]):
                with self.subTest(name, words=words):
                    self.assertSays(self.signet(*words, env=env, expect=14).err, entry)
        self.assertMessage(self.signet("keyring", "trust", "ab" * 32, expect=14), "journal/")

    def test_a_journal_that_was_cut_short_is_noticed(self):
        self.signet("list")
        self.signet("restore", "-t", "first")
        for name in self.objects("journal"):
            if name.endswith("0000000002"):
                os.remove(os.path.join(self.repository, name))
        self.assertMessage(self.signet("restore", "-t", "out", expect=14), "journal/")
        self.assertMessage(self.signet("backup", self.source, expect=14), "journal/")
        self.signet("check", expect=14)
        self.assertNothingAt(self.path("out"))


class WriteOnlyHost(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        pem = self.signet("key", "export-public", "prod").raw
        reader = dict(self.env)
        self.use(self.path("host"))
        self.reader = {name: reader[name] for name in ("SIGNET_KEYRING", "SIGNET_VAULT", "SIGNET_PASSPHRASE_FILE", "SIGNET_CACHE_DIR")}
        self.env["SIGNET_REPOSITORY"] = reader["SIGNET_REPOSITORY"]
        del self.env["SIGNET_PASSPHRASE_FILE"]
        self.write("host/prod.pem", pem)
        self.signet("keyring", "link", "public:host/prod.pem", "--default")
        self.writer = None
        self.backup("--series", "host", self.source)
        self.writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.signet("keyring", "trust", self.writer, env=self.reader)

    def test_it_has_nothing_that_reads(self):
        """[R24]"""
        self.assertNothingAt(self.env["SIGNET_VAULT"])
        shown = self.signet("keyring", "show", "--json").json()
        self.assertEqual([link["status"] for link in shown["links"]], ["wrap-only"])
        self.assertEqual(shown["state"], "ok")
        for words in (["restore", "-t", "out"], ["ls"], ["dump", "latest", self.source + "/letter.txt"], ["find", "x", "--backup", "latest"]):
            with self.subTest(words):
                result = self.signet(*words, expect=13)
                self.assertSays(result.err, "only its public half is linked")
        self.assertNothingAt(self.path("out"))
        plan = self.signet("plan", "--json", expect=13).json()
        self.assertEqual(plan["required"][0]["status"], "wrap-only")

    def test_it_deduplicates_with_and_without_its_cache(self):
        """[R82] A host that can unwrap nothing."""
        write(f"{self.source}/fresh", os.urandom(5000))
        self.assertLess(self.backup("--series", "host", self.source)["data_added"], 9000)
        shutil.rmtree(self.env["SIGNET_CACHE_DIR"], ignore_errors=True)
        self.assertLess(self.backup("--series", "host", self.source)["data_added"], 1000)
        self.assertLess(self.backup("--series", "host", "--no-cache", self.source)["data_added"], 1000)
        self.assertLess(self.backup("--series", "elsewhere", "--no-cache", self.source)["data_added"], 1000)

    def test_its_names_are_known_to_it(self):
        row = self.signet("list", "--json", "--series", "host").json()[0]
        self.assertEqual(row["paths"], [self.source])

    def test_a_key_holder_restores_its_backups(self):
        """[R126]"""
        self.signet("restore", "--series", "host", "-t", "out", env=self.reader, expect=2)  # whose series? its name is not known yet
        backup = self.signet("list", "--json", "--series", "host").json()[0]["id"]
        self.signet("restore", backup, "-t", "out", env=self.reader)
        self.assertSameTree(self.source, self.path("out") + self.source)

    def test_secrets_on_the_host_are_private(self):
        mode = os.stat(os.path.join(self.env["SIGNET_KEYRING"], "writer.key")).st_mode
        self.assertEqual(mode & 0o777, 0o600)
        os.chmod(os.path.join(self.env["SIGNET_KEYRING"], "writer.key"), 0o644)
        self.signet("backup", self.source, expect=17)


if __name__ == "__main__":
    main()
