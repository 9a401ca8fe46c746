"""Medians and per-run ratios from the samples of a session."""
import collections
import statistics

TIMED = ("first", "unchanged", "changed", "restore", "list", "ls")
SIZED = ("repository", "growth")


class Figures:
    def __init__(self, samples):
        self._values = collections.defaultdict(dict)
        for s in samples:
            at = s["run"]
            key = (s["corpus"], s["tool"], s["step"])
            if "bytes" in s:
                self._values[key][at] = s["bytes"]
                continue
            self._values[key][at] = s["seconds"]
            self._values[key + ("cpu",)][at] = s["cpu_seconds"]
            peak = self._values[key[:2] + ("peak",)]
            peak[at] = max(peak.get(at, 0), s["peak_mib"])
        self.corpora = _in_order(s["corpus"] for s in samples)
        self.tools = _in_order(s["tool"] for s in samples)

    def median(self, corpus, tool, *what):
        values = self._values.get((corpus, tool, *what))
        return statistics.median(values.values()) if values else None

    def worst(self, corpus, tool, what):
        values = self._values.get((corpus, tool, what))
        return max(values.values()) if values else None

    def ratios(self, corpus, what, upper, lower):
        """(min, median, max) of upper / lower within each run, or None."""
        above, below = (self._values.get((corpus, tool, what), {}) for tool in (upper, lower))
        each = [above[run] / below[run] for run in above.keys() & below.keys() if below[run] > 0]
        return (min(each), statistics.median(each), max(each)) if each else None


def _in_order(names):
    return list(dict.fromkeys(names))
