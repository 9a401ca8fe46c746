#include "restore/metadata.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/file.h"
#include "tests/support/temporary_folder.h"

#include <catch2/catch.hpp>

using namespace signet;
using namespace signet::restore;

TEST_CASE("owners by name take the number that the name has here, and keep theirs where it has none",
          "[restore][metadata]") {
    const OwnerMap owners =
        OwnerMap::by_name({{4'000'000, "root"}, {4'000'001, "no such user, surely"}}, {{4'000'002, "root"}});
    CHECK(owners.users == std::map<std::uint32_t, uid_t>{{4'000'000, 0}});
    CHECK(owners.groups == std::map<std::uint32_t, gid_t>{{4'000'002, 0}});

    struct stat status {};
    format::Entry entry;
    entry.mode = 0600;
    entry.uid = 4'000'000;
    entry.gid = 4'000'002;
    status.st_mode = S_IFREG | 0600;
    if (::geteuid() == 0) {  // others cannot give files away
        CHECK_FALSE(MetadataWriter(false, owners).differs(status, entry));
        CHECK(MetadataWriter(false).differs(status, entry));
    }
}

TEST_CASE("who cannot own anything owns nothing: without setuid, and counted", "[restore][metadata]") {
    if (::geteuid() != 0) return;  // others cannot give files away
    test::TemporaryFolder folder;
    const std::string path = folder.path() + "/file";
    const UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    REQUIRE(file.get() >= 0);
    format::Entry entry;
    entry.mode = 06755;
    SECTION("a user") {
        entry.uid = UINT32_MAX;
        entry.gid = 4'000'001;
    }
    SECTION("a group") {
        entry.uid = 4'000'001;
        entry.gid = UINT32_MAX;
    }
    MetadataLosses losses;
    const MetadataWriter writer(false);
    writer.apply(file.get(), entry, writer.creation(entry, false, false).is_final, false, losses);
    struct stat status {};
    REQUIRE(::fstat(file.get(), &status) == 0);
    CHECK(status.st_uid == (entry.uid == UINT32_MAX ? 0 : entry.uid));
    CHECK(status.st_gid == (entry.gid == UINT32_MAX ? 0 : entry.gid));
    CHECK((status.st_mode & 07777) == 0755);
    CHECK(losses.count() == 1);
}
