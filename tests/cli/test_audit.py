"""The audit log: verified, exported to other systems, sent to the system's log; and no use of a key without it."""

import hashlib
import json
import os
import re
import shutil

from harness import SIGNET, SignetTest, main


class Audit(SignetTest):
    def setUp(self):
        super().setUp()
        self.from_template()
        self.log = os.path.join(self.env["SIGNET_KEYRING"], "audit.log")

    def export(self, *words, **more):
        return self.signet("keyring", "audit", "--export", *words, **more)

    def lines(self):
        with open(self.log) as file:
            return file.read().splitlines(keepends=True)

    def test_exported_lines_are_those_of_the_log_with_ids_and_hashes(self):
        """[R119, R144, R145]"""
        self.signet("restore", "-t", "out")
        lines, rows = self.lines(), self.export().lines()
        self.assertEqual(len(rows), len(lines))
        before = "0" * 64
        for line, row in zip(lines, rows):
            self.assertEqual(row["sha256"], hashlib.sha256(line.rstrip("\n").encode()).hexdigest())
            self.assertEqual([row["prev"], row["seq"]], [before, json.loads(line)["seq"]])
            before = row["sha256"]
        unwrapped = [row for row in rows if row["event"] == "outcome" and row["operation"] == "unwrap"]
        self.assertTrue(unwrapped)
        for row in unwrapped:
            self.assertEqual([row["event_id"], row["outcome"], row["location"]], ["SIGNET011", "ok", "local:prod/1"])
            self.assertRegex(row["thumbprint"], "^sha256:")
            self.assertRegex(row["object"], "^dek ")

    def test_a_refusal_has_its_event_id_in_each_format(self):
        """[R119, R145]"""
        self.signet("key", "disable", "prod")
        self.signet("keyring", "test", expect=13)
        refused = [row for row in self.export().lines() if row["event_id"] == "SIGNET001"]
        self.assertEqual([refused[-1]["operation"], refused[-1]["outcome"]], ["test", "key-disabled"])
        self.assertTrue(any(row["event_id"] == "SIGNET041" for row in self.export().lines()))
        cef = self.export("--format", "cef").out
        self.assertRegex(cef, r"(?m)^CEF:0\|Signet\|signet\|[\d.]+\|SIGNET001\|protector refused\|8\|rt=\S+ dvchost=\S+ act=test outcome=key-disabled ")
        for line in self.export("--format", "syslog").out.splitlines():
            self.assertRegex(line, r"^<8[2-6]>1 \d{4}-\d\d-\d\dT\S+Z \S+ signet \d+ SIGNET\d{3} - ")

    def test_since_leaves_out_what_is_older(self):
        """[R145]"""
        self.assertEqual(self.export("--since", "now").out, "")
        self.assertEqual(len(self.export("--since", "-1d").lines()), len(self.lines()))

    def test_a_broken_chain_is_exported_whole_and_ends_in_14(self):
        """[R9, R145]"""
        lines = self.lines()
        with open(self.log, "w") as file:
            file.writelines(lines[:2] + lines[4:])
        result = self.export(expect=14)
        self.assertEqual(len(result.lines()), len(lines) - 2)
        self.assertMessage(result, "line 3 has number 5, not 3: 2 lines before it are missing")
        self.assertMessage(self.signet("keyring", "audit", "--verify", expect=14), "line 3 has number 5")

    def test_verifying_names_the_uncertain_ones(self):
        """[R9]"""
        lines = self.lines()
        last_intent = max(i for i, line in enumerate(lines) if json.loads(line)["event"] == "intent")
        with open(self.log, "w") as file:
            file.writelines(lines[:last_intent + 1])
        self.assertSays(self.signet("keyring", "audit", "--verify", "-r", self.path("none"), expect=10).err, "repository")
        result = self.signet("keyring", "audit", "--verify", env={"SIGNET_REPOSITORY": None})
        self.assertSays(result.err, "uncertain: ", " has no outcome")

    def test_contradictions_are_usage(self):
        for words in (["--verify", "--export"], ["--since", "now"], ["--format", "cef"], ["--export", "--format", "xml"],
                      ["--export", "--format", "cef", "--json"], ["--export", "--since", "whenever"]):
            with self.subTest(words):
                self.signet("keyring", "audit", *words, expect=2)

    def test_without_a_log_nothing_is_unwrapped(self):
        """[R9, R145]"""
        os.rename(self.log, self.log + ".away")
        os.mkdir(self.log)
        self.assertMessage(self.signet("restore", "-t", "out", expect=1), "audit.log")
        self.assertNothingAt(self.path("out"))
        packs, slots = self.objects("packs"), self.objects("slots")
        self.signet("backup", self.source, expect=1)
        self.assertEqual([self.objects("packs"), self.objects("slots")], [packs, slots])
        os.rmdir(self.log)
        os.rename(self.log + ".away", self.log)
        self.signet("restore", "-t", "out")

    def test_without_a_log_no_key_is_changed(self):
        """[R9, R145] Each change is on record before it is made."""
        self.signet("key", "create", "spare", "--size", "2048")
        self.signet("key", "backup", "spare", "-o", "spare.backup")
        self.signet("key", "create", "gone", "--size", "2048")
        self.signet("key", "delete", "gone")
        new = self.write("new-passphrase", "another\n")
        os.rename(self.log, self.log + ".away")
        os.mkdir(self.log)
        vault = os.path.join(self.env["SIGNET_VAULT"], "vault.json")
        keyring = os.path.join(self.env["SIGNET_KEYRING"], "keyring.json")

        def state():
            return [open(path, "rb").read() for path in (vault, keyring)]

        before = state()
        for words in (["key", "disable", "spare"], ["key", "enable", "spare"], ["key", "create", "new", "--size", "2048"],
                      ["key", "rotate", "prod"], ["key", "recover", "gone"], ["key", "tag", "spare", "a=b"],
                      ["key", "rotation-policy", "spare", "--after", "90"], ["key", "backup", "prod", "-o", "prod.backup"],
                      ["key", "restore", "spare.backup"], ["key", "delete", "spare"], ["keyring", "pause"],
                      ["key", "passphrase", "--new-passphrase-file", new]):
            with self.subTest(words):
                self.assertMessage(self.signet(*words, expect=1), "audit.log")
                self.assertEqual(state(), before)
        self.assertNothingAt(self.path("prod.backup"))

    def test_a_log_that_is_a_fifo_keeps_nobody_waiting(self):
        os.rename(self.log, self.log + ".away")
        os.mkfifo(self.log)
        self.assertMessage(self.signet("keyring", "audit", "--verify", expect=1), "FIFO")
        self.assertMessage(self.signet("restore", "-t", "out", expect=1), "FIFO")


class Syslog(SignetTest):
    def setUp(self):
        super().setUp()
        self.catcher = os.environ.get("SIGNET_SYSLOG_CATCHER", "")
        if not os.path.exists(self.catcher) or b"__asan_init" in _program():
            self.skipTest("nothing catches syslog(3)")
        self.caught = self.path("syslog")
        self.env.update(LD_PRELOAD=self.catcher, SIGNET_CAUGHT_SYSLOG=self.caught)

    def told(self):
        try:
            with open(self.caught) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def test_every_line_of_the_audit_log_goes_to_the_systems_log_when_asked(self):
        """[R119, R145]"""
        self.init()
        self.assertEqual(self.told(), [])
        before = len(self.signet("keyring", "audit", "--export").lines())
        self.write("signet.ini", "audit-syslog = true\n")
        self.signet("backup", "--config", "signet.ini", self.sample_tree())
        self.signet("key", "disable", "prod", "--audit-syslog")
        self.signet("status", "--audit-syslog", expect=13)
        rows = self.signet("keyring", "audit", "--export").lines()[before:]
        told = self.told()
        self.assertEqual(len(told), len(rows))
        for line, row in zip(told, rows):
            # 80 is authpriv.
            self.assertTrue(line.startswith(f"<{80 + row['severity']}>{row['event_id']} {row['name']}: operation={row['operation']}"), line)
            self.assertIn(f"seq={row['seq']} sha256={row['sha256']}", line)
        ids = [re.search(r"SIGNET\d{3}", line).group() for line in told]
        self.assertEqual(ids[:2], ["SIGNET010", "SIGNET011"])
        self.assertEqual(ids[-2:], ["SIGNET021", "SIGNET041"])
        self.assertSays(told[-1], "operation=access-inaccessible", "disabled in local:prod/1")


def _program():
    with open(shutil.which(SIGNET) or SIGNET, "rb") as file:
        return file.read()


if __name__ == "__main__":
    main()
