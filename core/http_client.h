// HTTP: one request, one answer, every limit set. The only place that includes libcurl.
//
// Only http and https; redirects are not followed, for they would carry credentials elsewhere. Certificates and host
// names are always verified. Proxies come from the usual variables (https_proxy, http_proxy, all_proxy, no_proxy).
#pragma once

#include "core/error.h"
#include "core/secret.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace signet {

enum class HttpMethod { get, post, put, patch, del };
/// "GET", "POST", …
[[nodiscard]] std::string_view text(HttpMethod method);

struct HttpRequest {
    HttpMethod method = HttpMethod::get;
    std::string url = {};
    std::vector<std::string> headers = {};  ///< "Content-Type: application/json"
    ByteView body = {};                     ///< must outlive the call; empty with GET
};

/// What the other side answered, whatever its status.
struct HttpResponse {
    long status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case; of several with one name, the last
    SecretBytes body;                            ///< may be a secret, so it is kept like one

    [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

struct HttpSettings {
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds timeout{30'000};     ///< for the whole exchange
    std::size_t max_body = std::size_t{1} << 20U;  ///< of an answer
    std::string ca_file = {};                      ///< PEM, in place of the system's; empty: the system's
    std::string client_certificate = {};           ///< PEM: who we are; empty: nobody
    std::string client_key = {};                   ///< PEM, without a passphrase; empty: in the file of the certificate
    std::vector<std::string> connect_to = {};  ///< "HOST:PORT:OTHER:PORT": asked in its place, and held to HOST's name
    bool proxies = true;                       ///< those of the usual variables; never for addresses of this link
    std::function<bool()> cancelled = {};      ///< asked about once a second; empty: never
};

/// Why there was no answer.
enum class HttpFailure {
    url,          ///< not one that can be asked
    name,         ///< the host's name does not exist: so says who knows names
    resolver,     ///< whether it exists is not known: no name server answers
    connect,      ///< nothing accepts the connection, or it broke off
    handshake,    ///< TLS broke off before there was a certificate to judge
    tls,          ///< a certificate that does not verify: the other side is not who it should be
    identity,     ///< our own certificate or key cannot be used
    proxy,        ///< the proxy refuses to connect us
    timeout,      ///< a time limit
    too_large,    ///< the answer is longer than max_body
    protocol,     ///< what came back is not HTTP
    interrupted,  ///< cancelled
};
/// "name", "connect", "tls", …
[[nodiscard]] std::string_view text(HttpFailure failure);
/// What getaddrinfo() says about a host that libcurl could not resolve: `name` where it does not exist.
[[nodiscard]] HttpFailure failure_of_lookup(int result);

/// Error{io}, or Error{usage} for a URL, or Error{interrupted}. The message names the host and never the rest of the
/// URL, which may hold a token.
class HttpError : public Error {
public:
    HttpError(HttpFailure failure, const std::string& host, const std::string& why);
    [[nodiscard]] HttpFailure failure() const { return failure_; }

private:
    HttpFailure failure_;
};

/// "https://host:port" of a URL: what may stand in messages. Empty when it is not an http or https URL.
[[nodiscard]] std::string url_origin(std::string_view url);

/// Keeps connections open between requests. Not for two threads at once.
class HttpClient {
public:
    explicit HttpClient(HttpSettings settings = {});
    ~HttpClient();
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;

    /// throws  HttpError: there was no whole answer. A status of 400 or 500 is an answer.
    [[nodiscard]] HttpResponse send(const HttpRequest& request);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace signet
