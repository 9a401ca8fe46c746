"""restic, borg and the plain pipeline, as their users run them."""
import os
import shlex
import shutil

from . import measure
from .tool import PASSPHRASE, Tool, first_line


def _missing_programs(*names):
    absent = [n for n in names if not shutil.which(n)]
    return f"{', '.join(absent)} not found" if absent else None


class Restic(Tool):
    """Repository version 2, default compression, default cache."""
    name = "restic"
    packages = "restic"

    def __init__(self, home, source):
        super().__init__(home, source)
        self.env.update(RESTIC_PASSWORD=PASSPHRASE, RESTIC_REPOSITORY=self.repository,
                        RESTIC_CACHE_DIR=os.path.join(home, "cache"))
        self._first = None

    @classmethod
    def missing(cls):
        return _missing_programs("restic")

    @classmethod
    def version(cls):
        return first_line("restic", "version")

    def prepare(self):
        self._run(["restic", "init", "--quiet", "--repository-version", "2"])

    def backup(self, label):
        return self._run(["restic", "backup", "--quiet", "--tag", label, self.source])

    def restore(self, target):
        return self._run(["restic", "restore", "--quiet", "latest", "--tag", "first", "--target", target])

    def list(self):
        return self._run(["restic", "snapshots", "--quiet"])

    def ls(self):
        return self._run(["restic", "ls", "--quiet", "latest"])


class Borg(Tool):
    """Key in the repository, zstd level 3."""
    name = "borg"
    packages = "borgbackup"

    def __init__(self, home, source):
        super().__init__(home, source)
        self.env.update(BORG_PASSPHRASE=PASSPHRASE, BORG_REPO=self.repository, BORG_BASE_DIR=os.path.join(home, "base"))

    @classmethod
    def missing(cls):
        return _missing_programs("borg")

    @classmethod
    def version(cls):
        return first_line("borg", "--version")

    def prepare(self):
        self._run(["borg", "init", "-e", "repokey"])

    def backup(self, label):
        return self._run(["borg", "create", "--compression", "zstd,3", f"::{label}", self.source])

    def restore(self, target):
        return self._run(["borg", "extract", "::first"], cwd=target)

    def list(self):
        return self._run(["borg", "list"])

    def ls(self):
        return self._run(["borg", "list", "--short", "::first"])


class Pipeline(Tool):
    """tar | zstd | openssl: neither checks nor finds anything again; a changed run stores everything once more."""
    name = "pipeline"
    packages = "tar zstd openssl"
    has_unchanged_run = False

    @classmethod
    def missing(cls):
        return _missing_programs("tar", "zstd", "openssl")

    @classmethod
    def version(cls):
        return " / ".join((first_line("tar", "--version"), first_line("zstd", "--version").strip("* "),
                           first_line("openssl", "version")))

    def prepare(self):
        os.makedirs(self.repository)

    def backup(self, label):
        source = shlex.quote(self.source.lstrip("/"))
        return self._run(f"tar -C / -cf - {source} | zstd -q -3 -T2 -c | {self._openssl()} -out {self._file(label)}")

    def restore(self, target):
        return self._run(f"{self._openssl()} -d -in {self._file('first')} | zstd -q -d -c | tar -C {shlex.quote(target)} -xpf -")

    def repository_bytes(self):
        return measure.tree_bytes(self.repository)

    def _openssl(self):
        return f"openssl enc -aes-256-ctr -pbkdf2 -pass file:{shlex.quote(self.passphrase_file)}"

    def _file(self, label):
        return shlex.quote(os.path.join(self.repository, f"{label}.tar.zst.enc"))
