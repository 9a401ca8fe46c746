#include "keyring/byok_file.h"

#include "core/crypto/key_transport.h"
#include "core/error.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

constexpr std::string_view kGood =
    R"({"schema_version":"1.0.0","header":{"kid":"https://v.example/keys/kek/1","alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"},)"
    R"("ciphertext":"-_8AAQ","generator":"tool; HSM"})";

std::string with(std::string_view from, std::string_view to) {
    std::string text(kGood);
    return text.replace(text.find(from), from.size(), to);
}

ErrorCode failure(const std::string& text) {
    try {
        static_cast<void>(parse_byok(as_bytes(text), "file"));
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::failed;
}

TEST_CASE("a .byok file is read as its makers write it, and written the same way [R61]", "[keyring][byok]") {
    const ByokFile file = parse_byok(as_bytes(kGood), "file");
    CHECK(file.key_id == "https://v.example/keys/kek/1");
    CHECK(file.ciphertext == Bytes{0xfb, 0xff, 0x00, 0x01});
    CHECK(file.generator == "tool; HSM");
    CHECK(looks_like_byok(as_bytes(kGood)));
    CHECK(parse_byok(as_bytes(with("-_8AAQ", "-_8AAQ==")), "file").ciphertext == file.ciphertext);
    const ByokFile again = parse_byok(as_bytes(encode_byok(file)), "file");
    CHECK(again.key_id == file.key_id);
    CHECK(again.ciphertext == file.ciphertext);
}

TEST_CASE("what is no .byok file, or wrapped in another way, is refused by name [R61]", "[keyring][byok]") {
    CHECK(failure(std::string(kGood)) == ErrorCode::failed);
    CHECK(failure("{") == ErrorCode::damaged);
    CHECK(failure("{}") == ErrorCode::damaged);
    CHECK(failure("[]") == ErrorCode::damaged);
    CHECK(failure(with("1.0.0", "2.0.0")) == ErrorCode::unsupported);
    CHECK(failure(with("CKM_RSA_AES_KEY_WRAP", "RSA-OAEP")) == ErrorCode::unsupported);
    CHECK(failure(with("dir", "none")) == ErrorCode::unsupported);
    CHECK(failure(with("-_8AAQ", "+/8AAQ")) == ErrorCode::damaged);
    CHECK(failure(with("-_8AAQ", "-_8AA")) == ErrorCode::damaged);
    CHECK(failure(with("\"-_8AAQ\"", "7")) == ErrorCode::damaged);
    CHECK(failure(with("\"kid\"", "\"id\"")) == ErrorCode::damaged);
    CHECK(failure(std::string(kMaxByokFile + 1, '{')) == ErrorCode::damaged);
    CHECK_FALSE(looks_like_byok(as_bytes("-----BEGIN PRIVATE KEY-----")));
}

TEST_CASE("a .byok file is opened by an enabled key exchange key alone [R61]", "[keyring][byok]") {
    Bench bench;
    const KeyVersion protector = bench.vault().create_key("prod", 2048);
    const KeyVersion exchange = bench.vault().create_key("kek", 2048, {}, KeyUse::exchange);
    const SecretBytes pkcs8 = bench.vault().export_private(protector.thumbprint);
    const Bytes ciphertext = crypto::wrap_for_transport(exchange.public_key(), pkcs8);
    const auto opened = bench.vault().open_transported(exchange, ciphertext);
    REQUIRE(opened);
    CHECK(opened->equals(pkcs8.reveal()));
    const Bytes for_protector = crypto::wrap_for_transport(protector.public_key(), pkcs8);
    REQUIRE_THROWS_MATCHES(bench.vault().open_transported(protector, for_protector), Error,
                           has_code(ErrorCode::refused));
    bench.vault().set_enabled("kek", false);
    REQUIRE_THROWS_MATCHES(bench.vault().open_transported(bench.vault().get("kek"), ciphertext), Error,
                           has_code(ErrorCode::refused));
}

}  // namespace
}  // namespace signet::keyring::test
