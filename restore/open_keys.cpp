#include "restore/open_keys.h"

#include <algorithm>
#include <optional>

namespace signet::restore {

const format::DataKey& OpenKeys::data_key(const format::SignedEntry& entry, const format::SealedPacks& listed) {
    const RunKey& key = planner_.key(entry, listed);
    auto found = data_keys_.find(&key);
    if (found == data_keys_.end()) {
        try {
            found = data_keys_.emplace(&key, unwrap_key(repository_, planner_, resolver_, key)).first;
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            found = data_keys_.emplace(&key, error).first;
        }
    }
    if (const auto* error = std::get_if<Error>(&found->second)) throw *error;
    return std::get<format::DataKey>(found->second);
}

/// The newest first. A successor's body has the keys of its predecessors.
std::vector<BodySource> OpenKeys::bodies_of(const IdentityId& writer) const {
    const Catalogue& catalogue = planner_.catalogue();
    std::vector<BodySource> bodies;
    for (auto backup = catalogue.backups().rbegin(); backup != catalogue.backups().rend(); ++backup) {
        const auto& before = backup->fields->predecessors;
        const bool is_of_line =
            backup->writer == writer || std::find(before.begin(), before.end(), writer) != before.end();
        if (backup->trusted && is_of_line) bodies.push_back(backup->body);
    }
    return bodies;
}

const format::WriterKeys& OpenKeys::writer_keys(const IdentityId& writer) {
    auto found = writer_keys_.find(writer);
    if (found == writer_keys_.end()) {
        std::optional<Error> failure;
        std::optional<format::WriterKeys> keys;
        for (const BodySource& body : bodies_of(writer)) {
            try {
                keys = std::move(body.open(data_key(*body.entry, *body.listed)).keys);
                break;
            } catch (const Error& error) {
                if (!is_about_slots(error)) throw;
                if (!failure || error.code() == ErrorCode::key_unavailable) failure = error;
            }
        }
        if (keys) {
            found = writer_keys_.emplace(writer, std::move(*keys)).first;
        } else {
            found = writer_keys_
                        .emplace(writer, failure.value_or(Error(ErrorCode::key_unavailable,
                                                                "writer " + writer.short_hex(16) +
                                                                    " has no trusted backup that would give its keys")))
                        .first;
        }
    }
    if (const auto* error = std::get_if<Error>(&found->second)) throw *error;
    return std::get<format::WriterKeys>(found->second);
}

}  // namespace signet::restore
