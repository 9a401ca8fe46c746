#include "keyring/aws_sigv4.h"

#include "core/crypto/digest.h"
#include "tests/support/matchers.h"

#include <functional>

using namespace signet;
using namespace signet::keyring;
using signet::test::has_code;

namespace {

AwsKeys example_keys(std::string_view token = {}) {
    return {"AKIDEXAMPLE", SecretBytes(as_bytes("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
            SecretBytes(as_bytes(token))};
}

TimePoint at(std::string_view text) { return parse_time(text, TimePoint{}); }

std::string header_of(const RemoteRequest& request, const std::string& name) {
    for (const std::string& header : request.headers) {
        if (header.starts_with(name + ": ")) return header.substr(name.size() + 2);
    }
    return {};
}

RemoteRequest request_of(HttpMethod method, const std::string& url, const std::vector<std::string>& headers,
                         std::string_view body) {
    RemoteRequest request;
    request.method = method;
    request.url = url;
    request.headers = headers;
    request.body = SecretBytes(as_bytes(body));
    return request;
}

RemoteRequest describe_key() {
    return request_of(HttpMethod::post, "https://kms.eu-west-1.amazonaws.com/",
                      {"Content-Type: application/x-amz-json-1.1", "X-Amz-Target: TrentService.DescribeKey"},
                      R"({"KeyId":"alias/backup"})");
}

/// A request of AWS's own test suite.
struct Row {
    const char* name;
    HttpMethod method;
    std::string url;
    std::vector<std::string> headers;
    std::string body;
    std::string signature;
};

const AwsScope kSuite{"us-east-1", "service"};
const std::string kHost = "https://example.amazonaws.com";

}  // namespace

TEST_CASE("Signature Version 4: the golden vector of KMS, step by step", "[keyring][aws]") {
    const AwsKeys keys = example_keys();
    RemoteRequest request = describe_key();
    CHECK(crypto::sha256(request.body.reveal()).hex() ==
          "f9a49880545b34d9b891080ab67530a6648c5dbf7c08fe446a40c176252a14ea");
    CHECK(to_hex(signing_key(keys, {"eu-west-1", "kms"}, "20260102").reveal()) ==
          "53fec63b4c301370421a70452da10de023f50c9e8db579f026a19509b936a8b6");
    sign(request, keys, {"eu-west-1", "kms"}, at("2026-01-02T03:04:05Z"));
    CHECK(header_of(request, "X-Amz-Date") == "20260102T030405Z");
    CHECK(header_of(request, "X-Amz-Security-Token").empty());
    CHECK(header_of(request, "Authorization") ==
          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-west-1/kms/aws4_request, "
          "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
          "Signature=5606682f5ce99a67dd20751a9132b5b1217f9d332b18d6c80f71b5f42ec8f429");
    request.headers.pop_back();
    CHECK(crypto::sha256(as_bytes(canonical_request(request).text)).hex() ==
          "bc44592174d09a09faa368592cadbc07f9b7498518c314f88c7e6f4cb810e8ba");
}

TEST_CASE("Signature Version 4: a session token is sent and signed", "[keyring][aws]") {
    RemoteRequest request = describe_key();
    sign(request, example_keys("AQoEXAMPLE//token=="), {"eu-west-1", "kms"}, at("2026-01-02T03:04:05Z"));
    CHECK(header_of(request, "X-Amz-Security-Token") == "AQoEXAMPLE//token==");
    CHECK(header_of(request, "Authorization").find("x-amz-date;x-amz-security-token;x-amz-target") !=
          std::string::npos);
    CHECK(header_of(request, "Authorization")
              .ends_with("Signature=f7156061a4eb89570edb11e82f97e76243263738d8bab49463fdc16a83694bd4"));
}

TEST_CASE("Signature Version 4: an empty body has a hash", "[keyring][aws]") {
    RemoteRequest request = describe_key();
    request.body = SecretBytes();
    sign(request, example_keys(), {"eu-west-1", "kms"}, at("2026-01-02T03:04:05Z"));
    CHECK(header_of(request, "Authorization")
              .ends_with("Signature=d2ad77153dfcdd0ca36b86fa3764742c69dfd840db94bc8619e38bbd1da84635"));
}

TEST_CASE("Signature Version 4: requests of the published test suite", "[keyring][aws]") {
    const std::string unreserved = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const std::vector<Row> rows = {
        {"get-vanilla",
         HttpMethod::get,
         kHost + "/",
         {},
         "",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla, no path",
         HttpMethod::get,
         kHost,
         {},
         "",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla, usual port",
         HttpMethod::get,
         kHost + ":443/",
         {},
         "",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"post-vanilla",
         HttpMethod::post,
         kHost + "/",
         {},
         "",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"get-unreserved",
         HttpMethod::get,
         kHost + unreserved,
         {},
         "",
         "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        {"get-utf8",
         HttpMethod::get,
         kHost + "/\xe1\x88\xb4",
         {},
         "",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"get-space",
         HttpMethod::get,
         kHost + "/example space/",
         {},
         "",
         "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        {"get-header-value-trim",
         HttpMethod::get,
         kHost + "/",
         {"My-Header1: value1", "My-Header2:  \"a   b   c\""},
         "",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        {"get-header-key-duplicate",
         HttpMethod::get,
         kHost + "/",
         {"My-Header1: value2", "My-Header1: value2", "My-Header1: value1"},
         "",
         "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        {"post-x-www-form-urlencoded",
         HttpMethod::post,
         kHost + "/",
         {"Content-Type: application/x-www-form-urlencoded"},
         "Param1=value1",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    };
    for (const Row& row : rows) {
        INFO(row.name);
        RemoteRequest request = request_of(row.method, row.url, row.headers, row.body);
        sign(request, example_keys(), kSuite, at("2015-08-30T12:36:00Z"));
        const std::string authorization = header_of(request, "Authorization");
        CHECK(authorization.substr(authorization.rfind('=') + 1) == row.signature);
    }
}

TEST_CASE("Signature Version 4: another port, headers in any order, a path that is escaped already", "[keyring][aws]") {
    RemoteRequest request =
        request_of(HttpMethod::post, "http://127.0.0.1:8443/a%20b", {"Zeta: last", "Alpha: first"}, "x");
    sign(request, example_keys(), kSuite, at("2015-08-30T12:36:00Z"));
    const std::string authorization = header_of(request, "Authorization");
    CHECK(authorization.find("SignedHeaders=alpha;host;x-amz-date;zeta,") != std::string::npos);
    CHECK(authorization.ends_with("Signature=149576cff7795a1cf4aac6f8cf877f06342cb86ad3f244cf7a0fb173b30809d3"));
}

TEST_CASE("Signature Version 4: each thing that is signed changes the signature", "[keyring][aws]") {
    const auto signature = [](RemoteRequest request, const AwsScope& scope = {"eu-west-1", "kms"},
                              const char* time = "2026-01-02T03:04:05Z") {
        sign(request, example_keys(), scope, at(time));
        const std::string authorization = header_of(request, "Authorization");
        return authorization.substr(authorization.rfind('='));
    };
    const std::string whole = signature(describe_key());
    CHECK(signature(describe_key()) == whole);
    CHECK(signature(describe_key(), {"eu-west-2", "kms"}) != whole);
    CHECK(signature(describe_key(), {"eu-west-1", "sts"}) != whole);
    CHECK(signature(describe_key(), {"eu-west-1", "kms"}, "2026-01-02T03:04:06Z") != whole);
    const auto with = [&](const std::function<void(RemoteRequest&)>& change) {
        RemoteRequest request = describe_key();
        change(request);
        return signature(std::move(request));
    };
    CHECK(with([](RemoteRequest& one) { one.headers[1] = "X-Amz-Target: TrentService.Decrypt"; }) != whole);
    CHECK(with([](RemoteRequest& one) { one.body = SecretBytes(as_bytes(R"({"KeyId":"alias/backuq"})")); }) != whole);
    CHECK(with([](RemoteRequest& one) { one.url = "https://kms.eu-west-1.amazonaws.com.cn/"; }) != whole);
}

TEST_CASE("Signature Version 4: what would be sent otherwise than it is signed is refused", "[keyring][aws]") {
    for (const char* url : {"https://host/?a=b", "https://host/#part", "https://user@host/", "ftp://host/", ""}) {
        INFO(url);
        RemoteRequest request = request_of(HttpMethod::post, url, {}, "");
        CHECK_THROWS_MATCHES(sign(request, example_keys(), kSuite, TimePoint{}), Error, has_code(ErrorCode::usage));
    }
}
