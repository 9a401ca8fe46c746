"""What malicious storage can do, as a table: each attack, who looks, the exit code of a restore and of a check, and what is said.
Whatever the exit code, no file is restored that was not backed up. The customer's own keyring has seen the repository; a fresh
one has not, and has checkpoints instead."""

import os

from attack_bench import FOREVER, AttackBench, fmt
from harness import flip, main, plant_slots, write

WRITER_ROLE, OFFICER_ROLE = 1, 2
OWN, FRESH = "own", "fresh"


def first(names):
    return sorted(names)[0]


class Attacks(AttackBench):
    def table(self):
        """(what, who looks, how, exit codes of restore, of check, what one of them says)"""
        bench = self
        writer, officer = self.writer, self.officer
        packs, indexes, slots, escrow = (self.objects(kind) for kind in ("packs", "indexes", "slots", "escrow"))
        del escrow
        # The first run's: its entry holds it too, while those that a rewrap added later stand in no entry.
        held = next(name for name in slots if os.path.exists(os.path.join(self.states[1], name)))
        added = next(name for name in slots if name.split(".")[0].split("/")[2] == held.split(".")[0].split("/")[2] and name != held)
        own, theirs = self.entries(writer), self.entries(officer)
        newest = own[-1]
        for who in (OWN, FRESH):
            yield f"nothing at all ({who})", who, lambda: None, 0, 0, ""
        # Objects that are gone.
        for number, name in enumerate(packs):
            yield f"pack {number} deleted", OWN, lambda n=name: bench.delete(n), 14, 14, name
        yield "all packs deleted", OWN, lambda: bench.delete("packs"), 14, 14, "packs/"
        for number, name in enumerate(indexes):
            yield f"index segment {number} deleted (harmless)", OWN, lambda n=name: bench.delete(n), 0, 14, name
        yield "all index segments deleted (harmless)", OWN, lambda: bench.delete("indexes"), 0, 14, "indexes/"
        yield "a slot deleted (harmless: entries hold it)", OWN, lambda: bench.delete(held), 0, 14, held
        yield "a slot that a rewrap added deleted (no entry holds it; the older key opens what it did)", OWN, lambda: bench.delete(added), 0, 0, ""
        yield "all slots deleted (harmless: entries hold them)", OWN, lambda: bench.delete("slots"), 0, 14, "slots/"
        for number, name in enumerate(own):
            yield f"the writer's entry {number + 1} withheld", OWN, lambda n=name: bench.delete(n), 14, 14, "journal/" + writer
            yield f"the writer's entry {number + 1} withheld, from a stranger", FRESH, lambda n=name: bench.delete(n), 14, 14, "journal/" + writer
        for number, name in enumerate(theirs):
            yield f"the officer's entry {number + 1} withheld", OWN, lambda n=name: bench.delete(n), 14, 14, "journal/" + officer
            yield f"the officer's entry {number + 1} withheld, from a stranger", FRESH, lambda n=name: bench.delete(n), 14, 14, "journal/" + officer
        yield "the writer's journal withheld", OWN, lambda: bench.delete("journal/" + writer), 14, 14, writer
        yield "the officer's journal withheld", OWN, lambda: bench.delete("journal/" + officer), 14, 14, officer
        yield "both journals withheld, from a stranger", FRESH, lambda: bench.delete("journal"), 14, 14, writer
        yield "config.json deleted", OWN, lambda: bench.delete("config.json"), 10, 10, "config.json"
        yield "everything deleted", OWN, lambda: bench.delete(*os.listdir(bench.repository)), 10, 10, "no repository"
        # Objects that are not as they were.
        for kind, name in (("pack", packs[0]), ("index segment", indexes[0]), ("slot", slots[0]), ("newest entry", newest), ("officer's entry", theirs[-1])):
            is_harmless = kind in ("index segment", "slot")
            code = 0 if is_harmless else 14
            named = name if is_harmless or kind == "pack" else name.rsplit("/", 1)[0]
            yield f"a bit of a {kind} flipped", OWN, lambda n=name: bench.alter(n, flip()), code, 14, named
            yield f"a {kind} truncated", OWN, lambda n=name: bench.alter(n, lambda c: c[:len(c) // 2]), code, 14, named
            yield f"a {kind} emptied", OWN, lambda n=name: bench.alter(n, lambda c: c[:0]), code, 14, named
            yield f"a {kind} made longer", OWN, lambda n=name: bench.alter(n, lambda c: c + b"\0"), code, 14, named
        yield "a folder in the place of a pack", OWN, lambda: (bench.delete(packs[0]), os.makedirs(bench.at(packs[0]))), (1, 14), (1, 14), packs[0]
        yield "a slot of a gigabyte", OWN, lambda: bench.alter_size(slots[0], 1 << 30), 0, 14, slots[0]
        yield "an entry of a gigabyte", OWN, lambda: bench.alter_size(newest, 1 << 30), 14, 14, "journal/" + writer
        yield "a config.json of a gigabyte", OWN, lambda: bench.alter_size("config.json", 1 << 30), 14, 14, "config.json"
        # Objects in the place of others.
        yield "two packs swapped", OWN, lambda: bench.swap(packs[0], packs[1]), 14, 14, packs[0]
        yield "two index segments swapped (harmless)", OWN, lambda: bench.swap(indexes[0], indexes[1]), 0, 14, indexes[0]
        yield "two slots swapped (harmless: entries hold them)", OWN, lambda: bench.swap(slots[0], slots[1]), 0, 14, slots[0]
        yield "the writer's newest two entries swapped", OWN, lambda: bench.swap(own[-1], own[-2]), 14, 14, "journal/" + writer
        yield "the writer's and the officer's first entry swapped", OWN, lambda: bench.swap(own[0], theirs[0]), 14, 14, "journal/"
        yield "a pack in the place of an index segment", OWN, lambda: bench.put(indexes[0], bench.read(packs[0])), 0, 14, indexes[0]
        yield "an index segment in the place of a pack", OWN, lambda: bench.put(packs[0], bench.read(indexes[0])), 14, 14, packs[0]
        yield "an entry in the place of a slot", OWN, lambda: bench.put(slots[0], bench.read(newest)), 0, 14, slots[0]
        yield "the first entry replayed as the newest", OWN, lambda: bench.put(newest, bench.read(own[0])), 14, 14, newest.rsplit("/", 1)[0]
        yield "the first entry replayed after the newest", OWN, lambda: bench.put(bench.next_entry(writer), bench.read(own[0])), 14, 14, "journal/" + writer
        yield "the officer's entry replayed after the newest", OWN, lambda: bench.put(bench.next_entry(officer), bench.read(theirs[0])), 14, 14, "journal/" + officer
        # Older states of the whole.
        for number in range(len(self.states) - 1):
            yield f"the state after {number} backups", OWN, lambda n=number: bench.become(bench.states[n]), 14, 14, "journal/"
            yield f"the state after {number} backups, to a stranger", FRESH, lambda n=number: bench.become(bench.states[n]), 14, 14, "journal/"
        # Other repositories.
        for who in (OWN, FRESH):
            yield f"another repository of the same keyring in this place ({who})", who, lambda: bench.become(bench.path("second")), 17, 17, "repository"
            yield f"an attacker's repository in this place ({who})", who, lambda: bench.become(bench.path("theirs")), 17, 17, "repository"
        yield "the other repository's config.json", OWN, lambda: bench.put("config.json", bench.other("second", "config.json")), (14, 17), (14, 17), "repository"
        yield "an attacker's config.json", OWN, lambda: bench.put("config.json", bench.other("theirs", "config.json")), (14, 17), (14, 17), "repository"
        yield "an attacker as officer in config.json", OWN, lambda: bench.alter("config.json", lambda c: c.replace(officer.encode(), b"a" * 64)), (14, 17), (14, 17), "officer"
        yield "the same writer's entry of the other repository, appended", OWN, lambda: bench.put(
            bench.next_entry(writer), bench.other("second", f"journal/{writer}/0000000001")), 14, 14, "journal/" + writer
        yield "the same writer's journal of the other repository", OWN, lambda: (bench.delete("journal/" + writer), bench.add_from(bench.path("second"), "journal")), 14, 14, writer
        yield "packs, slots and index segments of the other repository added (harmless)", OWN, lambda: bench.add_from(
            bench.path("second"), "packs", "indexes", "slots"), 0, (0, 14), ""
        yield "a pack of the other repository in the place of one", OWN, lambda: bench.put(packs[0], bench.any_of("second", "packs")), 14, 14, packs[0]
        yield "a slot of the other repository in the place of one (harmless)", OWN, lambda: bench.put(slots[0], bench.any_of("second", "slots")), 0, 14, slots[0]
        # What an attacker adds.
        yield "a perfect backup by somebody else with all public keys", OWN, lambda: bench.become(bench.path("planted")), 17, 0, "not trusted"
        yield "a perfect backup by somebody else, to a stranger", FRESH, lambda: bench.become(bench.path("planted")), 17, 0, "not trusted"
        yield "an attacker's whole journal from another repository (harmless)", OWN, lambda: bench.add_from(bench.path("theirs"), "journal"), 0, 14, "journal/"
        yield "a statement of trust in oneself (harmless)", OWN, lambda: bench.plant(
            fmt.TRUST, bench.trust_statement(bench.stranger().id.hex(), OFFICER_ROLE)), 0, 0, ""
        yield "a statement that the writer is trusted no more (harmless)", OWN, lambda: bench.plant(
            fmt.TRUST, bench.trust_statement(writer, WRITER_ROLE, 2, 1)), 0, 0, ""
        yield "a policy by nobody (harmless)", OWN, lambda: bench.plant(fmt.POLICY, fmt.u64(FOREVER) + fmt.varint(0)), 0, 0, ""
        yield "a tombstone of the newest backup by nobody (harmless)", OWN, lambda: bench.plant(
            fmt.TOMBSTONE, fmt.varint(1) + bytes.fromhex(writer) + fmt.varint(3) + bytes.fromhex(bench.ids[2]) + fmt.u8(1)), 0, 0, ""
        yield "a statement by a stranger in the officer's journal", OWN, lambda: bench.plant(
            fmt.TRUST, bench.trust_statement(bench.stranger().id.hex(), WRITER_ROLE), place=bench.next_entry(officer)), 14, 14, "journal/" + officer
        yield "a statement by a stranger in the writer's journal", OWN, lambda: bench.plant(
            fmt.TRUST, bench.trust_statement(bench.stranger().id.hex(), WRITER_ROLE), place=bench.next_entry(writer)), 14, 14, "journal/" + writer
        yield "an entry of a kind to come by a stranger (harmless)", OWN, lambda: bench.plant(31, b""), 0, (0, 14), ""
        yield "slots of the customer's key for every data key (harmless)", OWN, lambda: plant_slots(
            bench.repository, slots[0].split("/")[1].replace("-", ":"), {name.split("/")[2].split(".")[0] for name in slots}), 0, 14, "slots/"
        yield "a slot of another data key under this one's name", OWN, lambda: bench.put_named("slots/" + slots[0].split("/")[1], slots[0].split("/")[2].split(".")[0],
                                                                                               bench.read(slots[1])), 0, 14, "slots/"
        yield "what stands for an index segment planted, the segment deleted (harmless)", OWN, lambda: (
            bench.delete(indexes[0]), bench.put_named("rebuilt", os.path.basename(indexes[0]), b"SIGNETIX" + os.urandom(300))), 0, 0, "rebuilt"
        yield "another pack planted in the quarantine, the pack deleted", OWN, lambda: (
            bench.put(f"quarantine/{packs[0]}.{'0' * 32}", bench.read(packs[1])), bench.delete(packs[0])), 14, 14, packs[0]
        yield "a pack moved to the quarantine by the storage (harmless)", OWN, lambda: (
            bench.put(f"quarantine/{packs[0]}.{'0' * 32}", bench.read(packs[0])), bench.delete(packs[0])), 0, 14, packs[0]
        yield "files of no object (harmless)", OWN, lambda: [bench.put(name, b"x") for name in ("x", "packs/zz", "journal/none", "slots/a/b")], 0, 0, ""
        yield "a journal of an identity that is none (harmless)", OWN, lambda: bench.put(f"journal/{'0' * 64}/0000000001", b"x" * 200), 0, 14, "journal/" + "0" * 64

    # More that an attacker does.

    def next_entry(self, identity):
        return f"journal/{identity}/{len(self.entries(identity)) + 1:010}"

    def other(self, folder, name):
        with open(os.path.join(self.path(folder), name), "rb") as file:
            return file.read()

    def any_of(self, folder, kind):
        names = [os.path.join(where, name) for where, _, files in os.walk(self.path(folder, kind)) for name in files]
        with open(first(names), "rb") as file:
            return file.read()

    def put_named(self, folder, start, content):
        self.put(f"{folder}/{start}.{fmt.sha256(content).hex()}", content)

    def alter_size(self, name, size):
        os.chmod(self.at(name), 0o600)
        os.truncate(self.at(name), size)

    # Judging.

    def look(self, who, *words):
        env = self.fresh if who == FRESH else None
        more = ["--checkpoint", self.path("checkpoints")] if who == FRESH else []
        return self.signet(*words, *more, env=env, expect=None)

    def assertNothingForeign(self, out):
        """Whatever was restored is what was backed up last, to the octet."""
        top = out + self.source
        for where, _, files in os.walk(out):
            for name in files:
                path = os.path.join(where, name)
                if os.path.islink(path):
                    continue
                with open(path, "rb") as restored, open(self.path("source2") + path[len(top):], "rb") as source:
                    self.assertEqual(restored.read(), source.read(), path)

    def test_attacks_are_refused_or_harmless(self):
        rows = list(self.table())
        refused = harmless = 0
        for what, who, attack, on_restore, on_check, says in rows:
            with self.subTest(what):
                attack()
                checked = self.look(who, "check")
                restored = self.look(who, "restore", "latest", "-t", self.path("out"))
                for result, expected in ((restored, on_restore), (checked, on_check)):
                    self.assertIn(result.code, expected if isinstance(expected, tuple) else (expected,), str(result))
                self.assertIn(says, restored.err + checked.err)
                self.assertNothingForeign(self.path("out"))
                if restored.code == 0:
                    self.assertSameTree(self.path("source2"), self.path("out") + self.source)
                    harmless += 1
                else:
                    refused += 1
            self.put_back()
        print(f"attacks by malicious storage: {refused + harmless} of {len(rows)} refused ({refused}) or harmless ({harmless})")
        self.assertEqual(refused + harmless, len(rows))
        self.assertGreaterEqual(len(rows), 60)

    def test_older_backups_that_are_not_touched_are_restored_all_the_same(self):
        for attack in (lambda: self.become(self.path("planted")), lambda: self.delete(self.entries(self.writer)[-1])):
            attack()
            code = self.signet("restore", self.ids[0], "-t", "out", expect=(0, 14)).code
            if code == 0:
                self.assertSameTree(self.path("source0"), self.path("out") + self.source)
            else:
                self.assertNothingAt(self.path("out"))
            self.put_back()

    def test_a_backup_is_not_made_into_a_repository_that_was_rolled_back_or_exchanged(self):
        for what, attack, code in (("rolled back", lambda: self.become(self.states[1]), 14),
                                   ("withheld", lambda: self.delete(self.entries(self.writer)[-1]), 14),
                                   ("a gap", lambda: self.delete(self.entries(self.writer)[0]), 14),
                                   ("the officer's end withheld", lambda: self.delete(self.entries(self.officer)[-1]), 14),
                                   ("another repository", lambda: self.become(self.path("second")), 17),
                                   ("an attacker's", lambda: self.become(self.path("theirs")), 17)):
            with self.subTest(what):
                attack()
                before = self.objects()
                self.assertMessage(self.signet("backup", self.path("source2"), "--series", "home", expect=code))
                self.assertEqual(self.objects("journal"), [name for name in before if name.startswith("journal/")])
            self.put_back()


if __name__ == "__main__":
    main()
