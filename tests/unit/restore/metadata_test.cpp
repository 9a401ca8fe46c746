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
