"""Pruning in two phases: what is condemned, what goes, what is spared, and who is waited for."""

import os
import shutil
import signal
import subprocess
import threading
import time

from harness import SignetTest, flip, interrupt, main, tree_state, wait_until, write
from test_plan import two_eras

READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reader", "signet_reader.py")


class Prune(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.content = os.urandom(300_000)
        write(f"{self.source}/only-in-third", self.content)
        self.third = self.backup(self.source, "--series", "home")["backup_id"]
        os.unlink(f"{self.source}/only-in-third")
        self.trees = {}
        for backup in (self.first, self.second):
            self.trees[backup] = self.tree(backup)

    def tree(self, backup):
        target = self.path("tree")
        self.signet("restore", backup, "-t", target)
        found = tree_state(target)
        shutil.rmtree(target)
        return found

    def prune(self, *words, **more):
        return self.signet("prune", "--json", *words, **more).last()

    def size_of(self, *kinds):
        return sum(os.path.getsize(os.path.join(self.repository, name)) for kind in kinds for name in self.objects(kind))

    def is_whole(self):
        self.signet("check", "--read-data")
        for backup, tree in self.trees.items():
            self.assertEqual(self.tree(backup), tree)
        verified = subprocess.run(["/usr/bin/python3", "-B", READER, self.repository, "verify"], capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stderr)

    def test_what_was_forgotten_goes_with_the_second_run_and_not_before(self):
        self.signet("forget", self.third)
        before = self.objects()
        condemned = self.prune()
        self.assertGreater(condemned["bytes_condemned"], 300_000)
        self.assertEqual((condemned["bytes_deleted"], condemned["verdicts"]), (0, 0))
        self.assertEqual([name for name in before if name not in self.objects()], [])
        size = self.size_of("packs")
        done = self.prune()
        self.assertEqual(done["verdicts"], 1)
        self.assertGreater(done["deleted"]["packs"]["bytes"], 300_000)
        self.assertEqual(self.size_of("packs"), size - done["deleted"]["packs"]["bytes"])
        self.assertEqual((done["not_deleted"], done["open"]), ([], []))
        self.assertGreater(done["deleted"]["slots"]["objects"], 0)
        self.is_whole()
        self.assertEqual(self.prune()["bytes_condemned"], 0)

    def test_when_what_is_condemned_goes_is_said(self):
        self.signet("forget", self.third)
        self.assertSays(self.signet("prune").err, "goes with the next signet prune", "signet undelete")
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 7 * 86400))
        for _ in range(2):
            self.assertSays(self.signet("prune", "--grace", "7d").err, f"goes with the first signet prune after {day}")
        self.assertSays(self.signet("prune").out, "gone")

    def test_waiting_does_both_at_once(self):
        self.signet("forget", self.third)
        size = self.size_of("packs")
        self.assertSays(self.signet("prune", "--wait").out, "gone", "packs", "condemned", "packs that nothing needs")
        self.assertLess(self.size_of("packs"), size - 300_000)
        self.is_whole()

    def test_a_rehearsal_changes_nothing_and_says_what_would_go(self):
        self.signet("forget", self.third)
        before = self.objects()
        result = self.signet("prune", "-n")
        self.assertSays(result.out, "would be condemned", "packs that nothing needs")
        self.assertEqual(self.objects(), before)
        self.prune()
        before = self.objects()
        report = self.prune("-n")
        self.assertGreater(report["bytes_deleted"], 300_000)
        self.assertTrue(report["dry_run"])
        self.assertSays(self.signet("prune", "-n").out, "would go", "packs")
        self.assertEqual(self.objects(), before)

    def test_nothing_to_prune(self):
        self.assertSays(self.signet("prune").out, "nothing to prune")
        self.is_whole()

    def test_until_the_second_run_forgetting_can_be_taken_back(self):
        self.trees[self.third] = self.tree(self.third)
        self.signet("forget", self.third)
        self.prune()
        self.signet("undelete", self.third)
        report = self.prune()
        self.assertEqual((report["verdicts"], report["bytes_deleted"]), (1, 0))
        self.is_whole()

    def test_afterwards_it_cannot(self):
        self.signet("forget", self.third)
        self.signet("prune", "--wait")
        self.assertMessage(self.signet("undelete", self.third, expect=14), "cannot be taken back")
        self.assertNotIn(self.third, [backup["id"] for backup in self.signet("list", "--json").json()])
        self.is_whole()

    def test_the_next_backup_stores_anew_what_was_condemned(self):
        self.signet("forget", self.third)
        self.prune()
        write(f"{self.source}/only-in-third", self.content)
        again = self.backup(self.source, "--series", "home")
        self.assertGreater(again["data_added"], 300_000 - 1)
        self.assertGreater(self.prune()["bytes_deleted"], 300_000)
        self.trees[again["backup_id"]] = self.tree(again["backup_id"])
        self.is_whole()

    def test_a_grace_period_only_delays(self):
        self.signet("forget", self.third)
        self.prune()
        self.assertEqual(self.prune("--grace", "1h")["verdicts"], 0)
        self.assertEqual(self.prune("--grace", "0s")["verdicts"], 1)
        self.is_whole()

    def test_packs_that_others_stand_for_go(self):
        self.signet("key", "rotate", "prod")
        self.signet("reseal", "--all")
        self.signet("forget", self.third)
        report = self.prune()
        self.assertGreater(report["condemned"]["replaced"]["objects"], 0)
        done = self.prune()
        self.assertGreaterEqual(done["deleted"]["packs"]["objects"], report["condemned"]["replaced"]["objects"])
        self.is_whole()
        # The next backup works without them.
        self.backup(self.source, "--series", "home")
        self.is_whole()

    def again(self):
        """The same source, with nothing that a cache would know."""
        return self.backup(self.source, "--series", "home", env={"SIGNET_CACHE_DIR": self.path("no-cache")})

    def test_what_was_sealed_anew_is_found_by_the_next_backup_when_the_old_packs_are_gone(self):
        latest = self.again()["backup_id"]
        self.trees[latest] = self.tree(latest)
        for version in (1, 2):
            self.signet("key", "rotate", "prod")
            self.signet("reseal", "--all")
            before = self.objects("packs")
            self.prune("--wait")
            self.assertNotEqual(self.objects("packs"), before)
            self.signet("key", "disable", f"prod/{version}")
            again = self.again()
            self.assertLess(again["data_added"], 2000)
            self.trees[again["backup_id"]] = self.tree(again["backup_id"])
            self.assertEqual(self.trees[again["backup_id"]], self.trees[latest])
            self.is_whole()
        # What stands for others is kept by the backup that refers to those, when the older ones go.
        for backup in (self.first, self.second, self.third, latest):
            self.signet("forget", backup)
            self.trees.pop(backup, None)
        self.prune("--wait")
        self.is_whole()
        self.assertLess(self.again()["data_added"], 2000)
        self.assertEqual(self.prune("--wait")["open"], [])
        self.is_whole()

    def stream_under_way(self, content):
        """A run that refers to what is stored of `content`, and has stored packs that stand in no entry yet."""
        process = self.start("backup", "--json", "--stdin", "--series", "stream", stdin=subprocess.PIPE)
        before = len(self.objects("packs"))
        process.stdin.write(content)
        process.stdin.write(os.urandom(40 << 20))
        process.stdin.flush()
        self.assertTrue(wait_until(lambda: len(self.objects("packs")) > before))
        return process

    def test_a_run_whose_packs_are_sealed_anew_and_deleted_meanwhile_is_not_hurt(self):
        content = os.urandom(24 << 20)
        older = [self.signet("backup", "--json", "--stdin", "--series", "stream", data=content).last()["backup_id"] for _ in range(2)]
        process = self.stream_under_way(content)
        self.signet("key", "rotate", "prod")
        self.signet("reseal", "--all")
        before = self.objects("packs")
        self.signet("forget", older[0], "--shred")
        self.assertNotEqual(self.objects("packs"), before)
        self.prune()
        out, err = process.communicate(b"the end", timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.prune("--wait")
        self.signet("restore", self.signet("list", "--series", "stream", "--json").json()[-1]["id"], "-t", self.path("stream"))
        with open(self.path("stream", "stdin"), "rb") as file:
            restored = file.read()
        self.assertEqual((restored[:len(content)] == content, restored[-7:]), (True, b"the end"))
        self.is_whole()

    def parts_of(self, backup, kind):
        """Names of the packs or index segments of a backup's own entry."""
        ids = [part["id"] for part in self.signet("show", backup, "--json").json()[kind]]
        return [name for name in self.objects(kind) if name.rpartition("/")[2] in ids]

    def test_what_was_rebuilt_or_set_aside_goes_with_its_object_and_no_sooner(self):
        for name in self.parts_of(self.third, "indexes"):
            os.unlink(os.path.join(self.repository, name))
        self.signet("repair")
        self.alter(self.parts_of(self.third, "packs")[0], flip(140))
        self.signet("repair", expect=14)
        beside = self.objects("rebuilt") + self.objects("quarantine")
        self.assertEqual([len(self.objects(kind)) for kind in ("rebuilt", "quarantine")], [1, 1])
        # While a backup lacks what was set aside, nothing goes at all.
        self.signet("prune", "--wait", expect=14)
        self.assertEqual(self.objects("rebuilt") + self.objects("quarantine"), beside)
        self.signet("forget", self.third)
        condemned = self.prune()
        self.assertGreater(condemned["condemned"]["unneeded"]["bytes"], 300_000)
        self.assertEqual(self.objects("rebuilt") + self.objects("quarantine"), beside)
        self.prune("--wait")
        self.assertEqual(self.objects("rebuilt") + self.objects("quarantine"), [])
        self.is_whole()

    def test_a_rebuilt_index_stays_as_long_as_its_packs_are_needed(self):
        for name in self.parts_of(self.first, "indexes"):
            os.unlink(os.path.join(self.repository, name))
        self.signet("repair")
        rebuilt = self.objects("rebuilt")
        self.assertEqual(len(rebuilt), 1)
        self.signet("forget", self.third, self.first)
        del self.trees[self.first]
        self.prune("--wait")
        self.assertEqual(self.objects("rebuilt"), rebuilt)
        self.assertEqual(self.tree(self.second), self.trees[self.second])
        self.assertLess(self.again()["data_added"], 2000)

    def test_packs_that_were_mended_are_found_by_the_next_backup_and_the_lost_ones_stay_gone(self):
        lost = self.parts_of(self.second, "packs")
        for name in lost:
            self.alter(name, flip(140))
        self.signet("repair", expect=14)
        self.again()
        self.signet("repair")
        self.prune("--wait")
        self.assertEqual([name for name in self.objects() if name in lost or name.startswith("quarantine/")], [])
        self.assertLess(self.again()["data_added"], 2000)
        self.is_whole()

    def test_only_an_officer_prunes(self):
        self.signet("forget", self.third)
        other = {"SIGNET_KEYRING": self.path("other"), "SIGNET_VAULT": self.path("other-vault")}
        before = self.objects()
        self.assertMessage(self.signet("prune", env=other, expect=17), "officer")
        self.assertEqual(self.objects(), before)

    def test_nothing_goes_while_a_journal_is_not_whole(self):
        self.signet("forget", self.third)
        self.prune()
        journal = next(name for name in self.objects("journal") if name.endswith("/0000000002"))
        os.rename(os.path.join(self.repository, journal), self.path("kept"))
        before = self.objects()
        self.signet("prune", expect=14)
        self.assertEqual(self.objects(), before)

    def test_nothing_goes_while_a_backup_that_is_kept_lacks_packs(self):
        """What is left of an older one may be all that is left."""
        write(f"{self.source}/newest", os.urandom(100_000))
        before = self.objects("packs")
        newest = self.backup(self.source, "--series", "home")["backup_id"]
        lost = [name for name in self.objects("packs") if name not in before]
        for name in lost:
            os.rename(os.path.join(self.repository, name), self.path(os.path.basename(name)))
        self.signet("forget", self.third)
        before = self.objects()
        for words in ((), ("--wait",), ("-n",)):
            refused = self.signet("prune", *words, expect=14)
            self.assertMessage(refused, "packs/", newest[:8], "signet repair", "nothing is pruned")
        self.assertEqual(self.objects(), before)
        # Given up, it stands in nobody's way; back again neither.
        self.signet("forget", newest)
        self.assertGreater(self.prune("-n")["bytes_condemned"], 300_000)
        self.signet("undelete", newest, expect=14)
        for name in lost:
            os.rename(self.path(os.path.basename(name)), os.path.join(self.repository, name))
        self.assertGreater(self.prune("--wait")["bytes_deleted"], 300_000)
        self.is_whole()

    def test_after_an_interrupted_run_nobody_waits_for_its_host(self):
        process = self.stream_under_way(os.urandom(24 << 20))
        interrupt(process)
        process.communicate()
        self.signet("forget", self.third)
        self.prune()
        report = self.prune()
        self.assertEqual((report["open"], report["bytes_deleted"] > 300_000), ([], True))
        self.is_whole()

    def test_who_waits_says_for_whom(self):
        _, writer = self.other_host_that_is_waited_for()
        process = self.start("prune", "--wait")
        time.sleep(4)
        interrupt(process)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertIn(f"waiting for the next backup of writer {writer[:16]}", err.decode())

    def other_host(self):
        """A second host with a keyring of its own, that an officer trusts."""
        other = {"SIGNET_KEYRING": self.path("other"), "SIGNET_CACHE_DIR": self.path("other-cache")}
        self.signet("keyring", "link", "local:prod", "--default", env=other)
        writer = self.signet("keyring", "show", "--json", env=other).json()["writer"]
        if writer is None:
            self.backup(self.source, "--series", "early", env=other)
            writer = self.signet("keyring", "show", "--json", env=other).json()["writer"]
        self.signet("keyring", "trust", writer)
        return other, writer

    def other_host_that_is_waited_for(self):
        """It could still refer to packs of a backup that is forgotten."""
        other, writer = self.other_host()
        write(f"{self.source}/there", os.urandom(200_000))
        there = self.backup(self.source, "--series", "there", env=other)["backup_id"]
        os.unlink(f"{self.source}/there")
        self.backup(self.source, "--series", "there", env=other)
        self.signet("forget", there)
        return other, writer

    def test_a_writer_that_could_still_refer_to_it_is_waited_for(self):
        other, writer = self.other_host_that_is_waited_for()
        report = self.prune()
        self.assertEqual([one["identity"] for one in report["open"][0]["waiting"]], [writer])
        for _ in range(2):
            result = self.signet("prune")
            self.assertSays(result.out, "waits for", writer[:16], "--until")
        self.assertEqual(self.prune()["bytes_deleted"], 0)
        # Its own packs go meanwhile: who is waited for holds back nobody else's.
        self.signet("forget", self.third)
        self.prune()
        self.assertGreater(self.prune()["bytes_deleted"], 300_000)
        # A run that finds nothing to do says that it has read.
        self.assertEqual(self.backup(self.source, "--series", "there", "--skip-if-unchanged", env=other)["backup_id"], None)
        self.assertGreater(self.prune()["bytes_deleted"], 200_000)
        self.is_whole()

    def test_who_never_comes_back_is_closed(self):
        other, writer = self.other_host()
        write(f"{self.source}/there", os.urandom(200_000))
        there = self.backup(self.source, "--series", "there", env=other)["backup_id"]
        self.signet("forget", there)
        self.prune()
        entries = self.prune()["open"][0]["waiting"][0]["entries"]
        self.signet("keyring", "trust", writer, "--until", str(entries))
        self.assertGreater(self.prune()["bytes_deleted"], 200_000)
        self.is_whole()

    def test_what_a_killed_run_left_goes_after_the_next_of_its_series(self):
        self.signet("prune", "--wait")
        process = self.start("backup", "--stdin", "--series", "stream", stdin=subprocess.PIPE)
        process.stdin.write(os.urandom(40 << 20))
        process.stdin.flush()
        self.assertTrue(wait_until(lambda: self.size_of("packs") > 20 << 20))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(self.prune()["bytes_condemned"], 0)
        self.signet("backup", "--stdin", "--series", "stream", data=b"short")
        self.assertGreater(self.prune()["condemned"]["unfinished"]["bytes"], 16 << 20)
        self.assertGreater(self.prune()["bytes_deleted"], 16 << 20)
        self.is_whole()

    def test_a_run_under_way_is_not_hurt(self):
        """It refers to packs that are condemned while it runs, and has stored packs that stand in no entry yet."""
        content = os.urandom(24 << 20)
        first = self.signet("backup", "--json", "--stdin", "--series", "stream", data=content).last()["backup_id"]
        process = self.stream_under_way(content)
        self.signet("forget", first)
        for _ in range(3):
            self.prune()
        out, err = process.communicate(b"the end", timeout=120)
        self.assertEqual(process.returncode, 0, err)
        for _ in range(3):
            self.prune()
        self.signet("check", "--read-data")
        latest = self.signet("list", "--series", "stream", "--json").json()[-1]["id"]
        self.signet("restore", latest, "-t", self.path("stream"))
        with open(self.path("stream", "stdin"), "rb") as file:
            restored = file.read()
        self.assertEqual((restored[:len(content)] == content, restored[-7:]), (True, b"the end"))

    def test_a_copy_does_not_bring_back_what_was_let_go(self):
        copy = self.path("copy")
        self.signet("copy", "--to", copy, "--init")
        self.signet("forget", self.third)
        self.signet("prune", "--wait")
        packs = self.objects("packs")
        env = {"SIGNET_REPOSITORY": copy}
        self.signet("copy", "--to", copy)
        self.signet("check", env=env)
        # Back again: nothing of it comes.
        self.signet("copy", "--to", self.repository, env=env)
        self.assertEqual(self.objects("packs"), packs)


class ManyAtOnce(SignetTest):
    def test_two_hosts_back_up_while_two_prunes_run(self):
        self.from_template()
        other = {"SIGNET_KEYRING": self.path("other"), "SIGNET_CACHE_DIR": self.path("other-cache")}
        self.signet("keyring", "link", "local:prod", "--default", env=other)
        self.backup(self.source, "--series", "x", env=other)
        self.signet("keyring", "trust", self.signet("keyring", "show", "--json", env=other).json()["writer"])
        end, failures = time.monotonic() + 12, []

        def work(number, env):
            folder = self.path(f"work{number}")
            count = 0
            while time.monotonic() < end:
                count += 1
                write(f"{folder}/{count % 4}", os.urandom(60_000))
                result = self.signet("backup", folder, "--series", f"s{number}", env=env, expect=None)
                # 17: another run of this writer was bound already; the next one succeeds.
                if result.code not in (0, 17):
                    failures.append(str(result))

        def prune():
            while time.monotonic() < end:
                for words in (["forget", "--keep-last", "2"], ["prune"]):
                    result = self.signet(*words, expect=None)
                    if result.code != 0:
                        failures.append(str(result))

        workers = [threading.Thread(target=work, args=(number, env)) for number, env in enumerate(({}, {}, other))]
        workers += [threading.Thread(target=prune) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(failures, [])
        self.signet("check", "--read-data")


if __name__ == "__main__":
    main()
