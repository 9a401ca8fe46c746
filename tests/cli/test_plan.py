"""Plans, and the message that matters: which keys are missing, and for which time."""

import os
from xml.etree import ElementTree

from harness import SignetTest, flip, main, plant_slots, write


def two_eras(test):
    """Two backups under one version of a key, two under the next, whose runs refer to nothing of the others."""
    test.init()
    source = test.sample_tree()
    test.signet("keyring", "policy", "set", "after-rotation=fresh")

    def at(time):
        write(f"{source}/time", time)
        return test.backup("--series", "prod-db", "--time", time, source)["backup_id"]

    ids = [at("2026-01-01T00:00:00Z"), at("2026-01-10T00:00:00Z")]
    old = test.signet("key", "show", "prod/1", "--json").json()["thumbprint"]
    new = test.signet("key", "rotate", "prod", "--json").json()["thumbprint"]
    ids += [at("2026-02-01T00:00:00Z"), at("2026-02-10T00:00:00Z")]
    return {"ids": ids, "old": old, "new": new}


class MissingKey(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(two_eras)

    def lose(self, version):
        """A keyring that has linked the other version alone."""
        self.env["SIGNET_KEYRING"] = self.path(f"without-{version}")
        self.signet("keyring", "link", f"local:prod/{3 - version}")

    def test_a_restore_without_its_key_is_13_creates_nothing_and_says_what_is_missing(self):
        """[R121, R123]"""
        self.lose(1)
        result = self.signet("restore", self.ids[1], "-t", "out", expect=13)
        self.assertNothingAt(self.path("out"))
        self.assertEqual(result.out, "")
        self.assertTrue(result.err.startswith("signet: cannot restore ") or "\nsignet: cannot restore " in result.err, str(result))
        self.assertSays(result.err, self.old[:19], "missing from this keyring", "needed for", "restorable now", "2026-02-01")
        # What a needed key is needed for is a stretch of time.
        self.assertSays(result.err, "2026-01-01 00:00 .. 2026-01-10 00:00")

    def test_the_report_for_machines(self):
        """[R123, R124]"""
        self.lose(1)
        result = self.signet("restore", self.ids[1], "-t", "out", "--json", expect=13)
        report = result.last()
        self.assertEqual((report["message_type"], report["restorable"]), ("key_report", False))
        for name in "series from to required coverage nearest".split():
            self.assertIn(name, report)
        one = report["required"][0]
        for name in "thumbprint name status inherited alternatives locations needed_from needed_to backups logs deks".split():
            self.assertIn(name, one)
        self.assertEqual((one["thumbprint"], one["status"], one["needed_to"]), (self.old, "missing", "2026-01-10T00:00:00Z"))
        self.assertEqual(report["nearest"]["after"], "2026-02-01T00:00:00Z")
        ending = result.errors()[-1]
        self.assertEqual((ending["message_type"], ending["code"]), ("exit_error", 13))
        self.assertNothingAt(self.path("out"))

    def test_other_commands_that_need_the_key_say_the_same(self):
        self.lose(1)
        for words in (["ls", self.ids[0]], ["dump", self.ids[0]], ["stats", self.ids[0]], ["diff", self.ids[0], "latest"]):
            self.assertSays(self.signet(*words, expect=13).err, self.old[:19])
        found = self.signet("find", "*.jpg", expect=3)
        self.assertSays(found.out, self.ids[3][:8])

    def test_what_does_not_need_the_key_is_restored(self):
        """[R91]"""
        self.lose(1)
        self.signet("plan")
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(self.path("source"), self.path("out") + self.made_at + "/source")

    def test_plan_needs_no_key_and_writes_nothing(self):
        """[R122]"""
        env = {"SIGNET_KEYRING": self.path("nobody"), "SIGNET_VAULT": self.path("nobody-vault"), "SIGNET_PASSPHRASE_FILE": None}
        plan = self.signet("plan", "--json", env=env, expect=13).json()
        self.assertEqual([one["thumbprint"] for one in plan["required"]], [self.new])
        self.assertNothingAt(self.path("nobody"))
        self.assertNothingAt(self.path("nobody-vault"))

    def test_plan_by_backup_time_stretch_and_what_if(self):
        """[R122]"""
        self.assertTrue(self.signet("plan", self.ids[0], "--json").json()["restorable"])
        plan = self.signet("plan", "--at", "2026-01-15", "--json").json()
        self.assertEqual([one["thumbprint"] for one in plan["required"]], [self.old])
        plan = self.signet("plan", "--series", "prod-db", "--from", "2026-01-05", "--to", "2026-02-05", "--json").json()
        self.assertEqual({one["thumbprint"] for one in plan["required"]}, {self.old, self.new})
        plan = self.signet("plan", "--without-key", self.new[:19], "--json", expect=13).json()
        self.assertEqual(plan["required"][0]["status"], "missing")
        self.signet("plan", "--without-key", "nothing", expect=2)
        self.signet("plan", "--at", "2020-01-01", expect=2)

    def test_plan_for_a_disabled_key(self):
        """[R74, R101]"""
        self.signet("key", "disable", "prod/1")
        plan = self.signet("plan", self.ids[0], "--json", expect=13).json()
        self.assertEqual(plan["required"][0]["status"], "disabled")
        result = self.signet("restore", self.ids[0], "-t", "out", expect=13)
        self.assertSays(result.err, "disabled")
        self.assertNothingAt(self.path("out"))

    def test_the_timeline_as_a_page_and_as_a_picture(self):
        """[R123]"""
        self.lose(1)
        svg = ElementTree.fromstring(self.signet("timeline", "--svg").raw)
        kinds = [rect.get("class") for rect in svg.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertEqual(sorted(kinds), ["gap", "lost", "need", "ok"])
        titles = [title.text for title in svg.iter("{http://www.w3.org/2000/svg}title")]
        self.assertTrue(any(title.startswith("not restorable: 2026-01-01 00:00 .. ") and self.old[:19] in title for title in titles), titles)
        page = self.signet("timeline", "--html").out
        self.assertSays(page, "prod/1", self.old, "missing", "prefers-color-scheme:dark", "<h2>Gaps</h2>")
        # It needs nothing from elsewhere, and nothing in it runs.
        for word in ("<script", "src=", "href=", "url(", "@import"):
            self.assertNotIn(word, page)
        self.signet("timeline", "--html", "--svg", expect=2)

    def test_names_cannot_leave_their_place_in_the_page(self):
        self.backup("--series", "</text><script>alert(1)</script>&\"'", self.path("source"))
        svg = self.signet("timeline", "--svg").raw
        ElementTree.fromstring(svg)
        self.assertNotIn(b"<script", svg)
        self.assertNotIn("<script", self.signet("timeline", "--html").out)

    def test_timeline(self):
        self.lose(1)
        text = self.signet("timeline").out
        self.assertSays(text, "restorable", "!", "#", "gap", self.old[:19])
        lanes = self.signet("timeline", "--json").json()
        self.assertEqual(lanes["message_type"], "key_report")
        self.assertEqual([stretch["restorable"] for stretch in lanes["coverage"]], [False, True])
        self.assertEqual(lanes["coverage"][0]["blocked_by"], [self.old])
        self.assertEqual(len(lanes["lanes"]), 1)

    def test_further_keyrings_add_their_protectors(self):
        """[R87, R125]"""
        first = self.env["SIGNET_KEYRING"]
        self.lose(1)
        self.signet("restore", self.ids[0], "-t", "out", expect=13)
        self.signet("-k", self.env["SIGNET_KEYRING"], "-k", first, "restore", self.ids[0], "-t", "out")
        self.assertTrue(os.path.isdir(self.path("out")))
        # A keyring named besides the host's own must be there.
        self.signet("-k", first, "-k", self.path("nowhere"), "list", expect=2)

    def test_plan_as_of_a_time_knows_what_was_signed_until_then(self):
        """[R122]"""
        self.signet("plan", "--as-of", "2020-01-01", expect=2)
        self.signet("plan", self.ids[0], "--as-of", "2020-01-01", expect=2)
        self.assertTrue(self.signet("plan", "--as-of", "2100-01-01", "--json").json()["restorable"])


class Claims(SignetTest):
    """[security] Slots that somebody stored who can write to the storage and has no key."""

    def setUp(self):
        super().setUp()
        self.start_from(two_eras)
        rows = {row["id"]: row for row in self.signet("list", "--json").json()}
        self.deks = [need["dek_id"] for need in rows[self.ids[0]]["needs"]]
        plant_slots(self.repository, self.new, self.deks)

    def lose_the_old_key(self):
        self.env["SIGNET_KEYRING"] = self.path("without-1")
        self.signet("keyring", "link", "local:prod/2")

    def test_they_do_not_hide_the_key_that_is_needed(self):
        plan = self.signet("plan", self.ids[0], "--json").json()
        self.assertEqual([(one["thumbprint"], one["unproven"]) for one in plan["required"]], [(self.old, 0)])
        self.assertEqual(plan["unproven"], 0)
        self.assertNotIn("unproven", self.signet("list").out)
        self.assertIn("There are no gaps: every backup", self.signet("timeline", "--html").out)

    def test_what_rests_on_them_is_never_called_restorable_without_saying_so(self):
        self.lose_the_old_key()
        self.assertSays(self.signet("plan", self.ids[0]).out, "if unproven slots hold what they claim")
        states = {row["id"]: (row["restorable"], row["unproven"]) for row in self.signet("list", "--json").json()}
        self.assertEqual([states[one] for one in (self.ids[0], self.ids[3])], [(True, True), (True, False)])
        self.assertSays(self.signet("list").out, "ok (unproven)")
        text = self.signet("timeline").out
        self.assertSays(text, "~", "  claim  2026-01-01 00:00:00 .. 2026-01-10 00:00:00", "is a claim of stored slots")
        lane = self.signet("timeline", "--json").json()
        self.assertEqual([stretch["unproven"] for stretch in lane["coverage"]][:2], [True, False])
        self.assertTrue(lane["warnings"])
        svg = ElementTree.fromstring(self.signet("timeline", "--svg").raw)
        self.assertIn("claim", [rect.get("class") for rect in svg.iter("{http://www.w3.org/2000/svg}rect")])
        self.assertSays("".join(svg.itertext()), "restorable if unproven slots tell the truth")
        page = self.signet("timeline", "--html").out
        self.assertSays(page, "<h2>Claims</h2>", "<h2>Warnings</h2>", "only if stored slots that nobody signed")
        self.assertNotIn("There are no gaps: every backup", page)

    def test_a_restore_that_finds_them_hollow_says_which_key_is_needed(self):
        self.lose_the_old_key()
        result = self.signet("restore", self.ids[0], "-t", "out", expect=13)
        self.assertSays(result.err, self.old[:19], "does not hold data key")
        self.assertNothingAt(self.path("out"))


class Times(SignetTest):
    def test_what_a_plan_says_can_be_restored_can_be_restored(self):
        self.init()
        self.signet("keyring", "policy", "set", "after-rotation=fresh")
        source = self.sample_tree()
        self.backup("--series", "s", "--time", "2026-01-01T02:00:40Z", source)
        self.signet("key", "rotate", "prod")
        self.backup("--series", "s", "--time", "2026-01-02T02:00:40Z", source)
        text = self.signet("plan", "--at", "2026-01-01T12:00:00Z", "--without-key", "prod/1", expect=13).out
        self.assertSays(text, "every moment from 2026-01-02 02:00:40 on", "(times without a zone are UTC)")
        self.assertSays(self.signet("plan", "--at", "2026-01-01T12:00:00Z", "--without-key", "prod/1", expect=13,
                                    env={"TZ": "Asia/Kolkata"}).out, "2026-01-02 07:30:40 on", "(times without a zone are UTC+05:30)")

    def test_a_stretch_begins_with_the_first_backup(self):
        self.init()
        self.backup("--series", "s", "--time", "2026-01-01T00:00:00Z", self.sample_tree())
        plan = self.signet("plan", "--from", "2020-01-01", "--to", "2026-01-02T00:00:00Z", "--json").json()
        self.assertEqual(plan["from"], "2026-01-01T00:00:00Z")
        self.assertSays("".join(plan["warnings"]), "nothing before 2026-01-01T00:00:00Z")
        self.signet("timeline", "--from", "2027-01-01", "--to", "2026-01-01", expect=2)

    def test_names_that_differ_at_their_end_are_told_apart(self):
        self.signet("key", "create", "prod-database-europe")
        self.signet("keyring", "link", "local:prod-database-europe", "--default")
        self.signet("init")
        self.backup("--series", "s", self.sample_tree())
        self.signet("key", "rotate", "prod-database-europe")
        self.backup("--series", "s", self.path("source"))
        self.assertSays(self.signet("timeline").out, "prod-datab…-europe/1", "sha256:")
        self.assertSays(self.signet("key", "list", "--needed").out, "prod-database-europe/1")


def many_entries(test):
    """Twenty backups of one file: enough that the headers are kept in the cache."""
    test.init()
    source = test.path("source")
    ids = []
    for day in range(1, 21):
        write(f"{source}/file", str(day))
        ids.append(test.backup("--series", "prod-db", "--time", f"2026-01-{day:02}T00:00:00Z", source)["backup_id"])
    return {"ids": ids}


class HeaderCache(SignetTest):
    """What list, show, plan and timeline keep of the headers that they verified."""

    def setUp(self):
        super().setUp()
        self.start_from(many_entries)
        writer = self.signet("keyring", "show", "--json").json()["writer"]
        self.entry = f"journal/{writer}/{5:010}"

    def cache_file(self):
        found = [os.path.join(where, name) for where, _, names in os.walk(self.env["SIGNET_CACHE_DIR"]) for name in names
                 if name.startswith("journal-")]
        self.assertEqual(len(found), 1)
        return found[0]

    def answers(self, *more):
        """What the four commands say."""
        plan = self.signet("plan", "--json", *more).json()
        lane = self.signet("timeline", "--to", "2026-02-01", "--json", *more).json()
        rows = self.signet("list", "--json", *more).json()
        return plan["required"], lane["coverage"], rows, self.signet("show", self.ids[3], "--json", *more).json()

    def test_the_cache_changes_no_answer_and_shows_no_name(self):
        """[R79]"""
        without = self.answers("--no-cache")
        self.assertNothingAt(self.env["SIGNET_CACHE_DIR"] + "/none")
        self.assertEqual(self.answers(), without)
        path = self.cache_file()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, "rb") as file:
            content = file.read()
        for name in (b"prod-db", b"local:prod", self.path("source").encode(), b"/source"):
            self.assertNotIn(name, content)
        self.assertEqual(self.answers(), without)
        self.assertEqual([row["series"] for row in without[2]], ["prod-db"] * 20)

    def test_an_altered_a_foreign_or_an_unwritable_cache_is_as_none(self):
        without = self.answers("--no-cache")
        self.answers()
        path = self.cache_file()
        with open(path, "rb") as file:
            content = bytearray(file.read())
        write(path, bytes(flip()(bytearray(content))))
        self.assertEqual(self.answers(), without)
        write(path, bytes(content[:-100]))
        self.assertEqual(self.answers(), without)
        # Another host's keyring, at whose disposal this cache is.
        self.assertEqual(self.signet("plan", "--json", env={"SIGNET_KEYRING": self.path("nobody")}, expect=13).json()["restorable"], False)
        self.assertEqual(self.answers("--cache-dir", write(self.path("a-file"), "x")), without)

    def test_an_old_entry_that_is_altered_stops_check_and_restore_and_not_a_plan_from_the_cache(self):
        """[R121]"""
        self.signet("plan")
        self.alter(self.entry, flip())
        self.signet("plan")
        self.assertSays(self.signet("plan", "--no-cache", expect=14).err, self.entry)
        self.assertSays(self.signet("check", expect=14).err, self.entry)
        for wanted in (self.ids[4], self.ids[19], "latest"):
            result = self.signet("restore", wanted, "-t", "out", expect=14)
            self.assertSays(result.err, self.entry)
            self.assertNothingAt(self.path("out"))
        self.signet("backup", "--series", "prod-db", self.path("source"), expect=14)

    def test_entries_that_are_gone_are_missed_in_spite_of_the_cache(self):
        self.signet("plan")
        for name in self.objects(self.entry[:-11]):
            if int(name[-10:]) >= 15:
                os.remove(os.path.join(self.repository, name))
        self.assertSays(self.signet("plan", expect=14).err, "rolled back")


if __name__ == "__main__":
    main()
