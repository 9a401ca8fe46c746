"""Kill -9 before and after every system call that changes something, of every command that does.

Afterwards `check` is clean, every committed backup is listed and restores as it was, the next backup works without any
repair, and no lock is left. Prints how many points were tried.

    kill.py              every point: some thousands
    kill.py --seconds N  a sample, for as long as that
"""

from points import Proof, Point
from scenarios import CHAINS, Broken, verify


class Kill(Proof):
    title = "kill -9"
    promise = "lost a committed backup, needed a repair or left a lock"

    def points_of(self, scenario, whole):
        for number, (name, _) in enumerate(whole.calls, start=1):
            yield Point(scenario.name, number, "kill-before", name)
            yield Point(scenario.name, number, "kill-after", name)
            if name in ("write", "pwrite64"):
                for quarters in (1, 2, 4):  # 4: all but one octet
                    yield Point(scenario.name, number, f"kill-torn={quarters}", name)

    def orders_of(self, point):
        return ["--calls", "mutating", "--at", str(point.number), "--do", point.action]

    def judge(self, host, scenario, point, ended):
        if ended.code is None:
            raise Broken(f"does not end: {ended}")
        if ended.struck == 0:
            return False  # threads took another turn: there were fewer calls
        verify(host, scenario, ended)
        return True


if __name__ == "__main__":
    Kill(CHAINS, counted=["--calls", "mutating"]).main()
