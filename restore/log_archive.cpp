#include "restore/log_archive.h"

#include <algorithm>
#include <tuple>

#include "format/names.h"
#include "restore/log_copies.h"

namespace signet::restore {
namespace {

using format::LogFamily;
using format::LogKind;

LogSeries& series_of(std::vector<LogSeries>& all, const Catalogue& catalogue, const LogEpoch& epoch) {
    const auto [id, line] = catalogue.series_of(epoch);
    for (LogSeries& one : all) {
        if (one.id == id && one.line == line) return one;
    }
    return all.emplace_back(LogSeries{id, line, epoch.series(), epoch.fields.source, {}, {}, false, {}});
}

void take(LogSeries& series, const LogEpoch& epoch, storage::EpochLogs&& read) {
    for (auto& [number, error] : read.problems) series.problems.push_back({&epoch, std::move(error), number});
    for (auto& [number, log] : read.logs) series.logs.push_back({&epoch, number, std::move(log)});
}

/// Numbers of the logs of a kind that can be counted, with the log at each.
using Numbered = std::map<std::uint64_t, const Log*>;

/// The number of the segment in which a timeline begins, where its history tells: it has a copy of that one.
std::optional<std::uint64_t> first_number_of(const LogSeries& series, std::uint32_t timeline) {
    for (const Log& log : series.logs) {
        const format::LogTrailer& trailer = log.trailer();
        if (trailer.kind == LogKind::history && trailer.timeline == timeline && !trailer.switches.empty())
            return trailer.switches.back().position / series.source.segment_size;
    }
    return std::nullopt;
}

std::map<std::uint32_t, Numbered> segments_of(const LogSeries& series) {
    std::map<std::uint32_t, Numbered> segments;
    for (const Log& log : series.logs) {
        const format::LogTrailer& trailer = log.trailer();
        if (trailer.kind == LogKind::segment)
            segments[trailer.timeline].emplace(trailer.position / series.source.segment_size, &log);
        else if (trailer.kind == LogKind::generic && trailer.number)
            segments[0].emplace(*trailer.number, &log);
    }
    return segments;
}

/// The number of the log that was stored first. One that was stored again stands behind those that followed it, and may
/// be there when these are let go.
std::uint64_t first_stored(const Numbered& numbered) {
    const auto order = [](const auto& one) {
        const LogEpoch& epoch = *one.second->epoch;
        return std::tuple(epoch.opened(), epoch.entry->identity, epoch.entry->head.sequence, one.second->number);
    };
    return std::min_element(numbered.begin(), numbered.end(),
                            [&](const auto& left, const auto& right) { return order(left) < order(right); })
        ->first;
}

}  // namespace

bool comes_before(const Log& left, const Log& right) {
    const auto key = [](const Log& log) {
        const format::LogTrailer& trailer = log.trailer();
        const bool is_generic = trailer.kind == LogKind::generic;
        return std::tuple(trailer.timeline, is_generic ? trailer.number.value_or(0) : trailer.position,
                          is_generic && !trailer.number ? trailer.stored : TimePoint{}, static_cast<int>(trailer.kind),
                          std::string_view(trailer.name), log.damage.has_value(), log.epoch->opened(),
                          log.epoch->entry->identity, log.number);
    };
    return key(left) < key(right);
}

std::string Log::object() const { return format::log_name(epoch->fields.dek, number); }

const Log* LogSeries::find(std::string_view wanted) const {
    const std::vector<const Log*> found = copies(wanted);
    return found.empty() ? nullptr : found.front();
}

std::vector<const Log*> LogSeries::copies(std::string_view wanted) const {
    std::vector<const Log*> found;
    for (const Log& log : logs) {
        if (log.name() == wanted) found.push_back(&log);
    }
    std::sort(found.begin(), found.end(), [](const Log* left, const Log* right) {
        const auto order = [](const Log& one) {
            return std::tuple(one.damage.has_value(), one.epoch->opened(), one.epoch->entry->identity, one.number);
        };
        return order(*left) < order(*right);
    });
    return found;
}

std::map<std::uint32_t, const Log*> LogSeries::histories() const {
    std::map<std::uint32_t, const Log*> histories;
    for (const Log& log : logs) {
        if (log.trailer().kind == LogKind::history) histories.emplace(log.trailer().timeline, &log);
    }
    return histories;
}

std::vector<LogGap> LogSeries::gaps() const {
    std::vector<LogGap> gaps;
    for (const auto& [timeline, numbered] : segments_of(*this)) {
        const std::uint32_t of = timeline;  // clang 14 captures no structured binding
        const auto name_of = [&](std::uint64_t number) {
            return source.family == LogFamily::postgres
                       ? format::segment_name(of, number * source.segment_size, source.segment_size)
                       : format::LogSequence::parse(source.sequence).name_of(number);
        };
        std::optional<TimePoint> before;
        const std::uint64_t first = numbered.begin()->first;
        std::uint64_t expected =
            has_released ? first_stored(numbered) : first_number_of(*this, timeline).value_or(first);
        for (const auto& [number, log] : numbered) {
            if (number > expected) {
                gaps.push_back({name_of(expected), name_of(number - 1), number - expected, timeline, before,
                                log->trailer().modified});
            }
            before = log->trailer().modified;
            expected = std::max(expected, number + 1);
        }
    }
    return gaps;
}

bool LogSeries::is_in_gap(std::string_view wanted) const {
    std::uint32_t timeline = 0;
    std::uint64_t number = 0;
    if (source.family == LogFamily::postgres) {
        const auto parsed = format::parse_postgres_name(wanted, source.segment_size);
        if (!parsed || parsed->kind != LogKind::segment) return false;
        timeline = parsed->timeline;
        number = parsed->position / source.segment_size;
    } else {
        if (source.sequence.empty()) return false;
        const auto parsed = format::LogSequence::parse(source.sequence).number_of(wanted);
        if (!parsed) return false;
        number = *parsed;
    }
    const auto segments = segments_of(*this);
    const auto found = segments.find(timeline);
    if (found == segments.end() || found->second.empty()) return false;
    const std::uint64_t first =
        has_released ? 0 : first_number_of(*this, timeline).value_or(found->second.begin()->first);
    return number >= first && number < found->second.rbegin()->first && !found->second.contains(number);
}

std::vector<LogSeries> load_logs(const storage::Repository& repository, const Catalogue& catalogue,
                                 const std::optional<std::string>& series) {
    catalogue.require_no_doubt();
    std::vector<const LogEpoch*> epochs;
    std::vector<LogSeries> all;
    for (const LogEpoch& epoch : catalogue.log_epochs()) {
        if (series && !Catalogue::names_series(*series, epoch.labels, epoch.fields.series)) continue;
        if (!epoch.trusted) {
            series_of(all, catalogue, epoch)
                .problems.push_back({&epoch, Error(ErrorCode::refused,
                                                   "log epoch " + epoch.fields.dek.short_hex() + " of series " +
                                                       epoch.series() + " is by writer " + epoch.entry->identity.hex() +
                                                       ", who is not trusted for it")});
            continue;
        }
        if (epoch.damage) {
            series_of(all, catalogue, epoch).problems.push_back({&epoch, *epoch.damage});
            continue;
        }
        epochs.push_back(&epoch);
    }
    const auto listed =
        epochs.empty() ? std::map<DekId, storage::LogNumbers>() : storage::list_logs(repository.store());
    std::vector<storage::WantedEpoch> wanted;
    for (const LogEpoch* epoch : epochs) {
        const auto numbers = listed.find(epoch->fields.dek);
        storage::WantedEpoch one{epoch->fields.dek, epoch->entry->head.signer,
                                 numbers == listed.end() ? storage::LogNumbers{} : numbers->second, epoch->closed,
                                 epoch->kept_from};
        // What nobody closed cannot be told from what was added after the writer was cut off.
        if (!epoch->closed && !epoch->counts_open) {
            series_of(all, catalogue, *epoch)
                .problems.push_back(
                    {epoch, Error(ErrorCode::refused, std::to_string(one.numbers.size()) + " logs of epoch " +
                                                          epoch->fields.dek.short_hex() +
                                                          " do not count: trust in their writer has an end, and no "
                                                          "entry before it closes the epoch")});
            one.numbers.clear();
        }
        wanted.push_back(std::move(one));
    }
    auto read = storage::read_epochs(repository.store(), repository.config().repository, wanted);
    for (std::size_t i = 0; i < read.size(); ++i)
        take(series_of(all, catalogue, *epochs[i]), *epochs[i], std::move(read[i]));
    for (const LogEpoch* epoch : epochs) {
        if (epoch->kept_from > 1) series_of(all, catalogue, *epoch).has_released = true;
    }
    for (LogSeries& one : all) {
        std::sort(one.logs.begin(), one.logs.end(), comes_before);
        find_whole_copies(repository.store(), one);
        excuse_stored_again(one);
    }
    return all;
}

}  // namespace signet::restore
