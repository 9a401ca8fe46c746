"""Section 11: contents, directories, entries."""

from dataclasses import dataclass, field as member
from typing import Optional

from .encoding import MIB, U32_MAX, Octets
from .errors import Refused
from .packs import CHUNK_LIMIT, DATA, LIST, TREE

FILE, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = 1, 2, 3, 4, 5, 6, 7
TYPES = {FILE: "file", DIRECTORY: "directory", SYMLINK: "symlink", FIFO: "fifo", SOCKET: "socket",
         CHARACTER: "character device", BLOCK: "block device"}
HAS_BIRTH, HAS_LINK, HAS_HOLES, HAS_XATTRS, HAS_FLAGS, CHANGED = (1 << bit for bit in range(6))

LEVEL_LIMIT = 4
DEPTH_LIMIT = 4096
ENTRY_LIMIT = 4 * MIB
SIZE_LIMIT = 2**63 - 1  # of a file, with its holes


@dataclass
class Reference:
    id: bytes
    length: int  # of the chunk
    span: int    # of the content


@dataclass
class Content:
    size: int = 0
    level: int = 0
    references: list = member(default_factory=list)

    def key(self):
        return self.size, self.level, b"".join(reference.id for reference in self.references)


def parse_references(field, level, total, in_list):
    count = field.varint("count of references", 1, 65536)
    if level == 0 and not in_list and count == 1:
        if total > CHUNK_LIMIT:
            field.refuse("a chunk of more than 1 MiB")
        lengths = [total]
    else:
        lengths = [field.varint("length of a chunk", 1, CHUNK_LIMIT) for _ in range(count)]
    spans = [field.varint("span", 1) for _ in range(count)] if level > 0 else lengths
    if sum(spans) != total:
        field.refuse("references do not add up to the size of what they make")
    return [Reference(field.take(16, "chunk id"), length, span) for length, span in zip(lengths, spans)]


def parse_content(field):
    size = field.varint("size", 0, SIZE_LIMIT)
    if size == 0:
        return Content()
    level = field.varint("level", 0, LEVEL_LIMIT)
    return Content(size, level, parse_references(field, level, size, in_list=False))


def pieces(content, kind, name, chunk):
    """The references of level 0 of a content, in order. `chunk(kind, reference)` gives the octets of a chunk."""
    def below(references, level):
        if level == 0:
            yield from references
            return
        for reference in references:
            field = Octets(chunk(LIST, reference), f"{name} (list {reference.id.hex()})")
            if field.u8("level") != level - 1:
                field.refuse("a list of another level")
            inner = parse_references(field, level - 1, reference.span, in_list=True)
            field.finish()
            yield from below(inner, level - 1)

    yield from below(content.references, content.level)


# -- entries ----------------------------------------------------------------------------------------------------------

@dataclass
class TreeEntry:
    name: bytes
    type: int
    mode: int
    uid: int
    gid: int
    seconds: int
    nanoseconds: int
    content: Optional[Content] = None
    target: bytes = b""
    device: Optional[tuple] = None
    birth: Optional[int] = None       # nanoseconds after the modification time
    link: Optional[tuple] = None      # (file system, inode)
    stretches: Optional[list] = None  # (hole, data)
    xattrs: list = member(default_factory=list)
    flags: Optional[int] = None
    changed: bool = False

    def mtime(self):
        return self.seconds * 10**9 + self.nanoseconds

    def size(self):
        return self.content.size + sum(hole for hole, _ in self.stretches or ())


def parse_tree_entry(field, root=False):
    start = field.at
    name = field.blob("name", 0 if root else 1, 0 if root else 255)
    if b"/" in name or b"\0" in name or name in (b".", b".."):
        field.refuse(f"an entry with the name {name!r}")
    kind = field.u8("type")
    if kind not in TYPES or (root and kind != DIRECTORY):
        field.refuse(f"an entry of type {kind}")
    fields = field.varint("fields")
    if fields & ~0x3F or (fields & HAS_LINK and kind == DIRECTORY) or (fields & HAS_HOLES and kind != FILE):
        field.refuse(f"fields {fields:#x} in an entry of type {kind}")
    entry = TreeEntry(name, kind, field.varint("mode", 0, 0o7777), field.varint("uid", 0, U32_MAX),
                      field.varint("gid", 0, U32_MAX), field.svarint("seconds"), field.varint("nanoseconds", 0, 10**9 - 1))

    if kind in (FILE, DIRECTORY):
        entry.content = parse_content(field)
    elif kind == SYMLINK:
        entry.target = field.blob("target", 1, 65535)
        if b"\0" in entry.target:
            field.refuse("a zero octet in a symbolic link")
    elif kind in (CHARACTER, BLOCK):
        entry.device = field.varint("major", 0, U32_MAX), field.varint("minor", 0, U32_MAX)

    if fields & HAS_BIRTH:
        entry.birth = field.svarint("birth time")
    if fields & HAS_LINK:
        entry.link = field.varint("file system"), field.varint("inode")
    if fields & HAS_HOLES:
        entry.stretches = [(field.varint("hole"), field.varint("data"))
                           for _ in range(field.varint("count of stretches", 1, 65536))]
        if any(data == 0 for _, data in entry.stretches[:-1]) or any(hole == 0 for hole, _ in entry.stretches[1:]):
            field.refuse("holes that could be written shorter")
        if entry.stretches[0][0] == 0 and len(entry.stretches) == 1:
            field.refuse("a sparse file without a hole")
        if sum(data for _, data in entry.stretches) != entry.content.size:
            field.refuse("the stretches of a sparse file do not add up to its content")
    if kind == FILE and entry.size() > SIZE_LIMIT:
        field.refuse("a file of more than 2^63 - 1 octets")
    if fields & HAS_XATTRS:
        entry.xattrs = [(field.blob("attribute's name", 1, 255), field.blob("attribute", 0, 65536))
                        for _ in range(field.varint("count of attributes", 1, 1024))]
        if any(b"\0" in attribute for attribute, _ in entry.xattrs):
            field.refuse("a zero octet in the name of an attribute")
        if any(a[0] >= b[0] for a, b in zip(entry.xattrs, entry.xattrs[1:])):
            field.refuse("extended attributes are not ascending")
    if fields & HAS_FLAGS:
        entry.flags = field.varint("flags", 0, U32_MAX)
    entry.changed = bool(fields & CHANGED)
    if field.at - start > ENTRY_LIMIT:
        field.refuse("an entry of more than 4 MiB")
    return entry


def read_directory(directory, name, chunk):
    """The entries of a directory."""
    octets = b"".join(chunk(TREE, piece) for piece in pieces(directory.content, TREE, name, chunk))
    field = Octets(octets, name)
    entries = []
    while field.at < field.end:
        entry = parse_tree_entry(field)
        if entries and entries[-1].name >= entry.name:
            field.refuse("entries are not ascending by name")
        entries.append(entry)
    return entries


def printable(path):
    """A path as text that can be shown, and read back with surrogateescape."""
    return path.decode("utf-8", "surrogateescape")


def walk(root, name, chunk, into=lambda path, entry: True):
    """All entries below the directory `root`, each before what is in it: (path, entry). A path is a tuple of names."""
    stack = [((), iter(read_directory(root, f"{name} /", chunk)))]
    while stack:
        path, entries = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
            continue
        inside = path + (entry.name,)
        yield inside, entry
        if entry.type == DIRECTORY and into(inside, entry):
            if len(inside) > DEPTH_LIMIT:
                raise Refused(name, f"directories deeper than {DEPTH_LIMIT}")
            stack.append((inside, iter(read_directory(entry, f"{name} /{printable(b'/'.join(inside))}", chunk))))


def data_pieces(file, name, chunk):
    """Where each chunk of a file belongs: (reference, [(offset in the chunk, offset in the file, count)])."""
    stretches = iter(file.stretches or [(0, file.content.size)])
    position = left = 0
    for piece in pieces(file.content, DATA, name, chunk):
        parts = []
        done = 0
        while done < piece.length:
            while left == 0:
                hole, left = next(stretches)
                position += hole
            count = min(left, piece.length - done)
            parts.append((done, position, count))
            done, position, left = done + count, position + count, left - count
        yield piece, parts
