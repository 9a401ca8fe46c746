"""`prune --max-unused`: packs that are needed in part are repacked, what stays behind goes, and nobody is hurt by it."""

import os
import resource
import shutil
import signal
import subprocess
import time

from harness import SignetTest, flip, main, tree_state, wait_until, write

READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reader", "signet_reader.py")
LARGE = 400_000


class Unused(SignetTest):
    """Two backups of one folder; the second has one of the five files that share the packs of the first."""

    def setUp(self):
        super().setUp()
        self.start_from(make_waste)
        self.source = self.path("source")
        self.has_key = True  # the reader, of all that is sealed
        self.trees = {backup: self.tree(backup) for backup in (self.whole, self.part)}

    def tree(self, backup):
        target = self.path("tree")
        self.signet("restore", backup, "-t", target)
        found = tree_state(target)
        shutil.rmtree(target)
        return found

    def forget_whole(self):
        self.signet("forget", self.whole)
        return self.trees.pop(self.whole)

    def prune(self, *words, **more):
        return self.signet("prune", "--json", *words, **more).last()

    def size(self):
        return sum(os.path.getsize(os.path.join(self.repository, name)) for name in self.objects("packs"))

    def again(self):
        """The same source, with nothing that a cache would know."""
        return self.backup(self.source, "--series", "home", env={"SIGNET_CACHE_DIR": self.path("no-cache")})

    def is_whole(self):
        self.signet("check", "--read-data")
        for backup, tree in self.trees.items():
            self.assertEqual(self.tree(backup), tree)
        self.read_by_another("verify", *(["--key", self.path("prod.pem")] if self.has_key else []))

    def read_by_another(self, *words):
        result = subprocess.run(["/usr/bin/python3", "-B", READER, self.repository, *words], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def test_where_there_is_no_room_to_repack_what_is_ripe_goes_all_the_same(self):
        write(self.path("other", "file"), os.urandom(LARGE))
        other = self.backup(self.path("other"), "--series", "other")["backup_id"]
        packs = [f"packs/{pack['id'][:2]}/{pack['id']}" for pack in self.signet("show", other, "--json").json()["packs"]]
        self.signet("forget", other)
        self.prune()
        self.forget_whole()

        def no_room():
            """For files of more than 64 KiB: entries fit, packs do not."""
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

        words = ("prune", "--max-unused", "0")
        result = self.finish(self.start(*words, preexec_fn=no_room), words, 1)
        self.assertMessage(result, "cannot write")
        self.assertEqual([pack for pack in packs if os.path.exists(os.path.join(self.repository, pack))], [])
        self.is_whole()
        self.assertGreater(self.prune("--max-unused", "0")["repacked"]["packs"], 0)
        self.is_whole()

    def test_without_being_asked_nothing_is_repacked(self):
        self.forget_whole()
        report = self.prune("--wait")
        self.assertIsNone(report["repacked"])
        self.assertGreater(self.size(), 5 * LARGE)
        self.assertIsNone(self.prune("--max-unused", "unlimited")["repacked"])
        self.assertGreater(self.size(), 5 * LARGE)

    def test_what_nobody_needs_goes_and_the_rest_comes_back(self):
        self.forget_whole()
        report = self.prune("--max-unused", "0")
        repacked = report["repacked"]
        self.assertGreater(repacked["packs"], 0)
        self.assertGreater(repacked["bytes_freed"], 4 * LARGE)
        self.assertGreater(repacked["unused_before"], 4 * LARGE)
        self.assertEqual((repacked["failed"], repacked["deks_made"]), (0, 1))
        self.assertGreater(report["condemned"]["unneeded"]["bytes"], 5 * LARGE)
        self.is_whole()
        self.assertGreater(self.prune()["bytes_deleted"], 5 * LARGE)
        self.assertLess(self.size(), 2 * LARGE)
        self.is_whole()
        self.assertEqual(self.prune("--max-unused", "0")["repacked"]["packs"], 0)
        self.assertEqual(self.read_by_another("list").stdout.count('"trusted": true'), 1)

    def test_people_are_told_what_is_freed(self):
        self.forget_whole()
        out = self.signet("prune", "--max-unused", "5%", "--wait").out
        self.assertSays(out, "unused  ", "repacked", "packs needed in part", "freed with the old packs", "gone")
        self.assertLess(self.size(), 2 * LARGE)
        self.assertSays(self.signet("prune", "--max-unused", "5%").out, "nothing to repack")
        self.is_whole()

    def test_a_rehearsal_says_what_would_be_repacked_and_changes_nothing(self):
        self.forget_whole()
        before = self.objects()
        report = self.prune("--max-unused", "0", "-n")
        self.assertGreater(report["repacked"]["bytes_freed"], 4 * LARGE)
        self.assertEqual(report["repacked"]["entries"], 0)
        self.assertSays(self.signet("prune", "-n", "--max-unused", "0").out, "would be repacked")
        self.assertEqual(self.objects(), before)

    def test_limits(self):
        self.forget_whole()
        for words, repacks in ((("--max-unused", "10M"), False), (("--max-unused", "99%"), False), (("--max-unused", "100k"), True),
                               (("--max-repack-size", "10M"), True), (("--max-repack-size", "1k"), False),
                               (("--max-unused", "0", "--max-repack-size", "1k"), False)):
            self.assertEqual(self.prune("-n", *words)["repacked"]["packs"] > 0, repacks, words)
        for wrong in ("100%", "-1%", "x%", "5 %%", "much", "nan%"):
            self.signet("prune", "-n", "--max-unused", wrong, expect=2)
        self.signet("prune", "-n", "--max-repack-size", "much", expect=2)

    def test_where_a_protector_is_missing_nothing_is_done(self):
        self.forget_whole()
        self.signet("key", "disable", "prod")
        before = self.objects()
        self.assertMessage(self.signet("prune", "--max-unused", "0", expect=13), "protector")
        self.assertEqual(self.objects(), before)
        self.prune()  # that takes none

    def test_a_host_without_keys_is_refused(self):
        """It has the officer's key and public halves alone."""
        self.forget_whole()
        os.rename(self.path("vault"), self.path("vault-elsewhere"))
        before = self.objects()
        self.assertMessage(self.signet("prune", "--max-unused", "0", expect=13), "sha256:")
        self.assertEqual(self.objects(), before)

    def test_what_was_forgotten_can_be_taken_back_until_it_goes(self):
        tree = self.forget_whole()
        self.prune("--max-unused", "0")
        self.signet("undelete", self.whole)
        self.trees[self.whole] = tree
        self.assertEqual(self.prune()["bytes_deleted"], 0)
        self.is_whole()

    def test_afterwards_it_cannot(self):
        self.forget_whole()
        self.prune("--max-unused", "0", "--wait")
        self.signet("undelete", self.whole, expect=14)
        self.is_whole()

    def test_the_next_backup_finds_what_moved_and_keeps_it(self):
        self.forget_whole()
        self.prune("--max-unused", "0", "--wait")
        again = self.again()
        self.assertLess(again["data_added"], 2000)
        shown = self.signet("show", again["backup_id"], "--json").json()
        self.assertGreater(len(shown["borrowed"]), 0)
        self.trees[again["backup_id"]] = self.tree(again["backup_id"])
        # It needs that by itself: not for the sake of the one for which it was repacked.
        self.signet("forget", self.part)
        self.trees.pop(self.part)
        self.prune("--max-unused", "0", "--wait")
        self.is_whole()
        self.assertEqual(self.tree(again["backup_id"]), self.trees[again["backup_id"]])

    def test_a_backup_made_before_and_after_the_repacking_alike(self):
        self.forget_whole()
        self.prune("--max-unused", "0")
        middle = self.again()["backup_id"]
        self.trees[middle] = self.tree(middle)
        self.prune("--wait")
        self.is_whole()

    def test_a_run_under_way_meanwhile_is_not_hurt(self):
        content = os.urandom(24 << 20)
        self.signet("backup", "--json", "--stdin", "--series", "stream", data=content + os.urandom(6 << 20))
        older = self.signet("list", "--series", "stream", "--json").json()[-1]["id"]
        kept = self.signet("backup", "--json", "--stdin", "--series", "stream", data=content[:12 << 20]).last()["backup_id"]
        before = len(self.objects("packs"))
        process = self.start("backup", "--json", "--stdin", "--series", "stream", stdin=subprocess.PIPE)
        process.stdin.write(content)
        process.stdin.write(os.urandom(40 << 20))
        process.stdin.flush()
        self.assertTrue(wait_until(lambda: len(self.objects("packs")) > before))
        self.signet("forget", older)
        self.assertGreater(self.prune("--max-unused", "0")["repacked"]["packs"], 0)
        self.prune("--max-unused", "0")
        _, err = process.communicate(b"the end", timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.prune("--max-unused", "0", "--wait")
        for backup, begins in ((kept, content[:12 << 20]), (self.signet("list", "--series", "stream", "--json").json()[-1]["id"], content)):
            target = self.path("stream-" + backup[:8])
            self.signet("restore", backup, "-t", target)
            with open(os.path.join(target, "stdin"), "rb") as file:
                self.assertEqual(file.read()[:len(begins)], begins)
        self.is_whole()

    def test_two_at_once(self):
        self.forget_whole()
        runs = [self.start("prune", "--max-unused", "0") for _ in range(2)]
        for run in runs:
            _, err = run.communicate(timeout=120)
            # Of one officer the one that was faster may be taken for dead by the other: then it is told, and nothing counts.
            self.assertIn(run.returncode, (0, 17), err)
        self.is_whole()
        self.prune("--max-unused", "0", "--wait")
        # What the slower one stored under its data key may stay until somebody repacks again.
        self.assertLess(self.size(), 2.5 * LARGE)
        self.is_whole()

    def test_killed_in_the_middle_it_is_run_again(self):
        self.forget_whole()
        for delay in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45):
            process = self.start("prune", "--max-unused", "0", "--wait")
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.is_whole()
        self.prune("--max-unused", "0", "--wait")
        self.assertLess(self.size(), 2 * LARGE)
        self.is_whole()

    def test_sealing_anew_and_consolidating_go_with_it(self):
        self.forget_whole()
        self.prune("--max-unused", "0", "--wait")
        self.signet("key", "rotate", "prod")
        self.signet("reseal", "--all")
        self.prune("--wait")
        self.signet("key", "disable", "prod/1")
        self.assertEqual(self.tree(self.part), self.trees[self.part])
        again = self.again()
        self.assertLess(again["data_added"], 2000)
        self.trees[again["backup_id"]] = self.tree(again["backup_id"])
        self.signet("consolidate", "--max-deks", "1", "--all")
        self.prune("--max-unused", "0", "--wait")
        self.signet("check", "--read-data")
        for backup, tree in self.trees.items():
            self.assertEqual(self.tree(backup), tree)

    def test_a_copy_brings_what_was_repacked_and_nothing_of_what_went(self):
        self.forget_whole()
        self.prune("--max-unused", "0", "--wait")
        again = self.again()["backup_id"]
        self.trees[again] = self.tree(again)
        copy = self.path("copy")
        self.signet("copy", "--to", copy, "--init")
        size = sum(os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(os.path.join(copy, "packs")) for name in names)
        self.assertEqual(size, self.size())
        for backup, tree in self.trees.items():
            target = self.path("from-copy")
            self.signet("restore", backup, "-t", target, "-r", copy)
            self.assertEqual(tree_state(target), tree)
            shutil.rmtree(target)

    def test_a_damaged_pack_stays_and_is_named(self):
        self.forget_whole()
        names = self.objects("packs")
        largest = max(names, key=lambda name: os.path.getsize(os.path.join(self.repository, name)))
        self.alter(largest, flip(300))
        result = self.signet("prune", "--max-unused", "0", expect=14)
        self.assertSays(result.err, largest.rpartition("/")[2][:12])
        self.assertIn(largest, self.objects("packs"))

    def test_what_was_repacked_is_mended_when_it_is_lost(self):
        self.forget_whole()
        self.prune("--max-unused", "0", "--wait")
        self.backup(self.source, "--series", "home", "--force", "--no-cache")
        made = [name for name in self.objects("packs")]
        lost = max(made, key=lambda name: os.path.getsize(os.path.join(self.repository, name)))
        os.unlink(os.path.join(self.repository, lost))
        self.signet("backup", "--force", "--no-cache", self.source, "--series", "home")
        self.signet("repair")
        self.is_whole()


def make_waste(test):
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", test.path("prod.pem")],
                   check=True, capture_output=True)
    test.signet("key", "import", "prod", test.path("prod.pem"))
    test.signet("keyring", "link", "local:prod", "--default")
    test.signet("init")
    source = test.path("source")
    for number in range(5):
        write(f"{source}/large-{number}", os.urandom(LARGE))
    write(f"{source}/folder/letter", "dear bob\n")
    whole = test.backup(source, "--series", "home")["backup_id"]
    for number in range(4):
        os.unlink(f"{source}/large-{number}")
    part = test.backup(source, "--series", "home")["backup_id"]
    return {"whole": whole, "part": part}


if __name__ == "__main__":
    main()
