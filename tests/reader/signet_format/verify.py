"""Checking a whole repository (section 15): what anyone can check, and with keys the rest."""

from .backup import Keyring, OpenedBackup, Repository, ids_in_frame, open_body, open_labels, open_remark
from .contents import FILE, data_pieces, walk
from .errors import Refused, Unable
from .journal import BACKUP, REMARK
from .logs import copies_of, is_whole, lost_logs, read_log
from .packs import Pack, read_index, read_index_header, read_pack_header
from .slots import open_escrow, open_slot, read_escrow, read_slot
from .store import index_name, pack_name


class Verifier:
    def __init__(self, store, keys=(), passphrase=None, pinned_officer=None):
        self.refused = []  # all problems
        self.notes = []    # what could not be checked
        self.counts = dict.fromkeys(("entries", "slots", "escrow objects", "packs", "index segments", "opened entries",
                                     "opened slots", "opened packs", "opened frames", "opened chunks", "walked backups",
                                     "walked entries", "logs", "opened logs"), 0)
        self._store = store
        self._passphrase = passphrase
        self._repository = Repository(store, pinned_officer)  # raises what is wrong with config.json
        self._id = self._repository.config.repository
        self._packs = {}    # pack id -> header
        self._indexes = {}  # index id -> length
        self._opened = {}   # (identity, pack id) -> (frames, possible ids of each chunk)
        self._keys = list(keys)

    def run(self):
        self.refused += self._repository.journals.problems
        self.counts["entries"] = sum(1 for _ in self._repository.journals.entries())
        self._check_objects()
        self._check_entries()
        self._check_logs()
        self._keyring = Keyring(self._repository, self._keys)
        self._check_escrow()
        if self._keyring.keys:
            self._open_slots()
            self._open_entries()
            self._open_logs()
        return not self.refused

    def _attempt(self, act, *arguments):
        """The result of `act`; None when something is refused."""
        try:
            return act(*arguments)
        except Refused as problem:
            if str(problem) not in map(str, self.refused):
                self.refused.append(problem)
        except Unable as problem:
            if str(problem) not in self.notes:
                self.notes.append(str(problem))
        return None

    # -- without keys -------------------------------------------------------------------------------------------------

    def _check_objects(self):
        listing = self._repository.listing
        self._slots = [self._attempt(read_slot, self._store, name, parts, self._id) for name, parts in listing["slot"]]
        self.counts["slots"] = len(self._slots)
        for name, parts in listing["pack"]:
            pack_id = bytes.fromhex(parts["sha256"])
            self._packs[pack_id] = self._attempt(read_pack_header, self._store, pack_id, self._id, None)
        self.counts["packs"] = len(self._packs)
        for name, parts in listing["index"]:
            index_id = bytes.fromhex(parts["sha256"])
            octets = self._attempt(read_index_header, self._store, index_id, self._id, None)
            self._indexes[index_id] = octets and (len(octets), octets[28:60].hex())
        self.counts["index segments"] = len(self._indexes)

        counters = {}
        for pack_id, header in self._packs.items():
            if header:
                other = counters.setdefault((header.dek_id, header.counter), pack_id)
                if other != pack_id:
                    self.refused.append(Refused(pack_name(pack_id), f"has the same counter as {pack_name(other)}"))

    def _check_entries(self):
        self.refused += self._repository.repacks.problems
        self._note_what_may_be_gone()
        for entry in self._repository.journals.entries():
            if entry.run:
                self._attempt(self._repository.named_by, entry)
            if entry.packed:
                for pack_id, length in entry.packed.packs:
                    self._attempt(self._check_named_pack, entry, pack_id, length)
                for index_id, length in entry.packed.indexes:
                    self._attempt(self._check_named_index, entry, index_id, length)

    def _check_logs(self):
        self.refused += self._repository.bad_epochs
        self._epochs = self._repository.logs()
        refused, notes = lost_logs(self._epochs)
        self.refused += refused
        self.notes += notes
        self.counts["logs"] += sum(len(epoch.logs) for epoch in self._epochs)

    def _open_logs(self):
        for epoch in self._epochs:
            fields = epoch.entry.epoch
            dek = self._attempt(self._keyring.dek, fields, epoch.entry.name)
            same = [other for other in self._epochs if other.entry.epoch.series_id == fields.series_id]
            for log in epoch.logs.values() if dek else ():
                best = copies_of(same, self._store, log)[0]
                if best is not log and not is_whole(self._store, log) and is_whole(self._store, best):
                    self.notes.append(f"{log.name}: its octets are not those that were signed; it is stored again as {best.name}")
                    continue
                if self._attempt(read_log, self._store, log, dek, self._id, fields.dek_id) is not None:
                    self.counts["opened logs"] += 1

    def _note_what_may_be_gone(self):
        """Packs and index segments of forgotten backups, and what others stand for, as far as no other backup needs them."""
        repository, needed, gone = self._repository, set(), set()
        for backup in repository.journals.backups():
            try:
                parts = repository.needed_by(backup)
                if backup.id in repository.repacks.forgotten:
                    gone.update(object_id for part in parts + repository.named_by(backup) for object_id in objects_of(*part))
                else:
                    needed.update(object_id for part in parts for object_id in objects_of(*part))
            except Refused:
                pass  # reported where its reach is checked
        gone.update(object_id for entry, pack in repository.repacks.replaced() for object_id in objects_of(entry, [pack]))
        gone.update(self._let_go())
        self._may_be_gone = gone - needed

    def _let_go(self):
        """Packs that a verdict lets go, and the index segments of entries when all packs of their runs until then are."""
        let_go, kept = self._repository.repacks.let_go_packs, set()  # kept: runs with another pack
        for entry in self._repository.journals.entries():
            if not entry.packed:
                continue
            run = entry.identity, entry.run.run_id if entry.run else entry.name
            for i, (pack_id, _) in enumerate(entry.packed.packs):
                if (entry.identity, entry.sequence, entry.packed.dek_id, i) in let_go:
                    yield pack_id
                else:
                    kept.add(run)
            if run not in kept:
                yield from (index_id for index_id, _ in entry.packed.indexes)

    def _check_named_pack(self, entry, pack_id, length):
        if pack_id not in self._packs:
            if pack_id in self._may_be_gone:
                return
            raise Refused(pack_name(pack_id), f"is missing, but {entry.name} names it")
        header = self._packs[pack_id]
        if header is None:
            return  # refused already
        if header.length != length:
            raise Refused(pack_name(pack_id), f"{header.length} octets, but {entry.name} says {length}")
        if header.dek_id != entry.packed.dek_id:
            raise Refused(pack_name(pack_id), f"sealed under another DEK than {entry.name} says")

    def _check_named_index(self, entry, index_id, length):
        if index_id not in self._indexes:
            if index_id in self._may_be_gone:
                return
            raise Refused(index_name(index_id), f"is missing, but {entry.name} names it")
        if self._indexes[index_id] is None:
            return
        found, identity = self._indexes[index_id]
        if found != length:
            raise Refused(index_name(index_id), f"{found} octets, but {entry.name} says {length}")
        if identity != entry.writer:
            raise Refused(index_name(index_id), f"made by another writer than {entry.name}, which names it")

    # -- with keys ----------------------------------------------------------------------------------------------------

    def _check_escrow(self):
        for name, parts in self._repository.listing["escrow"]:
            escrow = self._attempt(read_escrow, self._store, name, parts, self._id)
            if escrow and self._passphrase is not None:
                opened = self._attempt(open_escrow, escrow, self._passphrase)
                if opened:
                    self._keyring.keys[opened.key.thumbprint] = opened.key
            self.counts["escrow objects"] += 1
        if self._passphrase is not None and not self._keyring.keys:
            raise Unable("the passphrase opens no escrow object")

    def _open_slots(self):
        in_entries = [slot for entry in self._repository.journals.entries() if entry.packed for slot in entry.packed.slots]
        for slot in [slot for slot in self._slots if slot] + in_entries:
            if slot.thumbprint in self._keyring.keys and self._attempt(open_slot, slot, self._keyring.keys[slot.thumbprint], self._id):
                self.counts["opened slots"] += 1

    def _open_entries(self):
        bodies = {}  # by writer: any body has the writer's keys
        entries = list(self._repository.journals.entries())
        for entry in entries:
            if entry.run:
                body = self._attempt(self._open_run, entry)
                if body:
                    self.counts["opened entries"] += 1
                    bodies[entry.identity] = body
        for entry in sorted(entries, key=lambda entry: bool(entry.repack)):
            dek = entry.packed and entry.writer in bodies and self._attempt(self._keyring.dek, entry.packed, entry.name)
            if dek:
                for pack_id, length in entry.packed.packs:
                    self._attempt(self._open_pack, entry, bodies[entry.writer], dek, pack_id, length)
                for index_id, length in entry.packed.indexes:
                    self._attempt(self._open_index, entry, bodies[entry.writer], index_id, length)
        label_keys = {writer: body.label_key for writer, body in bodies.items()}
        for entry in entries:
            if entry.kind == BACKUP and entry.id not in self._repository.repacks.forgotten:
                self._attempt(self._walk, entry)
            elif entry.kind == REMARK and entry.remark_writer in label_keys and (
                    self._repository.trusted(entry) or self._repository.trust.officer(entry.identity, entry.sequence)):
                self._attempt(open_remark, entry, label_keys[entry.remark_writer], self._id)

    def _open_run(self, entry):
        """The body of a run's entry, its labels checked with it."""
        holder, number = self._repository.repacks.body_of(entry)
        body = open_body(holder, number, entry.kind, self._keyring.dek(holder.packed, holder.name), self._id)
        open_labels(entry, body.label_key, self._id)
        return body

    def _open_pack(self, entry, body, dek, pack_id, length):
        if self._packs.get(pack_id) is None:
            return  # reported already, or gone
        pack = Pack(self._store, pack_id, self._id, length, entry.packed.dek_id, dek)
        frames = pack.directory()
        ids = []
        for n, frame in enumerate(frames):
            ids += ids_in_frame(body.id_key, frame, pack.open_frame(n, frame))
        self._opened[entry.writer, pack_id] = length, frames, ids
        self.counts["opened packs"] += 1
        self.counts["opened frames"] += len(frames)
        self.counts["opened chunks"] += len(ids)

    def _open_index(self, entry, body, index_id, length):
        if self._indexes.get(index_id) is None:
            return
        segment = read_index(self._store, index_id, self._id, length, entry.writer, body.index_key)
        if segment.dek_id != entry.packed.dek_id:
            raise Refused(segment.name, f"an index of packs under another DEK than that of {entry.name}")
        for indexed in segment.packs:
            name = pack_name(indexed.pack_id)
            if indexed.pack_id in self._may_be_gone and indexed.pack_id not in self._packs:
                continue
            if (entry.writer, indexed.pack_id) not in self._opened:
                raise Refused(segment.name, f"holds {name}, which no entry of its writer names until now, or which is refused")
            pack_length, frames, ids = self._opened[entry.writer, indexed.pack_id]
            if indexed.length != pack_length or [frame.record() for frame in indexed.frames] != [frame.record() for frame in frames]:
                raise Refused(segment.name, f"its frames are not those of {name}")
            if len(indexed.chunk_ids) != len(ids) or any(one not in possible for one, possible in zip(indexed.chunk_ids, ids)):
                raise Refused(segment.name, f"its chunk ids are not those of {name}")

    def _walk(self, entry):
        """Everything a backup refers to is there, with the right lengths; its directories and lists are right. That
        the data chunks have their ids was checked with their packs."""
        backup = OpenedBackup(self._repository, entry, self._keyring)
        for _, inside in walk(backup.body.root, entry.name, backup.chunk):
            self.counts["walked entries"] += 1
            if inside.type == FILE:
                for reference, _ in data_pieces(inside, entry.name, backup.chunk):
                    backup.place(reference)
        self.counts["walked backups"] += 1


def objects_of(entry, packs):
    """The ids of these packs of an entry and of its index segments."""
    return [pack_id for pack_id, _ in packs] + [index_id for index_id, _ in entry.packed.indexes]
