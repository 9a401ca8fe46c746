"""Secrets stay in memory, in pages that no core dump and no swap gets, and nowhere else.

A core is what a dump of the running process would hold: every mapping that is not left out of dumps. What is looked for
is known from outside: the passphrase, the numbers of a private half that was imported, what the vault and the writer's
file hold, and the data key, which the private half opens."""

import base64
import fcntl
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness import PASSPHRASE, SIGNET, SignetTest, main, write

IS_ROOT = os.geteuid() == 0
# A sanitizer's shadow and quarantine hold copies that the program itself has wiped.
PLAIN = not any(name in SIGNET for name in ("asan", "tsan"))


def mappings(pid):
    """(start, end, permissions, flags) of each mapping of a process."""
    found = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ", line)
            if head:
                found.append([int(head[1], 16), int(head[2], 16), head[3], set()])
            elif line.startswith("VmFlags:"):
                found[-1][3] = set(line.split()[1:])
    return found


def core_of(pid):
    """What a core dump of a running process would have in it."""
    core = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, permissions, flags in mappings(pid):
            if "r" not in permissions or flags & {"dd", "io"}:
                continue
            try:
                memory.seek(start)
                core.append(memory.read(end - start))
            except (OSError, ValueError, OverflowError):
                continue  # vvar and the like
    return b"\0".join(core)


def spellings(secret):
    """As octets, in the order of big numbers in memory, and as text."""
    return {"octets": secret, "reversed": secret[::-1], "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode(),
            "base64": base64.b64encode(secret).rstrip(b"=")}


class Secrets(SignetTest):
    def setUp(self):
        super().setUp()
        self.private = rsa.generate_private_key(65537, 2048)
        pem = self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())
        imported = self.write("prod.pem", pem)
        os.chmod(imported, 0o600)
        self.signet("key", "import", "prod", imported)
        os.unlink(imported)
        self.signet("keyring", "link", "local:prod", "--default")
        self.signet("init")
        self.source = self.path("source")
        write(f"{self.source}/large", os.urandom(3_000_000))
        write(f"{self.source}/small", b"x" * 1000)

    def wait_for(self, condition, process):
        for _ in range(400):
            if condition() or process.poll() is not None:
                return
            time.sleep(0.02)

    # What is secret.

    def secrets(self):
        numbers = self.private.private_numbers()
        secrets = {"passphrase": PASSPHRASE.encode()}
        for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp"):
            value = getattr(numbers, name)
            secrets["private " + name] = value.to_bytes((value.bit_length() + 7) // 8, "big")
        secrets["vault key"] = self.vault_key()
        for name, value in self.writer_file().items():
            secrets["writer's " + name] = value
        for number, dek in enumerate(self.deks()):
            secrets[f"data key {number}"] = dek
        return secrets

    def vault_key(self):
        with open(self.path("vault/vault.json"), encoding="utf-8") as file:
            vault = json.load(file)
        (slot,) = vault["unlock"]
        derived = hashlib.scrypt(PASSPHRASE.encode(), salt=base64.b64decode(slot["salt"]), n=1 << slot["scrypt_log2_n"],
                                 r=slot["scrypt_r"], p=slot["scrypt_p"], dklen=64, maxmem=1 << 30)
        label = b"signet/vault-slot/v1\0" + bytes.fromhex(vault["vault"]) + b"passphrase"
        return AESGCM(derived[:32]).decrypt(bytes(12), base64.b64decode(slot["sealed"]), label)

    def writer_file(self):
        with open(self.path("keyring/writer.key"), encoding="utf-8") as file:
            lines = [line.split() for line in file.read().splitlines()[1:]]
        return {name: bytes.fromhex(value) for name, value in lines if name != "sum"}

    def deks(self):
        """Opened from the slots in the repository, as format section 8 says."""
        for name in self.objects("slots"):
            with open(os.path.join(self.repository, name), "rb") as file:
                wrapped = file.read()[-256:]
            oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
            yield self.private.decrypt(wrapped, oaep)[:32]

    def assertHoldsNone(self, octets, secrets, where):
        found = [f"{what} ({how})" for what, secret in secrets.items() for how, spelling in spellings(secret).items() if spelling in octets]
        self.assertEqual(found, [], f"in {where}")

    # Processes.

    def frozen_dump(self):
        """A process that has opened every key and waits for its reader."""
        process = self.start("dump", "latest", self.source + "/large")
        self.wait_for(lambda: self.is_blocked(process), process)
        return process

    @staticmethod
    def is_blocked(process):
        """Whether its standard output is full."""
        return struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)))[0] >= 65536

    # The tests.

    @unittest.skipUnless(IS_ROOT and PLAIN, "needs root, and no sanitizer")
    def test_a_core_of_a_restore_has_no_secret_in_it(self):
        self.backup(self.source)
        process = self.frozen_dump()
        try:
            core = core_of(process.pid)
            flags = [entry[3] for entry in mappings(process.pid)]
        finally:
            process.kill()
            process.communicate()
        self.assertGreater(len(core), 1_000_000)
        self.assertIn(b"SIGNET_PASSPHRASE_FILE=", core)  # it really is its memory
        self.assertHoldsNone(core, self.secrets(), "a core dump")
        self.assertTrue([one for one in flags if "dd" in one and "lo" in one], "no mapping is locked and left out of dumps")

    @unittest.skipUnless(IS_ROOT and PLAIN, "needs root, and no sanitizer")
    def test_a_core_of_a_backup_has_no_secret_in_it(self):
        process = self.start("backup", "--stdin", "--stdin-filename", "s", stdin=subprocess.PIPE)
        try:
            process.stdin.write(os.urandom(5_000_000))
            process.stdin.flush()
            time.sleep(0.5)
            core = core_of(process.pid)
        finally:
            out, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        self.assertGreater(len(core), 1_000_000)
        self.assertHoldsNone(core, self.secrets(), "a core dump")

    @unittest.skipUnless(IS_ROOT and PLAIN, "needs root, and no sanitizer")
    def test_a_secret_that_is_in_memory_is_found_by_this_test(self):
        secret = os.urandom(32)
        process = subprocess.Popen([sys.executable, "-c", f"x = bytes.fromhex('{secret.hex()}'); print('y', flush=True); input()"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.readline()
        core = core_of(process.pid)
        process.communicate(b"\n")
        self.assertIn(secret, core)

    def test_no_core_is_written_and_nobody_else_may_look(self):
        self.backup(self.source)
        unlimited = (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_CORE)[1])

        def allow():
            try:
                resource.setrlimit(resource.RLIMIT_CORE, unlimited)
            except (OSError, ValueError):
                pass

        process = self.start("dump", "latest", self.source + "/large", preexec_fn=allow)
        try:
            self.wait_for(lambda: self.is_blocked(process), process)
            with open(f"/proc/{process.pid}/limits", encoding="utf-8") as file:
                limit = next(line for line in file if line.startswith("Max core file size"))
            self.assertEqual(limit.split()[4:6], ["0", "0"])
            # What cannot be dumped belongs to root, whoever runs it.
            self.assertEqual(os.stat(f"/proc/{process.pid}/mem").st_uid, 0)
            process.send_signal(signal.SIGSEGV)
            process.communicate(timeout=20)
        finally:
            process.kill()
        left = [name for where, _, names in os.walk(self.scratch) for name in names if name.startswith("core")]
        self.assertEqual(left, [])

    def test_arguments_and_environment_of_the_program_and_its_children_have_none(self):
        self.signet("backup", "--run-before", f"env > {self.path('env-before')}; tr '\\0' ' ' < /proc/$PPID/cmdline > {self.path('line')}",
                    "--run-after", f"env > {self.path('env-after')}", self.source)
        self.signet("restore", "latest", "-t", self.path("out"))
        secrets = self.secrets()
        for name in ("env-before", "env-after", "line"):
            with open(self.path(name), "rb") as file:
                self.assertHoldsNone(file.read(), secrets, name)

    def test_after_a_real_run_no_file_has_any(self):
        """Logs, caches, temporary files, the repository, what was said: everything but the two files that are the secret."""
        temporary = self.path("temporary")
        os.mkdir(temporary)
        env = {"TMPDIR": temporary}
        said = b""
        for words in (["backup", "-vv", self.source], ["key", "rotate", "prod"], ["backup", "-vv", "--json", self.source],
                      ["rewrap", "--all", "-v"], ["restore", "latest", "-t", self.path("out"), "-vv"], ["check", "--read-data", "-v"],
                      ["keyring", "audit", "--verify"], ["config"], ["keyring", "show", "--json"], ["key", "list", "--json"]):
            ended = self.signet(*words, env=env)
            said += ended.raw + ended.err.encode()
        write(self.path("wrong"), "wrong passphrase 1234\n")
        ended = self.signet("restore", "latest", "-t", self.path("out2"), env=dict(env, SIGNET_PASSPHRASE_FILE=self.path("wrong")), expect=12)
        said += ended.raw + ended.err.encode()
        shutil.rmtree(self.path("out"))
        secrets = self.secrets_of_first_key()
        self.assertHoldsNone(said, secrets, "what was said")
        self.assertNotIn(b"wrong passphrase 1234", said)
        count = 0
        for where, _, names in os.walk(self.scratch):
            for name in names:
                path = os.path.join(where, name)
                if path in (self.path("passphrase"), self.path("keyring/writer.key"), self.path("wrong")) or path.startswith(self.source):
                    continue
                with open(path, "rb") as file:
                    self.assertHoldsNone(file.read(), secrets, path)
                count += 1
        self.assertGreater(count, 15)
        self.assertEqual(os.listdir(temporary), [])

    def secrets_of_first_key(self):
        """Slots of the rotated key do not open with the one that is known here."""
        def opened():
            for name in self.objects("slots"):
                with open(os.path.join(self.repository, name), "rb") as file:
                    wrapped = file.read()[-256:]
                oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
                try:
                    yield self.private.decrypt(wrapped, oaep)[:32]
                except ValueError:
                    continue
        self.deks = opened
        return self.secrets()


if __name__ == "__main__":
    main()
