"""What a monitor asks."""

import os
import re
import time

from harness import SignetTest, flip, main
from test_plan import two_eras


class Status(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(two_eras)

    def test_all_is_well(self):
        """[R118]"""
        report = self.signet("status", "--json").json()
        self.assertEqual((report["state"], report["problems"]), ("ok", []))
        series, = report["series"]
        self.assertEqual((series["series"], series["backups"], series["last_backup"], series["restorable"]), ("prod-db", 4, "2026-02-10T00:00:00Z", True))
        self.assertEqual({one["thumbprint"] for one in report["protectors"]}, {self.old, self.new})
        self.assertSays(self.signet("status").out, "prod-db", "prod/1", "prod/2", "never", "reminder: key prod has no key backup")

    def test_an_old_backup_misses_its_objective(self):
        self.assertSays(self.signet("status", "--max-age", "26h", expect=16).out, "problem: the newest backup of prod-db is")
        self.signet("status", "--max-age", "36500d")

    def test_a_backup_dated_ahead_hides_no_silence(self):
        self.backup("--series", "prod-db", "--time", "2090-01-01T00:00:00Z", self.path("source"))
        self.assertSays(self.signet("status", "--max-age", "26h", expect=16).out, "the newest backup of prod-db is dated ahead", "2090-01-01")
        self.signet("status")

    def test_a_protector_that_was_not_proven_in_time_misses_its_objective(self):
        self.assertSays(self.signet("status", "--max-proof-age", "7d", expect=16).out, "never proven")
        self.signet("keyring", "check")
        self.signet("status", "--max-proof-age", "7d")

    def test_a_protector_must_be_proven_though_another_opens_the_same(self):
        self.signet("key", "create", "spare")
        self.signet("keyring", "link", "local:spare", "--recovery")
        self.env["SIGNET_REPOSITORY"] = self.path("two")
        self.signet("init")
        self.backup(self.sample_tree("more"))
        self.assertSays(self.signet("status", "--max-proof-age", "7d", expect=16).out, "spare", "never proven")
        self.signet("keyring", "check")
        self.signet("status", "--max-proof-age", "7d")

    def test_a_lacking_protector_is_13_whatever_else_is_wrong(self):
        self.signet("key", "disable", "prod/1")
        report = self.signet("status", "--max-age", "1h", "--json", expect=13).json()
        self.assertEqual(len(report["problems"]), 2)
        self.assertTrue(any("2 backups cannot be restored without protector prod" in one and "disabled" in one for one in report["problems"]))
        self.signet("key", "enable", "prod/1")
        self.signet("key", "disable", "prod/2")
        self.assertSays(self.signet("status", expect=13).out, "keyring  inaccessible", "new backups are refused")

    def test_no_drill_is_on_record(self):
        report = self.signet("status", "--max-drill-age", "30d", "--json", expect=16).json()
        self.assertEqual(report["problems"], ["no drill is on record"])
        self.signet("status", "--max-drill-age", "soon", expect=2)

    def test_an_empty_repository_has_no_age(self):
        self.env["SIGNET_REPOSITORY"] = self.path("empty")
        self.signet("init")
        self.signet("status")
        self.signet("status", "--max-age", "1h", expect=16)

    def test_metrics_are_in_the_text_format_and_the_file_is_replaced_whole(self):
        text = self.signet("metrics").out
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) signet_\w+ .+|signet_\w+(\{(\w+="([^"\\\\]|\\\\.)*",?)*\})? \d+)$')
        self.assertRegex(text, r'signet_keyring_state\{repository="[0-9a-f]{16}",state="ok"\} 1')
        self.assertRegex(text, r'signet_last_backup_timestamp_seconds\{repository="[0-9a-f]{16}",series="prod-db",series_id="[0-9a-f]+",host="[^"]*",writer="[0-9a-f]{16}"\} 1770681600')
        self.assertRegex(text, r'signet_latest_restorable\{[^}]*series="prod-db"[^}]*\} 1')
        self.assertEqual(len(re.findall("^signet_protector_usable{", text, re.M)), 2)
        self.signet("keyring", "check")
        file = self.path("signet.prom")
        self.signet("metrics", "--textfile", file)
        with open(file) as made:
            self.assertIn("signet_protector_last_proven_timestamp_seconds{", made.read())
        self.assertEqual([name for name in os.listdir(self.scratch) if "prom" in name], ["signet.prom"])
        self.signet("metrics", "--textfile", self.path("nowhere", "x"), expect=1)


class NewestRefused(SignetTest):
    """The keys are there, and a restore of the newest backup is refused all the same."""

    def setUp(self):
        super().setUp()
        self.start_from(two_eras)
        self.source = self.path("source")

    def other_host(self, name):
        """A host of its own that has linked the same key, and that nobody trusts yet. returns  its environment"""
        env = {"SIGNET_KEYRING": self.path(name), "SIGNET_CACHE_DIR": self.path(name + "-cache"), "SIGNET_VAULT": self.path(name + "-vault")}
        self.signet("keyring", "link", f"local:{self.path('vault')}#prod", "--default", env=env)
        return env

    def writer(self, env=None):
        return self.signet("keyring", "show", "--json", env=env).json()["writer"]

    def damage_the_newest(self):
        name = f"journal/{self.writer()}/0000000008"
        self.alter(name, flip())
        return name

    def test_a_damaged_newest_entry_is_a_problem_as_the_restore_is_refused(self):
        """[R118][security]"""
        name = self.damage_the_newest()
        self.signet("restore", "--at", "2100-01-01", "-t", "out", expect=14)
        report = self.signet("status", "--max-age", "36500d", "--json", expect=14).json()
        self.assertFalse(report["latest_restorable"])
        series, = report["series"]
        self.assertEqual((series["backups"], series["restorable"], series["latest_restorable"]), (3, True, False))
        problem, = report["problems"]
        self.assertSays(problem, "a newer backup may be lost", name)
        self.assertSays(self.signet("status", expect=14).out, "refused", "problem: a newer backup may be lost")
        text = self.signet("metrics", expect=14).out
        self.assertRegex(text, r'signet_last_backup_restorable\{[^}]*\} 1')
        self.assertRegex(text, r'signet_latest_restorable\{[^}]*\} 0')
        self.assertRegex(text, r'signet_problems\{[^}]*\} 1')

    def test_a_newer_backup_by_a_writer_who_is_not_trusted_is_a_problem_and_its_series_has_a_row(self):
        """[R118][security]"""
        other = self.other_host("other")
        self.backup("--series", "theirs", self.source, env=other)
        self.signet("restore", "--at", "2100-01-01", "-t", "out", expect=17)
        report = self.signet("status", "--max-age", "36500d", "--json", expect=17).json()
        self.assertFalse(report["latest_restorable"])
        rows = {row["writer"]: row for row in report["series"]}
        mine, theirs = rows[self.writer()], rows[self.writer(other)]
        self.assertEqual((mine["backups"], mine["latest_restorable"]), (4, True))
        self.assertEqual((theirs["backups"], theirs["untrusted"], theirs["last_backup"], theirs["latest_restorable"]), (0, 1, None, False))
        problem, = report["problems"]
        self.assertSays(problem, "not trusted", "signet keyring trust " + self.writer(other))
        self.assertSays(self.signet("status", expect=17).out, "not trusted", "writer " + self.writer(other)[:16])
        self.assertRegex(self.signet("metrics", expect=17).out, rf'signet_untrusted_backups\{{[^}}]*writer="{self.writer(other)[:16]}"\}} 1')
        self.signet("keyring", "trust", self.writer(other))
        self.signet("status", "--max-age", "36500d")

    def test_an_older_backup_by_a_writer_who_is_not_trusted_is_a_problem_too(self):
        """Another series is newer: the newest of all is not refused, and the host still has nothing that can be restored."""
        other = self.other_host("other")
        self.backup("--series", "theirs", "--time", "2026-01-05T00:00:00Z", self.source, env=other)
        report = self.signet("status", "--max-age", "36500d", "--json", expect=17).json()
        self.assertTrue(report["latest_restorable"])
        problem, = report["problems"]
        self.assertSays(problem, self.writer(other))

    def test_a_stranger_is_passed_over_once_its_backup_is_forgotten(self):
        other = self.other_host("other")
        stranger = self.backup("--series", "theirs", self.source, env=other)["backup_id"]
        self.signet("status", expect=17)
        self.signet("forget", stranger)
        self.signet("status")

    def test_a_silent_host_is_not_hidden_behind_another_that_names_its_series_alike(self):
        """[R118]"""
        web1, web2 = self.other_host("web1"), self.other_host("web2")
        for host, env, when in (("web1", web1, ["--time", "2026-01-20T00:00:00Z"]), ("web2", web2, [])):
            made = self.backup("--series", "db", "--host", host, *when, self.source, env=env)["backup_id"]
            self.signet("keyring", "trust", self.writer(env))
            self.signet("ls", made)  # learns its names
        report = self.signet("status", "--max-age", "26h", "--json", expect=16).json()
        rows = [(row["series"], row["host"], row["backups"]) for row in report["series"]]
        self.assertEqual(sorted(rows), [("db", "web1", 1), ("db", "web2", 1), ("prod-db", rows[-1][1], 4)])
        silent = [row for row in report["series"] if row["host"] == "web1"][0]
        self.assertTrue(any(f"the newest backup of db ({silent['series_id'][:8]}, web1) is" in one for one in report["problems"]), report["problems"])
        self.assertFalse(any("web2" in one for one in report["problems"]))
        out = self.signet("status").out
        self.assertSays(out, f"db ({silent['series_id'][:8]})", "web1", "web2")
        text = self.signet("metrics").out
        self.assertEqual(len(re.findall(r'^signet_last_backup_timestamp_seconds\{[^}]*series="db"', text, re.M)), 2)
        self.assertSays(text, 'host="web1"', 'host="web2"', f'series_id="{silent["series_id"]}"')

    def test_plan_of_a_stretch_says_what_a_restore_to_its_end_is_refused_for(self):
        name = self.damage_the_newest()
        result = self.signet("plan", "--from", "2026-01-01", expect=14)
        self.assertRegex(result.out.splitlines()[0], "^a restore of the newest backup is refused: .*" + name)
        self.assertSays(result.out, "can be restored with")
        self.assertRegex(self.signet("plan", "--from", "2026-01-01", "--to", "2100-01-01", expect=14).out, r"^a restore to 2100-01-01 .* \(--at\) is refused")
        report = self.signet("plan", "--from", "2026-01-01", "--json", expect=14).json()
        self.assertFalse(report["restorable"])
        self.assertSays(report["warnings"][0], "is refused", name)
        # Which moment the damaged entry stood for nobody knows.
        self.signet("plan", "--from", "2026-01-01", "--to", "2026-01-15", expect=14)

    def test_plan_of_a_stretch_asks_about_newer_untrusted_backups(self):
        other = self.other_host("other")
        self.backup("--series", "theirs", self.source, env=other)
        self.assertSays(self.signet("plan", "--from", "2026-01-01", expect=17).out.splitlines()[0], "is refused", self.writer(other))
        self.signet("plan", "--from", "2026-01-01", "--to", "2026-02-15")
        self.signet("plan", "--from", "2026-01-01", "--series", "prod-db")

    def test_no_stretch_is_called_restorable_where_a_restore_into_it_is_refused(self):
        other = self.other_host("other")
        self.backup("--series", "theirs", "--time", "2026-01-05T00:00:00Z", self.source, env=other)
        self.signet("restore", "--at", "2026-01-07", "-t", "out", expect=17)
        stretch = ("plan", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-20")
        self.assertSays(self.signet(*stretch, expect=17).out, "restores to moments from 2026-01-05T00:00:00Z to before 2026-01-10T00:00:00Z are refused",
                        self.writer(other), "restorable now: every moment from 2026-01-10 00:00 on")
        report = self.signet(*stretch, "--json", expect=17).json()
        self.assertFalse(report["restorable"])
        self.assertEqual([(one["from"][:10], one["restorable"], one["refused"] is None) for one in report["coverage"]],
                         [("2026-01-01", True, True), ("2026-01-05", False, False), ("2026-01-10", True, True)])
        self.signet("plan", "--from", "2026-01-10T00:00:00Z", "--to", "2026-01-20")
        self.signet(*stretch, "--series", "prod-db")

    def test_each_moment_of_lanes_of_one_name_is_judged_as_a_restore_of_its_series_is(self):
        other = self.other_host("other")
        theirs = [self.backup("--series", "prod-db", "--time", time, self.source, env=other)["backup_id"]
                  for time in ("2026-01-02T00:00:00Z", "2026-01-20T00:00:00Z")]
        self.signet("keyring", "trust", self.writer(other), "--until", "2")
        self.signet("ls", theirs[0])
        lanes = self.signet("timeline", "--json").json()["lanes"]
        self.assertEqual([(lane["series"], lane["restorable"]) for lane in lanes if lane["restorable"]], [("prod-db", True)])
        self.assertEqual(len(lanes), 2)
        for lane in lanes:
            for stretch in lane["coverage"]:
                self.signet("restore", "--series", lane["series_id"], "--at", stretch["from"], "-t", "out", "-n", expect=0 if stretch["restorable"] else 17)

    def test_the_first_lines_of_a_timeline_say_what_a_restore_to_its_end_is_refused_for(self):
        self.assertNotIn("refused", self.signet("timeline").out)
        other = self.other_host("other")
        self.backup("--series", "theirs", self.source, env=other)
        self.assertSays(self.signet("timeline").out.splitlines()[0], "a restore of the newest backup is refused", self.writer(other))
        self.assertNotIn("refused", self.signet("timeline", "--series", "prod-db").out)
        self.assertNotIn("refused", self.signet("timeline", "--to", "2026-02-15").out)
        name = self.damage_the_newest()
        self.assertSays(self.signet("timeline", "--series", "prod-db").out.splitlines()[0], "is refused", name)
        report = self.signet("timeline", "--series", "prod-db", "--json").json()
        self.assertFalse(report["restorable"])
        self.assertSays(report["warnings"][0], name)
        self.assertSays(self.signet("timeline", "--html").err, "is refused")


class Proof(SignetTest):
    """Policy require-proof: no backup under a key that nobody has used for long."""

    def as_host(self):
        """A write-only host of the repository that an officer has made."""
        officer = dict(self.env)
        pem = self.write("prod.pem", self.signet("key", "export-public", "prod").raw)
        self.env.update(SIGNET_KEYRING=self.path("host-keyring"), SIGNET_VAULT=self.path("no-vault"), SIGNET_CACHE_DIR=self.path("host-cache"))
        self.signet("keyring", "adopt", "--officer", self.officer)
        self.signet("keyring", "link", f"public:{pem}", "--default")
        return officer

    def setUp(self):
        super().setUp()
        self.officer = self.init()["officer"]
        self.source = self.sample_tree()

    def link(self):
        link, = self.signet("keyring", "show", "--json").json()["links"]
        return link

    def test_a_public_half_that_was_not_proven_is_refused_until_the_officer_publishes(self):
        """[R122]"""
        self.signet("keyring", "policy", "set", "require-proof=7d")
        officer = self.as_host()
        self.assertMessage(self.signet("backup", self.source, expect=17), "require-proof=7d", "was never proven",
                           "signet keyring check --publish")
        self.assertEqual(self.objects("packs"), [])
        self.assertIsNone(self.link()["proven_by_officer"])
        host, self.env = self.env, officer
        self.assertSays(self.signet("keyring", "check", "--publish").err, "1 protector was proven now")
        self.env = host
        self.signet("backup", self.source)
        self.assertIsNotNone(self.link()["proven_by_officer"])
        self.assertSays(self.signet("keyring", "show").out, "wrap-only, proven 20", "by the officer")
        # Backups need it now: the officer opens a data key of theirs.
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.env = officer
        self.signet("keyring", "trust", writer)
        before = self.signet("keyring", "policy", "--json").json()
        checked = self.signet("keyring", "check", "--publish", "--json").json()
        self.assertTrue(checked["protectors"][0]["proven"])
        after = self.signet("keyring", "policy", "--json").json()
        self.assertEqual(after["number"], before["number"] + 1)
        self.assertEqual(len([name for name in after["policy"] if name.startswith("proven:")]), 1)
        self.assertEqual(after["policy"]["require-proof"], "7d")

    def test_a_proof_that_is_too_old_refuses_and_a_test_renews_it(self):
        """[R122]"""
        self.signet("keyring", "policy", "set", "require-proof=1s")
        time.sleep(1.1)
        self.assertMessage(self.signet("backup", self.source, expect=17), "was last proven at", "signet keyring test")
        self.assertEqual(self.objects("packs"), [])
        self.signet("keyring", "policy", "set", "require-proof=1h")
        self.backup(self.source)
        self.signet("keyring", "policy", "set", "require-proof=often", expect=2)
        self.signet("keyring", "policy", "set", "require-proof=no")

    def test_only_the_officer_publishes(self):
        """[R122, R37]"""
        self.backup(self.source)
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.as_host()
        # A host that holds the private half too, and is not the officer.
        self.signet("key", "restore", "prod.backup")
        self.signet("keyring", "link", "local:prod")
        self.signet("keyring", "check")
        self.signet("keyring", "check", "--publish", expect=17)
        self.assertEqual(self.signet("keyring", "policy", "--json").json()["number"], 0)


if __name__ == "__main__":
    main()
