"""Where a corpus lies on disk, what is known about it, and which of its versions stands there now.

    DIR/corpora/NAME/tree/        what is backed up
    DIR/corpora/NAME/v1.delta/    turns the tree into version 1, v2.delta/ into version 2
    DIR/corpora/NAME/corpus.json  the facts of both versions; written last, so that it means "complete"
    DIR/corpora/NAME/version      1 or 2; 0 while a switch is under way
"""
import json
import os
import shutil

from . import delta

NAMES = ("linux", "db", "media", "tiny")
DEFAULT_DIR = os.environ.get("SIGNET_BENCH_DIR", "/var/tmp/signet-bench")

# Raised whenever a generator changes what it makes, so that old corpora are not mistaken for new ones.
GENERATION = 1


class Corpus:
    def __init__(self, base_dir, name):
        self.name = name
        self.dir = os.path.join(os.path.abspath(base_dir), "corpora", name)
        self.tree = os.path.join(self.dir, "tree")
        self.info_path = os.path.join(self.dir, "corpus.json")
        self.version_path = os.path.join(self.dir, "version")

    def delta_dir(self, version):
        return os.path.join(self.dir, f"v{version}.delta")

    def info(self):
        """The recorded facts, or None where the corpus is absent or unfinished."""
        try:
            with open(self.info_path, encoding="utf-8") as f:
                return json.load(f)
        except FileNotFoundError:
            return None

    def is_current(self, scale):
        info = self.info()
        return bool(info) and info["scale"] == scale and info["generation"] == GENERATION

    def version(self):
        with open(self.version_path, encoding="ascii") as f:
            return int(f.read())

    def switch_to(self, version):
        """Makes the tree that version, in place. A switch that was cut short is simply done again."""
        if self.version() == version:
            return
        self._set_version(0)
        delta.apply(self.delta_dir(version), self.tree)
        self._set_version(version)

    def start_over(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)

    def built(self):
        """Called once the tree is version 1 and both deltas exist."""
        self._set_version(1)

    def finish(self, info):
        partial = self.info_path + ".partial"
        with open(partial, "w", encoding="utf-8") as f:
            json.dump(info, f, indent=1, sort_keys=True)
            f.write("\n")
        os.replace(partial, self.info_path)

    def _set_version(self, version):
        with open(self.version_path, "w", encoding="ascii") as f:
            f.write(f"{version}\n")
