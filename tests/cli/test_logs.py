"""Continuous logs: push, fetch, list, check, and the exit statuses that databases live by."""

import fcntl
import json
import os
import resource
import signal
import stat
import struct
import subprocess
import time

from harness import SignetTest, flip, main

READER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "reader", "signet_reader.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # with python3-cryptography
SEGMENT = 1 << 20
SYSTEM = 7_123_456_789_012_345_678


def segment(number, timeline=1, system=SYSTEM, fill=b"wal", size=SEGMENT):
    """A segment with the first page of PostgreSQL's write-ahead log, and noise after it."""
    head = struct.pack("<HHIQII", 0xD110, 0x0002, timeline, number * size, 0, 0) + struct.pack("<QII", system, size, 8192)
    half = size // 2
    return head + (fill * half)[:half - len(head)] + os.urandom(size - half)


def segment_name(number, timeline=1, size=SEGMENT):
    per = (1 << 32) // size
    return f"{timeline:08X}{number // per:08X}{number % per:08X}"


class LogTest(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(_with_repository)

    def push(self, path, *words, expect=0, **more):
        return self.signet("log", "push", "--series", "pg", path, *words, expect=expect, **more)

    def push_segments(self, *numbers, timeline=1, **more):
        contents = {}
        for number in numbers:
            name = segment_name(number, timeline)
            contents[name] = segment(number, timeline)
            self.push(self.write("pg_wal/" + name, contents[name]), **more)
        return contents

    def fetch(self, name, expect=0, dest="fetched", series="pg", **more):
        return self.signet("log", "fetch", "--series", series, name, self.path(dest), expect=expect, **more)

    def fetched(self, dest="fetched"):
        with open(self.path(dest), "rb") as file:
            return file.read()

    def rows(self, *words, expect=0):
        return self.signet("log", "list", "--json", *words, expect=expect).json()

    def epochs(self):
        return {row["epoch"] for row in self.rows()}

    def state_file(self, end=".state"):
        folder = os.path.join(self.env["SIGNET_KEYRING"], "logs")
        return next(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(end))


class PushAndFetch(LogTest):
    def test_what_was_pushed_comes_back(self):
        contents = self.push_segments(1, 2, 3)
        for name, content in contents.items():
            self.fetch(name)
            self.assertEqual(self.fetched(), content)
        rows = self.rows()
        self.assertEqual([row["name"] for row in rows], list(contents))
        self.assertEqual([row["seq"] for row in rows], [1, 2, 3])
        self.assertEqual({row["timeline"] for row in rows}, {1})
        self.assertEqual(rows[0]["object"], f"logs/{rows[0]['epoch']}/0000000001")
        self.assertEqual({row["size"] for row in rows}, {SEGMENT})
        self.assertEqual(self.signet("log", "push", "--series", "pg", self.path("pg_wal", segment_name(1))).out, "")
        self.signet("check")

    def test_push_needs_no_passphrase_and_no_private_half(self):
        self.write("prod.pem", self.signet("key", "export-public", "prod").raw)
        host = {"SIGNET_PASSPHRASE_FILE": None, "SIGNET_VAULT": self.path("host-vault"), "SIGNET_KEYRING": self.path("host-keyring")}
        self.signet("keyring", "link", "public:" + self.path("prod.pem"), "--default", env=host)
        contents = self.push_segments(1, 2, env=host)
        shown = self.signet("keyring", "show", "--json", env=host).json()
        self.signet("keyring", "trust", shown["writer"])
        self.push_segments(3, env=host)
        series = self.rows()[0]["series_id"]
        self.fetch(segment_name(2), series=series)
        self.assertEqual(self.fetched(), contents[segment_name(2)])
        self.fetch(segment_name(2), expect=213, env=host)

    def test_the_same_again_is_done_and_other_content_is_refused(self):
        name = segment_name(1)
        first = self.push_segments(1)[name]
        before = self.objects("logs")
        self.push(self.path("pg_wal", name))
        self.assertEqual(self.objects("logs"), before)
        self.assertTrue(self.push(self.path("pg_wal", name), "--json").last()["was_there"])
        other = self.write("other/" + name, segment(1))
        result = self.push(other, expect=17)
        self.assertMessage(result, name, "other content", "split brain")
        self.assertEqual(self.objects("logs"), before)
        self.fetch(name)
        self.assertEqual(self.fetched(), first)

    def test_all_kinds_of_postgres_files(self):
        self.push_segments(1, 2)
        history = self.write("pg_wal/00000002.history", "1\t0/280000\tno recovery target specified\n")
        label = self.write(f"pg_wal/{segment_name(1)}.00000028.backup", "START WAL LOCATION: 0/100028\n")
        partial = self.write(f"pg_wal/{segment_name(3)}.partial", segment(3))
        for path in (history, label, partial):
            self.push(path)
            self.fetch(os.path.basename(path))
            with open(path, "rb") as file:
                self.assertEqual(self.fetched(), file.read())
        self.assertEqual({row["kind"] for row in self.rows()}, {"segment", "history", "backup-history", "partial"})

    def test_what_is_no_regular_file_stays_where_a_log_is_fetched_to(self):
        self.push_segments(1)
        os.mkfifo(self.path("pipe"))
        os.symlink(self.path("elsewhere"), self.path("link"))
        for place in ("pipe", "link", "."):
            result = self.signet("log", "fetch", "--series", "pg", segment_name(1), self.path(place), expect=202)
            self.assertMessage(result, "no regular file")
        self.assertNothingAt(self.path("elsewhere"))
        self.assertTrue(os.path.islink(self.path("link")))
        for name in ("", "../x", "a/b", "."):
            self.signet("log", "fetch", "--series", "pg", name, self.path("x"), expect=202)

    def test_a_file_size_limit_is_a_failure_and_no_death(self):
        self.push_segments(1)
        path = self.write("pg_wal/" + segment_name(2), segment(2))
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
        result = self.signet("log", "push", "--series", "pg", path, preexec_fn=limit, expect=1)
        self.assertMessage(result, "File too large")
        self.push(path)

    def test_a_history_may_be_the_first(self):
        self.write("pg_wal/" + segment_name(1, 2), segment(1, 2))
        self.push(self.write("pg_wal/00000002.history", "1\t0/100000\tx\n"))
        lonely = self.write("lonely/00000002.history", "1\t0/100000\tx\n")
        self.signet("log", "push", "--series", "another", lonely, expect=1)

    def test_another_cluster_is_refused(self):
        self.push_segments(1)
        path = self.write("other/" + segment_name(2), segment(2, system=SYSTEM + 1))
        self.assertMessage(self.push(path, expect=17), str(SYSTEM + 1), str(SYSTEM), "--series")
        # Also when what the host kept is lost.
        os.remove(self.state_file())
        self.push(path, expect=17)
        self.assertEqual(len(self.rows()), 1)

    def test_what_is_no_segment_is_refused(self):
        self.push_segments(1)
        for name, content in ((segment_name(2), os.urandom(SEGMENT)), (segment_name(2), segment(2)[:-1]), (segment_name(3), segment(2)),
                              ("00000003.history", b"rubbish"), ("00000004.history", b""), ("00000004.history", b"# nothing\n")):
            with self.subTest(name):
                self.push(self.write("bad/" + name, content), expect=14)
        self.push(self.write("bad/binlog.000001", b"x"), expect=17)
        self.assertEqual(len(self.rows()), 1)

    def test_generic_logs_with_and_without_a_sequence(self):
        for number in (1, 2, 4):
            path = self.write(f"binlog.{number:06d}", os.urandom(number * 700_000))
            self.signet("log", "push", "--series", "shop", "--sequence", "binlog.%06d", path, "--first", str(number), "--last", "end")
        self.signet("log", "push", "--series", "app", self.write("events", b""))
        self.signet("log", "fetch", "--series", "app", "events", self.path("events.back"))
        self.assertEqual(self.fetched("events.back"), b"")
        gaps = self.rows("--series", "shop", "--gaps", expect=14)
        self.assertEqual([(gap["first"], gap["last"], gap["count"]) for gap in gaps], [("binlog.000003", "binlog.000003", 1)])
        self.fetch("binlog.000004", series="shop")
        self.fetch("binlog.000003", series="shop", expect=214)
        self.fetch("binlog.000005", series="shop", expect=1)
        self.fetch("events2", series="app", expect=1)
        self.assertEqual(self.rows("--series", "app", "--gaps"), [])
        self.signet("log", "push", "--series", "shop", self.write("other.1", b"x"), expect=2)

    def test_a_large_log_goes_through_in_pieces(self):
        content = os.urandom(5_000_000) + bytes(7_000_000)
        self.signet("log", "push", "--series", "app", self.write("big", content))
        self.fetch("big", series="app")
        self.assertEqual(self.fetched(), content)


class Ratchet(LogTest):
    def test_what_the_host_keeps_opens_nothing_that_it_pushed(self):
        self.push_segments(1, 2)
        path = self.state_file()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, "rb") as file:
            first = file.read()
        self.push_segments(3)
        with open(path, "rb") as file:
            second = file.read()
        self.assertNotEqual(first, second)
        # Without the private half nothing is read.
        result = self.fetch(segment_name(1), expect=213, env={"SIGNET_VAULT": self.path("nowhere")})
        self.assertMessage(result, "prod")
        self.assertNothingAt(self.path("fetched"))

    def test_losing_the_state_costs_a_new_epoch_and_nothing_else(self):
        contents = self.push_segments(1, 2)
        for end in (".state", ".names"):
            os.remove(self.state_file(end))
        self.assertEqual(len(self.epochs()), 1)
        self.push(self.path("pg_wal", segment_name(1)))  # the same again
        contents.update(self.push_segments(3))
        self.push(self.write("other/" + segment_name(2), segment(2)), expect=17)
        self.assertEqual(len(self.epochs()), 2)
        for name, content in contents.items():
            self.fetch(name)
            self.assertEqual(self.fetched(), content)
        self.signet("check")

    def test_a_torn_or_old_state_is_caught_up_with(self):
        self.push_segments(1)
        with open(self.state_file(), "rb") as file:
            old = file.read()
        with open(self.state_file(".names"), "rb") as file:
            old_names = file.read()
        self.push_segments(2, 3)
        with open(self.state_file(), "wb") as file:
            file.write(old)
        with open(self.state_file(".names"), "wb") as file:
            file.write(old_names)
        self.push(self.path("pg_wal", segment_name(3)))  # known, although the state is older
        self.push(self.write("other/" + segment_name(2), segment(2)), expect=17)
        self.push_segments(4)
        self.assertEqual([row["seq"] for row in self.rows()], [1, 2, 3, 4])
        self.assertEqual(len(self.epochs()), 1)
        with open(self.state_file(), "wb") as file:
            file.write(old[:20])
        self.push_segments(5)
        self.assertEqual(len(self.epochs()), 2)

    def test_a_state_that_others_can_read_is_refused(self):
        self.push_segments(1)
        os.chmod(self.state_file(), 0o644)
        self.assertMessage(self.push(self.write("pg_wal/" + segment_name(2), segment(2)), expect=17), "chmod 600")

    def test_an_epoch_ends_after_so_many_logs_and_after_so_long(self):
        self.push_segments(1, 2)
        for number in (3, 4, 5):
            self.push(self.write("pg_wal/" + segment_name(number), segment(number)), "--epoch-logs", "2")
        self.assertEqual(len(self.epochs()), 3)
        self.push(self.write("pg_wal/" + segment_name(6), segment(6)), "--epoch-time", "0s")
        self.assertEqual(len(self.epochs()), 4)
        self.signet("log", "check", "--series", "pg")

    def test_an_epoch_never_crosses_a_rotation(self):
        self.push_segments(1)
        self.signet("key", "rotate", "prod")
        contents = self.push_segments(2)
        rows = self.rows()
        self.assertNotEqual(rows[0]["thumbprints"], rows[1]["thumbprints"])
        self.fetch(segment_name(2))
        self.assertEqual(self.fetched(), contents[segment_name(2)])

    def test_killed_at_any_moment_and_retried_it_completes(self):
        contents = self.push_segments(1)
        names = []
        for number in range(2, 14):
            name = segment_name(number)
            path = self.write("pg_wal/" + name, segment(number))
            process = self.start("log", "push", "--series", "pg", path)
            time.sleep(0.004 * (number - 1))
            process.kill()
            process.communicate()
            self.push(path)
            self.push(path)
            names.append(name)
        self.assertEqual([row["name"] for row in self.rows()], [segment_name(1), *names])
        for name in names:
            self.fetch(name)
            with open(self.path("pg_wal", name), "rb") as file:
                self.assertEqual(self.fetched(), file.read())
        self.signet("check")
        self.assertEqual(self.rows("--gaps"), [])
        self.assertEqual(len(contents), 1)


class Statuses(LogTest):
    def test_push_never_ends_above_125(self):
        self.push_segments(1)
        good = self.write("pg_wal/" + segment_name(2), segment(2))
        for words, env, code in ((["log", "push"], {}, 2), (["log", "push", "--nonsense", good], {}, 2), (["log", "push", good], {}, 2),
                                 (["log", "push", "--series", "pg", "/nowhere"], {}, 1),
                                 (["log", "push", "--series", "pg", good], {"SIGNET_REPOSITORY": "/nowhere"}, 10),
                                 (["log", "push", "--series", "pg", good], {"SIGNET_CONFIG": "/nowhere"}, 2),
                                 (["log", "push", "--series", "pg", good], {"SIGNET_REPOSITORY": None}, 2)):
            with self.subTest(words):
                self.signet(*words, env=env, expect=code)
        fifo = self.path("pg_wal", "fifo")
        os.mkfifo(fifo)
        self.push(fifo, "--name", segment_name(2), expect=2)

    def test_an_interrupted_push_ends_with_125(self):
        self.push_segments(1)
        path = self.write("pg_wal/" + segment_name(2), segment(2))
        with open(self.state_file(".lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.push(path, "--lock-wait", "0", expect=11)
            process = self.start("log", "push", "--series", "pg", path)
            time.sleep(0.5)
            for _ in range(2):
                process.send_signal(signal.SIGTERM)
                time.sleep(0.2)
            process.communicate()
            self.assertEqual(process.returncode, 125)
        self.push(path)

    def test_fetch_is_0_1_or_200_and_above(self):
        self.push_segments(1, 2, 4)
        self.fetch(segment_name(5), expect=1)
        self.fetch("00000002.history", expect=1)
        self.fetch(segment_name(0), expect=1)
        self.assertMessage(self.fetch(segment_name(3), expect=214), segment_name(3), "missing")
        self.signet("log", "-r", self.repository, "fetch", segment_name(1), self.path("x"), expect=202)
        for words, env, code in ((["log", "fetch"], {}, 202), (["log", "fetch", "--nonsense"], {}, 202), (["log", "fetch", segment_name(1), "x"], {}, 202),
                                 (["log", "fetch", "--series", "none", segment_name(1), "x"], {}, 202),
                                 (["log", "fetch", "--series", "pg", segment_name(1), "x"], {"SIGNET_REPOSITORY": "/nowhere"}, 210),
                                 (["log", "fetch", "--series", "pg", segment_name(1), "x"], {"SIGNET_CONFIG": "/nowhere"}, 202),
                                 (["log", "fetch", "--series", "pg", segment_name(1), "x"], {"SIGNET_VAULT": "/nowhere"}, 213),
                                 (["log", "fetch", "--series", "pg", segment_name(1), "/nowhere/x"], {}, 201),
                                 (["log", "fetch", "--keys-file", "/nowhere", segment_name(1), "x"], {}, 201)):
            with self.subTest(words=words, env=env):
                self.signet(*words, env=env, expect=code)
                self.assertNothingAt(self.path("x"))
        self.signet("key", "disable", "prod")
        self.assertMessage(self.fetch(segment_name(1), expect=213), "prod")

    def test_damage_is_never_the_end_of_the_logs(self):
        self.push_segments(1, 2, 3)
        rows = self.rows()
        for at in (0, 20, 100, 200_000, -1, -70, -200):
            with self.subTest(at):
                self.alter(rows[1]["object"], flip(at))
                self.fetch(rows[1]["name"], expect=214)
                self.assertNothingAt(self.path("fetched"))
                self.assertMessage(self.signet("check", expect=14), rows[1]["object"])
                self.alter(rows[1]["object"], flip(at))
        self.fetch(rows[1]["name"])
        os.remove(self.path("fetched"))
        lost = os.path.join(self.repository, rows[1]["object"])
        os.rename(lost, self.path("kept"))
        self.fetch(rows[1]["name"], expect=214)
        self.fetch(rows[2]["name"])
        self.signet("check", expect=14)
        self.signet("log", "check", "--series", "pg", expect=14)
        # One in the place of another.
        with open(os.path.join(self.repository, rows[0]["object"]), "rb") as file:
            first = file.read()
        with open(lost, "wb") as file:
            file.write(first)
        self.fetch(rows[1]["name"], expect=214)
        os.remove(lost)
        # The last one lost: nobody can know.
        os.rename(self.path("kept"), lost)
        os.remove(os.path.join(self.repository, rows[2]["object"]))
        os.remove(self.path("fetched"))
        self.fetch(rows[2]["name"], expect=1)
        # But when the epoch was closed.
        os.remove(self.state_file())
        self.push_segments(4)

    def test_the_end_of_a_closed_epoch_is_known(self):
        self.push_segments(1, 2)
        os.remove(self.state_file())
        self.push_segments(3)
        rows = self.rows()
        os.remove(os.path.join(self.repository, rows[1]["object"]))
        self.fetch(rows[1]["name"], expect=214)
        self.assertMessage(self.signet("check", expect=14), rows[1]["object"])

    def test_logs_of_a_stranger_do_not_count(self):
        self.push_segments(1)
        stranger = dict(SIGNET_KEYRING=self.path("stranger"), SIGNET_VAULT=self.path("stranger-vault"))
        self.signet("key", "create", "own", env=stranger)
        self.signet("keyring", "link", "local:own", "--default", env=stranger)
        result = self.push(self.write("pg_wal/" + segment_name(2), segment(2)), env=stranger)
        self.assertSays(result.err, "does not trust this writer")
        self.fetch(segment_name(2), expect=1)
        self.assertEqual([row["name"] for row in self.rows()], [segment_name(1)])


class Access(LogTest):
    def test_a_refused_push_alarms_and_resumes_by_itself(self):
        self.push_segments(1)
        heard = self.path("heard")
        hook = ["--check-every", "0s", "--on-state-change", f'echo "$SIGNET_STATE" >> {heard}']
        self.signet("key", "disable", "prod")
        path = self.write("pg_wal/" + segment_name(2), segment(2))
        self.assertMessage(self.push(path, *hook, expect=13), "prod", "disabled")
        self.push(path, *hook, expect=13)
        self.signet("key", "enable", "prod")
        self.push(path, *hook)
        with open(heard) as file:
            self.assertEqual(file.read().split(), ["inaccessible", "ok"])
        self.assertEqual(len(self.epochs()), 2)  # the first good wrap
        self.fetch(segment_name(2))

    def test_a_paused_keyring_pushes_nothing(self):
        self.signet("keyring", "pause", "--reason", "moving")
        self.push(self.write("pg_wal/" + segment_name(1), segment(1)), expect=17)
        self.signet("keyring", "resume")
        self.push_segments(1)


class Keys(LogTest):
    def test_a_key_that_logs_need_is_not_deleted(self):
        contents = self.push_segments(1)
        self.signet("key", "rotate", "prod")
        self.push_segments(2)
        result = self.signet("key", "delete", "prod/1", expect=17)
        self.assertSays(result.err, "log epoch", "pg")
        self.assertSays(self.signet("rewrap", "--series", "pg").out, "log epoch")
        self.signet("key", "disable", "prod/1")
        self.fetch(segment_name(1))
        self.assertEqual(self.fetched(), contents[segment_name(1)])
        self.signet("key", "delete", "prod/1")


class ReleasedKeys(LogTest):
    def test_a_key_of_logs_that_are_gone_can_go(self):
        def push(number):
            path = self.write(f"binlog.{number:06d}", os.urandom(10_000))
            self.signet("log", "push", "--series", "app", "--sequence", "binlog.%06d", "--check-every", "0s", path)
        push(1), push(2)
        self.signet("key", "rotate", "prod")
        push(3)
        self.signet("backup", "--stdin", "--series", "app", data=os.urandom(1000))
        push(4)
        self.assertSays(self.signet("key", "delete", "prod/1", expect=17).err, "log epoch")
        self.assertEqual(self.signet("prune", "--json", "--wait").last()["deleted"]["logs"]["objects"], 2)
        self.signet("key", "delete", "prod/1")
        self.signet("restore", "--series", "app", "-t", "out")
        self.fetch("binlog.000003", series="app")


class Retention(LogTest):
    """A log lives as long as a backup of its series needs it."""

    def setUp(self):
        super().setUp()
        self.source = self.sample_tree()
        self.backups = []
        for number in range(1, 10):
            if number in (4, 7):
                self.backups.append(self.backup(self.source, "--series", "shop")["backup_id"])
            path = self.write(f"binlog.{number:06d}", os.urandom(10_000))
            self.signet("log", "push", "--series", "shop", "--sequence", "binlog.%06d", "--epoch-logs", "2", path)

    def names(self):
        return [row["name"] for row in self.rows("--series", "shop")]

    def numbers(self):
        return [int(name[-6:]) for name in self.names()]

    def prune(self, *words):
        return self.signet("prune", "--json", *words).last()

    def test_logs_go_with_the_backups_that_need_them_by_the_run_after(self):
        released = self.prune()
        self.assertEqual(released["released_logs"]["objects"], 2)  # 3 was the last one before the first backup
        self.assertEqual(self.numbers(), list(range(1, 10)))
        self.assertEqual(self.prune("-n")["deleted"]["logs"]["objects"], 2)
        self.assertEqual(self.prune()["deleted"]["logs"]["objects"], 2)
        self.assertEqual(self.numbers(), list(range(3, 10)))
        self.signet("forget", self.backups[0])
        self.assertEqual(self.prune("--wait")["deleted"]["logs"]["objects"], 3)
        self.assertEqual(self.numbers(), list(range(6, 10)))
        again = self.prune()
        self.assertEqual((again["released_logs"]["objects"], again["deleted"]["logs"]["objects"]), (0, 0))

    def test_what_is_gone_is_no_damage_and_no_gap_and_never_said_to_be_absent(self):
        self.signet("forget", self.backups[0])
        self.prune("--wait")
        self.assertSays(self.signet("check", "--read-data").out, "all as written")
        self.signet("log", "check", "--series", "shop")
        self.assertEqual(self.signet("log", "list", "--gaps", "--json", "--series", "shop").json(), [])
        gone = self.fetch("binlog.000002", series="shop", expect=None)
        self.assertGreaterEqual(gone.code, 200)
        self.assertMessage(gone, "binlog.000002", "let go")
        self.fetch("binlog.000010", series="shop", expect=1)
        self.fetch("binlog.000007", series="shop")
        # And what is lost after that is.
        os.unlink(os.path.join(self.repository, self.rows("--series", "shop")[1]["object"]))
        self.signet("check", expect=14)

    def test_a_backup_that_is_taken_back_keeps_its_logs(self):
        self.signet("forget", self.backups[0])
        self.assertEqual(self.prune()["released_logs"]["objects"], 5)
        self.signet("undelete", self.backups[0])
        self.assertEqual(self.prune("--wait")["deleted"]["logs"]["objects"], 2)
        self.assertEqual(self.numbers(), list(range(3, 10)))
        self.signet("check")

    def test_logs_of_a_series_without_backups_stay_until_they_are_given_up(self):
        give_up = ("forget", "--logs", "--series", "shop", "--json")
        self.assertMessage(self.signet(*give_up[:-1], expect=17), "shop", "2 backups", "forget these first")
        self.signet("forget", *self.backups)
        self.prune("--wait")
        before = self.numbers()
        self.assertEqual(before[-1], 9)
        self.assertEqual(self.signet(*give_up, "-n").last()["released_logs"]["objects"], len(before) - 1)
        self.prune("--wait")
        self.assertEqual(self.numbers(), before)
        self.assertEqual(self.signet(*give_up).last()["released_logs"]["objects"], len(before) - 1)
        self.assertEqual(self.numbers(), before)
        self.assertEqual(self.prune()["deleted"]["logs"]["objects"], len(before) - 1)
        self.assertEqual(self.numbers(), [9])  # the next one of an epoch that is open follows it
        self.signet("check", "--read-data")
        self.signet("log", "check", "--series", "shop")
        self.assertEqual(self.signet(*give_up).last()["released_logs"]["objects"], 0)

    def test_given_up_logs_stay_for_a_backup_that_is_taken_back(self):
        self.signet("forget", *self.backups)
        self.signet("forget", "--logs", "--series", "shop")
        self.signet("undelete", self.backups[1])
        self.prune("--wait")
        self.assertEqual(self.numbers(), list(range(6, 10)))
        self.signet("check")

    def test_what_was_stored_again_goes_with_the_hole_that_it_left(self):
        rows = {row["name"]: row["object"] for row in self.rows("--series", "shop")}
        for number in (2, 5, 6):
            os.unlink(os.path.join(self.repository, rows[f"binlog.{number:06d}"]))
            self.signet("log", "push", "--series", "shop", self.path(f"binlog.{number:06d}"))
            self.signet("check")
        self.prune("--wait")
        self.signet("check")
        # What follows a log of its epoch that is needed stays.
        self.assertEqual(self.numbers(), list(range(2, 10)))
        self.signet("forget", self.backups[0])
        self.prune("--wait")
        self.signet("check")
        self.signet("log", "check", "--series", "shop", "--read-data")
        self.assertEqual(self.numbers(), [2, 5, 6, 7, 8, 9])
        for number in (10, 11):
            self.signet("log", "push", "--series", "shop", "--epoch-logs", "1", self.write(f"binlog.{number:06d}", os.urandom(10_000)))
        self.backup(self.source, "--series", "shop")
        self.signet("forget", self.backups[1])
        self.prune("--wait")
        self.prune("--wait")
        self.assertEqual(self.numbers(), [11])
        self.signet("check")
        self.assertEqual(self.signet("log", "check", "--series", "shop").err, "")

    def test_giving_up_logs_is_about_nothing_else(self):
        for words in ((), ("--series", "none"), ("--series", "shop", self.backups[0]), ("--series", "shop", "--keep-last", "1"), ("--series", "shop", "--shred")):
            self.signet("forget", "--logs", *words, expect=2)
        self.assertEqual(self.numbers(), list(range(1, 10)))

    def test_pushes_go_on(self):
        self.signet("forget", self.backups[0])
        self.prune("--wait")
        for lost in ((), (".state",), (".names",)):
            for end in lost:
                os.remove(self.state_file(end))
            number = self.numbers()[-1] + 1
            path = self.write(f"binlog.{number:06d}", os.urandom(10_000))
            result = self.signet("log", "push", "--series", "shop", path)
            self.assertEqual(result.err, "")
            self.assertEqual(self.numbers()[-1], number)
        self.signet("check")

    def test_status_tells_how_far_logs_lead(self):
        def row():
            return next(one for one in self.signet("status", "--json", expect=None).last()["series"] if one["series"] == "shop")
        self.assertEqual((row()["logs"]["count"], row()["logs"]["gaps"]), (9, 0))
        self.assertSays(self.signet("status", "--max-log-age", "1h").out, "LOGS", "to ")
        metrics = self.signet("metrics").out
        self.assertIn("signet_last_log_timestamp_seconds{", metrics)
        self.assertEqual(self.signet("stats", "--json").last()["objects"]["logs"]["count"], 9)
        time.sleep(1.1)
        self.assertSays(self.signet("status", "--max-log-age", "1s", expect=16).out, "the newest log of shop is")
        # One that is lost: moments after it cannot be restored.
        os.unlink(os.path.join(self.repository, self.rows("--series", "shop")[4]["object"]))
        lost = self.signet("status", expect=14)
        self.assertSays(lost.out, "missing")
        self.assertEqual(row()["logs"]["gaps"], 1)

    def test_a_replica_deletes_what_was_let_go(self):
        replica = self.path("replica")
        self.signet("copy", "--to", replica, "--init")
        self.prune("--wait")
        self.signet("copy", "--to", replica)
        self.assertEqual(self.prune("-r", replica)["deleted"]["logs"]["objects"], 2)
        self.signet("check", "-r", replica)

    def test_the_independent_reader_misses_nothing(self):
        if subprocess.run([SYSTEM_PYTHON, "-c", "import cryptography, zstandard"], capture_output=True).returncode != 0:
            self.skipTest("python3-cryptography and python3-zstandard are not there")
        self.prune("--wait")
        done = subprocess.run([SYSTEM_PYTHON, "-B", READER, self.repository, "verify"], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["checked"]["logs"], 7)


class StoredAgain(LogTest):
    """A log that is lost or damaged and was pushed again is whole again, for everybody."""

    def push_numbers(self, *numbers, expect=0):
        for number in numbers:
            path = self.path(f"binlog.{number:06d}")
            if not os.path.exists(path):
                self.write(f"binlog.{number:06d}", os.urandom(50_000))
            last = self.signet("log", "push", "--json", "--series", "shop", "--sequence", "binlog.%06d", path, expect=expect)
        return last

    def object_of(self, number):
        return next(row["object"] for row in self.rows("--series", "shop") if row["name"] == f"binlog.{number:06d}")

    def lose(self, *numbers):
        names = [self.object_of(number) for number in numbers]
        for name in names:
            os.unlink(os.path.join(self.repository, name))
        return names[0]

    def damage(self, number, at=20_000):
        name = self.object_of(number)
        self.alter(name, flip(at))
        return name

    def assertFetched(self, *numbers):
        for number in numbers:
            self.fetch(f"binlog.{number:06d}", series="shop")
            with open(self.path(f"binlog.{number:06d}"), "rb") as file:
                self.assertEqual(self.fetched(), file.read())

    def test_a_push_of_what_is_damaged_never_says_that_it_was_there(self):
        self.push_numbers(1, 2, 3)
        for number, at in ((2, 20_000), (3, 40), (1, 100)):
            name = self.damage(number, at)
            again = self.push_numbers(number)
            self.assertSays(again.err, name, f"binlog.{number:06d} is stored again")
            self.assertEqual((again.last()["was_there"], again.last()["stored_again"]), (False, True))
            self.assertIsNotNone(again.last()["seq"])
            last = self.push_numbers(number).last()
            self.assertEqual((last["was_there"], last["stored_again"]), (True, False))
            self.assertFetched(number)

    def assertSound(self, *said):
        """For everybody who judges logs; each of them says what was stored again."""
        for words in (("check",), ("log", "check", "--series", "shop"), ("log", "check", "--series", "shop", "--read-data"), ("log", "list"),
                      ("log", "list", "--gaps"), ("status",)):
            with self.subTest(words):
                result = self.signet(*words)
                for text in said:
                    self.assertSays(result.out + result.err, text)
        self.assertEqual(self.rows("--series", "shop", "--gaps"), [])
        if os.path.exists(SYSTEM_PYTHON) and subprocess.run([SYSTEM_PYTHON, "-c", "import cryptography, zstandard"], capture_output=True).returncode == 0:
            done = subprocess.run([SYSTEM_PYTHON, "-B", READER, self.repository, "verify"], capture_output=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def assertUnsound(self, *said):
        for words in (("check",), ("log", "check", "--series", "shop")):
            with self.subTest(words):
                self.assertSays(self.signet(*words, expect=14).err, *said)
        self.signet("status", expect=14)

    def with_backup(self):
        """So that status tells of the series."""
        self.backup(self.sample_tree(), "--series", "shop")

    def test_a_lost_log_that_was_pushed_again_is_no_damage(self):
        self.with_backup()
        self.push_numbers(1, 2, 3, 4)
        lost = self.lose(2)
        self.assertUnsound(lost)
        again = self.push_numbers(2).last()
        self.assertEqual((again["seq"], again["stored_again"]), (5, True))
        self.assertSound(lost, "binlog.000002", f"stored again as {self.object_of(2)}")
        self.assertFetched(1, 2, 3, 4)
        # And once more, also several in a row.
        self.push_numbers(5, 6)
        self.lose(3, 4)
        self.signet("check", expect=14)
        self.push_numbers(4)
        self.signet("check", expect=14)
        self.push_numbers(3)
        self.assertSound("binlog.000003", "binlog.000004")
        self.assertFetched(1, 2, 3, 4, 5, 6)

    def test_the_first_and_the_newest_may_be_lost_as_well(self):
        self.with_backup()
        self.push_numbers(1, 2, 3)
        self.lose(1)
        self.signet("check", expect=14)
        self.push_numbers(1)
        self.assertSound("binlog.000001")
        self.push_numbers(4)
        self.lose(4)
        self.push_numbers(4)
        self.assertSound()
        self.push_numbers(5)
        self.assertSound()
        self.assertFetched(1, 2, 3, 4, 5)

    def test_the_only_log_of_a_series_may_be_lost(self):
        self.with_backup()
        self.push_numbers(1)
        self.lose(1)
        self.push_numbers(1)
        self.assertSound()
        self.damage(1, -1)
        self.push_numbers(1)
        self.assertSound()
        self.assertFetched(1)
        self.push_numbers(2)
        self.assertSound()

    def test_a_damaged_log_that_was_pushed_again_is_no_damage(self):
        self.with_backup()
        self.push_numbers(1, 2, 3)
        for number, at in ((2, 20_000), (1, 40), (3, -1)):
            name = self.damage(number, at)
            self.signet("check", expect=14)
            self.push_numbers(number)
            self.assertSays(self.signet("check").err, name, f"binlog.{number:06d}")
            self.push_numbers(*range(1, 4))
            self.assertSound()
            self.assertFetched(1, 2, 3)
        # Two ends that do not tell their names, before the record went on: the second could have been a fourth log.
        self.damage(2, -200)
        self.push_numbers(2)
        self.signet("check", expect=14)
        self.push_numbers(4)
        self.assertSound()
        self.assertFetched(1, 2, 3, 4)

    def test_a_finding_about_a_log_names_it_and_says_what_helps(self):
        self.with_backup()
        self.push_numbers(1, 2, 3)
        times = {row["name"]: row["time"] for row in self.rows("--series", "shop")}
        damaged = self.damage(2)
        result = self.signet("check", expect=14)
        self.assertSays(result.err, damaged, "binlog.000002", "series shop", "signet log push --series shop", "make a new base",
                        f"moments from {times['binlog.000001']} to {times['binlog.000003']} need it")
        self.assertNotIn("--salvage", result.err)
        self.assertNotIn("--read-data", result.err)
        found = self.signet("check", "--json", expect=14).last()["damaged"]
        self.assertEqual([(one["object"], one["log"], one["series"], one["from"], one["to"]) for one in found],
                         [(damaged, "binlog.000002", "shop", times["binlog.000001"], times["binlog.000003"])])
        # What is gone is told by what was stored before and after it.
        lost = self.lose(2)
        result = self.signet("check", expect=14)
        self.assertSays(result.err, lost, "after binlog.000001 and before binlog.000003", "series shop", "signet log push --series shop", "moments from")
        found = self.signet("check", "--json", expect=14).last()["damaged"]
        self.assertEqual([(one["object"], one["log"], one["series"]) for one in found], [(lost, None, "shop")])
        # A base that was made since is where later moments start.
        backup = self.backup(self.path("source"), "--series", "shop")["backup_id"]
        time = next(row["time"] for row in self.signet("list", "--json").json() if row["id"] == backup)
        self.push_numbers(4)
        self.assertEqual(self.signet("check", "--json", expect=14).last()["damaged"][0]["to"], time)

    def test_repair_leaves_a_damaged_log_where_it_is(self):
        self.push_numbers(1, 2, 3)
        name = self.damage(2)
        before = self.objects("logs")
        result = self.signet("repair", expect=14)
        self.assertSays(result.err, name, "binlog.000002", "signet log push")
        self.assertEqual(self.objects("logs"), before)
        self.assertEqual(self.objects("quarantine"), [])
        self.push_numbers(2)
        self.signet("repair")

    def test_what_was_stored_again_may_be_damaged_again(self):
        self.with_backup()
        self.push_numbers(1, 2, 3)
        self.lose(2)
        self.push_numbers(2, 4)
        self.assertSound()
        self.damage(2)
        self.signet("check", expect=14)
        self.push_numbers(2)
        self.assertSound("binlog.000002")
        self.assertFetched(1, 2, 3, 4)

    def test_of_two_copies_one_that_is_whole_is_taken(self):
        self.push_numbers(1, 2, 3)
        first = self.object_of(2)
        with open(os.path.join(self.repository, first), "rb") as file:
            octets = file.read()
        self.lose(2)
        self.push_numbers(2)
        second = self.object_of(2)
        with open(os.path.join(self.repository, first), "wb") as file:
            file.write(octets)
        for bad, good in ((first, second), (second, first)):
            self.assertFetched(2)
            self.alter(bad, flip(20_000))
            self.assertFetched(2)
            self.assertSays(self.signet("check").err, bad, good)
            self.signet("log", "check", "--series", "shop", "--read-data")
            self.assertTrue(self.push_numbers(2).last()["was_there"])
            self.alter(bad, flip(20_000))
        self.alter(first, flip(20_000))
        self.alter(second, flip(20_000))
        self.fetch("binlog.000002", series="shop", expect=214)
        self.signet("check", expect=14)

    def test_storage_cannot_hide_a_log_behind_one_that_was_stored_again(self):
        self.with_backup()
        self.push_numbers(1, 2, 3, 4, 5, 6)
        two, three = self.object_of(2), self.object_of(3)
        with open(os.path.join(self.repository, two), "rb") as file:
            octets = file.read()
        self.lose(2)
        self.push_numbers(2)
        self.assertSound()
        # The first copy comes back, and another log goes.
        with open(os.path.join(self.repository, two), "wb") as file:
            file.write(octets)
        self.assertSound()
        os.unlink(os.path.join(self.repository, three))
        self.assertUnsound(three)
        self.fetch("binlog.000003", series="shop", expect=214)

    def test_the_newest_logs_of_a_closed_epoch_cannot_be_hidden(self):
        self.with_backup()
        self.push_numbers(1, 2, 3, 4)
        self.lose(2)
        self.push_numbers(2)  # number 5
        self.push_numbers(5)
        self.assertSound()
        os.remove(self.state_file())  # the next push begins an epoch, and closes this one
        self.push_numbers(6)
        five, six = self.object_of(5), self.object_of(6)
        os.unlink(os.path.join(self.repository, six))
        self.assertSound()  # of an open epoch nobody knows
        os.unlink(os.path.join(self.repository, five))
        self.assertUnsound(five)

    def test_a_hole_in_logs_without_numbers_stays_damage(self):
        for name in ("a", "b", "c"):
            self.signet("log", "push", "--series", "app", self.write(name, os.urandom(50_000)))
        lost = next(row["object"] for row in self.rows() if row["name"] == "b")
        os.unlink(os.path.join(self.repository, lost))
        self.signet("log", "push", "--series", "app", self.path("b"))
        self.fetch("b", series="app")
        self.assertMessage(self.signet("check", expect=14), lost)
        # Where its end still tells its name, all is well.
        damaged = next(row["object"] for row in self.rows(expect=14) if row["name"] == "c")
        self.alter(damaged, flip(20_000))
        self.assertSays(self.signet("log", "push", "--series", "app", self.path("c")).err, damaged)
        result = self.signet("check", expect=14)
        self.assertSays(result.err, lost, f"c is stored again")
        self.fetch("c", series="app")

    def test_segments_are_covered_by_their_positions(self):
        self.push_segments(1, 2, 3, 4)
        rows = self.rows()
        self.push(self.write(f"pg_wal/{segment_name(4)}.00000028.backup", "START WAL LOCATION: 0/400028\n"))
        self.push_segments(5)
        label = next(row["object"] for row in self.rows() if row["kind"] == "backup-history")
        os.unlink(os.path.join(self.repository, rows[1]["object"]))
        self.signet("check", expect=14)
        self.push(self.path("pg_wal", segment_name(2)))
        self.assertSays(self.signet("check").err, rows[1]["object"], segment_name(2))
        self.signet("log", "check", "--series", "pg")
        # The newest: its epoch is closed without it.
        self.push_segments(6)
        os.unlink(os.path.join(self.repository, next(row["object"] for row in self.rows() if row["name"] == segment_name(6))))
        self.push(self.path("pg_wal", segment_name(6)))
        self.signet("check")
        self.push_segments(7)
        self.signet("check")
        # Between two segments that follow each other no segment can have been: nothing tells what it was.
        os.unlink(os.path.join(self.repository, label))
        self.assertMessage(self.signet("check", expect=14), label)
        self.assertMessage(self.signet("log", "check", "--series", "pg", expect=14), label)


class IndependentReader(SignetTest):
    def test_it_lists_and_opens_logs_from_the_document_alone(self):
        if subprocess.run([SYSTEM_PYTHON, "-c", "import cryptography, zstandard"], capture_output=True).returncode != 0:
            self.skipTest("python3-cryptography and python3-zstandard are not there")
        self.signet("init")
        contents = {}
        for number in range(1, 6):
            name = segment_name(number)
            contents[name] = segment(number)
            self.signet("log", "push", "--series", "pg", "--epoch-logs", "2", self.write("pg_wal/" + name, contents[name]))
        self.signet("log", "push", "--series", "pg", self.write("pg_wal/00000002.history", "1\t0/280000\tx\n"))
        self.signet("log", "push", "--series", "app", self.write("big", bytes(3_000_000) + os.urandom(10)))
        reader = [SYSTEM_PYTHON, "-B", READER, self.repository]
        listed = subprocess.run([*reader, "logs"], capture_output=True)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        ours = {row["name"]: row for row in self.signet("log", "list", "--json").json()}
        theirs = {row["name"]: row for row in json.loads(listed.stdout)}
        self.assertEqual(set(ours), set(theirs))
        for name, row in theirs.items():
            self.assertEqual((row["object"], row["kind"], row["size"]), (ours[name]["object"], ours[name]["kind"], ours[name]["size"]))
        self.assertEqual(theirs["00000002.history"]["switches"], [[1, 0x280000]])
        for name, content in {**contents, "big": None}.items():
            done = subprocess.run([*reader, "fetch", name, self.path("read-" + name), "--escrow-passphrase-file", self.env["SIGNET_PASSPHRASE_FILE"]],
                                  capture_output=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(self.path("read-" + name), "rb") as file:
                read = file.read()
            self.assertEqual(read, content if content is not None else open(self.path("big"), "rb").read())
        done = subprocess.run([*reader, "verify", "--escrow-passphrase-file", self.env["SIGNET_PASSPHRASE_FILE"]], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        checked = json.loads(done.stdout)["checked"]
        self.assertEqual((checked["logs"], checked["opened logs"]), (7, 7))
        # What Signet refuses, it refuses.
        victim = ours[segment_name(2)]["object"]
        for at in (50, 5000, -10, -100):
            self.alter(victim, flip(at))
            done = subprocess.run([*reader, "fetch", segment_name(2), self.path("no"), "--escrow-passphrase-file", self.env["SIGNET_PASSPHRASE_FILE"]],
                                  capture_output=True)
            self.assertIn(done.returncode, (1, 14), done.stderr)
            self.assertNothingAt(self.path("no"))
            self.alter(victim, flip(at))


class CheckAndCopy(LogTest):
    def test_log_check_goes_the_whole_way(self):
        self.assertMessage(self.signet("log", "check", "--series", "pg", expect=2), "pg")
        self.push_segments(1)
        self.assertSays(self.signet("log", "check", "--series", "pg").out, "without a gap", segment_name(1))
        path = self.write("pg_wal/" + segment_name(2), segment(2))
        switch = f"(sleep 0.5; {os.environ.get('SIGNET_BIN', 'signet')} log push --series pg {path}) > /dev/null & echo {segment_name(2)}"
        self.assertEqual(self.signet("log", "check", "--json", "--series", "pg", "--switch-command", switch).last()["newest"], segment_name(2))
        self.assertMessage(self.signet("log", "check", "--series", "pg", "--wait", "1s", "--switch-command", f"echo {segment_name(9)}", expect=1),
                           segment_name(9), "was not stored")

    def test_a_copy_has_the_logs(self):
        contents = self.push_segments(1, 2)
        self.signet("copy", "--to", self.path("copy"), "--init")
        self.signet("log", "fetch", "-r", self.path("copy"), "--series", "pg", segment_name(2), self.path("fetched"))
        self.assertEqual(self.fetched(), contents[segment_name(2)])

    def test_a_backup_beside_pushes(self):
        self.push_segments(1)
        source = self.sample_tree()
        self.backup(source, "--series", "home")
        self.push_segments(2)
        self.backup(source, "--series", "home")
        self.signet("restore", "--series", "home", "-t", "out")
        self.assertEqual(len(self.rows()), 2)
        self.signet("check")


def _with_repository(test):
    test.init()
    return {}


if __name__ == "__main__":
    main()
