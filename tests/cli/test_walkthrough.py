"""Runs the walk-throughs of docs/ as they are written there, and compares what each step prints.

A block holds commands and what they print:

    officer$ signet list
    …what it prints…
    (exit code 13)          only where it is not 0

The word before `$` is a person at a machine: each has a home, a keyring and a vault of its own. `> ` goes on with a command.
Identities, thumbprints, ids and dates of today are others in each run: wherever the document has one, every run must have
one, and the same wherever the document has the same.

`test_walkthrough.py --write [CLASS…]` puts what the program prints now into the documents: read the difference before you
commit it.
"""

import glob
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import unittest

import managers
from harness import SIGNET, TIMEOUT, SignetTest, main, write

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
MODULE = next(iter(glob.glob("/usr/lib/*/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/softhsm/libsofthsm2.so")), None)
PLACES = ("/srv", "/media", "/tokens", "/var/db")  # in the document; below the scratch folder when it is run
PROMPT = re.compile(r"^    ([a-z-]+)\$ (.*)$")

# What differs from run to run. Each kind has letters of its own, so that a thumbprint cannot stand for an id.
VARIABLE = re.compile(
    r"(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
    r"|(?P<account>\b111122223333\b)"
    r"|(?P<hex>\b[0-9a-f]{8,64}\b)"
    r"|(?P<now>\b20(?:2[6-9]|[3-9]\d)-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?Z?)"
    r"|(?P<size>\b\d+(?:\.\d+)? (?:B|KiB|MiB|KB|MB)\b)"
    r"|(?P<objects>\b[\d,]+(?= objects\b))"  # whether a small run ends with one pack or two is a matter of threads
    r"|(?P<span>\b\d+(?:\.\d+)? (?:s|ms|seconds?|minutes?)\b)"
)


class Step:
    """A command with what the document says that it prints."""

    def __init__(self, line, person, command):
        self.line, self.person, self.command = line, person, command
        self.output, self.code = [], 0
        self.first = self.last = None  # lines of the document that hold the output


def read_steps(lines, section):
    """The steps of the section, or of the whole document, in order."""
    steps, inside, step = [], section is None, None
    for number, line in enumerate(lines):
        if line.startswith("## ") and section is not None:
            inside = section in line
        if not inside:
            step = None
            continue
        prompt = PROMPT.match(line)
        if prompt:
            step = Step(number, *prompt.groups())
            step.first = step.last = number + 1
            steps.append(step)
        elif step and line.startswith("    > ") and step.last == step.first and not step.output:
            step.command += "\n" + line[6:]
            step.first = step.last = number + 1
        elif step and line.startswith("    "):
            code = re.fullmatch(r"    \(exit code (\d+)\)", line)
            if code:
                step.code = int(code.group(1))
            else:
                step.output.append(line[4:])
            step.last = number + 1
        elif step and line.strip() == "" and number + 1 < len(lines) and lines[number + 1].startswith("    ") \
                and not PROMPT.match(lines[number + 1]) and step.output:
            step.output.append("")
            step.last = number + 1
        else:
            step = None
    return steps


def shape(line):
    """A line without what differs from run to run."""
    return VARIABLE.sub("\0", line)


class Names:
    """Which of this run's random names stands for which of the document."""

    def __init__(self):
        self.there, self.here = {}, {}

    @staticmethod
    def pairings(document, printed):
        """How both lines' names may belong together; none where the lines differ in more than what differs from run to
        run. Names in one line may be in the order of thumbprints, and that is another one each time."""
        left, right = list(VARIABLE.finditer(document)), list(VARIABLE.finditer(printed))
        if shape(document) != shape(printed) or [one.lastgroup for one in left] != [one.lastgroup for one in right]:
            return
        there, here = ([one.group() for one in side if one.lastgroup == "hex"] for side in (left, right))
        if len(there) > 4:
            raise AssertionError("more names in a line than can be tried: " + document)
        for order in itertools.permutations(here):
            if all(len(one) == len(other) for one, other in zip(there, order)):
                # Names are shown in full or cut; the first eight digits tell them apart.
                yield [(one[:8], other[:8]) for one, other in zip(there, order)]

    def fitting(self, document, printed):
        """Which names of two equal lines belong together, so that none has stood for another one before; else None."""
        return next((pairs for pairs in self.pairings(document, printed)
                     if all(self.there.get(one, other) == other and self.here.get(other, one) == one
                            for one, other in pairs)), None)

    def learn(self, document, printed):
        for one, other in self.fitting(document, printed):
            self.there[one], self.here[other] = other, one


class WalkThrough:
    """document  of docs/; section  of it, or None: all of it"""

    section = None

    def setUp(self):
        super().setUp()
        for place in PLACES:
            os.makedirs(self.scratch + place)
        os.makedirs(self.path("bin"))
        os.symlink(SIGNET, self.path("bin", "signet"))
        self.tool("ssh", f'person=$1; shift; cd {self.path("people")}/$person && HOME=$PWD XDG_CONFIG_HOME=$PWD/.config '
                  'XDG_CACHE_HOME=$PWD/.cache exec "$@"\n')

    def tool(self, name, script):
        """What a person does with hands, or from another machine."""
        os.chmod(write(self.path("bin", name), "#!/bin/bash\n" + script), 0o755)

    def environment(self, person):
        home = self.path("people", person)
        os.makedirs(home, exist_ok=True)
        env = {name: value for name, value in self.env.items() if not name.startswith("SIGNET_")}
        env.update(HOME=home, PATH=self.path("bin") + ":" + env["PATH"], SIGNET_REPOSITORY=self.path("srv", "backup"),
                   XDG_CONFIG_HOME=home + "/.config", XDG_CACHE_HOME=home + "/.cache", **self.variables(person))
        if os.path.exists(home + "/passphrase"):
            env["SIGNET_PASSPHRASE_FILE"] = home + "/passphrase"
        return env, home

    def variables(self, person):
        """What only some people have."""
        raise NotImplementedError

    def inside(self, command):
        """The document's places are folders of this run, also in scripts that it writes."""
        for place in PLACES:
            command = re.sub(r"(?<![\w./])" + re.escape(place) + r"(?!\w)", self.scratch + place, command)
        return command

    def run_step(self, step):
        env, home = self.environment(step.person)
        ended = subprocess.run(["bash", "-c", self.inside(step.command)], env=env, cwd=home, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT * 4,
                               start_new_session=True)
        text = ended.stdout.decode("utf-8", "replace").replace(home, "~").replace(self.scratch, "")
        text = text.replace(f"({socket.gethostname()})", "(web)")  # one machine plays them all
        return [line.rstrip() for line in text.strip("\n").splitlines()], ended.returncode

    @property
    def path_of_document(self):
        return os.path.join(DOCS, self.document)

    def test_a_year_as_the_manual_tells_it(self):
        """[R6, R24, R89 to R93, R98, R104, R123, R125, R130, R131]"""
        with open(self.path_of_document, encoding="utf-8") as file:
            lines = file.read().splitlines()
        steps = read_steps(lines, self.section)
        self.assertGreater(len(steps), 20, "the section is there")
        names = Names()
        for step in steps:
            printed, code = self.run_step(step)
            where = f"{self.document}:{step.line + 1}: {step.person}$ {step.command}"
            self.assertEqual(code, step.code, where + "\n" + "\n".join(printed))
            self.assertEqual(len(printed), len(step.output), where + "\n" + "\n".join(printed))
            for document in step.output:
                # Tables are in the order of thumbprints, and that is another one each time.
                found = next((line for line in printed if names.fitting(document, line) is not None), None)
                self.assertIsNotNone(found, f"{where}\nsays: {document}\nprints:\n" + "\n".join(printed))
                printed.remove(found)
                names.learn(document, found)


@unittest.skipUnless(MODULE and shutil.which("softhsm2-util") and shutil.which("pkcs11-tool"), "needs softhsm2 and opensc")
class Tokens(WalkThrough, SignetTest):
    document, section = "operations.md", "A year, in one go"

    def setUp(self):
        super().setUp()
        os.symlink(MODULE, self.path("tokens", "softhsm2.so"))
        os.makedirs(self.path("softhsm"))
        os.makedirs(self.path("drawer"))
        self.softhsm = write(self.path("softhsm2.conf"), f"directories.tokendir = {self.path('softhsm')}\n"
                             "objectstore.backend = file\nlog.level = ERROR\n")
        move = 'for token in "$from"/*; do if grep -aq "$1 " "$token/token.object"; then mv "$token" "$to"; fi; done\n'
        self.tool("unplug", f"from={self.path('softhsm')} to={self.path('drawer')}\n{move}")
        self.tool("plug", f"from={self.path('drawer')} to={self.path('softhsm')}\n{move}")

    def variables(self, person):
        return {"SOFTHSM2_CONF": self.softhsm, "SOFTHSM_MODULE": MODULE}


class KeyManagers(WalkThrough):
    """Two regions of a key manager; `web` cannot reach it. take_away(region) and bring_back(region) are `outage` and `back`."""

    def setUp(self):
        super().setUp()
        self.orders = self.path("orders")
        os.mkfifo(self.orders)
        os.mkfifo(self.orders + ".done")
        for name in ("outage", "back"):
            self.tool(name, f'echo "{name} $1" > {self.orders}; read answer < {self.orders}.done\n')
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()
        self.addCleanup(self.end_listening)

    def listen(self):
        while True:
            with open(self.orders, encoding="utf-8") as orders:
                name, _, region = orders.read().strip().partition(" ")
            if name == "end":
                return
            (self.take_away if name == "outage" else self.bring_back)(region)
            with open(self.orders + ".done", "w", encoding="utf-8") as done:
                done.write("done\n")

    def end_listening(self):
        with open(self.orders, "w", encoding="utf-8") as orders:
            orders.write("end")
        self.listener.join()

    def variables(self, person):
        return {} if person == "web" else self.access


@unittest.skipUnless(managers.READY, managers.WHY)
class Azure(KeyManagers, SignetTest):
    document = "walkthrough-azure.md"

    def setUp(self):
        super().setUp()
        self.manager = managers.Azure(self)
        self.vaults = {"west": self.manager.server, "east": self.manager.other}
        for vault in self.vaults.values():
            vault.grant(self.manager.application, "all")
        self.access = {name: value for name, value in self.env.items()
                       if name.startswith(("AZURE_", "SIGNET_CA_", "SIGNET_CONNECT_", "SIGNET_REMOTE_", "no_proxy"))}

    def take_away(self, region):
        self.vaults[region].stop()

    def bring_back(self, region):
        self.vaults[region].start()


@unittest.skipUnless(managers.READY, managers.WHY)
class Aws(KeyManagers, SignetTest):
    document = "walkthrough-aws.md"
    REGIONS = {"west": "eu-west-1", "east": "us-east-1"}

    def setUp(self):
        super().setUp()
        managers.remote_settings(self.env)
        authority = managers.double.Authority(self.scratch)
        hosts = [f"kms.{region}.amazonaws.com" for region in self.REGIONS.values()]
        self.kms = managers.aws.AwsDouble(tls=authority.issue(*hosts), ca_file=authority.path)
        self.kms.hosts.update(hosts)
        self.addCleanup(self.kms.stop)
        self.addCleanup(self.assertEqual, self.kms.violations, [])
        self.access = {**self.kms.environment(), **{name: value for name, value in self.env.items() if name.startswith("SIGNET_REMOTE_")}}
        del self.access["AWS_ENDPOINT_URL"]
        self.access["SIGNET_CONNECT_TO"] = ",".join(f"{host}:443:127.0.0.1:{self.kms.port}" for host in hosts)
        self.away = set()

    def take_away(self, region):
        self.away.add(region)
        self.apply()

    def bring_back(self, region):
        self.away.remove(region)
        self.apply()

    def apply(self):
        self.kms.heal()
        for region in self.away:
            self.kms.fault(managers.double.reset(), region=self.REGIONS[region])


def rewrite(which):
    """Puts what each step prints into the document."""
    test = which("test_a_year_as_the_manual_tells_it")
    with open(test.path_of_document, encoding="utf-8") as file:
        lines = file.read().splitlines()
    test.setUp()
    try:
        replaced = []
        for step in read_steps(lines, test.section):
            printed, code = test.run_step(step)
            print(f"{step.person}$ {step.command}", *printed, f"({code})", sep="\n")
            new = [("    " + line).rstrip() for line in printed] + ([f"    (exit code {code})"] if code else [])
            replaced.append((step.first, step.last, new))
        for first, last, new in reversed(replaced):
            lines[first:last] = new
    finally:
        test.doCleanups()
    with open(test.path_of_document, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if "--write" in sys.argv:
        for name in [one for one in sys.argv[1:] if one != "--write"] or ["Tokens", "Azure", "Aws"]:
            rewrite(globals()[name])
    else:
        main()
