"""Every system call that reads or writes fails once, or from then on, with each of the errors that disks and kernels give.

Whatever fails: exit code 0 is only said of what verifies, a failed listing never lets anything be deleted, committed
backups stay, and nothing dies of a signal or does not end. Prints how many points were tried.

    errors.py              every point: some hundred thousands
    errors.py --points N   a sample of about as many
    errors.py --seconds N  a sample, for as long as that
"""

import errno
import os

from points import Point, Proof
from scenarios import CHAIN, ESCROW, Broken, Scenario, require, tree, verify

ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS", "EMFILE", "ENOMEM", "EINTR", "ESTALE")
ONLY_MEMORY = ("mmap",)


def target(host):
    return host.path("target")


def with_target(host):
    """A restore over an earlier one, with something in it that the backup does not have."""
    host.signet("restore", "latest", "-t", target(host), expect=0)
    with open(os.path.join(target(host) + host.source, "extra"), "w", encoding="utf-8") as file:
        file.write("extra")
    os.unlink(os.path.join(target(host) + host.source, "letter"))


def damage_a_pack(host):
    packs = [os.path.join(where, name) for where, _, names in os.walk(host.path("repository", "packs")) for name in names]
    with open(sorted(packs)[0], "r+b") as file:
        file.seek(200)
        octet = file.read(1)
        file.seek(200)
        file.write(bytes([octet[0] ^ 1]))


READING = [
    Scenario("restore", lambda host: ["restore", "latest", "-t", target(host)], only_reads=True),
    Scenario("restore over", lambda host: ["restore", "latest", "-t", target(host), "--delete", "--overwrite", "if-changed"],
             with_target, only_reads=True),
    Scenario("list", lambda host: ["list", "--json"], only_reads=True),
    Scenario("plan", lambda host: ["plan", "latest", "--json"], only_reads=True),
    Scenario("check", lambda host: ["check", "--read-data"], only_reads=True),
    Scenario("check of damage", lambda host: ["check"], damage_a_pack, only_reads=True, never=(0,)),
]


def contents(state):
    """Of a tree: what is there and what is in it, whatever mode and time it has."""
    return {name: (what[0], what[-1] if len(what) != 3 else None) for name, what in state.items()}


class Errors(Proof):
    title = "failing system calls"
    promise = "said 0 of what does not verify, lost something, died or did not end"

    def points_of(self, scenario, whole):
        for number, (name, _) in enumerate(whole.calls, start=1):
            for error in ("ENOMEM",) if name in ONLY_MEMORY else ERRORS:
                yield Point(scenario.name, number, f"once={error}", name)
                # A signal comes once more, or ten times; one that comes for ever is not an error.
                if error != "EINTR":
                    yield Point(scenario.name, number, f"on={error}", name)

    def orders_of(self, point):
        manner, error = point.action.split("=")
        orders = ["--calls", "all", "--at", str(point.number), "--do", f"error={getattr(errno, error)}"]
        return orders + (["--rest"] if manner == "on" else [])

    def judge(self, host, scenario, point, ended):
        if ended.code is None:
            raise Broken(f"does not end: {ended}")
        if ended.struck == 0:
            return False
        if ended.code < 0 or ended.code > 128 and ended.code != 130:
            raise Broken(f"died: {ended}")
        if ended.code in scenario.never:
            raise Broken(f"must not end so: {ended}")
        if scenario.only_reads:
            self.judge_reading(host, scenario, ended)
        else:
            verify(host, scenario, ended)
        return True

    @staticmethod
    def judge_reading(host, scenario, ended):
        if ended.code == 0 and scenario.name.startswith("restore"):
            latest = list(host.trees)[-1]
            found, expected = tree(target(host) + host.source), host.trees[latest]
            if "could not be given" in ended.err:  # modes and times, and it says so
                found, expected = contents(found), contents(expected)
            if found != expected:
                differing = sorted(name for name in set(found) | set(expected) if found.get(name) != expected.get(name))
                raise Broken(f"restored, it says, and these are not as they were: "
                             f"{[(name, expected.get(name), found.get(name)) for name in differing[:3]]}: {ended}")
        if ended.code == 0 and scenario.name == "list":
            if [row["id"] for row in ended.json()] != [row["id"] for row in require(host, "list", "--json").json()]:
                raise Broken("a list that is not whole")
        if not scenario.never:
            require(host, "check")


if __name__ == "__main__":
    # Reading comes where there are several backups; damage when nothing else is to come.
    Errors([CHAIN[:10] + READING[:5] + CHAIN[10:] + READING[5:], ESCROW], counted=["--calls", "all"]).main()
