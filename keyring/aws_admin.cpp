// What a key officer does with keys of AWS KMS.
#include "keyring/aws_kms_vault.h"

#include <algorithm>

namespace signet::keyring {
namespace {

constexpr int kMostPolls = 60;
constexpr std::chrono::milliseconds kBetweenPolls{1'000};
constexpr int kDaysToDeletion = 30;

std::string spec_of(int bits) { return bits == 0 ? "SYMMETRIC_DEFAULT" : "RSA_" + std::to_string(bits); }

void refuse_dates(const KeyDates& dates) {
    if (dates.not_before || dates.expires)
        throw RemoteError(Outcome::misuse, "keys of KMS have no dates: leave --not-before and --expires out");
}

/// What a new key is called. throws  Error{usage}: an id, and KMS makes those
KmsArn alias_of(const Location& location) {
    KmsArn arn = KmsArn::parse(location.uri);
    if (arn.is_alias() && !arn.resource.starts_with("alias/aws/")) return arn;
    throw Error(
        ErrorCode::usage, location.text() + " names no key that can be made: KMS gives keys their ids",
        "name it by an alias: aws:arn:" + arn.partition + ":kms:" + arn.region + ":" + arn.account + ":alias/NAME");
}

/// A key that an answer names. throws  RemoteError{untrusted}
Location named_key(const std::string& arn) {
    try {
        Location location = Location::parse("aws:" + arn);
        if (!KmsArn::parse(location.uri).is_alias()) return location;
    } catch (const Error&) {
        // Told below.
    }
    throw RemoteError(Outcome::untrusted, "the answer is not that of KMS: it names no key");
}

Location location_of(const KmsArn& near, const std::string& region, const std::string& resource) {
    return Location::parse("aws:arn:" + near.partition + ":kms:" + region + ":" + near.account + ":" + resource);
}

/// Where the members of a key's set are. None for a key of one region.
std::vector<std::string> regions_of_twins(const SecretJson& metadata) {
    std::vector<std::string> regions;
    const SecretJson* set = object_of(metadata, "MultiRegionConfiguration");
    if (set == nullptr) return regions;
    const auto rows = set->find("ReplicaKeys");
    if (rows == set->end() || !rows->is_array()) return regions;
    for (const SecretJson& row : *rows)
        regions.push_back(KmsArn::parse(named_key(text_of(row, "Arn").value_or("")).uri).region);
    return regions;
}

}  // namespace

bool AwsKmsVault::can(AdminVerb verb) const {
    return verb != AdminVerb::import_key && verb != AdminVerb::purge && verb != AdminVerb::backup &&
           verb != AdminVerb::restore;
}

RemoteAnswer AwsKmsVault::describe_key(const std::string& id) {
    std::string request;
    RemoteAnswer answer = call("DescribeKey", {{"KeyId", id}}, request);
    if (object_of(*answer.json, "KeyMetadata") == nullptr)
        throw RemoteError(Outcome::untrusted, "DescribeKey: no KeyMetadata in the answer", request);
    return answer;
}

/// The key itself, whatever its state.
Location AwsKmsVault::resolved(const Location& location) {
    const RemoteAnswer answer = describe_key(location.uri);
    return named_key(text_of(*object_of(*answer.json, "KeyMetadata"), "Arn").value_or(""));
}

/// A key is being created for a while, and a twin for longer.
KeyDescription AwsKmsVault::wait_until_usable(const Location& location) {
    for (int poll = 0;; ++poll) {
        const Answer<KeyDescription> answer = describe(location);
        if (answer.ok()) return *answer.value;
        const bool may_come = answer.outcome == Outcome::unavailable || answer.outcome == Outcome::not_found;
        if (!may_come || poll == kMostPolls) throw RemoteError(answer.outcome, answer.detail, answer.request);
        access_.client().settings().sleep(kBetweenPolls);
    }
}

KeyDescription AwsKmsVault::make(const std::string& spec, bool multi_region) {
    std::string request;
    SecretJson fields = {{"KeySpec", spec}, {"KeyUsage", "ENCRYPT_DECRYPT"}, {"Description", "Protector of backups"}};
    if (multi_region) fields["MultiRegion"] = true;
    const RemoteAnswer answer = call("CreateKey", fields, request);
    const SecretJson* metadata = object_of(*answer.json, "KeyMetadata");
    if (metadata == nullptr) throw RemoteError(Outcome::untrusted, "CreateKey: no KeyMetadata in the answer", request);
    return wait_until_usable(named_key(text_of(*metadata, "Arn").value_or("")));
}

/// Makes the alias, or moves it.
void AwsKmsVault::point(const KmsArn& alias, const Location& key) {
    std::string request;
    const SecretJson fields = {{"AliasName", alias.resource}, {"TargetKeyId", KmsArn::parse(key.uri).key_id()}};
    try {
        static_cast<void>(call("UpdateAlias", fields, request));
    } catch (const RemoteError& error) {
        if (error.outcome() != Outcome::not_found) throw;
        static_cast<void>(call("CreateAlias", fields, request));
    }
}

KeyDescription AwsKmsVault::create(const Location& location, const NewKey& wanted) {
    refuse_dates(wanted.dates);
    const KmsArn alias = alias_of(location);
    try {
        static_cast<void>(describe_key(location.uri));
        throw Error(ErrorCode::refused, "there is a key " + location.text() + " already",
                    "another key in its place: signet key rotate " + location.text());
    } catch (const RemoteError& error) {
        if (error.outcome() != Outcome::not_found) throw;
    }
    KeyDescription key = make(spec_of(wanted.bits), wanted.multi_region);
    std::string request;
    static_cast<void>(call("CreateAlias",
                           {{"AliasName", alias.resource}, {"TargetKeyId", KmsArn::parse(key.location.uri).key_id()}},
                           request));
    return key;
}

void AwsKmsVault::copy_to(const Location& key, const std::string& region) {
    std::string request;
    try {
        static_cast<void>(call("ReplicateKey", {{"KeyId", key.uri}, {"ReplicaRegion", region}}, request));
    } catch (const RemoteError& error) {
        // What was cut off in between has made it already.
        if (std::string_view(error.what()).find("AlreadyExistsException") == std::string_view::npos) throw;
    }
}

KeyDescription AwsKmsVault::replicate(const Location& key, const Location& location) {
    const KmsArn alias = alias_of(location);
    const KmsArn place = KmsArn::parse(key.uri);
    if (alias.partition != place.partition || alias.account != place.account || alias.region == place.region) {
        throw Error(ErrorCode::usage, "a twin is in another region of the same account: " + location.text(),
                    "name an alias in the second region: aws:arn:" + place.partition + ":kms:REGION:" + place.account +
                        ":" + alias.resource);
    }
    const KeyDescription original = require_key(describe(key), key);
    const KmsArn arn = KmsArn::parse(original.location.uri);
    if (!arn.key_id().starts_with("mrk-")) {
        throw Error(ErrorCode::refused, original.location.text() + " is a key of one region, and stays one",
                    "a key that may have twins: signet key create aws:arn:…:alias/NAME --multi-region");
    }
    copy_to(original.location, alias.region);
    AwsKmsVault there(access_, alias.region);
    KeyDescription twin = there.wait_until_usable(location_of(alias, alias.region, arn.resource));
    there.point(alias, twin.location);
    return twin;
}

/// Another key of the same kind; what stands for it in other regions is there before the alias moves in this one.
KeyDescription AwsKmsVault::rotate(const Location& location, int bits, const KeyDates& dates) {
    refuse_dates(dates);
    const KmsArn alias = alias_of(location);
    const RemoteAnswer before = describe_key(location.uri);
    const SecretJson& metadata = *object_of(*before.json, "KeyMetadata");
    const std::string spec = bits == 0 ? text_of(metadata, "KeySpec").value_or("") : spec_of(bits);
    const std::vector<std::string> regions = regions_of_twins(metadata);
    const bool multi_region = text_of(metadata, "KeyId").value_or("").starts_with("mrk-");
    KeyDescription key = make(spec, multi_region);
    const std::string resource = KmsArn::parse(key.location.uri).resource;
    for (const std::string& region : regions) {
        if (region == alias.region) continue;
        copy_to(key.location, region);
        AwsKmsVault there(access_, region);
        const KeyDescription twin = there.wait_until_usable(location_of(alias, region, resource));
        there.point(alias, twin.location);
    }
    point(alias, key.location);
    return key;
}

void AwsKmsVault::set_enabled(const Location& location, bool enabled) {
    std::string request;
    const Location key = resolved(location);
    static_cast<void>(call(enabled ? "EnableKey" : "DisableKey", {{"KeyId", key.uri}}, request));
}

RemovedKey AwsKmsVault::remove(const Location& location) {
    const Location key = resolved(location);
    std::string request;
    const RemoteAnswer answer =
        call("ScheduleKeyDeletion", {{"KeyId", key.uri}, {"PendingWindowInDays", kDaysToDeletion}}, request);
    RemovedKey removed{location.name, std::nullopt};
    const auto date = answer.json->find("DeletionDate");
    if (date != answer.json->end() && date->is_number()) {
        const double seconds = std::clamp(date->get<double>(), 0.0, 9e9);
        removed.purge_at = TimePoint{static_cast<std::int64_t>(seconds) * kNsPerSecond};
    }
    return removed;
}

/// KMS leaves a key disabled whose deletion is called off.
KeyDescription AwsKmsVault::recover(const Location& location) {
    std::string request;
    const Location key = resolved(location);
    static_cast<void>(call("CancelKeyDeletion", {{"KeyId", key.uri}}, request));
    static_cast<void>(call("EnableKey", {{"KeyId", key.uri}}, request));
    return wait_until_usable(key);
}

}  // namespace signet::keyring
