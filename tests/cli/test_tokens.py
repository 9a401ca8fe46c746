"""Protectors on PKCS#11 tokens, with SoftHSM2: linking, backing up, restoring, PINs, twins, and what is refused."""

import glob
import os
import shutil
import subprocess
import sys
import unittest

from harness import SignetTest, main, write

MODULE = next(iter(glob.glob("/usr/lib/*/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/softhsm/libsofthsm2.so")), None)
SPY = next(iter(glob.glob("/usr/lib/*/pkcs11/pkcs11-spy.so")), None)
FAULTY = os.environ.get("SIGNET_FAULTY_TOKEN")
READY = MODULE and SPY and shutil.which("softhsm2-util") and shutil.which("pkcs11-tool")
PIN = "48151623"


@unittest.skipUnless(READY, "needs softhsm2 and opensc")
class Tokens(SignetTest):
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
        """Of the private half "prod"."""
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

    # Starting points.

    def with_token(self):
        self.token = self.make_token()
        self.import_key("vault-a")

    def linked(self):
        """A token's key as the default, and a repository with a backup."""
        self.with_token()
        self.signet("keyring", "link", self.location(), "--default")
        self.signet("init")
        self.source = self.sample_tree()
        self.first = self.backup(self.source)
        self.calls("C_Login")

    def links(self):
        return self.signet("keyring", "show", "--json").json()["links"]

    # Working.

    def test_link_back_up_and_restore(self):
        """[R1, R11, R13, R29, R30, R31, R52]"""
        self.with_token()
        linked = self.signet("keyring", "link", self.location(), "--default", "--json").json()
        digest = self.tool("sh", "-c", "openssl pkey -in prod.pem -pubout -outform DER | sha256sum").split()[0]
        self.assertEqual(linked["thumbprint"], "sha256:" + digest)
        self.assertTrue(linked["proven"])
        self.assertEqual((linked["name"], linked["provider"], linked["status"]), ("prod", "pkcs11", "usable"))
        made = self.signet("init", "--json").json()
        self.assertEqual((made["escrow"], made["provider"], made["protector_thumbprint"]), (False, "local", linked["thumbprint"]))
        self.assertNothingAt(self.env["SIGNET_VAULT"])

        source = self.sample_tree()
        self.assertEqual(self.backup(source)["protector_thumbprint"], linked["thumbprint"])
        self.signet("restore", "latest", "-t", "out", "--verify")
        self.assertSameTree(source, self.path("out") + source)
        self.signet("keyring", "test")
        self.signet("check", "--read-data")

    def test_a_backup_needs_no_pin(self):
        """[R24, R80]"""
        self.linked()
        os.remove(self.pin_file)
        public = self.tool("openssl", "pkey", "-in", "prod.pem", "-pubout")
        self.assertEqual(self.signet("key", "export-public", self.location()).out, public)
        self.backup(self.source)
        for words in (["list"], ["plan"], ["timeline"], ["check"], ["keyring", "show"], ["key", "show", self.location()]):
            self.signet(*words)
        self.assertEqual(self.calls("C_Login"), 0)
        self.assertMessage(self.signet("restore", "-t", "out", expect=2), "PIN", "vault-a")
        self.assertNothingAt(self.path("out"))

    def test_a_token_without_oaep_sha256_computes_and_the_padding_is_removed_outside(self):
        """SoftHSM2 before 2.7."""
        self.linked()
        self.signet("restore", "-t", "out")
        with open(self.path("calls"), encoding="utf-8", errors="replace") as file:
            calls = file.read()
        self.assertSays(calls, "CKM_RSA_PKCS_OAEP", "CKM_RSA_X_509", ": C_Decrypt\n")
        for secret in ("C_UnwrapKey", "CKA_PRIVATE_EXPONENT", "CKA_PRIME_1"):
            self.assertNotIn(secret, calls)

    def test_a_module_is_found_by_its_name_and_without_one(self):
        self.with_token()
        plain = f"pkcs11:token=vault-a;object=prod?pin-source=file:{self.pin_file}"
        shown = self.signet("key", "show", plain + "&module-name=softhsm2", "--json").json()
        self.assertEqual(self.signet("key", "show", plain, "--json").json()["thumbprint"], shown["thumbprint"])

    def test_the_repository_does_not_tell_where_the_pin_is(self):
        self.linked()
        for name in self.objects():
            with open(os.path.join(self.repository, name), "rb") as file:
                content = file.read()
            self.assertNotIn(b"pin-source", content, name)
            self.assertNotIn(self.pin_file.encode(), content, name)
        slot = self.objects("slots")[0]
        with open(os.path.join(self.repository, slot), "rb") as file:
            self.assertIn(b"pkcs11:token=vault-a;object=prod", file.read())

    def test_a_token_takes_over_from_the_local_vault_in_the_same_repository(self):
        """[R50, R52, R92]"""
        self.from_template()
        self.with_token()
        linked = self.signet("keyring", "link", self.location(), "--default", "--json").json()
        roles = {link["thumbprint"]: (link["role"], link["provider"]) for link in self.links()}
        self.assertEqual(roles.pop(linked["thumbprint"]), ("default", "pkcs11"))
        self.assertEqual(roles, {linked["former_default"]: ("linked", "local")})
        self.assertEqual(self.backup(self.source)["protector_thumbprint"], linked["thumbprint"])
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)

    def test_a_new_machine_is_told_which_token_to_plug_in(self):
        """[R53, R81, R123]"""
        self.linked()
        officer = self.signet("keyring", "show", "--json").json()["officer"]
        env = {"SIGNET_KEYRING": self.path("new-keyring")}
        self.signet("keyring", "adopt", "--officer", officer, env=env)
        result = self.signet("restore", "-t", "out", env=env, expect=13)
        self.assertSays(result.err, "signet keyring link 'pkcs11:token=vault-a;object=prod'", "  prod  ")
        self.signet("keyring", "link", self.location(), env=env)
        self.signet("restore", "-t", "out", env=env)

    # PINs.

    def test_the_pin_comes_as_passphrases_do(self):
        self.with_token()
        where = self.location(pin=None)
        env = {"SIGNET_PASSPHRASE_FILE": None}
        self.signet("keyring", "link", where, "--passphrase-file", self.pin_file, env=env)
        self.signet("keyring", "test", "--passphrase-command", f"cat {self.pin_file}", env=env)
        read, give = os.pipe()
        os.write(give, PIN.encode())
        os.close(give)
        self.signet("keyring", "test", "--passphrase-fd", str(read), env=env, pass_fds=[read])
        os.close(read)
        self.calls("C_Login")
        result = self.signet("keyring", "test", env=env, start_new_session=True, expect=12)
        self.assertMessage(result, "--passphrase-file")
        self.assertEqual(self.calls("C_Login"), 0)

    def test_a_pin_on_the_command_line_is_refused_and_not_repeated(self):
        self.with_token()
        result = self.signet("keyring", "link", f"pkcs11:token=vault-a;object=prod?pin-value={PIN}", expect=2)
        self.assertMessage(result, "pin-value", "pin-source=file:")
        self.assertNotIn(PIN, result.err + result.out)
        self.assertEqual(self.links(), [])

    def test_a_wrong_pin_is_12_and_is_tried_once(self):
        """[R121]"""
        self.linked()
        write(self.source + "/more.txt", "more\n")
        self.backup(self.source)  # two data keys: two reasons to ask
        self.calls("C_Login")
        write(self.pin_file, "00000000\n")
        for words in (["restore", "-t", "out"], ["keyring", "test"], ["ls"], ["restore", "-t", "out", "--salvage"]):
            result = self.signet(*words, expect=12)
            self.assertMessage(result, "vault-a", "CKR_PIN_INCORRECT", "not tried again")
            self.assertNotIn("00000000", result.err)
            self.assertEqual(self.calls("C_Login"), 1, words)
        self.assertNothingAt(self.path("out"))
        self.signet("keyring", "link", self.location(more=";id=%01"), expect=12)
        self.assertEqual(self.calls("C_Login"), 1)
        write(self.pin_file, PIN + "\n")
        self.signet("restore", "-t", "out")

    # Outages and refusals.

    def test_a_token_that_is_gone_is_out_of_reach(self):
        """[R100, R104, R123]"""
        self.linked()
        os.rename(self.token, self.path("away"))
        report = self.signet("plan", "--json", expect=13).last()
        self.assertEqual([row["status"] for row in report["required"]], ["unreachable"])
        result = self.signet("restore", "-t", "out", expect=13)
        self.assertMessage(result, "out of reach", "vault-a")
        self.assertNothingAt(self.path("out"))
        self.assertEqual(self.signet("keyring", "show", "--json").json()["state"], "degraded")
        self.assertSays(self.signet("backup", self.source).err, "cannot be reached")
        self.signet("keyring", "link", self.location(), expect=13)
        os.rename(self.path("away"), self.token)
        self.signet("restore", "-t", "out")

    def test_a_module_that_is_not_there_is_an_outage(self):
        self.with_token()
        result = self.signet("keyring", "link", self.location(module="/nowhere/module.so"), expect=13)
        self.assertMessage(result, "/nowhere/module.so")

    def twins(self):
        """The same key on a second token, which is linked too."""
        self.linked()
        self.make_token("vault-b")
        self.import_key("vault-b")
        self.signet("keyring", "link", self.location("vault-b"), "--twin-of", "prod")
        self.assertEqual(len(self.links()[0]["locations"]), 2)
        self.calls("C_Login")

    def test_a_twin_on_a_second_token_takes_over_in_an_outage(self):
        """[R127, R130]"""
        self.twins()
        os.rename(self.token, self.path("away"))
        self.signet("restore", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)
        os.rename(self.path("away"), self.token)
        self.signet("restore", "-t", "again")

    def test_a_twin_does_not_take_over_when_the_first_token_refuses(self):
        """[R131]"""
        self.twins()
        self.pkcs11_tool("vault-a", "--delete-object", "--type", "privkey", "--label", "prod")
        result = self.signet("restore", "-t", "out", expect=13)
        self.assertMessage(result, "vault-a", "no private half")
        self.assertNothingAt(self.path("out"))
        # Neither when it is gone afterwards: a refusal is remembered.
        os.rename(self.token, self.path("away"))
        self.signet("restore", "-t", "out", expect=13)
        self.assertNothingAt(self.path("out"))

    def test_a_permission_withdrawn_on_the_token_is_not_bypassed(self):
        """[R111, R131]"""
        self.twins()
        self.set_attribute("vault-a", "CKA_DECRYPT", "00")
        self.assertMessage(self.signet("restore", "-t", "out", expect=13), "access is denied", "CKA_DECRYPT", "vault-a")
        self.assertNothingAt(self.path("out"))
        os.rename(self.token, self.path("away"))
        self.assertMessage(self.signet("restore", "-t", "out", expect=13), "refused since")
        os.rename(self.path("away"), self.token)
        self.set_attribute("vault-a", "CKA_DECRYPT", "01")
        self.signet("restore", "-t", "out")

    def test_a_twin_is_no_way_round_a_wrong_pin(self):
        """[R131]"""
        self.twins()
        write(self.pin_file, "00000000\n")
        self.signet("restore", "-t", "out", expect=12)
        self.assertEqual(self.calls("C_Login"), 1)

    def test_another_key_is_no_twin(self):
        """[R136]"""
        self.linked()
        self.make_token("vault-b")
        self.import_key("vault-b", pem="other.pem")
        self.assertMessage(self.signet("keyring", "link", self.location("vault-b"), "--twin-of", "prod", expect=17), "not a twin")

    def test_another_key_under_the_same_name_is_not_used(self):
        self.linked()
        self.pkcs11_tool("vault-a", "--delete-object", "--type", "privkey", "--label", "prod")
        self.pkcs11_tool("vault-a", "--delete-object", "--type", "pubkey", "--label", "prod")
        self.import_key("vault-a", pem="other.pem")
        self.assertMessage(self.signet("restore", "-t", "out", expect=13), "another key is there")
        self.signet("backup", self.source, expect=13)

    # What tokens do that SoftHSM2 never does.

    def faulty(self, orders=""):
        """Tokens behind a module that answers as it is told."""
        if not FAULTY:
            self.skipTest("needs SIGNET_FAULTY_TOKEN")
        self.env["FAULTY_TOKEN_MODULE"] = SPY
        self.env["FAULTY_TOKEN"] = orders

    def location_of_faulty(self, token="vault-a"):
        return self.location(token, module=FAULTY)

    def linked_faulty(self):
        self.faulty()
        self.make_token("vault-a")
        self.make_token("vault-b")
        for token in ("vault-a", "vault-b"):
            self.import_key(token)
            self.signet("keyring", "link", self.location_of_faulty(token), *(["--default"] if token == "vault-a" else []))
        self.signet("init")
        self.source = self.sample_tree()
        self.backup(self.source)
        self.calls("C_Login")

    def test_a_token_with_oaep_sha256_does_all_of_it(self):
        self.linked_faulty()
        self.faulty("OAEP")
        self.signet("keyring", "test")
        self.signet("restore", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)

    def test_a_token_that_goes_away_while_it_decrypts_leads_to_the_twin(self):
        """[R130]"""
        self.linked_faulty()
        for number, fault in enumerate(("C_Decrypt=32", "C_DecryptInit=30", "C_Decrypt=e0", "C_OpenSession=e0", "C_Login=32")):
            self.faulty(f"TOKEN=vault-a {fault}")
            self.signet("restore", "-t", f"out{number}")
            self.assertSameTree(self.source, self.path(f"out{number}") + self.source)
        self.faulty("C_Decrypt=32")  # both
        self.assertMessage(self.signet("restore", "-t", "out", expect=13), "CKR_DEVICE_REMOVED")

    def test_a_token_that_refuses_is_believed(self):
        """[R131]"""
        for fault, name, code in (("C_Decrypt=68", "CKR_KEY_FUNCTION_NOT_PERMITTED", 13), ("C_DecryptInit=101", "CKR_USER_NOT_LOGGED_IN", 13),
                                  ("C_Login=a3", "CKR_PIN_EXPIRED", 13), ("C_DecryptInit=5", "CKR_GENERAL_ERROR", 13),
                                  ("C_Decrypt=80000001", "CKR 0x80000001", 13), ("C_Decrypt=40", "CKR_ENCRYPTED_DATA_INVALID", 14)):
            with self.subTest(fault):
                self.setUp()
                self.linked_faulty()
                self.faulty(f"TOKEN=vault-a {fault}")
                self.assertMessage(self.signet("restore", "-t", "out", expect=code), "vault-a", name)
                self.assertNothingAt(self.path("out"))

    def test_a_locked_pin_is_named(self):
        """[R115]"""
        self.linked_faulty()
        self.faulty("TOKEN=vault-a C_Login=a4")
        self.assertMessage(self.signet("restore", "-t", "out", expect=13), "CKR_PIN_LOCKED", "security officer")

    def test_the_last_try_of_a_pin_is_not_used(self):
        self.linked_faulty()
        for flags, words in (("20000", "one try is left"), ("40000", "PIN is locked")):
            self.faulty(f"TOKEN=vault-a FLAGS={flags}")
            self.assertMessage(self.signet("restore", "-t", "out", expect=13), words, "vault-a")
            self.assertEqual(self.calls("C_Login"), 0)
            self.backup(self.source)  # needs no login
        self.faulty("FLAGS=10000")  # a low counter alone does not stop anybody
        self.signet("restore", "-t", "out")

    # Rules.

    def test_a_key_that_may_not_decrypt_is_refused(self):
        """[R8, R31, R60]"""
        self.with_token()
        self.set_attribute("vault-a", "CKA_DECRYPT", "00")
        result = self.signet("keyring", "link", self.location(), "--default", expect=13)
        self.assertMessage(result, "CKA_DECRYPT")
        self.assertEqual(self.links(), [])

    def test_a_key_that_is_no_protector_is_refused(self):
        """[R70, R71]"""
        self.make_token()
        self.pkcs11_tool("vault-a", "--keypairgen", "--key-type", "EC:prime256v1", "--id", "06", "--label", "curve")
        self.pkcs11_tool("vault-a", "--keypairgen", "--key-type", "rsa:1024", "--id", "07", "--label", "short", "--usage-decrypt")
        self.assertMessage(self.signet("keyring", "link", self.location(key="curve"), expect=17), "not an RSA key")
        self.assertMessage(self.signet("keyring", "link", self.location(key="short"), expect=17), "1024 bits")
        self.assertMessage(self.signet("keyring", "link", self.location(key="none"), expect=13), "no such key")

    def test_what_is_ambiguous_is_refused_and_a_number_decides(self):
        self.with_token()
        self.import_key("vault-a", pem="other.pem", number="02")
        self.assertMessage(self.signet("keyring", "link", self.location(), expect=17), "several keys", "id=")
        self.signet("keyring", "link", self.location(more=";id=%01"))
        self.make_token("vault-b")
        self.make_token("vault-b")
        self.assertMessage(self.signet("keyring", "link", self.location("vault-b"), expect=17), "several tokens", "serial=")

    def test_a_token_that_hides_its_public_half_is_asked_after_a_login(self):
        self.with_token()
        self.pkcs11_tool("vault-a", "--delete-object", "--type", "pubkey", "--label", "prod")
        self.signet("keyring", "link", self.location(), "--default")
        self.assertEqual(self.calls("C_Login"), 1)

    # Keys made on a token.

    def test_a_key_is_made_on_the_token_and_stays_there(self):
        """[R7, R13]"""
        self.make_token()
        where = self.location(key="fresh")
        made = self.signet("key", "create", where, "--size", "2048", "--json").json()
        self.assertEqual((made["name"], made["kind"], made["size"], made["origin"], made["state"]),
                         ("fresh", "rsa", 2048, "generated", "enabled"))
        self.assertEqual(self.signet("key", "show", where, "--json").json(), made)
        listed = self.pkcs11_tool("vault-a", "--list-objects", "--type", "privkey")
        self.assertSays(listed, "fresh", "Usage:      decrypt\n", "always sensitive, never extractable, local")
        self.assertMessage(self.signet("key", "create", where, "--size", "2048", expect=17), "already")

        self.signet("keyring", "link", where, "--default")
        self.signet("init")
        source = self.sample_tree()
        self.backup(source)
        self.signet("restore", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

    def test_dates_of_a_key_on_a_token_count_in_days(self):
        """[R72, R73]"""
        self.make_token()
        self.signet("key", "create", self.location(key="old"), "--size", "2048", "--not-before", "2020-01-01", "--expires", "2020-12-31")
        shown = self.signet("key", "show", self.location(key="old"), "--json").json()
        self.assertEqual((shown["not_before"], shown["expires"], shown["state"]),
                         ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", "expired"))
        self.assertMessage(self.signet("keyring", "link", self.location(key="old"), "--default", expect=13), "expired")
        self.signet("keyring", "link", self.location(key="old"))


if __name__ == "__main__":
    main()
