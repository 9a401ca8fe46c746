"""Tries points of commands: a system call each, and what is done to it. Shared by the proofs of kills and of errors."""

import argparse
import collections
import multiprocessing
import os
import random
import shutil
import sys
import time
import traceback
from dataclasses import dataclass

from host import Host
from scenarios import Broken, play

FEWEST = 3  # of each scenario, in a sample


@dataclass(frozen=True)
class Point:
    scenario: str
    number: int
    action: str
    call: str

    def __str__(self):
        return f"{self.scenario}:{self.number}:{self.action} ({self.call})"


class Proof:
    """A kind of stroke, over all scenarios. Subclasses say which points there are and what must hold afterwards."""

    title = ""
    promise = ""

    def __init__(self, chains, counted):
        self.chains, self.counted = chains, counted
        self.tried = collections.Counter()
        self.broken = []
        self.begun = set()
        self.missed = 0
        self.possible = 0

    # To be said by each proof.

    def points_of(self, scenario, whole):
        raise NotImplementedError

    def orders_of(self, point):
        raise NotImplementedError

    def judge(self, host, scenario, point, ended):
        raise NotImplementedError

    # The same for all.

    def main(self):
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--seconds", type=float, help="a sample of the points, for about as long as this")
        parser.add_argument("--points", type=int, help="a sample of about as many points")
        parser.add_argument("--seed", type=int, default=1, help="of the sample")
        parser.add_argument("--jobs", type=int, default=os.cpu_count())
        parser.add_argument("--only", help="one scenario, or one point: SCENARIO[:NUMBER[:ACTION]]")
        parser.add_argument("--dir", help="where to work")
        self.options = parser.parse_args()
        self.end = time.monotonic() + self.options.seconds if self.options.seconds else None
        results = multiprocessing.Queue()
        workers = [multiprocessing.Process(target=self.work, args=(number, results)) for number in range(self.options.jobs)]
        for worker in workers:
            worker.start()
        for _ in workers:
            self.collect(results)
        for worker in workers:
            worker.join()
        self.report()
        sys.exit(1 if self.broken or not self.tried else 0)

    def collect(self, results):
        while True:
            kind, what = results.get()
            if kind == "end":
                return
            if kind == "tried":
                self.tried[(what.scenario, what.action.split("=")[0])] += 1
            elif kind == "begun":
                self.note_progress(what)
            elif kind == "missed":
                self.missed += 1
            elif kind == "possible":
                self.possible += what
            else:
                self.broken.append(what)
                print(f"BROKEN {what}", flush=True)

    def note_progress(self, scenario):
        """A long one says where it is."""
        if scenario not in self.begun and not self.options.seconds:
            print(f"  {sum(self.tried.values()):6} tried, {len(self.broken)} broken; now {scenario}", file=sys.stderr, flush=True)
        self.begun.add(scenario)

    def work(self, number, results):
        """One of several processes, each with a host of its own and its share of the points."""
        try:
            for chain in self.chains:
                with Host(self.options.dir) as host:
                    play(host, self.wanted(chain), lambda scenario, moment: self.stage(host, scenario, moment, number, results))
        except Exception:  # pylint: disable=broad-except
            results.put(("broken", f"the proof itself: {traceback.format_exc()}"))
        results.put(("end", None))

    def wanted(self, chain):
        """What leads to the scenario that was asked for."""
        if not self.options.only:
            return chain
        name = self.options.only.split(":")[0]
        names = [scenario.name for scenario in chain]
        return chain[: names.index(name) + 1] if name in names else []

    def stage(self, host, scenario, moment, worker, results):
        if not scenario.is_struck or self.options.only and self.options.only.split(":")[0] != scenario.name:
            return
        results.put(("begun", scenario.name))
        host.back_to(moment)
        whole = host.struck(scenario.words(host), *self.counted)
        if whole.code in scenario.never or whole.code != 0 and not scenario.never:
            raise AssertionError(f"unharmed, it fails: {whole}")
        points = list(self.points_of(scenario, whole))
        if worker == 0:
            results.put(("possible", len(points)))
        mine = self.choose(points)[worker :: self.options.jobs]
        until = self.share_of_time()
        for count, point in enumerate(mine):
            if until and time.monotonic() > until and count >= FEWEST:
                break
            host.back_to(moment)
            try:
                ended = host.struck(scenario.words(host), *self.orders_of(point))
                results.put(("tried" if self.judge(host, scenario, point, ended) else "missed", point))
            except Broken as broken:
                results.put(("broken", f"{point}: {broken}\n    after {ended}"))
                self.keep_for_looking_at(host, point)

    def keep_for_looking_at(self, host, point):
        place = os.environ.get("SIGNET_PROOF_KEEP")
        if place:
            shutil.copytree(host.live, os.path.join(place, str(point).replace(" ", "-").replace("/", "-")), symlinks=True,
                            dirs_exist_ok=True)

    def choose(self, points):
        if self.options.only and ":" in self.options.only:
            wanted = self.options.only.split(":")
            points = [point for point in points if str(point.number) == wanted[1] and (len(wanted) < 3 or point.action == wanted[2])]
            return points
        random.Random(self.options.seed).shuffle(points)
        if self.options.points:
            stages = sum(len(chain) for chain in self.chains)
            return points[: max(1, self.options.points // stages)]
        return points

    def share_of_time(self):
        """Until when this stage may last, so that each has its share of what is left."""
        if not self.end or self.options.only:
            return self.end
        self.stages_left = getattr(self, "stages_left", sum(len(chain) for chain in self.chains))
        now = time.monotonic()
        until = now + (self.end - now) / max(1, self.stages_left)
        self.stages_left -= 1
        return until

    def report(self):
        for scenario in dict.fromkeys(name for name, _ in self.tried):
            counts = ", ".join(f"{action} {count}" for (name, action), count in sorted(self.tried.items()) if name == scenario)
            print(f"  {scenario:24} {counts}")
        total = sum(self.tried.values())
        print(f"{self.title}: {len(self.broken)} of {total + len(self.broken)} {self.promise}"
              f" ({self.possible} points there are, {self.missed} were not reached)")
