#include "keyring/aws_kms_vault.h"

#include <array>
#include <cstdlib>
#include <ctime>

#include "keyring/aws_error.h"

namespace signet::keyring {
namespace {

constexpr std::string_view kSymmetric = "SYMMETRIC_DEFAULT";
constexpr std::string_view kOaep = "RSAES_OAEP_SHA_256";
constexpr int kFewestDaysToDeletion = 7;
constexpr std::int64_t kLargestSkew = 300;

/// What KMS tells of a key in KeyMetadata.
struct Metadata {
    KmsArn arn;
    std::string state, spec, usage, manager, origin;
    std::optional<TimePoint> created, deletion, material_ends;
};

/// Times are seconds since 1970, perhaps with a fraction.
std::optional<TimePoint> time_of(const SecretJson& object, const char* name) {
    constexpr double kMost = 9'000'000'000;
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number()) return std::nullopt;
    const auto seconds = found->get<double>();
    if (!(seconds >= 0) || seconds > kMost) return std::nullopt;
    return TimePoint{static_cast<std::int64_t>(seconds * 1000) * (kNsPerSecond / 1000)};
}

[[noreturn]] void throw_foreign(const std::string& why, const std::string& request) {
    throw RemoteError(Outcome::untrusted,
                      "the answer is not that of KMS: " + why + (request.empty() ? "" : "; " + request), request);
}

KmsArn parse_arn(const std::string& text, const std::string& request) {
    try {
        return KmsArn::parse(text);
    } catch (const Error&) {
        throw_foreign("it names no key", request);
    }
}

Metadata read_metadata(const RemoteAnswer& answer, const std::string& request) {
    const SecretJson* fields = object_of(*answer.json, "KeyMetadata");
    if (fields == nullptr) throw_foreign("no KeyMetadata", request);
    const auto text = [&](const char* name) { return text_of(*fields, name).value_or(""); };
    Metadata metadata;
    metadata.arn = parse_arn(text("Arn"), request);
    metadata.state = text("KeyState");
    metadata.spec = text("KeySpec").empty() ? text("CustomerMasterKeySpec") : text("KeySpec");
    metadata.usage = text("KeyUsage");
    metadata.manager = text("KeyManager");
    metadata.origin = text("Origin");
    metadata.created = time_of(*fields, "CreationDate");
    metadata.deletion = time_of(*fields, "DeletionDate");
    metadata.material_ends = time_of(*fields, "ValidTo");
    if (metadata.state.empty() || metadata.spec.empty()) throw_foreign("no state and kind of the key", request);
    return metadata;
}

/// Whether an answer about one key may be believed to be about the one that was asked for.
void require_same_key(const KmsArn& answered, const KmsArn& asked, const std::string& request) {
    const bool same = answered.partition == asked.partition && answered.region == asked.region &&
                      answered.account == asked.account && !answered.is_alias() &&
                      (asked.is_alias() || answered.resource == asked.resource);
    if (!same)
        throw_foreign("it is about " + one_line(answered.resource) + " in " + one_line(answered.region), request);
}

/// What can be no protector. throws  RemoteError{misuse}
void require_protector(const Metadata& key, const std::string& request) {
    const auto refuse = [&](const std::string& why) {
        throw RemoteError(Outcome::misuse, key.arn.resource + " " + why, request);
    };
    if (key.manager != "CUSTOMER") refuse("is a key of AWS's own: nobody but AWS decides about it");
    if (key.usage != "ENCRYPT_DECRYPT") refuse("is for " + one_line(key.usage) + ", not for encryption");
    if (key.spec != kSymmetric && !key.spec.starts_with("RSA_")) {
        refuse("is a " + one_line(key.spec) + " key, and protectors are symmetric or RSA keys");
    }
}

/// throws  RemoteError: a state that is nobody's decision, or that this does not know
KeyState state_of(const Metadata& key, const std::string& request) {
    if (key.state == "Enabled" || key.state == "Updating") return KeyState::enabled;
    if (key.state == "PendingDeletion" || key.state == "PendingReplicaDeletion") return KeyState::deleted;
    // Without its material, or its key store disconnected: each is an administrator's act.
    if (key.state == "Disabled" || key.state == "PendingImport" || key.state == "Unavailable")
        return KeyState::disabled;
    if (key.state == "Creating")
        throw RemoteError(Outcome::unavailable, key.arn.resource + " is being created", request);
    throw RemoteError(Outcome::denied, key.arn.resource + " is in state " + one_line(key.state), request);
}

/// Why a key that is not disabled by EnableKey's opposite counts as disabled; empty for others.
std::string why_disabled(const std::string& state) {
    if (state == "PendingImport") return "it waits for its key material (PendingImport)";
    if (state == "Unavailable") return "its key store is disconnected (Unavailable)";
    return {};
}

SecretJson context_of(const Binding& binding) {
    SecretJson context = SecretJson::object();
    context["signet:repository"] = binding.repository.hex();
    context["signet:dek"] = binding.dek.hex();
    return context;
}

/// Operations whose answers are empty.
bool says_nothing(std::string_view operation) {
    return operation == "EnableKey" || operation == "DisableKey" || operation == "CreateAlias" ||
           operation == "UpdateAlias";
}

SecretText blob(ByteView octets) { return secret_base64(octets); }

/// The octets of a member of an answer. throws  RemoteError{untrusted}
SecretBytes octets_of(const RemoteAnswer& answer, const char* name, const std::string& request) {
    const SecretText* text = secret_of(*answer.json, name);
    auto octets = text == nullptr ? std::nullopt : secret_from_base64(view_of(*text));
    if (!octets || octets->empty()) throw_foreign(std::string("no ") + name, request);
    return std::move(*octets);
}

Bytes copy_of(const SecretBytes& secret) {
    const ByteView octets = secret.reveal();
    return {octets.begin(), octets.end()};
}

/// How many minutes the other side's clock is ahead, where the answer says what time it is there.
std::optional<std::int64_t> minutes_ahead(const RemoteAnswer& answer, const Clock& clock) {
    std::tm when{};
    const std::string date = answer.header("date");
    const char* rest = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &when);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const std::int64_t skew = ::timegm(&when) - clock.now().ns / kNsPerSecond;
    if (std::llabs(skew) <= kLargestSkew) return std::nullopt;
    return skew / 60;
}

}  // namespace

format::Thumbprint aws_thumbprint(const KmsArn& arn) {
    const bool is_multi_region = arn.key_id().starts_with("mrk-");
    return format::Thumbprint::of_name("aws-kms:" + arn.partition + ":" + (is_multi_region ? "*" : arn.region) + ":" +
                                       arn.account + ":" + arn.key_id());
}

Verdict judge_kms(const RemoteAnswer& answer, const Clock& clock, bool may_be_empty) {
    Verdict verdict;
    verdict.request = answer.header("x-amzn-requestid");
    const bool is_whole = answer.json || (may_be_empty && answer.body.reveal().empty() && !verdict.request.empty());
    if (answer.ok()) return is_whole ? verdict : foreign(answer);
    if (!answer.json) return foreign(answer);
    std::string type = text_of(*answer.json, "__type").value_or("");
    if (type.empty()) type = answer.header("x-amzn-errortype");
    verdict.code = aws_error_type(type);
    if (verdict.code.empty()) return foreign(answer);
    verdict.message = text_of(*answer.json, "message").value_or(text_of(*answer.json, "Message").value_or(""));
    verdict.outcome = outcome_of_aws(verdict.code, verdict.message, answer.status);
    const auto ahead = is_about_signature(verdict.code) ? minutes_ahead(answer, clock) : std::nullopt;
    if (ahead) {
        verdict.message = "the clock of this machine is " + std::to_string(std::llabs(*ahead)) + " minutes " +
                          (*ahead > 0 ? "behind" : "ahead of") + " that of AWS: set it right";
    }
    return verdict;
}

AwsAccess::AwsAccess(const RemoteSettings& settings, const Clock& clock)
    : client_(aws_settings(settings), clock), credentials_(AwsSurroundings::real(client_)) {}

AwsKmsVault::AwsKmsVault(AwsAccess& access, std::string region) : access_(access), region_(std::move(region)) {}

/// stale  the id of the access key that KMS did not take, else empty
RemoteAnswer AwsKmsVault::attempt(const std::string& operation, const SecretJson& fields, std::string& stale) {
    const Clock& clock = access_.client().clock();
    std::string id;
    const auto make = [&] {
        const AwsCredentials credentials = access_.credentials().get(region_);
        id = credentials.keys.id;
        {
            const std::lock_guard lock(mutex_);
            identity_ = "access key " + one_line(id) + " of " + credentials.source;
        }
        RemoteRequest request;
        request.operation = operation;
        request.method = HttpMethod::post;
        request.url = aws_endpoint(access_.credentials().surroundings(), "kms", region_);
        request.headers = {"Content-Type: application/x-amz-json-1.1", "X-Amz-Target: TrentService." + operation};
        request.body = to_body(fields);
        sign(request, credentials.keys, {region_, "kms"}, clock.now());
        return request;
    };
    return access_.client().call(make, [&](const RemoteAnswer& answer) {
        Verdict verdict = judge_kms(answer, clock, says_nothing(operation));
        if (verdict.outcome == Outcome::credential_rejected) stale = id;
        return verdict;
    });
}

/// Fetches new credentials once when those at hand are not taken. request  takes the id of the request
RemoteAnswer AwsKmsVault::call(const std::string& operation, const SecretJson& fields, std::string& request) {
    std::string stale;
    try {
        RemoteAnswer answer = attempt(operation, fields, stale);
        request = request_text(answer.header("x-amzn-requestid"));
        return answer;
    } catch (const RemoteError&) {
        if (stale.empty() || !access_.credentials().renew(stale)) throw;
    }
    RemoteAnswer answer = attempt(operation, fields, stale);
    request = request_text(answer.header("x-amzn-requestid"));
    return answer;
}

/// What does not change, asked for once. A disabled RSA key does not show its public half.
AwsKmsVault::Kind AwsKmsVault::learn(const KmsArn& arn, const std::string& spec, std::string& request) {
    if (spec == kSymmetric) return {std::nullopt, std::string(kSymmetric)};
    const std::string id = "arn:" + arn.partition + ":kms:" + arn.region + ":" + arn.account + ":" + arn.resource;
    const RemoteAnswer answer = call("GetPublicKey", {{"KeyId", id}}, request);
    require_same_key(parse_arn(text_of(*answer.json, "KeyId").value_or(""), request), arn, request);
    const SecretBytes spki = octets_of(answer, "PublicKey", request);
    try {
        return {crypto::RsaPublicKey::from_spki(spki.reveal()), std::string(kOaep)};
    } catch (const Error& error) {
        if (error.code() == ErrorCode::refused)
            throw RemoteError(Outcome::misuse, arn.resource + ": " + error.what(), request);
        throw_foreign(error.what(), request);
    }
}

KeyDescription AwsKmsVault::look(const Location& location, std::string& request) {
    const KmsArn asked = KmsArn::parse(location.uri);
    if (asked.resource.starts_with("alias/aws/")) {
        throw RemoteError(Outcome::misuse, asked.resource + " is a key of AWS's own: nobody but AWS decides about it");
    }
    const RemoteAnswer answer = call("DescribeKey", {{"KeyId", location.uri}}, request);
    const Metadata key = read_metadata(answer, request);
    require_same_key(key.arn, asked, request);
    require_protector(key, request);

    KeyDescription description;
    description.location = Location::parse("aws:" + text_of(*object_of(*answer.json, "KeyMetadata"), "Arn").value());
    description.state = state_of(key, request);
    const std::string place = description.location.text();
    if (const std::string why = why_disabled(key.state); !why.empty()) {
        throw RemoteError(Outcome::key_disabled, place + ": " + why + "; " + request, request);
    }
    std::optional<Kind> kind = known_kind(description.location.uri);
    const bool is_hidden = key.spec != kSymmetric && !may_unwrap(description.state) && !kind;
    if (is_hidden) {
        throw RemoteError(refusal_of(description.state),
                          place + " is " + std::string(keyring::text(description.state)) + "; " + request, request);
    }
    if (!kind) {
        kind = learn(key.arn, key.spec, request);
        const std::lock_guard lock(mutex_);
        kinds_.insert_or_assign(description.location.uri, *kind);
    }
    description.public_key = kind->public_key;
    description.kind = kind->public_key ? "rsa" : "aes";
    description.size_bits = kind->public_key ? kind->public_key->bits() : 256;
    description.thumbprint = kind->public_key ? format::Thumbprint::of(*kind->public_key) : aws_thumbprint(key.arn);
    description.name = asked.is_alias() ? asked.resource.substr(std::string_view("alias/").size()) : key.arn.key_id();
    description.attributes.enabled = description.state != KeyState::disabled;
    description.attributes.expires = key.material_ends;
    if (description.state == KeyState::deleted) {
        description.attributes.deleted = access_.client().clock().now();
        description.attributes.purge_at = key.deletion;
    }
    // Imported material can be deleted from one moment to the next; who imported it has it.
    if (key.origin != "EXTERNAL") description.recovery = Recoverability{true, true, kFewestDaysToDeletion};
    description.origin = key.origin == "EXTERNAL" ? "imported" : "generated";
    description.region = key.arn.region;
    description.can_unwrap = true;
    return description;
}

std::optional<AwsKmsVault::Kind> AwsKmsVault::known_kind(const std::string& arn) {
    const std::lock_guard lock(mutex_);
    const auto known = kinds_.find(arn);
    return known == kinds_.end() ? std::nullopt : std::optional(known->second);
}

AwsKmsVault::Kind AwsKmsVault::kind_of(const Location& location, std::string& request) {
    if (auto known = known_kind(location.uri)) return *known;
    return known_kind(look(location, request).location.uri).value();
}

Answer<KeyDescription> AwsKmsVault::describe(const Location& location) {
    return answer<KeyDescription>([&](std::string& request) { return look(location, request); });
}

Answer<Bytes> AwsKmsVault::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    return answer<Bytes>([&](std::string& request) {
        const Kind kind = kind_of(location, request);
        SecretJson fields = {{"KeyId", location.uri}, {"EncryptionAlgorithm", kind.algorithm}};
        fields["Plaintext"] = blob(plaintext);
        if (!kind.public_key) fields["EncryptionContext"] = context_of(binding);
        const RemoteAnswer reply = call("Encrypt", fields, request);
        require_same_key(parse_arn(text_of(*reply.json, "KeyId").value_or(""), request), KmsArn::parse(location.uri),
                         request);
        return copy_of(octets_of(reply, "CiphertextBlob", request));
    });
}

Answer<SecretBytes> AwsKmsVault::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    return answer<SecretBytes>([&](std::string& request) {
        const Kind kind = kind_of(location, request);
        SecretJson fields = {{"KeyId", location.uri}, {"EncryptionAlgorithm", kind.algorithm}};
        fields["CiphertextBlob"] = blob(wrapped);
        if (!kind.public_key) fields["EncryptionContext"] = context_of(binding);
        const RemoteAnswer reply = call("Decrypt", fields, request);
        require_same_key(parse_arn(text_of(*reply.json, "KeyId").value_or(""), request), KmsArn::parse(location.uri),
                         request);
        return octets_of(reply, "Plaintext", request);
    });
}

/// Far below what KMS allows an account, and enough to hide the way there and back.
int AwsKmsVault::lanes() const { return 8; }

std::string AwsKmsVault::identity() {
    const std::lock_guard lock(mutex_);
    return identity_;
}

bool AwsKmsVault::can_rewrap(const Location& from, const Location& to) {
    if (from.scheme != Location::Scheme::aws || to.scheme != Location::Scheme::aws) return false;
    const KmsArn left = KmsArn::parse(from.uri), right = KmsArn::parse(to.uri);
    return left.partition == right.partition && left.region == right.region;
}

Answer<Bytes> AwsKmsVault::rewrap(const Location& from, ByteView wrapped, const Location& to, const Binding& binding) {
    return answer<Bytes>([&](std::string& request) {
        if (kind_of(from, request).public_key || kind_of(to, request).public_key) {
            throw RemoteError(Outcome::misuse, "ReEncrypt is for symmetric keys: the slots of RSA keys name their key");
        }
        SecretJson fields = {{"SourceKeyId", from.uri},
                             {"DestinationKeyId", to.uri},
                             {"SourceEncryptionAlgorithm", kSymmetric},
                             {"DestinationEncryptionAlgorithm", kSymmetric}};
        fields["CiphertextBlob"] = blob(wrapped);
        fields["SourceEncryptionContext"] = context_of(binding);
        fields["DestinationEncryptionContext"] = context_of(binding);
        const RemoteAnswer reply = call("ReEncrypt", fields, request);
        require_same_key(parse_arn(text_of(*reply.json, "KeyId").value_or(""), request), KmsArn::parse(to.uri),
                         request);
        require_same_key(parse_arn(text_of(*reply.json, "SourceKeyId").value_or(""), request), KmsArn::parse(from.uri),
                         request);
        return copy_of(octets_of(reply, "CiphertextBlob", request));
    });
}

}  // namespace signet::keyring
