"""Section 1: objects and names."""

import hashlib
import os
import re
import stat

from .errors import Refused, Unable

NAMES = {
    "config": re.compile(r"config\.json"),
    "journal": re.compile(r"journal/(?P<identity>[0-9a-f]{64})/(?P<sequence>[0-9]{10})"),
    "slot": re.compile(r"slots/(?P<thumbprint>(?:sha256|kms)-[0-9a-f]{64})/(?P<dek>[0-9a-f]{32})\.(?P<sha256>[0-9a-f]{64})"),
    "pack": re.compile(r"packs/(?P<digits>[0-9a-f]{2})/(?P<sha256>(?P=digits)[0-9a-f]{62})"),
    "index": re.compile(r"indexes/(?P<sha256>[0-9a-f]{64})"),
    "log": re.compile(r"logs/(?P<epoch>[0-9a-f]{32})/(?P<sequence>[0-9]{10})"),
    "escrow": re.compile(r"escrow/(?P<thumbprint>(?:sha256|kms)-[0-9a-f]{64})\.(?P<sha256>[0-9a-f]{64})"),
}


def journal_name(identity, sequence):
    return f"journal/{identity}/{sequence:010d}"


def log_name(dek_id, place):
    return f"logs/{dek_id.hex()}/{place:010d}"


def pack_name(pack_id):
    return f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}"


def index_name(index_id):
    return f"indexes/{index_id.hex()}"


class Store:
    """A set of named, immutable objects. Kinds of store differ in `names`, `size` and `read`."""

    def names(self):
        """All names, in any order."""
        raise NotImplementedError

    def size(self, name):
        """The length of an object; None when there is none of that name."""
        raise NotImplementedError

    def read(self, name, start=0, count=None):
        raise NotImplementedError

    def listing(self):
        """Kind -> the names of that kind's objects in order, each with the parts of its name. What lies elsewhere is
        not part of the repository."""
        found = {kind: [] for kind in NAMES}
        for name in sorted(self.names()):
            for kind, pattern in NAMES.items():
                match = pattern.fullmatch(name)
                if match:
                    found[kind].append((name, match.groupdict()))
        return found

    def read_whole(self, name, most):
        size = self.size(name)
        if size is None:
            raise Refused(name, "is missing")
        if size > most:
            raise Refused(name, f"{size} octets, more than {most}")
        return self.read(name)

    def read_named(self, name, most):
        """A whole object whose name ends in its SHA-256."""
        octets = self.read_whole(name, most)
        if hashlib.sha256(octets).hexdigest() != name[-64:]:
            raise Refused(name, "its SHA-256 is not the one in its name")
        return octets

    def check_hash(self, name, most):
        """As read_named, for objects that are large. Gives the size."""
        size = self.size(name)
        if size is None:
            raise Refused(name, "is missing")
        if size > most:
            raise Refused(name, f"{size} octets, more than {most}")
        digest = hashlib.sha256()
        for start in range(0, size, 8 << 20):
            digest.update(self.read(name, start, 8 << 20))
        if digest.hexdigest() != name[-64:]:
            raise Refused(name, "its SHA-256 is not the one in its name")
        return size


class Folder(Store):
    def __init__(self, path):
        self.path = path

    def names(self):
        def failed(error):
            raise Unable(f"cannot list {error.filename}: {error.strerror}")  # a failed listing is not an empty one

        for folder, _, files in os.walk(self.path, onerror=failed):
            inside = os.path.relpath(folder, self.path)
            for file in files:
                yield file if inside == "." else f"{inside}/{file}"

    def size(self, name):
        try:
            status = os.stat(os.path.join(self.path, name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise Refused(name, "is not a file")
        return status.st_size

    def read(self, name, start=0, count=None):
        with open(os.path.join(self.path, name), "rb", buffering=0) as file:
            file.seek(start)
            if count is None:
                return file.readall()
            return file.read(count)


class Memory(Store):
    """For tests: a dictionary of names and octets."""

    def __init__(self, objects):
        self.objects = objects

    def names(self):
        return list(self.objects)

    def size(self, name):
        return len(self.objects[name]) if name in self.objects else None

    def read(self, name, start=0, count=None):
        return self.objects[name][start:None if count is None else start + count]
