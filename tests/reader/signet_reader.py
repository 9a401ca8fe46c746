#!/usr/bin/python3
"""Reads a Signet repository by docs/format.md, with none of Signet's code.

    signet_reader.py REPO list    [--officer FP]
    signet_reader.py REPO verify  [KEYS]
    signet_reader.py REPO restore BACKUP|latest TARGET KEYS [--root /sub/path]
    signet_reader.py REPO dump    BACKUP|latest KEYS [--tree]
    signet_reader.py REPO logs    [--officer FP]
    signet_reader.py REPO fetch   LOG TARGET KEYS

KEYS: --key PEM (PKCS#8, may be repeated) or --escrow-passphrase-file FILE (one newline at its end is not part of it).

Exit codes: 0 success; 14 an object was refused; 1 anything else, for instance a newer format or no key that opens a backup.
"""

import argparse
import json
import sys

from signet_format.backup import TOTALS, Keyring, OpenedBackup, Repository
from signet_format.contents import DIRECTORY, FILE, TYPES, printable, walk
from signet_format.crypto import RsaKey
from signet_format.errors import Refused, Unable
from signet_format.journal import BACKUP_KINDS
from signet_format.logs import KINDS, lost_logs, read_log
from signet_format.restore import Restorer, find
from signet_format.store import Folder
from signet_format.verify import Verifier


def show(value):
    json.dump(value, sys.stdout, indent=1)
    print()


def say(line):
    print(f"signet_reader: {line}".encode("utf-8", "backslashreplace").decode(), file=sys.stderr)


def passphrase_of(arguments):
    if arguments.escrow_passphrase_file is None:
        return None
    with open(arguments.escrow_passphrase_file, "rb") as file:
        return file.read().removesuffix(b"\n").removesuffix(b"\r")


def open_backup(arguments):
    repository = Repository(Folder(arguments.repository), arguments.officer)
    entry = repository.find_backup(arguments.backup)
    for problem in repository.journals.problems:
        say(f"refused: {problem}")  # in other journals, or after this backup
    keys = [RsaKey.from_pem(path) for path in arguments.key]
    return OpenedBackup(repository, entry, Keyring(repository, keys, passphrase_of(arguments)))


def worst(problems):
    return max((problem.exit_code for problem in problems), default=0)


# -- the commands -----------------------------------------------------------------------------------------------------

def list_backups(arguments):
    repository = Repository(Folder(arguments.repository), arguments.officer)
    show([row_of(repository, entry) for entry in repository.backups()])
    for problem in repository.journals.problems:
        say(f"refused: {problem}")
    return worst(repository.journals.problems)


def row_of(repository, backup):
    run = backup.run
    deks = {}
    for entry, _ in [*repository.needed_by(backup), (repository.repacks.body_of(backup)[0], [])]:
        deks.setdefault((entry.packed.dek_id, entry.packed.commitment), entry.packed.slots)
    return {
        "id": backup.id.hex(),
        "writer": backup.identity,
        "sequence": backup.sequence,
        "time": run.time,
        "kind": BACKUP_KINDS[run.backup_kind],
        "incomplete": bool(run.flags & 1),
        "packs": len(run.packs),
        "reached_packs": sum(len(packs) for _, packs in repository.named_by(backup)) - len(run.packs),
        "deks": [{
            "id": dek_id.hex(),
            "slots_in_entry": [slot.thumbprint for slot in slots],
            "slots_stored": [parts["thumbprint"].replace("-", ":") for _, parts in repository.slot_names.get(dek_id, ())],
        } for (dek_id, _), slots in deks.items()],
        "trusted": repository.trusted(backup),
    }


def verify(arguments):
    keys = [RsaKey.from_pem(path) for path in arguments.key]
    verifier = Verifier(Folder(arguments.repository), keys, passphrase_of(arguments), arguments.officer)
    verifier.run()
    show({"checked": verifier.counts, "not_opened": verifier.notes, "refused": [str(problem) for problem in verifier.refused]})
    for problem in verifier.refused:
        say(f"refused: {problem}")
    return worst(verifier.refused)


def restore(arguments):
    backup = open_backup(arguments)
    restorer = Restorer(backup, arguments.target)
    try:
        restorer.restore(arguments.root)
    finally:
        for warning in restorer.warnings:
            say(warning)
    show(restorer.counts)
    return 0


def dump(arguments):
    backup = open_backup(arguments)
    labels, body = backup.labels, backup.body
    shown = {
        "id": backup.entry.id.hex(),
        "labels": {
            "host": labels.host, "user": labels.user, "series": labels.series, "paths": [printable(path) for path in labels.paths],
            "tags": labels.tags, "command": [printable(word) for word in labels.command], "program": labels.program,
        },
        "tags_by_remark": backup.repository.tags(backup.entry, body.label_key),
        "body": {
            "id_key": body.id_key.hex(), "index_key": body.index_key.hex(), "label_key": body.label_key.hex(),
            "root": tree_row((), body.root),
            "owners": dict(body.owners), "groups": dict(body.groups),
            "totals": dict(zip(TOTALS, body.totals)),
            "unread": [{"path": printable(path), "errno": errno, "what": what} for path, errno, what in body.unread],
        },
    }
    if arguments.tree:
        path, root = find(backup, arguments.root)
        shown["tree"] = [tree_row(path, root)]
        if root.type == DIRECTORY:
            shown["tree"] += [tree_row(path + inside, entry) for inside, entry in walk(root, backup.entry.name, backup.chunk)]
    show(shown)
    return 0


def list_logs(arguments):
    repository = Repository(Folder(arguments.repository), arguments.officer)
    epochs = repository.logs()
    refused, notes = lost_logs(epochs)
    rows, refused = [], [*repository.bad_epochs, *refused]
    for epoch in epochs:
        for place, log in sorted(epoch.logs.items()):
            rows.append({"name": log.title, "object": log.name, "kind": KINDS[log.kind], "timeline": log.timeline, "position": log.position,
                         "number": log.number, "modified": log.modified, "size": log.size, "id": log.id.hex(),
                         "switches": [list(switch) for switch in log.switches], "system": epoch.entry.epoch.system})
    show(rows)
    for note in notes:
        say(f"note: {note}")
    for problem in [*repository.journals.problems, *refused]:
        say(f"refused: {problem}")
    return worst([*repository.journals.problems, *refused])


def fetch_log(arguments):
    repository = Repository(Folder(arguments.repository), arguments.officer)
    keyring = Keyring(repository, [RsaKey.from_pem(path) for path in arguments.key], passphrase_of(arguments))
    problem = Unable(f"no log {arguments.log}")
    for epoch in repository.logs():
        for _, log in sorted(epoch.logs.items()):
            if log.title != arguments.log:
                continue
            try:
                dek = keyring.dek(epoch.entry.epoch, epoch.entry.name)
                content = read_log(repository.store, log, dek, repository.config.repository, epoch.entry.epoch.dek_id)
            except (Refused, Unable) as refusal:
                problem = refusal  # another object may have it whole
                continue
            with open(arguments.target, "xb") as file:
                file.write(content)
            return 0
    raise problem


def tree_row(path, entry):
    row = {"path": "/" + printable(b"/".join(path)), "type": TYPES[entry.type], "mode": f"{entry.mode:04o}", "uid": entry.uid,
           "gid": entry.gid, "mtime": entry.mtime()}
    if entry.type == FILE:
        row["size"] = entry.size()
    if entry.content:
        row["content"] = {"size": entry.content.size, "level": entry.content.level,
                          "references": [[reference.id.hex(), reference.length, reference.span] for reference in entry.content.references]}
    if entry.target:
        row["target"] = printable(entry.target)
    if entry.device:
        row["device"] = list(entry.device)
    if entry.birth is not None:
        row["birth"] = entry.mtime() + entry.birth
    if entry.link:
        row["link"] = list(entry.link)
    if entry.stretches:
        row["stretches"] = [list(stretch) for stretch in entry.stretches]
    if entry.xattrs:
        row["xattrs"] = {printable(name): value.hex() for name, value in entry.xattrs}
    if entry.flags is not None:
        row["flags"] = entry.flags
    if entry.changed:
        row["changed"] = True
    return row


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(Unable.exit_code, f"signet_reader: {message}\n")


def parse_arguments(words):
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", metavar="REPO")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, act, keys=True):
        made = commands.add_parser(name)
        made.set_defaults(act=act)
        made.add_argument("--officer", help="the officer's fingerprint that config.json must have")
        if keys:
            made.add_argument("--key", action="append", default=[], metavar="PEM")
            made.add_argument("--escrow-passphrase-file", metavar="FILE")
        return made

    command("list", list_backups, keys=False)
    command("verify", verify)
    made = command("restore", restore)
    made.add_argument("backup")
    made.add_argument("target")
    made.add_argument("--root", default="/", help="restore what is below this path only")
    made = command("dump", dump)
    made.add_argument("backup")
    made.add_argument("--tree", action="store_true", help="all entries, too")
    made.add_argument("--root", default="/", help="with --tree: from this path on")
    command("logs", list_logs, keys=False)
    made = command("fetch", fetch_log)
    made.add_argument("log")
    made.add_argument("target")
    return parser.parse_args(words)


def main(words=None):
    arguments = parse_arguments(words)
    try:
        return arguments.act(arguments)
    except Refused as problem:
        say(f"refused: {problem}")
        return problem.exit_code
    except (Unable, OSError) as problem:
        say(problem)
        return Unable.exit_code


if __name__ == "__main__":
    sys.exit(main())
