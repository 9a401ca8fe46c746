#include "restore/pruner.h"

#include <algorithm>
#include <iterator>

namespace signet::restore {
namespace {

/// Every entry is read and verified: nothing is deleted by what a cache says.
CatalogueOptions catalogue_options(const PruneSetup& setup, bool is_first) {
    CatalogueOptions options;
    options.headers_only = true;
    options.remember = is_first && setup.remember && !setup.dry_run;
    if (is_first) options.notice = setup.notice;
    return options;
}

}  // namespace

/// The repository at one moment: objects are listed first, and journals read then.
struct Pruner::Look {
    storage::CompleteListing listing;
    Catalogue catalogue;
    Holdings holdings;

    Look(const PruneSetup& setup, bool is_first)
        : listing(setup.repository.store().list("")),
          catalogue(Catalogue::load(setup.repository, setup.keyrings, catalogue_options(setup, is_first))),
          holdings(setup.repository, catalogue, listing) {}
    [[nodiscard]] const storage::Condemnations& condemnations() const { return catalogue.condemnations(); }
    [[nodiscard]] const LogRetention& logs() {
        if (!retention) retention = review_logs(holdings.repository(), catalogue);
        return *retention;
    }

private:
    std::optional<LogRetention> retention;  ///< made when first asked for
};

Pruner::Pruner(PruneSetup setup) : setup_(std::move(setup)) {}
Pruner::~Pruner() = default;

void Pruner::look() {
    setup_.stop_if_asked();
    look_.reset();
    look_ = std::make_unique<Look>(setup_, !std::exchange(has_looked_, true));
    has_said_ = false;
    has_deleted_ = false;
    require_nothing_lacking(look_->holdings);
}

/// Only ever a delay: a clock that is wrong deletes nothing that could not be deleted anyway.
TimePoint Pruner::ripe_at(const storage::Condemnation& one) const {
    const std::int64_t grace =
        is_nobodys(look_->holdings, one) ? std::max(setup_.grace_ns, setup_.unknown_grace_ns) : setup_.grace_ns;
    return {one.time.ns + grace};
}

/// A condemnation that nobody has judged, and for which nobody is waited for any more.
bool Pruner::is_ripe(const storage::Condemnation& one) const {
    if (!one.is_open() || !waited_for(look_->holdings, one).empty()) return false;
    return setup_.clock.now() >= ripe_at(one);
}

void Pruner::judge_and_delete() {
    std::vector<format::VerdictFields> verdicts;
    if (!setup_.is_replica) {
        for (const storage::Condemnation* one : look_->condemnations().all()) {
            if (is_ripe(*one)) verdicts.push_back(judge(look_->holdings, *one));
        }
    }
    report_.verdicts += verdicts.size();
    if (setup_.dry_run) {
        storage::Condemnations supposed = look_->condemnations();
        for (format::VerdictFields& verdict : verdicts) supposed.suppose(std::move(verdict));
        report_.departing = departing(look_->holdings, supposed);
        report_.logs = look_->logs().departing;
        return;
    }
    for (const format::VerdictFields& verdict : verdicts) {
        setup_.stop_if_asked();
        setup_.append(format::EntryKind::verdict, verdict.encode());
    }
    // A backup may have been taken back, or a writer be trusted again, while that was signed: who does so looks for
    // verdicts afterwards, and this looks for him.
    if (!verdicts.empty()) look();
    carry_out(departing(look_->holdings, look_->condemnations()));
    delete_logs();
}

/// What an officer let go before this look, and nothing that was there then needs.
void Pruner::delete_logs() {
    const std::vector<Doomed>& logs = look_->logs().departing;
    if (logs.empty()) return;
    setup_.stop_if_asked();
    has_deleted_ = true;
    shred(setup_.repository, look_->listing, logs, report_.deletion);
    report_.logs.insert(report_.logs.end(), logs.begin(), logs.end());
}

void Pruner::release_logs() {
    const LogRetention& logs = look_->logs();
    report_.released = logs.releasing;
    report_.released_octets = logs.releasing_octets;
    if (setup_.dry_run || logs.release.releases.empty()) return;
    setup_.stop_if_asked();
    setup_.append(format::EntryKind::log_release, logs.release.encode());
    has_said_ = true;
}

void Pruner::carry_out(Departing departing) {
    const auto take = [&](std::vector<Doomed>& objects, std::vector<Doomed>& all) {
        if (objects.empty()) return;
        setup_.stop_if_asked();
        has_deleted_ = true;
        shred(setup_.repository, look_->listing, objects, report_.deletion);
        std::move(objects.begin(), objects.end(), std::back_inserter(all));
    };
    take(departing.packs, report_.departing.packs);
    take(departing.indexes, report_.departing.indexes);
    take(departing.slots, report_.departing.slots);
}

void Pruner::condemn() {
    if (setup_.is_replica) return;
    if (has_deleted_) look();
    report_.condemned = propose(look_->holdings);
    release_logs();
    if (setup_.dry_run) return;
    for (const Proposal& proposal : report_.condemned) {
        setup_.stop_if_asked();
        setup_.append(format::EntryKind::condemnation, proposal.fields.encode());
        has_said_ = true;
    }
}

bool Pruner::is_waited_for(const IdentityId& identity) const {
    const auto all = look_->condemnations().all();
    return std::any_of(all.begin(), all.end(), [&](const storage::Condemnation* one) {
        if (!one->is_open()) return false;
        const auto waited = waited_for(look_->holdings, *one);
        return std::find(waited.begin(), waited.end(), identity) != waited.end();
    });
}

/// Whether a run of this host's writer may go on. Its journal cannot tell one that was killed from one that is slow.
bool Pruner::has_own_run() const {
    const auto& series = look_->holdings.live_runs(*setup_.writer);
    return std::any_of(series.begin(), series.end(),
                       [this](const SeriesId& one) { return !setup_.is_running || setup_.is_running(one); });
}

std::vector<WaitingWriter> Pruner::waiting() const {
    std::map<IdentityId, WaitingWriter> writers;
    for (const storage::Condemnation* one : look_->condemnations().all()) {
        if (!one->is_open()) continue;
        for (const IdentityId& identity : waited_for(look_->holdings, *one))
            writers.emplace(identity, look_->holdings.describe(identity));
    }
    std::vector<WaitingWriter> all;
    all.reserve(writers.size());
    for (auto& [identity, writer] : writers) all.push_back(std::move(writer));
    return all;
}

void Pruner::acknowledge() {
    if (setup_.dry_run || setup_.is_replica || !setup_.acknowledge || !setup_.writer) return;
    if (!has_said_ && !look_->condemnations().has_open()) return;
    if (has_said_) look();
    // A run that goes on would be bound by it, and perhaps be made in vain.
    if (!is_waited_for(*setup_.writer) || has_own_run()) return;
    setup_.stop_if_asked();
    setup_.acknowledge();
    has_said_ = true;
}

bool Pruner::is_under_way() const {
    // What could not be deleted is left for another time.
    if (report_.deletion.stay.empty() && !look_->logs().departing.empty()) return true;
    const auto all = look_->condemnations().all();
    return has_said_ || std::any_of(all.begin(), all.end(), [this](const storage::Condemnation* one) {
               return one->is_open() && (is_ripe(*one) || !waited_for(look_->holdings, *one).empty());
           });
}

PruneReport Pruner::finish() {
    if (has_said_) look();
    for (const storage::Condemnation* one : look_->condemnations().all()) {
        if (!one->is_open() || (setup_.dry_run && is_ripe(*one))) continue;
        OpenCondemnation open{one->entry, one->time, {}, ripe_at(*one)};
        for (const IdentityId& identity : waited_for(look_->holdings, *one))
            open.waiting.push_back(look_->holdings.describe(identity));
        report_.open.push_back(std::move(open));
    }
    return std::move(report_);
}

}  // namespace signet::restore
