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

/// The newest first, those of its own line before those that merely claim to be: a successor's body has the keys of its
/// predecessors.
std::vector<const Backup*> OpenKeys::sources_of(const IdentityId& writer) const {
    const Catalogue& catalogue = planner_.catalogue();
    std::vector<const Backup*> line;
    std::vector<const Backup*> claimants;
    for (auto backup = catalogue.backups().rbegin(); backup != catalogue.backups().rend(); ++backup) {
        if (!backup->trusted) continue;
        const auto& before = backup->fields->predecessors;
        if (backup->writer == writer || (catalogue.line_of(backup->writer) == catalogue.line_of(writer) &&
                                         std::find(before.begin(), before.end(), writer) != before.end()))
            line.push_back(&*backup);
        else if (std::find(before.begin(), before.end(), writer) != before.end())
            claimants.push_back(&*backup);
    }
    line.insert(line.end(), claimants.begin(), claimants.end());
    return line;
}

/// Whether keys are those of a writer: they open its names.
bool OpenKeys::are_keys_of(const IdentityId& writer, const format::WriterKeys& keys) const {
    for (const auto& [place, run] : planner_.catalogue().runs()) {
        if (place.first == writer) return format::open_labels(*run.entry, keys.label_key).has_value();
    }
    return false;
}

const format::WriterKeys& OpenKeys::writer_keys(const IdentityId& writer) {
    auto found = writer_keys_.find(writer);
    if (found == writer_keys_.end()) {
        std::optional<Error> failure;
        std::optional<format::WriterKeys> keys;
        for (const Backup* backup : sources_of(writer)) {
            const BodySource& body = backup->body;
            try {
                format::WriterKeys found_keys = std::move(body.open(data_key(*body.entry, *body.listed)).keys);
                if (backup->writer != writer && !are_keys_of(writer, found_keys)) continue;
                keys = std::move(found_keys);
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
