#include "cli/terminal.h"

#include "cli/places.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

namespace signet::cli {
namespace {

constexpr std::string_view kClearLine = "\r\x1b[K";

/// Ends of lines of Unicode, and marks that turn the direction of text around: what follows seems to be something else.
bool turns_text(std::string_view character) {
    if (character.size() != 3 || character[0] != '\xe2') return false;
    const auto middle = static_cast<unsigned char>(character[1]);
    const auto last = static_cast<unsigned char>(character[2]);
    return (middle == 0x80 && (last == 0x8e || last == 0x8f || (last >= 0xa8 && last <= 0xae))) ||
           (middle == 0x81 && last >= 0xa6 && last <= 0xa9);
}

}  // namespace

void Terminal::configure(bool json, int verbosity) {
    static const bool buffered =
        std::setvbuf(stdout, nullptr, isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF, std::size_t{64} * 1024) == 0;
    (void)buffered;  // a smaller buffer costs more calls and is no failure
    json_ = json;
    verbosity_ = verbosity;
    output_is_terminal_ = isatty(STDOUT_FILENO) == 1;
    error_is_terminal_ = isatty(STDERR_FILENO) == 1;
    const std::string kind = variable("TERM");
    colours_ = output_is_terminal_ && !kind.empty() && kind != "dumb" && variable("NO_COLOR").empty();
}

void Terminal::write_output(std::string_view text) {
    const std::lock_guard lock(mutex_);
    if (output_is_terminal_) clear_progress();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && output_error_ == 0) output_error_ = errno;
}

void Terminal::write_error(std::string_view text) {
    const std::lock_guard lock(mutex_);
    clear_progress();
    // There is nowhere left to complain.
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
    (void)std::fflush(stderr);
}

void Terminal::clear_progress() {
    if (!has_progress_line_) return;
    has_progress_line_ = false;
    (void)std::fwrite(kClearLine.data(), 1, kClearLine.size(), stderr);
    (void)std::fflush(stderr);
}

void Terminal::result(std::string_view line) {
    if (!json_) write_output(std::string(line) + "\n");
}

void Terminal::object(const Json& value) {
    const std::lock_guard lock(mutex_);
    write_output(to_line(value) + "\n");
    // Whoever reads lines wants each when it is said.
    if (std::fflush(stdout) != 0 && output_error_ == 0) output_error_ = errno;
}

void Terminal::raw(ByteView bytes) { write_output(as_text(bytes)); }

void Terminal::message(std::string_view sentence) {
    if (!json_ && !quiet()) write_error(printable(sentence) + "\n");
}

void Terminal::warning(std::string_view sentence) {
    if (json_) {
        write_error(to_line({{"message_type", "warning"}, {"message", sentence}}) + "\n");
    } else {
        write_error("signet: warning: " + printable(sentence) + "\n");
    }
}

void Terminal::warning(std::string_view item, std::string_view what) {
    if (!json_) return warning(printable(item) + ": " + std::string(what));
    Json line = {{"message_type", "warning"}, {"message", what}};
    set_text(line, "item", item);
    write_error(to_line(line) + "\n");
}

void Terminal::problem(std::string_view item, std::string_view what, std::string_view during) {
    if (!json_) {
        write_error("signet: " + printable(item) + ": " + printable(what) + "\n");
        return;
    }
    Json line = {{"message_type", "error"}, {"error", {{"message", what}}}, {"during", during}};
    set_text(line, "item", item);
    write_error(to_line(line) + "\n");
}

void Terminal::failure(const Error& error, ExitCode code) {
    if (json_) {
        write_error(to_line({{"message_type", "exit_error"},
                             {"code", number(code)},
                             {"message", error.what()},
                             {"hint", error.hint()}}) +
                    "\n");
        return;
    }
    std::string text = "signet: " + printable(error.what()) + "\n";
    if (!error.hint().empty()) text += "hint: " + printable(error.hint()) + "\n";
    write_error(text);
}

void Terminal::block(std::string_view text) {
    if (!json_) write_error(printable_lines(text));
}

void Terminal::progress_line(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (!error_is_terminal_) {
        if (!line.empty()) write_error(std::string(line) + "\n");
        return;
    }
    clear_progress();
    if (line.empty()) return;
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
    (void)std::fflush(stderr);
    has_progress_line_ = true;
}

std::size_t Terminal::columns() const {
    struct winsize size {};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

std::string Terminal::paint(Colour colour, std::string_view text) const {
    if (!colours_ || colour == Colour::none) return std::string(text);
    static constexpr std::array<const char*, 5> kCodes = {"0", "1", "31", "32", "33"};
    return std::string("\x1b[") + kCodes.at(static_cast<std::size_t>(colour)) + "m" + std::string(text) + "\x1b[0m";
}

void Terminal::finish() {
    const std::lock_guard lock(mutex_);
    clear_progress();
    if (std::fflush(stdout) != 0 && output_error_ == 0) output_error_ = errno;
    if (output_error_ == 0) return;
    throw Error::from_errno("write", "standard output", output_error_);
}

std::string printable(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string result;
    const auto escape = [&](unsigned char octet) {
        result += "\\x";
        result += kDigits[octet >> 4];
        result += kDigits[octet & 15];
    };
    for (std::size_t at = 0; at < text.size();) {
        // A character of several octets is printed whole or escaped octet by octet.
        std::size_t size = 1;
        while (size < 4 && at + size < text.size() && !is_utf8(text.substr(at, size))) ++size;
        const std::string_view character = text.substr(at, size);
        const auto octet = static_cast<unsigned char>(character.front());
        const bool is_c1 = size == 2 && octet == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
        const bool is_hidden = is_c1 || turns_text(character);
        if (!is_utf8(character)) {
            escape(octet);
            size = 1;
        } else if (octet == '\n') {
            result += "\\n";
        } else if (octet == '\t') {
            result += "\\t";
        } else if (octet < 0x20 || octet == 0x7f || is_hidden) {
            for (const char c : character) escape(static_cast<unsigned char>(c));
        } else {
            result += character;
        }
        at += size;
    }
    return result;
}

std::string printable_lines(std::string_view text) {
    std::string result;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t to = std::min(text.find('\n', from), text.size());
        result += printable(text.substr(from, to - from));
        if (to < text.size()) result += '\n';
        from = to + 1;
    }
    return result;
}

std::string human_size(std::uint64_t bytes) {
    static constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    std::array<char, 32> text{};
    (void)std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits.at(unit));
    return text.data();
}

std::string human_duration(double seconds) {
    std::array<char, 48> text{};
    if (seconds < 10) {
        (void)std::snprintf(text.data(), text.size(), "%.2f s", seconds < 0 ? 0.0 : seconds);
        return text.data();
    }
    const auto whole = static_cast<std::uint64_t>(seconds);
    if (whole < 3600) {
        (void)std::snprintf(text.data(), text.size(), "%u:%02u", static_cast<unsigned>(whole / 60),
                            static_cast<unsigned>(whole % 60));
    } else {
        (void)std::snprintf(text.data(), text.size(), "%llu:%02u:%02u", static_cast<unsigned long long>(whole / 3600),
                            static_cast<unsigned>(whole / 60 % 60), static_cast<unsigned>(whole % 60));
    }
    return text.data();
}

std::string counted(std::uint64_t count, std::string_view singular, std::string_view plural) {
    std::string digits = std::to_string(count);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    const std::string many = plural.empty() ? std::string(singular) + "s" : std::string(plural);
    return digits + " " + (count == 1 ? std::string(singular) : many);
}

}  // namespace signet::cli
