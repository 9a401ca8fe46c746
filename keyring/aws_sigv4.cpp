#include "keyring/aws_sigv4.h"

#include "core/crypto/digest.h"
#include "core/error.h"
#include "core/percent.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <map>

namespace signet::keyring {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

/// Without white space at its ends, and with one space for each run of it.
std::string folded(std::string_view value) {
    std::string result;
    for (const char c : value) {
        const bool is_space = c == ' ' || c == '\t';
        if (is_space && (result.empty() || result.back() == ' ')) continue;
        result += is_space ? ' ' : c;
    }
    if (!result.empty() && result.back() == ' ') result.pop_back();
    return result;
}

/// As RFC 3986 encodes everything but unreserved characters and '/'.
std::string encoded(std::string_view path) { return percent_encoded(path, "/"); }

struct Target {
    std::string host;  ///< with the port where it is not the usual one, as libcurl sends it
    std::string path;
};

Target target_of(const std::string& url) {
    const std::string origin = url_origin(url);
    const bool is_plain = !origin.empty() && url.starts_with(origin) && url.find_first_of("?#") == std::string::npos;
    if (!is_plain) throw Error(ErrorCode::usage, "a request to AWS goes to a URL without user, query and fragment");
    Target target{lower_case(origin.substr(origin.find("//") + 2)), url.substr(origin.size())};
    const std::string usual = origin.starts_with("https:") ? ":443" : ":80";
    if (target.host.ends_with(usual)) target.host.resize(target.host.size() - usual.size());
    if (target.path.empty()) target.path = "/";
    return target;
}

/// "20260102T030405Z".
std::string basic_time(TimePoint now) {
    const std::time_t seconds = now.ns / kNsPerSecond;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::string text(16, '\0');
    const std::size_t size = std::strftime(text.data(), text.size() + 1, "%Y%m%dT%H%M%SZ", &parts);
    invariant(size == text.size(), "a time of AWS has sixteen characters");
    return text;
}

/// HMAC-SHA256, kept like a secret.
SecretBytes hmac(ByteView key, std::string_view text) {
    Digest digest = crypto::HmacSha256(key).compute({as_bytes(text)});
    SecretBytes result(digest.view());
    wipe(digest.octets);
    return result;
}

void wipe_text(std::string& text) noexcept {
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    text.clear();
}

}  // namespace

AwsCanonical canonical_request(const RemoteRequest& request) {
    const Target target = target_of(request.url);
    std::map<std::string, std::string> headers = {{"host", target.host}};
    for (const std::string& header : request.headers) {
        const auto colon = header.find(':');
        invariant(colon != std::string::npos, "a header has a name and a value");
        const std::string value = folded(std::string_view(header).substr(colon + 1));
        const auto [known, is_new] = headers.try_emplace(lower_case(header.substr(0, colon)), value);
        if (!is_new) known->second += "," + value;
    }
    AwsCanonical canonical;
    canonical.text = std::string(signet::text(request.method)) + "\n" + encoded(target.path) + "\n\n";
    for (const auto& [name, value] : headers) {
        canonical.text.append(name).append(":").append(value).append("\n");
        canonical.signed_headers += (canonical.signed_headers.empty() ? "" : ";") + name;
    }
    canonical.text += "\n" + canonical.signed_headers + "\n" + crypto::sha256(request.body.reveal()).hex();
    return canonical;
}

SecretBytes signing_key(const AwsKeys& keys, const AwsScope& scope, const std::string& day) {
    constexpr std::string_view kPrefix = "AWS4";
    SecretBytes start(kPrefix.size() + keys.secret.size());
    const ByteView secret = keys.secret.reveal();
    std::copy(kPrefix.begin(), kPrefix.end(), start.mutable_view().begin());
    std::copy(secret.begin(), secret.end(), start.mutable_view().begin() + kPrefix.size());
    const SecretBytes of_day = hmac(start.reveal(), day);
    const SecretBytes of_region = hmac(of_day.reveal(), scope.region);
    const SecretBytes of_service = hmac(of_region.reveal(), scope.service);
    return hmac(of_service.reveal(), "aws4_request");
}

void sign(RemoteRequest& request, const AwsKeys& keys, const AwsScope& scope, TimePoint now) {
    const std::string time = basic_time(now);
    const std::string day = time.substr(0, 8);
    // Room for all at once: a session token is not copied about.
    request.headers.reserve(request.headers.size() + 3);
    request.headers.push_back("X-Amz-Date: " + time);
    if (!keys.session_token.empty()) {
        request.headers.push_back("X-Amz-Security-Token: " + std::string(as_text(keys.session_token.reveal())));
    }
    AwsCanonical canonical = canonical_request(request);
    const std::string hash = crypto::sha256(as_bytes(canonical.text)).hex();
    wipe_text(canonical.text);

    const std::string credential_scope = day + "/" + scope.region + "/" + scope.service + "/aws4_request";
    const std::string to_sign = std::string(kAlgorithm) + "\n" + time + "\n" + credential_scope + "\n" + hash;
    const SecretBytes key = signing_key(keys, scope, day);
    const Digest signature = crypto::HmacSha256(key.reveal()).compute({as_bytes(to_sign)});
    request.headers.push_back("Authorization: " + std::string(kAlgorithm) + " Credential=" + keys.id + "/" +
                              credential_scope + ", SignedHeaders=" + canonical.signed_headers +
                              ", Signature=" + signature.hex());
}

}  // namespace signet::keyring
