"""Every answer that the key managers' references know, at every operation, and the class that it counts as: each is injected into
describing, wrapping or unwrapping, and `keyring test` says what it made of it. The last test prints how many were tried."""

import collections
import unittest

import managers
from harness import SignetTest, main

COUNTS = collections.Counter()  # (provider, operation, class)
OPERATIONS = ("describe", "wrap", "unwrap")

if managers.READY:
    double = managers.double
    # What stands between here and any manager.
    COMMON = [
        ("unavailable", "reset", double.reset()),
        ("unavailable", "cut off", double.cut_off()),
        *(("unavailable", f"page with {status}", double.forbidden_page(status)) for status in (408, 500, 502, 503, 504)),
        ("throttled", "page with 429", double.forbidden_page(429)),
        ("denied", "proxy asks for a login", double.forbidden_page(407)),
        ("untrusted", "captive portal", double.captive_portal()),
        *(("untrusted", f"page with {status}", double.forbidden_page(status)) for status in (400, 403, 404)),
        ("untrusted", "redirect", double.redirect("https://elsewhere.example/")),
        ("untrusted", "truncated JSON", double.truncated_json()),
        ("untrusted", "too long an answer", double.huge(2 * 1024 * 1024)),
        ("untrusted", "empty answer", double.reply(200, b"", {"Content-Type": "application/json"})),
        ("untrusted", "a list", double.reply(200, [])),
        ("untrusted", "somebody else's JSON", double.reply(200, {"status": "ok"})),
    ]


class Classes:
    """rows: (class, what it is, the action, only for these operations); inject(operation, action)"""

    def setUp(self):
        super().setUp()
        self.provider = self.make_provider()
        self.signet("keyring", "link", self.provider.place, "--default")

    def outcome(self):
        """Of the place, and the exit code."""
        result = self.signet("keyring", "test", "--json", expect=(0, 13))
        place, = result.json()[0]["results"]
        return place["outcome"], place["detail"], result.code

    def test_every_answer_has_its_class_at_every_operation(self):
        """[R25, R110 to R114, R131]"""
        wrong = []
        for wanted, name, action, *only in COMMON + self.rows():
            for operation in only or OPERATIONS:
                self.inject(operation, action)
                found, detail, code = self.outcome()
                self.heal()
                COUNTS[self.name, operation, wanted] += 1
                if (found, code) != (wanted, 13):
                    wrong.append(f"{operation}, {name}: {found}, not {wanted} ({detail}; {code})")
        self.assertEqual(wrong, [])
        self.assertEqual(self.outcome()[0], "ok")

    def heal(self):
        self.provider.server.faults.clear()

    def inject(self, operation, action):
        self.provider.server.faults.append(double.Fault(self.patterns[operation], action))


@unittest.skipUnless(managers.READY, managers.WHY)
class AzureClasses(Classes, SignetTest):
    name = "azure"
    patterns = {"describe": "^GET /keys/", "wrap": "/wrapkey$", "unwrap": "/unwrapkey$"}

    def make_provider(self):
        return managers.Azure(self)

    def challenge(self):
        reply = managers.azure.error(401, "Unauthorized", "AKV10032: Token has expired.")
        reply.headers["WWW-Authenticate"] = (f'Bearer authorization="https://login.microsoftonline.com/{self.provider.entra.tenant}", '
                                             'resource="https://vault.azure.net"')
        return reply

    def rows(self):
        def says(wanted, status, code, inner=None, *only):
            return (wanted, f"{status} {code}/{inner}", lambda handler, request: managers.azure.error(status, code, "words", inner), *only)

        return [
            *(says("unavailable", status, "InternalError") for status in (408, 500, 502, 503, 504)),
            says("throttled", 429, "Throttled"),
            *(says("denied", 403, "Forbidden", inner) for inner in
              ("AccessDenied", "ForbiddenByRbac", "ForbiddenByPolicy", "ForbiddenByFirewall", "ForbiddenByConnection", None, "MoonPhase")),
            says("denied", 402, "PaymentRequired"),
            says("key-disabled", 403, "Forbidden", "KeyDisabled"),
            says("key-expired", 403, "Forbidden", "KeyExpired"),
            says("key-not-yet-valid", 403, "Forbidden", "KeyNotYetValid"),
            says("key-deleted", 409, "Conflict", "ObjectIsDeletedButRecoverable"),
            says("key-deleted", 409, "Conflict", "ObjectIsBeingDeleted"),
            says("not-found", 404, "VaultNotFound"),
            says("not-found", 404, "KeyNotFound", None, "wrap", "unwrap"),
            ("credential-rejected", "401 of a vault that takes no token", lambda handler, request: self.challenge()),
            says("misuse", 400, "BadParameter", None, "describe", "wrap"),
            says("misuse", 400, "UnsupportedApiVersion", None, "describe", "wrap"),
            says("misuse", 405, "MethodNotAllowed"),
            says("misuse", 415, "UnsupportedMediaType"),
            says("integrity", 400, "BadParameter", None, "unwrap"),
        ]


@unittest.skipUnless(managers.READY, managers.WHY)
class AwsClasses(Classes, SignetTest):
    name = "aws"
    operations = {"describe": "DescribeKey", "wrap": "Encrypt", "unwrap": "Decrypt"}

    def make_provider(self):
        return managers.Aws(self)

    def inject(self, operation, action):
        self.provider.server.fault(action, operation=self.operations[operation])

    def heal(self):
        self.provider.server.heal()

    def rows(self):
        def says(wanted, kind, status=400, message="words"):
            return (wanted, f"{status} {kind}: {message}", self.provider.server.says(kind, message, status))

        return [
            *(says("unavailable", kind, status) for kind, status in
              (("KMSInternalException", 500), ("DependencyTimeoutException", 503), ("KeyUnavailableException", 500), ("InternalFailure", 500),
               ("ServiceUnavailable", 503), ("ServiceUnavailableException", 503), ("SomethingNew", 500))),
            *(says("throttled", kind, status) for kind, status in
              (("ThrottlingException", 400), ("RequestLimitExceeded", 400), ("TooManyRequestsException", 429))),
            *(says("denied", kind) for kind in ("AccessDeniedException", "NotAuthorized", "InvalidGrantTokenException", "SomethingNew")),
            says("key-disabled", "DisabledException", 400, "the key is disabled."),
            says("key-disabled", "KMSInvalidStateException", 400, "the key is pending import."),
            says("key-disabled", "KMSInvalidStateException", 409, "the key is unavailable."),
            *(says("key-disabled", kind) for kind in
              ("CustomKeyStoreInvalidStateException", "CloudHsmClusterNotActiveException", "XksProxyUriUnreachableException")),
            says("key-deleted", "DisabledException", 400, "the key is pending deletion."),
            says("key-deleted", "KMSInvalidStateException", 400, "the key is pending deletion."),
            says("not-found", "NotFoundException"),
            *(says("integrity", kind) for kind in ("InvalidCiphertextException", "IncorrectKeyException")),
            *(says("misuse", kind) for kind in
              ("InvalidKeyUsageException", "InvalidArnException", "InvalidAliasNameException", "ValidationException",
               "UnsupportedOperationException", "SerializationException", "InvalidSignatureException", "SignatureDoesNotMatch",
               "IncompleteSignatureException", "RequestExpired")),
            *(says("credential-rejected", kind) for kind in
              ("UnrecognizedClientException", "InvalidClientTokenId", "ExpiredTokenException", "MissingAuthenticationTokenException",
               "OptInRequired", "AuthFailure")),
            ("untrusted", "another key in the answer", self.provider.server.wrong_key()),
        ]


@unittest.skipUnless(managers.READY, managers.WHY)
class TransitClasses(Classes, SignetTest):
    name = "transit"
    patterns = {"describe": "^GET /v1/transit/keys/", "wrap": "/encrypt/", "unwrap": "/decrypt/"}

    def make_provider(self):
        return managers.Transit(self)

    def rows(self):
        def says(wanted, status, text, *only):
            return (wanted, f"{status} {text}", lambda handler, request: managers.transit.errors(status, text), *only)

        return [
            *(says("unavailable", status, "internal error") for status in (500, 502)),
            says("unavailable", 412, "required index state not present"),
            *(says("unavailable", status, "disaster recovery secondary") for status in (472, 473)),
            says("throttled", 429, "request path rate limit quota exceeded"),
            says("denied", 503, "Vault is sealed"),
            says("denied", 403, "1 error occurred:\n\t* permission denied"),
            says("denied", 418, "words of tomorrow"),
            says("credential-rejected", 403, "invalid token"),
            says("credential-rejected", 403, "bad token"),
            says("key-disabled", 400, "ciphertext or signature version is disallowed by policy (too old)", "unwrap"),
            says("key-deleted", 400, "key is soft deleted", "wrap", "unwrap"),
            says("not-found", 400, "encryption key not found", "wrap", "unwrap"),
            says("not-found", 400, "no existing key named backup could be found"),
            says("not-found", 404, 'no handler for route "transit/keys/backup". route entry not found.'),
            says("not-found", 400, "invalid ciphertext: version is too new", "unwrap"),
            says("integrity", 400, "invalid ciphertext: unable to decrypt", "unwrap"),
            says("integrity", 500, "1 error occurred:\n\t* cipher: message authentication failed", "unwrap"),
            says("misuse", 400, "invalid key version"),
            says("misuse", 405, "unsupported operation"),
        ]


class Zcounts(unittest.TestCase):
    def test_the_table(self):
        """Runs last: how many cases there were."""
        if not COUNTS:
            self.skipTest("the others were not run")
        classes = sorted({one for _, _, one in COUNTS})
        for name in {one for one, _, _ in COUNTS}:
            for operation in OPERATIONS:
                self.assertGreaterEqual(sum(COUNTS[name, operation, one] for one in classes), 30, f"{name}, {operation}")
        print("\n" + " | ".join(["provider, operation", *classes, "sum"]))
        for name in sorted({one for one, _, _ in COUNTS}):
            for operation in OPERATIONS:
                row = [COUNTS[name, operation, one] for one in classes]
                print(" | ".join([f"{name}, {operation}", *map(str, row), str(sum(row))]))
        print("together", sum(COUNTS.values()))


if __name__ == "__main__":
    main()
