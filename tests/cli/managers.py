"""Key managers for tests: doubles in this process, and providers, one for each kind of vault, that the conformance suite
drives. They are alike: a key in one place, the same key in a second one, and what may happen to the first."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "doubles"))

try:
    import aws
    import azure
    import double
    import transit
    READY = True
except ImportError as missing:
    READY = False
    WHY = f"needs python3-cryptography: {missing}"
else:
    WHY = ""


def remote_settings(env, attempts=2):
    """So that no test waits."""
    env.update(SIGNET_REMOTE_WAIT="0", SIGNET_REMOTE_ATTEMPTS=str(attempts), SIGNET_REMOTE_TIMEOUT="20", no_proxy="*")


class Provider:
    """A place that holds a key, and its twin. test  whose scratch folder and environment it uses"""

    name = "local"
    region = "local"
    versioned = True      # rotate() makes a new version that a link follows
    has_requests = False  # its answers have ids
    denies = False        # permissions can be taken away
    symmetric = False
    disabled_words = "disabled"

    def __init__(self, test):
        self.test = test
        self.set_up()

    # What each provides: `place` and `twin`, locations without a version, and

    def set_up(self):
        raise NotImplementedError

    def version_one(self):
        """The location of the version that disable() disables."""
        return self.place + "/1"

    def disable(self):
        raise NotImplementedError

    def enable(self):
        raise NotImplementedError

    def rotate(self):
        raise NotImplementedError

    def take_away(self):
        """Out of reach."""
        raise NotImplementedError

    def bring_back(self):
        raise NotImplementedError

    def replace(self):
        """Another key is in its place."""
        raise NotImplementedError

    more = ""  # what give_more() allows

    def give_more(self):
        """Rights that backups and restores do not need. returns  whether the vault tells"""
        return False

    # Of those that are reached over HTTP:

    opening = ""  # what "METHOD path" of a request that unwraps looks like

    def identity(self):
        """Who the test is there."""
        raise NotImplementedError

    def unwraps(self):
        """How many were asked for so far."""
        return len(self.server.asked(self.opening))

    def slow_down(self, seconds):
        """Each unwrap takes so long."""
        self.server.faults.append(double.Fault(self.opening, double.slow(seconds)))


class Local(Provider):
    def set_up(self):
        test = self.test
        test.write("prod.pem", subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt",
                                               "rsa_keygen_bits:2048"], capture_output=True, check=True).stdout)
        self.first, self.second = test.path("first"), test.path("second")
        for folder in (self.first, self.second):
            test.signet("key", "import", "prod", "prod.pem", "--vault", folder)
        self.place, self.twin = f"local:{self.first}#prod", f"local:{self.second}#prod"

    def disable(self):
        self.test.signet("key", "disable", "prod/1", "--vault", self.first)

    def enable(self):
        self.test.signet("key", "enable", "prod/1", "--vault", self.first)

    def rotate(self):
        self.test.signet("key", "rotate", "prod", "--vault", self.first)

    def take_away(self):
        """A device that is gone: what is opened answers ENXIO."""
        import socket
        os.rename(self.first + "/vault.json", self.first + "/kept")
        with socket.socket(socket.AF_UNIX) as one:
            here = os.getcwd()
            os.chdir(self.first)
            one.bind("vault.json")
            os.chdir(here)

    def bring_back(self):
        os.replace(self.first + "/kept", self.first + "/vault.json")

    def replace(self):
        import shutil
        shutil.rmtree(self.first)
        self.test.signet("key", "create", "prod", "--size", "2048", "--vault", self.first)


class Token(Provider):
    """The test is a TokenTest."""

    name = "pkcs11"
    disabled_words = "access is denied"  # a token has no such state

    def set_up(self):
        for token in ("first", "second"):
            folder = self.test.make_token(token)
            self.test.import_key(token)
            if token == "first":
                self.folder = folder
        self.place, self.twin = self.test.location("first"), self.test.location("second")

    def version_one(self):
        return self.place

    def disable(self):
        """What a token knows of that: the private half may not decrypt."""
        self.test.set_attribute("first", "CKA_DECRYPT", "00")

    def enable(self):
        self.test.set_attribute("first", "CKA_DECRYPT", "01")

    def rotate(self):
        self.test.import_key("first", "next.pem", "prod/2", "02")

    def take_away(self):
        os.rename(self.folder, self.test.path("kept"))

    def bring_back(self):
        os.rename(self.test.path("kept"), self.folder)

    def replace(self):
        self.test.pkcs11_tool("first", "--delete-object", "--type", "privkey", "--label", "prod")
        self.test.pkcs11_tool("first", "--delete-object", "--type", "pubkey", "--label", "prod")
        self.test.import_key("first", "other.pem")


class Tpm(Provider):
    """A key that was imported into the TPMs of two machines. The test is a TpmTest."""

    name = "pkcs11"
    disabled_words = "access is denied"

    def set_up(self):
        self.here = self.test.here
        self.place, self.twin = self.test.first, self.test.second

    def version_one(self):
        return self.place

    def disable(self):
        self.here.let_decrypt("first", False)

    def enable(self):
        self.here.let_decrypt("first", True)

    def rotate(self):
        """The next one is made inside the TPM."""
        self.here.make_key("first", "prod/2")

    def take_away(self):
        self.here.shut_down()

    def bring_back(self):
        self.here.start()

    def replace(self):
        self.here.delete_key("first")
        self.here.import_key("first", "other.pem")


class Transit(Provider):
    name = "transit"
    opening = "/decrypt/"
    has_requests = True
    denies = True
    kind = "aes256-gcm96"

    @property
    def symmetric(self):
        return not self.kind.startswith("rsa")

    def set_up(self):
        remote_settings(self.test.env)
        self.server, self.other = transit.TransitDouble(), transit.TransitDouble()
        for server in (self.server, self.other):
            self.test.addCleanup(server.stop)
            self.test.addCleanup(self.test.assertEqual, server.violations, [])
        self.server.keys["backup"] = transit.Key(self.kind)
        # A replication secondary: the same key, and the cluster name that its users have agreed on.
        self.other.keys["backup"] = self.server.keys["backup"].copy()
        self.policy = self.server.policy_for("backup", "encrypt", "decrypt", "read")
        token = self.server.token(self.policy)
        self.other.tokens[token] = (self.policy, None)
        self.test.env.update(VAULT_TOKEN=token, SIGNET_TRANSIT_CLUSTER="fleet")
        self.place, self.twin = (f"transit:{one.url}/transit/keys/backup" for one in (self.server, self.other))

    more = "rotate the key"

    def give_more(self):
        self.policy["transit/keys/backup/rotate"] = {"update"}
        return True

    def identity(self):
        return "the token of the environment"

    @property
    def key(self):
        return self.server.keys["backup"]

    def disable(self):
        """There is no such state: a version is retired."""
        self.key.rotate()
        self.key.least_to_decrypt = 2

    def enable(self):
        self.key.least_to_decrypt = 1
        del self.key.versions[2]
        self.key.latest = 1

    def rotate(self):
        self.key.rotate()

    def take_away(self):
        self.server.stop()

    def bring_back(self):
        self.server.start()

    def replace(self):
        self.server.keys["backup"] = transit.Key(self.kind)

    def deny(self):
        self.policy.pop("transit/decrypt/backup")
        self.policy.pop("transit/encrypt/backup")

    def allow(self):
        self.policy.update(self.server.policy_for("backup", "encrypt", "decrypt", "read"))


class TransitRsa(Transit):
    kind = "rsa-2048"


class Azure(Provider):
    """With their own names, over TLS."""

    name = "azure"
    opening = "/(unwrapkey|decrypt)$"
    region = "westeurope"
    has_requests = True
    denies = True
    kind = "RSA"
    key_name = "backup"
    vaults = (("prod-weu", "westeurope"), ("prod-neu", "northeurope"))

    def set_up(self):
        test = self.test
        remote_settings(test.env)
        authority = self.authority = double.Authority(test.scratch)
        hsm = self.kind == "oct-HSM"
        suffix = "managedhsm.azure.net" if hsm else "vault.azure.net"
        tls = authority.issue("login.microsoftonline.com", f"*.{suffix}")
        self.entra = azure.Entra(tls)
        self.server, self.other = (azure.KeyVault(name, self.entra, tls, region, hsm) for name, region in self.vaults)
        for server in (self.entra, self.server, self.other):
            test.addCleanup(server.stop)
            test.addCleanup(test.assertEqual, server.violations, [])
        self.other.backup_key = self.server.backup_key  # one geography
        self.application = self.entra.application(secret="se cret&+")
        self.server.create(self.key_name, kty=self.kind)
        self.server.copy_to(self.other, self.key_name)
        self.permissions = ["get", "wrapKey", "unwrapKey"] + (["encrypt", "decrypt"] if hsm else [])
        for server in (self.server, self.other):
            server.grant(self.application, *self.permissions)
        test.env.update(
            AZURE_TENANT_ID=self.entra.tenant, AZURE_CLIENT_ID=self.application.client, AZURE_CLIENT_SECRET="se cret&+",
            SIGNET_CA_FILE=authority.path,
            SIGNET_CONNECT_TO=",".join(f"{host}:443:127.0.0.1:{server.port}" for host, server in (
                ("login.microsoftonline.com", self.entra), (self.server.host, self.server), (self.other.host, self.other))))
        self.place, self.twin = (f"azure:https://{one.host}/keys/{self.key_name}" for one in (self.server, self.other))
        self.first = self.server.newest(self.key_name)

    @property
    def symmetric(self):
        return self.kind == "oct-HSM"

    more = "list the keys of the vault"

    def give_more(self):
        self.server.grant(self.application, *self.permissions, "list")
        return True

    def identity(self):
        return f"application {self.application.client} "

    def version_one(self):
        return f"{self.place}/{self.first.id}"

    def disable(self):
        self.first.enabled = False

    def enable(self):
        self.first.enabled = True

    def rotate(self):
        self.server.create("backup", kty=self.kind)

    def take_away(self):
        self.server.stop()

    def bring_back(self):
        self.server.start()

    def replace(self):
        self.server.keys["backup"] = []
        self.server.create("backup", kty=self.kind)

    def deny(self):
        self.server.grant(self.application, "get")

    def allow(self):
        self.server.grant(self.application, *self.permissions)


class ManagedHsm(Azure):
    """Its symmetric keys. Their thumbprint has the host in it: a copy in another one is another protector."""

    kind = "oct-HSM"

    def set_up(self):
        super().set_up()
        self.twin = None


class Aws(Provider):
    """A key of several regions: its twin is the same id elsewhere."""

    name = "aws"
    region = "eu-west-1"
    has_requests = True
    denies = True
    spec = "SYMMETRIC_DEFAULT"

    def set_up(self):
        remote_settings(self.test.env)
        self.server = aws.AwsDouble()
        self.test.addCleanup(self.server.stop)
        self.test.addCleanup(self.test.assertEqual, self.server.violations, [])
        self.test.env.update(self.server.environment())
        self.first = self.server.make_key(self.region, self.spec, multi_region=True, alias="alias/backup")
        second = self.server.replicate(self.first, "us-east-1")
        self.place, self.twin = f"aws:{self.first.rpartition(':')[0]}:alias/backup", f"aws:{second}"

    @property
    def symmetric(self):
        return not self.spec.startswith("RSA")

    def identity(self):
        return "access key AKIDEXAMPLE of AWS_ACCESS_KEY_ID"

    def version_one(self):
        return f"aws:{self.first}"

    def disable(self):
        self.server.set_state(self.first, "Disabled")

    def enable(self):
        self.server.set_state(self.first, "Enabled")

    def unwraps(self):
        return len(self.server.uses(operation="Decrypt"))

    def slow_down(self, seconds):
        self.server.fault(double.slow(seconds), operation="Decrypt")

    def rotate(self):
        """The alias moves to a new key."""
        fresh = self.server.make_key(self.region, self.spec)
        self.server.aliases[self.region]["alias/backup"] = fresh.rpartition("/")[2]

    def take_away(self):
        self.server.fault(double.reset(), region=self.region)

    def bring_back(self):
        self.server.heal()

    def replace(self):
        """Keys of KMS cannot be: their ids are not used again. Its answers are about another key."""
        self.server.fault(self.server.wrong_key(), region=self.region)

    def deny(self):
        for operation in ("Encrypt", "Decrypt"):
            self.server.deny(operation, self.first)

    def allow(self):
        self.server.allow_all()


class AwsRsa(Aws):
    spec = "RSA_2048"
