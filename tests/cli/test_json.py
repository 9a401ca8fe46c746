"""JSON: one object a line, errors on standard error, nothing else on standard output."""

import json

from harness import SignetTest, main, write


class JsonShapes(SignetTest):
    def test_every_command_prints_json_alone(self):
        self.from_template()
        for words in (["backup", self.source], ["list"], ["show"], ["ls"], ["find", "*.txt"], ["diff", self.first, self.second], ["stats"],
                      ["stats", "latest"], ["plan"], ["timeline"], ["check"], ["restore", "-t", "out"], ["tag", "latest", "--add", "x"],
                      ["key", "list"], ["key", "show", "prod"], ["key", "export-public", "prod"], ["key", "create", "second", "--size", "2048"],
                      ["key", "disable", "second"], ["key", "enable", "second"], ["keyring", "show"], ["keyring", "link", "local:second"],
                      ["keyring", "test"], ["keyring", "default", "second"], ["keyring", "default", "prod"], ["keyring", "unlink", "second"],
                      ["keyring", "adopt"], ["keyring", "policy"], ["keyring", "policy", "set", "max-deks=32"], ["keyring", "audit"],
                      ["key", "rotate", "prod", "--size", "2048"], ["config"], ["version"]):
            with self.subTest(words):
                result = self.signet(*words, "--json")
                self.assertTrue(result.out.endswith("\n"), str(result))
                for line in result.out.splitlines():
                    json.loads(line)
                for line in result.err.splitlines():
                    json.loads(line)

    def test_results_are_one_object_or_one_array(self):
        self.from_template()
        for words in (["list"], ["key", "list"], ["ls"]):
            self.assertIsInstance(self.signet(*words, "--json").json(), list)
        for words in (["show"], ["key", "show", "prod"], ["keyring", "show"], ["plan"], ["timeline"]):
            self.assertIsInstance(self.signet(*words, "--json").json(), dict)

    def test_names_that_a_terminal_would_obey_are_shown_escaped_and_told_exactly(self):
        """Control characters (C0, DEL, C1) and marks that turn text around, in names of files, series and tags."""
        obeyed = ["\x1b[31m", "\x7f", "\x9b31m", "\x85", "\u202e", "\u2066", "\u200f"]
        self.init()
        name = "".join(obeyed)
        write(self.path("source", name), "x")
        self.backup("--series", "of\x9b" + name, "--tag", name, self.path("source"))
        for words in (["ls"], ["list"], ["show"], ["find", "*"], ["stats"], ["plan"], ["timeline"], ["status"], ["metrics"],
                      ["ls", "--json"], ["list", "--json"], ["show", "--json"], ["status", "--json"], ["timeline", "--json"]):
            with self.subTest(words):
                result = self.signet(*words, expect=(0, 13, 16))
                for one in obeyed:
                    # A mark is harmless for who parses; a terminal that is shown JSON obeys controls alone.
                    if "--json" not in words or len(one.encode()) < 3:
                        self.assertNotIn(one[0], result.out + result.err)
        [file] = [one for one in self.signet("ls", "--json").json() if one["type"] == "file"]
        self.assertTrue(file["path"].endswith("/" + name))
        self.assertEqual(self.signet("list", "--json").json()[0]["series"], "of\x9b" + name)

    def test_failures_are_one_object_on_standard_error(self):
        result = self.signet("list", "--json", expect=10)
        self.assertEqual(result.out, "")
        self.assertEqual([sorted(line) for line in result.errors()], [["code", "hint", "message", "message_type"]])
        self.assertEqual((result.errors()[0]["message_type"], result.errors()[0]["code"]), ("exit_error", 10))
        for words in (["frobnicate", "--json"], ["backup", "--json", "--frobnicate"], ["--json"]):
            with self.subTest(words):
                result = self.signet(*words, expect=2)
                self.assertEqual(result.errors()[0]["code"], 2)

    def test_messages_for_people_have_no_capital_and_no_full_stop(self):
        for words, code in ((["list"], 10), (["frobnicate"], 2), (["key", "show", "x"], 13), (["backup"], 2)):
            lines = self.signet(*words, expect=code).err.splitlines()
            self.assertTrue(lines[0].startswith("signet: "))
            self.assertFalse(lines[0].endswith("."))
            self.assertFalse(lines[0][len("signet: ")].isupper())
            for line in lines[1:]:
                self.assertTrue(line.startswith("hint: "))

    def test_quiet_leaves_results_and_errors(self):
        self.from_template()
        result = self.signet("backup", "-q", self.source)
        self.assertIn("backup", result.out)
        self.assertEqual(result.err, "")


if __name__ == "__main__":
    main()
