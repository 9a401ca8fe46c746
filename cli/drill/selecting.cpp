#include "cli/drill/selecting.h"

#include "core/crypto/random.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace signet::cli {
namespace {

using restore::Backup;
using Backups = std::vector<const Backup*>;

/// From 0 to count - 1, each as likely as the others.
std::size_t random_below(std::size_t count) {
    std::array<std::uint8_t, 8> octets{};
    crypto::random_fill(octets);
    std::uint64_t value = 0;
    for (const std::uint8_t octet : octets) value = value << 8U | octet;
    return static_cast<std::size_t>(value % count);
}

/// The newest of each month (UTC), oldest first.
Backups newest_of_months(const Backups& backups) {
    std::map<std::string, const Backup*> months;
    for (const Backup* backup : backups) months[to_rfc3339(backup->time()).substr(0, 7)] = backup;
    Backups chosen;
    for (const auto& [month, backup] : months) chosen.push_back(backup);
    return chosen;
}

/// For each protector the newest backup that it opens something of; each backup once.
Backups newest_of_keys(const Backups& backups, const restore::Planner& planner) {
    std::map<format::Thumbprint, const Backup*> keys;
    for (const Backup* backup : backups) {
        try {
            for (const restore::RunKey* key : planner.keys_of(*backup)) {
                for (const restore::Opener& opener : key->openers) keys[opener.thumbprint] = backup;
            }
        } catch (const Error& error) {
            // Its reach is broken: it is of no use to any key. `check` and `status` name it.
            if (error.code() != ErrorCode::damaged) throw;
        }
    }
    Backups chosen;
    for (const Backup* backup : backups) {
        const bool wanted =
            std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.second == backup; });
        if (wanted) chosen.push_back(backup);
    }
    return chosen;
}

double seconds_between(TimePoint from, TimePoint to) {
    return static_cast<double>(to.ns - from.ns) / static_cast<double>(kNsPerSecond);
}

class Choosing {
public:
    Choosing(Context& context, DrillSelect select, TimePoint now)
        : context_(context), select_(select), filter_(selection(context)), reference_(filter_.at.value_or(now)) {}

    std::vector<DrillTarget> run() {
        const restore::Catalogue& catalogue = context_.catalogue();
        catalogue.require_no_doubt();
        std::map<std::pair<std::string, restore::SeriesKey>, Backups> series;
        for (const Backup* backup : catalogue.select(filter_)) {
            // Where the newest is by a stranger, choosing the latest says so.
            series[{backup->series(), catalogue.series_of(*backup)}].push_back(backup);
        }
        for (const auto& [name, backups] : series) take_series(name.first, name.second, backups);
        return std::move(targets_);
    }

private:
    void take_series(const std::string& name, const restore::SeriesKey& series, Backups backups) {
        std::erase_if(backups, [](const Backup* backup) { return !backup->trusted; });
        DrillTarget common;
        common.series = name;
        common.series_id = series.first.hex();
        line_ = series.second;
        if (backups.empty()) {
            common.refusal = Error(ErrorCode::refused, "nobody trusts any backup of series " + name);
            targets_.push_back(std::move(common));
            return;
        }
        const bool has_logs = std::any_of(backups.begin(), backups.end(),
                                          [](const Backup* backup) { return backup->fields->base.has_value(); });
        common.loss_seconds = loss_of(backups, has_logs);
        if (select_ == DrillSelect::latest) return add(common, nullptr, has_logs);
        for (const Backup* backup : chosen_of(backups)) add(common, backup, backup->fields->base.has_value());
    }

    Backups chosen_of(const Backups& backups) {
        switch (select_) {
            case DrillSelect::oldest:
                return {backups.front()};
            case DrillSelect::random:
                return {backups[random_below(backups.size())]};
            case DrillSelect::each_month:
                return newest_of_months(backups);
            case DrillSelect::each_key:
                return newest_of_keys(backups, context_.planner());
            case DrillSelect::latest:
                break;
        }
        return {backups.back()};
    }

    /// backup  nullptr: the latest, as a restore would choose it
    void add(const DrillTarget& common, const Backup* backup, bool has_logs) {
        DrillTarget target;
        target.series = common.series;
        target.series_id = common.series_id;
        target.loss_seconds = common.loss_seconds;
        restore::BackupFilter filter = filter_;
        filter.series = common.series_id;
        filter.line = line_;
        try {
            if (has_logs) {
                MomentChoice choice{backup == nullptr ? "latest" : backup->id.hex(), filter, std::nullopt};
                if (backup != nullptr) choice.filter.at.reset();
                target.moment = find_moment(context_, context_.catalogue(), choice);
                target.backup = target.moment->path.base;
            } else {
                target.backup = backup == nullptr ? &context_.catalogue().latest(filter) : backup;
            }
        } catch (const Error& error) {
            if (error.code() == ErrorCode::interrupted) throw;
            target.refusal = error;
        }
        targets_.push_back(std::move(target));
    }

    std::optional<double> loss_of(const Backups& backups, bool has_logs) {
        std::optional<TimePoint> newest;
        try {
            if (has_logs) {
                MomentChoice choice{"latest", filter_, std::nullopt};
                choice.filter.series = backups.front()->fields->series.hex();
                choice.filter.line = line_;
                newest = find_moment(context_, context_.catalogue(), choice).at();
            } else {
                const auto found = std::find_if(backups.rbegin(), backups.rend(), [&](const Backup* backup) {
                    return context_.planner().restorable(*backup);
                });
                if (found != backups.rend()) newest = (*found)->time();
            }
        } catch (const Error& error) {
            if (error.code() == ErrorCode::interrupted) throw;
        }
        // Of what is dated ahead nobody can say how old it is.
        if (!newest || reference_ < *newest) return std::nullopt;
        return seconds_between(*newest, reference_);
    }

    Context& context_;
    DrillSelect select_;
    restore::BackupFilter filter_;
    TimePoint reference_;
    IdentityId line_;  ///< of the series that is looked at
    std::vector<DrillTarget> targets_;
};

}  // namespace

DrillSelect parse_drill_select(const std::string& text) {
    if (text == "latest") return DrillSelect::latest;
    if (text == "random") return DrillSelect::random;
    if (text == "oldest") return DrillSelect::oldest;
    if (text == "each-key") return DrillSelect::each_key;
    if (text == "each-month") return DrillSelect::each_month;
    throw Error(ErrorCode::usage, "--select is latest, random, oldest, each-key or each-month: " + text);
}

std::vector<DrillTarget> choose_drill_targets(Context& context, DrillSelect select, TimePoint now) {
    return Choosing(context, select, now).run();
}

}  // namespace signet::cli
