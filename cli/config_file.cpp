#include "cli/config_file.h"

#include "cli/input.h"
#include "core/error.h"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>

#include <sys/stat.h>
#include <algorithm>
#include <set>
#include <sstream>

namespace signet::cli {
namespace {

namespace po = boost::program_options;

bool is_global_option(const std::string& name) {
    const auto& options = global_options();
    return std::any_of(options.begin(), options.end(), [&](const OptionSpec& o) { return o.name == name; });
}

/// throws  Error{usage}: nothing of that name can stand there
void check_known(const std::string& path, const std::string& section, const std::string& name) {
    if (name == "help" || name == "config") {
        throw Error(ErrorCode::usage, path + ": " + name + " cannot stand in a configuration file");
    }
    if (section.empty()) {
        if (!is_global_option(name)) {
            throw Error(ErrorCode::usage, path + ": unknown option before any section: " + name,
                        "options of one command stand in its section, for instance [backup]");
        }
        return;
    }
    const Command* command = find_command(section);
    if (command == nullptr) {
        if (is_planned(section)) return;
        throw Error(ErrorCode::usage, path + ": unknown section [" + section + "]", suggest_command(section));
    }
    const bool is_argument = command->arguments.most == Arguments::kAnyNumber && name == command->arguments.name;
    if (!is_argument && !is_global_option(name) && command->find_option(name) == nullptr) {
        throw Error(ErrorCode::usage, path + ": unknown option in [" + section + "]: " + name,
                    "see: signet help " + section);
    }
}

const OptionSpec* find_spec(const Command& command, const std::string& name) {
    if (const OptionSpec* own = command.find_option(name)) return own;
    const auto& options = global_options();
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const OptionSpec& o) { return o.name == name; });
    return found == options.end() ? nullptr : &*found;
}

/// Boost ends a line at any #. Here a comment begins at the start of a line or after a blank, so that values can have
/// one.
constexpr char kKeptHash = '\x01';

std::string hide_hashes(std::string text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
        const char before = text[i - 1];
        if (text[i] == '#' && before != ' ' && before != '\t' && before != '\n' && before != '#') text[i] = kKeptHash;
    }
    return text;
}

std::string show_hashes(std::string text) {
    std::replace(text.begin(), text.end(), kKeptHash, '#');
    return text;
}

/// A configuration names commands that are run. throws  Error{refused}
void require_not_everybodys(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;  // reading tells, or it is a pipe
    if ((status.st_mode & S_IWOTH) == 0) return;
    throw Error(ErrorCode::refused,
                path + ": everybody can write to it, and a configuration names commands that are run",
                "chmod o-w " + path);
}

/// Each file is parsed by Boost, which leaves "section.name" as one key; names of options hold no dot.
std::vector<ConfigValue> parse(const std::string& path) {
    require_not_everybodys(path);
    std::istringstream file(hide_hashes(read_input(path, "configuration")));
    const po::options_description nothing;
    std::vector<ConfigValue> values;
    for (const po::option& option : po::parse_config_file(file, nothing, true).options) {
        const std::size_t dot = option.string_key.rfind('.');
        std::string section = dot == std::string::npos ? "" : option.string_key.substr(0, dot);
        if (section == "global") section.clear();
        std::string name = dot == std::string::npos ? option.string_key : option.string_key.substr(dot + 1);
        if (name.compare(0, 2, "--") == 0) name.erase(0, 2);
        values.push_back(
            {std::move(name), option.value.empty() ? "" : show_hashes(option.value.front()), std::move(section)});
    }
    return values;
}

}  // namespace

std::vector<ConfigValue> read_config(const std::string& path, const Command& command) {
    std::vector<ConfigValue> all;
    try {
        all = parse(path);
    } catch (const po::error& problem) {
        throw Error(ErrorCode::usage, path + ": " + problem.what(), "lines are NAME = VALUE or [section]");
    }
    std::vector<ConfigValue> own, common;
    std::set<std::pair<std::string, std::string>> seen;
    for (ConfigValue& value : all) {
        check_known(path, value.section, value.name);
        const Command* section = value.section.empty() ? &command : find_command(value.section);
        const OptionSpec* spec = section == nullptr ? nullptr : find_spec(*section, value.name);
        if (spec != nullptr && spec->takes != Takes::many && !seen.emplace(value.section, value.name).second) {
            throw Error(ErrorCode::usage, path + ": " + value.name + " stands there twice");
        }
        if (value.section == command.name)
            own.push_back(std::move(value));
        else if (value.section.empty())
            common.push_back(std::move(value));
    }
    // What holds for one command outweighs what holds for all.
    const auto has_own = [&](const ConfigValue& value) {
        return std::any_of(own.begin(), own.end(), [&](const ConfigValue& o) { return o.name == value.name; });
    };
    std::vector<ConfigValue> result = own;
    std::copy_if(common.begin(), common.end(), std::back_inserter(result), [&](const auto& v) { return !has_own(v); });
    return result;
}

}  // namespace signet::cli
