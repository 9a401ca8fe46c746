#include "keyring/audit_log.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "core/crypto/digest.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

const format::Thumbprint kThumbprint{format::Thumbprint::Kind::sha256, crypto::sha256(as_bytes("a protector"))};

std::vector<std::string> lines_of(const std::string& path) {
    std::vector<std::string> lines;
    std::string text = content_of(path);
    for (std::size_t feed = text.find('\n'); feed != std::string::npos; feed = text.find('\n')) {
        lines.push_back(text.substr(0, feed));
        text.erase(0, feed + 1);
    }
    if (!text.empty()) lines.push_back(text);
    return lines;
}

void put_lines(const std::string& path, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    put_content(path, text);
}

struct Log {
    TemporaryFolder folder;
    TestClock clock;
    std::string path = folder / "keyring/audit.log";
    AuditLog log{path, clock};

    void use(const std::string& object) {
        const auto intent = log.intent({"unwrap", kThumbprint, "local:prod/1", object});
        log.outcome(intent, Outcome::ok);
    }
};

TEST_CASE("a head is given away only once its line is on the disk", "[keyring][audit]") {
    // A device cannot be synced.
    REQUIRE_THROWS_MATCHES(AuditLog("/dev/zero").head(), Error, has_code(ErrorCode::io));
}

TEST_CASE("a line that does not fit on the disk leaves nothing of itself [R145]", "[keyring][audit]") {
    Log test;
    test.use("dek 1");
    const std::string before = content_of(test.path);
    struct rlimit limit {};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const struct rlimit full = {before.size() + 20, limit.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
    bool has_failed = false;
    for (int i = 0; i < 2; ++i) {
        try {
            static_cast<void>(test.log.intent({"unwrap", kThumbprint, "local:prod/1", "dek 2"}));
        } catch (const Error&) {
            has_failed = true;
        }
    }
    ::setrlimit(RLIMIT_FSIZE, &limit);
    static_cast<void>(std::signal(SIGXFSZ, handler));
    CHECK(has_failed);
    CHECK(content_of(test.path) == before);
    test.use("dek 3");
    CHECK(test.log.verify().intact());
    CHECK(test.log.verify().remarks.empty());
}

TEST_CASE("an empty audit log has no head and is intact", "[keyring][audit]") {
    const Log test;
    CHECK(test.log.head().is_zero());
    CHECK(test.log.verify().intact());
    CHECK(test.log.verify().lines == 0);
}

TEST_CASE("each use is a line before and a line after, chained [R145]", "[keyring][audit]") {
    Log test;
    const auto intent = test.log.intent({"unwrap", kThumbprint, "local:prod/1", "dek 00"});
    CHECK(intent == 1);
    REQUIRE(lines_of(test.path).size() == 1);
    CHECK(mode_of(test.path) == 0600);
    CHECK(mode_of(test.folder / "keyring") == 0700);
    test.log.outcome(intent, Outcome::key_disabled, "disabled since yesterday");
    test.log.note({"unlink", kThumbprint, "local:prod/1", {}});

    const auto lines = lines_of(test.path);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].find(R"("event":"intent")") != std::string::npos);
    CHECK(lines[0].find(kThumbprint.text()) != std::string::npos);
    CHECK(lines[0].find(R"("object":"dek 00")") != std::string::npos);
    CHECK(lines[0].find(R"("time":"2026-03-14T09:30:00Z")") != std::string::npos);
    CHECK(lines[0].find(std::string(64, '0')) != std::string::npos);
    CHECK(lines[1].find(R"("outcome":"key-disabled")") != std::string::npos);
    CHECK(lines[1].find(crypto::sha256(as_bytes(lines[0])).hex()) != std::string::npos);
    CHECK(test.log.head() == crypto::sha256(as_bytes(lines[2])));

    const AuditReport report = test.log.verify();
    CHECK(report.intact());
    CHECK(report.lines == 3);
    CHECK(report.head == test.log.head());
    CHECK(report.uncertain.empty());
}

TEST_CASE("an intent without an outcome is reported as uncertain", "[keyring][audit]") {
    Log test;
    test.use("dek 01");
    static_cast<void>(test.log.intent({"unwrap", kThumbprint, "local:prod/1", "dek 02"}));
    test.use("dek 03");
    const AuditReport report = test.log.verify();
    CHECK(report.intact());
    REQUIRE(report.uncertain.size() == 1);
    CHECK(report.uncertain.front().sequence == 3);
    CHECK(report.uncertain.front().operation == "unwrap");
    CHECK(report.uncertain.front().thumbprint == kThumbprint.text());
}

TEST_CASE("every changed octet of the audit log shows", "[keyring][audit]") {
    Log test;
    for (const char* object : {"dek 01", "dek 02"}) test.use(object);
    const std::string good = content_of(test.path);
    const Digest head = test.log.head();
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 7)));
        put_content(test.path, bad);
        CAPTURE(i);
        // The last line is held by the head that a journal entry signed.
        REQUIRE_FALSE(test.log.verify(std::vector<Digest>{head}).intact());
    }
}

TEST_CASE("lines that are removed, moved or inserted show", "[keyring][audit]") {
    Log test;
    for (const char* object : {"dek 01", "dek 02", "dek 03"}) test.use(object);
    const auto lines = lines_of(test.path);
    REQUIRE(lines.size() == 6);
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
        CAPTURE(i);
        auto changed = lines;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        put_lines(test.path, changed);
        CHECK_FALSE(test.log.verify().intact());
        changed = lines;
        std::swap(changed[i], changed[i + 1]);
        put_lines(test.path, changed);
        CHECK_FALSE(test.log.verify().intact());
        changed = lines;
        changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), "{}");
        put_lines(test.path, changed);
        CHECK_FALSE(test.log.verify().intact());
        changed = lines;
        changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
        put_lines(test.path, changed);
        CHECK_FALSE(test.log.verify().intact());
    }
}

TEST_CASE("a log cut short or begun anew disagrees with what journals signed", "[keyring][audit]") {
    Log test;
    test.use("dek 01");
    const Digest early = test.log.head();
    test.use("dek 02");
    const Digest late = test.log.head();
    CHECK(test.log.verify(std::vector<Digest>{Digest{}, early, late}).intact());

    const auto lines = lines_of(test.path);
    put_lines(test.path, {lines[0], lines[1]});
    CHECK(test.log.verify(std::vector<Digest>{early}).intact());
    CHECK_FALSE(test.log.verify(std::vector<Digest>{early, late}).intact());
    std::filesystem::remove(test.path);
    CHECK_FALSE(test.log.verify(std::vector<Digest>{early}).intact());
    test.clock.add_days(1);
    test.use("dek 01");
    CHECK(test.log.verify().intact());
    CHECK_FALSE(test.log.verify(std::vector<Digest>{early}).intact());
}

TEST_CASE("a line torn by a crash is a remark, and the chain goes on", "[keyring][audit]") {
    Log test;
    test.use("dek 01");
    test.use("dek 02");
    const std::string whole = content_of(test.path);
    const auto last_line = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t size = last_line + 1; size < whole.size(); ++size) {
        put_content(test.path, whole.substr(0, size));
        CAPTURE(size);
        test.use("dek 03");
        const AuditReport report = test.log.verify();
        REQUIRE(report.intact());
        // Without its line feed alone, the line is whole.
        const bool is_torn = size + 1 < whole.size();
        REQUIRE(report.remarks.size() == (is_torn ? 1 : 0));
        REQUIRE(report.uncertain.size() == (is_torn ? 1 : 0));

        // A torn line is no place to cut out what was before it.
        auto lines = lines_of(test.path);
        lines.erase(lines.begin() + 1);
        put_lines(test.path, lines);
        REQUIRE_FALSE(test.log.verify().intact());
    }
}

TEST_CASE("several processes share one log", "[keyring][audit]") {
    Log test;
    constexpr int kProcesses = 4;
    constexpr int kUses = 20;
    for (int i = 0; i < kProcesses; ++i) {
        if (::fork() != 0) continue;
        for (int j = 0; j < kUses; ++j) test.use("dek " + std::to_string(i));
        ::_exit(0);
    }
    for (int i = 0; i < kProcesses; ++i) {
        int status = 0;
        ::wait(&status);
        CHECK(status == 0);
    }
    const AuditReport report = test.log.verify();
    CHECK(report.intact());
    CHECK(report.lines == 2 * kProcesses * kUses);
    CHECK(report.uncertain.empty());
}

TEST_CASE("whatever a vault answers, a line stays one line", "[keyring][audit]") {
    Log test;
    const auto intent = test.log.intent({"unwrap", kThumbprint, "local:\nprod\xff", std::string(100'000, '\x01')});
    test.log.outcome(intent, Outcome::denied, std::string(100'000, '"'));
    test.use("dek 01");
    CHECK(lines_of(test.path).size() == 4);
    CHECK(test.log.verify().intact());
    CHECK(content_of(test.path).size() < 100'000);
}

TEST_CASE("an intent that cannot be written stops the use", "[keyring][audit]") {
    TemporaryFolder folder;
    put_content(folder / "keyring", "a file, not a folder");
    AuditLog log(folder / "keyring/audit.log");
    REQUIRE_THROWS_MATCHES(log.intent({"unwrap", kThumbprint, "local:prod/1", {}}), Error, has_code(ErrorCode::io));
}

}  // namespace
}  // namespace signet::keyring::test
