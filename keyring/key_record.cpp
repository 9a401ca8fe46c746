#include "keyring/key_record.h"

#include <algorithm>

namespace signet::keyring {
namespace {

constexpr std::int64_t kNsPerDay = std::int64_t{86'400} * kNsPerSecond;

}  // namespace

bool is_key_name(std::string_view text) {
    constexpr std::size_t kLongest = 127;
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    return !text.empty() && text.size() <= kLongest && is_plain(text.front()) &&
           std::all_of(text.begin(), text.end(),
                       [&](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

std::optional<TimePoint> RotationPolicy::due(const KeyVersion& newest) const {
    std::optional<TimePoint> due;
    if (after_days) due = TimePoint{newest.created.ns + *after_days * kNsPerDay};
    if (before_expiry_days && newest.attributes.expires) {
        const TimePoint before{newest.attributes.expires->ns - *before_expiry_days * kNsPerDay};
        due = due ? std::min(*due, before) : before;
    }
    return due;
}

std::string_view text(KeyBackupState state) {
    switch (state) {
        case KeyBackupState::none:
            return "none";
        case KeyBackupState::outdated:
            return "outdated";
        case KeyBackupState::current:
            return "current";
    }
    invariant(false, "a key backup has a state");
    return {};
}

}  // namespace signet::keyring
