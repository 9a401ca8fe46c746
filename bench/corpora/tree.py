"""Facts about a tree of files, and fixed times for it."""
import hashlib
import os
import stat

from .seed import unit

BASE_TIME_S = 1_700_000_000
CHANGED_TIME_NS = 1_750_000_000_123_456_789
_YEAR_S = 365 * 24 * 3600


def walk(root):
    """Every entry below root as (relative path, stat), sorted by path within each folder."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(root, folder)) as listing:
            entries = sorted(listing, key=lambda e: e.name)
        for entry in entries:
            relative = os.path.join(folder, entry.name)
            yield relative, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                pending.append(relative)


def stamp(root):
    """Gives every entry a time of its own, fixed by its path, to the nanosecond: real trees are not all of one second."""
    for relative, _ in list(walk(root)):
        set_time(os.path.join(root, relative), fixed_time_ns(relative))
    set_time(root, fixed_time_ns(""))


def fixed_time_ns(relative):
    return BASE_TIME_S * 10**9 + int(unit("mtime", relative) * _YEAR_S * 10**9)


def set_time(path, time_ns):
    os.utime(path, ns=(time_ns, time_ns), follow_symlinks=False)


def facts(root):
    """Counts, bytes and a fingerprint of names, kinds and contents (not of times, modes and owners)."""
    counts = {"files": 0, "dirs": 0, "links": 0, "other": 0, "bytes": 0}
    lines = []
    for relative, st in walk(root):
        path = os.path.join(root, relative)
        if stat.S_ISREG(st.st_mode):
            counts["files"] += 1
            counts["bytes"] += st.st_size
            content = _digest(path)
        elif stat.S_ISDIR(st.st_mode):
            counts["dirs"] += 1
            content = "dir"
        elif stat.S_ISLNK(st.st_mode):
            counts["links"] += 1
            content = "link " + os.readlink(path)
        else:
            counts["other"] += 1
            content = "other"
        lines.append(f"{relative}\0{content}\n".encode("utf-8", "surrogateescape"))
    counts["fingerprint"] = hashlib.sha256(b"".join(sorted(lines))).hexdigest()
    return counts


def _digest(path):
    with open(path, "rb", buffering=0) as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
