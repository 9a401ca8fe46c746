"""A host that was rebuilt takes the place of the lost one; a machine that was cloned is noticed."""

import json
import os
import shutil
import signal
import subprocess

from harness import SignetTest, flip, main, wait_until, write

READER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "reader", "signet_reader.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # with python3-cryptography


class Rebuilt(SignetTest):
    """The old host had an escrow protector; of it the repository and the passphrase are left."""

    def setUp(self):
        super().setUp()
        self.start_from(_lost_host)
        self.source = self.path("source")
        # The host has its files back where they were.
        self.was = self.made_at + "/source"
        self.old = dict(self.env)
        self.new = self.host("new")

    def host(self, name):
        return {key: self.path(name, short) for key, short in
                (("SIGNET_KEYRING", "keyring"), ("SIGNET_VAULT", "vault"), ("SIGNET_CACHE_DIR", "cache"))}

    def rebuild(self):
        """The new host, from repository and passphrase."""
        self.env.update(self.new)
        self.signet("keyring", "recover", "--officer", self.officer)
        return self.signet("keyring", "adopt", self.writer[:16], "--json").last()

    def backup_again(self, **more):
        # The tree lies at the place that was backed up.
        return self.backup(self.was, "--series", "home", **more)

    def assertStoresNothing(self, summary):
        """But the times of the folders above the source, which change with every test."""
        self.assertLess(summary["data_added"], 500)
        self.assertEqual(summary["files_new"], summary["total_files_processed"])  # no cache: all of them were read

    def size(self):
        return sum(os.path.getsize(os.path.join(self.repository, name)) for name in self.objects())

    def restorable(self, identity):
        """Each of its backups, and whether it can be restored."""
        return {row["id"]: row["restorable"] for row in self.signet("list", "--json").json() if row["writer"] == identity}

    def test_the_next_backup_stores_next_to_nothing_and_goes_on_with_the_series(self):
        """[R93]"""
        adopted = self.rebuild()
        self.assertEqual((adopted["instead_of"], adopted["instead_of_last"], adopted["trusted"]), (self.writer, 4, True))
        before, packs = self.size(), self.objects("packs")
        summary = self.backup_again()
        self.assertStoresNothing(summary)
        self.assertLessEqual(len(self.objects("packs")), len(packs) + 1)
        self.assertLess(self.size() - before, before / 100)
        self.assertTrue(summary["trusted"])

        rows = self.signet("list", "--series", "home", "--json").json()
        self.assertEqual([row["writer"] for row in rows], [self.writer, self.writer, adopted["writer"]])
        self.assertTrue(all(row["restorable"] and row["series"] == "home" for row in rows))
        line, = [row for row in self.signet("status", "--json").json()["series"] if row["series"] == "home"]
        self.assertEqual((line["backups"], line["writer"]), (3, adopted["writer"]))
        header = self.signet("show", "latest", "--json").json()
        self.assertEqual(header["id"], summary["backup_id"])
        self.assertEqual(header["predecessors"], [self.writer])
        self.assertEqual({part["writer"] for part in header["reach"]}, {self.writer})
        # The plan names the data keys that the lost host made.
        needs = {need["dek_id"] for need in rows[-1]["needs"]}
        self.assertTrue({need["dek_id"] for row in rows[:2] for need in row["needs"]} <= needs)
        self.signet("plan", "latest")
        self.signet("check", "--read-data")

        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(self.was, self.path("out") + self.was)
        # What changes from now on is stored, and nothing else.
        write(f"{self.was}/later.txt", "later\n")
        self.addCleanup(os.remove, f"{self.was}/later.txt")
        self.assertEqual(self.backup_again()["files_new"], 1)
        self.signet("restore", self.first, "-t", "first")

    def test_one_backup_whose_reach_is_broken_hides_nothing_about_the_others(self):
        """The successor's backup refers to an entry of the lost host that is damaged now: it is left out, and said at the end."""
        self.rebuild()
        self.backup_again()
        broken = f"refers to entry 4 of writer {self.writer}, which is not there"
        self.alter(f"journal/{self.writer}/0000000004", flip())
        rows = self.signet("key", "list", "--needed", "--json", expect=14)
        self.assertEqual([row["backups"] for row in rows.json()], [1])
        self.assertSays(rows.err, broken)
        checked = self.signet("keyring", "check", "--json", expect=14)
        self.assertEqual(([row["proven"] for row in checked.json()["protectors"]], checked.json()["broken_backups"]), ([True], 1))
        self.assertSays(checked.err, broken)
        report = self.signet("status", "--json", expect=14).json()
        self.assertEqual([row["backups"] for row in report["protectors"]], [1])
        self.assertTrue(any(broken in one for one in report["problems"]), report["problems"])
        self.assertFalse(any("with the keys at hand" in one for one in report["problems"]), report["problems"])
        self.assertSays(self.signet("metrics", expect=14).out, "signet_protector_usable{")
        result = self.signet("rewrap", "--all", "--json", expect=14)
        self.assertEqual((result.last()["deks"], result.last()["broken_backups"]), (1, 1))
        self.assertSays(result.err, broken, "the others are done")
        compared = self.signet("keyring", "compare", "--with", self.env["SIGNET_KEYRING"], "--json", expect=14)
        self.assertEqual((compared.last()["backups"], compared.last()["broken_backups"]), (2, 1))
        found = self.signet("find", "*.jpg", "--json", expect=14)
        self.assertEqual([one["backup"] for one in found.json()], [self.first])
        self.assertSays(found.err, broken)
        # What cannot be restored pushes nothing out that can.
        kept = self.signet("forget", "--keep-last", "1", "--group-by", "series", "--series", "home", "-n", "--json")
        self.assertEqual([one["id"] for one in kept.lines()[0]["keep"]], [self.first])
        self.assertSays(kept.err, "1 backup that cannot be restored")

    def test_a_backup_that_refers_to_a_lost_journal_is_damaged_and_the_timeline_says_so(self):
        self.rebuild()
        self.backup_again()
        shutil.rmtree(os.path.join(self.repository, "journal", self.writer))
        nobody = {"SIGNET_KEYRING": self.path("nobody")}
        self.assertSays(self.signet("list", env=nobody).out, "damaged")
        self.assertSays(self.signet("timeline", env=nobody).out, "damaged: journal/", "which is not there")
        self.assertSays(self.signet("timeline", "--html", env=nobody).out, "damaged: journal/")

    def test_the_independent_reader_restores_a_successors_backup(self):
        if subprocess.run([SYSTEM_PYTHON, "-c", "import cryptography, zstandard"], capture_output=True).returncode != 0:
            self.skipTest("python3-cryptography and python3-zstandard are not there")
        self.rebuild()
        backup = self.backup_again()["backup_id"]
        phrase = self.env["SIGNET_PASSPHRASE_FILE"]
        done = subprocess.run([SYSTEM_PYTHON, "-B", READER, self.repository, "restore", backup, self.path("read"),
                               "--escrow-passphrase-file", phrase], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertSameTree(self.was, self.path("read") + self.was)
        done = subprocess.run([SYSTEM_PYTHON, "-B", READER, self.repository, "verify", "--escrow-passphrase-file", phrase],
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_who_has_the_old_key_can_go_on_no_more(self):
        """[security] A copy of the old host's writer.key, found after the adoption."""
        thief = {**self.old, "SIGNET_CACHE_DIR": self.path("thief-cache")}
        shutil.copytree(self.old["SIGNET_KEYRING"], self.path("yesterday"))
        self.rebuild()
        good = self.backup_again()["backup_id"]
        before = self.objects()
        result = self.signet("backup", self.was, "--series", "home", env=thief, expect=17)
        self.assertMessage(result, self.writer, "up to entry 4 only", "--new-identity")
        self.assertEqual(self.objects(), before)
        # One that does not ask: another program, or an older repository that the thief shows to it.
        forged = self.forge()
        self.assertMessage(self.signet("restore", forged, "-t", "out", expect=17), "not trusted")
        self.assertNothingAt(self.path("out"))
        self.assertFalse(self.restorable(self.writer)[forged])
        # The successor refers to nothing of it, and its backups are restored as before.
        again = self.backup_again()["backup_id"]
        for backup in (good, again):
            self.signet("restore", backup, "-t", "out-" + backup)
            self.assertSameTree(self.was, self.path("out-" + backup) + self.was)

    def forge(self):
        """An entry by the old key after the last trusted one, made where the officer's last words are withheld."""
        copy = self.path("withheld")
        shutil.copytree(self.repository, copy)
        officer = sorted(os.listdir(f"{copy}/journal/{self.officer}"))
        os.remove(f"{copy}/journal/{self.officer}/{officer[-1]}")
        env = {**self.old, "SIGNET_KEYRING": self.path("yesterday"), "SIGNET_REPOSITORY": copy,
               "SIGNET_CACHE_DIR": self.path("forger")}
        write(f"{self.path('bait')}/x", "bait\n")
        backup = self.backup(self.path("bait"), env=env)["backup_id"]
        subprocess.run(["cp", "-an", copy + "/.", self.repository], check=True)
        return backup

    def test_without_the_officer_the_host_says_what_an_officer_has_to_say(self):
        """Two people, two machines."""
        vault = self.old["SIGNET_VAULT"]
        self.env.update(self.new)
        self.signet("keyring", "adopt", "--officer", self.officer)
        name = [key["name"] for key in self.signet("key", "list", "--json", env=self.old).json()][0]
        self.signet("keyring", "link", f"local:{vault}#{name}", "--default")
        adopted = self.signet("keyring", "adopt", self.writer, "--json").last()
        self.assertFalse(adopted["trusted"])
        self.assertSays(self.signet("keyring", "adopt", self.writer).out, f"signet keyring trust {adopted['writer']} --instead-of {self.writer}")
        words = f"signet keyring trust {adopted['writer']} --instead-of {self.writer}"
        self.assertSays(self.signet("backup", "-n", self.was).err, "does not trust this writer yet", words)
        # An officer who says half of it is told the other half.
        self.signet("keyring", "trust", adopted["writer"], env=self.old)
        self.assertSays(self.signet("backup", "-n", self.was).err, "can still go on", words)
        self.assertFalse(self.signet("keyring", "adopt", self.writer, "--json").last()["trusted"])
        said = self.signet("keyring", "trust", adopted["writer"], "--instead-of", self.writer[:16], "--json", env=self.old).last()
        self.assertEqual((said["instead_of"], said["instead_of_last"]), (self.writer, 4))
        # Once it is said, the host has nothing more to ask for.
        self.assertTrue(self.signet("keyring", "adopt", self.writer, "--json").last()["trusted"])
        result = self.signet("backup", "--json", "--series", "home", self.was)
        self.assertStoresNothing(result.last())
        self.assertNotIn("keyring trust", result.err)
        self.signet("backup", self.was, env=self.old, expect=17)

    def test_what_cannot_be_taken_over_is_refused_and_changes_nothing(self):
        self.env.update(self.new)
        self.signet("keyring", "recover", "--officer", self.officer)
        before = self.objects()
        self.signet("keyring", "adopt", "0123456789abcdef", expect=2)
        self.signet("keyring", "adopt", "f" * 64, expect=17)
        self.signet("keyring", "adopt", self.writer, "--new-identity", expect=2)
        self.signet("keyring", "trust", self.writer, "--instead-of", self.writer, expect=2)
        self.signet("keyring", "trust", self.writer, "--instead-of", self.writer, "--until", "1", expect=2)
        self.assertEqual(self.objects(), before)
        # A writer with backups of its own.
        self.backup_again()
        before = self.objects()
        self.assertMessage(self.signet("keyring", "adopt", self.writer, expect=17), "backups here already", "--new-identity")
        self.assertEqual(self.objects(), before)
        self.signet("keyring", "adopt", "--new-identity")
        self.signet("keyring", "adopt", self.writer)
        self.assertStoresNothing(self.backup_again())

    def test_without_a_protector_nothing_is_taken_over(self):
        self.env.update(self.new)
        self.signet("keyring", "adopt", "--officer", self.officer)
        before = self.objects()
        self.assertMessage(self.signet("keyring", "adopt", self.writer, expect=13))
        self.assertEqual(self.objects(), before)
        with open(self.new["SIGNET_KEYRING"] + "/keyring.json") as file:
            self.assertNotIn("own", json.load(file)["repositories"][0])

    def test_a_second_host_that_is_lost_leaves_its_line_to_the_third(self):
        second = self.rebuild()["writer"]
        self.backup_again()
        self.new = self.host("third")
        self.writer = second
        third = self.rebuild()
        self.assertStoresNothing(self.backup_again())
        header = self.signet("show", "latest", "--json").json()
        self.assertEqual(header["predecessors"][-1], second)
        self.assertEqual(len(header["predecessors"]), 2)
        self.assertEqual(header["writer"], third["writer"])
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(self.was, self.path("out") + self.was)


class Cloned(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.twin = {"SIGNET_KEYRING": self.path("twin"), "SIGNET_CACHE_DIR": self.path("twin-cache")}
        self.writer = self.signet("keyring", "show", "--json").json()["writer"]

    def clone(self):
        shutil.copytree(self.env["SIGNET_KEYRING"], self.twin["SIGNET_KEYRING"])

    def test_two_machines_with_one_identity_are_noticed_by_both(self):
        """[security]"""
        self.clone()
        self.backup(self.source)
        before = self.objects()
        result = self.signet("backup", self.source, env=self.twin, expect=17)
        self.assertMessage(result, "another machine writes with this identity", self.writer[:16], "entry 5",
                           "keyring adopt --new-identity", "keyring adopt " + self.writer[:16])
        self.signet("backup", "-n", self.source, env=self.twin, expect=17)
        self.assertEqual(self.objects(), before)
        # Looking changes nothing of that.
        for words in (["list"], ["check"], ["restore", "latest", "-t", "out"], ["plan"]):
            self.signet(*words, env=self.twin)
        self.signet("backup", self.source, env=self.twin, expect=17)
        self.backup(self.source)

        # The clone gets an identity of its own, and both go on.
        made = self.signet("keyring", "adopt", "--new-identity", "--json", env=self.twin).last()
        self.assertEqual(made["former"], self.writer)
        self.signet("keyring", "trust", made["writer"])
        self.assertTrue(self.backup(self.source, env=self.twin)["trusted"])
        self.backup(self.source)
        self.signet("check")

    def test_a_keyring_brought_back_from_an_old_copy_goes_on_when_told(self):
        self.clone()
        self.backup(self.source)
        self.signet("backup", self.source, env=self.twin, expect=17)
        self.signet("keyring", "adopt", self.writer, env=self.twin)
        self.backup(self.source, env=self.twin)
        # Now the other one is the copy.
        self.signet("backup", self.source, expect=17)

    def test_a_writer_key_alone_is_noticed_as_well(self):
        os.makedirs(self.twin["SIGNET_KEYRING"], mode=0o700)
        shutil.copy(self.env["SIGNET_KEYRING"] + "/writer.key", self.twin["SIGNET_KEYRING"])
        self.signet("keyring", "link", "local:prod", "--default", env=self.twin)
        self.assertMessage(self.signet("backup", self.source, env=self.twin, expect=17), "another machine", "entry 1")

    def test_a_killed_run_and_lost_caches_are_no_other_machine(self):
        big = self.path("big")
        for i in range(6):
            write(f"{big}/{i}", os.urandom(4_000_000))
        for signal_number in (signal.SIGINT, signal.SIGKILL):
            packs = len(self.objects("packs"))
            process = self.start("backup", big)
            wait_until(lambda: len(self.objects("packs")) > packs or process.poll() is not None)
            process.send_signal(signal_number)
            process.communicate()
        shutil.rmtree(self.env["SIGNET_CACHE_DIR"], ignore_errors=True)
        self.backup(big)
        # Killed the moment that its entry is there.
        for _ in range(5):
            entries = len(self.objects("journal"))
            process = self.start("backup", self.source)
            while process.poll() is None and len(self.objects("journal")) == entries:
                pass
            process.kill()
            process.communicate()
        self.backup(big)
        # Killed after the commit and before anything else was noted.
        keyring = self.env["SIGNET_KEYRING"] + "/keyring.json"
        noted = self.noted_before_the_commit(big)
        with open(keyring, "wb") as file:
            file.write(noted)
        self.backup(big)

    def noted_before_the_commit(self, source):
        """keyring.json as it is while a run is under way, just before it ends."""
        keyring = self.env["SIGNET_KEYRING"] + "/keyring.json"
        killed = len(self.begun())
        process = self.start("backup", "--stdin", "--series", "slow", stdin=subprocess.PIPE)
        self.assertTrue(wait_until(lambda: len(self.begun()) > killed))
        with open(keyring, "rb") as file:
            noted = file.read()
        process.communicate(b"the stream\n")
        self.assertEqual(process.returncode, 0)
        return noted

    def begun(self):
        with open(self.env["SIGNET_KEYRING"] + "/keyring.json") as file:
            pins = json.load(file)["repositories"]
        return [run for run in pins[0]["own"]["begun"] if run["ended"] is None]

    def test_two_series_at_once_are_one_machine(self):
        slow = self.start("backup", "--stdin", "--series", "slow", stdin=subprocess.PIPE)
        self.assertTrue(wait_until(lambda: len(self.begun()) == 1))
        for _ in range(3):
            self.backup(self.source)
        out, err = slow.communicate(b"the stream\n")
        self.assertEqual(slow.returncode, 0, err)
        self.backup(self.source)
        self.backup(self.source)
        self.assertEqual(self.begun(), [])

    def test_a_tag_is_no_run(self):
        self.signet("tag", "--add", "kept", self.first)
        self.backup(self.source)


def _lost_host(test):
    officer = test.signet("init", "--json").last()["officer"]
    source = test.sample_tree()
    write(f"{source}/large.bin", os.urandom(5_000_000))
    first = test.backup(source, "--series", "home")["backup_id"]
    write(f"{source}/letter.txt", "dear bob\n" * 40)
    test.backup(source, "--series", "home")
    return {"officer": officer, "first": first, "writer": test.signet("keyring", "show", "--json").json()["writer"]}


if __name__ == "__main__":
    main()
