"""A TPM 2.0 as a token beyond what every provider does: keys that Signet makes in it, and what it refuses."""

import unittest

import tpm
from harness import main, write


@unittest.skipUnless(tpm.READY, tpm.WHY)
class Tpm(tpm.TpmTest):
    def test_signet_makes_a_key_inside_a_tpm(self):
        """[R7, R13, R30] It may decrypt, and nothing else."""
        place = self.first.replace("object=prod", "object=made")
        made = self.signet("key", "create", place, "--size", "2048", "--json").json()
        self.assertEqual((made["name"], made["version"], made["size"], made["origin"]), ("made", 1, 2048, "generated"))
        private = self.here.halves("first", "made")["CKO_PRIVATE_KEY"]
        for right, has in (("DECRYPT", "true"), ("SIGN", "false"), ("EXTRACTABLE", "false")):
            self.assertSays(self.here.tool("tpm2_ptool", "objmod", "--id", private, "--key", "CKA_" + right), f"CKA_{right}: {has}")
        self.signet("keyring", "link", place, "--default")
        self.signet("init")
        source = self.sample_tree()
        first = self.backup(source)
        rotated = self.signet("key", "rotate", place, "--json").json()
        self.assertEqual((rotated["version"], rotated["location"]), (2, place.replace("made", "made%2F2")))
        self.assertEqual(self.backup(source, "--force")["protector_thumbprint"], rotated["thumbprint"])
        for backup in (first["backup_id"], "latest"):
            self.signet("restore", backup, "-t", backup)
            self.assertSameTree(source, self.path(backup) + source)

    def test_an_import_needs_the_tool_of_the_token(self):
        self.here.tool("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "new.pem")
        place = self.first.replace("object=prod", "object=new")
        self.assertMessage(self.signet("key", "import", place, "new.pem", expect=17), "takes no private key in", "its own tool may")
        self.here.import_key("first", "new.pem", "new")
        self.signet("keyring", "link", place, "--default")

    def test_a_tpm_that_locks_itself_is_believed(self):
        """[R115, R131] It counts failures for all that it holds, and takes no right PIN then either."""
        self.signet("keyring", "link", self.first, "--default")
        self.signet("keyring", "link", self.second, "--twin-of", "prod")
        self.signet("init")
        source = self.sample_tree()
        self.backup(source)
        self.here.tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=2", "--recovery-time=1000")
        right = self.path("pin")
        for _ in range(2):
            write(right, "00000000\n")
            self.assertMessage(self.signet("restore", "-t", "out", expect=12), "first", "CKR_PIN_INCORRECT", "not tried again")
        write(right, tpm.PIN + "\n")
        result = self.signet("restore", "-t", "out", expect=13)
        self.assertMessage(result, "the token first", "CKR_PIN_LOCKED")
        self.assertNotIn("its twin is used", result.err)
        self.assertNothingAt(self.path("out"))
        self.here.tool("tpm2_dictionarylockout", "--clear-lockout")
        self.signet("restore", "-t", "out")
        self.assertSameTree(source, self.path("out") + source)


if __name__ == "__main__":
    main()
