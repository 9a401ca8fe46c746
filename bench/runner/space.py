"""Folders of the runs. ext4 creates files several times slower for minutes after many were deleted, so nothing is deleted
before the end, unless space runs out: then first what has the fewest files."""
import os
import shutil

_RESERVE_BYTES = 3 << 30


class Space:
    def __init__(self, work_dir):
        self._work_dir = work_dir
        self._folders = []
        shutil.rmtree(work_dir, ignore_errors=True)
        os.makedirs(work_dir)

    def folder(self, name):
        """A path that does not exist yet, to be deleted at the end."""
        path = os.path.join(self._work_dir, name)
        self._folders.append(path)
        return path

    def make_room(self, corpus, tool_count):
        """Room for the worst case: each tool stores the corpus twice and restores it once."""
        needed = 3 * tool_count * corpus.info()["versions"]["1"]["bytes"] + _RESERVE_BYTES
        candidates = sorted((p for p in self._folders if os.path.exists(p)), key=_count_files)
        while candidates and shutil.disk_usage(self._work_dir).free < needed:
            shutil.rmtree(candidates.pop(0))
        os.sync()
        free = shutil.disk_usage(self._work_dir).free
        if free < needed:
            raise OSError(f"{corpus.name} may need {needed / 1e9:.0f} GB in {self._work_dir}, which has {free / 1e9:.0f} GB")

    def clear(self):
        shutil.rmtree(self._work_dir, ignore_errors=True)


def _count_files(path):
    return sum(len(names) for _, _, names in os.walk(path))
