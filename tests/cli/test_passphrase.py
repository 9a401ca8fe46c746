"""Where passphrases come from, and what a wrong one does."""

import os
import pty
import select
import shutil
import subprocess
import time

from harness import PASSPHRASE, SIGNET, SignetTest, main, write


class Passphrase(SignetTest):
    def test_a_wrong_passphrase_is_12_and_creates_nothing(self):
        self.from_template()
        write(self.env["SIGNET_PASSPHRASE_FILE"], "wrong\n")
        result = self.signet("restore", "latest", "-t", "out", expect=12)
        self.assertMessage(result, "passphrase")
        self.assertNotIn("wrong\n", result.err)
        self.assertNothingAt(self.path("out"))
        self.signet("key", "create", "other", "--size", "2048", expect=12)
        self.signet("key", "show", "prod")

    def test_none_at_all_is_12(self):
        self.from_template()
        result = self.signet("restore", "-t", "out", env={"SIGNET_PASSPHRASE_FILE": None}, start_new_session=True, expect=12)
        self.assertMessage(result, "--passphrase-file")

    def test_by_command_and_by_descriptor(self):
        self.from_template()
        env = {"SIGNET_PASSPHRASE_FILE": None}
        self.signet("ls", env=dict(env, SIGNET_PASSPHRASE_COMMAND=f"printf %s '{PASSPHRASE}'"))
        self.signet("ls", "--passphrase-command", "false", env=env, expect=1)
        read, give = os.pipe()
        os.write(give, (PASSPHRASE + "\n").encode())
        os.close(give)
        self.signet("ls", "--passphrase-fd", str(read), env=env, pass_fds=[read])
        os.close(read)
        self.signet("ls", "--passphrase-fd", "99", env=env, expect=2)

    def test_a_command_is_told_whose_passphrase_it_is_to_give(self):
        """[R130] Two vaults with two passphrases, and nobody at the terminal."""
        self.from_template()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        twin, other = self.path("twin"), self.write("other", "another\n")
        self.signet("--vault", twin, "key", "restore", "prod.backup")
        self.signet("--vault", twin, "key", "passphrase", "--new-passphrase-file", other)
        command = f'case $SIGNET_PASSPHRASE_FOR in "vault {twin}") cat {other};; *) cat {self.path("passphrase")};; esac'
        env = {"SIGNET_PASSPHRASE_FILE": None, "SIGNET_PASSPHRASE_COMMAND": command}
        self.signet("keyring", "link", f"local:{twin}#prod", "--twin-of", "prod", env=env)
        self.assertEqual(self.signet("keyring", "test", env=env).out.count("wraps and unwraps"), 2)
        self.signet("keyring", "test", expect=12)

    def test_from_what_a_shell_hands_over(self):
        """<(…) is a path below /dev/fd, which a process that hides its memory cannot open by name."""
        self.from_template()
        as_nobody = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("no setpriv")
            subprocess.run(["chown", "-R", "65534:65534", self.scratch], check=True)
            as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        env = dict(self.env)
        del env["SIGNET_PASSPHRASE_FILE"]
        script = f"exec {SIGNET} ls --passphrase-file <(echo '{PASSPHRASE}')"
        ended = subprocess.run([*as_nobody, "bash", "-c", script], env=env, cwd="/", capture_output=True)
        if ended.returncode in (126, 127):
            self.skipTest("cannot run as another user")
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_one_line_end_is_not_part_of_it(self):
        self.from_template()
        for content, code in ((PASSPHRASE, 0), (PASSPHRASE + "\n", 0), (PASSPHRASE + "\r\n", 0), (PASSPHRASE + "\n\n", 12),
                              (" " + PASSPHRASE, 12), ("", 2), ("\n", 2)):
            with self.subTest(repr(content)):
                write(self.env["SIGNET_PASSPHRASE_FILE"], content)
                self.signet("ls", expect=code)

    def test_backups_and_lists_ask_for_none(self):
        self.from_template()
        env = {"SIGNET_PASSPHRASE_FILE": None, "SIGNET_PASSPHRASE_COMMAND": f"touch {self.path('asked')}; echo x"}
        for words in (["backup", self.source], ["list"], ["show"], ["plan"], ["timeline"], ["stats"], ["check"], ["key", "list"],
                      ["keyring", "show"], ["key", "export-public", "prod"]):
            self.signet(*words, env=env)
        self.assertNothingAt(self.path("asked"))

    def test_the_vaults_passphrase_can_be_changed(self):
        self.from_template()
        new = self.write("new", "another\n")
        self.signet("key", "passphrase", "--new-passphrase-file", new)
        self.signet("ls", expect=12)
        write(self.env["SIGNET_PASSPHRASE_FILE"], "another\n")
        self.signet("ls")

    def on_terminal(self, words, answers):
        """Runs with a terminal of its own; answers are typed when a prompt ends in a colon. returns (code, what was shown)"""
        env = dict(self.env)
        del env["SIGNET_PASSPHRASE_FILE"]
        child, master = pty.fork()
        if child == 0:
            os.execve(SIGNET, [SIGNET, *words], env)
        shown, answers, end = b"", list(answers), time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([master], [], [], 0.5)
            try:
                got = os.read(master, 4096) if ready else b""
            except OSError:
                break
            if ready and not got:
                break
            shown += got
            if answers and shown.rstrip().endswith(b":"):
                time.sleep(0.1)
                answer = answers.pop(0)
                os.write(master, answer.encode() + b"\n" if answer != "^C" else b"\x03")
                shown += b"\n"
        _, status = os.waitpid(child, 0)
        os.close(master)
        return os.waitstatus_to_exitcode(status), shown.decode()

    def test_a_person_is_asked_without_echo(self):
        self.from_template()
        code, shown = self.on_terminal(["restore", "-t", self.path("out")], [PASSPHRASE])
        self.assertEqual(code, 0, shown)
        self.assertNotIn(PASSPHRASE, shown)
        self.assertTrue(os.path.isdir(self.path("out")))

    def test_a_new_passphrase_is_asked_for_twice(self):
        code, shown = self.on_terminal(["key", "create", "a", "--size", "2048"], ["one", "two"])
        self.assertEqual(code, 12, shown)
        self.assertNothingAt(self.path("vault", "vault.json"))
        code, shown = self.on_terminal(["key", "create", "a", "--size", "2048"], ["one", "one"])
        self.assertEqual(code, 0, shown)

    def test_a_prompt_can_be_interrupted(self):
        self.from_template()
        code, shown = self.on_terminal(["restore", "-t", self.path("out")], ["^C"])
        self.assertEqual(code, 130, shown)
        self.assertNothingAt(self.path("out"))


if __name__ == "__main__":
    main()
