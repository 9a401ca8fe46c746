"""What tests share that start a database server: it does not run as root, and everything that it touches is its user's."""

import os
import pwd
import shutil
import subprocess
import tempfile

from harness import SIGNET, SignetTest

SAMPLES = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples"))


def missing_user(name):
    """Why no server can be run as that user; None: it can."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(name)
    except KeyError:
        return f"there is no user {name} to run a server as"
    return None


class ServerTest(SignetTest):
    USER = ""  # of the server, where the test runs as root
    samples = SAMPLES

    @classmethod
    def setUpClass(cls):
        """A checkout that root alone can enter is no place for what a server calls."""
        super().setUpClass()
        if os.geteuid() != 0 or subprocess.run(["test", "-x", SIGNET, "-a", "-r", SAMPLES + "/signet.ini"], user=cls.USER, check=False).returncode == 0:
            return
        folder = os.path.realpath(tempfile.mkdtemp(prefix="signet-program-"))
        cls.addClassCleanup(shutil.rmtree, folder, True)
        os.chmod(folder, 0o755)
        cls.program = shutil.copy(SIGNET, folder + "/signet")
        cls.samples = shutil.copytree(SAMPLES, folder + "/samples")

    @property
    def tools(self):
        """Where programs are looked for."""
        return os.path.dirname(self.program) + ":/usr/sbin:/usr/bin:/sbin:/bin"

    def setUp(self):
        super().setUp()
        self.user = {"user": self.USER, "group": pwd.getpwnam(self.USER).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        self.own(self.scratch)
        for folder, folders, files in os.walk(self.scratch):
            for name in folders + files:
                self.own(os.path.join(folder, name))
        self.init()

    def own(self, path):
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self.USER)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def start(self, *words, **more):
        return super().start(*words, **dict(self.user, **more))

    def as_user(self, words, expect=0, env=None, **more):
        """Runs a program that is not signet; returns what it printed. expect: 0, something else for any failure, None for any end."""
        # A server keeps the output open: it goes to a file.
        out = self.path("out.txt")
        with open(out, "wb") as file:
            ended = subprocess.run(words, env=dict(self.env, **(env or {})), cwd=self.scratch, stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=subprocess.STDOUT, timeout=150, **self.user, **more)
        with open(out, encoding="utf-8", errors="replace") as file:
            text = file.read()
        if expect is not None:
            self.assertEqual(ended.returncode == 0, expect == 0, f"{words}\n{text}")
        return text
