"""A real PostgreSQL: it archives under load, its protector is rotated meanwhile, and it comes back as it was at a moment."""

import glob
import os
import shutil
import signal
import sys
import time
import unittest

from harness import flip, main, wait_until
from servers import ServerTest, missing_user

BINARIES = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
USER = "postgres"  # a server does not run as root


def why_not():
    if not BINARIES or not os.path.exists(BINARIES[-1] + "/initdb"):
        return "PostgreSQL is not installed (package postgresql): nothing was tried with it"
    return missing_user(USER)


class Cluster:
    """A server in a folder, without a network."""

    def __init__(self, test, name):
        self.test, self.data, self.log = test, test.path(name), test.path(name + ".log")
        self.socket = test.path("s")
        os.makedirs(self.socket, exist_ok=True)
        test.own(self.socket)

    def tool(self, *words, expect=0, **more):
        return self.test.as_user([BINARIES[-1] + "/" + words[0], *words[1:]], expect, **more)

    def make(self):
        self.tool("initdb", "-D", self.data, "-U", "admin", "--auth=trust", "--wal-segsize=1", "--data-checksums", "-E", "UTF8")
        with open(self.data + "/postgresql.conf", "a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{self.socket}'\nmax_wal_size = 64MB\nshared_buffers = 16MB\n"
                       f"archive_mode = on\narchive_command = '{self.test.program} log push --series pg --check-every 0s %p'\nlog_min_messages = info\n")

    def start(self, expect=0):
        return self.tool("pg_ctl", "-D", self.data, "-w", "-t", "90", "-l", self.log, "start", expect=expect)

    def stop(self, mode="fast"):
        self.tool("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def sql(self, text):
        return self.tool("psql", "-XAtq", "-h", self.socket, "-U", "admin", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", text).strip()

    def wait(self, query, wanted, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.sql(query) == wanted:
                return
            time.sleep(0.1)
        self.test.fail(f"{query} is not {wanted}: {self.sql(query)}\n{self.tail()}")

    def tail(self):
        with open(self.log) as file:
            return file.read()[-4000:]

    def checksums(self):
        return self.sql("select (select md5(string_agg(t::text, ',' order by id)) || count(*) from load t) || (select count(*) from beat)")

    def load(self, rows):
        for _ in range(5):
            self.sql(f"insert into load (text) select md5(random()::text) || repeat('x', 100) from generate_series(1, {rows // 5})")
        self.sql("update load set text = md5(text) where id % 10 = 0")

    def moment(self):
        """Now, and what is in the tables: nothing commits for a while before and after."""
        time.sleep(0.3)
        at = self.sql("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        sums = self.checksums()
        time.sleep(0.3)
        self.sql("insert into beat default values")
        return at, sums

    def archived(self):
        name = self.sql("select pg_walfile_name(pg_switch_wal())")
        self.wait(f"select last_archived_wal >= '{name}' from pg_stat_archiver", "t")
        return name


@unittest.skipIf(why_not(), why_not() or "")
class Postgres(ServerTest):
    USER = USER

    def setUp(self):
        super().setUp()
        self.clusters = []
        self.addCleanup(self.stop_all)

    def cluster(self, name):
        self.clusters.append(Cluster(self, name))
        return self.clusters[-1]

    def running_cluster(self, tables=True):
        cluster = self.cluster("data")
        cluster.make()
        cluster.start()
        if tables:
            cluster.sql("create table load (id serial primary key, text text); create table beat (id serial, at timestamptz default now())")
        return cluster

    def stop_all(self):
        for cluster in self.clusters:
            if os.path.exists(cluster.data + "/postmaster.pid"):
                cluster.tool("pg_ctl", "-D", cluster.data, "-w", "-m", "immediate", "stop", expect=None)

    def base(self, cluster, *words):
        return self.backup("--kind", "postgres", "--series", "pg", *words, "--", BINARIES[-1] + "/pg_basebackup", "-h", cluster.socket,
                           "-U", "admin", "-D", "-", "-Ft", "-X", "none", "-c", "fast")

    def restore(self, name, *words, expect=0):
        return self.signet("restore", "--json", "--series", "pg", "-t", self.path(name), *words, expect=expect)

    def assertComesBack(self, name, sums, *words):
        summary = self.restore(name, *words).last()
        cluster = self.cluster(name)
        keys = summary["keys_file"]
        self.assertEqual(os.stat(keys).st_mode & 0o777, 0o600)
        cluster.start()
        try:
            cluster.wait("select pg_is_in_recovery()", "f")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{cluster.tail()}") from None
        self.assertEqual(cluster.checksums(), sums, cluster.tail())
        self.assertEqual(cluster.sql("show archive_mode"), "off")
        cluster.wait("select 1", "1")
        for _ in range(100):
            if not os.path.exists(keys):
                break
            time.sleep(0.1)
        self.assertNothingAt(keys)  # recovery has ended
        cluster.stop()
        return cluster

    def live(self):
        """Three moments of a cluster, the protector rotated before the second; then it is gone."""
        cluster = self.running_cluster()
        cluster.load(2000)
        self.before_base = cluster.moment()
        self.first_base = self.base(cluster)
        moments = []
        for number in range(3):
            if number == 1:
                self.signet("key", "rotate", "prod")
            cluster.load(5000)
            moments.append(cluster.moment())
            # A plan takes one log more than the one in which the moment lies: both are stored before the next rotation.
            cluster.archived()
            cluster.sql("insert into beat default values")
            cluster.archived()
        cluster.load(1000)
        cluster.archived()
        self.last_sums = cluster.checksums()
        cluster.stop("immediate")
        shutil.rmtree(cluster.data)
        return moments

    def test_a_destroyed_cluster_comes_back_at_three_moments(self):
        moments = self.live()
        rows = self.signet("log", "list", "--json", "--series", "pg").json()
        self.assertEqual(len({tuple(row["thumbprints"]) for row in rows}), 2)
        self.assertEqual(self.signet("list", "--json", "--series", "pg").json()[0]["kind"], "base")
        plan = self.signet("plan", "--json", "--series", "pg").json()
        self.assertTrue(plan["restorable"])
        self.assertGreater(sum(one["logs"] for one in plan["required"]), 3)
        for number, (at, sums) in enumerate(moments):
            self.assertComesBack(f"back{number}", sums, "--at", at)
        self.assertComesBack("latest", self.last_sums)

        # What cannot be reached is refused before a byte is written.
        result = self.restore("early", "--at", self.before_base[0], expect=2)
        self.assertSays(result.err, "the oldest base")
        result = self.restore("late", "--at", "2100-01-01", expect=2)
        self.assertSays(result.err, "the last moment that can be restored is")
        self.restore("latest", expect=17)  # not empty

        # A stretch of time needs the keys of its bases and of its logs.
        stretch = ["--series", "pg", "--from", moments[0][0], "--to", moments[2][0]]
        whole = self.signet("plan", "--json", *stretch).json()
        self.assertGreater(sum(one["logs"] for one in whole["required"]), 3)
        self.assertEqual(len(whole["required"]), 2)
        drawn, = self.signet("timeline", "--json", "--series", "pg").json()["lanes"]
        self.assertTrue(drawn["restorable"])
        blocked = self.signet("plan", "--json", *stretch, "--without-key", "prod/2", expect=13).json()
        self.assertEqual([one["restorable"] for one in blocked["coverage"]], [True, False])
        self.assertLess(moments[0][0], blocked["coverage"][1]["from"])
        self.assertLess(blocked["coverage"][1]["from"], moments[2][0])
        self.signet("plan", "--series", "pg", "--from", moments[0][0], "--to", moments[0][0], "--without-key", "prod/2")

        self.assertTrue(self.signet("status", "--json").last()["series"][0]["restorable"])
        self.signet("key", "disable", "prod/2")
        self.assertFalse(self.signet("status", "--json", expect=13).last()["series"][0]["restorable"])
        self.signet("key", "enable", "prod/2")

        # One key away: of the base, then of the later logs.
        for version, words, part in (("prod/1", ["--at", moments[0][0]], "prod/1"), ("prod/1", [], "prod/1"),
                                     ("prod/2", ["--at", moments[2][0]], "prod/2"), ("prod/2", [], "prod/2")):
            with self.subTest(version=version, words=words):
                self.signet("key", "disable", version)
                result = self.signet("restore", "--series", "pg", "-t", self.path("refused"), *words, expect=13)
                self.assertSays(result.err, part, "needed for", "log")
                self.assertNothingAt(self.path("refused"))
                self.assertEqual(self.signet("plan", "--series", "pg", *words, expect=13).code, 13)
                self.signet("key", "enable", version)
        self.signet("key", "disable", "prod/2")
        self.assertSays(self.signet("restore", "--series", "pg", "-t", self.path("refused"), expect=13).err, "with the keys at hand")
        self.assertComesBack("first-key", moments[0][1], "--at", moments[0][0])
        self.signet("key", "enable", "prod/2")

        # A gap.
        segments = [row for row in rows if row["kind"] == "segment"]
        lost = segments[len(segments) // 2]
        os.rename(os.path.join(self.repository, lost["object"]), self.path("kept"))
        result = self.restore("gap", expect=14)
        self.assertSays(result.err, lost["name"])
        self.assertNothingAt(self.path("gap"))
        os.rename(self.path("kept"), os.path.join(self.repository, lost["object"]))
        self.signet("check")

    def test_a_moment_before_a_long_transaction(self):
        """Recovery looks for the first commit after the moment, which lies many segments further on."""
        cluster = self.running_cluster()
        cluster.load(500)
        self.base(cluster)
        cluster.sql("insert into beat default values")
        time.sleep(0.3)
        at, sums = cluster.sql("select clock_timestamp()"), cluster.checksums()  # as PostgreSQL writes it
        time.sleep(0.3)
        cluster.sql("insert into load (text) select repeat(md5(g::text), 30) from generate_series(1, 100000) g")  # one commit
        cluster.archived()
        self.assertGreater(len(self.signet("log", "list", "--json", "--series", "pg").json()), 6)
        # The rotation comes in between: no moment needs what follows, and recovery has it all the same.
        self.signet("key", "rotate", "prod")
        cluster.sql("insert into beat default values")
        cluster.archived()
        latest = cluster.checksums()
        cluster.stop("immediate")
        shutil.rmtree(cluster.data)
        self.assertLess(self.restore("planned", "--at", at).last()["logs"], 6)
        self.assertComesBack("back", sums, "--at", at)
        self.assertComesBack("newest", latest, "--at", "latest")

    def test_a_log_that_rots_fails_the_drill(self):
        cluster = self.running_cluster()
        self.base(cluster)
        for _ in range(3):
            cluster.load(100)
            cluster.archived()
        cluster.stop()
        self.signet("drill", "run", "--series", "pg")
        self.signet("log", "check", "--series", "pg", "--read-data")
        rows = [row for row in self.signet("log", "list", "--json", "--series", "pg").json() if row["kind"] == "segment"]
        self.alter(rows[-2]["object"], flip(os.path.getsize(os.path.join(self.repository, rows[-2]["object"])) // 3))
        self.assertSays(self.signet("log", "check", "--series", "pg", "--read-data", expect=14).err, rows[-2]["object"])
        self.signet("log", "check", "--series", "pg", "--read-data", "--no-read", expect=2)
        record = self.signet("drill", "run", "--series", "pg", "--json", expect=15).last()
        self.assertIn(rows[-2]["object"], record["reason"])

    def test_a_killed_drill_leaves_keys_that_the_next_one_removes(self):
        cluster = self.running_cluster(tables=False)
        self.base(cluster)
        cluster.archived()
        cluster.stop()
        words = ("drill", "run", "--series", "pg", "--target", self.path("scratch"))
        process = self.start(*words, "--check-command", f"touch {self.path('begun')}; sleep 8")
        self.assertTrue(wait_until(lambda: os.path.exists(self.path("begun"))))
        keys = os.readlink(self.path("scratch/keys-file"))
        self.assertTrue(os.path.exists(keys))
        process.kill()
        self.finish(process, words, -signal.SIGKILL)
        self.assertTrue(os.path.exists(keys))
        self.signet(*words)
        self.assertNothingAt(keys)
        self.assertEqual(os.listdir(self.path("scratch")), [])

    def test_what_a_failed_command_left_is_not_called_damage(self):
        for line, says in (("exit 3", "3"), ("head -c 700 /dev/zero; exit 4", "4")):
            result = self.signet("backup", "--kind", "postgres", "--series", "pg", "--", "sh", "-c", line, expect=1)
            self.assertMessage(result, "the command ended with", says, "no backup was made")
        self.signet("backup", "--kind", "postgres", "--series", "pg", "--", "sh", "-c", "head -c 7000 /dev/urandom", expect=14)
        self.assertEqual(self.signet("list", "--json").json(), [])

    def test_keys_that_cannot_be_left_for_recovery_stop_a_restore_before_it_writes(self):
        cluster = self.running_cluster(tables=False)
        self.base(cluster)
        cluster.stop()
        self.restore("back", "--keys-file", self.path("nowhere/keys"), expect=1)
        self.assertNothingAt(self.path("back"))

    def test_a_second_base_stores_what_changed(self):
        cluster = self.running_cluster()
        cluster.load(100_000)
        first = self.base(cluster)
        cluster.sql("update load set text = 'changed' where id < 1000")
        second = self.base(cluster)
        self.assertLess(second["data_added_packed"], first["data_added_packed"] * 0.25)
        # Single files of a base.
        listed = self.signet("ls", second["backup_id"], "/global").out
        self.assertSays(listed, "pg_control")
        self.signet("restore", second["backup_id"], "-t", self.path("part"), "/PG_VERSION")
        with open(self.path("part", "PG_VERSION")) as file:
            self.assertEqual(file.read().strip(), BINARIES[-1].split("/")[4])
        cluster.archived()
        sums = cluster.checksums()
        cluster.stop("immediate")
        # The first base and the logs before the second go, and nothing that the second needs.
        self.signet("forget", first["backup_id"])
        before = self.signet("log", "list", "--json", "--series", "pg").json()
        gone = self.signet("prune", "--json", "--wait").last()["deleted"]["logs"]["objects"]
        self.assertGreater(gone, 0)
        after = self.signet("log", "list", "--json", "--series", "pg").json()
        self.assertEqual(len(after), len(before) - gone)
        self.signet("check")
        restored = self.assertComesBack("latest", sums)
        self.as_user([BINARIES[-1] + "/pg_checksums", "--check", "-D", restored.data])

    def test_tablespaces_come_back_by_the_sample(self):
        cluster = self.running_cluster(tables=False)
        place = self.path("fast")
        os.mkdir(place, 0o700)
        self.own(place)
        cluster.sql(f"create tablespace fast location '{place}'")
        cluster.sql("create table load (id serial primary key, text text) tablespace fast; create table beat (id serial, at timestamptz default now())")
        cluster.load(2000)
        env = {"PGHOST": cluster.socket, "PGUSER": "admin", "PGDATABASE": "postgres", "PATH": BINARIES[-1] + ":" + self.tools}
        base = self.backup("--kind", "postgres", "--series", "pg", "--", self.samples + "/postgres/base", env=env)
        inside = self.signet("ls", base["backup_id"], "/tablespaces").out.split()[-1]
        self.assertSays(self.signet("ls", base["backup_id"], inside).out, "PG_" + BINARIES[-1].split("/")[4])
        cluster.load(2000)
        cluster.archived()
        sums = cluster.checksums()
        cluster.stop("immediate")
        shutil.rmtree(place)
        restored = self.assertComesBack("latest", sums)
        # Moved out again, as the document says.
        [oid] = os.listdir(restored.data + "/pg_tblspc")
        os.rename(f"{restored.data}/tablespaces/{oid}", place)
        os.remove(f"{restored.data}/pg_tblspc/{oid}")
        os.symlink(place, f"{restored.data}/pg_tblspc/{oid}")
        restored.start()
        self.assertEqual(restored.checksums(), sums)
        restored.stop()
        # A script that fails makes no base.
        failed = self.signet("backup", "--kind", "postgres", "--series", "pg", "--", self.samples + "/postgres/base",
                             env=dict(env, PGHOST=self.path("nowhere")), expect=None)
        self.assertNotEqual(failed.code, 0)
        self.assertEqual(len(self.signet("list", "--json", "--series", "pg").json()), 1)

    def test_a_drill_starts_the_cluster_asks_it_and_leaves_nothing(self):
        cluster = self.running_cluster()
        cluster.load(500)
        self.base(cluster)
        cluster.load(500)
        cluster.archived()
        cluster.stop("immediate")
        tools, scratch = BINARIES[-1], self.path("drill")
        check = self.path("check.sh")
        with open(check, "w") as file:
            file.write(f"""cd "$SIGNET_DRILL_DIR"
                trap '{tools}/pg_ctl -D . -m immediate stop' EXIT
                {tools}/pg_ctl -D . -w -t 90 -l {self.path("drill.log")} -o '-p 54329' start || exit 1
                {tools}/psql -XAtq -h {cluster.socket} -p 54329 -U admin -d postgres -c 'select count(*) from load' > {self.path("count")}""")
        record = self.signet("drill", "run", "--json", "--series", "pg", "--target", scratch, "--check-command", f"sh {check}").last()
        case, = record["cases"]
        self.assertEqual((case["kind"], case["check"]), ("base", "passed"))
        self.assertGreater(case["logs"], 0)
        with open(self.path("count")) as file:
            self.assertEqual(file.read().strip(), "1000")  # what only the logs had is there
        self.assertNothingAt(scratch)
        self.signet("drill", "run", "--series", "pg", "--sample", "5", expect=15)
        self.signet("drill", "run", "--series", "pg", "--without-key", "prod", expect=15)

    def test_a_base_that_is_not_whole_is_not_committed(self):
        cluster = self.running_cluster(tables=False)
        tar = self.path("base.tar")
        self.as_user(["sh", "-c", f"{BINARIES[-1]}/pg_basebackup -h {cluster.socket} -U admin -D - -Ft -X none -c fast > {tar}"])
        with open(tar, "rb") as file:
            content = file.read()
        for data in (content[:len(content) // 2], content[:-200_000], b"", b"rubbish" * 1000):
            with self.subTest(len(data)):
                self.signet("backup", "--kind", "postgres", "--series", "pg", "--stdin", data=data, expect=14)
        self.signet("backup", "--kind", "postgres", "--series", "pg", "--", "sh", "-c", f"cat {tar}; exit 3", expect=1)
        self.signet("backup", "--kind", "postgres", "--stdin", data=content, expect=2)
        self.assertEqual(self.signet("list", "--json").json(), [])
        self.signet("backup", "--kind", "postgres", "--series", "pg", "--stdin", data=content)
        self.assertEqual(len(self.signet("list", "--json").json()), 1)


if __name__ == "__main__":
    if why_not():
        print(why_not())
        sys.exit(0)
    main()
