#include "keyring/identity_file.h"

#include <sys/stat.h>
#include <cerrno>

#include "core/crypto/digest.h"
#include "core/error.h"
#include "core/file.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kMaxFile = 4096;

/// Octets that are wiped when they go.
struct WipedBytes {
    Bytes bytes;
    WipedBytes() { bytes.reserve(kMaxFile); }
    WipedBytes(const WipedBytes&) = delete;
    WipedBytes& operator=(const WipedBytes&) = delete;
    ~WipedBytes() { wipe(bytes); }
    void add(std::string_view text) { bytes.insert(bytes.end(), text.begin(), text.end()); }
};

void add_line(WipedBytes& file, std::string_view name, ByteView value) {
    std::string hex = to_hex(value);
    file.add(name);
    file.add(" ");
    file.add(hex);
    file.add("\n");
    wipe({reinterpret_cast<std::uint8_t*>(hex.data()), hex.size()});
}

void check_mode(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) throw Error::from_errno("look at", path, errno);
    if ((status.st_mode & 077U) != 0) {
        throw Error(ErrorCode::refused, path + " can be read or written by others than its owner", "chmod 600 " + path);
    }
}

/// Takes the next line off. throws  Error{damaged}: there is none
std::string_view take_line(std::string_view& text, const std::string& path) {
    const auto feed = text.find('\n');
    if (feed == std::string_view::npos) throw Error(ErrorCode::damaged, path + ": cut short", "restore it from a copy");
    const std::string_view line = text.substr(0, feed);
    text.remove_prefix(feed + 1);
    return line;
}

SecretBytes parse_value(std::string_view line, const std::string& name, const std::string& path) {
    SecretBytes value(kSecretSize);
    if (!line.starts_with(name + " ") || !from_hex(line.substr(name.size() + 1), value.mutable_view())) {
        throw Error(ErrorCode::damaged, path + ": not as it was written", "restore it from a copy");
    }
    return value;
}

}  // namespace

void write_identity_file(const std::string& path, const std::string& kind, const IdentitySecrets& secrets) {
    WipedBytes file;
    file.add(kind + " 1\n");
    for (const auto& [name, secret] : secrets) add_line(file, name, secret.reveal());
    add_line(file, "sum", crypto::sha256(file.bytes).view());
    replace_file(path, file.bytes, 0600);
}

std::optional<IdentitySecrets> read_identity_file(const std::string& path, const std::string& kind,
                                                  const std::vector<std::string>& names) {
    WipedBytes file;
    if (!read_file_if_present(path, kMaxFile, file.bytes)) return std::nullopt;
    check_mode(path);
    std::string_view rest = as_text(file.bytes);
    const std::string_view first = take_line(rest, path);
    if (first != kind + " 1") {
        const std::string_view version = first.starts_with(kind + " ") ? first.substr(kind.size() + 1) : "";
        const bool newer = !version.empty() && version.find_first_not_of("0123456789") == std::string_view::npos;
        throw Error(newer ? ErrorCode::unsupported : ErrorCode::damaged,
                    path + (newer ? ": made by a newer version of signet" : ": not a file of this kind"));
    }
    IdentitySecrets secrets;
    for (const std::string& name : names) secrets[name] = parse_value(take_line(rest, path), name, path);
    const std::size_t summed = file.bytes.size() - rest.size();
    const SecretBytes sum = parse_value(take_line(rest, path), "sum", path);
    if (!rest.empty() || !sum.equals(crypto::sha256(ByteView(file.bytes).first(summed)).view())) {
        throw Error(ErrorCode::damaged, path + ": its sum does not agree", "restore it from a copy");
    }
    return secrets;
}

}  // namespace signet::keyring
