"""Drills: rehearsed restores, and the evidence they leave."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time
from xml.etree import ElementTree

from harness import PASSPHRASE, SIGNET, SignetTest, flip, interrupt, main, wait_until, write
from test_plan import two_eras


class Drills(SignetTest):
    """A customer-managed repository of one series, and a scratch folder of its own for each drill."""

    def setUp(self):
        super().setUp()
        self.begin()
        self.env["TMPDIR"] = self.path("tmp")
        os.mkdir(self.path("tmp"))

    def begin(self):
        self.from_template()

    def drill(self, *words, expect=0, **more):
        """Runs a drill; returns its record."""
        return self.signet("drill", "run", "--json", *words, expect=expect, **more).last()

    @property
    def history(self):
        return os.path.join(self.env["SIGNET_KEYRING"], "drills.log")

    def records(self):
        with open(self.history) as file:
            return [json.loads(line) for line in file]

    def assertNothingLeft(self):
        self.assertEqual(os.listdir(self.path("tmp")), [])


class Run(Drills):
    def test_the_newest_backup_is_restored_compared_measured_and_gone(self):
        before = self.objects()
        record = self.drill("--check-command", "grep -rq 'dear bob' .")
        self.assertEqual((record["result"], record["exit_code"], record["cleaned"], record["keys"]), ("passed", 0, True, "keyring"))
        case, = record["cases"]
        self.assertEqual((case["backup_id"], case["series"], case["passed"], case["check"]), (self.second, "home", True, "passed"))
        self.assertEqual(case["time"], "2026-02-01T12:00:00Z")
        self.assertGreaterEqual(case["verified"], 5)
        self.assertGreater(case["bytes"], 30000)
        self.assertGreater(case["first_byte_seconds"], 0)
        self.assertGreaterEqual(case["recovery_seconds"], case["first_byte_seconds"])
        self.assertGreater(case["loss_seconds"], 0)
        protector, = record["protectors"]
        self.assertEqual((protector["name"], protector["role"], protector["used"], protector["proven"]), ("prod", "default", True, True))
        self.assertEqual(case["opened_by"], [protector["thumbprint"]])
        self.assertNothingLeft()
        self.assertEqual(self.objects(), before)
        self.assertSays(self.signet("drill", "run").out, "drill 2 of repository", "passed", "home at 2026-02-01", "read back and compared",
                        "first byte after", "recovered in", "protector prod", "proven, used", "signed by writer")

    def test_the_check_command_runs_in_the_restored_folder_and_decides(self):
        seen = self.path("seen")
        self.drill("--check-command", f"pwd > {seen}; echo $SIGNET_DRILL_SERIES $SIGNET_DRILL_BACKUP $SIGNET_DRILL_TIME >> {seen}; ls -R >> {seen}; test \"$PWD\" = \"$SIGNET_DRILL_DIR\"")
        with open(seen) as file:
            where, names, *rest = file.read().splitlines()
        self.assertTrue(where.startswith(self.path("tmp")))
        self.assertEqual(names, f"home {self.second} 2026-02-01T12:00:00Z")
        self.assertIn("letter.txt", rest)
        begun = time.monotonic()
        slow = self.drill("--check-command", "sleep 60", "--check-timeout", "1s", expect=15)
        self.assertEqual(slow["cases"][0]["check"], "did not end in time, and was ended")
        self.assertLess(time.monotonic() - begun, 45)
        record = self.drill("--check-command", "exit 3", expect=15)
        case, = record["cases"]
        self.assertEqual((record["result"], case["stage"], case["check"]), ("failed", "check", "exit status 3"))
        self.assertSays(record["reason"], "home", "the check command ended with exit status 3")
        self.assertNothingLeft()

    def test_damage_fails_the_drill_and_leaves_a_record_and_no_data(self):
        pack = max(self.objects("packs"), key=lambda name: os.path.getsize(os.path.join(self.repository, name)))
        self.alter(pack, flip())
        record = self.drill(expect=15)
        case, = record["cases"]
        self.assertEqual((record["result"], case["passed"], case["code"]), ("failed", False, 14))
        self.assertNothingLeft()
        self.signet("drill", "history")
        self.assertEqual(len(self.records()), 1)

    def test_a_repository_that_is_gone_fails_the_drill(self):
        os.rename(self.repository, self.path("gone"))
        record = self.drill(expect=15)
        self.assertEqual((record["result"], record["cases"]), ("failed", []))
        self.assertNothingLeft()

    def test_a_repository_without_backups_fails_the_drill(self):
        self.env["SIGNET_REPOSITORY"] = self.path("empty")
        self.signet("init")
        self.assertSays(self.drill(expect=15)["reason"], "no backup")

    def test_every_series_is_restored_unless_one_is_chosen(self):
        other = self.sample_tree("other")
        self.backup("--series", "other", other)
        self.assertEqual([case["series"] for case in self.drill()["cases"]], ["home", "other"])
        self.assertEqual([case["series"] for case in self.drill("--series", "other")["cases"]], ["other"])

    def test_an_empty_check_command_is_refused(self):
        self.assertMessage(self.signet("drill", "run", "--check-command", "", expect=2), "--check-command is empty")

    def test_progress_is_shown_where_it_is_asked_for(self):
        write(os.path.join(self.source, "film"), os.urandom(96 << 20))
        self.signet("backup", self.source)
        self.env["SIGNET_PROGRESS_FPS"] = "60"
        lines = self.signet("drill", "run", "--json", "--progress").lines()
        self.assertIn("status", {line["message_type"] for line in lines[:-1]})
        self.assertEqual(lines[-1]["result"], "passed")

    def test_an_interrupted_drill_cleans_up_and_says_so(self):
        process = self.start("drill", "run", "--check-command", f"touch {self.path('begun')}; sleep 60")
        self.assertTrue(wait_until(lambda: os.path.exists(self.path("begun"))))
        begun = time.monotonic()
        interrupt(process, signal.SIGTERM)
        self.finish(process, ("drill", "run"), 130)
        self.assertLess(time.monotonic() - begun, 20)
        self.assertNothingLeft()
        self.assertEqual(self.records()[-1]["drill"]["result"], "interrupted")
        self.signet("drill", "history")

    def test_a_killed_drill_leaves_an_intent_and_a_folder_that_the_next_one_removes(self):
        target = self.path("scratch")
        process = self.start("drill", "run", "--target", target, "--check-command", f"touch {self.path('begun')}; sleep 8")
        self.assertTrue(wait_until(lambda: os.path.exists(self.path("begun"))))
        # While it runs, no other works in the same folder.
        self.signet("drill", "run", "--target", target, expect=11)
        process.kill()
        process.communicate()
        self.assertTrue(os.path.isdir(target + "/restored"))
        self.assertSays(self.signet("keyring", "audit").err + self.signet("keyring", "audit").out, "drill")
        self.drill("--target", target)
        self.assertNothingAt(target + "/restored")

    def test_what_hinders_removal_is_removed_all_the_same(self):
        os.chmod(f"{self.source}/photos", 0o500)
        self.addCleanup(os.chmod, f"{self.source}/photos", 0o700)
        self.backup("--series", "locked", self.source)
        self.assertTrue(self.drill("--series", "locked")["cleaned"])
        self.assertNothingLeft()

    def test_a_dry_run_restores_nothing_and_leaves_no_record(self):
        result = self.signet("drill", "run", "-n", "--json").last()
        self.assertEqual(result["cases"], [{"backup_id": self.second, "restorable": True, "series": "home", "reason": ""}])
        self.assertNothingAt(self.history)
        self.assertNothingLeft()

    def test_usage(self):
        for words in (["--select", "newest"], ["--sample", "0"], ["--sample", "120%"], ["--compare", "eyes"], ["--rto", "soon"],
                      ["--sample", "5%", "--rto", "1h"], ["--from-nothing"], ["--officer", "0123456789abcdef"], ["--no-default-keyring"],
                      ["--at", "whenever"], ["--from-nothing", "--no-default-keyring", "--officer", "0123456789abcdef"]):
            with self.subTest(words=words):
                self.signet("drill", "run", *words, expect=2)
        self.assertNothingAt(self.history)

    def test_an_unknown_key_fails_the_drill(self):
        self.assertSays(self.drill("--without-key", "nobody", expect=15)["reason"], "nobody")


class Target(Drills):
    def refused(self, target, *says):
        result = self.signet("drill", "run", "--target", target, expect=17)
        self.assertMessage(result, "does not restore into", *says)
        self.assertNothingAt(self.history)

    def test_a_folder_with_something_in_it_is_refused(self):
        write(self.path("full", "file"), "mine")
        self.refused(self.path("full"), "not empty")
        with open(self.path("full", "file")) as file:
            self.assertEqual(file.read(), "mine")
        self.assertEqual(os.listdir(self.path("full")), ["file"])

    def test_what_backups_are_made_of_is_refused_even_when_it_is_gone(self):
        """An empty mount point of the live database is no scratch folder."""
        live = self.sample_tree("live")
        self.backup("--series", "live", live)
        shutil.rmtree(live)
        self.refused(live, "backups are made of it")
        self.assertNothingAt(live)
        os.mkdir(live)
        self.refused(live, "backups are made of it")
        self.assertEqual(os.listdir(live), [])
        os.symlink(live, self.path("detour"))
        self.refused(self.path("detour"), "backups are made of it")
        os.rmdir(live)
        os.makedirs(self.path("above", "live"))
        self.backup("--series", "above", "--force", self.sample_tree("above/live"))
        shutil.rmtree(self.path("above"))
        self.refused(self.path("above"), "which lies in it")

    def test_places_of_signet_itself_are_refused(self):
        for place in (self.repository, self.repository + "/packs/new", self.env["SIGNET_KEYRING"] + "/x", self.env["SIGNET_VAULT"] + "/x"):
            with self.subTest(place):
                self.refused(place, "in use by Signet itself")
        self.assertNothingAt(self.repository + "/packs/new")

    def test_an_empty_folder_stays_and_a_new_one_goes(self):
        os.mkdir(self.path("empty"))
        self.drill("--target", self.path("empty"))
        self.assertEqual(os.listdir(self.path("empty")), [])
        self.drill("--target", self.path("new"))
        self.assertNothingAt(self.path("new"))

    def test_what_stands_beside_the_remains_of_a_drill_is_not_removed(self):
        target = self.path("scratch")
        process = self.start("drill", "run", "--target", target, "--check-command", f"touch {self.path('begun')}; sleep 5")
        self.assertTrue(wait_until(lambda: os.path.exists(self.path("begun"))))
        process.kill()
        process.communicate()
        write(f"{target}/mine", "mine")
        self.signet("drill", "run", "--target", target, expect=17)
        self.assertTrue(os.path.exists(f"{target}/mine"))


class Choice(Drills):
    def begin(self):
        self.start_from(two_eras)
        self.source = self.path("source")

    def chosen(self, *words):
        return [case["backup_id"] for case in self.drill(*words)["cases"]]

    def test_latest_oldest_random_and_a_moment(self):
        self.assertEqual(self.chosen(), [self.ids[3]])
        self.assertEqual(self.chosen("--select", "oldest"), [self.ids[0]])
        self.assertEqual(self.chosen("--at", "2026-01-15T00:00:00Z"), [self.ids[1]])
        seen = {self.chosen("--select", "random")[0] for _ in range(12)}
        self.assertLessEqual(seen, set(self.ids))
        self.assertGreater(len(seen), 1)

    def test_each_month_restores_the_newest_of_each(self):
        self.assertEqual(self.chosen("--select", "each-month"), [self.ids[1], self.ids[3]])

    def test_each_key_restores_what_each_protector_opens_and_proves_it(self):
        """[R122]"""
        record = self.drill("--select", "each-key")
        self.assertEqual([case["backup_id"] for case in record["cases"]], [self.ids[1], self.ids[3]])
        self.assertEqual({one["thumbprint"]: one["proven"] for one in record["protectors"]}, {self.old: True, self.new: True})
        self.signet("status", "--max-proof-age", "1d")

    def test_the_age_of_the_newest_state_counts_from_the_moment_that_is_asked_for(self):
        case, = self.drill("--at", "2026-02-11T00:00:00Z")["cases"]
        self.assertEqual(case["loss_seconds"], 86400)

    def test_a_sample_restores_so_many_files(self):
        case, = self.drill("--sample", "2")["cases"]
        self.assertEqual((case["files"], case["verified"]), (2, 2))
        case, = self.drill("--sample", "1%")["cases"]
        self.assertEqual(case["files"], 1)

    def test_a_file_with_two_names_is_one_of_a_sample(self):
        names = [f"{folder}/{name}" for folder, _, inside in os.walk(self.source) for name in inside
                 if not os.path.islink(f"{folder}/{name}")]
        files = len({os.lstat(name).st_ino for name in names})
        self.assertLess(files, len(names))
        for sample in (str(files), "100%"):
            case, = self.drill("--sample", sample)["cases"]
            self.assertEqual((case["files"], case["verified"]), (files, files))

    def test_without_a_key_the_drill_fails_where_nothing_else_opens_it(self):
        record = self.drill("--without-key", "prod/2", expect=15)
        case, = record["cases"]
        self.assertEqual((case["stage"], case["code"], record["without_keys"]), ("plan", 13, ["prod/2"]))
        self.assertEqual(case["files"], 0)
        self.drill("--without-key", "prod/2", "--select", "oldest")
        self.drill("--without-key", "prod/1")

    def test_without_a_key_the_others_really_open_it(self):
        self.signet("key", "create", "spare")
        self.signet("keyring", "link", "local:spare", "--recovery")
        write(self.path("own", "file"), os.urandom(5000))
        self.backup("--series", "own", self.path("own"))
        record = self.drill("--series", "own", "--without-key", "prod/2")
        spare = self.signet("key", "show", "spare", "--json").json()["thumbprint"]
        self.assertEqual(record["cases"][0]["opened_by"], [spare])
        proven = {one["thumbprint"]: one["proven"] for one in record["protectors"]}
        self.assertEqual((proven[spare], proven[self.new]), (True, False))

    def test_a_missing_key_fails_the_drill_and_says_which(self):
        self.signet("key", "disable", "prod/2")
        result = self.signet("drill", "run", expect=15)
        self.assertSays(result.err, "cannot restore prod-db", self.new[:19], "disabled")
        self.assertSays(result.out, "failed (plan)")
        self.drill("--select", "oldest")


class Objectives(Drills):
    def test_objectives_that_are_met_and_missed(self):
        record = self.drill("--rto", "1h", "--rpo", "36500d")
        self.assertEqual([(one["name"], one["met"]) for one in record["objectives"]], [("rto", True), ("rpo", True)])
        record = self.drill("--rpo", "1h", expect=16)
        self.assertEqual((record["result"], record["exit_code"], record["cases"][0]["passed"]), ("objective-missed", 16, True))
        record = self.drill("--rto", "1s", "--check-command", "sleep 1.2", expect=16)
        self.assertEqual(record["reason"], "RTO missed")
        # What failed is worse than what came late.
        self.drill("--rpo", "1h", "--check-command", "false", expect=15)

    def test_of_a_backup_dated_ahead_nobody_knows_how_old_it_is(self):
        self.backup("--series", "home", "--time", "2090-01-01T00:00:00Z", self.source)
        record = self.drill("--rpo", "36500d", expect=16)
        self.assertIsNone(record["objectives"][0]["measured_seconds"])

    def test_status_asks_when_each_series_was_drilled(self):
        self.assertSays(self.signet("status", "--max-drill-age", "30d", expect=16).out, "no drill is on record")
        self.drill("--sample", "1")
        self.assertSays(self.signet("status", "--max-drill-age", "30d", expect=16).out, "no drill on record has restored home")
        self.drill()
        self.signet("status", "--max-drill-age", "30d")
        time.sleep(1.1)
        self.assertSays(self.signet("status", "--max-drill-age", "1s", expect=16).out, "a drill last restored home")
        self.drill("--check-command", "false", expect=15)
        self.assertSays(self.signet("status", "--max-drill-age", "1s", expect=16).out, "a drill last restored home")


class Failover(Drills):
    """[R142]"""

    def begin(self):
        pem = self.write("prod.pem", subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                                    capture_output=True, check=True).stdout)
        self.first, self.second = self.path("west"), self.path("east")
        for folder in (self.first, self.second):
            self.signet("key", "import", "prod", pem, "--vault", folder)
        self.signet("keyring", "link", f"local:{self.first}#prod", "--default", "--name", "prod")
        self.signet("keyring", "link", f"local:{self.second}#prod", "--twin-of", "prod")
        self.signet("init")
        self.backup(self.sample_tree())

    def failover(self, *words, expect=0):
        return self.signet("drill", "failover", "--json", *words, expect=expect).last()

    def test_a_twin_that_does_not_stand_in_fails_the_drill_and_is_named(self):
        self.assertEqual(self.failover()["result"], "passed")
        self.signet("key", "disable", "prod/1", "--vault", self.second)
        record = self.failover(expect=15)
        self.assertEqual((record["result"], record["exit_code"], record["protectors"][0]["proven"]), ("failed", 15, False))
        self.assertSays(record["reason"], "the twin of prod does not stand in", "disabled")
        # The last one that passed still counts for its age; the first place never noticed.
        self.signet("status", "--max-failover-age", "1d")
        self.signet("restore", "-t", self.path("out"))
        self.assertSays(self.signet("drill", "history").out, "failover", "passed", "failed")

    def test_a_version_that_is_first_in_one_place_may_be_second_in_another(self):
        """What is out of reach is a version of a key, not all of them."""
        pem = self.write("two.pem", subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                                   capture_output=True, check=True).stdout)
        for folder in (self.first, self.second):
            self.signet("key", "import", "prod", pem, "--vault", folder)
        self.signet("keyring", "link", f"local:{self.second}#prod/2", "--name", "two")
        self.signet("keyring", "link", f"local:{self.first}#prod/2", "--twin-of", "two")
        record = self.failover()
        self.assertEqual({one["name"]: one["proven"] for one in record["protectors"]}, {"prod": True, "two": True})
        self.assertEqual(sorted(record["without_places"]), sorted([f"local:{self.first}#prod/1", f"local:{self.second}#prod/2"]))

    def test_one_that_no_backup_needs_yet_wraps_and_unwraps(self):
        self.signet("key", "create", "other", "--size", "2048", "--vault", self.path("third"))
        self.signet("keyring", "link", f"local:{self.path('third')}#other")
        self.assertMessage(self.signet("drill", "failover", "other", expect=17), "other has no twin")
        pem = self.write("next.pem", subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                                    capture_output=True, check=True).stdout)
        for folder in (self.first, self.second):
            self.signet("key", "import", "next", pem, "--vault", folder)
        self.signet("keyring", "link", f"local:{self.first}#next", "--name", "next")
        self.signet("keyring", "link", f"local:{self.second}#next", "--twin-of", "next")
        record = self.failover("next", "--report-dir", self.path("reports"))
        self.assertSays(record["protectors"][0]["note"], f"wrapped and unwrapped by local:{self.second}#next")
        self.assertEqual(len(os.listdir(self.path("reports"))), 4)
        self.assertEqual([one["name"] for one in self.failover()["protectors"]], ["prod", "next"])


class Compare(Drills):
    def begin(self):
        self.init()
        self.source = self.sample_tree()
        self.backup("--series", "home", self.source)

    def test_what_is_as_in_the_source_and_what_changed_since(self):
        case, = self.drill("--compare", "source")["cases"]
        self.assertGreater(case["compared"], 4)
        self.assertEqual((case["changed_since"], case["different"]), (0, 0))
        write(f"{self.source}/letter.txt", "dear carol, a longer one\n" * 50)
        os.unlink(f"{self.source}/photos/two.jpg")
        case, = self.drill("--compare", "source")["cases"]
        self.assertGreaterEqual(case["changed_since"], 2)
        self.assertEqual(case["different"], 0)

    def test_a_source_that_rots_in_silence_fails_the_drill(self):
        path = f"{self.source}/photos/one.jpg"
        status = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(12345)
            octet = file.read(1)
            file.seek(12345)
            file.write(bytes([octet[0] ^ 1]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.drill()
        result = self.signet("drill", "run", "--compare", "source", expect=15)
        self.assertSays(result.err, "photos/one.jpg")
        self.assertSays(result.out, "1 file differs from its source")
        # What the files are called is no part of the evidence.
        with open(self.history) as file:
            self.assertNotIn("one.jpg", file.read())


class FromNothing(Drills):
    """An escrow protector: repository, passphrase and the officer's fingerprint on paper."""

    def begin(self):
        made = self.signet("init", "--json").last()
        self.officer = made["officer"]
        self.source = self.sample_tree()
        self.backup("--series", "home", self.source)

    def test_the_safe_alone_restores(self):
        os.rename(self.env["SIGNET_VAULT"], self.path("lost"))
        record = self.drill("--from-nothing", "--officer", self.officer)
        self.assertEqual((record["result"], record["keys"]), ("passed", "nothing"))
        self.assertGreater(record["recover_seconds"], 0)
        self.assertTrue(record["protectors"][0]["proven"])
        self.assertNothingAt(self.env["SIGNET_VAULT"])
        self.assertNothingLeft()

    def test_the_hosts_own_keyring_is_of_no_use(self):
        wrong = write(self.path("wrong"), "wrong\n")
        record = self.drill("--from-nothing", "--officer", self.officer, env={"SIGNET_PASSPHRASE_FILE": wrong}, expect=15)
        self.assertSays(record["reason"], "passphrase")
        self.assertEqual(record["cases"], [])
        self.assertNothingLeft()

    def test_another_officer_is_not_the_one_on_the_paper(self):
        self.assertSays(self.drill("--from-nothing", "--officer", "0123456789abcdef", expect=15)["reason"], "officer")

    def test_what_it_took_to_get_the_keys_counts(self):
        record = self.drill("--from-nothing", "--officer", self.officer, "--rto", "1h")
        self.assertGreaterEqual(record["objectives"][0]["measured_seconds"], record["recover_seconds"])


class Keyrings(Drills):
    """A recovery protector whose private half is in the safe."""

    def begin(self):
        self.init()
        safe = {"SIGNET_VAULT": self.path("safe-vault"), "SIGNET_KEYRING": self.path("safe")}
        self.signet("key", "create", "offline", env=safe)
        pem = write(self.path("offline.pem"), self.signet("key", "export-public", "offline", env=safe).raw)
        self.signet("keyring", "link", f"public:{pem}", "--recovery")
        self.signet("keyring", "link", f"local:{self.path('safe-vault')}#offline", env=safe)
        self.source = self.sample_tree()
        self.backup("--series", "home", self.source)
        self.offline = self.signet("key", "show", "offline", "--json", env=safe).json()["thumbprint"]

    def test_the_recovery_keyring_alone(self):
        words = ["--keyring", self.path("safe"), "--no-default-keyring"]
        record = self.drill(*words)
        self.assertEqual((record["keys"], record["cases"][0]["opened_by"]), ("given keyrings", [self.offline]))
        proven = {one["thumbprint"]: one["proven"] for one in record["protectors"]}
        self.assertEqual(sorted(proven.values()), [False, True])
        self.assertTrue(proven[self.offline])
        # Signed and kept by the host's own.
        self.assertEqual(len(self.records()), 1)
        self.assertNothingAt(self.path("safe", "drills.log"))
        self.signet("drill", "history")
        self.signet("key", "disable", "offline", env={"SIGNET_VAULT": self.path("safe-vault")})
        self.drill(*words, expect=15)
        self.drill()

    def test_from_nothing_by_a_command_that_brings_the_keys(self):
        """What is in the safe need not be an escrow protector."""
        link = f"{SIGNET} keyring adopt --officer $SIGNET_DRILL_OFFICER && {SIGNET} keyring link 'local:{self.path('safe-vault')}#offline'"
        officer = self.signet("keyring", "show", "--json").json()["officer"]
        record = self.drill("--from-nothing", "--officer", officer, "--recover-command", link)
        self.assertEqual(record["cases"][0]["opened_by"], [self.offline])
        self.assertEqual(self.drill("--from-nothing", "--recover-command", "exit 4", expect=15)["reason"], "--recover-command ended with exit status 4")
        self.assertSays(self.drill("--from-nothing", "--officer", "0123456789abcdef", "--recover-command", "true", expect=15)["reason"], "officer")
        self.assertNothingLeft()


class History(Drills):
    def setUp(self):
        super().setUp()
        for _ in range(4):
            self.drill()

    def edited(self, *says):
        result = self.signet("drill", "history", expect=14)
        self.assertSays(result.err, "was edited", *says)
        self.signet("drill", "report", "--format", "json", expect=(2, 14))
        self.signet("status", "--max-drill-age", "30d", expect=(14, 16))

    def rewrite(self, change):
        with open(self.history) as file:
            lines = file.read().splitlines()
        lines = change(lines)
        with open(self.history, "w") as file:
            file.write("".join(line + "\n" for line in lines))

    def test_it_lists_every_drill(self):
        rows = self.signet("drill", "history", "--json").json()
        self.assertEqual([row["number"] for row in rows], [1, 2, 3, 4])
        self.assertTrue(all(row["authentic"] and row["writer"] == rows[0]["writer"] for row in rows))
        self.assertEqual(rows[0]["writer"], self.signet("keyring", "show", "--json").json()["writer"])
        self.assertSays(self.signet("drill", "history").out, "DRILL", "passed", "latest", rows[0]["writer"][:16])
        self.assertEqual(os.stat(self.history).st_mode & 0o777, 0o600)

    def test_a_record_that_was_altered_is_named(self):
        self.rewrite(lambda lines: [line.replace('"exit_code":0', '"exit_code":1') if i == 1 else line for i, line in enumerate(lines)])
        self.edited("record 2 was altered")

    def test_records_taken_out_put_in_or_swapped_are_named(self):
        with open(self.history) as file:
            whole = file.read().splitlines()
        for change, says in ((lambda lines: lines[:1] + lines[2:], "record 2 is missing"),
                             (lambda lines: lines[1:], "record 1 is missing"),
                             (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "record 2 does not follow record 3"),
                             (lambda lines: lines[:2] + ["{}"] + lines[2:], "line 3 is no record"),
                             (lambda lines: lines[:3], "1 of the records that the audit log has noted are missing"),
                             (lambda lines: [], "4 of the records that the audit log has noted are missing")):
            with self.subTest(says):
                self.rewrite(lambda _: change(whole))
                self.edited(says)
        self.rewrite(lambda _: whole)
        self.signet("drill", "history")

    def test_a_history_that_was_cut_together_with_the_audit_log_is_told_by_what_backups_signed(self):
        self.drill()
        audit = os.path.join(self.env["SIGNET_KEYRING"], "audit.log")
        kept = []
        for path in (self.history, audit):
            with open(path) as file:
                kept.append((path, file.read()))
        self.drill("--check-command", "false", expect=15)
        self.signet("backup", self.source)  # signs the head
        self.signet("drill", "history")
        for path, content in kept:
            write(path, content.encode())
        result = self.signet("drill", "history", expect=14)
        self.assertMessage(result, "audit", "was altered", "drills may be missing")
        for path, _ in kept:
            os.remove(path)
        self.signet("drill", "history", expect=14)
        # Without the repository nothing tells.
        self.signet("drill", "history", env={"SIGNET_REPOSITORY": None})

    def test_a_history_forged_by_another_writer_is_told_apart(self):
        forger = {"SIGNET_KEYRING": self.path("forger"), "SIGNET_CACHE_DIR": self.path("forger-cache")}
        self.signet("keyring", "link", f"local:{self.env['SIGNET_VAULT']}#prod", env=forger)
        self.drill(env=forger)
        shutil.copy(self.path("forger", "drills.log"), self.history)
        self.edited("is signed by writer")

    def test_a_drill_goes_on_after_an_edit_and_the_edit_stays_visible(self):
        self.rewrite(lambda lines: lines[:1] + lines[2:])
        self.assertSays(self.signet("drill", "run").err, "the history of drills was edited")
        self.edited("record 2 is missing")

    def test_the_audit_log_has_a_line_for_each_drill(self):
        lines = [json.loads(line) for line in self.signet("keyring", "audit", "--export").out.splitlines()]
        drills = [line for line in lines if line["operation"] == "drill"]
        self.assertEqual(len(drills), 8)  # an intent and an outcome each

    def test_nothing_secret_is_in_the_evidence(self):
        self.drill("--check-command", "PASSWORD=hunter2 true --password=hunter2 letter.txt")
        with open(self.history) as file:
            text = file.read()
        for secret in ("hunter2", PASSPHRASE, "letter.txt", "PRIVATE KEY"):
            self.assertNotIn(secret, text)

    def test_no_drill_is_no_history(self):
        os.unlink(self.history)
        self.env["SIGNET_KEYRING"] = self.path("fresh")
        self.assertSays(self.signet("drill", "history").out, "no drill is on record")
        self.assertEqual(self.signet("drill", "history", "--json").json(), [])
        self.assertMessage(self.signet("drill", "report", expect=2), "no drill is on record")


class Reports(Drills):
    def setUp(self):
        super().setUp()
        self.drill("--rto", "1h")
        self.drill("--check-command", "exit 3", expect=15)
        self.drill("--rpo", "1h", "--rto", "1h", "--report-dir", self.path("reports"), expect=16)

    def test_json_holds_the_signed_record(self):
        report = json.loads(self.signet("drill", "report", "2", "--format", "json").out)
        self.assertEqual((report["number"], report["result"], report["history"]["intact"]), (2, "failed", True))
        self.assertEqual(json.loads(report["signed_record"]), self.records()[1])

    def test_junit_counts_what_failed(self):
        suite = ElementTree.fromstring(self.signet("drill", "report", "2", "--format", "junit").raw)
        self.assertEqual((suite.get("failures"), suite.get("errors")), ("1", "0"))
        failed = [case.get("classname") for case in suite.iter("testcase") if case.find("failure") is not None]
        self.assertEqual(failed, ["restore"])
        suite = ElementTree.fromstring(self.signet("drill", "report", "--format", "junit").raw)
        self.assertEqual([case.get("name")[:3] for case in suite.iter("testcase") if case.find("failure") is not None], ["RPO"])

    def test_prometheus_text(self):
        text = self.signet("drill", "report", "--format", "prometheus").out
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) signet_\w+ .+|signet_\w+(\{(\w+="([^"\\\\]|\\\\.)*",?)*\})? [\d.]+)$')
        self.assertRegex(text, r'signet_drill_objective_met\{[^}]*objective="rpo"\} 0')
        self.assertRegex(text, r'signet_drill_case_success\{[^}]*series="home"[^}]*\} 1')
        self.assertRegex(text, r'signet_drill_protector_proven_timestamp_seconds\{[^}]*name="prod"\} \d{10}')

    def test_the_page_needs_nothing_else(self):
        page = self.signet("drill", "report", "--format", "html").out
        self.assertSays(page, "<svg", "Recovery time, drill by drill", "objective missed", "prod", "RPO", "signet drill history")
        self.assertNotRegex(page, r"<script|<link|src=|@import|url\(|https?://(?!www\.w3\.org)")
        self.assertSays(page, "prefers-color-scheme:dark", "width=device-width")

    def test_the_page_shows_names_as_text(self):
        evil = "<script>alert(1)</script>&\"'"
        self.backup("--series", evil, self.source)
        self.drill("--series", evil)
        page = self.signet("drill", "report", "--format", "html").out
        self.assertNotIn("<script", page)
        self.assertIn("&lt;script&gt;", page)
        ElementTree.fromstring(self.signet("drill", "report", "--format", "junit").raw)

    def test_a_run_leaves_all_of_them(self):
        names = sorted(os.path.basename(path) for path in glob.glob(self.path("reports", "*")))
        self.assertEqual(names, ["drill-0003.html", "drill-0003.json", "drill-0003.prom", "drill-0003.xml"])

    def test_into_a_file_that_is_replaced_whole(self):
        file = write(self.path("drill.html"), "old")
        self.signet("drill", "report", "--format", "html", "-o", file)
        with open(file) as made:
            self.assertTrue(made.read().startswith("<!doctype html>"))
        self.signet("drill", "report", "--format", "pdf", expect=2)
        self.signet("drill", "report", "9", expect=2)
        self.assertSays(self.signet("drill", "report", "1").out, "drill 1 of repository", "RTO")


class Schedule(SignetTest):
    def test_cron_and_units_run_what_was_given(self):
        out = self.signet("drill", "schedule", "--every", "monthly", "--", "--select", "random", "--check-command", "test 5% = '$HOME'").out
        cron = [line for line in out.splitlines() if line.startswith("17 4 1 * *")]
        self.assertEqual(len(cron), 1)
        self.assertSays(cron[0], "drill run --select random", r"5\%", f"--keyring {self.env['SIGNET_KEYRING']}")
        self.assertSays(out, "ExecStart=", "5%% = '$$HOME'", "OnCalendar=*-*-01 04:17:00", "WantedBy=timers.target")
        self.signet("drill", "schedule", "--every", "hourly", expect=2)
        self.signet("drill", "schedule", "--", "--check-command", "a\nb", expect=2)

    def test_the_line_of_cron_works(self):
        self.from_template()
        made = self.signet("drill", "schedule", "--json", "--", "--series", "home").json()
        words = made["cron"].split("  ")[2]
        ended = subprocess.run(["sh", "-c", words], env={"PATH": "/usr/bin:/bin", "HOME": self.env["HOME"], "TMPDIR": self.scratch}, capture_output=True)
        self.assertEqual(ended.returncode, 0, ended)
        self.assertSays(self.signet("drill", "history").out, "passed")

    def test_units_are_ones_that_systemd_accepts(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        made = self.signet("drill", "schedule", "--json", "--", "--series", "a b").json()
        service = self.write("signet-drill.service", made["service"])
        timer = self.write("signet-drill.timer", made["timer"])
        ended = subprocess.run(["systemd-analyze", "verify", service, timer], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)


if __name__ == "__main__":
    main()
