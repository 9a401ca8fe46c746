"""A double of HashiCorp Vault's and OpenBao's Transit engine: tokens, AppRole and Kubernetes logins, namespaces,
policies, symmetric and RSA keys, versions.

    vault = TransitDouble()
    vault.keys["backup"] = Key("aes256-gcm96")
    token = vault.token({"transit/encrypt/backup": {"update"}, …})
"""

import base64
import binascii
import json
import os
import re
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from double import Double, Refused, Reply

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
ALL = {"create", "read", "update", "delete", "list", "sudo"}


def errors(status, *texts):
    return Reply(status, {"errors": list(texts)})


class Key:
    """One name. Versions count from 1."""

    def __init__(self, kind="aes256-gcm96", now=0):
        self.kind = kind
        self.now = now
        self.versions = {}
        self.latest = 0
        self.least_to_decrypt = 1
        self.least_to_encrypt = 0
        self.oldest = 0
        self.deletion_allowed = self.exportable = self.allow_plaintext_backup = self.derived = False
        self.soft_deleted = False
        self.imported = False
        self.rotate()

    def rotate(self, material=None):
        self.latest += 1
        if material is None:
            material = (rsa.generate_private_key(65537, int(self.kind[4:])) if self.is_rsa
                        else os.urandom(16 if "128" in self.kind else 32))
        self.versions[self.latest] = material

    def copy(self):
        """As a replication secondary has it."""
        copy = Key.__new__(Key)
        copy.__dict__.update(self.__dict__, versions=dict(self.versions))
        return copy

    @property
    def is_rsa(self):
        return self.kind.startswith("rsa-")

    def cipher(self, version):
        return (ChaCha20Poly1305 if "chacha" in self.kind else AESGCM)(self.versions[version])

    def description(self, name):
        def one(version):
            if not self.is_rsa:
                return 1767225600 + version
            pem = self.versions[version].public_key().public_bytes(serialization.Encoding.PEM,
                                                                   serialization.PublicFormat.SubjectPublicKeyInfo)
            return {"name": self.kind, "creation_time": "2026-01-01T00:00:00Z", "public_key": pem.decode()}

        return {
            "name": name, "type": self.kind, "latest_version": self.latest, "min_available_version": self.oldest,
            "min_decryption_version": self.least_to_decrypt, "min_encryption_version": self.least_to_encrypt,
            "deletion_allowed": self.deletion_allowed, "derived": self.derived, "exportable": self.exportable,
            "allow_plaintext_backup": self.allow_plaintext_backup, "supports_encryption": True,
            "supports_decryption": True, "supports_derivation": not self.is_rsa, "supports_signing": self.is_rsa,
            "imported_key": self.imported, "auto_rotate_period": 0, "soft_deleted": self.soft_deleted,
            # Older versions are archived, and not shown.
            "keys": {str(version): one(version) for version in self.versions if version >= self.least_to_decrypt},
        }


class TransitDouble(Double):
    def __init__(self, tls=None, mount="transit", namespace="", new_style_tokens=False):
        self.mount = mount
        self.namespace = namespace
        self.new_style_tokens = new_style_tokens  # "invalid token" in place of "permission denied"
        self.insists_on_header = True
        self.keys = {}
        self.tokens = {}    # token -> (policy, ends)
        self.roles = {}     # role id -> (secret id, policy)
        self.service_accounts = {}  # role -> (jwt, policy)
        self.lease = 1200
        self.cluster = str(uuid.uuid4())
        self.sealed = False
        self.standby = False
        super().__init__(tls)

    # For tests.

    def token(self, policy=None, ends=None):
        """policy  path -> capabilities; None: everything"""
        token = "hvs." + base64.urlsafe_b64encode(os.urandom(24)).decode().rstrip("=")
        self.tokens[token] = (policy, ends)
        return token

    def policy_for(self, name, *capabilities):
        """What DESIGN asks of a host: "encrypt", "decrypt", "read"."""
        policy = {}
        for one in capabilities:
            path = f"{self.mount}/keys/{name}" if one == "read" else f"{self.mount}/{one}/{name}"
            policy[path] = {"read"} if one == "read" else {"update"}
        return policy

    # Serving.

    def serve(self, request):
        if not request.path.startswith("/v1/"):
            return errors(404)
        path = request.path[4:]
        self.check_form(request)
        if path == "sys/health":
            return self.health(request)
        if self.sealed:
            return errors(503, "Vault is sealed")
        # A namespace is a header, or the beginning of the path.
        space = (request.header("X-Vault-Namespace") or "").strip("/")
        if not space and self.namespace and path.startswith(self.namespace + "/"):
            space, path = self.namespace, path[len(self.namespace) + 1:]
        if space != self.namespace:
            return errors(403, "1 error occurred:\n\t* permission denied\n\n") if space else errors(
                404, f'no handler for route "{path}". route entry not found.')
        login = re.fullmatch(r"auth/([\w-]+)/login", path)
        if login:
            return self.login(login[1], self.content(request))
        policy = self.authenticate(request)
        if path == "auth/token/lookup-self":
            return self.wrapped({"ttl": 1000, "renewable": True})
        if path == "sys/capabilities-self" and request.method in ("POST", "PUT"):
            held = {one: sorted((policy or {}).get(one, set()) if policy is not None else {"root"}) or ["deny"]
                    for one in self.content(request)["paths"]}
            return self.wrapped({**held, "capabilities": next(iter(held.values()))})
        return self.transit(request, path, policy)

    def check_form(self, request):
        if self.insists_on_header and request.header("X-Vault-Request") != "true":
            self.violate(f"{request}: no X-Vault-Request", errors(412, "required header not set"))
        if request.body and request.header("Content-Type", "").split(";")[0] != "application/json":
            self.violate(f"{request}: Content-Type {request.header('Content-Type')}", errors(415, "unsupported media type"))
        if len(request.body) > 32 * 1024 * 1024:
            raise Refused(errors(413, "request body too large"))

    def content(self, request):
        try:
            content = json.loads(request.body or b"{}")
        except ValueError:
            self.violate(f"{request}: no JSON", errors(400, "failed to parse JSON input"))
        if not isinstance(content, dict):
            self.violate(f"{request}: no object", errors(400, "error parsing JSON"))
        return content

    def wrapped(self, data=None, **others):
        return Reply(200, {"request_id": str(uuid.uuid4()), "lease_id": "", "renewable": False, "lease_duration": 0,
                           "data": data, "wrap_info": None, "warnings": None, "auth": None, **others})

    def health(self, request):
        content = {"initialized": True, "sealed": self.sealed, "standby": self.standby, "version": "1.17.0",
                   "server_time_utc": self.now()}
        if not self.sealed:
            content.update(cluster_name="vault-cluster", cluster_id=self.cluster)
        standby_ok = request.one("standbyok") == "true"
        return Reply(503 if self.sealed else 429 if self.standby and not standby_ok else 200, content)

    def login(self, method, content):
        if method == "approle":
            known = self.roles.get(content.get("role_id"))
            if set(content) - {"role_id", "secret_id"} or known is None or known[0] != content.get("secret_id"):
                return errors(400, "invalid role or secret ID")
        elif method == "kubernetes":
            known = self.service_accounts.get(content.get("role"))
            if known is None:
                return errors(400, f'invalid role name "{content.get("role")}"')
            if known[0] != content.get("jwt"):
                return errors(403, "permission denied")
        else:
            return errors(404, f'no handler for route "auth/{method}/login". route entry not found.')
        token = self.token(known[1], self.now() + self.lease)
        return self.wrapped(auth={"client_token": token, "accessor": str(uuid.uuid4()), "policies": ["default"],
                                  "token_policies": ["default"], "metadata": {}, "lease_duration": self.lease,
                                  "renewable": True, "token_type": "service", "orphan": True})

    def authenticate(self, request):
        token = request.header("X-Vault-Token")
        if not token:
            bearer = request.header("Authorization", "")
            token = bearer[7:] if bearer.startswith("Bearer ") else None
        if not token:
            raise Refused(errors(403, "permission denied"))
        policy, ends = self.tokens.get(token, (None, 0))
        if ends is not None and ends <= self.now():
            # An expired token and a revoked one look the same.
            raise Refused(errors(403, "permission denied", "invalid token") if self.new_style_tokens
                          else errors(403, "permission denied"))
        return policy

    def allow(self, policy, path, *capabilities):
        if policy is None:
            return set(ALL)
        held = policy.get(path, set())
        if not held & set(capabilities):
            raise Refused(errors(403, "1 error occurred:\n\t* permission denied\n\n"))
        return held

    def transit(self, request, path, policy):
        prefix = self.mount + "/"
        if not path.startswith(prefix):
            return errors(404, f'no handler for route "{path}". route entry not found.')
        parts = path[len(prefix):].split("/")
        write = request.method in ("POST", "PUT")
        if parts[0] == "keys" and len(parts) == 1 and request.method in ("LIST", "GET"):
            self.allow(policy, path, "list")
            return self.wrapped({"keys": sorted(self.keys)}) if self.keys else errors(404)
        if parts[0] == "keys" and len(parts) == 2:
            return self.key(request, path, parts[1], policy)
        if parts[0] == "keys" and len(parts) == 3 and write:
            self.allow(policy, path, "update", "sudo")
            return self.manage(parts[1], parts[2], self.content(request))
        if write and len(parts) == 2 and parts[0] in ("encrypt", "decrypt", "rewrap"):
            held = self.allow(policy, path, "update", "create")
            return self.use(request, parts[0], parts[1], self.content(request), held)
        if write and len(parts) == 3 and parts[0] == "datakey":
            self.allow(policy, path, "update")
            return self.datakey(parts[1], parts[2], self.content(request))
        if parts[0] == "backup" and len(parts) == 2 and request.method == "GET":
            self.allow(policy, path, "read")
            return self.backup(parts[1])
        return errors(405 if parts[0] in ("encrypt", "decrypt", "keys", "rewrap") else 404, "unsupported operation")

    def key(self, request, path, name, policy):
        if request.method == "GET":
            self.allow(policy, path, "read")
            key = self.keys.get(name)
            return self.wrapped(key.description(name)) if key else errors(404)
        if request.method == "DELETE":
            self.allow(policy, path, "delete")
            key = self.known(name)
            if not key.deletion_allowed:
                return errors(400, "error deleting policy " + name + ": deletion is not allowed for this key")
            del self.keys[name]
            return Reply(204)
        content = self.content(request)
        self.allow(policy, path, "create", "update")
        kind = content.get("type", "aes256-gcm96")
        if kind not in ("aes256-gcm96", "aes128-gcm96", "chacha20-poly1305", "rsa-2048", "rsa-3072", "rsa-4096"):
            return errors(400, f'unknown key type "{kind}"')
        if name not in self.keys:
            key = self.keys[name] = Key(kind, self.now())
            key.exportable = content.get("exportable", False)
            key.allow_plaintext_backup = content.get("allow_plaintext_backup", False)
            key.derived = content.get("derived", False)
        return self.wrapped(self.keys[name].description(name))

    def known(self, name):
        key = self.keys.get(name)
        if key is None:
            raise Refused(errors(400, "encryption key not found"))
        if key.soft_deleted:
            raise Refused(errors(400, "key is soft deleted"))
        return key

    def manage(self, name, verb, content):
        key = self.keys.get(name)
        if key is None:
            return errors(400, f"no existing key named {name} could be found")
        if verb == "rotate":
            key.rotate()
            return self.wrapped(key.description(name))
        if verb == "config":
            least = content.get("min_decryption_version", key.least_to_decrypt)
            if least > key.latest:
                return errors(400, f"cannot set min decryption version of {least}, latest key version is {key.latest}")
            key.least_to_decrypt = max(1, least)
            key.least_to_encrypt = content.get("min_encryption_version", key.least_to_encrypt)
            key.deletion_allowed = content.get("deletion_allowed", key.deletion_allowed)
            return self.wrapped(key.description(name))
        if verb == "trim":
            least = content.get("min_available_version", 0)
            if least > key.least_to_decrypt:
                return errors(400, "minimum available version cannot be higher than minimum decryption version")
            key.oldest = least
            key.versions = {number: one for number, one in key.versions.items() if number >= least}
            return self.wrapped(key.description(name))
        return errors(404, "unsupported path")

    # Cryptography.

    def octets(self, request, content, field):
        """Standard base64 with padding, and nothing else."""
        try:
            return base64.b64decode(content[field], validate=True)
        except KeyError:
            self.violate(f"{request}: no {field}", errors(400, f"missing {field} to process"))
        except (binascii.Error, ValueError, TypeError):
            self.violate(f"{request}: {field} is not base64", errors(400, f"failed to base64-decode {field}"))

    def use(self, request, verb, name, content, held):
        expected = {"encrypt": {"plaintext", "key_version", "associated_data", "context", "padding_scheme", "type", "nonce"},
                    "decrypt": {"ciphertext", "associated_data", "context", "padding_scheme", "nonce"},
                    "rewrap": {"ciphertext", "key_version", "context", "nonce"}}[verb]
        if set(content) - expected:
            self.violate(f"{request}: fields {sorted(set(content) - expected)}", errors(400, "unknown field"))
        if verb == "encrypt" and name not in self.keys and "create" in held:
            self.keys[name] = Key(content.get("type", "aes256-gcm96"))  # as the original does
        key = self.known(name)
        if verb == "encrypt":
            return self.encrypt(request, key, content)
        if verb == "decrypt":
            plaintext = self.decrypt(request, key, content)
            return self.wrapped({"plaintext": base64.b64encode(plaintext).decode()})
        plaintext = self.decrypt(request, key, content)
        version = content.get("key_version") or key.latest
        return self.wrapped({"ciphertext": self.seal(key, version, plaintext, b""), "key_version": version})

    def encrypt(self, request, key, content):
        plaintext = self.octets(request, content, "plaintext")
        version = content.get("key_version") or key.latest
        if version > key.latest:
            return errors(400, "requested version for encryption is higher than the latest key version")
        if version < key.least_to_encrypt:
            return errors(400, "requested version for encryption is less than the minimum encryption key version")
        if version not in key.versions:
            return errors(400, "unable to encrypt")
        aad = b""
        if "associated_data" in content:
            if key.is_rsa:
                self.violate(f"{request}: associated data with RSA",
                             errors(400, "associated_data is not supported by this key type"))
            aad = self.octets(request, content, "associated_data")
        return self.wrapped({"ciphertext": self.seal(key, version, plaintext, aad), "key_version": version})

    def seal(self, key, version, plaintext, aad):
        if key.is_rsa:
            sealed = key.versions[version].public_key().encrypt(plaintext, OAEP)
        else:
            nonce = os.urandom(12)
            sealed = nonce + key.cipher(version).encrypt(nonce, plaintext, aad)
        return f"vault:v{version}:" + base64.b64encode(sealed).decode()

    def decrypt(self, request, key, content):
        text = content.get("ciphertext")
        match = re.fullmatch(r"vault:v(\d+):([A-Za-z0-9+/]+=*)", text or "")
        if not match:
            raise Refused(errors(400, "invalid ciphertext: no prefix"))
        version = int(match[1])
        if version > key.latest:
            raise Refused(errors(400, "invalid ciphertext: version is too new"))
        if version < key.least_to_decrypt:
            raise Refused(errors(400, "ciphertext or signature version is disallowed by policy (too old)"))
        if version not in key.versions:
            raise Refused(errors(400, "invalid ciphertext: unable to decrypt"))
        sealed = base64.b64decode(match[2])
        if key.is_rsa:
            try:
                return key.versions[version].decrypt(sealed, OAEP)
            except ValueError:
                raise Refused(errors(500, "1 error occurred:\n\t* internal error\n\t* crypto/rsa: decryption error\n\n"))
        aad = self.octets(request, content, "associated_data") if "associated_data" in content else b""
        try:
            return key.cipher(version).decrypt(sealed[:12], sealed[12:], aad)
        except InvalidTag:
            raise Refused(errors(400, "invalid ciphertext: unable to decrypt: cipher: message authentication failed"))

    def datakey(self, form, name, content):
        key = self.known(name)
        bits = content.get("bits", 256)
        if bits not in (128, 256, 512):
            return errors(400, "invalid bit length")
        plaintext = os.urandom(bits // 8)
        data = {"ciphertext": self.seal(key, key.latest, plaintext, b""), "key_version": key.latest}
        if form == "plaintext":
            data["plaintext"] = base64.b64encode(plaintext).decode()
        return self.wrapped(data)

    def backup(self, name):
        key = self.known(name)
        if not key.exportable or not key.allow_plaintext_backup:
            return errors(500, "1 error occurred:\n\t* exporting is disallowed on the policy\n\n" if not key.exportable
                          else "1 error occurred:\n\t* plaintext backup is disallowed on the policy\n\n")
        return self.wrapped({"backup": base64.b64encode(json.dumps({"name": name, "kind": key.kind}).encode()).decode()})
