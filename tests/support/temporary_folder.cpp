#include "tests/support/temporary_folder.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/error.h"

namespace signet::test {

TemporaryFolder::TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "signet-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw Error::from_errno("make", pattern, errno);
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace signet::test
