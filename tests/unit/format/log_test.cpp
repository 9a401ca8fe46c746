#include "format/log.h"

#include "core/crypto/digest.h"
#include "format/limits.h"
#include "format/log_epoch.h"
#include "format/names.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

LogTrailer sample_trailer(std::uint64_t place) {
    LogTrailer trailer;
    trailer.repository = sample_repository();
    trailer.epoch = sample_id<DekId>("epoch");
    trailer.place = place;
    trailer.signer = sample_signer().verify_key();
    trailer.before = sample_id<Digest>("before");
    if (place > 1) trailer.previous = sample_id<LogId>("previous");
    trailer.kind = LogKind::segment;
    trailer.name = "00000001000000000000000A";
    trailer.modified.ns = 1'000'000'000;
    trailer.stored.ns = 2'000'000'000;
    trailer.size = 16 * kMiB;
    trailer.content_tag = sample_id<Digest>("tag");
    trailer.timeline = 1;
    trailer.position = 10 * 16 * kMiB;
    return trailer;
}

LogEpochPublic sample_epoch(const DataKey& dek) {
    LogEpochPublic fields;
    fields.dek = dek.id();
    fields.commitment = dek.commitment();
    fields.slots = {sample_slot(dek)};
    fields.series = sample_id<SeriesId>("series");
    fields.source = {LogFamily::postgres, 4711, 16 * kMiB, ""};
    fields.closed = {{sample_id<DekId>("older"), 3, sample_id<LogId>("last")}};
    return fields;
}

}  // namespace

TEST_CASE("a log's end comes back as it was made, and every change of it is seen", "[format][log]") {
    for (const std::uint64_t place : {std::uint64_t{1}, std::uint64_t{7}}) {
        const LogTrailer trailer = sample_trailer(place);
        const Bytes end = make_log_end(trailer, sample_signer());
        const std::uint64_t size = 1000 + end.size();
        const SignedLog log = decode_log_end(end, size, "a log");
        log.require_signature("a log");
        CHECK(log.frames_end == 1000);
        CHECK(log.id == LogId::from(crypto::sha256(end).view()));
        CHECK(log.trailer.encode() == trailer.encode());
        each_bit_flip(end, [&](const Bytes& changed, std::size_t) {
            const auto code = outcome([&] { decode_log_end(changed, size, "a log").require_signature("a log"); });
            if (code != ErrorCode::damaged) FAIL(to_hex(changed));
        });
    }
}

TEST_CASE("trailers of all kinds come back", "[format][log]") {
    LogTrailer trailer = sample_trailer(2);
    trailer.kind = LogKind::history;
    trailer.position = 0;
    trailer.timeline = 3;
    trailer.switches = {{1, 100}, {2, 200}};
    LogTrailer again = LogTrailer::decode(trailer.encode(), "history");
    CHECK(again.switches == trailer.switches);
    trailer.switches = {{2, 100}, {1, 200}};
    REQUIRE_THROWS_MATCHES(LogTrailer::decode(trailer.encode(), "history"), Error, has_code(ErrorCode::damaged));

    trailer = sample_trailer(2);
    trailer.kind = LogKind::generic;
    trailer.timeline = 0;
    trailer.position = 0;
    trailer.number = 42;
    trailer.first = "4";
    trailer.last = "0-1-77";
    again = LogTrailer::decode(trailer.encode(), "generic");
    CHECK(again.number == 42);
    CHECK(again.last == "0-1-77");
}

TEST_CASE("chain keys lead on and never back, and every log has a key of its own", "[format][log]") {
    const DataKey dek = sample_dek();
    LogChain chain = LogChain::start(dek);
    const SecretBytes first = chain.key().clone();
    const Bytes head = LogHead{dek.repository(), dek.id(), 1, sample_id<Digest>("salt")}.encode();
    const Bytes other = LogHead{dek.repository(), dek.id(), 1, sample_id<Digest>("another salt")}.encode();
    CHECK_FALSE(chain.frame_key(head).equals(chain.frame_key(other).reveal()));
    CHECK_FALSE(chain.frame_key(head).equals(first.reveal()));
    chain.advance();
    CHECK(chain.next() == 2);
    // The key after it follows from it alone.
    LogChain resumed(dek.repository(), dek.id(), 1, first.clone());
    resumed.advance();
    CHECK(resumed.key().equals(chain.key().reveal()));
    CHECK_FALSE(chain.key().equals(first.reveal()));
}

TEST_CASE("frames of a log open in their place alone", "[format][log]") {
    const DataKey dek = sample_dek();
    const LogChain chain = LogChain::start(dek);
    const SecretBytes key = chain.frame_key(LogHead{dek.repository(), dek.id(), 1, sample_id<Digest>("salt")}.encode());
    const Bytes zeros(kMaxFrameRaw);
    const Bytes noise = sample_octets("noise", 5000);
    for (const Bytes* raw : {&zeros, &noise}) {
        LogFrameSealer sealer(key, 1);
        const ByteView whole = sealer.seal(3, *raw);
        const Bytes sealed(whole.begin(), whole.end());
        const auto head = LogFrameHead::decode(sealed, raw->size(), "a log");
        CHECK(head.is_compressed == (raw == &zeros));
        CHECK(head.sealed_size + LogFrameHead::kSize == sealed.size());
        LogFrameOpener opener(key);
        Bytes out(raw->size());
        opener.open(3, head, ByteView(sealed).subspan(LogFrameHead::kSize), out, "a log");
        CHECK(out == *raw);
        CHECK(outcome([&] { opener.open(4, head, ByteView(sealed).subspan(LogFrameHead::kSize), out, "a log"); }) ==
              ErrorCode::damaged);
        Bytes shorter(raw->size() - 1);
        CHECK(outcome([&] {
                  const auto other = LogFrameHead::decode(sealed, shorter.size(), "a log");
                  opener.open(3, other, ByteView(sealed).subspan(LogFrameHead::kSize), shorter, "a log");
              }) == ErrorCode::damaged);
    }
}

TEST_CASE("log epoch entries come back with their names and keys", "[format][log]") {
    const DataKey dek = sample_dek("epoch");
    const LogEpochPublic fields = sample_epoch(dek);
    const Bytes object =
        make_log_epoch_entry(sample_head(2), fields, sample_labels(), sample_writer_keys(), dek, sample_signer());
    const std::string name = journal_name(sample_signer().verify_key().identity(), 2);
    SignedEntry entry = decode_entry(object, name);
    CHECK(entry.kind == EntryKind::log_epoch);
    const LogEpochPublic again = log_epoch_public(entry);
    CHECK(again.source == fields.source);
    CHECK(again.closed == fields.closed);
    CHECK(again.series == fields.series);
    CHECK(again.slots.front().wrapped == fields.slots.front().wrapped);
    CHECK(open_epoch_keys(entry, dek).id_key.equals(sample_writer_keys().id_key.reveal()));
    CHECK(open_labels(entry, sample_writer_keys().label_key)->series == sample_labels().series);
    drop_body(entry);
    CHECK(open_labels(entry, sample_writer_keys().label_key)->series == sample_labels().series);
    const DataKey other = sample_dek("another");
    REQUIRE_THROWS_MATCHES(open_epoch_keys(decode_entry(object, name), other), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("names of PostgreSQL's logs say what they are", "[format][log]") {
    constexpr std::uint32_t size = 16 * kMiB;
    const auto segment = parse_postgres_name("00000002000000AB000000FF", size);
    REQUIRE(segment);
    CHECK(segment->kind == LogKind::segment);
    CHECK(segment->timeline == 2);
    CHECK(segment->position == (std::uint64_t{0xAB} << 32U) + std::uint64_t{0xFF} * size);
    CHECK(segment_name(2, segment->position, size) == "00000002000000AB000000FF");
    CHECK(parse_postgres_name("00000002000000AB000000FF.partial", size)->kind == LogKind::partial);
    const auto label = parse_postgres_name("00000002000000AB000000FF.00000028.backup", size);
    REQUIRE(label);
    CHECK(label->position == segment->position + 0x28);
    CHECK(parse_postgres_name("00000003.history", size)->timeline == 3);
    for (const char* name : {"00000002000000AB00000100", "00000000000000AB000000FF", "00000002000000ab000000FF", "x",
                             "00000002000000AB000000F", "00000002000000AB000000FF.backup", "00000000.history", ""}) {
        CAPTURE(name);
        CHECK_FALSE(parse_postgres_name(name, size));
    }
    CHECK(looks_like_postgres("00000002000000AB00000100"));
    CHECK_FALSE(looks_like_postgres("binlog.000001"));
    CHECK(position_text(0x1'0200'0028) == "1/2000028");
    CHECK(parse_position("1/2000028") == 0x1'0200'0028);
    CHECK_FALSE(parse_position("1-2"));
}

TEST_CASE("histories and sequences are parsed to the letter", "[format][log]") {
    const auto switches =
        parse_history("1\t0/3000060\tno recovery target specified\n\n# words\n2\t0/5000000\tx\n", "h");
    REQUIRE(switches.size() == 2);
    CHECK(switches[0] == TimelineSwitch{1, 0x3000060});
    CHECK(switches[1] == TimelineSwitch{2, 0x5000000});
    for (const char* text : {"1\n", "x\t0/0\n", "1\t00\n", "2\t0/1\n1\t0/2\n", "0\t0/1\n"}) {
        CAPTURE(text);
        REQUIRE_THROWS_MATCHES(parse_history(text, "h"), Error, has_code(ErrorCode::damaged));
    }
    const LogSequence sequence = LogSequence::parse("bin%%log.%06d");
    CHECK(sequence.name_of(7) == "bin%log.000007");
    CHECK(sequence.number_of("bin%log.000007") == 7);
    CHECK(sequence.number_of("bin%log.1234567") == 1234567);
    CHECK_FALSE(sequence.number_of("bin%log.0000007"));
    CHECK_FALSE(sequence.number_of("bin%log.7"));
    CHECK(LogSequence::parse("%d.log").number_of("12.log") == 12);
    for (const char* pattern : {"", "binlog", "%d%d", "%x", "%", "%0d", "%6d", "%021d", "%06"}) {
        CAPTURE(pattern);
        REQUIRE_THROWS_MATCHES(LogSequence::parse(pattern), Error, has_code(ErrorCode::usage));
    }
}
