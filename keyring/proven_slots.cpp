#include "keyring/proven_slots.h"

#include "core/crypto/digest.h"
#include "core/error.h"
#include "core/file.h"

#include <algorithm>

namespace signet::keyring {
namespace {

constexpr std::size_t kMostOctets = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kTagSize = 64;  // hexadecimal digits

std::string object_of(const format::SlotName& name) {
    return format::slot_name(name.thumbprint, name.dek, name.content);
}

}  // namespace

ProvenSlots::ProvenSlots(std::string path, const SecretBytes& cache_key)
    : path_(std::move(path)),
      key_(crypto::hkdf_expand(cache_key.reveal(), {as_bytes(std::string_view("signet/proven-slots/v1\0", 23))}, 32)) {
    if (path_.empty()) return;
    try {
        Bytes content;
        if (!read_file_if_present(path_, kMostOctets, content) || content.size() < kTagSize) return;
        const std::string lines(as_text(content).substr(kTagSize));
        if (as_text(content).substr(0, kTagSize) != tag(lines)) return;
        for (std::size_t at = 0; at < lines.size();) {
            const auto end = std::min(lines.find('\n', at), lines.size());
            names_.insert(lines.substr(at, end - at));
            at = end + 1;
        }
    } catch (const Error&) {
        names_.clear();
    }
}

std::string ProvenSlots::tag(const std::string& lines) const {
    return to_hex(crypto::HmacSha256(key_.reveal()).compute({as_bytes(lines)}).view());
}

std::string ProvenSlots::path_in(const std::string& cache_directory, const RepositoryId& repository,
                                 const IdentityId& writer) {
    if (cache_directory.empty()) return {};
    return cache_directory + "/" + repository.hex() + "/proven-slots-" + writer.short_hex(16);
}

bool ProvenSlots::has(const format::SlotName& name) const { return names_.contains(object_of(name)); }

void ProvenSlots::add(const format::SlotName& name) noexcept {
    try {
        if (!names_.insert(object_of(name)).second || path_.empty()) return;
        std::string lines;
        for (const auto& one : names_) lines += one + "\n";
        make_folders(path_.substr(0, path_.rfind('/')), 0700);
        replace_file(path_, as_bytes(tag(lines) + lines), 0600);
    } catch (const std::exception&) {
        // It will be proven again.
    }
}

}  // namespace signet::keyring
