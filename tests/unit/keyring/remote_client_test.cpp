// Calls to key managers: what is tried again, and how long is waited.
#include "keyring/remote_client.h"

#include "core/percent.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <deque>
#include <thread>

#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

/// Gives these answers, one to each connection; then nothing listens any more.
class Script {
public:
    explicit Script(std::deque<std::string> answers)
        : answers_(std::move(answers)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(::listen(listener_.get(), 8) == 0);
        REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/keys";
        thread_ = std::thread([this] { serve(); });
    }
    ~Script() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    Script(const Script&) = delete;
    Script& operator=(const Script&) = delete;
    std::string url;

private:
    void serve() {
        while (!answers_.empty()) {
            const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
            if (!peer) return;
            std::array<char, 4096> buffer{};
            if (::recv(peer.get(), buffer.data(), buffer.size(), 0) <= 0) continue;
            (void)!::send(peer.get(), answers_.front().data(), answers_.front().size(), MSG_NOSIGNAL);
            answers_.pop_front();
        }
        ::shutdown(listener_.get(), SHUT_RDWR);
    }
    std::deque<std::string> answers_;
    UniqueFd listener_;
    std::thread thread_;
};

std::string answer(const std::string& status, const std::string& more = {}) {
    return "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: 2\r\n" + more + "\r\n{}";
}

/// A client that does not really wait.
struct Patient {
    TestClock clock;
    std::vector<std::chrono::milliseconds> waits;
    int attempts = 0;
    RemoteClient client{settings(), clock};

    RemoteSettings settings() {
        RemoteSettings made;
        made.variable = [](const std::string&) { return std::nullopt; };
        made.timeout = std::chrono::milliseconds(2000);
        made.sleep = [this](std::chrono::milliseconds time) { waits.push_back(time); };
        return made;
    }
    /// By its status alone.
    Outcome call(const std::string& url) {
        attempts = 0;
        try {
            static_cast<void>(client.call(
                [&] {
                    ++attempts;
                    RemoteRequest request;
                    request.operation = "get key";
                    request.url = url;
                    return request;
                },
                [](const RemoteAnswer& got) {
                    Verdict verdict;
                    if (got.status == 429) verdict.outcome = Outcome::throttled;
                    if (got.status == 403) verdict.outcome = Outcome::denied;
                    if (got.status >= 500) verdict.outcome = Outcome::unavailable;
                    if (got.status == 503) verdict.finally = Outcome::denied;
                    return verdict;
                }));
            return Outcome::ok;
        } catch (const RemoteError& error) {
            message = error.what();
            return error.outcome();
        }
    }
    std::string message;
};

}  // namespace

TEST_CASE("an outage is waited out, longer each time", "[keyring][remote]") {
    Script server({answer("500 Oops"), answer("502 Bad Gateway"), answer("429 Busy"), answer("200 OK")});
    Patient patient;
    CHECK(patient.call(server.url) == Outcome::ok);
    CHECK(patient.attempts == 4);
    REQUIRE(patient.waits.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const std::chrono::milliseconds base(1000 << i);
        CHECK(patient.waits[i] >= base * 3 / 4);
        CHECK(patient.waits[i] <= base * 5 / 4);
    }
}

TEST_CASE("a refusal is final", "[keyring][remote]") {
    Script server({answer("403 Forbidden"), answer("200 OK")});
    Patient patient;
    CHECK(patient.call(server.url) == Outcome::denied);
    CHECK(patient.attempts == 1);
    CHECK(patient.waits.empty());
    CHECK(patient.message.find("get key: 403") == 0);
}

TEST_CASE("after five attempts it is an outage, and the host is asked once from then on", "[keyring][remote]") {
    std::string url;
    {
        Script gone({});
        url = gone.url;
    }
    Patient patient;
    CHECK(patient.call(url) == Outcome::unavailable);
    CHECK(patient.attempts == 5);
    CHECK(patient.waits.size() == 4);
    CHECK(patient.message.find("tried 5 times") != std::string::npos);
    CHECK(patient.call(url) == Outcome::unavailable);
    CHECK(patient.attempts == 1);
    CHECK(patient.waits.size() == 4);
}

TEST_CASE("what waiting does not mend may count as a decision", "[keyring][remote]") {
    Script server(
        {answer("503 Sealed"), answer("503 Sealed"), answer("503 Sealed"), answer("503 Sealed"), answer("503 Sealed")});
    Patient patient;
    CHECK(patient.call(server.url) == Outcome::denied);
    CHECK(patient.attempts == 5);
}

TEST_CASE("Retry-After takes the place of a wait", "[keyring][remote]") {
    Script server(
        {answer("429 Busy", "Retry-After: 7\r\n"), answer("429 Busy", "Retry-After: 3600\r\n"), answer("200 OK")});
    Patient patient;
    CHECK(patient.call(server.url) == Outcome::ok);
    CHECK(patient.waits == std::vector{std::chrono::milliseconds(7000), std::chrono::milliseconds(60'000)});
    // 2026-03-14T09:30:00Z is a Saturday.
    const TimePoint now = patient.clock.now();
    CHECK(retry_after("Sat, 14 Mar 2026 09:30:20 GMT", now) == std::chrono::milliseconds(20'000));
    CHECK(retry_after("Sat, 14 Mar 2026 09:00:00 GMT", now) == std::chrono::milliseconds(0));
    CHECK(retry_after("Sat, 14 Mar 2026 11:00:00 GMT", now) == std::chrono::milliseconds(60'000));
    for (const char* none : {"", "soon", "-1", "1.5", "2026-03-14"}) CHECK_FALSE(retry_after(none, now));
}

TEST_CASE("an answer of another size than promised, or of no end, is told apart", "[keyring][remote]") {
    {
        Script cut({"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"});
        Patient patient;
        CHECK(patient.call(cut.url) == Outcome::unavailable);
    }
    Script huge({"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n" + std::string(2 << 20U, ' ')});
    Patient patient;
    CHECK(patient.call(huge.url) == Outcome::untrusted);
    CHECK(patient.attempts == 1);
}

TEST_CASE("others' text stands on one line, and in URLs only as itself", "[keyring][remote]") {
    CHECK(one_line("a\x1b[2J\nb") == "a [2J b");
    CHECK(one_line(std::string(1000, 'x')).size() == 300);
    CHECK(percent_encoded("a b/c?d=e&f~_.-") == "a%20b%2Fc%3Fd%3De%26f~_.-");
    CHECK(is_link_local("http://169.254.169.254"));
    CHECK_FALSE(is_link_local("http://169.254.169.254.example"));
    CHECK(random_uuid() != random_uuid());
    CHECK(random_uuid().size() == 36);
    CHECK(random_uuid()[14] == '4');
}

}  // namespace signet::keyring::test
