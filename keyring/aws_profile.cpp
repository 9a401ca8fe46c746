#include "keyring/aws_profile.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace signet::keyring {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const auto from = text.find_first_not_of(kSpace);
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(kSpace) + 1 - from);
}

/// "prod" of "[profile prod]", "[profile 'prod']" or "[default]"; nothing for other sections.
std::optional<std::string> profile_of(std::string_view line, AwsFile file) {
    const auto end = line.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view name = trimmed(line.substr(1, end - 1));
    constexpr std::string_view kWord = "profile";
    const bool has_word = name.starts_with(kWord) && name.size() > kWord.size() &&
                          std::isspace(static_cast<unsigned char>(name[kWord.size()])) != 0;
    if (file == AwsFile::config && !has_word && name != "default") return std::nullopt;
    if (file == AwsFile::config && has_word) name = trimmed(name.substr(kWord.size()));
    const bool is_quoted =
        name.size() >= 2 && (name.front() == '"' || name.front() == '\'') && name.front() == name.back();
    if (is_quoted) name = name.substr(1, name.size() - 2);
    if (name.empty()) return std::nullopt;
    return std::string(name);
}

/// Without a comment at its end, which begins with white space.
std::string_view without_comment(std::string_view value) {
    for (const std::string_view mark : {" #", " ;", "\t#", "\t;"}) value = value.substr(0, value.find(mark));
    return trimmed(value);
}

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

}  // namespace

std::string AwsProfile::text(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::string() : std::string(as_text(found->second.reveal()));
}

SecretBytes AwsProfile::secret(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? SecretBytes() : found->second.clone();
}

void AwsProfile::set(const std::string& name, std::string_view value) { values_[name] = SecretBytes(as_bytes(value)); }

bool AwsProfile::has_any(std::string_view prefix) const {
    return std::any_of(values_.begin(), values_.end(),
                       [&](const auto& entry) { return std::string_view(entry.first).starts_with(prefix); });
}

void AwsProfile::add(const AwsProfile& other) {
    for (const auto& [name, value] : other.values_) values_[name] = value.clone();
}

AwsProfiles parse_aws_profiles(std::string_view text, AwsFile file) {
    AwsProfiles profiles;
    AwsProfile* current = nullptr;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view whole = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::string_view line = trimmed(whole);
        const bool is_nested = !whole.empty() && (whole.front() == ' ' || whole.front() == '\t');
        if (line.empty() || line.front() == '#' || line.front() == ';' || is_nested) continue;
        if (line.front() == '[') {
            const auto name = profile_of(line, file);
            current = name ? &profiles[*name] : nullptr;
            continue;
        }
        const auto equals = line.find('=');
        if (current == nullptr || equals == std::string_view::npos) continue;
        const std::string_view value = trimmed(line.substr(equals + 1));
        const std::string name = lower_case(trimmed(line.substr(0, equals)));
        // A command may hold " #" itself.
        if (!name.empty()) current->set(name, name == "credential_process" ? value : without_comment(value));
    }
    return profiles;
}

}  // namespace signet::keyring
