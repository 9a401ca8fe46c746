#include "core/error.h"

#include <cerrno>

#include "tests/support/matchers.h"

using namespace signet;

TEST_CASE("a system error says what could not be done, to what, and why", "[core][error]") {
    const Error error = Error::from_errno("write", "/srv/backup/packs/ab", ENOSPC);
    CHECK(error.code() == ErrorCode::io);
    CHECK(error.system_error() == ENOSPC);
    CHECK(std::string(error.what()) == "cannot write /srv/backup/packs/ab: No space left on device");
    CHECK_FALSE(error.hint().empty());
}

TEST_CASE("full disks, quotas and read-only file systems come with a hint", "[core][error]") {
    const int number = GENERATE(ENOSPC, EDQUOT, EROFS);
    CHECK_FALSE(Error::from_errno("write", "file", number).hint().empty());
    CHECK(Error::from_errno("write", "file", EIO).hint().empty());
}

TEST_CASE("an error without a system call behind it has no errno", "[core][error]") {
    const Error error(ErrorCode::refused, "what", "hint");
    CHECK(error.system_error() == 0);
    CHECK(error.hint() == "hint");
}
