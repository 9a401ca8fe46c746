"""Protectors in AWS KMS, as the double of tests/doubles holds them: linking, backups, restores, rotation, states, credentials,
and a key of several regions."""

import base64
import json
import os
import time
import unittest

import managers
from harness import SignetTest, main, write

if managers.READY:
    from aws import ACCOUNT, AwsDouble, policy_allows
    from double import captive_portal, cut_off, forbidden_page, hang, huge, redirect, reply, reset, truncated_json

WEST, EAST = "eu-west-1", "us-east-1"


@unittest.skipUnless(managers.READY, managers.WHY)
class AwsTest(SignetTest):
    """One double for all regions; a client of one user."""

    def setUp(self):
        super().setUp()
        self.aws = AwsDouble()
        self.addCleanup(self.aws.stop)
        self.env.update(self.aws.environment())
        # Retries that a test does not wait for.
        self.env.update(SIGNET_REMOTE_WAIT="0.01", SIGNET_REMOTE_ATTEMPTS="2", SIGNET_REMOTE_TIMEOUT="1")
        self.source = self.sample_tree()
        self.number = 0

    def link(self, arn, *words, **more):
        return self.signet("keyring", "link", "aws:" + arn, *words, **more)

    def begin(self, arn):
        self.link(arn, "--default", "--name", "prod")
        self.signet("init", "--provider", "aws", "--region", WEST)
        return self.backup(self.source)

    def restore(self, expect=0):
        self.number += 1
        out = self.path(f"out{self.number}")
        result = self.signet("restore", "-t", out, expect=expect)
        if expect == 0:
            self.assertSameTree(self.source, out + self.source)
        else:
            self.assertNothingAt(out)
        return result

    def audit(self):
        lines = self.signet("keyring", "audit", "--export").out.splitlines()
        return [json.loads(line) for line in lines]

    def slots(self):
        return self.objects("slots")


class KeyTest(AwsTest):
    def test_a_symmetric_key_from_link_to_restore(self):
        """[R2, R45]"""
        arn = self.aws.make_key(WEST)
        summary = self.begin(arn)
        self.assertTrue(summary["protector_thumbprint"].startswith("kms:"))
        self.restore()
        # The data key is bound to repository and id, in words that CloudTrail shows.
        [wrap] = [use for use in self.aws.uses(operation="Encrypt") if use["context"]["signet:dek"] == summary["dek_id"]]
        self.assertEqual(set(wrap["context"]), {"signet:repository", "signet:dek"})
        self.assertEqual(self.aws.uses(operation="Decrypt")[-1]["context"], wrap["context"])
        # Whoever reads AWS's log finds the request there.
        unwraps = [line for line in self.audit() if line.get("operation") == "unwrap" and "outcome" in line.get("kind", "outcome")]
        self.assertIn(self.aws.uses(operation="Decrypt")[-1]["id"], json.dumps(unwraps))
        self.assertEqual(self.aws.violations, [])

    def test_an_rsa_key_from_link_to_restore(self):
        arn = self.aws.make_key(WEST, spec="RSA_3072")
        summary = self.begin(arn)
        self.assertTrue(summary["protector_thumbprint"].startswith("sha256:"))
        self.restore()

    def test_an_alias_is_resolved_when_it_is_linked(self):
        arn = self.aws.make_key(WEST, alias="alias/backup")
        alias = f"arn:aws:kms:{WEST}:{ACCOUNT}:alias/backup"
        self.link(alias, "--default")
        [link] = self.signet("keyring", "show", "--json").json()["links"]
        self.assertEqual((link["name"], [place["location"] if isinstance(place, dict) else place for place in link["locations"]]),
                         ("backup", ["aws:" + arn]))

    def test_rotation_by_aws_changes_nothing_here(self):
        arn = self.aws.make_key(WEST)
        self.begin(arn)
        self.aws.key(arn).material.rotate()
        write(f"{self.source}/new", "after the rotation")
        self.backup(self.source)
        self.restore()
        self.assertEqual(len({name.split("/")[1] for name in self.slots()}), 1)

    def test_what_can_be_no_protector_is_not_linked(self):
        rows = [(self.aws.make_key(WEST, manager="AWS"), "AWS's own"),
                (self.aws.make_key(WEST, spec="RSA_2048", usage="SIGN_VERIFY"), "not for encryption"),
                (f"arn:aws:kms:{WEST}:{ACCOUNT}:alias/aws/s3", "AWS's own"),
                (f"arn:aws:kms:{WEST}:{ACCOUNT}:key/none", "NotFoundException")]
        for arn, words in rows:
            with self.subTest(words):
                self.assertMessage(self.link(arn, "--default", expect=(13, 17)), words)
        self.assertEqual(self.signet("keyring", "show", "--json").json()["links"], [])
        for text in ("arn:aws:s3:eu-west-1:1:key/x", "arn:aws:kms:eu-west-1:12:key/x", "key/x", "arn:aws:kms:eu-west-1:111122223333:x"):
            self.signet("keyring", "link", "aws:" + text, expect=2)

    def test_a_key_that_may_wrap_and_not_unwrap_is_not_linked(self):
        arn = self.aws.make_key(WEST)
        self.aws.deny("Decrypt", arn)
        self.assertMessage(self.link(arn, "--default", expect=13), "AccessDeniedException", "kms:Decrypt")
        self.assertEqual(self.signet("keyring", "show", "--json").json()["links"], [])


class StateTest(AwsTest):
    def setUp(self):
        super().setUp()
        self.arn = self.aws.make_key(WEST)
        self.begin(self.arn)

    def test_each_state_of_a_key_refuses_and_heals(self):
        """[R101, R111, R112]"""
        rows = [("Disabled", "disabled", "aws kms enable-key"), ("PendingDeletion", "deleted", "aws kms cancel-key-deletion"),
                ("PendingImport", "PendingImport", "enable-key"), ("Unavailable", "key store is disconnected", "")]
        for state, words, help_ in rows:
            with self.subTest(state):
                self.aws.set_state(self.arn, state)
                self.assertMessage(self.restore(expect=13), words, help_)
                self.signet("backup", self.source, expect=13)
                self.aws.set_state(self.arn, "Enabled")
                self.restore()
                self.backup(self.source)

    def test_access_that_is_withdrawn_is_named(self):
        self.aws.deny("Decrypt", self.arn)
        self.assertMessage(self.restore(expect=13), "kms:Decrypt", "AccessDeniedException", "request ")
        self.aws.allow_all()
        self.restore()

    def test_what_answers_in_place_of_kms_is_not_believed(self):
        rows = [("a captive portal", captive_portal(), "not to be trusted"), ("a page that says 403", forbidden_page(), "not to be trusted"),
                ("a redirect", redirect("https://elsewhere.example/"), "not to be trusted"),
                ("truncated JSON", truncated_json(), "not to be trusted"),
                ("an answer of 100 MB", huge(), "not to be trusted"),
                ("another key", self.aws.wrong_key(), "not to be trusted"),
                ("an answer cut off", cut_off(), "out of reach"), ("a reset", reset(), "out of reach"),
                ("an outage", reply(503, "<html>"), "out of reach"), ("a hanging server", hang(5), "out of reach"),
                ("throttling", self.aws.says("ThrottlingException"), "ThrottlingException")]
        for name, action, words in rows:
            with self.subTest(name):
                self.aws.fault(action, operation="Decrypt")
                self.assertMessage(self.restore(expect=13), words)
                self.aws.heal()
                self.restore()
                self.aws.fault(action, operation="DescribeKey")
                self.assertMessage(self.restore(expect=13), words.replace("not to be trusted", "trusted"))
                self.aws.heal()
                self.restore()

    def test_a_throttled_call_is_tried_again_and_a_denied_one_is_not(self):
        before = len(self.aws.uses(operation="Decrypt"))
        self.aws.fault(self.aws.says("ThrottlingException"), times=1, operation="Decrypt")
        self.restore()
        self.assertEqual(len(self.aws.uses(operation="Decrypt")), before + 2)
        before = len(self.aws.uses())
        self.aws.deny("DescribeKey", self.arn)
        self.restore(expect=13)
        asked = [use["operation"] for use in self.aws.uses()[before:]]
        self.assertEqual(asked, ["DescribeKey"] * len(asked))
        self.assertLessEqual(len(asked), 3)

    def test_a_damaged_slot_is_damage_and_no_refusal(self):
        [name] = self.slots()
        self.aws.fault(self.aws.says("InvalidCiphertextException"), operation="Decrypt")
        self.assertMessage(self.restore(expect=14), "damaged")
        self.aws.heal()
        self.restore()

    def test_a_wrong_clock_is_told(self):
        self.aws.offset = 1200
        self.assertMessage(self.restore(expect=13), "the clock of this machine is 20 minutes behind")

    def test_rotation_to_another_key_and_rewrap_without_seeing_the_data_key(self):
        """Under the new key, by ReEncrypt: nothing is decrypted here."""
        fresh = self.aws.make_key(WEST)
        self.link(fresh, "--default", "--name", "next")
        before = len(self.aws.uses(operation="Decrypt"))
        self.signet("rewrap", "--all")
        self.assertEqual(len(self.aws.uses(operation="Decrypt")), before)
        self.assertEqual(len(self.aws.uses(operation="ReEncrypt")), 1)
        self.aws.set_state(self.arn, "Disabled")
        self.restore()


class OfficerTest(AwsTest):
    """What a key officer does with keys of KMS, where IAM lets them."""

    PLACE, TWIN = (f"aws:arn:aws:kms:{region}:111122223333:alias/made" for region in (WEST, EAST))

    def test_the_life_of_a_key(self):
        """[R7, R67, R68, R96, R97]"""
        made = self.signet("key", "create", self.PLACE, "--json").json()
        self.assertEqual((made["kind"], made["state"]), ("aes", "enabled"))
        self.assertMessage(self.signet("key", "create", self.PLACE, expect=17), "already", "key rotate")
        self.signet("keyring", "link", self.PLACE, "--default")
        self.signet("init", "--provider", "aws", "--region", WEST)
        first = self.backup(self.source)
        self.assertSays(self.signet("key", "rotate", self.PLACE).out, "linked", f"default, aws/{WEST}")
        second = self.backup(self.source, "--force")
        self.assertNotEqual(first["protector_thumbprint"], second["protector_thumbprint"])

        self.signet("key", "disable", self.PLACE)
        self.signet("backup", self.source, expect=13)
        self.signet("key", "enable", self.PLACE)
        self.backup(self.source)
        rsa = self.PLACE.replace("made", "rsa")
        self.signet("key", "create", rsa, "--size", "2048")
        self.signet("key", "disable", rsa)
        self.signet("key", "show", rsa, expect=13)
        self.signet("key", "enable", rsa)
        self.signet("key", "show", rsa)

        self.assertMessage(self.signet("key", "delete", self.PLACE, expect=17), "linked", "--force")
        self.assertSays(self.signet("key", "delete", self.PLACE, "--force").out, "deleted", "recovered until")
        self.assertMessage(self.restore(expect=13), "deleted")
        self.signet("key", "recover", self.PLACE)
        self.restore()
        operations = [line.get("operation") for line in self.audit()]
        for one in ("key-create", "key-rotate", "key-disable", "key-enable", "key-delete", "key-recover"):
            self.assertIn(one, operations)

    def test_a_key_of_two_regions_rotates_in_both(self):
        """[R101, R104, R130] The alias in the second region moves first."""
        self.signet("key", "create", self.PLACE, "--size", "2048", "--multi-region")
        twin = self.signet("key", "create", self.TWIN, "--twin-of", self.PLACE, "--json").json()
        self.assertTrue(twin["location"].startswith(f"aws:arn:aws:kms:{EAST}:{ACCOUNT}:key/mrk-"))
        self.assertEqual(twin["thumbprint"], self.signet("key", "show", self.PLACE, "--json").json()["thumbprint"])
        self.signet("keyring", "link", self.PLACE, "--default", "--without-twin")
        self.signet("keyring", "link", self.TWIN, "--twin-of", twin["thumbprint"])
        self.signet("init", "--provider", "aws", "--region", WEST)
        self.backup(self.source)
        rotated = self.signet("key", "rotate", self.PLACE, "--json").json()
        self.assertEqual(rotated["size"], 2048)
        fresh = self.signet("key", "show", self.TWIN, "--json").json()
        self.assertEqual(fresh["thumbprint"], rotated["thumbprint"])
        moved = [(use["region"], use["operation"]) for use in self.aws.uses() if use["operation"] in ("CreateKey", "ReplicateKey", "UpdateAlias")]
        self.assertEqual(moved[-4:], [(WEST, "CreateKey"), (WEST, "ReplicateKey"), (EAST, "UpdateAlias"), (WEST, "UpdateAlias")])
        self.signet("keyring", "link", self.TWIN, "--twin-of", fresh["thumbprint"])
        self.backup(self.source, "--force")
        self.aws.fault(reset(), region=WEST)
        self.assertSays(self.restore().err, "its twin is used")

    def test_what_kms_cannot_do_is_said_before_it_is_asked(self):
        key = self.aws.make_key(WEST)
        asked = len(self.aws.uses())
        self.assertMessage(self.signet("key", "create", "aws:" + key, expect=2), "gives keys their ids", ":alias/NAME")
        self.assertMessage(self.signet("key", "create", self.PLACE, "--expires", "2030-01-01", expect=17), "no dates")
        self.assertMessage(self.signet("key", "create", "made", "--multi-region", expect=2), "keys of key managers")
        self.assertMessage(self.signet("key", "create", self.TWIN, "--twin-of", "aws:" + key, "--size", "2048", expect=2), "all that it is")
        self.assertMessage(self.signet("key", "backup", self.PLACE, "-o", self.path("k"), expect=17), "does not back up")
        self.assertEqual(len(self.aws.uses()), asked)
        self.assertMessage(self.signet("key", "create", self.TWIN, "--twin-of", "aws:" + key, expect=17), "of one region", "--multi-region")
        self.assertNotIn("alias/made", self.aws.aliases[EAST])

    def test_what_iam_does_not_allow_is_said_so(self):
        self.signet("key", "create", self.PLACE)
        self.aws.deny("DisableKey")
        self.assertMessage(self.signet("key", "disable", self.PLACE, expect=13), "AccessDeniedException", "request ")


class EconomyTest(AwsTest):
    """A restore that needs many data keys asks for each once, several at a time."""

    COUNT = 20

    def setUp(self):
        super().setUp()
        self.arn = self.aws.make_key(WEST)
        self.begin(self.arn)
        for number in range(self.COUNT - 1):
            write(f"{self.source}/file{number}", os.urandom(3000))
            self.backup(self.source)

    def test_one_call_for_each_data_key_as_the_plan_says(self):
        """[R77]"""
        [needed] = self.signet("plan", "--json").json()["required"]
        self.assertEqual((needed["deks"], needed["calls"]["count"], needed["calls"]["at_once"]), (self.COUNT, self.COUNT, 8))
        self.assertEqual(needed["calls"]["vault"], f"aws:{WEST}/{ACCOUNT}")
        self.assertGreater(needed["calls"]["seconds"], 0)
        self.assertSays(self.signet("plan").out, f"asks aws:{WEST}/{ACCOUNT} to unwrap {self.COUNT} times, 8 at once: about")
        before = len(self.aws.uses())
        self.restore()
        asked = [use["operation"] for use in self.aws.uses()[before:]]
        self.assertEqual(asked.count("Decrypt"), self.COUNT)
        self.assertLessEqual(len(asked), self.COUNT + 2)

    def test_they_are_asked_for_at_once(self):
        self.aws.delay = 0.1
        start = time.monotonic()
        self.restore()
        self.assertLess(time.monotonic() - start, self.aws.delay * self.COUNT * 0.8)

    def test_a_refusal_stops_the_asking(self):
        self.aws.deny("Decrypt", self.arn)
        before = len(self.aws.uses(operation="Decrypt"))
        self.assertMessage(self.restore(expect=13), "AccessDeniedException")
        self.assertLessEqual(len(self.aws.uses(operation="Decrypt")) - before, 8 + 2)

    def test_every_use_is_in_the_audit_log(self):
        self.restore()
        outcomes = [line for line in self.audit() if line.get("operation") == "unwrap"]
        self.assertGreaterEqual(len(outcomes), self.COUNT)
        self.signet("keyring", "audit")


class RegionTest(AwsTest):
    """A multi-Region key: two places, one thumbprint."""

    def setUp(self):
        super().setUp()
        self.west = self.aws.make_key(WEST, multi_region=True)
        self.east = self.aws.replicate(self.west, EAST)
        self.link(self.west, "--default", "--name", "prod")
        self.link(self.east, "--twin-of", "prod")
        self.signet("init", "--provider", "aws", "--region", WEST)
        self.backup(self.source)

    def region_of_last_unwrap(self):
        return self.aws.uses(operation="Decrypt")[-1]["region"]

    def test_both_places_have_one_thumbprint(self):
        [link] = self.signet("keyring", "show", "--json").json()["links"]
        self.assertEqual(len(link["locations"]), 2)
        self.assertTrue(link["thumbprint"].startswith("kms:"))

    def test_a_region_that_does_not_answer_leads_to_the_other_and_back(self):
        """[R104, R130]"""
        for name, action in [("reset", reset()), ("outage", reply(503, "")), ("hang", hang(5)),
                             ("broken", self.aws.says("KMSInternalException", status=500)),
                             ("throttled to the end", self.aws.says("ThrottlingException"))]:
            with self.subTest(name):
                self.aws.fault(action, region=WEST)
                self.assertSays(self.restore().err, "its twin is used")
                self.assertEqual(self.region_of_last_unwrap(), EAST)
                failover = [line for line in self.audit() if line.get("operation") == "failover"][-1]
                self.assertSays(failover["location"], EAST)
                self.assertSays(failover["detail"], "from ", WEST)
                # A new backup is wrapped there, too: a symmetric key has no public half.
                self.backup(self.source)
                self.assertEqual(self.aws.uses(operation="Encrypt")[-1]["region"], EAST)
                self.aws.heal()
                self.restore()
                self.assertEqual(self.region_of_last_unwrap(), WEST)

    def test_no_refusal_leads_to_the_other_nor_does_an_outage_after_it(self):
        """[R111, R131]"""
        def deny():
            self.aws.deny("*", self.west)
        rows = [("disabled", lambda: self.aws.set_state(self.west, "Disabled")),
                ("deleted", lambda: self.aws.set_state(self.west, "PendingDeletion")),
                ("denied", deny),
                ("portal", lambda: self.aws.fault(captive_portal(), region=WEST)),
                ("credentials", lambda: self.aws.fault(self.aws.says("ExpiredTokenException"), region=WEST))]
        for name, withdraw in rows:
            with self.subTest(name):
                before = len(self.aws.uses(region=EAST))
                withdraw()
                self.restore(expect=13)
                self.signet("backup", self.source, expect=13)
                self.aws.heal()
                self.aws.fault(reset(), region=WEST)
                self.assertMessage(self.restore(expect=13), "refused since")
                self.assertEqual(len(self.aws.uses(region=EAST)), before)
                self.aws.heal()
                self.aws.allow_all()
                self.aws.set_state(self.west, "Enabled")
                self.restore()

    def test_a_twin_that_refuses_ends_the_attempt(self):
        self.aws.set_state(self.east, "Disabled")
        self.aws.fault(reset(), region=WEST)
        self.assertMessage(self.restore(expect=13), "disabled", EAST)

    def test_a_key_of_another_set_is_no_twin(self):
        other = self.aws.make_key(EAST, multi_region=True)
        self.assertMessage(self.link(other, "--twin-of", "prod", expect=17), "is not a twin")


class WalkthroughTest(AwsTest):
    """A year with a key of two regions, in one go."""

    ROLE = "arn:aws:iam::111122223333:role/signet"

    def regions_asked_since(self, before, operation="Decrypt"):
        return {use["region"] for use in self.aws.uses(operation=operation)[before:]}

    def failovers(self):
        return [line for line in self.audit() if line.get("operation") == "failover"]

    def key_of_two_regions(self, policy):
        west = self.aws.make_key(WEST, multi_region=True, policy=policy)
        east = self.aws.replicate(west, EAST)
        self.aws.key(east).policy = policy
        return west, east

    def test_set_up_outage_withdrawal_and_rotation(self):
        """[R101, R104, R111, R130, R131, R145]"""
        # Set up: with the printed policy, as the role that it names.
        policy = self.signet("keyring", "setup", "aws", "--group", ACCOUNT, "--region", WEST, "--identity", self.ROLE, "--template").json()
        west, east = self.key_of_two_regions(policy)
        shown = self.aws.issue(self.ROLE)
        self.env.update(AWS_ACCESS_KEY_ID=shown["AccessKeyId"], AWS_SECRET_ACCESS_KEY=shown["SecretAccessKey"],
                        AWS_SESSION_TOKEN=shown["SessionToken"])
        self.link(west, "--default", "--name", "prod")
        self.link(east, "--twin-of", "prod")
        self.signet("init", "--provider", "aws", "--region", WEST)
        self.backup(self.source)
        asked = len(self.aws.uses(operation="Decrypt"))
        self.restore()
        self.assertEqual(self.regions_asked_since(asked), {WEST})

        # The first region does not answer: backups and restores go on in the other, and the log says so.
        self.aws.fault(reset(), region=WEST)
        asked = len(self.aws.uses(operation="Decrypt", region=EAST))
        self.assertSays(self.restore().err, "its twin is used")
        self.assertGreater(len(self.aws.uses(operation="Decrypt", region=EAST)), asked)
        write(f"{self.source}/during", "the outage")
        self.backup(self.source)
        self.assertGreaterEqual(len(self.failovers()), 2)
        self.aws.heal()
        asked = len(self.aws.uses(operation="Decrypt"))
        self.restore()
        self.assertEqual(self.regions_asked_since(asked), {WEST})

        # Somebody disables it in the first region: that is a decision, also behind an outage.
        before = len(self.failovers())
        self.aws.set_state(west, "Disabled")
        self.assertMessage(self.restore(expect=13), "disabled", "aws kms enable-key --region eu-west-1")
        self.signet("backup", self.source, expect=13)
        self.aws.fault(reset(), region=WEST)
        self.assertMessage(self.restore(expect=13), "refused since")
        self.assertEqual(len(self.failovers()), before)

        # A person decides otherwise, and the log says who.
        self.aws.heal()
        self.signet("keyring", "revalidate", "--use-twin", "--by", "Anna Berg")
        self.restore()
        self.backup(self.source)
        self.assertIn("use-twin", [line.get("operation") for line in self.audit()])

        # The next key: what is there is wrapped anew without being opened here, and the old one can go.
        fresh_west, fresh_east = self.key_of_two_regions(policy)
        self.aws.set_state(west, "Enabled")
        self.link(fresh_west, "--default", "--name", "next")
        self.link(fresh_east, "--twin-of", "next")
        opened = len(self.aws.uses(operation="Decrypt"))
        self.signet("rewrap", "--all")
        self.assertGreater(len(self.aws.uses(operation="ReEncrypt")) + len(self.aws.uses(operation="Decrypt")) - opened, 0)
        for arn in (west, east):
            self.aws.set_state(arn, "Disabled")
        self.restore()
        [needed] = self.signet("plan", "--json").json()["required"]
        self.assertEqual(needed["name"], "next")
        self.aws.fault(reset(), region=WEST)
        self.assertSays(self.restore().err, "its twin is used")
        self.signet("keyring", "audit")


class CredentialTest(AwsTest):
    ROLE = "arn:aws:iam::111122223333:role/backup"

    def setUp(self):
        super().setUp()
        self.arn = self.aws.make_key(WEST)
        self.begin(self.arn)
        self.secret = self.env.pop("AWS_SECRET_ACCESS_KEY")
        del self.env["AWS_ACCESS_KEY_ID"]

    def test_none_at_all(self):
        self.assertMessage(self.restore(expect=13), "no AWS credentials", "aws sts get-caller-identity")

    def test_a_profile_a_role_and_a_command(self):
        self.aws.roles[self.ROLE] = {"by": [f"arn:aws:iam::{ACCOUNT}:user/backup"]}
        shown = self.write("shown", json.dumps({"Version": 1, **self.aws.issue(self.ROLE)}))
        self.write("home/.aws/credentials", f"[base]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {self.secret}\n")
        self.write("home/.aws/config", f"[profile role]\nrole_arn = {self.ROLE}\nsource_profile = base\n"
                                       f"[profile command]\ncredential_process = cat {shown}\n")
        for profile in ("base", "role", "command"):
            with self.subTest(profile):
                self.env["AWS_PROFILE"] = profile
                self.restore()

    def test_a_web_identity(self):
        self.aws.roles[self.ROLE] = {"tokens": {"eyJ.good": "ok", "eyJ.old": "expired", "eyJ.other": "foreign"}}
        self.env["AWS_ROLE_ARN"] = self.ROLE
        self.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = self.write("token", "eyJ.good\n")
        self.restore()
        for token, words in [("eyJ.old", "ExpiredTokenException"), ("eyJ.other", "AccessDenied"), ("x", "InvalidIdentityToken")]:
            self.write("token", token)
            self.assertMessage(self.restore(expect=13), "the login is rejected", words)

    def test_a_container_and_an_instance(self):
        self.aws.containers["/v2/credentials/1"] = ("Bearer abc", self.ROLE)
        self.env.update(AWS_CONTAINER_CREDENTIALS_FULL_URI=self.aws.url + "/v2/credentials/1",
                        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=self.write("eks", "Bearer abc\n"))
        self.restore()
        self.write("eks", "Bearer wrong\n")
        self.assertMessage(self.restore(expect=13), "the role of this container", "401")
        del self.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], self.env["AWS_EC2_METADATA_DISABLED"]
        self.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self.aws.url
        self.aws.instance_role = self.ROLE
        self.restore()
        self.aws.instance_role = None
        self.assertMessage(self.restore(expect=13), "no role is attached")

    def test_credentials_that_ended_are_fetched_anew_once(self):
        self.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self.aws.url
        del self.env["AWS_EC2_METADATA_DISABLED"]
        self.aws.instance_role = self.ROLE
        self.aws.fault(self.aws.says("ExpiredTokenException"), times=1, operation="DescribeKey")
        self.restore()
        self.assertEqual(len([use for use in self.aws.uses(service="imds") if use["method"] == "PUT"]), 2)

    def test_no_credential_is_told(self):
        """Neither in messages, nor in the log, nor with -vv."""
        self.env["AWS_ACCESS_KEY_ID"], self.env["AWS_SECRET_ACCESS_KEY"] = "AKIDEXAMPLE", self.secret
        self.aws.fault(self.aws.says("AccessDeniedException"), operation="Decrypt")
        result = self.signet("restore", "-vv", "-t", self.path("out"), expect=13)
        with open(os.path.join(self.env["SIGNET_KEYRING"], "audit.log"), encoding="utf-8") as file:
            everything = result.err + result.out + file.read()
        self.assertNotIn(self.secret, everything)


class SetupTest(AwsTest):
    ADMIN, BACKUP, RESTORE = (f"arn:aws:iam::111122223333:{name}" for name in ("user/admin", "role/backup", "role/restore"))

    def act_as(self, role):
        shown = self.aws.issue(role)
        self.env.update(AWS_ACCESS_KEY_ID=shown["AccessKeyId"], AWS_SECRET_ACCESS_KEY=shown["SecretAccessKey"],
                        AWS_SESSION_TOKEN=shown["SessionToken"])

    def test_the_printed_policy_allows_what_backups_and_restores_need_and_no_more(self):
        words = ["keyring", "setup", "aws", "--group", ACCOUNT, "--region", WEST, "--identity", self.RESTORE, "--backup-identity", self.BACKUP]
        policy = self.signet(*words, "--template").json()
        arn = self.aws.make_key(WEST, policy=policy)
        fresh = self.aws.make_key(WEST, policy=policy)
        self.act_as(self.BACKUP)
        self.assertMessage(self.link(arn, "--default", expect=13), "kms:Decrypt")
        self.act_as(self.RESTORE)
        self.begin(arn)
        self.act_as(self.BACKUP)
        write(f"{self.source}/more", "by the host that makes backups")
        self.backup(self.source, "--force")
        self.assertMessage(self.restore(expect=13), "kms:Decrypt")
        self.act_as(self.RESTORE)
        self.restore()
        self.link(fresh, "--default")
        self.signet("rewrap", "--all")
        self.aws.set_state(arn, "Disabled")
        self.restore()
        # Who administers the key cannot use it; who uses it cannot administer it.
        root = f"arn:aws:iam::{ACCOUNT}:root"
        context = {"EncryptionContext": {"signet:repository": "00", "signet:dek": "11"}}
        for operation in ("Encrypt", "Decrypt", "GenerateDataKey", "ReEncryptFrom", "CreateGrant"):
            self.assertFalse(policy_allows(policy, root, operation, context), operation)
        for role in (self.BACKUP, self.RESTORE):
            for operation in ("DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "CreateGrant", "GenerateDataKey"):
                self.assertFalse(policy_allows(policy, role, operation, context), operation)
            for wrong in ({}, {"signet:repository": "00"}, {**context["EncryptionContext"], "other": "x"}):
                self.assertFalse(policy_allows(policy, role, "Encrypt", {"EncryptionContext": wrong}))
        self.assertTrue(policy_allows(policy, root, "DisableKey", {}))

    def test_the_commands_name_what_was_asked_for(self):
        text = self.signet("keyring", "setup", "aws", "--group", "444455556666", "--region", "us-gov-west-1", "--twin-region",
                           "us-gov-east-1", "--key", "night").out
        self.assertSays(text, "--multi-region", "--replica-region us-gov-east-1", "aws:arn:aws-us-gov:kms:us-gov-west-1:444455556666:alias/night",
                        "arn:aws-us-gov:iam::444455556666:root", "arn:aws-us-gov:iam::444455556666:role/signet")
        self.assertNotIn("--multi-region", self.signet("keyring", "setup", "aws").out)


if __name__ == "__main__":
    main()
