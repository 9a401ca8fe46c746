"""Backups of files: what is taken, what is left out, what is reported."""

import os
import shutil
import signal
import subprocess
import time
import unittest

from harness import SignetTest, interrupt, main, tree_state, wait_until, write

IS_ROOT = os.geteuid() == 0


class Backup(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()

    def paths(self, *words, series="s"):
        return self.signet("ls", "latest", "--series", series, *words).out.splitlines()

    def names(self, series="s"):
        """Paths below the source."""
        prefix = self.source + "/"
        return sorted(path[len(prefix):] for path in self.paths(series=series) if path.startswith(prefix))

    def test_summary(self):
        summary = self.backup("--series", "s", self.source)
        for name in """message_type backup_id series files_new files_changed files_unmodified dirs_new dirs_changed
                       dirs_unmodified data_added data_added_packed total_files_processed total_bytes_processed total_duration
                       backup_start backup_end dek_id protector_thumbprint dry_run""".split():
            self.assertIn(name, summary)
        self.assertEqual(summary["message_type"], "summary")
        self.assertEqual(summary["series"], "s")
        self.assertGreater(summary["files_new"], 4)
        text = self.signet("backup", "--series", "s", self.source).out
        self.assertSays(text, "series", "unmodified", "backup")

    def test_an_unchanged_tree_adds_nothing(self):
        time.sleep(0.1)  # what changed within a tick of the clock before a run is read again
        self.backup("--series", "s", self.source)
        again = self.backup("--series", "s", self.source)
        self.assertEqual((again["files_new"], again["files_changed"]), (0, 0))
        self.assertLess(again["data_added"], 500)  # folders above the source may have changed

    def test_what_another_series_stored_is_found_again(self):
        self.assertLess(self.backup("--series", "s", self.source)["data_added"], 2000)
        self.assertLess(self.backup("--series", "t", "--no-cache", self.source)["data_added"], 2000)

    def test_a_missing_source_is_usage_and_makes_no_backup(self):
        before = self.objects("journal")
        self.assertMessage(self.signet("backup", self.path("nowhere"), expect=2), "nowhere")
        self.assertEqual(self.objects("journal"), before)

    def test_excludes(self):
        for name in ("a.tmp", "B.TMP", "keep.tmp", "c.log", "big", "cache/data", "marked/x", "plain/x"):
            write(f"{self.source}/{name}", "x")
        write(f"{self.source}/big", b"x" * 3000)
        write(f"{self.source}/cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# x\n")
        write(f"{self.source}/marked/.nobackup")
        patterns = self.write("patterns", "# comment\n\n  *.log  \n$PLAIN/x\n")
        summary = self.backup("--series", "s", "--iexclude", "*.TMP", "--exclude", "!keep.tmp", "--exclude-file", patterns, "--exclude-caches",
                              "--exclude-if-present", ".nobackup", "--exclude-larger-than", "2k", self.source, env={"PLAIN": "plain"})
        names = self.names()
        for gone in ("a.tmp", "B.TMP", "c.log", "big", "cache/data", "marked/x", "plain/x", "photos/one.jpg"):
            self.assertNotIn(gone, names)
        for kept in ("letter.txt", "cache/CACHEDIR.TAG", "plain", "photos/two.jpg"):
            self.assertIn(kept, names)
        self.assertEqual(summary["errors"], 0)

    def test_files_from(self):
        listing = self.write("list", f"# comment\n{self.source}/*.txt\n\n{self.source}/photos\n")
        self.backup("--series", "s", "--files-from", listing)
        names = self.names()
        self.assertIn("letter.txt", names)
        self.assertIn("photos/one.jpg", names)
        self.assertNotIn("Maildir", names)
        raw = self.write("raw", f"{self.source}/empty\0{self.source}/hollow\0".encode())
        self.backup("--series", "raw", "--files-from-raw", raw)
        self.assertEqual(self.names("raw"), ["empty", "hollow"])

    def test_tags_time_and_host(self):
        summary = self.backup("--series", "s", "--tag", "b", "--tag", "a", "--time", "2025-05-05T05:05:05Z", "--host", "elsewhere", self.source)
        row = [row for row in self.signet("list", "--json").json() if row["id"] == summary["backup_id"]][0]
        self.assertEqual((row["tags"], row["time"], row["host"]), (["a", "b"], "2025-05-05T05:05:05Z", "elsewhere"))
        self.assertEqual(self.signet("list", "--json", "--tag", "a", "--tag", "b").json(), [row])
        self.assertEqual(self.signet("list", "--json", "--host", "nobody").json(), [])
        self.signet("tag", self.first, "--add", "x", "--add", "y")
        self.signet("tag", self.first, "--remove", "x")
        by_id = lambda: {row["id"]: row["tags"] for row in self.signet("list", "--json").json()}
        self.assertEqual(by_id()[self.first], ["y"])
        self.signet("tag", self.first, "--set", "")
        self.assertEqual(by_id()[self.first], [])
        self.backup("--series", "s", self.source)

    def test_dry_run_stores_nothing(self):
        before = self.objects()
        summary = self.backup("-n", "--series", "s", self.source)
        self.assertTrue(summary["dry_run"])
        self.assertIsNone(summary["backup_id"])
        self.assertEqual(self.objects(), before)

    def test_skip_if_unchanged(self):
        self.backup("--series", "s", self.source)
        before = self.objects("journal")
        summary = self.backup("--series", "s", "--skip-if-unchanged", self.source)
        self.assertTrue(summary["skipped_unchanged"])
        self.assertEqual(self.objects("journal"), before)
        write(f"{self.source}/change", "x")
        self.assertFalse(self.backup("--series", "s", "--skip-if-unchanged", self.source)["skipped_unchanged"])

    def test_force_reads_everything_again(self):
        self.backup("--series", "s", self.source)
        path = f"{self.source}/photos/two.jpg"
        before = os.stat(path)
        again = self.backup("--series", "s", "--force", self.source)
        self.assertLess(again["data_added"], 500)  # folders above the source may have changed
        self.assertEqual(os.stat(path).st_mtime_ns, before.st_mtime_ns)

    def test_compression(self):
        text = self.write("text/long", b"".join(b"line %d of %d, again and again\n" % (i, i * 7919 % 1000) for i in range(20000)))
        sizes = {}
        for level in ("off", "auto", "max", "19"):
            self.env["SIGNET_REPOSITORY"] = self.path(f"repository-{level}")
            self.signet("init")
            sizes[level] = self.backup("--compression", level, text)["data_added_packed"]
        self.assertGreater(sizes["off"], 500000)
        self.assertLess(sizes["auto"], 150000)
        self.assertLessEqual(sizes["max"], sizes["auto"])

    def test_unreadable_files_are_reported_and_the_rest_is_backed_up(self):
        write(f"{self.source}/secret", "x")
        os.chmod(f"{self.source}/secret", 0)
        words = ["backup", "--json", "--series", "s", self.source]
        if IS_ROOT:
            if not shutil.which("setpriv"):
                self.skipTest("no setpriv")
            subprocess.run(["chown", "-R", "65534:65534", self.scratch], check=True)
            os.chown(f"{self.source}/secret", 0, 0)
            from harness import SIGNET
            ended = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SIGNET, *words], env=self.env,
                                   cwd="/", capture_output=True)
            if ended.returncode in (126, 127) or b"setpriv" in ended.stderr:
                self.skipTest("cannot run as another user")
            code, out, err = ended.returncode, ended.stdout.decode(), ended.stderr.decode()
        else:
            result = self.signet(*words, expect=3)
            code, out, err = result.code, result.out, result.err
        self.assertEqual(code, 3, out + err)
        self.assertIn('"message_type":"error"', err)
        self.assertIn("secret", err)
        self.assertIn('"errors":1', out)
        rows = self.signet("list", "--json", "--series", "s").json()
        self.assertTrue(rows[0]["has_errors"])
        names = self.names()
        self.assertIn("letter.txt", names)
        self.assertNotIn("secret", names)

    def test_an_attribute_that_cannot_be_read_is_reported_and_the_file_is_kept(self):
        if not shutil.which("strace"):
            self.skipTest("no strace")
        path = write(f"{self.source}/marked", "content")
        try:
            os.setxattr(path, "user.origin", b"value")
        except OSError:
            self.skipTest("no extended attributes here")
        from harness import SIGNET
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fgetxattr:error=EACCES", SIGNET, "backup", "--series", "s",
                   self.source]
        ended = subprocess.run(command, env=self.env, cwd="/", capture_output=True)
        error = ended.stderr.decode()
        if "ptrace" in error:
            self.skipTest("cannot trace here")
        self.assertEqual(ended.returncode, 3, error)
        self.assertIn("cannot read attribute user.origin", error)
        self.assertIn("marked", self.names())
        # The next run, which can read it, does not take the file for known.
        self.signet("backup", "--series", "s", self.source, expect=0)

    def test_names_that_are_no_text(self):
        odd = os.fsencode(self.source) + b"/bad\xff\n\x1b[31mname"
        with open(odd, "wb") as file:
            file.write(b"x")
        self.backup("--series", "s", self.source)
        text = self.signet("ls", "latest", "--series", "s").out
        self.assertIn("/bad\\xff\\n\\x1b[31mname", text)
        self.assertNotIn("\x1b", text)
        nodes = self.signet("ls", "latest", "--series", "s", "--json").json()
        node = [node for node in nodes if "bad" in node["name"]][0]
        import base64
        self.assertEqual(base64.b64decode(node["path_b64"]), odd)
        self.assertIn("\ufffd", node["name"])
        self.signet("restore", "--series", "s", "-t", "out")
        self.assertTrue(os.path.exists(os.fsencode(self.path("out")) + odd))

    def test_verbose_names_files(self):
        write(f"{self.source}/fresh", "x")
        self.backup("--series", "home", self.source)
        write(f"{self.source}/fresh2", "x")
        self.assertSays(self.signet("backup", "-v", "--series", "home", self.source).err, "new", "fresh2")
        write(f"{self.source}/fresh3", "x")
        actions = [line for line in self.signet("backup", "-v", "--json", "--series", "home", self.source).lines()
                   if line["message_type"] == "verbose_status"]
        self.assertIn(f"{self.source}/fresh3", [line["item"] for line in actions])

    def test_a_backup_without_any_file_says_so(self):
        empty = self.path("empty")
        os.makedirs(empty)
        self.assertSays(self.signet("backup", empty).err, "there is no file in this backup")
        self.assertSays(self.signet("backup", "--series", "x", "--exclude", "*", self.source).err, "there is no file in this backup")
        self.assertNotIn("no file", self.signet("backup", "--series", "y", self.source).err)

    def test_a_dry_run_says_that_nothing_was_stored(self):
        self.assertSays(self.signet("backup", "--dry-run", self.source).out, "dry run: nothing was stored", "would add")


class Hooks(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.log = self.path("log")

    def test_hooks_run_around_a_backup_with_its_variables(self):
        self.backup("--series", "s", "--run-before", f"echo before $SIGNET_OPERATION $SIGNET_SERIES >> {self.log}",
                    "--run-after", f"echo after $SIGNET_EXIT_CODE $SIGNET_BACKUP_ID >> {self.log}",
                    "--run-failed", f"echo failed >> {self.log}", self.source)
        with open(self.log) as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[0], "before backup s")
        self.assertRegex(lines[1], "^after 0 [0-9a-f]{64}$")
        self.assertEqual(len(lines), 2)

    def test_hooks_know_the_series_that_nobody_named(self):
        self.signet("backup", "--run-before", f"echo $SIGNET_SERIES >> {self.log}", "--run-after", f"echo $SIGNET_SERIES >> {self.log}", self.source)
        with open(self.log) as file:
            before, after = file.read().splitlines()
        self.assertEqual(before, after)
        self.assertTrue(before.endswith(":" + self.source), before)

    def test_what_a_hook_prints_is_no_result(self):
        result = self.signet("backup", "--json", "--series", "s", "--run-before", "echo hello", self.source)
        self.assertEqual(len(result.out.splitlines()), 1)
        self.assertIn("hello", result.err)

    def test_a_failing_hook_before_stops_the_backup(self):
        before = self.objects("journal")
        result = self.signet("backup", "--run-before", "exit 7", "--run-failed", f"echo $SIGNET_EXIT_CODE $SIGNET_ERROR > {self.log}",
                             self.source, expect=1)
        self.assertMessage(result, "--run-before", "7")
        self.assertEqual(self.objects("journal"), before)
        with open(self.log) as file:
            self.assertTrue(file.read().startswith("1 "))

    def test_a_failed_backup_runs_its_hook(self):
        self.signet("key", "disable", "prod")
        self.signet("backup", "--run-failed", f"echo $SIGNET_EXIT_CODE > {self.log}", "--run-after", f"echo after > {self.log}",
                    self.source, expect=13)
        with open(self.log) as file:
            self.assertEqual(file.read(), "13\n")

    def test_a_failing_hook_after_says_that_the_backup_was_made(self):
        before = len(self.objects("journal"))
        self.assertMessage(self.signet("backup", "--run-after", "false", self.source, expect=1), "the backup itself was made")
        self.assertEqual(len(self.objects("journal")), before + 2)  # the first entry of the run, and the backup


class Interruption(SignetTest):
    """A run that is stopped leaves a valid repository, and what it stored is used by the next."""

    def setUp(self):
        super().setUp()
        self.from_template()
        self.big = self.path("big")
        os.mkdir(self.big)

    def slow_backup(self, *words):
        """Holds a run in the middle of reading: at a FIFO of standard input."""
        read, give = os.pipe()
        process = self.start("backup", "--series", "slow", "--stdin", *words, stdin=read)
        os.close(read)
        return process, give

    def fill(self, give, octets):
        block = os.urandom(1 << 20)
        for _ in range(octets >> 20):
            os.write(give, block[: 1 << 20])
            block = block[1:] + block[:1]

    def test_interrupt_leaves_a_valid_repository(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                before = len(self.signet("list", "--json").json())
                process, give = self.slow_backup()
                self.fill(give, 24 << 20)
                time.sleep(0.3)
                interrupt(process, number)
                result = self.finish(process, ["backup"], 130)
                os.close(give)
                self.assertMessage(result, "interrupted")
                self.assertEqual(len(self.signet("list", "--json").json()), before)
                self.signet("check")
        self.signet("backup", self.source)
        self.signet("restore", "-t", "out")

    def test_the_same_series_at_once_is_busy(self):
        process, give = self.slow_backup()
        self.fill(give, 1 << 20)
        self.assertTrue(wait_until(lambda: os.path.isdir(self.path("keyring", "locks")) and os.listdir(self.path("keyring", "locks"))))
        time.sleep(0.5)
        words = ["backup", "--series", "slow", self.source]
        self.assertMessage(self.signet(*words, expect=11), "slow")
        self.signet(*words, "--lock-wait", "1", expect=11)
        self.signet("backup", "--series", "other", self.source)
        waiting = self.start(*words, "--lock-wait", "60s")
        time.sleep(0.2)
        os.close(give)
        self.finish(process, ["backup"], 0)
        self.finish(waiting, words, 0)

    def test_progress_on_demand(self):
        process, give = self.slow_backup("--json")
        self.fill(give, 1 << 20)
        time.sleep(0.7)
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.7)
        os.close(give)
        lines = self.finish(process, ["backup"], 0).lines()
        self.assertEqual([line["message_type"] for line in lines], ["status", "summary"])
        for name in "seconds_elapsed percent_done total_files files_done total_bytes bytes_done error_count current_files".split():
            self.assertIn(name, lines[0])

    def test_progress_lines_when_asked_for(self):
        process, give = self.slow_backup("--progress")
        self.fill(give, 1 << 20)
        time.sleep(0.5)
        os.close(give)
        self.assertNotIn("files", self.finish(process, ["backup"], 0).err)  # every ten seconds without a terminal
        self.env["SIGNET_PROGRESS_FPS"] = "20"
        process, give = self.slow_backup("--progress")
        self.fill(give, 1 << 20)
        time.sleep(1)
        os.close(give)
        self.assertIn("MiB/s", self.finish(process, ["backup"], 0).err)


if __name__ == "__main__":
    main()
