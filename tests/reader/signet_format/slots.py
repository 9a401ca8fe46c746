"""Section 8: data keys and slots. Section 12: escrow objects."""

import hashlib
from dataclasses import dataclass

from .crypto import RsaKey, Sealed, hkdf_expand, same_octets, sha256
from .encoding import KIB, MIB, Octets, thumbprint_octets
from .errors import Refused, Unable, UnknownVersion

SLOT_LIMIT = 8 * KIB
ESCROW_LIMIT = 64 * KIB

OAEP_SHA256, OAEP_SHA1, AES_KWP, KEY_MANAGER, RESERVED = 1, 2, 3, 4, 5
OAEP_HASH = {OAEP_SHA256: "sha256", OAEP_SHA1: "sha1"}


def dek_commitment(dek, repository, dek_id):
    return hkdf_expand(dek, b"signet/dek-commit/v1\0" + repository + dek_id, 32)


@dataclass
class Slot:
    name: str  # of the object that holds it
    algorithm: int
    dek_id: bytes
    thumbprint: str
    commitment: bytes
    location: str
    wrapped: bytes


def parse_slot(octets, name, repository):
    """A whole slot object, on its own or out of an entry."""
    if len(octets) > SLOT_LIMIT:
        raise Refused(name, f"a slot of {len(octets)} octets")
    field = Octets(octets, name)
    field.magic(b"SIGNETSL")
    algorithm = field.u16("wrap algorithm")
    if algorithm == 0:
        field.refuse("wrap algorithm 0")
    if algorithm > RESERVED:
        raise UnknownVersion(name, f"wrap algorithm {algorithm}: made by a newer version")
    if field.take(16, "repository id") != repository:
        field.refuse("a slot of another repository")
    slot = Slot(name, algorithm, field.take(16, "DEK id"), field.thumbprint(), field.take(32, "commitment"),
                field.text("location", 1024), field.blob("wrapped key", 1, 4096))
    field.finish()
    return slot


def read_slot(store, name, parts, repository):
    """An object below slots/."""
    slot = parse_slot(store.read_named(name, SLOT_LIMIT), name, repository)
    if slot.dek_id.hex() != parts["dek"]:
        raise Refused(name, "holds a slot of another DEK")
    if slot.thumbprint.replace(":", "-") != parts["thumbprint"]:
        raise Refused(name, "holds a slot under another protector")
    return slot


def open_slot(slot, key, repository):
    """The DEK. `key` is the slot's protector's."""
    if slot.algorithm not in OAEP_HASH:
        raise Refused(slot.name, f"wrap algorithm {slot.algorithm} does not go with an RSA key")
    plain = key.unwrap(slot.wrapped, OAEP_HASH[slot.algorithm])
    if plain is None or len(plain) != 64:
        raise Refused(slot.name, f"does not open with {key.origin}, whose thumbprint it bears")
    dek, binding = plain[:32], plain[32:]
    bound_to = b"signet/wrap/v1\0" + repository + slot.dek_id + thumbprint_octets(slot.thumbprint)
    if not same_octets(binding, sha256(bound_to)):
        raise Refused(slot.name, "was wrapped for another repository, DEK or protector")
    if not same_octets(slot.commitment, dek_commitment(dek, repository, slot.dek_id)):
        raise Refused(slot.name, "the commitment does not match the DEK")
    return dek


# -- escrow -----------------------------------------------------------------------------------------------------------

@dataclass
class Escrow:
    name: str
    thumbprint: str
    log2_n: int
    r: int
    p: int
    salt: bytes
    check: bytes
    header: bytes
    sealed: bytes


@dataclass
class OpenedEscrow:
    protector: str
    key: RsaKey
    officer_seed: bytes


def read_escrow(store, name, parts, repository):
    octets = store.read_named(name, ESCROW_LIMIT)
    field = Octets(octets, name)
    field.magic(b"SIGNETES")
    if field.take(16, "repository id") != repository:
        field.refuse("an escrow object of another repository")
    thumbprint = field.thumbprint()
    log2_n, r, p = field.u8("scrypt N"), field.u8("scrypt r"), field.u8("scrypt p")
    if not (10 <= log2_n <= 20 and 1 <= r <= 32 and 1 <= p <= 16 and 128 * r << log2_n <= 1024 * MIB
            and log2_n < 16 * r and r * p << log2_n <= 1 << 23):
        field.refuse("scrypt parameters out of bounds")
    escrow = Escrow(name, thumbprint, log2_n, r, p, field.take(16, "salt"), field.take(32, "check value"),
                    octets[:110], octets[110:])
    if len(escrow.sealed) < 16:
        field.refuse("ends within a tag")
    if thumbprint.replace(":", "-") != parts["thumbprint"]:
        field.refuse("holds the key of another protector")
    return escrow


def open_escrow(escrow, passphrase):
    derived = hashlib.scrypt(passphrase, salt=escrow.salt, n=1 << escrow.log2_n, r=escrow.r, p=escrow.p, dklen=64,
                             maxmem=(128 * escrow.r * ((1 << escrow.log2_n) + escrow.p + 2)) + MIB)
    if not same_octets(escrow.check, sha256(b"signet/check/v1\0" + derived[32:])):
        raise Unable(f"{escrow.name}: the passphrase is wrong")
    plain = Sealed(derived[:32]).open(0, escrow.sealed, escrow.header, escrow.name, "the sealed key")
    field = Octets(plain, escrow.name)
    protector, der, seed = field.text("name"), field.blob("private key"), field.blob("seed")
    field.finish()
    if len(seed) not in (0, 32):
        field.refuse("a seed that is not 32 octets")
    key = RsaKey.from_der(der, escrow.name)
    if key.thumbprint != escrow.thumbprint:
        field.refuse("holds another key than its thumbprint says")
    return OpenedEscrow(protector, key, seed)
