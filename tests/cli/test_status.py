"""What a monitor asks."""

import os
import re
import time

from harness import SignetTest, main
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
        self.assertSays(self.signet("status").out, "prod-db", "never", "reminder: key prod has no key backup")

    def test_an_old_backup_misses_its_objective(self):
        self.assertSays(self.signet("status", "--max-age", "26h", expect=16).out, "problem: the newest backup of prod-db is")
        self.signet("status", "--max-age", "36500d")

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
        self.assertRegex(text, r'signet_last_backup_timestamp_seconds\{repository="[0-9a-f]{16}",series="prod-db"\} 1770681600')
        self.assertEqual(len(re.findall("^signet_protector_usable{", text, re.M)), 2)
        self.signet("keyring", "check")
        file = self.path("signet.prom")
        self.signet("metrics", "--textfile", file)
        with open(file) as made:
            self.assertIn("signet_protector_last_proven_timestamp_seconds{", made.read())
        self.assertEqual([name for name in os.listdir(self.scratch) if "prom" in name], ["signet.prom"])
        self.signet("metrics", "--textfile", self.path("nowhere", "x"), expect=1)


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
