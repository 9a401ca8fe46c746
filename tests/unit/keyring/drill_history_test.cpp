#include "keyring/drill_history.h"

#include "core/crypto/digest.h"
#include "core/file.h"
#include "tests/support/temporary_folder.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

using namespace signet;
using keyring::DrillHistory;
using keyring::DrillHistoryReport;

namespace {

struct Kept {
    test::TemporaryFolder folder;
    DrillHistory history = DrillHistory::of(folder.path());
    crypto::SigningKey writer = crypto::SigningKey::generate();
    std::set<Digest> noted;

    void add(int count) {
        for (int i = 0; i < count; ++i) noted.insert(history.append(R"({"result":"passed"})", writer).digest);
    }
    [[nodiscard]] DrillHistoryReport read() const { return history.read(writer.verify_key().identity(), noted); }
    [[nodiscard]] Bytes file() const { return read_file(history.path(), 1U << 20U); }
    void replace(const Bytes& content) const {
        std::ofstream file(history.path(), std::ios::binary | std::ios::trunc);
        file << as_text(content);
    }
};

}  // namespace

TEST_CASE("a history that nobody touched is intact, and gives back what was found") {
    Kept kept;
    CHECK(kept.read().entries.empty());
    kept.add(3);
    const DrillHistoryReport report = kept.read();
    CHECK(report.intact());
    REQUIRE(report.entries.size() == 3);
    CHECK(report.entries[2].number == 3);
    CHECK(report.entries[2].drill == R"({"result":"passed"})");
    CHECK(report.entries[2].writer == kept.writer.verify_key().identity());
}

TEST_CASE("no single octet of a history can change, go or be doubled unnoticed") {
    Kept kept;
    kept.add(2);
    const Bytes whole = kept.file();
    // The last line feed alone says nothing.
    for (std::size_t at = 0; at + 1 < whole.size(); ++at) {
        Bytes changed = whole;
        changed[at] ^= 1U;
        kept.replace(changed);
        if (kept.read().intact()) FAIL("flipped at " << at);
        Bytes shorter = whole;
        shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at));
        kept.replace(shorter);
        if (kept.read().intact()) FAIL("removed at " << at);
        kept.replace(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at)));
        if (kept.read().intact()) FAIL("cut off at " << at);
    }
}

TEST_CASE("a record by another key is believed only where the audit log has it") {
    Kept kept;
    kept.add(1);
    const Digest by_other = kept.history.append("{}", crypto::SigningKey::generate()).digest;
    CHECK_FALSE(kept.read().intact());
    kept.noted.insert(by_other);
    const DrillHistoryReport report = kept.read();
    CHECK(report.intact());
    CHECK(report.remarks.size() == 1);
}

TEST_CASE("a record that is appended after an edit does not heal it") {
    Kept kept;
    kept.add(3);
    const Bytes whole = kept.file();
    const auto feed = std::find(whole.begin(), whole.end(), static_cast<std::uint8_t>('\n'));
    kept.replace(Bytes(feed + 1, whole.end()));
    kept.add(1);
    const DrillHistoryReport report = kept.read();
    CHECK_FALSE(report.intact());
    CHECK(report.entries.back().number == 4);
    CHECK(report.entries.back().authentic);
}
