#!/usr/bin/env python3
"""Makes the vectors of the format: one file, one reason to fail. Run by hand, never by the tests:

    python3 generate.py        (needs python3-cryptography and libzstd)

Writes <kind>/<name>.txt beside itself. The same input gives the same files, apart from what another release of zstd
compresses in another way; so look at `git diff` before committing.
"""

import os
import textwrap

from cryptography.hazmat.primitives import serialization

from signet_format import *

HERE = os.path.dirname(os.path.abspath(__file__))
MADE = set()

REPOSITORY = stable("repository", 16)
OTHER_REPOSITORY = stable("other repository", 16)
OFFICER = Identity(stable("officer", 32))
WRITER = Identity(stable("writer", 32))
STRANGER = Identity(stable("stranger", 32))
CONFIG = config(REPOSITORY, OFFICER.id)
DEK = DataKey(REPOSITORY, "first")
OTHER_DEK = DataKey(REPOSITORY, "second")
ID_KEY, INDEX_KEY, LABEL_KEY = (stable(f"writer {name} key", 32) for name in ("id", "index", "label"))
KEYS = ID_KEY + INDEX_KEY + LABEL_KEY
with open(os.path.join(HERE, "protector.pem"), "rb") as file:
    PROTECTOR_PRIVATE = serialization.load_pem_private_key(file.read(), None)
PROTECTOR = PROTECTOR_PRIVATE.public_key()
THUMBPRINT = b"\1" + sha256(PROTECTOR.public_bytes(serialization.Encoding.DER,
                                                   serialization.PublicFormat.SubjectPublicKeyInfo))
KMS = b"\2" + stable("kms key", 32)


def vector(kind, name, octets, /, expect="ok", stage="", comment="", **keys):
    assert (kind, name) not in MADE, (kind, name)
    MADE.add((kind, name))
    lines = [f"kind: {kind}", f"expect: {expect}"]
    if stage:
        lines.append(f"stage: {stage}")
    lines.append(f"comment: {comment}")
    for key, value in keys.items():
        lines.append(f"{key.replace('_', '-')}: {value.hex() if isinstance(value, bytes) else value}")
    lines += [""] + textwrap.wrap(octets.hex(), 96) + [""]
    folder = os.path.join(HERE, kind)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".txt"), "w") as out:
        out.write("\n".join(lines))


def flipped(octets, at, bit=0):
    changed = bytearray(octets)
    changed[at] ^= 1 << bit
    return bytes(changed)


# --- config -----------------------------------------------------------------------------------------------------------


def configs():
    def damaged(name, octets, comment): vector("config", name, octets, "damaged", "decode", comment)

    text = CONFIG.decode()
    vector("config", "ok", CONFIG, comment="the canonical spelling", hash=sha256(CONFIG))
    vector("config", "ok-region", config(REPOSITORY, OFFICER.id, "eu-central-1", "aws"), comment="another region",
           hash=sha256(config(REPOSITORY, OFFICER.id, "eu-central-1", "aws")))
    vector("config", "newer-format", CONFIG.replace(b'"format":1', b'"format":2'), "unsupported", "decode",
           "made by a newer version")
    vector("config", "newer-format-with-other-keys", b'{"added":true,"format":2}\n', "unsupported", "decode",
           "made by a newer version, of which nothing else is known")
    damaged("no-line-feed", CONFIG[:-1], "the line feed at the end is missing")
    damaged("two-line-feeds", CONFIG + b"\n", "octets after the end")
    damaged("space", CONFIG.replace(b'":"local"', b'": "local"', 1), "white space")
    damaged("order", ('{"officer":' + text.split('"officer":')[1].split(",")[0] + ',"format":1,' +
                      text.split(",", 2)[2]).encode(), "keys not in ascending order")
    damaged("further-key", CONFIG.replace(b"}", b',"z":1}'), "a further key")
    damaged("missing-key", CONFIG.replace(b'"provider":"local",', b""), "a missing key")
    damaged("key-twice", CONFIG.replace(b'"provider"', b'"provider":"local","provider"'), "a key that stands twice")
    damaged("escape", CONFIG.replace(b'"provider":"local"', b'"provider":"\\u006cocal"'), "an escape in a string")
    damaged("upper-case-id", CONFIG.replace(REPOSITORY.hex().encode(), REPOSITORY.hex().upper().encode()),
            "upper-case hexadecimal digits")
    damaged("short-id", CONFIG.replace(REPOSITORY.hex().encode(), REPOSITORY.hex()[2:].encode()), "an id too short")
    damaged("region-upper-case", config(REPOSITORY, OFFICER.id, "EU"), "a region in upper case")
    damaged("region-too-long", config(REPOSITORY, OFFICER.id, "r" * 65), "a region of 65 characters")
    damaged("region-empty", config(REPOSITORY, OFFICER.id, ""), "an empty region")
    damaged("region-not-text", CONFIG.replace(b'"region":"local"', b'"region":7'), "a region that is a number")
    damaged("format-as-float", CONFIG.replace(b'"format":1', b'"format":1.0'), "the format as 1.0")
    damaged("format-missing", CONFIG.replace(b'"format":1,', b""), "no format number")
    damaged("byte-order-mark", b"\xef\xbb\xbf" + CONFIG, "a byte order mark")
    damaged("array", b"[" + CONFIG[:-1] + b"]\n", "not an object")
    damaged("empty", b"", "an empty file")
    damaged("too-large", CONFIG[:-1] + b" " * 4096 + b"\n", "more than 4 KiB")


# --- slot -------------------------------------------------------------------------------------------------------------


def rsa_slot(dek=DEK, plaintext=None, **changes):
    wrapped = oaep(PROTECTOR, plaintext or dek.wrap_plaintext(THUMBPRINT), stable("oaep seed " + dek.id.hex(), 32))
    return slot(dek, THUMBPRINT, wrapped, **changes)


def slots():
    def damaged(name, octets, comment): vector("slot", name, octets, "damaged", "decode", comment)

    def unaccepted(name, octets, comment): vector("slot", name, octets, "damaged", "accept", comment)

    good = rsa_slot()
    wrapped = b"\xaa" * 40
    vector("slot", "ok-rsa", good, comment="RSA-OAEP-256 under protector.pem", dek=DEK.secret)
    vector("slot", "ok-kms", slot(DEK, KMS, wrapped, algorithm=4, location="aws:eu/déjà".encode()),
           comment="a key manager's symmetric key")
    vector("slot", "ok-limits", slot(DEK, KMS, b"\xaa" * 4096, algorithm=3, location=b"x" * 1024),
           comment="the longest location and wrapped key")
    vector("slot", "newer-version", rsa_slot(version=2), "unsupported", "decode", "version 2")
    vector("slot", "reserved-algorithm", rsa_slot(algorithm=5), "unsupported", "decode", "wrap algorithm 5 is reserved")
    vector("slot", "unknown-algorithm", rsa_slot(algorithm=256), "unsupported", "decode", "wrap algorithm 256")
    damaged("no-algorithm", rsa_slot(algorithm=0), "wrap algorithm 0")
    damaged("magic", rsa_slot(magic=b"SIGNETSM"), "another magic")
    damaged("thumbprint-kind", slot(DEK, b"\3" + THUMBPRINT[1:], wrapped), "thumbprint of kind 3")
    damaged("location-too-long", slot(DEK, KMS, wrapped, location=b"x" * 1025), "location of 1,025 octets")
    damaged("location-not-utf8", slot(DEK, KMS, wrapped, location=b"caf\xe9"), "location in Latin-1")
    damaged("location-overlong-utf8", slot(DEK, KMS, wrapped, location=b"a\xc0\xaf"), "an overlong form in the location")
    damaged("location-surrogate", slot(DEK, KMS, wrapped, location=b"\xed\xa0\x80"), "a surrogate in the location")
    damaged("nothing-wrapped", slot(DEK, KMS, b""), "an empty wrapped key")
    damaged("wrapped-too-long", slot(DEK, KMS, b"\xaa" * 4097), "a wrapped key of 4,097 octets")
    damaged("octet-left-over", good + b"\0", "an octet after the last field")
    damaged("truncated", good[:-1], "the last octet is missing")
    damaged("length-too-long", good[:109] + b"\x8c\x00" + good[110:], "a varint longer than necessary")
    damaged("hostile-length", good[:109] + b"\xff" * 9 + b"\x01", "a location of 2^64-1 octets")
    damaged("too-large", good + bytes(8192), "more than 8 KiB")
    damaged("empty", b"", "an empty object")
    unaccepted("moved-to-another-dek", rsa_slot(plaintext=OTHER_DEK.wrap_plaintext(THUMBPRINT)),
               "a wrapped key that was made for another DEK id")
    unaccepted("moved-to-another-protector", rsa_slot(plaintext=DEK.wrap_plaintext(KMS)),
               "a wrapped key whose context names another thumbprint")
    unaccepted("moved-to-another-repository", rsa_slot(repository=OTHER_REPOSITORY),
               "a wrapped key that was made for another repository")
    unaccepted("another-commitment", rsa_slot(commitment=OTHER_DEK.commitment),
               "the unwrapped DEK is not the one that the slot commits to")
    unaccepted("another-secret", rsa_slot(plaintext=OTHER_DEK.secret + DEK.wrap_plaintext(THUMBPRINT)[32:]),
               "the right context, another DEK")
    unaccepted("short-plaintext", rsa_slot(plaintext=DEK.secret), "a DEK wrapped without its context")
    unaccepted("long-plaintext", rsa_slot(plaintext=DEK.wrap_plaintext(THUMBPRINT) + b"\0"), "65 octets wrapped")


# --- entries ----------------------------------------------------------------------------------------------------------

ROOT_CONTENT = entry("a", FILE, content(0)) + entry("b", SYMLINK, blob("a"))
ROOT = entry("", DIRECTORY, content(len(ROOT_CONTENT), [(chunk_id(ID_KEY, TREE, ROOT_CONTENT), len(ROOT_CONTENT))]),
             mode=0o755)
PACK_FRAMES = [
    Frame([(DATA, b"first chunk"), (DATA, b"second chunk of the same frame")], compress=False),
    Frame([(DATA, b"compressible " * 40)]),
    Frame([(TREE, ROOT_CONTENT), (LIST, list_chunk(0, [(bytes(range(16)), 5), (bytes(range(16, 32)), 6)]))]),
]
PACK = pack(DEK, PACK_FRAMES)
INDEX = index(REPOSITORY, WRITER.id, INDEX_KEY, index_plaintext(DEK, [(PACK, PACK_FRAMES)], ID_KEY))


def head(sequence=2, signer=WRITER, **changes):
    changes.setdefault("previous", stable("previous", 32) if sequence > 1 else bytes(32))
    return Head(REPOSITORY, sha256(CONFIG), signer, sequence, **changes)


def public(**changes):
    changes.setdefault("packs", [PACK])
    changes.setdefault("indexes", [INDEX])
    changes.setdefault("reached", [(0, 1, OTHER_DEK.id, b"\x05")])
    return backup_public(DEK, changes.pop("slots", [rsa_slot()]), **changes)


def backup(kind=BACKUP, head_=None, fields=None, labels_=None, body_=None, **changes):
    default_body = body(KEYS, ROOT) if kind == BACKUP else KEYS
    return backup_entry(kind, head_ or head(), fields or public(), labels() if labels_ is None else labels_,
                        default_body if body_ is None else body_, DEK, LABEL_KEY, **changes)


def trust(statements): return counted([i + u8(role) + u64(first) + u64(last) for i, role, first, last in statements])
def policy(number, values): return u64(number) + counted([blob(n) + blob(v) for n, v in values])


def with_signature(object_, signature): return object_[:-64] + signature


def malleable(object_):
    """S + L in place of S: the same point equation, refused by RFC 8032 section 5.1.7."""
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(object_[-32:], "little") + order
    return object_[:-32] + s.to_bytes(32, "little")


def entries():
    keys = dict(dek_id=DEK.id, dek=DEK.secret, label_key=LABEL_KEY)

    def add(name, octets, expect="damaged", stage="envelope", comment="", signer=WRITER, sequence=2, **more):
        vector("entry", name, octets, expect, stage, comment, name=entry_name(signer, sequence),
               repository=REPOSITORY, **{**keys, **more})

    def officer(name, kind, fields, expect="damaged", stage="fields", comment=""):
        add(name, plain_entry(kind, head(1, OFFICER), fields), expect, stage, comment, OFFICER, 1)

    good = backup()
    add("ok-backup", good, "ok", "", "a backup")
    add("ok-partial", backup(PARTIAL, head(1), public(reached=[])), "ok", "", "a partial entry, the first", sequence=1)
    add("ok-stream", backup(fields=public(kind=2, flags=1)), "ok", "", "a stream that could not be read whole")
    add("ok-base", backup(fields=public(kind=3, base=base_place())), "ok", "", "a base of a PostgreSQL cluster")
    add("ok-successor", backup(fields=public(
        predecessors=[stable(f"predecessor {i}", 32) for i in range(16)],
        reached=[(0, 1, OTHER_DEK.id, b"\1"), (1, 7, OTHER_DEK.id, b"\2"), (16, 2, OTHER_DEK.id, b"\1")])), "ok", "",
        "a writer with 16 predecessors, of which it reaches the first and the last")
    officers = sorted(stable(f"officer {i}", 32) for i in range(65))
    add("ok-obeyed", backup(fields=public(obeyed=[(one, 9_999_999_999) for one in officers[:64]])), "ok", "",
        "an entry that obeys 64 officers")
    officer("ok-trust", TRUST, trust([(WRITER.id, 1, 1, 2**64 - 1), (STRANGER.id, 2, 5, 4)]), "ok", "", "two statements")
    officer("ok-policy", POLICY, policy(1, [("after-rotation", "inherit"), ("dedup-horizon", "90d")]), "ok", "",
            "a policy")
    officer("ok-empty-policy", POLICY, policy(7, []), "ok", "", "a policy that sets nothing")
    remark_fields = sha256(good) + WRITER.id
    remark = remark_entry(head(2, OFFICER), remark_fields, ["kept", "release"], LABEL_KEY)
    add("ok-remark", remark, "ok", "", "a remark", OFFICER)
    add("ok-last-sequence", backup(head_=head(9_999_999_999)), "ok", "", "the last sequence number",
        sequence=9_999_999_999)

    # The envelope.
    unsigned = good[:-64]
    add("magic", sign(b"SIGNETJF" + unsigned[8:], WRITER), comment="another magic, signed")
    add("newer-version", backup(version=2), "unsupported", comment="version 2, signed")
    add("version-changed", good[:8] + u16(2) + good[10:], comment="version 2, not signed: a changed bit")
    add("unknown-kind", sign(good[:10] + u8(13) + unsigned[11:], WRITER), "unsupported", comment="kind 13, signed")
    add("kind-changed", good[:10] + u8(3) + good[11:], comment="another kind, not signed")
    add("unknown-algorithm", sign(good[:11] + u8(2) + unsigned[12:], WRITER), comment="signature algorithm 2")
    add("newer-version-and-algorithm", sign(good[:8] + u16(2) + good[10:11] + u8(2) + unsigned[12:], WRITER),
        "unsupported", comment="version 2 with signature algorithm 2")
    add("public-part-too-large", good[:12] + u32(16 * 1024 * 1024 + 1) + good[16:], comment="P over 16 MiB")
    add("sealed-part-too-large", good[:16] + u32(2**32 - 1) + good[20:], comment="S over 16 MiB")
    add("public-part-too-small", sign(prefix(TRUST, b"\0" * 191, 0), OFFICER), comment="P below the common fields",
        signer=OFFICER, sequence=1)
    add("octet-left-over", good + b"\0", comment="an octet after the signature")
    add("truncated", good[:-1], comment="the last octet is missing")
    add("empty", b"", comment="an empty object")
    add("signature", flipped(good, -1), comment="a changed bit in the signature")
    add("signature-malleable", malleable(good), comment="S + L: a second signature of the same octets")
    add("signature-of-another", with_signature(good, sign(unsigned, STRANGER)[-64:]), comment="signed by another key")
    add("signature-without-label", with_signature(good, WRITER.key.sign(sha256(unsigned))),
        comment="signed without the label")
    add("public-part-changed", flipped(good, 300), comment="a changed bit in the public part")
    add("sealed-part-changed", flipped(good, len(good) - 70), comment="a changed bit in the sealed part")
    add("name-of-another", good, comment="under another identity's name", signer=STRANGER)
    add("name-of-another-sequence", good, comment="under another sequence number", sequence=3)
    vector("entry", "name-without-zeros", good, "damaged", "envelope", "a name that is none",
           name=f"journal/{WRITER.id.hex()}/2", repository=REPOSITORY, **keys)
    add("sequence-zero", sign(good[:20 + 80] + u64(0) + unsigned[20 + 88:], WRITER), comment="sequence number 0")
    add("previous-missing", backup(head_=head(2, previous=bytes(32))), comment="a second entry without a previous one")
    add("previous-of-first", backup(head_=head(1, previous=stable("previous", 32)), fields=public(reached=[])),
        comment="a first entry with a previous one", sequence=1)
    trust_fields = head(1, OFFICER).encode() + trust([(WRITER.id, 1, 1, 2**64 - 1)])
    add("trust-with-sealed-part", sign(prefix(TRUST, trust_fields, 60) + bytes(60), OFFICER),
        comment="a trust entry with a sealed part", signer=OFFICER, sequence=1)
    add("backup-without-sealed-part", plain_entry(BACKUP, head(), public()), comment="a backup with nothing sealed")

    # The public fields, all signed.
    def fields(name, comment, **changes): add(name, backup(fields=public(**changes)), stage="fields", comment=comment)

    fields("no-slots", "no slots", counted_slots=counted([]))
    fields("65-slots", "65 slots", slots=[slot(DEK, KMS, b"w", algorithm=4)] * 65)
    fields("slot-of-another-dek", "a slot of another DEK", slots=[rsa_slot(OTHER_DEK)])
    fields("slot-with-another-commitment", "a slot with another commitment",
           slots=[rsa_slot(commitment=OTHER_DEK.commitment)])
    fields("slot-of-another-repository", "a slot of another repository", slots=[rsa_slot(repository=OTHER_REPOSITORY)])
    fields("slots-of-two-repositories", "slots of two repositories",
           slots=[rsa_slot(), rsa_slot(repository=OTHER_REPOSITORY)])
    fields("slot-with-octet-left-over", "a slot with an octet left over", slots=[rsa_slot() + b"\0"])
    fields("unknown-flags", "flag 1", flags=2)
    fields("unknown-backup-kind", "backup kind 4", kind=4)
    fields("base-without-place", "a base that does not say where it is", kind=3)
    fields("base-of-no-timeline", "a base of timeline 0", kind=3, base=base_place(timeline=0))
    fields("base-that-stops-first", "a base that stops before it starts", kind=3, base=base_place(stop=0x2000027))
    fields("base-segment-size", "a base with segments of 3 MiB", kind=3, base=base_place(segment_size=3 << 20))
    fields("place-of-no-base", "a stream with the place of a base", kind=2, base=base_place())
    add("base-of-a-partial-entry", backup(PARTIAL, fields=public(kind=3, base=base_place())), stage="fields",
        comment="a partial entry that is a base")
    fields("reach-not-ascending", "reach in another order",
           reached=[(0, 1, OTHER_DEK.id, b"\1"), (0, 1, OTHER_DEK.id, b"\2")])
    fields("reach-of-itself", "reach to this very entry", reached=[(0, 2, OTHER_DEK.id, b"\1")])
    fields("reach-of-sequence-zero", "reach to sequence number 0", reached=[(0, 0, OTHER_DEK.id, b"\1")])
    elder = [stable(f"predecessor {i}", 32) for i in range(17)]
    fields("predecessors-17", "17 predecessors", predecessors=elder)
    fields("predecessor-twice", "a predecessor that stands twice", predecessors=[elder[0], elder[1], elder[0]])
    fields("predecessor-the-signer", "the signer as its own predecessor", predecessors=[elder[0], WRITER.id])
    fields("reach-of-unknown-journal", "reach to a predecessor that is not named", predecessors=elder[:1],
           reached=[(2, 1, OTHER_DEK.id, b"\1")])
    fields("reach-journals-not-ascending", "reach with its journals in another order", predecessors=elder[:1],
           reached=[(1, 1, OTHER_DEK.id, b"\1"), (0, 1, OTHER_DEK.id, b"\1")])
    fields("reach-of-sequence-zero-elsewhere", "reach to sequence number 0 of a predecessor", predecessors=elder[:1],
           reached=[(1, 0, OTHER_DEK.id, b"\1")])
    fields("obeyed-65", "65 officers obeyed", obeyed=[(one, 1) for one in officers])
    fields("obeyed-order", "officers obeyed in another order", obeyed=[(officers[1], 1), (officers[0], 1)])
    fields("obeyed-twice", "an officer that is obeyed twice", obeyed=[(officers[0], 1), (officers[0], 2)])
    fields("obeyed-sequence-zero", "an officer obeyed up to sequence number 0", obeyed=[(officers[0], 0)])
    fields("obeyed-sequence-too-large", "an officer obeyed beyond the last sequence number", obeyed=[(officers[0], 10**10)])
    fields("bitmap-empty", "reach with an empty bitmap", reached=[(0, 1, OTHER_DEK.id, b"")])
    fields("bitmap-not-shortest", "a bitmap that ends with zero", reached=[(0, 1, OTHER_DEK.id, b"\1\0")])
    fields("pack-over-limit", "a pack of more than 80 MiB",
           counted_packs=counted([stable("pack", 32) + varint(80 * 1024 * 1024 + 1)]))
    fields("hostile-count", "a count of 2^32-1 packs", counted_packs=varint(2**32 - 1))
    add("fields-octet-left-over", backup(fields=public() + b"\0"), stage="fields", comment="an octet after the reach")
    add("fields-truncated", backup(fields=public()[:-1]), stage="fields", comment="the last octet of the reach is missing")
    officer("trust-empty", TRUST, trust([]), comment="no statements")
    officer("trust-unknown-role", TRUST, trust([(WRITER.id, 3, 1, 2)]), comment="role 3")
    officer("trust-1001-statements", TRUST, trust([(WRITER.id, 1, 1, 2)] * 1001), comment="1,001 statements")
    officer("trust-octet-left-over", TRUST, trust([(WRITER.id, 1, 1, 2)]) + b"\0", comment="an octet left over")
    officer("policy-zero", POLICY, policy(0, []), comment="policy number 0")
    officer("policy-order", POLICY, policy(1, [("b", "1"), ("a", "2")]), comment="names not in ascending order")
    officer("policy-twice", POLICY, policy(1, [("a", "1"), ("a", "2")]), comment="a name that stands twice")
    officer("policy-257-values", POLICY, policy(1, [(f"n{i:03}", "") for i in range(257)]), comment="257 values")
    officer("policy-not-utf8", POLICY, policy(1, [(b"\xff", "1")]), comment="a name that is not UTF-8")
    add("remark-short", remark_entry(head(2, OFFICER), remark_fields[:-1], [], LABEL_KEY), stage="fields",
        comment="a remark without a whole identity", signer=OFFICER)

    # What is sealed, signed around it.
    add("labels-of-another-writer", good, "other-key", "labels", "another writer's label key",
        label_key=stable("another label key", 32))
    add("remark-of-another-writer", remark, "other-key", "labels", "a remark under another writer's label key", OFFICER,
        label_key=stable("another label key", 32))

    def sealed(name, stage, comment, **changes): add(name, backup(**changes), stage=stage, comment=comment)

    sealed("labels-octet-left-over", "labels", "an octet after the program", labels_=labels() + b"\0")
    sealed("labels-tags-order", "labels", "tags not in ascending order", labels_=labels(tags=("b", "a")))
    sealed("labels-tag-twice", "labels", "a tag that stands twice", labels_=labels(tags=("a", "a")))
    sealed("labels-host-not-utf8", "labels", "a host that is not UTF-8", labels_=labels(host=b"\x80"))
    sealed("labels-hostile-count", "labels", "2^32-1 paths", labels_=blob("h") + blob("u") + blob("s") + varint(2**32 - 1))
    sealed("sealed-part-left-over", "labels", "an octet after the sealed body", extra_sealed=b"\0")
    for name, size in (("empty", 0), ("shorter-than-a-tag", 15), ("only-a-tag", 16)):
        part = bytes(32) + u32(size) + bytes(size) + bytes(32) + u32(20) + bytes(20)
        add("labels-" + name, sign(prefix(BACKUP, head().encode() + public(), len(part)) + part, WRITER), stage="labels",
            comment=f"sealed labels of {size} octets")
    add("remark-tags-order", remark_entry(head(2, OFFICER), remark_fields, ["b", "a"], LABEL_KEY), stage="labels",
        comment="a remark's tags not in ascending order", signer=OFFICER)
    sealed("body-octet-left-over", "body", "an octet after the last problem", body_=body(KEYS, ROOT) + b"\0")
    sealed("body-keys-missing", "body", "a body shorter than the writer's keys", body_=KEYS[:-1])
    sealed("body-root-named", "body", "a root with a name", body_=body(KEYS, entry("r", DIRECTORY, content(0))))
    sealed("body-root-a-file", "body", "a root that is a file", body_=body(KEYS, entry("", FILE, content(0))))
    sealed("body-owners-order", "body", "owners not in ascending order",
           body_=body(KEYS, ROOT, owners=((1, "b"), (0, "a"))))
    sealed("body-group-twice", "body", "a group that stands twice", body_=body(KEYS, ROOT, groups=((1, "b"), (1, "a"))))
    sealed("body-uid-over-32-bits", "body", "a uid of 2^32", body_=body(KEYS, ROOT, owners=((2**32, "b"),)))
    sealed("body-1001-problems", "body", "1,001 problems", body_=body(KEYS, ROOT, problems=(("/x", 5, "y"),) * 1001))
    add("partial-with-tree", backup(PARTIAL, body_=body(KEYS, ROOT)), stage="body", comment="a partial entry with a tree")
    moved = backup(head_=head(3))
    start = 20 + int.from_bytes(good[12:16], "little")
    add("sealed-part-of-another-entry", sign(good[:start] + moved[start:-64], WRITER), "other-key", "labels",
        "the sealed part of another entry, signed again")
    other = backup_entry(BACKUP, head(), public(), labels(), body(KEYS, ROOT), OTHER_DEK, LABEL_KEY)
    add("body-under-another-dek", other, stage="body", comment="a body sealed under another DEK")
    repacks(add, sha256(good))
    tombstones(officer, sha256(good))
    tombstone_fields = head(1, OFFICER).encode() + tombstone([(WRITER.id, 2, sha256(good), 1)])
    prunes(add, officer)
    add("tombstone-with-sealed-part", sign(prefix(TOMBSTONE, tombstone_fields, 60) + bytes(60), OFFICER),
        comment="a tombstone with a sealed part", signer=OFFICER, sequence=1)


def tombstone(statements):
    return counted([identity + varint(sequence) + entry_id + u8(action) for identity, sequence, entry_id, action in statements])


def tombstones(officer, backup_id):
    other = stable("another backup", 32)
    officer("ok-tombstone", TOMBSTONE, tombstone([(WRITER.id, 2, backup_id, 1), (WRITER.id, 3, other, 2)]), "ok", "",
            "a backup forgotten, another taken back")
    officer("tombstone-empty", TOMBSTONE, tombstone([]), comment="no statements")
    officer("tombstone-unknown-action", TOMBSTONE, tombstone([(WRITER.id, 2, backup_id, 3)]), comment="action 3")
    officer("tombstone-order", TOMBSTONE, tombstone([(WRITER.id, 3, other, 1), (WRITER.id, 2, backup_id, 1)]),
            comment="statements not in ascending order")
    officer("tombstone-twice", TOMBSTONE, tombstone([(WRITER.id, 2, backup_id, 1), (WRITER.id, 2, backup_id, 2)]),
            comment="two statements about one place")
    officer("tombstone-of-sequence-zero", TOMBSTONE, tombstone([(WRITER.id, 0, backup_id, 1)]), comment="sequence number 0")
    officer("tombstone-octet-left-over", TOMBSTONE, tombstone([(WRITER.id, 2, backup_id, 1)]) + b"\0", comment="an octet left over")


def condemned(packs=(), loose=(), deks=(), indexes=()):
    """packs: (identity, sequence, DEK id, why, bitmap)"""
    return (counted([identity + varint(sequence) + dek_id + u8(why) + blob(bitmap) for identity, sequence, dek_id, why, bitmap in packs]) +
            counted(loose) + counted(indexes) + counted(deks))


def prunes(add, officer):
    """Condemnations, verdicts and acknowledgements."""
    packs = [(WRITER.id, 1, DEK.id, 1, b"\5"), (WRITER.id, 1, DEK.id, 2, b"\2"), (WRITER.id, 7, OTHER_DEK.id, 1, b"\1")]
    loose = sorted(stable(f"loose pack {i}", 32) for i in range(2))
    indexes = sorted(stable(f"loose index {i}", 32) for i in range(2))
    deks = sorted([DEK.id, OTHER_DEK.id])
    seen = [(one, 3) for one in sorted([OFFICER.id, WRITER.id])]

    def condemnation(seen=tuple(seen), **changes):
        return condemned(**{**dict(packs=packs, loose=loose, indexes=indexes, deks=deks), **changes}) + read_journals(seen)

    def bad(name, comment, fields): officer("condemnation-" + name, CONDEMNATION, fields, comment=comment)

    officer("ok-condemnation", CONDEMNATION, condemnation(), "ok", "", "packs for two reasons, loose packs and index segments, DEKs")
    officer("ok-condemnation-of-a-dek", CONDEMNATION, condemnation(packs=[], loose=[], indexes=[], deks=deks[:1], seen=[]), "ok", "", "a DEK alone")
    bad("of-nothing", "neither a pack nor a DEK", condemnation(packs=[], loose=[], indexes=[], deks=[]))
    bad("unknown-reason", "reason 3", condemnation(packs=[(WRITER.id, 1, DEK.id, 3, b"\1")]))
    bad("of-what-is-spared", "reason 0", condemnation(packs=[(WRITER.id, 1, DEK.id, 0, b"\1")]))
    bad("sequence-zero", "sequence number 0", condemnation(packs=[(WRITER.id, 0, DEK.id, 1, b"\1")]))
    bad("order", "condemned packs not in ascending order", condemnation(packs=packs[::-1]))
    bad("item-twice", "an item that stands twice", condemnation(packs=[packs[0], packs[0]]))
    bad("pack-twice", "a pack that stands in two items of its entry",
        condemnation(packs=[packs[0], (WRITER.id, 1, DEK.id, 2, b"\4")]))
    bad("bitmap-empty", "an empty bitmap", condemnation(packs=[(WRITER.id, 1, DEK.id, 1, b"")]))
    bad("bitmap-not-shortest", "a bitmap that ends with zero", condemnation(packs=[(WRITER.id, 1, DEK.id, 1, b"\1\0")]))
    bad("loose-order", "loose packs not in ascending order", condemnation(loose=loose[::-1]))
    bad("loose-twice", "a loose pack that stands twice", condemnation(loose=[loose[0], loose[0]]))
    bad("indexes-order", "loose index segments not in ascending order", condemnation(indexes=indexes[::-1]))
    bad("deks-order", "DEKs not in ascending order", condemnation(deks=deks[::-1]))
    bad("seen-order", "journals seen not in ascending order", condemnation(seen=seen[::-1]))
    bad("seen-sequence-zero", "a journal seen up to sequence number 0", condemnation(seen=[(WRITER.id, 0)]))
    bad("seen-65537", "65,537 journals seen", condemned(packs) + varint(65_537))
    bad("hostile-count", "a count of 2^32-1 packs", varint(2**32 - 1))
    bad("octet-left-over", "an octet left over", condemnation() + b"\0")
    bad("truncated", "the last octet is missing", condemnation()[:-1])
    start = head(1, OFFICER).encode() + condemnation()
    add("condemnation-with-sealed-part", sign(prefix(CONDEMNATION, start, 60) + bytes(60), OFFICER),
        comment="a condemnation with a sealed part", signer=OFFICER, sequence=1)

    named = stable("a condemnation", 32)
    spared = [(WRITER.id, 1, DEK.id, 0, b"\3")]
    officer("ok-verdict", VERDICT, named + condemned(spared, loose[:1], deks[:1]) + read_journals(seen), "ok", "", "some are spared")
    officer("ok-verdict-all", VERDICT, named + condemned() + read_journals([]), "ok", "", "nothing is spared")
    officer("verdict-reason", VERDICT, named + condemned(packs[:1]) + read_journals(seen), comment="what is spared has a reason to go")
    officer("verdict-short", VERDICT, named[:-1], comment="no whole entry id")
    officer("verdict-octet-left-over", VERDICT, named + condemned() + read_journals(seen) + b"\0", comment="an octet left over")

    officer("ok-acknowledgement", ACKNOWLEDGEMENT, read_journals(seen), "ok", "", "two journals read")
    officer("acknowledgement-of-nothing", ACKNOWLEDGEMENT, read_journals([]), comment="no journal")
    officer("acknowledgement-octet-left-over", ACKNOWLEDGEMENT, read_journals(seen) + b"\0", comment="an octet left over")


def repacks(add, backup_id):
    """Repack entries by the officer: DEK is the new one."""
    replaced = [(WRITER.id, 1, OTHER_DEK.id, b"\3"), (WRITER.id, 2, OTHER_DEK.id, b"\1")]
    replaced.sort()
    bodies = [(2, backup_id), (5, stable("another backup", 32))]
    plain = body(KEYS, ROOT)

    def fields(**changes):
        return repack_public(**{**dict(writer=WRITER.id, dek=DEK, slots=[rsa_slot()], packs=[b"pack"], indexes=[b"index"],
                                       replaced=replaced, bodies=bodies), **changes})

    def repack(public_, plaintexts, sequence=2, dek=DEK, **more):
        return repack_entry(head(sequence, OFFICER), public_, plaintexts, dek, **more)

    def good(name, comment, octets): add(name, octets, "ok", "", comment, OFFICER)

    def bad(name, stage, comment, octets): add(name, octets, stage=stage, comment=comment, signer=OFFICER)

    whole = repack(fields(), [plain, plain])
    good("ok-repack", "packs replaced and bodies sealed anew", whole)
    good("ok-repack-packs-only", "no body, so nothing sealed", repack(fields(bodies=[]), []))
    opening = dict(flags=1, packs=[], indexes=[], replaced=[], bodies=[])
    good("ok-repack-opening", "an opening entry", repack(fields(**opening), []))
    good("ok-repack-obeyed", "packs replaced by who has read a journal", repack(fields(bodies=[], obeyed=[(OFFICER.id, 1)]), []))
    good("ok-repack-bodies-only", "bodies alone, and no pack", repack(fields(packs=[], indexes=[], replaced=[]), [plain, plain]))

    def field(name, comment, plaintexts=(plain, plain), **changes):
        bad("repack-" + name, "fields", comment, repack(fields(**changes), plaintexts))

    field("of-nothing", "neither a pack replaced nor a body sealed anew", (), replaced=[], bodies=[])
    field("unknown-flags", "flag 1", flags=2)
    field("opening-with-packs", "an opening entry with packs", (), **{**opening, "packs": [b"pack"]})
    field("opening-with-indexes", "an opening entry with an index segment", (), **{**opening, "indexes": [b"index"]})
    field("opening-with-replaced", "an opening entry that replaces packs", (), **{**opening, "packs": [b"pack"], "replaced": replaced})
    field("opening-with-bodies", "an opening entry with bodies", **{**opening, "bodies": bodies})
    field("obeyed-order", "officers obeyed in another order", obeyed=[(one, 1) for one in sorted([OFFICER.id, WRITER.id])[::-1]])
    field("without-packs", "packs replaced, and none in their place", packs=[])
    field("no-slots", "no slots", slots=[])
    field("slot-of-another-dek", "a slot of another DEK", slots=[rsa_slot(OTHER_DEK)])
    field("slot-of-another-repository", "a slot of another repository", slots=[rsa_slot(repository=OTHER_REPOSITORY)])
    field("replaced-order", "replaced packs not in ascending order", replaced=replaced[::-1])
    field("replaced-twice", "an entry that stands twice among the replaced", replaced=[replaced[0], replaced[0]])
    field("replaced-sequence-zero", "replaced packs of sequence number 0", replaced=[(WRITER.id, 0, OTHER_DEK.id, b"\1")])
    field("bitmap-empty", "an empty bitmap", replaced=[(WRITER.id, 1, OTHER_DEK.id, b"")])
    field("bitmap-not-shortest", "a bitmap that ends with zero", replaced=[(WRITER.id, 1, OTHER_DEK.id, b"\1\0")])
    field("bodies-order", "bodies not in ascending order", bodies=bodies[::-1])
    field("body-twice", "a body that stands twice", bodies=[bodies[0], bodies[0]])
    field("body-sequence-zero", "a body of sequence number 0", bodies=[(0, backup_id), bodies[1]])
    field("body-missing", "fewer sealed bodies than are named", (plain,))
    field("body-too-many", "more sealed bodies than are named", (plain, plain, plain))
    bad("repack-fields-octet-left-over", "fields", "an octet after the bodies", repack(fields() + b"\0", [plain, plain]))
    bad("repack-sealed-part-left-over", "fields", "an octet after the last sealed body",
        repack(fields(), [plain, plain], extra_sealed=b"\0"))
    bad("repack-body-under-another-dek", "body", "bodies sealed under another DEK", repack(fields(), [plain, plain], dek=OTHER_DEK))
    bad("repack-body-octet-left-over", "body", "an octet after the last problem of a body", repack(fields(), [plain + b"\0", plain]))
    bad("repack-body-of-a-partial-entry", "body", "a body with keys alone", repack(fields(), [KEYS, plain]))
    moved = repack(fields(), [plain, plain], sequence=3)
    start = 20 + int.from_bytes(whole[12:16], "little")
    bad("repack-sealed-part-of-another-entry", "body", "the sealed part of another entry, signed again",
        sign(whole[:start] + moved[start:-64], OFFICER))


# --- packs ------------------------------------------------------------------------------------------------------------


class Hostile(Frame):
    """A frame whose record says something else than it should."""

    def __init__(self, chunks, compress=True, **said):
        super().__init__(chunks, compress)
        self.__dict__.update(said)


def packs():
    ids = b"".join(chunk_id(ID_KEY, kind, octets) for f in PACK_FRAMES for kind, octets in f.chunks)
    keys = dict(repository=REPOSITORY, dek_id=DEK.id, dek=DEK.secret, id_key=ID_KEY)

    def add(name, octets, expect="damaged", stage="header", comment="", **more):
        vector("pack", name, octets, expect, stage, comment, **{**keys, **more})

    raw = PACK_FRAMES[0]
    add("ok", PACK, "ok", "", "three frames: raw, compressed, metadata", chunks=ids)
    largest = Frame([(DATA, bytes(1 << 20))])
    window = bytes.fromhex("28b52ffd 80 88") + u32(len(counted([raw.record()])))
    plain_one = counted([raw.record()])
    window += u32(len(plain_one) << 3 | 1)[:3] + plain_one
    add("ok-largest-window", pack(DEK, [raw], 8, directory=window), "ok", "", "a directory with a window of 128 MiB",
        chunks=ids[:32])
    add("ok-largest-frame", pack(DEK, [largest], 9), "ok", "", "one frame of 1 MiB",
        chunks=chunk_id(ID_KEY, DATA, bytes(1 << 20)))
    add("magic", pack(DEK, [raw], magic=b"SIGNETPL"), comment="another magic")
    add("newer-version", pack(DEK, [raw], version=2), "unsupported", comment="version 2")
    add("unknown-suite", pack(DEK, [raw], suite=2), "unsupported", comment="suite 2")
    add("reserved", pack(DEK, [raw], reserved=bytes(15) + b"\1"), comment="a reserved octet that is not zero")
    add("of-another-repository", pack(DEK, [raw], repository=OTHER_REPOSITORY), comment="another repository's")
    add("of-another-dek", pack(OTHER_DEK, [raw]), comment="sealed under another DEK")
    add("foreign-dek-named", pack(OTHER_DEK, [raw], dek_id=DEK.id), comment="another DEK under this one's id")
    add("commitment", pack(DEK, [raw], commitment=stable("nothing", 32)), comment="commits to another key")
    add("counter-changed", PACK[:12] + u32(1) + PACK[16:], comment="another pack counter")
    add("salt-changed", flipped(PACK, 50), comment="a changed bit in the salt")
    add("header-cut", PACK[:127], comment="shorter than a header")
    add("empty", b"", comment="an empty object")

    def directory(name, comment, octets): add(name, octets, stage="directory", comment=comment)

    directory("truncated", "the last octet is missing", PACK[:-1])
    directory("octet-left-over", "an octet after the end", PACK + b"\0")
    directory("end-mark", "another mark at the end", PACK[:-1] + b"M")
    directory("trailer-length", "another length in the trailer", PACK[:-12] + u64(len(PACK) + 1) + PACK[-4:])
    directory("trailer-directory-zero", "a directory of no octets", PACK[:-16] + u32(0) + PACK[-12:])
    directory("trailer-directory-too-large", "a directory larger than the object",
              PACK[:-16] + u32(len(PACK)) + PACK[-12:])
    directory("trailer-directory-over-limit", "a directory over 16 MiB", PACK[:-16] + u32(2**32 - 1) + PACK[-12:])
    directory("directory-changed", "a changed bit in the sealed directory", flipped(PACK, -20))
    directory("octets-between", "an octet between frames and directory", PACK[:len(PACK) - 16 - int.from_bytes(
        PACK[-16:-12], "little")] + b"\0" + PACK[len(PACK) - 16 - int.from_bytes(PACK[-16:-12], "little"):-12] + u64(
            len(PACK) + 1) + b"PKEN")
    records = [f.record() for f in PACK_FRAMES]

    def said(name, comment, octets): directory(name, comment, pack(DEK, PACK_FRAMES, directory=octets))

    def record(name, comment, first): directory(name, comment, pack(DEK, PACK_FRAMES, records=[first] + records[1:]))

    plain = counted(records)
    said("no-frames", "a directory without frames", zstd(counted([])))
    said("one-frame-less", "a directory that does not tell all frames", zstd(counted(records[:2])))
    said("directory-octet-left-over", "an octet after the last record", zstd(plain + b"\0"))
    said("directory-truncated", "the last octet of the directory is missing", zstd(plain[:-1]))
    said("directory-two-zstd-frames", "two zstd frames", zstd(plain[:5]) + zstd(plain[5:]))
    said("directory-skippable-frame", "a skippable zstd frame after it", zstd(plain) + bytes.fromhex("502a4d1800000000"))
    window = bytes.fromhex("28b52ffd 80 89") + u32(len(plain)) + u32(len(plain) << 3 | 1)[:3] + plain
    said("directory-window", "a zstd frame that needs a window of 144 MiB", window)
    said("directory-only-skippable", "nothing but a skippable zstd frame", bytes.fromhex("502a4d1804000000") + bytes(4))
    said("directory-without-size", "a zstd frame without its size", zstd(plain, with_size=False))
    said("directory-not-zstd", "not a zstd frame", plain)
    said("directory-cut-zstd", "half a zstd frame", zstd(plain)[:-1])
    said("directory-bomb", "a zstd frame of more than 64 MiB", zstd(bytes(64 * 1024 * 1024 + 1)))
    said("hostile-frame-count", "65,536 frames", zstd(varint(65536) + bytes(6 * 65536)))
    said("hostile-chunk-count", "a count of 2^20 chunks in a few octets",
         zstd(varint(1) + u8(1) + u8(1) + varint(17) + varint(1 << 20) + varint(1 << 20)))
    size = raw.sealed_size()
    chunks = counted([varint(n) for n in raw.lengths])
    raw_size = varint(raw.raw_size)
    record("frame-kind", "frame kind 3", u8(3) + u8(0) + varint(size) + raw_size + chunks)
    record("frame-kind-zero", "frame kind 0", u8(0) + u8(0) + varint(size) + raw_size + chunks)
    record("codec", "codec 2", u8(1) + u8(2) + varint(size) + raw_size + chunks)
    record("raw-frame-shorter", "a raw frame that seals fewer octets than it holds",
           u8(1) + u8(0) + varint(size) + varint(raw.raw_size + 1) + counted([varint(raw.raw_size + 1)]))
    record("zstd-frame-not-shorter", "a zstd frame that is as long as its octets",
           u8(1) + u8(1) + varint(size) + raw_size + chunks)
    record("frame-empty", "a raw length of zero", u8(1) + u8(0) + varint(16) + varint(0) + counted([]))
    record("frame-without-chunks", "a frame without chunks", u8(1) + u8(0) + varint(size) + raw_size + counted([]))
    record("frame-over-limit", "a raw length over 1 MiB",
           u8(1) + u8(1) + varint(size) + varint((1 << 20) + 1) + counted([varint((1 << 20) + 1)]))
    record("chunk-empty", "a chunk of no octets",
           u8(1) + u8(0) + varint(size) + raw_size + counted([varint(raw.raw_size), varint(0)]))
    record("chunks-too-short", "chunks that do not fill their frame",
           u8(1) + u8(0) + varint(size) + raw_size + counted([varint(raw.raw_size - 1)]))
    record("chunks-too-long", "chunks longer than their frame",
           u8(1) + u8(0) + varint(size) + raw_size + counted([varint(raw.raw_size), varint(1)]))
    record("varint-too-long", "a varint longer than necessary",
           u8(1) + u8(0) + varint(size)[:-1] + u8(varint(size)[-1] | 0x80) + b"\0" + raw_size + chunks)

    def frame(name, comment, octets): add(name, octets, stage="frame", comment=comment)

    frame("frame-changed", "a changed bit in a frame", flipped(PACK, 140))
    frame("tag-changed", "a changed bit in a frame's tag", flipped(PACK, 128 + size - 1))
    same = [Frame([(DATA, bytes([n]) * 40)], compress=False) for n in (1, 2)]
    frame("frames-swapped", "two frames of one pack changed places", pack(DEK, same, swap=True))
    first, second = pack(DEK, same, 1, label="a"), pack(DEK, same, 2, label="b")
    frame("frame-of-another-pack", "a frame of another pack of the same DEK",
          first[:128] + second[128:128 + 56] + first[128 + 56:])
    small = Hostile([(DATA, b"x" * 100)], raw_size=99, lengths=[99])
    frame("zstd-declares-more", "a zstd frame that declares more than the record", pack(DEK, [small]))
    two = Hostile([(DATA, b"x" * 100)], payload=zstd(b"x" * 50) + zstd(b"x" * 50))
    frame("two-zstd-frames", "two zstd frames in one frame", pack(DEK, [two]))
    unsized = Hostile([(DATA, b"x" * 100)], payload=zstd(b"x" * 100, with_size=False))
    frame("zstd-without-size", "a zstd frame without its size", pack(DEK, [unsized]))
    skippable = Hostile([(DATA, b"x" * 100)], payload=zstd(b"x" * 100) + bytes.fromhex("502a4d1800000000"))
    frame("zstd-and-skippable", "a skippable frame after the zstd frame", pack(DEK, [skippable]))
    other_kind = Frame([(DATA, b"x" * 100)])
    other_record = u8(2) + other_kind.record()[1:]
    frame("frame-of-another-kind", "a directory that tells another kind of frame",
          pack(DEK, [other_kind], records=[other_record]))
    add("chunk-id", PACK, stage="chunk", comment="another id than the one that refers to it",
        chunks=flipped(ids, 0))


# --- index segments ---------------------------------------------------------------------------------------------------


def indexes():
    plain = index_plaintext(DEK, [(PACK, PACK_FRAMES)], ID_KEY)

    def add(name, octets, expect="damaged", stage="header", comment="", **more):
        vector("index", name, octets, expect, stage, comment,
               **{**dict(repository=REPOSITORY, writer=WRITER.id, index_key=INDEX_KEY), **more})

    def made(**changes): return index(changes.pop("repository", REPOSITORY), changes.pop("writer", WRITER.id),
                                      changes.pop("key", INDEX_KEY), changes.pop("plain", plain), **changes)

    ids = b"".join(chunk_id(ID_KEY, kind, octets) for f in PACK_FRAMES for kind, octets in f.chunks)
    add("ok", INDEX, "ok", "", "one pack", chunks=ids)
    second = pack(DEK, PACK_FRAMES[:1], 1)
    add("ok-two-packs", made(plain=index_plaintext(DEK, [(PACK, PACK_FRAMES), (second, PACK_FRAMES[:1])], ID_KEY)), "ok",
        "", "two packs, some chunks in both", chunks=ids + ids[:32])
    add("magic", made(magic=b"SIGNETIY"), comment="another magic")
    add("newer-version", made(version=2), "unsupported", comment="version 2")
    add("unknown-suite", made(suite=2), "unsupported", comment="suite 2")
    add("of-another-repository", made(repository=OTHER_REPOSITORY), comment="another repository's")
    add("of-another-writer", made(writer=STRANGER.id), comment="another writer's")
    add("truncated-header", INDEX[:91], comment="shorter than a header")
    add("nothing-sealed", INDEX[:92 + 16], comment="a header and nothing but a tag")
    add("another-key", made(key=stable("another index key", 32)), stage="seal", comment="sealed under another key")
    add("changed", flipped(INDEX, 100), stage="seal", comment="a changed bit")
    add("salt-changed", flipped(INDEX, 60), stage="seal", comment="a changed bit in the salt")
    add("truncated", INDEX[:-1], stage="seal", comment="the last octet is missing")
    add("octet-left-over", INDEX + b"\0", stage="seal", comment="an octet after the end")

    def inside(name, comment, **changes): add(name, made(**changes), stage="plaintext", comment=comment)

    inside("two-zstd-frames", "two zstd frames", compressed=zstd(plain[:20]) + zstd(plain[20:]))
    inside("without-size", "a zstd frame without its size", compressed=zstd(plain, with_size=False))
    inside("bomb", "a zstd frame of more than 64 MiB", compressed=zstd(bytes(64 * 1024 * 1024 + 1)))
    inside("id-missing", "a chunk without an id", plain=plain[:-16])
    inside("id-left-over", "an id without a chunk", plain=plain + bytes(16))
    inside("octet-after-ids", "an octet after the ids", plain=plain + b"\0")
    packs_ = counted([index_pack(PACK, PACK_FRAMES)])
    inside("hostile-count", "2^32-1 packs", plain=DEK.id + varint(2**32 - 1) + packs_[1:] + ids)
    inside("hostile-frame-count", "65,535 frames in a few octets",
           plain=DEK.id + varint(1) + sha256(PACK) + varint(len(PACK)) + varint(65535) + ids)
    inside("no-frames", "a pack without frames",
           plain=DEK.id + varint(2) + sha256(PACK) + varint(len(PACK)) + varint(0) + packs_[1:] + ids)
    inside("frames-do-not-fit", "frames longer than their pack",
           plain=DEK.id + varint(1) + sha256(PACK) + varint(200) + counted([f.record() for f in PACK_FRAMES]) + ids)
    inside("pack-over-limit", "a pack of more than 80 MiB", plain=DEK.id + varint(1) + sha256(PACK) + varint(
        80 * 1024 * 1024 + 1) + counted([f.record() for f in PACK_FRAMES]) + ids)
    inside("varint-too-long", "a varint longer than necessary", plain=DEK.id + b"\x81\0" + packs_[1:] + ids)
    inside("empty", "no plaintext", plain=b"")


# --- escrow -----------------------------------------------------------------------------------------------------------


def escrows():
    passphrase = b"correct horse"
    pkcs8 = PROTECTOR_PRIVATE.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                            serialization.NoEncryption())
    private = sha256(pkcs8)
    seed = stable("officer", 32)
    plain = escrow_plaintext("escrow", pkcs8, seed)

    def add(name, octets, expect="damaged", stage="header", comment="", **more):
        vector("escrow", name, octets, expect, stage, comment,
               **{**dict(repository=REPOSITORY, passphrase=passphrase), **more})

    def made(plain_=plain, **changes):
        return escrow(changes.pop("repository", REPOSITORY), changes.pop("thumbprint", THUMBPRINT), passphrase, plain_,
                      **changes)

    good = made()
    add("ok", good, "ok", "", "with the officer's seed", private_sha256=private, seed=seed)
    add("ok-without-seed", made(escrow_plaintext("escrow", pkcs8, b"")), "ok", "", "without a seed",
        private_sha256=private)
    add("ok-another-cost", made(log2_n=11, r=2, p=3), "ok", "", "another cost", private_sha256=private, seed=seed)
    add("wrong-passphrase", good, "wrong-passphrase", "check", "another passphrase", passphrase=b"correct house")
    add("salt-changed", flipped(good, 62), "wrong-passphrase", "check", "a changed bit in the salt")
    add("check-changed", flipped(good, 78), "wrong-passphrase", "check", "a changed bit in the check value")
    add("magic", made(magic=b"SIGNETET"), comment="another magic")
    add("newer-version", made(version=2), "unsupported", comment="version 2")
    add("of-another-repository", made(repository=OTHER_REPOSITORY), comment="another repository's")
    add("thumbprint-kind", made(thumbprint=b"\3" + bytes(32)), comment="thumbprint of kind 3")
    add("cost-n-too-small", made(log2_n=9), comment="log2(N) of 9")
    add("cost-n-too-large", made(log2_n=21), comment="log2(N) of 21")
    add("cost-r-zero", made(r=0), comment="r of 0")
    add("cost-r-too-large", made(r=33), comment="r of 33")
    add("cost-p-zero", made(p=0), comment="p of 0")
    add("cost-p-too-large", made(p=17), comment="p of 17")
    add("cost-memory", made(log2_n=20, r=9), comment="1.125 GiB of memory")
    add("nothing-sealed", good[:110 + 16], comment="a header and nothing but a tag")
    add("truncated-header", good[:109], comment="shorter than a header")
    add("too-large", made(escrow_plaintext("n" * 65536, pkcs8, seed)), comment="more than 64 KiB")
    add("changed", flipped(good, 120), stage="seal", comment="a changed bit")
    add("truncated", good[:-1], stage="seal", comment="the last octet is missing")
    add("octet-left-over", good + b"\0", stage="seal", comment="an octet after the end")
    add("thumbprint-changed", flipped(good, 30), stage="seal", comment="another thumbprint")

    def inside(name, comment, octets): add(name, made(octets), stage="plaintext", comment=comment)

    inside("seed-too-short", "a seed of 31 octets", escrow_plaintext("escrow", pkcs8, seed[1:]))
    inside("seed-too-long", "a seed of 33 octets", escrow_plaintext("escrow", pkcs8, seed + b"\0"))
    inside("no-private-key", "an empty private key", escrow_plaintext("escrow", b"", seed))
    inside("name-not-utf8", "a name that is not UTF-8", escrow_plaintext(b"\xff", pkcs8, seed))
    inside("private-key-not-a-key", "octets that are no private key", escrow_plaintext("escrow", bytes(100), seed))
    add("private-key-of-another", made(thumbprint=b"\1" + bytes(32)), stage="plaintext",
        comment="another private key than the thumbprint says")
    add("symmetric-thumbprint", made(thumbprint=KMS), stage="plaintext", comment="a key manager's thumbprint")
    inside("octet-after-seed", "an octet after the seed", plain + b"\0")


# --- contents and trees -----------------------------------------------------------------------------------------------


def contents():
    ids = [stable(f"chunk {n}", 16) for n in range(4)]

    def add(name, octets, expect="damaged", comment="", **more):
        vector("content", name, octets, expect, "decode" if expect != "ok" else "", comment, **more)

    add("ok-empty", content(0), "ok", "nothing")
    add("ok-one-chunk", content(5, [(ids[0], 5)]), "ok", "one chunk, whose length is the size")
    add("ok-largest-chunk", content(1 << 20, [(ids[0], 1 << 20)]), "ok", "one chunk of 1 MiB")
    add("ok-three-chunks", content(600, [(ids[0], 100), (ids[1], 200), (ids[2], 300)]), "ok", "three chunks")
    add("ok-level-1", content(10**6, [(ids[0], 90, 400_000), (ids[1], 91, 600_000)], 1), "ok", "two lists")
    add("ok-level-4", content(2**63 - 1, [(ids[0], 90, 2**63 - 1)], 4), "ok", "the largest size, at the highest level")
    lists = list_chunk(0, [(ids[0], 1), (ids[1], 1 << 20)])
    add("ok-list", lists, "ok", "a list of level 0", list_level=0, span=(1 << 20) + 1)
    add("ok-list-of-one", list_chunk(0, [(ids[0], 7)]), "ok", "a list of one chunk, with its length", list_level=0, span=7)
    add("ok-list-level-3", list_chunk(3, [(ids[0], 9, 10**12), (ids[1], 9, 1)]), "ok", "a list of level 3", list_level=3,
        span=10**12 + 1)
    add("truncated", content(5, [(ids[0], 5)])[:-1], comment="the last octet is missing")
    add("octet-left-over", content(5, [(ids[0], 5)]) + b"\0", comment="an octet after the ids")
    add("octet-after-nothing", content(0) + b"\0", comment="a level without a size")
    add("size-varint-too-long", b"\x85\0" + content(5, [(ids[0], 5)])[1:], comment="a varint longer than necessary")
    add("size-over-64-bits", b"\xff" * 9 + b"\x02", comment="a size of more than 64 bits")
    add("size-over-63-bits", content(2**63, [(ids[0], 1, 2**63)], 4), comment="a size of 2^63")
    add("level-5", content(5, [(ids[0], 5, 5)], 5), comment="level 5")
    add("no-references", content(5, []), comment="a size and no references")
    add("hostile-count", varint(65536) + varint(0) + varint(65536) + b"\1" * 100, comment="65,536 references in a few octets")
    add("list-length-zero", content(5, [(ids[0], 0, 2), (ids[1], 9, 3)], 1), comment="a list of no octets")
    add("length-zero", content(5, [(ids[0], 0), (ids[1], 5)]), comment="a chunk of no octets")
    add("length-over-limit", content((1 << 20) + 2, [(ids[0], (1 << 20) + 1), (ids[1], 1)]), comment="a chunk over 1 MiB")
    add("single-length-over-limit", content((1 << 20) + 1, [(ids[0], (1 << 20) + 1)]), comment="one chunk over 1 MiB")
    add("lengths-too-few", content(12, [(ids[0], 5), (ids[1], 6)]), comment="lengths that add up to less")
    add("lengths-too-many", content(10, [(ids[0], 5), (ids[1], 6)]), comment="lengths that add up to more")
    add("span-zero", content(5, [(ids[0], 9, 0), (ids[1], 9, 5)], 1), comment="a list that covers nothing")
    add("spans-too-few", content(5, [(ids[0], 9, 2), (ids[1], 9, 2)], 1), comment="spans that add up to less")
    add("spans-wrap", content(5, [(ids[0], 9, 2**64 - 1), (ids[1], 9, 6)], 1), comment="spans that add up modulo 2^64")
    add("list-of-another-level", lists, comment="a list of another level", list_level=1, span=(1 << 20) + 1)
    add("list-of-another-span", lists, comment="a list that covers less than was said", list_level=0, span=(1 << 20) + 2)
    add("list-level-4", u8(4) + references(4, [(ids[0], 9, 5)], True), comment="a list of level 4", list_level=4, span=5)
    add("list-octet-left-over", lists + b"\0", comment="an octet after the ids", list_level=0, span=(1 << 20) + 1)
    add("list-empty", b"", comment="an empty list", list_level=0, span=5)


def trees():
    def add(name, octets, expect="damaged", comment=""):
        vector("tree", name, octets, expect, "decode" if expect != "ok" else "", comment)

    small = content(5, [(stable("chunk", 16), 5)])
    xattrs = counted([blob("security.x") + blob(b"\0\1"), blob("user.a") + blob(""), blob("user.b") + blob("v" * 300)])
    all_types = (
        entry("a", FILE, small) + entry("b", DIRECTORY, content(0), mode=0o1777) +
        entry("c", SYMLINK, blob("../x"), mode=0o777) + entry("d", FIFO) + entry("e", SOCKET) +
        entry("f", CHARACTER, varint(1) + varint(3)) + entry("g", BLOCK, varint(259) + varint(2**32 - 1)))
    add("ok-empty", b"", "ok", "an empty directory")
    add("ok-all-types", all_types, "ok", "one entry of each type")
    every = svarint(-5) + varint(0) + varint(2**64 - 1) + counted([varint(0) + varint(2), varint(4096) + varint(3),
                                                                 ]) + xattrs + varint(0x10)
    add("ok-all-fields", entry("x", FILE, small, 0x3F, every, 0o7777, 2**32 - 1, 2**32 - 1, -(2**62), 999_999_999), "ok",
        "every optional field")
    add("ok-names", entry(b"\1", FIFO) + entry("...", FIFO) + entry("A", FIFO) + entry("a", FIFO) + entry(b"a\n", FIFO) +
        entry("n" * 255, FIFO) + entry(b"\xff\xfe", FIFO), "ok", "names of all kinds, compared as unsigned octets")
    add("ok-only-hole", entry("x", FILE, content(0), 4, counted([varint(10) + varint(0)])), "ok", "a file of one hole")
    add("ok-hole-at-end", entry("x", FILE, small, 4, counted([varint(0) + varint(5), varint(9) + varint(0)])), "ok",
        "a hole at the end")

    def name(slug, octets, comment): add("name-" + slug, entry(octets, FIFO), comment=comment)

    name("empty", "", "a name of no octets")
    name("dot", ".", "the name .")
    name("dot-dot", "..", "the name ..")
    name("slash", "a/b", "a name with a slash")
    name("slash-first", "/etc", "an absolute name")
    name("zero", "a\0b", "a name with a zero octet")
    name("too-long", "n" * 256, "a name of 256 octets")
    add("names-order", entry("b", FIFO) + entry("a", FIFO), comment="names not in ascending order")
    add("names-twice", entry("a", FIFO) + entry("a", FIFO), comment="a name that stands twice")
    add("names-signed-order", entry(b"\xff", FIFO) + entry("a", FIFO), comment="names compared as signed octets")
    add("type-zero", entry("a", 0), comment="type 0")
    add("type-8", entry("a", 8), comment="type 8")
    add("unknown-field", entry("a", FIFO, fields=0x40), comment="bit 6 of the fields")
    add("mode", entry("a", FIFO, mode=0o10000), comment="a bit of the mode that is not a permission")
    add("uid", entry("a", FIFO, uid=2**32), comment="a uid of 2^32")
    add("gid", entry("a", FIFO, gid=2**32), comment="a gid of 2^32")
    add("nanoseconds", entry("a", FIFO, ns=10**9), comment="10^9 nanoseconds")
    add("truncated", entry("a", FILE, small)[:-1], comment="the last octet is missing")
    add("octet-left-over", entry("a", FIFO) + b"\0", comment="an octet after the last entry")
    add("varint-too-long", entry("a", FIFO)[:-1] + b"\x80\0", comment="a varint longer than necessary")
    add("target-empty", entry("a", SYMLINK, blob("")), comment="a link to nothing")
    add("target-zero", entry("a", SYMLINK, blob("a\0b")), comment="a target with a zero octet")
    add("target-too-long", entry("a", SYMLINK, blob("t" * 65536)), comment="a target of 65,536 octets")
    add("device-number", entry("a", BLOCK, varint(2**32) + varint(0)), comment="a major number of 2^32")
    add("directory-with-link-identity", entry("a", DIRECTORY, content(0), 2, varint(0) + varint(1)),
        comment="a directory with a link identity")
    add("link-with-holes", entry("a", SYMLINK, blob("x"), 4, counted([varint(1) + varint(0)])), comment="a link with holes")

    def holes(slug, comment, pairs, content_=small):
        add("holes-" + slug, entry("a", FILE, content_, 4, counted([varint(h) + varint(d) for h, d in pairs])),
            comment=comment)

    holes("none", "no stretches", [])
    holes("none-empty", "no stretches of nothing", [], content(0))
    holes("without-hole", "one stretch and no hole", [(0, 5)])
    holes("nothing-at-all", "neither hole nor data", [(0, 0)], content(0))
    holes("empty-hole", "an empty hole in the middle", [(1, 2), (0, 3)])
    holes("empty-stretch", "an empty stretch in the middle", [(1, 0), (1, 5)])
    holes("too-little", "stretches that hold less than the content", [(1, 4)])
    holes("too-much", "stretches that hold more than the content", [(1, 6)])
    holes("too-large", "2^63 octets with its holes", [(2**63 - 5, 5)])
    holes("wrap", "a size that wraps around", [(2**63 - 6, 2), (2**63, 3)])
    add("holes-hostile-count", entry("a", FILE, small, 4, varint(65536)), comment="65,536 stretches in no octets")

    def attributes(slug, comment, pairs):
        add("xattr-" + slug, entry("a", FIFO, fields=8, optional=counted([blob(n) + blob(v) for n, v in pairs])),
            comment=comment)

    attributes("none", "a list of no extended attributes", [])
    attributes("order", "extended attributes not in ascending order", [("user.b", ""), ("user.a", "")])
    attributes("twice", "an extended attribute that stands twice", [("user.a", "1"), ("user.a", "2")])
    attributes("name-empty", "an extended attribute without a name", [("", "v")])
    attributes("name-zero", "a name with a zero octet", [("user.\0", "v")])
    attributes("name-too-long", "a name of 256 octets", [("n" * 256, "v")])
    attributes("value-too-long", "a value of 65,537 octets", [("user.a", "v" * 65537)])
    attributes("1025", "1,025 extended attributes", [(f"user.{n:05}", "") for n in range(1025)])
    add("flags", entry("a", FIFO, fields=16, optional=varint(2**32)), comment="file flags of 33 bits")
    add("birth-missing", entry("a", FIFO, fields=1), comment="a birth time that is not there")


def main():
    for make in (configs, slots, entries, packs, indexes, escrows, contents, trees):
        make()
    kept = {(os.path.basename(folder), name[:-4])
            for folder, _, names in os.walk(HERE) for name in names if name.endswith(".txt")}
    for kind, name in sorted(kept - MADE):
        print(f"no longer made: {kind}/{name}.txt")
    print(f"{len(MADE)} vectors")


if __name__ == "__main__":
    main()
