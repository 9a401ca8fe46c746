"""What every kind of vault must hold to, whatever is behind it: local vaults, tokens, Azure Key Vault, AWS KMS, Transit.
One suite, and a class for each."""

import json
import os
import time
import unittest

import managers
import tpm
from harness import SignetTest, main
from tokens import READY as TOKENS_ARE_READY, TokenTest


class Conformance:
    """make_provider() makes the Provider (see managers.py) that is driven."""

    def setUp(self):
        super().setUp()
        self.provider = self.make_provider()
        self.number = 0

    def link(self, *words, **more):
        return self.signet("keyring", "link", self.provider.place, "--default", *words, **more)

    def set_up_repository(self):
        self.link()
        self.signet("init", "--provider", self.repository_provider(), "--region", self.provider.region)
        self.source = self.sample_tree()
        return self.backup(self.source)

    def repository_provider(self):
        return "local" if self.provider.name == "pkcs11" else self.provider.name

    def link_twin(self):
        if self.provider.twin is None:
            self.skipTest("has no twins")
        self.signet("keyring", "link", self.provider.twin, "--twin-of", self.links()[0]["thumbprint"])

    def links(self):
        return self.signet("keyring", "show", "--json").json()["links"]

    def restore(self, backup="latest", expect=0, source=None):
        self.number += 1
        out = self.path(f"out{self.number}")
        result = self.signet("restore", backup, "-t", out, expect=expect)
        if result.code == 0:
            self.assertSameTree(source or self.source, out + self.source)
        else:
            self.assertNothingAt(out)
        return result

    def audit(self):
        return [json.loads(line) for line in self.signet("keyring", "audit", "--export").out.splitlines()]

    # Linking.

    def test_linking_tests_first_and_then_records(self):
        """[R1, R11, R60, R61]"""
        self.link()
        link, = self.links()
        self.assertEqual((link["role"], link["provider"], link["region"]), ("default", self.provider.name, self.provider.region))
        self.assertEqual(link["status"], "usable")
        self.assertTrue(link["thumbprint"].startswith("kms:" if self.provider.symmetric else "sha256:"))
        tests = [line for line in self.audit() if line.get("operation") == "test"]
        self.assertEqual([line.get("outcome") for line in tests], [None, "ok"])
        self.assertSays(self.signet("keyring", "test").out, "ok, wraps and unwraps")

    def test_nothing_is_linked_when_a_test_fails(self):
        """[R60] The version that is disabled is named."""
        version = self.provider.version_one()
        self.provider.disable()
        self.signet("keyring", "link", version, "--default", expect=13)
        self.assertEqual(self.links(), [])
        self.provider.enable()
        self.signet("keyring", "link", version, "--default", "--region", self.provider.region)

    def test_another_key_than_the_one_expected_is_refused(self):
        """[R60]"""
        self.assertMessage(self.link("--thumbprint", "sha256:0123456789ab", expect=17), ", not ")
        self.assertEqual(self.links(), [])

    # Backups.

    def test_what_is_backed_up_comes_back(self):
        summary = self.set_up_repository()
        self.assertEqual(summary["protector_thumbprint"], self.links()[0]["thumbprint"])
        self.restore()
        self.signet("check", "--read-data")

    def test_a_rotation_leaves_old_backups_alone(self):
        """[R10, R79]"""
        first = self.set_up_repository()
        self.provider.rotate()
        with open(self.source + "/new.txt", "w", encoding="utf-8") as file:
            file.write("new")
        second = self.backup(self.source, "--force")
        self.assertNotEqual(first["protector_thumbprint"], second["protector_thumbprint"])
        roles = {link["thumbprint"]: link["role"] for link in self.links()}
        self.assertEqual(roles, {first["protector_thumbprint"]: "linked", second["protector_thumbprint"]: "default"})
        self.restore(second["backup_id"])
        os.remove(self.source + "/new.txt")
        out = self.path("old")
        self.signet("restore", first["backup_id"], "-t", out)
        self.assertEqual(sorted(os.listdir(out + self.source)), sorted(os.listdir(self.source)))

    # Refusals.

    def test_without_the_key_there_is_no_way_in(self):
        """[R5, R121]"""
        self.set_up_repository()
        self.env["SIGNET_KEYRING"] = self.path("empty-keyring")
        self.assertMessage(self.restore(expect=13), "missing from this keyring")

    def test_a_disabled_key_is_refused_and_no_twin_is_asked(self):
        """[R25, R110, R131]"""
        self.set_up_repository()
        self.link_twin()
        self.provider.disable()
        result = self.restore(expect=13)
        self.assertMessage(result, self.provider.disabled_words)
        self.assertNotIn("its twin is used", result.err)
        self.assertNotIn("failover", [line.get("operation") for line in self.audit()])
        # Nor when the first is out of reach after that.
        self.provider.take_away()
        self.assertMessage(self.restore(expect=13), "refused since")
        self.provider.bring_back()
        self.provider.enable()
        self.restore()

    def test_a_permission_that_is_taken_away_is_refused_and_no_twin_is_asked(self):
        """[R25, R110, R131]"""
        if not self.provider.denies:
            self.skipTest("has no permissions")
        self.set_up_repository()
        self.link_twin()
        self.provider.deny()
        result = self.restore(expect=13)
        self.assertMessage(result, "denied")
        self.assertNotIn("its twin is used", result.err)
        self.signet("backup", self.source, expect=13)
        self.provider.take_away()
        self.assertMessage(self.restore(expect=13), "refused since")
        self.provider.bring_back()
        self.provider.allow()
        self.restore()
        self.backup(self.source)

    def test_another_key_in_its_place_is_none(self):
        """[R87, R131]"""
        self.set_up_repository()
        self.link_twin()
        self.provider.replace()
        result = self.restore(expect=(13, 14))  # a symmetric key cannot be told from another until it does not open
        self.assertNotIn("its twin is used", result.err)

    # Outages.

    def test_a_key_out_of_reach_leads_to_its_twin_and_back(self):
        """[R104, R130] With a line of the audit log from where, why, and to where."""
        self.set_up_repository()
        self.link_twin()
        self.provider.take_away()
        self.assertSays(self.restore().err, "its twin is used")
        failover = next(line for line in self.audit() if line.get("operation") == "failover")
        self.assertTrue(failover["location"].startswith(self.provider.twin.rpartition("?")[0] or self.provider.twin))
        self.assertSays(failover["detail"], "from ", "unavailable")
        self.backup(self.source)
        self.provider.bring_back()
        self.assertNotIn("its twin is used", self.restore().err)

    def test_a_failover_is_rehearsed_while_all_is_well(self):
        """[R142] The vaults are left alone; what stood in is on record."""
        self.set_up_repository()
        if self.provider.twin is None:
            self.assertMessage(self.signet("drill", "failover", expect=17), "has a twin", "--twin-of")
            return
        self.link_twin()
        thumbprint = self.links()[0]["thumbprint"]
        self.assertSays(self.signet("status", "--max-failover-age", "1d", expect=16).out, "has never stood in")
        record = self.signet("drill", "failover", "--json").last()
        protector, = record["protectors"]
        self.assertEqual((record["result"], record["select"], protector["thumbprint"], protector["proven"]), ("passed", "failover", thumbprint, True))
        self.assertEqual(len(record["without_places"]), 1)
        failover = next(line for line in self.audit() if line.get("operation") == "failover")
        self.assertSays(failover["detail"], "out of reach as this drill has it")
        self.signet("status", "--max-failover-age", "1d")
        self.assertNotIn("its twin is used", self.restore().err)

    def test_without_a_twin_an_outage_is_said_to_be_one(self):
        self.set_up_repository()
        self.provider.take_away()
        self.assertMessage(self.restore(expect=13), "out of reach")
        # A public half wraps in the meantime; what only the vault can wrap waits.
        self.signet("backup", self.source, expect=13 if self.provider.symmetric else 0)
        self.provider.bring_back()
        self.restore()

    # Economy, of what is reached over HTTP.

    def test_each_data_key_is_asked_for_once_and_many_at_once(self):
        """[R77]"""
        if not self.provider.opening and not self.provider.name == "aws":
            self.skipTest("is not reached over HTTP")
        count, seconds = 12, 0.25
        self.set_up_repository()
        for number in range(count - 1):
            with open(f"{self.source}/file{number}", "wb") as file:
                file.write(os.urandom(3000))
            self.backup(self.source)
        needed, = self.signet("plan", "--json").json()["required"]
        self.assertEqual((needed["deks"], needed["calls"]["count"], needed["calls"]["at_once"]), (count, count, 8))
        self.provider.slow_down(seconds)
        before = self.provider.unwraps()
        start = time.monotonic()
        self.restore()
        self.assertLess(time.monotonic() - start, count * seconds * 0.8)
        self.assertEqual(self.provider.unwraps() - before, count)

    # Identity.

    def test_who_this_host_is_to_the_vault_is_shown(self):
        """[R28, R32]"""
        linked = self.link().out
        tested = self.signet("keyring", "test").out
        results = self.signet("keyring", "test", "--json").json()[0]["results"]
        if not self.provider.has_requests:
            self.assertNotIn("identity", linked)
            self.assertEqual([result["identity"] for result in results], [None])
            return
        self.assertSays(linked, "identity   " + self.provider.identity())
        self.assertSays(tested, "as " + self.provider.identity())
        self.assertSays(results[0]["identity"], self.provider.identity())

    def test_rights_beyond_the_key_are_warned_about(self):
        """[R36]"""
        self.link()
        self.assertNotIn("this host may also", self.signet("keyring", "test").err)
        if not self.provider.give_more():
            self.skipTest("tells nothing of them")
        self.assertSays(self.signet("keyring", "test").err, "this host may also", self.provider.more, "keyring setup " + self.provider.name)

    # The audit log.

    def test_every_use_is_in_the_audit_log(self):
        """[R9, R145] With the manager's id of the request, where there is one."""
        self.set_up_repository()
        self.restore()
        uses = [line for line in self.audit() if line.get("operation") in ("wrap", "unwrap") and line.get("outcome")]
        self.assertEqual({line["operation"] for line in uses}, {"wrap", "unwrap"})
        for line in uses:
            self.assertEqual(line["outcome"], "ok")
            if self.provider.has_requests:
                self.assertRegex(line["detail"], r"request [0-9a-f-]{36}")
        self.signet("keyring", "audit", "--verify")

    def test_a_slot_that_was_altered_is_seen_and_opens_nothing(self):
        """[R121] The manifest has the same slot, so that the backup is not lost."""
        self.set_up_repository()
        for name in self.objects("slots"):
            self.alter(name, lambda content: content[:-1] + bytes([content[-1] ^ 1]))
        self.signet("check", expect=14)
        self.restore()


class LocalVaults(Conformance, SignetTest):
    def make_provider(self):
        return managers.Local(self)


@unittest.skipUnless(managers.READY, managers.WHY)
class TransitKeys(Conformance, SignetTest):
    def make_provider(self):
        return managers.Transit(self)


@unittest.skipUnless(managers.READY, managers.WHY)
class TransitRsaKeys(Conformance, SignetTest):
    def make_provider(self):
        return managers.TransitRsa(self)


@unittest.skipUnless(managers.READY, managers.WHY)
class AzureKeys(Conformance, SignetTest):
    def make_provider(self):
        return managers.Azure(self)


@unittest.skipUnless(managers.READY, managers.WHY)
class ManagedHsmKeys(Conformance, SignetTest):
    def make_provider(self):
        return managers.ManagedHsm(self)


@unittest.skipUnless(managers.READY, managers.WHY)
class AwsKeys(Conformance, SignetTest):
    def make_provider(self):
        return managers.Aws(self)


@unittest.skipUnless(managers.READY, managers.WHY)
class AwsRsaKeys(Conformance, SignetTest):
    def make_provider(self):
        return managers.AwsRsa(self)


@unittest.skipUnless(TOKENS_ARE_READY, "needs softhsm2 and opensc")
class Tokens(Conformance, TokenTest):
    def make_provider(self):
        return managers.Token(self)


@unittest.skipUnless(tpm.READY, tpm.WHY)
class TpmKeys(Conformance, tpm.TpmTest):
    def make_provider(self):
        return managers.Tpm(self)


if __name__ == "__main__":
    main()
