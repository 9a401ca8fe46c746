"""linux: the source tree of Debian's linux-source-6.1. Version 2: one file in fifteen edited, larger ones more often,
as in the diff of two releases: some lines replaced, some added, some deleted."""
import math
import os
import stat
import subprocess

from . import tree
from .delta import DeltaPair
from .seed import Dice, unit

_EDITED_SHARE = 5_302 / 78_611
_LARGEST_EDITED = 4 << 20
_SIZE_BIAS = 0.42
_NAMES = ("dev", "ctx", "page", "queue", "flags", "node", "lock", "entry", "priv", "state", "count", "mask", "limit", "ring")


def build(corpus, scale, tarball):
    if not os.path.exists(tarball):
        raise FileNotFoundError(f"{tarball} is missing: apt-get install linux-source-6.1, or name it with --linux-tarball")
    os.makedirs(corpus.tree)
    _extract(tarball, corpus.tree, scale)
    with DeltaPair(corpus.delta_dir(1), corpus.delta_dir(2)) as pair:
        for path, attributes in _chosen(corpus.tree):
            with open(os.path.join(corpus.tree, path), "rb") as f:
                old = f.read()
            pair.edit(path, attributes, old, _edited(path, old))
        return pair.summary()


def _extract(tarball, target, scale):
    """Times are those of the package. A small scale takes a fixed selection of the files."""
    command = ["tar", "-xJf", tarball, "-C", target, "--no-same-owner"]
    if scale >= 1:
        subprocess.run(command, check=True)
        return
    listing = subprocess.run(["tar", "-tJf", tarball], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    chosen = [p for p in listing if not p.endswith("/") and unit("linux", "scale", p) <= scale]
    subprocess.run(command + ["--no-recursion", "-T", "-"], input="\n".join(chosen).encode(), check=True)
    for folder, _, _ in os.walk(target):
        tree.set_time(folder, tree.fixed_time_ns(os.path.relpath(folder, target)))


def _chosen(root):
    """Weighted sampling without replacement: the smallest of -ln(u) / weight."""
    keyed, total = [], 0
    for path, st in tree.walk(root):
        if stat.S_ISREG(st.st_mode):
            total += 1
            if 0 < st.st_size <= _LARGEST_EDITED:
                keyed.append((-math.log(unit("linux", "edit", path)) / st.st_size ** _SIZE_BIAS, path, st))
    keyed.sort(key=lambda k: k[0])
    return sorted((path, st) for _, path, st in keyed[:round(total * _EDITED_SHARE)])


def _edited(path, old):
    dice = Dice("linux", 2, path)
    lines = old.splitlines(keepends=True)
    for _ in range(1 + dice.below(5) + len(old) // 65536):
        at, kind = dice.below(len(lines)), dice.random.random()
        if kind < 0.5:
            lines[at] = _line(dice)
        elif kind < 0.8 or len(lines) < 4:
            lines[at:at] = [_line(dice) for _ in range(1 + dice.below(4))]
        else:
            del lines[at]
    return b"".join(lines)


def _line(dice):
    return f"\t{dice.pick(_NAMES)}->{dice.pick(_NAMES)} = {dice.pick(_NAMES)}_{dice.pick(_NAMES)}({dice.below(4096):#x});\n".encode()
