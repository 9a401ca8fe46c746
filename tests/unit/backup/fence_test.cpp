// The fence: protectors that are to go open nothing for a new backup.
#include "tests/unit/backup/engine_bench.h"

#include <algorithm>

using namespace signet;
using namespace signet::backup;
using namespace signet::backup::test;
using signet::test::has_code;

namespace {

/// A host whose backup was made under a protector that a rotation has replaced since.
struct FenceBench : EngineBench {
    format::Thumbprint old;
    DekId old_dek;

    FenceBench() {
        put("f", EngineBench::noise(70'000, 3));
        let_the_clock_move();
        (void)run();
        old = last().slots.front().thumbprint;
        old_dek = last().dek;
        vaults.local().unlocked().rotate("prod");
        let_the_clock_move();
    }
    [[nodiscard]] bool refers_to_the_old() {
        const auto reach = last().reach;
        return std::any_of(reach.begin(), reach.end(), [&](const auto& part) { return part.dek == old_dek; });
    }
    [[nodiscard]] bool has_warned(const std::string& part) const {
        return std::any_of(warnings.begin(), warnings.end(),
                           [&](const auto& warning) { return warning.find(part) != std::string::npos; });
    }
};

}  // namespace

TEST_CASE("what only a retiring protector opens is wrapped anew before anything refers to it [R93] [R96]", "[backup]") {
    FenceBench bench;
    bench.policy("retiring", bench.old.text());
    CHECK(bench.run().data_added < 1000);
    CHECK(bench.refers_to_the_old());
    CHECK(bench.repository->list_slots().count(bench.old_dek) == 2);
}

TEST_CASE("what only a retiring protector opens is stored anew where it is not wrapped anew [R93] [R96]", "[backup]") {
    FenceBench bench;
    SECTION("because the policy wants it inherited") {
        bench.policies({{"after-rotation", "inherit"}, {"retiring", bench.old.text()}});
    }
    SECTION("because the host cannot unwrap") {
        bench.policy("retiring", bench.old.text());
        (void)bench.keyrings.own().refresh_followed(bench.vaults);
        bench.keyrings.own().unlink(bench.old);
    }
    SECTION("whatever an unsigned slot claims") {
        bench.policies({{"after-rotation", "inherit"}, {"retiring", bench.old.text()}});
        (void)bench.keyrings.own().refresh_followed(bench.vaults);
        auto lie = bench.last().slots.front();
        lie.thumbprint = bench.keyrings.own().default_link("local", "local")->thumbprint;
        for (auto& octet : lie.wrapped) octet = static_cast<std::uint8_t>(octet ^ 0x5a);
        bench.repository->put_slot(lie);
    }
    CHECK(bench.run().data_added > 70'000);
    CHECK_FALSE(bench.refers_to_the_old());
    CHECK(bench.has_warned("to go"));
    const auto twice = bench.run();
    CHECK(twice.data_added < 1000);
}

TEST_CASE("what a retiring protector and another one open is referred to as before [R96]", "[backup]") {
    EngineBench bench;
    bench.vaults.local().unlocked().create_key("offline", 2048);
    keyring::LinkOptions recovery;
    recovery.role = keyring::LinkRole::recovery;
    bench.keyrings.own().link(keyring::Location::parse("local:offline"), recovery, bench.vaults);
    bench.put("f", EngineBench::noise(70'000, 3));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    const auto old = bench.last().slots.front().thumbprint;
    bench.vaults.local().unlocked().rotate("prod");
    bench.policies({{"after-rotation", "inherit"}, {"retiring", old.text()}});
    CHECK(bench.run().data_added < 1000);
}

TEST_CASE("nothing that a compromised protector ever wrapped is referred to [R98]", "[backup]") {
    FenceBench bench;
    SECTION("although it was wrapped anew") {
        (void)bench.run();
        REQUIRE(bench.repository->list_slots().count(bench.old_dek) == 2);
    }
    SECTION("not even for being wrapped anew") {}
    bench.policy("compromised", bench.old.text());
    CHECK(bench.run().data_added > 70'000);
    CHECK_FALSE(bench.refers_to_the_old());
    CHECK(bench.has_warned("compromised"));
}

TEST_CASE("a claim that a compromised protector wraps a data key suffices [R98]", "[backup]") {
    EngineBench bench;
    bench.put("f", EngineBench::noise(70'000, 3));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    auto claim = bench.last().slots.front();
    claim.thumbprint = *format::Thumbprint::parse("sha256:" + std::string(64, 'a'));
    bench.repository->put_slot(claim);
    CHECK(bench.run().data_added < 1000);
    bench.policy("compromised", claim.thumbprint.text());
    CHECK(bench.run().data_added > 70'000);
}

TEST_CASE("nothing is wrapped under a protector that is to go [R96] [R98]", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    const auto own = bench.keyrings.own().default_link("local", "local")->thumbprint;
    const std::string list = GENERATE("retiring", "compromised");
    SECTION("the default: there is no backup") {
        bench.policy(list, own.text());
        try {
            (void)bench.run();
            FAIL("made a backup");
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::refused);
            CHECK(std::string(error.what()).find(list) != std::string::npos);
            CHECK(error.hint().find("key rotate") != std::string::npos);
        }
        CHECK(bench.journal().entries.empty());
        CHECK(bench.repository->list_slots().empty());
    }
    SECTION("a recovery protector: it is left out") {
        bench.vaults.local().unlocked().create_key("offline", 2048);
        keyring::LinkOptions recovery;
        recovery.role = keyring::LinkRole::recovery;
        const auto offline = bench.keyrings.own()
                                 .link(keyring::Location::parse("local:offline"), recovery, bench.vaults)
                                 .link.thumbprint;
        bench.policy(list, offline.text());
        (void)bench.run();
        REQUIRE(bench.last().slots.size() == 1);
        CHECK(bench.last().slots.front().thumbprint == own);
    }
}

TEST_CASE("a fence that is raised while a backup runs stops what would need the protector [R96]", "[backup]") {
    FenceBench bench;
    auto request = bench.request();
    bench.put("g", EngineBench::noise(900, 4));
    bool has_said = false;
    format::Thumbprint gone;
    SECTION("for what it refers to") {
        bench.policy("after-rotation", "inherit");
        gone = bench.old;
    }
    SECTION("for what it is wrapped under") {
        (void)bench.keyrings.own().refresh_followed(bench.vaults);
        gone = bench.keyrings.own().default_link("local", "local")->thumbprint;
    }
    request.on_item = [&](std::string_view, const std::string&, std::uint64_t) {
        if (!has_said) bench.policies({{"after-rotation", "inherit"}, {"retiring", gone.text()}});
        has_said = true;
    };
    const auto before = bench.journal().entries.size();
    CHECK_THROWS_MATCHES(bench.run(request), Error, has_code(ErrorCode::refused));
    REQUIRE(has_said);
    const auto entries = bench.journal().entries;
    CHECK(std::none_of(entries.begin() + static_cast<std::ptrdiff_t>(before), entries.end(),
                       [](const auto& entry) { return entry.kind == format::EntryKind::backup; }));
}

namespace {

/// When something happens beside a run.
enum class Moment {
    listing,   ///< packs are listed: journals were read before
    flushing,  ///< packs are flushed once they are all there; indexes and the entry come next
    entry,     ///< the backup's entry is about to get its name: behind the last look at the policy
};

/// An object that does something before it gets the name of a backup's entry.
class InterludeObject final : public storage::PendingObject {
public:
    InterludeObject(std::unique_ptr<storage::PendingObject> object, std::function<void()> interlude)
        : object_(std::move(object)), interlude_(std::move(interlude)) {}
    void write(ByteView bytes) override {
        constexpr std::size_t kKind = 10;  // of an entry: where it says its kind
        is_backup_ = bytes.size() > kKind && bytes[kKind] == static_cast<std::uint8_t>(format::EntryKind::backup);
        object_->write(bytes);
    }
    void write_aligned(MutableByteView buffer, std::size_t length) override { object_->write_aligned(buffer, length); }
    [[nodiscard]] bool commit(std::string_view name, storage::Durability durability) override {
        if (name.starts_with("journal/") && is_backup_) interlude_();
        return object_->commit(name, durability);
    }

private:
    std::unique_ptr<storage::PendingObject> object_;
    std::function<void()> interlude_;
    bool is_backup_ = false;
};

/// A store that does something once, at a certain moment of a run.
class InterludeStore final : public storage::Store {
public:
    InterludeStore(std::shared_ptr<storage::Store> store, Moment moment, std::function<void()> interlude)
        : store_(std::move(store)), moment_(moment), interlude_(std::move(interlude)) {}
    [[nodiscard]] std::unique_ptr<storage::PendingObject> create() override {
        return std::make_unique<InterludeObject>(store_->create(), [this] { reach(Moment::entry); });
    }
    void flush() override {
        store_->flush();
        reach(Moment::flushing);
    }
    [[nodiscard]] std::unique_ptr<storage::ObjectReader> open_if_present(std::string_view name) const override {
        return store_->open_if_present(name);
    }
    [[nodiscard]] std::optional<std::uint64_t> size(std::string_view name) const override { return store_->size(name); }
    [[nodiscard]] storage::CompleteListing list(std::string_view prefix) const override {
        if (prefix == "packs/") reach(Moment::listing);
        return store_->list(prefix);
    }
    [[nodiscard]] std::string location() const override { return store_->location(); }

protected:
    bool remove_listed(std::string_view name) override { return store_->remove(store_->list(""), name); }

private:
    void reach(Moment moment) const {
        if (moment != moment_ || !interlude_) return;
        const auto interlude = std::exchange(interlude_, {});
        interlude();
    }
    std::shared_ptr<storage::Store> store_;
    Moment moment_;
    mutable std::function<void()> interlude_;
};

std::size_t backups_in(const storage::Journal& journal) {
    return static_cast<std::size_t>(
        std::count_if(journal.entries.begin(), journal.entries.end(),
                      [](const auto& entry) { return entry.kind == format::EntryKind::backup; }));
}

}  // namespace

TEST_CASE("a run that another one of its writer overtook behind a fence is held to that fence [R96][security]",
          "[backup]") {
    FenceBench bench;
    bench.policy("after-rotation", "inherit");
    (void)bench.run();  // under the new default, and refers to the old
    REQUIRE(bench.refers_to_the_old());
    bench.put("g", EngineBench::noise(90'000, 5));
    auto other = bench.request();
    other.series = "another";
    const bool is_fence_raised = GENERATE(true, false);
    auto store = std::make_shared<InterludeStore>(bench.store, Moment::flushing, [&] {
        if (is_fence_raised) bench.policies({{"after-rotation", "inherit"}, {"retiring", bench.old.text()}});
        const auto report = bench.run(other);
        REQUIRE(report.backup.has_value());
        REQUIRE(bench.refers_to_the_old() == !is_fence_raised);
    });
    const auto repository = storage::Repository::open(store);
    const auto before = backups_in(bench.journal());
    if (!is_fence_raised) {
        CHECK(run_backup(bench.request(), repository, bench.keyrings, bench.resolver).backup.has_value());
        CHECK(backups_in(bench.journal()) == before + 2);
        return;
    }
    CHECK_THROWS_MATCHES(run_backup(bench.request(), repository, bench.keyrings, bench.resolver), Error,
                         has_code(ErrorCode::refused));
    CHECK(backups_in(bench.journal()) == before + 1);
    // What it stored is not lost: the next run finds it, and obeys.
    CHECK(bench.run().backup.has_value());
    CHECK_FALSE(bench.refers_to_the_old());
}

TEST_CASE("a run behind a fence ends when its protector turns out to be compromised meanwhile [R98][security]",
          "[backup]") {
    FenceBench bench;
    bench.policy("retiring", bench.old.text());
    auto request = bench.request();
    bench.put("g", EngineBench::noise(900, 4));
    bool has_said = false;
    request.on_item = [&](std::string_view, const std::string&, std::uint64_t) {
        if (!has_said) bench.policies({{"compromised", bench.old.text()}, {"retiring", bench.old.text()}});
        has_said = true;
    };
    const auto before = backups_in(bench.journal());
    CHECK_THROWS_MATCHES(bench.run(request), Error, has_code(ErrorCode::refused));
    REQUIRE(has_said);
    CHECK(backups_in(bench.journal()) == before);
    CHECK(bench.run().backup.has_value());
    CHECK_FALSE(bench.refers_to_the_old());
}

TEST_CASE("a fence that is raised while a run commits stops it, or is told with the backup to forget [R96][security]",
          "[backup]") {
    FenceBench bench;
    bench.policy("after-rotation", "inherit");
    (void)bench.run();
    REQUIRE(bench.refers_to_the_old());
    bench.put("g", EngineBench::noise(90'000, 5));
    const Moment moment = GENERATE(Moment::flushing, Moment::entry);
    auto store = std::make_shared<InterludeStore>(bench.store, moment, [&] {
        bench.policies({{"after-rotation", "inherit"}, {"retiring", bench.old.text()}});
    });
    const auto repository = storage::Repository::open(store);
    const auto before = backups_in(bench.journal());
    const bool is_too_late = moment == Moment::entry;
    try {
        (void)run_backup(bench.request(), repository, bench.keyrings, bench.resolver);
        FAIL("nothing was said");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::refused);
        CHECK((error.hint().find("forget it") != std::string::npos) == is_too_late);
        const auto made = bench.journal().entries.back().id.short_hex(8);
        CHECK((std::string(error.what()).find("backup " + made) != std::string::npos) == is_too_late);
    }
    CHECK(backups_in(bench.journal()) == before + (is_too_late ? 1 : 0));
    CHECK(bench.run().data_added < 100'000 + 70'000);
    CHECK_FALSE(bench.refers_to_the_old());
}

TEST_CASE("another series that ends while a run begins is no rollback", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    (void)bench.run();
    auto other = bench.request();
    other.series = "another";
    auto store =
        std::make_shared<InterludeStore>(bench.store, Moment::listing, [&] { REQUIRE(bench.run(other).backup); });
    const auto repository = storage::Repository::open(store);
    CHECK(run_backup(bench.request(), repository, bench.keyrings, bench.resolver).backup.has_value());
    CHECK(backups_in(bench.journal()) == 3);
}

TEST_CASE("the first backup behind a fence is never skipped: somebody waits for it [R96]", "[backup]") {
    FenceBench bench;
    auto request = bench.request();
    request.skip_if_unchanged = true;
    (void)bench.run(request);
    REQUIRE(bench.run(request).skipped_unchanged);
    bench.policy("retiring", bench.old.text());
    CHECK(bench.run(request).backup.has_value());
    CHECK(bench.run(request).skipped_unchanged);
}

TEST_CASE("a dry run behind a fence wraps nothing", "[backup]") {
    FenceBench bench;
    bench.policy("retiring", bench.old.text());
    auto request = bench.request();
    request.dry_run = true;
    (void)bench.run(request);
    CHECK(bench.repository->list_slots().count(bench.old_dek) == 1);
}
