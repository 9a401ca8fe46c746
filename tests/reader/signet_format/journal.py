"""Section 5: identities and the journal. The public parts of sections 6 and 7."""

from dataclasses import dataclass, field as member
from typing import Optional

from .crypto import identity_of, sha256, signature_is_right
from .encoding import MIB, Octets, ascending
from .errors import Refused, UnknownVersion
from .logs import is_segment_size, parse_epoch
from .packs import INDEX_LIMIT, PACK_LIMIT
from .slots import SLOT_LIMIT, parse_slot
from .store import journal_name

PART_LIMIT = 16 * MIB
SIGNATURE = 64
SEQUENCE_LIMIT = 9_999_999_999
ENTRY_LIMIT = 20 + 2 * PART_LIMIT + SIGNATURE
SIGNER_AT = 20 + 16 + 32  # where the public key stands, in every kind

(BACKUP, PARTIAL, TRUST, POLICY, REMARK, REPACK, TOMBSTONE, CONDEMNATION, VERDICT, ACKNOWLEDGEMENT,
 LOG_EPOCH, LOG_RELEASE) = range(1, 13)
KINDS = {BACKUP: "backup", PARTIAL: "partial", TRUST: "trust", POLICY: "policy", REMARK: "remark", REPACK: "repack",
         TOMBSTONE: "tombstone", CONDEMNATION: "condemnation", VERDICT: "verdict", ACKNOWLEDGEMENT: "acknowledgement",
         LOG_EPOCH: "log epoch", LOG_RELEASE: "log release"}
SEALED = (BACKUP, PARTIAL, REMARK, LOG_EPOCH)  # the kinds that have a sealed part; in a repack entry it depends
WRITER, OFFICER = 1, 2
ROLES = {WRITER: "writer", OFFICER: "officer"}
FILES, STREAM, BASE = 1, 2, 3
BACKUP_KINDS = {FILES: "files", STREAM: "stream", BASE: "base"}


@dataclass
class Reach:
    journal: int  # 0: the entry's own, i: of the i-th predecessor
    sequence: int
    dek_id: bytes
    bitmap: bytes

    def has(self, i):
        return i // 8 < len(self.bitmap) and bool(self.bitmap[i // 8] >> i % 8 & 1)


@dataclass
class Run:
    """What backup and partial entries say in public."""
    run_id: bytes
    series_id: bytes
    backup_kind: int
    flags: int
    time: int
    began: int
    ended: int
    dek_id: bytes
    commitment: bytes
    slots: list
    packs: list    # (id, length)
    indexes: list  # (id, length)
    predecessors: list  # identities
    obeyed: list        # (identity, sequence)
    reach: list
    borrowed: list = member(default_factory=list)  # Replaced, as the fields are the same
    base: Optional[tuple] = None  # system identifier, timeline, start, stop, segment size

    def writer_of(self, reach, signer):
        return self.predecessors[reach.journal - 1] if reach.journal else signer


@dataclass
class Replaced:
    identity: str
    sequence: int
    dek_id: bytes
    bitmap: bytes

    def has(self, i):
        return i // 8 < len(self.bitmap) and bool(self.bitmap[i // 8] >> i % 8 & 1)


@dataclass
class Repack:
    writer: str
    dek_id: bytes
    commitment: bytes
    slots: list
    packs: list
    indexes: list
    replaced: list
    bodies: list  # (sequence, entry id)
    obeyed: list  # (identity, sequence)
    backups: list = member(default_factory=list)  # of a lossy one: (identity, sequence, entry id)


@dataclass
class CondemnedPacks:
    identity: str
    sequence: int
    dek_id: bytes
    why: int
    bitmap: bytes

    def has(self, i):
        return i // 8 < len(self.bitmap) and bool(self.bitmap[i // 8] >> i % 8 & 1)


@dataclass
class Condemned:
    """What a condemnation names, or a verdict spares."""
    packs: list
    loose: list
    indexes: list
    deks: list
    seen: list = member(default_factory=list)  # (identity, sequence)
    condemnation: bytes = b""                  # of a verdict: which one


@dataclass
class Tombstone:
    writer: str
    sequence: int
    backup: bytes
    action: int


@dataclass
class Statement:
    identity: str
    role: int
    first: int
    last: int


@dataclass
class Entry:
    name: str
    id: bytes
    kind: int
    identity: str
    sequence: int
    previous: bytes
    time: int
    log_head: bytes
    policy: bytes
    associated: bytes  # the octets [0..20+P)
    sealed: bytes
    run: Optional[Run] = None
    running_time: int = 0    # the latest time claimed in the journal so far; set by read_journals
    statements: list = member(default_factory=list)  # kind 3
    policy_number: int = 0                           # kind 4
    policy_values: list = member(default_factory=list)
    remark_on: bytes = b""                           # kind 5
    remark_writer: str = ""
    repack: Optional[Repack] = None                  # kind 6
    tombstones: list = member(default_factory=list)  # kind 7
    condemned: Optional[Condemned] = None            # kind 8
    spared: Optional[Condemned] = None               # kind 9
    obeyed: list = member(default_factory=list)      # kind 10
    epoch: Optional[object] = None                   # kind 11
    releases: list = member(default_factory=list)    # kind 12: (identity, DEK id, number)

    @property
    def packed(self):
        """What has a DEK and packs: a run or a repack entry; else None."""
        return self.run or self.repack

    @property
    def writer(self):
        """Whose chunks are in its packs."""
        return self.repack.writer if self.repack else self.identity


def parse_entry(octets, name, identity, sequence, config):
    """One entry. `identity` and `sequence` are those of its name."""
    # The signature first. Where it stands does not depend on what is in between.
    if len(octets) < SIGNER_AT + 32 + SIGNATURE:
        raise Refused(name, "too short for an entry")
    signer = octets[SIGNER_AT:SIGNER_AT + 32]
    if identity_of(signer).hex() != identity:
        raise Refused(name, "its public key is not that of the identity in its name")
    if not signature_is_right(signer, octets[-SIGNATURE:], b"signet/entry/v1\0" + sha256(octets[:-SIGNATURE])):
        raise Refused(name, "the signature is wrong")

    field = Octets(octets, name)
    field.magic(b"SIGNETJE")
    kind = field.u8("kind")
    if kind == 0:
        field.refuse("unknown kind of entry 0")
    if kind not in KINDS:
        raise UnknownVersion(name, f"an entry of kind {kind}: made by a newer version")
    if field.u8("signature algorithm") != 1:
        field.refuse("unknown signature algorithm")
    public_length, sealed_length = field.u32(), field.u32()
    if public_length > PART_LIMIT or sealed_length > PART_LIMIT:
        field.refuse("a part of more than 16 MiB")
    if len(octets) != 20 + public_length + sealed_length + SIGNATURE:
        field.refuse("its length is not what its header says")

    public = Octets(octets, name, 20, 20 + public_length)
    if public.take(16, "repository id") != config.repository:
        field.refuse("an entry of another repository")
    if public.take(32, "config hash") != config.hash:
        field.refuse("made for another config.json")
    public.take(32, "public key")
    if public.u64("sequence number") != sequence or sequence == 0:
        field.refuse("its sequence number is not the one in its name")
    entry = Entry(name, sha256(octets), kind, identity, sequence, previous=public.take(32), time=public.time(),
                  log_head=public.take(32), policy=public.take(32), associated=octets[:20 + public_length],
                  sealed=octets[20 + public_length:-SIGNATURE])
    if kind in (BACKUP, PARTIAL):
        entry.run = parse_run(public, entry, config)
    elif kind == TRUST:
        for _ in range(public.varint("count of statements", 1, 1000)):
            statement = Statement(public.take(32, "identity").hex(), public.u8("role"), public.u64(), public.u64())
            if statement.role not in ROLES:
                public.refuse(f"unknown role {statement.role}")
            entry.statements.append(statement)
    elif kind == POLICY:
        entry.policy_number = public.u64("number of the policy")
        if entry.policy_number == 0:
            public.refuse("a policy with the number 0")
        entry.policy_values = [(public.text("name"), public.text("value"))
                               for _ in range(public.varint("count of values", 0, 256))]
        if not ascending([policy_name.encode() for policy_name, _ in entry.policy_values]):
            public.refuse("names of a policy are not ascending")
    elif kind == REPACK:
        entry.repack = parse_repack(public, entry, config)
    elif kind == CONDEMNATION:
        entry.condemned = parse_condemned(public, (1, 2))
        if not (entry.condemned.packs or entry.condemned.loose or entry.condemned.indexes or entry.condemned.deks):
            public.refuse("nothing is condemned")
        entry.condemned.seen = parse_read_journals(public, 65536)
    elif kind == VERDICT:
        condemnation = public.take(32, "entry id")
        entry.spared = parse_condemned(public, (0,))
        entry.spared.condemnation = condemnation
        entry.spared.seen = parse_read_journals(public, 65536)
    elif kind == ACKNOWLEDGEMENT:
        entry.obeyed = parse_read_journals(public, 64)
        if not entry.obeyed:
            public.refuse("nothing is acknowledged")
    elif kind == TOMBSTONE:
        for _ in range(public.varint("count of statements", 1, 65536)):
            entry.tombstones.append(Tombstone(public.take(32, "identity").hex(), public.varint("sequence number", 1, SEQUENCE_LIMIT),
                                              public.take(32, "entry id"), public.u8("action")))
            if entry.tombstones[-1].action not in (1, 2):
                public.refuse(f"unknown action {entry.tombstones[-1].action}")
        if not ascending([(said.writer, said.sequence) for said in entry.tombstones]):
            public.refuse("statements are not ascending")
    elif kind == LOG_EPOCH:
        entry.epoch = parse_epoch(public, entry, config, parse_slots)
    elif kind == LOG_RELEASE:
        entry.releases = [(public.take(32, "identity").hex(), public.take(16, "DEK id"), public.varint("number", 2, 65537))
                          for _ in range(public.varint("count of releases", 1, 65536))]
        if not ascending([(identity, dek_id) for identity, dek_id, _ in entry.releases]):
            public.refuse("releases are not ascending")
    else:
        entry.remark_on = public.take(32, "entry id")
        entry.remark_writer = public.take(32, "identity").hex()
    public.finish()
    if bool(entry.sealed) != (kind in SEALED or bool(entry.repack and entry.repack.bodies)):
        field.refuse(f"a sealed part of {sealed_length} octets in an entry of kind {kind}")
    return entry


def parse_slots(public, entry, run, config):
    """Slots of one DEK."""
    for i in range(public.varint("count of slots", 1, 64)):
        slot = parse_slot(public.blob("slot", 0, SLOT_LIMIT), f"{entry.name} (slot {i})", config.repository)
        if slot.dek_id != run.dek_id or slot.commitment != run.commitment:
            public.refuse(f"slot {i} is of another DEK")
        run.slots.append(slot)


def parse_packs(public, entry, run, config):
    """Slots, packs and index segments of one DEK, in a run's entry or a repack entry."""
    parse_slots(public, entry, run, config)
    run.packs = [(public.take(32, "pack id"), public.varint("length of a pack", 0, PACK_LIMIT))
                 for _ in range(public.varint("count of packs"))]
    run.indexes = [(public.take(32, "index id"), public.varint("length of an index", 0, INDEX_LIMIT))
                   for _ in range(public.varint("count of indexes"))]


def parse_bitmap(public):
    bitmap = public.blob("bitmap")
    if not bitmap or bitmap[-1] == 0:
        public.refuse("the last octet of a bitmap is zero")
    return bitmap


def parse_read_journals(public, limit):
    """Journals, and how far they were read."""
    journals = [(public.take(32, "identity").hex(), public.varint("sequence number", 1, SEQUENCE_LIMIT))
                for _ in range(public.varint("count of journals", 0, limit))]
    if not ascending([identity for identity, _ in journals]):
        public.refuse("journals are not ascending")
    return journals


def parse_condemned(public, reasons):
    packs = []
    for _ in range(public.varint("count of condemned packs")):
        packs.append(CondemnedPacks(public.take(32, "identity").hex(), public.varint("sequence number", 1, SEQUENCE_LIMIT),
                                    public.take(16, "DEK id"), public.u8("why"), parse_bitmap(public)))
        if packs[-1].why not in reasons:
            public.refuse(f"unknown reason {packs[-1].why}")
    if not ascending([(item.identity, item.sequence, item.why) for item in packs]):
        public.refuse("condemned packs are not ascending")
    for one, other in zip(packs, packs[1:]):
        if (one.identity, one.sequence) == (other.identity, other.sequence) and any(a & b for a, b in zip(one.bitmap, other.bitmap)):
            public.refuse("a pack stands twice")
    lists = [[public.take(size, what) for _ in range(public.varint("count"))]
             for size, what in ((32, "pack id"), (32, "index id"), (16, "DEK id"))]
    if not all(map(ascending, lists)):
        public.refuse("ids are not ascending")
    return Condemned(packs, *lists)


def has_more_than(bitmap, packs):
    """Whether a bitmap stands for more packs than there are."""
    return (packs + 7) // 8 < len(bitmap) or any(bitmap[i // 8] >> i % 8 & 1 for i in range(packs, 8 * len(bitmap)))


def parse_parts(public, what, least):
    """Packs of entries, whoever signed these."""
    parts = [Replaced(public.take(32, "identity").hex(), public.varint("sequence number", 1, SEQUENCE_LIMIT),
                      public.take(16, "DEK id"), parse_bitmap(public)) for _ in range(public.varint(f"count of {what}", least))]
    if not ascending([(item.identity, item.sequence) for item in parts]):
        public.refuse(f"{what} packs are not ascending")
    return parts


def parse_repack(public, entry, config):
    writer, flags = public.take(32, "identity").hex(), public.u8("flags")
    if flags & ~3:
        public.refuse("unknown flags")
    repack = Repack(writer, dek_id=public.take(16), commitment=public.take(32), slots=[], packs=[], indexes=[], replaced=[],
                    bodies=[], obeyed=[])
    parse_packs(public, entry, repack, config)
    repack.obeyed = parse_read_journals(public, 64)
    repack.replaced = parse_parts(public, "replaced", 0)
    repack.bodies = [(public.varint("sequence number", 1, SEQUENCE_LIMIT), public.take(32, "entry id"))
                     for _ in range(public.varint("count of bodies"))]
    if not ascending([sequence for sequence, _ in repack.bodies]):
        public.refuse("bodies are not ascending")
    if flags & 2:
        repack.backups = [(public.take(32, "identity").hex(), public.varint("sequence number", 1, SEQUENCE_LIMIT), public.take(32, "entry id"))
                          for _ in range(public.varint("count of backups", 1))]
        if not ascending([place[:2] for place in repack.backups]):
            public.refuse("backups are not ascending")
        if flags & 1 or repack.bodies or not repack.replaced:
            public.refuse("a lossy entry does nothing but replacing packs")
    if bool(flags & 1) != (not repack.replaced and not repack.bodies):
        public.refuse("nothing is replaced or sealed anew, or an opening entry does so")
    if flags & 1 and (repack.packs or repack.indexes):
        public.refuse("an opening entry with packs")
    if repack.replaced and not repack.packs and not repack.backups:
        public.refuse("no packs in place of those replaced")
    return repack


def parse_run(public, entry, config):
    run = Run(run_id=public.take(16), series_id=public.take(16), backup_kind=public.u8(), flags=public.u8(),
              time=public.time(), began=public.time(), ended=public.time(), dek_id=public.take(16),
              commitment=public.take(32), slots=[], packs=[], indexes=[], predecessors=[], obeyed=[], reach=[])
    if run.backup_kind not in BACKUP_KINDS or run.backup_kind == BASE and entry.kind != BACKUP:
        public.refuse(f"unknown kind of backup {run.backup_kind}")
    if run.flags & ~3 or run.flags & 2 and entry.kind != BACKUP:
        public.refuse("unknown flags")
    parse_packs(public, entry, run, config)
    run.predecessors = [public.take(32, "predecessor").hex() for _ in range(public.varint("count of predecessors", 0, 16))]
    if len(set(run.predecessors)) != len(run.predecessors):
        public.refuse("a predecessor stands twice")
    if entry.identity in run.predecessors:
        public.refuse("the signer is its own predecessor")
    run.obeyed = parse_read_journals(public, 64)
    for _ in range(public.varint("count of reach")):
        journal = public.varint("journal", 0, len(run.predecessors))
        sequence = public.varint("sequence number", 1, SEQUENCE_LIMIT if journal else entry.sequence - 1)
        run.reach.append(Reach(journal, sequence, public.take(16, "DEK id"), parse_bitmap(public)))
    if not ascending([(reach.journal, reach.sequence) for reach in run.reach]):
        public.refuse("reach is not ascending")
    if run.flags & 2:
        run.borrowed = parse_parts(public, "borrowed", 1)
    if run.backup_kind == BASE:
        run.base = (public.u64(), public.u32("timeline"), public.u64("start"), public.u64("stop"), public.u32("segment size"))
        if run.base[1] == 0 or run.base[2] > run.base[3] or not is_segment_size(run.base[4]):
            public.refuse("the place of a base")
    return run


# -- whole journals ---------------------------------------------------------------------------------------------------

class Journals:
    """All journals of a repository, each up to the first entry that is refused."""

    def __init__(self):
        self.of = {}        # identity -> its entries, from sequence number 1
        self.problems = []  # one Refused for each journal that breaks off

    def entries(self):
        for entries in self.of.values():
            yield from entries

    def backups(self):
        return sorted((entry for entry in self.entries() if entry.kind == BACKUP), key=order_of_backups)


def order_of_backups(entry):
    return entry.run.time, entry.identity, entry.sequence


def order_of_statements(entry):
    return entry.running_time, entry.identity, entry.sequence


def read_journals(store, listing, config):
    journals = Journals()
    for name, parts in listing["journal"]:  # sorted: by identity, then by sequence
        entries = journals.of.setdefault(parts["identity"], [])
        if any(problem.identity == parts["identity"] for problem in journals.problems):
            continue
        try:
            expected = journal_name(parts["identity"], len(entries) + 1)
            if name != expected:
                raise Refused(expected, "is missing, but a later entry is there")
            entry = parse_entry(store.read_whole(name, ENTRY_LIMIT), name, parts["identity"], int(parts["sequence"]), config)
            if entry.previous != (entries[-1].id if entries else bytes(32)):
                raise Refused(name, "does not follow the entry before it (a fork or a replay)")
            entry.running_time = max(entry.time, entries[-1].running_time) if entries else entry.time
            entries.append(entry)
        except Refused as problem:
            problem.identity = parts["identity"]
            journals.problems.append(problem)
    return journals


def reached_entry(journals, entry, reach):
    """The entry that an item of a run's reach names, of whichever writer."""
    writer = entry.run.writer_of(reach, entry.identity)
    words = f"entry {reach.sequence}" + (f" of {writer}" if reach.journal else "")
    believed = journals.of.get(writer, [])
    if len(believed) < reach.sequence:
        raise Refused(entry.name, f"reaches {words}, which is missing or not believed")
    reached = believed[reach.sequence - 1]
    if not reached.run:
        raise Refused(entry.name, f"reaches {words}, which is no run's")
    if reached.run.dek_id != reach.dek_id:
        raise Refused(entry.name, f"another DEK id than that of {words}, which it reaches")
    packs = len(reached.run.packs)
    if (packs + 7) // 8 < len(reach.bitmap) or any(reach.has(i) for i in range(packs, 8 * len(reach.bitmap))):
        raise Refused(entry.name, f"reaches more packs than {words} has")
    return reached


# -- trust ------------------------------------------------------------------------------------------------------------

class Trust:
    """Who is trusted for which sequence numbers.

    The officer of config.json is trusted for all: level 0. Officers are settled level by level, then writers over the same
    levels; what a nearer level said about an identity in a role, no farther level can change. Within a level the later
    statement counts, in the order of (running time, identity, sequence)."""

    def __init__(self, journals, config):
        self._root = config.officer
        self._ranges = {}
        self._entries = sorted((entry for entry in journals.entries() if entry.kind == TRUST), key=order_of_statements)
        levels = [{self._root}]
        while levels[-1]:
            said = self._said_by(levels[-1], OFFICER)
            said.pop((self._root, OFFICER), None)
            self._ranges.update(said)
            levels.append({identity for identity, _ in said})
        for level in levels:
            self._ranges.update(self._said_by(level, WRITER))

    def _said_by(self, level, role):
        """What the officers of a level say about identities that no nearer level has settled."""
        return {(said.identity, role): (said.first, said.last)
                for entry in self._entries if entry.identity in level and self.officer(entry.identity, entry.sequence)
                for said in entry.statements if said.role == role and (said.identity, role) not in self._ranges}

    def range_of_writer(self, identity):
        """First and last trusted sequence number; None where nobody trusts it."""
        return self._ranges.get((identity, WRITER))

    def _has(self, identity, role, sequence):
        first, last = self._ranges.get((identity, role), (1, 0))
        return first <= sequence <= last

    def officer(self, identity, sequence):
        return identity == self._root or self._has(identity, OFFICER, sequence)

    def writer(self, identity, sequence):
        return self._has(identity, WRITER, sequence)

    def depends_on(self, identity, sequence):
        """Whether what an officer said from this sequence number on has effect."""
        if identity == self._root:
            return True
        first, last = self._ranges.get((identity, OFFICER), (1, 0))
        return first <= last and sequence <= last
