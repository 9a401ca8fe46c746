// Credentials out of ~/.aws/config and ~/.aws/credentials, and by the roles and commands that they name.
#include "keyring/aws_credentials.h"
#include "keyring/aws_machine.h"
#include "keyring/aws_sts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace signet::keyring {
namespace {

constexpr int kMaxRoles = 8;

/// The profiles of both files; where both have a setting, that of ~/.aws/credentials counts.
AwsProfiles read_profiles(const AwsSurroundings& surroundings) {
    const std::string home = surroundings.variable("HOME").value_or("");
    const auto read = [&](const char* variable, const char* usual, AwsFile kind) -> AwsProfiles {
        const std::string path = surroundings.variable(variable).value_or(home.empty() ? "" : home + usual);
        if (path.empty()) return {};
        try {
            const auto content = surroundings.read(path);
            return content ? parse_aws_profiles(as_text(content->reveal()), kind) : AwsProfiles();
        } catch (const Error& error) {
            throw RemoteError(Outcome::credential_rejected, error.what());
        }
    };
    AwsProfiles all = read("AWS_CONFIG_FILE", "/.aws/config", AwsFile::config);
    const AwsProfiles secrets = read("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials", AwsFile::credentials);
    for (const auto& [name, profile] : secrets) all[name].add(profile);
    return all;
}

AwsRole role_of(const AwsProfile& profile) {
    AwsRole role{profile.text("role_arn"), profile.text("role_session_name"), profile.text("external_id")};
    const std::string seconds = profile.text("duration_seconds");
    if (!seconds.empty()) std::from_chars(seconds.data(), seconds.data() + seconds.size(), role.duration_seconds);
    return role;
}

/// Follows what profiles say of one another.
class ProfileReader {
public:
    ProfileReader(const AwsSurroundings& surroundings, const std::string& region)
        : surroundings_(surroundings), region_(region), profiles_(read_profiles(surroundings)) {}

    [[nodiscard]] bool has(const std::string& name) const { return profiles_.contains(name); }

    /// returns  nothing: the profile names no credentials
    [[nodiscard]] std::optional<AwsCredentials> read(const std::string& name) {
        const AwsProfile& profile = profiles_.at(name);
        const std::string what = "profile " + name;
        if (profile.has("role_arn") && !seen_.contains(name)) return by_role(name, profile);
        if (profile.has("aws_access_key_id") || profile.has("aws_secret_access_key")) return keys_of(profile, what);
        if (profile.has("credential_process")) return by_command(profile, what);
        if (profile.has_any("sso_")) {
            throw RemoteError(Outcome::credential_rejected,
                              what +
                                  " signs in by IAM Identity Center, which needs a person; a profile with "
                                  "credential_process = aws configure export-credentials --profile " +
                                  name + " --format process hands its credentials on");
        }
        return std::nullopt;
    }

private:
    static AwsCredentials keys_of(const AwsProfile& profile, const std::string& what) {
        AwsCredentials credentials;
        credentials.source = what;
        credentials.keys = {profile.text("aws_access_key_id"), profile.secret("aws_secret_access_key"),
                            profile.secret("aws_session_token")};
        require_fit_for_headers(credentials.keys, what + " has half an access key, or none that can be");
        return credentials;
    }

    [[nodiscard]] AwsCredentials by_command(const AwsProfile& profile, const std::string& what) const {
        const std::string whole = "credential_process of " + what;
        try {
            const SecretBytes printed = surroundings_.run(profile.text("credential_process"));
            return read_credentials(printed.reveal(), "SessionToken", whole);
        } catch (const RemoteError& error) {
            // What a command of this machine prints is its fault, and no answer of somebody else's.
            throw RemoteError(Outcome::credential_rejected, error.what());
        } catch (const Error& error) {
            throw RemoteError(Outcome::credential_rejected, whole + ": " + error.what());
        }
    }

    [[nodiscard]] AwsCredentials by_role(const std::string& name, const AwsProfile& profile) {
        const std::string what = "profile " + name;
        if (profile.has("mfa_serial")) {
            throw RemoteError(
                Outcome::credential_rejected,
                what + " asks for a code of a person (mfa_serial); give the backup a role that needs none");
        }
        const AwsRole role = role_of(profile);
        if (profile.has("web_identity_token_file")) {
            return assume_role_with_web_identity(surroundings_, region_, role, profile.text("web_identity_token_file"));
        }
        seen_.insert(name);
        if (seen_.size() > kMaxRoles) throw RemoteError(Outcome::misuse, what + ": too many roles one by another");
        return assume_role(surroundings_, region_, role, source_of(name, profile));
    }

    [[nodiscard]] AwsCredentials source_of(const std::string& name, const AwsProfile& profile) {
        const std::string what = "profile " + name;
        if (profile.has("source_profile")) {
            const std::string source = profile.text("source_profile");
            if (!has(source))
                throw RemoteError(Outcome::misuse, what + ": its source_profile " + source + " is not there");
            // A profile may be its own source, for the keys that it has besides.
            const bool is_circle = source != name && seen_.contains(source);
            if (is_circle) throw RemoteError(Outcome::misuse, what + ": its source_profile leads back to " + source);
            if (auto found = read(source)) return std::move(*found);
            throw RemoteError(Outcome::credential_rejected,
                              what + ": its source_profile " + source + " has no credentials");
        }
        const std::string source = profile.text("credential_source");
        std::optional<AwsCredentials> found;
        if (source == "Environment")
            found = aws_from_variables(surroundings_);
        else if (source == "EcsContainer")
            found = aws_from_container(surroundings_);
        else if (source == "Ec2InstanceMetadata")
            found = aws_from_instance(surroundings_);
        else
            throw RemoteError(Outcome::misuse, what +
                                                   " has a role and does not say by whom: source_profile, "
                                                   "credential_source (Environment, EcsContainer, "
                                                   "Ec2InstanceMetadata) or web_identity_token_file");
        if (!found)
            throw RemoteError(Outcome::credential_rejected, what + ": its credential_source " + source + " has none");
        return std::move(*found);
    }

    const AwsSurroundings& surroundings_;
    const std::string& region_;
    AwsProfiles profiles_;
    std::set<std::string> seen_;  ///< profiles whose role is being asked for
};

}  // namespace

std::optional<AwsCredentials> aws_from_files(const AwsSurroundings& surroundings, const std::string& region) {
    const auto asked = surroundings.variable("AWS_PROFILE");
    const std::string name = asked.value_or(surroundings.variable("AWS_DEFAULT_PROFILE").value_or("default"));
    ProfileReader reader(surroundings, region);
    if (!reader.has(name)) {
        if (!asked) return std::nullopt;
        throw RemoteError(Outcome::credential_rejected, "there is no AWS profile " + one_line(name) +
                                                            "; see AWS_PROFILE, ~/.aws/config and ~/.aws/credentials");
    }
    auto found = reader.read(name);
    if (!found && asked) {
        throw RemoteError(Outcome::credential_rejected, "the AWS profile " + one_line(name) + " has no credentials");
    }
    return found;
}

std::optional<AwsCredentials> aws_from_web_identity(const AwsSurroundings& surroundings, const std::string& region) {
    const auto file = surroundings.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    const auto role = surroundings.variable("AWS_ROLE_ARN");
    if (!file && !role) return std::nullopt;
    if (!file) return std::nullopt;  // a role without a token is for the profile's own ways
    if (!role) throw RemoteError(Outcome::misuse, "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not");
    return assume_role_with_web_identity(
        surroundings, region, {*role, surroundings.variable("AWS_ROLE_SESSION_NAME").value_or(""), {}}, *file);
}

}  // namespace signet::keyring
