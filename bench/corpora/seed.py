"""Seeded choices. Only what Python documents as stable between releases is used: SHA-256 and random()."""
import hashlib
import random


def unit(*parts):
    """A number in (0, 1], the same for the same parts on every machine."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).digest()
    return (int.from_bytes(digest[:8], "big") + 1) / 2**64


class Dice:
    def __init__(self, *parts):
        self.random = random.Random("\0".join(map(str, parts)))

    def below(self, limit):
        return int(self.random.random() * limit)

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, items):
        return items[self.below(len(items))]

    def picks(self, items, count):
        return self.random.choices(items, k=count)

    def sample(self, items, count):
        """count different items, in the order of the input."""
        keyed = sorted(range(len(items)), key=lambda _: self.random.random())
        return [items[i] for i in sorted(keyed[:count])]
