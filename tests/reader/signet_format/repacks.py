"""Section 7: repack entries and tombstones, and what follows from those that count."""

from .errors import Refused
from .journal import BACKUP, has_more_than, order_of_statements, reached_entry

FORGOTTEN = 1


class Repacks:
    """What stands for what, and for whom. Only entries that officers were trusted to sign count."""

    def __init__(self, journals, trust):
        self._journals = journals
        self.problems = []    # repack entries that contradict what they name
        self.counted = set()  # names of repack entries that count
        self._trust = trust
        self._packs = {}      # (identity, sequence, number of a pack) -> the repack entry
        self._lossy = {}      # the same and (identity, sequence) of a backup -> the lossy repack entry
        self._bodies = {}     # (identity, sequence) of a backup -> the repack entry, number of the body
        of_officers = [entry for entry in journals.entries() if trust.officer(entry.identity, entry.sequence)]
        for entry in sorted(of_officers, key=order_of_statements):
            if entry.repack:
                try:
                    self._take(entry)
                except Refused as problem:
                    problem.identity = entry.identity
                    self.problems.append(problem)
        self.forgotten = forgotten_by(of_officers, journals)
        self.let_go_packs, self.let_go_loose, self.let_go_deks = let_go_by(of_officers)

    def _entry(self, identity, sequence):
        believed = self._journals.of.get(identity, [])
        return believed[sequence - 1] if sequence <= len(believed) else None

    def _take(self, entry):
        repack = entry.repack
        packs, bodies = {}, {}
        for item in repack.replaced:
            named = self._entry(item.identity, item.sequence)
            if named is None or (named.repack and named.name not in self.counted):
                continue  # what is not there, or does not count (so far), is not replaced
            if not named.packed or named.writer != repack.writer:
                raise Refused(entry.name, f"replaces packs of {named.name}, which is no entry with packs of that writer")
            if named.packed.dek_id != item.dek_id or has_more_than(item.bitmap, len(named.packed.packs)):
                raise Refused(entry.name, f"names another DEK or more packs than {named.name} has")
            packs.update({(item.identity, item.sequence, i): entry for i in range(len(named.packed.packs)) if item.has(i)})
        for number, (sequence, entry_id) in enumerate(repack.bodies):
            named = self._entry(repack.writer, sequence)
            if named is None:
                continue
            if named.kind != BACKUP or named.id != entry_id:
                raise Refused(entry.name, f"reseals the body of {named.name}, which is another entry")
            bodies[repack.writer, sequence] = entry, number
        for identity, sequence, entry_id in repack.backups:
            named = self._entry(identity, sequence)
            if named and (named.kind != BACKUP or named.id != entry_id or repack.writer not in (identity, *named.run.predecessors)):
                raise Refused(entry.name, f"stands for {named.name}, which is another entry")
        self.counted.add(entry.name)
        if repack.backups:
            self._lossy.update({(place, backup[:2]): entry for place in packs for backup in repack.backups})
        else:
            self._packs.update(packs)
        self._bodies.update(bodies)

    def body_of(self, backup):
        """The entry that holds a backup's body, and its number among the bodies of a repack entry."""
        return self._bodies.get((backup.identity, backup.sequence), (backup, 0))

    def named(self, backup):
        """What a backup's entry names: (entry, numbers of packs), its own last."""
        for reach in backup.run.reach:
            reached = reached_entry(self._journals, backup, reach)
            yield reached, [i for i in range(len(reached.run.packs)) if reach.has(i)]
        for item in backup.run.borrowed:
            if self._trust.officer(item.identity, item.sequence):  # else it is a matter of trust
                lender = self._lender(backup, item)
                yield lender, [i for i in range(len(lender.repack.packs)) if item.has(i)]
        yield backup, range(len(backup.run.packs))

    def _lender(self, backup, item):
        lender = self._entry(item.identity, item.sequence)
        if lender is None or lender.name not in self.counted or lender.writer not in (backup.identity, *backup.run.predecessors):
            raise Refused(backup.name, f"borrows from entry {item.sequence} of {item.identity}, which is no repack entry about its writer")
        if lender.repack.dek_id != item.dek_id or has_more_than(item.bitmap, len(lender.repack.packs)):
            raise Refused(backup.name, f"another DEK or more packs than {lender.name} has, from which it borrows")
        return lender

    def follow(self, backup):
        """What a backup needs: (entry, packs), what it names or what stands for that."""
        parts, whose = self.named(backup), (backup.identity, backup.sequence)
        waiting, taken, needed = list(parts), set(), []
        while waiting:
            entry, numbers = waiting.pop(0)
            kept = []
            for i in numbers:
                place = entry.identity, entry.sequence, i
                by = self._lossy.get((place, whose)) or self._packs.get(place)
                if by is None:
                    kept.append(entry.packed.packs[i])
                elif by.name not in taken:
                    taken.add(by.name)
                    waiting.append((by, range(len(by.repack.packs))))
            if kept:
                needed.append((entry, kept))
        return needed

    def replaced(self):
        """The packs that others stand for, whoever needs them, each with its entry."""
        for identity, sequence, i in self._packs:
            entry = self._entry(identity, sequence)
            yield entry, entry.packed.packs[i]


def let_go_by(of_officers):
    """What a verdict lets go: (identity, sequence, DEK id, number) of packs, ids of loose packs, ids of DEKs."""
    condemnations = {entry.id: entry.condemned for entry in of_officers if entry.condemned}
    packs, loose, deks = set(), set(), set()
    for entry in of_officers:
        if entry.spared and entry.spared.condemnation in condemnations:
            condemned = condemnations[entry.spared.condemnation]
            packs |= numbered(condemned) - numbered(entry.spared)
            loose |= set(condemned.loose) - set(entry.spared.loose)
            deks |= set(condemned.deks) - set(entry.spared.deks)
    return packs, loose, deks


def numbered(condemned):
    return {(item.identity, item.sequence, item.dek_id, i)
            for item in condemned.packs for i in range(8 * len(item.bitmap)) if item.has(i)}


def forgotten_by(of_officers, journals):
    """Ids of the backups that the latest tombstone says are forgotten."""
    said = {}
    for entry in sorted(of_officers, key=order_of_statements):
        for statement in entry.tombstones:
            believed = journals.of.get(statement.writer, [])
            if statement.sequence <= len(believed) and believed[statement.sequence - 1].id == statement.backup:
                said[statement.backup] = statement.action
    return {backup for backup, action in said.items() if action == FORGOTTEN}
