#include "restore/latest.h"

namespace signet::restore {

std::optional<Error> refusal_of_latest(const Catalogue& catalogue, const BackupFilter& filter) {
    // Asked, not judged a second time: the two must never differ.
    try {
        (void)catalogue.latest(filter);
        return std::nullopt;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::usage) return std::nullopt;
        return error;
    }
}

}  // namespace signet::restore
