"""Keys of the local vault, and the keyring that links them."""

import os
import shutil
import subprocess
import time
import unittest

from harness import SignetTest, has_open, locked, main, wait_until, write


class Keys(SignetTest):
    def test_create_show_and_list(self):
        made = self.signet("key", "create", "a", "--size", "2048", "--json").json()
        self.assertEqual({name: made[name] for name in ("name", "version", "kind", "size", "enabled", "not_before", "expires", "state")},
                         {"name": "a", "version": 1, "kind": "rsa", "size": 2048, "enabled": True, "not_before": None, "expires": None,
                          "state": "enabled"})
        self.assertRegex(made["thumbprint"], "^sha256:[0-9a-f]{64}$")
        self.assertEqual(self.signet("key", "show", "a", "--json").json(), made)
        self.assertEqual(self.signet("key", "show", made["thumbprint"][:19], "--json").json(), made)
        self.assertEqual(self.signet("key", "list", "--json").json(), [made])
        self.assertSays(self.signet("key", "list").out, "a/1", made["thumbprint"][:19], "rsa 2048", "enabled")

    def test_an_empty_vault_is_an_empty_list(self):
        self.assertEqual(self.signet("key", "list", "--json").json(), [])
        self.assertNothingAt(self.env["SIGNET_VAULT"])
        self.signet("key", "show", "a", expect=13)

    def test_a_name_is_taken_once(self):
        self.signet("key", "create", "a", "--size", "2048")
        self.assertMessage(self.signet("key", "create", "a", "--size", "2048", expect=17), "key rotate")
        self.signet("key", "create", "../a", expect=2)

    def test_public_half(self):
        self.signet("key", "create", "a", "--size", "2048")
        pem = self.signet("key", "export-public", "a").out
        self.assertTrue(pem.startswith("-----BEGIN PUBLIC KEY-----\n"))
        self.assertEqual(self.signet("key", "export-public", "a", "--json").json()["pem"], pem)

    def test_rotation_makes_a_version_that_takes_over(self):
        """[R89, R92]"""
        self.init()
        old = self.signet("key", "show", "prod", "--json").json()["thumbprint"]
        new = self.signet("key", "rotate", "prod", "--json").json()
        self.assertEqual(new["version"], 2)
        links = {link["thumbprint"]: link["role"] for link in self.signet("keyring", "show", "--json").json()["links"]}
        self.assertEqual(links, {old: "linked", new["thumbprint"]: "default"})

    def test_rotation_of_a_link_to_one_version_takes_over_too(self):
        self.signet("key", "create", "a", "--size", "2048")
        self.signet("keyring", "link", "local:a/1", "--default")
        new = self.signet("key", "rotate", "a", "--json").json()["thumbprint"]
        links = {link["thumbprint"]: link["role"] for link in self.signet("keyring", "show", "--json").json()["links"]}
        self.assertEqual(links[new], "default")
        self.assertEqual(sorted(links.values()), ["default", "linked"])

    def test_disable_and_enable(self):
        """[R7, R74, R101, R117]"""
        self.from_template()
        result = self.signet("key", "disable", "prod")
        self.assertSays(result.err, "default protector")
        self.assertEqual(self.signet("key", "show", "prod", "--json").json()["state"], "disabled")
        self.signet("backup", self.source, expect=13)
        self.signet("restore", "-t", "out", expect=13)
        self.assertNothingAt(self.path("out"))
        self.assertEqual(self.signet("keyring", "show", "--json").json()["state"], "inaccessible")
        self.signet("key", "enable", "prod")
        self.signet("backup", self.source)
        self.signet("restore", "-t", "out")

    def test_dates(self):
        """[R72, R73]"""
        self.signet("key", "create", "old", "--size", "2048", "--expires", "2020-01-01T00:00:00Z")
        self.assertEqual(self.signet("key", "show", "old", "--json").json()["state"], "expired")
        self.signet("keyring", "link", "local:old", "--default", expect=(13, 17))
        self.signet("key", "create", "x", "--size", "2048", "--not-before", "2030-01-01", "--expires", "2029-01-01", expect=2)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_import_of_every_form(self):
        """[R61]"""
        key = self.path("key.pem")
        run = lambda *words: subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run("genrsa", "-out", key, "2048")
        run("pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", "DER", "-out", self.path("key.der"))
        run("pkcs8", "-topk8", "-in", key, "-passout", "pass:pw", "-out", self.path("sealed.pem"))
        run("rsa", "-in", key, "-traditional", "-out", self.path("pkcs1.pem"))
        run("req", "-x509", "-key", key, "-subj", "/CN=x", "-out", self.path("cert.pem"))
        run("pkcs12", "-export", "-inkey", key, "-in", self.path("cert.pem"), "-passout", "pass:pw", "-out", self.path("key.pfx"))
        self.write("pw", "pw\n")
        thumbprints = set()
        for number, name in enumerate(("key.pem", "key.der", "sealed.pem", "pkcs1.pem", "key.pfx")):
            with self.subTest(name):
                self.env["SIGNET_VAULT"] = self.path(f"vault-{number}")
                sealed = [] if name in ("key.pem", "key.der", "pkcs1.pem") else ["--import-passphrase-file", "pw"]
                made = self.signet("key", "import", "a", name, "--json", *sealed).json()
                self.assertEqual(made["origin"], "imported")
                thumbprints.add(made["thumbprint"])
        self.assertEqual(len(thumbprints), 1)
        self.write("wrong", "wrong\n")
        self.env["SIGNET_VAULT"] = self.path("vault-x")
        self.signet("key", "import", "a", "sealed.pem", "--import-passphrase-file", "wrong", expect=12)
        self.signet("key", "import", "a", self.write("rubbish", "rubbish"), expect=14)
        run("genrsa", "-out", self.path("small.pem"), "1024")
        self.signet("key", "import", "a", "small.pem", expect=17)


class KeyringLinks(SignetTest):
    def test_nothing_is_linked_when_a_test_fails(self):
        """[R38, R60]"""
        self.signet("key", "create", "a", "--size", "2048")
        self.signet("keyring", "link", "local:b", expect=13)
        self.signet("keyring", "link", "local:a", "--thumbprint", "sha256:000000000000", expect=(2, 17))
        write(self.env["SIGNET_PASSPHRASE_FILE"], "wrong\n")
        self.signet("keyring", "link", "local:a", expect=12)
        self.assertEqual(self.signet("keyring", "show", "--json").json()["links"], [])

    def test_show_link_default_unlink_test(self):
        """[R60, R83 to R86]"""
        self.signet("key", "create", "a", "--size", "2048")
        self.signet("key", "create", "b", "--size", "2048")
        linked = self.signet("keyring", "link", "local:a", "--default", "--json").json()
        self.assertTrue(linked["proven"])
        self.signet("keyring", "link", "local:b")
        shown = self.signet("keyring", "show", "--json").json()
        self.assertEqual(shown["state"], "ok")
        self.assertEqual([link["role"] for link in shown["links"]], ["default", "linked"])
        for link in shown["links"]:
            self.assertEqual(link["status"], "usable")
            self.assertEqual(link["region"], "local")
            self.assertTrue(link["locations"])
        self.signet("keyring", "test")
        self.signet("keyring", "default", "b")
        self.assertEqual(self.signet("keyring", "unlink", "b", expect=17).out, "")
        self.signet("keyring", "unlink", "a")
        self.assertEqual(len(self.signet("keyring", "show", "--json").json()["links"]), 1)
        self.signet("keyring", "unlink", "nothing", expect=2)
        self.signet("key", "disable", "b")
        self.signet("keyring", "test", expect=13)

    def test_the_audit_log_shows_every_use_and_notices_changes(self):
        """[R144, R145]"""
        self.from_template()
        self.signet("restore", "-t", "out")
        lines = self.signet("keyring", "audit", "--json").lines()
        self.assertIn("unwrap", [line.get("operation") for line in lines])
        self.assertTrue(lines[-1]["intact"])
        self.signet("keyring", "audit", "--verify")
        path = self.path("keyring", "audit.log")
        with open(path, "rb") as file:
            content = file.read()
        write(path, content.replace(b'"unwrap"', b'"wrapun"', 1))
        self.assertMessage(self.signet("keyring", "audit", "--verify", expect=14), "audit log")
        # The whole end cut off: the chain is intact, and what the journal signed is gone.
        write(path, b"\n".join(content.splitlines()[:2]) + b"\n")
        self.signet("keyring", "audit", "--verify", expect=14)

    def test_a_backup_that_the_policy_forbids_is_17_says_which_rule_and_stores_nothing(self):
        """[R48]"""
        self.init()
        source = self.sample_tree()
        self.backup(source)

        def refused(rule, *said):
            self.signet("keyring", "policy", "set", rule)
            before = self.objects("slots"), self.objects("packs")
            self.assertSays(self.signet("backup", source, expect=17).err, rule.split("=")[0], *said)
            self.assertEqual((self.objects("slots"), self.objects("packs")), before)

        refused("min-protectors=2", "keyring link LOCATION --recovery")
        self.signet("key", "create", "offline")
        self.signet("keyring", "link", "local:offline", "--recovery")
        self.backup(source)
        refused("allowed-sizes=4096", "prod", "bits")
        self.signet("keyring", "policy", "set", "allowed-sizes=any")
        refused("allowed-providers=pkcs11,azure", "local:prod")
        self.signet("keyring", "policy", "set", "allowed-providers=local")
        refused("require-twin=yes", "--twin-of")
        # Its own public half is no twin.
        write(self.path("prod.pem"), self.signet("key", "export-public", "prod").out)
        self.signet("keyring", "policy", "set", "allowed-providers=any")
        self.signet("keyring", "link", "public:" + self.path("prod.pem"), "--twin-of", "prod")
        refused("require-twin=yes", "--twin-of")
        # What is there already is restored all the same.
        self.signet("restore", "latest", "-t", "out")
        self.signet("keyring", "policy", "set", "require-twin=no")
        self.backup(source)

    def test_without_a_protector_there_is_no_backup_and_one_repository_or_many_use_the_same(self):
        """[R16, R46]"""
        self.init()
        source = self.sample_tree()
        prod = self.signet("keyring", "show", "--json").json()["links"][0]["thumbprint"]
        second = {"SIGNET_REPOSITORY": self.path("second")}
        self.signet("init", env=second)
        self.assertEqual([self.backup(source)["protector_thumbprint"], self.backup(source, env=second)["protector_thumbprint"]],
                         [prod, prod])
        self.signet("keyring", "unlink", "prod", "--force")
        before = self.objects()
        self.assertMessage(self.signet("backup", source, expect=13), "no default protector", "signet keyring link")
        self.assertEqual(self.objects(), before)

    def test_one_list_shows_what_several_keyrings_link_of_one_vault(self):
        """[R22, R26]"""
        self.init()
        db = self.path("db-keyring")
        self.signet("keyring", "link", "local:prod", "--default", env={"SIGNET_KEYRING": db})
        rows = self.signet("key", "list", "--linked", "--keyring", self.env["SIGNET_KEYRING"], "--keyring", db, "--json").json()
        self.assertEqual([(row["name"], row["role"], row["keyring"]) for row in rows],
                         [("prod", "default", self.env["SIGNET_KEYRING"]), ("prod", "default", db)])
        self.assertEqual(rows[0]["thumbprint"], rows[1]["thumbprint"])
        self.assertSays(self.signet("key", "list", "--linked", "--keyring", db).out, db, "local:prod/1")
        self.signet("key", "list", "--linked", "--needed", expect=2)

    def test_a_mode_that_the_policy_fixes_is_not_changed(self):
        """[R18, R47, R95]"""
        self.signet("init")
        source = self.sample_tree()
        self.backup(source)
        self.signet("keyring", "policy", "set", "mode=escrow")
        self.backup(source)
        self.signet("key", "create", "prod")
        self.signet("keyring", "link", "local:prod", "--default")
        before = self.objects()
        self.assertMessage(self.signet("backup", source, expect=17), "mode=escrow", "prod", "signet keyring default NAME")
        self.assertEqual(self.objects(), before)
        self.signet("keyring", "policy", "set", "mode=customer-managed")
        packs = self.objects("packs")
        self.signet("rewrap", "--all")
        self.assertEqual(self.objects("packs"), packs)
        self.backup(source)
        links = [link["thumbprint"] for link in self.signet("keyring", "show", "--json").json()["links"]]
        self.signet("keyring", "default", "escrow")  # back again, and nothing is unlinked
        self.assertEqual([link["thumbprint"] for link in self.signet("keyring", "show", "--json").json()["links"]], links)
        self.assertMessage(self.signet("backup", source, expect=17), "mode=customer-managed", "an escrow protector")
        self.signet("keyring", "policy", "set", "mode=any")
        self.backup(source)
        self.signet("keyring", "policy", "set", "mode=ours", expect=2)

    def test_a_paused_keyring_makes_no_backups_and_restores_all_the_same(self):
        """[R116, R117]"""
        self.from_template()
        before = self.objects()
        self.signet("keyring", "pause", "--reason", "moving the vault")
        for words in (["backup", self.source], ["rewrap", "--all"]):
            self.assertMessage(self.signet(*words, expect=17), "moving the vault", "keyring resume")
        # Not even the hooks ran: they might stop a database.
        self.signet("backup", self.source, "--run-before", f"touch {self.path('ran')}", expect=17)
        self.assertNothingAt(self.path("ran"))
        self.assertEqual(self.objects(), before)
        self.assertIn("moving the vault", self.signet("keyring", "show", "--json").json()["paused"])
        self.signet("restore", "latest", "-t", "out")
        self.signet("keyring", "resume")
        self.signet("backup", self.source)

    def test_a_backup_that_waits_for_its_turn_sees_the_pause(self):
        """[R116]"""
        self.from_template()
        lock, = [self.path("keyring", "locks", name) for name in os.listdir(self.path("keyring", "locks"))]
        words = ["backup", "--series", "home", "--lock-wait", "60s", self.source]
        before = self.objects()
        with locked(lock):
            waiting = self.start(*words)
            self.assertTrue(wait_until(lambda: has_open(waiting, lock)))
            self.signet("keyring", "pause", "--reason", "moving the vault")
        self.assertMessage(self.finish(waiting, words, 17), "moving the vault")
        self.assertEqual(self.objects(), before)

    def test_a_recovery_kit_names_everything_and_holds_no_secret(self):
        self.from_template()
        kit = self.signet("keyring", "export", "--json").json()
        shown = self.signet("keyring", "show", "--json").json()
        self.assertEqual([one["thumbprint"] for one in kit["protectors"]], [link["thumbprint"] for link in shown["links"]])
        self.assertEqual((kit["writer"], kit["repositories"][0]["officer"], os.path.basename(kit["repositories"][0]["location"])),
                         (shown["writer"], shown["officer"], "repository"))
        text = self.signet("keyring", "export").out
        self.assertSays(text, shown["officer"], kit["protectors"][0]["thumbprint"], "signet keyring recover")
        self.assertNotIn("correct horse", text)

    def test_keyring_test_waits_for_a_change_of_permission(self):
        """[R44]"""
        self.init()
        self.signet("key", "disable", "prod")
        started = time.monotonic()
        self.signet("keyring", "test", "--wait", "1s", expect=13)
        self.assertGreater(time.monotonic() - started, 0.9)
        self.signet("key", "enable", "prod")
        self.signet("keyring", "test", "--wait", "1h")

    def test_policy_is_signed_and_obeyed(self):
        self.from_template()
        self.assertSays(self.signet("keyring", "policy", "show").out, "after-rotation", "dedup-horizon")
        self.signet("keyring", "policy", "set", "after-rotation=fresh", "max-deks=8")
        shown = self.signet("keyring", "policy", "--json").json()
        self.assertEqual(shown["number"], 1)
        self.assertEqual(shown["policy"]["after-rotation"], "fresh")
        self.assertEqual(self.signet("keyring", "show", "--json").json()["policy"]["max-deks"], "8")
        self.signet("keyring", "policy", "set", "after-rotation=sometimes", expect=2)
        self.signet("keyring", "policy", "set", expect=2)
        self.signet("key", "rotate", "prod")
        self.backup("--series", "home", self.source)
        row = self.signet("list", "--json").json()[-1]
        self.assertEqual(len(row["needs"]), 1)

    def test_a_policy_that_nothing_here_obeys_is_warned_about(self):
        self.init()
        result = self.signet("keyring", "policy", "set", "keep-witin=30d", "keep-within=7d")
        self.assertSays(result.err, "policy keep-witin is not known to this version", "nothing here obeys it")
        self.assertNotIn("policy keep-within is", result.err)
        # Said once, by whom it concerns.
        self.assertNotIn("not known", self.signet("keyring", "policy", "set", "keep-within=8d").err)

    def test_a_policy_that_contradicts_itself_is_refused(self):
        """[R98] What is to go is nobody's default protector."""
        self.init()
        prod = self.signet("key", "show", "prod", "--json").json()["thumbprint"]
        self.signet("keyring", "policy", "set", f"default-protector={prod}", f"retiring={prod}", expect=17)
        self.signet("keyring", "policy", "set", f"default-protector={prod}")
        self.assertMessage(self.signet("keyring", "policy", "set", f"compromised={prod}", expect=17), "compromised", "default-protector=none")
        self.assertEqual(self.signet("keyring", "policy", "--json").json()["number"], 1)
        self.signet("keyring", "policy", "set", f"compromised={prod}", "default-protector=none")

    def test_after_rotation_rewrap_leaves_only_the_new_protector_needed(self):
        """[R98]"""
        self.from_template()
        self.signet("keyring", "policy", "set", "after-rotation=rewrap")
        new = self.signet("key", "rotate", "prod", "--json").json()["thumbprint"]
        summary = self.backup("--series", "home", self.source)
        self.assertEqual(summary["protector_thumbprint"], new)
        row = self.signet("list", "--json").json()[-1]
        self.assertGreater(len(row["needs"]), 1)
        for need in row["needs"]:
            self.assertIn(new, need["thumbprints"])
        other = self.path("other")
        self.signet("-k", other, "keyring", "link", "local:prod/2")
        self.signet("-k", other, "restore", "latest", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)

    def test_after_rotation_inherit_shows_what_is_inherited(self):
        """[R23, R91]"""
        self.from_template()
        self.signet("keyring", "policy", "set", "after-rotation=inherit")
        old = self.signet("key", "show", "prod", "--json").json()["thumbprint"]
        self.signet("key", "rotate", "prod")
        self.backup("--series", "home", self.source)
        plan = self.signet("plan", "--json").json()
        inherited = {one["thumbprint"]: one["inherited"] for one in plan["required"]}
        self.assertTrue(inherited[old])


if __name__ == "__main__":
    main()
