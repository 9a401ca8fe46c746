"""The configuration file and the variables."""

import os

from harness import SignetTest, main, write


class Configuration(SignetTest):
    def config(self, text):
        return self.write("signet.ini", text)

    def settings(self, *words, **more):
        return self.signet("config", "--json", *words, **more).json()["settings"]

    def test_flags_stand_in_the_file_for_all_commands_and_for_one(self):
        self.from_template()
        write(f"{self.source}/a.tmp", "x")
        write(f"{self.source}/b.log", "x")
        file = self.config(f"""
            # a comment
            repo = {self.repository}
            jobs = 1
            [backup]
            path = {self.source}
            series = from-file
            exclude = *.tmp
            exclude = *.log
            one-file-system = true
            tag = nightly
            [key create]
            size = 2048
            """.replace("            ", ""))
        summary = self.backup("--config", file, env={"SIGNET_REPOSITORY": None})
        self.assertEqual(summary["series"], "from-file")
        listing = self.signet("ls", "--config", file, "latest", "--series", "from-file").out
        self.assertNotIn("a.tmp", listing)
        self.assertNotIn("b.log", listing)
        self.assertIn("letter.txt", listing)
        rows = self.signet("list", "--json", "--series", "from-file").json()
        self.assertEqual(rows[0]["tags"], ["nightly"])

    def test_the_command_line_outweighs_variables_and_these_the_file(self):
        file = self.config("vault = /from/file\n[config]\njobs = 3\n")
        env = {"SIGNET_CONFIG": file, "SIGNET_VAULT": None}
        self.assertEqual(self.settings(env=env)["vault"]["values"], ["/from/file"])
        env["SIGNET_VAULT"] = "/from/variable"
        self.assertEqual(self.settings(env=env)["vault"], {"values": ["/from/variable"], "source": "SIGNET_VAULT"})
        self.assertEqual(self.settings("--vault", "/given", env=env)["vault"]["values"], ["/given"])
        self.assertEqual(self.settings(env=env)["jobs"]["values"], ["3"])

    def test_a_file_that_everybody_can_write_to_is_refused(self):
        file = self.config(f"passphrase-command = touch {self.path('run')}")
        os.chmod(file, 0o666)
        self.assertMessage(self.signet("list", "--config", file, expect=17), "everybody can write to it", "chmod o-w")
        self.assertNothingAt(self.path("run"))

    def test_excludes_add_up(self):
        self.from_template()
        write(f"{self.source}/a.tmp", "x")
        write(f"{self.source}/b.log", "x")
        file = self.config("[backup]\nexclude = *.tmp\n")
        self.backup("--config", file, "--exclude", "*.log", "--series", "s", self.source)
        listing = self.signet("ls", "latest", "--series", "s").out
        self.assertNotIn("a.tmp", listing)
        self.assertNotIn("b.log", listing)

    def test_unknown_names_in_the_file_are_usage(self):
        for text, words in (("frobnicate = 1\n", "frobnicate"), ("exclude = x\n", "[backup]"), ("[bakcup]\nx = 1\n", "bakcup"),
                            ("[backup]\nfrobnicate = 1\n", "frobnicate"), ("no equals sign\n", "signet.ini"),
                            ("[backup]\nseries = a\nseries = b\n", "twice"), ("[backup]\none-file-system = perhaps\n", "one-file-system")):
            with self.subTest(text):
                command = ["backup", "/etc/hostname"] if "perhaps" in text else ["config"]
                self.assertMessage(self.signet(*command, "--config", self.config(text), expect=2), words)

    def test_a_named_file_must_exist_and_the_usual_one_need_not(self):
        self.assertMessage(self.signet("config", "--config", "nowhere.ini", expect=2), "nowhere.ini")
        self.signet("config")
        write(self.path("home", ".config/signet/signet.ini"), "jobs = 2\n")
        self.assertEqual(self.settings()["jobs"]["values"], ["2"])

    def test_the_sample_is_understood(self):
        sample = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "signet.ini")
        env = dict.fromkeys(("SIGNET_REPOSITORY", "SIGNET_KEYRING", "SIGNET_VAULT", "SIGNET_CACHE_DIR", "SIGNET_PASSPHRASE_FILE"))
        settings = self.settings("--config", sample, env=env)
        self.assertEqual(settings["repo"]["values"], ["/srv/backup"])
        for words in (["backup"], ["list"], ["check"]):
            self.signet(*words, "--config", sample, env=env, expect=10)

    def test_default_places(self):
        env = {"SIGNET_KEYRING": None, "SIGNET_VAULT": None, "SIGNET_CACHE_DIR": None}
        settings = self.settings(env=env)
        self.assertEqual(settings["keyring"]["values"], [self.path("home", ".config/signet/keyring")])
        self.assertEqual(settings["vault"]["values"], [self.path("home", ".config/signet/vault")])
        self.assertEqual(settings["cache-dir"]["values"], [self.path("home", ".cache/signet")])
        settings = self.settings(env=dict(env, XDG_CONFIG_HOME="/c", XDG_CACHE_HOME="/d"))
        self.assertEqual(settings["keyring"]["values"], ["/c/signet/keyring"])
        self.assertEqual(settings["cache-dir"]["values"], ["/d/signet"])

    def test_one_source_of_the_passphrase_outweighs_those_of_weaker_places(self):
        # The variable names a file that is not there: what the command line says is used.
        self.signet("key", "create", "a", "--size", "2048", "--passphrase-command", "echo hello",
                    env={"SIGNET_PASSPHRASE_FILE": "/nowhere"})
        self.signet("key", "list", env={"SIGNET_PASSPHRASE_FD": "7"}, expect=2)

    def test_progress_rate(self):
        self.from_template()
        self.assertMessage(self.signet("backup", "--progress", self.source, env={"SIGNET_PROGRESS_FPS": "often"}, expect=2), "SIGNET_PROGRESS_FPS")

    def test_several_keyrings_in_the_variable(self):
        self.from_template()
        first = self.path("keyring")
        other = self.path("other")
        self.signet("-k", other, "keyring", "link", "local:prod")
        self.signet("restore", "-t", "out", env={"SIGNET_KEYRING": f"{self.path('third')}:{other}"})
        self.assertTrue(os.path.isdir(self.path("out")))
        self.assertTrue(first)


if __name__ == "__main__":
    main()
