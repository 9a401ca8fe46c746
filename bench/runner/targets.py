"""What Signet is to reach on two cores, beside the peers of the same run.

A ratio "x faster" is peer / signet, so more is better; sizes are signet / peer, so less is better.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    corpus: str
    what: str            # a step, "repository", "growth" or "peak"
    peer: str            # "" for an absolute figure
    limit: float
    at_least: bool

    def text(self):
        sign = ">=" if self.at_least else "<="
        if self.peer:
            return f"{sign} {self.limit:g} x {self.peer}"
        return f"{sign} {self.limit:g} {'MiB' if self.what == 'peak' else 's'}"


def _faster(corpus, what, **peers):
    return [Target(corpus, what, peer, limit, True) for peer, limit in peers.items()]


def _smaller(corpus, what, limit):
    return [Target(corpus, what, "restic", limit, False)]


def _of_every(corpus):
    return [Target(corpus, "peak", "", 160, False), Target(corpus, "list", "", 0.1, False), *_faster(corpus, "ls", restic=4)]


TARGETS = [
    *_faster("linux", "first", restic=3, borg=5, pipeline=1), *_smaller("linux", "repository", 0.78),
    *_faster("linux", "unchanged", restic=8), *_faster("linux", "restore", restic=3),
    *_faster("linux", "changed", restic=4), *_smaller("linux", "growth", 1.0), *_of_every("linux"),

    *_faster("tiny", "first", restic=4.5, borg=9, pipeline=1), *_smaller("tiny", "repository", 0.58),
    *_faster("tiny", "unchanged", restic=8), *_faster("tiny", "restore", restic=5.5),
    *_smaller("tiny", "growth", 1.0), *_of_every("tiny"),

    *_faster("media", "first", restic=2.7, borg=2.3), *_smaller("media", "repository", 1.01),
    *_faster("media", "restore", restic=2), *_of_every("media"),

    *_faster("db", "first", restic=1.6, borg=2), *_smaller("db", "repository", 1.0),
    *_faster("db", "restore", restic=1.5), *_faster("db", "changed", restic=2), *_smaller("db", "growth", 0.25),
    *_of_every("db"),
]
