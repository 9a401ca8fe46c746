"""From nothing to a restored tree: with keys of one's own, with escrow, and on a bare machine."""

import hashlib
import os
import shutil

from harness import PASSPHRASE, SignetTest, has_open, locked, main, wait_until, write


class QuickStart(SignetTest):
    def test_key_backup_rotation_backup_restore_and_a_plan_that_names_the_missing_key(self):
        """[R89 to R92, R121 to R123, R3, R4, R15]"""
        source = self.sample_tree()
        self.signet("key", "create", "prod", "--size", "2048")
        self.signet("keyring", "link", "local:prod", "--default")
        self.signet("init")
        first = self.backup(source)
        self.signet("key", "rotate", "prod")
        # Without a passphrase at hand nothing older can be wrapped anew: the second backup inherits.
        second = self.backup(source, env={"SIGNET_PASSPHRASE_FILE": None}, start_new_session=True)
        self.assertNotEqual(first["protector_thumbprint"], second["protector_thumbprint"])
        self.assertEqual(len(self.signet("list", "--json").json()), 2)

        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

        other = self.path("other-keyring")
        self.signet("-k", other, "keyring", "link", "local:prod/2")
        result = self.signet("-k", other, "plan", "--from", "-1d", "--to", "now", expect=13)
        self.assertSays(result.out, first["protector_thumbprint"][:19], "missing from this keyring", "needed for")

    def test_init_makes_everything_when_nothing_is_linked(self):
        """[R5]"""
        made = self.signet("init", "--json").last()
        self.assertTrue(made["escrow"])
        self.assertEqual(len(self.objects("escrow")), 1)
        source = self.sample_tree()
        self.backup(source)
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

    def test_init_prints_the_officer_and_refuses_an_existing_repository(self):
        result = self.signet("init")
        self.assertSays(result.out, "repository", "officer", "writer", "escrow")
        before = self.objects()
        result = self.signet("init", expect=17)
        self.assertMessage(result, "already")
        self.assertEqual(self.objects(), before)

    def ended_before_the_officer_spoke(self):
        """An init that was killed: config.json is there, and nothing after it."""
        made = self.init()
        shutil.rmtree(os.path.join(self.repository, "journal"))
        os.unlink(self.path("keyring/keyring.json"))
        self.signet("keyring", "link", "local:prod", "--default")
        return made

    def test_an_init_that_was_ended_halfway_is_run_again(self):
        made = self.ended_before_the_officer_spoke()
        result = self.signet("init", "--json")
        again = result.last()
        self.assertEqual((again["id"], again["officer"], again["writer"]), (made["id"], made["officer"], made["writer"]))
        self.assertSays(result.err, "goes on with it")
        source = self.sample_tree()
        self.backup(source)
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)
        self.signet("check")
        self.signet("init", expect=17)

    def test_what_may_have_been_used_is_not_taken_for_an_init_that_was_ended(self):
        self.ended_before_the_officer_spoke()
        # In another region, by another officer, and where this keyring has seen the officer speak.
        self.assertMessage(self.signet("init", "--region", "east", expect=(13, 17)))
        stranger = {"SIGNET_KEYRING": self.path("k2"), "SIGNET_VAULT": self.path("v2")}
        self.assertMessage(self.signet("init", env=stranger, expect=17), "already")
        self.signet("init")
        journal = os.path.join(self.repository, "journal")
        self.signet("check")
        shutil.rmtree(journal)
        self.assertMessage(self.signet("init", expect=17), "already")
        self.assertNothingAt(journal)

    def test_init_with_keys_of_ones_own_stores_no_private_half(self):
        """[R1, R13]"""
        self.assertFalse(self.init()["escrow"])
        self.assertEqual(self.objects("escrow"), [])


class MoreRepositories(SignetTest):
    def test_one_escrow_protector_serves_several_repositories_and_each_holds_it(self):
        first = self.signet("init", "--json").last()
        self.env["SIGNET_REPOSITORY"] = self.path("second")
        second = self.signet("init", "--json").last()
        self.assertTrue(second["escrow"])
        self.assertEqual(first["protector_thumbprint"], second["protector_thumbprint"])
        self.assertEqual(len(self.objects("escrow")), 1)
        self.assertEqual(len(self.signet("key", "list", "--json").json()), 1)

    def test_a_region_has_a_protector_of_its_own(self):
        """[R50, R52]"""
        first = self.signet("init", "--json").last()
        self.env["SIGNET_REPOSITORY"] = self.path("second")
        second = self.signet("init", "--region", "west-europe", "--json").last()
        self.assertNotEqual(first["protector_thumbprint"], second["protector_thumbprint"])
        summary = self.backup(self.sample_tree())
        self.assertEqual(summary["protector_thumbprint"], second["protector_thumbprint"])
        roles = [(link["role"], link["region"]) for link in self.signet("keyring", "show", "--json").json()["links"]]
        self.assertEqual(sorted(roles), [("default", "local"), ("default", "west-europe")])
        self.signet("init", "--region", "West Europe", expect=2)

    def test_a_recovery_protector_opens_backups_too(self):
        """[R65]"""
        self.init()
        self.signet("key", "create", "safe", "--size", "2048", env={"SIGNET_VAULT": self.path("safe")})
        self.write("safe.pem", self.signet("key", "export-public", "safe", env={"SIGNET_VAULT": self.path("safe")}).raw)
        self.signet("keyring", "link", "public:safe.pem", "--recovery")
        source = self.sample_tree()
        self.backup(source)
        env = {"SIGNET_KEYRING": self.path("safe-keyring"), "SIGNET_VAULT": self.path("safe")}
        self.signet("keyring", "link", "local:safe", env=env)
        self.signet("restore", "-t", "out", env=env)
        self.assertSameTree(source, self.path("out") + source)

    def test_a_host_with_nothing_linked_is_told_what_to_do(self):
        """[R51, R53]"""
        self.init()
        env = {"SIGNET_KEYRING": self.path("fresh"), "SIGNET_VAULT": self.path("fresh-vault")}
        self.assertMessage(self.signet("backup", self.sample_tree(), env=env, expect=13), "signet keyring link")


class BareMachine(SignetTest):
    def bare(self, name="bare"):
        """Another machine that reaches the repository and knows the passphrase."""
        repository = self.repository
        self.use(self.path(name))
        self.env["SIGNET_REPOSITORY"] = repository

    def test_repository_and_passphrase_restore_everything(self):
        officer = self.signet("init", "--json").last()["officer"]
        source = self.sample_tree()
        self.backup(source)
        self.bare()
        result = self.signet("restore", "latest", "-t", "early", expect=13)
        self.assertNothingAt(self.path("early"))
        self.assertSays(result.err, "signet keyring recover --officer FINGERPRINT")
        self.signet("keyring", "recover", "--officer", officer)
        self.assertSays(self.signet("list").out, source)
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)
        # Twice is once.
        self.signet("keyring", "recover", "--officer", officer)
        self.assertEqual(self.signet("keyring", "show", "--json").json()["officer"], officer)

    def test_planted_escrow_objects_do_not_stop_recovery(self):
        """[security] Anyone who can write can put newer, expensive or broken ones beside the right one."""
        officer = self.signet("init", "--json").last()["officer"]
        source = self.sample_tree()
        self.backup(source)
        right, = self.objects("escrow")
        with open(os.path.join(self.repository, right), "rb") as file:
            content = file.read()
        for change in ({8: 2}, {59: 19, 60: 1, 61: 16}, {59: 18, 60: 2, 61: 16}, {59: 17, 60: 32, 61: 16}, {100: content[100] ^ 1}):
            planted = bytearray(content)
            for offset, value in change.items():
                planted[offset] = value
            # Under a thumbprint that sorts before the right one's, too.
            for thumbprint in (os.path.basename(right).split(".")[0], "sha256-" + "0" * 64):
                write(f"{self.repository}/escrow/{thumbprint}.{hashlib.sha256(planted).hexdigest()}", bytes(planted))
        self.bare()
        self.assertSays(self.signet("keyring", "recover", "--officer", officer).err, "another version")
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

    def test_recovery_refuses_another_officer_and_leaves_nothing(self):
        self.signet("init")
        self.bare()
        self.signet("keyring", "recover", "--officer", "0" * 64, expect=17)
        self.assertNothingAt(self.env["SIGNET_VAULT"])
        self.signet("keyring", "recover", expect=2)

    def test_recovery_with_a_wrong_passphrase_is_12(self):
        officer = self.signet("init", "--json").last()["officer"]
        self.bare()
        write(self.env["SIGNET_PASSPHRASE_FILE"], "wrong\n")
        self.signet("keyring", "recover", "--officer", officer, expect=12)
        self.assertNothingAt(self.env["SIGNET_VAULT"])

    def test_keys_of_ones_own_cannot_be_recovered_from_a_repository(self):
        officer = self.init()["officer"]
        self.bare()
        result = self.signet("keyring", "recover", "--officer", officer, expect=13)
        self.assertMessage(result, "link")

    def test_a_rotated_escrow_protector_is_in_the_repository_as_well(self):
        officer = self.signet("init", "--json").last()["officer"]
        source = self.sample_tree()
        self.backup(source)
        self.signet("key", "rotate", "escrow")
        write(f"{source}/more", "more")
        self.backup(source)
        self.bare()
        self.signet("keyring", "recover", "--officer", officer)
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

    def test_one_that_is_rotated_while_a_backup_waits_for_its_turn_is_in_the_repository_as_well(self):
        """[R5][security] By another keyring, which does not know that it is an escrow protector."""
        officer = self.signet("init", "--json").last()["officer"]
        source = self.sample_tree()
        self.backup(source)
        lock, = [self.path("keyring", "locks", name) for name in os.listdir(self.path("keyring", "locks"))]
        words = ["backup", "--lock-wait", "60s", source]
        with locked(lock):
            waiting = self.start(*words)
            self.assertTrue(wait_until(lambda: has_open(waiting, lock)))
            self.signet("key", "rotate", "escrow", env={"SIGNET_KEYRING": self.path("officers"), "SIGNET_REPOSITORY": None})
        self.finish(waiting, words, 0)
        self.assertEqual(len({name.split(".")[0] for name in self.objects("escrow")}), 2)
        self.bare()
        self.signet("keyring", "recover", "--officer", officer)
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

    def test_after_a_change_of_passphrase_the_new_one_recovers(self):
        officer = self.signet("init", "--json").last()["officer"]
        source = self.sample_tree()
        self.backup(source)
        new = self.write("new-passphrase", "another\n")
        self.signet("key", "passphrase", "--new-passphrase-file", new)
        self.bare()
        write(self.env["SIGNET_PASSPHRASE_FILE"], "another\n")
        self.signet("keyring", "recover", "--officer", officer)
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)

    def change_passphrase(self):
        self.signet("key", "passphrase", "--new-passphrase-file", self.write("new-passphrase", "another\n"))
        write(self.env["SIGNET_PASSPHRASE_FILE"], "another\n")

    def test_an_old_passphrase_says_what_it_does_not_open_and_how_to_go_on(self):
        officer = self.signet("init", "--json").last()["officer"]
        source = self.sample_tree()
        old = self.backup(source)["backup_id"]
        self.change_passphrase()
        self.signet("key", "rotate", "escrow")
        write(f"{source}/more", "more")
        newest = self.backup(source)["protector_thumbprint"]
        self.bare()
        write(self.env["SIGNET_PASSPHRASE_FILE"], PASSPHRASE + "\n")
        result = self.signet("keyring", "recover", "--officer", officer, "--json")
        self.assertEqual(result.last()["not_opened"], [newest])
        self.assertSays(result.err, "1 escrow protector did not open with this passphrase", newest[:19], "signet keyring recover again")
        self.signet("restore", old, "-t", "out1")
        self.signet("restore", "latest", "-t", "out2", expect=13)

        write(self.env["SIGNET_PASSPHRASE_FILE"], "another\n")
        result = self.signet("keyring", "recover", "--officer", officer, expect=12)
        self.assertMessage(result, "wrong passphrase for the vault", "--vault DIR", "signet key passphrase")
        self.env["SIGNET_VAULT"] = self.path("fresh")
        result = self.signet("keyring", "recover", "--officer", officer)
        self.assertNotIn("did not open", result.err)
        self.signet("restore", "latest", "-t", "out3")
        self.assertSameTree(source, self.path("out3") + source)

    def test_what_the_policy_calls_compromised_does_not_become_the_default_again(self):
        """[R37] The old passphrase opens nothing else."""
        officer = self.signet("init", "--json").last()["officer"]
        source = self.sample_tree()
        backup = self.backup(source)
        self.change_passphrase()
        self.signet("key", "compromised", "escrow/1", expect=17)
        self.bare()
        write(self.env["SIGNET_PASSPHRASE_FILE"], PASSPHRASE + "\n")
        result = self.signet("keyring", "recover", "--officer", officer)
        self.assertSays(result.out, f"recovered {backup['protector_thumbprint']} as local:escrow/1 (linked)")
        self.assertSays(result.err, "is made the default: the policy says", "did not open with this passphrase")
        links = self.signet("keyring", "show", "--json").json()["links"]
        self.assertEqual([link["role"] for link in links], ["linked"])


if __name__ == "__main__":
    main()
