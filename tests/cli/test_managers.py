"""Key managers that misbehave, and what is made of it: whether a twin is asked, what is said, and what is tried again.
Every cause is tried on the same repository, one after the other, with the twin well all the time."""

import collections
import json
import os
import re
import unittest

import managers
from harness import SignetTest, main, write

# name; what happens; the words of a restore's refusal, or None: the twin is used; its exit code
Cause = collections.namedtuple("Cause", "name start words code", defaults=(None, 13))
TWIN = None


class Trouble:
    """provider_of(test) makes the provider; `uses` is a pattern of its calls that unwrap."""

    def setUp(self):
        super().setUp()
        self.provider = self.provider_of(self)
        self.server = self.provider.server
        self.signet("keyring", "link", self.provider.place, "--default")
        thumbprint = self.signet("keyring", "show", "--json").json()["links"][0]["thumbprint"]
        self.signet("keyring", "link", self.provider.twin, "--twin-of", thumbprint)
        self.signet("init", "--provider", self.provider.name, "--region", self.provider.region)
        self.source = self.sample_tree()
        self.backup(self.source)
        self.number = 0

    def restore(self, expect=0):
        self.number += 1
        out = self.path(f"out{self.number}")
        result = self.signet("restore", "-t", out, expect=expect)
        if expect == 0:
            self.assertSameTree(self.source, out + self.source)
        else:
            self.assertNothingAt(out)
        return result

    def fault(self, pattern, action, **how):
        self.server.faults.append(managers.double.Fault(pattern, action, **how))

    def run_causes(self, causes):
        for cause in causes:
            with self.subTest(cause.name):
                kept = dict(self.env)
                undo = cause.start()
                try:
                    self.check_cause(cause)
                finally:
                    self.server.faults.clear()
                    self.env.clear()
                    self.env.update(kept)
                    if undo:
                        undo()
                # The same place is used again, and a refusal of it is over.
                self.assertNotIn("its twin is used", self.restore().err)

    def check_cause(self, cause):
        result = self.restore(expect=0 if cause.words is TWIN else cause.code)
        if cause.words is TWIN:
            self.assertSays(result.err, "its twin is used")
            return
        self.assertMessage(result, *cause.words)
        self.assertNotIn("its twin is used", result.err)
        self.assertIn(self.provider.place, result.err)  # names the vault and the key

    def secrets(self):
        raise NotImplementedError

    def test_nothing_secret_is_said_or_logged(self):
        """[R29]"""
        self.fault(".", managers.double.reply(400, {"error": {"code": "BadParameter", "message": "no"}, "errors": ["no"]}))
        result = self.restore(expect=None)
        with open(os.path.join(self.env["SIGNET_KEYRING"], "audit.log"), encoding="utf-8") as file:
            said = result.out + result.err + file.read()
        for secret in self.secrets():
            self.assertNotIn(secret, said)


@unittest.skipUnless(managers.READY, managers.WHY)
class AzureTrouble(Trouble, SignetTest):
    uses = "unwrapkey"

    def provider_of(self, test):
        return managers.Azure(test)

    def secrets(self):
        return ["se cret&+", "se%20cret", "Bearer ey"]

    def on_use(self, action, **how):
        return lambda: self.fault(self.uses, action, **how)

    def on_any(self, action, **how):
        return lambda: self.fault(".", action, **how)

    def set(self, thing, **values):
        """Changes attributes until the cause is over."""
        def start():
            before = {name: getattr(thing, name) for name in values}
            for name, value in values.items():
                setattr(thing, name, value)
            return lambda: [setattr(thing, name, value) for name, value in before.items()]
        return start

    def other_certificate(self, *names, days=7, authority=None):
        def start():
            right, self.server.tls = self.server.tls, (authority or self.provider.authority).issue(*names, days=days)
            self.server.stop()
            self.server.start()

            def undo():
                self.server.tls = right
                self.server.stop()
                self.server.start()
            return undo
        return start

    def test_what_the_vault_says_is_a_decision_and_silence_an_outage(self):
        """[R25, R104, R110, R111, R112, R113, R115, R131] Nothing that must not be tried again is."""
        double, azure = managers.double, managers.azure
        json_error = lambda status, code, inner=None: lambda handler, request: azure.error(status, code, "words", inner)
        request_id = "request "

        def stop():
            self.server.stop()
            return self.server.start

        def delete():
            self.server.delete("backup")
            return lambda: self.server.keys.update(backup=self.server.deleted.pop("backup")[0])

        self.run_causes([
            Cause("nothing listens", stop),
            Cause("accepted and silent", lambda: self.env.update(SIGNET_REMOTE_TIMEOUT="3") or self.fault(".", double.hang(10))),
            Cause("reset", self.on_any(double.reset())),
            Cause("cut off", self.on_use(double.cut_off())),
            Cause("500", self.on_use(json_error(500, "InternalServerError"))),
            Cause("503 of a proxy", self.on_use(double.forbidden_page(503))),
            Cause("throttled to the end", self.on_use(lambda handler, request: azure.error(429, "Throttled", "Too many requests"))),
            Cause("firewall", self.set(self.server, firewall=True), ["denied", "ForbiddenByFirewall", request_id]),
            Cause("suspended", self.set(self.server, suspended=True), ["denied", "403", request_id]),
            Cause("vault deleted", self.set(self.server, exists=False), ["no longer in", "VaultNotFound", request_id]),
            Cause("key deleted", delete, ["deleted", "for good at", "az keyvault key recover", request_id]),
            Cause("key disabled", self.set(self.provider.first, enabled=False), ["disabled", "az keyvault key set-attributes"]),
            Cause("disabled between two calls", self.on_use(json_error(403, "Forbidden", "KeyDisabled")), ["disabled", "unwrapkey: 403"]),
            Cause("role withdrawn between two calls", self.on_use(json_error(403, "Forbidden", "ForbiddenByRbac")),
                  ["denied", "unwrapkey: 403 Forbidden/ForbiddenByRbac", "Key Vault Crypto Service Encryption User"]),
            Cause("web filter", self.on_any(double.forbidden_page(403)), ["not to be trusted", "text/html"]),
            Cause("404 of a web server", self.on_any(double.forbidden_page(404)), ["not to be trusted"]),
            Cause("captive portal", self.on_any(double.captive_portal()), ["not to be trusted", "captive portals"]),
            Cause("captive portal in the middle", self.on_use(double.captive_portal()), ["not to be trusted"]),
            Cause("redirect", self.on_use(double.redirect("https://evil.example/")), ["not to be trusted", "redirects are not followed"]),
            Cause("truncated JSON", self.on_use(double.truncated_json()), ["not to be trusted"]),
            Cause("100 MB", self.on_use(double.huge()), ["not to be trusted", "longer than is allowed"]),
            Cause("another key's id", self.on_use(double.changed(lambda answer: answer.update(kid=answer["kid"].replace("/backup/", "/other/")))),
                  ["not to be trusted", "another key"]),
            Cause("another version's id", self.on_use(double.changed(lambda answer: answer.update(kid=answer["kid"][:-32] + "0" * 32))),
                  ["not to be trusted", "another key"]),
            Cause("no value", self.on_use(double.changed(lambda answer: answer.pop("value"))), ["not to be trusted"]),
            Cause("another interface", self.on_use(json_error(400, "BadParameter")), ["damaged"], 14),
            Cause("certificate of another host", self.other_certificate("other.vault.azure.net"), ["not to be trusted"]),
            Cause("certificate that is over", self.other_certificate(self.server.host, days=-1), ["not to be trusted"]),
            Cause("certificate of nobody", self.other_certificate(self.server.host, authority=managers.double.Authority(self.scratch, "Another authority")),
                  ["not to be trusted"]),
        ])

    def test_a_credential_that_is_refused_opens_no_other_way(self):
        """[R114, R131] The same identity is asked for by the twin: its refusal is a refusal of the first."""
        application, entra = self.provider.application, self.provider.entra

        def wrong_secret():
            self.env["AZURE_CLIENT_SECRET"] = "wrong"

        def other_tenant():
            self.env["AZURE_TENANT_ID"] = "00000000-0000-4000-8000-000000000000"

        def nobody():
            del self.env["AZURE_CLIENT_SECRET"]
            self.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = f"http://127.0.0.1:{entra.port + 1 if entra.port < 65535 else 1}"
            del self.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
            self.env["IDENTITY_ENDPOINT"], self.env["IDENTITY_HEADER"] = "http://127.0.0.1:1/msi/token", "x"

        def always_401():
            self.fault("keys/backup", lambda handler, request: self.challenge() if request.header("Authorization") else managers.double.IGNORE)

        self.run_causes([
            Cause("wrong secret", wrong_secret, ["login is rejected", "invalid_client", "AADSTS7000215"]),
            Cause("secret that is over", self.set(application, secret_ends=1), ["login is rejected", "AADSTS7000222"]),
            Cause("application gone", self.set(application, enabled=False), ["login is rejected", "unauthorized_client"]),
            Cause("tenant that is another", other_tenant, ["login is rejected", "tenant"]),
            Cause("a vault that takes no token", always_401, ["login is rejected", "get key: 401"]),
        ])
        asked = len(entra.asked("token"))
        self.env["AZURE_CLIENT_SECRET"] = "wrong"
        self.restore(expect=13)
        self.assertLessEqual(len(entra.asked("token")) - asked, 4)  # a refusal is not tried again for each location

    def challenge(self):
        reply = managers.azure.error(401, "Unauthorized", "AKV10032: Token has expired.")
        reply.headers["WWW-Authenticate"] = (f'Bearer authorization="https://login.microsoftonline.com/{self.provider.entra.tenant}", '
                                             'resource="https://vault.azure.net"')
        return reply

    def test_with_the_token_service_down_no_vault_is_reached(self):
        self.provider.entra.stop()
        self.assertMessage(self.restore(expect=13), "out of reach")
        self.provider.entra.start()
        self.restore()

    def test_an_outage_that_passes_is_waited_out(self):
        self.fault(self.uses, managers.double.forbidden_page(503), times=1)
        self.assertNotIn("its twin is used", self.restore().err)

    def test_a_token_that_the_vault_no_longer_takes_is_made_anew_once(self):
        before = len(self.provider.entra.asked("token"))
        self.fault(self.uses, lambda handler, request: self.challenge(), times=1)
        self.assertNotIn("its twin is used", self.restore().err)
        self.assertEqual(len(self.provider.entra.asked("token")) - before, 2)

    def test_continuous_access_evaluation_is_answered(self):
        self.server.claims = {"access_token": {"nbf": {"essential": True, "value": "1"}}}
        self.assertNotIn("its twin is used", self.restore().err)

    def test_a_vault_that_asks_for_tokens_of_another_gets_none(self):
        """[R132]"""
        asked = len(self.provider.entra.asked("token"))

        def lure(resource):
            def action(handler, request):
                reply = self.challenge()
                reply.headers["WWW-Authenticate"] = reply.headers["WWW-Authenticate"].replace("https://vault.azure.net", resource)
                return reply
            return action

        for resource in ("https://management.azure.com", "https://vault.azure.net.example"):
            self.fault("keys/backup", lure(resource))
            self.assertMessage(self.restore(expect=13), "not to be trusted")
            self.server.faults.clear()
        self.assertEqual(len(self.provider.entra.asked("token")), asked)

    def test_one_call_for_each_data_key_and_one_login(self):
        """[R77]"""
        self.server.requests.clear()
        self.provider.entra.requests.clear()
        self.restore()
        self.assertEqual(len(self.server.asked("unwrapkey")), 1)
        self.assertEqual(len(self.provider.entra.asked("token")), 1)

    def test_wrapping_here_on_purpose_asks_nothing_of_the_vault_but_its_state(self):
        self.signet("keyring", "link", self.provider.place, "--local-wrap")
        self.server.requests.clear()
        self.backup(self.source)
        self.assertEqual(self.server.asked("wrapkey"), [])
        self.assertNotEqual(self.server.asked("GET /keys/backup"), [])
        self.signet("keyring", "link", self.provider.place, "--remote-wrap")
        self.backup(self.source)
        self.assertNotEqual(self.server.asked("wrapkey"), [])

    def test_the_other_ways_to_prove_who_one_is(self):
        """[R28, R32] A certificate, a platform's token, the machine's identity; and settings in a file."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        import datetime
        entra = self.provider.entra
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "backup host")])
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
                       .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))
        pem = self.write("client.pem", key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                         + certificate.public_bytes(serialization.Encoding.PEM))
        machine = managers.azure.Entra(None, entra.tenant)
        self.addCleanup(machine.stop)
        machine.key, machine.service_header = entra.key, "header"
        machine.machine = machine.application()
        by_certificate = entra.application(certificate=certificate)
        by_platform = entra.application(federated="the platform's word")
        for one in (by_certificate, by_platform, machine.machine):
            self.server.grant(one, "get", "unwrapKey")
        word = self.write("word", "the platform's word\n")
        machine.arc_keys = self.path("tokens")
        self.write("tokens/challenge.key", "c2VjcmV0")
        del self.env["AZURE_CLIENT_SECRET"]
        ways = {
            "certificate": {"AZURE_CLIENT_ID": by_certificate.client, "AZURE_CLIENT_CERTIFICATE_PATH": pem},
            "workload identity": {"AZURE_CLIENT_ID": by_platform.client, "AZURE_FEDERATED_TOKEN_FILE": word},
            "metadata service": {"AZURE_CLIENT_ID": None, "AZURE_POD_IDENTITY_AUTHORITY_HOST": machine.url},
            "App Service": {"AZURE_CLIENT_ID": machine.machine.client, "IDENTITY_ENDPOINT": machine.url + "/msi/token", "IDENTITY_HEADER": "header"},
            "Azure Arc": {"AZURE_CLIENT_ID": None, "IDENTITY_ENDPOINT": machine.url + "/arc/token", "IMDS_ENDPOINT": machine.url,
                          "SIGNET_AZURE_ARC_KEYS": machine.arc_keys},
            "a file": {"SIGNET_CREDENTIALS": self.credentials({f"https://{self.server.host}": {
                "tenant": entra.tenant, "client_id": by_certificate.client, "client_certificate_file": pem}})},
        }
        kept = dict(self.env)
        for way, settings in ways.items():
            with self.subTest(way):
                self.env.update(settings)
                self.assertNotIn("its twin is used", self.restore().err)
                self.env.clear()
                self.env.update(kept)
        self.assertEqual(machine.violations + entra.violations, [])

    def test_what_listens_in_place_of_the_agent_does_not_choose_which_file_is_read(self):
        machine = managers.azure.Entra(None, self.provider.entra.tenant)
        self.addCleanup(machine.stop)
        machine.arc_keys = self.path("tokens")
        for name in ("tokens/challenge.key", "tokens/challenge", "tokens/more/one.key", "elsewhere.key"):
            self.write(name, "c2VjcmV0")
        self.write("tokens/long.key", "c" * 5000)
        del self.env["AZURE_CLIENT_SECRET"], self.env["AZURE_CLIENT_ID"]
        self.env.update(IDENTITY_ENDPOINT=machine.url + "/arc/token", IMDS_ENDPOINT=machine.url, SIGNET_AZURE_ARC_KEYS=machine.arc_keys)
        for realm in ("elsewhere.key", "tokens/challenge", "tokens/more/one.key", "tokens/../elsewhere.key"):
            machine.arc_realm = self.path() + "/" + realm
            self.assertMessage(self.restore(expect=13), "not to be trusted", "a key elsewhere")
        machine.arc_realm = self.path("tokens", "long.key")
        self.assertMessage(self.restore(expect=13), "login is rejected")
        self.assertFalse(any(request.header("Authorization") for request in machine.requests))
        self.env["IDENTITY_ENDPOINT"] = "http://agent.example/arc/token"
        self.assertMessage(self.restore(expect=13), "nor on this machine")

    def credentials(self, content):
        import json
        path = self.write("credentials.json", json.dumps(content))
        os.chmod(path, 0o600)
        return path

    def test_a_credentials_file_that_others_can_read_is_refused(self):
        self.env["SIGNET_CREDENTIALS"] = self.credentials({"azure": {}})
        os.chmod(self.env["SIGNET_CREDENTIALS"], 0o644)
        self.assertMessage(self.restore(expect=17), "can be read by others", "chmod 600")

    def test_a_vault_without_purge_protection_holds_no_default(self):
        """[R57, R66]"""
        for vault in (managers.azure.KeyVault("weak", self.provider.entra, self.server.tls, purge_protection=False),):
            self.addCleanup(vault.stop)
            vault.create("backup")
            vault.grant(self.provider.application, "get", "wrapKey", "unwrapKey")
            self.env["SIGNET_CONNECT_TO"] += f",weak.vault.azure.net:443:127.0.0.1:{vault.port}"
            place = "azure:https://weak.vault.azure.net/keys/backup"
            self.assertMessage(self.signet("keyring", "link", place, "--recovery", expect=17), "purge protection", "az keyvault update")
            self.assertSays(self.signet("keyring", "link", place, "--recovery", "--allow-purge").err, "purge protection")
            vault.soft_delete = False
            self.assertMessage(self.signet("keyring", "link", place, "--recovery", "--allow-purge", expect=17), "soft delete")


@unittest.skipUnless(managers.READY, managers.WHY)
class AzureOfficer(SignetTest):
    """What a key officer does in a vault, where the role allows it."""

    def setUp(self):
        super().setUp()
        self.provider = managers.Azure(self)
        self.vault = self.provider.server
        self.vault.grant(self.provider.application, "all")
        self.place = f"azure:https://{self.vault.host}/keys/made"

    def test_the_life_of_a_key(self):
        """[R7, R67, R68, R96, R97]"""
        made = self.signet("key", "create", self.place, "--size", "2048", "--json").json()
        self.assertEqual((made["size"], made["state"]), (2048, "enabled"))
        self.assertEqual(self.vault.newest("made").operations, ["wrapKey", "unwrapKey"])
        self.assertMessage(self.signet("key", "create", self.place, expect=17), "already", "key rotate")
        self.signet("keyring", "link", self.place, "--default")
        self.signet("init", "--provider", "azure", "--region", "westeurope")
        source = self.sample_tree()
        first = self.backup(source)
        rotated = self.signet("key", "rotate", self.place)
        self.assertSays(rotated.out, "linked", "default, azure/westeurope")
        second = self.backup(source, "--force")
        self.assertNotEqual(first["protector_thumbprint"], second["protector_thumbprint"])
        self.assertEqual(len(self.signet("key", "list", self.place, "--json").json()), 2)

        blob = self.path("made.backup")
        self.signet("key", "backup", self.place, "-o", blob)
        self.signet("key", "disable", self.place)
        self.signet("backup", source, expect=13)
        self.signet("key", "enable", self.place)
        self.backup(source)

        self.assertMessage(self.signet("key", "delete", self.place, expect=17), "linked", "--force")
        self.assertSays(self.signet("key", "delete", self.place, "--force").out, "deleted", "recovered until")
        self.assertMessage(self.signet("restore", "-t", self.path("no"), expect=13), "deleted")
        self.assertMessage(self.signet("key", "purge", self.place, "--confirm", self.place, expect=13), "purge", "403")
        self.signet("key", "recover", self.place)
        self.signet("restore", "-t", self.path("out"))
        self.vault.purge_protection = False
        self.signet("key", "delete", self.place, "--force")
        self.signet("key", "purge", self.place, "--confirm", self.place)
        self.signet("key", "restore", blob, "--into", self.place)
        self.signet("restore", "-t", self.path("again"))
        operations = [line.get("operation") for line in self.signet("keyring", "audit", "--export").lines()]
        for one in ("key-create", "key-rotate", "key-backup", "key-disable", "key-enable", "key-delete", "key-recover", "key-purge", "key-restore"):
            self.assertIn(one, operations)

    def test_a_key_of_ones_own_is_imported(self):
        """[R14, R62]"""
        self.provider  # the vault is there
        import subprocess
        pem = self.write("own.pem", subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                                   capture_output=True, check=True).stdout)
        imported = self.signet("key", "import", self.place, pem, "--json").json()
        self.signet("key", "import", "own", pem)
        self.signet("keyring", "link", self.place, "--default")
        self.assertEqual(imported["thumbprint"], self.signet("key", "show", "own", "--json").json()["thumbprint"])
        self.signet("keyring", "link", "local:own", "--twin-of", imported["thumbprint"])

    def test_a_twin_is_made_from_a_key_backup(self):
        """[R101]"""
        self.signet("key", "create", self.place, "--size", "2048")
        other = self.provider.other
        other.grant(self.provider.application, "all")
        twin = f"azure:https://{other.host}/keys/made"
        made = self.signet("key", "create", twin, "--twin-of", self.place, "--json").json()
        self.assertEqual(made["thumbprint"], self.signet("key", "show", self.place, "--json").json()["thumbprint"])
        self.assertMessage(self.signet("key", "create", twin, "--twin-of", self.place, expect=17), "already")
        self.assertMessage(self.signet("key", "create", "aws:arn:aws:kms:eu-west-1:111122223333:alias/made", "--twin-of", self.place, expect=2),
                           "of the same kind")

    def test_a_byok_file_for_its_own_exchange_key_goes_there_as_it_is(self):
        """[R14, R62]"""
        import base64
        import subprocess
        exchange = f"azure:https://{self.vault.host}/keys/exchange"
        self.vault.create("exchange", kty="RSA-HSM", operations=["import"])
        own = self.signet("key", "import", "own", self.write("own.pem", subprocess.run(
            ["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, check=True).stdout),
            "--json").json()
        public = self.write("exchange.pem", self.signet("key", "export-public", exchange).out)
        name = f"https://{self.vault.host}/keys/exchange/{self.vault.newest('exchange').id}"
        self.signet("key", "export", "own", "--byok", "--for", public, "--kid", name, "-o", self.path("own.byok"))
        made = self.signet("key", "import", self.place, self.path("own.byok"), "--json").json()
        self.assertEqual((made["thumbprint"], made["kind"]), (own["thumbprint"], "rsa"))
        self.assertEqual(self.vault.newest("made").kty, "RSA-HSM")
        # What nobody's hardware opens is refused by the vault, and another vault's file is not sent there.
        with open(self.path("own.byok"), encoding="utf-8") as file:
            content = json.load(file)
        content["ciphertext"] = base64.urlsafe_b64encode(os.urandom(1500)).rstrip(b"=").decode()
        self.assertMessage(self.signet("key", "import", self.place, self.write("bad.byok", json.dumps(content)), expect=17), "import key: 400")
        content["header"]["kid"] = "https://elsewhere.vault.azure.net/keys/exchange/1"
        asked = len(self.vault.requests)
        self.assertMessage(self.signet("key", "import", self.place, self.write("other.byok", json.dumps(content)), expect=13), "no key exchange key")
        self.assertEqual(len(self.vault.requests), asked)

    def test_what_the_role_does_not_allow_is_said_so(self):
        self.vault.grant(self.provider.application, "get")
        self.assertMessage(self.signet("key", "create", self.place, expect=13), "403 Forbidden/ForbiddenByRbac", "request ")


@unittest.skipUnless(managers.READY, managers.WHY)
class TransitTrouble(Trouble, SignetTest):
    def provider_of(self, test):
        return managers.Transit(test)

    def secrets(self):
        return [self.env["VAULT_TOKEN"]]

    def test_what_the_server_says_is_a_decision_and_silence_an_outage(self):
        """[R25, R104, R110, R111, R112, R113, R131]"""
        double, transit = managers.double, managers.transit

        def stop():
            self.server.stop()
            return self.server.start

        def seal():
            self.server.sealed = True
            return lambda: setattr(self.server, "sealed", False)

        def seal_as_outage():
            self.env["SIGNET_TRANSIT_SEALED"] = "outage"
            return seal()

        def says(status, text):
            return lambda: self.fault("decrypt", lambda handler, request: transit.errors(status, text))

        def on_use(action):
            return lambda: self.fault("decrypt", action)

        def soft_delete():
            self.provider.key.soft_deleted = True
            return lambda: setattr(self.provider.key, "soft_deleted", False)

        def retire():
            self.provider.disable()
            return self.provider.enable

        def forget():
            key = self.server.keys.pop("backup")
            return lambda: self.server.keys.update(backup=key)

        def expire():
            token = self.env["VAULT_TOKEN"]
            policy, ends = self.server.tokens[token]
            self.server.tokens[token] = (policy, 1)
            return lambda: self.server.tokens.update({token: (policy, ends)})

        self.run_causes([
            Cause("nothing listens", stop),
            Cause("reset", on_use(double.reset())),
            Cause("cut off", on_use(double.cut_off())),
            Cause("500", says(500, "internal error")),
            Cause("502 of a load balancer", on_use(double.forbidden_page(502))),
            Cause("replication lag to the end", says(412, "required index state not present")),
            Cause("quota to the end", says(429, "request path rate limit quota exceeded")),
            Cause("disaster recovery secondary", says(472, "disaster recovery secondary")),
            Cause("sealed", seal, ["denied", "sealed"]),
            Cause("sealed, and that is an outage", seal_as_outage),
            Cause("version retired", retire, ["disabled", "min_decryption_version"]),
            Cause("version retired between two calls", says(400, "ciphertext or signature version is disallowed by policy (too old)"), ["disabled", "decrypt: 400"]),
            Cause("soft deleted", soft_delete, ["deleted"]),
            Cause("no such key", forget, ["no longer in", "404"]),
            Cause("older snapshot", says(400, "invalid ciphertext: version is too new"), ["no longer in"]),
            Cause("token expired", expire, ["denied", "403", "permission denied"]),
            Cause("bad token", says(403, "invalid token"), ["login is rejected"]),
            Cause("damaged", says(400, "invalid ciphertext: unable to decrypt: cipher: message authentication failed"), ["damaged"], 14),
            Cause("damaged, said by 500", says(500, "1 error occurred:\n\t* cipher: message authentication failed"), ["damaged"], 14),
            Cause("captive portal", on_use(double.captive_portal()), ["not to be trusted"]),
            Cause("web filter", on_use(double.forbidden_page(403)), ["not to be trusted"]),
            Cause("redirect to the active node", on_use(double.redirect("http://127.0.0.1:1/")), ["not to be trusted", "redirects are not followed"]),
            Cause("truncated JSON", on_use(double.truncated_json()), ["not to be trusted"]),
        ])

    def test_logins_by_role_and_by_service_account(self):
        """[R28]"""
        import json
        del self.env["VAULT_TOKEN"]
        policy = self.provider.policy
        for server in (self.server, self.provider.other):
            server.roles["role"] = ("a secret id", policy)
            server.service_accounts["backup"] = ("jwt of the pod", policy)
        secret, jwt = self.write("secret-id", "a secret id\n"), self.write("jwt", "jwt of the pod")
        for section in ({"role_id": "role", "secret_id_file": secret}, {"kubernetes_role": "backup", "jwt_file": jwt}):
            with self.subTest(section):
                path = self.write("credentials.json", json.dumps({"transit": section}))
                os.chmod(path, 0o600)
                self.env["SIGNET_CREDENTIALS"] = path
                self.server.requests.clear()
                self.restore()
                self.assertEqual(len(self.server.asked("auth/.*/login")), 1)
        self.server.roles["role"] = ("another", policy)
        path = self.write("credentials.json", json.dumps({"transit": {"role_id": "role", "secret_id_file": secret}}))
        self.env["SIGNET_CREDENTIALS"] = path
        self.assertMessage(self.restore(expect=13), "login is rejected", "invalid role or secret ID")

    def test_a_token_is_shown_to_its_own_server_alone(self):
        """[R132]"""
        self.env["VAULT_ADDR"] = "https://vault.example:8200"
        self.server.requests.clear()
        self.assertMessage(self.restore(expect=13), "login is rejected", "VAULT_ADDR")
        self.assertEqual([one for one in self.server.requests if one.header("X-Vault-Token")], [])
        self.env["VAULT_ADDR"] = self.server.url + "/"
        self.restore()

    def test_an_expired_lease_is_made_anew(self):
        del self.env["VAULT_TOKEN"]
        self.server.roles["role"] = ("secret", self.provider.policy)
        self.env.update(VAULT_ROLE_ID="role", VAULT_SECRET_ID="secret")
        used = []

        def expire_first(handler, request):
            token = request.header("X-Vault-Token")
            if not used:
                used.append(token)
                self.server.tokens[token] = (self.provider.policy, 1)
            return managers.double.IGNORE

        self.fault("decrypt", expire_first)
        self.assertNotIn("its twin is used", self.restore().err)
        self.assertEqual(len(self.server.asked("auth/approle/login")), 2)


@unittest.skipUnless(managers.READY, managers.WHY)
class Setup(SignetTest):
    def test_what_is_to_be_done_is_printed(self):
        """[R33, R34, R35, R54, R55, R59, R78]"""
        import json
        text = self.signet("keyring", "setup", "azure", "--region", "westeurope").out
        self.assertSays(text, "--enable-purge-protection true", "Key Vault Crypto Service Encryption User", "Key Vault Crypto Officer",
                        "az lock create", "/keys/backup", "signet keyring link azure:https://signet-")
        self.assertNotEqual(text, self.signet("keyring", "setup", "azure", "--region", "westeurope").out)  # a name of its own
        form = json.loads(self.signet("keyring", "setup", "azure", "--vault-name", "v1", "--template").out)
        self.assertEqual([one["type"] for one in form["resources"]],
                         ["Microsoft.KeyVault/vaults", "Microsoft.KeyVault/vaults/keys", "Microsoft.Authorization/locks", "Microsoft.Authorization/roleAssignments"])
        self.assertTrue(form["resources"][0]["properties"]["enablePurgeProtection"])
        self.assertSays(self.signet("keyring", "setup", "transit", "--template").out, 'path "transit/decrypt/backup"', '["update"]')
        self.assertSays(self.signet("keyring", "setup", "transit", "--group", "team/a").out, "-namespace=team/a", "?namespace=team/a")
        self.signet("keyring", "setup", "elsewhere", expect=2)
        self.signet("keyring", "setup", "azure", "--key", "a b", expect=2)


if __name__ == "__main__":
    main()
