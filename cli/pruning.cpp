#include "cli/pruning.h"

#include "backup/backup.h"
#include "cli/officer.h"
#include "cli/replicas.h"
#include "cli/signals.h"
#include "cli/unused_packs.h"
#include "cli/waiting_writers.h"
#include "format/limits.h"
#include "format/prune_entry.h"

#include <unistd.h>
#include <chrono>
#include <thread>

namespace signet::cli {
namespace {

// Temporary files are locked while somebody writes them; where locks do not reach, this is how long one may take.
constexpr std::int64_t kTemporaryAge = std::int64_t{24} * 3600;
constexpr int kSecondsBetweenLooks = 5;

/// This keyring's writer says that it has read the officers' journals.
void acknowledge(Context& context, const keyring::WriterIdentity& writer) {
    const EntryMaker make = [&](const format::EntryHead& head, const crypto::SigningKey& key) {
        format::AcknowledgementFields fields;
        for (const auto& [identity, newest] : load_officers(context).newest) {
            if (fields.obeyed.size() < format::kMaxObeyed) fields.obeyed.push_back({identity, newest.sequence});
        }
        return format::make_plain_entry(format::EntryKind::acknowledgement, head, fields.encode(), key);
    };
    append_to_journal(context, writer.key, make);
}

/// Whether a backup of this series is made now: it holds a lock, which dies with it.
bool is_running(Context& context, const SeriesId& series) {
    const std::string path = backup::series_lock(context.keyring(), context.repository().config().repository, series);
    if (::access(path.c_str(), F_OK) != 0) return false;
    try {
        const FileLock lock(path, 0, "a series");
        return false;
    } catch (const Error&) {
        return true;
    }
}

/// Each time that they are others: who waits wants to know for whom.
void tell_waiting(Context& context, const std::vector<restore::WaitingWriter>& waiting, std::string& told) {
    std::string names;
    for (const restore::WaitingWriter& writer : waiting) names += (names.empty() ? "" : "; ") + waiting_text(writer);
    if (names.empty() || names == told) return;
    told = names;
    context.terminal().warning("waiting for the next backup of " + names);
}

void wait_a_while() {
    for (int second = 0; second < kSecondsBetweenLooks; ++second) {
        stop_if_interrupted();
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
}

}  // namespace

Pruning prune(Context& context, const PruneWishes& wishes) {
    Pruning pruning;
    // What is left behind of old packs is condemned with the rest.
    if (wishes.unused) {
        try {
            pruning.repacked = repack_unused(context, *wishes.unused);
        } catch (const Error& error) {
            // A disk that is full: what may go makes room.
            if (error.code() != ErrorCode::io || interrupted().load()) throw;
            pruning.not_repacked = error;
            context.forget_catalogue();
        }
    }
    pruning.is_replica = is_replica(context, context.repository());
    const auto writer = context.keyring().writer_if_present();
    restore::PruneSetup setup{
        .repository = context.repository(),
        .keyrings = context.keyrings(),
        .clock = context.clock(),
        .append = [&](format::EntryKind kind, const Bytes& fields) { append_officer_entry(context, kind, fields); }};
    if (writer) {
        setup.acknowledge = [&] { acknowledge(context, *writer); };
        setup.writer = writer->identity();
        setup.is_running = [&](const SeriesId& series) { return is_running(context, series); };
    }
    setup.notice = [&](const std::string& sentence) { context.terminal().warning(sentence); };
    setup.stop_if_asked = [] { stop_if_interrupted(); };
    setup.dry_run = context.dry_run();
    setup.is_replica = pruning.is_replica;
    setup.grace_ns = wishes.grace_ns;
    restore::Pruner pruner(std::move(setup));
    pruner.look();
    pruner.judge_and_delete();
    pruner.condemn();
    pruner.acknowledge();
    std::string told;
    while (wishes.wait && !context.dry_run() && !pruning.is_replica && pruner.is_under_way()) {
        if (!pruner.has_said()) {
            tell_waiting(context, pruner.waiting(), told);
            wait_a_while();
        }
        pruner.look();
        pruner.judge_and_delete();
        pruner.acknowledge();
    }
    pruning.report = pruner.finish();
    if (!context.dry_run()) pruning.temporary = context.repository().store().sweep_temporary(kTemporaryAge);
    return pruning;
}

}  // namespace signet::cli
