// Where words go: results to standard output, messages and progress to standard error.
#pragma once

#include "cli/exit_code.h"
#include "cli/json.h"
#include "core/error.h"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace signet::cli {

/// For several threads at once: every call writes whole lines.
class Terminal {
public:
    enum class Colour { none, bold, red, green, yellow };

    Terminal() = default;
    /// verbosity  -1 quiet, 0, 1, 2
    void configure(bool json, int verbosity);

    [[nodiscard]] bool json() const { return json_; }
    [[nodiscard]] int verbosity() const { return verbosity_; }
    [[nodiscard]] bool quiet() const { return verbosity_ < 0; }

    /// A result for people: a line on standard output. Nothing with --json.
    void result(std::string_view line);
    /// A result for machines: one line on standard output.
    void object(const Json& value);
    /// Octets of a result as they are.
    void raw(ByteView bytes);

    /// A sentence for people on standard error; not with --quiet, not with --json.
    void message(std::string_view sentence);
    /// "signet: warning: …"; also with --quiet.
    void warning(std::string_view sentence);
    /// The same about one thing.
    void warning(std::string_view item, std::string_view what);
    /// Something could not be read or written; the command goes on.
    /// item    the path; shown as it can be shown
    /// during  "archival", "restore", … for machines
    void problem(std::string_view item, std::string_view what, std::string_view during);
    /// Why the command ends.
    void failure(const Error& error, ExitCode code);
    /// A block of text for people on standard error, as it is. Nothing with --json.
    void block(std::string_view text);

    /// Replaces the progress line on a terminal; an empty one removes it. Elsewhere each is a line of its own.
    void progress_line(std::string_view line);
    [[nodiscard]] bool error_is_terminal() const { return error_is_terminal_; }
    [[nodiscard]] bool output_is_terminal() const { return output_is_terminal_; }
    /// Columns of standard error.
    [[nodiscard]] std::size_t columns() const;
    /// The text in that colour, when standard output is a terminal that has colours.
    [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;

    /// Hands everything on. throws  Error{io}: standard output could not take it all
    void finish();

private:
    void write_error(std::string_view text);
    void write_output(std::string_view text);
    void clear_progress();

    std::recursive_mutex mutex_;
    bool json_ = false;
    int verbosity_ = 0;
    bool error_is_terminal_ = false;
    bool output_is_terminal_ = false;
    bool colours_ = false;
    bool has_progress_line_ = false;
    int output_error_ = 0;
};

/// What can be shown: control characters and octets that are not UTF-8 as \n, \t, \x1b.
[[nodiscard]] std::string printable(std::string_view text);

/// The same, line by line.
[[nodiscard]] std::string printable_lines(std::string_view text);

/// "512 B", "1.5 KiB", "23.4 GiB".
[[nodiscard]] std::string human_size(std::uint64_t bytes);
/// "0.42 s", "1:05", "2:03:09".
[[nodiscard]] std::string human_duration(double seconds);
/// "1 file", "1,234 files".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view singular, std::string_view plural = {});

}  // namespace signet::cli
