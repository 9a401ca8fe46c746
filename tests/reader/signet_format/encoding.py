"""Section 2: encodings. `Octets` is a cursor over one object; each method takes one field and refuses what is not canonical."""

from .errors import Refused, UnknownVersion

KIB = 1024
MIB = 1024 * 1024
U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1

THUMBPRINT_KINDS = {1: "sha256", 2: "kms"}


class Octets:
    """The octets [at..end) of `data`, part of the object called `name`."""
    __slots__ = ("data", "at", "end", "name")

    def __init__(self, data, name, at=0, end=None):
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end
        self.name = name

    def refuse(self, why):
        raise Refused(self.name, why)

    def take(self, count, what="field"):
        start = self.at
        if count > self.end - start:
            self.refuse(f"ends within a {what}")
        self.at = start + count
        return bytes(self.data[start:start + count])

    def finish(self):
        """No object has octets after its last field."""
        if self.at != self.end:
            self.refuse(f"{self.end - self.at} octets after the last field")

    # -- integers of fixed size ---------------------------------------------------------------------------------------

    def u8(self, what="u8"):
        return self.take(1, what)[0]

    def u16(self, what="u16"):
        return int.from_bytes(self.take(2, what), "little")

    def u32(self, what="u32"):
        return int.from_bytes(self.take(4, what), "little")

    def u64(self, what="u64"):
        return int.from_bytes(self.take(8, what), "little")

    def time(self, what="time"):
        return int.from_bytes(self.take(8, what), "little", signed=True)

    # -- varints ------------------------------------------------------------------------------------------------------

    def varint(self, what="varint", least=0, most=U64_MAX):
        data, at, end = self.data, self.at, self.end
        value = shift = 0
        while True:
            if at >= end:
                self.refuse(f"ends within a {what}")
            octet = data[at]
            at += 1
            value |= (octet & 0x7F) << shift
            if octet < 0x80:
                break
            shift += 7
            if shift > 63:
                self.refuse(f"{what}: a varint of more than 10 octets")
        if octet == 0 and shift > 0:
            self.refuse(f"{what}: a varint that could be shorter")
        if value > U64_MAX:
            self.refuse(f"{what}: a varint of more than 64 bits")
        if not least <= value <= most:
            self.refuse(f"{what} is {value}, not within {least}..{most}")
        self.at = at
        return value

    def svarint(self, what="svarint"):
        zigzag = self.varint(what)
        return (zigzag >> 1) ^ -(zigzag & 1)

    def blob(self, what="blob", least=0, most=U64_MAX):
        return self.take(self.varint("length of the " + what, least, most), what)

    def text(self, what="text", most=U64_MAX):
        octets = self.blob(what, 0, most)
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            self.refuse(f"{what} is not UTF-8")

    # -- others -------------------------------------------------------------------------------------------------------

    def thumbprint(self):
        kind = self.u8("kind of thumbprint")
        if kind not in THUMBPRINT_KINDS:
            self.refuse(f"unknown kind of thumbprint {kind}")
        return THUMBPRINT_KINDS[kind] + ":" + self.take(32, "thumbprint").hex()

    def magic(self, magic, version=1):
        """The first ten octets of every binary object. The caller has checked the name or signature before."""
        if self.take(len(magic), "magic") != magic:
            self.refuse(f"does not begin with {magic.decode()}")
        found = self.u16("version")
        if found > version:
            raise UnknownVersion(self.name, f"version {found}: made by a newer version")
        if found != version:
            self.refuse(f"version {found}")

    def suite(self):
        suite = self.u16("suite")
        if suite > 1:
            raise UnknownVersion(self.name, f"cryptographic suite {suite}: made by a newer version")
        if suite != 1:
            self.refuse(f"cryptographic suite {suite}")


def thumbprint_octets(thumbprint):
    kind, digits = thumbprint.split(":")
    return bytes([{name: number for number, name in THUMBPRINT_KINDS.items()}[kind]]) + bytes.fromhex(digits)


def ascending(values):
    """Strictly: no two are the same."""
    return all(a < b for a, b in zip(values, values[1:]))
