"""One key in two regions, in Azure Key Vaults and in AWS KMS, over their real protocols: the same matrix that two local vaults and two tokens
pass (test_failover.py)."""

import copy
import unittest

import managers
from harness import SignetTest, main
from test_failover import Matrix, Outage, Refusal


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
        self.env["SIGNET_REMOTE_TIMEOUT"] = "20"
        # This version, whatever comes after it.
        self.west, self.east = (f"{place}/{self.azure.first.id}" for place in (self.azure.place, self.azure.twin))
        self.set_up_repository()

    def keep_west(self):
        return [copy.copy(version) for version in self.server.keys["prod"]]

    def bring_back_west(self, kept):
        self.env["SIGNET_REMOTE_TIMEOUT"] = "20"
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

    def fall_silent(self):
        self.env["SIGNET_REMOTE_TIMEOUT"] = "3"
        self.fault(managers.double.hang(10))()

    def azure_replaced(self):
        self.server.keys["prod"] = []
        self.server.create("prod")

    def outages(self):
        double = managers.double
        return [
            Outage("nothing listens", self.server.stop),
            Outage("accepted and silent", self.fall_silent),
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
