"""What samples/ has for databases and applications, run as it stands there."""

import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

from harness import SIGNET, SignetTest, main, write
from servers import SAMPLES, ServerTest, missing_user

PATH = os.path.dirname(os.path.abspath(SIGNET)) + ":/usr/sbin:/usr/bin:/sbin:/bin"
MARIADB = ("mariadbd", "mariadb", "mariadb-install-db", "mariadb-backup", "mbstream", "mariadb-binlog")


def absent(programs):
    missing = [name for name in programs if shutil.which(name, path=PATH) is None]
    return f"not installed: {', '.join(missing)}; nothing was tried" if missing else None


def why_not_mariadb():
    return absent(MARIADB) or missing_user("mysql")


@unittest.skipIf(why_not_mariadb(), why_not_mariadb() or "")
class MariaDb(ServerTest):
    USER = "mysql"

    def setUp(self):
        super().setUp()
        self.servers = {}
        self.addCleanup(self.stop_all)
        self.recipe_env = {"PATH": self.tools, "SERIES": "shop", "CLIENT_OPTIONS": f"--no-defaults --socket={self.path('data.socket')} --user=root"}

    def serve(self, name, *words):
        """Starts a server on a data folder."""
        command = ["mariadbd", "--no-defaults", f"--datadir={self.path(name)}", f"--socket={self.path(name)}.socket",
                   f"--pid-file={self.path(name)}.pid", "--skip-networking", "--innodb-buffer-pool-size=32M", *words]
        with open(self.path(name + ".log"), "ab") as log:
            self.servers[name] = subprocess.Popen(command, env=dict(self.env, PATH=self.tools), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.user)
        for _ in range(600):
            if self.sql("select 1", name, expect=None).strip() == "1":
                return
            time.sleep(0.1)
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as log:
            self.fail("the server does not answer: " + log.read()[-4000:])

    def make(self, name, *words):
        """Starts a server on a new data folder."""
        self.as_user(["mariadb-install-db", "--no-defaults", f"--datadir={self.path(name)}", "--auth-root-authentication-method=normal",
                      "--skip-test-db"], env={"PATH": self.tools})
        self.serve(name, *words)

    def stop(self, name, kill=False):
        server = self.servers.pop(name)
        server.kill() if kill else server.terminate()
        server.wait(60)

    def stop_all(self):
        for name in list(self.servers):
            self.stop(name, kill=True)

    def sql(self, text, name="data", expect=0):
        return self.as_user(["mariadb", "--no-defaults", f"--socket={self.path(name)}.socket", "--user=root", "-BN", "-e", text], expect,
                            env={"PATH": self.tools}).strip()

    def recipe(self, name, *words, expect=0, **env):
        return self.as_user([f"{self.samples}/mariadb/{name}", *words], expect, env=dict(self.recipe_env, **env))

    def sums(self, name="data"):
        return self.sql("checksum table shop.orders, shop.beat", name)

    def load(self, rows):
        self.sql(f"insert into shop.orders (text) select md5(rand()) from shop.seq_1_to_{rows}; "
                 "update shop.orders set text = md5(text) where id % 10 = 0; delete from shop.orders where id % 17 = 0")

    def moment(self):
        """A second in which nothing is committed, and what the tables are then."""
        time.sleep(1.1)
        at, sums = self.sql("select date_format(utc_timestamp(), '%Y-%m-%d %H:%i:%s')"), self.sums()
        time.sleep(1.1)
        self.sql("insert into shop.beat (text) values ('beat')")
        return at, sums

    def live(self):
        """Three moments of a server, the protector rotated before the second; then it is gone."""
        self.make("data", "--log-bin=binlog", "--server-id=1", "--max-binlog-size=1M")
        self.sql("create database shop; create table shop.orders (id int auto_increment primary key, text varchar(40)) engine=innodb; "
                 "create table shop.beat (id int auto_increment primary key, text varchar(40)) engine=innodb")
        self.load(2000)
        self.recipe("backup")
        moments = []
        for number in range(3):
            if number == 1:
                self.signet("key", "rotate", "prod")
            self.load(3000)
            moments.append(self.moment())
            self.recipe("push-binlogs")
        self.load(500)
        self.recipe("push-binlogs")
        last = self.sums()
        self.stop("data", kill=True)
        shutil.rmtree(self.path("data"))
        return moments, last

    def assertComesBack(self, name, sums, *moment):
        self.recipe("restore", self.path(name), *moment)
        self.serve(name)
        self.assertEqual(self.sums(name), sums)
        self.stop(name)
        self.assertEqual(glob.glob(self.path(".restore.*")), [])

    def assertRefused(self, text, *moment):
        said = self.recipe("restore", self.path("refused"), *moment, expect=1)
        self.assertIn(text, said)
        self.assertNothingAt(self.path("refused"))
        self.assertEqual(glob.glob(self.path(".restore.*")), [])

    def test_a_destroyed_server_comes_back_at_three_moments(self):
        moments, last = self.live()
        rows = self.signet("log", "list", "--json", "--series", "shop").json()
        self.assertEqual(len({tuple(row["thumbprints"]) for row in rows}), 2)
        for number, (at, sums) in enumerate(moments):
            self.assertComesBack(f"back{number}", sums, at)
        self.assertComesBack("latest", last)

        self.assertRefused("the binlogs end at", "2100-01-01 00:00:00")
        for version, moment in (("prod/1", moments[:1]), ("prod/1", ()), ("prod/2", moments[2:]), ("prod/2", ())):
            with self.subTest(version=version, moment=moment):
                self.signet("key", "disable", version)
                self.assertRefused(version, *(at for at, _ in moment))
                self.signet("key", "enable", version)
        self.signet("key", "disable", "prod/2")
        self.assertComesBack("first-key", moments[0][1], moments[0][0])
        self.signet("key", "enable", "prod/2")

        # The new key alone, after a rewrap.
        self.signet("rewrap", "--all")
        self.signet("key", "disable", "prod/1")
        self.assertComesBack("new-key", moments[2][1], moments[2][0])
        self.signet("key", "enable", "prod/1")

        lost = rows[len(rows) // 2]
        os.rename(os.path.join(self.repository, lost["object"]), self.path("kept"))
        self.assertRefused(lost["name"])

    def test_a_lost_log_does_not_end_the_pushing_of_new_ones(self):
        self.make("data", "--log-bin=binlog", "--server-id=1")
        for _ in range(3):
            self.recipe("push-binlogs")
        before = self.objects("logs")
        os.unlink(os.path.join(self.repository, sorted(before)[0]))
        self.signet("log", "list", "--series", "shop", expect=14)
        self.recipe("push-binlogs")
        self.assertGreater(len(set(self.objects("logs")) - set(before)), 0)

    def test_binlogs_of_another_server_are_refused_and_nothing_is_pushed_twice(self):
        self.make("data", "--log-bin=binlog", "--server-id=1")
        self.recipe("push-binlogs")
        before = self.objects("logs")
        self.assertGreater(len(before), 0)
        self.recipe("push-binlogs")
        self.assertEqual(len(self.objects("logs")), len(before) + 1)  # the one that this run has closed
        first = self.sql("show binary logs").split()[0]
        other = write(self.path("other", first), b"the binlog of another server")
        self.own(self.path("other"))
        self.own(other)
        result = self.signet("log", "push", "--series", "shop", "--sequence", "binlog.%06d", other, expect=17)
        self.assertSays(result.err, "with other content")


@unittest.skipIf(absent(["sqlite3"]), absent(["sqlite3"]) or "")
class Sqlite(SignetTest):
    def recipe(self, *databases, expect=0):
        env = dict(self.env, PATH=PATH, SERIES="app", STATE=self.path("state"))
        ended = subprocess.run([f"{SAMPLES}/sqlite/backup", *databases], env=env, cwd=self.scratch, capture_output=True, text=True, timeout=120)
        self.assertEqual(ended.returncode, expect, ended.stdout + ended.stderr)
        return ended.stderr

    def restored(self, backup, name):
        target = self.path("restored-" + backup[:8])
        self.signet("restore", backup, "-t", target)
        return next(iter(glob.glob(f"{target}/**/{name}", recursive=True)))

    def test_a_database_that_is_written_to_meanwhile_comes_back_consistent(self):
        self.init()
        path = self.path("app.db")
        database = sqlite3.connect(path)
        database.execute("pragma journal_mode = wal")
        database.execute("create table account (id integer primary key, balance integer)")
        database.executemany("insert into account values (?, 100)", [(number,) for number in range(1000)])
        database.commit()
        stopped = threading.Event()

        def transfer():
            """The sum of all balances stays what it is."""
            mine = sqlite3.connect(path, timeout=60)
            number = 0
            while not stopped.is_set():
                number += 1
                mine.execute("update account set balance = balance - 1 where id = ?", (number * 7 % 1000,))
                mine.execute("update account set balance = balance + 1 where id = ?", (number * 13 % 1000,))
                mine.commit()
                time.sleep(0.001)
            mine.close()

        writer = threading.Thread(target=transfer)
        writer.start()
        try:
            for _ in range(3):
                self.recipe(path)
        finally:
            stopped.set()
            writer.join()
        rows = self.signet("list", "--json").json()
        self.assertEqual(len(rows), 3)
        for row in rows:
            copy = sqlite3.connect(self.restored(row["id"], "app.db"))
            self.assertEqual(copy.execute("pragma integrity_check").fetchone(), ("ok",))
            self.assertEqual(copy.execute("select count(*), sum(balance) from account").fetchone(), (1000, 100_000))
            copy.close()

    def test_two_databases_of_one_name_and_none_at_all_are_refused(self):
        self.init()
        paths = [self.path("a/app.db"), self.path("b/app.db")]
        for path in paths:
            os.mkdir(os.path.dirname(path))
            database = sqlite3.connect(path)
            database.execute("create table account (id integer primary key)")
            database.commit()
            database.close()
        self.assertIn("two databases are called app.db", self.recipe(*paths, expect=2))
        self.assertIn("no database was named", self.recipe(expect=2))
        self.assertEqual(self.signet("list", "--json").json(), [])
        self.recipe(paths[0])

    def test_what_is_no_database_is_not_backed_up(self):
        self.init()
        self.recipe(write(self.path("app.db"), b"rubbish" * 1000), expect=1)
        self.assertEqual(self.signet("list", "--json").json(), [])


class PlainApplication(SignetTest):
    """A command's output every five minutes and the whole tree each night, back to a moment."""

    def test_it_comes_back_as_it_was_at_a_moment(self):
        self.init()
        tree = write(self.path("app", "settings"), "one\n")
        state = self.path("state")
        for minute in range(0, 60, 5):
            if minute % 30 == 0:
                write(tree, f"settings of {minute}\n")
                self.backup(os.path.dirname(tree), "--series", "app-files", "--time", f"2026-03-01T02:{minute:02}:30Z")
            write(state, f"state at {minute}\n")
            self.backup("--series", "app-state", "--stdin-filename", "state", "--time", f"2026-03-01T02:{minute:02}:00Z",
                        "--stdin-from-command", "--", "cat", state)
        for at, files, stream in (("02:04:59", 0, 0), ("02:29:59", 0, 25), ("02:30:00", 0, 30), ("02:31:00", 30, 30), ("02:59:00", 30, 55)):
            with self.subTest(at=at):
                moment = f"2026-03-01T{at}Z"
                target = self.path("back-" + at)
                self.signet("restore", "--series", "app-files", "--at", moment, "-t", target)
                found = next(iter(glob.glob(f"{target}/**/settings", recursive=True)))
                with open(found, encoding="utf-8") as file:
                    self.assertEqual(file.read(), f"settings of {files}\n")
                self.assertEqual(self.signet("dump", "--series", "app-state", "--at", moment, "latest").out, f"state at {stream}\n")
        result = self.signet("restore", "--series", "app-files", "--at", "2026-03-01T01:00:00Z", "-t", self.path("none"), expect=2)
        self.assertSays(result.err, "the first was made at 2026-03-01T02:00:30Z")
        self.assertNothingAt(self.path("none"))


class Operations(SignetTest):
    """Crontab, units, plugin and dashboard, with this host's places in the stead of theirs."""

    def setUp(self):
        super().setUp()
        self.init()
        source = self.sample_tree()
        self.config = write(self.path("signet.ini"), f"[backup]\npath = {source}\n")
        self.shell_env = dict(self.env, PATH=PATH, SIGNET_CONFIG=self.config)
        for folder in ("log", "prometheus", "credentials"):
            os.makedirs(self.path(folder))

    def here(self, text):
        for place, mine in (("/var/log/signet", "log"), ("/var/lib/prometheus/node-exporter", "prometheus"), ("/usr/local/bin/", "")):
            text = text.replace(place, self.path(mine) if mine else "")
        return text

    def shell(self, command, expect=0):
        ended = subprocess.run(["sh", "-c", command], env=self.shell_env, cwd=self.scratch, capture_output=True, text=True, timeout=120)
        self.assertEqual(ended.returncode, expect, f"{command}\n{ended.stdout}{ended.stderr}")
        return ended.stdout + ended.stderr

    def sample(self, name):
        with open(os.path.join(SAMPLES, name), encoding="utf-8") as file:
            return file.read()

    @unittest.skipUnless(shutil.which("logrotate") and os.geteuid() == 0, "logrotate is not installed, or this is not root: its file was not tried")
    def test_logrotate_takes_its_file_and_rotates_the_logs(self):
        write(self.path("log", "backup.log"), b"a line\n")
        rules = self.path("rules")
        write(rules, self.sample("logrotate/signet").replace("/var/log/signet", self.path("log")).encode())
        os.chmod(rules, 0o644)
        done = subprocess.run(["logrotate", "--force", "--state", self.path("state"), rules], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(os.listdir(self.path("log"))), ["backup.log", "backup.log.1"])
        self.assertEqual(os.stat(self.path("log", "backup.log")).st_mode & 0o777, 0o600)

    def test_every_line_of_the_crontab_does_its_work(self):
        lines = [line for line in self.sample("cron/signet").splitlines() if line and not line.startswith("#") and "=" not in line.split()[0]]
        self.assertEqual(len(lines), 6)
        for line in lines:
            *times, user, command = line.split(None, 6)
            self.assertEqual((len(times), user), (5, "root"))
            self.shell(self.here(command).replace("\\%", "%"))
        self.assertEqual(len(self.signet("list", "--json").json()), 1)
        with open(self.path("prometheus", "signet.prom"), encoding="utf-8") as file:
            self.assertIn("signet_last_backup_timestamp_seconds", file.read())

    def test_every_unit_is_understood_by_systemd_and_its_command_works(self):
        for name in ("backup", "check"):
            unit = self.sample(f"systemd/signet-{name}.service")
            commands = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart=")]
            self.assertGreater(len(commands), 0)
            for command in commands:
                self.shell(self.here(command))
        verify = shutil.which("systemd-analyze", path=PATH)
        if verify is None:
            self.skipTest("systemd-analyze is not installed: the units were not read by it")
        for name in ("signet-backup", "signet-check"):
            for kind in ("service", "timer"):
                write(self.path("units", f"{name}.{kind}"), self.sample(f"systemd/{name}.{kind}").replace("/usr/local/bin/signet", "/bin/true")
                      .replace("Documentation=", "#"))
            write(self.path("units", f"{name}.service.d", "sealed-passphrase.conf"), self.sample("systemd/sealed-passphrase.conf"))
        said = self.shell(f"{verify} verify --man=no {self.path('units')}/*.service {self.path('units')}/*.timer")
        self.assertNotIn("signet", said)

    def test_the_plugin_says_what_monitors_understand(self):
        plugin = f"{SAMPLES}/icinga/check_signet --config {self.config} --max-age 26h"
        self.shell("signet backup -q")
        self.assertIn("SIGNET OK", self.shell(plugin, 0))
        self.assertIn("SIGNET WARNING", self.shell(plugin + " --max-proof-age 1h", 1))
        self.signet("key", "disable", "prod")
        self.assertIn("SIGNET CRITICAL", self.shell(plugin, 2))
        self.signet("key", "enable", "prod")
        self.assertIn("SIGNET UNKNOWN", self.shell(plugin + " --repo /nowhere", 3))

    def test_the_dashboard_shows_figures_that_there_are(self):
        self.shell("signet backup -q && signet keyring check -q")
        there = self.signet("metrics").out
        panels = json.loads(self.sample("grafana/signet.json"))["panels"]
        self.assertGreater(len(panels), 5)
        for panel in panels:
            for target in panel["targets"]:
                for name in re.findall(r"signet_[a-z_]+", target["expr"]):
                    self.assertIn(f"# HELP {name} ", there, panel["title"])


if __name__ == "__main__":
    for reason in (why_not_mariadb(), absent(["sqlite3"])):
        if reason:
            print(reason, file=sys.stderr)
    main()
