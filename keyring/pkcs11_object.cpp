#include "keyring/pkcs11_object.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <tuple>

namespace signet::keyring {
namespace {

constexpr CK_ULONG kFoundAtOnce = 64;
constexpr std::size_t kMaxFound = 4096;
constexpr std::array<CK_OBJECT_CLASS, 3> kKinds = {CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_CERTIFICATE};
constexpr CK_ULONG kMaxAttribute = 64UL * 1024;
constexpr std::int64_t kDayNs = 86'400 * kNsPerSecond;

CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, const void* value, std::size_t size) {
    return {type, const_cast<void*>(value), static_cast<CK_ULONG>(size)};
}

/// Ends a search, however it went.
class Search {
public:
    Search(const Pkcs11Session& session, std::vector<CK_ATTRIBUTE>& conditions) : session_(session) {
        const auto count = static_cast<CK_ULONG>(conditions.size());
        require_ok(session_->C_FindObjectsInit(session_.handle(), conditions.data(), count), "cannot search the token");
    }
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;
    ~Search() { session_->C_FindObjectsFinal(session_.handle()); }

    std::vector<CK_OBJECT_HANDLE> next() {
        std::vector<CK_OBJECT_HANDLE> found(kFoundAtOnce);
        CK_ULONG count = 0;
        require_ok(session_->C_FindObjects(session_.handle(), found.data(), kFoundAtOnce, &count),
                   "cannot search the token");
        found.resize(std::min(count, kFoundAtOnce));
        return found;
    }

private:
    const Pkcs11Session& session_;
};

CK_ULONG read_number(const Pkcs11Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const auto value = read_attribute(session, object, type);
    CK_ULONG number = CK_UNAVAILABLE_INFORMATION;
    if (value && value->size() == sizeof(number)) std::memcpy(&number, value->data(), sizeof(number));
    return number;
}

/// throws  Error: not an RSA key that can be a protector
crypto::RsaPublicKey read_public_half(const Pkcs11Session& session, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS kind) {
    if (kind == CKO_CERTIFICATE) {
        const auto certificate = read_attribute(session, object, CKA_VALUE);
        if (!certificate) throw Error(ErrorCode::refused, "a certificate that the token does not show");
        return crypto::RsaPublicKey::from_certificate(*certificate);
    }
    if (read_number(session, object, CKA_KEY_TYPE) != CKK_RSA) {
        throw Error(ErrorCode::refused, "not an RSA key", "protectors are RSA keys of 2048, 3072 or 4096 bits");
    }
    const auto modulus = read_attribute(session, object, CKA_MODULUS);
    const auto exponent = read_attribute(session, object, CKA_PUBLIC_EXPONENT);
    if (!modulus || !exponent) throw Error(ErrorCode::refused, "a key whose public half the token does not show");
    return crypto::RsaPublicKey::from_numbers(*modulus, *exponent);
}

std::optional<TimePoint> read_date(const Pkcs11Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    try {
        const auto value = read_attribute(session, object, type);
        return value ? parse_date(*value) : std::nullopt;
    } catch (const Pkcs11Error& error) {
        // SoftHSM2 2.6 answers CKR_GENERAL_ERROR for the dates of private halves; the public half has them too.
        if (error.outcome() == Outcome::denied) return std::nullopt;
        throw;
    }
}

/// The narrower of what two objects say.
void narrow(KeyAttributes& dates, const std::optional<TimePoint>& start, const std::optional<TimePoint>& end) {
    if (start && (!dates.not_before || *dates.not_before < *start)) dates.not_before = start;
    if (end && (!dates.expires || end->ns + kDayNs < dates.expires->ns)) dates.expires = TimePoint{end->ns + kDayNs};
}

Pkcs11Key read_key(const Pkcs11Session& session, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS kind) {
    const Bytes label = read_attribute(session, object, CKA_LABEL).value_or(Bytes{});
    try {
        Pkcs11Key key{read_public_half(session, object, kind), std::string(as_text(label)), {}, {}, false};
        key.id = read_attribute(session, object, CKA_ID).value_or(Bytes{});
        if (kind == CKO_CERTIFICATE) return key;  // its dates are the certificate's, not the key's
        narrow(key.dates, read_date(session, object, CKA_START_DATE), read_date(session, object, CKA_END_DATE));
        key.is_local = read_flag(session, object, CKA_LOCAL, false);
        if (kind == CKO_PRIVATE_KEY) key.may_decrypt = read_flag(session, object, CKA_DECRYPT, true);
        return key;
    } catch (const Pkcs11Error&) {
        throw;
    } catch (const Error& error) {
        throw Pkcs11Error(Outcome::misuse, error.what());
    }
}

void merge(std::vector<Pkcs11Key>& keys, Pkcs11Key key) {
    const auto same = std::find_if(keys.begin(), keys.end(), [&](const Pkcs11Key& known) {
        return known.public_key.spki() == key.public_key.spki();
    });
    if (same == keys.end()) {
        keys.push_back(std::move(key));
        return;
    }
    if (same->label.empty()) same->label = key.label;
    if (key.dates.not_before && (!same->dates.not_before || *same->dates.not_before < *key.dates.not_before)) {
        same->dates.not_before = key.dates.not_before;
    }
    if (key.dates.expires && (!same->dates.expires || *key.dates.expires < *same->dates.expires)) {
        same->dates.expires = key.dates.expires;
    }
    same->is_local = same->is_local || key.is_local;
    if (key.may_decrypt) same->may_decrypt = key.may_decrypt;
}

}  // namespace

std::vector<CK_OBJECT_HANDLE> find_objects(const Pkcs11Session& session, CK_OBJECT_CLASS kind, const Pkcs11Uri& uri) {
    std::vector<CK_ATTRIBUTE> conditions = {attribute_of(CKA_CLASS, &kind, sizeof(kind))};
    if (!uri.label().empty()) conditions.push_back(attribute_of(CKA_LABEL, uri.label().data(), uri.label().size()));
    if (!uri.id().empty()) conditions.push_back(attribute_of(CKA_ID, uri.id().data(), uri.id().size()));
    Search search(session, conditions);
    std::vector<CK_OBJECT_HANDLE> all;
    for (auto some = search.next(); !some.empty(); some = search.next()) {
        all.insert(all.end(), some.begin(), some.end());
        if (all.size() > kMaxFound) throw Pkcs11Error(Outcome::misuse, "the token has too many objects of one name");
    }
    return all;
}

std::optional<Bytes> read_attribute(const Pkcs11Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ATTRIBUTE wanted{type, nullptr, 0};
    const auto ask = [&] { return session->C_GetAttributeValue(session.handle(), object, &wanted, 1); };
    const auto is_absent = [&](CK_RV result) {
        return result == CKR_ATTRIBUTE_TYPE_INVALID || result == CKR_ATTRIBUTE_SENSITIVE ||
               (result == CKR_OK && wanted.ulValueLen > kMaxAttribute);
    };
    CK_RV result = ask();
    if (is_absent(result)) return std::nullopt;
    require_ok(result, "cannot read the key's attributes");
    Bytes value(wanted.ulValueLen);
    wanted.pValue = value.data();
    result = ask();
    if (is_absent(result)) return std::nullopt;
    require_ok(result, "cannot read the key's attributes");
    value.resize(std::min<std::size_t>(value.size(), wanted.ulValueLen));
    return value;
}

bool read_flag(const Pkcs11Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool otherwise) {
    const auto value = read_attribute(session, object, type);
    return value && value->size() == sizeof(CK_BBOOL) ? value->front() != CK_FALSE : otherwise;
}

std::optional<TimePoint> parse_date(ByteView digits) {
    using namespace std::chrono;
    const auto number = [&](std::size_t from, std::size_t count) {
        int value = 0;
        for (const std::uint8_t digit : digits.subspan(from, count)) {
            value = value < 0 || digit < '0' || digit > '9' ? -1 : value * 10 + (digit - '0');
        }
        return value;
    };
    if (digits.size() != sizeof(CK_DATE)) return std::nullopt;
    const int given_year = number(0, 4);
    const int given_month = number(4, 2);
    const int given_day = number(6, 2);
    if (given_year < 1700 || given_year > 2200 || given_month < 1 || given_day < 1) return std::nullopt;
    const year_month_day date = year{given_year} / given_month / given_day;
    if (!date.ok()) return std::nullopt;
    return TimePoint{sys_days(date).time_since_epoch().count() * kDayNs};
}

CK_DATE to_date(TimePoint time) {
    const std::string text = to_rfc3339(time);  // "2026-03-14T…"
    CK_DATE date{};
    std::copy_n(text.begin(), 4, date.year);
    std::copy_n(text.begin() + 5, 2, date.month);
    std::copy_n(text.begin() + 8, 2, date.day);
    return date;
}

std::vector<Pkcs11Key> read_keys(const Pkcs11Session& session, const Pkcs11Uri& uri) {
    std::vector<Pkcs11Key> keys;
    for (const CK_OBJECT_CLASS kind : kKinds) {
        // A certificate for a key that shows itself adds nothing.
        if (kind == CKO_CERTIFICATE && !keys.empty()) continue;
        for (const CK_OBJECT_HANDLE object : find_objects(session, kind, uri))
            merge(keys, read_key(session, object, kind));
    }
    return keys;
}

std::vector<Pkcs11Key> list_keys(const Pkcs11Session& session, const Pkcs11Uri& uri) {
    const Pkcs11Uri token = uri.without_key();
    std::vector<Pkcs11Key> keys;
    for (const CK_OBJECT_CLASS kind : kKinds) {
        // Certificates of others are on many tokens; they stand for keys only where keys do not show themselves.
        if (kind == CKO_CERTIFICATE && !keys.empty()) continue;
        for (const CK_OBJECT_HANDLE object : find_objects(session, kind, token)) {
            try {
                merge(keys, read_key(session, object, kind));
            } catch (const Pkcs11Error& error) {
                if (error.outcome() != Outcome::misuse) throw;
            }
        }
    }
    std::sort(keys.begin(), keys.end(), [](const Pkcs11Key& left, const Pkcs11Key& right) {
        const VersionedLabel a = VersionedLabel::parse(left.label);
        const VersionedLabel b = VersionedLabel::parse(right.label);
        return std::tie(a.name, a.version, left.id) < std::tie(b.name, b.version, right.id);
    });
    return keys;
}

}  // namespace signet::keyring
