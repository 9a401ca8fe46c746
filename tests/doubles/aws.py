"""A double of AWS KMS, STS, the metadata service of EC2 and the credential endpoint of containers, on one address.

It holds requests to what the services demand: Signature Version 4 is verified, targets, content types, base64 alphabets,
field names and sizes are checked, keys have states and policies, and ciphertexts are AES-256-GCM or RSA-OAEP and bound to
their encryption context. Which region is meant follows from the credential scope of the signature.
"""

import base64
import datetime
import fnmatch
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import time
import urllib.parse
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from double import Double, Fault, Reply, changed  # noqa: E402

ACCOUNT = "111122223333"
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")
SKEW = 300
JSON_TYPE = "application/x-amz-json-1.1"
OAEP = {"RSAES_OAEP_SHA_256": hashes.SHA256, "RSAES_OAEP_SHA_1": hashes.SHA1}
BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}


class Refusal(Exception):
    """What KMS or STS answers in place of a result."""

    def __init__(self, kind, message, status=400):
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, status


class Material:
    """What all members of a multi-Region set share."""

    def __init__(self, spec):
        self.spec = spec
        self.private = rsa.generate_private_key(65537, BITS[spec]) if spec in BITS else None
        self.backing = {} if self.private else {os.urandom(32): AESGCM.generate_key(256)}  # id -> key, the newest last

    def rotate(self):
        self.backing[os.urandom(32)] = AESGCM.generate_key(256)

    @property
    def newest(self):
        return next(reversed(self.backing))


class Key:
    """One key in one region."""

    def __init__(self, region, key_id, material, created, multi_region):
        self.region, self.id, self.material, self.created = region, key_id, material, created
        self.state, self.deletion, self.usage, self.manager = "Enabled", None, "ENCRYPT_DECRYPT", "CUSTOMER"
        self.origin, self.multi_region, self.policy, self.rotations = "AWS_KMS", multi_region, None, False
        self.description = ""

    @property
    def arn(self):
        return f"arn:aws:kms:{self.region}:{ACCOUNT}:key/{self.id}"

    @property
    def symmetric(self):
        return self.material.private is None

    @property
    def algorithms(self):
        return ["SYMMETRIC_DEFAULT"] if self.symmetric else ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]


class Principal:
    def __init__(self, arn, secret, token=None, expires=None):
        self.arn, self.secret, self.token, self.expires = arn, secret, token, expires


def from_base64(text, name):
    if not isinstance(text, str) or not re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text):
        raise Refusal("SerializationException", f"{name} is not base64 with padding")
    return base64.b64decode(text)


def to_base64(octets):
    return base64.b64encode(octets).decode()


def rfc3339(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer(status, content=b"", content_type="application/json", headers=None):
    return Reply(status, json.dumps(content) if isinstance(content, dict) else content,
                 {"Content-Type": content_type, **(headers or {})})


class AwsFault(Fault):
    """For requests about what is told: region, service, operation, key, …"""

    def __init__(self, double, match, action, times=None, after=0):
        super().__init__("", action, times, after)
        self.double, self.match = double, match

    def takes(self, request):
        about = self.double.about(request)
        return all(about.get(name) == value for name, value in self.match.items()) and super().takes(request)


class AwsDouble(Double):
    def __init__(self, regions=REGIONS, tls=None, ca_file=None):
        self.regions = regions
        self.ca_file = ca_file
        self.hosts = set()  # whose requests come here by SIGNET_CONNECT_TO
        self.keys = {region: {} for region in regions}
        self.aliases = {region: {} for region in regions}
        self.principals = {}
        self.denied = []  # (pattern of a principal, of an operation, of a key ARN)
        self.roles = {}  # ARN -> {"by": [principal ARNs], "external_id": …, "tokens": {token: "ok" | "expired" | "foreign"}}
        self.instance_role = None
        self.containers = {}  # path -> (authorization, role ARN)
        self.sessions = {}  # tokens of the metadata service -> end
        self.issued_for = 3600
        self.delay = 0  # seconds before each answer of KMS, apart from what others wait for
        super().__init__(tls)
        self.add_principal("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", f"arn:aws:iam::{ACCOUNT}:user/backup")

    # What a test sets.

    def fault(self, action, times=None, after=0, **match):
        """action  one of double.py, or says(), or wrong_key()"""
        with self.lock:
            self.faults.append(AwsFault(self, match, action, times, after))

    def heal(self):
        with self.lock:
            self.faults.clear()

    def says(self, kind, message="as told", status=400):
        """As the service words a refusal."""
        return lambda handler, request: self.error(kind, status, message, self.about(request))

    def wrong_key(self):
        """The right answer, about another key."""
        return changed(self.change_key)

    def uses(self, **match):
        """What was asked about that, in order, as about() has it."""
        with self.lock:
            all_of_them = [self.about(request) for request in self.requests]
        return [about for about in all_of_them if all(about.get(name) == value for name, value in match.items())]

    def add_principal(self, access_key, secret, arn, token=None, expires=None):
        self.principals[access_key] = Principal(arn, secret, token, expires)

    def environment(self, **more):
        """Variables by which a client comes here as the first user."""
        return {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": self.principals["AKIDEXAMPLE"].secret,
                "AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "*",
                **({"AWS_CA_BUNDLE": self.ca_file} if self.ca_file else {}), **more}

    def make_key(self, region=REGIONS[0], spec="SYMMETRIC_DEFAULT", multi_region=False, alias=None, **attributes):
        """returns  its ARN"""
        with self.lock:
            key_id = "mrk-" + uuid.uuid4().hex if multi_region else str(uuid.uuid4())
            key = Key(region, key_id, Material(spec), self.now(), multi_region and "PRIMARY")
            self.keys[region][key_id] = key
            for name, value in attributes.items():
                setattr(key, name, value)
            if alias:
                self.aliases[region][alias] = key_id
            return key.arn

    def replicate(self, arn, region):
        with self.lock:
            first = self.key(arn)
            twin = Key(region, first.id, first.material, self.now(), "REPLICA")
            self.keys[region][first.id] = twin
            return twin.arn

    def key(self, arn):
        _, _, _, region, _, rest = arn.split(":", 5)
        return self.keys[region][rest.removeprefix("key/")]

    def set_state(self, arn, state):
        with self.lock:
            key = self.key(arn)
            key.state = state
            key.deletion = self.now() + 30 * 86400 if state.startswith("Pending") and "Deletion" in state else None

    def deny(self, operation="*", arn="*", principal="*"):
        with self.lock:
            self.denied.append((principal, operation, arn))

    def allow_all(self):
        with self.lock:
            self.denied.clear()

    def control(self, command, fields):
        """What a client in another language may ask for: POST /_double/COMMAND."""
        if command == "state":
            self.set_state(fields["key"], fields["state"])
        elif command == "deny":
            self.deny(**fields)
        elif command == "allow":
            self.allow_all()
        elif command == "says":
            self.fault(self.says(fields["kind"], status=fields.get("status", 400)), times=1)
        elif command == "clock":
            self.offset = fields["offset"]
        else:
            return answer(404)
        return answer(200, {})

    # HTTP.

    def answer(self, request):
        if self.delay and request.headers.get("x-amz-target"):
            time.sleep(self.delay)
        return super().answer(request)

    def about(self, request):
        """Names and values of what is asked, without judging it."""
        if hasattr(request, "about"):
            return request.about
        header = lambda name: request.headers.get(name, "")
        about = request.about = {"method": request.method, "path": request.path, "id": str(uuid.uuid4())}
        scope = re.search(r"Credential=([^/,]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request", header("authorization"))
        if scope:
            about.update(access_key=scope[1], region=scope[3], service=scope[4])
        if header("x-amz-target"):
            about["operation"] = header("x-amz-target").rpartition(".")[2]
            about["service"] = about.get("service", "kms")
        elif request.body.startswith(b"Action="):
            about.update(service="sts", operation=urllib.parse.parse_qs(request.body.decode())["Action"][0])
        elif request.path.startswith("/latest/"):
            about["service"] = "imds"
        elif request.path in self.containers:
            about["service"] = "container"
        if about.get("service") == "kms":
            try:
                fields = json.loads(request.body)
                about["key"] = fields.get("KeyId") or fields.get("DestinationKeyId")
                about["context"] = fields.get("EncryptionContext")
            except (ValueError, AttributeError):
                pass
        return about

    def serve(self, request):
        if request.path.startswith("/_double/"):
            return self.control(request.path.removeprefix("/_double/"), json.loads(request.body or b"{}"))
        about = self.about(request)
        service = about.get("service")
        if service == "imds":
            return self.serve_metadata(request)
        if service == "container":
            return self.serve_container(request)
        try:
            if service == "sts":
                return self.serve_sts(request, about)
            return self.serve_kms(request, about)
        except Refusal as refusal:
            return self.error(refusal.kind, refusal.status, refusal.message, about)

    def error(self, kind, status, message, about):
        headers = {"x-amzn-RequestId": about["id"], "Date": self.http_date()}
        if about.get("service") == "sts":
            body = ("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
                    f"<Code>{kind}</Code><Message>{escape(message)}</Message></Error>"
                    f"<RequestId>{about['id']}</RequestId></ErrorResponse>")
            return answer(status, body.encode(), "text/xml", headers)
        return answer(status, {"__type": kind, "message": message}, JSON_TYPE, headers)

    def change_key(self, fields):
        other = f"arn:aws:kms:{self.regions[0]}:{ACCOUNT}:key/{uuid.uuid4()}"
        for name in ("KeyId", "SourceKeyId"):
            if name in fields:
                fields[name] = other
        if "KeyMetadata" in fields:
            fields["KeyMetadata"].update(Arn=other, KeyId=other.rpartition("/")[2])

    def http_date(self):
        return datetime.datetime.fromtimestamp(self.now(), datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")

    # Signature Version 4.

    def require_signed(self, request, service):
        """returns  the principal and the region"""
        form = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
                            r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", request.headers.get("authorization", ""))
        if "authorization" not in request.headers:
            raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
        if not form:
            raise Refusal("IncompleteSignatureException", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature'")
        access_key, day, region, scoped, names, signature = form.groups()
        names = names.split(";")
        principal = self.principals.get(access_key)
        invalid = "UnrecognizedClientException" if service == "kms" else "InvalidClientTokenId"
        if principal is None or principal.token != request.headers.get("x-amz-security-token"):
            raise Refusal(invalid, "The security token included in the request is invalid.")
        needed = {"host", "x-amz-date"} | {name for name in ("content-type", "x-amz-target", "x-amz-security-token")
                                           if name in request.headers and (service == "kms" or name != "content-type")}
        if names != sorted(names) or not needed <= set(names):
            raise Refusal("InvalidSignatureException", f"headers that must be signed, in order: {sorted(needed)}")
        if scoped != service or region not in self.regions:
            raise Refusal("InvalidSignatureException", f"Credential should be scoped to a valid region, and to {service}")
        if request.headers.get("host") not in {f"127.0.0.1:{self.port}"} | self.hosts:
            raise Refusal("InvalidSignatureException", "another host")
        date = request.headers.get("x-amz-date", "")
        if not re.fullmatch(r"\d{8}T\d{6}Z", date) or date[:8] != day:
            raise Refusal("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'")
        at = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        if abs(at - self.now()) > SKEW:
            when = "expired" if at < self.now() else "not yet current"
            raise Refusal("InvalidSignatureException", f"Signature {when}: {date} is not within 5 minutes of {rfc3339(self.now())}")
        if signature != self.signature(request, principal.secret, names, date, region, service):
            raise Refusal("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. "
                          "Check your AWS Secret Access Key and signing method.")
        if principal.expires is not None and principal.expires <= self.now():
            raise Refusal("ExpiredTokenException", "The security token included in the request is expired")
        return principal, region

    @staticmethod
    def signature(request, secret, names, date, region, service):
        canonical = "\n".join([request.method, urllib.parse.quote(request.path), "",
                               *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names), "",
                               ";".join(names), hashlib.sha256(request.body).hexdigest()])
        scope = f"{date[:8]}/{region}/{service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + secret).encode()
        for part in (date[:8], region, service, "aws4_request", to_sign):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    # KMS.

    def serve_kms(self, request, about):
        if request.method != "POST" or request.path != "/" or request.query:
            raise Refusal("UnknownOperationException", "", 404)
        principal, region = self.require_signed(request, "kms")
        about["principal"] = principal.arn
        target = request.headers.get("x-amz-target", "")
        operation = target.removeprefix("TrentService.")
        if target == operation or operation not in OPERATIONS:
            raise Refusal("UnknownOperationException", "")
        if request.headers.get("content-type") != JSON_TYPE:
            raise Refusal("SerializationException", f"Content-Type is {JSON_TYPE}")
        try:
            fields = json.loads(request.body)
        except ValueError:
            raise Refusal("SerializationException", "not JSON") from None
        needed, optional = OPERATIONS[operation]
        unknown = set(fields) - set(needed) - set(optional)
        if unknown or not isinstance(fields, dict):
            raise Refusal("SerializationException", f"unknown fields: {sorted(unknown)}")
        missing = [name for name in needed if name not in fields]
        if missing:
            raise Refusal("ValidationException", f"1 validation error detected: Value null at '{missing[0]}' failed to satisfy constraint: "
                          "Member must not be null")
        result = getattr(self, "do_" + operation)(region, principal, fields)
        body = b"" if result is None else json.dumps(result).encode()
        return answer(200, body, JSON_TYPE, {"x-amzn-RequestId": about["id"], "Date": self.http_date()})

    def find(self, region, principal, reference, operation, fields=None):
        """A key by id, ARN, alias or alias ARN, once the caller may do that with it."""
        if not isinstance(reference, str) or not 1 <= len(reference) <= 2048:
            raise Refusal("ValidationException", "KeyId has 1 to 2048 characters")
        name = reference
        if reference.startswith("arn:"):
            parts = reference.split(":", 5)
            if len(parts) != 6 or parts[1] != "aws" or parts[2] != "kms":
                raise Refusal("InvalidArnException", f"{reference} is not a valid ARN")
            if parts[3] != region:
                raise Refusal("InvalidArnException", f"Invalid region {parts[3]} in {reference}; this is {region}")
            if parts[4] != ACCOUNT:
                raise Refusal("AccessDeniedException", f"User: {principal.arn} is not authorized to perform: kms:{operation} on this resource")
            name = parts[5].removeprefix("key/")
        if name.startswith("alias/"):
            if name not in self.aliases[region]:
                raise Refusal("NotFoundException", f"Alias arn:aws:kms:{region}:{ACCOUNT}:{name} is not found.")
            name = self.aliases[region][name]
        key = self.keys[region].get(name)
        if key is None:
            raise Refusal("NotFoundException", f"Key 'arn:aws:kms:{region}:{ACCOUNT}:key/{name}' does not exist")
        self.require_allowed(principal, key, operation, fields or {})
        return key

    def require_allowed(self, principal, key, operation, fields):
        told = any(fnmatch.fnmatchcase(principal.arn, who) and fnmatch.fnmatchcase(operation, what) and
                   fnmatch.fnmatchcase(key.arn, which) for who, what, which in self.denied)
        if told or not policy_allows(key.policy, principal.arn, operation, fields):
            raise Refusal("AccessDeniedException", f"User: {principal.arn} is not authorized to perform: kms:{operation} on resource: "
                          f"{key.arn} because no resource-based policy allows the kms:{operation} action")

    @staticmethod
    def require_usable(key):
        if key.state == "Disabled":
            raise Refusal("DisabledException", f"{key.arn} is disabled.")
        words = {"PendingDeletion": "pending deletion", "PendingReplicaDeletion": "pending replica deletion",
                 "PendingImport": "pending import", "Unavailable": "unavailable", "Creating": "creating"}
        if key.state in words:
            raise Refusal("KMSInvalidStateException", f"{key.arn} is {words[key.state]}.")

    @staticmethod
    def context_of(key, fields, name="EncryptionContext"):
        context = fields.get(name, {})
        if not isinstance(context, dict) or not all(isinstance(one, str) for one in context.values()):
            raise Refusal("SerializationException", "an encryption context maps texts to texts")
        encoded = json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
        if len(encoded) > 8192:
            raise Refusal("ValidationException", "an encryption context has at most 8192 octets")
        if context and not key.symmetric:
            raise Refusal("ValidationException", "an asymmetric key takes no encryption context")
        return encoded

    @staticmethod
    def algorithm_of(key, fields, name="EncryptionAlgorithm"):
        algorithm = fields.get(name, "SYMMETRIC_DEFAULT")
        if key.usage != "ENCRYPT_DECRYPT" or algorithm not in key.algorithms:
            raise Refusal("InvalidKeyUsageException", f"{key.arn} key usage is {key.usage} which is not valid for {algorithm}")
        return algorithm

    def seal(self, key, plaintext, context, algorithm):
        if not key.symmetric:
            most = key.material.private.key_size // 8 - 2 - 2 * OAEP[algorithm].digest_size
            if len(plaintext) > most:
                raise Refusal("ValidationException", f"Plaintext has at most {most} octets under {algorithm}")
            return key.material.private.public_key().encrypt(plaintext, oaep(algorithm))
        material, nonce = key.material.newest, os.urandom(12)
        name = key.id.encode()
        header = b"\x01\x02" + struct.pack("B", len(name)) + name + material
        return header + nonce + AESGCM(key.material.backing[material]).encrypt(nonce, plaintext, header + context)

    def unseal(self, region, principal, blob, reference, fields, context_name, algorithm_name, operation):
        """returns  the key and the plaintext"""
        damaged = Refusal("InvalidCiphertextException", "")
        if not 1 <= len(blob) <= 6144:
            raise Refusal("ValidationException", "CiphertextBlob has 1 to 6144 octets")
        embedded = blob[3:3 + blob[2]].decode("latin-1") if blob[:2] == b"\x01\x02" and len(blob) > 3 else None
        if reference is None:
            if embedded not in self.keys[region]:
                raise Refusal("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist "
                              "in this region, or you are not allowed to access.")
            reference = embedded
        key = self.find(region, principal, reference, operation, {"EncryptionContext": fields.get(context_name, {})})
        self.require_usable(key)
        algorithm = self.algorithm_of(key, fields, algorithm_name)
        context = self.context_of(key, fields, context_name)
        if not key.symmetric:
            try:
                return key, key.material.private.decrypt(blob, oaep(algorithm))
            except ValueError:
                raise damaged from None
        if embedded is None or len(blob) < 3 + len(embedded) + 32 + 12 + 16:
            raise damaged
        if embedded != key.id:
            raise Refusal("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
        end = 3 + len(embedded) + 32
        header, nonce, sealed = blob[:end], blob[end:end + 12], blob[end + 12:]
        backing = key.material.backing.get(header[-32:])
        try:
            if backing is None:
                raise InvalidTag
            return key, AESGCM(backing).decrypt(nonce, sealed, header + context)
        except InvalidTag:
            raise damaged from None

    def metadata(self, key):
        shown = {"AWSAccountId": ACCOUNT, "KeyId": key.id, "Arn": key.arn, "CreationDate": key.created + 0.125,
                 "Enabled": key.state == "Enabled", "Description": key.description, "KeyUsage": key.usage, "KeyState": key.state,
                 "Origin": key.origin, "KeyManager": key.manager, "CustomerMasterKeySpec": key.material.spec,
                 "KeySpec": key.material.spec, "EncryptionAlgorithms": key.algorithms, "MultiRegion": bool(key.multi_region)}
        if key.deletion is not None:
            shown["DeletionDate"] = key.deletion + 0.5
        if key.symmetric:
            shown["CurrentKeyMaterialId"] = key.material.newest.hex()
        if key.multi_region:
            members = [(region, one[key.id]) for region, one in self.keys.items() if key.id in one]
            row = lambda region, one: {"Arn": one.arn, "Region": region}
            primary = next(one for one in members if one[1].multi_region == "PRIMARY")
            shown["MultiRegionConfiguration"] = {
                "MultiRegionKeyType": key.multi_region, "PrimaryKey": row(*primary),
                "ReplicaKeys": [row(*one) for one in members if one[1].multi_region == "REPLICA"]}
        return shown

    def do_DescribeKey(self, region, principal, fields):
        return {"KeyMetadata": self.metadata(self.find(region, principal, fields["KeyId"], "DescribeKey"))}

    def do_GetPublicKey(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "GetPublicKey")
        if key.symmetric:
            raise Refusal("UnsupportedOperationException", "")
        self.require_usable(key)
        spki = key.material.private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {"KeyId": key.arn, "PublicKey": to_base64(spki), "CustomerMasterKeySpec": key.material.spec, "KeySpec": key.material.spec,
                "KeyUsage": key.usage, "EncryptionAlgorithms": key.algorithms}

    def do_Encrypt(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "Encrypt", fields)
        self.require_usable(key)
        algorithm = self.algorithm_of(key, fields)
        plaintext = from_base64(fields["Plaintext"], "Plaintext")
        if not 1 <= len(plaintext) <= 4096:
            raise Refusal("ValidationException", "Plaintext has 1 to 4096 octets")
        blob = self.seal(key, plaintext, self.context_of(key, fields), algorithm)
        return {"CiphertextBlob": to_base64(blob), "KeyId": key.arn, "EncryptionAlgorithm": algorithm}

    def do_Decrypt(self, region, principal, fields):
        blob = from_base64(fields["CiphertextBlob"], "CiphertextBlob")
        key, plaintext = self.unseal(region, principal, blob, fields.get("KeyId"), fields, "EncryptionContext", "EncryptionAlgorithm", "Decrypt")
        shown = {"Plaintext": to_base64(plaintext), "KeyId": key.arn, "EncryptionAlgorithm": self.algorithm_of(key, fields)}
        if key.symmetric:
            shown["KeyMaterialId"] = key.material.newest.hex()
        return shown

    def do_ReEncrypt(self, region, principal, fields):
        blob = from_base64(fields["CiphertextBlob"], "CiphertextBlob")
        source, plaintext = self.unseal(region, principal, blob, fields.get("SourceKeyId"), fields, "SourceEncryptionContext",
                                        "SourceEncryptionAlgorithm", "ReEncryptFrom")
        target = self.find(region, principal, fields["DestinationKeyId"], "ReEncryptTo",
                           {"EncryptionContext": fields.get("DestinationEncryptionContext", {})})
        self.require_usable(target)
        algorithm = self.algorithm_of(target, fields, "DestinationEncryptionAlgorithm")
        sealed = self.seal(target, plaintext, self.context_of(target, fields, "DestinationEncryptionContext"), algorithm)
        return {"CiphertextBlob": to_base64(sealed), "SourceKeyId": source.arn, "KeyId": target.arn,
                "SourceEncryptionAlgorithm": self.algorithm_of(source, fields, "SourceEncryptionAlgorithm"),
                "DestinationEncryptionAlgorithm": algorithm}

    def do_GenerateDataKey(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "GenerateDataKey", fields)
        self.require_usable(key)
        if not key.symmetric or ("KeySpec" in fields) == ("NumberOfBytes" in fields):
            raise Refusal("ValidationException", "a symmetric key, and either KeySpec or NumberOfBytes")
        size = {"AES_256": 32, "AES_128": 16}[fields["KeySpec"]] if "KeySpec" in fields else fields["NumberOfBytes"]
        if not 1 <= size <= 1024:
            raise Refusal("ValidationException", "NumberOfBytes is 1 to 1024")
        plaintext = os.urandom(size)
        blob = self.seal(key, plaintext, self.context_of(key, fields), "SYMMETRIC_DEFAULT")
        return {"Plaintext": to_base64(plaintext), "CiphertextBlob": to_base64(blob), "KeyId": key.arn}

    def do_GenerateDataKeyWithoutPlaintext(self, region, principal, fields):
        shown = self.do_GenerateDataKey(region, principal, fields)
        del shown["Plaintext"]
        return shown

    def do_CreateKey(self, region, principal, fields):
        spec = fields.get("KeySpec", "SYMMETRIC_DEFAULT")
        if spec != "SYMMETRIC_DEFAULT" and (spec not in BITS or "KeyUsage" not in fields):
            raise Refusal("ValidationException", "KeySpec and KeyUsage")
        arn = self.make_key(region, spec, fields.get("MultiRegion", False), description=fields.get("Description", ""))
        if "Policy" in fields:
            self.key(arn).policy = json.loads(fields["Policy"])
        return {"KeyMetadata": self.metadata(self.key(arn))}

    def do_ReplicateKey(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "ReplicateKey")
        if key.multi_region != "PRIMARY" or fields["ReplicaRegion"] not in self.regions:
            raise Refusal("UnsupportedOperationException", "only a multi-Region primary key is replicated")
        if key.id in self.keys[fields["ReplicaRegion"]]:
            raise Refusal("AlreadyExistsException", "there is one")
        return {"ReplicaKeyMetadata": self.metadata(self.key(self.replicate(key.arn, fields["ReplicaRegion"])))}

    def do_EnableKey(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "EnableKey")
        if key.state not in ("Enabled", "Disabled"):
            self.require_usable(key)
        key.state = "Enabled"

    def do_DisableKey(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "DisableKey")
        if key.state not in ("Enabled", "Disabled"):
            self.require_usable(key)
        key.state = "Disabled"

    def do_ScheduleKeyDeletion(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "ScheduleKeyDeletion")
        days = fields.get("PendingWindowInDays", 30)
        if not 7 <= days <= 30:
            raise Refusal("ValidationException", "PendingWindowInDays is 7 to 30")
        if key.state == "PendingDeletion":
            self.require_usable(key)
        key.state, key.deletion = "PendingDeletion", self.now() + days * 86400
        return {"KeyId": key.arn, "DeletionDate": round(key.deletion, 3), "KeyState": key.state, "PendingWindowInDays": days}

    def do_CancelKeyDeletion(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "CancelKeyDeletion")
        if key.state != "PendingDeletion":
            raise Refusal("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
        key.state, key.deletion = "Disabled", None
        return {"KeyId": key.arn}

    def do_CreateAlias(self, region, principal, fields):
        key = self.find(region, principal, fields["TargetKeyId"], "CreateAlias")
        name = fields["AliasName"]
        if not re.fullmatch(r"alias/[a-zA-Z0-9/_-]+", name) or name.startswith("alias/aws/"):
            raise Refusal("InvalidAliasNameException", "alias/NAME")
        if name in self.aliases[region]:
            raise Refusal("AlreadyExistsException", f"An alias with the name arn:aws:kms:{region}:{ACCOUNT}:{name} already exists")
        self.aliases[region][name] = key.id

    def do_UpdateAlias(self, region, principal, fields):
        key = self.find(region, principal, fields["TargetKeyId"], "UpdateAlias")
        if fields["AliasName"] not in self.aliases[region]:
            raise Refusal("NotFoundException", f"Alias {fields['AliasName']} is not found.")
        self.aliases[region][fields["AliasName"]] = key.id

    def do_ListAliases(self, region, principal, fields):
        rows = [{"AliasName": name, "AliasArn": f"arn:aws:kms:{region}:{ACCOUNT}:{name}", "TargetKeyId": key}
                for name, key in sorted(self.aliases[region].items())]
        return {"Aliases": rows, "Truncated": False}

    def do_RotateKeyOnDemand(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "RotateKeyOnDemand")
        self.require_usable(key)
        if not key.symmetric:
            raise Refusal("UnsupportedOperationException", "asymmetric keys do not rotate")
        key.material.rotate()
        return {"KeyId": key.arn}

    def do_PutKeyPolicy(self, region, principal, fields):
        key = self.find(region, principal, fields["KeyId"], "PutKeyPolicy")
        try:
            key.policy = json.loads(fields["Policy"])
        except ValueError:
            raise Refusal("MalformedPolicyDocumentException", "not JSON") from None

    # STS.

    def serve_sts(self, request, about):
        if request.method != "POST" or request.path != "/" or not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Refusal("InvalidAction", "POST of a form")
        form = {name: values[0] for name, values in urllib.parse.parse_qs(request.body.decode(), strict_parsing=True).items()}
        if form.get("Version") != "2011-06-15":
            raise Refusal("InvalidAction", "Version is 2011-06-15")
        role = self.roles.get(form.get("RoleArn"))
        name = form.get("RoleSessionName", "")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", name):
            raise Refusal("ValidationError", "RoleSessionName has 2 to 64 characters")
        duration = int(form.get("DurationSeconds", self.issued_for))
        if form["Action"] == "AssumeRole":
            principal, about["region"] = self.require_signed(request, "sts")
            if role is None or principal.arn not in role.get("by", []) or role.get("external_id") != form.get("ExternalId"):
                raise Refusal("AccessDenied", f"User: {principal.arn} is not authorized to perform: sts:AssumeRole on resource: "
                              f"{form.get('RoleArn')}", 403)
        elif form["Action"] == "AssumeRoleWithWebIdentity":
            if "authorization" in request.headers:
                raise Refusal("InvalidAction", "this one is not signed")
            verdict = (role or {}).get("tokens", {}).get(form.get("WebIdentityToken"))
            if verdict == "expired":
                raise Refusal("ExpiredTokenException", "Token expired: current date/time is after the expiration time", 400)
            if verdict is None:
                raise Refusal("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider", 400)
            if verdict == "foreign":
                raise Refusal("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        else:
            raise Refusal("InvalidAction", "unknown")
        shown = self.issue(form["RoleArn"], name, duration)
        fields = "".join(f"<{tag}>{escape(value)}</{tag}>" for tag, value in shown.items())
        body = (f"<{form['Action']}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{form['Action']}Result><AssumedRoleUser>"
                f"<AssumedRoleId>AROA:{name}</AssumedRoleId></AssumedRoleUser><Credentials>{fields}</Credentials></{form['Action']}Result>"
                f"<ResponseMetadata><RequestId>{about['id']}</RequestId></ResponseMetadata></{form['Action']}Response>")
        return answer(200, body.encode(), "text/xml", {"x-amzn-RequestId": about["id"]})

    def issue(self, role_arn, session="session", duration=None):
        """Credentials of a role for a while, as STS shows them."""
        access_key, secret, token = "ASIA" + uuid.uuid4().hex[:16].upper(), to_base64(os.urandom(30)), to_base64(os.urandom(60))
        expires = self.now() + (duration or self.issued_for)
        arn = role_arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/" + session
        self.principals[access_key] = Principal(arn, secret, token, expires)
        return {"AccessKeyId": access_key, "SecretAccessKey": secret, "SessionToken": token, "Expiration": rfc3339(expires)}

    # The machine.

    def serve_metadata(self, request):
        plain = lambda status, text="": answer(status, text.encode(), "text/plain")
        if "x-forwarded-for" in request.headers:
            return plain(403)
        if request.method == "PUT" and request.path == "/latest/api/token":
            seconds = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
            if not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
                return plain(400)
            token = to_base64(os.urandom(40))
            self.sessions[token] = self.now() + int(seconds)
            return plain(200, token)
        if self.sessions.get(request.headers.get("x-aws-ec2-metadata-token"), 0) < self.now():
            return plain(401)
        prefix = "/latest/meta-data/iam/security-credentials/"
        if request.method != "GET" or self.instance_role is None or not request.path.startswith(prefix):
            return plain(404)
        name = self.instance_role.rpartition("/")[2]
        if request.path == prefix:
            return plain(200, name)
        if request.path != prefix + name:
            return plain(404)
        shown = self.issue(self.instance_role, "i-0123456789abcdef0")
        shown["Token"] = shown.pop("SessionToken")
        return answer(200, {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": rfc3339(self.now()), **shown}, "text/plain")

    def serve_container(self, request):
        authorization, role = self.containers[request.path]
        if request.method != "GET" or request.headers.get("authorization") != authorization:
            return answer(401, {"code": "Unauthorized"})
        shown = self.issue(role, "task")
        shown["Token"] = shown.pop("SessionToken")
        return answer(200, {"RoleArn": role, **shown})


# Needed fields, others.
OPERATIONS = {
    "DescribeKey": (["KeyId"], ["GrantTokens"]),
    "GetPublicKey": (["KeyId"], ["GrantTokens"]),
    "Encrypt": (["KeyId", "Plaintext"], ["EncryptionContext", "EncryptionAlgorithm", "GrantTokens", "DryRun"]),
    "Decrypt": (["CiphertextBlob"], ["KeyId", "EncryptionContext", "EncryptionAlgorithm", "GrantTokens", "DryRun"]),
    "ReEncrypt": (["CiphertextBlob", "DestinationKeyId"],
                  ["SourceKeyId", "SourceEncryptionContext", "DestinationEncryptionContext", "SourceEncryptionAlgorithm",
                   "DestinationEncryptionAlgorithm", "GrantTokens", "DryRun"]),
    "GenerateDataKey": (["KeyId"], ["KeySpec", "NumberOfBytes", "EncryptionContext", "GrantTokens", "DryRun"]),
    "GenerateDataKeyWithoutPlaintext": (["KeyId"], ["KeySpec", "NumberOfBytes", "EncryptionContext", "GrantTokens", "DryRun"]),
    "CreateKey": ([], ["KeySpec", "KeyUsage", "MultiRegion", "Description", "Policy", "Origin", "Tags"]),
    "ReplicateKey": (["KeyId", "ReplicaRegion"], ["Policy", "Description", "Tags"]),
    "EnableKey": (["KeyId"], []),
    "DisableKey": (["KeyId"], []),
    "ScheduleKeyDeletion": (["KeyId"], ["PendingWindowInDays"]),
    "CancelKeyDeletion": (["KeyId"], []),
    "CreateAlias": (["AliasName", "TargetKeyId"], []),
    "UpdateAlias": (["AliasName", "TargetKeyId"], []),
    "ListAliases": ([], ["KeyId", "Limit", "Marker"]),
    "RotateKeyOnDemand": (["KeyId"], []),
    "PutKeyPolicy": (["KeyId", "Policy"], ["PolicyName"]),
}


def oaep(algorithm):
    digest = OAEP[algorithm]
    return padding.OAEP(padding.MGF1(digest()), digest(), None)


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_list(value):
    return value if isinstance(value, list) else [value]


def policy_allows(policy, principal, operation, fields):
    """A key policy, as far as key policies of backups go. Without one the account decides, and allows."""
    if policy is None:
        return True
    allowed = False
    for statement in as_list(policy["Statement"]):
        who = statement["Principal"]
        names = ["*"] if who == "*" else as_list(who.get("AWS", []))
        # A role is named by its own ARN and acts under that of a session.
        session = re.fullmatch(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/.*", principal)
        acts_as = {principal} | ({f"arn:aws:iam::{session[1]}:role/{session[2]}"} if session else set())
        if not any(fnmatch.fnmatchcase(one, name) for one in acts_as for name in names):
            continue
        if not any(fnmatch.fnmatchcase("kms:" + operation, action) for action in as_list(statement["Action"])):
            continue
        if not all(condition_holds(kind, tests, fields) for kind, tests in statement.get("Condition", {}).items()):
            continue
        if statement["Effect"] == "Deny":
            return False
        allowed = True
    return allowed


def condition_holds(kind, tests, fields):
    context = fields.get("EncryptionContext", {})
    for name, wanted in tests.items():
        wanted = as_list(wanted)
        if name == "kms:EncryptionContextKeys":
            keys = list(context)
            if kind == "ForAllValues:StringEquals" and all(one in wanted for one in keys):
                continue
            if kind == "ForAnyValue:StringEquals" and any(one in wanted for one in keys):
                continue
            return False
        value = context.get(name.removeprefix("kms:EncryptionContext:")) if name.startswith("kms:EncryptionContext:") else None
        if kind == "Null":
            if (value is None) == (str(wanted[0]).lower() == "true"):
                continue
            return False
        if kind == "StringEquals" and value in wanted:
            continue
        if kind == "StringLike" and value is not None and any(fnmatch.fnmatchcase(value, one) for one in wanted):
            continue
        return False
    return True


if __name__ == "__main__":
    DOUBLE = AwsDouble()
    print(json.dumps({"url": DOUBLE.url, "account": ACCOUNT, "regions": REGIONS}), flush=True)
    sys.stdin.read()
    DOUBLE.stop()
