#include "cli/checkpoints.h"

#include "cli/input.h"
#include "core/file.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>

namespace signet::cli {
namespace {

constexpr std::string_view kWord = "signet-checkpoint ";

}  // namespace

OptionSpec checkpoint_option() {
    return {.name = "checkpoint",
            .takes = Takes::many,
            .value_name = "LINE|FILE",
            .help =
                "what the repository must show: a line of signet checkpoint, or a file of such lines; may be "
                "repeated"};
}

std::vector<restore::Checkpoint> given_checkpoints(const Options& options) {
    std::vector<restore::Checkpoint> all;
    if (!options.given("checkpoint")) return all;
    for (const std::string& given : options.list("checkpoint")) {
        const bool is_line = given.starts_with(kWord);
        for (const restore::Checkpoint& one :
             restore::parse_checkpoints(is_line ? given : read_input(given, "the checkpoints in")))
            all.push_back(one);
    }
    return all;
}

void append_line(const std::string& path, const std::string& line) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file) throw Error::from_errno("open", path, errno);
    if (!line.empty()) write_full(file.get(), as_bytes(line + "\n"), path);
    if (::fsync(file.get()) != 0) throw Error::from_errno("write", path, errno);
}

Json checkpoint_json(const restore::Checkpoint& checkpoint) {
    return {{"identity", checkpoint.identity.hex()},
            {"sequence", checkpoint.sequence},
            {"entry", checkpoint.entry.hex()},
            {"time", to_rfc3339(checkpoint.time)},
            {"line", checkpoint.line()}};
}

}  // namespace signet::cli
