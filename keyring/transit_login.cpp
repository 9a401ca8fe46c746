#include "keyring/transit_login.h"

#include <filesystem>

#include "keyring/remote_location.h"
#include "keyring/transit_answer.h"

namespace signet::keyring {
namespace {

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/token";

std::vector<std::string> section_names(const Location& server) {
    std::vector<std::string> names = {server.origin, "transit"};
    if (!server.space.empty()) names.insert(names.begin(), server.origin + "?namespace=" + server.space);
    return names;
}

SecretText as_secret_text(const SecretBytes& secret) {
    const std::string_view view = as_text(secret.reveal());
    return {view.begin(), view.end()};
}

}  // namespace

TransitLogin::TransitLogin(RemoteClient& client, const Location& server)
    : client_(client),
      origin_(server.origin),
      space_(server.space),
      section_(client.settings().section(section_names(server))),
      uses_environment_(section_.name().empty()) {
    for (const char* name : {"VAULT_ADDR", "BAO_ADDR"}) {
        const auto address = client.settings().variable(name);
        std::string_view rest;
        if (address && secure_origin(*address, rest) != origin_) uses_environment_ = false;
    }
}

std::vector<std::string> TransitLogin::headers() const {
    std::vector<std::string> headers = {"X-Vault-Request: true", "Accept: application/json"};
    if (!space_.empty()) headers.push_back("X-Vault-Namespace: " + space_ + "/");
    return headers;
}

/// variables  in whose place a section stands
std::optional<std::string> TransitLogin::value(const std::string& name,
                                               const std::vector<std::string>& variables) const {
    if (auto given = section_.get(name)) return given;
    if (!uses_environment_) return std::nullopt;
    for (const std::string& variable : variables) {
        if (auto given = client_.settings().variable(variable)) return given;
    }
    return std::nullopt;
}

std::optional<SecretBytes> TransitLogin::secret(const std::string& name,
                                                const std::vector<std::string>& variables) const {
    if (const auto file = section_.get(name + "_file")) return secret_from_file(*file, name + " for " + origin_);
    auto given = value(name, variables);
    if (!given) return std::nullopt;
    SecretBytes secret(as_bytes(*given));
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.InnerPointer): `given` lives until here
    wipe({reinterpret_cast<std::uint8_t*>(given->data()), given->size()});
    return secret;
}

SecretBytes TransitLogin::log_in(const std::string& mount, const SecretJson& credential) {
    const auto make = [&] {
        RemoteRequest request;
        request.operation = "login by auth/" + mount;
        request.method = HttpMethod::post;
        request.url = origin_ + "/v1/auth/" + mount + "/login";
        request.headers = headers();
        request.headers.emplace_back("Content-Type: application/json");
        request.body = to_body(credential);
        return request;
    };
    const RemoteAnswer answer =
        client_.call(make, [](const RemoteAnswer& got) { return judge_transit(got, true, true); });
    const SecretJson* auth = answer.json ? object_of(*answer.json, "auth") : nullptr;
    const SecretText* token = auth == nullptr ? nullptr : secret_of(*auth, "client_token");
    if (token == nullptr || token->empty()) {
        throw RemoteError(Outcome::untrusted, "login by auth/" + mount + ": the answer has no token");
    }
    const std::int64_t lease = number_of(*auth, "lease_duration").value_or(0);
    renew_at_ = std::nullopt;
    constexpr std::int64_t kLongest = std::int64_t{10} * 86'400;
    if (lease > 0) renew_at_ = after(client_.clock().now(), std::min(lease, kLongest) * kNsPerSecond * 2 / 3);
    is_lease_ = true;
    return SecretBytes(as_bytes(view_of(*token)));
}

SecretBytes TransitLogin::find_token() {
    is_lease_ = false;
    if (auto token = secret("token", {"VAULT_TOKEN", "BAO_TOKEN"})) {
        source_ = "the token of " + (section_.name().empty() ? "the environment" : "section " + section_.name());
        return std::move(*token);
    }
    if (const auto role = value("role_id", {"VAULT_ROLE_ID"})) {
        source_ = "AppRole " + one_line(*role);
        SecretJson credential;
        credential["role_id"] = role->c_str();
        if (const auto id = secret("secret_id", {"VAULT_SECRET_ID"})) credential["secret_id"] = as_secret_text(*id);
        return log_in(section_.get("approle_mount").value_or("approle"), credential);
    }
    if (const auto role = value("kubernetes_role", {})) {
        source_ = "Kubernetes role " + one_line(*role);
        SecretJson credential;
        credential["role"] = role->c_str();
        const std::string file = section_.get("jwt_file").value_or(kServiceAccount);
        credential["jwt"] = as_secret_text(secret_from_file(file, "the service account for " + origin_));
        return log_in(section_.get("kubernetes_mount").value_or("kubernetes"), credential);
    }
    const auto home = uses_environment_ ? client_.settings().variable("HOME") : std::nullopt;
    const std::string file = home ? *home + "/.vault-token" : "";
    source_ = "the token of " + file;
    std::error_code none;
    if (home && std::filesystem::exists(file, none)) return secret_from_file(file, "the token for " + origin_);
    throw RemoteError(Outcome::credential_rejected,
                      "no token for " + origin_ +
                          ": set VAULT_TOKEN (and VAULT_ADDR to this server), or give it a section in the file of "
                          "SIGNET_CREDENTIALS");
}

const SecretBytes& TransitLogin::token() {
    const bool is_due = renew_at_ && client_.clock().now() >= *renew_at_;
    if (!token_ || is_due) token_ = find_token();
    return *token_;
}

bool TransitLogin::renew() {
    if (!token_) return false;
    const bool was_lease = is_lease_;
    const SecretBytes before = std::move(*token_);
    token_.reset();
    renew_at_ = std::nullopt;
    if (was_lease) return true;
    return !token().equals(before.reveal());
}

}  // namespace signet::keyring
