"""A host with a keyring, a vault, a cache, a repository and something to back up, that can go back to any moment.

The program is driven as a user does. Moments are copies of everything at one path, as places stand in keyrings."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import stat
import subprocess
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SIGNET = os.path.abspath(os.environ.get("SIGNET_BIN", "signet"))
INJECTOR = os.path.abspath(os.environ.get("SIGNET_FAULT_INJECTOR", "fault_injector"))
PASSPHRASE = b"correct horse"
PATIENCE = 30 * float(os.environ.get("SIGNET_TEST_PATIENCE", "1"))


class Ended:
    """What one run of the program left behind."""

    def __init__(self, words, code, out, err, counted=0, struck=0, calls=()):
        self.words, self.code = words, code
        self.out, self.err = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        self.counted, self.struck, self.calls = counted, struck, calls

    def json(self):
        return json.loads(self.out)

    def last(self):
        return json.loads(self.out.strip().splitlines()[-1])

    def __str__(self):
        return f"signet {' '.join(self.words)}: exit code {self.code}\n{self.out[-1500:]}{self.err[-3000:]}"


def tree(folder):
    """Every path below a folder with what a restore must bring back."""
    found = {}
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(where, name)
            status = os.lstat(path)
            what = [stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), status.st_mtime_ns]
            if stat.S_ISLNK(status.st_mode):
                what = [what[0], os.readlink(path)]
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    what.append(hashlib.sha256(file.read()).hexdigest())
            found[os.path.relpath(path, folder)] = what
    return found


class Host:
    """Lives in a folder of its own; `with` removes it in the end."""

    def __init__(self, below=None):
        self.base = os.path.realpath(tempfile.mkdtemp(prefix="signet-proof-", dir=below))
        self.live = os.path.join(self.base, "live")
        self.trees = {}  # of each backup, by id
        self.others = set()  # backups of something else
        os.makedirs(self.path("home"))
        with open(self.path("passphrase"), "wb") as file:
            file.write(PASSPHRASE + b"\n")
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": self.path("home"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "SIGNET_REPOSITORY": self.path("repository"),
            "SIGNET_KEYRING": self.path("keyring"),
            "SIGNET_VAULT": self.path("vault"),
            "SIGNET_CACHE_DIR": self.path("cache"),
            "SIGNET_PASSPHRASE_FILE": self.path("passphrase"),
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.base, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.live, *parts)

    @property
    def source(self):
        return self.path("source")

    # Moments.

    def keep(self, name):
        """Everything as it is now, to come back to."""
        place = os.path.join(self.base, "moments", name)
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        subprocess.run(["cp", "-a", self.live, place], check=True)
        with open(place + ".trees", "w", encoding="utf-8") as file:
            json.dump(self.trees, file)

    def back_to(self, name):
        place = os.path.join(self.base, "moments", name)
        shutil.rmtree(self.live)
        subprocess.run(["cp", "-a", place, self.live], check=True)
        with open(place + ".trees", encoding="utf-8") as file:
            self.trees = json.load(file)

    # Running.

    def signet(self, *words, expect=None, **more):
        ended = self.run([SIGNET, *words], words, **more)
        if expect is not None and ended.code != expect:
            raise AssertionError(str(ended))
        return ended

    def struck(self, words, *orders):
        """Runs the program under the injector."""
        log = os.path.join(self.base, "calls")
        ended = self.run([INJECTOR, "--log", log, *orders, "--", SIGNET, *words], words)
        calls = []
        with open(log, encoding="utf-8") as file:
            for line in file:
                fields = line.split()
                if line.startswith("counted "):
                    ended.counted, ended.struck = int(fields[1]), int(fields[3])
                elif len(fields) == 3:
                    calls.append((fields[1], int(fields[2])))
        ended.calls = calls
        return ended

    def run(self, command, words, env=None, **more):
        process = subprocess.Popen(command, env=dict(self.env, **(env or {})), cwd=self.live, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        try:
            out, err = process.communicate(timeout=PATIENCE)
            return Ended(words, process.returncode, out, err)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return Ended(words, None, out, err + b"\n(did not end)")

    # What is there.

    def has_repository(self):
        return os.path.exists(self.path("repository", "config.json"))

    def backup(self, *words):
        """Backs the source up; returns the id."""
        known = tree(self.source)
        backup = self.signet("backup", "--json", *words, self.source, expect=0).last()["backup_id"]
        self.trees[backup] = known
        return backup

    def restored(self, backup):
        """returns  (how the restore ended, what is below the target at the place of the source)"""
        target = os.path.join(self.base, "out")
        shutil.rmtree(target, ignore_errors=True)
        ended = self.signet("restore", backup, "-t", target)
        found = tree(target + self.source)
        shutil.rmtree(target, ignore_errors=True)
        return ended, found


def cheapen(vault_file, log2_n=10):
    """Seals a vault's key under its passphrase at the lowest cost that readers take: a proof opens it ten thousand times.

    Written from docs/vault.md."""
    with open(vault_file, encoding="utf-8") as file:
        body = json.load(file)
    vault = bytes.fromhex(body["vault"])
    label = b"signet/vault-slot/v1\0" + vault + b"passphrase"
    (slot,) = body["unlock"]
    salt = base64.b64decode(slot["salt"])

    def derive(cost):
        derived = hashlib.scrypt(PASSPHRASE, salt=salt, n=1 << cost, r=slot["scrypt_r"], p=slot["scrypt_p"], dklen=64,
                                 maxmem=1 << 30)
        return derived[:32], hashlib.sha256(b"signet/check/v1\0" + derived[32:]).hexdigest()

    key, check = derive(slot["scrypt_log2_n"])
    assert check == slot["check"], "the passphrase is not the vault's"
    vault_key = AESGCM(key).decrypt(bytes(12), base64.b64decode(slot["sealed"]), label)
    key, slot["check"] = derive(log2_n)
    slot["scrypt_log2_n"] = log2_n
    slot["sealed"] = base64.b64encode(AESGCM(key).encrypt(bytes(12), vault_key, label)).decode()
    del body["mac"], body["checksum"]

    def compact(value):
        return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()

    mac_label = b"signet/vault-mac/v1\0"
    mac_key = hmac.new(vault_key, mac_label + vault + b"\1", hashlib.sha256).digest()
    body["mac"] = hmac.new(mac_key, mac_label + compact(body), hashlib.sha256).hexdigest()
    body["checksum"] = hashlib.sha256(b"signet/state/v1\0" + compact(body)).hexdigest()
    with open(vault_file, "w", encoding="utf-8") as file:
        file.write(json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
