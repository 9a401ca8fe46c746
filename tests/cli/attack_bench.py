"""What the attacks of test_attacks.py start from: a customer with a past, a second repository of the same customer, and an
attacker who can do everything to the storage, knows all public keys, and has a keyring and a repository of their own."""

import glob
import os
import shutil
import subprocess
import sys

from harness import SIGNET, SignetTest, write

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "format"))
import signet_format as fmt  # noqa: E402

FOREVER = 2**64 - 1


def _past(test):
    """Three backups, a rotation before the third; what the storage looked like after each step; a second repository of the
    same keyring; an attacker's repository, and their backup into a copy of this one under the customer's public key."""
    test.init()
    source = test.sample_tree()
    states = []

    def keep():
        states.append(test.path(f"state{len(states)}"))
        subprocess.run(["cp", "-a", test.repository, states[-1]], check=True)
    keep()
    ids = []
    for number in range(3):
        if number == 2:
            test.signet("key", "rotate", "prod")
        write(f"{source}/letter.txt", f"dear {number}\n" * 40)
        write(f"{source}/new{number}.bin", os.urandom(5000))
        ids.append(test.backup(source, "--time", f"2026-0{number + 1}-01T12:00:00Z", "--series", "home")["backup_id"])
        subprocess.run(["cp", "-a", source, test.path(f"source{number}")], check=True)
        keep()
    checkpoints = test.signet("checkpoint").out
    write(test.path("checkpoints"), checkpoints)
    shown = test.signet("keyring", "show", "--json").json()
    second = {"SIGNET_REPOSITORY": test.path("second")}
    test.signet("init", env=second)
    test.backup(source, "--series", "home", env=second)
    fresh = {"SIGNET_KEYRING": test.path("fresh"), "SIGNET_CACHE_DIR": test.path("fresh-cache")}
    for version in (1, 2):
        test.signet("keyring", "link", f"local:prod/{version}", *(["--default"] if version == 2 else []), env=fresh)
    pem = test.path("prod.pem")
    write(pem, test.signet("key", "export-public", "prod").raw)
    attacker = {"SIGNET_KEYRING": test.path("a-keyring"), "SIGNET_VAULT": test.path("a-vault"), "SIGNET_CACHE_DIR": test.path("a-cache")}
    test.signet("keyring", "link", f"public:{pem}", "--default", env=attacker)
    test.signet("init", env=dict(attacker, SIGNET_REPOSITORY=test.path("theirs")))
    evil = write(test.path("evil/letter.txt"), "dear victim\n")
    test.backup(os.path.dirname(evil), "--series", "home", env=dict(attacker, SIGNET_REPOSITORY=test.path("theirs")))
    into = test.path("planted")
    subprocess.run(["cp", "-a", test.repository, into], check=True)
    test.signet("backup", os.path.dirname(evil), "--series", "home", "--time", "2027-01-01T00:00:00Z",
                env=dict(attacker, SIGNET_REPOSITORY=into))
    return {"ids": ids, "states": states, "writer": shown["writer"], "officer": shown["officer"], "attacker": attacker}


class AttackBench(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(_past)
        self.source = self.made_at + "/source"
        self.signet("check")  # from now on its keyring knows what is in this place
        self.fresh = {"SIGNET_KEYRING": self.path("fresh"), "SIGNET_CACHE_DIR": self.path("fresh-cache")}
        for name in ("keyring", "fresh"):
            subprocess.run(["cp", "-a", self.path(name), self.path("seen-" + name)], check=True)
        self.whole = self.path("whole")
        subprocess.run(["cp", "-a", self.repository, self.whole], check=True)

    def put_back(self):
        shutil.rmtree(self.repository, ignore_errors=True)
        subprocess.run(["cp", "-a", self.whole, self.repository], check=True)
        for name in ("keyring", "fresh"):
            shutil.rmtree(self.path(name))
            subprocess.run(["cp", "-a", self.path("seen-" + name), self.path(name)], check=True)
        shutil.rmtree(self.path("out"), ignore_errors=True)

    # What an attacker does to the storage.

    def at(self, name):
        return os.path.join(self.repository, name)

    def read(self, name):
        with open(self.at(name), "rb") as file:
            return file.read()

    def put(self, name, content):
        path = self.at(name)
        if os.path.lexists(path) and not os.path.isdir(path):
            os.chmod(path, 0o600)
        write(path, content)

    def delete(self, *names):
        for name in names:
            path = self.at(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def swap(self, one, other):
        left, right = self.read(one), self.read(other)
        self.put(one, right)
        self.put(other, left)

    def become(self, folder):
        """The storage shows another repository in this place, or this one as it was."""
        shutil.rmtree(self.repository)
        subprocess.run(["cp", "-a", folder, self.repository], check=True)

    def add_from(self, folder, *kinds):
        for kind in kinds:
            if os.path.isdir(os.path.join(folder, kind)):
                subprocess.run(["cp", "-an", os.path.join(folder, kind), self.repository + "/"], check=True)

    def entries(self, identity):
        return sorted(os.path.relpath(path, self.repository) for path in glob.glob(self.at(f"journal/{identity}/*")))

    # What an attacker signs: with a key of their own, as nobody has given them another.

    def stranger(self, seed=b"stranger"):
        return fmt.Identity(fmt.sha256(seed))

    def head(self, signer, sequence=1, previous=bytes(32), time=2_000_000_000_000_000_000):
        config = self.read("config.json")
        repository = bytes.fromhex(config.decode().split('"repository":"')[1][:32])
        return fmt.Head(repository, fmt.sha256(config), signer, sequence, previous, time=time)

    def plant(self, kind, fields, signer=None, sequence=1, place=None):
        """A signed entry without a sealed part, in its own journal or in another place."""
        signer = signer or self.stranger()
        self.put(place or fmt.entry_name(signer, sequence), fmt.plain_entry(kind, self.head(signer, sequence), fields))

    def trust_statement(self, identity, role, first=1, last=FOREVER):
        return fmt.varint(1) + bytes.fromhex(identity) + fmt.u8(role) + fmt.u64(first) + fmt.u64(last)
