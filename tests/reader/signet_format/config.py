"""Section 4: config.json."""

import json
import re
from dataclasses import dataclass

from .crypto import sha256
from .encoding import KIB
from .errors import Refused, UnknownVersion

NAME = "config.json"
LINE = re.compile(rb'\{"format":1,"officer":"(?P<officer>[0-9a-f]{64})","provider":"(?P<provider>[a-z0-9-]{1,64})",'
                  rb'"region":"(?P<region>[a-z0-9-]{1,64})","repository":"(?P<repository>[0-9a-f]{32})"\}\n')


@dataclass
class Config:
    repository: bytes  # 16 octets
    officer: str       # an identity, 64 hexadecimal digits
    provider: str
    region: str
    hash: bytes


def read_config(store, pinned_officer=None):
    octets = store.read_whole(NAME, 4 * KIB)
    match = LINE.fullmatch(octets)
    if not match:
        try:
            values = json.loads(octets)
        except (ValueError, RecursionError):
            values = None
        number = values.get("format") if isinstance(values, dict) else None
        if isinstance(number, int) and number > 1:
            raise UnknownVersion(NAME, f"format {number}: made by a newer version")
        raise Refused(NAME, "not as section 4 of the format spells it")
    field = {key: value.decode() for key, value in match.groupdict().items()}
    if pinned_officer is not None and field["officer"] != pinned_officer.removeprefix("sha256:").lower():
        raise Refused(NAME, f"the officer is {field['officer']}, not the expected {pinned_officer}")
    return Config(bytes.fromhex(field["repository"]), field["officer"], field["provider"], field["region"], sha256(octets))
