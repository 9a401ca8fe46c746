// Inside keyring/ only: calls to key managers. One request is tried again while it may help, and its answer, or why
// there is none, is one of the classes that all managers share.
#pragma once

#include "core/http_client.h"
#include "core/secret.h"
#include "keyring/remote_error.h"
#include "keyring/remote_json.h"
#include "keyring/remote_settings.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace signet::keyring {

struct RemoteRequest {
    std::string operation;  ///< for messages: "unwrapkey"
    HttpMethod method = HttpMethod::get;
    std::string url;
    std::vector<std::string> headers = {};  ///< wiped: there are tokens among them
    SecretBytes body = {};

    RemoteRequest() = default;
    RemoteRequest(RemoteRequest&&) noexcept = default;
    RemoteRequest& operator=(RemoteRequest&&) noexcept = default;
    RemoteRequest(const RemoteRequest&) = delete;
    RemoteRequest& operator=(const RemoteRequest&) = delete;
    ~RemoteRequest();
};

/// An answer, whatever its status.
struct RemoteAnswer {
    long status = 0;
    std::map<std::string, std::string> headers;
    std::optional<SecretJson> json;  ///< where the body is one object
    SecretBytes body;
    [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
    /// Empty where there is none. name  in lower case
    [[nodiscard]] std::string header(const std::string& name) const;
};

/// What an answer means.
struct Verdict {
    Outcome outcome = Outcome::ok;
    std::string code;     ///< the manager's own: "Forbidden/KeyDisabled"
    std::string message;  ///< its words; nothing secret
    std::string request;  ///< its id of the request
    /// What it comes to when trying again did not help; unset: outcome.
    std::optional<Outcome> finally = std::nullopt;
};

/// For several threads at once: each call has a connection of its own, which is kept for the next one.
class RemoteClient {
public:
    RemoteClient(RemoteSettings settings, const Clock& clock);

    /// How one manager reads its answers.
    using Judge = std::function<Verdict(const RemoteAnswer&)>;
    /// Makes the request anew for each attempt: a signature has its time in it.
    using Make = std::function<RemoteRequest()>;

    /// Tries while the verdict is `unavailable` or `throttled`, with waits that grow and are not the same on two hosts;
    /// Retry-After, of at most a minute, takes their place. A host that did not answer to the end is tried once from
    /// then on, until it answers.
    /// throws  RemoteError: any verdict but `ok`; Error{interrupted}
    [[nodiscard]] RemoteAnswer call(const Make& make, const Judge& judge);
    /// One attempt without a judge. throws  RemoteError: there was no answer; Error{interrupted}
    [[nodiscard]] RemoteAnswer send(const RemoteRequest& request);

    [[nodiscard]] const RemoteSettings& settings() const { return settings_; }
    [[nodiscard]] const Clock& clock() const { return clock_; }

private:
    class Lease;
    [[nodiscard]] HttpClient make_client(bool is_local) const;
    [[nodiscard]] bool is_tired_of(const std::string& origin);
    void note_tired(const std::string& origin, bool is_tired);
    [[nodiscard]] std::chrono::milliseconds wait_before(int attempt, const RemoteAnswer* answer) const;

    RemoteSettings settings_;
    const Clock& clock_;
    std::mutex mutex_;                 ///< of what follows
    std::vector<HttpClient> clients_;  ///< that no call uses now
    std::vector<HttpClient> local_;    ///< this machine and its link: no proxy, and what answers there answers at once
    std::set<std::string> tired_of_;   ///< origins that were tried to the end without an answer
};

/// The verdict on an answer that is not the manager's own JSON: `ok` never, see outcome_of_foreign().
[[nodiscard]] Verdict foreign(const RemoteAnswer& answer);

/// "unwrapkey: 403 Forbidden/KeyDisabled: Operation unwrapKey is …; request 1b2c…".
[[nodiscard]] std::string describe(const std::string& operation, long status, const Verdict& verdict);
/// "request 1b2c…", or empty.
[[nodiscard]] std::string request_text(const std::string& id);
/// Text of another machine, fit for a terminal and a log: one line, at most 300 octets.
[[nodiscard]] std::string one_line(std::string_view text);

/// A random UUID (RFC 9562 version 4).
[[nodiscard]] std::string random_uuid();

/// What Retry-After says, in milliseconds from now; nothing when it says nothing that can be read.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const std::string& value, TimePoint now);

/// Whether an origin is an address of this link, where metadata services are: 169.254.0.0/16.
[[nodiscard]] bool is_link_local(std::string_view origin);

}  // namespace signet::keyring
