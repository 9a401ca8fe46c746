#include "keyring/aws_sts.h"

#include <array>

#include "core/percent.h"
#include "keyring/aws_error.h"
#include "keyring/aws_machine.h"

namespace signet::keyring {
namespace {

constexpr std::string_view kVersion = "2011-06-15";
constexpr std::string_view kFormType = "Content-Type: application/x-www-form-urlencoded; charset=utf-8";

std::string text_of_xml(const RemoteAnswer& answer, std::string_view parent, std::string_view name) {
    const auto found = xml_text(as_text(answer.body.reveal()), parent, name);
    return found ? std::string(as_text(found->reveal())) : std::string();
}

std::string form_of(const std::string& action, const AwsRole& role, TimePoint now) {
    const std::string session =
        role.session_name.empty() ? "signet-" + std::to_string(now.ns / kNsPerSecond) : role.session_name;
    std::string form = "Action=" + action + "&Version=" + std::string(kVersion) +
                       "&RoleArn=" + percent_encoded(role.arn) + "&RoleSessionName=" + percent_encoded(session);
    if (role.duration_seconds != 0) form += "&DurationSeconds=" + std::to_string(role.duration_seconds);
    if (!role.external_id.empty()) form += "&ExternalId=" + percent_encoded(role.external_id);
    return form;
}

RemoteRequest request_of(const AwsSurroundings& surroundings, const std::string& region, const std::string& what) {
    RemoteRequest request;
    request.operation = what;
    request.method = HttpMethod::post;
    request.url = aws_endpoint(surroundings, "sts", region);
    request.headers = {std::string(kFormType)};
    return request;
}

Verdict judge(const RemoteAnswer& answer) {
    Verdict verdict;
    verdict.request = answer.header("x-amzn-requestid");
    if (answer.ok()) {
        const bool has_keys = !text_of_xml(answer, "Credentials", "AccessKeyId").empty();
        return has_keys ? verdict : foreign(answer);
    }
    verdict.code = aws_error_type(text_of_xml(answer, "Error", "Code"));
    verdict.message = text_of_xml(answer, "Error", "Message");
    if (verdict.code.empty()) return foreign(answer);
    verdict.outcome = outcome_of_aws(verdict.code, verdict.message, answer.status);
    // Whatever STS refuses is the credential by which it was asked.
    if (verdict.outcome == Outcome::denied || verdict.outcome == Outcome::not_found)
        verdict.outcome = Outcome::credential_rejected;
    return verdict;
}

AwsCredentials read_answer(const RemoteAnswer& answer, const std::string& what) {
    const std::string_view xml = as_text(answer.body.reveal());
    AwsCredentials credentials;
    credentials.source = what;
    credentials.keys.id = text_of_xml(answer, "Credentials", "AccessKeyId");
    auto secret = xml_text(xml, "Credentials", "SecretAccessKey");
    auto token = xml_text(xml, "Credentials", "SessionToken");
    if (!secret || !token) throw RemoteError(Outcome::untrusted, what + ": the answer has no credentials");
    credentials.keys.secret = std::move(*secret);
    credentials.keys.session_token = std::move(*token);
    credentials.expires = parse_expiry(text_of_xml(answer, "Credentials", "Expiration"), what);
    require_fit_for_headers(credentials.keys, what);
    return credentials;
}

}  // namespace

std::optional<SecretBytes> xml_text(std::string_view xml, std::string_view parent, std::string_view name) {
    const auto inside = [](std::string_view text, std::string_view element) -> std::optional<std::string_view> {
        const std::string opening = "<" + std::string(element) + ">", closing = "</" + std::string(element) + ">";
        const auto from = text.find(opening);
        if (from == std::string_view::npos) return std::nullopt;
        text.remove_prefix(from + opening.size());
        const auto to = text.find(closing);
        if (to == std::string_view::npos) return std::nullopt;
        return text.substr(0, to);
    };
    const auto outer = inside(xml, parent);
    const auto found = outer ? inside(*outer, name) : std::nullopt;
    if (!found || found->find('<') != std::string_view::npos) return std::nullopt;

    struct Entity {
        std::string_view name;
        char character;
    };
    constexpr std::array<Entity, 5> kEntities = {Entity{"&amp;", '&'}, Entity{"&lt;", '<'}, Entity{"&gt;", '>'},
                                                 Entity{"&quot;", '"'}, Entity{"&apos;", '\''}};
    SecretBytes text(found->size());
    std::size_t size = 0;
    for (std::string_view rest = *found; !rest.empty();) {
        char character = rest.front();
        std::size_t taken = 1;
        for (const Entity& entity : kEntities) {
            if (!rest.starts_with(entity.name)) continue;
            character = entity.character;
            taken = entity.name.size();
        }
        text.mutable_view()[size++] = static_cast<std::uint8_t>(character);
        rest.remove_prefix(taken);
    }
    return SecretBytes(text.reveal().first(size));
}

AwsCredentials assume_role(const AwsSurroundings& surroundings, const std::string& region, const AwsRole& role,
                           const AwsCredentials& by) {
    const std::string what = "role " + one_line(role.arn) + " by " + by.source;
    const auto make = [&] {
        const TimePoint now = surroundings.clock->now();
        RemoteRequest request = request_of(surroundings, region, what);
        request.body = SecretBytes(as_bytes(form_of("AssumeRole", role, now)));
        sign(request, by.keys, {region, "sts"}, now);
        return request;
    };
    return read_answer(surroundings.call(make, judge), what);
}

AwsCredentials assume_role_with_web_identity(const AwsSurroundings& surroundings, const std::string& region,
                                             const AwsRole& role, const std::string& token_file) {
    const std::string what = "role " + one_line(role.arn) + " by the token in " + token_file;
    const auto make = [&] {
        const SecretBytes token = read_token(surroundings, token_file, what);
        std::string form = form_of("AssumeRoleWithWebIdentity", role, surroundings.clock->now());
        const std::string value = percent_encoded(as_text(token.reveal()));
        form.reserve(form.size() + value.size() + 20);
        form += "&WebIdentityToken=" + value;
        RemoteRequest request = request_of(surroundings, region, what);
        request.body = SecretBytes(as_bytes(form));
        return request;
    };
    return read_answer(surroundings.call(make, judge), what);
}

}  // namespace signet::keyring
