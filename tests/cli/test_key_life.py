"""The life of a key in the local vault: deletion, recovery, purge, rotation by policy, tags, key backups."""

import base64
import datetime
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

from harness import SignetTest, main, write


class Life(SignetTest):
    def links(self):
        return self.signet("keyring", "show", "--json").json()["links"]

    def key(self, name="prod"):
        return self.signet("key", "show", name, "--json").json()

    def audit(self):
        return [line for line in self.signet("keyring", "audit", "--json").lines() if line.get("event") == "note"]

    def second_opener(self):
        """Links a recovery protector, so that later backups have two openers."""
        self.signet("key", "create", "second", "--size", "2048")
        self.signet("keyring", "link", "local:second", "--recovery")


class Deletion(Life):
    def test_a_key_that_a_backup_needs_is_not_deleted(self):
        """[R68, R96]"""
        self.from_template()
        result = self.signet("key", "delete", "prod", expect=17)
        self.assertEqual(result.out, "")
        self.assertMessage(result, "prod/1 opens 2 backups, 2026-01-01 12:00:00 to 2026-02-01 12:00:00; 2 of them without another opener",
                           "2 backups could not be restored without prod/1", self.first[:8], self.second[:8], "home", "hint: ", "--force")
        self.assertEqual(self.key()["state"], "enabled")
        self.signet("restore", "-t", "out")

    def test_the_refusal_is_told_to_programs(self):
        """[R96]"""
        self.from_template()
        result = self.signet("key", "delete", "prod", "--json", expect=17)
        impact = result.json()
        self.assertEqual(impact["message_type"], "key_impact")
        self.assertEqual(impact["keys"], ["prod/1"])
        self.assertEqual(impact["backups"], 2)
        self.assertEqual([impact["from"], impact["to"]], ["2026-01-01T12:00:00Z", "2026-02-01T12:00:00Z"])
        self.assertEqual([lost["id"] for lost in impact["lost"]], [self.first, self.second])
        self.assertEqual(result.errors()[-1]["code"], 17)

    def test_forced_deletion_is_audited_and_can_be_taken_back(self):
        """[R67, R68, R112, R144]"""
        self.from_template()
        result = self.signet("key", "delete", "prod", "--force")
        self.assertSays(result.err, "--force", "default protector", "recovered or replaced")
        self.assertSays(result.out, "prod/1 is deleted; it can be recovered until ")
        note = self.audit()[-1]
        self.assertEqual(note["operation"], "key-delete")
        self.assertSays(note["detail"], "forced", "2 backups")
        self.signet("backup", self.source, expect=13)
        self.signet("restore", "-t", "out", expect=13)
        self.assertNothingAt(self.path("out"))
        self.assertEqual(self.signet("key", "list", "--json").json(), [])
        row = self.signet("key", "list", "--deleted", "--json").json()[0]
        self.assertEqual((row["name"], row["state"]), ("prod", "deleted"))
        self.assertSays(self.signet("key", "list", "--deleted").out, "RECOVERABLE UNTIL", row["purge_at"][:10])
        self.assertSays(self.signet("key", "recover", "prod").out, "prod/1 is enabled")
        self.assertEqual(self.audit()[-1]["operation"], "key-recover")
        self.signet("restore", "-t", "out")
        self.signet("backup", self.source)

    def test_recover_is_for_deleted_keys(self):
        self.init()
        self.assertMessage(self.signet("key", "recover", "prod", expect=17), "not deleted")
        self.signet("key", "recover", "nothing", expect=13)

    def test_deleting_twice_changes_nothing(self):
        """[R67]"""
        self.init()
        self.signet("key", "delete", "prod", "--retention", "30")
        until = self.key()["purge_at"]
        self.assertSays(self.signet("key", "delete", "prod", "--retention", "7").err, "deleted already")
        self.assertEqual(self.key()["purge_at"], until)

    def test_retention_is_7_to_90_days(self):
        """[R67]"""
        self.init()
        for days in ("6", "91", "x", "-1"):
            self.signet("key", "delete", "prod", "--retention", days, expect=2)
        self.assertEqual(self.key()["state"], "enabled")

    def test_a_rehearsal_deletes_nothing(self):
        """[R99]"""
        self.from_template()
        self.signet("key", "delete", "prod", "-n", expect=17)
        self.signet("key", "create", "spare", "--size", "2048")
        result = self.signet("key", "delete", "spare", "-n")
        self.assertSays(result.err, "no backup in " + self.repository + " needs spare/1", "nothing was deleted")
        self.assertEqual(self.key("spare")["state"], "enabled")

    def test_another_opener_counts_when_it_opens(self):
        """[R96, R98]"""
        self.init()
        self.second_opener()
        source = self.sample_tree()
        self.backup(source)
        result = self.signet("key", "delete", "prod", "-n")
        self.assertSays(result.err, "prod/1 opens 1 backup", "it has another opener")
        # A disabled protector opens nothing now, whatever its slot claims.
        self.signet("key", "disable", "second")
        self.signet("key", "delete", "prod", "-n", expect=17)
        self.signet("key", "enable", "second")
        self.signet("key", "delete", "prod")
        self.signet("restore", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

    def test_a_recovery_protector_out_of_reach_is_a_claim(self):
        """[R96]"""
        self.init()
        self.signet("--vault", self.path("safe"), "key", "create", "offline", "--size", "2048")
        write(self.path("offline.pem"), self.signet("--vault", self.path("safe"), "key", "export-public", "offline").out)
        self.signet("keyring", "link", "public:offline.pem", "--recovery")
        self.backup(self.sample_tree())
        self.signet("key", "delete", "prod", "-n", expect=17)
        # Brought within reach, it counts.
        self.signet("keyring", "link", "local:" + self.path("safe") + "#offline", "--recovery")
        self.signet("key", "delete", "prod")

    def test_a_twin_in_another_vault_opens_the_same(self):
        """[R127, R133]"""
        self.from_template()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("twin"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", "local:" + self.path("twin") + "#prod", "--twin-of", "prod")
        self.assertSays(self.signet("key", "delete", "prod").err, "each has another opener", "no restore goes there by itself",
                        "signet keyring revalidate --use-twin")
        self.signet("restore", "latest", "-t", "early", expect=13)
        self.signet("keyring", "revalidate", "--use-twin")
        self.signet("restore", "latest", "-t", "out")

    def test_the_copy_of_a_deleted_key_that_is_no_default_is_linked_by_hand(self):
        """[R127]"""
        self.from_template()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("twin"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", "local:" + self.path("twin") + "#prod", "--twin-of", "prod")
        self.signet("key", "rotate", "prod")
        said = self.signet("key", "delete", "prod/1").err
        command, = re.findall(r"signet keyring unlink .*", said)
        self.signet("restore", "latest", "-t", "early", expect=13)
        for words in command.split(" && "):
            self.signet(*shlex.split(words)[1:])
        self.signet("restore", "latest", "-t", "out")

    def test_slots_that_somebody_stored_do_not_hide_what_a_twin_opens(self):
        """[R127][security]"""
        self.from_template()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("twin"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", "local:" + self.path("twin") + "#prod", "--twin-of", "prod")

        def algorithm_99(content):
            content[10:12] = b"\x63\x00"
            return content
        for name in self.objects("slots"):
            with open(os.path.join(self.repository, name), "rb") as file:
                content = file.read()
            for junk in (os.urandom(200), bytes(algorithm_99(bytearray(content)))):
                write(os.path.join(self.repository, name.rsplit(".", 1)[0] + "." + hashlib.sha256(junk).hexdigest()), junk)
        self.assertSays(self.signet("key", "delete", "prod").err, "each has another opener")

    def test_a_vault_by_way_of_a_link_is_no_twin(self):
        """[R96, R127]"""
        self.from_template()
        twin = self.path("twin")
        shutil.copytree(self.path("vault"), twin)
        self.signet("keyring", "link", f"local:{twin}#prod", "--twin-of", "prod")
        shutil.rmtree(twin)
        os.symlink("vault", twin)
        self.signet("key", "delete", "prod", expect=17)
        self.assertEqual(self.key()["state"], "enabled")

    def test_one_vault_that_is_written_in_two_ways_is_no_twin(self):
        """[R127] Nor does it do for the policy."""
        self.from_template()
        self.signet("keyring", "policy", "set", "require-twin=yes")
        os.symlink("vault", self.path("way"))
        for folder in (self.path("vault"), self.path("way")):
            result = self.signet("keyring", "link", f"local:{folder}#prod", "--twin-of", "prod", expect=17)
            self.assertMessage(result, "is no twin", "the same place as local:prod/1")
            self.signet("keyring", "link", f"local:{folder}#prod/1")
            self.assertEqual(self.links()[0]["locations"], [f"local:{folder}#prod/1"])
            self.signet("keyring", "link", "local:prod")
        self.signet("backup", self.source, expect=17)
        self.signet("restore", "latest", "-t", "out")

    def test_a_twin_of_another_passphrase_leaves_no_use_without_an_outcome(self):
        """[R144]"""
        self.from_template()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        twin, other = self.path("twin"), self.write("other", "another\n")
        self.signet("--vault", twin, "key", "restore", "prod.backup")
        self.signet("keyring", "link", f"local:{twin}#prod", "--twin-of", "prod")
        self.signet("--vault", twin, "key", "passphrase", "--new-passphrase-file", other)
        self.signet("key", "delete", "prod", expect=12)
        self.assertEqual(self.signet("keyring", "audit", "--verify", "--json").last()["uncertain"], [])

    def test_a_repository_that_is_not_there_stops_a_deletion(self):
        self.signet("key", "create", "prod", "--size", "2048")
        self.signet("key", "delete", "prod", expect=10)
        self.assertEqual(self.key()["state"], "enabled")
        result = self.signet("key", "delete", "prod", env={"SIGNET_REPOSITORY": None})
        self.assertSays(result.err, "no repository was named")

    def test_a_damaged_journal_stops_a_deletion(self):
        self.from_template()
        self.signet("key", "create", "spare", "--size", "2048")
        self.alter(self.objects("journal")[-1], lambda content: content[:-1])
        self.signet("key", "delete", "spare", expect=(14, 17))
        self.assertEqual(self.key("spare")["state"], "enabled")

    def test_disabling_says_what_it_stops(self):
        """[R23]"""
        self.from_template()
        result = self.signet("key", "disable", "prod")
        self.assertSays(result.err, "prod/1 opens 2 backups", "2 of them without another opener", "default protector")
        self.assertEqual(self.audit()[-1]["operation"], "key-disable")

    def test_one_version_is_deleted_alone(self):
        self.from_template()
        self.signet("key", "rotate", "prod")
        self.signet("key", "delete", "prod/2")
        states = {row["version"]: row["state"] for row in self.signet("key", "list", "--json").json()}
        self.assertEqual(states, {1: "enabled"})
        self.signet("restore", "-t", "out")


class Purge(Life):
    def test_only_a_deleted_key_is_purged(self):
        """[R68]"""
        self.init()
        self.assertMessage(self.signet("key", "purge", "prod", "--confirm", "prod", expect=17), "not deleted", "signet key delete prod/1")

    def test_purge_protection_is_on_and_stays_on(self):
        """[R57, R66]"""
        self.init()
        self.signet("key", "delete", "prod")
        result = self.signet("key", "purge", "prod", "--confirm", "prod", "--force", expect=17)
        self.assertMessage(result, "purge protection", self.key()["purge_at"][:10], "signet key recover prod/1")
        self.signet("key", "create", "other", "--size", "2048", "--no-purge-protection", expect=17)
        self.signet("key", "show", "other", expect=13)

    def unprotected(self):
        self.signet("key", "create", "prod", "--size", "2048", "--no-purge-protection")
        self.signet("keyring", "link", "local:prod", "--default")
        self.signet("init")

    def test_a_purge_is_confirmed(self):
        """[R68]"""
        self.unprotected()
        self.signet("key", "delete", "prod")
        self.assertMessage(self.signet("key", "purge", "prod", expect=2), "--confirm prod")
        self.signet("key", "purge", "prod", "--confirm", "prod/1", expect=2)
        self.assertEqual(self.key()["state"], "deleted")
        with open(self.path("vault", "vault.json")) as file:
            sealed = json.load(file)["keys"][0]["sealed"]
        self.assertSays(self.signet("key", "purge", "prod", "--confirm", "prod").out, "prod/1 is purged")
        with open(self.path("vault", "vault.json")) as file:
            self.assertNotIn(sealed, file.read())
        self.assertEqual(self.audit()[-1]["operation"], "key-purge")
        self.assertMessage(self.signet("key", "show", "prod", expect=13), "was purged on")
        self.assertMessage(self.signet("key", "recover", "prod", expect=13), "key restore")
        self.assertEqual(self.signet("key", "list", "--deleted", "--json").json(), [])

    def test_a_key_that_a_backup_needs_is_not_purged(self):
        """[R68, R96]"""
        self.unprotected()
        self.backup(self.sample_tree())
        self.signet("key", "delete", "prod", "--force")
        self.assertMessage(self.signet("key", "purge", "prod", "--confirm", "prod", expect=17), "1 backup could not be restored")
        self.signet("key", "recover", "prod")
        self.signet("restore", "-t", "out")

    def test_without_a_repository_nothing_is_purged_unless_forced(self):
        """[R68]"""
        self.unprotected()
        self.signet("key", "delete", "prod")
        nowhere = {"SIGNET_REPOSITORY": None}
        self.assertMessage(self.signet("key", "purge", "prod", "--confirm", "prod", env=nowhere, expect=17), "--repo", "--force")
        self.signet("key", "purge", "prod", "--confirm", "prod", "--force", env=nowhere)
        self.assertSays(self.audit()[-1]["detail"], "no repository was looked at")


class Rotation(Life):
    def test_a_new_version_is_linked_by_the_vault_that_it_was_made_in(self):
        """[R88, R127] Whichever place is asked first."""
        self.from_template()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("twin"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", f"local:{self.path('twin')}#prod", "--twin-of", "prod")
        self.signet("key", "disable", "prod")
        self.signet("keyring", "revalidate", "--use-twin")
        self.assertSays(self.links()[0]["locations"][0], "twin")
        self.assertSays(self.signet("key", "rotate", "prod").out, "linked       default")
        new = self.key("prod/2")["thumbprint"]
        link, = [link for link in self.links() if link["thumbprint"] == new]
        self.assertEqual((link["role"], link["locations"]), ("default", ["local:prod/2"]))
        self.assertEqual(self.backup(self.source)["protector_thumbprint"], new)

    def test_a_recovery_protector_whose_public_half_was_linked_first_is_rotated(self):
        """[R88] The version before it wraps no more."""
        self.from_template()
        self.signet("key", "create", "safe", "--size", "2048")
        write(self.path("safe.pem"), self.signet("key", "export-public", "safe").out)
        self.signet("keyring", "link", "public:" + self.path("safe.pem"), "--recovery")
        self.signet("keyring", "link", "local:safe", "--recovery")
        thumbprints = [self.key("safe/1")["thumbprint"]]
        for version in ("safe/2", "safe/3"):
            self.assertSays(self.signet("key", "rotate", "safe").out, "linked       recovery")
            thumbprints.append(self.key(version)["thumbprint"])
        roles = {link["thumbprint"]: link["role"] for link in self.links()}
        self.assertEqual([roles[one] for one in thumbprints], ["linked", "linked", "recovery"])
        wrapped = self.signet("show", self.backup(self.source)["backup_id"], "--json").out
        self.assertEqual([one in wrapped for one in thumbprints], [False, False, True])

    def test_a_policy_is_shown_and_taken_back(self):
        """[R88]"""
        self.init()
        self.assertIsNone(self.key()["rotation"])
        self.assertSays(self.signet("key", "rotation-policy", "prod", "--after", "90").out, "rotation", "90 days after it was made; due 20")
        self.assertEqual(self.key()["rotation"]["after_days"], 90)
        self.assertSays(self.signet("key", "rotation-policy", "prod").out, "90 days")
        self.signet("key", "rotation-policy", "prod", "--off")
        self.assertIsNone(self.key()["rotation"])
        for wrong in (["--after", "6"], ["--before-expiry", "3651"], ["--off", "--after", "90"]):
            self.signet("key", "rotation-policy", "prod", *wrong, expect=2)
        self.signet("key", "rotation-policy", "prod/1", "--after", "90", expect=2)
        self.assertSays(self.signet("key", "rotation-policy", "prod", "--before-expiry", "30").err, "never expires")

    def test_what_is_due_is_rotated_and_takes_over(self):
        """[R88, R92]"""
        self.signet("key", "create", "prod", "--size", "2048", "--expires", self.in_days(9))
        self.signet("keyring", "link", "local:prod", "--default")
        self.signet("key", "rotation-policy", "prod", "--before-expiry", "7")
        result = self.signet("key", "rotate", "--due")
        self.assertEqual(result.out, "")
        self.assertSays(result.err, "no key is due")
        self.signet("key", "rotation-policy", "prod", "--before-expiry", "10")
        self.assertSays(self.signet("key", "rotate", "--due", "-n").out, "prod is due")
        self.assertEqual(self.key()["version"], 1)
        old = self.key()
        rows = self.signet("key", "rotate", "--due", "--json").json()
        self.assertEqual([row["version"] for row in rows], [2])
        self.assertEqual(rows[0]["size"], 2048)
        self.assertGreaterEqual(rows[0]["expires"][:19], old["expires"][:19])
        roles = {link["thumbprint"]: link["role"] for link in self.signet("keyring", "show", "--json").json()["links"]}
        self.assertEqual(roles, {old["thumbprint"]: "linked", rows[0]["thumbprint"]: "default"})

    def in_days(self, days):
        return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def test_nothing_due_needs_neither_vault_nor_passphrase(self):
        nobody = {"SIGNET_PASSPHRASE_FILE": None}
        self.assertEqual(self.signet("key", "rotate", "--due", "--json", env=nobody).json(), [])
        self.assertNothingAt(self.path("vault"))
        self.init()
        self.signet("key", "rotate", "--due", env=nobody)
        self.signet("key", "rotate", expect=2)
        self.signet("key", "rotate", "prod", "--due", expect=2)
        self.signet("key", "rotate", "--due", "--size", "4096", expect=2)

    def test_tags(self):
        self.init()
        self.signet("key", "tag", "prod", "team=db", "cost=4711")
        self.assertEqual(self.key()["tags"], {"team": "db", "cost": "4711"})
        self.assertSays(self.signet("key", "show", "prod").out, "team=db")
        self.signet("key", "tag", "prod", "team=")
        self.assertEqual(self.key()["tags"], {"cost": "4711"})
        for wrong in ("team", "=db", "x=" + "y" * 257, "x=\n"):
            self.signet("key", "tag", "prod", wrong, expect=2)
        self.signet("key", "tag", "other", "team=db", expect=13)


class KeyBackups(Life):
    def test_a_key_comes_back_on_another_machine(self):
        """[R62, R63, R65, R97]"""
        self.from_template()
        self.signet("key", "rotate", "prod")
        self.signet("key", "tag", "prod", "team=db")
        made = self.signet("key", "backup", "prod", "-o", "prod.backup", "--json").json()
        self.assertEqual(made["versions"], ["prod/1", "prod/2"])
        self.assertEqual(os.stat(self.path("prod.backup")).st_mode & 0o777, 0o600)
        before = [self.key("prod/1"), self.key("prod/2")]
        self.env["SIGNET_VAULT"] = self.path("elsewhere")
        self.signet("key", "restore", "prod.backup")
        self.assertEqual([self.key("prod/1"), self.key("prod/2")], before)
        self.env["SIGNET_KEYRING"] = self.path("other-keyring")
        self.signet("keyring", "link", "local:prod/1")
        self.signet("restore", "-t", "out")

    def test_a_passphrase_of_its_own(self):
        """[R65]"""
        self.init()
        self.write("safe", "paper\n")
        self.signet("key", "backup", "prod", "-o", "prod.backup", "--backup-passphrase-file", "safe")
        self.env["SIGNET_VAULT"] = self.path("elsewhere")
        self.assertMessage(self.signet("key", "restore", "prod.backup", expect=12), "wrong passphrase")
        self.assertNothingAt(self.path("elsewhere"))
        self.signet("key", "restore", "prod.backup", "--backup-passphrase-file", "safe")

    def test_a_key_backup_replaces_no_file(self):
        self.init()
        self.write("prod.backup", "something else")
        self.signet("key", "backup", "prod", "-o", "prod.backup", expect=17)
        with open(self.path("prod.backup")) as file:
            self.assertEqual(file.read(), "something else")
        self.signet("key", "backup", "prod", expect=2)
        self.signet("key", "backup", "prod", "-o", "no/such/folder", expect=1)
        self.assertEqual(self.key()["key_backup"]["state"], "none")
        write(self.env["SIGNET_PASSPHRASE_FILE"], "wrong\n")
        self.signet("key", "backup", "prod", "-o", "other.backup", expect=12)
        self.assertNothingAt(self.path("other.backup"))

    def test_what_is_no_key_backup_or_damaged_makes_no_vault(self):
        self.init()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        with open(self.path("prod.backup"), "rb") as file:
            content = file.read()
        self.env["SIGNET_VAULT"] = self.path("elsewhere")
        self.write("damaged", content.replace(b'"enabled": true', b'"enabled": false'))
        self.signet("key", "restore", "damaged", expect=14)
        self.signet("key", "restore", self.write("rubbish", "rubbish"), expect=14)
        self.signet("key", "restore", "nothing", expect=1)
        self.assertNothingAt(self.path("elsewhere"))

    def test_restoring_twice_changes_nothing(self):
        self.init()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.assertSays(self.signet("key", "restore", "prod.backup").err, "every version is in the vault already")
        self.signet("key", "delete", "prod")
        self.assertSays(self.signet("key", "restore", "prod.backup").err, "signet key recover prod/1")
        self.signet("key", "backup", "prod", "-o", "again.backup", expect=17)
        self.assertNothingAt(self.path("again.backup"))

    def test_reminders_before_first_use_and_after_each_change(self):
        """[R62, R64, R97]"""
        self.signet("key", "create", "prod", "--size", "2048")
        self.assertSays(self.signet("keyring", "link", "local:prod", "--default").err, "no key backup", "before its first use",
                        "signet key backup prod -o FILE")
        self.assertEqual(self.key()["key_backup"], {"state": "none", "made": None})
        self.assertSays(self.signet("key", "list").out, "KEY BACKUP", "none")
        self.signet("key", "backup", "prod", "-o", "1.backup")
        self.assertEqual(self.key()["key_backup"]["state"], "current")
        self.assertNotIn("key backup", self.signet("keyring", "link", "local:prod", "--default").err)
        result = self.signet("key", "tag", "prod", "team=db")
        self.assertSays(result.err, "has changed since its key backup of")
        self.assertEqual(self.key()["key_backup"]["state"], "outdated")
        self.assertSays(self.signet("key", "show", "prod").out, "the key has changed since")
        self.signet("key", "backup", "prod", "-o", "2.backup")
        self.assertSays(self.signet("key", "rotate", "prod").err, "has changed since its key backup of")

    def test_escrow_protectors_are_kept_by_the_repository(self):
        self.signet("init")
        self.assertNotIn("key backup", self.signet("key", "disable", "escrow").err)

    def test_a_rotation_of_escrow_that_was_killed_is_made_good_by_the_next(self):
        """[R24] What it had made in the vault is no escrow protector to the keyring."""
        officer = self.signet("init", "--json").last()["officer"]
        self.signet("key", "rotate", "escrow", env={"SIGNET_KEYRING": self.path("nobody")})
        source = self.sample_tree()
        self.signet("key", "rotate", "escrow")
        self.backup(source)
        bare = {"SIGNET_KEYRING": self.path("bare"), "SIGNET_VAULT": self.path("bare-vault")}
        self.signet("keyring", "recover", "--officer", officer, env=bare)
        self.signet("restore", "-t", "out", env=bare)
        self.assertSameTree(source, self.path("out") + source)

    def test_a_deleted_version_is_recovered_as_it_was(self):
        """[R66] Enabling the name means the versions that are there."""
        self.init()
        self.signet("key", "create", "spare", "--size", "2048")
        self.signet("key", "rotate", "spare", "--size", "2048")
        self.signet("key", "disable", "spare/1")
        self.signet("key", "delete", "spare/1")
        self.signet("key", "enable", "spare")
        self.signet("key", "recover", "spare/1")
        states = {row["version"]: row["state"] for row in self.signet("key", "list", "--json").json() if row["name"] == "spare"}
        self.assertEqual(states, {1: "disabled", 2: "enabled"})

    def test_a_key_made_for_key_exchange_leaves_no_vault(self):
        self.signet("key", "create", "kek", "--size", "2048", "--exchange")
        self.write("kek.pem", self.signet("key", "export-public", "kek").out)
        result = self.signet("key", "export", "kek", "--byok", "--for", "kek.pem", "-o", "kek.byok", expect=17)
        self.assertMessage(result, "key exchange key", "stays where it is")
        self.assertNothingAt(self.path("kek.byok"))

    def test_a_key_made_for_key_exchange_is_linked_by_nobody(self):
        self.signet("key", "create", "kek", "--size", "2048", "--exchange")
        self.assertEqual(self.key("kek")["use"], "exchange")
        self.assertMessage(self.signet("keyring", "link", "local:kek", expect=(13, 17)), "key exchange key")


@unittest.skipUnless(shutil.which("openssl"), "no openssl")
class Import(Life):
    def openssl(self, *words, **more):
        return subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.scratch, **more)

    def fingerprint(self, key):
        spki = self.openssl("pkey", "-in", key, "-pubout", "-outform", "DER").stdout
        return "sha256:" + hashlib.sha256(spki).hexdigest()

    def a_key(self):
        self.openssl("genrsa", "-out", "key.pem", "2048")
        return self.fingerprint("key.pem")

    def test_pkcs12_with_ciphers_of_old(self):
        """[R61]"""
        thumbprint = self.a_key()
        self.openssl("req", "-x509", "-key", "key.pem", "-subj", "/CN=x", "-out", "cert.pem")
        self.write("pw", "pw\n")
        old = ("-legacy", "-keypbe", "PBE-SHA1-RC2-40", "-certpbe", "PBE-SHA1-RC2-40")
        try:
            self.openssl("pkcs12", "-export", *old, "-inkey", "key.pem", "-in", "cert.pem", "-passout", "pass:pw", "-out", "old.pfx")
        except subprocess.CalledProcessError:
            self.skipTest("no legacy provider")
        command = ("key", "import", "a", "old.pfx", "--import-passphrase-file", "pw")
        absent = self.signet(*command, env={"OPENSSL_MODULES": self.path("nowhere")}, expect=1)
        self.assertMessage(absent, "legacy provider", "openssl pkcs12 -legacy")
        self.assertNothingAt(self.path("vault"))
        self.assertEqual(self.signet(*command, "--json").json()["thumbprint"], thumbprint)
        self.write("wrong", "wrong\n")
        self.signet("key", "import", "b", "old.pfx", "--import-passphrase-file", "wrong", expect=12)

    def test_byok_made_by_another_implementation(self):
        """[R14, R61]"""
        try:
            from cryptography.hazmat.primitives import hashes, keywrap, serialization
            from cryptography.hazmat.primitives.asymmetric import padding
        except ImportError:
            self.skipTest("no python3-cryptography")
        thumbprint = self.a_key()
        self.signet("key", "create", "kek", "--size", "2048", "--exchange")
        kek = serialization.load_pem_public_key(self.signet("key", "export-public", "kek").out.encode())
        pkcs8 = self.openssl("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER").stdout
        aes = os.urandom(32)
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
        blob = kek.encrypt(aes, oaep) + keywrap.aes_key_wrap_with_padding(aes, pkcs8)
        file = {"schema_version": "1.0.0", "header": {"kid": "kek/1", "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
                "ciphertext": base64.urlsafe_b64encode(blob).decode().rstrip("="), "generator": "test"}
        self.write("key.byok", json.dumps(file))
        made = self.signet("key", "import", "prod", "key.byok", "--json").json()
        self.assertEqual((made["thumbprint"], made["origin"]), (thumbprint, "byok"))
        self.signet("key", "create", "other", "--size", "2048", "--exchange")
        self.signet("key", "import", "again", "key.byok", "--exchange-key", "other", expect=13)
        self.signet("key", "import", "again", "key.byok", "--exchange-key", "prod", expect=17)
        self.signet("key", "disable", "kek")
        self.assertMessage(self.signet("key", "import", "again", "key.byok", expect=13), "wrapped for kek/1, which is disabled", "signet key enable kek/1")
        self.signet("key", "delete", "kek", env={"SIGNET_REPOSITORY": None})
        self.assertMessage(self.signet("key", "import", "again", "key.byok", expect=13), "wrapped for kek/1, which is deleted", "signet key recover kek/1")
        self.signet("key", "recover", "kek")
        self.signet("key", "enable", "kek", expect=None)
        file["header"]["kid"] = "somebody/1"
        self.write("key.byok", json.dumps(dict(file, ciphertext=base64.urlsafe_b64encode(blob[:-8]).decode())))
        self.assertMessage(self.signet("key", "import", "again", "key.byok", expect=13), "wrapped for somebody/1", "--exchange")
        file["header"]["kid"] = "kek/1"
        self.write("key.byok", json.dumps(dict(file, ciphertext=base64.urlsafe_b64encode(blob[:-8]).decode())))
        self.assertMessage(self.signet("key", "import", "again", "key.byok", expect=14), "damaged", "wrapped for kek/1")
        self.signet("key", "import", "again", "key.byok", "--exchange-key", "other", expect=13)
        file["header"]["enc"] = "RSA-OAEP-256"
        self.write("key.byok", json.dumps(file))
        self.signet("key", "import", "again", "key.byok", expect=1)
        self.write("key.byok", "{")
        self.signet("key", "import", "again", "key.byok", expect=14)

    def test_a_key_travels_to_a_twin_as_byok(self):
        """[R132]"""
        self.from_template()
        twin = ("--vault", self.path("twin"))
        self.signet(*twin, "key", "create", "kek", "--size", "2048", "--exchange")
        self.write("kek.pem", self.signet(*twin, "key", "export-public", "kek").out)
        export = ("key", "export", "prod", "--byok", "--for", "kek.pem", "-o", "prod.byok")
        self.signet(*export, "--kid", "https://v.example/keys/kek/1")
        self.assertEqual(os.stat(self.path("prod.byok")).st_mode & 0o777, 0o600)
        with open(self.path("prod.byok")) as file:
            self.assertEqual(json.load(file)["header"], {"kid": "https://v.example/keys/kek/1", "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"})
        self.assertEqual(self.audit()[-1]["operation"], "key-export")
        self.signet(*export, expect=17)
        self.signet("key", "export", "prod", expect=2)
        self.signet("key", "export", "prod", "--byok", "-o", "x", expect=2)
        self.signet("key", "import", "prod2", "prod.byok", expect=13)
        made = self.signet(*twin, "key", "import", "prod", "prod.byok", "--json").json()
        self.assertEqual(made["thumbprint"], self.key()["thumbprint"])
        # What opens nothing does not leave either.
        for change, back in (("disable", "enable"), ("delete", "recover")):
            self.signet("key", change, "prod", *(["--force"] if change == "delete" else []))
            result = self.signet("key", "export", "prod", "--byok", "--for", "kek.pem", "-o", "x", expect=17)
            self.assertMessage(result, f"signet key {back} prod/1")
            self.signet("key", back, "prod")
        self.assertNothingAt(self.path("x"))

    def test_of_two_private_keys_in_a_file_none_is_taken(self):
        self.a_key()
        with open(self.path("key.pem"), "rb") as file:
            content = file.read()
        self.write("two.pem", content + content)
        self.assertMessage(self.signet("key", "import", "two", "two.pem", expect=17), "more than one private key")

    def test_a_key_backup_is_not_imported(self):
        """[R61]"""
        self.init()
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.assertMessage(self.signet("key", "import", "other", "prod.backup", expect=2), "signet key restore")


if __name__ == "__main__":
    main()
