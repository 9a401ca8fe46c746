"""Commands, options, help: what is known, what is not, and what is said then."""

import os
import subprocess

from harness import SIGNET, SignetTest, main

DESIGN_COMMANDS = """init backup list show ls find diff dump restore mount stats tag copy plan timeline check repair forget
undelete prune consolidate rewrap reseal status metrics config completion version""".split()
GROUPS = {
    "key": "create import list show rotate enable disable delete recover purge backup restore export-public retire compromised passphrase",
    "keyring": "show link unlink default test check audit trust adopt recover revalidate pause resume policy setup export import",
    "log": "push fetch list check",
    "drill": "run history report schedule",
}


class Usage(SignetTest):
    def test_no_command_is_usage(self):
        result = self.signet(expect=2)
        self.assertMessage(result, "hint: ")
        self.assertEqual(result.out, "")

    def test_unknown_command_suggests_a_near_one(self):
        self.assertMessage(self.signet("bakcup", expect=2), "unknown command: bakcup", "signet backup")
        self.assertMessage(self.signet("snapshots", expect=2), "signet list")

    def test_every_command_of_the_design_is_a_known_word(self):
        names = DESIGN_COMMANDS + [f"{group} {word}" for group, words in GROUPS.items() for word in words.split()]
        for name in names:
            with self.subTest(name):
                result = self.signet(*name.split(), "--help", expect=(0, 1))
                if result.code == 1:
                    self.assertMessage(result, "not built yet")
                else:
                    self.assertSays(result.out, f"signet {name}", "Examples:", "Exit codes:")

    def test_a_group_alone_is_usage_and_its_help_lists_it(self):
        self.signet("key", expect=2)
        self.assertSays(self.signet("key", "--help").out, "key create", "key rotate")
        self.assertSays(self.signet("help", "keyring").out, "keyring link")

    def test_unknown_options_are_usage_with_a_hint(self):
        self.assertMessage(self.signet("backup", "--exlude", "x", "/tmp", expect=2), "--exlude", "did you mean --exclude?")
        self.assertMessage(self.signet("list", "--frobnicate", expect=2), "--frobnicate", "signet help list")
        self.assertMessage(self.signet("--frobnicate", "list", expect=2), "--frobnicate")

    def test_unknown_letters_are_usage_and_nothing_is_done(self):
        for words in (("list", "-Z"), ("list", "-1"), ("backup", "-nZ", "."), ("prune", "-N"), ("drill", "run", "-Z")):
            self.assertMessage(self.signet(*words, expect=2), f"unknown option: {words[-1] if words[-1] != '.' else '-nZ'}", f"signet help {words[0]}")
        self.signet("log", "push", "-Z", "--series", "s", "x", expect=2)
        self.signet("log", "fetch", "-Z", "--series", "s", "x", "y", expect=202)
        self.assertMessage(self.signet("list", "--jobs", "many", expect=2), "jobs")

    def test_abbreviated_options_are_unknown(self):
        self.signet("list", "--js", expect=2)

    def test_passphrases_are_not_taken_from_the_command_line(self):
        result = self.signet("list", "--passphrase", "secret", expect=2)
        self.assertMessage(result, "--passphrase-file")

    def test_contradictory_options_are_usage_and_change_nothing(self):
        self.from_template()
        before = self.objects()
        for words in (
            ["backup", "-q", "-v", self.source],
            ["backup", "--no-cache", "--cache-dir", "x", self.source],
            ["backup", "--stdin", self.source],
            ["backup", "--stdin", "--stdin-from-command", "--", "true"],
            ["backup", "--stdin-from-command"],
            ["backup", "--stdin", "--exclude", "x"],
            ["backup", "--stdin-filename", "x", self.source],
            ["backup", "--compression", "best", self.source],
            ["backup", "--exclude-larger-than", "lots", self.source],
            ["backup", "--time", "yesterday-ish", self.source],
            ["backup", "--jobs", "none", self.source],
            ["backup"],
            ["restore"],
            ["restore", "-t", "out", "--overwrite", "sometimes"],
            ["restore", "-t", "out", "-n", "--verify"],
            ["plan", "--at", "now", "--from", "-1d"],
            ["plan", "latest", "--from", "-1d"],
            ["keyring", "link", "local:prod", "--default", "--recovery"],
            ["keyring", "link", "nowhere:prod"],
            ["tag", "latest"],
            ["tag", "latest", "--set", "a", "--add", "b"],
            ["key", "create", "a", "--size", "1024"],
            ["key", "create", "-n", "a"],
            ["key", "create"],
            ["key", "show", "a", "b"],
            ["completion", "fish"],
            ["--passphrase-fd", "3", "--passphrase-command", "true", "key", "list"],
        ):
            with self.subTest(" ".join(words)):
                result = self.signet(*words, expect=2)
                self.assertMessage(result)
                self.assertEqual(result.out, "")
        self.assertEqual(self.objects(), before)
        self.assertNothingAt(self.path("out"))

    def test_global_options_stand_before_and_after_the_command(self):
        for words in (["--json", "version"], ["version", "--json"], ["-qn", "--json", "version"], ["--jobs=2", "version", "--json"],
                      ["-r", "x", "version", "--json"], ["-rx", "version", "--json"]):
            with self.subTest(words):
                self.assertEqual(self.signet(*words).json()["message_type"], "version")

    def test_the_value_of_an_option_may_look_like_an_option(self):
        self.from_template()
        self.signet("list", "--at", "-2d")
        self.signet("list", "--from", "-1y")
        self.signet("list", "--tag", "--weird")

    def test_no_repository_was_named(self):
        self.assertMessage(self.signet("list", env={"SIGNET_REPOSITORY": None}, expect=2), "--repo")

    def test_no_such_repository_is_10(self):
        for words in (["list"], ["backup", "/etc/hostname"], ["restore", "-t", "out"], ["check"], ["plan"]):
            with self.subTest(words):
                self.assertMessage(self.signet(*words, expect=10), "repository")
        self.assertNothingAt(self.path("out"))
        self.assertNothingAt(self.repository)
        os.mkdir(self.repository)
        self.signet("list", expect=10)

    def test_version(self):
        self.assertSays(self.signet("version").out, "signet ")
        self.assertSays(self.signet("--version").out, "signet ")
        self.assertEqual(self.signet("version", "--json").json()["repository_format"], 1)

    def test_help_shows_examples_and_exit_codes(self):
        self.assertSays(self.signet("help").out, "backup", "restore", "130")
        for words in (["help", "restore"], ["restore", "--help"], ["restore", "-h"], ["--help", "restore"]):
            self.assertSays(self.signet(*words).out, "Examples:", "--overwrite", "Exit codes:", "13")
        self.signet("help", "frobnicate", expect=2)

    def test_manual_pages(self):
        os.mkdir(self.path("man"))
        self.signet("help", "--man", "man")
        pages = os.listdir(self.path("man"))
        self.assertIn("signet.1", pages)
        self.assertIn("signet-key-create.1", pages)
        with open(self.path("man", "signet-restore.1")) as page:
            self.assertSays(page.read(), ".SH EXIT STATUS", ".SH EXAMPLES")

    def test_completion_is_a_script_that_bash_accepts(self):
        script = self.write("completion", self.signet("completion", "bash").raw)
        self.assertEqual(os.system(f"bash -n {script}"), 0)
        self.assertEqual(os.system(
            f"bash -c 'source {script}; COMP_WORDS=(signet key cr); COMP_CWORD=2; _signet; [[ ${{COMPREPLY[0]}} == create ]]'"), 0)

    def test_results_that_cannot_be_written_are_a_failure(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            ended = subprocess.run([SIGNET, "help"], env=self.env, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(b"standard output", ended.stderr)


if __name__ == "__main__":
    main()
