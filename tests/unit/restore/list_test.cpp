#include "restore/list.h"

#include "tests/unit/restore/repository_bench.h"

#include <set>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

using Lines = std::vector<std::string>;

Lines list(OpenBackup& backup, const ListRequest& request) {
    Lines paths;
    list_tree(backup, request, [&](const ListedItem& item) { paths.push_back(item.path); });
    return paths;
}

Node sample() {
    return root({folder("a", {file("one.txt", "1").modified(1000), folder("sub", {file("two.txt", "22")})}),
                 file("b.log", "333"), link_to("c", "a")});
}

RunOptions later(int seconds) {
    RunOptions options;
    options.time = TimePoint{(1'700'000'000LL + seconds) * kNsPerSecond};
    return options;
}

Lines diff(OpenBackup& before, OpenBackup& after, const DiffRequest& request = {}) {
    Lines lines;
    diff_trees(before, after, request, [&](const Difference& one) { lines.push_back(one.modifier + " " + one.path); });
    return lines;
}

}  // namespace

TEST_CASE("ls shows a backup in stored order", "[restore][list]") {
    RepositoryBench bench;
    bench.back_up(sample());
    const auto backup = bench.open();
    ListRequest request;
    CHECK(list(*backup, request) == Lines{"/a", "/a/one.txt", "/a/sub", "/a/sub/two.txt", "/b.log", "/c"});
    SECTION("one level") {
        request.recursive = false;
        CHECK(list(*backup, request) == Lines{"/a", "/b.log", "/c"});
        request.path = "/a";
        CHECK(list(*backup, request) == Lines{"/a", "/a/one.txt", "/a/sub"});
    }
    SECTION("from a folder") {
        request.path = "/a/sub";
        CHECK(list(*backup, request) == Lines{"/a/sub", "/a/sub/two.txt"});
    }
    SECTION("a file") {
        request.path = "/b.log";
        CHECK(list(*backup, request) == Lines{"/b.log"});
    }
    SECTION("what is not there") {
        request.path = "/nothing";
        CHECK_THROWS_MATCHES(list(*backup, request), Error, has_code(ErrorCode::usage));
    }
    SECTION("by pattern") {
        request.patterns.add("*.txt", false);
        CHECK(list(*backup, request) == Lines{"/a/one.txt", "/a/sub/two.txt"});
    }
    SECTION("by type") {
        request.type = format::EntryType::directory;
        CHECK(list(*backup, request) == Lines{"/a", "/a/sub"});
    }
    SECTION("by time") {
        request.newest = TimePoint{1000 * kNsPerSecond};
        CHECK(list(*backup, request) == Lines{"/a/one.txt"});
        request.newest.reset();
        request.oldest = TimePoint{1001 * kNsPerSecond};
        CHECK(list(*backup, request).size() == 5);
    }
}

TEST_CASE("statistics count every inode and every chunk once", "[restore][list]") {
    RepositoryBench bench;
    bench.back_up(root(
        {folder("d", {file("a", noise(10'000, 1)), file("b", noise(10'000, 1)), file("c", noise(500, 2)).linked(1)}),
         file("e", noise(500, 2)).linked(1), file("f").extents({{1'000'000, 0}})}));
    const auto backup = bench.open();
    const TreeStatistics statistics = tree_statistics(*backup);
    CHECK(statistics.files == 4);
    CHECK(statistics.hard_links == 1);
    CHECK(statistics.folders == 1);
    CHECK(statistics.logical_size == 1'020'500);
    CHECK(statistics.raw_size > 10'500);
    CHECK(statistics.raw_size < 12'000);
    CHECK(statistics.sealed_size > 10'500);
}

TEST_CASE("diff tells what was added, removed and changed", "[restore][diff]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(sample(), later(0));
    Node changed = sample();
    changed.children[0].children[0].data = "other";                           // /a/one.txt
    changed.children[0].children[1].children.push_back(file("zwei", "new"));  // /a/sub/zwei
    changed.children[1] = folder("b.log", {file("in", "x")});                 // was a file
    changed.children[2].entry.mode = 0700;                                    // /c: metadata alone
    changed.children.push_back(folder("d", {file("x", "y")}));
    const EntryId second = bench.back_up(changed, later(1));
    const auto before = bench.open(first);
    const auto after = bench.open(second);
    CHECK(diff(*before, *after) == Lines{"M /a/one.txt", "+ /a/sub/zwei", "T /b.log", "+ /b.log/in", "+ /d", "+ /d/x"});
    CHECK(diff(*after, *before) == Lines{"M /a/one.txt", "- /a/sub/zwei", "T /b.log", "- /b.log/in", "- /d", "- /d/x"});
    CHECK(diff(*before, *before).empty());

    DiffRequest metadata;
    metadata.metadata = true;
    const Lines with = diff(*before, *after, metadata);
    CHECK(std::find(with.begin(), with.end(), "U /c") != with.end());

    DiffRequest part;
    part.path = "/a/sub";
    CHECK(diff(*before, *after, part) == Lines{"+ /a/sub/zwei"});

    const DifferenceStatistics statistics = diff_trees(*before, *after, {}, [](const Difference&) {});
    CHECK(statistics.files_changed == 1);
    CHECK(statistics.files_added == 3);
    CHECK(statistics.files_removed == 1);
    CHECK(statistics.folders_added == 2);
}

TEST_CASE("diff does not open folders that are the same", "[restore][diff]") {
    RepositoryBench bench;
    std::vector<Node> folders;
    for (char c = 'a'; c < 'k'; ++c)
        folders.push_back(folder(std::string(1, c), {file("f", noise(3000, static_cast<std::uint64_t>(c)))}));
    const EntryId first = bench.back_up(root(folders), later(0));
    folders.push_back(file("new", "x"));
    const EntryId second = bench.back_up(root(folders), later(1));
    const auto before = bench.open(first);
    const auto after = bench.open(second);
    CHECK(diff(*before, *after) == Lines{"+ /new"});
    CHECK(before->frames().decoded() <= 1);
}

TEST_CASE("folders are read as deep as the format allows and no deeper", "[restore][list][diff][deep]") {
    // The root is depth 0, so kMaxDepth folders may lie in one another below it.
    const auto nested = [](std::size_t depth, const std::string& content) {
        Node inner = file("f", content);
        for (std::size_t i = 0; i < depth; ++i) inner = folder("d", {std::move(inner)});
        return root({std::move(inner)});
    };
    RepositoryBench bench;
    SECTION("as deep as allowed") {
        bench.back_up(nested(format::kMaxDepth, "one"));
        const auto before = bench.open();
        bench.back_up(nested(format::kMaxDepth, "two"));
        const auto after = bench.open();
        RestoreRequest request;
        request.dry_run = true;
        const RestoreReport report = bench.restore(request);
        CHECK(report.content_errors == 0);
        CHECK(report.files_restored == 1);
        CHECK(report.folders == format::kMaxDepth);
        CHECK(diff(*before, *after).size() == 1);
    }
    SECTION("deeper") {
        bench.back_up(nested(format::kMaxDepth + 1, "one"));
        const auto before = bench.open();
        bench.back_up(nested(format::kMaxDepth + 1, "two"));
        const auto after = bench.open();
        RestoreRequest request;
        request.dry_run = true;
        CHECK_THROWS_MATCHES(bench.restore(request), Error, has_code(ErrorCode::damaged));
        CHECK_THROWS_MATCHES(diff(*before, *after), Error, has_code(ErrorCode::damaged));
    }
}

TEST_CASE("backups of two writers are compared by size and time", "[restore][diff]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(sample(), later(0));
    bench.use_stranger();
    Node changed = sample();
    changed.children[1].data = "4444";
    const EntryId second = bench.back_up(changed, later(1));
    bench.trust(bench.catalogue().find(second.hex()).writer);
    const auto before = bench.open(first);
    const auto after = bench.open(second);
    CHECK(diff(*before, *after) == Lines{"M /b.log"});
}
