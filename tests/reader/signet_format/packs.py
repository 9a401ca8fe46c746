"""Section 9: chunks, frames and packs. Section 10: index segments."""

from dataclasses import dataclass

from .crypto import TAG, Sealed, hkdf_expand, hmac_sha256, same_octets, unzstd
from .encoding import MIB, Octets
from .errors import Refused
from .store import index_name, pack_name

DATA, TREE, LIST = 1, 2, 3  # kinds of chunk
DATA_FRAME, TREE_FRAME = 1, 2
KINDS_IN_FRAME = {DATA_FRAME: (DATA,), TREE_FRAME: (TREE, LIST)}
PLAIN, ZSTD = 0, 1  # codecs

CHUNK_LIMIT = FRAME_LIMIT = MIB
PACK_LIMIT = 80 * MIB
INDEX_LIMIT = 64 * MIB
HEADER, TRAILER, INDEX_HEADER = 128, 16, 92


def chunk_id(id_key, kind, octets):
    return hmac_sha256(id_key, bytes([kind]) + octets)[:16]


@dataclass
class Frame:
    """A frame record, and where the frame starts in its pack."""
    kind: int
    codec: int
    sealed_length: int
    raw_length: int
    chunks: tuple  # their lengths
    start: int = 0

    def record(self):
        return self.kind, self.codec, self.sealed_length, self.raw_length, self.chunks


def parse_frames(field, most):
    """`varint` count, then the frame records."""
    frames = []
    start = HEADER
    for _ in range(field.varint("count of frames", 1, 65535)):
        kind, codec = field.u8("kind of frame"), field.u8("codec")
        if kind not in KINDS_IN_FRAME:
            field.refuse(f"unknown kind of frame {kind}")
        if codec not in (PLAIN, ZSTD):
            field.refuse(f"unknown codec {codec}")
        sealed = field.varint("sealed length", TAG + 1, most)
        raw = field.varint("raw length", 1, FRAME_LIMIT)
        if codec == PLAIN and sealed != raw + TAG:
            field.refuse("the sealed length of a frame that is not compressed is wrong")
        if codec == ZSTD and sealed >= raw + TAG:
            field.refuse("a frame that compression did not make shorter")
        chunks = tuple(field.varint("length of a chunk", 1, CHUNK_LIMIT)
                       for _ in range(field.varint("count of chunks", 1, FRAME_LIMIT)))
        if sum(chunks) != raw:
            field.refuse("the chunks of a frame do not fill it")
        frames.append(Frame(kind, codec, sealed, raw, chunks, start))
        start += sealed
    return frames, start


@dataclass
class PackHeader:
    counter: int
    dek_id: bytes
    length: int
    directory_length: int
    octets: bytes  # the header itself


def read_pack_header(store, pack_id, repository, length):
    """What can be checked without a key: the name, the header and the trailer. `length` is the one an entry gives, if any."""
    name = pack_name(pack_id)
    size = store.check_hash(name, PACK_LIMIT)
    if length is not None and size != length:
        raise Refused(name, f"{size} octets, but an entry says {length}")
    if size < HEADER + TAG + TRAILER:
        raise Refused(name, "too short for a pack")
    octets = store.read(name, 0, HEADER)
    field = Octets(octets, name)
    field.magic(b"SIGNETPK")
    field.suite()
    number = field.u32("pack counter")
    if field.take(16, "repository id") != repository:
        field.refuse("a pack of another repository")
    dek_id = field.take(16, "DEK id")
    field.take(32, "salt")
    field.take(32, "commitment")
    if field.take(16) != bytes(16):
        field.refuse("reserved octets are not zero")
    trailer = Octets(store.read(name, size - TRAILER, TRAILER), name)
    directory_length = trailer.u32()
    if trailer.u64() != size:
        trailer.refuse("another length than it says itself")
    if trailer.take(4) != b"PKEN":
        trailer.refuse("does not end with PKEN")
    if not TAG < directory_length <= min(16 * MIB, size - HEADER - TRAILER):
        trailer.refuse("the length of the directory is impossible")
    return PackHeader(number, dek_id, size, directory_length, octets)


class Pack:
    """A pack that was opened with its DEK."""

    def __init__(self, store, pack_id, repository, length, dek_id, dek):
        self.name = pack_name(pack_id)
        self._store = store
        self.header = read_pack_header(store, pack_id, repository, length)
        if self.header.dek_id != dek_id:
            raise Refused(self.name, "sealed under another DEK than the entry says")
        keys = hkdf_expand(dek, b"signet/pack/v1\0" + self.header.octets[:80], 96)
        if not same_octets(keys[64:], self.header.octets[80:112]):
            raise Refused(self.name, "the commitment does not match the DEK")
        self._frame_key = Sealed(keys[:32])
        self._directory_key = keys[32:64]
        self._bound_to = repository + dek_id

    def directory(self):
        end = self.header.length - TRAILER
        start = end - self.header.directory_length
        octets = Sealed(self._directory_key).open(0, self._store.read(self.name, start, end - start),
                                                  b"signet/dir/v1\0" + self.header.octets, self.name, "the directory")
        field = Octets(unzstd(octets, self.name, "the directory", 64 * MIB), self.name)
        frames, frames_end = parse_frames(field, self.header.length)
        field.finish()
        if frames_end != start:
            field.refuse("the frames do not fill the pack")
        return frames

    def open_frame(self, n, frame):
        """The raw octets of frame `n`."""
        what = f"frame {n}"
        associated = (b"signet/frame/v1\0" + bytes([frame.kind, frame.codec]) + n.to_bytes(4, "little")
                      + frame.raw_length.to_bytes(4, "little") + self._bound_to)
        sealed = self._store.read(self.name, frame.start, frame.sealed_length)
        payload = self._frame_key.open(n, sealed, associated, self.name, what)
        if frame.codec == ZSTD:
            payload = unzstd(payload, self.name, what, FRAME_LIMIT, frame.raw_length)
        if len(payload) != frame.raw_length:
            raise Refused(self.name, f"{what}: {len(payload)} octets instead of {frame.raw_length}")
        return payload


# -- index segments ---------------------------------------------------------------------------------------------------

@dataclass
class IndexedPack:
    pack_id: bytes
    length: int
    frames: list
    chunk_ids: list  # of all frames, in order


@dataclass
class Segment:
    name: str
    dek_id: bytes
    packs: list


def read_index_header(store, index_id, repository, length, identity=None):
    """What can be checked without a key. Gives the whole object."""
    name = index_name(index_id)
    octets = store.read_named(name, INDEX_LIMIT)
    if length is not None and len(octets) != length:
        raise Refused(name, f"{len(octets)} octets, but an entry says {length}")
    field = Octets(octets, name)
    field.magic(b"SIGNETIX")
    field.suite()
    if field.take(16, "repository id") != repository:
        field.refuse("an index of another repository")
    if field.take(32, "identity").hex() != identity and identity is not None:
        field.refuse("an index of another writer")
    field.take(32, "salt")
    if len(octets) - INDEX_HEADER < TAG:
        field.refuse("too short for an index")
    return octets


def read_index(store, index_id, repository, length, identity, index_key):
    name = index_name(index_id)
    octets = read_index_header(store, index_id, repository, length, identity)
    header = octets[:INDEX_HEADER]
    key = hkdf_expand(index_key, b"signet/index/v1\0" + header, 32)
    plain = Sealed(key).open(0, octets[INDEX_HEADER:], header, name, "the index")
    field = Octets(unzstd(plain, name, "the index", INDEX_LIMIT), name)
    dek_id = field.take(16, "DEK id")
    packs = []
    for _ in range(field.varint("count of packs")):
        pack_id, pack_length = field.take(32, "pack id"), field.varint("length of a pack", 0, PACK_LIMIT)
        frames, frames_end = parse_frames(field, pack_length)
        if frames_end + TRAILER >= pack_length:
            field.refuse("frames that do not fit into their pack")
        packs.append(IndexedPack(pack_id, pack_length, frames, []))
    for pack in packs:
        pack.chunk_ids = [field.take(16, "chunk id") for frame in pack.frames for _ in frame.chunks]
    field.finish()
    return Segment(name, dek_id, packs)
