#include "core/open_beneath.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <cerrno>
#include <filesystem>

#include "tests/support/matchers.h"
#include "tests/support/temporary_folder.h"

using namespace signet;
using signet::test::TemporaryFolder;

TEST_CASE("what is opened beneath a folder has that name there, and is no link and not behind one", "[core][file]") {
    const TemporaryFolder folder;
    make_folders(folder / "in/sub", 0700);
    replace_file(folder / "in/file", as_bytes("x"), 0600);
    replace_file(folder / "outside", as_bytes("precious"), 0600);
    std::filesystem::create_symlink("../outside", folder / "in/link");
    std::filesystem::create_directory_symlink("sub", folder / "in/folder-link");
    const UniqueFd in(::open((folder / "in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(in);
    const auto why_not = [&](const std::string& name, int flags, mode_t mode = 0) {
        errno = 0;
        return open_beneath(in.get(), name, flags, mode) ? 0 : errno;
    };
    CHECK(why_not("file", O_RDONLY) == 0);
    CHECK(why_not("sub", O_RDONLY | O_DIRECTORY) == 0);
    CHECK(why_not("new", O_WRONLY | O_CREAT | O_EXCL, 0640) == 0);
    CHECK(why_not("new", O_WRONLY | O_CREAT | O_EXCL, 0640) == EEXIST);
    CHECK(why_not("none", O_RDONLY) == ENOENT);
    CHECK(why_not("link", O_RDONLY) == ELOOP);
    CHECK(why_not("link", O_WRONLY | O_TRUNC) == ELOOP);
    CHECK(why_not("link", O_WRONLY | O_CREAT | O_EXCL, 0600) == EEXIST);
    CHECK(why_not("folder-link", O_RDONLY | O_DIRECTORY) == ENOTDIR);
    CHECK(why_not("folder-link/../file", O_RDONLY) == EINVAL);
    CHECK(why_not("../outside", O_RDONLY) == EINVAL);
    const UniqueFd link = open_beneath(in.get(), "link", O_PATH);
    struct stat status {};
    REQUIRE(::fstat(link.get(), &status) == 0);
    CHECK(S_ISLNK(status.st_mode));
    Bytes content;
    CHECK(read_file_if_present(folder / "outside", 100, content));
    CHECK(as_text(content) == "precious");
}
