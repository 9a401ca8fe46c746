#include "restore/log_loss.h"

#include <algorithm>
#include <tuple>

namespace signet::restore {
namespace {

std::string quoted(const std::string& series) {
    const bool is_plain = series.find_first_of(" \t'\"\\$&;|<>()*?") == std::string::npos;
    return is_plain ? series : "\"" + series + "\"";
}

/// The first backup that later moments start from instead; else the end of the logs.
std::optional<TimePoint> last_moment(const LogSeries& series, const Catalogue& catalogue,
                                     const std::optional<TimePoint>& from) {
    const bool needs_base = series.source.family == format::LogFamily::postgres;
    std::optional<TimePoint> to;
    for (const Log& log : series.logs) to = std::max(to.value_or(log.trailer().modified), log.trailer().modified);
    if (!from) return to;
    for (const Backup& backup : catalogue.backups()) {
        const bool starts = backup.trusted && catalogue.series_of(backup) == SeriesKey{series.id, series.line} &&
                            (backup.fields->base.has_value() || !needs_base) && backup.time() > *from;
        if (starts) to = std::min(to.value_or(backup.time()), backup.time());
    }
    return to;
}

std::string moments(const LogLoss& loss) {
    if (!loss.from || !loss.to || *loss.to <= *loss.from) return "; later moments need it";
    return "; moments from " + to_rfc3339(*loss.from) + " to " + to_rfc3339(*loss.to) + " need it";
}

void finish(const LogSeries& series, const Catalogue& catalogue, LogLoss& loss, const std::string& which) {
    loss.series = series.name;
    loss.to = last_moment(series, catalogue, loss.from);
    loss.sentence = which + moments(loss);
    const bool is_postgres = series.source.family == format::LogFamily::postgres;
    loss.remedy = "push the file again, if its server still has it (signet log push --series " + quoted(series.name) +
                  " FILE); else make a new base, from which later moments start: signet backup" +
                  (is_postgres ? " --kind postgres" : "") + " --series " + quoted(series.name) + " …";
}

}  // namespace

LogLoss loss_of(const LogSeries& series, const Catalogue& catalogue, const Log& log) {
    LogLoss loss;
    loss.name = log.name();
    loss.from = log.trailer().modified;
    // In the order of the record.
    for (const Log& one : series.logs) {
        if (one.trailer().timeline != log.trailer().timeline || one.trailer().kind != log.trailer().kind) continue;
        if (one.name() == log.name()) break;
        loss.from = one.trailer().modified;
    }
    finish(series, catalogue, loss,
           "it is " + log.name() + " of series " + series.name + ", of " + to_rfc3339(log.trailer().modified));
    return loss;
}

LogLoss loss_of(const LogSeries& series, const Catalogue& catalogue, const LogEpoch& epoch, std::uint64_t number) {
    const auto order = [](const LogEpoch& of, std::uint64_t place) {
        return std::tuple(of.opened(), of.entry->identity, of.entry->head.sequence, place);
    };
    const Log* before = nullptr;
    const Log* after = nullptr;
    for (const Log& log : series.logs) {
        const auto place = order(*log.epoch, log.number);
        if (place < order(epoch, number)) {
            if (before == nullptr || place > order(*before->epoch, before->number)) before = &log;
        } else if (after == nullptr || place < order(*after->epoch, after->number)) {
            after = &log;
        }
    }
    LogLoss loss;
    std::string which = "it is a log of series " + series.name + " that was stored";
    if (before != nullptr) {
        loss.from = before->trailer().modified;
        which += " after " + before->name();
    }
    if (after != nullptr) which += (before != nullptr ? " and before " : " before ") + after->name();
    finish(series, catalogue, loss, which);
    return loss;
}

}  // namespace signet::restore
