#include "keyring/remote_client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "core/crypto/random.h"
#include "format/encoding.h"
#include "keyring/remote_location.h"

namespace signet::keyring {
namespace {

constexpr std::chrono::milliseconds kLongestWait{60'000};
constexpr std::chrono::milliseconds kLocalConnect{1'000};
constexpr std::size_t kMaxAnswer = std::size_t{1} << 20U;
constexpr std::size_t kMaxText = 300;

/// Three to five quarters of it: hosts that were turned away together do not come back together.
std::chrono::milliseconds about(std::chrono::milliseconds wait) {
    std::array<std::uint8_t, 1> random{};
    crypto::random_fill(random);
    return wait * 3 / 4 + wait * random[0] / (2 * 256);
}

}  // namespace

RemoteRequest::~RemoteRequest() {
    for (std::string& header : headers) wipe({reinterpret_cast<std::uint8_t*>(header.data()), header.size()});
}

std::string RemoteAnswer::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
}

std::string one_line(std::string_view text) {
    std::string line = format::to_utf8(text.substr(0, kMaxText));
    std::replace_if(
        line.begin(), line.end(),
        [](char c) {
            const auto octet = static_cast<unsigned char>(c);
            return octet < 0x20 || octet == 0x7f;
        },
        ' ');
    return line;
}

std::string random_uuid() {
    auto octets = crypto::random_id<DekId>().octets;
    octets[6] = static_cast<std::uint8_t>((octets[6] & 0x0fU) | 0x40U);
    octets[8] = static_cast<std::uint8_t>((octets[8] & 0x3fU) | 0x80U);
    std::string text = to_hex(octets);
    for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, "-");
    return text;
}

std::string request_text(const std::string& id) { return id.empty() ? "" : "request " + one_line(id); }

std::string describe(const std::string& operation, long status, const Verdict& verdict) {
    std::string text = operation + ": " + std::to_string(status);
    if (!verdict.code.empty()) text += " " + one_line(verdict.code);
    if (!verdict.message.empty()) text += ": " + one_line(verdict.message);
    if (!verdict.request.empty()) text += "; " + request_text(verdict.request);
    return text;
}

std::optional<std::chrono::milliseconds> retry_after(const std::string& value, TimePoint now) {
    std::uint32_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc{} && end == value.data() + value.size()) {
        return std::min(kLongestWait, std::chrono::milliseconds(std::chrono::seconds(seconds)));
    }
    std::tm when{};
    const char* rest = ::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &when);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const std::chrono::seconds left(::timegm(&when) - now.ns / kNsPerSecond);
    return std::clamp(std::chrono::milliseconds(left), std::chrono::milliseconds(0), kLongestWait);
}

bool is_link_local(std::string_view origin) {
    const auto scheme = origin.find("://");
    std::string_view host = scheme == std::string_view::npos ? origin : origin.substr(scheme + 3);
    host = host.substr(0, host.find_first_of(":/"));
    return host.starts_with("169.254.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Verdict foreign(const RemoteAnswer& answer) {
    Verdict verdict;
    verdict.outcome = outcome_of_foreign(answer.status);
    const std::string type = answer.header("content-type");
    verdict.message = "not an answer of the key manager";
    if (!type.empty()) verdict.message += " (" + type.substr(0, 60) + ")";
    if (answer.status >= 300 && answer.status < 400) verdict.message = "redirects are not followed";
    return verdict;
}

RemoteClient::RemoteClient(RemoteSettings settings, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock) {}

HttpClient RemoteClient::make_client(bool is_local) const {
    HttpSettings http;
    http.connect_timeout = is_local ? std::min(kLocalConnect, settings_.connect_timeout) : settings_.connect_timeout;
    http.timeout = settings_.timeout;
    http.max_body = kMaxAnswer;
    http.ca_file = settings_.ca_file;
    http.connect_to = settings_.connect_to;
    http.proxies = !is_local;
    return HttpClient(std::move(http));
}

/// A client for one call; given back at its end.
class RemoteClient::Lease {
public:
    Lease(RemoteClient& owner, const std::string& url) : owner_(owner) {
        const std::string origin = url_origin(url);
        is_local_ = is_loopback(origin) || is_link_local(origin);
        const std::lock_guard lock(owner_.mutex_);
        if (idle().empty()) return;
        client_.emplace(std::move(idle().back()));
        idle().pop_back();
    }
    ~Lease() {
        if (!client_) return;
        const std::lock_guard lock(owner_.mutex_);
        idle().push_back(std::move(*client_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    HttpClient& get() {
        if (!client_) client_.emplace(owner_.make_client(is_local_));
        return *client_;
    }

private:
    std::vector<HttpClient>& idle() { return is_local_ ? owner_.local_ : owner_.clients_; }
    RemoteClient& owner_;
    bool is_local_ = false;
    std::optional<HttpClient> client_;
};

bool RemoteClient::is_tired_of(const std::string& origin) {
    const std::lock_guard lock(mutex_);
    return tired_of_.contains(origin);
}

void RemoteClient::note_tired(const std::string& origin, bool is_tired) {
    const std::lock_guard lock(mutex_);
    if (is_tired) {
        tired_of_.insert(origin);
    } else {
        tired_of_.erase(origin);
    }
}

RemoteAnswer RemoteClient::send(const RemoteRequest& request) {
    HttpRequest http;
    http.method = request.method;
    http.url = request.url;
    http.headers = request.headers;
    http.body = request.body.reveal();
    try {
        Lease lease(*this, request.url);
        HttpResponse response = lease.get().send(http);
        RemoteAnswer answer;
        answer.status = response.status;
        answer.headers = std::move(response.headers);
        answer.json = parse_object(response.body.reveal());
        answer.body = std::move(response.body);
        return answer;
    } catch (const HttpError& error) {
        if (error.failure() == HttpFailure::interrupted) throw;
        throw RemoteError(outcome_of(error.failure()), request.operation + ": " + error.what());
    }
}

/// attempt  that failed, from 0
std::chrono::milliseconds RemoteClient::wait_before(int attempt, const RemoteAnswer* answer) const {
    if (answer != nullptr) {
        if (const auto told = retry_after(answer->header("retry-after"), clock_.now())) return *told;
    }
    constexpr int kMostDoublings = 6;
    return about(std::min(kLongestWait, settings_.first_wait * (1 << std::min(attempt, kMostDoublings))));
}

RemoteAnswer RemoteClient::call(const Make& make, const Judge& judge) {
    for (int attempt = 0;; ++attempt) {
        const RemoteRequest request = make();
        const std::string origin = url_origin(request.url);
        std::optional<RemoteAnswer> answer;
        std::optional<RemoteError> failed;
        std::optional<Outcome> finally;
        try {
            answer = send(request);
            const Verdict verdict = judge(*answer);
            if (verdict.outcome == Outcome::ok) {
                note_tired(origin, false);
                return std::move(*answer);
            }
            finally = verdict.finally;
            failed.emplace(verdict.outcome, describe(request.operation, answer->status, verdict),
                           request_text(verdict.request));
        } catch (const RemoteError& error) {
            failed = error;
        }
        if (!may_fail_over(failed->outcome())) {
            // It answers, or somebody in its place does.
            if (answer) note_tired(origin, false);
            throw RemoteError(*failed);
        }
        const bool is_last = attempt + 1 >= settings_.attempts || is_tired_of(origin);
        if (is_last) {
            note_tired(origin, true);
            const std::string tries = attempt == 0 ? "" : "; tried " + std::to_string(attempt + 1) + " times";
            throw RemoteError(finally.value_or(failed->outcome()), failed->what() + tries, failed->request());
        }
        settings_.sleep(wait_before(attempt, answer ? &*answer : nullptr));
    }
}

}  // namespace signet::keyring
