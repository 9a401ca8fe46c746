#include "tests/unit/restore/repository_bench.h"

#include <sys/stat.h>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

TEST_CASE("what was backed up comes back as it was", "[restore][extractor]") {
    RepositoryBench bench;
    const std::string large = noise(300'000, 7);
    bench.back_up(root({folder("data", {file("a", "hello"), folder("b", {file("c", large)}).mode(0700), file("d"),
                                         link_to("e", "../nowhere")})}));
    const RestoreReport report = bench.restore();
    CHECK(report.content_errors == 0);
    CHECK(content_of(bench.target() + "/data/a") == "hello");
    CHECK((content_of(bench.target() + "/data/b/c") == large));
    struct stat status {};
    REQUIRE(::lstat((bench.target() + "/data/b").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0700);
    CHECK(status.st_mtim.tv_sec == 1'600'000'000);
    CHECK(status.st_mtim.tv_nsec == 123'456'789);
}
