"""The order of things: per run and corpus, every tool on version 1, then every tool on version 2.

first, unchanged, restore and changed start with a cold page cache; list and ls are warm, just after the unchanged run.
"""
import os
import subprocess
import sys

from . import measure

STEPS = ("first", "unchanged", "list", "ls", "restore", "changed")


class Session:
    def __init__(self, tools, corpora, space, steps, compare):
        self._tools = tools
        self._corpora = corpora
        self._space = space
        self._steps = steps
        self._compare = compare
        self.samples = []
        self.failures = []

    def run(self, number):
        for corpus in self._corpora:
            self._space.make_room(corpus, len(self._tools))
            self._run_corpus(number, corpus)

    def _run_corpus(self, number, corpus):
        shift = number % len(self._tools)
        order = self._tools[shift:] + self._tools[:shift]
        corpus.switch_to(1)
        ready = [t for t in (self._version_1(number, corpus, kind) for kind in order) if t]
        if "changed" in self._steps:
            corpus.switch_to(2)
            for tool in ready:
                self._attempt(number, corpus, tool.name, lambda: self._changed(number, corpus, tool))
            corpus.switch_to(1)

    def _version_1(self, number, corpus, kind):
        return self._attempt(number, corpus, kind.name, lambda: self._version_1_steps(number, corpus, kind))

    def _version_1_steps(self, number, corpus, kind):
        tool = kind(self._space.folder(f"run{number + 1}-{corpus.name}-{kind.name}"), corpus.tree)
        record = lambda step, cost: self._record(number, corpus, tool, step, cost)
        tool.prepare()
        measure.make_cold()
        record("first", tool.backup("first"))
        first_bytes = tool.repository_bytes()
        self._size(number, corpus, tool, "repository", first_bytes)
        if "unchanged" in self._steps and tool.has_unchanged_run:
            measure.make_cold()
            record("unchanged", tool.backup("unchanged"))
            self._size(number, corpus, tool, "unchanged growth", tool.repository_bytes() - first_bytes)
        if "list" in self._steps:
            record("list", tool.list())
        if "ls" in self._steps:
            record("ls", tool.ls())
        if "restore" in self._steps:
            self._restore(corpus, tool, record, compare=self._compare and number == 0)
        return tool

    def _restore(self, corpus, tool, record, compare):
        target = os.path.join(tool.home, "restored")
        os.makedirs(target)
        measure.make_cold()
        record("restore", tool.restore(target))
        if compare:
            result = subprocess.run(["diff", "-rq", "--no-dereference", corpus.tree, tool.restored_source(target)],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if result.returncode:
                raise measure.CommandFailed("what was restored differs:\n" + result.stdout.decode(errors="replace")[:1500])
            print(f"  {corpus.name} {tool.name}: what was restored equals its source", file=sys.stderr)

    def _changed(self, number, corpus, tool):
        before = tool.repository_bytes()
        measure.make_cold()
        self._record(number, corpus, tool, "changed", tool.backup("changed"))
        self._size(number, corpus, tool, "growth", tool.repository_bytes() - before)

    def _attempt(self, number, corpus, name, action):
        """A tool that fails is left out of this corpus in this run; the others go on."""
        try:
            return action()
        except (measure.CommandFailed, OSError) as error:
            self.failures.append({"run": number, "corpus": corpus.name, "tool": name, "error": str(error)})
            print(f"bench: {corpus.name} {name}: {error}", file=sys.stderr)
            return None

    def _record(self, number, corpus, tool, step, cost):
        if cost is None:
            return
        self.samples.append({"run": number, "corpus": corpus.name, "tool": tool.name, "step": step, "seconds": cost.seconds,
                             "cpu_seconds": cost.cpu_seconds, "peak_mib": cost.peak_mib})
        print(f"  run {number + 1} {corpus.name} {tool.name} {step}: {cost.seconds:.2f} s, CPU {cost.cpu_seconds:.2f} s, "
              f"peak {cost.peak_mib:.0f} MiB", file=sys.stderr)

    def _size(self, number, corpus, tool, what, size):
        self.samples.append({"run": number, "corpus": corpus.name, "tool": tool.name, "step": what, "bytes": size})
        print(f"  run {number + 1} {corpus.name} {tool.name} {what}: {size / 1e6:.1f} MB", file=sys.stderr)
