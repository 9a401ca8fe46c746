"""Section 3: cryptography, suite 1."""

import hashlib
import hmac

import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Refused, Unable

TAG = 16
ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")
ZSTD_MAGIC = bytes.fromhex("28b52ffd")
RSA_BITS = (2048, 3072, 4096)

same_octets = hmac.compare_digest  # in constant time


def sha256(octets):
    return hashlib.sha256(octets).digest()


def hmac_sha256(key, octets):
    return hmac.digest(key, octets, "sha256")


def hkdf_expand(key, info, length):
    """RFC 5869 section 2.3."""
    output = block = b""
    counter = 1
    while len(output) < length:
        block = hmac_sha256(key, block + info + bytes([counter]))
        output += block
        counter += 1
    return output[:length]


def counter(n):
    return n.to_bytes(8, "little") + bytes(4)


class Sealed:
    """AES-256-GCM under one key."""

    def __init__(self, key):
        self._gcm = AESGCM(key)

    def open(self, n, sealed, associated, name, what):
        if len(sealed) < TAG:
            raise Refused(name, f"{what}: shorter than a tag")
        try:
            return self._gcm.decrypt(counter(n), sealed, associated)
        except InvalidTag:
            raise Refused(name, f"{what}: was altered, or was sealed under another key") from None


def unzstd(frame, name, what, most, exactly=None):
    """A *zstd frame* as the document says it: one, with its size declared, no dictionary, nothing after it."""
    if frame[:4] != ZSTD_MAGIC:
        raise Refused(name, f"{what}: not a zstd frame")
    try:
        header = zstandard.get_frame_parameters(frame)
        if header.content_size == zstandard.CONTENTSIZE_UNKNOWN:
            raise Refused(name, f"{what}: a zstd frame without its size")
        if header.dict_id:
            raise Refused(name, f"{what}: a zstd frame with a dictionary")
        if header.content_size > most:
            raise Refused(name, f"{what}: {header.content_size} octets, more than {most}")
        if exactly is not None and header.content_size != exactly:
            raise Refused(name, f"{what}: declares {header.content_size} octets instead of {exactly}")
        raw = zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Refused(name, f"{what}: {error}") from None
    if len(raw) != header.content_size:
        raise Refused(name, f"{what}: gives {len(raw)} octets instead of {header.content_size}")
    return raw


# -- identities -------------------------------------------------------------------------------------------------------

def identity_of(public_key):
    return sha256(ED25519_SPKI + public_key)


def signature_is_right(public_key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


# -- RSA keys ---------------------------------------------------------------------------------------------------------

class RsaKey:
    """The private half of a protector."""

    def __init__(self, key, origin):
        if not isinstance(key, rsa.RSAPrivateKey):
            raise Unable(f"{origin}: not an RSA key")
        if key.key_size not in RSA_BITS:
            raise Unable(f"{origin}: an RSA key of {key.key_size} bits")
        self._key = key
        self.origin = origin
        self.octets = key.key_size // 8
        spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.thumbprint = "sha256:" + sha256(spki).hex()

    @classmethod
    def from_pem(cls, path):
        with open(path, "rb") as file:
            pem = file.read()
        try:
            return cls(serialization.load_pem_private_key(pem, password=None), path)
        except (ValueError, TypeError) as error:
            raise Unable(f"{path}: {error}") from None

    @classmethod
    def from_der(cls, der, origin):
        try:
            return cls(serialization.load_der_private_key(der, password=None), origin)
        except (ValueError, TypeError, Unable) as error:
            raise Refused(origin, f"the private key in it: {error}") from None

    def unwrap(self, wrapped, hash_name):
        """The plaintext, or None."""
        chosen = {"sha256": hashes.SHA256, "sha1": hashes.SHA1}[hash_name]()
        if len(wrapped) != self.octets:
            return None
        try:
            return self._key.decrypt(wrapped, padding.OAEP(padding.MGF1(chosen), chosen, label=None))
        except ValueError:
            return None
