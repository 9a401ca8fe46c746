"""Opening a repository without keys, and one backup with them (section 6)."""

from collections import OrderedDict
from dataclasses import dataclass

from .config import read_config
from .contents import parse_tree_entry
from .crypto import Sealed, hkdf_expand, hmac_sha256, same_octets
from .encoding import U32_MAX, Octets, ascending
from .errors import Refused, Unable
from .journal import BACKUP, LOG_EPOCH, LOG_RELEASE, REMARK, Trust, order_of_statements, read_journals
from .logs import EpochLogs
from .packs import KINDS_IN_FRAME, Pack, chunk_id, read_index
from .repacks import Repacks
from .slots import open_escrow, open_slot, read_escrow, read_slot
from .store import index_name, pack_name

CACHED_OCTETS = 256 << 20


class Repository:
    """What anyone can know: config, journals, trust."""

    def __init__(self, store, pinned_officer=None):
        self.store = store
        self.config = read_config(store, pinned_officer)
        self.listing = store.listing()
        self.journals = read_journals(store, self.listing, self.config)
        self.trust = Trust(self.journals, self.config)
        self.repacks = Repacks(self.journals, self.trust)
        self.slot_names = {}  # DEK id -> names of slots that claim to be of it
        for name, parts in self.listing["slot"]:
            self.slot_names.setdefault(bytes.fromhex(parts["dek"]), []).append((name, parts))
        self.closed_epochs = {}  # DEK id -> how it ended
        self.bad_epochs = []
        self._close_epochs()
        self.kept_from = {}  # (identity, DEK id) of an epoch -> its lower numbers may be gone
        self._release_logs()

    def epochs(self):
        """Log epochs that count, in the order in which they were opened."""
        return sorted((entry for entry in self.journals.entries() if entry.kind == LOG_EPOCH and self.trusted(entry)),
                      key=lambda entry: (entry.time, entry.identity, entry.sequence))

    def _close_epochs(self):
        for entries in self.journals.of.values():
            opened = {}
            for entry in entries:
                if entry.kind != LOG_EPOCH or not self.trusted(entry):
                    continue
                for closed in entry.epoch.closed:
                    known = self.closed_epochs.get(closed.dek_id)
                    if opened.get(closed.dek_id) != entry.epoch.series_id or known not in (None, closed):
                        self.bad_epochs.append(Refused(entry.name, f"closes {closed.dek_id.hex()}, which it cannot"))
                    else:
                        self.closed_epochs[closed.dek_id] = closed
                opened[entry.epoch.dek_id] = entry.epoch.series_id

    def _release_logs(self):
        for entry in self.journals.entries():
            if entry.kind == LOG_RELEASE and self.trust.officer(entry.identity, entry.sequence):
                for identity, dek_id, number in entry.releases:
                    self.kept_from[identity, dek_id] = max(number, self.kept_from.get((identity, dek_id), 1))

    def logs(self):
        """The logs of every epoch that counts."""
        return [EpochLogs(self, entry) for entry in self.epochs()]

    def trusted(self, entry):
        """Its writer is trusted for it, those of the entries that it reaches for theirs, and officers for those from which it borrows."""
        reached = [(entry.run.writer_of(reach, entry.identity), reach.sequence) for reach in entry.run.reach] if entry.run else []
        lenders = [(item.identity, item.sequence) for item in entry.run.borrowed] if entry.run else []
        return (all(self.trust.writer(*place) for place in [(entry.identity, entry.sequence), *reached])
                and all(self.trust.officer(*place) for place in lenders))

    def find_backup(self, wanted):
        """The trusted backup with this entry id (or the beginning of it), or the latest."""
        for problem in self.journals.problems:
            if self.trust.depends_on(problem.identity, len(self.journals.of[problem.identity]) + 1):
                raise problem  # a statement about a writer may be among what cannot be read
        backups = self.backups()
        if wanted == "latest":
            found = [backup for backup in backups if self.trusted(backup)][-1:]
        else:
            found = [backup for backup in backups if wanted and backup.id.hex().startswith(wanted.lower())]
        if any(wanted and entry.id.hex().startswith(wanted.lower()) for entry in self.journals.backups()
               if entry.id in self.repacks.forgotten):
            raise Unable(f"the backup {wanted} was forgotten")
        if not found:
            problem = next(iter(self.journals.problems), None)
            raise problem or Unable(f"no backup {wanted}")
        if len(found) > 1:
            raise Unable(f"{len(found)} backups begin with {wanted}")
        if not self.trusted(found[0]):
            raise Refused(found[0].name, "its writer is not trusted for its sequence number, or one that it reaches for that entry")
        return found[0]

    def backups(self):
        """All that are not forgotten."""
        return [entry for entry in self.journals.backups() if entry.id not in self.repacks.forgotten]

    def named_by(self, entry):
        """The entries that a run's entry reaches or borrows from, each with these packs; then itself with all its packs."""
        return [(part, [part.packed.packs[i] for i in numbers]) for part, numbers in self.repacks.named(entry)]

    def needed_by(self, entry):
        """The same after repacking: every entry of which packs are needed, each with these packs."""
        return self.repacks.follow(entry)

    def tags(self, backup, label_key):
        """The tags by the last remark on a backup; None without one."""
        remarks = [entry for entry in self.journals.entries() if entry.kind == REMARK and entry.remark_on == backup.id
                   and entry.remark_writer == backup.identity
                   and (self.trusted(entry) or self.trust.officer(entry.identity, entry.sequence))]
        for remark in sorted(remarks, key=order_of_statements, reverse=True):
            try:
                return open_remark(remark, label_key, self.config.repository)
            except Refused:
                continue  # the next latest counts
        return None


class Keyring:
    """The private keys at hand, and the DEKs that they opened."""

    def __init__(self, repository, keys=(), passphrase=None):
        self._repository = repository
        self.keys = {key.thumbprint: key for key in keys}
        self._deks = {}
        if passphrase is not None:
            self._add_escrow(passphrase)

    def _add_escrow(self, passphrase):
        problem = Unable("no escrow object in this repository")
        for name, parts in self._repository.listing["escrow"]:
            try:
                opened = open_escrow(read_escrow(self._repository.store, name, parts, self._repository.config.repository), passphrase)
                self.keys[opened.key.thumbprint] = opened.key
            except (Refused, Unable) as error:
                problem = error
        if not self.keys:
            raise problem

    def dek(self, run, name):
        """The DEK of a run's entry. Any one slot opens it."""
        wanted = run.dek_id, run.commitment
        if wanted not in self._deks:
            self._deks[wanted] = self._unwrap(run, name)
        return self._deks[wanted]

    def _unwrap(self, run, name):
        repository, store = self._repository.config.repository, self._repository.store
        problem = Unable(f"{name}: none of the keys opens its DEK {run.dek_id.hex()}")
        for slot in run.slots:
            if slot.thumbprint in self.keys:
                try:
                    return open_slot(slot, self.keys[slot.thumbprint], repository)
                except Refused as error:
                    problem = error
        for slot_name, parts in self._repository.slot_names.get(run.dek_id, ()):
            if parts["thumbprint"].replace("-", ":") in self.keys:
                try:
                    slot = read_slot(store, slot_name, parts, repository)
                    if slot.commitment != run.commitment:
                        raise Refused(slot_name, "the commitment is not that of the DEK it claims to wrap")
                    return open_slot(slot, self.keys[slot.thumbprint], repository)
                except Refused as error:
                    problem = error
        raise problem


# -- sealed parts -----------------------------------------------------------------------------------------------------

@dataclass
class Labels:
    host: str
    user: str
    series: str
    paths: list
    tags: list
    command: list
    program: str


@dataclass
class Body:
    id_key: bytes
    index_key: bytes
    label_key: bytes
    root: object = None
    owners: tuple = ()
    groups: tuple = ()
    totals: tuple = ()
    unread: tuple = ()  # (path, errno, what)


TOTALS = ("files", "directories", "others", "bytes", "new_bytes", "new_bytes_sealed", "errors")


def split_sealed(octets, name, halves):
    """`halves` pairs of a salt and sealed octets."""
    field = Octets(octets, name)
    found = [(field.take(32, "salt"), field.take(field.u32(), "sealed part")) for _ in range(halves)]
    field.finish()
    return found


def open_half(key, label, context, salt, sealed, entry, what):
    derived = hkdf_expand(key, label + context + bytes.fromhex(entry.identity) + entry.sequence.to_bytes(8, "little") + salt, 32)
    return Octets(Sealed(derived).open(0, sealed, entry.associated, entry.name, what), f"{entry.name} ({what})")


def parse_tags(field):
    tags = [field.text("tag") for _ in range(field.varint("count of tags"))]
    if not ascending([tag.encode() for tag in tags]):
        field.refuse("tags are not ascending")
    return tags


def parse_owners(field):
    owners = [(field.varint("id", 0, U32_MAX), field.text("name")) for _ in range(field.varint("count of owners"))]
    if not ascending([number for number, _ in owners]):
        field.refuse("owners are not ascending")
    return owners


def open_remark(entry, label_key, repository):
    (salt, sealed), = split_sealed(entry.sealed, entry.name, 1)
    field = open_half(label_key, b"signet/labels/v1\0", repository, salt, sealed, entry, "the remark")
    tags = parse_tags(field)
    field.finish()
    return tags


def open_body(entry, number, kind, dek, repository):
    """The body in an entry: a run's own, or one of those in a repack entry. `kind` is that of the run's entry."""
    if entry.repack:
        salt, sealed = split_sealed(entry.sealed, entry.name, len(entry.repack.bodies))[number]
    else:
        salt, sealed = split_sealed(entry.sealed, entry.name, 2)[1]
    field = open_half(dek, b"signet/body/v1\0", repository + entry.packed.dek_id, salt, sealed, entry, "the body")
    body = Body(field.take(32, "id key"), field.take(32, "index key"), field.take(32, "label key"))
    if kind == BACKUP:
        body.root = parse_tree_entry(field, root=True)
        body.owners, body.groups = parse_owners(field), parse_owners(field)
        body.totals = [field.varint(name) for name in TOTALS]
        body.unread = [(field.blob("path"), field.varint("errno", 0, 2**31 - 1), field.text("message"))
                       for _ in range(field.varint("count of errors", 0, 1000))]
    field.finish()
    return body


def open_labels(entry, label_key, repository):
    labels_salt, sealed_labels = split_sealed(entry.sealed, entry.name, 2)[0]
    field = open_half(label_key, b"signet/labels/v1\0", repository, labels_salt, sealed_labels, entry, "the labels")
    labels = Labels(field.text("host"), field.text("user"), field.text("series"),
                    paths=[field.blob("path") for _ in range(field.varint("count of paths"))], tags=parse_tags(field),
                    command=[field.blob("argument") for _ in range(field.varint("count of arguments"))],
                    program=field.text("program"))
    field.finish()
    series_id = hmac_sha256(label_key, b"signet/series/v1\0" + labels.series.encode())[:16]
    if not same_octets(series_id, entry.run.series_id):
        raise Refused(entry.name, "the series id is not that of the series' name")
    return labels


# -- chunks -----------------------------------------------------------------------------------------------------------

@dataclass
class Place:
    """Where a chunk lies."""
    pack: int  # number within the backup
    frame: int
    offset: int
    length: int


class OpenedBackup:
    """A backup with all its DEKs open. `chunk` gives the octets of any chunk it refers to, checked."""

    def __init__(self, repository, entry, keyring):
        self.entry = entry
        self.repository = repository
        self._store = repository.store
        self._id = repository.config.repository
        # Every DEK, before anything is written anywhere.
        holder, number = repository.repacks.body_of(entry)
        body_dek = keyring.dek(holder.packed, holder.name)
        needed = repository.needed_by(entry)
        commitments = {holder.packed.dek_id: holder.packed.commitment}
        for part, _ in needed:
            if commitments.setdefault(part.packed.dek_id, part.packed.commitment) != part.packed.commitment:
                raise Refused(entry.name, f"needs two DEKs of one id, {part.packed.dek_id.hex()}")
        self._parts = [(part, packs, keyring.dek(part.packed, part.name)) for part, packs in needed]
        self.body = open_body(holder, number, entry.kind, body_dek, self._id)
        self.labels = open_labels(entry, self.body.label_key, self._id)
        self._packs = []   # [id, length, dek id, dek, frames, Pack or None]
        self._places = {}  # chunk id -> Place
        self._frames = OrderedDict()
        self._cached = 0
        for part in self._parts:
            self._add_part(*part)

    def _add_part(self, entry, packs, dek):
        """The packs of one entry, from its index segments; from the packs themselves when they are in no segment."""
        wanted = dict(packs)
        for index_id, length in entry.packed.indexes:
            if self._store.size(index_name(index_id)) is None:
                continue
            try:
                segment = read_index(self._store, index_id, self._id, length, entry.writer, self.body.index_key)
            except Refused:
                continue  # damaged: as good as missing, and its packs tell the same (section 10)
            if segment.dek_id != entry.packed.dek_id:
                raise Refused(segment.name, "an index of packs under another DEK than its entry's")
            for pack in segment.packs:
                if pack.pack_id in wanted:
                    if pack.length != wanted.pop(pack.pack_id):
                        raise Refused(segment.name, f"another length of {pack_name(pack.pack_id)} than in {entry.name}")
                    self._add_pack(pack.pack_id, pack.length, entry, dek, pack.frames, pack.chunk_ids, None)
        for pack_id, length in wanted.items():
            pack = Pack(self._store, pack_id, self._id, length, entry.packed.dek_id, dek)
            frames = pack.directory()
            # A tree frame does not say which of its chunks are lists: such a chunk is entered under both ids.
            ids = [self._ids_of(frame, pack.open_frame(n, frame)) for n, frame in enumerate(frames)]
            self._add_pack(pack_id, length, entry, dek, frames, [chunk for of_frame in ids for chunk in of_frame], pack)

    def _ids_of(self, frame, raw):
        return list(ids_in_frame(self.body.id_key, frame, raw))

    def _add_pack(self, pack_id, length, entry, dek, frames, chunk_ids, pack):
        number = len(self._packs)
        self._packs.append([pack_id, length, entry.packed.dek_id, dek, frames, pack])
        chunk_ids = iter(chunk_ids)
        for n, frame in enumerate(frames):
            offset = 0
            for chunk_length in frame.chunks:
                ids = next(chunk_ids)
                for one in (ids,) if isinstance(ids, bytes) else ids:
                    self._places.setdefault(one, Place(number, n, offset, chunk_length))
                offset += chunk_length

    def place(self, reference, name=None):
        """Where a chunk lies; refuses references that lead nowhere."""
        place = self._places.get(reference.id)
        if place is None:
            raise Refused(name or self.entry.name, f"chunk {reference.id.hex()} is in none of the packs that it reaches")
        if place.length != reference.length:
            raise Refused(name or self.entry.name, f"chunk {reference.id.hex()} is {place.length} octets, not {reference.length}")
        return place

    def frame_kind(self, place):
        return self._packs[place.pack][4][place.frame].kind

    def chunk(self, kind, reference):
        place = self.place(reference)
        if kind not in KINDS_IN_FRAME[self.frame_kind(place)]:
            raise Refused(self.entry.name, f"chunk {reference.id.hex()} lies in a frame of another kind")
        octets = self._frame(place.pack, place.frame)[place.offset:place.offset + place.length]
        if not same_octets(chunk_id(self.body.id_key, kind, octets), reference.id):
            raise Refused(pack_name(self._packs[place.pack][0]), f"chunk {reference.id.hex()}: its octets have another id")
        return octets

    def _frame(self, pack_number, n):
        raw = self._frames.get((pack_number, n))
        if raw is not None:
            self._frames.move_to_end((pack_number, n))
            return raw
        record = self._packs[pack_number]
        pack_id, length, dek_id, dek, frames, pack = record
        if pack is None:
            pack = record[5] = Pack(self._store, pack_id, self._id, length, dek_id, dek)
        raw = pack.open_frame(n, frames[n])
        self._frames[pack_number, n] = raw
        self._cached += len(raw)
        while self._cached > CACHED_OCTETS:
            self._cached -= len(self._frames.popitem(last=False)[1])
        return raw


def ids_in_frame(id_key, frame, raw):
    """For each chunk of a frame, the ids that it may have: one, or two in a tree frame (as a tree, as a list)."""
    offset = 0
    for length in frame.chunks:
        octets = raw[offset:offset + length]
        yield tuple(chunk_id(id_key, kind, octets) for kind in KINDS_IN_FRAME[frame.kind])
        offset += length
