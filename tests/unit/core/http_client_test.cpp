#include "core/http_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <cstdlib>
#include <thread>

#include "core/file.h"
#include "tests/support/matchers.h"

using namespace signet;

namespace {

/// The tests talk to this machine, whatever proxies are set.
[[maybe_unused]] const int kNoProxy = ::setenv("no_proxy", "*", 1);

/// Accepts one connection, reads a request and answers with these octets.
class OneAnswer {
public:
    explicit OneAnswer(std::string answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(::listen(listener_.get(), 1) == 0);
        REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/path?token=secret";
        thread_ = std::thread([this] { serve(); });
    }
    ~OneAnswer() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    OneAnswer(const OneAnswer&) = delete;
    OneAnswer& operator=(const OneAnswer&) = delete;

    /// What was asked, once the answer is there.
    std::string request() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
        thread_ = std::thread([] {});
        return request_;
    }
    std::string url;

private:
    void serve() {
        const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
        if (!peer) return;
        std::array<char, 4096> buffer{};
        while (request_.find("\r\n\r\n") == std::string::npos || request_.find("end") == std::string::npos) {
            const ssize_t count = ::recv(peer.get(), buffer.data(), buffer.size(), 0);
            if (count <= 0) break;
            request_.append(buffer.data(), static_cast<std::size_t>(count));
            if (request_.front() == '\x16') break;  // TLS begins so
            const bool has_no_body = request_.rfind("GET", 0) == 0 || request_.rfind("CONNECT", 0) == 0;
            if (has_no_body && request_.find("\r\n\r\n") != std::string::npos) break;
        }
        (void)!::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
        if (answer_.empty()) ::usleep(400'000);
    }

    std::string answer_;
    UniqueFd listener_;
    std::string request_;
    std::thread thread_;
};

HttpFailure failure(const std::string& url, HttpSettings settings = {}) {
    try {
        static_cast<void>(HttpClient(std::move(settings)).send({.url = url}));
    } catch (const HttpError& error) {
        CHECK(std::string(error.what()).find("secret") == std::string::npos);
        return error.failure();
    }
    FAIL("there was an answer");
    return {};
}

}  // namespace

TEST_CASE("an answer has its status, headers and body, whatever the status", "[core][http]") {
    OneAnswer server("HTTP/1.1 403 Forbidden\r\nX-Request-Id:  a1b2 \r\nContent-Length: 4\r\n\r\nbody");
    const HttpResponse response = HttpClient().send({.url = server.url, .headers = {"Authorization: Bearer x"}});
    CHECK(response.status == 403);
    CHECK_FALSE(response.ok());
    CHECK(response.headers.at("x-request-id") == "a1b2");
    CHECK(response.body.equals(as_bytes("body")));
    const std::string request = server.request();
    CHECK(request.find("GET /path?token=secret HTTP/1.1\r\n") == 0);
    CHECK(request.find("\r\nAuthorization: Bearer x\r\n") != std::string::npos);
}

TEST_CASE("POST and PUT carry their body", "[core][http]") {
    for (const auto& [method, name] : {std::pair{HttpMethod::post, "POST"}, std::pair{HttpMethod::put, "PUT"}}) {
        OneAnswer server("HTTP/1.1 204 No Content\r\n\r\n");
        const HttpResponse response = HttpClient().send({.method = method,
                                                         .url = server.url,
                                                         .headers = {"Content-Type: text/plain"},
                                                         .body = as_bytes("octets to the end")});
        CHECK(response.ok());
        const std::string request = server.request();
        CHECK(request.rfind(std::string(name) + " /path", 0) == 0);
        CHECK(request.find("\r\nContent-Length: 17\r\n") != std::string::npos);
        CHECK(request.find("\r\n\r\noctets to the end") != std::string::npos);
        CHECK(request.find("Expect:") == std::string::npos);
    }
}

TEST_CASE("redirects are not followed", "[core][http]") {
    OneAnswer server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    CHECK(HttpClient().send({.url = server.url}).status == 302);
}

TEST_CASE("PATCH carries a body, and DELETE needs none", "[core][http]") {
    OneAnswer patched("HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(HttpClient()
              .send({.method = HttpMethod::patch, .url = patched.url, .body = as_bytes("octets to the end")})
              .ok());
    CHECK(patched.request().rfind("PATCH /path", 0) == 0);
    OneAnswer deleted("HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(HttpClient().send({.method = HttpMethod::del, .url = deleted.url + "end"}).ok());
    const std::string request = deleted.request();
    CHECK(request.rfind("DELETE /path", 0) == 0);
    CHECK(request.find("Content-Length") == std::string::npos);
}

TEST_CASE("an answer longer than the limit is none", "[core][http]") {
    for (const std::string length : {"Content-Length: 100\r\n", ""}) {
        OneAnswer server("HTTP/1.1 200 OK\r\n" + length + "\r\n" + std::string(100, 'x'));
        HttpSettings settings;
        settings.max_body = 99;
        CHECK(failure(server.url, settings) == HttpFailure::too_large);
    }
}

TEST_CASE("why there is no answer is told apart", "[core][http]") {
    CHECK(failure("ftp://127.0.0.1/secret") == HttpFailure::url);
    CHECK(failure("file:///etc/hostname") == HttpFailure::url);
    CHECK(failure("secret") == HttpFailure::url);
    const HttpFailure unknown = failure("http://no-such-host.invalid/secret");
    CHECK((unknown == HttpFailure::name || unknown == HttpFailure::resolver));  // whether name servers are in reach
    CHECK(failure("http://127.0.0.1:1/secret") == HttpFailure::connect);
    {
        OneAnswer silent("");
        HttpSettings settings;
        settings.timeout = std::chrono::milliseconds(150);
        CHECK(failure(silent.url, settings) == HttpFailure::timeout);
    }
    OneAnswer no_tls("this is not TLS\r\n\r\n");
    CHECK(failure("https" + no_tls.url.substr(4)) == HttpFailure::handshake);
}

TEST_CASE("a name that does not exist is told from a resolver that does not answer", "[core][http]") {
    CHECK(failure_of_lookup(EAI_NONAME) == HttpFailure::name);
    CHECK(failure_of_lookup(-5) == HttpFailure::name);  // EAI_NODATA: the name is known, and has no address
    for (const int unclear : {EAI_AGAIN, EAI_FAIL, EAI_SYSTEM, EAI_MEMORY, 0})
        CHECK(failure_of_lookup(unclear) == HttpFailure::resolver);
}

TEST_CASE("a host may be asked at another address", "[core][http]") {
    OneAnswer server("HTTP/1.1 204 No Content\r\n\r\n");
    const std::string port = server.url.substr(17, server.url.find('/', 17) - 17);
    HttpSettings settings;
    settings.connect_to = {"other.invalid:80:unused.invalid:1", "vault.invalid:80:127.0.0.1:" + port};
    CHECK(HttpClient(settings).send({.url = "http://vault.invalid/end"}).status == 204);
    CHECK(server.request().find("\r\nHost: vault.invalid\r\n") != std::string::npos);
}

TEST_CASE("a proxy that refuses is told from one that is broken", "[core][http]") {
    for (const auto& [status, expected] :
         {std::pair{"403 Forbidden", HttpFailure::proxy},
          std::pair{"407 Proxy Authentication Required", HttpFailure::proxy},
          std::pair{"502 Bad Gateway", HttpFailure::connect}, std::pair{"503 Busy", HttpFailure::connect}}) {
        CAPTURE(status);
        OneAnswer proxy("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n");
        ::setenv("https_proxy", proxy.url.substr(0, proxy.url.find('/', 8)).c_str(), 1);
        ::unsetenv("no_proxy");
        CHECK(failure("https://end.invalid/secret") == expected);
        ::setenv("no_proxy", "*", 1);
        ::unsetenv("https_proxy");
    }
}

TEST_CASE("a request that is cancelled ends", "[core][http]") {
    OneAnswer silent("");
    HttpSettings settings;
    settings.cancelled = [] { return true; };
    CHECK(failure(silent.url, settings) == HttpFailure::interrupted);
}

TEST_CASE("of a URL only the host may be shown", "[core][http]") {
    CHECK(url_origin("https://user:pw@host.example:8443/a/b?c#d") == "https://host.example:8443");
    CHECK(url_origin("http://host") == "http://host");
    CHECK(url_origin("https://host?token=1") == "https://host");
    for (const char* other : {"", "host", "ftp://host/", "https://", "https:///x"}) CHECK(url_origin(other).empty());
}
