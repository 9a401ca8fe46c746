#include "cli/audit_syslog.h"

#include "keyring/audit_export.h"

#include <syslog.h>

#include <string>

namespace signet::cli {

void send_audit_to_syslog(keyring::Keyring& keyring) {
    ::openlog("signet", LOG_PID, LOG_AUTHPRIV);
    keyring.audit().listen([](const keyring::AuditRecord& record) {
        const keyring::AuditEventClass what = keyring::event_class(record);
        const std::string line = std::string(what.id) + " " + keyring::audit_sentence(record);
        ::syslog(LOG_AUTHPRIV | what.severity, "%s", line.c_str());
    });
}

}  // namespace signet::cli
