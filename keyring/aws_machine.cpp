// Credentials that the machine hands out on which this runs: its container's, or its instance's.
#include "keyring/aws_machine.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "keyring/remote_location.h"

namespace signet::keyring {
namespace {

constexpr std::string_view kTokenPath = "/latest/api/token";
constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::string_view kContainerHost = "http://169.254.170.2";

/// Of what answers by status alone.
Verdict verdict_of(const RemoteAnswer& answer) {
    Verdict verdict;
    if (answer.ok()) return verdict;
    verdict.outcome = Outcome::credential_rejected;
    if (answer.status == 429) verdict.outcome = Outcome::throttled;
    if (answer.status >= 500) verdict.outcome = Outcome::unavailable;
    if (answer.status >= 300 && answer.status < 400) verdict = foreign(answer);
    return verdict;
}

/// Where the token of a container may be sent: under TLS, to this machine, or to the addresses of ECS and EKS.
bool is_container_host(const std::string& url) {
    constexpr std::array<std::string_view, 3> kHosts = {"http://169.254.170.2", "http://169.254.170.23",
                                                        "http://[fd00:ec2::23]"};
    const std::string origin = url_origin(url);
    if (origin.starts_with("https:")) return true;
    return is_loopback(origin) || std::any_of(kHosts.begin(), kHosts.end(), [&](std::string_view known) {
               return origin == known || origin.starts_with(std::string(known) + ":");
           });
}

SecretBytes without_end(SecretBytes text) {
    std::size_t size = text.size();
    while (size > 0 && std::isspace(text.reveal()[size - 1]) != 0) --size;
    return SecretBytes(text.reveal().first(size));
}

SecretBytes container_token(const AwsSurroundings& surroundings, const std::string& what) {
    SecretBytes token;
    if (const auto file = surroundings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
        token = read_token(surroundings, *file, what);
    } else if (const auto value = surroundings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
        token = SecretBytes(as_bytes(*value));
    }
    if (as_text(token.reveal()).find_first_of("\r\n") != std::string_view::npos) {
        throw RemoteError(Outcome::credential_rejected, what + ": its token has more than one line");
    }
    return token;
}

/// The metadata service of the instance: every question after the first carries the token of a session.
class Metadata {
public:
    explicit Metadata(const AwsSurroundings& surroundings)
        : surroundings_(surroundings),
          address_(surroundings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254")) {
        while (address_.ends_with('/')) address_.pop_back();
    }

    /// Asked once: on a machine that is no instance nobody is there.
    /// returns  false: nobody answers
    bool log_in() {
        RemoteRequest request;
        request.operation = kWhat;
        request.method = HttpMethod::put;
        request.url = address_ + std::string(kTokenPath);
        request.headers = {"X-aws-ec2-metadata-token-ttl-seconds: 21600"};
        std::optional<RemoteAnswer> answer;
        try {
            answer = surroundings_.send(request);
        } catch (const RemoteError&) {
            return false;
        }
        const Verdict verdict = verdict_of(*answer);
        if (verdict.outcome != Outcome::ok)
            throw RemoteError(verdict.outcome, describe(request.operation, answer->status, verdict));
        token_ = std::move(answer->body);
        const std::string_view text = as_text(token_.reveal());
        const bool is_token = !text.empty() && std::all_of(text.begin(), text.end(),
                                                           [](char c) { return c > 0x20 && c < 0x7f && c != '<'; });
        if (!is_token) throw RemoteError(Outcome::untrusted, std::string(kWhat) + ": the answer is not a token");
        return true;
    }

    [[nodiscard]] RemoteAnswer ask(const std::string& path) const {
        const auto make = [&] {
            RemoteRequest request;
            request.operation = kWhat;
            request.url = address_ + path;
            request.headers = {"X-aws-ec2-metadata-token: " + std::string(as_text(token_.reveal()))};
            return request;
        };
        return surroundings_.call(make, [](const RemoteAnswer& answer) {
            Verdict verdict = verdict_of(answer);
            if (answer.status == 404) verdict.message = "no role is attached to this instance";
            return verdict;
        });
    }

    static constexpr std::string_view kWhat = "the metadata service of this instance";

private:
    const AwsSurroundings& surroundings_;
    std::string address_;
    SecretBytes token_;
};

bool is_role_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
               std::string_view("+=,.@_-").find(c) != std::string_view::npos;
    });
}

}  // namespace

SecretBytes read_token(const AwsSurroundings& surroundings, const std::string& path, const std::string& what) {
    try {
        if (auto token = surroundings.read(path)) {
            SecretBytes text = without_end(std::move(*token));
            if (!text.empty()) return text;
        }
    } catch (const Error& error) {
        throw RemoteError(Outcome::credential_rejected, what + ": " + error.what());
    }
    throw RemoteError(Outcome::credential_rejected, what + ": there is no token in " + path);
}

TimePoint parse_expiry(const std::string& text, const std::string& what) {
    const bool is_rfc3339 = text.size() >= 20 && text[10] == 'T';
    try {
        if (is_rfc3339) return parse_time(text, TimePoint{});
    } catch (const Error&) {
        // As any other text that is no time.
    }
    throw RemoteError(Outcome::untrusted, what + ": the answer does not say until when its credentials hold");
}

void require_fit_for_headers(const AwsKeys& keys, const std::string& what) {
    const auto is_plain = [](std::string_view text) {
        return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    };
    if (keys.id.empty() || keys.secret.empty() || !is_plain(keys.id) || !is_plain(as_text(keys.secret.reveal())) ||
        !is_plain(as_text(keys.session_token.reveal()))) {
        throw RemoteError(Outcome::credential_rejected, what + ": not an access key");
    }
}

AwsCredentials read_credentials(ByteView json, const char* token_name, const std::string& what) {
    const auto answer = parse_object(json);
    if (!answer) throw RemoteError(Outcome::untrusted, what + ": the answer is no JSON object");
    AwsCredentials credentials;
    credentials.source = what;
    credentials.keys.id = text_of(*answer, "AccessKeyId").value_or("");
    const SecretText* secret = secret_of(*answer, "SecretAccessKey");
    const SecretText* token = secret_of(*answer, token_name);
    if (credentials.keys.id.empty() || secret == nullptr) {
        throw RemoteError(Outcome::untrusted, what + ": the answer has no credentials");
    }
    credentials.keys.secret = SecretBytes(as_bytes(view_of(*secret)));
    if (token != nullptr) credentials.keys.session_token = SecretBytes(as_bytes(view_of(*token)));
    if (const auto expires = text_of(*answer, "Expiration")) credentials.expires = parse_expiry(*expires, what);
    require_fit_for_headers(credentials.keys, what);
    return credentials;
}

std::optional<AwsCredentials> aws_from_container(const AwsSurroundings& surroundings) {
    const auto relative = surroundings.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const auto full = surroundings.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full) return std::nullopt;
    const std::string what = "the role of this container";
    const std::string url = relative ? std::string(kContainerHost) + *relative : *full;
    if ((relative && !relative->starts_with('/')) || !is_container_host(url)) {
        throw RemoteError(Outcome::misuse, what + ": AWS_CONTAINER_CREDENTIALS_" + (relative ? "RELATIVE" : "FULL") +
                                               "_URI names a place to which no token may be sent: https, or http of "
                                               "this machine, 169.254.170.2 or 169.254.170.23");
    }
    const auto make = [&] {
        const SecretBytes token = container_token(surroundings, what);
        RemoteRequest request;
        request.operation = what;
        request.url = url;
        request.headers = {"Accept: application/json"};
        if (!token.empty()) request.headers.push_back("Authorization: " + std::string(as_text(token.reveal())));
        return request;
    };
    return read_credentials(surroundings.call(make, verdict_of).body.reveal(), "Token", what);
}

std::optional<AwsCredentials> aws_from_instance(const AwsSurroundings& surroundings) {
    if (surroundings.variable("AWS_EC2_METADATA_DISABLED") == "true") return std::nullopt;
    Metadata metadata(surroundings);
    if (!metadata.log_in()) return std::nullopt;
    const RemoteAnswer roles = metadata.ask(std::string(kRolePath));
    std::string role(as_text(roles.body.reveal()));
    role = role.substr(0, role.find_first_of("\r\n"));
    if (!is_role_name(role))
        throw RemoteError(Outcome::untrusted, std::string(Metadata::kWhat) + ": the answer is not the name of a role");
    const std::string what = "the role " + role + " of this instance";
    return read_credentials(metadata.ask(std::string(kRolePath) + role).body.reveal(), "Token", what);
}

}  // namespace signet::keyring
