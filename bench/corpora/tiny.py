"""tiny: 300,000 text files of 0 to 4 KB, 614 MB, in 600 folders. Version 2: 3,000 of them, in 20 folders, rewritten.

The text is made of phrases from a fixed table, so long that zstd -3 makes 1.7:1 of a file alone and 2.8:1 of a megabyte of
neighbours, as of mails, records and small sources.
"""
import multiprocessing
import os

from . import tree
from .delta import DeltaPair
from .seed import Dice

_FOLDERS = 600
_FILES_PER_FOLDER = 500
_FOLDERS_PER_GROUP = 50
_LARGEST = 4096
_EDITED_FOLDERS = 20
_EDITED_PER_FOLDER = 150

# Common letters more often than rare ones, as in a language.
_LETTERS = "".join(letter * round(1000 * (((i + 1) / 26) ** 0.57 - (i / 26) ** 0.57))
                   for i, letter in enumerate("etaoinshrdlcumwfgypbvkjxqz"))
_WORDS = 8_200
_PHRASES = 250_000


def build(corpus, scale):
    os.makedirs(corpus.tree)
    folders = [_folder(i) for i in range(max(3, round(_FOLDERS * scale)))]
    with multiprocessing.Pool(initializer=_prepare, initargs=(corpus.tree,)) as pool:
        for _ in pool.imap_unordered(_fill, folders, chunksize=1):
            pass
    tree.stamp(corpus.tree)
    with DeltaPair(corpus.delta_dir(1), corpus.delta_dir(2)) as pair:
        _rewrite(pair, corpus.tree, folders, max(1, round(_EDITED_FOLDERS * scale)))
        return pair.summary()


def _folder(index):
    return f"group-{index // _FOLDERS_PER_GROUP:02}/folder-{index:03}"


def _file(index):
    return f"note-{index:04}.txt"


_root = None
_phrases = None
_mean = None


def _prepare(root):
    global _root, _phrases, _mean
    _root = root
    _phrases = phrases()
    _mean = sum(map(len, _phrases)) / len(_phrases)


def phrases():
    dice = Dice("tiny", "phrases")
    words = ["".join(dice.picks(_LETTERS, 3 + dice.below(8))) for _ in range(_WORDS)]
    return [" ".join(_common(dice, words) for _ in range(1 + dice.below(9))) + ("\n" if dice.chance(0.3) else " ")
            for _ in range(_PHRASES)]


def _common(dice, words):
    """The first words of the list more often than the last."""
    position = dice.random.random()
    return words[int(position * position * len(words))]


def _text(dice):
    size = dice.below(_LARGEST + 1)
    text = ""
    while len(text) < size:
        text += "".join(dice.picks(_phrases, int(size / _mean) + 4))
    return text[:size].encode("ascii")


def _fill(folder):
    path = os.path.join(_root, folder)
    os.makedirs(path, exist_ok=True)
    dice = Dice("tiny", 1, folder)
    parent = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(_FILES_PER_FOLDER):
        fd = os.open(_file(i), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=parent)
        os.write(fd, _text(dice))
        os.close(fd)
    os.close(parent)


def _rewrite(pair, root, folders, count):
    _prepare(root)
    dice = Dice("tiny", 2)
    for folder in dice.sample(folders, count):
        for i in dice.sample(range(_FILES_PER_FOLDER), _EDITED_PER_FOLDER):
            path = os.path.join(folder, _file(i))
            full = os.path.join(root, path)
            with open(full, "rb") as f:
                pair.edit(path, os.stat(full), f.read(), _text(dice))
