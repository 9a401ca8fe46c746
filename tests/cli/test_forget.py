"""Forgetting backups by rule."""

import os

from harness import SignetTest, main

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")


def four_days(test):
    """Two backups a day of one series, oldest first."""
    test.init()
    source = test.sample_tree()
    ids = [test.backup("--series", "db", "--time", f"{day} {hour}:00", source)["backup_id"] for day in DAYS for hour in ("02", "14")]
    return {"source": source, "ids": ids}


class Forget(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(four_days)

    def listed(self):
        return [backup["id"] for backup in self.signet("list", "--json").json()]

    def at(self, *indexes):
        return sorted(self.ids[i] for i in indexes)

    def test_a_series_that_is_misspelt_is_told(self):
        before = self.listed()
        self.assertSays(self.signet("forget", "--series", "no-such", "--keep-last", "1").err, "no backup is of the series")
        self.assertEqual(self.listed(), before)

    def test_a_rule_forgets_the_rest_and_says_why_each_stays(self):
        result = self.signet("forget", "--keep-daily", "2", "--by-backup-time")
        self.assertSays(result.out, "series db: 2 kept, 6 forgotten", "daily")
        self.assertEqual(sorted(self.listed()), self.at(5, 7))
        self.signet("undelete", self.ids[0])
        self.assertEqual(sorted(self.listed()), self.at(0, 5, 7))

    def test_a_dry_run_changes_nothing_and_gives_both_lists_as_json(self):
        before = self.objects()
        lines = self.signet("forget", "--keep-last", "3", "-n", "--json").lines()
        group = next(line for line in lines if line["message_type"] == "group")
        self.assertEqual([entry["id"] for entry in group["keep"]], self.ids[:-4:-1])
        self.assertEqual(group["keep"][0]["reasons"], ["last"])
        self.assertEqual(len(group["remove"]), 5)
        self.assertEqual(sorted(lines[-1]["forgotten"]), self.at(0, 1, 2, 3, 4))
        self.assertTrue(lines[-1]["dry_run"])
        self.assertEqual(self.objects(), before)

    def test_without_more_a_backup_counts_by_when_it_was_made_not_by_what_it_claims(self):
        """Somebody with the host's key makes backups that claim to be of every day: they push nothing out."""
        self.signet("forget", "--keep-within", "1d", "--keep-daily", "1")
        self.assertEqual(len(self.listed()), 8)

    def test_each_series_is_a_group_of_its_own(self):
        self.backup("--series", "web", self.source)
        self.signet("forget", "--keep-last", "1")
        self.assertEqual(sorted(backup["series"] for backup in self.signet("list", "--json").json()), ["db", "web"])

    def test_a_rule_may_be_for_one_series(self):
        for _ in range(2):
            self.backup("--series", "web", self.source)
        self.signet("forget", "--series", "web", "--keep-last", "1")
        self.assertEqual(len(self.listed()), 9)

    def test_of_backups_of_one_time_the_one_that_is_restored_stays(self):
        for _ in range(2):
            self.backup("--series", "db", "--time", "2026-03-04 14:00", self.source)
        latest = self.signet("show", "latest", "--json").json()["id"]
        self.signet("forget", "--keep-last", "1", "--keep-daily", "1", "--by-backup-time")
        self.assertEqual(self.listed(), [latest])

    def test_of_backups_that_a_clock_set_back_made_the_newest_stays(self):
        made = [self.backup("--series", "web", self.source, env=self.clock_at(clock))["backup_id"]
                for clock in (1780000000, 1770000000, 1770000100, 1770000200)]
        self.signet("forget", "--series", "web", "--keep-last", "2", "--keep-within", "1h", "-n")
        self.signet("forget", "--series", "web", "--keep-last", "2")
        self.assertEqual(sorted(one["id"] for one in self.signet("list", "--series", "web", "--json").json()), sorted(made[2:]))

    def test_tags_keep(self):
        kept = self.backup("--series", "db", "--tag", "year", "--time", "2026-02-01", self.source)["backup_id"]
        self.signet("forget", "--keep-tag", "year", "--keep-last", "1", "--by-backup-time")
        self.assertEqual(sorted(self.listed()), sorted([kept, self.ids[-1]]))

    def test_what_the_officers_policy_keeps_no_rule_forgets(self):
        self.signet("keyring", "policy", "set", "keep-within=30d")
        self.assertSays(self.signet("forget", "--keep-last", "1").out, "policy keep-within", "8 kept, 0 forgotten")
        self.assertEqual(len(self.listed()), 8)

    def test_rules_that_would_keep_nothing_are_refused(self):
        before = self.objects()
        self.assertMessage(self.signet("forget", "--keep-tag", "nothing", expect=17), "would keep nothing", "--unsafe-allow-remove-all")
        self.assertEqual(self.objects(), before)
        self.signet("forget", "--keep-tag", "nothing", "--unsafe-allow-remove-all")
        self.assertEqual(self.listed(), [])

    def test_a_bare_keep_last_warns_of_floods(self):
        self.assertSays(self.signet("forget", "--keep-last", "8").err, "pushes its older ones out", "keep-within")
        self.assertNotIn("pushes", self.signet("forget", "--keep-last", "8", "--keep-within", "14d").err)

    def test_mistakes_are_2_and_forget_nothing(self):
        before = self.objects()
        for words in ((), ("--keep-last", "0"), ("--keep-within", "7"), ("--keep-last", "1", "--group-by", "moon"),
                      ("--keep-last", "1", self.ids[0]), ("--keep-last", "1", "--shred"), ("--series", "db")):
            self.signet("forget", *words, expect=2)
        self.assertEqual(self.objects(), before)


if __name__ == "__main__":
    main()
