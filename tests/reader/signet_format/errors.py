"""What can go wrong. "Refuse" means: name the object, release nothing of its content, fail."""


class Unable(Exception):
    """The request cannot be met: no such backup, no key that opens it, a target that is not empty."""
    exit_code = 1


class Refused(Exception):
    """An object that is not what it must be."""
    exit_code = 14

    def __init__(self, name, why):
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class UnknownVersion(Refused):
    """An intact object of a later version of the format."""
    exit_code = 1
