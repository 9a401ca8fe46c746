"""What the session asks of every tool."""
import os
import subprocess

from . import measure

PASSPHRASE = "correct horse battery staple"
_FOREIGN = ("RESTIC_", "BORG_", "SIGNET_", "XDG_", "TMPDIR")


def first_line(*command):
    """What a program says its version is."""
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    lines = result.stdout.decode().splitlines()
    if result.returncode or not lines:
        raise SystemExit(f"bench: `{' '.join(command)}` ended with {result.returncode} and said {lines[:1]}")
    return lines[0]


class Tool:
    """One tool with a repository of its own below `home`. Steps a tool cannot do return None and are left out.

    `backup` is called three times: on version 1, on version 1 again, on version 2. `restore` brings back the first.
    """
    name = ""
    packages = ""
    has_unchanged_run = True

    def __init__(self, home, source):
        self.home = home
        self.source = source
        self.repository = os.path.join(home, "repository")
        self.log = os.path.join(home, "log")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        self.env.update(HOME=home, LC_ALL="C.UTF-8", TERM="dumb")
        os.makedirs(home)
        self.passphrase_file = os.path.join(home, "passphrase")
        with open(os.open(self.passphrase_file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write(PASSPHRASE + "\n")

    @classmethod
    def missing(cls):
        """Why the tool cannot run here, or None."""
        raise NotImplementedError

    @classmethod
    def version(cls):
        raise NotImplementedError

    def prepare(self):
        """Makes an empty repository; not measured."""

    def backup(self, label):
        raise NotImplementedError

    def restore(self, target):
        """Writes the first backup below target, an empty folder."""
        raise NotImplementedError

    def restored_source(self, target):
        """Where below target the source's copy stands after a restore."""
        return target + self.source

    def list(self):
        return None

    def ls(self):
        return None

    def repository_bytes(self):
        return measure.tree_bytes(self.repository)

    def _run(self, command, cwd=None):
        return measure.run(command, self.env, self.log, cwd)
