#include "keyring/azure_login.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/crypto/client_certificate.h"
#include "core/file.h"
#include "core/percent.h"
#include "keyring/remote_location.h"

namespace signet::keyring {
namespace {

constexpr std::int64_t kEarly = 300;
constexpr std::int64_t kAssertionSeconds = 600;
constexpr std::size_t kMaxCertificate = std::size_t{256} * 1024;
constexpr const char* kMetadata = "http://169.254.169.254";
constexpr std::size_t kMaxArcKey = 4096;
constexpr const char* kArcKeys = "/var/opt/azcmagent/tokens";

/// Whom secrets may be sent to when nobody has named an authority.
constexpr std::array<std::string_view, 6> kAuthorities = {
    "https://login.microsoftonline.com", "https://login.windows.net",
    "https://login.chinacloudapi.cn",    "https://login.microsoftonline.us",
    "https://login.microsoftonline.de",  "https://login.partner.microsoftonline.cn"};

void add(SecretText& form, std::string_view name, std::string_view value) {
    if (!form.empty()) form += '&';
    form.append(name).append("=");
    std::string text = percent_encoded(value);
    form.append(text.data(), text.size());
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

/// A number, which the metadata service writes as a text.
std::optional<std::int64_t> seconds_of(const SecretJson& object, const char* name) {
    if (const auto number = number_of(object, name)) return number;
    const auto text = text_of(object, name);
    if (!text) return std::nullopt;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return seconds;
}

/// "https://vault.azure.net" of a scope.
std::string resource_of(const std::string& scope) {
    constexpr std::string_view kEnd = "/.default";
    return scope.ends_with(kEnd) ? scope.substr(0, scope.size() - kEnd.size()) : scope;
}

SecretText as_secret_text(const SecretBytes& secret) {
    const std::string_view view = as_text(secret.reveal());
    return {view.begin(), view.end()};
}

}  // namespace

std::string_view text(AzureIdentityKind kind) {
    switch (kind) {
        case AzureIdentityKind::secret:
            return "client secret";
        case AzureIdentityKind::certificate:
            return "client certificate";
        case AzureIdentityKind::federated:
            return "workload identity";
        case AzureIdentityKind::app_service:
            return "managed identity (App Service)";
        case AzureIdentityKind::arc:
            return "managed identity (Azure Arc)";
        case AzureIdentityKind::metadata:
            return "managed identity";
    }
    return {};
}

AzureIdentity AzureIdentity::of(const SecretBytes& token) {
    const std::string_view text = as_text(token.reveal());
    const auto first = text.find('.');
    const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
    if (second == std::string_view::npos) return {};
    const auto payload = from_base64url(text.substr(first + 1, second - first - 1));
    const auto claims = payload ? parse_object(payload->reveal()) : std::nullopt;
    if (!claims) return {};
    return {one_line(text_of(*claims, "appid").value_or("")), one_line(text_of(*claims, "oid").value_or("")),
            one_line(text_of(*claims, "tid").value_or(""))};
}

Verdict judge_token(const RemoteAnswer& answer) {
    Verdict verdict;
    if (answer.ok()) {
        const SecretText* token = answer.json ? secret_of(*answer.json, "access_token") : nullptr;
        return token != nullptr && !token->empty() ? verdict : foreign(answer);
    }
    const auto error = answer.json ? text_of(*answer.json, "error") : std::nullopt;
    if (!error) return foreign(answer);
    verdict.code = *error;
    verdict.message = text_of(*answer.json, "error_description").value_or("");
    verdict.request = text_of(*answer.json, "trace_id").value_or("");
    verdict.outcome = Outcome::credential_rejected;
    if (answer.status == 429) verdict.outcome = Outcome::throttled;
    if (answer.status >= 500 || answer.status == 408 || *error == "temporarily_unavailable")
        verdict.outcome = Outcome::unavailable;
    return verdict;
}

Verdict judge_metadata(const RemoteAnswer& answer) {
    const bool is_busy = answer.status == 404 || answer.status == 410;
    Verdict verdict = is_busy ? Verdict{} : judge_token(answer);
    if (is_busy) {
        verdict.outcome = Outcome::unavailable;
        verdict.message = "the metadata service is being updated";
    }
    return verdict;
}

AzureLogin::AzureLogin(RemoteClient& client, const std::string& origin)
    : client_(client), origin_(origin), section_(client.settings().section({origin, "azure"})) {
    choose_kind();
}

/// variable  in whose place a section stands
std::optional<std::string> AzureLogin::value(const std::string& name, const char* variable) const {
    if (!section_.name().empty()) return section_.get(name);
    return variable == nullptr ? std::nullopt : client_.settings().variable(variable);
}

void AzureLogin::choose_kind() {
    is_chosen_ = true;
    if (value("client_secret", "AZURE_CLIENT_SECRET") || section_.get("client_secret_file")) {
        kind_ = AzureIdentityKind::secret;
    } else if (value("client_certificate_file", "AZURE_CLIENT_CERTIFICATE_PATH")) {
        kind_ = AzureIdentityKind::certificate;
    } else if (value("federated_token_file", "AZURE_FEDERATED_TOKEN_FILE")) {
        kind_ = AzureIdentityKind::federated;
    } else if (client_.settings().variable("IDENTITY_ENDPOINT") && client_.settings().variable("IDENTITY_HEADER")) {
        kind_ = AzureIdentityKind::app_service;
    } else if (client_.settings().variable("IDENTITY_ENDPOINT") && client_.settings().variable("IMDS_ENDPOINT")) {
        kind_ = AzureIdentityKind::arc;
    } else {
        kind_ = AzureIdentityKind::metadata;
        is_chosen_ = section_.get("managed_identity").has_value() ||
                     client_.settings().variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").has_value();
    }
}

void AzureLogin::forget() { token_.reset(); }

/// The vault names it, and secrets go there: so it is one that is known, or that somebody here has named.
std::string AzureLogin::authority_for(const AzureChallenge& challenge) const {
    const auto named = value("authority", "AZURE_AUTHORITY_HOST");
    std::string_view rest;
    if (named) {
        std::string origin = secure_origin(*named, rest);
        if (!origin.empty()) return origin;
        throw RemoteError(Outcome::misuse, "log in: the authority " + one_line(*named) + " is no https:// address");
    }
    const bool is_known =
        std::find(kAuthorities.begin(), kAuthorities.end(), challenge.authority) != kAuthorities.end();
    if (is_known || (is_loopback(challenge.authority) && is_loopback(origin_))) return challenge.authority;
    throw RemoteError(Outcome::untrusted,
                      "log in: " + origin_ + " sends credentials to " + challenge.authority +
                          ", which is no authority of Azure's: name it (AZURE_AUTHORITY_HOST) if it "
                          "is yours");
}

/// Vault and identity are in one tenant, unless somebody says otherwise.
void AzureLogin::check_tenant(const AzureChallenge& challenge) const {
    const auto tenant = value("tenant", "AZURE_TENANT_ID");
    if (!tenant || *tenant == challenge.tenant || value("other_tenants", "SIGNET_AZURE_OTHER_TENANTS") == "yes") return;
    // A tenant may be named by a domain, which the challenge never does.
    if (tenant->find('.') != std::string::npos) return;
    throw RemoteError(Outcome::credential_rejected, "log in: the vault is in tenant " + one_line(challenge.tenant) +
                                                        " and the identity in tenant " + one_line(*tenant) +
                                                        ": SIGNET_AZURE_OTHER_TENANTS=yes where that is meant");
}

/// A JSON web token that the certificate signs.
SecretText AzureLogin::assertion(const std::string& token_url) const {
    const std::string path = *value("client_certificate_file", "AZURE_CLIENT_CERTIFICATE_PATH");
    const auto password = value("client_certificate_password", "AZURE_CLIENT_CERTIFICATE_PASSWORD");
    std::optional<SecretBytes> passphrase;
    if (password) passphrase.emplace(as_bytes(*password));
    try {
        Bytes pem = read_file(path, kMaxCertificate);
        const auto certificate = crypto::ClientCertificate::from_pem(pem, passphrase ? &*passphrase : nullptr, path);
        wipe(pem);
        const std::string client = *value("client_id", "AZURE_CLIENT_ID");
        const std::int64_t now = client_.clock().now().ns / kNsPerSecond;
        SecretJson header, claims;
        header["alg"] = "PS256";
        header["typ"] = "JWT";
        header["x5t#S256"] = to_base64url(certificate.fingerprint().view()).c_str();
        claims["aud"] = token_url.c_str();
        claims["iss"] = claims["sub"] = client.c_str();
        claims["jti"] = random_uuid().c_str();
        claims["nbf"] = now;
        claims["exp"] = now + kAssertionSeconds;
        SecretText token = secret_base64url(to_body(header).reveal());
        token += '.';
        token += secret_base64url(to_body(claims).reveal());
        const Bytes signature = certificate.sign_ps256(as_bytes(view_of(token)));
        token += '.';
        token += secret_base64url(signature);
        return token;
    } catch (const RemoteError&) {
        throw;
    } catch (const Error& error) {
        throw RemoteError(Outcome::credential_rejected, std::string("log in: ") + error.what());
    }
}

void AzureLogin::add_proof(SecretText& form, const std::string& token_url) const {
    const std::string what = "the credential for " + origin_;
    if (kind_ == AzureIdentityKind::secret) {
        if (const auto file = section_.get("client_secret_file")) {
            add(form, "client_secret", as_text(secret_from_file(*file, what).reveal()));
        } else {
            auto secret = *value("client_secret", "AZURE_CLIENT_SECRET");
            add(form, "client_secret", secret);
            wipe({reinterpret_cast<std::uint8_t*>(secret.data()), secret.size()});
        }
        return;
    }
    add(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    const SecretText proof =
        kind_ == AzureIdentityKind::certificate
            ? assertion(token_url)
            : as_secret_text(secret_from_file(*value("federated_token_file", "AZURE_FEDERATED_TOKEN_FILE"), what));
    add(form, "client_assertion", view_of(proof));
}

RemoteAnswer AzureLogin::ask_authority(const AzureChallenge& challenge) {
    check_tenant(challenge);
    const auto client = value("client_id", "AZURE_CLIENT_ID");
    if (!client) throw RemoteError(Outcome::credential_rejected, "log in: no client id: AZURE_CLIENT_ID");
    const std::string url = authority_for(challenge) + "/" + percent_encoded(challenge.tenant) + "/oauth2/v2.0/token";
    const auto make = [&] {
        RemoteRequest request;
        request.operation = "log in to tenant " + one_line(challenge.tenant) + " by " + std::string(text(kind_));
        request.method = HttpMethod::post;
        request.url = url;
        request.headers = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"};
        SecretText form;
        add(form, "grant_type", "client_credentials");
        add(form, "client_id", *client);
        add(form, "scope", challenge.scope);
        if (!challenge.claims.empty()) add(form, "claims", challenge.claims);
        add_proof(form, url);
        request.body = SecretBytes(as_bytes(view_of(form)));
        return request;
    };
    return client_.call(make, judge_token);
}

/// What the agent of Azure Arc has put where only those who may use the identity can read it: the header that proves
/// that this process can. throws  RemoteError
std::string AzureLogin::arc_key(const std::string& url) const {
    const auto make = [&] {
        RemoteRequest request;
        request.operation = "log in by " + std::string(text(kind_));
        request.url = url;
        request.headers = {"Metadata: true"};
        return request;
    };
    const RemoteAnswer answer = client_.call(make, [](const RemoteAnswer& got) {
        return got.status == 401 ? Verdict{} : got.ok() ? foreign(got) : judge_metadata(got);
    });
    constexpr std::string_view kBefore = "Basic realm=";
    std::string path = answer.header("www-authenticate");
    if (!path.starts_with(kBefore))
        throw RemoteError(Outcome::untrusted, "log in: the agent of Azure Arc names no key");
    path.erase(0, kBefore.size());
    std::erase(path, '"');
    // Whatever listens there must not choose which file is read and sent to it.
    const std::string folder = client_.settings().variable("SIGNET_AZURE_ARC_KEYS").value_or(kArcKeys) + "/";
    const bool is_there =
        path.starts_with(folder) && path.ends_with(".key") && path.find('/', folder.size()) == std::string::npos;
    if (!is_there)
        throw RemoteError(Outcome::untrusted,
                          "log in: the agent of Azure Arc names a key elsewhere: " + one_line(path));
    try {
        Bytes key = read_file(path, kMaxArcKey);
        std::string header = "Authorization: Basic " + std::string(as_text(key));
        wipe(key);
        return header;
    } catch (const Error& error) {
        throw RemoteError(Outcome::credential_rejected, std::string("log in: ") + error.what());
    }
}

RemoteAnswer AzureLogin::ask_machine(const AzureChallenge& challenge) {
    const auto& variable = client_.settings().variable;
    const bool is_service = kind_ == AzureIdentityKind::app_service;
    const bool is_arc = kind_ == AzureIdentityKind::arc;
    std::string url;
    if (is_service || is_arc) {
        url = *variable("IDENTITY_ENDPOINT") + "?api-version=" + (is_arc ? "2019-11-01" : "2019-08-01");
        std::string_view rest;
        if (is_arc && secure_origin(url, rest).empty())
            throw RemoteError(Outcome::misuse, "log in: IDENTITY_ENDPOINT is neither https:// nor on this machine");
    } else {
        url = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").value_or(kMetadata) +
              "/metadata/identity/oauth2/token?api-version=2018-02-01";
    }
    url += "&resource=" + percent_encoded(resource_of(challenge.scope));
    auto identity = value("managed_identity", "AZURE_CLIENT_ID");
    if (identity && *identity != "system" && *identity != "yes") url += "&client_id=" + percent_encoded(*identity);
    const auto make = [&] {
        RemoteRequest request;
        request.operation = "log in by " + std::string(text(kind_));
        request.url = url;
        request.headers = {is_service ? "X-IDENTITY-HEADER: " + *variable("IDENTITY_HEADER") : "Metadata: true"};
        if (is_arc) request.headers.push_back(arc_key(url));
        return request;
    };
    try {
        return client_.call(make, judge_metadata);
    } catch (const RemoteError& error) {
        if (is_chosen_ || !may_fail_over(error.outcome())) throw;
        // Nobody has said that this machine has an identity, and nothing answers where it would.
        throw RemoteError(Outcome::credential_rejected,
                          "no credential for " + origin_ +
                              ": none is set (AZURE_CLIENT_ID and its like, or a section in the file of "
                              "SIGNET_CREDENTIALS), and this machine has no managed identity");
    }
}

const SecretBytes& AzureLogin::token(const AzureChallenge& challenge) {
    const TimePoint now = client_.clock().now();
    if (token_ && now < renew_at_ && challenge.claims.empty()) return *token_;
    const bool is_machine = kind_ == AzureIdentityKind::app_service || kind_ == AzureIdentityKind::arc ||
                            kind_ == AzureIdentityKind::metadata;
    const RemoteAnswer answer = is_machine ? ask_machine(challenge) : ask_authority(challenge);
    token_.emplace(as_bytes(view_of(*secret_of(*answer.json, "access_token"))));
    constexpr std::int64_t kLongest = 86'400;
    const std::int64_t lasts =
        std::clamp<std::int64_t>(seconds_of(*answer.json, "expires_in").value_or(0), 0, kLongest);
    renew_at_ = after(now, std::max<std::int64_t>(lasts - kEarly, 0) * kNsPerSecond);
    identity_ = AzureIdentity::of(*token_);
    return *token_;
}

}  // namespace signet::keyring
