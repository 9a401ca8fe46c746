"""Section 16: logs and their epochs."""

import re
from dataclasses import dataclass, field as member
from typing import Optional

from .crypto import Sealed, hkdf_expand, identity_of, sha256, signature_is_right, unzstd
from .encoding import KIB, MIB, Octets
from .errors import Refused
from .store import log_name

FRAME = MIB
SIZE_LIMIT = 64 * 1024 * MIB
TRAILER_LIMIT = 64 * KIB
LOGS_IN_EPOCH = 65_536
HEAD, TAIL, TAG = 88, 68, 16
GENERIC, SEGMENT, HISTORY, BACKUP_HISTORY, PARTIAL = 1, 2, 3, 4, 5
KINDS = {GENERIC: "generic", SEGMENT: "segment", HISTORY: "history", BACKUP_HISTORY: "backup-history", PARTIAL: "partial"}
FAMILY_GENERIC, FAMILY_POSTGRES = 1, 2


@dataclass
class Closed:
    dek_id: bytes
    count: int
    last: bytes


@dataclass
class Epoch:
    """What a log epoch entry says in public."""
    series_id: bytes
    family: int
    system: int
    segment_size: int
    sequence: str
    dek_id: bytes
    commitment: bytes
    slots: list
    predecessors: list = member(default_factory=list)
    closed: list = member(default_factory=list)


@dataclass
class Log:
    name: str  # of the object
    id: bytes
    signer: bytes
    place: int
    before: bytes
    previous: bytes
    kind: int
    title: str  # the name that it is fetched by
    modified: int
    stored: int
    size: int
    tag: bytes
    number: Optional[int]
    timeline: int
    position: int
    switches: list
    frames_end: int
    signed: bytes
    signature: bytes

    def require_signature(self):
        if not signature_is_right(self.signer, self.signature, b"signet/log/v1\0" + sha256(self.signed)):
            raise Refused(self.name, "the signature is wrong")


def is_segment_size(size):
    return MIB <= size <= 1024 * MIB and size & (size - 1) == 0


def is_sequence(pattern):
    """One %d or %0Nd; %% is a percent sign."""
    found = re.findall(r"%(?:%|d|0([1-9][0-9]?)d)|(%)", pattern)
    numbers = [match.group(0) for match in re.finditer(r"%(?:%|d|0[1-9][0-9]?d)", pattern) if match.group(0) != "%%"]
    return len(numbers) == 1 and not any(stray for _, stray in found) and all(not digits or int(digits) <= 20 for digits, _ in found)


def parse_epoch(public, entry, config, parse_slots):
    series_id, family, system, segment_size = public.take(16, "series id"), public.u8("family"), public.u64(), public.u32()
    sequence = public.text("sequence", 255)
    if family == FAMILY_POSTGRES:
        right = is_segment_size(segment_size) and not sequence
    elif family == FAMILY_GENERIC:
        right = system == 0 and segment_size == 0 and (not sequence or is_sequence(sequence))
    else:
        public.refuse(f"unknown family of logs {family}")
    if not right:
        public.refuse("what is logged contradicts itself")
    epoch = Epoch(series_id, family, system, segment_size, sequence, public.take(16, "DEK id"), public.take(32, "commitment"), [])
    parse_slots(public, entry, epoch, config)
    epoch.predecessors = [public.take(32, "predecessor").hex() for _ in range(public.varint("count of predecessors", 0, 16))]
    if len(set(epoch.predecessors)) != len(epoch.predecessors) or entry.identity in epoch.predecessors:
        public.refuse("a predecessor stands twice, or is the signer")
    for _ in range(public.varint("count of closed epochs", 0, 1024)):
        closed = Closed(public.take(16, "DEK id"), public.varint("count of logs", 0, LOGS_IN_EPOCH), public.take(32, "log id"))
        if (closed.count == 0) != (closed.last == bytes(32)):
            public.refuse("the last log of a closed epoch")
        if closed.dek_id == epoch.dek_id or epoch.closed and epoch.closed[-1].dek_id >= closed.dek_id:
            public.refuse("closed epochs are not ascending, or one closes itself")
        epoch.closed.append(closed)
    return epoch


def read_log_end(store, name, place, dek_id, repository):
    """The trailer of a log. Its signature is not looked at."""
    size = store.size(name)
    if size < HEAD + TAIL:
        raise Refused(name, "shorter than a log")
    length = int.from_bytes(store.read(name, size - TAIL, 4), "little")
    if length > TRAILER_LIMIT or HEAD + length + TAIL > size:
        raise Refused(name, f"a trailer of {length} octets")
    start = size - TAIL - length
    end = store.read(name, start)
    field = Octets(end, name, 0, length)
    if field.take(16, "repository id") != repository:
        field.refuse("a log of another repository")
    if field.take(16, "DEK id") != dek_id or field.u64("number") != place:
        field.refuse("made for another place")
    log = Log(name, sha256(end), field.take(32, "public key"), place, field.take(32), field.take(32), field.u8("kind"),
              field.text("name", 255), field.time(), field.time(), field.varint("size", 0, SIZE_LIMIT), field.take(32, "content tag"),
              None, 0, 0, [], start, end[:-64], end[-64:])
    if (log.previous == bytes(32)) != (place == 1):
        field.refuse("the log before it")
    if not log.title or "/" in log.title or "\0" in log.title or log.title in (".", ".."):
        field.refuse("name of a log")
    if log.kind == GENERIC:
        numbered, number = field.u8("numbered"), field.varint("number")
        if numbered > 1 or not numbered and number:
            field.refuse("number of a log")
        log.number = number if numbered else None
        field.text("first position", 255), field.text("last position", 255)
    elif log.kind in KINDS:
        log.timeline = field.u32("timeline")
        if log.timeline == 0:
            field.refuse("timeline zero")
        if log.kind == HISTORY:
            log.switches = [(field.u32(), field.u64()) for _ in range(field.varint("count of timelines", 0, 4096))]
            timelines = [0] + [timeline for timeline, _ in log.switches] + [log.timeline]
            if any(a >= b for a, b in zip(timelines, timelines[1:])):
                field.refuse("timelines are not ascending")
        else:
            log.position = field.u64("position")
    else:
        field.refuse(f"unknown kind of log {log.kind}")
    field.finish()
    return log


class EpochLogs:
    """The logs of one epoch that count: by their signatures, or because a later one names them."""

    def __init__(self, repository, entry):
        self.entry = entry
        self.logs, self.lost = {}, {}
        epoch, store = entry.epoch, repository.store
        there = [int(parts["sequence"]) for _, parts in repository.listing["log"] if parts["epoch"] == epoch.dek_id.hex()]
        closed = repository.closed_epochs.get(epoch.dek_id)
        trust = repository.trust.range_of_writer(entry.identity)
        if closed is None and (trust is None or trust[1] != 2**64 - 1):
            there = []  # nothing tells what was stored before the end of the trust
        last = closed.count if closed else max(there, default=0)
        named = closed.last if closed else None
        kept_from = self.kept_from = repository.kept_from.get((entry.identity, epoch.dek_id), 1)
        for place in range(last, 0, -1):
            name = log_name(epoch.dek_id, place)
            if place < kept_from and place not in there:
                named = None
                continue
            try:
                if place not in there:
                    raise Refused(name, "is missing, but it was stored")
                log = read_log_end(store, name, place, epoch.dek_id, repository.config.repository)
                if identity_of(log.signer).hex() != entry.identity:
                    raise Refused(name, "signed by another identity than its epoch")
                if named is None:
                    log.require_signature()
                elif log.id != named:
                    raise Refused(name, "is not the log that was there when the next one was stored")
                self.logs[place] = log
                named = log.previous
            except Refused as problem:
                self.lost[place] = problem
                named = None

    def order(self, place):
        """Of storing, in a series."""
        return (self.entry.time, self.entry.identity, self.entry.sequence, place)


def is_whole(store, log):
    return sha256(store.read(log.name, 0, log.frames_end)) == log.before


def copies_of(epochs, store, log):
    """The logs of the same name and content in a series, those that are whole first."""
    found = [(not is_whole(store, other), epoch.entry.time, epoch.entry.identity, place, other)
             for epoch in epochs for place, other in epoch.logs.items() if (other.title, other.tag) == (log.title, log.tag)]
    return [copy[-1] for copy in sorted(found, key=lambda copy: copy[:-1])]


class SeriesLogs:
    """Which lost logs of one series are stored again: section 16, "Stored again"."""

    def __init__(self, epochs):
        self._epochs = epochs
        self._source = epochs[0].entry.epoch

    def stored_again(self):
        """The places, as (DEK id, number), of what is no damage."""
        if not self._can_be_counted() or self._has_gap():
            return set()
        stored = sorted([(epoch.order(place), log, None) for epoch in self._epochs for place, log in epoch.logs.items()] +
                        [(epoch.order(place), None, (epoch.entry.epoch.dek_id, place)) for epoch in self._epochs for place in epoch.lost],
                        key=lambda one: one[0])
        last = {self._spot(log): at for at, (_, log, _) in enumerate(stored) if log and self._spot(log)}
        excused, top, run = set(), None, []
        for at, (_, log, lost) in enumerate([*stored, (None, None, None)]):
            if lost:
                run.append((at, lost))
                continue
            spot = self._spot(log) if log else None
            if log and (spot is None or top is not None and spot <= top):
                continue
            if run and self._is_covered(run, top, spot, last):
                excused.update(lost for _, lost in run)
            top, run = spot, []
        return excused

    def _is_covered(self, run, top, after, last):
        if top:
            timeline, first = top[0], top[1] + 1
        elif after and after[1] >= len(run):
            timeline, first = after[0], after[1] - len(run)
        else:
            return False
        if self._source.family == FAMILY_POSTGRES and after != (timeline, first + len(run)):
            return False
        return all(last.get((timeline, first + i), -1) > run[-1][0] for i in range(len(run)))

    def _spot(self, log):
        if log.kind == SEGMENT:
            return log.timeline, log.position // self._source.segment_size
        return (0, log.number) if log.kind == GENERIC and log.number is not None else None

    def _can_be_counted(self):
        def source(epoch):
            fields = epoch.entry.epoch
            return fields.family, fields.system, fields.segment_size, fields.sequence
        epochs = [epoch for epoch in self._epochs if epoch.logs or epoch.lost]
        logs = [log for epoch in epochs for log in epoch.logs.values()]
        if self._source.family == FAMILY_GENERIC and (not self._source.sequence or any(log.number is None for log in logs)):
            return False
        return all(source(epoch) == source(self._epochs[0]) for epoch in epochs)

    def _has_gap(self):
        has_released = any(epoch.kept_from > 1 for epoch in self._epochs)
        numbers, begins = {}, {}  # timeline -> in the order of storing; number of its first segment
        for epoch in sorted(self._epochs, key=lambda epoch: epoch.order(0)):
            for log in (log for _, log in sorted(epoch.logs.items())):
                if self._spot(log):
                    numbers.setdefault(self._spot(log)[0], []).append(self._spot(log)[1])
                if log.kind == HISTORY and log.switches:
                    begins[log.timeline] = log.switches[-1][1] // self._source.segment_size
        for timeline, there in numbers.items():
            first = there[0] if has_released else min(begins.get(timeline, min(there)), min(there))
            if any(number not in there for number in range(first, max(there))):
                return True
        return False


def by_series(epochs):
    series = {}
    for epoch in epochs:
        series.setdefault(epoch.entry.epoch.series_id, []).append(epoch)
    return list(series.values())


def lost_logs(epochs):
    """What is damage, and sentences about what is stored again."""
    refused, notes = [], []
    for same in by_series(epochs):
        excused = SeriesLogs(same).stored_again()
        for epoch in same:
            for place, problem in epoch.lost.items():
                if (epoch.entry.epoch.dek_id, place) in excused:
                    notes.append(f"{problem}; it is stored again")
                else:
                    refused.append(problem)
    return refused, notes


def chain_key(dek, repository, dek_id, place):
    key = hkdf_expand(dek, b"signet/log-chain/v1\0" + repository + dek_id, 32)
    for i in range(1, place):
        key = hkdf_expand(key, b"signet/log-next/v1\0" + i.to_bytes(8, "little"), 32)
    return key


def read_log(store, log, dek, repository, dek_id):
    """The content, verified."""
    octets = store.read(log.name, 0, log.frames_end)
    if sha256(octets) != log.before:
        raise Refused(log.name, "its octets are not those that were signed")
    field = Octets(octets, log.name)
    field.magic(b"SIGNETLG")
    field.suite()
    if field.u32("reserved") != 0:
        field.refuse("reserved octets")
    if field.take(16, "repository id") != repository or field.take(16, "DEK id") != dek_id or field.u64("number") != log.place:
        field.refuse("its head is of another log")
    field.take(32, "salt")
    key = hkdf_expand(chain_key(dek, repository, dek_id, log.place), b"signet/log-key/v1\0" + octets[:HEAD], 32)
    sealed, content = Sealed(key), bytearray()
    for n in range((log.size + FRAME - 1) // FRAME):
        raw_length = min(FRAME, log.size - n * FRAME)
        before = field.u32("length of a frame")
        codec, length = before >> 31, before & 0x7FFFFFFF
        if (length != raw_length + TAG) if codec == 0 else not TAG < length < raw_length + TAG:
            field.refuse(f"frame {n} has {length} octets")
        associated = b"signet/log-frame/v1\0" + bytes([codec]) + n.to_bytes(4, "little") + raw_length.to_bytes(4, "little")
        payload = sealed.open(n, field.take(length, "frame"), associated, log.name, f"frame {n}")
        content += unzstd(payload, log.name, f"frame {n}", FRAME, raw_length) if codec else payload
    field.finish()
    return bytes(content)
