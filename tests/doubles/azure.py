"""Doubles of Azure Key Vault (and Managed HSM) and of what gives tokens for it: Microsoft Entra ID, the metadata service
of virtual machines, App Service.

    entra = Entra(tls)
    app = entra.application(secret="…")
    vault = KeyVault("prod-weu", entra, tls, region="westeurope")
    vault.create("backup")
    vault.grant(app, "get", "wrapKey", "unwrapKey")

Shapes of answers are those of recorded sessions of the official clients.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import urllib.parse
import uuid

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from double import Double, Refused, Reply

VERSIONS = {"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"}
DAY = 86400


def to_base64url(octets):
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def from_base64url(text):
    """Without padding, and no other alphabet. throws  ValueError"""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError(text)
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(octets) != text:
        raise ValueError(text)
    return octets


def number(value):
    return to_base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def integer(text):
    return int.from_bytes(from_base64url(text), "big")


# -- Entra ID ---------------------------------------------------------------------------------------------------------

class Application:
    def __init__(self, tenant, secret=None, certificate=None, federated=None):
        self.client = str(uuid.uuid4())
        self.object = str(uuid.uuid4())
        self.tenant = tenant
        self.secret = secret
        self.secret_ends = None
        self.certificate = certificate  # x509
        self.federated = federated      # the token that its platform writes
        self.enabled = True


class Entra(Double):
    """Tokens are JSON web tokens that this server alone can make and check."""

    def __init__(self, tls=None, tenant=None):
        self.tenant = tenant or str(uuid.uuid4())
        self.key = os.urandom(32)
        self.applications = {}
        self.machine = None         # the application that is this machine's identity
        self.service_header = None  # of App Service
        self.arc_keys = None        # the folder of Azure Arc's agent
        self.arc_realm = None       # a file elsewhere that it names
        self.lifetime = 3599
        self.revoked = set()        # tokens
        super().__init__(tls)

    def application(self, **how):
        application = Application(self.tenant, **how)
        self.applications[application.client] = application
        return application

    def base_url(self):
        """As a vault names it: the public one's name with TLS."""
        return "https://login.microsoftonline.com" if self.tls else self.url

    # Tokens.

    def issue(self, application, resource, **claims):
        def part(content):
            return to_base64url(json.dumps(content, separators=(",", ":")).encode())

        body = {"aud": resource, "iss": f"https://sts.windows.net/{application.tenant}/", "tid": application.tenant,
                "appid": application.client, "oid": application.object, "iat": self.now(), "nbf": self.now(),
                "exp": self.now() + self.lifetime, **claims}
        signed = part({"typ": "JWT", "alg": "HS256"}) + "." + part(body)
        return signed + "." + to_base64url(hmac.digest(self.key, signed.encode(), "sha256"))

    def read(self, token):
        """The claims of a token that this server has made; None for any other."""
        signed, _, signature = token.rpartition(".")
        if to_base64url(hmac.digest(self.key, signed.encode(), "sha256")) != signature:
            return None
        return json.loads(from_base64url(signed.split(".")[1]))

    # Serving.

    def serve(self, request):
        if request.path.rstrip("/") == "/metadata/identity/oauth2/token" and request.method == "GET":
            return self.metadata(request)
        if request.path == "/msi/token" and request.method == "GET":
            return self.app_service(request)
        if request.path == "/arc/token" and request.method == "GET":
            return self.arc(request)
        discovery = re.fullmatch(r"/([^/]+)/v2.0/.well-known/openid-configuration", request.path)
        if discovery and request.method == "GET":
            return self.discovery(request, discovery[1])
        token = re.fullmatch(r"/([^/]+)/oauth2/v2.0/token", request.path)
        if token and request.method == "POST":
            return self.token(request, token[1])
        return Reply(404, "<html><body>Not found</body></html>", {"Content-Type": "text/html"})

    def discovery(self, request, tenant):
        base = f"https://{request.header('Host')}/{tenant}"
        return Reply(200, {"token_endpoint": f"{base}/oauth2/v2.0/token", "issuer": f"{base}/v2.0",
                           "authorization_endpoint": f"{base}/oauth2/v2.0/authorize", "jwks_uri": f"{base}/keys"})

    def error(self, status, error, number, text):
        return Reply(status, {"error": error, "error_description": f"AADSTS{number}: {text}", "error_codes": [number],
                              "timestamp": "2026-11-23 03:00:00Z", "trace_id": str(uuid.uuid4()),
                              "correlation_id": str(uuid.uuid4())})

    def token(self, request, tenant):
        if request.header("Content-Type", "").split(";")[0] != "application/x-www-form-urlencoded":
            self.violate(f"{request}: Content-Type", self.error(400, "invalid_request", 900144, "The request body is not a form."))
        form = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
        if tenant != self.tenant:
            return self.error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return self.error(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        application = self.applications.get(form.get("client_id"))
        if application is None or not application.enabled:
            return self.error(400, "unauthorized_client", 700016, f"Application with identifier '{form.get('client_id')}' was not found.")
        scope = form.get("scope", "")
        if not scope.endswith("/.default"):
            return self.error(400, "invalid_scope", 70011, f"The provided value for scope {scope} is not valid.")
        self.prove(request, application, form, tenant)
        claims = {}
        if "claims" in form:
            claims["xms_cc"] = json.loads(form["claims"])
        return Reply(200, {"token_type": "Bearer", "expires_in": self.lifetime, "ext_expires_in": self.lifetime,
                           "access_token": self.issue(application, scope[: -len("/.default")], **claims)})

    def prove(self, request, application, form, tenant):
        if "client_secret" in form:
            if application.secret is None or form["client_secret"] != application.secret:
                raise Refused(self.error(401, "invalid_client", 7000215, "Invalid client secret provided."))
            if application.secret_ends is not None and application.secret_ends <= self.now():
                raise Refused(self.error(401, "invalid_client", 7000222, "The provided client secret keys are expired."))
            return
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            raise Refused(self.error(401, "invalid_client", 7000218, "The request body must contain client_assertion or client_secret."))
        assertion = form.get("client_assertion", "")
        if application.federated is not None:
            if assertion != application.federated:
                raise Refused(self.error(401, "invalid_client", 700213, "No matching federated identity record found."))
            return
        self.check_assertion(application, assertion, tenant)

    def check_assertion(self, application, assertion, tenant):
        bad = self.error(401, "invalid_client", 700027, "The certificate with identifier used to sign the client assertion is not registered.")
        try:
            head, body, signature = assertion.split(".")
            header, claims = json.loads(from_base64url(head)), json.loads(from_base64url(body))
            signature = from_base64url(signature)
        except ValueError:
            raise Refused(self.error(400, "invalid_request", 50027, "JWT token is invalid or malformed."))
        if application.certificate is None:
            raise Refused(bad)
        der = application.certificate.public_bytes(serialization.Encoding.DER)
        if "x5t#S256" in header:
            right = header["x5t#S256"] == to_base64url(hashlib.sha256(der).digest())
        else:
            right = header.get("x5t") == to_base64url(hashlib.sha1(der).digest())
        scheme = {"PS256": padding.PSS(padding.MGF1(hashes.SHA256()), 32), "RS256": padding.PKCS1v15()}.get(header.get("alg"))
        if not right or scheme is None:
            raise Refused(bad)
        try:
            application.certificate.public_key().verify(signature, f"{head}.{body}".encode(), scheme, hashes.SHA256())
        except InvalidSignature:
            raise Refused(bad)
        now = self.now()
        if not (claims.get("nbf", 0) <= now + 300 and now - 300 <= claims.get("exp", 0) <= now + DAY):
            raise Refused(self.error(401, "invalid_client", 700024, "Client assertion is not within its valid time range."))
        audience = claims.get("aud", "")
        if claims.get("iss") != application.client or claims.get("sub") != application.client or not audience.startswith("https://") \
                or f"/{tenant}/" not in audience or not claims.get("jti"):
            raise Refused(self.error(401, "invalid_client", 700023, "Client assertion audience or issuer is not right."))

    def machine_token(self, application, resource):
        """Of metadata services: numbers are texts."""
        return Reply(200, {"access_token": self.issue(application, resource), "client_id": application.client,
                           "expires_in": str(self.lifetime), "expires_on": str(self.now() + self.lifetime),
                           "ext_expires_in": str(self.lifetime), "not_before": str(self.now()), "resource": resource,
                           "token_type": "Bearer"})

    def identity_of(self, request):
        wanted = request.one("client_id")
        if self.machine is None or (wanted and wanted != self.machine.client):
            raise Refused(Reply(400, {"error": "invalid_request", "error_description": "Identity not found"}))
        return self.machine

    def metadata(self, request):
        if request.header("Metadata") != "true":
            self.violate(f"{request}: no Metadata header",
                         Reply(400, {"error": "invalid_request", "error_description": "Required metadata header not specified"}))
        if request.one("api-version") != "2018-02-01" or not request.one("resource"):
            return Reply(400, {"error": "invalid_request", "error_description": "api-version or resource missing"})
        return self.machine_token(self.identity_of(request), request.one("resource"))

    def arc(self, request):
        """The agent proves by a file that the caller may use the identity."""
        path = os.path.join(self.arc_keys, "challenge.key")
        if request.header("Metadata") != "true" or request.one("api-version") != "2019-11-01" or not request.one("resource"):
            return Reply(400, {"error": "invalid_request", "error_description": "Metadata, api-version or resource missing"})
        with open(path, encoding="ascii") as file:
            wanted = "Basic " + file.read()
        if request.header("Authorization") != wanted:
            return Reply(401, {"error": "unauthorized"}, {"WWW-Authenticate": f"Basic realm={self.arc_realm or path}"})
        return self.machine_token(self.machine, request.one("resource"))

    def app_service(self, request):
        if request.header("X-IDENTITY-HEADER") != self.service_header:
            return Reply(401, {"error": "invalid_client", "error_description": "X-IDENTITY-HEADER is not right"})
        if request.one("api-version") != "2019-08-01" or not request.one("resource"):
            return Reply(400, {"error": "invalid_request", "error_description": "api-version or resource missing"})
        return self.machine_token(self.identity_of(request), request.one("resource"))


# -- Key Vault --------------------------------------------------------------------------------------------------------

def error(status, code, message, inner=None):
    content = {"code": code, "message": message}
    if inner:
        content["innererror"] = {"code": inner}
    return Reply(status, {"error": content})


class Version:
    def __init__(self, material, kty, operations, now):
        self.id = uuid.uuid4().hex
        self.material = material
        self.kty = kty
        self.operations = operations
        self.enabled = True
        self.nbf = self.exp = None
        self.created = self.updated = now
        self.tags = {}


class KeyVault(Double):
    suffix = "vault.azure.net"

    def __init__(self, name, entra, tls=None, region="westeurope", hsm=False, purge_protection=True, retention=90):
        self.name = name
        self.entra = entra
        self.region = region
        self.hsm = hsm
        if hsm:
            self.suffix = "managedhsm.azure.net"
        self.purge_protection = purge_protection
        self.soft_delete = True
        self.retention = retention
        self.keys = {}       # name -> versions, oldest first
        self.deleted = {}    # name -> (versions, when)
        self.grants = {}     # object id -> permissions
        self.policies = {}   # name -> rotation policy
        self.rbac = True
        self.firewall = False
        self.read_only = False
        self.suspended = False
        self.exists = True
        self.base_override = None
        self.deletion_takes = 0   # seconds until a deleted key is seen among the deleted ones
        self.claims = None        # of continuous access evaluation: what a token must have been asked with
        self.backup_key = os.urandom(32)  # shared by vaults that take each other's key backups
        super().__init__(tls)

    @property
    def host(self):
        return f"{self.name}.{self.suffix}"

    @property
    def base(self):
        """The address of the vault in ids: its own name with TLS, else where it listens."""
        return self.base_override or (f"https://{self.host}" if self.tls else self.url)

    # For tests.

    def grant(self, application, *permissions):
        self.grants[application.object] = set(permissions)

    def create(self, name, bits=2048, kty="RSA", operations=None, material=None):
        """returns  the version's id"""
        if kty == "oct-HSM":
            material = material or os.urandom(32)
            operations = operations or ["encrypt", "decrypt", "wrapKey", "unwrapKey"]
        else:
            material = material or rsa.generate_private_key(65537, bits)
            operations = operations or ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
        version = Version(material, kty, operations, self.now())
        self.keys.setdefault(name, []).append(version)
        return version.id

    def newest(self, name):
        return self.keys[name][-1]

    def copy_to(self, other, name):
        """As by backup and restore: the same versions in another vault."""
        other.keys[name] = []
        for version in self.keys[name]:
            copy = Version(version.material, version.kty, list(version.operations), version.created)
            copy.id = version.id
            other.keys[name].append(copy)

    def delete(self, name):
        self.deleted[name] = (self.keys.pop(name), self.now())

    # Serving.

    def answer(self, request):
        reply = super().answer(request)
        reply.headers.update({
            "x-ms-request-id": str(uuid.uuid4()), "x-ms-keyvault-region": self.region, "x-ms-keyvault-service-version": "1.9.2.0",
            "x-ms-client-request-id": request.header("x-ms-client-request-id") or str(uuid.uuid4()),
            "x-ms-keyvault-network-info": "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"})
        return reply

    def serve(self, request):
        if not self.exists:
            return error(404, "VaultNotFound", f"A vault with name '{self.name}' was not found.")
        host = request.header("Host", "").split(":")[0].lower()
        if self.tls and host not in (self.host, "localhost", "127.0.0.1"):
            self.violate(f"{request}: Host {host}", error(404, "VaultNotFound", f"no vault {host}"))
        caller = self.authenticate(request)
        version = request.one("api-version")
        if version not in VERSIONS:
            self.violate(f"{request}: api-version {version}",
                         error(400, "BadParameter", "The api-version is missing or not supported.", "UnsupportedApiVersion"))
        if self.firewall:
            return error(403, "Forbidden", "Client address is not authorized and caller is not a trusted service.", "ForbiddenByFirewall")
        if self.suspended:
            return error(403, "Forbidden", "The subscription of the vault is disabled.")
        return self.route(request, caller)

    def authenticate(self, request):
        """returns  the claims of the caller's token"""
        resource = f"https://{self.suffix}"
        where = f'{self.entra.base_url()}/{self.entra.tenant}'

        def challenge(message, more=""):
            reply = error(401, "Unauthorized", message)
            reply.headers["WWW-Authenticate"] = f'Bearer authorization="{where}", resource="{resource}"{more}'
            return Refused(reply)

        header = request.header("Authorization")
        if not header:
            if request.body:
                self.violate(f"{request}: a body without a token", error(401, "Unauthorized", "AKV10000"))
            raise challenge("AKV10000: Request is missing a Bearer or PoP token.")
        token = header[7:] if header.startswith("Bearer ") else ""
        claims = self.entra.read(token)
        if claims is None or token in self.entra.revoked:
            raise challenge("AKV10046: Unable to resolve the key used for signature validation.")
        if claims["exp"] <= self.now():
            raise challenge("AKV10032: Token has expired.")
        if claims["aud"] != resource:
            raise challenge("AKV10022: Invalid audience.")
        if claims["tid"] != self.entra.tenant:
            raise challenge("AKV10032: Invalid issuer.")
        if self.claims is not None and claims.get("xms_cc") != self.claims:
            encoded = base64.b64encode(json.dumps(self.claims).encode()).decode()
            raise challenge("AKV10150: Continuous access evaluation resulted in a challenge.",
                            f', error="insufficient_claims", claims="{encoded}"')
        return claims

    def permit(self, caller, permission):
        held = self.grants.get(caller["oid"], set())
        if permission in held or "all" in held:
            return
        if self.rbac:
            raise Refused(error(403, "Forbidden", f"Caller is not authorized to perform action on resource. Action: 'Microsoft.KeyVault/vaults/keys/{permission}/action'. Caller: appid={caller['appid']};oid={caller['oid']}", "ForbiddenByRbac"))
        raise Refused(error(403, "Forbidden", f"The user, group or application 'appid={caller['appid']};oid={caller['oid']}' does not have keys {permission} permission on key vault '{self.name};location={self.region}'.", "AccessDenied"))

    def content(self, request, *fields):
        if request.header("Content-Type", "").split(";")[0] != "application/json":
            self.violate(f"{request}: Content-Type {request.header('Content-Type')}",
                         error(415, "UnsupportedMediaType", "The content type is not supported."))
        try:
            content = json.loads(request.body)
        except ValueError:
            self.violate(f"{request}: no JSON", error(400, "BadParameter", "The request body is not JSON."))
        if set(content) - set(fields):
            self.violate(f"{request}: fields {sorted(set(content) - set(fields))}",
                         error(400, "BadParameter", f"Unexpected property: {sorted(set(content) - set(fields))}"))
        return content

    def octets(self, request, content, field):
        try:
            return from_base64url(content[field])
        except KeyError:
            self.violate(f"{request}: no {field}", error(400, "BadParameter", f"Property {field} is missing."))
        except (ValueError, binascii.Error):
            self.violate(f"{request}: {field} is not base64url", error(400, "BadParameter", f"Property {field} has invalid value."))

    def change(self):
        if self.read_only:
            raise Refused(error(403, "Forbidden", "The vault is in read-only mode.", "ForbiddenByPolicy"))

    def route(self, request, caller):
        method, parts = request.method, request.path.strip("/").split("/")
        if parts[0] == "keys" and len(parts) == 1 and method == "GET":
            self.permit(caller, "list")
            return self.page(request, [self.item(name, versions[-1], False) for name, versions in sorted(self.keys.items())])
        if parts[:2] == ["keys", "restore"] and method == "POST":
            self.permit(caller, "restore")
            return self.restore(request)
        if parts[0] == "deletedkeys":
            return self.route_deleted(request, caller, parts[1:])
        if parts[0] == "rng" and method == "POST" and self.hsm:
            return Reply(200, {"value": to_base64url(os.urandom(self.content(request, "count")["count"]))})
        if parts[0] != "keys" or not re.fullmatch(r"[A-Za-z0-9-]{1,127}", parts[1]):
            return error(400, "BadParameter", "The request URI is not valid.")
        name = next((known for known in (*self.keys, *self.deleted) if known.lower() == parts[1].lower()), parts[1])
        rest = [part for part in parts[2:]]
        action = rest[-1].lower() if rest else ""
        if method == "PUT" and not rest:
            self.permit(caller, "import")
            return self.import_key(request, name)
        if method == "DELETE" and not rest:
            self.permit(caller, "delete")
            return self.delete_key(name)
        if action == "versions" and method == "GET":
            self.permit(caller, "list")
            return self.page(request, [self.item(name, one, True) for one in reversed(self.known(name))])
        if action == "create" and method == "POST":
            self.permit(caller, "create")
            return self.create_key(request, name)
        if action == "rotate" and method == "POST":
            self.permit(caller, "rotate")
            return self.rotate(name)
        if action == "rotationpolicy":
            return self.rotation_policy(request, caller, name)
        if action == "backup" and method == "POST":
            self.permit(caller, "backup")
            return self.backup(name)
        verbs = {"wrapkey": "wrapKey", "unwrapkey": "unwrapKey", "encrypt": "encrypt", "decrypt": "decrypt"}
        if action in verbs and method == "POST":
            self.permit(caller, verbs[action])
            version = self.version(name, rest[0] if len(rest) == 2 else "")
            return self.use(request, name, version, verbs[action])
        if method == "GET" and len(rest) <= 1:
            self.permit(caller, "get")
            return Reply(200, self.bundle(name, self.version(name, rest[0] if rest else "")))
        if method == "PATCH" and len(rest) <= 1:
            self.permit(caller, "update")
            return self.update(request, name, self.version(name, rest[0] if rest else ""))
        return error(405, "MethodNotAllowed", "The method is not allowed.")

    # Looking up.

    def known(self, name):
        if name in self.keys:
            return self.keys[name]
        raise Refused(error(404, "KeyNotFound", f"A key with (name/id) {name} was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"))

    def version(self, name, number):
        versions = self.known(name)
        if not number:
            return versions[-1]
        for one in versions:
            if one.id == number.lower():
                return one
        raise Refused(error(404, "KeyNotFound", f"A key with (name/id) {name}/{number} was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command."))

    def level(self):
        if not self.soft_delete:
            return "Purgeable", 0
        prefix = "Customized" if self.retention < 90 else ""
        return prefix + ("Recoverable" if self.purge_protection else "Recoverable+Purgeable"), self.retention

    def attributes(self, version):
        level, days = self.level()
        attributes = {"enabled": version.enabled, "created": version.created, "updated": version.updated,
                      "recoveryLevel": level, "recoverableDays": days, "exportable": False}
        if version.nbf is not None:
            attributes["nbf"] = version.nbf
        if version.exp is not None:
            attributes["exp"] = version.exp
        if self.hsm:
            attributes["hsmPlatform"] = "2"
        return attributes

    def bundle(self, name, version):
        key = {"kid": f"{self.base}/keys/{name}/{version.id}", "kty": version.kty, "key_ops": version.operations}
        if version.kty != "oct-HSM":
            numbers = version.material.public_key().public_numbers()
            key.update(n=number(numbers.n), e=number(numbers.e))
        bundle = {"key": key, "attributes": self.attributes(version)}
        if version.tags:
            bundle["tags"] = version.tags
        return bundle

    def item(self, name, version, with_version):
        item = {"kid": f"{self.base}/keys/{name}" + (f"/{version.id}" if with_version else ""),
                "attributes": self.attributes(version)}
        if version.tags:
            item["tags"] = version.tags
        return item

    def page(self, request, items):
        size = int(request.one("maxresults") or 25)
        if not 1 <= size <= 25:
            return error(400, "BadParameter", "maxresults is out of range.")
        start = int(request.one("$skiptoken") or 0)
        following = start + size < len(items)
        link = f"{self.base}{request.path}?api-version={request.one('api-version')}&$skiptoken={start + size}&maxresults={size}"
        return Reply(200, {"value": items[start:start + size], "nextLink": link if following else None})

    # The life of a key.

    def create_key(self, request, name):
        content = self.content(request, "kty", "key_size", "public_exponent", "key_ops", "attributes", "tags", "crv", "release_policy")
        self.change()
        self.require_free(name)
        kty, bits = content.get("kty"), content.get("key_size", 2048)
        if kty not in ("RSA", "RSA-HSM") + (("oct-HSM",) if self.hsm else ()) or (kty != "oct-HSM" and bits not in (2048, 3072, 4096)):
            return error(400, "BadParameter", "Property kty or key_size has invalid value.")
        self.create(name, bits, kty, content.get("key_ops"))
        self.set_attributes(self.newest(name), content)
        return Reply(200, self.bundle(name, self.newest(name)))

    def require_free(self, name):
        if name in self.deleted:
            raise Refused(error(409, "Conflict", f"Key {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the key can only be recovered or purged.", "ObjectIsDeletedButRecoverable"))

    def set_attributes(self, version, content):
        attributes = content.get("attributes") or {}
        version.enabled = attributes.get("enabled", version.enabled)
        version.nbf = attributes.get("nbf", version.nbf)
        version.exp = attributes.get("exp", version.exp)
        version.operations = content.get("key_ops") or version.operations
        version.tags = content.get("tags", version.tags)
        version.updated = self.now()

    def update(self, request, name, version):
        self.change()
        self.set_attributes(version, self.content(request, "key_ops", "attributes", "tags", "release_policy"))
        return Reply(200, self.bundle(name, version))

    def rotate(self, name):
        self.change()
        last = self.known(name)[-1]
        self.create(name, getattr(last.material, "key_size", 2048), last.kty, list(last.operations))
        return Reply(200, self.bundle(name, self.newest(name)))

    def rotation_policy(self, request, caller, name):
        self.known(name)
        if request.method == "GET":
            self.permit(caller, "getrotationpolicy")
        else:
            self.permit(caller, "setrotationpolicy")
            self.policies[name] = self.content(request, "id", "lifetimeActions", "attributes")
        policy = self.policies.get(name) or {"lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}], "attributes": {}}
        return Reply(200, {"id": f"{self.base}/keys/{name}/rotationpolicy", **policy})

    def import_key(self, request, name):
        content = self.content(request, "key", "Hsm", "hsm", "attributes", "tags", "release_policy")
        self.change()
        self.require_free(name)
        jwk = content.get("key") or {}
        if "key_hsm" in jwk:
            material = self.open_transfer(from_base64url(jwk["key_hsm"]))
        else:
            try:
                values = {part: integer(jwk[part]) for part in ("n", "e", "d", "p", "q", "dp", "dq", "qi")}
                material = rsa.RSAPrivateNumbers(values["p"], values["q"], values["d"], values["dp"], values["dq"], values["qi"],
                                                 rsa.RSAPublicNumbers(values["e"], values["n"])).private_key()
            except (KeyError, ValueError):
                return error(400, "BadParameter", "The key is not a whole RSA key.")
        self.create(name, kty=jwk.get("kty", "RSA"), material=material, operations=jwk.get("key_ops"))
        self.set_attributes(self.newest(name), content)
        return Reply(200, self.bundle(name, self.newest(name)))

    def open_transfer(self, blob):
        """A .byok file, for a key exchange key of this vault."""
        try:
            transfer = json.loads(blob)
            kid = transfer["header"]["kid"].rstrip("/").split("/")
            exchange = self.version(kid[-2], kid[-1])
            sealed = from_base64url(transfer["ciphertext"])
            size = exchange.material.key_size // 8
            aes = exchange.material.decrypt(sealed[:size], padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
            der = keywrap.aes_key_unwrap_with_padding(aes, sealed[size:])
            if "import" not in exchange.operations or exchange.kty != "RSA-HSM":
                raise ValueError("not a key exchange key")
            return serialization.load_der_private_key(der, None)
        except (KeyError, ValueError, keywrap.InvalidUnwrap):
            raise Refused(error(400, "BadParameter", "The key transfer blob is not valid."))

    def backup(self, name):
        versions = [{"id": one.id, "kty": one.kty, "ops": one.operations, "created": one.created, "enabled": one.enabled,
                     "der": to_base64url(one.material if one.kty == "oct-HSM" else one.material.private_bytes(
                         serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))}
                    for one in self.known(name)]
        nonce = os.urandom(12)
        blob = nonce + AESGCM(self.backup_key).encrypt(nonce, json.dumps({"name": name, "versions": versions}).encode(), b"")
        return Reply(200, {"value": to_base64url(blob)})

    def restore(self, request):
        content = self.content(request, "value")
        self.change()
        blob = self.octets(request, content, "value")
        try:
            backup = json.loads(AESGCM(self.backup_key).decrypt(blob[:12], blob[12:], b""))
        except InvalidTag:
            return error(400, "BadParameter", "Backup blob was not made by a vault of this geography.")
        name = backup["name"]
        if name in self.keys or name in self.deleted:
            return error(409, "Conflict", f"Key {name} already exists.")
        self.keys[name] = []
        for one in backup["versions"]:
            der = from_base64url(one["der"])
            material = der if one["kty"] == "oct-HSM" else serialization.load_der_private_key(der, None)
            version = Version(material, one["kty"], one["ops"], one["created"])
            version.id, version.enabled = one["id"], one["enabled"]
            self.keys[name].append(version)
        return Reply(200, self.bundle(name, self.newest(name)))

    def delete_key(self, name):
        self.change()
        self.known(name)
        self.delete(name)
        return Reply(200, self.deleted_bundle(name))

    def deleted_bundle(self, name):
        versions, when = self.deleted[name]
        return {**self.bundle(name, versions[-1]), "recoveryId": f"{self.base}/deletedkeys/{name}", "deletedDate": when,
                "scheduledPurgeDate": when + self.retention * DAY}

    def route_deleted(self, request, caller, parts):
        if not parts and request.method == "GET":
            self.permit(caller, "list")
            return self.page(request, [self.deleted_bundle(name) for name in sorted(self.deleted)])
        name = next((known for known in self.deleted if known.lower() == parts[0].lower()), None)
        self.permit(caller, {"GET": "get", "POST": "recover", "DELETE": "purge"}.get(request.method, "none"))
        if name is None or self.deleted[name][1] + self.deletion_takes > self.now():
            return error(404, "KeyNotFound", f"Deleted Key not found: {parts[0]}")
        if request.method == "GET":
            return Reply(200, self.deleted_bundle(name))
        self.change()
        if request.method == "POST" and parts[1:] == ["recover"]:
            self.keys[name] = self.deleted.pop(name)[0]
            return Reply(200, self.bundle(name, self.newest(name)))
        if request.method == "DELETE":
            if self.purge_protection:
                return error(403, "Forbidden", "Operation \"purge\" is not enabled for this vault.", "ForbiddenByPolicy")
            del self.deleted[name]
            return Reply(204)
        return error(405, "MethodNotAllowed", "The method is not allowed.")

    # Cryptography.

    def require_state(self, version, verb):
        if not version.enabled:
            raise Refused(error(403, "Forbidden", f"Operation {verb} is not allowed on a disabled key.", "KeyDisabled"))
        if verb not in version.operations:
            raise Refused(error(403, "Forbidden", f"Operation {verb} is not permitted on this key."))
        # What was once wrapped opens whatever the dates.
        if verb in ("unwrapKey", "decrypt"):
            return
        if version.nbf is not None and self.now() < version.nbf:
            raise Refused(error(403, "Forbidden", f"Operation {verb} is not allowed on a key that is not yet valid.", "KeyNotYetValid"))
        if version.exp is not None and self.now() >= version.exp:
            raise Refused(error(403, "Forbidden", f"Operation {verb} is not allowed on an expired key.", "KeyExpired"))

    def use(self, request, name, version, verb):
        content = self.content(request, "alg", "value", "iv", "aad", "tag")
        self.require_state(version, verb)
        value = self.octets(request, content, "value")
        answer = {"kid": f"{self.base}/keys/{name}/{version.id}"}
        if version.kty == "oct-HSM":
            answer.update(self.use_symmetric(request, version, verb, content, value))
            return Reply(200, answer)
        scheme = {"RSA-OAEP-256": hashes.SHA256(), "RSA-OAEP": hashes.SHA1()}.get(content.get("alg"))
        if scheme is None:
            return error(400, "BadParameter", "Property alg has invalid value.")
        oaep = padding.OAEP(padding.MGF1(scheme), scheme, None)
        try:
            if verb in ("wrapKey", "encrypt"):
                answer["value"] = to_base64url(version.material.public_key().encrypt(value, oaep))
            else:
                answer["value"] = to_base64url(version.material.decrypt(value, oaep))
        except ValueError:
            return error(400, "BadParameter", "The parameter is incorrect.")
        return Reply(200, answer)

    def use_symmetric(self, request, version, verb, content, value):
        if content.get("alg") != "A256GCM":
            raise Refused(error(400, "BadParameter", "Property alg has invalid value."))
        aad = self.octets(request, content, "aad") if "aad" in content else b""
        if verb == "encrypt":
            iv = self.octets(request, content, "iv") if "iv" in content else os.urandom(12)
            sealed = AESGCM(version.material).encrypt(iv, value, aad)
            return {"value": to_base64url(sealed[:-16]), "iv": to_base64url(iv), "tag": to_base64url(sealed[-16:]),
                    "aad": to_base64url(aad)}
        try:
            opened = AESGCM(version.material).decrypt(self.octets(request, content, "iv"),
                                                      value + self.octets(request, content, "tag"), aad)
        except InvalidTag:
            raise Refused(error(400, "BadParameter", "The parameter is incorrect."))
        return {"value": to_base64url(opened)}
