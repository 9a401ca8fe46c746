#include "restore/plan.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/names.h"
#include "restore/latest.h"
#include "tests/unit/restore/repository_bench.h"

#include <nlohmann/json.hpp>
#include <set>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

TimePoint day(int number) { return {(1'700'000'000LL + number * 86'400LL) * kNsPerSecond}; }

RunOptions at(int number, std::vector<std::string> protectors = {}, bool reuse = true) {
    RunOptions options;
    options.time = day(number);
    options.protectors = std::move(protectors);
    options.reuse = reuse;
    return options;
}

Node tree(std::initializer_list<int> seeds) {
    std::vector<Node> files;
    for (const int seed : seeds)
        files.push_back(file("f" + std::to_string(seed), noise(500, static_cast<std::uint64_t>(seed))));
    return root(std::move(files));
}

/// A catalogue and a planner that live together.
struct Planning {
    Catalogue catalogue;
    Planner planner;
    explicit Planning(RepositoryBench& bench, PlanOptions options = {})
        : catalogue(bench.catalogue()), planner(catalogue, *bench.repository, bench.resolver, std::move(options)) {}
    Plan latest() { return planner.plan(catalogue.latest()); }
    Plan of(const EntryId& id) { return planner.plan(catalogue.find(id.hex())); }
};

std::set<std::string> unusable(const Plan& plan) {
    std::set<std::string> names;
    for (const RequiredProtector& one : plan.required) {
        if (!one.usable) names.insert(one.report.name);
    }
    return names;
}

/// A vault that has one answer for everything.
class Refusing final : public keyring::Vault {
public:
    explicit Refusing(keyring::Outcome outcome) : outcome_(outcome) {}
    keyring::Answer<keyring::KeyDescription> describe(const keyring::Location&) override {
        return keyring::Answer<keyring::KeyDescription>::refuse(outcome_, "told so");
    }
    keyring::Answer<Bytes> wrap(const keyring::Location&, ByteView, const keyring::Binding&) override {
        return keyring::Answer<Bytes>::refuse(outcome_, "told so");
    }
    keyring::Answer<SecretBytes> unwrap(const keyring::Location&, ByteView, const keyring::Binding&) override {
        return keyring::Answer<SecretBytes>::refuse(outcome_, "told so");
    }

private:
    keyring::Outcome outcome_;
};

const RequiredProtector* of(const Plan& plan, const format::Thumbprint& thumbprint) {
    for (const RequiredProtector& one : plan.required) {
        if (one.report.thumbprint == thumbprint) return &one;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("a plan names the protectors of everything that a backup refers to", "[restore][plan][R93][R122]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    Planning planning(bench);
    const Plan plan = planning.latest();
    CHECK(plan.restorable);
    REQUIRE(plan.required.size() == 2);
    const RequiredProtector* old = of(plan, bench.thumbprint("prod"));
    const RequiredProtector* own = of(plan, bench.thumbprint("next"));
    REQUIRE(old != nullptr);
    REQUIRE(own != nullptr);
    CHECK(old->inherited);
    CHECK_FALSE(own->inherited);
    CHECK(old->needed_from == day(1));
    CHECK(old->needed_to == day(1));
    CHECK(old->deks == 1);
    CHECK(old->backups == 1);
    CHECK(own->needed_from == day(2));
}

TEST_CASE("a backup that refers to nothing older needs its own protector alone [R92]", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({2}), at(2, {"next"}, false));
    Planning planning(bench);
    const Plan plan = planning.latest();
    REQUIRE(plan.required.size() == 1);
    CHECK(plan.required[0].report.thumbprint == bench.thumbprint("next"));
}

TEST_CASE("a missing protector is named with the time range it is needed for [R123]", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"prod"}));
    bench.back_up(tree({1, 2, 3}), at(3, {"next"}));
    bench.back_up(tree({4}), at(4, {"next"}, false));
    bench.unlink("prod");
    Planning planning(bench);
    const std::vector<Backup>& backups = planning.catalogue.backups();
    const Plan plan = planning.planner.plan(backups[2]);
    CHECK_FALSE(plan.restorable);
    const RequiredProtector* missing = of(plan, bench.thumbprint("prod"));
    REQUIRE(missing != nullptr);
    CHECK(missing->report.status == keyring::ProtectorStatus::missing);
    CHECK(missing->report.name == "prod");
    CHECK(missing->locations == std::vector<std::string>{"local:prod/1"});
    CHECK(missing->needed_from == day(1));
    CHECK(missing->needed_to == day(2));
    CHECK(missing->backups == 2);
    CHECK(missing->deks == 2);
    CHECK(plan.required.front().usable == false);
    CHECK(plan.reason() == "1 of 2 protectors it needs cannot be used");
    REQUIRE(plan.coverage.size() == 2);
    CHECK(plan.coverage[0].from == day(1));
    CHECK(plan.coverage[0].to == day(4));
    CHECK_FALSE(plan.coverage[0].restorable);
    CHECK(plan.coverage[0].blocked_by == std::vector<format::Thumbprint>{bench.thumbprint("prod")});
    CHECK(plan.coverage[0].backups == 3);
    CHECK(plan.coverage[1].restorable);
    CHECK_FALSE(plan.before);
    CHECK(plan.after == day(4));
    CHECK(planning.planner.restorable(backups[3]));
    CHECK_FALSE(planning.planner.restorable(backups[0]));
}

TEST_CASE("any one opener of a data key is enough", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("spare");
    bench.back_up(tree({1}), at(1, {"prod", "spare"}));
    SECTION("both usable: the default is what the resolver will use") {
        const Plan plan = Planning(bench).latest();
        REQUIRE(plan.required.size() == 1);
        CHECK(plan.required[0].report.thumbprint == bench.thumbprint("prod"));
        CHECK(plan.required[0].alternatives == std::vector<format::Thumbprint>{bench.thumbprint("spare")});
    }
    SECTION("one missing: the other is required, and the plan holds") {
        bench.unlink("prod");
        const Plan plan = Planning(bench).latest();
        CHECK(plan.restorable);
        REQUIRE(plan.required.size() == 1);
        CHECK(plan.required[0].report.thumbprint == bench.thumbprint("spare"));
    }
    SECTION("both missing: every opener is shown") {
        bench.unlink("prod");
        bench.unlink("spare");
        const Plan plan = Planning(bench).latest();
        CHECK_FALSE(plan.restorable);
        CHECK(plan.required.size() == 2);
        CHECK(unusable(plan) == std::set<std::string>{"prod", "spare"});
        CHECK(plan.unopenable.size() == 1);
    }
}

TEST_CASE("a disabled protector blocks, an expired one still unwraps", "[restore][plan]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    SECTION("disabled") {
        bench.vaults.local().unlocked().set_enabled("prod", false);
        const Plan plan = Planning(bench).latest();
        CHECK_FALSE(plan.restorable);
        CHECK(plan.required[0].report.status == keyring::ProtectorStatus::disabled);
    }
    SECTION("deleted") {
        bench.vaults.local().unlocked().soft_delete("prod");
        const Plan plan = Planning(bench).latest();
        CHECK_FALSE(plan.restorable);
        CHECK(plan.required[0].report.status == keyring::ProtectorStatus::deleted);
    }
    SECTION("expired") {
        bench.vaults.local().unlocked().set_dates("prod", {std::nullopt, day(10)});
        const Plan plan = Planning(bench).latest();
        CHECK(plan.restorable);
        CHECK(plan.required[0].report.status == keyring::ProtectorStatus::expired);
        CHECK_FALSE(plan.warnings.empty());
    }
    SECTION("expired at a later time that is asked about") {
        bench.vaults.local().unlocked().set_dates(
            "prod", {std::nullopt, TimePoint{Clock::system().now().ns + 1'000 * kNsPerSecond}});
        PlanOptions options;
        CHECK(Planning(bench, options).latest().required[0].report.status == keyring::ProtectorStatus::usable);
        options.as_of = TimePoint{Clock::system().now().ns + 2'000 * kNsPerSecond};
        CHECK(Planning(bench, options).latest().required[0].report.status == keyring::ProtectorStatus::expired);
    }
}

TEST_CASE("what if a key were gone", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    PlanOptions options;
    SECTION("by name") { options.without_keys = {"prod"}; }
    SECTION("by thumbprint") { options.without_keys = {bench.thumbprint("prod").short_text()}; }
    const Plan plan = Planning(bench, options).latest();
    CHECK_FALSE(plan.restorable);
    CHECK(unusable(plan) == std::set<std::string>{"prod"});
    PlanOptions unknown;
    unknown.without_keys = {"nothing"};
    CHECK_THROWS_MATCHES(Planning(bench, unknown), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a plan as of an earlier time leaves out what was signed later", "[restore][plan]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    const TimePoint between = Clock::system().now();
    bench.back_up(tree({2}), at(2));
    PlanOptions options;
    options.as_of = between;
    Planning planning(bench, options);
    const Plan plan = planning.planner.plan(BackupFilter{});
    CHECK(plan.coverage.size() == 1);
    CHECK(plan.coverage[0].backups == 1);
    CHECK(plan.coverage[0].to == between);
}

TEST_CASE("an offline plan asks no vault", "[restore][plan]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    bench.vaults.local().unlocked().set_enabled("prod", false);
    PlanOptions options;
    options.offline = true;
    CHECK(Planning(bench, options).latest().restorable);
    CHECK_FALSE(Planning(bench).latest().restorable);
}

TEST_CASE("a plan asks for no passphrase", "[restore][plan]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    keyring::PassphraseSource nobody(
        [](const keyring::PassphraseRequest&) -> SecretBytes { throw std::logic_error("asked"); },
        keyring::PassphraseSource::Manner::prompt);
    keyring::Vaults vaults(bench.folder / "vault", nobody);
    keyring::Resolver resolver(bench.keyrings, vaults);
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, resolver);
    CHECK(planner.plan(catalogue.latest()).restorable);
    CHECK(nobody.times_asked() == 0);
}

TEST_CASE("a slot that was only stored counts as a claim, and the plan says so", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    // What a re-wrap stores: another copy of the data key, under a protector that the entry does not name.
    format::Slot slot = bench.catalogue().latest().fields->slots.front();
    const format::DataKey key = bench.resolver.unwrap(slot);
    bench.repository->put_slot(bench.resolver.wrap_any_role(key, bench.thumbprint("next")));
    bench.unlink("prod");
    const Plan plan = Planning(bench).latest();
    CHECK(plan.restorable);
    REQUIRE(plan.required.size() == 1);
    CHECK(plan.required[0].report.thumbprint == bench.thumbprint("next"));
    CHECK(plan.required[0].unproven == 1);
    CHECK_FALSE(plan.warnings.empty());
    CHECK(plan.unproven == 1);
    CHECK(nlohmann::json::parse(plan.json())["unproven"] == 1);
    const std::string text = plan.text();
    CAPTURE(text);
    CHECK(text.starts_with("things at " + to_rfc3339(day(1)) +
                           " can be restored with 1 protector, if unproven slots hold what they claim\n"));
    // On the second line, before anything about protectors.
    CHECK(text.find("unproven: that 1 data key opens") < text.find(bench.thumbprint("next").short_text()));
}

TEST_CASE("a stored slot beside a signed one that is at hand is no news", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    const format::DataKey key = bench.resolver.unwrap(bench.catalogue().latest().fields->slots.front());
    bench.repository->put_slot(bench.resolver.wrap_any_role(key, bench.thumbprint("next")));
    const Plan plan = Planning(bench).latest();
    CHECK(plan.restorable);
    CHECK(plan.unproven == 0);
    CHECK(plan.text().starts_with("things at " + to_rfc3339(day(1)) + " can be restored with 1 protector\n"));
}

TEST_CASE("what a writer signed beyond its trust says nothing of the data keys of trusted backups",
          "[restore][plan][hostile]") {
    RepositoryBench bench;
    bench.add_protector("next");
    const EntryId old = bench.back_up(tree({1}), at(1, {"prod"}));
    const format::BackupPublic fields = *bench.catalogue().latest().fields;
    RunOptions thief = at(9, {"next"}, false);
    // The data key itself, as its host had it: so the commitment is the same, too.
    thief.dek = std::make_shared<format::DataKey>(bench.resolver.unwrap(fields.slots.front()));
    const EntryId later = bench.back_up(tree({2}), thief);
    bench.trust(bench.writer(), 1);
    for (const auto& [dek, name] : bench.repository->list_slots()) {
        if (name.thumbprint == bench.thumbprint("next"))
            bench.store->lose(format::slot_name(name.thumbprint, name.dek, name.content));
    }
    Planning planning(bench);
    const RunKey& key = *planning.planner.keys_of(planning.catalogue.find(old.hex())).front();
    CHECK(key.is_trusted);
    CHECK(key.time == day(1));
    REQUIRE(key.openers.size() == 1);
    CHECK(key.openers.front().thumbprint == bench.thumbprint("prod"));
    CHECK(key.openers.front().slots.size() == 1);
    // Nor do its slots count as signed for its own key.
    const RunKey& its = *planning.planner.keys_of(planning.catalogue.find(later.hex())).front();
    CHECK_FALSE(its.is_trusted);
    CHECK_FALSE(its.openers.empty());
    CHECK(std::none_of(its.openers.begin(), its.openers.end(), [](const Opener& one) { return one.is_signed; }));
    // And what it calls a protector is nobody's name.
    bench.unlink("next");
    CHECK_THROWS_MATCHES(planning.planner.protectors_named("next"), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a planted slot does not hide the protector that is needed", "[restore][plan][hostile]") {
    RepositoryBench bench;
    bench.add_protector("old");
    bench.back_up(tree({1}), at(1, {"old"}));
    const DekId dek = bench.catalogue().latest().fields->dek;
    const std::string octets = noise(300, 7);
    const format::Thumbprint planted = bench.thumbprint("prod");  // the default: the best role there is
    REQUIRE(bench.store->put(format::slot_name(planted, dek, crypto::sha256(as_bytes(octets))), as_bytes(octets)));
    const Plan plan = Planning(bench).latest();
    CHECK(plan.restorable);
    CHECK(plan.unproven == 0);
    REQUIRE(plan.required.size() == 1);
    CHECK(plan.required[0].report.thumbprint == bench.thumbprint("old"));
    CHECK(plan.required[0].unproven == 0);
    CHECK(plan.required[0].alternatives == std::vector<format::Thumbprint>{planted});
    SECTION("also when the signed one has expired") {
        bench.vaults.local().unlocked().set_dates("old", {std::nullopt, day(10)});
        CHECK(Planning(bench).latest().required[0].report.thumbprint == bench.thumbprint("old"));
    }
    SECTION("and the restore asks the needed one first") { CHECK(bench.restore().files_restored == 1); }
    SECTION("alone it is a claim") {
        bench.unlink("old");
        const Plan claim = Planning(bench).latest();
        CHECK(claim.unproven == 1);
        CHECK(claim.required[0].report.thumbprint == planted);
    }
}

TEST_CASE("plans agree with a simple oracle for every set of keys at hand", "[restore][plan][oracle]") {
    RepositoryBench bench;
    const std::vector<std::string> names{"prod", "k1", "k2"};
    bench.add_protector("k1");
    bench.add_protector("k2");
    const std::vector<std::vector<std::string>> protectors{{"prod"}, {"k1"}, {"k1", "k2"}, {"k2"}, {"prod", "k2"}};
    // Backup i holds file i and some files of earlier runs: whose they are decides what it needs.
    const std::vector<std::vector<int>> files{{0}, {0, 1}, {1, 2}, {2, 3}, {4}};
    for (std::size_t i = 0; i < files.size(); ++i) {
        std::vector<Node> nodes;
        for (const int seed : files[i])
            nodes.push_back(file("f" + std::to_string(seed), noise(400, static_cast<std::uint64_t>(seed))));
        bench.back_up(root(nodes), at(static_cast<int>(i) + 1, protectors[i]));
    }
    for (unsigned mask = 0; mask < 8; ++mask) {
        CAPTURE(mask);
        PlanOptions options;
        std::set<std::string> at_hand;
        for (std::size_t k = 0; k < names.size(); ++k) {
            if ((mask >> k & 1U) != 0) {
                at_hand.insert(names[k]);
            } else {
                options.without_keys.push_back(names[k]);
            }
        }
        Planning planning(bench, options);
        for (std::size_t i = 0; i < files.size(); ++i) {
            CAPTURE(i);
            std::set<int> runs(files[i].begin(), files[i].end());
            runs.insert(static_cast<int>(i));
            bool expected = true;
            for (const int run : runs) {
                const auto& openers = protectors[static_cast<std::size_t>(run)];
                expected = expected && std::any_of(openers.begin(), openers.end(),
                                                   [&](const std::string& name) { return at_hand.contains(name); });
            }
            const Plan plan = planning.planner.plan(planning.catalogue.backups()[i]);
            CHECK(plan.restorable == expected);
            CHECK(planning.planner.restorable(planning.catalogue.backups()[i]) == expected);
            CHECK(planning.planner.keys_of(planning.catalogue.backups()[i]).size() == runs.size());
            // Coverage says the same of the moment of each backup, and tiles the time.
            for (std::size_t c = 1; c < plan.coverage.size(); ++c)
                CHECK(plan.coverage[c - 1].to == plan.coverage[c].from);
            for (const CoverageInterval& interval : plan.coverage) {
                const TimePoint moment = day(static_cast<int>(i) + 1);
                if (interval.from <= moment && moment < interval.to) CHECK(interval.restorable == expected);
            }
        }
    }
}

TEST_CASE("a stretch of time needs what all its moments need", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("k1");
    bench.add_protector("k2");
    bench.back_up(tree({1}), at(1, {"prod"}, false));
    bench.back_up(tree({2}), at(3, {"k1"}, false));
    bench.back_up(tree({3}), at(5, {"k2"}, false));
    Planning planning(bench);
    BackupFilter filter;
    filter.from = day(2);
    filter.at = day(4);
    const Plan plan = planning.planner.plan(filter);
    CHECK(plan.required.size() == 2);
    CHECK(of(plan, bench.thumbprint("prod")) != nullptr);
    CHECK(of(plan, bench.thumbprint("k1")) != nullptr);
    CHECK(plan.from == day(2));
    CHECK(plan.to == day(4));
    filter.from = day(3);
    CHECK(planning.planner.plan(filter).required.size() == 1);
    filter.from = day(-5);
    filter.at = day(0);
    CHECK_THROWS_MATCHES(planning.planner.plan(filter), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a timeline has a lane for each series", "[restore][plan]") {
    RepositoryBench bench;
    RunOptions other = at(2);
    other.series = "others";
    bench.back_up(tree({1}), at(1));
    bench.back_up(tree({2}), other);
    bench.back_up(tree({3}), at(3));
    Planning planning(bench);
    const std::vector<Plan> lanes = planning.planner.timeline({});
    REQUIRE(lanes.size() == 2);
    CHECK(lanes[0].series == "others");
    CHECK(lanes[1].series == "things");
    CHECK(lanes[1].coverage[0].backups == 2);
    CHECK_THROWS_MATCHES(planning.planner.plan(BackupFilter{}), Error, has_code(ErrorCode::usage));
}

TEST_CASE("the report is one JSON object in one line", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    bench.unlink("prod");
    const Plan plan = Planning(bench).latest();
    const std::string text = plan.json();
    CHECK(text.find('\n') == std::string::npos);
    const auto json = nlohmann::json::parse(text);
    CHECK(json["message_type"] == "key_report");
    CHECK(json["series"] == "things");
    CHECK(json["restorable"] == false);
    CHECK(json["to"] == to_rfc3339(day(2)));
    REQUIRE(json["required"].size() == 2);
    const auto& missing = json["required"][0];
    CHECK(missing["thumbprint"] == bench.thumbprint("prod").text());
    CHECK(missing["name"] == "prod");
    CHECK(missing["status"] == "missing");
    CHECK(missing["inherited"] == true);
    CHECK(missing["alternatives"].empty());
    CHECK(missing["needed_from"] == to_rfc3339(day(1)));
    CHECK(missing["needed_to"] == to_rfc3339(day(1)));
    CHECK(missing["backups"] == 1);
    CHECK(missing["logs"] == 0);
    CHECK(missing["deks"] == 1);
    CHECK(json["coverage"][0]["blocked_by"][0] == bench.thumbprint("prod").text());
    CHECK(json["nearest"]["before"].is_null());
    CHECK(json["nearest"]["after"].is_null());
}

TEST_CASE("the text says what is missing, what would help, and what can be restored", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({2}), at(2, {"next"}, false));
    bench.unlink("prod");
    Planning planning(bench);
    const std::string text = planning.planner.plan(planning.catalogue.backups()[0]).text();
    CAPTURE(text);
    CHECK(text.starts_with("cannot restore things at " + to_rfc3339(day(1)) +
                           ": 1 of 1 protector it needs cannot be used\n"));
    CHECK(text.find(bench.thumbprint("prod").short_text() + "  prod/1  ") != std::string::npos);
    CHECK(text.find("keyring link local:prod") != std::string::npos);
    // With its seconds: a restore to the minute before would fail.
    CHECK(text.find("restorable now: every moment from " + to_table_time(day(2)) + " on\n") != std::string::npos);
    CHECK(text.find("(times without a zone are UTC") != std::string::npos);
    const std::string good = planning.planner.plan(planning.catalogue.backups()[1]).text();
    CHECK(good.starts_with("things at " + to_rfc3339(day(2)) + " can be restored with 1 protector\n"));
}

TEST_CASE("a plan of a successor's backup names the data keys of both writers [R93]", "[restore][plan]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    const IdentityId lost = bench.writer();
    bench.use_successor();
    const EntryId id = bench.back_up(tree({1, 2}), at(2));
    Planning planning(bench);
    const Backup& backup = planning.catalogue.find(id.hex());
    const auto keys = planning.planner.keys_of(backup);
    REQUIRE(keys.size() == 2);
    CHECK(keys[0]->writer == bench.writer());
    CHECK(keys[1]->writer == lost);
    // The coverage of the series begins with the predecessor's backup.
    const Plan plan = planning.of(id);
    REQUIRE(!plan.coverage.empty());
    CHECK(plan.coverage.front().from == day(1));
}

TEST_CASE("reach into a predecessor's journal that names what is not there is damage", "[restore][plan][hostile]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    bench.trust(bench.writer());
    bench.use_successor();
    bench.trust(bench.catalogue().backups().front().writer);
    RunOptions options = at(2);
    SECTION("no such entry") {
        options.change = [](format::BackupPublic& fields, format::BackupBody&) { fields.reach[0].sequence = 2; };
    }
    SECTION("no such journal") {
        options.change = [&](format::BackupPublic& fields, format::BackupBody&) {
            fields.predecessors.push_back(crypto::random_id<IdentityId>());
            bench.trust(fields.predecessors.back());
            fields.reach[0].journal = 2;
        };
    }
    SECTION("another data key") {
        options.change = [](format::BackupPublic& fields, format::BackupBody&) {
            fields.reach[0].dek = crypto::random_id<DekId>();
        };
    }
    const EntryId id = bench.back_up(tree({1, 2}), options);
    Planning planning(bench);
    CHECK_THROWS_MATCHES(planning.of(id), Error, has_code(ErrorCode::damaged));
    CHECK_FALSE(planning.planner.restorable(planning.catalogue.find(id.hex())));
}

TEST_CASE("reach that names what is not there is damage", "[restore][plan][hostile]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    RunOptions options = at(2);
    SECTION("an entry of another data key") {
        options.change = [](format::BackupPublic& fields, format::BackupBody&) {
            REQUIRE(fields.reach.size() == 1);
            fields.reach[0].dek = crypto::random_id<DekId>();
        };
    }
    SECTION("more packs than the entry has") {
        options.change = [](format::BackupPublic& fields, format::BackupBody&) { fields.reach[0].set(77); };
    }
    const EntryId id = bench.back_up(tree({1, 2}), options);
    Planning planning(bench);
    CHECK_THROWS_MATCHES(planning.of(id), Error, has_code(ErrorCode::damaged));
    CHECK_FALSE(planning.planner.restorable(planning.catalogue.find(id.hex())));
}

TEST_CASE("what a protector is needed for is the run that was committed, not what interrupted it", "[restore][plan]") {
    RepositoryBench bench;
    RunOptions interrupted = at(1);
    interrupted.partial = true;
    RunOptions committed = at(2);
    interrupted.dek = committed.dek =
        std::make_shared<format::DataKey>(format::DataKey::generate(bench.repository->config().repository));
    bench.back_up(tree({1}), interrupted);
    bench.back_up(tree({1, 2}), committed);
    const Plan plan = Planning(bench).latest();
    REQUIRE(plan.required.size() == 1);
    CHECK(plan.required[0].deks == 1);
    CHECK(plan.required[0].needed_from == day(2));
    CHECK(plan.required[0].needed_to == day(2));
}

TEST_CASE("an offline plan goes by what the last test found, and by nothing that it does not know", "[restore][plan]") {
    using keyring::Outcome;
    using keyring::ProtectorStatus;
    const auto [outcome, status] =
        GENERATE(table<Outcome, ProtectorStatus>({{Outcome::key_disabled, ProtectorStatus::disabled},
                                                  {Outcome::key_deleted, ProtectorStatus::deleted},
                                                  {Outcome::not_found, ProtectorStatus::deleted},
                                                  {Outcome::denied, ProtectorStatus::denied},
                                                  {Outcome::throttled, ProtectorStatus::unreachable},
                                                  {Outcome::unavailable, ProtectorStatus::unreachable},
                                                  {Outcome::credential_rejected, ProtectorStatus::denied},
                                                  {Outcome::untrusted, ProtectorStatus::denied},
                                                  {Outcome::integrity, ProtectorStatus::denied}}));
    CAPTURE(keyring::text(outcome));
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    PlanOptions options;
    options.offline = true;
    CHECK(Planning(bench, options).latest().restorable);
    bench.vaults.replace(keyring::Location::parse("local:prod/1"), std::make_unique<Refusing>(outcome));
    static_cast<void>(bench.keyrings.own().test(bench.thumbprint("prod"), bench.vaults));
    const Plan plan = Planning(bench, options).latest();
    CHECK_FALSE(plan.restorable);
    REQUIRE(plan.required.size() == 1);
    CHECK(plan.required[0].report.status == status);
}

TEST_CASE("whoever claims a series' id adds nothing to the plan of another's backup", "[restore][plan][hostile]") {
    RepositoryBench bench;
    const EntryId mine = bench.back_up(tree({1}), at(2));
    const SeriesId series = bench.catalogue().latest().fields->series;
    bench.use_stranger();
    bench.trust(bench.writer());
    for (const int number : {1, 3}) {
        RunOptions options = at(number);
        options.change = [&](format::BackupPublic& fields, format::BackupBody&) { fields.series = series; };
        bench.back_up(tree({2}), options);
    }
    const Plan plan = Planning(bench).of(mine);
    REQUIRE(plan.coverage.size() == 1);
    CHECK(plan.coverage[0].from == day(2));
    CHECK(plan.coverage[0].backups == 1);
}

TEST_CASE("a key is valid from its first moment on, and no more at its expiry", "[restore][plan]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    const TimePoint now = Clock::system().now();
    const TimePoint first{now.ns + 1'000 * kNsPerSecond};
    const TimePoint expiry{now.ns + 2'000 * kNsPerSecond};
    bench.vaults.local().unlocked().set_dates("prod", {first, expiry});
    const auto status_at = [&](std::int64_t ns) {
        PlanOptions options;
        options.as_of = TimePoint{ns};
        return Planning(bench, options).latest().required[0].report.status;
    };
    CHECK(status_at(first.ns - 1) == keyring::ProtectorStatus::not_yet_valid);
    CHECK(status_at(first.ns) == keyring::ProtectorStatus::usable);
    CHECK(status_at(expiry.ns - 1) == keyring::ProtectorStatus::usable);
    CHECK(status_at(expiry.ns) == keyring::ProtectorStatus::expired);
}

TEST_CASE("both ends of a stretch belong to it", "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("k1");
    bench.add_protector("k2");
    bench.back_up(tree({1}), at(1, {"prod"}, false));
    bench.back_up(tree({2}), at(2, {"k1"}, false));
    bench.back_up(tree({3}), at(3, {"k2"}, false));
    Planning planning(bench);
    BackupFilter filter;
    filter.from = day(2);
    filter.at = day(3);
    const Plan plan = planning.planner.plan(filter);
    REQUIRE(plan.required.size() == 2);
    CHECK(of(plan, bench.thumbprint("prod")) == nullptr);
    REQUIRE(of(plan, bench.thumbprint("k2"))->moments.size() == 1);
    CHECK(of(plan, bench.thumbprint("k2"))->moments[0].from == day(3));
}

TEST_CASE("moments that a restore refuses are not called restorable, wherever they are", "[restore][plan][trust]") {
    RepositoryBench bench;
    const IdentityId former = bench.writer();
    bench.back_up(tree({1}), at(1));
    const EntryId withdrawn = bench.back_up(tree({2}), at(2, {}, false));
    bench.use_successor();
    bench.back_up(tree({3}), at(3, {}, false));
    bench.trust(former, 1);
    const Planning planning(bench);
    Planner planner(planning.catalogue, *bench.repository, bench.resolver);
    BackupFilter filter;
    filter.series = "things";
    filter.from = day(1);
    filter.at = day(4);
    Plan plan = planner.plan(filter);
    CHECK(plan.restorable);
    const std::vector<std::string> sentences = exclude_refused(plan, planning.catalogue, filter);
    REQUIRE(sentences.size() == 1);
    CHECK(sentences[0].find(withdrawn.short_hex(8)) != std::string::npos);
    CHECK_FALSE(plan.restorable);
    REQUIRE(plan.coverage.size() == 3);
    CHECK(plan.coverage[1].from == day(2));
    CHECK(plan.coverage[1].to == day(3));
    CHECK(plan.reason().find("refused") != std::string::npos);
    // What a restore to the first and the last moment of each interval says.
    for (const CoverageInterval& interval : plan.coverage) {
        CHECK(interval.restorable == interval.refused.empty());
        for (const TimePoint moment : {interval.from, TimePoint{interval.to.ns - 1}}) {
            BackupFilter then = filter;
            then.at = moment;
            CHECK(refusal_of_latest(planning.catalogue, then).has_value() == !interval.restorable);
        }
    }
    filter.from = day(3);
    Plan later = planner.plan(filter);
    CHECK(exclude_refused(later, planning.catalogue, filter).empty());
    CHECK(later.restorable);
}

TEST_CASE("a plan warns of a trusted journal that is damaged", "[restore][plan]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree({1}), at(1));
    bench.back_up(tree({2}), at(2));
    const std::string entry = format::journal_name(bench.writer(), 2);
    bench.store->tamper(entry, [](Bytes& octets) { octets.back() ^= 1; });
    const auto warns = [&] {
        const Plan plan = Planning(bench).of(first);
        return std::any_of(plan.warnings.begin(), plan.warnings.end(),
                           [&](const std::string& one) { return one.find(entry) != std::string::npos; });
    };
    CHECK(warns());
    bench.trust(bench.writer(), 1);
    CHECK_FALSE(warns());
}

TEST_CASE("what a slot calls a protector does not count where the keyring has a name for it",
          "[restore][plan][hostile]") {
    RepositoryBench bench;
    RunOptions options = at(1);
    options.change = [](format::BackupPublic& fields, format::BackupBody&) {
        fields.slots.front().location = "local:elsewhere/1";
    };
    bench.back_up(tree({1}), options);
    Planning planning(bench);
    CHECK_THROWS_MATCHES(planning.planner.protectors_named("elsewhere"), Error, has_code(ErrorCode::usage));
    CHECK(planning.planner.protectors_named("prod") == std::set<format::Thumbprint>{bench.thumbprint("prod")});
    bench.unlink("prod");
    CHECK(planning.planner.protectors_named("elsewhere") == std::set<format::Thumbprint>{bench.thumbprint("prod")});
}

TEST_CASE("a stretch begins with the first backup, and the plan says that there is nothing before", "[restore][plan]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1));
    Planning planning(bench);
    BackupFilter filter;
    filter.from = day(-500);
    filter.at = day(2);
    const Plan plan = planning.planner.plan(filter);
    CHECK(plan.from == day(1));
    CHECK(plan.text().starts_with("things from " + to_rfc3339(day(1)) + " to " + to_rfc3339(day(2)) + " can be"));
    CHECK(plan.text().find("nothing before " + to_rfc3339(day(1))) != std::string::npos);
    CHECK(nlohmann::json::parse(plan.json())["from"] == to_rfc3339(day(1)));
    filter.from = day(1);
    CHECK(planning.planner.plan(filter).warnings.empty());
}

TEST_CASE("a timeline tells what is proven, what rests on claims, what is damaged, and who is needed when",
          "[restore][plan][hostile]") {
    RepositoryBench bench;
    bench.add_protector("lost");
    bench.back_up(tree({1}), at(1, {"prod"}, false));
    bench.back_up(tree({2}), at(2, {"lost"}, false));
    const DekId claimed = bench.catalogue().latest().fields->dek;
    bench.back_up(tree({1, 2}), at(3, {"prod"}, false));
    bench.unlink("lost");
    const std::string octets = noise(300, 7);
    const std::string name = format::slot_name(bench.thumbprint("prod"), claimed, crypto::sha256(as_bytes(octets)));
    REQUIRE(bench.store->put(name, as_bytes(octets)));
    RunOptions broken = at(4);
    broken.change = [](format::BackupPublic& fields, format::BackupBody&) {
        fields.reach.front().dek = crypto::random_id<DekId>();
    };
    bench.back_up(tree({1, 2, 3}), broken);

    Planning planning(bench);
    BackupFilter filter;
    filter.at = day(5);
    const std::vector<Plan> lanes = planning.planner.timeline(filter);
    REQUIRE(lanes.size() == 1);
    const std::vector<CoverageInterval>& coverage = lanes[0].coverage;
    REQUIRE(coverage.size() == 4);
    CHECK((coverage[0].restorable && !coverage[0].unproven));
    CHECK((coverage[1].restorable && coverage[1].unproven));
    CHECK((coverage[2].restorable && !coverage[2].unproven));
    CHECK_FALSE(coverage[3].restorable);
    CHECK(coverage[3].damage.find("has another data key") != std::string::npos);
    CHECK(coverage[3].blocked_by.empty());
    // The protector of the claim is needed then as well, so its moments are one stretch, up to the damage.
    const RequiredProtector* prod = of(lanes[0], bench.thumbprint("prod"));
    REQUIRE(prod != nullptr);
    REQUIRE(prod->moments.size() == 1);
    CHECK(prod->moments[0].from == day(1));
    CHECK(prod->moments[0].to == day(4));
    const auto json = nlohmann::json::parse(lanes[0].json());
    CHECK(json["coverage"][1]["unproven"] == true);
    CHECK(json["coverage"][3]["damage"].is_string());
    CHECK(json["required"][0]["moments"][0]["to"] == to_rfc3339(day(4)));

    const std::vector<Backup>& backups = planning.catalogue.backups();
    CHECK(planning.planner.outlook(backups[0]) == Outlook::restorable);
    CHECK(planning.planner.outlook(backups[1]) == Outlook::unproven);
    CHECK(planning.planner.outlook(backups[3]) == Outlook::damaged);
    bench.store->lose(name);
    CHECK(Planning(bench).planner.outlook(backups[1]) == Outlook::blocked);
}

TEST_CASE("a protector is needed for the moments that its backups cover, not for when data keys were made",
          "[restore][plan]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({2}), at(2, {"next"}, false));
    bench.back_up(tree({1, 3}), at(3, {"next"}));  // refers to what the first stored
    Planning planning(bench);
    BackupFilter filter;
    filter.at = day(4);
    const Plan lane = planning.planner.timeline(filter).front();
    const RequiredProtector* prod = of(lane, bench.thumbprint("prod"));
    REQUIRE(prod != nullptr);
    REQUIRE(prod->moments.size() == 2);
    CHECK(prod->moments[0].from == day(1));
    CHECK(prod->moments[0].to == day(2));
    CHECK(prod->moments[1].from == day(3));
    CHECK(prod->moments[1].to == day(4));
    CHECK(prod->needed_to == day(1));
    REQUIRE(of(lane, bench.thumbprint("next"))->moments.size() == 1);
}
