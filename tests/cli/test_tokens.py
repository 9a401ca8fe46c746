"""Protectors on PKCS#11 tokens, with SoftHSM2: linking, backing up, restoring, PINs, twins, and what is refused."""

import os
import shutil

from harness import main, write
from tokens import FAULTY, PIN, TokenTest


class Tokens(TokenTest):
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

    def test_a_token_with_another_pin_file_is_no_twin_and_goes_on_with_the_new_one(self):
        """[R127]"""
        self.linked()
        moved = self.path("moved-pin")
        os.rename(self.pin_file, moved)
        self.signet("restore", "-t", "early", expect=2)
        place = self.location("vault-a", pin=moved)
        self.assertMessage(self.signet("keyring", "link", place, "--twin-of", "prod", expect=17), "is no twin")
        self.signet("keyring", "link", place)
        link, = self.links()
        self.assertEqual(len(link["locations"]), 1)
        self.assertSays(link["locations"][0], "moved-pin")
        self.assertSays(link["follows"], "moved-pin")
        self.signet("restore", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)

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

    def test_a_pin_that_is_refused_before_a_token_shows_its_key_is_remembered(self):
        """[R115, R131] No outage leads to the twin, and nothing but a person's test tries the PIN again."""
        self.with_token()
        pin_of_b = self.write("pin-of-b", PIN + "\n")
        self.make_token("vault-b")
        self.import_key("vault-b")
        self.pkcs11_tool("vault-a", "--delete-object", "--type", "pubkey", "--label", "prod")
        self.signet("keyring", "link", self.location(), "--default")
        self.signet("keyring", "link", self.location("vault-b", pin=pin_of_b), "--twin-of", "prod")
        self.signet("init")
        source = self.sample_tree()
        self.backup(source)
        self.calls("C_Login")
        write(self.pin_file, "00000000\n")
        self.assertMessage(self.signet("restore", "-t", "out", expect=13), "CKR_PIN_INCORRECT")
        self.assertEqual(self.calls("C_Login"), 1)
        for words, code in ((["restore", "-t", "out"], 13), (["backup", source], 13), (["status"], 13), (["keyring", "show"], 0),
                            (["plan"], 13)):
            self.assertSays(str(self.signet(*words, expect=code)), "has refused the PIN before")
        self.assertEqual(self.calls("C_Login"), 0)
        os.rename(self.token, self.path("away"))
        self.assertMessage(self.signet("restore", "-t", "out", expect=13), "refused since")
        os.rename(self.path("away"), self.token)
        write(self.pin_file, PIN + "\n")
        self.signet("keyring", "test")
        self.signet("restore", "-t", "out")
        self.backup(source)

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

    def names(self, token="vault-a"):
        return [(key["name"], key["version"], key["may_unwrap"]) for key in
                self.signet("key", "list", f"pkcs11:token={token}?module-path=pkcs11-spy.so&pin-source=file:{self.pin_file}", "--json").json()]

    def test_a_rotation_makes_the_next_version_which_takes_over(self):
        """[R7, R88, R89, R90, R91, R92]"""
        self.linked()
        self.signet("keyring", "policy", "set", "after-rotation=inherit")
        made = self.signet("key", "rotate", self.location(), "--json").json()
        self.assertEqual((made["name"], made["version"], made["size"], made["origin"]), ("prod", 2, 2048, "generated"))
        self.assertSays(made["location"], "object=prod%2F2")
        self.assertEqual(self.names(), [("prod", 1, True), ("prod", 2, True)])
        roles = {link["thumbprint"]: (link["role"], link["locations"], link["follows"]) for link in self.links()}
        self.assertEqual(roles.pop(made["thumbprint"]), ("default", [self.location(key="prod%2F2")], self.location()))
        (role, locations, follows), = roles.values()
        self.assertEqual((role, locations, follows), ("linked", [self.location()], None))

        write(self.source + "/more.txt", "more\n")
        self.assertEqual(self.backup(self.source)["protector_thumbprint"], made["thumbprint"])
        self.signet("restore", self.first["backup_id"], "-t", "old")
        self.signet("restore", "latest", "-t", "new")
        self.assertSameTree(self.source, self.path("new") + self.source)
        # The old version alone opens the old backup.
        self.delete("prod")
        self.assertMessage(self.signet("restore", self.first["backup_id"], "-t", "out", expect=13), "no such key")
        self.assertSays(self.signet("keyring", "audit").out, "key-rotate")
        self.assertEqual(self.signet("key", "rotate", self.location(), "--size", "3072", "--json").json()["version"], 3)

    def test_a_rotation_on_a_token_waits_for_replicas_as_well(self):
        """[R141]"""
        self.linked()
        self.signet("keyring", "show", env={"SIGNET_KEYRING": self.path("far")})
        self.signet("key", "create", "far", "--size", "2048", env={"SIGNET_KEYRING": self.path("far"), "SIGNET_VAULT": self.path("far-vault")})
        self.signet("keyring", "link", "local:far", env={"SIGNET_KEYRING": self.path("far"), "SIGNET_VAULT": self.path("far-vault")})
        self.signet("keyring", "replica", "add", "far", "--with", self.path("far"), "--with-vault", self.path("far-vault"))
        self.assertMessage(self.signet("key", "rotate", self.location(), expect=17), "prod/2 is made and linked, and not the default yet",
                           "--default")
        roles = {link["locations"][0]: link["role"] for link in self.links()}
        self.assertEqual(roles, {self.location(): "default", self.location(key="prod%2F2"): "linked"})
        first = self.signet("list", "--json").json()[0]["protector_thumbprint"]
        self.assertEqual(self.backup(self.source)["protector_thumbprint"], first)

    def delete(self, label, token="vault-a"):
        for kind in ("privkey", "pubkey"):
            self.pkcs11_tool(token, "--delete-object", "--type", kind, "--label", label)

    def test_a_link_follows_a_version_that_was_made_elsewhere(self):
        """[R88] With the PIN at hand, for the token must unwrap first."""
        self.linked()
        tool = {"SIGNET_KEYRING": self.path("officers")}
        made = self.signet("key", "rotate", self.location(), "--json", env=tool).json()
        os.rename(self.pin_file, self.path("pin.away"))
        result = self.signet("backup", "--json", self.source)
        self.assertNotEqual(result.last()["protector_thumbprint"], made["thumbprint"])
        self.assertSays(result.err, "is newer and is not followed yet")
        os.rename(self.path("pin.away"), self.pin_file)
        self.assertEqual(self.backup(self.source)["protector_thumbprint"], made["thumbprint"])
        self.signet("restore", "latest", "-t", "out")

    def test_a_public_half_that_somebody_adds_is_not_followed(self):
        """[R25] To write a public object many tokens ask for no PIN."""
        self.linked()
        self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "evil.pem")
        self.tool("openssl", "pkey", "-in", "evil.pem", "-pubout", "-outform", "DER", "-out", "evil.der")
        self.pkcs11_tool("vault-a", "--write-object", "evil.der", "--type", "pubkey", "--id", "66", "--label", "prod/2")
        result = self.signet("backup", "--json", self.source)
        self.assertEqual(result.last()["protector_thumbprint"], self.first["protector_thumbprint"])
        self.assertSays(result.err, "no private half")
        self.signet("restore", "latest", "-t", "out")

    def test_a_token_is_listed(self):
        """[R124]"""
        self.make_token()
        where = "pkcs11:token=vault-a?module-path=pkcs11-spy.so"
        self.assertSays(self.signet("key", "list", where).err, "no key on this token")
        self.signet("key", "create", self.location(key="b"), "--size", "2048", "--expires", "2099-12-31")
        self.import_key("vault-a", label="a", number="0a")
        self.pkcs11_tool("vault-a", "--keypairgen", "--key-type", "EC:prime256v1", "--id", "06", "--label", "curve")
        self.calls("C_Login")
        rows = self.signet("key", "list", where, "--json").json()
        self.assertEqual(self.calls("C_Login"), 0)
        self.assertEqual([(row["name"], row["size"], row["may_unwrap"]) for row in rows], [("a", 2048, None), ("b", 2048, None)])
        self.assertEqual((rows[0]["id"], rows[0]["origin"], rows[1]["expires"]), ("0a", "imported", "2100-01-01T00:00:00Z"))
        self.assertSays(rows[0]["location"], "id=%0A", "object=a")
        self.assertEqual(self.signet("key", "show", rows[0]["location"], "--json").json()["thumbprint"], rows[0]["thumbprint"])
        with_pin = where + f"&pin-source=file:{self.pin_file}"
        self.assertEqual([row["may_unwrap"] for row in self.signet("key", "list", with_pin, "--json").json()], [True, True])
        self.assertSays(self.signet("key", "list", with_pin).out, "UNWRAPS", "yes", "2100-01-01")
        write(self.pin_file, "00000000\n")
        self.signet("key", "list", with_pin, expect=12)
        self.assertMessage(self.signet("key", "list", "pkcs11:token=none", expect=13), "no such token")
        self.assertMessage(self.signet("key", "list", where, "--deleted", expect=2), "for the local vault")
        self.assertMessage(self.signet("key", "list", "prod", expect=2), "no token")

    # Keys made elsewhere.

    def test_one_key_is_imported_into_two_tokens_and_makes_twins(self):
        """[R13, R127, R130, R132]"""
        self.make_token("vault-a")
        token_b = self.make_token("vault-b")
        self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out", "prod.pem")
        self.tool("openssl", "pkcs8", "-topk8", "-in", "prod.pem", "-out", "sealed.pem", "-passout", "pass:once")
        self.write("once", "once\n")
        made = self.signet("key", "import", self.location("vault-a"), "prod.pem", "--json").json()
        self.assertEqual((made["name"], made["version"], made["size"], made["origin"]), ("prod", 1, 3072, "imported"))
        other = self.signet("key", "import", self.location("vault-b"), "sealed.pem", "--import-passphrase-file", "once", "--json").json()
        self.assertEqual(other["thumbprint"], made["thumbprint"])
        for token in ("vault-a", "vault-b"):
            listed = self.pkcs11_tool(token, "--list-objects", "--type", "privkey")
            self.assertSays(listed, "prod", "Usage:      decrypt\n", "sensitive")
            self.assertNotIn(" extractable", listed.replace("never extractable", ""))
        os.remove(self.path("prod.pem"))
        self.signet("keyring", "link", self.location("vault-a"), "--default")
        self.signet("keyring", "link", self.location("vault-b"), "--twin-of", "prod")
        self.signet("init")
        source = self.sample_tree()
        self.backup(source)
        os.rename(token_b, self.path("b.away"))
        self.signet("restore", "-t", "by-a")
        os.rename(self.path("b.away"), token_b)
        shutil.rmtree(self.path("tokens", next(name for name in os.listdir(self.path("tokens")) if self.path("tokens", name) != token_b)))
        self.signet("restore", "-t", "by-b")
        self.assertSameTree(source, self.path("by-b") + source)
        self.assertSays(self.signet("keyring", "audit").out, "key-import")

    def test_an_import_is_the_next_version_and_taken_in_once(self):
        """[R14]"""
        self.with_token()
        self.assertMessage(self.signet("key", "import", self.location(), "prod.pem", expect=17), "has this key already", "prod")
        self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "next.pem")
        self.tool("openssl", "req", "-x509", "-new", "-key", "next.pem", "-subj", "/CN=x", "-out", "next.crt")
        self.tool("openssl", "pkcs12", "-export", "-inkey", "next.pem", "-in", "next.crt", "-out", "next.pfx", "-passout", "pass:once")
        self.write("once", "once\n")
        made = self.signet("key", "import", self.location(), "next.pfx", "--import-passphrase-file", "once", "--expires", "2099-12-31", "--json").json()
        self.assertEqual((made["version"], made["expires"]), (2, "2100-01-01T00:00:00Z"))
        self.assertEqual(self.names(), [("prod", 1, True), ("prod", 2, True)])
        self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "third.pem")
        self.assertMessage(self.signet("key", "import", self.location(key="prod%2F2"), "third.pem", expect=17), "has a key prod/2 already")
        self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "short.pem")
        self.signet("key", "import", self.location(key="short"), "short.pem", expect=17)

    def test_an_import_that_stops_half_way_leaves_nothing(self):
        self.faulty("PUBLIC=31")
        self.make_token()
        self.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "prod.pem")
        self.assertMessage(self.signet("key", "import", self.location_of_faulty(), "prod.pem", expect=13), "CKR_DEVICE_MEMORY")
        self.assertEqual(self.names(), [])
        self.faulty("C_CreateObject=68")
        self.assertMessage(self.signet("key", "import", self.location_of_faulty(), "prod.pem", expect=13), "CKR_KEY_FUNCTION_NOT_PERMITTED")
        self.assertEqual(self.names(), [])

    # What a token has no notion of.

    def test_what_a_token_has_no_notion_of_is_refused_with_what_to_do(self):
        """[R7, R57, R66, R68]"""
        self.linked()
        where = self.location()
        for words, said in ((["key", "delete", where], "pkcs11-tool --delete-object"), (["key", "recover", where], "recovers nothing"),
                            (["key", "purge", where, "--confirm", where], "deletes for good"),
                            (["key", "disable", where], "keyring pause"), (["key", "enable", where], "keyring pause"),
                            (["key", "backup", where, "-o", "backup"], "never leaves a token"),
                            (["key", "export", where, "--byok", "--for", "x.pem", "-o", "byok"], "never leaves a token"),
                            (["key", "tag", where, "a=b"], "neither tags"), (["key", "rotation-policy", where, "--after", "90"], "from cron")):
            self.assertMessage(self.signet(*words, expect=17), said)
        self.assertEqual(self.calls("C_Login"), 0)
        self.assertNothingAt(self.path("backup"))
        self.signet("restore", "-t", "out")

    # Keys that want their PIN before each use.

    def linked_always_asking(self):
        self.faulty()
        self.make_token()
        self.pkcs11_tool("vault-a", "--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "prod", "--usage-decrypt", "--always-auth")
        self.signet("keyring", "link", self.location_of_faulty(), "--default")
        self.signet("init")
        self.source = self.sample_tree()
        self.backup(self.source)
        write(self.source + "/more.txt", "more\n")
        self.backup(self.source)
        self.calls("C_Login")

    def test_a_key_that_always_asks_is_given_its_pin_before_each_use(self):
        """Also when the PIN is typed or given once."""
        self.linked_always_asking()
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)
        with open(self.path("calls"), encoding="utf-8", errors="replace") as file:
            calls = [line.rstrip().rsplit(": ", 1)[-1] for line in file]
        self.assertGreater(calls.count("C_Decrypt"), 1)
        self.assertEqual(calls.count("C_Login"), 1 + calls.count("C_Decrypt"))
        self.env["SIGNET_PASSPHRASE_FILE"] = self.pin_file
        self.signet("keyring", "link", self.location(pin=None, module=FAULTY))
        self.signet("keyring", "test")

    def test_a_pin_that_is_refused_before_a_use_is_not_tried_again(self):
        self.linked_always_asking()
        self.faulty("CONTEXT=a0")
        result = self.signet("restore", "latest", "-t", "out", expect=12)
        self.assertMessage(result, "CKR_PIN_INCORRECT", "not tried again")
        self.assertNothingAt(self.path("out"))
        self.faulty("CONTEXT=a4")
        self.assertMessage(self.signet("restore", "latest", "-t", "out", expect=13), "CKR_PIN_LOCKED")

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
