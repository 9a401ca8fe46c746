#include "keyring/share_text.h"

#include "core/byte_io.h"
#include "core/crypto/digest.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace signet::keyring {
namespace {

// version, set, threshold, count, number, value, check: 50 octets in five rows of ten.
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kRows = 5;
constexpr std::size_t kRowSize = 10;
constexpr std::size_t kShareSize = kRows * kRowSize;
constexpr std::size_t kCheckSize = 6;
constexpr std::size_t kGroup = 4;
constexpr std::size_t kRowDigits = kRowSize * 8 / 5;
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::string_view kRowLabel("signet/share-row/v1\0", 20);
constexpr std::string_view kShareLabel("signet/share-text/v1\0", 21);

using Row = std::array<std::uint8_t, kRowSize>;

/// Five bits a digit, most significant first; a whole number of octets is not needed.
void append_digits(std::string& out, ByteView octets, std::size_t digits) {
    for (std::size_t digit = 0; digit < digits; ++digit) {
        unsigned value = 0;
        for (std::size_t bit = digit * 5; bit < digit * 5 + 5; ++bit) {
            value = value * 2 + (static_cast<unsigned>(octets[bit / 8] >> (7 - bit % 8)) & 1U);
        }
        if (digit > 0 && digit % kGroup == 0) out += ' ';
        out += kDigits[value];
    }
}

Digest row_check(std::size_t number, ByteView octets) {
    const auto row = static_cast<std::uint8_t>(number);
    return crypto::sha256({as_bytes(kRowLabel), ByteView(&row, 1), octets});
}

Digest share_check(ByteView octets) { return crypto::sha256({as_bytes(kShareLabel), octets}); }

SecretBytes encode(const SecretShare& share) {
    ByteWriter head;
    head.u8(kVersion);
    head.id(share.set);
    head.u8(share.scheme.threshold);
    head.u8(share.scheme.count);
    head.u8(share.number);
    SecretBytes octets(kShareSize);
    const MutableByteView out = octets.mutable_view();
    auto at = std::copy(head.view().begin(), head.view().end(), out.begin());
    at = std::copy_n(share.value.reveal().begin(), kSharedSecretSize, at);
    const Digest check = share_check(octets.reveal().first(kShareSize - kCheckSize));
    std::copy_n(check.view().begin(), kCheckSize, at);
    return octets;
}

SecretShare decode(ByteView octets, const std::string& where) {
    if (octets[0] != kVersion) {
        throw Error(ErrorCode::unsupported, where + ": a share of a newer version",
                    "a newer version of signet reads it");
    }
    const ByteView checked = octets.first(kShareSize - kCheckSize);
    ByteReader reader(checked.subspan(1), where);
    SecretShare share;
    share.set = reader.id<ShareSetId>();
    share.scheme.threshold = reader.u8();
    share.scheme.count = reader.u8();
    share.number = reader.u8();
    share.value = SecretBytes(reader.raw(kSharedSecretSize));
    const bool whole = constant_time_equal(share_check(checked).view().first(kCheckSize), octets.last(kCheckSize));
    if (!whole || !share.scheme.is_valid() || share.number == 0 || share.number > share.scheme.count) {
        throw Error(ErrorCode::damaged, where + ": these rows are not of one share", "type them from one sheet");
    }
    return share;
}

/// A digit's value, as people type it; nothing when it is none.
std::optional<unsigned> value_of(char typed) {
    char digit = static_cast<char>(std::tolower(static_cast<unsigned char>(typed)));
    if (digit == 'o') digit = '0';
    if (digit == 'i' || digit == 'l') digit = '1';
    const auto at = kDigits.find(digit);
    if (at == std::string_view::npos) return std::nullopt;
    return static_cast<unsigned>(at);
}

/// Gathers rows line by line.
class Reader {
public:
    explicit Reader(std::string_view what) : what_(what), octets_(kShareSize) {}

    void take(std::string_view line) {
        ++line_;
        while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
        if (line.size() < 2 || std::isdigit(static_cast<unsigned char>(line.front())) == 0 || line[1] != ':') return;
        const auto number = static_cast<std::size_t>(line.front() - '0');
        if (number != rows_ + 1) {
            fail("row " + std::to_string(rows_ + 1) + " of the share is missing before it",
                 "a share has rows 1 to 5, in this order");
        }
        if (!read_row(line.substr(2), number)) {
            fail("row " + std::to_string(number) + " of the share was mistyped",
                 "compare it with the paper: five groups of four, of which the last checks the others");
        }
        if (++rows_ == kRows) finish_share();
    }

    std::vector<SecretShare> finish() {
        if (rows_ > 0) fail("the share ends after row " + std::to_string(rows_), "a share has rows 1 to 5");
        if (shares_.empty()) {
            throw Error(ErrorCode::damaged, what_ + ": there is no share in it", "its rows begin with 1: to 5:");
        }
        return std::move(shares_);
    }

private:
    static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

    [[noreturn]] void fail(const std::string& why, const std::string& hint) const {
        throw Error(ErrorCode::damaged, what_ + ", line " + std::to_string(line_) + ": " + why, hint);
    }

    /// returns  false: other than twenty digits, or digits that do not check
    bool read_row(std::string_view text, std::size_t number) {
        SecretBytes packed(kRowSize + 3);  // twenty digits are twelve and a half octets
        std::size_t digits = 0;
        for (const char c : text) {
            if (is_space(c) || c == '-') continue;
            const auto value = value_of(c);
            if (!value || digits == kRowDigits + kGroup) return false;
            for (std::size_t bit = 0; bit < 5; ++bit) {
                const std::size_t at = digits * 5 + bit;
                packed.mutable_view()[at / 8] |=
                    static_cast<std::uint8_t>(((*value >> (4 - bit)) & 1U) << (7 - at % 8));
            }
            ++digits;
        }
        if (digits != kRowDigits + kGroup) return false;
        const ByteView octets = packed.reveal().first(kRowSize);
        const Digest digest = row_check(number, octets);
        Bytes check(digest.view().begin(), digest.view().begin() + 3);
        check[2] = static_cast<std::uint8_t>(check[2] & 0xF0U);  // twenty bits
        if (!constant_time_equal(check, packed.reveal().subspan(kRowSize))) return false;
        std::copy(octets.begin(), octets.end(),
                  octets_.mutable_view().begin() + static_cast<long>((number - 1) * kRowSize));
        return true;
    }

    void finish_share() {
        shares_.push_back(decode(octets_.reveal(), what_ + ", line " + std::to_string(line_)));
        rows_ = 0;
    }

    std::string what_;
    SecretBytes octets_;
    std::size_t rows_ = 0;
    std::size_t line_ = 0;
    std::vector<SecretShare> shares_;
};

/// On two lines, so that a page has 80 columns.
void append_thumbprint(std::string& page, const std::string& text) {
    constexpr std::size_t kFirstLine = 39;
    page += "  thumbprint  " + text.substr(0, kFirstLine) + "\n";
    if (text.size() > kFirstLine) page += "              " + text.substr(kFirstLine) + "\n";
}

void append_rows(std::string& page, const SecretShare& share) {
    const SecretBytes octets = encode(share);
    for (std::size_t row = 0; row < kRows; ++row) {
        const ByteView part = octets.reveal().subspan(row * kRowSize, kRowSize);
        page += "  " + std::to_string(row + 1) + ": ";
        append_digits(page, part, kRowDigits);
        page += "  ";
        append_digits(page, row_check(row + 1, part).view(), kGroup);
        page += '\n';
    }
}

}  // namespace

SecretBytes share_text(const SecretShare& share, const ShareHeader& header) {
    const std::string needed = std::to_string(share.scheme.threshold);
    const std::string count = std::to_string(share.scheme.count);
    const std::string number = std::to_string(share.number);
    std::string page;
    page.reserve(4096 + header.key.size());  // it holds a secret: no copy is left behind by growing
    page += "SIGNET KEY BACKUP, SHARE " + number + " OF " + count + "\n\n";
    page += "  key         " + header.key + "\n";
    append_thumbprint(page, header.thumbprint.text());
    page += "  made        " + to_rfc3339(header.made) + "\n";
    page += "  key backup  " + share.set.hex() + "\n";
    page += "  needed      " + needed + " of " + count + " shares, and the file of the key backup\n\n";
    append_rows(page, share);
    page += "\nTo bring the key back, gather " + needed +
            " shares and the file. Type the numbered rows\n"
            "of each share into a file of its own; the rest need not be typed. Then\n\n"
            "  signet key restore FILE";
    for (unsigned i = 1; i <= share.scheme.threshold; ++i) {
        if (i > 1 && i % 3 == 1) page += " \\\n   ";
        page += " --share SHARE" + std::to_string(i);
    }
    page +=
        "\n\nThe last group of a row checks it: a mistyped row is named. Capitals do not\n"
        "matter; o is 0, i and l are 1. Fewer than " +
        needed +
        " shares say nothing about the key.\n"
        "Keep the shares apart from each other, and from the file.\n";
    SecretBytes text(as_bytes(page));
    wipe({reinterpret_cast<std::uint8_t*>(page.data()), page.size()});
    return text;
}

std::vector<SecretShare> parse_shares(std::string_view text, std::string_view what) {
    Reader reader(what);
    while (!text.empty()) {
        const auto feed = text.find('\n');
        reader.take(text.substr(0, feed));
        text.remove_prefix(feed == std::string_view::npos ? text.size() : feed + 1);
    }
    return reader.finish();
}

}  // namespace signet::keyring
