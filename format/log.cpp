#include "format/log.h"

#include "core/crypto/digest.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/tree.h"

#include <algorithm>

namespace signet::format {
namespace {

constexpr std::string_view kMagic = "SIGNETLG";
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kSignatureSize = 64;
constexpr std::uint32_t kCompressedBit = 0x8000'0000U;
constexpr std::size_t kLeastTrailer = 16 + 16 + 8 + 32 + 32 + 32 + 1 + 2 + 8 + 8 + 1 + 32;

std::string read_short_text(ByteReader& reader) { return read_text(reader, kMaxName); }

void write_short_text(ByteWriter& writer, const std::string& text, std::string_view what) {
    if (text.size() > kMaxName) throw Error(ErrorCode::usage, std::string(what) + " is longer than 255 octets");
    write_text(writer, text, what);
}

void encode_generic(ByteWriter& writer, const LogTrailer& trailer) {
    writer.u8(trailer.number ? 1 : 0);
    writer.varint(trailer.number.value_or(0));
    write_short_text(writer, trailer.first, "the first position of a log");
    write_short_text(writer, trailer.last, "the last position of a log");
}

void decode_generic(ByteReader& reader, LogTrailer& trailer) {
    const std::uint8_t is_numbered = reader.u8();
    const std::uint64_t number = reader.varint();
    if (is_numbered > 1 || (is_numbered == 0 && number != 0)) reader.fail("number of a log");
    if (is_numbered == 1) trailer.number = number;
    trailer.first = read_short_text(reader);
    trailer.last = read_short_text(reader);
}

void encode_switches(ByteWriter& writer, const LogTrailer& trailer) {
    invariant(trailer.switches.size() <= kMaxSwitches, "at most 4,096 timelines in a history");
    writer.varint(trailer.switches.size());
    for (const TimelineSwitch& one : trailer.switches) {
        writer.u32(one.timeline);
        writer.u64(one.position);
    }
}

void decode_switches(ByteReader& reader, LogTrailer& trailer) {
    trailer.switches.resize(read_count(reader, kMaxSwitches, 12));
    std::uint32_t last = 0;
    for (TimelineSwitch& one : trailer.switches) {
        one.timeline = reader.u32();
        one.position = reader.u64();
        if (one.timeline <= last || one.timeline >= trailer.timeline) reader.fail("timelines do not ascend");
        last = one.timeline;
    }
}

Bytes frame_associated(bool is_compressed, std::uint32_t number, std::size_t raw_size) {
    ByteWriter writer;
    writer.raw(label("signet/log-frame/v1"));
    writer.u8(is_compressed ? 1 : 0);
    writer.u32(number);
    writer.u32(static_cast<std::uint32_t>(raw_size));
    return writer.take();
}

Bytes signed_message(const Digest& digest) {
    ByteWriter message;
    message.raw(label("signet/log/v1"));
    message.id(digest);
    return message.take();
}

std::uint32_t little_endian(ByteView octets) {
    ByteReader reader(octets, "a length");
    return reader.u32();
}

}  // namespace

Bytes LogHead::encode() const {
    invariant(number >= 1 && number <= kMaxLogsInEpoch, "a log's number is 1 to 65,536");
    ByteWriter writer;
    writer.raw(kMagic);
    writer.u16(1);
    writer.u16(1);
    writer.u32(0);
    writer.id(repository);
    writer.id(dek);
    writer.u64(number);
    writer.id(salt);
    return writer.take();
}

LogHead LogHead::decode(ByteView bytes, std::string_view what) {
    if (bytes.size() < kLogHeadSize) throw_damaged(what, "shorter than a log's head");
    ByteReader reader(bytes.first(kLogHeadSize), what);
    read_magic(reader, kMagic, what);
    read_suite(reader, what);
    if (reader.u32() != 0) reader.fail("reserved octets");
    LogHead head;
    head.repository = reader.id<RepositoryId>();
    head.dek = reader.id<DekId>();
    head.number = reader.u64();
    if (head.number == 0 || head.number > kMaxLogsInEpoch) reader.fail("number of a log");
    head.salt = reader.id<Digest>();
    return head;
}

Bytes LogTrailer::encode() const {
    invariant(size <= kMaxLogSize, "a log has at most 64 GiB");
    invariant(place >= 1 && place <= kMaxLogsInEpoch, "a log's number is 1 to 65,536");
    ByteWriter writer;
    writer.id(repository);
    writer.id(epoch);
    writer.u64(place);
    writer.raw(signer.octets);
    writer.id(before);
    writer.id(previous);
    writer.u8(static_cast<std::uint8_t>(kind));
    write_short_text(writer, name, "the name of a log");
    writer.i64(modified.ns);
    writer.i64(stored.ns);
    writer.varint(size);
    writer.id(content_tag);
    if (kind == LogKind::generic) {
        encode_generic(writer, *this);
        return writer.take();
    }
    writer.u32(timeline);
    if (kind == LogKind::history)
        encode_switches(writer, *this);
    else
        writer.u64(position);
    return writer.take();
}

LogTrailer LogTrailer::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    LogTrailer trailer;
    trailer.repository = reader.id<RepositoryId>();
    trailer.epoch = reader.id<DekId>();
    trailer.place = reader.u64();
    if (trailer.place == 0 || trailer.place > kMaxLogsInEpoch) reader.fail("number of a log");
    const ByteView signer = reader.raw(trailer.signer.octets.size());
    std::copy(signer.begin(), signer.end(), trailer.signer.octets.begin());
    trailer.before = reader.id<Digest>();
    trailer.previous = reader.id<LogId>();
    if (trailer.previous.is_zero() != (trailer.place == 1)) reader.fail("the log before it");
    const std::uint8_t kind = reader.u8();
    if (kind < static_cast<std::uint8_t>(LogKind::generic) || kind > static_cast<std::uint8_t>(LogKind::partial)) {
        reader.fail("unknown kind of log");
    }
    trailer.kind = static_cast<LogKind>(kind);
    trailer.name = read_short_text(reader);
    if (!is_entry_name(trailer.name)) reader.fail("name of a log");
    trailer.modified.ns = reader.i64();
    trailer.stored.ns = reader.i64();
    trailer.size = reader.varint(kMaxLogSize);
    trailer.content_tag = reader.id<Digest>();
    if (trailer.kind == LogKind::generic) {
        decode_generic(reader, trailer);
    } else {
        trailer.timeline = reader.u32();
        if (trailer.timeline == 0) reader.fail("timeline zero");
        if (trailer.kind == LogKind::history)
            decode_switches(reader, trailer);
        else
            trailer.position = reader.u64();
    }
    reader.expect_end();
    return trailer;
}

void SignedLog::require_signature(std::string_view what) const {
    if (!trailer.signer.verify(signed_message(message), signature))
        throw_damaged(what, "its signature does not verify");
}

std::size_t log_end_size(ByteView end, std::uint64_t object_size, std::string_view what) {
    if (end.size() < kLogTailSize || object_size < kLogHeadSize + kLeastTrailer + kLogTailSize) {
        throw_damaged(what, "shorter than a log");
    }
    const std::size_t trailer = little_endian(end.subspan(end.size() - kLogTailSize, 4));
    if (trailer < kLeastTrailer || trailer > kMaxLogTrailer || trailer + kLogTailSize + kLogHeadSize > object_size) {
        throw_damaged(what, "its trailer has a length that it cannot have");
    }
    return trailer + kLogTailSize;
}

SignedLog decode_log_end(ByteView end, std::uint64_t object_size, std::string_view what) {
    const std::size_t size = log_end_size(end, object_size, what);
    if (end.size() < size) throw_damaged(what, "shorter than its trailer");
    end = end.last(size);
    SignedLog log;
    log.trailer = LogTrailer::decode(end.first(size - kLogTailSize), what);
    log.id = LogId::from(crypto::sha256(end).view());
    log.object_size = object_size;
    log.frames_end = object_size - size;
    log.message = crypto::sha256(end.first(size - kSignatureSize));
    const ByteView signature = end.last(kSignatureSize);
    std::copy(signature.begin(), signature.end(), log.signature.begin());
    return log;
}

Bytes make_log_end(LogTrailer trailer, const crypto::SigningKey& key) {
    trailer.signer = key.verify_key();
    ByteWriter writer(trailer.encode());
    invariant(writer.size() <= kMaxLogTrailer, "a log's trailer has at most 64 KiB");
    writer.u32(static_cast<std::uint32_t>(writer.size()));
    const crypto::Signature signature = key.sign(signed_message(crypto::sha256(writer.view())));
    writer.raw(signature);
    return writer.take();
}

Digest log_content_tag(const SecretBytes& id_key, const Digest& content) {
    return crypto::HmacSha256(id_key.reveal()).compute({label("signet/log-content/v1"), content.view()});
}

LogChain LogChain::start(const DataKey& dek) {
    SecretBytes first = crypto::hkdf_expand(
        dek.secret().reveal(), {label("signet/log-chain/v1"), dek.repository().view(), dek.id().view()}, kKeySize);
    return {dek.repository(), dek.id(), 1, std::move(first)};
}

LogChain::LogChain(const RepositoryId& repository, const DekId& dek, std::uint64_t next, SecretBytes key)
    : repository_(repository), dek_(dek), next_(next), key_(std::move(key)) {
    invariant(key_.size() == kKeySize, "a chain key has 32 octets");
}

SecretBytes LogChain::frame_key(ByteView head) const {
    invariant(head.size() == kLogHeadSize, "a log's head has 88 octets");
    return crypto::hkdf_expand(key_.reveal(), {label("signet/log-key/v1"), head}, kKeySize);
}

void LogChain::advance() {
    key_ = crypto::hkdf_expand(key_.reveal(), {label("signet/log-next/v1"), u64_octets(next_)}, kKeySize);
    ++next_;
}

LogFrameSealer::LogFrameSealer(const SecretBytes& frame_key, int level)
    : aead_(frame_key.reveal()),
      compressor_(level),
      payload_(Compressor::bound(kMaxFrameRaw)),
      sealed_(LogFrameHead::kSize + kMaxFrameRaw + crypto::kAeadTagSize),
      opened_(kMaxFrameRaw),
      raw_(kMaxFrameRaw) {}

ByteView LogFrameSealer::seal(std::uint32_t number, ByteView raw) {
    invariant(!raw.empty() && raw.size() <= kMaxFrameRaw, "a frame has 1 to 1,048,576 octets");
    const std::size_t compressed =
        compressor_.looks_incompressible(raw) ? raw.size() : compressor_.compress(raw, payload_.octets());
    const bool is_compressed = compressed < raw.size();
    const ByteView payload = is_compressed ? payload_.octets().first(compressed) : raw;
    const auto sealed_size = static_cast<std::uint32_t>(payload.size() + crypto::kAeadTagSize);
    const std::uint32_t before = sealed_size | (is_compressed ? kCompressedBit : 0U);
    for (unsigned i = 0; i < LogFrameHead::kSize; ++i)
        sealed_.octets()[i] = static_cast<std::uint8_t>(before >> (8 * i));
    const MutableByteView whole = sealed_.octets().first(LogFrameHead::kSize + sealed_size);
    const MutableByteView sealed = whole.subspan(LogFrameHead::kSize);
    const Bytes associated = frame_associated(is_compressed, number, raw.size());
    const crypto::Nonce nonce = crypto::Nonce::counter(number);
    aead_.seal(nonce, associated, payload, sealed);

    const MutableByteView opened = opened_.octets().first(payload.size());
    const MutableByteView again = raw_.octets().first(raw.size());
    const bool is_right =
        aead_.open(nonce, associated, sealed, opened) &&
        (is_compressed ? decompressor_.decompress(opened, again) && std::equal(raw.begin(), raw.end(), again.begin())
                       : std::equal(raw.begin(), raw.end(), opened.begin()));
    if (!is_right) {
        throw Error(ErrorCode::failed,
                    "a sealed frame does not open to what went into it: memory or processor of this "
                    "machine make mistakes");
    }
    return whole;
}

LogFrameHead LogFrameHead::decode(ByteView bytes, std::size_t raw_size, std::string_view what) {
    ByteReader reader(bytes, what);
    const std::uint32_t before = reader.u32();
    LogFrameHead head;
    head.is_compressed = (before & kCompressedBit) != 0;
    head.sealed_size = before & ~kCompressedBit;
    const std::size_t most = raw_size + crypto::kAeadTagSize;
    const bool can_be = head.is_compressed ? head.sealed_size > crypto::kAeadTagSize && head.sealed_size < most
                                           : head.sealed_size == most;
    if (!can_be) throw_damaged(what, "a frame has a length that it cannot have");
    return head;
}

LogFrameOpener::LogFrameOpener(const SecretBytes& frame_key) : aead_(frame_key.reveal()), payload_(kMaxFrameRaw) {}

void LogFrameOpener::open(std::uint32_t number, const LogFrameHead& head, ByteView sealed, MutableByteView out,
                          std::string_view what) {
    invariant(sealed.size() == head.sealed_size, "a frame is opened whole");
    const Bytes associated = frame_associated(head.is_compressed, number, out.size());
    const MutableByteView payload =
        head.is_compressed ? payload_.octets().first(head.sealed_size - crypto::kAeadTagSize) : out;
    const bool is_right = aead_.open(crypto::Nonce::counter(number), associated, sealed, payload) &&
                          (!head.is_compressed || decompressor_.decompress(payload, out));
    if (!is_right) throw_damaged(what, "frame " + std::to_string(number) + " does not authenticate");
}

}  // namespace signet::format
