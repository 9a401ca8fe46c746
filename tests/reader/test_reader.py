#!/usr/bin/python3
"""Tests of the independent reader: the worked example, damage to it, and repositories by hostile writers.

SIGNET_FLIPS sets how many random bits of the example's files are flipped, one at a time (400)."""

import contextlib
import hashlib
import io
import json
import os
import random
import stat
import tempfile
import unittest

import make_example
import signet_reader
from make_example import DIRECTORY, FILE, FIRST, FOREVER, SYMLINK, Node, Run
from signet_format.backup import Keyring, OpenedBackup, Repository
from signet_format.contents import walk
from signet_format.crypto import RsaKey, unzstd
from signet_format.encoding import Octets
from signet_format.errors import Refused, Unable, UnknownVersion
from signet_format.restore import Restorer
from signet_format.store import Folder, Memory
from signet_format.verify import Verifier

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(os.path.dirname(HERE), "vectors", "example")
REPOSITORY = os.path.join(EXAMPLE, "repository")
TOKEN = os.path.join(EXAMPLE, "keys", "token.pem")
ESCROW = os.path.join(EXAMPLE, "keys", "escrow.pem")
PASSPHRASE = os.path.join(EXAMPLE, "keys", "escrow.passphrase")
FLIPS = int(os.environ.get("SIGNET_FLIPS", "400"))

with open(os.path.join(EXAMPLE, "expected.json"), encoding="utf-8") as expected_file:
    EXPECTED = json.load(expected_file)


def example_objects():
    folder = Folder(REPOSITORY)
    return {name: folder.read(name) for name in folder.names()}


def problems(objects, keys=()):
    """What `verify` refuses, as text."""
    try:
        verifier = Verifier(Memory(objects), keys)
        verifier.run()
        return [str(problem) for problem in verifier.refused]
    except Refused as problem:
        return [str(problem)]


def run(*words):
    """Exit code, standard output and standard error of the program."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = signet_reader.main(list(words))
        except SystemExit as ended:
            code = ended.code
    return code, out.getvalue(), err.getvalue()


def path_of(row):
    return row["path"].encode() if "path" in row else bytes.fromhex(row["path_hex"])


class WorkedExample(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.target = os.path.join(self.folder.name, "target")

    def test_the_writer_makes_the_same_octets_again(self):
        example = make_example.Example(os.path.join(EXAMPLE, "keys"))
        example.build()
        self.assertEqual(example.repository.objects, example_objects())
        self.assertEqual(json.loads(json.dumps(example.description())), EXPECTED)

    def test_list(self):
        code, out, _ = run(REPOSITORY, "list", "--officer", EXPECTED["identities"]["officer"]["id"])
        self.assertEqual(code, 0)
        rows = json.loads(out)
        for name in ("id", "writer", "sequence", "time", "trusted"):
            self.assertEqual({row["id"]: row[name] for row in rows}, {row["id"]: row[name] for row in EXPECTED["backups"]})
        self.assertEqual({row["id"]: {dek["id"] for dek in row["deks"]} for row in rows},
                         {row["id"]: {dek["id"] for dek in row["deks"]} for row in EXPECTED["backups"]})

    def test_another_officer_is_refused(self):
        code, _, err = run(REPOSITORY, "list", "--officer", "0" * 64)
        self.assertEqual(code, 14)
        self.assertIn("config.json", err)

    def test_verify(self):
        for keys in ([], ["--key", TOKEN], ["--key", ESCROW], ["--escrow-passphrase-file", PASSPHRASE]):
            code, out, err = run(REPOSITORY, "verify", *keys)
            self.assertEqual((code, err), (0, ""))
            checked = json.loads(out)["checked"]
            self.assertEqual(checked["walked backups"], 5 if keys else 0)

    def test_restore_each_backup(self):
        for number, keys in enumerate((["--key", TOKEN], ["--key", ESCROW], ["--escrow-passphrase-file", PASSPHRASE])):
            for backup in EXPECTED["backups"]:
                target = os.path.join(self.folder.name, f"{number}-{backup['sequence']}-{backup['id'][:8]}")
                code, _, err = run(REPOSITORY, "restore", backup["id"], target, *keys)
                if backup["trusted"]:
                    self.assertEqual(code, 0, err)
                    self.compare(backup["entries"], target)
                else:
                    self.assertEqual(code, 14)
                    self.assertIn("not trusted", err)
                    self.assertFalse(os.path.exists(target))

    def test_restore_latest_below_a_path(self):
        code, _, err = run(REPOSITORY, "restore", "latest", self.target, "--key", TOKEN, "--root", "/home/anna/many")
        self.assertEqual(code, 0, err)
        self.assertEqual(sorted(os.listdir(self.target)), ["%03d" % i for i in range(40)])
        self.assertEqual(run(REPOSITORY, "restore", "latest", self.target, "--key", TOKEN)[0], 1)  # it is not empty now
        one = self.target + "-one"
        self.assertEqual(run(REPOSITORY, "restore", "latest", one, "--key", TOKEN, "--root", "/home/anna/notes.txt")[0], 0)
        self.assertEqual(os.listdir(one), ["notes.txt"])
        self.assertEqual(run(REPOSITORY, "restore", "latest", one + "2", "--key", TOKEN, "--root", "/none")[0], 1)

    def test_dump(self):
        for backup in EXPECTED["backups"]:
            if not backup["trusted"]:
                continue
            code, out, _ = run(REPOSITORY, "dump", backup["id"][:12], "--key", TOKEN, "--tree")
            self.assertEqual(code, 0)
            shown = json.loads(out)
            for name in ("host", "user", "series", "paths"):
                self.assertEqual(shown["labels"][name], backup[name])
            tags = shown["tags_by_remark"] if shown["tags_by_remark"] is not None else shown["labels"]["tags"]
            self.assertEqual(tags, backup["tags"])
            self.assertEqual(shown["body"]["unread"], backup["unread"])
            for name, count in backup["totals"].items():
                self.assertEqual(shown["body"]["totals"][name], count)
            words = next(words for words, identity in EXPECTED["identities"].items() if identity["id"] == backup["writer"])
            for name, key in EXPECTED["keys"][words].items():
                self.assertEqual(shown["body"][name], key)
            for row, entry in zip(shown["tree"], backup["entries"], strict=True):
                self.assertEqual(os.fsencode(row["path"]), path_of(entry))
                for name in ("type", "mode", "uid", "gid", "mtime", "size", "target", "device", "birth", "link", "stretches", "flags",
                             "changed", "xattrs"):
                    self.assertEqual(row.get(name), entry.get(name), (name, row["path"]))

    def test_without_a_key_that_fits(self):
        with open(self.target + ".phrase", "w", encoding="ascii") as file:
            file.write("wrong\n")
        self.assertEqual(run(REPOSITORY, "restore", "latest", self.target)[0], 1)
        code, _, err = run(REPOSITORY, "restore", "latest", self.target, "--escrow-passphrase-file", self.target + ".phrase")
        self.assertEqual(code, 1)
        self.assertIn("passphrase is wrong", err)
        self.assertFalse(os.path.exists(self.target))
        self.assertEqual(run(REPOSITORY, "restore", "ffff", self.target, "--key", TOKEN)[0], 1)

    def test_without_index_segments(self):
        """An index can be rebuilt from packs alone. (verify misses the segments; a restore does not need them.)"""
        objects = {name: octets for name, octets in example_objects().items() if not name.startswith("indexes/")}
        self.assertEqual(len(problems(objects)), 6)
        repository = Repository(Memory(objects))
        backup = OpenedBackup(repository, repository.find_backup("latest"), Keyring(repository, [RsaKey.from_pem(TOKEN)]))
        Restorer(backup, self.target).restore()
        self.compare(next(row for row in EXPECTED["backups"] if row["id"] == EXPECTED["latest"])["entries"], self.target)

    def compare(self, entries, target):
        if os.geteuid() != 0:  # only root makes devices
            entries = [entry for entry in entries if "device" not in entry]
        first_names = {}
        found = {os.path.relpath(os.path.join(folder, name), os.fsencode(target))
                 for folder, folders, files in os.walk(os.fsencode(target)) for name in folders + files}
        self.assertEqual(found, {path_of(entry)[1:] for entry in entries} - {b""})
        for entry in entries:
            path = os.fsencode(target) + path_of(entry)
            status = os.lstat(path)
            kind = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "symlink": stat.S_ISLNK, "fifo": stat.S_ISFIFO, "socket": stat.S_ISSOCK,
                    "character device": stat.S_ISCHR}[entry["type"]]
            self.assertTrue(kind(status.st_mode), path)
            self.assertEqual(status.st_mtime_ns, entry["mtime"], path)
            if entry["type"] == "symlink":
                self.assertEqual(os.readlink(path), entry["target"].encode())
            else:
                self.assertEqual(f"{stat.S_IMODE(status.st_mode):04o}", entry["mode"], path)
            if os.geteuid() == 0:
                self.assertEqual((status.st_uid, status.st_gid), (entry["uid"], entry["gid"]), path)
            if entry["type"] == "file":
                with open(path, "rb") as file:
                    octets = file.read()
                self.assertEqual((len(octets), hashlib.sha256(octets).hexdigest()), (entry["size"], entry["sha256"]), path)
                if "stretches" in entry:
                    self.assertLess(512 * status.st_blocks, entry["size"], path)
            if "link" in entry:
                self.assertTrue(os.path.samefile(path, first_names.setdefault(tuple(entry["link"]), path)))
            for name, value in entry.get("xattrs", {}).items():
                with contextlib.suppress(OSError):  # the file system may have none
                    self.assertEqual(os.getxattr(path, name).hex(), value)
            if "device" in entry and os.geteuid() == 0:
                self.assertEqual([os.major(status.st_rdev), os.minor(status.st_rdev)], entry["device"])


class Damage(unittest.TestCase):
    """Without any key, `verify` refuses every change to an object."""

    @classmethod
    def setUpClass(cls):
        cls.objects = example_objects()

    def changed(self, changes):
        objects = {name: octets for name, octets in {**self.objects, **changes}.items() if octets is not None}
        return problems(objects)

    def flip(self, name, bit):
        octets = bytearray(self.objects[name])
        octets[bit // 8] ^= 1 << bit % 8
        self.assertTrue(self.changed({name: bytes(octets)}), f"{name}: bit {bit}")

    def test_bits(self):
        dice = random.Random(20261122)
        names = sorted(self.objects)
        for _ in range(FLIPS):
            name = dice.choice(names)
            self.flip(name, dice.randrange(8 * len(self.objects[name])))

    def test_every_octet_of_config_and_slots(self):
        dice = random.Random(1)
        for name, octets in self.objects.items():
            if name.startswith(("config", "slots/")):
                for i in range(len(octets)):
                    self.flip(name, 8 * i + dice.randrange(8))

    def test_truncation(self):
        for name, octets in self.objects.items():
            for length in (0, 1, len(octets) // 2, len(octets) - 1):
                self.assertTrue(self.changed({name: octets[:length]}), f"{name} cut to {length}")
            self.assertTrue(self.changed({name: octets + b"\0"}), f"{name} with an octet more")

    def test_swapped(self):
        names = sorted(self.objects)
        for name, other in zip(names, names[1:]):
            self.assertTrue(self.changed({name: self.objects[other], other: self.objects[name]}), f"{name} and {other}")

    def test_absence(self):
        """Packs and segments that an entry names, and entries before the last, are missed. Nobody can miss a journal's last
        entries, slots, or escrow objects without knowing of them."""
        last = {}
        for name in sorted(self.objects):
            if name.startswith("journal/"):
                last[name.split("/")[1]] = name
        for name in self.objects:
            if name.startswith(("packs/", "indexes/", "config")) or (name.startswith("journal/") and name not in last.values()):
                self.assertTrue(self.changed({name: None}), f"without {name}")

    def test_objects_elsewhere_are_ignored(self):
        self.assertEqual(self.changed({"tmp/x": b"x", "packs/zz": b"", "journal/readme": b"", "logs/1/2": b"?"}), [])

    def test_a_damaged_officers_journal_stops_restores(self):
        officer = EXPECTED["identities"]["officer"]["id"]
        objects = dict(self.objects)
        objects[f"journal/{officer}/0000000003"] = objects[f"journal/{officer}/0000000004"]
        repository = Repository(Memory(objects))
        self.assertRaises(Refused, repository.find_backup, "latest")

    def test_a_withdrawn_officers_damage_stops_nothing(self):
        example, deputy = make_example.Example(os.path.join(EXAMPLE, "keys")), make_example.Identity("deputy")
        say_trust(example, example.officer, FIRST, (deputy, 2, 1, FOREVER))
        example.repository.objects[f"journal/{deputy.id.hex()}/0000000001"] = b"damaged"
        self.assertRaisesRegex(Refused, deputy.id.hex(), Repository(Memory(example.repository.objects)).find_backup, "latest")
        say_trust(example, example.officer, FIRST, (deputy, 2, 1, 0))
        self.assertFalse(Repository(Memory(example.repository.objects)).trust.depends_on(deputy.id.hex(), 1))

    def test_a_newer_kind_of_entry(self):
        example = make_example.Example(os.path.join(EXAMPLE, "keys"))
        example.repository.sign(example.officer, 13, FIRST, b"")
        problem, = Repository(Memory(example.repository.objects)).journals.problems
        self.assertIsInstance(problem, UnknownVersion)

    def test_sealed_parts(self):
        example = make_example.Example(os.path.join(EXAMPLE, "keys"))
        statement = make_example.counted([bytes(32) + b"\1" + bytes(16)])
        example.repository.sign(example.officer, 3, FIRST, statement, lambda head: b"x", 1)
        self.assertRegex(problems(example.repository.objects)[0], "a sealed part of 1 octets")
        example = make_example.Example(os.path.join(EXAMPLE, "keys"))
        example.repository.sign(example.officer, 5, FIRST, bytes(64))
        self.assertRegex(problems(example.repository.objects)[0], "a sealed part of 0 octets")

    def test_newer_versions(self):
        config = self.objects["config.json"].replace(b'"format":1', b'"format":2')
        self.assertRaisesRegex(UnknownVersion, "newer", Repository, Memory({**self.objects, "config.json": config}))


def say_trust(example, officer, when, *statements):
    """An officer's entry of kind 3. Each statement: identity, role, first, last."""
    public = make_example.counted(identity.id + make_example.u8(role) + make_example.u64(first) + make_example.u64(last)
                                  for identity, role, first, last in statements)
    example.repository.sign(officer, 3, when, public)


class TwoBackups(unittest.TestCase):
    """Two backups under the token's key, the second of which reaches into the first."""

    def setUp(self):
        self.example = example = make_example.Example(os.path.join(EXAMPLE, "keys"))
        self.writer = example.writer
        say_trust(example, example.officer, FIRST, (self.writer.identity, 1, 1, FOREVER))
        one, two = Node(b"one", FILE, data=b"the first file" * 50), Node(b"two", FILE, data=b"the second file" * 50)
        self.roots = [Node(b"", DIRECTORY, children=children) for children in ([one], [one, two])]
        self.backups, self.runs, self.packs, self.bodies = [], [], [], []
        for number, root in enumerate(self.roots):
            run_ = Run(self.writer, f"run {number}", [example.token])
            encoded = make_example.encode(run_, root)
            run_.end_pack()
            self.packs.append(list(run_.packs))
            rest = make_example.body(run_, root, encoded)
            self.bodies.append(self.writer.id_key + self.writer.index_key + self.writer.label_key + rest)
            labels = make_example.labels("host", "user", "series", [b"/"], [])
            self.backups.append(run_.commit(1, FIRST + number * make_example.DAY, labels, rest))
            self.runs.append(run_)

    @property
    def objects(self):
        return self.example.repository.objects

    def files(self, number, key):
        repository = Repository(Memory(self.objects))
        opened = OpenedBackup(repository, repository.find_backup(self.backups[number].hex()), Keyring(repository, [RsaKey.from_pem(key)]))
        return {entry.name: entry.size() for _, entry in walk(opened.body.root, opened.entry.name, opened.chunk)}


class Repacking(TwoBackups):
    """Section 7: repack entries and tombstones."""

    def replaced(self, number, **changes):
        """All packs of a backup's entry."""
        item = {"identity": self.writer.identity.id, "sequence": number + 1, "dek_id": self.runs[number].dek_id, "bitmap": b"\1", **changes}
        return item["identity"] + make_example.varint(item["sequence"]) + item["dek_id"] + make_example.blob(item["bitmap"])

    def repack(self, words, numbers, replaced, signer=None, bodies=None, protector=None, served=()):
        """What the backups `numbers` need, stored anew under another DEK, and the entry that says so."""
        example, signer = self.example, signer or self.example.officer
        self.writer.pack_of.clear()
        fresh = Run(self.writer, words, [protector or example.escrow])
        for root in self.roots:
            make_example.encode(fresh, root)
        fresh.end_pack()
        index, length = fresh.index()
        bodies = list(numbers) if bodies is None else bodies
        varint, counted, blob = make_example.varint, make_example.counted, make_example.blob
        flags = make_example.u8(2 if served else 0)
        public = (self.writer.identity.id + flags + fresh.dek_id + fresh.commitment + counted(map(blob, fresh.slots))
                  + counted(pack[0] + varint(pack[1]) for pack in fresh.packs) + counted([index + varint(length)]) + counted([])
                  + counted(replaced)
                  + counted(varint(number + 1) + self.backups[number] for number in bodies)
                  + (counted(self.writer.identity.id + varint(number + 1) + backup for number, backup in served) if served else b""))

        def sealed(head):
            halves = []
            for number in bodies:
                salt = make_example.random(f"{words} {number}", 32)
                key = make_example.expand(fresh.dek, b"signet/body/v1\0" + example.repository.id + fresh.dek_id + signer.id
                                          + make_example.u64(len(signer.entries) + 1) + salt)
                body = make_example.seal(key, 0, self.bodies[number], head)
                halves.append(salt + make_example.u32(len(body)) + body)
            return b"".join(halves)

        sealed_length = sum(32 + 4 + len(self.bodies[number]) + 16 for number in bodies)
        example.repository.sign(signer, 6, FIRST + 5 * make_example.DAY, public, sealed, sealed_length)
        return fresh

    def forget(self, number, action=1, signer=None):
        statement = self.writer.identity.id + make_example.varint(number + 1) + self.backups[number] + make_example.u8(action)
        self.example.repository.sign(signer or self.example.officer, 7, FIRST + 6 * make_example.DAY, make_example.counted([statement]))

    def lose_old_packs(self):
        for packs in self.packs:
            for pack_id, *_ in packs:
                del self.objects[f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}"]

    def test_what_was_repacked_needs_the_new_key_alone(self):
        self.assertRaises(Unable, self.files, 1, ESCROW)
        self.repack("anew", (0, 1), [self.replaced(0), self.replaced(1)])
        self.lose_old_packs()
        self.assertEqual(self.files(0, ESCROW), {b"one": 700})
        self.assertEqual(self.files(1, ESCROW), {b"one": 700, b"two": 750})
        self.assertEqual(problems(self.objects, [RsaKey.from_pem(ESCROW)]), [])
        self.assertRaises(Unable, self.files, 1, TOKEN)

    def test_the_later_of_two_counts_and_packs_of_a_repack_entry_can_be_replaced(self):
        first = self.repack("anew", (0, 1), [self.replaced(0), self.replaced(1)])
        sequence = len(self.example.officer.entries)
        self.repack("once more", (0, 1), [self.replaced(0, identity=self.example.officer.id, sequence=sequence, dek_id=first.dek_id)],
                    protector=self.example.token)
        self.assertRaises(Unable, self.files, 1, ESCROW)
        self.assertEqual(self.files(1, TOKEN), {b"one": 700, b"two": 750})
        self.assertEqual(problems(self.objects, [RsaKey.from_pem(TOKEN), RsaKey.from_pem(ESCROW)]), [])

    def test_a_part_of_it(self):
        self.repack("anew", (1,), [self.replaced(1)])
        self.assertRaises(Unable, self.files, 1, ESCROW)  # it still reaches the first run's pack
        self.assertRaises(Unable, self.files, 1, TOKEN)
        self.assertEqual(self.files(0, TOKEN), {b"one": 700})

    def test_who_is_no_officer_repacks_and_forgets_nothing(self):
        stranger = make_example.Identity("stranger")
        self.repack("anew", (0, 1), [self.replaced(0), self.replaced(1)], stranger)
        self.forget(1, signer=stranger)
        self.assertEqual(self.files(1, TOKEN), {b"one": 700, b"two": 750})

    def test_what_contradicts_the_entries_it_names_is_refused(self):
        for name, change in (("dek_id", bytes(16)), ("bitmap", b"\2"), ("identity", self.example.officer.id)):
            with self.subTest(name):
                self.setUp()
                self.repack("anew", (0,), [self.replaced(0, **{name: change})])
                self.assertEqual(self.files(1, TOKEN), {b"one": 700, b"two": 750})
                self.assertRegex(problems(self.objects)[0], "0000000002: (names another DEK or more packs|replaces packs of)")

    def sift(self, *served):
        self.repack("sifted", (), [self.replaced(0)], bodies=(), protector=self.example.token, served=served)

    def test_a_lossy_entry_stands_for_the_backups_that_it_names_alone(self):
        self.sift((0, self.backups[0]))
        self.assertEqual(problems(self.objects, [RsaKey.from_pem(TOKEN), RsaKey.from_pem(ESCROW)]), [])
        self.assertEqual(self.files(1, TOKEN), {b"one": 700, b"two": 750})
        repository = Repository(Memory(self.objects))
        old = {pack_id for pack_id, *_ in self.packs[0]}
        needed = [{pack[0] for _, packs in repository.needed_by(backup) for pack in packs} for backup in repository.backups()]
        self.assertEqual([old <= packs for packs in needed], [False, True])
        for pack_id in old:
            del self.objects[f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}"]
        self.assertEqual(self.files(0, TOKEN), {b"one": 700})

    def test_for_the_backups_that_it_names_a_lossy_entry_goes_before_one_that_is_not(self):
        self.sift((0, self.backups[0]))
        self.repack("anew", (), [self.replaced(0)], bodies=())
        self.assertEqual(self.files(0, TOKEN), {b"one": 700})
        self.assertRaises(Unable, self.files, 1, TOKEN)

    def test_a_lossy_entry_that_names_another_backup_is_refused(self):
        self.sift((0, bytes(32)))
        self.assertRegex(problems(self.objects)[0], "which is another entry")

    def test_what_is_said_of_an_entry_that_is_not_there_has_no_effect(self):
        self.repack("anew", (0, 1), sorted([self.replaced(0), self.replaced(1), self.replaced(1, sequence=9)]))
        self.assertEqual(self.files(1, ESCROW), {b"one": 700, b"two": 750})

    def test_a_forgotten_backup(self):
        self.forget(1)
        repository = Repository(Memory(self.objects))
        self.assertEqual(repository.find_backup("latest").id, self.backups[0])
        self.assertRaisesRegex(Unable, "was forgotten", repository.find_backup, self.backups[1].hex())
        for pack_id, *_ in self.packs[1]:
            del self.objects[f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}"]
        self.assertEqual(problems(self.objects, [RsaKey.from_pem(TOKEN)]), [])
        self.forget(1, 2)
        self.assertEqual(len(problems(self.objects)), 1)  # what it needs is gone

    def test_a_backup_may_need_packs_of_a_forgotten_one(self):
        self.forget(0)
        self.assertEqual(self.files(1, TOKEN), {b"one": 700, b"two": 750})
        self.lose_old_packs()
        self.assertEqual(len(problems(self.objects)), 2)


class Pruning(TwoBackups):
    """Section 7: condemnations and verdicts. An interrupted run has left two packs, in two entries, that no backup needs."""

    def setUp(self):
        super().setUp()
        run_ = Run(self.writer, "interrupted", [self.example.token])
        self.left = []
        for name in (b"three", b"four"):
            make_example.encode(run_, Node(name, FILE, data=name * 300))
            run_.end_pack()
            self.left.append([f"packs/{pack.hex()[:2]}/{pack.hex()}" for pack, *_ in run_.packs])
            before = set(self.objects)
            run_.commit(2, FIRST + 2 * make_example.DAY, make_example.labels("host", "user", "series", [b"/"], []))
            self.left[-1] += [one for one in set(self.objects) - before if one.startswith("indexes/")]
        self.dek_id = run_.dek_id

    def item(self, sequence, why, dek_id=None):
        return (self.writer.identity.id + make_example.varint(sequence) + (dek_id or self.dek_id) + make_example.u8(why)
                + make_example.blob(b"\1"))

    def say(self, kind, first, items, signer=None):
        counted = make_example.counted
        return self.example.repository.sign(signer or self.example.officer, kind, FIRST + 5 * make_example.DAY,
                                            first + counted(items) + counted([]) * 4)

    def lose(self, *numbers):
        for number in numbers:
            for name in self.left[number]:
                del self.objects[name]

    def test_what_a_verdict_lets_go_may_be_gone(self):
        condemnation = self.say(8, b"", [self.item(3, 1), self.item(4, 1)])
        self.say(9, condemnation, [])
        self.lose(0, 1)
        self.assertEqual(problems(self.objects, [RsaKey.from_pem(TOKEN)]), [])
        self.assertEqual(self.files(1, TOKEN), {b"one": 700, b"two": 750})

    def test_the_index_segments_of_a_run_go_when_all_its_packs_until_then_do(self):
        condemnation = self.say(8, b"", [self.item(4, 1)])
        self.say(9, condemnation, [])
        self.lose(1)
        found = problems(self.objects)
        self.assertEqual(len(found), 1)  # the second segment could describe the first pack
        self.assertRegex(found[0], "indexes/.*is missing")

    def test_before_a_verdict_nothing_may_be_gone(self):
        self.say(8, b"", [self.item(3, 1), self.item(4, 2)])
        self.lose(0, 1)
        self.assertEqual(len(problems(self.objects)), 4)

    def test_what_a_verdict_spares_may_not_be_gone_but_what_another_one_lets_go(self):
        condemnation = self.say(8, b"", [self.item(3, 1), self.item(4, 1)])
        self.say(9, condemnation, [self.item(4, 0)])
        self.lose(0, 1)
        self.assertEqual(len(problems(self.objects)), 2)
        self.say(9, condemnation, [self.item(3, 0)])
        self.assertEqual(problems(self.objects), [])

    def test_who_is_no_officer_lets_nothing_go(self):
        stranger = make_example.Identity("stranger")
        condemnation = self.say(8, b"", [self.item(3, 1)], stranger)
        self.say(9, condemnation, [], stranger)
        self.say(9, condemnation, [])
        self.lose(0)
        self.assertEqual(len(problems(self.objects)), 2)

    def test_what_a_backup_needs_may_not_be_gone_whatever_a_verdict_says(self):
        condemnation = self.say(8, b"", [self.item(2, 1, self.runs[1].dek_id)])
        self.say(9, condemnation, [])
        for pack_id, *_ in self.packs[1]:
            del self.objects[f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}"]
        self.assertEqual(len(problems(self.objects)), 1)


class OneIdForTwoDeks(TwoBackups):
    """Section 6: whoever signs can give a new DEK the id of an older one."""

    def again(self, words, node, number=0):
        """A backup whose DEK has the id of that of the backup `number`."""
        thief = Run(self.writer, words, [])
        thief.dek_id = self.runs[number].dek_id
        thief.commitment = make_example.expand(thief.dek, b"signet/dek-commit/v1\0" + self.example.repository.id + thief.dek_id)
        thief.slots = [thief.store_slot(self.example.token)]
        root = Node(b"", DIRECTORY, children=node)
        encoded = make_example.encode(thief, root)
        thief.end_pack()
        labels = make_example.labels("host", "user", "series", [b"/"], [])
        self.runs.append(thief)
        self.backups.append(thief.commit(1, FIRST + 9 * make_example.DAY, labels, make_example.body(thief, root, encoded)))

    def test_the_older_backup_opens_whoever_is_trusted(self):
        self.again("thief", [Node(b"three", FILE, data=b"the third file" * 50)])
        for last in (FOREVER, 2):
            say_trust(self.example, self.example.officer, FIRST + 10 * make_example.DAY, (self.writer.identity, 1, 1, last))
            self.assertEqual(self.files(0, TOKEN), {b"one": 700})
            self.assertEqual(self.files(1, TOKEN), {b"one": 700, b"two": 750})

    def test_what_needs_both_is_refused(self):
        self.again("thief", [Node(b"one", FILE, data=b"the first file" * 50), Node(b"three", FILE, data=b"the third file" * 50)])
        self.assertRaisesRegex(Refused, "two DEKs of one id", self.files, 2, TOKEN)


class TrustOrder(unittest.TestCase):
    """Section 7: nearer levels first, then running time."""

    def setUp(self):
        self.example = make_example.Example(os.path.join(EXAMPLE, "keys"))
        self.root = self.example.officer
        self.deputy, self.other, self.writer = (make_example.Identity(words) for words in ("deputy", "other", "someone"))
        self.say(self.root, 0, (self.deputy, 2, 1, FOREVER), (self.writer, 1, 1, FOREVER))

    def say(self, officer, hours, *statements):
        say_trust(self.example, officer, FIRST + hours * 3_600_000_000_000, *statements)

    def trust(self):
        return Repository(Memory(self.example.repository.objects)).trust

    def trusted(self, sequence=1):
        return self.trust().writer(self.writer.id.hex(), sequence)

    def test_a_farther_officer_with_a_clock_ahead_undoes_no_withdrawal(self):
        self.say(self.deputy, 1000, (self.writer, 1, 1, FOREVER))
        self.assertTrue(self.trusted())
        self.say(self.root, 1, (self.writer, 1, 1, 0))
        self.assertFalse(self.trusted())

    def test_a_farther_officer_withdraws_nothing_that_a_nearer_one_said(self):
        self.say(self.deputy, 1000, (self.writer, 1, 1, 0), (self.root, 2, 1, 0))
        self.assertTrue(self.trusted())
        self.assertTrue(self.trust().officer(self.root.id.hex(), 9))

    def test_a_clock_set_back_does_not_reorder_a_journal(self):
        self.say(self.root, 50, (self.writer, 1, 1, 7))
        self.say(self.root, -50, (self.writer, 1, 1, 9))
        self.assertTrue(self.trusted(9))
        self.assertFalse(self.trusted(10))

    def test_within_a_level_the_running_time_decides(self):
        someone = make_example.Identity("someone else")
        self.say(self.root, 1, (self.other, 2, 1, FOREVER))
        self.say(self.deputy, 60, (self.other, 1, 1, 1))
        self.say(self.deputy, 2, (someone, 1, 1, 7))  # counts as said at 60
        self.say(self.other, 59, (someone, 1, 1, 9))
        self.assertTrue(self.trust().writer(someone.id.hex(), 7))
        self.assertFalse(self.trust().writer(someone.id.hex(), 9))

    def test_a_withdrawn_officers_statements_have_no_effect(self):
        someone = make_example.Identity("someone else")
        self.say(self.deputy, 1, (someone, 1, 1, FOREVER), (self.other, 2, 1, FOREVER))
        self.assertTrue(self.trust().writer(someone.id.hex(), 1))
        self.say(self.root, 2, (self.deputy, 2, 1, 0))
        self.assertFalse(self.trust().writer(someone.id.hex(), 1))
        self.assertFalse(self.trust().officer(self.other.id.hex(), 1))


class Encodings(unittest.TestCase):
    def test_varints(self):
        for octets, value in ((b"\0", 0), (b"\x7f", 127), (b"\x80\1", 128), (b"\xff" * 9 + b"\1", 2**64 - 1)):
            field = Octets(octets, "x")
            self.assertEqual(field.varint(), value)
            field.finish()
        for octets in (b"", b"\x80", b"\x80\0", b"\xff\0", b"\xff" * 9 + b"\2", b"\xff" * 10 + b"\1", b"\x80" * 9 + b"\0"):
            self.assertRaises(Refused, Octets(octets, "x").varint)

    def test_svarints(self):
        for octets, value in ((b"\0", 0), (b"\1", -1), (b"\2", 1), (b"\xff" * 9 + b"\1", -2**63), (b"\xfe" + b"\xff" * 8 + b"\1", 2**63 - 1)):
            self.assertEqual(Octets(octets, "x").svarint(), value)

    def test_text(self):
        for octets in (b"\2\xc0\x80", b"\3\xed\xa0\x80", b"\1\xff", b"\2a"):
            self.assertRaises(Refused, Octets(octets, "x").text)

    def test_zstd_frames(self):
        good = make_example.zstd(b"abc" * 100)
        self.assertEqual(unzstd(good, "x", "y", 300), b"abc" * 100)
        skippable = bytes.fromhex("502a4d18") + make_example.u32(4) + b"skip"
        unsized = make_example.zstandard.ZstdCompressor(write_content_size=False).compress(b"abc" * 100)
        for bad in (good + b"\0", good + good, good[:-1], skippable + good, good + skippable, unsized, b""):
            self.assertRaises(Refused, unzstd, bad, "x", "y", 300)
        self.assertRaises(Refused, unzstd, good, "x", "y", 299)
        self.assertRaises(Refused, unzstd, good, "x", "y", 300, 299)


class HostileWriter(unittest.TestCase):
    """Entries that are signed and sealed as they should be, by a trusted writer who does not keep to the format."""

    def setUp(self):
        self.example = make_example.Example(os.path.join(EXAMPLE, "keys"))
        self.writer = self.example.writer
        self.example.trust(FIRST, (self.writer.identity, 1, 1, FOREVER))
        self.key = RsaKey.from_pem(TOKEN)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def begin(self, words="run"):
        return Run(self.writer, words, [self.example.token])

    def commit(self, run, root, encoded=None, flags=0):
        encoded = make_example.encode(run, root) if encoded is None else encoded
        run.end_pack()
        label = make_example.labels("h", "u", "s", [b"/"], [])
        return run.commit(1, FIRST, label, make_example.body(run, root, encoded), flags=flags)

    def expect(self, why, in_restore=True, in_verify=True):
        """Refused by verify with keys and by restore."""
        objects = self.example.repository.objects
        found = problems(objects, [self.key])
        if in_verify:
            self.assertRegex("\n".join(found), why)
        target = os.path.join(self.folder.name, "target")

        def restore():
            repository = Repository(Memory(objects))
            backup = OpenedBackup(repository, repository.find_backup("latest"), Keyring(repository, [self.key]))
            Restorer(backup, target).restore()

        if in_restore:
            self.assertRaisesRegex(Refused, why, restore)
        else:
            restore()
        self.assertLessEqual(set(os.listdir(self.folder.name)), {"target"})

    def directory(self, *children):
        root = Node(b"", DIRECTORY)
        root.children = list(children)  # in this order
        return root

    def test_names(self):
        for name in (b"..", b".", b"", b"a/b", b"../x", b"/x", b"a\0b", b"n" * 256):
            with self.subTest(name):
                self.setUp()
                self.commit(self.begin(), self.directory(Node(name, FILE, data=b"x")))
                self.expect("an entry with the name|length of the name|blob is")

    def test_order(self):
        out = Node(b"a", SYMLINK, target=b"/tmp")
        inside = Node(b"a", DIRECTORY, children=[Node(b"x", FILE, data=b"x")])
        for children in ((out, inside), (inside, out), (Node(b"b", FILE), Node(b"a", FILE))):
            with self.subTest(children):
                self.setUp()
                self.commit(self.begin(), self.directory(*children))
                self.expect("not ascending by name")

    def test_entries(self):
        u8, varint, blob = make_example.u8, make_example.varint, make_example.blob

        def raw(kind, fields, rest, mode=b"\xa4\3", nanoseconds=b"\0"):
            return blob(b"f") + u8(kind) + fields + mode + b"\0\0" + b"\0" + nanoseconds + rest

        empty = b"\0"
        good = raw(FILE, b"\0", empty)
        for entry, why in (
                (good[:-1], "ends within"),
                (good + b"\1", "ends within"),
                (raw(FILE, b"\x80\0", empty), "could be shorter"),
                (raw(FILE, b"\x40", empty), "fields"),
                (raw(DIRECTORY, b"\2", empty + b"\0\0"), "fields"),
                (raw(SYMLINK, b"\4", blob(b"x") + b"\1\1\0"), "fields"),
                (raw(8, b"\0", empty), "of type"),
                (raw(FILE, b"\0", empty, mode=varint(0o10000)), "mode"),
                (raw(FILE, b"\0", empty, nanoseconds=varint(10**9)), "nanoseconds"),
                (raw(SYMLINK, b"\0", blob(b"")), "target"),
                (raw(SYMLINK, b"\0", blob(b"a\0")), "zero octet"),
                (raw(FILE, b"\4", empty + b"\2\1\0\1\0"), "shorter"),
                (raw(FILE, b"\4", empty + b"\1\1\1"), "add up"),
                (raw(FILE, b"\4", empty + b"\1\0\0"), "without a hole"),
                (raw(FILE, b"\0", varint(2**63)), "size is"),
                (raw(FILE, b"\x08", empty + b"\1" + blob(b"a\0") + blob(b"")), "zero octet"),
                (raw(FILE, b"\4", empty + b"\1" + varint(2**63) + b"\0"), "2\\^63"),
                (raw(FILE, b"\x08", empty + b"\2" + blob(b"b") + blob(b"") + blob(b"a") + blob(b"")), "not ascending"),
                (raw(FILE, b"\x08", empty + b"\0"), "count of attributes"),
                (raw(FILE, b"\0", varint(2**60) + b"\0\1" + bytes(16)), "more than 1 MiB"),
                (raw(FILE, b"\0", b"\5\5\1" + bytes(16)), "level"),
                (raw(FILE, b"\0", b"\5\0\1" + bytes(16)), "in none of the packs"),
                (raw(FILE, b"\0", b"\5\0\2\1\1" + bytes(32)), "add up")):
            with self.subTest(why=why, entry=entry):
                self.setUp()
                run = self.begin()
                ident = run.chunk(make_example.TREE, entry)
                root = (blob(b"") + u8(DIRECTORY) + b"\0" + varint(0o755) + b"\0\0\0\0" + varint(len(entry)) + b"\0\1" + ident)
                self.commit(run, self.directory(), root)
                self.expect(why)

    def test_lists(self):
        """A list of another level than the reference to it."""
        u8, varint, blob = make_example.u8, make_example.varint, make_example.blob
        for level, span, why in ((1, 3, "another level"), (0, 4, "add up")):
            with self.subTest(why):
                self.setUp()
                run = self.begin()
                inner = u8(level) + varint(1) + varint(3) + (varint(3) if level else b"") + run.chunk(make_example.DATA, b"abc")
                entry = (blob(b"f") + u8(FILE) + b"\0\0\0\0\0\0" + varint(span) + b"\1\1" + varint(len(inner)) + varint(span)
                         + run.chunk(make_example.LIST, inner))
                ident = run.chunk(make_example.TREE, entry)
                root = blob(b"") + u8(DIRECTORY) + b"\0" + varint(0o755) + b"\0\0\0\0" + varint(len(entry)) + b"\0\1" + ident
                self.commit(run, self.directory(), root)
                self.expect(why)

    def test_an_index_that_lies_about_ids(self):
        run = self.begin()
        root = self.directory(Node(b"a", FILE, data=b"one"), Node(b"b", FILE, data=b"two"))
        encoded = make_example.encode(run, root)
        run.end_pack()
        ids = run.packs[0][3]
        ids[0], ids[1] = ids[1], ids[0]
        self.commit(run, root, encoded)
        self.expect("chunk ids are not those|have another id")

    def test_an_index_that_lies_about_lengths(self):
        run = self.begin()
        root = self.directory(Node(b"a", FILE, data=b"one"), Node(b"b", FILE, data=b"seven"))
        encoded = make_example.encode(run, root)
        run.end_pack()
        records = run.packs[0][2]
        self.assertEqual(records[0][-2:], b"\3\5")
        records[0] = records[0][:-2] + b"\4\4"
        self.commit(run, root, encoded)
        self.expect("frames are not those|octets, not")

    def test_a_pack_under_another_key(self):
        run = self.begin()
        root = self.directory(Node(b"a", FILE, data=b"one"))
        encoded = make_example.encode(run, root)
        right, run.dek = run.dek, bytes(32)
        run.end_pack()
        run.dek = right
        self.commit(run, root, encoded)
        self.expect("the commitment does not match")

    def test_packs_with_the_same_counter(self):
        run = self.begin()
        run.chunk(make_example.DATA, b"other")
        run.end_pack()
        run.counter = 0
        self.commit(run, self.directory(Node(b"a", FILE, data=b"one")))
        self.expect("same counter", in_restore=False)

    def test_chunks_in_packs_that_are_not_reached(self):
        root = self.directory(Node(b"a", FILE, data=b"one"))
        self.commit(self.begin("first"), root)
        run = self.begin("second")
        encoded = make_example.encode(run, root)
        run.used.clear()
        self.commit(run, root, encoded)
        self.expect("in none of the packs")

    def changed_entry(self, change, data=b"one"):
        """The backup's entry with its public part changed before it is signed."""
        sign = self.example.repository.sign

        def changed(identity, kind, when, public, *rest, **more):
            return sign(identity, kind, when, change(public), *rest, **more)

        self.example.repository.sign = changed
        self.commit(self.begin(), self.directory(Node(b"a", FILE, data=data)))

    def test_public_parts(self):
        for change, why in (
                (lambda public: public + b"\0", "after the last field"),
                (lambda public: public[:-1], "ends within"),
                (lambda public: public[:33] + b"\4" + public[34:], "unknown flags"),
                (lambda public: public[:33] + b"\2" + public[34:], "ends within a count of borrowed"),
                (lambda public: public[:32] + b"\4" + public[33:], "unknown kind of backup"),
                (lambda public: public[:32] + b"\3" + public[33:], "ends within"),
                (lambda public: public[:-1] + b"\1\0\1" + bytes(16) + b"\1\1", "sequence number is 1"),
                (lambda public: public[:-1] + b"\x80\0", "could be shorter")):
            with self.subTest(why):
                self.setUp()
                self.changed_entry(change)
                self.expect(why)

    def test_reach(self):
        run = self.begin("first")
        self.commit(run, self.directory(Node(b"a", FILE, data=b"one")))
        for reach, why in ((b"\1" + run.dek_id + b"\1\2", "more packs"), (b"\1" + run.dek_id + b"\2\1\0", "zero"), (b"\1" + run.dek_id + b"\0", "zero"),
                           (b"\1" + bytes(16) + b"\1\1", "another DEK id")):
            with self.subTest(why):
                objects, entries = dict(self.example.repository.objects), list(self.writer.identity.entries)
                sign = self.example.repository.sign
                self.changed_entry(lambda public, reach=reach: public[:-1] + b"\1\0" + reach, data=b"two")
                self.assertRegex("\n".join(problems(self.example.repository.objects, [self.key])), why)
                self.example.repository.objects, self.writer.identity.entries = objects, entries
                self.example.repository.sign = sign

    def test_predecessors(self):
        run = self.begin("first")
        self.commit(run, self.directory(Node(b"a", FILE, data=b"one")))
        heir, lost = self.writer.successor("heir"), self.writer.identity
        self.example.trust(FIRST + 1, (lost, 1, 1, 1), (heir.identity, 1, 1, FOREVER))
        self.writer = heir
        self.commit(self.begin("second"), self.directory(Node(b"a", FILE, data=b"one")))
        objects = self.example.repository.objects
        self.assertEqual(problems(objects, [self.key]), [])
        wanted = heir.identity.entries[0].hex()
        backup = Repository(Memory(objects)).find_backup(wanted)
        self.assertEqual([(item.journal, item.sequence) for item in backup.run.reach], [(1, 1)])
        # An entry that is gone is damage; one that is no longer trusted is refused.
        name = f"journal/{lost.id.hex()}/0000000001"
        self.assertRegex("\n".join(problems({key: octets for key, octets in objects.items() if key != name}, [self.key])), "missing or not believed")
        self.example.trust(FIRST + 2, (lost, 1, 1, 0))
        self.assertRaisesRegex(Refused, "not trusted", Repository(Memory(objects)).find_backup, wanted)

    def test_slots(self):
        wrap = self.example.token.wrap
        for change, why in ((lambda plain: plain[:-1] + bytes([plain[-1] ^ 1]), "another repository, DEK or protector"),
                            (lambda plain: bytes(32) + plain[32:], "commitment does not match"), (lambda plain: plain + b"\0", "does not open")):
            with self.subTest(why):
                self.setUp()
                self.example.token.wrap = lambda plain, words, change=change: wrap(change(plain), words)
                self.commit(self.begin(), self.directory(Node(b"a", FILE, data=b"one")))
                self.expect(why)

    def test_one_good_slot_is_enough(self):
        run = self.begin()
        self.commit(run, self.directory(Node(b"a", FILE, data=b"one")))
        other = self.begin("other")
        other.dek_id = run.dek_id
        other.store_slot(self.example.token)  # a claim to be of the same DEK
        self.expect("commitment does not match", in_restore=False)

    def test_forks(self):
        self.commit(self.begin("first"), self.directory())
        self.writer.identity.entries[0] = bytes(32)
        self.commit(self.begin("second"), self.directory())
        self.assertRegex(problems(self.example.repository.objects)[0], "fork or a replay")

    def test_trust_is_not_for_everyone(self):
        stranger = make_example.Writer(self.example.repository, "stranger")
        self.example.repository.sign(stranger.identity, 3, FIRST, make_example.counted(
            [stranger.identity.id + b"\1" + make_example.u64(1) + make_example.u64(FOREVER)]))
        self.writer = stranger
        self.commit(self.begin(), self.directory(Node(b"a", FILE, data=b"one")))
        repository = Repository(Memory(self.example.repository.objects))
        backup, = repository.journals.backups()
        self.assertFalse(repository.trusted(backup))
        self.assertRaisesRegex(Refused, "not trusted", repository.find_backup, backup.id.hex())
        self.assertRaises(Unable, repository.find_backup, "latest")

    def test_a_second_officer(self):
        """May trust writers until the first officer says otherwise, from the sequence number on that it says."""
        second, guest = make_example.Identity("second"), make_example.Identity("guest")

        def state(first, last):
            return make_example.u64(first) + make_example.u64(last)

        self.example.trust(FIRST, (second, 2, 1, FOREVER))
        sign = self.example.repository.sign
        sign(second, 3, FIRST + 1, make_example.counted([guest.id + b"\1" + state(1, 10)]))
        sign(second, 3, FIRST + 2, make_example.counted([guest.id + b"\1" + state(1, 20)]))

        def last_trusted():
            trust = Repository(Memory(self.example.repository.objects)).trust
            return max((n for n in range(1, 30) if trust.writer(guest.id.hex(), n)), default=0)

        self.assertEqual(last_trusted(), 20)
        self.example.trust(FIRST + 3, (second, 2, 1, 1))
        self.assertEqual(last_trusted(), 10)
        self.example.trust(FIRST + 4, (second, 2, 1, 0))
        self.assertEqual(last_trusted(), 0)

    def test_deep_directories(self):
        node = Node(b"bottom", FILE, data=b"x")
        for _ in range(300):
            node = Node(b"d", DIRECTORY, children=[node])
        self.commit(self.begin(), self.directory(node))
        repository = Repository(Memory(self.example.repository.objects))
        backup = OpenedBackup(repository, repository.find_backup("latest"), Keyring(repository, [self.key]))
        self.assertEqual(len(list(walk(backup.body.root, "x", backup.chunk))), 301)
        Restorer(backup, os.path.join(self.folder.name, "target")).restore()


if __name__ == "__main__":
    unittest.main()
