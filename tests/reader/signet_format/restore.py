"""Writing a backup's files (section 15): below the target and nowhere else.

Everything is done relative to file descriptors of directories that this program has just made, never following a symbolic
link; no name holds a `/`, none is `.` or `..`, and no directory has a name twice."""

import os
import resource
import stat

from .contents import (BLOCK, CHARACTER, DIRECTORY, FIFO, FILE, SOCKET, SYMLINK, data_pieces, printable, read_directory, walk)
from .errors import Unable
from .packs import DATA

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NODES = {SOCKET: stat.S_IFSOCK, CHARACTER: stat.S_IFCHR, BLOCK: stat.S_IFBLK}


def find(backup, path):
    """The entry at a path of the backup: (path as a tuple, entry)."""
    parts = tuple(part for part in os.fsencode(path).split(b"/") if part)
    entry = backup.body.root
    for i, part in enumerate(parts):
        entries = read_directory(entry, backup.entry.name, backup.chunk) if entry.type == DIRECTORY else []
        entry = next((inside for inside in entries if inside.name == part), None)
        if entry is None:
            raise Unable(f"/{printable(b'/'.join(parts[:i + 1]))} is not in the backup")
    return parts, entry


class Restorer:
    def __init__(self, backup, target):
        self.backup = backup
        self.warnings = []
        self.counts = {"files": 0, "directories": 0, "others": 0, "links": 0, "bytes": 0}
        self._made = {}  # link identity -> (path, type) of the first entry that bears it
        self._directories = []
        self._as_root = os.geteuid() == 0
        os.makedirs(target, exist_ok=True)
        if os.listdir(target):
            raise Unable(f"{target} is not empty")
        self._target = os.open(target, OPEN_DIRECTORY)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a descriptor for each level of directories

    def restore(self, root_path="/"):
        """A directory's entries come directly below the target, anything else under its own name."""
        _, root = find(self.backup, root_path)
        if root.type != DIRECTORY:
            self._make(self._target, (root.name,), root)
            return
        self._directories.append(((), root))
        levels = [((), self._target)]
        for path, entry in walk(root, self.backup.entry.name, self.backup.chunk):
            while levels[-1][0] != path[:-1]:
                os.close(levels.pop()[1])
            parent = levels[-1][1]
            if entry.type == DIRECTORY:
                os.mkdir(entry.name, 0o700, dir_fd=parent)
                levels.append((path, os.open(entry.name, OPEN_DIRECTORY, dir_fd=parent)))
                self._directories.append((path, entry))
                self.counts["directories"] += 1
            else:
                self._make(parent, path, entry)
        for _, descriptor in levels[1:]:
            os.close(descriptor)
        for path, entry in reversed(self._directories):  # what lies deeper comes first
            descriptor = self._open_directory(path)
            self._dress(entry, path, descriptor)
            os.close(descriptor)

    def _open_directory(self, path):
        descriptor = os.dup(self._target)
        for part in path:
            inner = os.open(part, OPEN_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return descriptor

    def _warn(self, path, what):
        self.warnings.append(f"/{printable(b'/'.join(path))}: {what}")

    def _make(self, parent, path, entry):
        if entry.changed:
            self._warn(path, "changed while it was read; its content may be a mixture")
        if entry.link is not None:
            first = self._made.setdefault(entry.link, (path, entry.type))
            if first[0] != path and first[1] == entry.type and self._link(first[0], parent, path):
                return
        if entry.type == FILE:
            self._make_file(parent, path, entry)
            return
        self.counts["others"] += 1
        try:
            if entry.type == SYMLINK:
                os.symlink(entry.target, entry.name, dir_fd=parent)
            elif entry.type == FIFO:
                os.mkfifo(entry.name, 0o600, dir_fd=parent)
            else:
                os.mknod(entry.name, NODES[entry.type] | 0o600, os.makedev(*entry.device or (0, 0)), dir_fd=parent)
        except (OSError, OverflowError) as error:
            self._warn(path, f"not restored: {error}")
            return
        self._dress(entry, path, None, parent)

    def _link(self, first, parent, path):
        source = self._open_directory(first[:-1])
        try:
            os.link(first[-1], path[-1], src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
            self.counts["links"] += 1
            return True
        except OSError as error:
            self._warn(path, f"restored apart from /{printable(b'/'.join(first))}, with which it was one file: {error}")
            return False
        finally:
            os.close(source)

    def _make_file(self, parent, path, entry):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(entry.name, flags, 0o600, dir_fd=parent)
        try:
            for reference, parts in data_pieces(entry, self.backup.entry.name, self.backup.chunk):
                octets = memoryview(self.backup.chunk(DATA, reference))
                for start, position, count in parts:
                    part = octets[start:start + count]
                    while part:
                        written = os.pwrite(descriptor, part, position)
                        part, position = part[written:], position + written
            if entry.stretches:
                os.ftruncate(descriptor, entry.size())
            self._dress(entry, path, descriptor)
        except BaseException:
            os.unlink(entry.name, dir_fd=parent)  # nothing of what is refused is released
            raise
        finally:
            os.close(descriptor)
        self.counts["files"] += 1
        self.counts["bytes"] += entry.size()

    def _dress(self, entry, path, descriptor, parent=None):
        """Owner, attributes, mode, times, in an order in which none undoes another."""
        if descriptor is None:
            where, how = entry.name, {"dir_fd": parent, "follow_symlinks": False}
            attributes_at, attributes_how = os.fsencode(f"/proc/self/fd/{parent}/") + entry.name, {"follow_symlinks": False}
        else:
            where, how, attributes_at, attributes_how = descriptor, {}, descriptor, {}

        def attempt(what, act):
            try:
                act()
            except (OSError, OverflowError, ValueError) as error:
                self._warn(path, f"{what}: {error}")

        if self._as_root:
            attempt("owner", lambda: os.chown(where, entry.uid, entry.gid, **how))
        for name, value in entry.xattrs:
            attempt(f"attribute {printable(name)}", lambda: os.setxattr(attributes_at, name, value, **attributes_how))
        if entry.type != SYMLINK:
            attempt("mode", lambda: os.chmod(where, entry.mode, **({} if descriptor is not None else {"dir_fd": parent})))
        attempt("time", lambda: os.utime(where, ns=(entry.mtime(), entry.mtime()), **how))
