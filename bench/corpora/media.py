"""media: 30 files, 2,097 MB of cipher output, which nothing can compress. Version 2: 1 MB put into the middle of one."""
import hashlib
import os
import subprocess

from . import tree
from .delta import DeltaPair
from .seed import unit

_FILES = 30
_TOTAL_BYTES = 2_097_152_000
_INSERT_BYTES = 1_000_000
_EDITED = 17


def build(corpus, scale):
    os.makedirs(corpus.tree)
    paths = [f"{2020 + i // 10}/clip-{i:02}.mp4" for i in range(_FILES)]
    for path, size in zip(paths, _sizes(int(_TOTAL_BYTES * scale))):
        full = os.path.join(corpus.tree, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as target:
            key_stream(path, size, target)
    tree.stamp(corpus.tree)
    with DeltaPair(corpus.delta_dir(1), corpus.delta_dir(2)) as pair:
        _insert(pair, corpus.tree, paths[_EDITED], max(1, int(_INSERT_BYTES * min(1, scale * 10))))
        return pair.summary()


def _sizes(total):
    """Between half and one and a half times the mean, the last one taking what is left."""
    weights = [0.5 + unit("media", i) for i in range(_FILES)]
    sizes = [int(total * w / sum(weights)) for w in weights]
    sizes[-1] += total - sum(sizes)
    return sizes


def key_stream(name, size, target):
    """AES-256-CTR over zeros: nothing is padded, and every byte is fixed by the name."""
    key = hashlib.sha256(b"signet bench " + name.encode()).hexdigest()
    zeros = subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)
    cipher = subprocess.run(["openssl", "enc", "-aes-256-ctr", "-K", key, "-iv", "0" * 32],
                            stdin=zeros.stdout, stdout=target, check=False)
    zeros.stdout.close()
    if zeros.wait() or cipher.returncode:
        raise RuntimeError(f"openssl could not make {name}")


def _insert(pair, root, path, length):
    full = os.path.join(root, path)
    with open(full, "rb") as f:
        old = f.read()
    piece = subprocess.run(["openssl", "enc", "-aes-256-ctr", "-K", "5" * 64, "-iv", "0" * 32],
                           input=bytes(length), stdout=subprocess.PIPE, check=True).stdout
    middle = len(old) // 2 + 1
    pair.edit(path, os.stat(full), old, old[:middle] + piece + old[middle:])
