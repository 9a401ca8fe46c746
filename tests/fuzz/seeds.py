"""Writes seeds for the parsers from real objects: the vectors of the format, and what the program writes.

`seeds.py FOLDER [SIGNET]` makes FOLDER/<parser>/<name>; names are the inputs' hashes, so that nothing is twice.

The kept corpus (tests/fuzz/corpus) was begun with it; what longer runs of the fuzzer found to be new is added by hand."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
VECTORS = os.path.join(TESTS, "vectors")
MOST = 4096
MOST_FILES = 12  # of each parser: every vector is a test of its own anyway


def keep(folder, parser, octets, most=MOST):
    if len(octets) > most:
        return
    place = os.path.join(folder, parser)
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, hashlib.sha256(octets).hexdigest()[:16]), "wb") as file:
        file.write(octets)


def vector(path):
    """(header, octets) of a file of tests/vectors/format."""
    with open(path, encoding="utf-8") as file:
        head, _, rest = file.read().partition("\n\n")
    header = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    return header, bytes.fromhex("".join(rest.split()))


def from_vectors(folder):
    for kind, parser in (("config", "config"), ("slot", "slot"), ("escrow", "escrow"), ("pack", "pack"), ("index", "index-object"),
                         ("tree", "directory"),
                         ("content", "content")):
        for name in sorted(os.listdir(os.path.join(VECTORS, "format", kind))):
            _, octets = vector(os.path.join(VECTORS, "format", kind, name))
            keep(folder, parser, octets)
            if kind == "content":
                keep(folder, "list", bytes(8) + b"\1" + octets)
            if kind == "tree":
                keep(folder, "restore", octets)
    fields = {1: "backup-fields", 2: "backup-fields", 3: "trust-fields", 4: "policy-fields", 5: "remark-fields", 6: "repack-fields",
              7: "tombstone-fields", 8: "condemnation-fields", 9: "verdict-fields", 10: "acknowledgement-fields"}
    for name in sorted(os.listdir(os.path.join(VECTORS, "format", "entry"))):
        _, octets = vector(os.path.join(VECTORS, "format", "entry", name))
        keep(folder, "signed-entry", octets)
        keep(folder, "entry", octets)
        if len(octets) < 20 or octets[10] not in fields:
            continue
        size = int.from_bytes(octets[12:16], "little")
        common = 16 + 32 + 32 + 8 + 32 + 8 + 32 + 32
        if common <= size <= len(octets):
            keep(folder, fields[octets[10]], octets[20 + common:20 + size])


def from_program(folder, signet):
    """What the program itself writes on a host."""
    with tempfile.TemporaryDirectory() as base:
        passphrase = os.path.join(base, "passphrase")
        with open(passphrase, "w", encoding="utf-8") as file:
            file.write("sesame\n")
        env = {"PATH": os.environ["PATH"], "HOME": base, "SIGNET_REPOSITORY": base + "/r", "SIGNET_KEYRING": base + "/k",
               "SIGNET_VAULT": base + "/v", "SIGNET_CACHE_DIR": base + "/c", "SIGNET_PASSPHRASE_FILE": passphrase}

        def run(*words):
            subprocess.run([signet, *words], env=env, check=True, capture_output=True)

        run("key", "create", "prod", "--size", "2048")
        run("keyring", "link", "local:prod", "--default")
        run("init")
        os.mkdir(base + "/s")
        os.mkdir(base + "/shares", 0o700)
        with open(base + "/s/f", "w", encoding="utf-8") as file:
            file.write("x" * 100)
        run("backup", base + "/s")
        run("restore", "latest", "-t", base + "/out")
        run("key", "backup", "prod", "-o", base + "/prod.backup", "--shares", "3", "--threshold", "2", "--shares-dir", base + "/shares")
        for parser, path in (("keyring", "k/keyring.json"), ("state-file", "k/keyring.json"), ("vault", "v/vault.json"),
                             ("audit-log", "k/audit.log")):
            with open(os.path.join(base, path), "rb") as file:
                content = file.read()
            keep(folder, parser, content if parser == "audit-log" else moved(content, base), 16384)
        for where, _, names in os.walk(base):
            for name in names:
                with open(os.path.join(where, name), "rb") as file:
                    content = file.read()
                if content.startswith(b"-----BEGIN"):
                    keep(folder, "pem", content)
                if b"1: " in content and b"share" in content.lower():
                    keep(folder, "shares", content)
        for where, _, names in os.walk(base + "/r"):
            for name in names:
                keep(folder, "names", os.path.relpath(os.path.join(where, name), base + "/r").encode())


def moved(state, base):
    """A state file as it would be elsewhere, with its checksum."""
    body = json.loads(state.decode().replace(base, "/srv"))
    body.pop("checksum")
    compact = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    body["checksum"] = hashlib.sha256(b"signet/state/v1\0" + compact).hexdigest()
    return (json.dumps(body, indent=2, sort_keys=True) + "\n").encode()


def by_hand(folder):
    """What is small enough to be written down."""
    texts = {
        "thumbprint": ["sha256:" + "ab" * 32, "kms:" + "01" * 32, "sha256:" + "AB" * 32],
        "location": ["local:prod", "local:prod/2", "local:/srv/vault#prod/1", "public:/etc/prod.pem",
                     "pkcs11:token=T;object=O;id=%01%02?pin-source=file:/etc/pin&module-name=softhsm2",
                     "azure:https://v.vault.azure.net/keys/K/0123456789abcdef0123456789abcdef",
                     "aws:arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                     "transit:https://vault.example:8200/transit/keys/k"],
        "time": ["2026-03-14T09:30:00Z", "2026-03-14 09:30", "2026-03-14", "now", "-2d", "-1h30m", "2026-03-14T09:30:00.123456789+02:00", "14d", "1y2m"],
        "pattern": ["*.c\na/b.c", "/a/**/b\na/x/y/b", "[a-c]?x\nbyx", "!keep\nkeep", "a\\*b\na*b"],
        "shares": ["1: 04vh 4wnp 8b83 0a1k  9qtz\n2: 04vh 4wnp 8b83 0a1k  9qtz\n"],
        "byok": ['{"schema_version":"1.0.0","header":{"kid":"k","alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"},"ciphertext":"AAAA","generator":"x"}'],
    }
    for parser, inputs in texts.items():
        for text in inputs:
            keep(folder, parser, text.encode())
    for name in os.listdir(os.path.join(VECTORS, "keys")):
        with open(os.path.join(VECTORS, "keys", name), "rb") as file:
            content = file.read()
        keep(folder, "pem" if name.endswith(".pem") else "der", content)
    # Behind seals: what the encoders write of little.
    identity, dek, chunk = bytes([2]) * 32, bytes([4]) * 16, bytes([5]) * 16
    frame = bytes([1, 0]) + (100).to_bytes(3, "little") + b"\x54\x01\x54"
    keep(folder, "pack-directory", frame)
    keep(folder, "pack-directory", frame * 3)
    keep(folder, "index", b"\1" + dek + b"\1" + bytes(32) + b"\x80\x02\1" + frame + chunk)
    keep(folder, "index", b"\0" + dek + b"\1" + bytes(32) + b"\x80\x02\1" + frame + chunk)
    record = bytes(16)
    keep(folder, "run-state", b"\1\1/\2" + record + b"\4" + b"\1a\0\0" + b"\0" + b"\1\2/a\2" + record + b"\4\1b\0\0\1\0" + chunk)
    keep(folder, "run-state", b"\1\1/\2" + record + b"\4" + b"\1a\0\0" + b"\1\3")
    keep(folder, "journal-cache", identity + b"\5hello")
    keep(folder, "zstd", bytes.fromhex("28b52ffd2005290000") + b"hello")
    keep(folder, "zstd", bytes.fromhex("28b52ffd60ff00"))
    keep(folder, "labels", b"\4host\4user\6series\1\2/a\0\0\4test")
    keep(folder, "body", bytes(96))


def thin_out(folder):
    """Leaves some inputs of every length."""
    for parser in os.listdir(folder):
        paths = sorted((os.path.getsize(path), path) for path in (os.path.join(folder, parser, name) for name in os.listdir(os.path.join(folder, parser))))
        kept = {paths[i * (len(paths) - 1) // max(1, MOST_FILES - 1)][1] for i in range(min(MOST_FILES, len(paths)))} if len(paths) > MOST_FILES \
            else {path for _, path in paths}
        for _, path in paths:
            if path not in kept:
                os.unlink(path)


def main():
    folder = sys.argv[1]
    from_vectors(folder)
    by_hand(folder)
    if len(sys.argv) > 2:
        from_program(folder, sys.argv[2])
    thin_out(folder)


if __name__ == "__main__":
    main()
