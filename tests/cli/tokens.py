"""PKCS#11 tokens for tests: SoftHSM2, and a module before it that answers as it is told."""

import glob
import os
import shutil
import subprocess
import sys
import unittest

from harness import SignetTest, write

MODULE = next(iter(glob.glob("/usr/lib/*/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/softhsm/libsofthsm2.so")), None)
SPY = next(iter(glob.glob("/usr/lib/*/pkcs11/pkcs11-spy.so")), None)
FAULTY = os.environ.get("SIGNET_FAULTY_TOKEN")
READY = MODULE and SPY and shutil.which("softhsm2-util") and shutil.which("pkcs11-tool")
PIN = "48151623"


@unittest.skipUnless(READY, "needs softhsm2 and opensc")
class TokenTest(SignetTest):
    def setUp(self):
        super().setUp()
        self.pin_file = self.write("pin", PIN + "\n")

    def use(self, folder):
        super().use(folder)
        os.makedirs(os.path.join(folder, "tokens"), exist_ok=True)
        self.env["SOFTHSM2_CONF"] = write(os.path.join(folder, "softhsm2.conf"),
                                          f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n"
                                          "log.level = ERROR\nslots.removable = false\n")
        # OpenSC's spy does not free all that it takes, and is unloaded before leaks are looked for.
        self.env["ASAN_OPTIONS"] = ":".join(filter(None, [self.env.get("ASAN_OPTIONS"), "detect_leaks=0"]))
        self.env["PKCS11SPY"] = MODULE
        self.env["PKCS11SPY_OUTPUT"] = os.path.join(folder, "calls")

    # Tokens.

    def tool(self, *words):
        ended = subprocess.run(words, env=self.env, cwd=self.scratch, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, f"{words}\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def pkcs11_tool(self, token, *words):
        return self.tool("pkcs11-tool", "--module", MODULE, "--token-label", token, "--login", "--pin", PIN, *words)

    def set_attribute(self, token, attribute, value):
        """Of the key "prod"."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "token_attribute.py")
        self.tool(sys.executable, "-B", script, MODULE, token, PIN, "prod", attribute, value)

    def make_token(self, label="vault-a"):
        """returns  where its files are"""
        before = set(os.listdir(self.path("tokens")))
        self.tool("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN)
        return self.path("tokens", *(set(os.listdir(self.path("tokens"))) - before))

    def import_key(self, token, pem="prod.pem", label="prod", number="01"):
        if not os.path.exists(self.path(pem)):
            self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", pem)
        self.tool("softhsm2-util", "--import", pem, "--token", token, "--label", label, "--id", number, "--pin", PIN)

    def location(self, token="vault-a", key="prod", pin=True, more="", module="pkcs11-spy.so"):
        query = f"module-path={module}" + (f"&pin-source=file:{self.pin_file if pin is True else pin}" if pin else "")
        return f"pkcs11:token={token};object={key}{more}?{query}"

    def calls(self, name):
        """How often the program called a function of the token, since this was asked last."""
        calls = self.path("calls")
        if not os.path.exists(calls):
            return 0
        with open(calls, encoding="utf-8", errors="replace") as file:
            count = sum(1 for line in file if line.rstrip().endswith(": " + name))
        os.remove(calls)
        return count

    def faulty(self, orders=""):
        """Tokens behind a module that answers as it is told."""
        if not FAULTY:
            self.skipTest("needs SIGNET_FAULTY_TOKEN")
        self.env["FAULTY_TOKEN_MODULE"] = SPY
        self.env["FAULTY_TOKEN"] = orders
