#include "keyring/audit_export.h"

#include "core/crypto/digest.h"
#include "keyring/state_file.h"
#include "tests/unit/keyring/bench.h"

#include <set>

namespace signet::keyring::test {
namespace {

using Catch::Contains;
using Catch::StartsWith;

const format::Thumbprint kThumbprint{format::Thumbprint::Kind::sha256, crypto::sha256(as_bytes("a protector"))};

struct Log {
    TemporaryFolder folder;
    TestClock clock;
    std::string path = folder / "audit.log";
    AuditLog log{path, clock};

    void use(Outcome outcome, const std::string& detail = {}, const std::string& operation = "unwrap") {
        log.outcome(log.intent({operation, kThumbprint, "local:prod/1", "dek 01"}), outcome, detail);
    }
    [[nodiscard]] std::vector<AuditRecord> records() const {
        std::vector<AuditRecord> all;
        log.read([&all](const AuditRecord& record) { all.push_back(record); });
        return all;
    }
};

std::string id_of(const AuditRecord& record) { return std::string(event_class(record).id); }

TEST_CASE("an exported outcome says what was asked, and lines carry the hashes that chain them [R119, R144, R145]",
          "[keyring][audit]") {
    Log test;
    test.use(Outcome::denied, "not allowed");
    test.use(Outcome::ok);
    const auto records = test.records();
    REQUIRE(records.size() == 4);
    CHECK(records[1].operation == "unwrap");
    CHECK(records[1].location == "local:prod/1");
    CHECK(records[1].thumbprint == kThumbprint.text());
    Digest before;
    for (const AuditRecord& record : records) {
        const Json line = Json::parse(audit_json(record));
        CHECK(line.at("prev") == before.hex());
        CHECK(line.at("sha256") == record.digest.hex());
        CHECK(line.at("seq") == record.sequence);
        CHECK(line.at("line") == record.sequence);
        before = record.digest;
    }
    CHECK(before == test.log.head());
    const Json refused = Json::parse(audit_json(records[1]));
    CHECK(refused.at("event_id") == "SIGNET001");
    CHECK(refused.at("outcome") == "denied");
    CHECK(refused.at("intent") == 1);
    CHECK(refused.at("detail") == "not allowed");
}

TEST_CASE("every kind of line has an event id of its own that never changes [R119, R145]", "[keyring][audit]") {
    Log test;
    for (const Outcome outcome :
         {Outcome::ok, Outcome::unavailable, Outcome::throttled, Outcome::denied, Outcome::key_disabled,
          Outcome::key_not_yet_valid, Outcome::key_expired, Outcome::key_deleted, Outcome::not_found,
          Outcome::credential_rejected, Outcome::untrusted, Outcome::misuse, Outcome::integrity}) {
        test.use(outcome);
    }
    std::vector<std::string> outcomes;
    for (const AuditRecord& record : test.records()) {
        if (record.kind == AuditRecord::Kind::outcome) outcomes.push_back(id_of(record));
        if (record.kind == AuditRecord::Kind::intent) CHECK(id_of(record) == "SIGNET010");
    }
    CHECK(outcomes == std::vector<std::string>{"SIGNET011", "SIGNET002", "SIGNET002", "SIGNET001", "SIGNET001",
                                               "SIGNET001", "SIGNET001", "SIGNET001", "SIGNET001", "SIGNET003",
                                               "SIGNET001", "SIGNET001", "SIGNET004"});
    const std::vector<std::pair<std::string, std::string>> notes = {
        {"key-create", "SIGNET020"}, {"key-disable", "SIGNET021"}, {"key-purge", "SIGNET021"},
        {"link", "SIGNET030"},       {"unlink", "SIGNET030"},      {"use-twin", "SIGNET031"},
        {"failover", "SIGNET012"},   {"access-ok", "SIGNET040"},   {"access-inaccessible", "SIGNET041"}};
    for (const auto& [operation, id] : notes) {
        Log other;
        other.log.note({operation, kThumbprint, {}, {}});
        CHECK(id_of(other.records().front()) == id);
    }
}

TEST_CASE("a torn line is exported as what it is [R145]", "[keyring][audit]") {
    Log test;
    test.use(Outcome::ok);
    const std::string whole = content_of(test.path);
    put_content(test.path, whole.substr(0, whole.size() - 20));
    const auto records = test.records();
    REQUIRE(records.size() == 2);
    CHECK(records[1].kind == AuditRecord::Kind::torn);
    CHECK(id_of(records[1]) == "SIGNET050");
    CHECK(Json::parse(audit_json(records[1])).at("line") == 2);
    CHECK_THAT(audit_cef(records[1], "1", "host"), Contains("|SIGNET050|"));
}

TEST_CASE("CEF and syslog lines are one line each, whatever a vault answers [R145]", "[keyring][audit]") {
    Log test;
    test.use(Outcome::denied, "a=b|c\\d\ne\x01 \"f\"");
    const AuditRecord record = test.records()[1];
    const std::string cef = audit_cef(record, "0.1|0", "host");
    CHECK_THAT(cef, StartsWith("CEF:0|Signet|signet|0.1\\|0|SIGNET001|protector refused|8|rt=2026-03-14T09:30:00Z "
                               "dvchost=host act=unwrap outcome=denied "));
    CHECK_THAT(cef, Contains("cs2Label=location cs2=local:prod/1 "));
    CHECK_THAT(cef, Contains("msg=a\\=b|c\\\\d e  \"f\""));
    CHECK(cef.find('\n') == std::string::npos);
    const std::string line = audit_syslog(record, "host");
    CHECK_THAT(line, StartsWith("<83>1 2026-03-14T09:30:00Z host signet "));
    CHECK_THAT(line, Contains(" SIGNET001 - protector refused: operation=unwrap outcome=denied "));
    CHECK_THAT(line, Contains("detail=\"a=b|c\\\\d e  \\\"f\\\"\""));
    CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("who listens hears each line once it is written, and cannot stop it [R119, R145]", "[keyring][audit]") {
    Log test;
    std::vector<AuditRecord> heard;
    test.log.listen([&](const AuditRecord& record) {
        CHECK_THAT(content_of(test.path), Contains("\"seq\":" + std::to_string(record.sequence)));
        heard.push_back(record);
        throw Error(ErrorCode::io, "nobody takes it");
    });
    test.use(Outcome::key_disabled);
    test.log.note({"link", kThumbprint, "local:prod/1", {}}, "default");
    REQUIRE(heard.size() == 3);
    const auto read = test.records();
    for (std::size_t i = 0; i < heard.size(); ++i) {
        heard[i].line = read[i].line;
        CHECK(audit_json(heard[i]) == audit_json(read[i]));
    }
    CHECK(test.log.verify().intact());
}

TEST_CASE("verifying names the first broken line and how many are missing before it [R9, R145]", "[keyring][audit]") {
    Log test;
    for (int i = 0; i < 4; ++i) test.use(Outcome::ok);
    std::string text = content_of(test.path);
    std::vector<std::string> lines;
    for (std::size_t feed = text.find('\n'); feed != std::string::npos; feed = text.find('\n')) {
        lines.push_back(text.substr(0, feed + 1));
        text.erase(0, feed + 1);
    }
    const auto problem_without = [&](std::size_t from, std::size_t count) {
        std::string rest;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (i < from || i >= from + count) rest += lines[i];
        }
        put_content(test.path, rest);
        return test.log.verify().problems.front();
    };
    CHECK(problem_without(2, 1) == "line 3 has number 4, not 3: a line before it is missing");
    CHECK(problem_without(2, 3) == "line 3 has number 6, not 3: 3 lines before it are missing");
}

}  // namespace
}  // namespace signet::keyring::test
