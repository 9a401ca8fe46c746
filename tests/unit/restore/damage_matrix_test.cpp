// Every way in which the storage can alter a small repository: each bit flipped, each length cut off, each object gone,
// swapped with or replaced by each other one, and every older state of the whole. Each is noticed by a check, by name,
// and no reader is given an octet that was not backed up.
#include "core/crypto/digest.h"
#include "format/names.h"
#include "restore/checker.h"
#include "restore/content_reader.h"
#include "restore/tree_walk.h"
#include "tests/unit/restore/repository_bench.h"

#include <iostream>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

/// All that a backup holds, as text: equal for equal trees, octets and metadata alike.
class Everything final : public TreeVisitor {
public:
    explicit Everything(OpenBackup& backup) : chunks_(backup.chunk_reader()) {
        ChunkReader walker = backup.chunk_reader();
        walk_tree(walker, backup.root(), {}, *this);
    }
    std::map<std::string, std::string> seen;

private:
    bool enter(std::string_view path, format::Entry& entry, bool) override {
        take(path, entry);
        return true;
    }
    void leave(std::string_view, bool) override {}
    void visit(std::string_view path, format::Entry& entry) override {
        if (entry.type != format::EntryType::file) return take(path, entry);
        const Bytes octets = ContentReader(chunks_, entry.content, format::ChunkKind::data).read_all(1 << 20);
        take(path, entry);
        seen[std::string(path)] += std::string(as_text(octets));
    }
    bool broken(std::string_view, const Error& error) override { throw error; }
    void take(std::string_view path, const format::Entry& entry) {
        format::Entry plain = entry;
        plain.content = {};
        if (plain.name.empty()) plain.name = "root";
        ByteWriter writer;
        plain.encode(writer);
        seen[std::string(path)] = std::string(as_text(writer.view())) + "|";
    }
    ChunkReader chunks_;
};

/// What became of one alteration.
struct Outcome {
    bool is_noticed = false;
    bool is_named = false;       ///< what was altered stands in what was said
    bool has_lied = false;       ///< something that was not backed up was read
    std::uint64_t restored = 0;  ///< backups that could be read whole all the same
};

/// A repository with three backups, a data key each, and a rotation between them; and all states on the way.
struct Small : RepositoryBench {
    std::map<EntryId, std::map<std::string, std::string>> backups;
    std::vector<std::map<std::string, Bytes>> states;
    std::vector<Checkpoint> checkpoints;
    std::map<std::string, Bytes> objects;

    Small() {
        states.push_back(store->snapshot());
        for (int i = 1; i <= 3; ++i) {
            if (i == 3) {
                add_protector("next");
                make_default("next");
            }
            RunOptions options;
            options.time.ns += i * kNsPerSecond;
            options.chunk_size = 16;
            const std::string own = "backup " + std::to_string(i);
            const EntryId id =
                back_up(root({file("a", "the same in all of them").mode(0640), file("b", own),
                              restore::test::folder("d", {file("c", own + " again"), link_to("l", "a")})}),
                        options);
            backups[id];
            states.push_back(store->snapshot());
        }
        tag(backups.begin()->first, {"kept"});
        objects = store->snapshot();
        const Catalogue whole = catalogue();
        for (const storage::Journal& journal : whole.journals())
            checkpoints.push_back(*Checkpoint::of(whole.repository(), journal));
        for (auto& [id, content] : backups) content = Everything(*open(id)).seen;
    }

    void put_back() {
        for (const auto& [name, content] : store->snapshot()) {
            const auto was = objects.find(name);
            if (was == objects.end() || was->second != content) store->lose(name);
        }
        for (const auto& [name, content] : objects) {
            if (!store->exists(name)) store->plant(name, content);
        }
    }

    /// Looks at the store as it is, as a reader who knows the checkpoints. names  of what was altered
    Outcome look(const std::vector<std::string>& names) { return look(names, store); }
    Outcome look(const std::vector<std::string>& names, const std::shared_ptr<signet::test::MemoryStore>& shown) {
        Outcome outcome;
        const auto note = [&](const std::string& text) {
            outcome.is_noticed = true;
            for (const std::string& name : names) {
                const auto journal = format::parse_journal_name(name);
                const std::string expected = journal ? "journal/" + journal->identity.hex() : name;
                outcome.is_named = outcome.is_named || text.find(expected) != std::string::npos;
            }
        };
        try {
            const storage::Repository seen = storage::Repository::open(shown);
            CatalogueOptions options;
            options.remember = false;
            options.tolerate_rollback = true;
            options.checkpoints = checkpoints;
            const Catalogue now = Catalogue::load(seen, keyrings, options);
            Planner planner(now, seen, resolver);
            Checker checker(seen, keyrings, planner, resolver, {1, nullptr, {}});
            checker.check_objects();
            for (const Finding& finding : checker.report().findings) note(finding.object + " " + finding.message);
            read_all(now, planner, seen, outcome);
        } catch (const Error& error) {
            note(error.what());
        }
        return outcome;
    }

    void read_all(const Catalogue& now, Planner& planner, const storage::Repository& seen, Outcome& outcome) {
        for (const auto& [id, content] : backups) {
            try {
                const Backup& backup = now.resolve(id.hex());
                const auto open = OpenBackup::open(seen, planner, resolver, backup);
                if (Everything(*open).seen == content)
                    ++outcome.restored;
                else
                    outcome.has_lied = true;
            } catch (const Error&) {
                // Refused: nothing of it was released that would have been wrong.
            }
        }
    }
};

/// Counts, and fails with the first that went wrong.
struct Tally {
    explicit Tally(std::string title) : what(std::move(title)) {}
    std::string what;
    std::uint64_t tried = 0, noticed = 0, named = 0, lies = 0, restored = 0;
    std::string first_unnoticed;

    void take(const Outcome& outcome, const std::string& which) {
        ++tried;
        noticed += outcome.is_noticed ? 1 : 0;
        named += outcome.is_named ? 1 : 0;
        lies += outcome.has_lied ? 1 : 0;
        restored += outcome.restored;
        if ((!outcome.is_noticed || !outcome.is_named || outcome.has_lied) && first_unnoticed.empty())
            first_unnoticed = which;
    }
    void finish() const {
        std::cout << what << ": " << noticed << " of " << tried << " noticed, " << named << " by name, " << lies
                  << " wrong octets released, " << restored << " backups read whole meanwhile\n";
        INFO(what << ": first " << first_unnoticed);
        CHECK(tried > 0);
        CHECK(noticed == tried);
        CHECK(named == tried);
        CHECK(lies == 0);
    }
};

/// every  takes each n-th of them
void flip_bits(Small& small, std::uint64_t every) {
    Tally tally{"bits flipped"};
    std::uint64_t number = 0;
    for (const auto& [name, content] : small.objects) {
        for (std::size_t at = 0; at < content.size(); ++at) {
            for (unsigned bit = 0; bit < 8; ++bit) {
                if (number++ % every != 0) continue;
                const auto flip = [&](Bytes& octets) { octets[at] ^= static_cast<std::uint8_t>(1U << bit); };
                small.store->tamper(name, flip);
                tally.take(small.look({name}), name + " octet " + std::to_string(at) + " bit " + std::to_string(bit));
                small.store->tamper(name, flip);
            }
        }
    }
    tally.finish();
}

void cut_off(Small& small, std::uint64_t every) {
    Tally tally{"truncations and extensions"};
    std::uint64_t number = 0;
    for (const auto& [name, content] : small.objects) {
        for (std::size_t size = 0; size <= content.size() + 2; ++size) {
            if (size == content.size() || number++ % every != 0) continue;
            small.store->tamper(name, [&](Bytes& octets) { octets.resize(size); });
            tally.take(small.look({name}), name + " of " + std::to_string(size) + " octets");
            small.put_back();
        }
    }
    tally.finish();
}

void remove_each(Small& small) {
    Tally tally{"deletions"};
    for (const auto& [name, content] : small.objects) {
        small.store->lose(name);
        tally.take(small.look({name}), name);
        small.put_back();
    }
    tally.finish();
}

void mix(Small& small, std::uint64_t every) {
    Tally swaps{"swaps of two objects"};
    Tally replays{"objects in the place of others"};
    std::uint64_t number = 0;
    for (const auto& [name, content] : small.objects) {
        for (const auto& [other, theirs] : small.objects) {
            if (name == other || number++ % every != 0) continue;
            small.store->plant(other, content);
            replays.take(small.look({other}), std::string(name).append(" in the place of ").append(other));
            if (name < other) {
                small.store->plant(name, theirs);
                swaps.take(small.look({name, other}), std::string(name).append(" with ").append(other));
            }
            small.put_back();
        }
    }
    swaps.finish();
    replays.finish();
}

void roll_back(Small& small) {
    Tally tally{"older states of the whole repository"};
    for (std::size_t i = 0; i < small.states.size(); ++i) {
        for (const auto& [name, content] : small.store->snapshot()) small.store->lose(name);
        for (const auto& [name, content] : small.states[i]) small.store->plant(name, content);
        const Outcome outcome = small.look({format::journal_name(small.writer(), 1)});
        // Backups of that time are what they were; the newer ones are missed.
        CHECK(outcome.restored == i);
        tally.take(outcome, "state " + std::to_string(i));
    }
    small.put_back();
    // Each single object as it was at an older time: it was as it is now, or it was not there.
    for (const auto& state : small.states) {
        for (const auto& [name, content] : small.objects) {
            if (state.contains(name)) {
                REQUIRE(state.at(name) == content);
                continue;
            }
            small.store->lose(name);
            tally.take(small.look({name}), name + " of an older state");
            small.put_back();
        }
    }
    tally.finish();
}

/// Listings that leave something out which is there all the same.
void overlook_each(Small& small) {
    std::uint64_t noticed = 0;
    std::uint64_t harmless = 0;
    const auto judge = [&](const std::vector<std::string>& names) {
        const auto shown = std::make_shared<signet::test::MemoryStore>();
        for (const auto& [name, content] : small.objects) shown->plant(name, content);
        for (const std::string& name : names) shown->overlook(name);
        const Outcome outcome = small.look(names, shown);
        INFO(names.front());
        CHECK_FALSE(outcome.has_lied);
        CHECK((outcome.is_noticed || outcome.restored == 3));
        ++(outcome.is_noticed ? noticed : harmless);
    };
    std::map<std::string, std::vector<std::string>> by_folder;
    for (const auto& [name, content] : small.objects) {
        judge({name});
        by_folder[name.substr(0, name.find('/'))].push_back(name);
    }
    for (const auto& [folder, names] : by_folder) judge(names);
    std::cout << "listings that leave something out: " << noticed << " noticed and " << harmless << " harmless of "
              << small.objects.size() + by_folder.size() << "\n";
}

}  // namespace

TEST_CASE("a listing that leaves out what is there is noticed, or changes nothing", "[restore][damage][hostile]") {
    Small small;
    overlook_each(small);
}

TEST_CASE("a repository that nobody altered is read whole, and nothing is found", "[restore][damage]") {
    Small small;
    const Outcome outcome = small.look({"nothing"});
    CHECK_FALSE(outcome.is_noticed);
    CHECK_FALSE(outcome.has_lied);
    CHECK(outcome.restored == 3);
}

TEST_CASE("a sample of flipped bits and of lengths is noticed by name, and nothing wrong is read",
          "[restore][damage]") {
    Small small;
    flip_bits(small, 211);
    cut_off(small, 61);
}

TEST_CASE("every deletion, older states, and a sample of swaps are noticed by name", "[restore][damage]") {
    Small small;
    remove_each(small);
    roll_back(small);
    mix(small, 7);
}

TEST_CASE("every bit of a small repository is noticed by name, and nothing wrong is read", "[restore][damage][.slow]") {
    Small small;
    flip_bits(small, 1);
}

TEST_CASE("every length, deletion, swap and replay is noticed by name", "[restore][damage][.slow]") {
    Small small;
    cut_off(small, 1);
    remove_each(small);
    roll_back(small);
    mix(small, 1);
}
