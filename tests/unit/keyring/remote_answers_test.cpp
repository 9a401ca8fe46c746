// What key managers answer, and which class each answer is: one row for each status and code that is documented.
#include "core/crypto/random.h"
#include "keyring/azure_answer.h"
#include "keyring/azure_login.h"
#include "keyring/remote_client.h"
#include "keyring/transit_answer.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

RemoteAnswer answer(long status, std::string_view body, std::map<std::string, std::string> headers = {}) {
    RemoteAnswer made;
    made.status = status;
    made.headers = std::move(headers);
    made.json = parse_object(as_bytes(body));
    made.body = SecretBytes(as_bytes(body));
    return made;
}

std::string azure_error(const std::string& code, const std::string& inner = {}, const std::string& message = "words") {
    return R"({"error":{"code":")" + code + R"(","message":")" + message + '"' +
           (inner.empty() ? "" : R"(,"innererror":{"code":")" + inner + R"("})") + "}}";
}

std::string transit_errors(const std::string& text) { return R"({"errors":[")" + text + R"("]})"; }

constexpr const char* kPage = "<html><body>Welcome</body></html>";

struct Row {
    long status;
    std::string body;
    Outcome expected;
};

}  // namespace

TEST_CASE("why there is no answer decides whether a twin may be asked [R113, R131]", "[keyring][remote]") {
    const std::map<HttpFailure, Outcome> table = {
        {HttpFailure::resolver, Outcome::unavailable},  // EAI_AGAIN, or the proxy's name
        {HttpFailure::connect, Outcome::unavailable},   // refused, reset, cut off, HTTP/2 streams; a proxy's 502
        {HttpFailure::handshake, Outcome::unavailable}, {HttpFailure::timeout, Outcome::unavailable},
        {HttpFailure::name, Outcome::not_found},  // a deleted vault has no name any more
        {HttpFailure::tls, Outcome::untrusted},         {HttpFailure::too_large, Outcome::untrusted},
        {HttpFailure::protocol, Outcome::untrusted},    {HttpFailure::proxy, Outcome::denied},
        {HttpFailure::identity, Outcome::misuse},       {HttpFailure::url, Outcome::misuse},
    };
    for (const auto& [failure, expected] : table) {
        CAPTURE(text(failure));
        CHECK(outcome_of(failure) == expected);
    }
}

TEST_CASE("what is no answer of a key manager is not believed", "[keyring][remote]") {
    const std::vector<std::pair<long, Outcome>> table = {
        {200, Outcome::untrusted},   {204, Outcome::untrusted},   {301, Outcome::untrusted},
        {302, Outcome::untrusted},   {307, Outcome::untrusted},   {400, Outcome::untrusted},
        {401, Outcome::untrusted},   {403, Outcome::untrusted},   {404, Outcome::untrusted},
        {407, Outcome::denied},      {408, Outcome::unavailable}, {429, Outcome::throttled},
        {500, Outcome::unavailable}, {502, Outcome::unavailable}, {503, Outcome::unavailable},
        {504, Outcome::unavailable}};
    for (const auto& [status, expected] : table) {
        for (const std::string_view body : {std::string_view(kPage), std::string_view("[1]"),
                                            std::string_view("{\"a\":"), std::string_view("\"text\"")}) {
            CAPTURE(status, body);
            CHECK(judge_azure(answer(status, body)).outcome == expected);
            CHECK(judge_transit(answer(status, body), false, false).outcome == expected);
            CHECK(judge_token(answer(status, body)).outcome == expected);
        }
    }
    // An object, but not the manager's.
    CHECK(judge_azure(answer(403, R"({"message":"blocked by policy"})")).outcome == Outcome::untrusted);
    CHECK(judge_azure(answer(404, R"({"error":"not found"})")).outcome == Outcome::untrusted);
    CHECK(judge_transit(answer(403, R"({"error":"blocked"})"), false, false).outcome == Outcome::untrusted);
    CHECK(judge_token(answer(200, R"({"token_type":"Bearer"})")).outcome == Outcome::untrusted);
}

TEST_CASE("statuses and codes of Azure Key Vault [R110, R111, R112, R113, R115]", "[keyring][remote][azure]") {
    const std::vector<Row> table = {
        {200, "{}", Outcome::ok},
        {204, "", Outcome::ok},
        {401, azure_error("Unauthorized"), Outcome::credential_rejected},
        {403, azure_error("Forbidden", "AccessDenied"), Outcome::denied},
        {403, azure_error("Forbidden", "ForbiddenByRbac"), Outcome::denied},
        {403, azure_error("Forbidden", "ForbiddenByPolicy"), Outcome::denied},
        {403, azure_error("Forbidden", "ForbiddenByFirewall"), Outcome::denied},
        {403, azure_error("Forbidden", "ForbiddenByConnection"), Outcome::denied},
        {403, azure_error("Forbidden", "SomethingNew"), Outcome::denied},
        {403, azure_error("Forbidden"), Outcome::denied},
        {403, azure_error("Forbidden", "KeyDisabled"), Outcome::key_disabled},
        {403, azure_error("KeyDisabled"), Outcome::key_disabled},
        {403, azure_error("Forbidden", "", "Operation wrapKey is not allowed on a disabled key."),
         Outcome::key_disabled},
        {403, azure_error("Forbidden", "", "The subscription is disabled."), Outcome::denied},
        {403, azure_error("Forbidden", "KeyExpired"), Outcome::key_expired},
        {403, azure_error("Forbidden", "KeyNotYetValid"), Outcome::key_not_yet_valid},
        {404, azure_error("KeyNotFound"), Outcome::not_found},
        {404, azure_error("VaultNotFound"), Outcome::not_found},
        {405, azure_error("MethodNotAllowed"), Outcome::misuse},
        {408, azure_error("RequestTimeout"), Outcome::unavailable},
        {409, azure_error("Conflict", "ObjectIsDeletedButRecoverable"), Outcome::key_deleted},
        {409, azure_error("Conflict", "ObjectIsBeingDeleted"), Outcome::key_deleted},
        {409, azure_error("Conflict", "ObjectIsBeingRecovered"), Outcome::key_deleted},
        {409, azure_error("Conflict"), Outcome::denied},
        {400, azure_error("BadParameter"), Outcome::misuse},
        {400, azure_error("BadArgument"), Outcome::misuse},
        {400, azure_error("BadParameter", "UnsupportedApiVersion"), Outcome::misuse},
        {415, azure_error("UnsupportedMediaType"), Outcome::misuse},
        {418, azure_error("Teapot"), Outcome::denied},
        {429, azure_error("Throttled"), Outcome::throttled},
        {500, azure_error("InternalServerError"), Outcome::unavailable},
        {502, azure_error("BadGateway"), Outcome::unavailable},
        {503, azure_error("ServiceUnavailable"), Outcome::unavailable},
        {504, azure_error("GatewayTimeout"), Outcome::unavailable},
    };
    for (const Row& row : table) {
        CAPTURE(row.status, row.body);
        CHECK(judge_azure(answer(row.status, row.body)).outcome == row.expected);
    }
    // What does not open although algorithm and size are right is damaged or foreign.
    CHECK(judge_azure(answer(400, azure_error("BadParameter")), true).outcome == Outcome::integrity);
    const Verdict verdict =
        judge_azure(answer(403, azure_error("Forbidden", "KeyDisabled"), {{"x-ms-request-id", "1b2c"}}));
    CHECK(verdict.code == "Forbidden/KeyDisabled");
    CHECK(describe("unwrapkey", 403, verdict) == "unwrapkey: 403 Forbidden/KeyDisabled: words; request 1b2c");
}

TEST_CASE("what Entra ID and metadata services say about a credential [R114, R115]", "[keyring][remote][azure]") {
    const auto error = [](const char* code) {
        return std::string(R"({"error":")") + code + R"(","error_description":"AADSTS1: words","trace_id":"t"})";
    };
    const std::vector<Row> table = {
        {200, R"({"access_token":"a.b.c","expires_in":3599})", Outcome::ok},
        {401, error("invalid_client"), Outcome::credential_rejected},
        {400, error("unauthorized_client"), Outcome::credential_rejected},
        {400, error("invalid_grant"), Outcome::credential_rejected},
        {400, error("invalid_request"), Outcome::credential_rejected},
        {400, error("invalid_scope"), Outcome::credential_rejected},
        {400, error("something_new"), Outcome::credential_rejected},
        {400, error("temporarily_unavailable"), Outcome::unavailable},
        {429, error("throttled"), Outcome::throttled},
        {500, error("server_error"), Outcome::unavailable},
        {503, error("server_error"), Outcome::unavailable},
    };
    for (const Row& row : table) {
        CAPTURE(row.status, row.body);
        CHECK(judge_token(answer(row.status, row.body)).outcome == row.expected);
        CHECK(judge_metadata(answer(row.status, row.body)).outcome == row.expected);
    }
    // The metadata service says so while it is being updated.
    CHECK(judge_metadata(answer(404, kPage)).outcome == Outcome::unavailable);
    CHECK(judge_metadata(answer(410, kPage)).outcome == Outcome::unavailable);
}

TEST_CASE("statuses and texts of Transit [R110, R111, R112, R113]", "[keyring][remote][transit]") {
    const std::vector<Row> table = {
        {200, R"({"data":{}})", Outcome::ok},
        {204, "", Outcome::ok},
        {400, transit_errors("encryption key not found"), Outcome::not_found},
        {400, transit_errors("no existing key named backup could be found"), Outcome::not_found},
        {400, transit_errors("ciphertext or signature version is disallowed by policy (too old)"),
         Outcome::key_disabled},
        {400, transit_errors("invalid ciphertext: version is too new"), Outcome::not_found},
        {400, transit_errors("invalid ciphertext: no prefix"), Outcome::integrity},
        {400, transit_errors("invalid ciphertext: unable to decrypt: cipher: message authentication failed"),
         Outcome::integrity},
        {500, transit_errors("1 error occurred:\\n\\t* cipher: message authentication failed"), Outcome::integrity},
        {500, transit_errors("crypto/rsa: decryption error"), Outcome::integrity},
        {400, transit_errors("key is soft deleted"), Outcome::key_deleted},
        {400, transit_errors("missing plaintext to process"), Outcome::misuse},
        {401, transit_errors("unauthorized"), Outcome::credential_rejected},
        {403, transit_errors("1 error occurred:\\n\\t* permission denied\\n\\n"), Outcome::denied},
        {403, transit_errors("invalid token"), Outcome::credential_rejected},
        {403, transit_errors("bad token"), Outcome::credential_rejected},
        {403, R"({"errors":[]})", Outcome::denied},
        {404, R"({"errors":[]})", Outcome::not_found},
        {404, transit_errors("no handler for route"), Outcome::not_found},
        {405, transit_errors("unsupported operation"), Outcome::misuse},
        {412, transit_errors("required index state not present"), Outcome::unavailable},
        {413, transit_errors("request body too large"), Outcome::misuse},
        {415, transit_errors("unsupported media type"), Outcome::misuse},
        {418, transit_errors("teapot"), Outcome::denied},
        {429, transit_errors("request path rate limit quota exceeded"), Outcome::throttled},
        {472, transit_errors("disaster recovery secondary"), Outcome::unavailable},
        {473, transit_errors("performance standby"), Outcome::unavailable},
        {500, transit_errors("internal error"), Outcome::unavailable},
        {502, transit_errors("bad gateway"), Outcome::unavailable},
        {503, transit_errors("Vault is sealed"), Outcome::unavailable},
    };
    for (const Row& row : table) {
        CAPTURE(row.status, row.body);
        CHECK(judge_transit(answer(row.status, row.body), false, false).outcome == row.expected);
    }
    // Sealing is an operator's act: waiting may help, a twin must not.
    CHECK(judge_transit(answer(503, transit_errors("Vault is sealed")), false, false).finally == Outcome::denied);
    CHECK_FALSE(judge_transit(answer(503, transit_errors("Vault is sealed")), false, true).finally);
    CHECK_FALSE(judge_transit(answer(503, transit_errors("upstream")), false, false).finally);
    const std::vector<Row> logins = {
        {400, transit_errors("invalid role or secret ID"), Outcome::credential_rejected},
        {403, transit_errors("permission denied"), Outcome::credential_rejected},
        {404, transit_errors("no handler for route"), Outcome::misuse},
        {429, transit_errors("quota"), Outcome::throttled},
        {500, transit_errors("internal error"), Outcome::unavailable},
        {503, transit_errors("Vault is sealed"), Outcome::unavailable},
    };
    for (const Row& row : logins) {
        CAPTURE(row.status, row.body);
        CHECK(judge_transit(answer(row.status, row.body), true, true).outcome == row.expected);
    }
}

// Azure's forms.

TEST_CASE("a challenge says where tokens come from, and only for its own host [R132]", "[keyring][remote][azure]") {
    const std::string vault = "https://prod-weu.vault.azure.net";
    const std::string old_form =
        R"(Bearer authorization="https://login.windows.net/t1", resource="https://vault.azure.net")";
    const AzureChallenge first = AzureChallenge::parse(old_form, vault);
    CHECK(first.authority == "https://login.windows.net");
    CHECK(first.tenant == "t1");
    CHECK(first.scope == "https://vault.azure.net/.default");
    const AzureChallenge second = AzureChallenge::parse(
        R"(Bearer authorization="https://login.microsoftonline.com/t2" scope="https://vault.azure.net/.default")",
        vault);
    CHECK(second.tenant == "t2");
    CHECK(second.scope == "https://vault.azure.net/.default");
    for (const char* hostile :
         {"", "Basic realm=x", "Bearer", R"(Bearer authorization="https://login/t")",
          R"(Bearer authorization="http://login.example/t", resource="https://vault.azure.net")",
          R"(Bearer authorization="https://login.example", resource="https://vault.azure.net")",
          R"(Bearer authorization="https://login/t", resource="https://management.azure.com")",
          R"(Bearer authorization="https://login/t", resource="https://weu.vault.azure.net.example")",
          R"(Bearer authorization="https://login/t", resource="https://ault.azure.net")"}) {
        CAPTURE(hostile);
        try {
            static_cast<void>(AzureChallenge::parse(hostile, vault));
            FAIL("accepted");
        } catch (const RemoteError& error) {
            CHECK(error.outcome() == Outcome::untrusted);
        }
    }
}

TEST_CASE("recovery levels say whether a key can be lost at once [R57, R66]", "[keyring][remote][azure]") {
    const std::vector<std::tuple<std::string, bool, bool>> table = {
        {"Purgeable", false, false},
        {"Recoverable+Purgeable", true, false},
        {"Recoverable", true, true},
        {"Recoverable+ProtectedSubscription", true, true},
        {"CustomizedRecoverable+Purgeable", true, false},
        {"CustomizedRecoverable", true, true},
        {"CustomizedRecoverable+ProtectedSubscription", true, true},
    };
    for (const auto& [level, soft_delete, purge_protection] : table) {
        CAPTURE(level);
        CHECK(azure_recovery(level, 90).soft_delete == soft_delete);
        CHECK(azure_recovery(level, 90).purge_protection == purge_protection);
    }
}

TEST_CASE("a key bundle is a description, and only of the key asked for", "[keyring][remote][azure]") {
    // The key of RFC 7638 section 3.1.
    const std::string n =
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw";
    const std::string id = "78deebed173b48e48f55abf87ed4cf71";
    const Location place = Location::parse("azure:https://v1.vault.azure.net/keys/k1");
    const auto bundle = [&](const std::string& kid, const std::string& kty, const std::string& attributes) {
        return *parse_object(as_bytes(R"({"key":{"kid":")" + kid + R"(","kty":")" + kty + R"(","n":")" + n +
                                      R"(","e":"AQAB","key_ops":["wrapKey","unwrapKey"]},"attributes":{)" + attributes +
                                      "}}"));
    };
    const std::string kid = "https://V1.vault.azure.net/keys/K1/" + id;
    const std::string good = R"("enabled":true,"recoveryLevel":"Recoverable","recoverableDays":90)";
    const TimePoint now{1'800'000'000LL * kNsPerSecond};
    for (const char* type : {"RSA", "RSA-HSM"}) {
        const KeyDescription key = azure_key(bundle(kid, type, good), place, now);
        CHECK(key.thumbprint.text() == "sha256:ad32320cf6c596d884b05381ba573aba8ddd5749b4de8f4a23a79f9a89ddaeb2");
        CHECK(key.location.text() == place.text() + "/" + id);
        CHECK(key.state == KeyState::enabled);
        CHECK(key.recovery->purge_protection);
        CHECK(key.size_bits == 2048);
    }
    CHECK(azure_key(bundle(kid, "RSA", R"("enabled":false)"), place, now).state == KeyState::disabled);
    CHECK(azure_key(bundle(kid, "RSA", R"("enabled":true,"exp":1799999999)"), place, now).state == KeyState::expired);
    CHECK(azure_key(bundle(kid, "RSA", R"("enabled":true,"nbf":1800000001)"), place, now).state ==
          KeyState::not_yet_valid);

    const auto outcome = [&](const SecretJson& content, const Location& asked) {
        try {
            static_cast<void>(azure_key(content, asked, now));
            return Outcome::ok;
        } catch (const RemoteError& error) {
            return error.outcome();
        }
    };
    CHECK(outcome(bundle(kid, "EC", good), place) == Outcome::misuse);
    CHECK(outcome(bundle(kid, "RSA", R"("created":1)"), place) == Outcome::untrusted);
    CHECK(outcome(SecretJson::object(), place) == Outcome::untrusted);
    for (const std::string& other :
         {"https://v2.vault.azure.net/keys/k1/" + id, "https://v1.vault.azure.net/keys/k2/" + id,
          std::string("https://v1.vault.azure.net/keys/k1"), std::string("nonsense"),
          "https://v1.vault.azure.net.example/keys/k1/" + id}) {
        CAPTURE(other);
        CHECK(outcome(bundle(other, "RSA", good), place) == Outcome::untrusted);
    }
    CHECK(outcome(bundle(kid, "RSA", good), place.with_revision(std::string(32, '0'))) == Outcome::untrusted);
}

// Transit's forms.

TEST_CASE("versions of a Transit key are states of it", "[keyring][remote][transit]") {
    const SecretJson data = *parse_object(as_bytes(
        R"({"type":"aes256-gcm96","latest_version":5,"min_available_version":2,"min_decryption_version":3,)"
        R"("min_encryption_version":5,"derived":false,"supports_decryption":true,"keys":{"3":1,"4":1,"5":1}})"));
    const Location place = Location::parse("transit:https://h:8200/transit/keys/backup");
    const TransitKey key(data);
    CHECK(key.version(place, "c").location.text() == place.text() + "/5");
    CHECK(key.version(place, "c").state == KeyState::enabled);
    CHECK(key.version(place.with_version(4), "c").state == KeyState::expired);  // opens, and wraps no more
    const auto outcome = [&](std::uint32_t version) {
        try {
            static_cast<void>(key.version(place.with_version(version), "c"));
            return Outcome::ok;
        } catch (const RemoteError& error) {
            return error.outcome();
        }
    };
    CHECK(outcome(6) == Outcome::not_found);
    CHECK(outcome(2) == Outcome::key_disabled);
    CHECK(outcome(1) == Outcome::not_found);
    // SHA-256 of "transit:c::transit:backup:v5" and of "transit:c:team/a:transit:backup:v5".
    CHECK(key.version(place, "c").thumbprint == format::Thumbprint::of_name("transit:c::transit:backup:v5"));
    CHECK(key.version(Location::parse(place.text() + "?namespace=team/a"), "c").thumbprint ==
          format::Thumbprint::of_name("transit:c:team/a:transit:backup:v5"));
}

TEST_CASE("a ciphertext of Transit says which version wrapped it", "[keyring][remote][transit]") {
    CHECK(TransitCiphertext::parse("vault:v12:AAAA", Outcome::untrusted).version == 12);
    CHECK(TransitCiphertext::parse("vault:v12:AAAA", Outcome::untrusted).payload == "AAAA");
    for (const char* other :
         {"", "vault:", "vault:v:AAAA", "vault:v0:AAAA", "vault:v-1:AAAA", "vault:v1x:AAAA", "vault:v1"}) {
        CAPTURE(other);
        CHECK_THROWS_AS(TransitCiphertext::parse(other, Outcome::integrity), RemoteError);
    }
}

// JSON and base64.

TEST_CASE("base64url has no padding and one spelling", "[keyring][remote]") {
    CHECK(to_base64url(as_bytes("")).empty());
    CHECK(to_base64url(as_bytes("f")) == "Zg");
    CHECK(to_base64url(as_bytes("fo")) == "Zm8");
    CHECK(to_base64url(as_bytes("foo")) == "Zm9v");
    CHECK(to_base64url(Bytes{0xfb, 0xff}) == "-_8");
    CHECK(to_base64url(crypto::random_secret(32).reveal()).size() == 43);
    CHECK(view_of(secret_base64(as_bytes("fo"))) == "Zm8=");
    for (const char* text : {"", "Zg", "Zm8", "Zm9v", "-_8"})
        CHECK(to_base64url(from_base64url(text)->reveal()) == text);
    for (const char* text : {"Z", "Zg=", "Zg==", "Zh", "+/8", "Zm9v\n", "Zm 9v"}) {
        CAPTURE(text);
        CHECK_FALSE(from_base64url(text));
    }
    CHECK(secret_from_base64("Zm8=")->equals(as_bytes("fo")));
    for (const char* text : {"Zm8", "Zm8==", "-_8=", "=", "Zm9="}) {
        CAPTURE(text);
        CHECK_FALSE(secret_from_base64(text));
    }
}

TEST_CASE("answers nest so deep and no deeper", "[keyring][remote]") {
    const auto nested = [](std::size_t depth) {
        return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
    };
    CHECK(parse_object(as_bytes(nested(20))));
    CHECK_FALSE(parse_object(as_bytes(nested(40))));
    CHECK_FALSE(parse_object(as_bytes(nested(200'000))));
    CHECK_FALSE(parse_object(as_bytes("{\"a\":1} x")));
    CHECK_FALSE(parse_object(as_bytes("")));
}

}  // namespace signet::keyring::test
