#include "keyring/aws_error.h"

#include "keyring/aws_kms_vault.h"
#include "tests/unit/keyring/bench.h"

using namespace signet;
using namespace signet::keyring;
using signet::keyring::test::TestClock;

namespace {

struct Row {
    const char* type;
    long status;
    const char* message;
    Outcome outcome;
};

RemoteAnswer answer_of(long status, std::string_view body) {
    RemoteAnswer answer;
    answer.status = status;
    answer.headers["x-amzn-requestid"] = "b1c2";
    answer.json = parse_object(as_bytes(body));
    answer.body = SecretBytes(as_bytes(body));
    return answer;
}

std::string json_of(const Row& row) {
    return std::string(R"({"__type":")") + row.type + R"(","message":")" + row.message + R"("})";
}

}  // namespace

TEST_CASE("each error of AWS KMS has its class, and none but an outage leads to a twin [R111] [R131]",
          "[keyring][aws]") {
    const std::vector<Row> rows = {
        // An outage.
        {"KMSInternalException", 500, "", Outcome::unavailable},
        {"DependencyTimeoutException", 503, "", Outcome::unavailable},
        {"KeyUnavailableException", 500, "", Outcome::unavailable},
        {"InternalFailure", 500, "", Outcome::unavailable},
        {"ServiceUnavailable", 503, "", Outcome::unavailable},
        {"ServiceUnavailableException", 503, "", Outcome::unavailable},
        {"SomethingNew", 500, "", Outcome::unavailable},
        {"KMSInvalidStateException", 400, "key is creating.", Outcome::unavailable},
        // Too many calls.
        {"ThrottlingException", 400, "Rate exceeded", Outcome::throttled},
        {"RequestLimitExceeded", 400, "", Outcome::throttled},
        {"TooManyRequestsException", 429, "", Outcome::throttled},
        {"SomethingNew", 429, "", Outcome::throttled},
        // A decision.
        {"AccessDeniedException", 400, "", Outcome::denied},
        {"NotAuthorized", 400, "", Outcome::denied},
        {"InvalidGrantTokenException", 400, "", Outcome::denied},
        {"SomethingNew", 400, "", Outcome::denied},
        {"DisabledException", 400, "key is disabled.", Outcome::key_disabled},
        {"DisabledException", 400, "key is pending deletion.", Outcome::key_deleted},
        {"KMSInvalidStateException", 400, "key is pending deletion.", Outcome::key_deleted},
        {"KMSInvalidStateException", 400, "key is pending replica deletion.", Outcome::key_deleted},
        {"KMSInvalidStateException", 400, "key is pending import.", Outcome::key_disabled},
        {"KMSInvalidStateException", 409, "key is unavailable.", Outcome::key_disabled},
        {"KMSInvalidStateException", 400, "in words of tomorrow", Outcome::key_disabled},
        {"CustomKeyStoreInvalidStateException", 400, "", Outcome::key_disabled},
        {"CustomKeyStoreNotFoundException", 400, "", Outcome::key_disabled},
        {"CloudHsmClusterNotActiveException", 400, "", Outcome::key_disabled},
        {"XksProxyUriUnreachableException", 400, "", Outcome::key_disabled},
        {"XksKeyNotFoundException", 400, "", Outcome::key_disabled},
        {"NotFoundException", 400, "", Outcome::not_found},
        {"NotFoundException", 404, "", Outcome::not_found},
        // What is to be opened.
        {"InvalidCiphertextException", 400, "", Outcome::integrity},
        {"IncorrectKeyException", 400, "", Outcome::integrity},
        // How it is asked.
        {"InvalidKeyUsageException", 400, "", Outcome::misuse},
        {"InvalidArnException", 400, "", Outcome::misuse},
        {"InvalidAliasNameException", 400, "", Outcome::misuse},
        {"ValidationException", 400, "", Outcome::misuse},
        {"UnsupportedOperationException", 400, "", Outcome::misuse},
        {"SerializationException", 400, "", Outcome::misuse},
        {"InvalidSignatureException", 403, "", Outcome::misuse},
        {"SignatureDoesNotMatch", 403, "", Outcome::misuse},
        {"IncompleteSignature", 400, "", Outcome::misuse},
        {"IncompleteSignatureException", 400, "", Outcome::misuse},
        {"RequestExpired", 400, "", Outcome::misuse},
        // Who asks.
        {"UnrecognizedClientException", 400, "", Outcome::credential_rejected},
        {"InvalidClientTokenId", 403, "", Outcome::credential_rejected},
        {"ExpiredTokenException", 400, "", Outcome::credential_rejected},
        {"MissingAuthenticationToken", 403, "", Outcome::credential_rejected},
        {"MissingAuthenticationTokenException", 403, "", Outcome::credential_rejected},
        {"OptInRequired", 403, "", Outcome::credential_rejected},
        {"AuthFailure", 401, "", Outcome::credential_rejected},
    };
    const TestClock clock;
    for (const Row& row : rows) {
        INFO(row.type << " " << row.status << " " << row.message);
        const Verdict verdict = judge_kms(answer_of(row.status, json_of(row)), clock);
        CHECK(text(verdict.outcome) == text(row.outcome));
        CHECK(verdict.code == row.type);
        CHECK(verdict.request == "b1c2");
        CHECK(is_about_credentials(row.type) == (row.outcome == Outcome::credential_rejected));
        // Only an outage, and what is throttled to the end, may ever lead to a twin.
        CHECK(may_fail_over(verdict.outcome) ==
              (row.outcome == Outcome::unavailable || row.outcome == Outcome::throttled));
    }
}

TEST_CASE("the name of an error is read with prefix and suffix, from the body or the header", "[keyring][aws]") {
    CHECK(aws_error_type("DisabledException") == "DisabledException");
    CHECK(aws_error_type("com.amazonaws.kms#DisabledException") == "DisabledException");
    CHECK(aws_error_type("DisabledException:http://internal.amazon.com/coral/#x") == "DisabledException");
    CHECK(aws_error_type("com.amazonaws.kms#DisabledException:http://internal/") == "DisabledException");
    CHECK(aws_error_type("\x1b[31mDisabled\nException") == "31mDisabledException");
    CHECK(aws_error_type("").empty());

    const TestClock clock;
    CHECK(judge_kms(answer_of(400, R"({"__type":"com.amazonaws.kms#DisabledException","Message":"x is disabled."})"),
                    clock)
              .outcome == Outcome::key_disabled);
    RemoteAnswer answer = answer_of(400, R"({"message":"x"})");
    answer.headers["x-amzn-errortype"] = "AccessDeniedException:http://internal/";
    CHECK(judge_kms(answer, clock).outcome == Outcome::denied);
}

TEST_CASE("what is not an answer of KMS is not believed, and only its server errors are an outage", "[keyring][aws]") {
    const TestClock clock;
    const std::string page = "<html><body>Welcome to the hotel</body></html>";
    const std::vector<std::pair<long, Outcome>> rows = {
        {200, Outcome::untrusted},   {302, Outcome::untrusted},   {403, Outcome::untrusted},
        {404, Outcome::untrusted},   {407, Outcome::denied},      {429, Outcome::throttled},
        {500, Outcome::unavailable}, {502, Outcome::unavailable}, {503, Outcome::unavailable}};
    for (const auto& [status, outcome] : rows) {
        INFO(status);
        CHECK(text(judge_kms(answer_of(status, page), clock).outcome) == text(outcome));
        if (status != 200)
            CHECK(text(judge_kms(answer_of(status, R"({"error":"no"})"), clock).outcome) == text(outcome));
    }
    CHECK(judge_kms(answer_of(200, R"({"KeyId":"arn:aws:kms)"), clock).outcome == Outcome::untrusted);
    CHECK(judge_kms(answer_of(200, "[]"), clock).outcome == Outcome::untrusted);
}

TEST_CASE("a refused signature says when the clock is to blame", "[keyring][aws]") {
    const TestClock clock;  // 2026-03-14T09:30:00Z
    RemoteAnswer answer = answer_of(400, R"({"__type":"InvalidSignatureException","message":"Signature expired"})");
    answer.headers["date"] = "Sat, 14 Mar 2026 09:50:00 GMT";
    CHECK(judge_kms(answer, clock).message ==
          "the clock of this machine is 20 minutes behind that of AWS: set it right");
    answer.headers["date"] = "Sat, 14 Mar 2026 09:20:00 GMT";
    CHECK(judge_kms(answer, clock).message ==
          "the clock of this machine is 10 minutes ahead of that of AWS: set it right");
    answer.headers["date"] = "Sat, 14 Mar 2026 09:33:00 GMT";
    CHECK(judge_kms(answer, clock).message == "Signature expired");
    answer.headers["date"] = "yesterday";
    CHECK(judge_kms(answer, clock).outcome == Outcome::misuse);
}

TEST_CASE("the thumbprint of a symmetric key is that of its name; regions of a multi-Region key share it",
          "[keyring][aws]") {
    const std::string account = ":111122223333:key/";
    const auto thumbprint = [&](const std::string& region, const std::string& id,
                                const std::string& partition = "aws") {
        return aws_thumbprint(KmsArn::parse("arn:" + partition + ":kms:" + region + account + id)).text();
    };
    // SHA-256 of "aws-kms:aws:eu-west-1:111122223333:1234abcd-12ab-34cd-56ef-1234567890ab".
    CHECK(thumbprint("eu-west-1", "1234abcd-12ab-34cd-56ef-1234567890ab") ==
          "kms:ea34a1b89085cf6dbc309fb2f3b31be9d97679cdaeb0d560edbb7776718298d3");
    // SHA-256 of "aws-kms:aws:*:111122223333:mrk-1234abcd12ab34cd56ef1234567890ab".
    CHECK(thumbprint("eu-west-1", "mrk-1234abcd12ab34cd56ef1234567890ab") ==
          "kms:74df4d7d342785c749c49ab2b63dbb2cc70b793b9ac89ece6d2d01d2b7546120");
    CHECK(thumbprint("us-east-1", "mrk-1234abcd12ab34cd56ef1234567890ab") ==
          thumbprint("eu-west-1", "mrk-1234abcd12ab34cd56ef1234567890ab"));
    CHECK(thumbprint("us-east-1", "1234abcd-12ab-34cd-56ef-1234567890ab") !=
          thumbprint("eu-west-1", "1234abcd-12ab-34cd-56ef-1234567890ab"));
    CHECK(thumbprint("eu-west-1", "mrk-1234abcd12ab34cd56ef1234567890ab", "aws-cn") !=
          thumbprint("eu-west-1", "mrk-1234abcd12ab34cd56ef1234567890ab"));
}
