// The audit log in the system's log, as it is written.
#pragma once

#include "keyring/keyring.h"

namespace signet::cli {

/// Hands each line that this process writes into the keyring's audit log to syslog(3), facility authpriv, with its
/// event id in front. Where nothing takes it, nothing is lost: the audit log is what counts.
void send_audit_to_syslog(keyring::Keyring& keyring);

}  // namespace signet::cli
