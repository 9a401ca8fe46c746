"""The doubles of key managers are held to the clients that the providers publish (tests/doubles/clients/README.md): an
official client can do against a double what Signet does, and shows the codes that Signet reads. Skipped where npm's packages
are missing."""

import base64
import datetime
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import managers
from harness import main, write

CLIENTS = os.environ.get("SIGNET_CLIENTS", "")
SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "doubles", "clients")


def missing(*packages):
    if not managers.READY:
        return managers.WHY
    if not shutil.which("node"):
        return "needs node"
    if not CLIENTS:
        return "needs SIGNET_CLIENTS: a folder with the packages of tests/doubles/clients/package.json"
    absent = [one for one in packages if not os.path.isdir(os.path.join(CLIENTS, "node_modules", one))]
    return f"{CLIENTS} has no {', '.join(absent)}" if absent else ""


class ClientTest(unittest.TestCase):
    maxDiff = 6000

    def setUp(self):
        self.scratch = tempfile.mkdtemp(prefix="signet-clients-")
        self.addCleanup(shutil.rmtree, self.scratch, True)

    def run_script(self, name, **settings):
        env = {"PATH": os.environ["PATH"], "HOME": self.scratch, "SIGNET_CLIENTS": CLIENTS, "no_proxy": "*", **settings}
        ended = subprocess.run(["node", os.path.join(SCRIPTS, name)], env=env, capture_output=True, text=True, timeout=120, cwd=self.scratch)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return json.loads(ended.stdout.splitlines()[-1])


@unittest.skipIf(missing("@azure/keyvault-keys", "@azure/identity"), missing("@azure/keyvault-keys", "@azure/identity"))
class AzureClient(ClientTest):
    def test_the_double_of_key_vault_is_what_the_official_client_takes_it_for(self):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        azure = managers.azure
        authority = managers.double.Authority(self.scratch)
        tls = authority.issue("localhost", "127.0.0.1")
        entra = azure.Entra(tls)
        self.addCleanup(entra.stop)
        machine = azure.Entra(None, entra.tenant)  # the metadata service speaks plain HTTP
        self.addCleanup(machine.stop)
        machine.key = entra.key
        vault = azure.KeyVault("prod-weu", entra, tls)
        self.addCleanup(vault.stop)
        vault.base_override = f"https://localhost:{vault.port}"

        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "backup host")])
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                       .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
                       .sign(key, hashes.SHA256()))
        pem = write(self.scratch + "/client.pem", key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM))
        token_file = write(self.scratch + "/token", "the platform's word")

        operator = entra.application(secret="s3cret&+")
        reader = entra.application(secret="s3cret&+")
        by_certificate = entra.application(certificate=certificate)
        by_platform = entra.application(federated="the platform's word")
        machine.machine = machine.application()
        vault.grant(operator, "all")
        for one in (by_certificate, by_platform, machine.machine):
            vault.grant(one, "get")
        vault.create("signet")
        wrapped = vault.newest("signet").material.public_key().encrypt(b"as Signet wraps", managers.transit.OAEP)

        seen = self.run_script(
            "azure.cjs", NODE_EXTRA_CA_CERTS=authority.path, VAULT=vault.base_override, TENANT=entra.tenant,
            AUTHORITY=f"https://localhost:{entra.port}", CLIENT=operator.client, SECRET="s3cret&+", OTHER=reader.client,
            CERTIFICATE=pem, CLIENT_OF_CERTIFICATE=by_certificate.client, TOKEN_FILE=token_file, CLIENT_OF_PLATFORM=by_platform.client,
            AZURE_POD_IDENTITY_AUTHORITY_HOST=machine.url, KEY_ID=f"{vault.base_override}/keys/signet/{vault.newest('signet').id}",
            WRAPPED=base64.b64encode(wrapped).decode())

        key = seen.pop("key")
        self.assertTrue(key["id"].startswith(vault.base_override + "/keys/made/"))
        self.assertEqual({name: key[name] for name in ("name", "type", "operations", "enabled", "recovery", "days", "tags", "same")},
                         {"name": "made", "type": "RSA", "operations": ["wrapKey", "unwrapKey"], "enabled": True,
                          "recovery": "Recoverable", "days": 90, "tags": {"env": "test"}, "same": True})
        self.assertEqual(seen.pop("wrap"), {"id": key["id"], "octets": 256, "same": True})
        self.assertEqual(base64.b64decode(seen.pop("opens")), b"as Signet wraps")
        self.assertEqual(seen.pop("versions"), {"count": 2, "newest": True})
        ways = seen.pop("ways")
        self.assertEqual({name: ways[name] for name in ("certificate", "federated", "machine")},
                         {"certificate": "ok", "federated": "ok", "machine": "ok"})
        self.assertIn("invalid_client", json.dumps(ways["wrong"]))
        self.assertEqual(seen, {
            "names": ["made", "signet"],
            "damaged": [400, "BadParameter", None],
            "disabled_shown": False,
            "disabled": [403, "Forbidden", "KeyDisabled"],
            "expired_unwraps": "ok",
            "expired_wraps": seen["expired_wraps"],
            "missing": [404, "KeyNotFound", None],
            "missing_version": [404, "KeyNotFound", None],
            "deleted": {"recovery": f"{vault.base_override}/deletedkeys/made", "purge": True},
            "deleted_get": [404, "KeyNotFound", None],
            "deleted_create": [409, "Conflict", "ObjectIsDeletedButRecoverable"],
            "purge": [403, "Forbidden", "ForbiddenByPolicy"],
            "recovered": "made",
            "restored_over": [409, "Conflict", None],
            "denied": [403, "Forbidden", "ForbiddenByRbac"],
        })
        self.assertNotEqual(seen["expired_wraps"], "ok")
        self.assertEqual(vault.violations + entra.violations + machine.violations, [])


@unittest.skipIf(missing("node-vault"), missing("node-vault"))
class TransitClient(ClientTest):
    def check(self, space):
        transit = managers.transit
        server = transit.TransitDouble(namespace=space)
        self.addCleanup(server.stop)
        server.insists_on_header = False  # a server does not, an agent may
        server.roles["role"] = ("secret", None)
        server.keys["signet"] = transit.Key()
        bound = b"signet:repository=00,signet:dek=00"
        wrapped = server.seal(server.keys["signet"], 1, b"as Signet wraps", bound)
        seen = self.run_script("transit.cjs", SERVER=server.url, SPACE=space, ROLE="role", SECRET="secret", KEY="signet",
                               WRAPPED=wrapped, BOUND=base64.b64encode(bound).decode(), POOR=server.token({}))
        self.assertEqual(base64.b64decode(seen.pop("opens")), b"as Signet wraps")
        self.assertEqual(seen.pop("health"), server.cluster)
        denied = [403, "1 error occurred:\n\t* permission denied\n\n"]
        self.assertEqual(seen, {
            "lease": 1200, "key": {"type": "aes256-gcm96", "latest": 1, "least": 1}, "version": ["v1", 1], "opened": True,
            "unbound": [400, "invalid ciphertext: unable to decrypt: cipher: message authentication failed"],
            "rewrapped": "v2", "too_old": [400, "ciphertext or signature version is disallowed by policy (too old)"],
            "too_new": [400, "invalid ciphertext: version is too new"], "missing": [404, "Status 404"],
            "missing_use": [400, "encryption key not found"], "datakey": 44, "denied": denied, "no_token": [403, "permission denied"],
            "wrong_login": [400, "invalid role or secret ID"]})
        self.assertEqual(server.violations, [])

    def test_the_double_of_transit_is_what_the_client_takes_it_for(self):
        self.check("")

    def test_also_in_a_namespace(self):
        self.check("team/a")


if __name__ == "__main__":
    main()
