"""The repository format as docs/format.md describes it, for making vectors. Uses none of Signet's code."""

import ctypes
import ctypes.util
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# --- section 2: encodings ---------------------------------------------------------------------------------------------


def u8(n): return struct.pack("<B", n)
def u16(n): return struct.pack("<H", n)
def u32(n): return struct.pack("<I", n)
def u64(n): return struct.pack("<Q", n)
def i64(n): return struct.pack("<q", n)


def varint(n):
    out = b""
    while n >= 0x80:
        out += u8(n & 0x7F | 0x80)
        n >>= 7
    return out + u8(n)


def svarint(n): return varint((n << 1) ^ (n >> 63) if n >= 0 else ((-n) << 1) - 1)


def blob(octets):
    if isinstance(octets, str):
        octets = octets.encode()
    return varint(len(octets)) + octets


def counted(items): return varint(len(items)) + b"".join(items)


# --- section 3: cryptography ------------------------------------------------------------------------------------------


def sha256(octets): return hashlib.sha256(octets).digest()
def hmac256(key, octets): return hmac.new(key, octets, hashlib.sha256).digest()


def hkdf(key, info, size):
    out, block, i = b"", b"", 1
    while len(out) < size:
        block = hmac256(key, block + info + u8(i))
        out += block
        i += 1
    return out[:size]


def counter(n): return u64(n) + bytes(4)
def seal(key, n, associated, plaintext): return AESGCM(key).encrypt(counter(n), plaintext, associated)


def stable(label, size):
    """Octets that look random and are the same in every run."""
    return hkdf(sha256(b"signet test vectors"), label.encode(), size)


_zstd = ctypes.CDLL(ctypes.util.find_library("zstd"))
_zstd.ZSTD_createCCtx.restype = ctypes.c_void_p
_zstd.ZSTD_compress2.restype = ctypes.c_size_t
_zstd.ZSTD_compress2.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
_zstd.ZSTD_CCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]


def zstd(raw, with_size=True):
    context = _zstd.ZSTD_createCCtx()
    _zstd.ZSTD_CCtx_setParameter(context, 100, 3)  # level
    _zstd.ZSTD_CCtx_setParameter(context, 200, 1 if with_size else 0)  # content size
    room = len(raw) + len(raw) // 128 + 512
    out = ctypes.create_string_buffer(room)
    size = _zstd.ZSTD_compress2(context, out, room, raw, len(raw))
    assert size <= room
    return out.raw[:size]


# --- section 4: config.json -------------------------------------------------------------------------------------------


def config(repository, officer, region="local", provider="local"):
    return (f'{{"format":1,"officer":"{officer.hex()}","provider":"{provider}","region":"{region}",'
            f'"repository":"{repository.hex()}"}}\n').encode()


# --- section 5: identities and entries --------------------------------------------------------------------------------


class Identity:
    def __init__(self, seed):
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = sha256(bytes.fromhex("302a300506032b6570032100") + self.public)


def entry_name(identity, sequence): return f"journal/{identity.id.hex()}/{sequence:010}"


class Head:
    def __init__(self, repository, config_hash, signer, sequence, previous=bytes(32), time=1_700_000_000_000_000_000,
                 audit_head=bytes(32), policy=bytes(32)):
        self.__dict__.update(locals())

    def encode(self):
        return (self.repository + self.config_hash + self.signer.public + u64(self.sequence) + self.previous +
                i64(self.time) + self.audit_head + self.policy)


def prefix(kind, public, sealed_size, version=1, algorithm=1, magic=b"SIGNETJE"):
    return magic + u16(version) + u8(kind) + u8(algorithm) + u32(len(public)) + u32(sealed_size) + public


def sign(unsigned, signer):
    return unsigned + signer.key.sign(b"signet/entry/v1\0" + sha256(unsigned))


BACKUP, PARTIAL, TRUST, POLICY, REMARK, REPACK, TOMBSTONE, CONDEMNATION, VERDICT, ACKNOWLEDGEMENT = range(1, 11)


def half_size(plaintext): return 32 + 4 + len(plaintext) + 16


def labels_half(head, label_key, salt, associated, plaintext):
    key = hkdf(label_key, b"signet/labels/v1\0" + head.repository + head.signer.id + u64(head.sequence) + salt, 32)
    sealed = seal(key, 0, associated, plaintext)
    return salt + u32(len(sealed)) + sealed


def body_half(head, dek, salt, associated, plaintext):
    key = hkdf(dek.secret, b"signet/body/v1\0" + head.repository + dek.id + head.signer.id + u64(head.sequence) + salt,
               32)
    sealed = seal(key, 0, associated, plaintext)
    return salt + u32(len(sealed)) + sealed


def backup_entry(kind, head, public, labels, body, dek, label_key, version=1, extra_sealed=b""):
    """A signed backup or partial entry; labels and body are encoded plaintexts."""
    public = head.encode() + public
    start = prefix(kind, public, half_size(labels) + half_size(body) + len(extra_sealed), version)
    salt = f"{head.signer.id.hex()}/{head.sequence}"
    sealed = (labels_half(head, label_key, stable("labels salt " + salt, 32), start, labels) +
              body_half(head, dek, stable("body salt " + salt, 32), start, body) + extra_sealed)
    return sign(start + sealed, head.signer)


def plain_entry(kind, head, fields, version=1):
    return sign(prefix(kind, head.encode() + fields, 0, version), head.signer)


def remark_entry(head, fields, tags, label_key):
    plaintext = counted([blob(tag) for tag in tags])
    start = prefix(REMARK, head.encode() + fields, half_size(plaintext))
    salt = stable(f"remark salt {head.sequence}", 32)
    return sign(start + labels_half(head, label_key, salt, start, plaintext), head.signer)


def repack_public(writer, dek, slots, packs=(), indexes=(), replaced=(), bodies=(), flags=0, obeyed=()):
    """replaced: (identity, sequence, DEK id, bitmap); bodies: (sequence, entry id)."""
    return (writer + u8(flags) + dek.id + dek.commitment + counted([blob(s) for s in slots]) + listed(packs) + listed(indexes) +
            read_journals(obeyed) +
            counted([identity + varint(sequence) + dek_id + blob(bitmap) for identity, sequence, dek_id, bitmap in replaced]) +
            counted([varint(sequence) + entry_id for sequence, entry_id in bodies]))


def repack_entry(head, public, bodies, dek, extra_sealed=b""):
    """A signed repack entry; bodies are encoded plaintexts."""
    start = prefix(REPACK, head.encode() + public, sum(half_size(body) for body in bodies) + len(extra_sealed))
    sealed = b"".join(body_half(head, dek, stable(f"repack body salt {head.sequence}/{i}", 32), start, body)
                      for i, body in enumerate(bodies))
    return sign(start + sealed + extra_sealed, head.signer)


# --- section 6: backup entries ----------------------------------------------------------------------------------------


def listed(objects): return counted([sha256(o) + varint(len(o)) for o in objects])
def reach(items): return counted([varint(journal) + varint(sequence) + dek + blob(bitmap) for journal, sequence, dek, bitmap in items])


def read_journals(items): return counted([identity + varint(sequence) for identity, sequence in items])


def backup_public(dek, slots, run=None, series=None, kind=1, flags=0, time=1_700_000_000_000_000_000, packs=(),
                  indexes=(), predecessors=(), reached=(), counted_packs=None, counted_slots=None, obeyed=(), base=b""):
    return ((run or stable("run", 16)) + (series or stable("series", 16)) + u8(kind) + u8(flags) + i64(time) +
            i64(time - 5_000_000_000) + i64(time + 1) + dek.id + dek.commitment +
            (counted_slots if counted_slots is not None else counted([blob(s) for s in slots])) +
            (counted_packs if counted_packs is not None else listed(packs)) + listed(indexes) +
            counted(predecessors) + read_journals(obeyed) + reach(reached) + base)


def base_place(system=7_123_456_789, timeline=1, start=0x2000028, stop=0x2000100, segment_size=1 << 24):
    return u64(system) + u32(timeline) + u64(start) + u64(stop) + u32(segment_size)


def labels(host="db1", user="root", series="nightly", paths=("/srv",), tags=("monthly", "release"), command=(),
           program="signet 0.1.0"):
    return (blob(host) + blob(user) + blob(series) + counted([blob(p) for p in paths]) +
            counted([blob(t) for t in tags]) + counted([blob(c) for c in command]) + blob(program))


def body(keys, root, owners=((0, "root"),), groups=((0, "root"),), statistics=(0, 1, 0, 0, 0, 0, 0), problems=()):
    return (keys + root + counted([varint(n) + blob(t) for n, t in owners]) +
            counted([varint(n) + blob(t) for n, t in groups]) + b"".join(varint(n) for n in statistics) +
            counted([blob(p) + varint(e) + blob(w) for p, e, w in problems]))


# --- section 8: data keys and slots -----------------------------------------------------------------------------------


class DataKey:
    def __init__(self, repository, name):
        self.repository = repository
        self.secret = stable("dek " + name, 32)
        self.id = stable("dek id " + name, 16)
        self.commitment = hkdf(self.secret, b"signet/dek-commit/v1\0" + repository + self.id, 32)

    def wrap_plaintext(self, thumbprint):
        return self.secret + sha256(b"signet/wrap/v1\0" + self.repository + self.id + thumbprint)


def oaep(public, plaintext, seed):
    """RSA-OAEP with SHA-256 and a chosen seed (RFC 8017 section 7.1.1)."""
    size = (public.key_size + 7) // 8

    def mgf(octets, length):
        return b"".join(sha256(octets + struct.pack(">I", i)) for i in range(length // 32 + 1))[:length]

    block = sha256(b"") + bytes(size - len(plaintext) - 66) + b"\1" + plaintext
    masked = bytes(a ^ b for a, b in zip(block, mgf(seed, len(block))))
    masked_seed = bytes(a ^ b for a, b in zip(seed, mgf(masked, 32)))
    numbers = public.public_numbers()
    return pow(int.from_bytes(masked_seed + masked, "big"), numbers.e, numbers.n).to_bytes(size, "big")


def slot(dek, thumbprint, wrapped, algorithm=1, location=b"local:prod/1", version=1, magic=b"SIGNETSL",
         repository=None, commitment=None):
    return (magic + u16(version) + u16(algorithm) + (repository or dek.repository) + dek.id + thumbprint +
            (commitment or dek.commitment) + blob(location) + blob(wrapped))


# --- section 9: chunks, frames and packs ------------------------------------------------------------------------------


DATA, TREE, LIST = 1, 2, 3


def chunk_id(id_key, kind, octets): return hmac256(id_key, u8(kind) + octets)[:16]


class Frame:
    """Chunks of one frame: [(kind, octets)]."""

    def __init__(self, chunks, compress=True):
        self.chunks = chunks
        self.kind = 1 if chunks[0][0] == DATA else 2
        self.raw = b"".join(octets for _, octets in chunks)
        small = zstd(self.raw)
        self.codec = 1 if compress and len(small) < len(self.raw) else 0
        self.payload = small if self.codec else self.raw
        self.lengths = [len(octets) for _, octets in chunks]
        self.raw_size = len(self.raw)

    def sealed_size(self): return len(self.payload) + 16

    def record(self):
        return (u8(self.kind) + u8(self.codec) + varint(self.sealed_size()) + varint(self.raw_size) +
                counted([varint(n) for n in self.lengths]))


def pack(dek, frames, number=0, version=1, suite=1, magic=b"SIGNETPK", reserved=bytes(16), repository=None,
         dek_id=None, commitment=None, records=None, directory=None, swap=False, label=""):
    repository = repository or dek.repository
    dek_id = dek_id or dek.id
    head = (magic + u16(version) + u16(suite) + u32(number) + repository + dek_id +
            stable(f"pack salt {label}{dek.id.hex()}{number}", 32))
    keys = hkdf(dek.secret, b"signet/pack/v1\0" + head, 96)
    frame_key, directory_key = keys[:32], keys[32:64]
    head += (commitment or keys[64:]) + reserved
    sealed = [
        seal(frame_key, n,
             b"signet/frame/v1\0" + u8(f.kind) + u8(f.codec) + u32(n) + u32(f.raw_size) + repository + dek_id, f.payload)
        for n, f in enumerate(frames)
    ]
    if swap:
        sealed[0], sealed[1] = sealed[1], sealed[0]
    if directory is None:
        directory = zstd(counted(records if records is not None else [f.record() for f in frames]))
    sealed_directory = seal(directory_key, 0, b"signet/dir/v1\0" + head, directory)
    start = head + b"".join(sealed) + sealed_directory + u32(len(sealed_directory))
    return start + u64(len(start) + 12) + b"PKEN"


# --- section 10: index segments ---------------------------------------------------------------------------------------


def index_pack(object_, frames): return sha256(object_) + varint(len(object_)) + counted([f.record() for f in frames])


def index_plaintext(dek, packs, id_key):
    """packs: [(object, frames)]."""
    ids = b"".join(chunk_id(id_key, kind, octets) for _, frames in packs for f in frames for kind, octets in f.chunks)
    return dek.id + counted([index_pack(o, frames) for o, frames in packs]) + ids


def index(repository, writer, index_key, plaintext, version=1, suite=1, magic=b"SIGNETIX", compressed=None):
    head = magic + u16(version) + u16(suite) + repository + writer + stable("index salt", 32)
    key = hkdf(index_key, b"signet/index/v1\0" + head, 32)
    return head + seal(key, 0, head, compressed if compressed is not None else zstd(plaintext))


# --- section 11: contents and entries ---------------------------------------------------------------------------------


def references(level, refs, in_list):
    """refs: [(id, length)] at level 0, [(id, length, span)] above."""
    out = varint(len(refs))
    if in_list or level > 0 or len(refs) != 1:
        out += b"".join(varint(r[1]) for r in refs)
    if level > 0:
        out += b"".join(varint(r[2]) for r in refs)
    return out + b"".join(r[0] for r in refs)


def content(size, refs=(), level=0):
    return varint(size) + (varint(level) + references(level, refs, False) if size else b"")


def list_chunk(level, refs): return u8(level) + references(level, refs, True)


FILE, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = range(1, 8)


def entry(name, type_, special=b"", fields=0, optional=b"", mode=0o644, uid=0, gid=0, seconds=1_700_000_000, ns=0):
    return (blob(name) + u8(type_) + varint(fields) + varint(mode) + varint(uid) + varint(gid) + svarint(seconds) +
            varint(ns) + special + optional)


# --- section 12: escrow -----------------------------------------------------------------------------------------------


def escrow_plaintext(name, pkcs8, seed): return blob(name) + blob(pkcs8) + blob(seed)


def escrow(repository, thumbprint, passphrase, plaintext, log2_n=10, r=1, p=1, version=1, magic=b"SIGNETES"):
    salt = stable("escrow salt", 16)
    try:
        octets = hashlib.scrypt(passphrase, salt=salt, n=1 << log2_n, r=r, p=p, maxmem=1 << 30, dklen=64)
    except ValueError:  # a cost outside of all limits; readers refuse before they derive
        octets = bytes(64)
    head = (magic + u16(version) + repository + thumbprint + u8(log2_n) + u8(r) + u8(p) + salt +
            sha256(b"signet/check/v1\0" + octets[32:]))
    return head + seal(octets[:32], 0, head, plaintext)
