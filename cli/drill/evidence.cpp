#include "cli/drill/evidence.h"

#include "core/clock.h"

#include <algorithm>
#include <set>

namespace signet::cli {
namespace {

constexpr std::string_view kOperation = "drill";

/// Digests of records, as outcomes of drills have them: "record 3 <digest> passed".
std::set<Digest> noted_digests(const keyring::AuditLog& audit) {
    std::set<Digest> digests;
    audit.read([&](const keyring::AuditRecord& record) {
        if (record.operation != kOperation || record.kind != keyring::AuditRecord::Kind::outcome) return;
        std::string_view rest = record.detail;
        for (int word = 0; word < 2; ++word) rest.remove_prefix(std::min(rest.find(' '), rest.size() - 1) + 1);
        if (const auto digest = Digest::parse(rest.substr(0, rest.find(' ')))) digests.insert(*digest);
    });
    return digests;
}

}  // namespace

DrillEvidences load_drills(const keyring::Keyring& keyring) {
    const auto writer = keyring.writer_if_present();
    keyring::DrillHistoryReport report =
        keyring::DrillHistory::of(keyring.folder())
            .read(writer ? writer->identity() : IdentityId{}, noted_digests(keyring.audit()));
    DrillEvidences all;
    all.problems = std::move(report.problems);
    all.remarks = std::move(report.remarks);
    for (keyring::DrillEntry& entry : report.entries) {
        if (entry.number == 0) continue;
        DrillRecord record = DrillRecord::decode(entry.drill);
        all.drills.push_back({std::move(entry), std::move(record)});
    }
    return all;
}

DrillEvidence append_drill(keyring::Keyring& keyring, const keyring::WriterIdentity& writer, const DrillRecord& record,
                           std::uint64_t intent) {
    keyring::DrillEntry entry = keyring::DrillHistory::of(keyring.folder()).append(record.encode(), writer.key);
    keyring.audit().outcome(intent, keyring::Outcome::ok,
                            "record " + std::to_string(entry.number) + " " + entry.digest.hex() + " " + record.result);
    return {std::move(entry), record};
}

std::map<std::string, std::string> proven_by_drills(const DrillEvidences& drills, const std::string& repository) {
    std::map<std::string, std::string> last;
    for (const DrillEvidence& one : drills.drills) {
        if (!one.entry.authentic || one.record.repository != repository) continue;
        for (const DrillProtector& protector : one.record.protectors) {
            if (protector.proven)
                last[protector.thumbprint] = std::max(last[protector.thumbprint], protector.last_proven);
        }
    }
    return last;
}

namespace {

/// When a drill ended. Nothing where another version says it in another way.
std::optional<TimePoint> end_of(const DrillRecord& record) {
    try {
        return parse_time(record.ended, TimePoint{});
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

std::map<std::string, TimePoint> failed_over(const DrillEvidences& drills, const std::string& repository) {
    std::map<std::string, TimePoint> last;
    for (const DrillEvidence& one : drills.drills) {
        const DrillRecord& record = one.record;
        const auto when = end_of(record);
        const bool counts = one.entry.authentic && when && record.repository == repository;
        if (!counts || record.select != drill_select::kFailover) continue;
        for (const DrillProtector& protector : record.protectors) {
            if (!protector.proven) continue;
            TimePoint& known = last.try_emplace(protector.thumbprint, *when).first->second;
            known = std::max(known, *when);
        }
    }
    return last;
}

std::map<std::string, TimePoint> drilled_series(const DrillEvidences& drills, const std::string& repository) {
    std::map<std::string, TimePoint> last;
    for (const DrillEvidence& one : drills.drills) {
        if (!one.entry.authentic || one.record.repository != repository || !one.record.sample.empty()) continue;
        const auto when = end_of(one.record);
        if (!when) continue;
        for (const DrillCase& done : one.record.cases) {
            if (!done.passed || !one.record.cleaned) continue;
            TimePoint& known = last.try_emplace(done.series_id, *when).first->second;
            known = std::max(known, *when);
        }
    }
    return last;
}

}  // namespace signet::cli
