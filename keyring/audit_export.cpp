#include "keyring/audit_export.h"

#include "core/error.h"
#include "keyring/state_file.h"

#include <algorithm>
#include <array>
#include <vector>

namespace signet::keyring {
namespace {

constexpr int kAuthPriv = 10;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), text) != names.end();
}

AuditEventClass class_of_outcome(const AuditRecord& record) {
    const auto outcome = parse_outcome(record.outcome);
    if (!outcome) return {"SIGNET001", "protector refused", 3};
    switch (*outcome) {
        case Outcome::ok:
            return {"SIGNET011", "protector used", 6};
        case Outcome::unavailable:
        case Outcome::throttled:
            return {"SIGNET002", "vault out of reach", 4};
        case Outcome::credential_rejected:
            return {"SIGNET003", "login or passphrase rejected", 4};
        case Outcome::integrity:
            return {"SIGNET004", "answer does not verify", 3};
        default:
            return {"SIGNET001", "protector refused", 3};
    }
}

AuditEventClass class_of_note(const AuditRecord& record) {
    if (is_one_of(record.operation, {"key-disable", "key-delete", "key-purge"})) {
        return {"SIGNET021", "key disabled, deleted or purged", 4};
    }
    if (record.operation.rfind("key-", 0) == 0) return {"SIGNET020", "key changed", 5};
    if (record.operation == "access-ok") return {"SIGNET040", "access to the default protector is back", 5};
    if (record.operation.rfind("access-", 0) == 0) return {"SIGNET041", "access to the default protector is lost", 3};
    if (record.operation == "failover") return {"SIGNET012", "twin used in the place of a vault out of reach", 4};
    if (is_one_of(record.operation, {"revalidate", "use-twin"})) {
        return {"SIGNET031", "refusal lifted by a person", 4};
    }
    return {"SIGNET030", "keyring changed", 5};
}

/// Names and values of what a record says besides its class, in the order of the manual.
std::vector<std::pair<const char*, std::string>> fields_of(const AuditRecord& record) {
    std::vector<std::pair<const char*, std::string>> fields;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) fields.emplace_back(name, value);
    };
    add("operation", record.operation);
    add("outcome", record.outcome);
    add("thumbprint", record.thumbprint);
    add("location", record.location);
    add("object", record.object);
    add("detail", record.detail);
    return fields;
}

/// Vaults and repositories say what they like: a line stays one line.
std::string one_line(std::string_view text) {
    std::string clean;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        clean += octet < 0x20 || octet == 0x7f ? ' ' : c;
    }
    return clean;
}

/// Of the characters that end or divide a field.
std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : one_line(text)) {
        if (special.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

/// CEF counts from 0 to 10.
int cef_severity(int severity) {
    constexpr std::array<int, 7> kBySyslog = {10, 10, 9, 8, 6, 4, 2};
    return kBySyslog.at(static_cast<std::size_t>(severity));
}

std::string in_quotes(std::string_view text) {
    return text.find(' ') == std::string_view::npos ? std::string(text) : '"' + escaped(text, "\"\\") + '"';
}

}  // namespace

AuditEventClass event_class(const AuditRecord& record) {
    switch (record.kind) {
        case AuditRecord::Kind::intent:
            return {"SIGNET010", "protector about to be used", 6};
        case AuditRecord::Kind::outcome:
            return class_of_outcome(record);
        case AuditRecord::Kind::note:
            return class_of_note(record);
        case AuditRecord::Kind::torn:
            return {"SIGNET050", "line of the audit log is not whole", 2};
    }
    invariant(false, "a line of the audit log has a kind");
    return {};
}

std::string audit_sentence(const AuditRecord& record) {
    std::string sentence(event_class(record).name);
    sentence += ":";
    for (const auto& [name, value] : fields_of(record))
        sentence += std::string(" ") + name + "=" + in_quotes(one_line(value));
    return sentence + " seq=" + std::to_string(record.sequence) + " sha256=" + record.digest.hex();
}

std::string audit_json(const AuditRecord& record) {
    const AuditEventClass what = event_class(record);
    nlohmann::ordered_json line = {{"event_id", what.id}, {"name", what.name}, {"severity", what.severity}};
    if (!record.time.empty()) line["time"] = record.time;
    line["line"] = record.line;
    line["seq"] = record.sequence;
    line["event"] = text(record.kind);
    if (record.intent != 0) line["intent"] = record.intent;
    for (const auto& [name, value] : fields_of(record)) line[name] = value;
    line["pid"] = record.pid;
    line["uid"] = record.uid;
    line["prev"] = record.prev;
    line["sha256"] = record.digest.hex();
    return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string audit_cef(const AuditRecord& record, std::string_view version, std::string_view host) {
    const AuditEventClass what = event_class(record);
    std::string line = "CEF:0|Signet|signet|" + escaped(version, "|\\") + "|" + std::string(what.id) + "|" +
                       escaped(what.name, "|\\") + "|" + std::to_string(cef_severity(what.severity)) + "|";
    const auto add = [&line](const std::string& name, std::string_view value) {
        if (value.empty()) return;
        if (line.back() != '|') line += ' ';
        line += name + "=" + escaped(value, "=\\");
    };
    const auto add_custom = [&](const std::string& field, const char* label, std::string_view value) {
        if (value.empty()) return;
        add(field + "Label", label);
        add(field, value);
    };
    add("rt", record.time);
    add("dvchost", host);
    add("act", record.operation);
    add("outcome", record.outcome);
    add("dvcpid", std::to_string(record.pid));
    add("suid", std::to_string(record.uid));
    add("externalId", std::to_string(record.sequence));
    add_custom("cs1", "thumbprint", record.thumbprint);
    add_custom("cs2", "location", record.location);
    add_custom("cs3", "object", record.object);
    add_custom("cs4", "sha256", record.digest.hex());
    add_custom("cs5", "prev", record.prev);
    add("msg", record.detail);
    return line;
}

std::string audit_syslog(const AuditRecord& record, std::string_view host) {
    const AuditEventClass what = event_class(record);
    return "<" + std::to_string(kAuthPriv * 8 + what.severity) + ">1 " + (record.time.empty() ? "-" : record.time) +
           " " + (host.empty() ? "-" : std::string(host)) + " signet " + std::to_string(record.pid) + " " +
           std::string(what.id) + " - " + audit_sentence(record);
}

}  // namespace signet::keyring
