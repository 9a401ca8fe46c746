// The audit log for other systems: each line is an event with a fixed id (docs/operations.md, section 22), as JSON, in
// the Common Event Format of SIEM systems, or for syslog.
#pragma once

#include "keyring/audit_log.h"

#include <string>
#include <string_view>

namespace signet::keyring {

/// What kind of thing a line of the log tells. Ids and severities never change their meaning.
struct AuditEventClass {
    std::string_view id;    ///< "SIGNET001"
    std::string_view name;  ///< "protector refused"
    int severity = 6;       ///< as in syslog: 2 critical, 3 error, 4 warning, 5 notice, 6 information
};
[[nodiscard]] AuditEventClass event_class(const AuditRecord& record);

/// "protector refused: operation=unwrap outcome=denied location=local:prod/1 …": one line, without control characters.
[[nodiscard]] std::string audit_sentence(const AuditRecord& record);
/// One object on one line, with the hashes that chain it to the line before.
[[nodiscard]] std::string audit_json(const AuditRecord& record);
/// CEF:0, one line. host  empty: left out
[[nodiscard]] std::string audit_cef(const AuditRecord& record, std::string_view version, std::string_view host);
/// RFC 5424, facility authpriv, one line.
[[nodiscard]] std::string audit_syslog(const AuditRecord& record, std::string_view host);

}  // namespace signet::keyring
