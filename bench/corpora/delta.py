"""What differs between two versions of a tree, and how to go from one to the other in place.

A delta is a folder with `delta.json` (files, pieces, times) and `delta.bin` (the bytes of the pieces, one after another).
Two deltas are written at a time, one in each direction. Applying one is idempotent: whatever mixture of both versions
stands in the tree, the result is the delta's version, as both cover the same pieces. Files keep their inode.
"""
import io
import json
import os
import stat

from . import tree

_BLOCK = 4096
_WINDOW = 1 << 20


class DeltaPair:
    """Collects the differences of version 1 and 2 and writes both deltas."""

    def __init__(self, delta_dir_1, delta_dir_2):
        self._sides = (_Side(delta_dir_1), _Side(delta_dir_2))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for side in self._sides:
            side.close(complete=kind is None)

    def edit(self, path, attributes, old, new):
        """A file with other bytes in version 2. `attributes` is its stat in version 1."""
        self.compare(path, attributes, io.BytesIO(old), attributes, io.BytesIO(new))

    def compare(self, path, attributes_1, stream_1, attributes_2, stream_2):
        """A file of both versions; nothing is recorded if its bytes are the same."""
        pieces = list(_differing(stream_1, stream_2))
        if not pieces:
            return
        times = (attributes_1.st_mtime_ns, tree.CHANGED_TIME_NS)
        for side, stream, attributes, time_ns in zip(
                self._sides, (stream_1, stream_2), (attributes_1, attributes_2), times):
            size = stream.seek(0, io.SEEK_END)
            side.file(path, attributes, size, time_ns, stream, pieces)

    def only_in(self, version, path, attributes, stream, time_ns):
        """A file that the other version does not have."""
        present, absent = self._sides[version - 1], self._sides[2 - version]
        size = stream.seek(0, io.SEEK_END)
        present.file(path, attributes, size, time_ns, stream, [(0, size)])
        absent.removed.append(path)

    def folder_time(self, path, time_1_ns, time_2_ns):
        for side, time_ns in zip(self._sides, (time_1_ns, time_2_ns)):
            side.folders.append({"path": path, "mtime_ns": time_ns})

    def summary(self):
        """How much of version 2 is different, for the record."""
        after = self._sides[1]
        return {"files": len(after.files), "files_bytes": sum(f["size"] for f in after.files),
                "differing_bytes": after.piece_bytes, "removed": len(after.removed)}


class _Side:
    def __init__(self, folder):
        os.makedirs(folder)
        self._folder = folder
        self._blob = open(os.path.join(folder, "delta.bin"), "wb")
        self.files, self.removed, self.folders = [], [], []
        self.piece_bytes = 0

    def file(self, path, attributes, size, time_ns, stream, pieces):
        kept = []
        for offset, length in pieces:
            length = max(0, min(length, size - offset))
            if not length:
                continue
            stream.seek(offset)
            _copy(stream, self._blob, length)
            kept.append([offset, length])
            self.piece_bytes += length
        self.files.append({"path": path, "size": size, "mtime_ns": time_ns, "pieces": kept,
                           "mode": stat.S_IMODE(attributes.st_mode), "uid": attributes.st_uid, "gid": attributes.st_gid})

    def close(self, complete):
        self._blob.close()
        if complete:
            with open(os.path.join(self._folder, "delta.json"), "w", encoding="ascii") as f:
                json.dump({"files": self.files, "removed": self.removed, "folders": self.folders}, f)


def apply(delta_dir, root):
    with open(os.path.join(delta_dir, "delta.json"), encoding="ascii") as f:
        description = json.load(f)
    for path in description["removed"]:
        try:
            os.unlink(os.path.join(root, path))
        except FileNotFoundError:
            pass
    with open(os.path.join(delta_dir, "delta.bin"), "rb") as blob:
        for entry in description["files"]:
            _write(os.path.join(root, entry["path"]), entry, blob)
    for folder in description["folders"]:
        tree.set_time(os.path.join(root, folder["path"]), folder["mtime_ns"])


def _write(path, entry, blob):
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b", buffering=0) as target:
        for offset, length in entry["pieces"]:
            target.seek(offset)
            _copy(blob, target, length)
        target.truncate(entry["size"])
        os.fchmod(target.fileno(), entry["mode"])
        if os.geteuid() == 0:
            os.fchown(target.fileno(), entry["uid"], entry["gid"])
    tree.set_time(path, entry["mtime_ns"])


def _copy(source, target, length):
    while length:
        data = source.read(min(length, _WINDOW))
        if not data:
            raise EOFError("a piece of a delta is cut short")
        target.write(data)
        length -= len(data)


def _differing(stream_1, stream_2):
    """Pieces (offset, length), in blocks, where the streams differ; the longer one's rest is a difference."""
    stream_1.seek(0)
    stream_2.seek(0)
    window_at, start = 0, None
    while True:
        a, b = stream_1.read(_WINDOW), stream_2.read(_WINDOW)
        longest = max(len(a), len(b))
        if a == b:
            blocks = ((0, False),)
        else:
            blocks = ((at, a[at:at + _BLOCK] != b[at:at + _BLOCK]) for at in range(0, longest, _BLOCK))
        for at, differs in blocks:
            if differs and start is None:
                start = window_at + at
            elif not differs and start is not None:
                yield start, window_at + at - start
                start = None
        if not longest:
            return
        window_at += longest
