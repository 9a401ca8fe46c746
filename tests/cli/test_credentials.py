"""The vault's passphrase as systemd hands it over: sealed by systemd-creds, unsealed for one unit, as samples/systemd has it."""

import os
import shutil
import subprocess
import unittest

import tpm
from harness import PASSPHRASE, SignetTest, main
from servers import SAMPLES

WHY = "systemd-creds is not installed: no passphrase was sealed"


class Credentials:
    """What systemd would do for the sample units, in the scratch folder."""

    def creds(self, *words, expect=0, env=None, **more):
        # The host's key is one of the test's own; systemd's is root's.
        env = dict(self.env, SYSTEMD_CREDENTIAL_SECRET=self.path("host-key"), **(env or {}))
        ended = subprocess.run(["systemd-creds", *words], env=env, cwd=self.scratch, capture_output=True, text=True, **more)
        self.assertEqual(ended.returncode == 0, expect == 0, f"{words}\n{ended.stdout}{ended.stderr}")
        return ended.stderr

    def seal(self, *words, name="passphrase", key="host"):
        """The command of the sample, with another key and further options."""
        with open(f"{SAMPLES}/systemd/sealed-passphrase.conf", encoding="utf-8") as file:
            command = next(line for line in file if "systemd-creds encrypt" in line).rpartition("| ")[2].split()
        self.assertEqual(command[:2], ["systemd-creds", "encrypt"])
        options = [f"--with-key={key}" if word.startswith("--with-key=") else f"--name={name}" if word.startswith("--name=") else self.in_scratch(word)
                   for word in command[2:]]
        os.makedirs(self.path("etc"), exist_ok=True)
        self.creds("encrypt", *words, *options, input=PASSPHRASE)

    def in_scratch(self, word):
        return word.replace("/etc/signet/", self.path("etc") + "/")

    def settings(self, name):
        """Of a sample's unit with the drop-in: what its service is to get. An empty value forgets those before."""
        found = {}
        for path in (f"signet-{name}.service", "sealed-passphrase.conf"):
            with open(f"{SAMPLES}/systemd/{path}", encoding="utf-8") as file:
                for line in file.read().splitlines():
                    key, is_set, value = line.partition("=")
                    if is_set and not line.startswith("#"):
                        found[key] = found.get(key, []) + [value] if value else []
        return found

    def start_unit(self, expect=0, env=None, name="backup"):
        """returns  variables of the service; or what the credential was refused with"""
        settings = self.settings(name)
        self.assertEqual(settings["LoadCredential"], [])
        folder = self.path("credentials")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for loaded in settings["LoadCredentialEncrypted"]:
            credential, _, path = loaded.partition(":")
            said = self.creds("decrypt", f"--name={credential}", self.in_scratch(path), f"{folder}/{credential}", expect=expect, env=env)
            if expect:
                self.assertNothingAt(f"{folder}/{credential}")
                return said
            os.chmod(f"{folder}/{credential}", 0o400)
        service = dict(line.split("=", 1) for line in settings["Environment"])
        return {"SIGNET_PASSPHRASE_FILE": service["SIGNET_PASSPHRASE_FILE"].replace("%d", folder)}

    def set_up_vault(self):
        self.from_template()
        os.remove(self.env.pop("SIGNET_PASSPHRASE_FILE"))

    def assertWorks(self, service):
        self.signet("backup", self.source, "--force", env=service)
        self.signet("restore", "latest", "-t", "out", env=service)
        self.assertSameTree(self.source, self.path("out") + self.source)
        self.signet("keyring", "check", env=service)


@unittest.skipUnless(shutil.which("systemd-creds"), WHY)
class OfTheHost(Credentials, SignetTest):
    def setUp(self):
        super().setUp()
        if subprocess.run(["systemd-creds", "setup"], env={**self.env, "SYSTEMD_CREDENTIAL_SECRET": self.path("host-key")},
                          capture_output=True).returncode != 0:
            self.skipTest("systemd-creds makes no key of the host: no passphrase was sealed")
        self.set_up_vault()

    def test_a_sealed_passphrase_opens_the_vault_of_both_units(self):
        self.seal()
        with open(self.path("etc", "passphrase.sealed"), "rb") as file:
            self.assertNotIn(PASSPHRASE.encode(), file.read())
        for name in ("backup", "check"):
            service = self.start_unit(name=name)
        self.assertWorks(service)

    def test_a_credential_of_another_name_is_refused(self):
        self.seal(name="other")
        self.assertIn("does not match", self.start_unit(expect=1))

    def test_an_expired_credential_is_refused(self):
        self.seal("--timestamp=2020-01-01 00:00:00 UTC", "--not-after=2020-01-02 00:00:00 UTC")
        self.assertIn("time passed", self.start_unit(expect=1))

    def test_a_credential_of_another_host_is_refused(self):
        self.seal()
        os.remove(self.path("host-key"))
        self.creds("setup")
        self.start_unit(expect=1)

    def test_without_its_credential_nothing_is_restored(self):
        """Nobody is asked, and backups go on."""
        service = {"SIGNET_PASSPHRASE_FILE": self.path("credentials", "passphrase")}
        self.assertMessage(self.signet("restore", "-t", "out", env=service, expect=2), "passphrase file", "credentials/passphrase")
        self.assertNothingAt(self.path("out"))
        self.backup(self.source, "--force", env=service)


@unittest.skipUnless(shutil.which("systemd-creds"), WHY)
@unittest.skipUnless(tpm.READY, tpm.WHY)
class OfTheTpm(Credentials, tpm.TpmTest):
    def test_a_passphrase_that_a_tpm_has_sealed_opens_on_its_machine_alone(self):
        here, there = (f"swtpm:path={machine.socket}" for machine in (self.here, self.there))
        # Of the firmware, which a simulated TPM has none before: what the key is bound to.
        for machine in (self.here, self.there):
            machine.tool("tpm2_pcrextend", "7:sha256=" + "5a" * 32)
        self.set_up_vault()
        self.seal(f"--tpm2-device={here}", key="host+tpm2")
        self.assertWorks(self.start_unit(env={"SYSTEMD_TPM2_DEVICE": here}))
        self.start_unit(env={"SYSTEMD_TPM2_DEVICE": there}, expect=1)
        # The same machine, started in another way.
        self.here.tool("tpm2_pcrextend", "7:sha256=" + "00" * 32)
        self.start_unit(env={"SYSTEMD_TPM2_DEVICE": here}, expect=1)


if __name__ == "__main__":
    main()
