#include "core/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace signet {
namespace {

/// What a person can do about the errors that are theirs to mend.
const char* hint_for(int error_number) {
    switch (error_number) {
        case ENOSPC:
            return "the file system is full: free some space and run this again";
        case EDQUOT:
            return "the disk quota is used up: free some space or raise the quota";
        case EROFS:
            return "the file system is mounted read-only";
        case EACCES:
        case EPERM:
            return "check the owner and the permissions";
        case EMFILE:
        case ENFILE:
            return "too many open files: raise the limit (ulimit -n)";
        default:
            return "";
    }
}

}  // namespace

Error::Error(ErrorCode code, const std::string& message, std::string hint)
    : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}

Error Error::from_errno(std::string_view action, std::string_view object, int error_number) {
    std::string message = "cannot ";
    message.append(action).append(" ").append(object).append(": ");
    message += std::generic_category().message(error_number);
    Error error(ErrorCode::io, message, hint_for(error_number));
    error.errno_ = error_number;
    return error;
}

void invariant(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "signet: internal error: %s\n", what);
    std::abort();
}

}  // namespace signet
