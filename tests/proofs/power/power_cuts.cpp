// Power cuts, simulated: notes every system call with which a host is set up, makes backups, rotates its key, forgets
// and prunes; then, between any two of them, forgets what was not synced, in every way of disk_model.h, and looks at
// what is left.
//
//   power_cuts [--states N] [--seed S] [--only OPERATION]      N  about as many states; 0: all of them
//
// Whatever is left: what a command had promised is there, everything that is listed reads as it was, nothing has to be
// repaired, and the next backup works. Prints how many states were tried.
#include "core/crypto/digest.h"
#include "restore/catalogue.h"
#include "restore/opener.h"
#include "restore/plan.h"
#include "restore/tree_walk.h"
#include "tests/proofs/power/history.h"
#include "tests/support/temporary_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

namespace signet::proof {
namespace {

namespace fs = std::filesystem;

class ContentsOf final : public restore::TreeVisitor {
public:
    explicit ContentsOf(restore::OpenBackup& backup) : chunks_(backup.chunk_reader()) {
        restore::ChunkReader walker = backup.chunk_reader();
        walk_tree(walker, backup.root(), {}, *this);
    }
    Contents contents;

    bool enter(std::string_view, format::Entry&, bool) override { return true; }
    void leave(std::string_view, bool) override {}
    void visit(std::string_view path, format::Entry& entry) override {
        if (entry.type != format::EntryType::file) return;
        crypto::Sha256 hash;
        restore::ContentReader reader(chunks_, entry.content, format::ChunkKind::data);
        for (ByteView octets = reader.next(); !octets.empty(); octets = reader.next()) hash.update(octets);
        contents[std::string(path)] = hash.finish();
    }
    bool broken(std::string_view, const Error& error) override { throw error; }

private:
    restore::ChunkReader chunks_;
};

/// Puts an image in the place of the host's folder.
void materialize(const Image& image, const std::string& top) {
    fs::remove_all(top);
    fs::create_directories(top);
    for (const std::string& folder : image.folders) {
        if (::mkdir((top + "/" + folder).c_str(), 0700) != 0) throw Error::from_errno("make", folder, errno);
    }
    for (const auto& [name, octets] : image.files) {
        const UniqueFd fd(::open((top + "/" + name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!fd) throw Error::from_errno("make", name, errno);
        write_full(fd.get(), octets, name);
    }
}

Digest digest_of(const Image& image) {
    crypto::Sha256 hash;
    const auto add = [&](ByteView octets) {
        const std::uint64_t size = octets.size();
        hash.update(as_bytes(std::string_view(reinterpret_cast<const char*>(&size), sizeof size)));
        hash.update(octets);
    };
    for (const std::string& folder : image.folders) add(as_bytes(folder));
    for (const auto& [name, octets] : image.files) {
        add(as_bytes(name));
        add(octets);
    }
    return hash.finish();
}

class Judge {
public:
    Judge(const History& history, std::string top, std::string source)
        : history_(history), top_(std::move(top)), source_(std::move(source)) {}

    /// promised  marks that came before the cut. throws  Error: a promise that was not kept
    void judge(const std::set<std::string>& promised, bool with_next) const {
        Host host(top_, source_);
        if (promised.empty()) return;  // not even set up: nothing was promised, and what is there opens
        host.open_repository();
        check(host, promised, history_.backups);
        if (!with_next) return;
        const Contents now = contents_below(source_);
        const EntryId next = host.back_up();
        if (open(host, next.hex()) != now) throw Error(ErrorCode::failed, "the next backup holds something else");
        // What was begun of a prune goes on, and takes nothing that is needed.
        host.prune();
        std::set<std::string> still = promised;
        still.insert(next.hex());
        auto with_next_one = history_.backups;
        with_next_one[next.hex()] = now;
        check(host, still, with_next_one);
    }

private:
    using Backups = std::map<std::string, Contents>;

    /// known  what each backup that may be there holds, by id
    static void check(Host& host, const std::set<std::string>& promised, const Backups& known) {
        const auto catalogue = restore::Catalogue::load(*host.repository, host.keyrings);
        if (catalogue.doubt()) throw *catalogue.doubt();
        for (const auto& finding : catalogue.findings()) throw finding.error;
        std::set<std::string> there;
        for (const restore::Backup& backup : catalogue.backups()) {
            const std::string id = backup.id.hex();
            there.insert(id);
            const auto one = known.find(id);
            if (one == known.end()) throw Error(ErrorCode::failed, "a backup that nobody made: " + id);
            if (!backup.trusted) throw Error(ErrorCode::failed, "not trusted: " + id);
            if (open(host, id) != one->second) throw Error(ErrorCode::failed, "reads as something else: " + id);
        }
        for (const std::string& mark : promised) {
            if (!known.contains(mark)) continue;
            if (!there.contains(mark) && !promised.contains(forgetting(mark)))
                throw Error(ErrorCode::failed, "a committed backup is gone: " + mark);
            if (there.contains(mark) && promised.contains(forgotten(mark)))
                throw Error(ErrorCode::failed, "a forgotten backup is back: " + mark);
        }
    }

    static Contents open(Host& host, const std::string& id) {
        const auto catalogue = restore::Catalogue::load(*host.repository, host.keyrings);
        restore::Planner planner(catalogue, *host.repository, host.resolver);
        const auto backup = restore::OpenBackup::open(*host.repository, planner, host.resolver, catalogue.resolve(id));
        return ContentsOf(*backup).contents;
    }

    const History& history_;
    std::string top_;
    std::string source_;
};

/// Every way to lose what was not synced. repeat  whether chance has a say
struct Way {
    const char* name;
    Fate fate;
    bool repeat;
};

std::vector<Way> ways() {
    using N = Fate::Names;
    using O = Fate::Octets;
    return {
        {"everything is lost", {N::lost, O::lost, 512}, false},
        {"names stay, octets are lost", {N::kept, O::lost, 512}, false},
        {"names stay, files are empty", {N::kept, O::empty, 512}, false},
        {"octets stay, names are lost", {N::lost, O::kept, 512}, false},
        {"nothing is lost", {N::kept, O::kept, 512}, false},
        {"names stay, torn at 512", {N::kept, O::torn, 512}, true},
        {"names stay, torn at 4096", {N::kept, O::torn, 4096}, true},
        {"names stay, some sectors of 512", {N::kept, O::some, 512}, true},
        {"names stay, some sectors of 4096", {N::kept, O::some, 4096}, true},
        {"some names, octets are lost", {N::some, O::lost, 512}, true},
        {"some names, files are empty", {N::some, O::empty, 512}, true},
        {"some names, octets stay", {N::some, O::kept, 512}, true},
        {"some names, torn at 512", {N::some, O::torn, 512}, true},
        {"some names, some sectors of 4096", {N::some, O::some, 4096}, true},
    };
}

struct Options {
    std::uint64_t states = 0;
    std::uint64_t seed = 1;
    std::uint64_t seeds = 48;  ///< of each way in which chance has a say, at each boundary
    std::optional<std::size_t> only;
};

class Proof {
public:
    Proof(const Options& options, const History& history, std::string top, std::string source)
        : options_(options), history_(history), top_(std::move(top)), judge_(history, top_, std::move(source)) {}

    int run() {
        const auto all = ways();
        std::uint64_t possible = 0;
        for (const Way& way : all) possible += way.repeat ? options_.seeds : 1;
        possible *= history_.operations.size();
        // In a sample each state has the same chance.
        const double chance =
            options_.states == 0 ? 1 : static_cast<double>(options_.states) / static_cast<double>(possible);
        std::mt19937_64 sample(options_.seed);
        DiskModel disk;
        std::set<std::string> promised;
        for (std::size_t i = 0; i < history_.operations.size(); ++i) {
            const Operation& operation = history_.operations[i];
            disk.apply(operation);
            if (operation.kind == Operation::Kind::mark) promised.insert(operation.label);
            if (options_.only && *options_.only != i) continue;
            for (const Way& way : all) {
                for (std::uint64_t seed = 0; seed < (way.repeat ? options_.seeds : 1); ++seed) {
                    if (std::uniform_real_distribution<>(0, 1)(sample) >= chance) continue;
                    try_one(disk, way, i, seed, promised);
                }
            }
        }
        std::printf(
            "power cuts: %llu of %llu states lost a committed backup, or needed a repair (%zu operations, %zu "
            "different images, next backup made in %llu)\n",
            static_cast<unsigned long long>(broken_), static_cast<unsigned long long>(tried_),
            history_.operations.size(), known_.size(), static_cast<unsigned long long>(next_));
        return broken_ == 0 && tried_ > 0 ? 0 : 1;
    }

private:
    void try_one(const DiskModel& disk, const Way& way, std::size_t at, std::uint64_t seed,
                 const std::set<std::string>& promised) {
        std::mt19937_64 random(options_.seed * 1'000'003 + at * 1009 + seed);
        const Image image = disk.cut(way.fate, random);
        ++tried_;
        // What was judged with as many promises needs no second look.
        if (!known_.insert({digest_of(image), promised.size()}).second) return;
        const bool with_next = known_.size() % 8 == 0;
        try {
            materialize(image, top_);
            judge_.judge(promised, with_next);
            if (with_next && !promised.empty()) ++next_;
        } catch (const std::exception& error) {
            ++broken_;
            std::printf("BROKEN after operation %zu (%s), %s, seed %llu: %s\n", at, describe(at).c_str(), way.name,
                        static_cast<unsigned long long>(seed), error.what());
            if (broken_ >= 25) std::exit(1);
        }
    }

    [[nodiscard]] std::string describe(std::size_t at) const {
        static const char* const kNames[] = {"make_file",   "make_folder", "write", "truncate", "sync_file",
                                             "sync_folder", "rename",      "link",  "unlink",   "mark"};
        const Operation& operation = history_.operations[at];
        return std::string(kNames[static_cast<int>(operation.kind)]) + " " + operation.path +
               (operation.to.empty() ? "" : " -> " + operation.to) + operation.label;
    }

    const Options& options_;
    const History& history_;
    std::string top_;
    Judge judge_;
    std::set<std::pair<Digest, std::size_t>> known_;
    std::uint64_t tried_ = 0;
    std::uint64_t broken_ = 0;
    std::uint64_t next_ = 0;
};

}  // namespace
}  // namespace signet::proof

int main(int argc, char** argv) {
    using namespace signet::proof;
    Options options;
    for (int i = 1; i < argc; i += 2) {
        const std::string word = argv[i];
        const std::uint64_t value = i + 1 < argc ? std::strtoull(argv[i + 1], nullptr, 10) : 0;
        if (word == "--states" && value > 0) {
            options.states = value;
        } else if (word == "--seed") {
            options.seed = value;
        } else if (word == "--seeds" && value > 0) {
            options.seeds = value;
        } else if (word == "--only") {
            options.only = static_cast<std::size_t>(value);
        } else {
            std::cerr << "usage: power_cuts [--states N] [--seed N] [--seeds N] [--only OPERATION]\n";
            return 2;
        }
    }
    try {
        const signet::test::TemporaryFolder folder;
        const std::string top = fs::canonical(folder.path()).string() + "/host";
        const std::string source = fs::canonical(folder.path()).string() + "/source";
        fs::create_directories(top);
        fs::create_directories(source);
        std::optional<History> history;
        {
            Host host(top, source);
            history = make_history(host);
        }
        return Proof(options, *history, top, source).run();
    } catch (const std::exception& error) {
        std::cerr << "power_cuts: " << error.what() << "\n";
        return 1;
    }
}
