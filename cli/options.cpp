#include "cli/options.h"

#include "cli/config_file.h"
#include "cli/places.h"
#include "cli/table.h"
#include "cli/words.h"
#include "core/clock.h"
#include "core/error.h"

#include <boost/any.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>

#include <unistd.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>

namespace signet::cli {
namespace {

namespace po = boost::program_options;

/// A switch whose repetitions count; in a file, a number.
class CountedSwitch final : public po::typed_value<int> {
public:
    CountedSwitch() : po::typed_value<int>(nullptr) {}
    [[nodiscard]] unsigned min_tokens() const override { return 0; }
    [[nodiscard]] unsigned max_tokens() const override { return 0; }
    [[nodiscard]] bool is_composing() const override { return true; }
    void xparse(boost::any& store, const std::vector<std::string>& tokens) const override {
        int before = store.empty() ? 0 : boost::any_cast<int>(store);
        int more = 1;
        if (!tokens.empty()) {
            const std::string& token = tokens.front();
            const auto end = std::from_chars(token.data(), token.data() + token.size(), more);
            if (end.ec != std::errc() || end.ptr != token.data() + token.size()) {
                throw po::validation_error(po::validation_error::invalid_option_value, "verbose", token);
            }
        }
        store = before + more;
    }
};

const po::value_semantic* semantic(const OptionSpec& option) {
    switch (option.takes) {
        case Takes::nothing:
            return po::bool_switch();
        case Takes::count:
            return new CountedSwitch;  // NOLINT: the description owns it, as Boost wants
        case Takes::one:
            return po::value<std::string>();
        case Takes::many: {
            auto* many = po::value<std::vector<std::string>>();
            return option.adds_up ? many->composing() : many;
        }
    }
    return nullptr;
}

po::options_description describe(const Command& command) {
    po::options_description description;
    for (const auto* options : {&global_options(), &command.options}) {
        for (const OptionSpec& option : *options) description.add_options()(option.name.c_str(), semantic(option), "");
    }
    return description;
}

struct Variable {
    const char* name;
    const char* option;
};
constexpr std::array<Variable, 7> kVariables = {{
    {"SIGNET_REPOSITORY", "repo"},
    {"SIGNET_KEYRING", "keyring"},
    {"SIGNET_VAULT", "vault"},
    {"SIGNET_PASSPHRASE_FILE", "passphrase-file"},
    {"SIGNET_PASSPHRASE_COMMAND", "passphrase-command"},
    {"SIGNET_PASSPHRASE_FD", "passphrase-fd"},
    {"SIGNET_CACHE_DIR", "cache-dir"},
}};

/// Options of which one at most can be meant.
using ExclusiveGroup = std::array<const char*, 3>;
constexpr std::array<ExclusiveGroup, 8> kExclusive = {{
    {"passphrase-file", "passphrase-command", "passphrase-fd"},
    {"new-passphrase-file", "new-passphrase-command", "new-passphrase-fd"},
    {"import-passphrase-file", "import-passphrase-command", "import-passphrase-fd"},
    {"backup-passphrase-file", "backup-passphrase-command", "backup-passphrase-fd"},
    {"quiet", "verbose", nullptr},
    {"cache-dir", "no-cache", nullptr},
    {"default", "recovery", nullptr},
    {"stdin", "stdin-from-command", nullptr},
}};

bool is_passphrase_option(const std::string& name) { return name.compare(0, 11, "passphrase-") == 0; }

std::string see(const Command& command) { return "see: signet help " + command.name; }

}  // namespace

/// Collects the sources, the strongest first. What is stored first stays.
class OptionParser {
public:
    OptionParser(const Command& command, Options& options)
        : command_(command), options_(options), description_(describe(command)) {}

    void command_line(const SplitWords& words) {
        po::parsed_options parsed(&description_);
        try {
            const int style = po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent;
            parsed = po::command_line_parser(words.options).options(description_).style(style).run();
        } catch (const po::unknown_option& problem) {
            throw Error(ErrorCode::usage, "unknown option: " + problem.get_option_name(),
                        hint_for(problem.get_option_name()));
        } catch (const po::error& problem) {
            throw Error(ErrorCode::usage, plain(problem), see(command_));
        }
        std::vector<Source> sources;
        for (const po::option& option : parsed.options) sources.push_back({option.string_key, option.value});
        store(sources, "command line");
        options_.arguments_ = words.arguments;
        options_.after_dashes_ = words.after_dashes;
        options_.arguments_.insert(options_.arguments_.end(), words.after_dashes.begin(), words.after_dashes.end());
    }

    void variables() {
        std::vector<Source> passphrases;
        std::string where = "environment";
        for (const Variable& known : kVariables) {
            const std::string value = variable(known.name);
            if (value.empty()) continue;
            if (is_passphrase_option(known.option)) {
                passphrases.push_back({known.option, {value}});
                where = known.name;
            } else {
                const bool is_list = std::string_view(known.option) == "keyring";
                store({{known.option, is_list ? split(value, ':') : std::vector<std::string>{value}}}, known.name);
            }
        }
        store(passphrases, passphrases.size() == 1 ? where : "environment");
    }

    void configuration() {
        std::string path = options_.text_or("config", variable("SIGNET_CONFIG"));
        if (path.empty()) {
            path = default_config();
            if (::access(path.c_str(), F_OK) != 0) return;
        }
        options_.config_file_ = path;
        std::vector<Source> values;
        std::vector<std::string> arguments;
        for (const ConfigValue& value : read_config(path, command_)) {
            if (value.name == command_.arguments.name && command_.arguments.most == Arguments::kAnyNumber) {
                arguments.push_back(value.value);
            } else {
                values.push_back({value.name, {value.value}});
            }
        }
        store(values, path);
        if (options_.arguments_.empty()) options_.arguments_ = std::move(arguments);
    }

    void check() const {
        const Arguments& wanted = command_.arguments;
        const std::size_t count = options_.arguments_.size();
        if (count < wanted.least) {
            throw Error(ErrorCode::usage,
                        "signet " + command_.name + " needs " + (wanted.least > 1 ? "more " : "a ") + wanted.name,
                        "signet " + command_.name + " " + command_.synopsis);
        }
        if (count > wanted.most) {
            throw Error(ErrorCode::usage, "unexpected argument: " + options_.arguments_[wanted.most],
                        "signet " + command_.name + " " + command_.synopsis);
        }
        if (options_.flag("dry-run") && command_.dry_run == DryRun::not_offered) {
            throw Error(ErrorCode::usage, "signet " + command_.name + " has no dry run", see(command_));
        }
    }

private:
    struct Source {
        std::string name;
        std::vector<std::string> values;
    };

    /// Boost's sentence without its quotation of itself.
    static std::string plain(const po::error& problem) {
        std::string text = problem.what();
        std::replace(text.begin(), text.end(), '\n', ' ');
        return text;
    }

    std::string hint_for(std::string name) const {
        name.erase(0, name.find_first_not_of('-'));
        if (name.compare(0, 4, "pass") == 0) {
            return "secrets are never taken from the command line; use --passphrase-file, --passphrase-command or "
                   "--passphrase-fd";
        }
        std::vector<std::string> names;
        for (const auto* options : {&global_options(), &command_.options}) {
            for (const OptionSpec& option : *options) names.push_back(option.name);
        }
        const std::string near = nearest(name, names);
        return (near.empty() ? "" : "did you mean --" + near + "? ") + see(command_);
    }

    /// Of options that exclude each other, the ones of a stronger place outweigh all of weaker places, and one place
    /// gives one at most.
    void settle_exclusive(std::vector<Source>& sources, const std::string& where) {
        for (std::size_t number = 0; number < kExclusive.size(); ++number) {
            const auto& group = kExclusive.at(number);
            const auto is_member = [&](const Source& source) {
                return std::any_of(group.begin(), group.end(),
                                   [&](const char* name) { return name != nullptr && source.name == name; });
            };
            if (settled_.count(number) != 0) {
                sources.erase(std::remove_if(sources.begin(), sources.end(), is_member), sources.end());
                continue;
            }
            const Source* first = nullptr;
            for (const Source& source : sources) {
                if (!is_member(source) || is_switched_off(source)) continue;
                if (first != nullptr && first->name != source.name) {
                    throw Error(ErrorCode::usage,
                                "--" + first->name + " and --" + source.name + " cannot be given together" +
                                    (where == "command line" ? "" : " (" + where + ")"),
                                see(command_));
                }
                first = &source;
            }
            if (first != nullptr) settled_.insert(number);
        }
    }

    static bool is_switched_off(const Source& source) {
        return source.values.size() == 1 && (source.values.front() == "false" || source.values.front() == "no" ||
                                             source.values.front() == "off" || source.values.front() == "0");
    }

    void store(std::vector<Source> sources, const std::string& where) {
        settle_exclusive(sources, where);
        po::parsed_options parsed(&description_);
        for (const Source& source : sources) {
            note_source(source, where);
            // One by one, so that a list may come as several lines.
            for (const std::string& value : source.values) {
                po::option option(source.name, {value});
                option.unregistered = false;
                parsed.options.push_back(option);
            }
            if (source.values.empty()) parsed.options.emplace_back(source.name, std::vector<std::string>());
        }
        try {
            po::store(parsed, values_);
        } catch (const po::error& problem) {
            throw Error(ErrorCode::usage, where + ": " + plain(problem), see(command_));
        }
        take_over_values();
    }

    /// From Boost's map to ours.
    void take_over_values() {
        for (const auto& [name, value] : values_) {
            if (value.empty()) continue;
            Options::Value& ours = options_.values_[name];
            if (const auto* flag = boost::any_cast<bool>(&value.value()))
                ours.count = *flag ? 1 : 0;
            else if (const auto* count = boost::any_cast<int>(&value.value()))
                ours.count = *count;
            else if (const auto* text = boost::any_cast<std::string>(&value.value()))
                ours.texts = {*text};
            else
                ours.texts = value.as<std::vector<std::string>>();
        }
    }

    void note_source(const Source& source, const std::string& where) {
        auto& given = options_.given_;
        const auto same =
            std::find_if(given.begin(), given.end(), [&](const auto& g) { return g.name == source.name; });
        if (same == given.end())
            given.push_back({source.name, source.values, where});
        else if (same->source == where)
            same->values.insert(same->values.end(), source.values.begin(), source.values.end());
    }

    const Command& command_;
    Options& options_;
    po::options_description description_;
    po::variables_map values_;
    std::set<std::size_t> settled_;
};

const Options::Value* Options::find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

bool Options::flag(std::string_view name) const { return count(name) > 0; }

int Options::count(std::string_view name) const {
    const Value* value = find(name);
    return value == nullptr ? 0 : value->count;
}

std::optional<std::string> Options::text(std::string_view name) const {
    const Value* value = find(name);
    if (value == nullptr || value->texts.empty()) return std::nullopt;
    return value->texts.front();
}

std::string Options::text_or(std::string_view name, std::string fallback) const {
    return text(name).value_or(std::move(fallback));
}

std::vector<std::string> Options::list(std::string_view name) const {
    const Value* value = find(name);
    return value == nullptr ? std::vector<std::string>() : value->texts;
}

bool Options::given(std::string_view name) const {
    const Value* value = find(name);
    return value != nullptr && (value->count > 0 || !value->texts.empty());
}

std::optional<std::uint64_t> Options::integer(std::string_view name, std::uint64_t least, std::uint64_t most) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    std::uint64_t number = 0;
    const auto end = std::from_chars(value->data(), value->data() + value->size(), number);
    if (end.ec != std::errc() || end.ptr != value->data() + value->size() || number < least || number > most) {
        throw Error(ErrorCode::usage, "--" + std::string(name) + ": not a whole number from " + std::to_string(least) +
                                          " to " + std::to_string(most) + ": " + *value);
    }
    return number;
}

std::optional<double> Options::seconds(std::string_view name) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const bool only_digits = !value->empty() && std::all_of(value->begin(), value->end(),
                                                            [](unsigned char c) { return std::isdigit(c) != 0; });
    return static_cast<double>(parse_span(only_digits ? *value + "s" : *value)) / static_cast<double>(kNsPerSecond);
}

void Options::refuse_together(std::initializer_list<std::string_view> names) const {
    std::string first;
    for (const std::string_view name : names) {
        if (!given(name)) continue;
        if (!first.empty()) {
            throw Error(ErrorCode::usage, "--" + first + " and --" + std::string(name) + " cannot be given together");
        }
        first = name;
    }
}

Invocation parse_command_line(const std::vector<std::string>& words) {
    const SplitWords split = split_words(words);
    Invocation invocation;
    invocation.help = has_word(words, "--help") || has_word(words, "-h");
    if (split.command.empty()) return invocation;
    invocation.command = find_command(split.command);
    if (invocation.command == nullptr) {
        invocation.planned = split.command;
        return invocation;
    }
    OptionParser parser(*invocation.command, invocation.options);
    if (invocation.help) return invocation;
    parser.command_line(split);
    parser.variables();
    parser.configuration();
    parser.check();
    return invocation;
}

bool has_word(const std::vector<std::string>& words, std::string_view word) {
    const auto end = std::find(words.begin(), words.end(), "--");
    return std::find(words.begin(), end, word) != end;
}

}  // namespace signet::cli
