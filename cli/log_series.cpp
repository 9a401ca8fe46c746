#include "cli/log_series.h"

#include "cli/signals.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace signet::cli {

std::string log_series_name(const Context& context) {
    const auto series = context.options().text("series");
    if (series && !series->empty()) return *series;
    throw Error(ErrorCode::usage, "of which record these logs are was not said",
                "give --series NAME, the same as for the backups that they continue");
}

restore::LogSeries load_log_series(Context& context, const std::string& series) {
    std::vector<restore::LogSeries> found = restore::load_logs(context.repository(), context.headers(), series);
    if (found.empty()) {
        throw Error(ErrorCode::usage, "there are no logs of a series called \"" + series + "\"",
                    "signet log list shows what there is");
    }
    if (found.size() > 1) {
        throw Error(ErrorCode::usage, std::to_string(found.size()) + " series are called \"" + series + "\"",
                    "give the id of one: signet log list --json shows them");
    }
    return std::move(found.front());
}

void tell_stored_again(Context& context, const restore::LogSeries& series) {
    for (const restore::LogStoredAgain& one : series.stored_again)
        context.terminal().message("note: " + printable(one.sentence));
}

std::vector<const restore::Backup*> bases_of(const restore::Catalogue& catalogue, const restore::SeriesKey& series) {
    std::vector<const restore::Backup*> bases;
    for (const restore::Backup& backup : catalogue.backups()) {
        if (backup.trusted && backup.fields->base && catalogue.series_of(backup) == series) bases.push_back(&backup);
    }
    return bases;
}

format::DataKey open_epoch(Context& context, const restore::LogEpoch& epoch) {
    return restore::unwrap_epoch(context.repository(), context.planner(), context.resolver(), epoch);
}

restore::LogPlace place_of(const storage::Repository& repository, const restore::Log& log) {
    return {repository.config().repository, log.epoch->fields.dek, log.number, log.log.id};
}

std::uint64_t read_through(Context& context, std::vector<const restore::Log*> logs, const KeyOfEpoch& key_of) {
    // Chain keys go forward only.
    std::sort(logs.begin(), logs.end(), [](const restore::Log* left, const restore::Log* right) {
        return std::tuple(left->epoch->fields.dek, left->number) < std::tuple(right->epoch->fields.dek, right->number);
    });
    std::uint64_t octets = 0;
    const restore::LogEpoch* epoch = nullptr;
    std::optional<format::LogChain> chain;
    for (const restore::Log* log : logs) {
        stop_if_interrupted();
        if (log->epoch != epoch) {
            epoch = log->epoch;
            chain.emplace(format::LogChain::start(key_of(*epoch)));
        }
        while (chain->next() < log->number) chain->advance();
        restore::read_log(context.repository().store(), place_of(context.repository(), *log), *chain,
                          [&](ByteView some) { octets += some.size(); });
    }
    return octets;
}

}  // namespace signet::cli
