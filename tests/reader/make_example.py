#!/usr/bin/python3
"""Makes tests/vectors/example/, the worked example of docs/format.md: an independent *writer*. It shares no code with the
reader beside it, so that a mistake in one of them shows.

    make_example.py [FOLDER]      (default: tests/vectors/example; its keys/ must be there)

Everything that a real writer draws at random follows here from fixed words, OAEP's seed too, so the same octets come out
each time (as long as libzstd compresses as it did: what it gives is part of the names of packs)."""

import hashlib
import hmac
import json
import os
import shutil
import sys

import zstandard
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MIB = 1 << 20
FOREVER = 2**64 - 1
FRAME_TARGET = 16 * 1024
FILE, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = range(1, 8)
TYPE_NAMES = {FILE: "file", DIRECTORY: "directory", SYMLINK: "symlink", FIFO: "fifo", SOCKET: "socket",
              CHARACTER: "character device", BLOCK: "block device"}
DATA, TREE, LIST = 1, 2, 3


def random(words, count):
    """Not random at all."""
    return b"".join(hashlib.sha256(f"signet example {words} {i}".encode()).digest() for i in range(count // 32 + 1))[:count]


# -- section 2 --------------------------------------------------------------------------------------------------------

def u8(n):
    return n.to_bytes(1, "little")


def u16(n):
    return n.to_bytes(2, "little")


def u32(n):
    return n.to_bytes(4, "little")


def u64(n):
    return n.to_bytes(8, "little")


def time(n):
    return n.to_bytes(8, "little", signed=True)


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def svarint(n):
    return varint(2 * n if n >= 0 else -2 * n - 1)


def blob(octets):
    return varint(len(octets)) + octets


def text(string):
    return blob(string.encode())


def counted(items):
    items = list(items)
    return varint(len(items)) + b"".join(items)


# -- section 3 --------------------------------------------------------------------------------------------------------

def sha256(octets):
    return hashlib.sha256(octets).digest()


def mac(key, octets):
    return hmac.new(key, octets, hashlib.sha256).digest()


def expand(key, info, length=32):
    blocks = [b""]
    for i in range(1, length // 32 + 1):
        blocks.append(mac(key, blocks[-1] + info + u8(i)))
    return b"".join(blocks)


def seal(key, n, plain, associated):
    return AESGCM(key).encrypt(u64(n) + bytes(4), plain, associated)


def zstd(octets):
    return zstandard.ZstdCompressor(level=9, write_content_size=True).compress(octets)


def oaep(public_numbers, message, seed):
    """RFC 8017 section 7.1.1 with a seed given from outside."""
    def mgf1(source, length):
        return b"".join(sha256(source + i.to_bytes(4, "big")) for i in range(length // 32 + 1))[:length]

    def xor(a, b):
        return bytes(x ^ y for x, y in zip(a, b))

    size = (public_numbers.n.bit_length() + 7) // 8
    block = sha256(b"") + bytes(size - len(message) - 66) + b"\1" + message
    masked = xor(block, mgf1(seed, len(block)))
    encoded = b"\0" + xor(seed, mgf1(masked, 32)) + masked
    return pow(int.from_bytes(encoded, "big"), public_numbers.e, public_numbers.n).to_bytes(size, "big")


class Protector:
    """An RSA key."""

    def __init__(self, path, location):
        with open(path, "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), password=None)
        spki = self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.digest = sha256(spki)
        self.thumbprint = u8(1) + self.digest
        self.name = "sha256-" + self.digest.hex()
        self.location = location
        self.algorithm = 1

    def wrap(self, plain, words):
        return oaep(self.key.public_key().public_numbers(), plain, random("oaep " + words, 32))


class KeyManager:
    """A symmetric key in a key manager: nobody here can open what it wrapped."""

    def __init__(self, words, location):
        self.digest = sha256(words.encode())
        self.thumbprint = u8(2) + self.digest
        self.name = "kms-" + self.digest.hex()
        self.location = location
        self.algorithm = 4

    def wrap(self, plain, words):
        return random("key manager " + words, 152)


class Identity:
    def __init__(self, words):
        self.seed = random("seed of " + words, 32)
        self.key = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = sha256(bytes.fromhex("302a300506032b6570032100") + self.public)
        self.words = words
        self.entries = []  # entry ids


# -- sections 1, 4, 5, 7 ----------------------------------------------------------------------------------------------

class Repository:
    def __init__(self, officer):
        self.objects = {}
        self.id = random("repository", 16)
        config = {"format": 1, "officer": officer.id.hex(), "provider": "local", "region": "local", "repository": self.id.hex()}
        self.config = (json.dumps(config, sort_keys=True, separators=(",", ":")) + "\n").encode()
        self.objects["config.json"] = self.config

    def add(self, pattern, octets):
        digest = sha256(octets)
        self.objects[pattern.format(digest.hex())] = octets
        return digest

    def sign(self, identity, kind, when, public, sealed=lambda associated: b"", sealed_length=0, log_head=bytes(32), policy=bytes(32)):
        """Adds an entry. `sealed` gives the sealed part, whose length must be known before, for the associated data."""
        sequence = len(identity.entries) + 1
        previous = identity.entries[-1] if identity.entries else bytes(32)
        public = (self.id + sha256(self.config) + identity.public + u64(sequence) + previous + time(when) + log_head + policy
                  + public)
        head = b"SIGNETJE" + u16(1) + u8(kind) + u8(1) + u32(len(public)) + u32(sealed_length) + public
        sealed = sealed(head)
        assert len(sealed) == sealed_length
        octets = head + sealed
        octets += identity.key.sign(b"signet/entry/v1\0" + sha256(octets))
        self.objects[f"journal/{identity.id.hex()}/{sequence:010d}"] = octets
        identity.entries.append(sha256(octets))
        return identity.entries[-1]

    def escrow(self, name, protector, passphrase, seed, log2_n=10, r=8, p=1):
        salt = random("escrow salt", 16)
        derived = hashlib.scrypt(passphrase, salt=salt, n=1 << log2_n, r=r, p=p, dklen=64)
        head = (b"SIGNETES" + u16(1) + self.id + protector.thumbprint + u8(log2_n) + u8(r) + u8(p) + salt
                + sha256(b"signet/check/v1\0" + derived[32:]))
        der = protector.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.add("escrow/" + protector.name + ".{}", head + seal(derived[:32], 0, text(name) + blob(der) + blob(seed), head))

    def label_half(self, label_key, identity, plain, associated, words):
        salt = random("labels salt " + words, 32)
        key = expand(label_key, b"signet/labels/v1\0" + self.id + identity.id + u64(len(identity.entries) + 1) + salt)
        return salt + u32(len(plain) + 16) + seal(key, 0, plain, associated)


# -- sections 6, 8, 9, 10 ---------------------------------------------------------------------------------------------

class Writer:
    def __init__(self, repository, words):
        self.repository = repository
        self.identity = Identity(words)
        self.id_key, self.index_key, self.label_key = (random(f"{which} key of {words}", 32) for which in ("id", "index", "label"))
        self.predecessors = []  # identities
        self.pack_of = {}  # chunk id -> pack id
        self.home = {}     # pack id -> (identity of its writer, sequence number of its entry, number in it)
        self.runs = {}     # (identity, sequence number) -> run

    def successor(self, words):
        """Who takes this writer's place, knowing what it has stored until now."""
        heir = Writer(self.repository, words)
        heir.id_key, heir.index_key, heir.label_key = self.id_key, self.index_key, self.label_key
        heir.predecessors = [*self.predecessors, self.identity.id]
        heir.pack_of, heir.home, heir.runs = dict(self.pack_of), dict(self.home), dict(self.runs)
        return heir


class Run:
    def __init__(self, writer, words, protectors, counter=0):
        self.writer = writer
        self.words = words
        self.id = random("run " + words, 16)
        self.dek = random("dek " + words, 32)
        self.dek_id = random("dek id " + words, 16)
        self.counter = counter
        self.commitment = expand(self.dek, b"signet/dek-commit/v1\0" + writer.repository.id + self.dek_id)
        self.slots = [self.store_slot(protector) for protector in protectors]
        self.open = {1: [], 2: []}  # frame kind -> chunks: (id, octets)
        self.frames = []            # (kind, chunks)
        self.packs = []             # (id, length, records, chunk ids), since the last entry
        self.pending = set()        # ids of chunks that are in no pack yet
        self.used = set()
        self.obeyed = []  # (identity, sequence number)
        self.raw = self.sealed = self.salts = 0

    def store_slot(self, protector):
        repository = self.writer.repository
        binding = sha256(b"signet/wrap/v1\0" + repository.id + self.dek_id + protector.thumbprint)
        slot = (b"SIGNETSL" + u16(1) + u16(protector.algorithm) + repository.id + self.dek_id + protector.thumbprint + self.commitment
                + text(protector.location) + blob(protector.wrap(self.dek + binding, f"{self.words} {protector.name}")))
        repository.add(f"slots/{protector.name}/{self.dek_id.hex()}.{{}}", slot)
        return slot

    def salt(self):
        self.salts += 1
        return random(f"salt {self.words} {self.salts}", 32)

    def chunk(self, kind, octets):
        assert 1 <= len(octets) <= MIB
        ident = mac(self.writer.id_key, u8(kind) + octets)[:16]
        self.used.add(ident)
        if ident not in self.writer.pack_of and ident not in self.pending:
            self.pending.add(ident)
            frame = 1 if kind == DATA else 2
            if sum(len(one) for _, one in self.open[frame]) + len(octets) > MIB:
                self.end_frame(frame)
            self.open[frame].append((ident, octets))
            self.raw += len(octets)
            if sum(len(one) for _, one in self.open[frame]) >= FRAME_TARGET:
                self.end_frame(frame)
        return ident

    def end_frame(self, kind):
        if self.open[kind]:
            self.frames.append((kind, self.open[kind]))
            self.open[kind] = []

    def end_pack(self):
        self.end_frame(1)
        self.end_frame(2)
        if not self.frames:
            return
        repository = self.writer.repository
        head = b"SIGNETPK" + u16(1) + u16(1) + u32(self.counter) + repository.id + self.dek_id + self.salt()
        self.counter += 1
        keys = expand(self.dek, b"signet/pack/v1\0" + head, 96)
        head += keys[64:] + bytes(16)
        body, records = b"", []
        for n, (kind, chunks) in enumerate(self.frames):
            raw = b"".join(octets for _, octets in chunks)
            small = zstd(raw)
            codec, payload = (1, small) if len(small) < len(raw) else (0, raw)
            sealed = seal(keys[:32], n, payload, b"signet/frame/v1\0" + u8(kind) + u8(codec) + u32(n) + u32(len(raw))
                          + repository.id + self.dek_id)
            body += sealed
            records.append(u8(kind) + u8(codec) + varint(len(sealed)) + varint(len(raw))
                           + counted(varint(len(octets)) for _, octets in chunks))
        directory = seal(keys[32:64], 0, zstd(counted(records)), b"signet/dir/v1\0" + head)
        length = len(head) + len(body) + len(directory) + 16
        octets = head + body + directory + u32(len(directory)) + u64(length) + b"PKEN"
        digest = sha256(octets)
        repository.objects[f"packs/{digest.hex()[:2]}/{digest.hex()}"] = octets
        ids = [ident for _, chunks in self.frames for ident, _ in chunks]
        self.writer.pack_of.update(dict.fromkeys(ids, digest))
        self.packs.append((digest, length, records, ids))
        self.frames = []
        self.pending.clear()
        self.sealed += length

    def index(self):
        writer = self.writer
        plain = (self.dek_id + counted(pack + varint(length) + counted(records) for pack, length, records, _ in self.packs)
                 + b"".join(ident for *_, ids in self.packs for ident in ids))
        head = b"SIGNETIX" + u16(1) + u16(1) + writer.repository.id + writer.identity.id + self.salt()
        octets = head + seal(expand(writer.index_key, b"signet/index/v1\0" + head), 0, zstd(plain), head)
        return writer.repository.add("indexes/{}", octets), len(octets)

    def commit(self, kind, when, labels, rest=b"", flags=0, log_head=bytes(32), policy=bytes(32)):
        """A backup (1) or partial (2) entry. Labels and the rest of the body come encoded."""
        self.end_pack()
        writer, identity, repository = self.writer, self.writer.identity, self.writer.repository
        sequence = len(identity.entries) + 1
        for number, pack in enumerate(self.packs):
            writer.home[pack[0]] = identity.id, sequence, number
        writer.runs[identity.id, sequence] = self
        indexes = [self.index()] if self.packs else []
        bitmaps = {}
        if kind == 1:
            for pack in {writer.pack_of[ident] for ident in self.used}:
                home, entry, number = writer.home[pack]
                if (home, entry) != (identity.id, sequence):
                    place = [identity.id, *writer.predecessors].index(home), entry, home
                    bitmaps[place] = bitmaps.get(place, 0) | 1 << number
        reach = [varint(journal) + varint(entry) + writer.runs[home, entry].dek_id
                 + blob(bits.to_bytes((bits.bit_length() + 7) // 8, "little"))
                 for (journal, entry, home), bits in sorted(bitmaps.items())]
        series, encoded_labels = labels
        public = (self.id + mac(writer.label_key, b"signet/series/v1\0" + series.encode())[:16] + u8(1) + u8(flags)
                  + time(when) + time(when) + time(when + 90 * 10**9) + self.dek_id + self.commitment
                  + counted(blob(slot) for slot in self.slots) + counted(pack[0] + varint(pack[1]) for pack in self.packs)
                  + counted(ident + varint(length) for ident, length in indexes) + counted(writer.predecessors)
                  + counted(identity + varint(sequence) for identity, sequence in sorted(self.obeyed)) + counted(reach))
        body = writer.id_key + writer.index_key + writer.label_key + rest
        words = f"{self.words} {sequence}"
        body_salt = random("body salt " + words, 32)
        body_key = expand(self.dek, b"signet/body/v1\0" + repository.id + self.dek_id + identity.id + u64(sequence) + body_salt)

        def sealed(associated):
            return (repository.label_half(writer.label_key, identity, encoded_labels, associated, words)
                    + body_salt + u32(len(body) + 16) + seal(body_key, 0, body, associated))

        self.packs = []
        return repository.sign(identity, kind, when + 91 * 10**9, public, sealed, 2 * (32 + 4 + 16) + len(encoded_labels) + len(body),
                               log_head, policy)


def labels(host, user, series, paths, tags, program="make_example.py 1"):
    return series, (text(host) + text(user) + text(series) + counted(map(blob, paths)) + counted(map(text, sorted(tags)))
                    + counted([]) + text(program))


# -- section 11 -------------------------------------------------------------------------------------------------------

class Node:
    """A file, directory, … as it lies on the disk of the example's machine."""

    def __init__(self, name, kind, mode=0o644, uid=1000, gid=1000, mtime=1_700_000_000_000_000_000, data=b"", cuts=(), fan=0, levels=0,
                 children=(), target=b"", device=None, birth=None, link=None, stretches=None, xattrs=None, flags=None, changed=False):
        self.name, self.kind, self.mode, self.uid, self.gid, self.mtime = name, kind, mode, uid, gid, mtime
        self.data, self.cuts, self.fan, self.levels = data, cuts, fan, levels
        self.children = sorted(children, key=lambda child: child.name)
        self.target, self.device, self.birth, self.link = target, device, birth, link
        self.stretches, self.xattrs, self.flags, self.changed = stretches, xattrs, flags, changed


def references(refs, level, short):
    lengths = b"" if level == 0 and short and len(refs) == 1 else b"".join(varint(length) for _, length, _ in refs)
    spans = b"".join(varint(span) for *_, span in refs) if level else b""
    return varint(len(refs)) + lengths + spans + b"".join(ident for ident, *_ in refs)


def content(run, kind, octets, cuts=(), fan=0, levels=0):
    """Cut at the offsets `cuts`; `levels` levels of lists, each of `fan` references."""
    if not octets:
        return varint(0)
    edges = [0, *cuts, len(octets)]
    refs = [(run.chunk(kind, octets[a:b]), b - a, b - a) for a, b in zip(edges, edges[1:])]
    for level in range(levels):
        lists = []
        for i in range(0, len(refs), fan):
            octets_of_list = u8(level) + references(refs[i:i + fan], level, short=False)
            lists.append((run.chunk(LIST, octets_of_list), len(octets_of_list), sum(span for *_, span in refs[i:i + fan])))
        refs = lists
    return varint(len(octets)) + varint(levels) + references(refs, levels, short=True)


def encode(run, node):
    out = b""
    if node.kind == FILE:
        out = content(run, DATA, node.data, node.cuts, node.fan, node.levels)
    elif node.kind == DIRECTORY:
        out = content(run, TREE, b"".join(encode(run, child) for child in node.children), node.cuts, node.fan, node.levels)
    elif node.kind == SYMLINK:
        out = blob(node.target)
    elif node.kind in (CHARACTER, BLOCK):
        out = varint(node.device[0]) + varint(node.device[1])
    fields = 0
    if node.birth is not None:
        fields |= 1
        out += svarint(node.birth - node.mtime)
    if node.link:
        fields |= 2
        out += varint(node.link[0]) + varint(node.link[1])
    if node.stretches:
        fields |= 4
        out += counted(varint(hole) + varint(data) for hole, data in node.stretches)
    if node.xattrs:
        fields |= 8
        out += counted(blob(name) + blob(value) for name, value in sorted(node.xattrs.items()))
    if node.flags is not None:
        fields |= 16
        out += varint(node.flags)
    if node.changed:
        fields |= 32
    return (blob(node.name) + u8(node.kind) + varint(fields) + varint(node.mode) + varint(node.uid) + varint(node.gid)
            + svarint(node.mtime // 10**9) + varint(node.mtime % 10**9) + out)


def everything(node, path=b""):
    yield path or b"/", node
    for child in node.children:
        yield from everything(child, path + b"/" + child.name)


def totals_of(root):
    nodes = [node for _, node in everything(root)][1:]
    kinds = [node.kind for node in nodes]
    files, directories = kinds.count(FILE), kinds.count(DIRECTORY)
    return files, directories, len(kinds) - files - directories, sum(len(whole(node)) for node in nodes if node.kind == FILE)


def whole(node):
    """A file with its holes."""
    out, at = b"", 0
    for hole, data in node.stretches or [(0, len(node.data))]:
        out += bytes(hole) + node.data[at:at + data]
        at += data
    return out


# -- the example ------------------------------------------------------------------------------------------------------

ANNA = b"/home/anna"
DAY = 86_400 * 10**9
FIRST = 1_790_000_000_000_000_000  # 2026-09-21
PROSE = b"".join(b"Line %d of a file that is worth compressing.\n" % i for i in range(900))


def trees():
    """The machine at the time of the first backup and at that of the second."""
    noise = random("noise", 40_000)
    link = {"link": (0, 4711)}
    notes = dict(kind=FILE, mode=0o640, mtime=FIRST - 7, data=b"Remember the milk.\n", xattrs={b"user.origin": b"the \0 shop", b"user.empty": b""}, **link)
    common = [
        Node(b"empty", FILE, mode=0o600),
        Node(b"notes.txt", **notes),
        Node(b"again.txt", **notes),
        Node(b"prose.txt", FILE, data=PROSE, cuts=(10_000, 20_001), birth=FIRST - 30 * DAY),
        Node(b"chunks.bin", FILE, data=noise, cuts=(3_000, 8_000, 16_192, 16_193, 30_000), fan=4, levels=1),
        Node(b"deep.bin", FILE, data=noise[:20_000], cuts=(3_000, 8_000, 12_000, 15_000), fan=2, levels=2),
        Node(b"large-chunk", FILE, data=b"A" * (MIB + 1), cuts=(MIB,)),
        Node(b"disk.img", FILE, data=noise[:9_000], cuts=(5_000,), stretches=[(MIB, 4_096), (3 * MIB, 4_904), (123_457, 0)]),
        Node(b"start.img", FILE, data=b"start", stretches=[(0, 5), (65_531, 0)]),
        Node(b"hollow.img", FILE, stretches=[(200_000, 0)]),
        Node(b"latest", SYMLINK, mode=0o777, target=b"notes.txt"),
        Node(b"out", SYMLINK, mode=0o777, target=b"../../../../etc/passwd"),
        Node(b"pipe", FIFO, mode=0o620),
        Node(b"old", FILE, mtime=-1, data=b"before 1970"),
        Node(b"caf\xe9", FILE, data=b"a name that is not UTF-8"),
        Node("Straße".encode(), FILE, mode=0o4755, uid=0, gid=0, data=b"set-user-id"),
        Node(b"read-only", DIRECTORY, mode=0o555, children=[Node(b"x", FILE, mode=0o444, data=b"x")]),
        Node(b"vacant", DIRECTORY, mode=0o1777),
        Node(b"many", DIRECTORY, mode=0o755, cuts=(100, 777, 778), fan=2, levels=1,
             children=[Node(b"%03d" % i, FILE, data=b"file %d" % i) for i in range(40)]),
    ]
    only_first = [
        Node(b"gone", FILE, data=random("gone", 20_000)),
        Node(b"null", CHARACTER, mode=0o666, uid=0, gid=0, device=(1, 3)),
        Node(b"talk", SOCKET, mode=0o700),
        Node(b"log", FILE, data=b"half a line", flags=0x20, changed=True),
    ]
    only_second = [
        Node(b"new.txt", FILE, mtime=FIRST + DAY - 1, data=b"New since yesterday.\n" * 40),
        Node(b"same-noise.bin", FILE, data=noise[3_000:8_000] * 2, cuts=(5_000,)),  # a known chunk, twice
    ]

    def machine(inside, mtime):
        anna = Node(b"anna", DIRECTORY, mode=0o700, mtime=mtime, children=inside)
        return Node(b"", DIRECTORY, mode=0o755, uid=0, gid=0, cuts=(11,), children=[
            Node(b"home", DIRECTORY, mode=0o755, uid=0, gid=0, children=[anna]),
            Node(b"srv", DIRECTORY, mode=0o755, uid=0, gid=0)])

    return machine(common + only_first, FIRST - 1), machine(common + only_second, FIRST + DAY - 1)


def body(run, root, encoded_root, errors=()):
    owners = counted([varint(0) + text("root"), varint(1000) + text("anna")])
    groups = counted([varint(0) + text("root"), varint(1000) + text("anna")])
    totals = [*totals_of(root), run.raw, run.sealed, len(errors)]
    return (encoded_root + owners + groups + b"".join(map(varint, totals))
            + counted(blob(path) + varint(errno) + text(what) for path, errno, what in errors))


def expected_entry(path, node):
    def shown(name, octets):
        try:
            return {name: octets.decode()}
        except UnicodeDecodeError:
            return {name + "_hex": octets.hex()}

    row = {**shown("path", path), "type": TYPE_NAMES[node.kind], "mode": f"{node.mode:04o}", "uid": node.uid, "gid": node.gid,
           "mtime": node.mtime}
    if node.kind == FILE:
        row.update(size=len(whole(node)), sha256=sha256(whole(node)).hex())
    if node.kind == SYMLINK:
        row.update(shown("target", node.target))
    for name, value in (("device", node.device), ("birth", node.birth), ("link", node.link), ("stretches", node.stretches), ("flags", node.flags)):
        if value is not None:
            row[name] = value
    if node.xattrs:
        row["xattrs"] = {name.decode(): value.hex() for name, value in sorted(node.xattrs.items())}
    if node.changed:
        row["changed"] = True
    return row


class Example:
    """Builds the repository and what to expect of it. Tests change parts of it to make hostile ones."""

    def __init__(self, keys):
        self.token = Protector(os.path.join(keys, "token.pem"), "pkcs11:token=example")
        self.escrow = Protector(os.path.join(keys, "escrow.pem"), "escrow")
        self.manager = KeyManager("a key manager's key", "kms://example/key")
        with open(os.path.join(keys, "escrow.passphrase"), "rb") as file:
            self.passphrase = file.read().rstrip(b"\n")
        self.officer = Identity("officer")
        self.repository = Repository(self.officer)
        self.writer = Writer(self.repository, "writer")
        self.retired = Writer(self.repository, "retired writer")
        self.expected = []

    def trust(self, when, *statements):
        public = counted(identity.id + u8(role) + u64(first) + u64(last) for identity, role, first, last in statements)
        self.repository.sign(self.officer, 3, when, public)

    def expect(self, backup, writer, when, trusted, root, label, tags, deks, errors=()):
        self.expected.append({
            "id": backup.hex(), "writer": writer.identity.id.hex(), "sequence": len(writer.identity.entries), "time": when, "trusted": trusted,
            "host": label[0], "user": label[1], "series": label[2], "paths": [path.decode() for path in label[3]], "tags": tags,
            "deks": [{"id": run.dek_id.hex(), "dek": run.dek.hex()} for run in deks],
            "totals": dict(zip(("files", "directories", "others", "bytes"), totals_of(root)), errors=len(errors)),
            "unread": [{"path": path.decode(), "errno": errno, "what": what} for path, errno, what in errors],
            "entries": [expected_entry(path, node) for path, node in everything(root)],
        })

    def build(self):
        repository, writer, retired = self.repository, self.writer, self.retired
        self.trust(FIRST - 9 * DAY, (writer.identity, 1, 1, FOREVER), (retired.identity, 1, 1, FOREVER))
        policy = repository.sign(self.officer, 4, FIRST - 8 * DAY, u64(1) + counted([text("escrow") + text("required"), text("keep-days") + text("30")]))

        # The retired writer: trusted for its first backup, not for its second. The heir took its place in between, and
        # reaches its first backup.
        label = ("attic", "bob", "attic", [b"/attic"], [])

        def attic_backup(writer, words, when, trusted, children, deks=()):
            run = Run(writer, words, [self.token])
            root = Node(b"", DIRECTORY, mode=0o755, uid=0, gid=0, children=[Node(b"attic", DIRECTORY, mode=0o755, children=children)])
            encoded = encode(run, root)
            run.end_pack()
            backup = run.commit(1, when, labels(*label), body(run, root, encoded))
            run.store_slot(self.escrow)  # wrapped again later: in slots/ only
            self.expect(backup, writer, when, trusted, root, label, [], [*deks, run])
            return run

        box = Node(b"box", FILE, data=b"box 1")
        first_attic = attic_backup(retired, "attic 1", FIRST - 7 * DAY, True, [box])
        heir = self.heir = retired.successor("heir")
        attic_backup(retired, "attic 2", FIRST + 9 * DAY, False, [Node(b"box", FILE, data=b"box 2")])
        self.trust(FIRST - 6 * DAY, (retired.identity, 1, 1, 1), (heir.identity, 1, 1, FOREVER))
        attic_backup(heir, "attic of the heir", FIRST - 5 * DAY, True, [box, Node(b"lid", FILE, data=b"a lid")], [first_attic])

        # The first backup: a partial entry with four packs on its way, one of them for a file that will be gone.
        before, after = trees()
        label = ("desk", "anna", "home", [ANNA, b"/srv"], ["daily", "äpfel"])
        errors = [(ANNA + b"/secret", 13, "Permission denied")]
        run = Run(writer, "first", [self.token, self.escrow])
        anna = next(node for path, node in everything(before) if path == ANNA)
        for child in anna.children:
            if child.name == b"gone":
                run.end_pack()
            encode(run, child)
            if child.name in (b"gone", b"many"):
                run.end_pack()
        run.commit(2, FIRST, labels(*label))
        encoded = encode(run, before)
        run.end_pack()
        first = run.commit(1, FIRST, labels(*label), body(run, before, encoded, errors), flags=1, log_head=random("log", 32), policy=policy)
        self.expect(first, writer, FIRST, True, before, label, ["daily", "keep"], [run], errors)

        # The second reaches packs of both entries, but not all of them.
        second_run = Run(writer, "second", [self.token, self.escrow, self.manager])
        second_run.obeyed = [(self.officer.id, 3)]
        encoded = encode(second_run, after)
        second_run.end_pack()
        backup = second_run.commit(1, FIRST + DAY, labels(*label), body(second_run, after, encoded), policy=policy)
        self.expect(backup, writer, FIRST + DAY, True, after, label, ["daily", "äpfel"], [run, second_run])

        # Two remarks on the first backup; the later one counts.
        for when, tags in ((FIRST + 2 * DAY, ["wrong"]), (FIRST + 3 * DAY, ["daily", "keep"])):
            plain = counted(map(text, tags))
            repository.sign(self.officer, 5, when, first + writer.identity.id, sealed_length=32 + 4 + len(plain) + 16,
                            sealed=lambda head: repository.label_half(writer.label_key, self.officer, plain, head, f"remark {tags}"))
        repository.escrow("Escrow", self.escrow, self.passphrase, self.officer.seed)

    def description(self):
        return {
            "repository": self.repository.id.hex(),
            "config_hash": sha256(self.repository.config).hex(),
            "passphrase": self.passphrase.decode(),
            "protectors": {name: protector.name.replace("-", ":", 1) for name, protector in
                           (("token", self.token), ("escrow", self.escrow), ("key manager", self.manager))},
            "identities": {identity.words: {"id": identity.id.hex(), "seed": identity.seed.hex(), "entries": [entry.hex() for entry in identity.entries]}
                           for identity in (self.officer, self.writer.identity, self.retired.identity, self.heir.identity)},
            "keys": {writer.identity.words: {"id_key": writer.id_key.hex(), "index_key": writer.index_key.hex(), "label_key": writer.label_key.hex()}
                     for writer in (self.writer, self.retired, self.heir)},
            "policy": {"number": 1, "values": {"escrow": "required", "keep-days": "30"}},
            "latest": next(backup["id"] for backup in reversed(self.expected) if backup["trusted"]),
            "backups": self.expected,
        }


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(here), "vectors", "example")
    example = Example(os.path.join(folder, "keys"))
    example.build()
    shutil.rmtree(os.path.join(folder, "repository"), ignore_errors=True)
    for name, octets in example.repository.objects.items():
        path = os.path.join(folder, "repository", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(octets)
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(example.description(), file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
