"""Signet: the one place with its command lines."""
import os
import shutil

from .tool import Tool, first_line


class Signet(Tool):
    """A linked key in a local vault, everything else as it comes."""
    name = "signet"
    packages = "signet"
    program = "signet"

    def __init__(self, home, source):
        super().__init__(home, source)
        self._keyring = ["-k", os.path.join(home, "keyring"), "--vault", os.path.join(home, "vault")]
        self._repository = ["-r", self.repository, *self._keyring]
        self._cache = ["--cache-dir", os.path.join(home, "cache")]
        self._passphrase = ["--passphrase-file", self.passphrase_file]

    @classmethod
    def missing(cls):
        return None if shutil.which(cls.program) else f"{cls.program} not found: name the binary with --signet"

    @classmethod
    def version(cls):
        return first_line(cls.program, "version")

    def prepare(self):
        self._signet("key", "create", "bench", *self._keyring, *self._passphrase)
        self._signet("keyring", "link", "local:bench", "--default", *self._keyring, *self._passphrase)
        self._signet("init", *self._repository, *self._passphrase)

    def backup(self, label):
        """Without a passphrase: a backup needs public halves only."""
        return self._signet("backup", "-q", "--tag", label, *self._repository, *self._cache, self.source)

    def restore(self, target):
        """Called before version 2 is backed up, so the latest backup has the content of the first."""
        return self._signet("restore", "latest", "-q", "-t", target, *self._repository, *self._cache, *self._passphrase)

    def list(self):
        return self._signet("list", *self._repository, *self._cache)

    def ls(self):
        return self._signet("ls", "latest", *self._repository, *self._cache, *self._passphrase)

    def _signet(self, *arguments):
        return self._run([self.program, *arguments])
