#include "storage/logs.h"

#include <algorithm>

#include "core/crypto/digest.h"
#include "format/limits.h"
#include "format/names.h"
#include "storage/parallel.h"

namespace signet::storage {
namespace {

constexpr std::size_t kBlock = std::size_t{1024} * 1024;

format::SignedLog decode_end(const ObjectReader& reader, const std::string& name) {
    const std::uint64_t size = reader.size();
    if (size < format::kLogHeadSize + format::kLogTailSize)
        throw Error(ErrorCode::damaged, name + ": shorter than a log");
    Bytes end(static_cast<std::size_t>(std::min<std::uint64_t>(size, format::kUsualLogEnd)));
    reader.read(size - end.size(), end);
    const std::size_t wanted = format::log_end_size(end, size, name);
    if (wanted > end.size()) {
        end.resize(wanted);
        reader.read(size - wanted, end);
    }
    return format::decode_log_end(end, size, name);
}

void require_head(ByteView start, const format::LogTrailer& trailer, std::string_view name) {
    const auto head = format::LogHead::decode(start, name);
    if (head.repository == trailer.repository && head.dek == trailer.epoch && head.number == trailer.place) return;
    throw Error(ErrorCode::damaged, std::string(name) + ": its head is of another log");
}

/// A log as it was read, or why it is none.
struct ReadLog {
    std::optional<format::SignedLog> log;
    std::optional<Error> problem;
};

ReadLog read_one(const Store& store, const RepositoryId& repository, const DekId& epoch, std::uint64_t number) {
    try {
        return {read_log_end(store, repository, epoch, number), std::nullopt};
    } catch (const Error& error) {
        // Only what the octets themselves say is a finding. A store that cannot be read says nothing about them.
        if (error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported) return {std::nullopt, error};
        throw;
    }
}

/// How many logs of an epoch are to be there: up to the last that was listed, or that it was closed with.
std::uint64_t wanted_count(const WantedEpoch& wanted) {
    return wanted.closed ? wanted.closed->first : wanted.numbers.empty() ? 0 : wanted.numbers.back();
}

Error damaged(const DekId& epoch, std::uint64_t number, const std::string& why) {
    return {ErrorCode::damaged, format::log_name(epoch, number) + ": " + why};
}

/// Why a log does not count although it was read; nothing when it does.
/// named  its id, as the log after it or the entry that closed its epoch gives it
std::optional<Error> why_not(const WantedEpoch& wanted, std::uint64_t number, const format::SignedLog& log,
                             const std::optional<format::LogId>& named) {
    if (log.trailer.signer != wanted.signer)
        return damaged(wanted.epoch, number, "signed by another identity than its epoch");
    if (named && log.id == *named) return std::nullopt;
    if (named) return damaged(wanted.epoch, number, "is not the log that was there when the next one was stored");
    try {
        log.require_signature(format::log_name(wanted.epoch, number));
        return std::nullopt;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged) throw;
        return error;
    }
}

/// From the last one back.
EpochLogs judge(const WantedEpoch& wanted, std::vector<ReadLog>& read) {
    EpochLogs epoch;
    std::optional<format::LogId> named;
    if (wanted.closed) named = wanted.closed->second;
    for (std::uint64_t number = read.size(); number > 0; --number) {
        ReadLog& one = read[number - 1];
        if (!one.problem && !one.log && number < wanted.kept_from) {
            named.reset();
            continue;
        }
        if (!one.problem && !one.log) one.problem = damaged(wanted.epoch, number, "missing, but it was stored");
        if (!one.problem) one.problem = why_not(wanted, number, *one.log, named);
        named.reset();
        if (one.problem) {
            epoch.problems.emplace(number, *one.problem);
            continue;
        }
        named = one.log->trailer.previous;
        epoch.logs.emplace(number, std::move(*one.log));
    }
    epoch.beyond = static_cast<std::uint64_t>(std::count_if(
        wanted.numbers.begin(), wanted.numbers.end(), [&](std::uint64_t number) { return number > read.size(); }));
    return epoch;
}

}  // namespace

std::optional<format::SignedLog> read_log_end(const Store& store, const RepositoryId& repository, const DekId& epoch,
                                              std::uint64_t number) {
    const std::string name = format::log_name(epoch, number);
    const auto reader = store.open_if_present(name);
    if (!reader) return std::nullopt;
    auto log = decode_end(*reader, name);
    if (log.trailer.repository != repository) throw Error(ErrorCode::damaged, name + ": made for another repository");
    if (log.trailer.epoch != epoch || log.trailer.place != number)
        throw Error(ErrorCode::damaged, name + ": made for another place");
    return log;
}

format::SignedLog verify_log(const ObjectReader& reader, std::string_view name) {
    auto log = decode_end(reader, std::string(name));
    const auto place = format::parse_log_name(name);
    if (!place || log.trailer.epoch != place->dek || log.trailer.place != place->number)
        throw Error(ErrorCode::damaged, std::string(name) + ": made for another place");
    log.require_signature(name);
    crypto::Sha256 hash;
    Bytes block(static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, log.frames_end)));
    for (std::uint64_t at = 0; at < log.frames_end; at += block.size()) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), log.frames_end - at));
        const MutableByteView piece = MutableByteView(block).first(size);
        reader.read(at, piece);
        if (at == 0) require_head(piece, log.trailer, name);
        hash.update(piece);
    }
    if (hash.finish() != log.trailer.before)
        throw Error(ErrorCode::damaged, std::string(name) + ": its octets are not those that were signed");
    return log;
}

std::map<DekId, LogNumbers> list_logs(const Store& store) {
    std::map<DekId, LogNumbers> listed;
    const CompleteListing listing = store.list("logs/");
    for (const ObjectInfo& object : listing) {
        // Names sort as numbers do, so each list is ascending.
        if (const auto name = format::parse_log_name(object.name)) listed[name->dek].push_back(name->number);
    }
    return listed;
}

std::vector<EpochLogs> read_epochs(const Store& store, const RepositoryId& repository,
                                   const std::vector<WantedEpoch>& wanted) {
    std::vector<std::vector<ReadLog>> read;
    std::vector<std::pair<std::size_t, std::uint64_t>> places;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const std::uint64_t count = wanted_count(wanted[i]);
        read.emplace_back(static_cast<std::size_t>(count));
        const LogNumbers& listed = wanted[i].numbers;
        for (std::uint64_t number = 1; number <= count; ++number) {
            const bool is_gone =
                number < wanted[i].kept_from && !std::binary_search(listed.begin(), listed.end(), number);
            if (!is_gone) places.emplace_back(i, number);
        }
    }
    for_each_in_parallel(places.size(), [&](std::size_t at) {
        const auto [epoch, number] = places[at];
        read[epoch][number - 1] = read_one(store, repository, wanted[epoch].epoch, number);
    });
    std::vector<EpochLogs> epochs(wanted.size());
    for_each_in_parallel(wanted.size(), [&](std::size_t i) { epochs[i] = judge(wanted[i], read[i]); });
    return epochs;
}

}  // namespace signet::storage
