"""The state of access to the default protector: lost, back, and back too late."""

import time

from harness import SignetTest, main


class Access(SignetTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.source = self.sample_tree()
        self.backup(self.source)
        self.log = self.path("log")
        self.hook = ["--on-state-change", f"echo $SIGNET_STATE_BEFORE $SIGNET_STATE $SIGNET_HEAL_SECONDS $SIGNET_STATE_WHY >> {self.log}"]

    def state(self, *words, expect=0):
        return self.signet("status", "--json", *words, expect=expect).json()["state"]

    def told(self):
        try:
            with open(self.log) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def lose_for_long(self):
        self.signet("keyring", "policy", "set", "heal-window=1s")
        self.signet("key", "disable", "prod")
        self.assertEqual(self.state(expect=13), "inaccessible")
        time.sleep(1.1)

    def test_a_disabled_key_is_inaccessible_with_since_and_why_and_backups_are_refused(self):
        """[R100, R101]"""
        self.signet("key", "disable", "prod")
        shown = self.signet("keyring", "show", "--json").json()
        self.assertEqual(shown["state"], "inaccessible")
        self.assertIn("disabled", shown["state_why"])
        since = shown["state_since"]
        self.assertSays(self.signet("keyring", "show").out, "heals by itself for another")
        self.signet("backup", self.source, expect=13)
        self.assertEqual(self.signet("keyring", "show", "--json").json()["state_since"], since)

    def test_back_within_the_heal_window_is_ok_without_a_person(self):
        """[R106]"""
        self.signet("key", "disable", "prod")
        self.assertEqual(self.state(expect=13), "inaccessible")
        self.signet("key", "enable", "prod")
        self.assertEqual(self.state(), "ok")
        self.backup(self.source)

    def test_back_after_the_heal_window_waits_for_revalidation(self):
        """[R107, R108, R110]"""
        before = self.signet("keyring", "show", "--json").json()
        self.lose_for_long()
        self.assertEqual(self.state(expect=13), "needs-revalidation")
        self.assertMessage(self.signet("keyring", "revalidate", expect=13), "disabled")
        self.signet("key", "enable", "prod")
        self.assertEqual(self.state(expect=13), "needs-revalidation")
        # New backups go on with a good wrap; what changes the keys of old ones waits.
        self.assertSays(self.signet("backup", self.source).err, "needs-revalidation", "keyring revalidate")
        self.assertMessage(self.signet("rewrap", "--all", expect=17), "keyring revalidate")
        self.assertSays(self.signet("keyring", "revalidate", "--retry-key").out, "state  ok")
        self.assertEqual(self.state(), "ok")
        self.signet("rewrap", "--all")
        after = self.signet("keyring", "show", "--json").json()
        self.assertEqual([link["thumbprint"] for link in after["links"]], [link["thumbprint"] for link in before["links"]])
        self.assertEqual(after["policy"]["heal-window"], "1s")

    def test_policy_may_let_backups_wait_as_well(self):
        """[R107]"""
        self.signet("keyring", "policy", "set", "backups-wait-for-revalidation=yes")
        self.lose_for_long()
        self.signet("key", "enable", "prod")
        packs = self.objects("packs")
        self.assertMessage(self.signet("backup", self.source, expect=17), "keyring revalidate")
        self.assertEqual(self.objects("packs"), packs)
        self.signet("restore", "latest", "-t", "out")
        self.signet("keyring", "revalidate")
        self.backup(self.source)

    def test_another_key_can_take_over(self):
        """[R110]"""
        self.signet("key", "create", "other")
        self.signet("keyring", "link", "local:other")
        self.lose_for_long()
        self.assertEqual(self.state(expect=13), "needs-revalidation")
        self.signet("keyring", "revalidate", "--use-key", "other")
        self.assertEqual(self.signet("keyring", "show", "--json").json()["state"], "ok")
        self.backup(self.source)

    def test_a_new_version_starts_without_the_record_of_the_old_one(self):
        """[R107]"""
        self.signet("keyring", "check")
        self.signet("keyring", "policy", "set", "backups-wait-for-revalidation=yes")
        self.lose_for_long()
        self.signet("key", "enable", "prod")
        # The officer rotates from a keyring of his own; this one follows.
        self.signet("key", "rotate", "prod", env={"SIGNET_KEYRING": self.path("officers")})
        self.backup(self.source)
        links = self.signet("keyring", "show", "--json").json()["links"]
        default, = [link for link in links if link["role"] == "default"]
        self.assertIn("local:prod/2", default["locations"])
        self.assertIsNone(default["last_proven"])

    def test_hooks_are_told_of_each_change_once_with_the_time_left(self):
        """[R109, R120]"""
        self.state(*self.hook)
        self.assertEqual(self.told(), [])
        self.signet("key", "disable", "prod")
        self.state(*self.hook, expect=13)
        self.state(*self.hook, expect=13)
        self.signet("key", "enable", "prod")
        self.backup(*self.hook, self.source)
        first, second = self.told()
        self.assertRegex(first, "^ok inaccessible 28[78][0-9]{2} .*disabled")
        self.assertRegex(second, "^inaccessible ok 0")

    def test_a_failing_hook_is_a_warning_and_is_run_again(self):
        self.signet("key", "disable", "prod")
        self.assertSays(self.signet("status", "--on-state-change", "exit 3", expect=13).err, "--on-state-change ended with")
        self.state(*self.hook, expect=13)
        self.assertEqual(len(self.told()), 1)

    def test_a_hook_is_told_what_another_command_saw_first(self):
        self.signet("key", "disable", "prod")
        self.signet("metrics")
        self.signet("keyring", "show")
        self.state(*self.hook, expect=13)
        self.assertEqual(len(self.told()), 1)

    def test_a_keyring_test_does_not_depend_on_the_repository(self):
        self.alter("config.json", lambda content: b"{}")
        self.assertSays(self.signet("keyring", "test").err, "its defaults hold here")

    def test_what_only_a_withdrawn_key_opens_is_stored_anew(self):
        """A green backup can be restored."""
        self.signet("key", "create", "other")
        self.signet("keyring", "link", "local:other", "--default")
        self.signet("key", "disable", "prod")
        self.assertSays(self.signet("backup", self.source).err, "disabled or deleted")
        self.signet("plan")
        self.signet("restore", "latest", "-t", "out")
        self.assertSameTree(self.source, self.path("out") + self.source)


if __name__ == "__main__":
    main()
