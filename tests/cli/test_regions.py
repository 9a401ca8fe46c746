"""One key in two Azure Key Vaults, in two regions, over their real protocol: the same matrix that two local vaults and two tokens
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


if __name__ == "__main__":
    main()
