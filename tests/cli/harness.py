"""Drives the signet program as a user does: scratch folders, exit codes, standard output and standard error.

Every test gets folders of its own. What many tests start from (a vault, a keyring, a repository with two backups) is made
once for each process and copied.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

SIGNET = os.path.abspath(os.environ.get("SIGNET_BIN", "signet"))
PASSPHRASE = "correct horse"
TIMEOUT = 120 * float(os.environ.get("SIGNET_TEST_PATIENCE", "1"))


class Result:
    """What one run of the program left behind."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.raw = words, code, out
        self.out = out.decode("utf-8", "surrogateescape")
        self.err = err.decode("utf-8", "surrogateescape")

    def json(self):
        """The only JSON value of standard output."""
        return json.loads(self.out)

    def last(self):
        """The result: the last JSON line of standard output."""
        return json.loads(self.out.strip().splitlines()[-1])

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def errors(self):
        """The JSON lines of standard error."""
        return [json.loads(line) for line in self.err.splitlines()]

    def __str__(self):
        return f"{' '.join(self.words)}\nexit code {self.code}\n-- out\n{self.out[-4000:]}\n-- err\n{self.err[-4000:]}"


def tree_state(folder):
    """Every path below a folder with its kind and content: equal for equal trees."""
    state = {}
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(where, name)
            short = os.path.relpath(path, folder)
            if os.path.islink(path):
                state[short] = ("link", os.readlink(path))
            elif os.path.isdir(path):
                state[short] = ("folder", os.stat(path).st_mode)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    state[short] = ("file", os.stat(path).st_mode, file.read())
            else:
                state[short] = ("other", os.lstat(path).st_mode)
    return state


def write(path, content=b""):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


class SignetTest(unittest.TestCase):
    maxDiff = 4000
    program = SIGNET

    def setUp(self):
        self.scratch = os.path.realpath(tempfile.mkdtemp(prefix="signet-cli-"))
        self.addCleanup(shutil.rmtree, self.scratch, True)
        self.use(self.scratch)

    # Places.

    def use(self, folder):
        """Sets the environment to keyring, vault, cache and repository below a folder."""
        os.makedirs(os.path.join(folder, "home"), exist_ok=True)
        passphrase = write(os.path.join(folder, "passphrase"), PASSPHRASE + "\n")
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": os.path.join(folder, "home"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "SIGNET_REPOSITORY": os.path.join(folder, "repository"),
            "SIGNET_KEYRING": os.path.join(folder, "keyring"),
            "SIGNET_VAULT": os.path.join(folder, "vault"),
            "SIGNET_CACHE_DIR": os.path.join(folder, "cache"),
            "SIGNET_PASSPHRASE_FILE": passphrase,
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "LLVM_PROFILE_FILE"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    @property
    def repository(self):
        return self.env["SIGNET_REPOSITORY"]

    def clock_at(self, clock):
        """What a command's environment needs for its clock to stand there, in seconds since 1970."""
        setter = os.environ.get("SIGNET_CLOCK_SETTER", "")
        if not os.path.exists(setter):
            self.skipTest("nothing sets the clock")
        # The sanitizer of addresses wants to be loaded first, and can do without.
        asan = ":".join(filter(None, (self.env.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        return {"LD_PRELOAD": setter, "SIGNET_CLOCK": str(clock), "ASAN_OPTIONS": asan}

    def write(self, name, content=b""):
        return write(self.path(name), content)

    def sample_tree(self, name="source"):
        """A small tree with most of what a tree can have."""
        root = self.path(name)
        write(f"{root}/letter.txt", "dear anna\n" * 40)
        write(f"{root}/empty")
        write(f"{root}/photos/one.jpg", os.urandom(30000))
        write(f"{root}/photos/two.jpg", os.urandom(200))
        write(f"{root}/Maildir/cur/1", "from: bob\n")
        os.chmod(f"{root}/letter.txt", 0o640)
        os.symlink("letter.txt", f"{root}/link")
        os.link(f"{root}/letter.txt", f"{root}/twin.txt")
        os.mkdir(f"{root}/hollow")
        return root

    # Running.

    def start(self, *words, env=None, stdin=subprocess.DEVNULL, cwd=None, **more):
        full = dict(self.env, **(env or {}))
        full = {name: value for name, value in full.items() if value is not None}
        return subprocess.Popen([self.program, *words], env=full, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                cwd=cwd or self.scratch, **more)

    def finish(self, process, words, expect, data=None):
        try:
            out, err = process.communicate(data, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"does not end: {Result(words, None, out, err)}")
        result = Result(("signet", *words), process.returncode, out, err)
        if expect is not None:
            allowed = expect if isinstance(expect, tuple) else (expect,)
            self.assertIn(result.code, allowed, str(result))
        return result

    def signet(self, *words, expect=0, data=None, **more):
        """Runs the program and checks its exit code. expect: a code, several, or None for any."""
        stdin = subprocess.DEVNULL if data is None else subprocess.PIPE
        process = self.start(*words, stdin=stdin, **more)
        return self.finish(process, words, expect, data)

    def backup(self, *words, **more):
        """Makes a backup; returns its summary."""
        return self.signet("backup", "--json", *words, **more).last()

    # Starting points.

    def init(self, bits="2048"):
        """A key of the customer's own, linked as the default; an empty repository."""
        self.signet("key", "create", "prod", "--size", bits)
        self.signet("keyring", "link", "local:prod", "--default")
        return self.signet("init", "--json").last()

    def start_from(self, make):
        """Copies what `make(test)` has made in scratch folders of its own, once for each process. It returns what is to be
        set as attributes of the test; `made_at` is where it was."""
        if make not in _made:
            folder = os.path.realpath(tempfile.mkdtemp(prefix="signet-cli-made-"))
            unittest.addModuleCleanup(shutil.rmtree, folder, True)
            env, scratch = self.env, self.scratch
            try:
                self.scratch = folder
                self.use(folder)
                _made[make] = (folder, make(self))
            finally:
                self.env, self.scratch = env, scratch
        folder, attributes = _made[make]
        subprocess.run(["cp", "-a", folder + "/.", self.scratch], check=True)
        self.made_at = folder
        for name, value in attributes.items():
            setattr(self, name, value)

    def from_template(self):
        """A customer-managed repository with two backups of one tree, the second after a change.

        Sets source (here), template_source (the path that was backed up), first and second (ids)."""
        self.start_from(_two_backups)
        self.source = self.path("source")
        self.template_source = self.made_at + "/source"

    # Assertions.

    def assertNothingAt(self, path):
        self.assertFalse(os.path.lexists(path), f"{path} is there")

    def assertSays(self, text, *parts):
        for part in parts:
            self.assertIn(part, text)

    def assertMessage(self, result, *parts):
        """People's form of a failure: `signet: …` on standard error, nothing on standard output."""
        self.assertTrue(result.err.startswith("signet: ") or "\nsignet: " in result.err, str(result))
        self.assertSays(result.err, *parts)

    def assertSameTree(self, left, right):
        self.assertEqual(tree_state(left), tree_state(right))

    def restored(self, target, source=None):
        """Where a source lies below a restore's target."""
        return target + (source or self.source)

    # Looking into a repository.

    def objects(self, kind=""):
        """Names of objects, sorted."""
        found = []
        for where, _, files in os.walk(os.path.join(self.repository, kind)):
            found += [os.path.relpath(os.path.join(where, name), self.repository) for name in files]
        return sorted(name for name in found if not name.startswith("tmp/"))

    def alter(self, name, change):
        """Rewrites an object, which the program itself never does."""
        path = os.path.join(self.repository, name)
        with open(path, "rb") as file:
            content = bytearray(file.read())
        content = change(content)
        os.chmod(path, 0o600)
        with open(path, "wb") as file:
            file.write(content)


def plant_slots(repository, thumbprint, deks):
    """What anybody can do who can write to the storage: slots of a protector that open nothing."""
    for dek in deks:
        octets = os.urandom(300)
        write(f"{repository}/slots/{thumbprint.replace(':', '-')}/{dek}.{hashlib.sha256(octets).hexdigest()}", octets)


def flip(offset=None, bit=0):
    """A change of one bit, in the middle when nothing is said."""
    def change(content):
        at = len(content) // 2 if offset is None else offset
        content[at] ^= 1 << bit
        return content
    return change


def truncate(octets=1):
    return lambda content: content[:-octets]


_made = {}


def _two_backups(test):
    test.init()
    source = test.sample_tree()
    first = test.backup(source, "--time", "2026-01-01T12:00:00Z", "--series", "home")["backup_id"]
    write(f"{source}/letter.txt", "dear bob\n" * 40)
    write(f"{source}/new.txt", "new\n")
    second = test.backup(source, "--time", "2026-02-01T12:00:00Z", "--series", "home")["backup_id"]
    return {"first": first, "second": second}


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def locked(path):
    """Holds a lock file, as a run of that series does."""
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def has_open(process, path):
    """Whether a running process has a file open: it waits for that lock."""
    folder = f"/proc/{process.pid}/fd"
    try:
        return any(os.path.realpath(os.path.join(folder, name)) == path for name in os.listdir(folder))
    except FileNotFoundError:
        return False


def interrupt(process, signal_number=signal.SIGINT):
    process.send_signal(signal_number)


def main():
    unittest.main(verbosity=2)
