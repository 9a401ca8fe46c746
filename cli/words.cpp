#include "cli/words.h"

#include "core/error.h"

#include <algorithm>

namespace signet::cli {
namespace {

class Splitter {
public:
    explicit Splitter(const std::vector<std::string>& words) : words_(words) {}

    SplitWords split() {
        for (next_ = 0; next_ < words_.size();) {
            const std::string& word = words_[next_++];
            if (word == "--") {
                result_.after_dashes.assign(words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
                break;
            }
            if (word.size() > 2 && word.compare(0, 2, "--") == 0)
                take_long(word);
            else if (word.size() > 1 && word.front() == '-')
                take_short(word);
            else
                take_plain(word);
        }
        if (group_only_) {
            // "signet key --help" shows what there is.
            result_.command = group_;
        }
        return std::move(result_);
    }

private:
    const OptionSpec* find(std::string_view name, char letter) const {
        const auto fits = [&](const OptionSpec& option) {
            return letter != 0 ? option.letter == letter : option.name == name;
        };
        const auto& global = global_options();
        if (const auto found = std::find_if(global.begin(), global.end(), fits); found != global.end()) return &*found;
        if (command_ == nullptr) return nullptr;
        const auto& own = command_->options;
        const auto found = std::find_if(own.begin(), own.end(), fits);
        return found == own.end() ? nullptr : &*found;
    }

    void take_long(const std::string& word) {
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
        const OptionSpec* option = find(name, 0);
        if (option == nullptr) return unknown(word);
        if (!option->takes_value()) {
            result_.options.push_back(word);
        } else if (equals != std::string::npos) {
            add(*option, word.substr(equals + 1));
        } else if (next_ < words_.size()) {
            add(*option, words_[next_++]);
        } else {
            result_.options.push_back(option->dashed());
        }
    }

    /// Joined, so that a value may look like an option; Boost takes an empty one only as a word of its own.
    void add(const OptionSpec& option, const std::string& value) {
        if (value.empty()) {
            result_.options.push_back(option.dashed());
            result_.options.emplace_back();
        } else {
            result_.options.push_back(option.dashed() + "=" + value);
        }
    }

    /// "-v", "-vvn", "-rDIR", "-r DIR", "-nr DIR".
    void take_short(const std::string& word) {
        for (std::size_t i = 1; i < word.size(); ++i) {
            const OptionSpec* option = find({}, word[i]);
            if (option == nullptr) return unknown(word);
            // Passed on in its long form: a short one cannot carry every value.
            if (!option->takes_value()) {
                result_.options.push_back(option->dashed());
                continue;
            }
            if (i + 1 < word.size())
                add(*option, word.substr(i + 1));
            else if (next_ < words_.size())
                add(*option, words_[next_++]);
            else
                result_.options.push_back(option->dashed());
            return;
        }
    }

    /// Behind the command an unknown long option is left for the parser, whose message knows which ones it resembles.
    void unknown(const std::string& word) {
        if (command_ == nullptr)
            throw Error(ErrorCode::usage, "unknown option before the command: " + word,
                        "options of a command stand behind it; see: signet help");
        if (!word.starts_with("--"))
            throw Error(ErrorCode::usage, "unknown option: " + word, "see: signet help " + command_->name);
        result_.options.push_back(word);
    }

    void take_plain(const std::string& word) {
        if (command_ != nullptr || !result_.command.empty()) {
            result_.arguments.push_back(word);
            return;
        }
        const std::string name = group_.empty() ? word : group_ + " " + word;
        if (group_.empty() && is_group(word)) {
            group_ = word;
            group_only_ = true;
            return;
        }
        command_ = find_command(name);
        if (command_ == nullptr && !is_planned(name)) {
            throw Error(ErrorCode::usage, "unknown command: " + name, suggest_command(name));
        }
        result_.command = name;
        group_only_ = false;
    }

    const std::vector<std::string>& words_;
    std::size_t next_ = 0;
    const Command* command_ = nullptr;
    std::string group_;
    bool group_only_ = false;
    SplitWords result_;
};

}  // namespace

SplitWords split_words(const std::vector<std::string>& words) { return Splitter(words).split(); }

}  // namespace signet::cli
