#include "keyring/aws_credentials.h"

#include "keyring/aws_machine.h"
#include "keyring/aws_sts.h"
#include "tests/unit/keyring/bench.h"

#include <deque>

using namespace signet;
using namespace signet::keyring;
using signet::keyring::test::secret;
using signet::keyring::test::TestClock;

namespace {

/// A machine that is made up: variables, files, programs, and services that answer as they are told.
struct Machine {
    TestClock clock;
    std::map<std::string, std::string> variables = {{"HOME", "/home/ops"}};
    std::map<std::string, std::string> files;
    std::map<std::string, std::string> programs;
    struct Service {
        long status = 200;
        std::string body = {};
        std::optional<Outcome> silent = std::nullopt;
    };
    std::map<std::string, Service> services;  ///< by URL
    std::vector<std::string> asked;           ///< "PUT http://… | header | header | body"

    [[nodiscard]] AwsSurroundings surroundings() {
        AwsSurroundings all;
        all.clock = &clock;
        all.variable = [this](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end() || found->second.empty()) return std::nullopt;
            return found->second;
        };
        all.read = [this](const std::string& path) -> std::optional<SecretBytes> {
            const auto found = files.find(path);
            if (found == files.end()) return std::nullopt;
            if (found->second == "unreadable") throw Error(ErrorCode::io, "cannot read " + path);
            return secret(found->second);
        };
        all.run = [this](const std::string& line) {
            const auto found = programs.find(line);
            if (found == programs.end()) throw Error(ErrorCode::failed, "the command ended with status 127");
            return secret(found->second);
        };
        all.send = [this](const RemoteRequest& request) { return send(request); };
        all.call = [this](const RemoteClient::Make& make, const RemoteClient::Judge& judge) {
            const RemoteRequest request = make();
            RemoteAnswer answer = send(request);
            const Verdict verdict = judge(answer);
            if (verdict.outcome != Outcome::ok)
                throw RemoteError(verdict.outcome, describe(request.operation, answer.status, verdict));
            return answer;
        };
        return all;
    }

    RemoteAnswer send(const RemoteRequest& request) {
        std::string line = std::string(text(request.method)) + " " + request.url;
        for (const std::string& header : request.headers) line += " | " + header;
        asked.push_back(line + " | " + std::string(as_text(request.body.reveal())));
        const auto found = services.find(request.url);
        if (found == services.end()) throw RemoteError(Outcome::unavailable, request.operation + ": nobody answers");
        if (found->second.silent) throw RemoteError(*found->second.silent, request.operation + ": as told");
        RemoteAnswer answer;
        answer.status = found->second.status;
        answer.body = secret(found->second.body);
        answer.json = parse_object(answer.body.reveal());
        return answer;
    }

    /// How the chain fails. returns  class and words
    [[nodiscard]] std::pair<Outcome, std::string> failure() {
        AwsCredentialChain chain(surroundings());
        try {
            static_cast<void>(chain.get("eu-west-1"));
        } catch (const RemoteError& error) {
            return {error.outcome(), error.what()};
        }
        FAIL("there are credentials");
        return {};
    }
    [[nodiscard]] std::string found_id() {
        AwsCredentialChain chain(surroundings());
        return chain.get("eu-west-1").keys.id;
    }
};

std::string sts_answer(const std::string& id, const std::string& expires = "2026-03-14T10:30:00Z") {
    return "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser><Credentials>"
           "<AccessKeyId>" +
           id +
           "</AccessKeyId><SecretAccessKey>s3cret/&amp;+</SecretAccessKey>"
           "<SessionToken>t0ken==</SessionToken><Expiration>" +
           expires +
           "</Expiration></Credentials>"
           "</AssumeRoleResult></AssumeRoleResponse>";
}

std::string sts_error(const std::string& code) {
    return "<ErrorResponse><Error><Type>Sender</Type><Code>" + code +
           "</Code><Message>as told</Message></Error>"
           "</ErrorResponse>";
}

std::string json_credentials(const std::string& id, const std::string& expires = "2026-03-14T15:30:00Z") {
    return R"({"Code":"Success","AccessKeyId":")" + id + R"(","SecretAccessKey":"s","Token":"t","Expiration":")" +
           expires + "\"}";
}

const std::string kSts = "https://sts.eu-west-1.amazonaws.com/";
const std::string kImds = "http://169.254.169.254/latest/";
const std::string kRoles = kImds + "meta-data/iam/security-credentials/";

}  // namespace

TEST_CASE("AWS credentials: variables come first", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_ACCESS_KEY_ID"] = "AKIAVARIABLE";
    machine.variables["AWS_SECRET_ACCESS_KEY"] = "s3cret";
    machine.variables["AWS_SESSION_TOKEN"] = "t0ken";
    machine.variables["AWS_PROFILE"] = "prod";
    AwsCredentialChain chain(machine.surroundings());
    const AwsCredentials found = chain.get("eu-west-1");
    CHECK(found.keys.id == "AKIAVARIABLE");
    CHECK(found.keys.secret.equals(as_bytes("s3cret")));
    CHECK(found.keys.session_token.equals(as_bytes("t0ken")));
    CHECK_FALSE(found.expires);
    CHECK_FALSE(chain.renew("AKIAVARIABLE"));  // what a variable says does not become newer
}

TEST_CASE("AWS credentials: half an access key, or one that no header can hold, ends the search", "[keyring][aws]") {
    Machine machine;
    machine.files["/home/ops/.aws/credentials"] = "[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=s\n";
    machine.variables["AWS_ACCESS_KEY_ID"] = "AKIAVARIABLE";
    auto [outcome, words] = machine.failure();
    CHECK(outcome == Outcome::credential_rejected);
    CHECK(words.find("AWS_SECRET_ACCESS_KEY is not set") != std::string::npos);
    machine.variables["AWS_SECRET_ACCESS_KEY"] = "two\nlines";
    CHECK(machine.failure().first == Outcome::credential_rejected);
}

TEST_CASE("AWS credentials: profiles of both files, by name and by default", "[keyring][aws]") {
    Machine machine;
    machine.files["/home/ops/.aws/config"] =
        "# made by hand\n[default]\nregion = eu-west-1\naws_access_key_id = AKIACONFIG\naws_secret_access_key = old\n"
        "s3 =\n    aws_access_key_id = NESTED\n[profile prod]\naws_access_key_id=AKIAPROD # comment\n"
        "aws_secret_access_key=with#mark\n[profile 'two words']\naws_access_key_id=AKIATWO\naws_secret_access_key=s\n"
        "[other]\naws_access_key_id=AKIANONE\naws_secret_access_key=s\n";
    CHECK(machine.found_id() == "AKIACONFIG");
    machine.files["/home/ops/.aws/credentials"] =
        "[default]\r\naws_access_key_id=AKIAFILE\r\naws_secret_access_key=s\r\n";
    CHECK(machine.found_id() == "AKIAFILE");
    machine.variables["AWS_PROFILE"] = "prod";
    AwsCredentialChain chain(machine.surroundings());
    CHECK(chain.get("eu-west-1").keys.id == "AKIAPROD");
    CHECK(chain.get("eu-west-1").keys.secret.equals(as_bytes("with#mark")));
    machine.variables["AWS_PROFILE"] = "two words";
    CHECK(machine.found_id() == "AKIATWO");
    machine.variables["AWS_PROFILE"] = "other";
    CHECK(machine.failure().second.find("no AWS profile other") != std::string::npos);
    machine.variables["AWS_CONFIG_FILE"] = "/etc/aws/config";
    machine.files["/etc/aws/config"] = "[profile other]\naws_access_key_id=AKIAOTHER\naws_secret_access_key=s\n";
    CHECK(machine.found_id() == "AKIAOTHER");
    machine.files["/etc/aws/config"] = "unreadable";
    CHECK(machine.failure().first == Outcome::credential_rejected);
}

TEST_CASE("AWS credentials: a command hands them out", "[keyring][aws]") {
    Machine machine;
    machine.files["/home/ops/.aws/config"] = "[default]\ncredential_process = /bin/hand --out #1\n";
    machine.programs["/bin/hand --out #1"] =
        R"({"Version":1,"AccessKeyId":"ASIACOMMAND","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-03-14T12:00:00+00:00"})";
    AwsCredentialChain chain(machine.surroundings());
    CHECK(chain.get("eu-west-1").keys.id == "ASIACOMMAND");
    CHECK(to_rfc3339(*chain.get("eu-west-1").expires) == "2026-03-14T12:00:00Z");
    for (const char* printed : {"", "no JSON", "{}", R"({"AccessKeyId":"A"})",
                                R"({"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"soon"})"}) {
        INFO(printed);
        machine.programs["/bin/hand --out #1"] = printed;
        const auto [outcome, words] = machine.failure();
        CHECK(outcome == Outcome::credential_rejected);
        CHECK(words.find("credential_process of profile default") != std::string::npos);
    }
    machine.programs.clear();
    CHECK(machine.failure().first == Outcome::credential_rejected);
}

TEST_CASE("AWS credentials: a role by another profile", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_PROFILE"] = "backup";
    machine.files["/home/ops/.aws/config"] =
        "[profile backup]\nrole_arn=arn:aws:iam::111122223333:role/backup\nsource_profile=base\nexternal_id=a b\n"
        "role_session_name=nightly\nduration_seconds=900\n[profile base]\naws_access_key_id=AKIABASE\n"
        "aws_secret_access_key=s\n";
    machine.services[kSts] = {200, sts_answer("ASIAROLE")};
    AwsCredentialChain chain(machine.surroundings());
    const AwsCredentials found = chain.get("eu-west-1");
    CHECK(found.keys.id == "ASIAROLE");
    CHECK(found.keys.secret.equals(as_bytes("s3cret/&+")));
    CHECK(to_rfc3339(*found.expires) == "2026-03-14T10:30:00Z");
    REQUIRE(machine.asked.size() == 1);
    CHECK(machine.asked[0].find("Credential=AKIABASE/20260314/eu-west-1/sts/aws4_request") != std::string::npos);
    CHECK(machine.asked[0].find("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%"
                                "2Fbackup&RoleSessionName=nightly&DurationSeconds=900&ExternalId=a%20b") !=
          std::string::npos);
}

TEST_CASE("AWS credentials: roles that cannot be had are named", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_PROFILE"] = "backup";
    const auto failure_of = [&](const std::string& config) {
        machine.files["/home/ops/.aws/config"] = "[profile backup]\nrole_arn=arn:aws:iam::1:role/r\n" + config;
        return machine.failure();
    };
    CHECK(failure_of("").first == Outcome::misuse);
    CHECK(failure_of("source_profile=none\n").first == Outcome::misuse);
    CHECK(failure_of("source_profile=b\n[profile b]\nrole_arn=x\nsource_profile=backup\n").second.find("leads back") !=
          std::string::npos);
    CHECK(failure_of("source_profile=b\n[profile b]\nregion=x\n").second.find("has no credentials") !=
          std::string::npos);
    CHECK(failure_of("source_profile=b\nmfa_serial=x\n[profile b]\n").second.find("mfa_serial") != std::string::npos);
    CHECK(failure_of("credential_source=Moon\n").first == Outcome::misuse);
    CHECK(failure_of("credential_source=Environment\n").first == Outcome::credential_rejected);
    machine.files["/home/ops/.aws/config"] = "[profile backup]\nsso_session=corp\nsso_account_id=1\n";
    CHECK(machine.failure().second.find("export-credentials --profile backup") != std::string::npos);
    machine.files["/home/ops/.aws/config"] = "[profile backup]\nregion=x\n";
    CHECK(machine.failure().first == Outcome::credential_rejected);
}

TEST_CASE("AWS credentials: a profile may be the source of its own role", "[keyring][aws]") {
    Machine machine;
    machine.files["/home/ops/.aws/credentials"] =
        "[default]\naws_access_key_id=AKIAOWN\naws_secret_access_key=s\nrole_arn=arn:aws:iam::1:role/r\n"
        "source_profile=default\n";
    machine.services[kSts] = {200, sts_answer("ASIAOWN")};
    CHECK(machine.found_id() == "ASIAOWN");
    CHECK(machine.asked.at(0).find("Credential=AKIAOWN/") != std::string::npos);
}

TEST_CASE("AWS credentials: a role by the token of an identity provider", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/token";
    machine.variables["AWS_ROLE_ARN"] = "arn:aws:iam::111122223333:role/pod";
    CHECK(machine.failure().second.find("there is no token in /var/run/token") != std::string::npos);
    machine.files["/var/run/token"] = "eyJ.a+b.c\n";
    machine.services[kSts] = {200, sts_answer("ASIAPOD")};
    CHECK(machine.found_id() == "ASIAPOD");
    REQUIRE(machine.asked.size() == 1);
    CHECK(machine.asked[0].find("Authorization") == std::string::npos);
    CHECK(machine.asked[0].find("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3A") !=
          std::string::npos);
    CHECK(machine.asked[0].find("&RoleSessionName=signet-1773480600&WebIdentityToken=eyJ.a%2Bb.c") !=
          std::string::npos);

    machine.variables["AWS_ENDPOINT_URL_STS"] = "https://sts.internal:8443/";
    machine.services["https://sts.internal:8443/"] = {200, sts_answer("ASIAINTERNAL")};
    CHECK(machine.found_id() == "ASIAINTERNAL");
    machine.variables["AWS_ENDPOINT_URL_STS"] = "http://sts.internal/";
    CHECK(machine.failure().first == Outcome::misuse);
    machine.variables.erase("AWS_ROLE_ARN");
    CHECK(machine.failure().first == Outcome::misuse);
}

TEST_CASE("AWS credentials: what STS answers has a class", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
    machine.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
    machine.files["/token"] = "t";
    const std::vector<std::pair<Machine::Service, Outcome>> rows = {
        {{400, sts_error("InvalidIdentityToken")}, Outcome::credential_rejected},
        {{400, sts_error("ExpiredTokenException")}, Outcome::credential_rejected},
        {{403, sts_error("AccessDenied")}, Outcome::credential_rejected},
        {{403, sts_error("IDPRejectedClaim")}, Outcome::credential_rejected},
        {{400, sts_error("SomethingNew")}, Outcome::credential_rejected},
        {{400, sts_error("IDPCommunicationError")}, Outcome::unavailable},
        {{500, sts_error("InternalFailure")}, Outcome::unavailable},
        {{503, ""}, Outcome::unavailable},
        {{400, sts_error("Throttling")}, Outcome::throttled},
        {{400, sts_error("ValidationError")}, Outcome::misuse},
        {{403, sts_error("SignatureDoesNotMatch")}, Outcome::misuse},
        {{403, "<html>proxy</html>"}, Outcome::untrusted},
        {{200, "<html>Welcome</html>"}, Outcome::untrusted},
        {{302, ""}, Outcome::untrusted},
        {{200, sts_answer("ASIA", "soon")}, Outcome::untrusted},
        {{200, sts_answer("")}, Outcome::untrusted},
        {{200, sts_answer("ASIA").substr(0, 200)}, Outcome::untrusted},
        {{200, sts_answer("ASIA", "2026-03-14T09:00:00Z")}, Outcome::credential_rejected},
        {{0, "", Outcome::unavailable}, Outcome::unavailable},
        {{0, "", Outcome::not_found}, Outcome::not_found},
    };
    for (const auto& [service, outcome] : rows) {
        INFO(service.status << " " << service.body);
        machine.services[kSts] = service;
        CHECK(text(machine.failure().first) == text(outcome));
    }
}

TEST_CASE("AWS credentials: of a container", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/1";
    machine.services["http://169.254.170.2/v2/credentials/1"] = {200, json_credentials("ASIATASK")};
    CHECK(machine.found_id() == "ASIATASK");

    machine.variables.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    machine.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
    machine.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/var/run/eks";
    machine.files["/var/run/eks"] = "Bearer abc\n";
    machine.services["http://169.254.170.23/v1/credentials"] = {200, json_credentials("ASIAEKS")};
    CHECK(machine.found_id() == "ASIAEKS");
    CHECK(machine.asked.back().find("| Authorization: Bearer abc |") != std::string::npos);

    machine.services["http://169.254.170.23/v1/credentials"] = {401, "{}"};
    CHECK(machine.failure().first == Outcome::credential_rejected);
    machine.services["http://169.254.170.23/v1/credentials"] = {500, "{}"};
    CHECK(machine.failure().first == Outcome::unavailable);
    machine.services["http://169.254.170.23/v1/credentials"] = {200, "<html>"};
    CHECK(machine.failure().first == Outcome::untrusted);
    machine.files["/var/run/eks"] = "two\nlines";
    CHECK(machine.failure().first == Outcome::credential_rejected);
}

TEST_CASE("AWS credentials: the token of a container goes nowhere else", "[keyring][aws]") {
    for (const std::string url : {"http://evil.example/", "http://169.254.170.2.evil.example/",
                                  "http://169.254.170.20/", "ftp://127.0.0.1/", "http://127.0.0.1.evil.example/"}) {
        INFO(url);
        Machine machine;
        machine.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
        machine.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "secret";
        CHECK(machine.failure().first == Outcome::misuse);
        CHECK(machine.asked.empty());
    }
    for (const std::string url : {"https://agent.example/x", "http://localhost:8080/x", "http://127.0.0.7/x",
                                  "http://[::1]:99/x", "http://[fd00:ec2::23]/x"}) {
        INFO(url);
        Machine machine;
        machine.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
        machine.services[url] = {200, json_credentials("ASIAHERE")};
        CHECK(machine.found_id() == "ASIAHERE");
    }
    Machine machine;
    machine.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "@evil.example/";
    CHECK(machine.failure().first == Outcome::misuse);
    CHECK(machine.asked.empty());
}

TEST_CASE("AWS credentials: of an instance, by version 2 of its service alone", "[keyring][aws]") {
    Machine machine;
    machine.services[kImds + "api/token"] = {200, "t0ken"};
    machine.services[kRoles] = {200, "backup-role\n"};
    machine.services[kRoles + "backup-role"] = {200, json_credentials("ASIAINSTANCE")};
    AwsCredentialChain chain(machine.surroundings());
    CHECK(chain.get("eu-west-1").keys.id == "ASIAINSTANCE");
    CHECK(chain.get("eu-west-1").source == "the role backup-role of this instance");
    REQUIRE(machine.asked.size() == 3);
    CHECK(machine.asked[0].starts_with("PUT " + kImds + "api/token | X-aws-ec2-metadata-token-ttl-seconds: 21600 |"));
    CHECK(machine.asked[1].find("| X-aws-ec2-metadata-token: t0ken |") != std::string::npos);

    machine.services[kRoles] = {404, ""};
    CHECK(machine.failure().first == Outcome::credential_rejected);
    CHECK(machine.failure().second.find("no role is attached to this instance") != std::string::npos);
    machine.services[kRoles] = {500, ""};
    CHECK(machine.failure().first == Outcome::unavailable);
    machine.services[kRoles] = {200, "<html>Welcome"};
    CHECK(machine.failure().first == Outcome::untrusted);
    machine.services[kRoles] = {200, "../../other"};
    CHECK(machine.failure().first == Outcome::untrusted);
    // Without a session there is no second way in.
    machine.services[kImds + "api/token"] = {403, ""};
    machine.asked.clear();
    CHECK(machine.failure().first == Outcome::credential_rejected);
    CHECK(machine.asked.size() == 1);
    machine.services[kImds + "api/token"] = {200, "<html>"};
    CHECK(machine.failure().first == Outcome::untrusted);
}

TEST_CASE("AWS credentials: none at all is said with where was looked", "[keyring][aws]") {
    Machine machine;
    CHECK(machine.failure().first == Outcome::credential_rejected);
    CHECK(machine.asked.size() == 1);
    CHECK(machine.failure().second.find("no AWS credentials") != std::string::npos);
    machine.asked.clear();
    machine.variables["AWS_EC2_METADATA_DISABLED"] = "true";
    CHECK(machine.failure().first == Outcome::credential_rejected);
    CHECK(machine.asked.empty());
    machine.variables["AWS_EC2_METADATA_DISABLED"] = "";
    machine.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://[fd00:ec2::254]/";
    CHECK(machine.failure().first == Outcome::credential_rejected);
    CHECK(machine.asked.front().starts_with("PUT http://[fd00:ec2::254]/latest/api/token"));
}

TEST_CASE("AWS credentials: what is set up counts, and when it fails nobody else is asked", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
    machine.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
    machine.files["/token"] = "t";
    machine.files["/home/ops/.aws/credentials"] = "[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=s\n";
    machine.services[kSts] = {403, sts_error("AccessDenied")};
    CHECK(machine.failure().first == Outcome::credential_rejected);
    machine.services[kSts] = {503, ""};
    CHECK(machine.failure().first == Outcome::unavailable);
}

TEST_CASE("AWS credentials: kept until five minutes before they end", "[keyring][aws]") {
    Machine machine;
    machine.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/c";
    auto& agent = machine.services["http://169.254.170.2/c"];
    const auto at_minute = [&](std::int64_t minute) {
        return to_rfc3339(TimePoint{machine.clock.now().ns + minute * 60 * kNsPerSecond});
    };
    agent = {200, json_credentials("ASIAONE", at_minute(6))};
    AwsCredentialChain chain(machine.surroundings());
    CHECK(chain.get("eu-west-1").keys.id == "ASIAONE");
    agent = {200, json_credentials("ASIATWO", at_minute(60))};
    CHECK(chain.get("us-east-1").keys.id == "ASIAONE");
    CHECK(machine.asked.size() == 1);
    CHECK(chain.renew("ASIAOLDER"));  // another thread was faster
    CHECK(chain.get("eu-west-1").keys.id == "ASIAONE");
    CHECK(chain.renew("ASIAONE"));
    CHECK(chain.get("eu-west-1").keys.id == "ASIATWO");

    // Nearly over: asked anew each time, and good until their end when nobody answers.
    agent = {200, json_credentials("ASIATHREE", at_minute(4))};
    CHECK(chain.renew("ASIATWO"));
    CHECK(chain.get("eu-west-1").keys.id == "ASIATHREE");
    agent.status = 500;
    CHECK(chain.get("eu-west-1").keys.id == "ASIATHREE");
    agent.status = 403;
    CHECK_THROWS_AS(chain.get("eu-west-1"), RemoteError);
    machine.clock.add_days(1);
    agent.status = 500;
    CHECK_THROWS_AS(chain.get("eu-west-1"), RemoteError);
}

TEST_CASE("the address of a service: overridden, FIPS, China", "[keyring][aws]") {
    Machine machine;
    const auto endpoint = [&](const std::string& service, const std::string& region) {
        return aws_endpoint(machine.surroundings(), service, region);
    };
    CHECK(endpoint("kms", "eu-west-1") == "https://kms.eu-west-1.amazonaws.com/");
    CHECK(endpoint("kms", "cn-north-1") == "https://kms.cn-north-1.amazonaws.com.cn/");
    machine.variables["AWS_USE_FIPS_ENDPOINT"] = "true";
    CHECK(endpoint("kms", "us-gov-west-1") == "https://kms-fips.us-gov-west-1.amazonaws.com/");
    machine.variables["AWS_ENDPOINT_URL"] = "https://all.internal";
    CHECK(endpoint("sts", "eu-west-1") == "https://all.internal/");
    machine.variables["AWS_ENDPOINT_URL_KMS"] = "http://127.0.0.1:8080";
    CHECK(endpoint("kms", "eu-west-1") == "http://127.0.0.1:8080/");
    machine.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
    CHECK(endpoint("kms", "eu-west-1") == "https://kms-fips.eu-west-1.amazonaws.com/");
    machine.variables.erase("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    for (const char* url : {"http://kms.internal/", "https://user@kms.internal/", "https://kms/?a=b", "kms.internal"}) {
        INFO(url);
        machine.variables["AWS_ENDPOINT_URL_KMS"] = url;
        CHECK_THROWS_AS(endpoint("kms", "eu-west-1"), RemoteError);
    }
}

TEST_CASE("as much XML as STS answers", "[keyring][aws]") {
    const auto text_in = [](std::string_view xml) {
        const auto found = xml_text(xml, "Error", "Code");
        return found ? std::string(as_text(found->reveal())) : "none";
    };
    CHECK(text_in("<Error><Code>A&amp;&lt;&gt;&quot;&apos;</Code></Error>") == "A&<>\"'");
    CHECK(text_in("<Code>outside</Code><Error><Code>in</Code></Error>") == "in");
    CHECK(text_in("<Error></Error><Code>behind</Code>") == "none");
    CHECK(text_in("<Error><Code>open") == "none");
    CHECK(text_in("<Error><Code><b>x</b></Code></Error>") == "none");
    CHECK(text_in("<Error><Code></Code></Error>").empty());
}
