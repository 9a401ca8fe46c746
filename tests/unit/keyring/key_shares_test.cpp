#include "keyring/key_backup.h"
#include "keyring/share_text.h"
#include "keyring/state_file.h"
#include "tests/unit/keyring/bench.h"

#include <bit>

namespace signet::keyring::test {
namespace {

using Catch::Contains;

const ShareSetId kSet = ShareSetId::from(as_bytes("set-1234"));

SecretBytes known_secret() { return secret("0123456789abcdef0123456789ABCDEF"); }

SecretShare copy_of(const SecretShare& share) { return {share.set, share.scheme, share.number, share.value.clone()}; }

/// The shares whose bit is set.
std::vector<SecretShare> chosen(const std::vector<SecretShare>& shares, unsigned bits) {
    std::vector<SecretShare> some;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        if ((bits >> i & 1U) != 0) some.push_back(copy_of(shares[i]));
    }
    return some;
}

SecretBytes joined(const std::vector<SecretShare>& shares) {
    std::vector<const SecretShare*> pointers;
    for (const SecretShare& share : shares) pointers.push_back(&share);
    return join_shares(pointers);
}

/// What opening a file with shares ends in.
std::string refusal(const KeyBackup& backup, const std::vector<SecretShare>& shares, ErrorCode code) {
    try {
        static_cast<void>(open_key_backup(backup.file, shares, "file"));
    } catch (const Error& error) {
        CHECK(error.code() == code);
        return error.what();
    }
    return "opened";
}

std::string page_of(const SecretShare& share) {
    const ShareHeader header{"prod/1", *format::Thumbprint::parse("sha256:" + std::string(64, 'a')), TimePoint{0}};
    return std::string(as_text(share_text(share, header).reveal()));
}

TEST_CASE("any M of N shares give the secret back, for every scheme up to seven shares [R65]", "[keyring][shares]") {
    for (std::uint8_t count = 2; count <= 7; ++count) {
        for (std::uint8_t threshold = 2; threshold <= count; ++threshold) {
            const auto shares = split_secret(known_secret(), kSet, {threshold, count});
            REQUIRE(shares.size() == count);
            for (unsigned bits = 0; bits < 1U << count; ++bits) {
                if (std::popcount(bits) < threshold) continue;
                REQUIRE(joined(chosen(shares, bits)).equals(known_secret().reveal()));
            }
        }
    }
}

TEST_CASE("shares are fresh each time, and schemes that make no sense are refused [R65]", "[keyring][shares]") {
    const auto first = split_secret(known_secret(), kSet, {2, 3});
    const auto second = split_secret(known_secret(), kSet, {2, 3});
    CHECK_FALSE(first.front().value.equals(second.front().value.reveal()));
    for (const ShareScheme scheme : {ShareScheme{1, 3}, ShareScheme{0, 0}, ShareScheme{4, 3}, ShareScheme{2, 17}}) {
        REQUIRE_THROWS_MATCHES(split_secret(known_secret(), kSet, scheme), Error, has_code(ErrorCode::usage));
    }
    CHECK(split_secret(known_secret(), kSet, {16, 16}).size() == 16);
}

TEST_CASE("every M of N shares open a key backup, and every M-1 say how many are lacking [R65]", "[keyring][shares]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    const auto shared = make_shared_key_backup(bench.vault(), "prod", {3, 5}, bench.clock.now());
    CHECK(shares_of_key_backup(shared.backup.file, "file") == ShareScheme{3, 5});
    for (unsigned bits = 0; bits < 1U << 5U; ++bits) {
        const int given = std::popcount(bits);
        const auto shares = chosen(shared.shares, bits);
        if (given >= 3) {
            const OpenKeyBackup open = open_key_backup(shared.backup.file, shares, "file");
            REQUIRE(open.keys.front().key.thumbprint == key.thumbprint);
        } else {
            CHECK_THAT(refusal(shared.backup, shares, ErrorCode::wrong_passphrase),
                       Contains("file: " + std::to_string(given) + " of 3 needed shares"));
        }
    }
    // One share twice is one share.
    auto twice = chosen(shared.shares, 3);
    twice.push_back(copy_of(twice.front()));
    CHECK_THAT(refusal(shared.backup, twice, ErrorCode::wrong_passphrase), Contains("2 of 3 needed shares"));
}

TEST_CASE("an altered share and a share of another key backup are named [R65]", "[keyring][shares]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const auto shared = make_shared_key_backup(bench.vault(), "prod", {2, 3}, bench.clock.now());
    const auto other = make_shared_key_backup(bench.vault(), "prod", {2, 3}, bench.clock.now());
    for (std::size_t octet = 0; octet < kSharedSecretSize; ++octet) {
        auto shares = chosen(shared.shares, 7);
        shares[1].value.mutable_view()[octet] ^= 1U;
        REQUIRE_THAT(refusal(shared.backup, shares, ErrorCode::wrong_passphrase), Contains("share 2 of 3 is not what"));
    }
    auto mixed = chosen(shared.shares, 1);
    mixed.push_back(copy_of(other.shares[2]));
    CHECK_THAT(refusal(shared.backup, mixed, ErrorCode::wrong_passphrase),
               Contains("share 3 of 3 is of another key backup"));
    auto fewer = chosen(shared.shares, 1);
    fewer[0].scheme.threshold = 1;
    CHECK_THAT(refusal(shared.backup, fewer, ErrorCode::wrong_passphrase), Contains("was altered"));
}

TEST_CASE("shares and passphrases are not taken for each other [R65]", "[keyring][shares]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const auto shared = make_shared_key_backup(bench.vault(), "prod", {2, 3}, bench.clock.now());
    REQUIRE_THROWS_MATCHES(open_key_backup(shared.backup.file, secret("paper"), "file"), Error,
                           has_code(ErrorCode::wrong_passphrase));
    const KeyBackup sealed = make_key_backup(bench.vault(), "prod", secret("paper"), bench.clock.now(), kCheap);
    CHECK_FALSE(shares_of_key_backup(sealed.file, "file"));
    CHECK_THAT(refusal(sealed, chosen(shared.shares, 7), ErrorCode::usage), Contains("by a passphrase"));
}

TEST_CASE("a slot of shares that was altered opens nothing [R65]", "[keyring][shares]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const auto shared = make_shared_key_backup(bench.vault(), "prod", {2, 3}, bench.clock.now());
    const Json body = decode_state(shared.backup.file, "signet_key_backup", "file");
    const auto forge = [&](const auto& apply) {
        Json forged = body;
        apply(forged["unlock"]);
        KeyBackup backup;
        const std::string text = encode_state(forged);
        backup.file.assign(text.begin(), text.end());
        try {
            static_cast<void>(open_key_backup(backup.file, shared.shares, "file"));
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::failed;
    };
    CHECK(forge([](Json&) {}) == ErrorCode::failed);
    CHECK(forge([](Json& slot) { slot["threshold"] = 1; }) == ErrorCode::damaged);
    CHECK(forge([](Json& slot) { slot["threshold"] = 17; }) == ErrorCode::damaged);
    CHECK(forge([](Json& slot) { slot["count"] = 2; }) == ErrorCode::damaged);
    CHECK(forge([](Json& slot) { slot["threshold"] = 3; }) == ErrorCode::wrong_passphrase);
    CHECK(forge([](Json& slot) { slot["shares"][0] = slot["shares"][1]; }) == ErrorCode::wrong_passphrase);
    CHECK(forge([](Json& slot) { slot["check"] = std::string(64, '0'); }) == ErrorCode::damaged);
    CHECK(forge([](Json& slot) { slot["kind"] = "telepathy"; }) == ErrorCode::unsupported);
}

TEST_CASE("a page of a share is ASCII, fits a sheet, and is read back with or without its words [R65]",
          "[keyring][shares]") {
    const auto shares = split_secret(known_secret(), kSet, {2, 3});
    for (const SecretShare& share : shares) {
        const std::string page = page_of(share);
        std::size_t rows_from = page.find("  1: ");
        REQUIRE(rows_from != std::string::npos);
        std::string rows = page.substr(rows_from, page.find("\n\n", rows_from) - rows_from);
        std::string shouted = rows;
        for (char& c : shouted) c = static_cast<char>(c == ' ' ? '-' : std::toupper(static_cast<unsigned char>(c)));
        shouted = "1:" + shouted.substr(shouted.find(':') + 1);  // the first row's indentation was spaces
        for (std::size_t at = shouted.find("\n--"); at != std::string::npos; at = shouted.find("\n--")) {
            shouted.erase(at + 1, 2);
        }
        for (const std::string& typed : {page, rows, shouted}) {
            const auto read = parse_shares(typed, "paper");
            REQUIRE(read.size() == 1);
            CHECK(read.front().set == share.set);
            CHECK(read.front().scheme == share.scheme);
            CHECK(read.front().number == share.number);
            CHECK(read.front().value.equals(share.value.reveal()));
        }
        std::size_t column = 0;
        for (const char c : page) {
            CHECK((c == '\n' || (c >= ' ' && c <= '~')));
            column = c == '\n' ? 0 : column + 1;
            CHECK(column <= 80);
        }
    }
    CHECK(parse_shares(page_of(shares[0]) + "\f" + page_of(shares[1]), "both").size() == 2);
}

TEST_CASE("every mistyped character of a share is noticed, and its line is named [R65]", "[keyring][shares]") {
    const auto shares = split_secret(known_secret(), kSet, {2, 3});
    const std::string page = page_of(shares.front());
    const std::size_t from = page.find("  1: ");
    const std::size_t to = page.find("\n\n", from);
    const auto lines_before = [&](std::size_t at) {
        return std::count(page.begin(), page.begin() + static_cast<long>(at), '\n') + 1;
    };
    int noticed = 0;
    for (std::size_t at = from; at < to; ++at) {
        if (std::isalnum(static_cast<unsigned char>(page[at])) == 0 || page[at + 1] == ':') continue;
        for (const char wrong : {'0', '7', 'k', 'z', 'u', '!'}) {
            if (wrong == page[at]) continue;
            std::string typed = page;
            typed[at] = wrong;
            const std::string line = "paper, line " + std::to_string(lines_before(at)) + ": row ";
            REQUIRE_THROWS_WITH(parse_shares(typed, "paper"), Contains(line) && Contains("was mistyped"));
            ++noticed;
        }
    }
    CHECK(noticed > 400);
}

TEST_CASE("rows that are missing, swapped or of two sheets are refused [R65]", "[keyring][shares]") {
    const auto shares = split_secret(known_secret(), kSet, {2, 3});
    const auto rows_of = [](const SecretShare& share) {
        std::vector<std::string> rows;
        const std::string page = page_of(share);
        for (int number = 1; number <= 5; ++number) {
            const std::size_t from = page.find("  " + std::to_string(number) + ": ");
            rows.push_back(page.substr(from, page.find('\n', from) + 1 - from));
        }
        return rows;
    };
    const auto one = rows_of(shares[0]);
    const auto two = rows_of(shares[1]);
    const auto text = [](std::initializer_list<std::string> rows) {
        std::string all;
        for (const std::string& row : rows) all += row;
        return all;
    };
    CHECK_THROWS_WITH(parse_shares(text({one[0], one[2], one[3], one[4]}), "paper"),
                      Contains("line 2: row 2 of the share is missing"));
    CHECK_THROWS_WITH(parse_shares(text({one[1], one[0]}), "paper"), Contains("line 1: row 1 of the share is missing"));
    CHECK_THROWS_WITH(parse_shares(text({one[0], one[1], one[2]}), "paper"), Contains("the share ends after row 3"));
    CHECK_THROWS_WITH(parse_shares(text({one[0], one[1], two[2], one[3], one[4]}), "paper"),
                      Contains("not of one share"));
    CHECK_THROWS_WITH(parse_shares("dear anna\n", "paper"), Contains("there is no share in it"));
    CHECK_THROWS_WITH(parse_shares("", "paper"), Contains("there is no share in it"));
}

}  // namespace
}  // namespace signet::keyring::test
