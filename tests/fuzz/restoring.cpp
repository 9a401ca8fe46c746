#include "tests/fuzz/restoring.h"

#include "tests/unit/restore/repository_bench.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace signet::fuzz {
namespace {

namespace fs = std::filesystem;
using namespace restore::test;

/// One repository for all inputs: only what is in the tree changes. A chunk that every tree may refer to is in it.
struct Bench : RepositoryBench {
    std::string outside = folder / "outside";
    std::vector<std::string> before;
    Bench() {
        fs::create_directories(outside);
        std::ofstream(outside + "/file") << "precious";
        before = listing(outside);
    }
};

}  // namespace

void restore_tree(ByteView octets) {
    if (octets.size() > std::size_t{64} * 1024) return;
    static auto* bench = new Bench;
    static int uses = 0;
    // Journals grow with each backup.
    if (++uses % 200 == 0) {
        delete bench;
        bench = new Bench;
    }
    Node top = root({});
    top.raw_content = std::string(as_text(octets));
    bench->back_up(top);
    restore::RestoreRequest request;
    request.salvage = true;
    request.plain = true;
    request.jobs = 1;
    fs::remove_all(bench->target());
    try {
        static_cast<void>(bench->restore(request));
    } catch (const Error&) {
        // An answer.
    }
    if (listing(bench->outside) != bench->before) {
        std::fputs("something outside the target was touched\n", stderr);
        std::abort();
    }
}

}  // namespace signet::fuzz
