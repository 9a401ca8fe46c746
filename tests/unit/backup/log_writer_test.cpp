// Pushing logs: what is durable when, and what a failure at any operation leaves behind.
#include "backup/log_writer.h"

#include "format/names.h"
#include "storage/logs.h"
#include "tests/unit/backup/engine_bench.h"

#include <map>

using namespace signet;
using namespace signet::backup;
using namespace signet::backup::test;
using signet::test::has_code;

namespace {

struct LogBench : EngineBench {
    LogServices services;
    std::uint64_t wraps = 0;

    LogBench() {
        services.linked = [this] { return resolver.wrapping_protectors(); };
        services.look = [this] { return resolver.wrapping_protectors(); };
        services.wrap = [this](const format::DataKey& dek, const std::vector<format::Thumbprint>& protectors) {
            ++wraps;
            return resolver.wrap_for_backup(dek, protectors);
        };
        services.append = [this](const auto& make) {
            const auto entries = journal();
            const auto key = crypto::SigningKey::from_seed(keyrings.own().writer().key.seed().clone());
            format::EntryHead head;
            head.repository = repository->config().repository;
            head.config_hash = repository->config_hash();
            head.signer = key.verify_key();
            head.sequence = entries.entries.size() + 1;
            if (!entries.entries.empty()) head.previous = entries.entries.back().id;
            head.time = Clock::system().now();
            const bool is_appended = repository->append_entry(writer(), head.sequence, make(head, key));
            REQUIRE(is_appended);
        };
        services.warn = [this](const std::string& message) { warnings.push_back(message); };
    }

    [[nodiscard]] LogRequest log(const std::string& name) const {
        LogRequest request;
        request.path = source + "/" + name;
        request.name = name;
        request.series = "app";
        request.host = "host";
        request.user = "user";
        request.program = "test";
        return request;
    }
    LogReport push(const LogRequest& request) { return push_log(request, *repository, keyrings.own(), services); }
    LogReport push(const std::string& name) { return push(log(name)); }

    [[nodiscard]] std::vector<std::string> stored() const {
        std::vector<std::string> names;
        for (const auto& object : repository->store().list("logs/")) names.push_back(object.name);
        return names;
    }
    /// The names of the logs of every epoch, each verified.
    [[nodiscard]] std::multiset<std::string> names() {
        std::multiset<std::string> names;
        for (const auto& [epoch, numbers] : storage::list_logs(repository->store())) {
            const auto read = storage::read_epochs(repository->store(), repository->config().repository,
                                                   {{epoch, keyrings.own().writer().key.verify_key(), numbers, {}}});
            CHECK(read.front().problems.empty());
            for (const auto& [number, log] : read.front().logs) names.insert(log.trailer.name);
        }
        return names;
    }
    [[nodiscard]] std::string state_path() const { return kept(".state"); }
    [[nodiscard]] std::string kept(const std::string& end) const {
        for (const auto& file : fs::directory_iterator(keyrings.own().folder() + "/logs")) {
            if (file.path().string().ends_with(end)) return file.path().string();
        }
        return {};
    }
};

}  // namespace

TEST_CASE("a failure at any operation of a push leaves what a retry completes", "[backup][logs]") {
    LogBench bench;
    const bool opens_epoch = GENERATE(true, false);
    const bool cuts_power = GENERATE(true, false);
    bench.put("before", "what was there");
    bool has_failed = true;
    for (std::uint64_t at = 1; has_failed && at < 200; ++at) {
        CAPTURE(at);
        bench.begin_anew();  // a longer journal would take more operations each time
        (void)bench.push("before");
        const std::string name = "log" + std::to_string(at);
        bench.put(name, EngineBench::noise(10'000, static_cast<std::uint8_t>(at)));
        LogRequest request = bench.log(name);
        if (opens_epoch) request.epoch_ns = 0;
        bench.store->fail_at(at);
        try {
            (void)bench.push(request);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::io);
        }
        has_failed = bench.store->has_failed();
        bench.store->fail_at(0);
        if (cuts_power) bench.store->crash();
        (void)bench.push(name);
        CHECK(bench.names().count(name) == 1);
        CHECK(bench.push(name).was_there);
    }
    CHECK_FALSE(has_failed);
}

TEST_CASE("what was acknowledged survives a power cut, whatever becomes of the host's own notes", "[backup][logs]") {
    LogBench bench;
    for (int i = 0; i < 6; ++i)
        bench.put("log" + std::to_string(i), EngineBench::noise(5000, static_cast<std::uint8_t>(i)));
    (void)bench.push("log0");
    const Bytes state = read_file(bench.state_path(), 1 << 20);
    const Bytes names = read_file(bench.kept(".names"), 1 << 20);
    (void)bench.push("log1");
    (void)bench.push("log2");
    bench.store->crash();
    SECTION("older ones come back") {
        replace_file(bench.state_path(), state, 0600);
        replace_file(bench.kept(".names"), names, 0600);
        CHECK(bench.push("log2").was_there);
        CHECK_FALSE(bench.push("log3").is_new_epoch);
    }
    SECTION("the list of names is shorter than it should be") {
        replace_file(bench.kept(".names"), names, 0600);
        CHECK(bench.push("log2").was_there);
    }
    SECTION("they are gone") {
        fs::remove_all(bench.keyrings.own().folder() + "/logs");
        CHECK(bench.push("log2").was_there);
        CHECK(bench.push("log3").is_new_epoch);
        CHECK(bench.wraps == 2);
    }
    CHECK(bench.push("log1").was_there);
    bench.put("log1", "something else");
    REQUIRE_THROWS_MATCHES(bench.push("log1"), Error, has_code(ErrorCode::refused));
    CHECK(bench.names().size() == bench.stored().size());
}

TEST_CASE("the next epoch's entry says with what the one before ended", "[backup][logs]") {
    LogBench bench;
    for (const char* name : {"a", "b", "c"}) bench.put(name, name);
    (void)bench.push("a");
    LogRequest request = bench.log("b");
    const auto second = bench.push(request);
    request = bench.log("c");
    request.epoch_logs = 1;
    CHECK(bench.push(request).is_new_epoch);
    const auto entries = bench.journal();
    const auto fields = format::log_epoch_public(entries.entries.back());
    REQUIRE(fields.closed.size() == 1);
    CHECK(fields.closed[0].epoch == second.epoch);
    CHECK(fields.closed[0].logs == 2);
    const auto last =
        storage::read_log_end(bench.repository->store(), bench.repository->config().repository, second.epoch, 2);
    REQUIRE(last);
    CHECK(fields.closed[0].last == last->id);
}

TEST_CASE("somebody else's object in the place of the next log ends the epoch there", "[backup][logs]") {
    LogBench bench;
    for (const char* name : {"a", "b"}) bench.put(name, name);
    const auto first = bench.push("a");
    bench.store->plant(format::log_name(first.epoch, 2), Bytes(5000));
    const auto second = bench.push("b");
    CHECK(second.is_new_epoch);
    CHECK(second.epoch != first.epoch);
    CHECK_FALSE(bench.warnings.empty());
}

TEST_CASE("a refusal ends the epoch, and the first good answer begins another", "[backup][logs]") {
    LogBench bench;
    for (const char* name : {"a", "b"}) bench.put(name, name);
    const auto first = bench.push("a");
    const auto well = bench.services.look;
    bench.services.look = []() -> std::vector<format::Thumbprint> {
        throw Error(ErrorCode::key_unavailable, "disabled");
    };
    LogRequest request = bench.log("b");
    request.look_ns = 0;
    REQUIRE_THROWS_MATCHES(bench.push(request), Error, has_code(ErrorCode::key_unavailable));
    // What was stored before is still known to be stored.
    CHECK(bench.push("a").was_there);
    REQUIRE_THROWS_MATCHES(bench.push("b"), Error, has_code(ErrorCode::key_unavailable));
    CHECK(bench.stored().size() == 1);
    bench.services.look = well;
    const auto second = bench.push("b");
    CHECK(second.is_new_epoch);
    CHECK(second.epoch != first.epoch);
}

TEST_CASE("a log that was pushed before and is lost is stored again", "[backup][logs]") {
    LogBench bench;
    for (const char* name : {"a", "b", "c"}) bench.put(name, name);
    const auto first = bench.push("a");
    (void)bench.push("b");
    bench.store->lose(format::log_name(first.epoch, 1));
    const auto again = bench.push("a");
    CHECK_FALSE(again.was_there);
    CHECK(again.number == 3);
    CHECK_FALSE(again.is_new_epoch);
    CHECK_FALSE(bench.warnings.empty());
    CHECK(bench.push("a").was_there);
    CHECK(bench.push("b").was_there);
    CHECK_FALSE(bench.push("c").was_there);
}

TEST_CASE("a log that was pushed before and is not whole is stored again, and never said to be there",
          "[backup][logs]") {
    LogBench bench;
    const bool is_newest = GENERATE(true, false);
    const bool is_forgotten = GENERATE(true, false);
    const unsigned in_trailer = 5200;
    const unsigned place = GENERATE(0U, 20U, 60U, 2500U, 5200U);
    CAPTURE(is_newest, is_forgotten, place);
    for (const char* name : {"a", "b"}) bench.put(name, EngineBench::noise(5000, static_cast<std::uint8_t>(*name)));
    const auto first = bench.push("a");
    if (!is_newest) (void)bench.push("b");
    const std::string object = format::log_name(first.epoch, 1);
    bench.store->tamper(object, [&](Bytes& octets) { octets.at(place) ^= 1; });
    if (is_forgotten) fs::remove_all(bench.keyrings.own().folder() + "/logs");
    const auto again = bench.push("a");
    CHECK_FALSE(again.was_there);
    CHECK(again.is_stored_again == (place != in_trailer || !is_forgotten));
    CHECK(again.number > 0);
    CHECK(again.is_new_epoch == (is_forgotten || (is_newest && place == in_trailer)));
    const bool is_named = std::any_of(bench.warnings.begin(), bench.warnings.end(), [&](const std::string& warning) {
        return warning.find(object) != std::string::npos;
    });
    CHECK(is_named);
    // The copy is whole, and the next push says so without a word.
    bench.warnings.clear();
    const auto third = bench.push("a");
    CHECK(third.was_there);
    CHECK_FALSE(third.is_stored_again);
    CHECK(bench.warnings.empty());
    if (!is_newest) CHECK(bench.push("b").was_there);
}

TEST_CASE("a copy that is whole is enough, whichever it is", "[backup][logs]") {
    LogBench bench;
    bench.put("a", EngineBench::noise(5000, 1));
    bench.put("b", "b");
    const auto first = bench.push("a");
    (void)bench.push("b");
    const std::string object = format::log_name(first.epoch, 1);
    const Bytes whole = bench.store->snapshot().at(object);
    bench.store->lose(object);
    const auto second = bench.push("a");
    CHECK(second.is_stored_again);
    bench.store->plant(object, whole);
    bench.store->tamper(format::log_name(second.epoch, second.number), [](Bytes& octets) { octets.at(1000) ^= 1; });
    CHECK(bench.push("a").was_there);
    bench.store->tamper(object, [](Bytes& octets) { octets.at(1000) ^= 1; });
    CHECK_FALSE(bench.push("a").was_there);
    bench.put("a", "something else");
    REQUIRE_THROWS_MATCHES(bench.push("a"), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a newest log that is lost and stored again leaves no hole", "[backup][logs]") {
    LogBench bench;
    for (const char* name : {"a", "b", "c"}) bench.put(name, name);
    const auto first = bench.push("a");
    const std::uint64_t number = GENERATE(1U, 2U);
    if (number == 2) (void)bench.push("b");
    const std::string name = number == 1 ? "a" : "b";
    SECTION("it is gone") { bench.store->lose(format::log_name(first.epoch, number)); }
    SECTION("its end is no end of a log") {
        bench.store->tamper(format::log_name(first.epoch, number), [](Bytes& octets) { octets.resize(100); });
    }
    const auto again = bench.push(name);
    CHECK(again.is_stored_again);
    CHECK(again.is_new_epoch);
    CHECK(again.number == 1);
    const auto closed = format::log_epoch_public(bench.journal().entries.back()).closed;
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].epoch == first.epoch);
    CHECK(closed[0].logs == number - 1);
    CHECK(bench.push(name).was_there);
    CHECK_FALSE(bench.push("c").is_new_epoch);
}

TEST_CASE("a push signs away no log but its own", "[backup][logs]") {
    LogBench bench;
    for (const char* name : {"a", "b", "c"}) bench.put(name, name);
    const auto first = bench.push("a");
    (void)bench.push("b");
    (void)bench.push("c");
    bench.store->lose(format::log_name(first.epoch, 3));
    SECTION("another one is stored again") { bench.store->lose(format::log_name(first.epoch, 1)); }
    SECTION("the one before it is") { bench.store->lose(format::log_name(first.epoch, 2)); }
    const bool is_before = !bench.store->size(format::log_name(first.epoch, 2));
    const auto again = bench.push(is_before ? "b" : "a");
    CHECK(again.is_stored_again);
    CHECK_FALSE(again.is_new_epoch);
    CHECK(again.number == 4);
    const auto last = bench.push("c");
    CHECK_FALSE(last.was_there);
    CHECK_FALSE(last.is_new_epoch);
}

TEST_CASE("the newest log is known although the list of names was made again without it", "[backup][logs]") {
    LogBench bench;
    for (const char* name : {"a", "b"}) bench.put(name, name);
    const auto first = bench.push("a");
    (void)bench.push("b");
    bench.store->lose(format::log_name(first.epoch, 2));
    CHECK(bench.push("a").was_there);  // looks at all names
    const auto again = bench.push("b");
    CHECK(again.is_stored_again);
    CHECK(again.is_new_epoch);
}
