"""The state of access to the default protector: lost, back, and back too late."""

import http.server
import json
import os
import ssl
import subprocess
import threading
import time

from harness import SignetTest, main


class Webhook(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted, and answers with the server's status."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, self.headers, json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def serve(test, certificate=None):
    """Starts a server on this machine. Returns it; `posted` has what came, `url` is where it is."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Webhook)
    server.posted, server.status = [], 204
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    server.url = f"{scheme}://127.0.0.1:{server.server_port}/hook?token=s3cret"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    test.addCleanup(thread.join)
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    return server


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
        """[R106, R105]"""
        self.signet("key", "disable", "prod")
        self.assertEqual(self.state(expect=13), "inaccessible")
        self.signet("key", "enable", "prod")
        self.assertEqual(self.state(), "ok")
        self.backup(self.source)

    def test_back_after_the_heal_window_waits_for_revalidation(self):
        """[R107, R108, R110, R105]"""
        before = self.signet("keyring", "show", "--json").json()
        self.lose_for_long()
        self.assertEqual(self.state(expect=13), "needs-revalidation")
        self.assertMessage(self.signet("keyring", "revalidate", expect=13), "disabled")
        self.signet("key", "enable", "prod")
        self.assertEqual(self.state(expect=13), "needs-revalidation")
        # New backups go on with a good wrap; what changes the keys of old ones waits.
        self.assertSays(self.signet("backup", self.source).err, "needs-revalidation", "keyring revalidate")
        self.assertMessage(self.signet("rewrap", "--all", expect=17), "keyring revalidate")
        revalidated = self.signet("keyring", "revalidate", "--retry-key", "--by", "Anna Berg")
        self.assertSays(revalidated.out, "state  ok")
        self.assertSays(revalidated.err, "1 protector of 1 that backups need was proven")
        note = [line for line in self.signet("keyring", "audit", "--json").lines() if line.get("operation") == "revalidate"][-1]
        self.assertSays(note["detail"], "by Anna Berg; it was lost since ")
        self.assertEqual(self.state(), "ok")
        self.signet("rewrap", "--all")
        after = self.signet("keyring", "show", "--json").json()
        self.assertEqual([link["thumbprint"] for link in after["links"]], [link["thumbprint"] for link in before["links"]])
        self.assertEqual(after["policy"]["heal-window"], "1s")

    def test_a_loss_is_not_forgotten_by_who_does_not_read_the_policy(self):
        """[R107][security]"""
        self.lose_for_long()
        self.signet("key", "enable", "prod")
        self.assertEqual(self.state(expect=13), "needs-revalidation")
        for repository in (None, self.path("nowhere")):
            self.signet("keyring", "show", env={"SIGNET_REPOSITORY": repository})
            self.signet("keyring", "test", *self.hook, env={"SIGNET_REPOSITORY": repository})
            self.assertEqual(self.told(), [])
            self.assertEqual(self.state(expect=13), "needs-revalidation")
        self.signet("keyring", "revalidate")

    def test_revalidation_opens_a_data_key_with_every_protector_that_backups_need(self):
        """[R107]"""
        old = self.signet("list", "--json").json()[0]["protector_thumbprint"]
        self.signet("key", "rotate", "prod")
        self.signet("keyring", "policy", "set", "after-rotation=fresh")
        self.backup(self.source)
        self.lose_for_long()
        self.signet("key", "disable", "prod/1")
        self.signet("key", "enable", "prod/2")
        revalidated = self.signet("keyring", "revalidate")
        self.assertSays(revalidated.out, "state  ok")
        self.assertSays(revalidated.err, old[:19], "is not proven: ", "disabled", "1 protector of 2 that backups need was proven")

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
        self.assertMessage(self.signet("keyring", "default", "other", expect=17), "while access is lost", "revalidate --use-key")
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

    def test_reminders_repeat_while_it_is_not_well_and_no_more_often_than_asked(self):
        """[R109]"""
        hook = ["--on-state-change", f"echo $SIGNET_REMINDER $SIGNET_STATE_BEFORE $SIGNET_STATE $SIGNET_HEAL_SECONDS >> {self.log}"]
        self.state(*hook, "--remind-every", "0s")
        self.assertEqual(self.told(), [])
        self.signet("key", "disable", "prod")
        self.state(*hook, "--remind-every", "1h", expect=13)
        self.state(*hook, "--remind-every", "1h", expect=13)
        self.assertEqual(len(self.told()), 1)
        time.sleep(1.1)
        self.state(*hook, "--remind-every", "1s", expect=13)
        self.state(*hook, expect=13)
        self.assertEqual(len(self.told()), 2)
        self.signet("key", "enable", "prod")
        self.state(*hook, "--remind-every", "0s")
        self.state(*hook, "--remind-every", "0s")
        first, reminder, back = self.told()
        self.assertRegex(first, "^no ok inaccessible 28[78][0-9]{2}$")
        self.assertRegex(reminder, "^yes inaccessible inaccessible 28[78][0-9]{2}$")
        self.assertRegex(back, "^no inaccessible ok 0$")

    def test_a_webhook_is_posted_once_for_each_change_and_reminded(self):
        """[R109, R120]"""
        server = serve(self)
        self.write("signet.ini", f"[status]\nwebhook = {server.url}\n[backup]\nwebhook = {server.url}\n")
        config = ["--config", "signet.ini"]
        self.state(*config)
        self.assertEqual(server.posted, [])
        self.signet("key", "disable", "prod")
        self.signet("backup", *config, self.source, expect=13)
        self.state(*config, expect=13)
        (path, headers, body), = server.posted
        self.assertEqual(path, "/hook?token=s3cret")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual([body["state"], body["before"], body["reminder"]], ["inaccessible", "ok", False])
        self.assertSays(body["why"], "disabled in local:prod/1")
        self.assertSays(body["protector"], "prod (sha256:")
        self.assertTrue(28700 < body["heal_seconds"] <= 28800)
        with open(os.path.join(self.repository, "config.json")) as file:
            self.assertEqual(body["repository"], json.load(file)["repository"])
        self.assertEqual(set(body), {"message_type", "state", "before", "protector", "why", "since", "heal_seconds", "reminder",
                                     "time", "host", "repository"})
        self.state(*config, "--remind-every", "0s", expect=13)
        self.assertTrue(server.posted[1][2]["reminder"])
        self.signet("key", "enable", "prod")
        self.state(*config)
        self.assertEqual([one[2]["state"] for one in server.posted], ["inaccessible", "inaccessible", "ok"])

    def test_a_webhook_that_fails_is_a_warning_without_its_token_and_is_told_again(self):
        """[R120]"""
        server = serve(self)
        self.signet("key", "disable", "prod")
        server.status = 500
        result = self.signet("status", "--webhook", server.url, *self.hook, expect=13)
        self.assertSays(result.err, "warning: the webhook was not told", "answered 500")
        for url in (server.url.replace(str(server.server_port), "1"), "http://no-such-host.invalid/s3cret", "gopher://s3cret"):
            failed = self.signet("status", "--webhook", url, expect=13)
            self.assertSays(failed.err, "warning: the webhook was not told")
            self.assertNotIn("s3cret", failed.err)
        self.assertNotIn("s3cret", result.err)
        server.status = 200
        self.signet("status", "--webhook", server.url, *self.hook, expect=13)
        self.assertEqual(len(server.posted), 2)
        # The command was told the first time, and is not told again because of the webhook.
        self.assertEqual(len(self.told()), 1)

    def test_a_webhook_whose_certificate_does_not_verify_is_told_nothing(self):
        """[R120]"""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.path("tls.key"), "-out", self.path("tls.pem")],
                       check=True, capture_output=True)
        server = serve(self, (self.path("tls.pem"), self.path("tls.key")))
        self.signet("key", "disable", "prod")
        self.assertSays(self.signet("status", "--webhook", server.url, expect=13).err, "the webhook was not told", "https://127.0.0.1")
        self.assertEqual(server.posted, [])
        # Another name than the certificate's.
        other = server.url.replace("127.0.0.1", "localhost")
        self.assertSays(self.signet("status", "--webhook", other, "--webhook-ca", "tls.pem", expect=13).err, "the webhook was not told")
        self.assertEqual(server.posted, [])
        self.assertEqual(self.signet("status", "--webhook", server.url, "--webhook-ca", "tls.pem", "-q", expect=13).err, "")
        self.assertEqual(len(server.posted), 1)

    def test_while_access_is_lost_no_setting_is_changed_and_the_ways_out_are_open(self):
        """[R102]"""
        self.signet("key", "create", "spare", "--size", "2048")
        self.signet("keyring", "link", "local:spare")
        self.signet("key", "disable", "prod")
        before = self.signet("keyring", "show", "--json").json()["links"]
        for words in (["keyring", "policy", "set", "after-rotation=fresh"], ["keyring", "unlink", "spare"],
                      ["keyring", "link", "local:spare", "--recovery"], ["rewrap", "--all"]):
            with self.subTest(words):
                if words[0] == "rewrap":
                    self.signet(*words, expect=(13, 17))
                    continue
                self.assertMessage(self.signet(*words, expect=17), "while access is lost no setting is changed" if words[1] != "link" else "linked already")
        after = self.signet("keyring", "show", "--json").json()["links"]
        self.assertEqual([(link["name"], link["role"]) for link in after], [(link["name"], link["role"]) for link in before])
        # Looking, keys and restores go on with another opener's help or none; a new key leads out.
        for words in (["status"], ["keyring", "test"]):
            self.signet(*words, expect=13)
        for words in (["list"], ["key", "list"], ["keyring", "show"], ["keyring", "policy", "show"], ["keyring", "audit", "--verify"]):
            self.signet(*words)
        self.signet("key", "create", "other", "--size", "2048")
        self.signet("keyring", "link", "local:other", "--default")
        self.assertEqual(self.state(expect=13), "ok")
        self.signet("keyring", "policy", "set", "after-rotation=fresh")

    def test_a_named_person_goes_on_with_the_twin(self):
        """[R131]"""
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("far"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", f"local:{self.path('far')}#prod", "--twin-of", "prod")
        self.signet("key", "disable", "prod")
        self.assertEqual(self.state(expect=13), "inaccessible")
        self.signet("restore", "-t", "out", expect=13)
        result = self.signet("keyring", "revalidate", "--use-twin", "--by", "Anna Berg")
        self.assertSays(result.out, "state  ok")
        self.assertSays(result.err, "is asked at local:", "far#prod/1 first")
        self.signet("restore", "-t", "out")
        note = [line for line in self.signet("keyring", "audit", "--json").lines() if line.get("operation") == "use-twin"][-1]
        self.assertSays(note["detail"], "by Anna Berg; local:prod/1 says key-disabled")
        self.signet("keyring", "revalidate", "--use-twin", "--retry-key", expect=2)

    def test_without_a_twin_or_one_that_unwraps_nothing_is_lifted(self):
        """[R131]"""
        self.assertMessage(self.signet("keyring", "revalidate", "--use-twin", expect=2), "has no twin")
        self.signet("key", "backup", "prod", "-o", "prod.backup")
        self.signet("--vault", self.path("far"), "key", "restore", "prod.backup")
        self.signet("keyring", "link", f"local:{self.path('far')}#prod", "--twin-of", "prod")
        self.signet("key", "disable", "prod")
        self.signet("--vault", self.path("far"), "key", "disable", "prod")
        self.signet("keyring", "revalidate", "--use-twin", expect=13)
        self.assertEqual(self.state(expect=13), "inaccessible")

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
