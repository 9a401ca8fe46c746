#include "cli/exit_code.h"

namespace signet::cli {

ExitCode exit_code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::failed:
        case ErrorCode::io:
        case ErrorCode::unsupported:
            return ExitCode::failed;
        case ErrorCode::usage:
            return ExitCode::usage;
        case ErrorCode::no_repository:
            return ExitCode::no_repository;
        case ErrorCode::busy:
            return ExitCode::busy;
        case ErrorCode::wrong_passphrase:
            return ExitCode::wrong_passphrase;
        case ErrorCode::key_unavailable:
            return ExitCode::key_unavailable;
        case ErrorCode::damaged:
            return ExitCode::damaged;
        case ErrorCode::refused:
            return ExitCode::refused;
        case ErrorCode::interrupted:
            return ExitCode::interrupted;
    }
    return ExitCode::failed;
}

std::string_view exit_code_table() {
    return "0    done\n"
           "1    failed\n"
           "2    usage: unknown or contradictory flags, a source that does not exist\n"
           "3    done, but something could not be read or written\n"
           "10   no such repository\n"
           "11   another run of this series is active\n"
           "12   wrong passphrase\n"
           "13   a required protector is missing or unusable\n"
           "14   damaged or altered data\n"
           "15   drill failed\n"
           "16   objective missed\n"
           "17   refused by policy or trust\n"
           "130  interrupted\n";
}

}  // namespace signet::cli
