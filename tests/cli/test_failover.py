"""One key in two vaults, which stand for two regions: an outage of the first leads to its twin and back, and nothing that
the first vault says or somebody has done to it ever does. Every cause is tried with two local vaults and with two tokens.
"""

import collections
import copy
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from harness import PASSPHRASE, SignetTest, main, write
import managers
from tokens import FAULTY, MODULE, PIN, TokenTest

# name; how the first vault is made to refuse; exit code and words of a restore; exit code of a new backup
Refusal = collections.namedtuple("Refusal", "name withdraw code words backup_code")
# name; how the first vault is put out of reach
Outage = collections.namedtuple("Outage", "name start")


class Matrix:
    """What every kind of vault must hold to. `west` is the repository's region, `east` has the twin."""

    provider = "local"

    def set_up_repository(self):
        self.signet("keyring", "link", self.west, "--default", "--region", "west")
        self.signet("keyring", "link", self.east, "--twin-of", "prod", "--region", "east")
        self.signet("init", "--provider", self.provider, "--region", "west")
        self.source = self.sample_tree()
        self.backup(self.source)
        self.number = 0

    def restore(self, expect=0):
        """Into a new folder, which stays away when the restore is refused."""
        self.number += 1
        out = self.path(f"out{self.number}")
        result = self.signet("restore", "-t", out, expect=expect)
        if expect == 0:
            self.assertSameTree(self.source, out + self.source)
        else:
            self.assertNothingAt(out)
        return result

    def opened_at(self):
        """Where the last data key was asked for, as the audit log has it."""
        log = os.path.join(self.env["SIGNET_KEYRING"], "audit.log")
        with open(log, encoding="utf-8") as file:
            uses = [line for line in file if '"operation":"unwrap"' in line]
        return "west" if "west" in uses[-1].split('"location":"')[1].split('"')[0] else "east"

    def assertWell(self):
        """The first vault is used again, and only the first."""
        self.restore()
        self.assertEqual(self.opened_at(), "west")
        self.backup(self.source)

    def test_no_cause_of_a_refusal_leads_to_the_twin(self):
        """[R25, R101, R111, R112, R113, R115, R131] Nor does an outage after it, in any later process, until the first
        vault answers well again; then an outage does [R104, R130]."""
        for cause in self.refusals():
            with self.subTest(cause.name):
                kept = self.keep_west()
                cause.withdraw()
                self.assertMessage(self.restore(expect=cause.code), *cause.words)
                self.signet("backup", self.source, expect=cause.backup_code)
                self.put_west_out_of_reach()
                self.assertMessage(self.restore(expect=13), "refused since")
                self.assertMessage(self.signet("backup", self.source, expect=13), "refused since")
                self.bring_back_west(kept)
                self.assertWell()
                self.put_west_out_of_reach()
                self.restore()
                self.assertEqual(self.opened_at(), "east")
                self.bring_back_west(kept)
                self.assertWell()

    def test_every_kind_of_outage_leads_to_the_twin_and_back(self):
        """[R104, R127, R130]"""
        for outage in self.outages():
            with self.subTest(outage.name):
                kept = self.keep_west()
                outage.start()
                self.assertEqual(self.restore().err.count("its twin is used"), 1)
                self.assertEqual(self.opened_at(), "east")
                self.backup(self.source)
                self.bring_back_west(kept)
                self.assertWell()

    def test_a_failover_is_in_the_audit_log(self):
        """[R130, R145] From where, why, and to where."""
        self.put_west_out_of_reach()
        self.restore()
        lines = [json.loads(line) for line in self.signet("keyring", "audit", "--export").out.splitlines()]
        failover = next(line for line in lines if line.get("operation") == "failover")
        self.assertEqual(failover["event_id"], "SIGNET012")
        self.assertSays(failover["location"], "east")
        self.assertSays(failover["detail"], "from ", "west", ": unavailable")

    def test_a_test_and_a_revalidation_say_no_better_than_a_restore(self):
        """[R107, R131] What the first vault refused is remembered; a loss does not begin anew."""
        self.signet("keyring", "policy", "set", "heal-window=1s")
        kept = self.keep_west()
        self.refusals()[0].withdraw()
        self.restore(expect=13)
        self.signet("status", expect=(0, 13))
        time.sleep(1.1)
        self.put_west_out_of_reach()
        self.restore(expect=13)
        since = self.signet("keyring", "show", "--json").json()["state_since"]
        result = self.signet("keyring", "test", expect=13)
        self.assertSays(result.out, "not usable", "unavailable", "refused since")
        self.assertMessage(self.signet("keyring", "revalidate", expect=13), "refused since")
        self.assertEqual(self.signet("keyring", "show", "--json").json()["state_since"], since)
        self.bring_back_west(kept)
        self.signet("keyring", "test")
        self.signet("keyring", "revalidate")
        self.put_west_out_of_reach()
        self.signet("keyring", "test")

    def test_vaults_that_another_keyring_links_are_believed_too(self):
        """[R113, R131] The host's own keyring has not seen them yet, and keeps what they refuse."""
        fleet = self.env["SIGNET_KEYRING"]
        for number, cause in enumerate(self.refusals()):
            with self.subTest(cause.name):
                kept = self.keep_west()
                self.env["SIGNET_KEYRING"] = self.path(f"host{number}") + ":" + fleet
                cause.withdraw()
                self.restore(expect=cause.code)
                self.put_west_out_of_reach()
                self.assertMessage(self.restore(expect=13), "refused since")
                self.bring_back_west(kept)
                self.restore()
                self.put_west_out_of_reach()
                self.restore()
                self.bring_back_west(kept)

    def test_a_twin_that_refuses_is_believed_too(self):
        """[R131] The first vault is out of reach, and the second one has decided."""
        self.refuse_in_east()
        self.put_west_out_of_reach()
        self.restore(expect=13)

    def test_a_twin_that_has_other_key_material_by_now_is_not_used(self):
        """[R87, R131]"""
        self.replace_key_in_east()
        self.put_west_out_of_reach()
        self.assertMessage(self.restore(expect=13), "another key is there")

    def test_with_both_out_of_reach_there_is_no_way_in(self):
        self.put_east_out_of_reach()
        self.put_west_out_of_reach()
        self.assertMessage(self.restore(expect=13), "out of reach")

    def test_a_person_lifts_a_refusal_by_linking_the_twin_alone(self):
        """[R110, R131] The first vault has refused and is lost for good."""
        self.refusals()[0].withdraw()
        self.restore(expect=13)
        self.put_west_out_of_reach()
        self.restore(expect=13)
        self.signet("keyring", "unlink", "prod", "--force")
        self.signet("keyring", "link", self.east, "--region", "west", "--default")
        self.restore()
        self.backup(self.source)

    def test_the_key_of_another_region_is_no_default(self):
        """[R58, R128, R129, R56]"""
        result = self.signet("keyring", "link", self.east, "--default", "--region", "east", expect=17)
        self.assertMessage(result, "twin in another region", "link a protector of region east")
        links = self.signet("keyring", "show", "--json").json()["links"]
        self.assertEqual([(link["role"], link["region"], len(link["locations"])) for link in links], [("default", "west", 2)])
        self.env["SIGNET_REPOSITORY"] = self.path("of-east")
        self.assertTrue(self.signet("init", "--region", "east", "--json").last()["escrow"])

    def test_a_default_without_a_twin_is_warned_about(self):
        """[R127]"""
        words = ("has no twin", "--twin-of")
        self.assertNotIn(words[0], self.signet("keyring", "test").err)
        self.assertNotIn(words[0], self.signet("status", expect=None).out)
        self.signet("keyring", "unlink", "prod", "--force")
        self.assertMessage(self.signet("keyring", "link", self.west, "--default", "--region", "west"), *words)
        self.assertSays(self.signet("keyring", "test").err, *words)
        self.assertSays(self.signet("status", expect=None).out, *words)
        self.assertNotIn(words[0], self.signet("keyring", "default", "prod", "--without-twin").err)
        self.assertNotIn(words[0], self.signet("keyring", "test").err)
        self.assertNotIn(words[0], self.signet("status", expect=None).out)
        self.signet("keyring", "link", self.east, "--twin-of", "prod", "--region", "east")
        self.signet("keyring", "unlink", "prod", "--force")
        self.assertSays(self.signet("keyring", "link", self.west, "--default", "--region", "west").err, *words)


class OnADisk(SignetTest):
    """`disk` is a file system of its own, which can be taken away as an unmounted disk is."""

    def setUp(self):
        super().setUp()
        if not os.path.isdir("/dev/shm") or os.statvfs("/dev/shm").f_fsid == os.statvfs(self.scratch).f_fsid:
            self.skipTest("needs a second file system in /dev/shm")
        self.disk = tempfile.mkdtemp(prefix="signet-cli-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.disk, True)
        os.mkdir(self.path("empty"))
        self.mount(self.disk)

    def mount(self, where):
        mount_point = self.path("disk")
        if os.path.islink(mount_point):
            os.remove(mount_point)
        os.symlink(where, mount_point)

    def take_disk_away(self):
        self.mount(self.path("empty"))


class LocalVaults(Matrix, OnADisk):
    """The first vault is on the disk."""

    def setUp(self):
        super().setUp()
        self.west_folder, self.east_folder = self.path("disk", "west"), self.path("east-vault")
        self.west, self.east = f"local:{self.west_folder}#prod/1", f"local:{self.east_folder}#prod/1"
        self.write("prod.pem", subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                              capture_output=True, check=True).stdout)
        for folder in (self.west_folder, self.east_folder):
            self.signet("key", "import", "prod", "prod.pem", "--vault", folder)
        self.set_up_repository()

    def keep_west(self):
        kept = self.path(f"kept{time.monotonic_ns()}")
        shutil.copytree(self.west_folder, kept)
        return kept

    def bring_back_west(self, kept):
        self.mount(self.disk)
        shutil.rmtree(self.west_folder, True)
        shutil.copytree(kept, self.west_folder)
        write(self.path("passphrase"), PASSPHRASE + "\n")

    def put_west_out_of_reach(self):
        self.take_disk_away()

    def put_east_out_of_reach(self):
        os.remove(self.east_folder + "/vault.json")
        self.leave_socket(self.east_folder + "/vault.json")

    def leave_socket(self, path):
        """What is opened here answers as a device that is gone does (ENXIO)."""
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path)

    def replace_vault(self, name, folder):
        shutil.rmtree(folder)
        self.signet("key", "create", name, "--size", "2048", "--vault", folder)

    def replace_key_in_east(self):
        self.replace_vault("prod", self.east_folder)

    def refuse_in_east(self):
        self.signet("key", "disable", "prod", "--vault", self.east_folder)

    def change_passphrase(self):
        other = self.write("other-passphrase", "another one\n")
        self.signet("key", "passphrase", "--vault", self.west_folder, "--new-passphrase-file", other)

    def hide_file(self):
        os.remove(self.west_folder + "/vault.json")
        os.symlink("vault.json", self.west_folder + "/vault.json")

    def test_what_a_person_withdraws_here_is_refused_in_an_outage_that_follows_at_once(self):
        """[R131] No command has looked at the vault in between."""
        at_west = ("--vault", self.west_folder)
        for words, undone in ((["disable", "prod"], "enable"), (["delete", "prod", "--force"], "recover")):
            with self.subTest(words):
                self.signet("key", *words, *at_west)
                self.put_west_out_of_reach()
                self.assertMessage(self.restore(expect=13), "refused since")
                self.assertMessage(self.signet("backup", self.source, expect=13), "refused since")
                self.mount(self.disk)
                self.signet("key", undone, "prod", *at_west)
                self.put_west_out_of_reach()
                self.restore()
                self.assertEqual(self.opened_at(), "east")
                self.mount(self.disk)
                self.assertWell()

    def test_a_damaged_vault_is_no_outage(self):
        """[R131]"""
        kept = self.keep_west()
        with open(self.west_folder + "/vault.json", "r+b") as file:
            file.truncate(100)
        self.restore(expect=(13, 14))
        self.signet("backup", self.source, expect=14)
        self.assertEqual(self.signet("keyring", "show", "--json").json()["state"], "inaccessible")
        self.put_west_out_of_reach()
        self.restore(expect=(13, 14))
        self.bring_back_west(kept)
        self.assertWell()

    def refusals(self):
        at_west = ("--vault", self.west_folder)
        return [
            Refusal("key disabled", lambda: self.signet("key", "disable", "prod", *at_west), 13, ["disabled in", "key enable"], 13),
            Refusal("key deleted", lambda: self.signet("key", "delete", "prod", "--force", *at_west), 13, ["deleted in", "key recover"], 13),
            Refusal("key gone", lambda: self.replace_vault("else", self.west_folder), 13, ["no longer in"], 13),
            Refusal("another key under its name", lambda: self.replace_vault("prod", self.west_folder), 13, ["another key is there"], 13),
            Refusal("passphrase changed", self.change_passphrase, 12, ["wrong passphrase"], 0),
            Refusal("vault deleted", lambda: shutil.rmtree(self.west_folder), 13, ["the vault is gone"], 13),
            Refusal("vault file deleted", lambda: os.remove(self.west_folder + "/vault.json"), 13, ["the vault is gone"], 13),
            Refusal("what is ambiguous", self.hide_file, 13, ["access is denied"], 13),
        ]

    def outages(self):
        def broken():
            os.remove(self.west_folder + "/vault.json")
            self.leave_socket(self.west_folder + "/vault.json")

        all_kinds = [
            Outage("disk not mounted", lambda: self.mount(self.path("empty"))),
            Outage("mount point gone", lambda: self.mount(self.path("nowhere"))),
            Outage("device gone", broken),
        ]
        if os.getuid() == 0:
            def failing():
                os.remove(self.west_folder + "/vault.json")
                os.symlink("/proc/self/mem", self.west_folder + "/vault.json")  # reading its start is EIO

            all_kinds.append(Outage("disk fails", failing))
        return all_kinds

    def test_a_key_that_expires_stops_backups_also_when_its_vault_is_out_of_reach(self):
        """[R73, R131] The twin has no such date, and is not asked for a better answer."""
        end = time.time() + 20
        self.env["SIGNET_KEYRING"] = self.path("keyring2")
        shutil.rmtree(self.west_folder)
        self.signet("key", "import", "prod", "prod.pem", "--vault", self.west_folder,
                    "--expires", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)))
        self.env["SIGNET_REPOSITORY"] = self.path("repository2")
        shutil.rmtree(self.source)
        self.set_up_repository()
        self.assertLess(time.time(), end, "the machine is too slow for this test")
        time.sleep(max(0, end - time.time()) + 1)
        self.assertMessage(self.signet("backup", self.source, expect=13), "expired in")
        self.assertSays(self.restore().err, "it still unwraps")
        self.assertEqual(self.opened_at(), "west")
        self.put_west_out_of_reach()
        self.assertMessage(self.signet("backup", self.source, expect=13), "expired in", "refused since")
        self.restore()
        self.assertEqual(self.opened_at(), "east")


class TheVaultOnADisk(OnADisk):
    """The vault of the officer is on the disk, and its key in a second vault as well."""

    def setUp(self):
        super().setUp()
        self.vault = self.env["SIGNET_VAULT"] = self.path("disk", "vault")
        self.copy = self.path("copy")
        self.write("prod.pem", subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                              capture_output=True, check=True).stdout)
        self.signet("key", "import", "prod", "prod.pem")
        self.signet("key", "import", "prod", "prod.pem", "--vault", self.copy)
        self.signet("keyring", "link", "local:prod", "--default")
        self.signet("keyring", "link", f"local:{self.copy}#prod", "--twin-of", "prod")
        self.officer = self.signet("init", "--json").last()["officer"]
        self.source = self.sample_tree()
        self.first = self.backup(self.source)["backup_id"]

    def officer_file(self):
        return os.path.join(self.env["SIGNET_KEYRING"], "officer.key")

    def test_no_second_officer_is_made_while_the_vault_is_away(self):
        """[R37] It would stand before the first one for good."""
        self.take_disk_away()
        for vault in ([], ["--vault", self.copy]):
            result = self.signet("init", "-r", self.path("second"), *vault, expect=13)
            self.assertMessage(result, self.officer[:16], self.vault, "is out of reach")
        self.assertNothingAt(self.officer_file())
        self.assertNothingAt(self.path("empty", "vault"))
        self.mount(self.disk)
        self.signet("keyring", "policy", "set", "max-deks=4")
        self.signet("init", "-r", self.path("second"))
        self.assertEqual(self.signet("keyring", "show", "--json").json()["officer"], self.officer)

    def test_what_only_the_officer_can_do_says_that_its_vault_is_away(self):
        self.take_disk_away()
        self.assertSays(self.signet("keyring", "show").out, f"officer  {self.officer}, and its vault is out of reach")
        self.assertEqual(self.signet("keyring", "show", "--json").json()["officer"], self.officer)
        for words in (["keyring", "policy", "set", "max-deks=4"], ["keyring", "trust", "b" * 64], ["forget", self.first]):
            self.assertMessage(self.signet(*words, expect=13), "officer", "is out of reach", self.vault)

    def test_no_second_vault_is_made_where_the_first_one_belongs(self):
        """[R104] It would turn the outage into a refusal, and the twin be of no use."""
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.take_disk_away()
        for words in (["key", "create", "other", "--size", "2048"], ["key", "restore", "prod.backup"],
                      ["key", "import", "other", "prod.pem"], ["key", "rotate", "prod"], ["init", "-r", "new", "--region", "north"]):
            result = self.signet(*words, expect=13)
            self.assertMessage(result, self.vault, "is out of reach")
            self.assertNotIn("key create", result.err)
            self.assertNothingAt(self.path("empty", "vault"))
        self.assertSays(self.signet("restore", "-t", "out").err, "its twin is used")
        self.signet("key", "create", "other", "--size", "2048", "--vault", self.path("new-vault"))
        self.mount(self.disk)
        self.signet("key", "create", "other", "--size", "2048")

    def test_a_vault_that_was_deleted_is_made_anew_from_its_key_backup(self):
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        shutil.rmtree(self.vault)
        result = self.signet("key", "rotate", "prod", expect=13)
        self.assertMessage(result, "the vault is gone", "key restore")
        self.assertNotIn("key create", result.err)
        self.signet("key", "restore", "prod.backup")
        self.signet("restore", "-t", "out")

    def test_a_refusal_stays_when_another_vault_answers_in_its_place(self):
        """[R113, R131] --vault elsewhere, as for a copy of the vault, says nothing about the vault that refused."""
        self.signet("key", "disable", "prod")
        self.signet("restore", "-t", "out1", expect=13)
        self.signet("restore", "-t", "out2", "--vault", self.copy)
        self.signet("keyring", "test", "--vault", self.copy)
        self.take_disk_away()
        self.assertMessage(self.signet("restore", "-t", "out3", expect=13), "refused since")
        self.assertNothingAt(self.path("out3"))
        self.mount(self.disk)
        self.signet("key", "enable", "prod")
        self.signet("restore", "-t", "out4")
        self.take_disk_away()
        self.assertSays(self.signet("restore", "-t", "out5").err, "its twin is used")

    def test_status_reminds_of_a_twin_that_refuses(self):
        """[R127]"""
        words = f"in local:{self.copy}#prod/1 refuses"
        self.assertNotIn(words, self.signet("status", expect=None).out)
        self.signet("key", "disable", "prod", "--vault", self.copy)
        self.assertSays(self.signet("status", expect=None).out, words, "the key is disabled")
        self.signet("key", "enable", "prod", "--vault", self.copy)
        self.assertNotIn(words, self.signet("status", expect=None).out)
        self.signet("key", "delete", "prod", "--vault", self.copy, "--force")
        self.assertSays(self.signet("status", expect=None).out, words, "the key is deleted")
        os.rename(self.copy, self.path("elsewhere"))
        self.assertSays(self.signet("status", expect=None).out, words, "the vault is gone")
        os.rename(self.path("elsewhere"), self.copy)
        # An outage is none.
        os.rename(f"{self.copy}/vault.json", f"{self.copy}/kept")
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"{self.copy}/vault.json")
        self.assertNotIn(words, self.signet("status", expect=None).out)


@unittest.skipUnless(FAULTY, "needs SIGNET_FAULTY_TOKEN")
class TwoTokens(Matrix, TokenTest):
    def setUp(self):
        super().setUp()
        self.faulty()
        self.env["FAULTY_TOKEN_MODULE"] = MODULE
        self.module = self.path("west-module.so")
        shutil.copy(FAULTY, self.module)
        self.pin_of_west = self.write("pin-of-west", PIN + "\n")
        self.tokens = {"west": self.make_token("west"), "east": self.make_token("east")}
        for token in self.tokens:
            self.import_key(token)
        self.west = self.location("west", module=self.module, pin=self.pin_of_west)
        self.east = self.location("east", module=FAULTY)
        self.set_up_repository()

    def keep_west(self):
        kept = self.path(f"kept{time.monotonic_ns()}")
        shutil.copytree(self.tokens["west"], kept)
        return kept

    def bring_back_west(self, kept):
        self.faulty()
        self.env["FAULTY_TOKEN_MODULE"] = MODULE
        shutil.copy(FAULTY, self.module)
        for name in os.listdir(self.path("tokens")):
            if os.path.join(self.path("tokens"), name) != self.tokens["east"]:
                shutil.rmtree(self.path("tokens", name))
        shutil.copytree(kept, self.tokens["west"])
        write(self.pin_of_west, PIN + "\n")

    def put_west_out_of_reach(self):
        self.order("")
        shutil.rmtree(self.tokens["west"], True)
        for name in os.listdir(self.path("tokens")):
            if os.path.join(self.path("tokens"), name) != self.tokens["east"]:
                shutil.rmtree(self.path("tokens", name))

    def put_east_out_of_reach(self):
        os.rename(self.tokens["east"], self.path("away"))

    def order(self, words):
        self.env["FAULTY_TOKEN"] = f"TOKEN=west {words}" if words else ""

    def delete(self, token, *kinds):
        for kind in kinds:
            self.pkcs11_tool(token, "--delete-object", "--type", kind, "--label", "prod")

    def replace_key(self, token):
        self.delete(token, "privkey", "pubkey")
        self.import_key(token, pem="other.pem")

    def replace_key_in_east(self):
        self.replace_key("east")

    def refuse_in_east(self):
        self.set_attribute("east", "CKA_DECRYPT", "00")

    def initialise_anew(self):
        shutil.rmtree(self.tokens["west"])
        self.make_token("west")

    def refusals(self):
        return [
            Refusal("permission withdrawn", lambda: self.set_attribute("west", "CKA_DECRYPT", "00"), 13, ["access is denied", "CKA_DECRYPT"], 0),
            Refusal("private half deleted", lambda: self.delete("west", "privkey"), 13, ["no private half"], 0),
            Refusal("key deleted", lambda: self.delete("west", "privkey", "pubkey"), 13, ["no longer in", "no such key"], 13),
            Refusal("another key under its name", lambda: self.replace_key("west"), 13, ["another key is there"], 13),
            Refusal("token initialised anew", self.initialise_anew, 13, ["no longer in", "no such key"], 13),
            Refusal("PIN changed", lambda: write(self.pin_of_west, "00000000\n"), 12, ["CKR_PIN_INCORRECT"], 0),
            Refusal("PIN locked", lambda: self.order("C_Login=a4"), 13, ["the login is rejected", "CKR_PIN_LOCKED"], 0),
            Refusal("PIN expired", lambda: self.order("C_Login=a3"), 13, ["the login is rejected", "CKR_PIN_EXPIRED"], 0),
            Refusal("one try left", lambda: self.order("FLAGS=20000"), 13, ["the login is rejected", "one try is left"], 0),
            Refusal("key may not be used", lambda: self.order("C_Decrypt=68"), 13, ["access is denied", "CKR_KEY_FUNCTION_NOT_PERMITTED"], 0),
            Refusal("unknown answer", lambda: self.order("C_DecryptInit=80000001"), 13, ["access is denied", "CKR 0x80000001"], 0),
            Refusal("vague answer", lambda: self.order("C_DecryptInit=6"), 13, ["access is denied", "CKR_FUNCTION_FAILED"], 0),
        ]

    def outages(self):
        return [
            Outage("token removed", lambda: shutil.rmtree(self.tokens["west"])),
            Outage("module gone", lambda: os.remove(self.module)),
            Outage("module that does not load", lambda: write(self.module, "no module\n")),
            Outage("device error", lambda: self.order("C_Decrypt=30")),
            Outage("device removed", lambda: self.order("C_Decrypt=32")),
            Outage("token not present", lambda: self.order("C_OpenSession=e0")),
            Outage("session lost", lambda: self.order("C_DecryptInit=b3")),
            Outage("session closed", lambda: self.order("C_Decrypt=b0")),
            Outage("token busy", lambda: self.order("C_OpenSession=b1")),
            Outage("removed at login", lambda: self.order("C_Login=32")),
        ]

    def test_dates_of_a_token_stop_backups_and_never_lead_to_the_twin(self):
        """[R72, R73, R131] Also when the token is out of reach afterwards: the twin has no such date."""
        for attribute, value, words in (("CKA_START_DATE", b"20990101", "not yet valid in"), ("CKA_END_DATE", b"20200101", "expired in")):
            with self.subTest(attribute):
                kept = self.keep_west()
                self.set_attribute("west", attribute, value.hex())
                self.assertMessage(self.signet("backup", self.source, expect=13), words)
                self.restore()
                self.assertEqual(self.opened_at(), "west")
                self.put_west_out_of_reach()
                self.assertMessage(self.signet("backup", self.source, expect=13), words, "refused since")
                self.restore()
                self.assertEqual(self.opened_at(), "east")
                self.bring_back_west(kept)
                self.assertWell()


@unittest.skipUnless(managers.READY, managers.WHY)
class TwoKeyVaults(Matrix, SignetTest):
    """Azure Key Vaults in two regions, over their real protocol."""

    provider = "azure"

    def setUp(self):
        super().setUp()

        class Regions(managers.Azure):
            key_name = "prod"
            vaults = (("west", "west"), ("east", "east"))

        self.azure = Regions(self)
        self.server, self.other = self.azure.server, self.azure.other
        self.env["SIGNET_REMOTE_TIMEOUT"] = "1"
        self.west, self.east = self.azure.place, self.azure.twin
        self.set_up_repository()

    def keep_west(self):
        return [copy.copy(version) for version in self.server.keys["prod"]]

    def bring_back_west(self, kept):
        self.server.faults.clear()
        self.server.keys["prod"] = [copy.copy(version) for version in kept]
        self.server.deleted.clear()
        self.server.firewall, self.server.exists = False, True
        self.azure.allow()
        if self.server.server is None:
            self.server.start()

    def put_west_out_of_reach(self):
        self.server.stop()

    def put_east_out_of_reach(self):
        self.other.stop()

    def replace_key_in_east(self):
        version = self.other.newest("prod")
        self.other.keys["prod"] = []
        self.other.create("prod")
        self.other.newest("prod").id = version.id

    def refuse_in_east(self):
        self.other.newest("prod").enabled = False

    def change(self, thing, **values):
        return lambda: [setattr(thing, name, value) for name, value in values.items()]

    def fault(self, action, pattern="."):
        return lambda: self.server.faults.append(managers.double.Fault(pattern, action))

    def refusals(self):
        double = managers.double
        return [
            Refusal("key disabled", lambda: setattr(self.server.newest("prod"), "enabled", False), 13, ["disabled in", "az keyvault"], 13),
            Refusal("key deleted", lambda: self.server.delete("prod"), 13, ["deleted in", "az keyvault key recover"], 13),
            Refusal("version gone", self.azure_replaced, 13, ["no longer in", "KeyNotFound"], 13),
            Refusal("role withdrawn", lambda: self.server.grant(self.azure.application, "get", "wrapKey"), 13, ["access is denied", "ForbiddenByRbac"], 0),
            Refusal("every role withdrawn", lambda: self.server.grant(self.azure.application), 13, ["access is denied", "ForbiddenByRbac"], 13),
            Refusal("firewall", self.change(self.server, firewall=True), 13, ["access is denied", "ForbiddenByFirewall"], 13),
            Refusal("vault deleted", self.change(self.server, exists=False), 13, ["no longer in", "VaultNotFound"], 13),
            Refusal("captive portal", self.fault(double.captive_portal()), 13, ["not to be trusted"], 13),
            Refusal("web filter", self.fault(double.forbidden_page()), 13, ["not to be trusted"], 13),
        ]

    def azure_replaced(self):
        self.server.keys["prod"] = []
        self.server.create("prod")

    def outages(self):
        double = managers.double
        return [
            Outage("nothing listens", self.server.stop),
            Outage("accepted and silent", self.fault(double.hang(3))),
            Outage("reset", self.fault(double.reset())),
            Outage("broken", self.fault(double.forbidden_page(503))),
            Outage("too many calls to the end", self.fault(lambda handler, request: managers.azure.error(429, "Throttled", "words"))),
        ]

    def test_a_person_lifts_a_refusal_by_linking_the_twin_alone(self):
        """[R58, R131] The vault says which region it is in: it is no default of another one."""
        self.refusals()[0].withdraw()
        self.restore(expect=13)
        self.signet("keyring", "unlink", "prod", "--force")
        result = self.signet("keyring", "link", self.east, "--region", "west", "--default", expect=17)
        self.assertMessage(result, "in another region")
        self.signet("keyring", "link", self.east)
        self.restore()


@unittest.skipUnless(managers.READY, managers.WHY)
class TwoKmsRegions(Matrix, SignetTest):
    """A multi-Region RSA key of AWS KMS; test_aws.py has the same with symmetric ones."""

    provider = "aws"

    def setUp(self):
        super().setUp()
        managers.remote_settings(self.env)
        self.env["SIGNET_REMOTE_TIMEOUT"] = "1"
        self.aws = managers.aws.AwsDouble(regions=("west", "east"))
        self.addCleanup(self.aws.stop)
        self.env.update(self.aws.environment())
        self.first = self.aws.make_key("west", "RSA_2048", multi_region=True, alias="alias/prod")
        self.second = self.aws.replicate(self.first, "east")
        self.west, self.east = f"aws:{self.first.rpartition(':')[0]}:alias/prod", f"aws:{self.second}"
        self.set_up_repository()

    def keep_west(self):
        return self.aws.key(self.first).material

    def bring_back_west(self, kept):
        self.aws.heal()
        self.aws.allow_all()
        self.aws.keys["west"][self.first.rpartition("/")[2]] = self.key
        self.aws.set_state(self.first, "Enabled")
        self.key.material = kept

    @property
    def key(self):
        if not hasattr(self, "kept_key"):
            self.kept_key = self.aws.key(self.first)
        return self.kept_key

    def put_west_out_of_reach(self):
        self.aws.fault(managers.double.reset(), region="west")
        self.aws.faults.insert(0, self.aws.faults.pop())  # before whatever else is wrong there

    def put_east_out_of_reach(self):
        self.aws.fault(managers.double.reset(), region="east")

    def replace_key_in_east(self):
        self.aws.key(self.second).material = managers.aws.Material("RSA_2048")

    def refuse_in_east(self):
        self.aws.set_state(self.second, "Disabled")

    def in_west(self, action):
        return lambda: self.aws.fault(action, region="west")

    def state(self, name):
        return lambda: self.aws.set_state(self.first, name)

    def refusals(self):
        double, says = managers.double, self.aws.says
        return [
            Refusal("key disabled", self.state("Disabled"), 13, ["disabled", "aws kms enable-key"], 13),
            Refusal("key to be deleted", self.state("PendingDeletion"), 13, ["deleted", "aws kms cancel-key-deletion"], 13),
            Refusal("key material deleted", self.state("PendingImport"), 13, ["PendingImport"], 13),
            Refusal("key store disconnected", self.state("Unavailable"), 13, ["key store is disconnected"], 13),
            Refusal("key gone", lambda: (self.key, self.aws.keys["west"].clear()), 13, ["no longer in", "NotFoundException"], 13),
            Refusal("decrypting withdrawn", lambda: self.aws.deny("Decrypt", self.first), 13, ["access is denied", "kms:Decrypt"], 0),
            Refusal("every permission withdrawn", lambda: self.aws.deny("*", self.first), 13, ["access is denied"], 13),
            Refusal("credentials not taken", self.in_west(says("UnrecognizedClientException")), 13, ["the login is rejected"], 13),
            Refusal("opted out of the region", self.in_west(says("OptInRequired", status=403)), 13, ["the login is rejected"], 13),
            Refusal("wrong clock", self.in_west(says("InvalidSignatureException")), 13, ["not usable as it is set up"], 13),
            Refusal("captive portal", self.in_west(double.captive_portal()), 13, ["not to be trusted"], 13),
            Refusal("web filter", self.in_west(double.forbidden_page()), 13, ["not to be trusted"], 13),
            Refusal("another key in the answer", self.in_west(self.aws.wrong_key()), 13, ["not to be trusted"], 13),
            Refusal("an error of tomorrow", self.in_west(says("MoonPhaseException")), 13, ["access is denied"], 13),
        ]

    def outages(self):
        double, says = managers.double, self.aws.says
        return [
            Outage("accepted and silent", self.in_west(double.hang(3))),
            Outage("reset", self.in_west(double.reset())),
            Outage("cut off", self.in_west(double.cut_off())),
            Outage("broken", self.in_west(double.forbidden_page(503))),
            Outage("says that it is broken", self.in_west(says("KMSInternalException", status=500))),
            Outage("its key store does not answer", self.in_west(says("DependencyTimeoutException", status=503))),
            Outage("the key cannot be had now", self.in_west(says("KeyUnavailableException", status=500))),
            Outage("too many calls to the end", self.in_west(says("ThrottlingException"))),
        ]

    def test_a_person_lifts_a_refusal_by_linking_the_twin_alone(self):
        """[R58, R131] The key says which region it is in: it is no default of another one."""
        self.refusals()[0].withdraw()
        self.restore(expect=13)
        self.signet("keyring", "unlink", "prod", "--force")
        result = self.signet("keyring", "link", self.east, "--region", "west", "--default", expect=17)
        self.assertMessage(result, "in another region")
        self.signet("keyring", "link", self.east)
        self.restore()


if __name__ == "__main__":
    main()
