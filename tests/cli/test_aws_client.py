"""The double of AWS KMS before the official client, @aws-sdk/client-kms (tests/doubles/clients/README.md): it must be able to do
everything that Signet does, and see the same names of errors. Skipped where npm's packages are missing."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import managers
from harness import main
from test_clients import CLIENTS, SCRIPTS, missing

ROLE = "arn:aws:iam::111122223333:role/backup"


@unittest.skipIf(missing("@aws-sdk/client-kms"), missing("@aws-sdk/client-kms"))
class OfficialClientTest(unittest.TestCase):
    def setUp(self):
        self.double = managers.aws.AwsDouble()
        self.addCleanup(self.double.stop)
        self.folder = tempfile.mkdtemp(prefix="signet-aws-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def run_client(self, plan, keys=True, **variables):
        env = {"PATH": os.environ["PATH"], "HOME": self.folder, "SIGNET_CLIENTS": CLIENTS, "AWS_EC2_METADATA_DISABLED": "true",
               "AWS_REGION": "eu-west-1", "no_proxy": "*", **variables}
        access = {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": self.double.principals["AKIDEXAMPLE"].secret}
        asked = json.dumps({"url": self.double.url, "plan": plan, "keys": access if keys else None})
        ended = subprocess.run(["node", os.path.join(SCRIPTS, "aws.cjs")], input=asked, env=env, capture_output=True, text=True,
                               timeout=120)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        self.assertEqual(len(lines), len(plan), ended.stdout + ended.stderr)
        return lines

    def one(self, operation, **fields):
        return self.run_client([{"operation": operation, "fields": fields}])[0]

    def test_it_describes_a_key_as_kms_does(self):
        arn = self.double.make_key(alias="alias/backup", multi_region=True)
        self.double.replicate(arn, "us-east-1")
        for reference in (arn, arn.rpartition("/")[2], "alias/backup", "arn:aws:kms:eu-west-1:111122223333:alias/backup"):
            line = self.one("DescribeKey", KeyId=reference)
            key = line["ok"]["KeyMetadata"]
            self.assertEqual((key["Arn"], key["KeyState"], key["Enabled"], key["KeySpec"], key["KeyUsage"], key["KeyManager"]),
                             (arn, "Enabled", True, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "CUSTOMER"))
            self.assertIn("date", key["CreationDate"])
            self.assertTrue(line["request"])
            self.assertEqual(key["MultiRegionConfiguration"]["ReplicaKeys"][0]["Region"], "us-east-1")
        self.double.set_state(arn, "PendingDeletion")
        self.assertIn("date", self.one("DescribeKey", KeyId=arn)["ok"]["KeyMetadata"]["DeletionDate"])

    def test_it_wraps_unwraps_and_wraps_anew(self):
        one, two = self.double.make_key(), self.double.make_key()
        context = {"signet:repository": "00" * 16, "signet:dek": "11" * 16}
        secret = base64.b64encode(os.urandom(64)).decode()
        lines = self.run_client([
            {"operation": "Encrypt", "fields": {"KeyId": one, "Plaintext": secret, "EncryptionContext": context}},
            {"operation": "Decrypt", "fields": {"KeyId": one, "CiphertextBlob": "$0.CiphertextBlob", "EncryptionContext": context}},
            {"operation": "Decrypt", "fields": {"CiphertextBlob": "$0.CiphertextBlob", "EncryptionContext": context}},
            {"operation": "ReEncrypt", "fields": {"SourceKeyId": one, "DestinationKeyId": two, "CiphertextBlob": "$0.CiphertextBlob",
                                                  "SourceEncryptionContext": context, "DestinationEncryptionContext": context}},
            {"operation": "Decrypt", "fields": {"KeyId": two, "CiphertextBlob": "$3.CiphertextBlob", "EncryptionContext": context}},
            {"operation": "Decrypt", "fields": {"KeyId": one, "CiphertextBlob": "$3.CiphertextBlob", "EncryptionContext": context}},
            {"operation": "Decrypt", "fields": {"KeyId": one, "CiphertextBlob": "$0.CiphertextBlob", "EncryptionContext": {"a": "b"}}},
            {"operation": "RotateKeyOnDemand", "fields": {"KeyId": one}},
            {"operation": "Decrypt", "fields": {"KeyId": one, "CiphertextBlob": "$0.CiphertextBlob", "EncryptionContext": context}},
        ])
        for at in (1, 2, 4, 8):
            self.assertEqual(lines[at]["ok"]["Plaintext"], secret, lines[at])
        self.assertEqual((lines[3]["ok"]["SourceKeyId"], lines[3]["ok"]["KeyId"]), (one, two))
        self.assertEqual(lines[5]["error"], "IncorrectKeyException")
        self.assertEqual(lines[6]["error"], "InvalidCiphertextException")

    def test_a_data_key_and_one_without_plaintext(self):
        key = self.double.make_key()
        lines = self.run_client([
            {"operation": "GenerateDataKey", "fields": {"KeyId": key, "KeySpec": "AES_256"}},
            {"operation": "Decrypt", "fields": {"KeyId": key, "CiphertextBlob": "$0.CiphertextBlob"}},
            {"operation": "GenerateDataKeyWithoutPlaintext", "fields": {"KeyId": key, "NumberOfBytes": 64}},
        ])
        self.assertEqual(lines[0]["ok"]["Plaintext"], lines[1]["ok"]["Plaintext"])
        self.assertNotIn("Plaintext", lines[2]["ok"])

    def test_rsa_keys_show_their_public_half_and_unwrap_what_it_wrapped(self):
        from cryptography.hazmat.primitives.serialization import load_der_public_key
        key = self.double.make_key(spec="RSA_2048")
        spki = base64.b64decode(self.one("GetPublicKey", KeyId=key)["ok"]["PublicKey"])
        secret = os.urandom(64)
        wrapped = base64.b64encode(load_der_public_key(spki).encrypt(secret, managers.aws.oaep("RSAES_OAEP_SHA_256"))).decode()
        line = self.one("Decrypt", KeyId=key, CiphertextBlob=wrapped, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        self.assertEqual(base64.b64decode(line["ok"]["Plaintext"]), secret)
        self.assertEqual(self.one("Decrypt", KeyId=key, CiphertextBlob=wrapped)["error"], "InvalidKeyUsageException")
        self.assertEqual(self.one("Encrypt", KeyId=key, Plaintext="AAAA", EncryptionAlgorithm="RSAES_OAEP_SHA_256",
                                  EncryptionContext={"a": "b"})["error"], "ValidationException")

    def test_a_multi_region_key_opens_in_each_of_its_regions(self):
        first = self.double.make_key(multi_region=True)
        twin = self.double.replicate(first, "us-east-1")
        alone = self.double.make_key()
        lines = self.run_client([
            {"operation": "Encrypt", "fields": {"KeyId": first, "Plaintext": "AAAA"}},
            {"operation": "Decrypt", "region": "us-east-1", "fields": {"KeyId": twin, "CiphertextBlob": "$0.CiphertextBlob"}},
            {"operation": "Decrypt", "region": "us-east-1", "fields": {"KeyId": first, "CiphertextBlob": "$0.CiphertextBlob"}},
            {"operation": "ReplicateKey", "fields": {"KeyId": alone, "ReplicaRegion": "us-east-1"}},
            {"operation": "ReplicateKey", "fields": {"KeyId": first, "ReplicaRegion": "eu-central-1"}},
        ])
        self.assertEqual(lines[1]["ok"], {"Plaintext": "AAAA", "KeyId": twin, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                                          **{k: v for k, v in lines[1]["ok"].items() if k == "KeyMaterialId"}})
        self.assertEqual(lines[2]["error"], "InvalidArnException")
        self.assertEqual(lines[3]["error"], "UnsupportedOperationException")
        self.assertEqual(lines[4]["ok"]["ReplicaKeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"], "REPLICA")

    def test_each_state_refuses_as_kms_words_it(self):
        rows = [("Disabled", "DisabledException"), ("PendingDeletion", "KMSInvalidStateException"),
                ("PendingImport", "KMSInvalidStateException"), ("Unavailable", "KMSInvalidStateException"),
                ("PendingReplicaDeletion", "KMSInvalidStateException"), ("Creating", "KMSInvalidStateException")]
        key = self.double.make_key()
        wrapped = self.one("Encrypt", KeyId=key, Plaintext="AAAA")["ok"]["CiphertextBlob"]
        for state, error in rows:
            with self.subTest(state):
                self.double.set_state(key, state)
                self.assertEqual(self.one("Decrypt", KeyId=key, CiphertextBlob=wrapped)["error"], error)
                self.assertEqual(self.one("Encrypt", KeyId=key, Plaintext="AAAA")["error"], error)
                self.assertEqual(self.one("DescribeKey", KeyId=key)["ok"]["KeyMetadata"]["KeyState"], state)

    def test_the_life_of_a_key_by_the_client_alone(self):
        lines = self.run_client([
            {"operation": "CreateKey", "fields": {"Description": "backups", "MultiRegion": True}},
        ])
        key = lines[0]["ok"]["KeyMetadata"]["Arn"]
        lines = self.run_client([{"operation": operation, "fields": fields} for operation, fields in [
            ("CreateAlias", {"AliasName": "alias/backup", "TargetKeyId": key}),
            ("CreateAlias", {"AliasName": "alias/backup", "TargetKeyId": key}),
            ("ListAliases", {}),
            ("DisableKey", {"KeyId": key}), ("Encrypt", {"KeyId": "alias/backup", "Plaintext": "AAAA"}),
            ("EnableKey", {"KeyId": key}), ("Encrypt", {"KeyId": "alias/backup", "Plaintext": "AAAA"}),
            ("ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": 7}),
            ("CancelKeyDeletion", {"KeyId": key}), ("DescribeKey", {"KeyId": key}),
            ("ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": 3})]])
        self.assertEqual(lines[1]["error"], "AlreadyExistsException")
        self.assertEqual(lines[2]["ok"]["Aliases"][0]["AliasName"], "alias/backup")
        self.assertEqual(lines[4]["error"], "DisabledException")
        self.assertIn("ok", lines[6])
        self.assertEqual(lines[9]["ok"]["KeyMetadata"]["KeyState"], "Disabled")
        self.assertEqual(lines[10]["error"], "ValidationException")

    def test_errors_have_the_names_that_signet_classifies(self):
        key = self.double.make_key()
        rows = [("KMSInternalException", 500), ("DependencyTimeoutException", 503), ("KeyUnavailableException", 500),
                ("ThrottlingException", 400), ("AccessDeniedException", 400), ("DisabledException", 409), ("NotFoundException", 404),
                ("KMSInvalidStateException", 409), ("InvalidCiphertextException", 400), ("IncorrectKeyException", 400),
                ("InvalidKeyUsageException", 400), ("InvalidArnException", 400), ("InvalidGrantTokenException", 400),
                ("ExpiredTokenException", 400), ("UnrecognizedClientException", 400), ("InvalidSignatureException", 400),
                ("OptInRequired", 403)]
        for kind, status in rows:
            self.double.fault(self.double.says(kind, status=status), times=1)
        lines = self.run_client([{"operation": "DescribeKey", "fields": {"KeyId": key}}] * len(rows))
        self.assertEqual([(line["error"], line["status"]) for line in lines], rows)

    def test_what_it_must_not_do_is_refused(self):
        key = self.double.make_key()
        self.double.deny("Decrypt", key)
        wrapped = self.one("Encrypt", KeyId=key, Plaintext="AAAA")["ok"]["CiphertextBlob"]
        self.assertEqual(self.one("Decrypt", KeyId=key, CiphertextBlob=wrapped)["error"], "AccessDeniedException")
        foreign = key.replace("111122223333", "444455556666")
        self.assertEqual(self.one("DescribeKey", KeyId=foreign)["error"], "AccessDeniedException")
        self.assertEqual(self.one("DescribeKey", KeyId="alias/none")["error"], "NotFoundException")
        self.double.principals["AKIDEXAMPLE"].secret = "another"
        self.assertIn("ok", self.one("DescribeKey", KeyId=key))

    def test_a_wrong_secret_and_a_wrong_clock_are_told(self):
        key = self.double.make_key()
        right = self.double.principals["AKIDEXAMPLE"].secret
        plan = [{"operation": "DescribeKey", "fields": {"KeyId": key}}]
        wrong = self.run_client(plan, keys=False, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="wrong")
        self.assertEqual(wrong[0]["error"], "InvalidSignatureException")
        unknown = self.run_client(plan, keys=False, AWS_ACCESS_KEY_ID="AKIDNOBODY", AWS_SECRET_ACCESS_KEY=right)
        self.assertEqual(unknown[0]["error"], "UnrecognizedClientException")
        self.double.offset = 1200
        late = self.run_client(plan, keys=False, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY=right)
        self.assertEqual(late[0]["error"], "InvalidSignatureException")
        self.assertIn("expired", late[0]["message"])

    # The ways to credentials.

    def require_credentials(self, **variables):
        key = self.double.make_key()
        line = self.run_client([{"operation": "DescribeKey", "fields": {"KeyId": key}}], keys=False, **variables)[0]
        self.assertIn("ok", line)

    def test_credentials_of_a_web_identity(self):
        self.double.roles[ROLE] = {"tokens": {"eyJ.good": "ok", "eyJ.old": "expired"}}
        variables = {"AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": self.double.url}
        self.require_credentials(AWS_WEB_IDENTITY_TOKEN_FILE=self.file("token", "eyJ.good"), **variables)
        key = self.double.make_key()
        line = self.run_client([{"operation": "DescribeKey", "fields": {"KeyId": key}}], keys=False,
                               AWS_WEB_IDENTITY_TOKEN_FILE=self.file("old", "eyJ.old"), **variables)[0]
        self.assertIn("error", line)

    def test_credentials_of_a_role_by_another_profile(self):
        self.double.roles[ROLE] = {"by": ["arn:aws:iam::111122223333:user/backup"], "external_id": "x1"}
        self.file("config", f"[profile backup]\nrole_arn={ROLE}\nsource_profile=base\nexternal_id=x1\nregion=eu-west-1\n"
                            f"[profile base]\naws_access_key_id=AKIDEXAMPLE\n"
                            f"aws_secret_access_key={self.double.principals['AKIDEXAMPLE'].secret}\nregion=eu-west-1\n")
        self.require_credentials(AWS_PROFILE="backup", AWS_CONFIG_FILE=os.path.join(self.folder, "config"),
                                 AWS_ENDPOINT_URL_STS=self.double.url)

    def test_credentials_of_a_command(self):
        shown = self.double.issue(ROLE)
        document = self.file("shown", json.dumps({"Version": 1, **shown}))
        self.file("config", f"[default]\ncredential_process = cat {document}\n")
        self.require_credentials(AWS_CONFIG_FILE=os.path.join(self.folder, "config"))

    def test_credentials_of_a_container(self):
        self.double.containers["/v2/credentials/1"] = ("Bearer abc", ROLE)
        self.require_credentials(AWS_CONTAINER_CREDENTIALS_FULL_URI=self.double.url + "/v2/credentials/1",
                                 AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=self.file("eks", "Bearer abc"))

    def test_credentials_of_an_instance(self):
        self.double.instance_role = ROLE
        self.require_credentials(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=self.double.url)


if __name__ == "__main__":
    main()
