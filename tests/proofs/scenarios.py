"""The commands that are struck, one after the other: each begins where the one before it ended well.

A further command is one more line. What must hold after a stroke is said in `verify`, for all of them alike."""

import os
import random
from dataclasses import dataclass
from typing import Callable, Tuple

from host import cheapen, tree


@dataclass
class Scenario:
    name: str
    words: Callable  # of the host; the command that is struck
    prepare: Callable = lambda host: None  # what is done before, unharmed
    backs_up: bool = False  # it makes a backup of the source
    adds: bool = False  # it makes a backup of something else
    forgets: Callable = lambda host: ()  # backups that need not be there any more
    again: Tuple[int, ...] = (0,)  # how the same command may end when it is run once more
    again_first: bool = False  # nothing else can be done before that
    is_struck: bool = True  # else it only leads to what follows
    only_reads: bool = False  # it changes no repository: errors alone are of interest
    never: Tuple[int, ...] = ()  # how it must not end, whatever happens; nothing comes after it


def put(host, name, content, age=1_700_000_000):
    path = os.path.join(host.source, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, (age, age))


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def first_source(host):
    for number in range(12):
        put(host, f"mail/{number % 3}/{number}", b"from: anna\n" * (number + 1) + noise(number, 40))
    put(host, "letter", b"dear bob\n" * 300)
    put(host, "empty", b"")
    put(host, "photo", noise(1, 300_000))
    os.link(os.path.join(host.source, "letter"), os.path.join(host.source, "twin"))
    os.symlink("letter", os.path.join(host.source, "link"))
    os.mkdir(os.path.join(host.source, "hollow"))
    with open(os.path.join(host.source, "holes"), "wb") as file:
        file.truncate(1_000_000)
        file.seek(500_000)
        file.write(b"in the middle")


def second_source(host):
    put(host, "mail/1/1", b"changed\n", 1_710_000_000)
    put(host, "mail/3/new", noise(2, 20_000), 1_710_000_000)
    os.unlink(os.path.join(host.source, "mail/0/0"))


def second_source_again(host):
    put(host, "mail/2/2", b"changed as well\n", 1_715_000_000)


def third_source(host):
    put(host, "photo", noise(3, 200_000), 1_720_000_000)
    put(host, "large", noise(4, 2_500_000), 1_720_000_000)


def fourth_source(host):
    put(host, "letter", b"dear carol\n" * 200, 1_730_000_000)
    os.unlink(os.path.join(host.source, "large"))


def own_key(host):
    """A protector of one's own, in a vault that opens quickly."""
    host.signet("key", "create", "prod", "--size", "2048", expect=0)
    cheapen(host.path("vault", "vault.json"))
    host.signet("keyring", "link", "local:prod", "--default", expect=0)


def oldest(host):
    return next(iter(host.trees))


def backup(host):
    return ["backup", "--json", host.source]


def fifth_source(host):
    put(host, "report", noise(5, 400_000), 1_740_000_000)


def forget(host, backup_id):
    """Unharmed, for what is to be pruned."""
    host.signet("forget", backup_id, expect=0)
    host.trees.pop(backup_id)


def forget_latest(host):
    """The one that has packs of its own, and the data key of its run."""
    fifth_source(host)
    forget(host, host.backup())
    os.unlink(os.path.join(host.source, "report"))


def waste(host):
    """Packs of which one file in five is needed."""
    for number in range(5):
        put(host, f"waste/{number}", noise(10 + number, 150_000), 1_735_000_000)
    whole = host.backup()
    for number in range(4):
        os.unlink(os.path.join(host.source, f"waste/{number}"))
    host.backup()
    forget(host, whole)


def lose_a_pack(host):
    """What a backup alone has stored is gone, and stored anew since; another run's index segment is gone, and a slot altered."""
    index = objects(host, "indexes")[0]
    for seed in range(100):
        put(host, "report", noise(seed, 400_000), 1_740_000_000)
        before = set(objects(host, "packs"))
        above = folders_above(host)
        host.backup()
        lost = sorted(set(objects(host, "packs")) - before)
        for number, pack in enumerate(lost):
            os.rename(pack, host.path("home", f"lost-{number}"))
        host.backup("--force", "--no-cache")
        # Where somebody else has changed a folder above the source meanwhile, the first backup knew it otherwise.
        if folders_above(host) == above:
            break
        for number, pack in enumerate(lost):
            os.rename(host.path("home", f"lost-{number}"), pack)
    os.unlink(index)
    with open(objects(host, "slots")[0], "r+b") as file:
        file.seek(20)
        octet = file.read(1)
        file.seek(20)
        file.write(bytes([octet[0] ^ 1]))


def folders_above(host):
    folders, folder = [], host.path()
    while folder != "/":
        folder = os.path.dirname(folder.rstrip("/"))
        folders.append((folder, os.stat(folder).st_mtime_ns))
    return folders


def objects(host, kind):
    return sorted(os.path.join(where, name) for where, _, names in os.walk(host.path("repository", kind)) for name in names)


CHAIN = [
    Scenario("init", lambda host: ["init"], own_key, again=(0, 17), again_first=True),
    Scenario("backup 1", backup, first_source, backs_up=True),
    Scenario("backup 2", backup, second_source, backs_up=True),
    Scenario("backup 3", backup, third_source, backs_up=True),
    Scenario("key rotate", lambda host: ["key", "rotate", "prod"]),
    Scenario("rewrap", lambda host: ["rewrap", "--all"]),
    Scenario("second rotation", lambda host: ["key", "rotate", "prod"], is_struck=False),
    Scenario("backup after rotation", backup, fourth_source, backs_up=True),
    Scenario("backup of nothing new", backup, backs_up=True),
    Scenario("backup without a cache", lambda host: ["backup", "--json", "--no-cache", host.source], second_source_again, backs_up=True),
    Scenario("tag", lambda host: ["tag", "latest", "--add", "good"]),
    Scenario("policy", lambda host: ["keyring", "policy", "set", "max-deks=32"]),
    Scenario("forget", lambda host: ["forget", oldest(host)], forgets=lambda host: (oldest(host),), again=(0, 17)),
    Scenario("undelete", lambda host: ["undelete", oldest(host)], forgets=lambda host: (oldest(host),), again=(0, 2, 17)),
    Scenario("reseal", lambda host: ["reseal", oldest(host)]),
    Scenario("forget by rule", lambda host: ["forget", "--keep-last", "5"], forgets=lambda host: (oldest(host),)),
    Scenario("shred", lambda host: ["forget", "--shred", oldest(host)], forgets=lambda host: (oldest(host),)),
    # The first run condemns, the second deletes; then both at once.
    Scenario("prune condemns", lambda host: ["prune"], forget_latest),
    Scenario("prune deletes", lambda host: ["prune"]),
    Scenario("prune waits", lambda host: ["prune", "--wait"], forget_latest),
    Scenario("prune repacks", lambda host: ["prune", "--max-unused", "0"], waste),
    Scenario("prune repacks and waits", lambda host: ["prune", "--max-unused", "0", "--wait"]),
    Scenario("repair", lambda host: ["repair"], lose_a_pack, again_first=True),
]

ESCROW = [
    Scenario("init with escrow", lambda host: ["init"], again=(0, 17), again_first=True),
]

def own_key_and_first_source(host):
    own_key(host)
    first_source(host)


def offline_key(host):
    """The public half of a key that is elsewhere."""
    host.signet("key", "create", "offline", "--size", "2048", expect=0)
    with open(host.path("offline.pem"), "w", encoding="utf-8") as file:
        file.write(host.signet("key", "export-public", "offline", expect=0).out)


def thumbprint(host, name):
    return host.signet("key", "show", name, "--json", expect=0).json()["thumbprint"]


KEYS = [
    Scenario("init before keys", lambda host: ["init"], own_key_and_first_source, is_struck=False),
    Scenario("backup before keys", backup, backs_up=True, is_struck=False),
    Scenario("key create", lambda host: ["key", "create", "second", "--size", "2048"], again=(0, 17)),
    Scenario("keyring link", lambda host: ["keyring", "link", "local:second"]),
    Scenario("keyring default", lambda host: ["keyring", "default", thumbprint(host, "second")]),
    Scenario("link for recovery", lambda host: ["keyring", "link", "public:" + host.path("offline.pem"), "--recovery"], offline_key),
    Scenario("backup under other keys", backup, second_source, backs_up=True),
    Scenario("key backup", lambda host: ["key", "backup", "prod", "-o", host.path("prod.backup")], again=(0, 1, 2, 17)),
    Scenario("key tag", lambda host: ["key", "tag", "prod", "use=test"], again=(0, 2)),
    Scenario("keyring test", lambda host: ["keyring", "test"]),
    Scenario("keyring check", lambda host: ["keyring", "check"]),
    Scenario("rotation of the default", lambda host: ["key", "rotate", "second"]),
    Scenario("backup of a stream", lambda host: ["backup", "--stdin-filename", "s", "--stdin-from-command", "--", "echo", "hello"], adds=True),
    Scenario("backup by another number of jobs", lambda host: ["backup", "--json", "--jobs", "1", "--force", host.source], third_source,
             backs_up=True),
    Scenario("key delete", lambda host: ["key", "delete", "offline"], again=(0, 13, 17)),
    Scenario("key recover", lambda host: ["key", "recover", "offline"], again=(0, 1, 2, 13, 17)),
    Scenario("key passphrase", lambda host: ["key", "passphrase", "--new-passphrase-file", host.path("passphrase")]),
]

CHAINS = [CHAIN, ESCROW, KEYS]


def play(host, chain, on_stage):
    """Goes through a chain. on_stage(scenario, moment) is called before each command; the moment is the one before it."""
    for scenario in chain:
        scenario.prepare(host)
        moment = scenario.name.replace(" ", "-")
        host.keep(moment)
        on_stage(scenario, moment)
        host.back_to(moment)
        if scenario.never:
            continue
        known = tree(host.source) if scenario.backs_up else None
        ended = host.signet(*scenario.words(host), expect=0)
        if scenario.backs_up:
            host.trees[ended.last()["backup_id"]] = known
        if scenario.adds:
            host.others = set(listed(host)) - set(host.trees)
        if scenario.name == "shred":
            host.trees.pop(scenario.forgets(host)[0])


class Broken(Exception):
    """A promise that was not kept."""


def listed(host):
    ended = host.signet("list", "--json")
    if ended.code != 0:
        raise Broken(f"list fails: {ended}")
    return {row["id"]: row["has_errors"] for row in ended.json()}


def require(host, *words, codes=(0,)):
    ended = host.signet(*words)
    if ended.code not in codes:
        raise Broken(f"afterwards fails: {ended}")
    return ended


def require_restorable(host, backup_id, expected):
    ended, found = host.restored(backup_id)
    if ended.code != 0:
        raise Broken(f"backup {backup_id[:8]} does not restore: {ended}")
    if found != expected:
        differing = sorted(name for name in set(found) | set(expected) if found.get(name) != expected.get(name))
        raise Broken(f"backup {backup_id[:8]} restores to something else: {differing[:5]}")


def require_part(host, backup_id, expected):
    """Of a backup that could not read everything, and says so: what it has is right."""
    ended, found = host.restored(backup_id)
    wrong = [name for name, what in found.items() if len(what) == 4 and expected.get(name, what)[3] != what[3]]
    if ended.code != 0 or wrong:
        raise Broken(f"backup {backup_id[:8]}, which lacks something, does not restore what it has: {wrong[:5]} {ended}")


def verify(host, scenario, ended):
    """What must hold however the command ended. throws  Broken"""
    must = set(host.trees) - set(scenario.forgets(host))
    now = tree(host.source) if os.path.isdir(host.source) else {}
    words = scenario.words(host)
    if scenario.again_first:
        require(host, *words, codes=scenario.again)
    require(host, "check")
    there = {backup_id: wrong for backup_id, wrong in listed(host).items() if backup_id not in host.others}
    missing = must - set(there)
    if missing:
        raise Broken(f"committed backups are gone: {sorted(missing)}")
    new = [backup_id for backup_id in there if backup_id not in host.trees]
    if len(new) > (1 if scenario.backs_up or scenario.adds else 0):
        raise Broken(f"backups that nobody made: {new}")
    if ended.code == 0 and scenario.backs_up and not new:
        raise Broken("the backup said that it was done, and is not there")
    for backup_id, has_errors in there.items():
        if has_errors and ended.code == 0:
            raise Broken("the backup could not read everything, and did not say so")
        if has_errors:
            require_part(host, backup_id, now)
        elif scenario.adds and backup_id in new:
            require(host, "dump", backup_id, "/s")
        else:
            require_restorable(host, backup_id, host.trees.get(backup_id, now))
    if not scenario.again_first:
        require(host, *words, codes=scenario.again + ((0, 3) if scenario.backs_up else ()))
    if not now:
        os.makedirs(host.source, exist_ok=True)
        put(host, "note", b"x")
        now = tree(host.source)
    after = require(host, *backup(host)).last()["backup_id"]
    require_restorable(host, after, now)
    require(host, "check")
