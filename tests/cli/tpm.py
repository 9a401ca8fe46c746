"""TPMs for tests: two machines, each with a simulated TPM (swtpm) and tokens that tpm2_ptool keeps in a store. The program
is on the first one. What the second one holds it reaches as PKCS#11 over a socket, by `p11-kit server`: tpm2-pkcs11 starts
with all the TPMs of its store or not at all, so that an outage of one would be an outage of both."""

import contextlib
import glob
import os
import shutil
import socket
import subprocess
import time

from harness import SignetTest, write

MODULE = next(iter(glob.glob("/usr/lib/*/pkcs11/libtpm2_pkcs11.so")), None)
TCTI = next(iter(glob.glob("/usr/lib/*/libtss2-tcti-swtpm.so.0")), None)
CLIENT = next(iter(glob.glob("/usr/lib/*/pkcs11/p11-kit-client.so")), None)
READY = MODULE and TCTI and CLIENT and all(map(shutil.which, ("swtpm", "tpm2_ptool", "p11-kit")))
WHY = "needs swtpm, libtss2-tcti-swtpm0, libtpm2-pkcs11-1, libtpm2-pkcs11-tools and p11-kit"
PIN = "48151623"

# A TPM has room for three objects. The kernel's resource manager, which is not before a simulated one, removes what a process
# leaves behind; without it tpm2_ptool runs out of room.
RESOURCE_MANAGER = '''#!/bin/sh
PATH=/usr/bin:/bin
"${0##*/}" "$@"
code=$?
tpm2_flushcontext --transient-object > /dev/null 2>&1
exit $code
'''


class Machine:
    """In a folder: state of its TPM, tokens. test  whose environment its tools get, and who stops it"""

    def __init__(self, test, folder):
        self.test, self.folder = test, folder
        self.state, self.store = os.path.join(folder, "state"), os.path.join(folder, "store")
        self.socket, self.shared = os.path.join(folder, "tpm"), os.path.join(folder, "tokens")
        tcti = f"swtpm:path={self.socket}"
        self.settings = {"TPM2TOOLS_TCTI": tcti, "TPM2_PKCS11_TCTI": tcti, "TPM2_PKCS11_STORE": self.store, "TSS2_LOG": "all+none"}
        self.running = {}
        test.addCleanup(self.stop)

    # On and off.

    def run(self, name, sockets, *words):
        """Starts a server, which ends with this process at the latest, and waits until it listens."""
        for path in sockets:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        with open(os.path.join(self.folder, name + ".log"), "wb") as log:
            server = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *words], env={**self.test.env, **self.settings},
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.running[name] = server
        end = time.monotonic() + 60
        while not all(map(listens, sockets)):
            if server.poll() is not None or time.monotonic() > end:
                with open(log.name, encoding="utf-8") as file:
                    self.test.fail(f"{name} does not start: {file.read()}")
            time.sleep(0.01)

    def start(self):
        self.run("swtpm", [self.socket, self.socket + ".ctrl"], "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}",
                 "--server", f"type=unixio,path={self.socket}", "--ctrl", f"type=unixio,path={self.socket}.ctrl",
                 "--flags", "not-need-init,startup-clear")

    def share(self):
        """Its tokens, with whoever may use the socket. returns  its address, for p11-kit-client.so"""
        self.run("p11-kit", [self.shared], "p11-kit", "server", "--foreground", "--name", self.shared, "--provider", MODULE, "pkcs11:")
        return "unix:path=" + self.shared

    def shut_down(self):
        """In good order: each time that a TPM is not told counts as a wrong PIN."""
        self.tool("tpm2_shutdown", "--clear")
        self.stop()

    def stop(self):
        while self.running:
            _, server = self.running.popitem()
            server.terminate()
            server.wait()

    # Keys.

    def tool(self, *words):
        tools = os.path.join(self.folder, "bin")
        env = {**self.test.env, **self.settings, "PATH": f"{tools}:{self.test.env['PATH']}"}
        ended = subprocess.run(words, env=env, cwd=self.test.scratch, capture_output=True, text=True)
        self.test.assertEqual(ended.returncode, 0, f"{words}\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def set_up(self, token):
        for folder in (self.state, self.store):
            os.makedirs(folder)
        manager = write(os.path.join(self.folder, "bin", "manager"), RESOURCE_MANAGER)
        os.chmod(manager, 0o755)
        for tool in glob.glob("/usr/bin/tpm2_*"):
            if not tool.endswith("_ptool"):
                os.symlink("manager", os.path.join(self.folder, "bin", os.path.basename(tool)))
        self.start()
        self.tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=1000", "--clear-lockout")
        self.tool("tpm2_ptool", "init")
        self.tool("tpm2_ptool", "addtoken", "--pid", "1", "--label", token, "--sopin", "12345678", "--userpin", PIN)

    def make_key(self, token, label):
        """Inside the TPM."""
        self.tool("tpm2_ptool", "addkey", "--algorithm", "rsa2048", "--label", token, "--key-label", label, "--userpin", PIN)

    def import_key(self, token, pem, label="prod"):
        if not os.path.exists(self.test.path(pem)):
            self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", pem)
        self.tool("tpm2_ptool", "import", "--algorithm", "rsa", "--privkey", pem, "--label", token, "--key-label", label, "--userpin", PIN)

    def halves(self, token, label="prod"):
        """returns  ids of a key's private and public half, by class"""
        found, kind, number, name = {}, None, None, None
        for line in self.tool("tpm2_ptool", "listobjects", "--label", token).splitlines():
            word, _, value = line.lstrip("- ").partition(": ")
            kind, name = (value if word == "CKA_CLASS" else kind), (value if word == "CKA_LABEL" else name)
            if word == "id":
                number = value
                if name == label:
                    found[kind] = number
        return found

    def let_decrypt(self, token, yes, label="prod"):
        self.tool("tpm2_ptool", "objmod", "--id", self.halves(token, label)["CKO_PRIVATE_KEY"], "--key", "CKA_DECRYPT",
                  "--value", str(yes).lower(), "--type", "bool")

    def delete_key(self, token, label="prod"):
        for number in self.halves(token, label).values():
            self.tool("tpm2_ptool", "objdel", number)


def listens(path):
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(path) == 0


def _machines(test):
    """Both, switched off, with one key in both TPMs."""
    for name, token in (("here", "first"), ("there", "second")):
        machine = Machine(test, test.path(name))
        machine.set_up(token)
        machine.import_key(token, "prod.pem")
        machine.shut_down()
    return {}


class TpmTest(SignetTest):
    def setUp(self):
        super().setUp()
        self.start_from(_machines)
        pin_file = self.write("pin", PIN + "\n")
        self.here, self.there = Machine(self, self.path("here")), Machine(self, self.path("there"))
        self.here.start()
        self.there.start()
        self.env.update(self.here.settings, P11_KIT_SERVER_ADDRESS=self.there.share())
        self.first, self.second = (f"pkcs11:token={token};object=prod?module-path={os.path.basename(module)}&pin-source=file:{pin_file}"
                                   for token, module in (("first", MODULE), ("second", CLIENT)))
