#include "cli/commands/commands.h"
#include "cli/context.h"

namespace signet::cli {
namespace {

std::string words_of(const std::vector<OptionSpec>& options) {
    std::string words;
    for (const OptionSpec& option : options) words += (words.empty() ? "" : " ") + option.dashed();
    return words;
}

std::string second_words(const std::string& group) {
    std::string words;
    for (const Command& command : commands()) {
        if (command.name.compare(0, group.size() + 1, group + " ") == 0)
            words += " " + command.name.substr(group.size() + 1);
    }
    return words.empty() ? words : words.substr(1);
}

/// A function for bash's programmable completion: command words, options, else files.
std::string bash_script() {
    std::string first, cases, groups;
    for (const Command& command : commands()) {
        const std::string word = command.name.substr(0, command.name.find(' '));
        if ((" " + first + " ").find(" " + word + " ") == std::string::npos) {
            first += (first.empty() ? "" : " ") + word;
            if (is_group(word)) groups += "        " + word + ") words=\"" + second_words(word) + "\" ;;\n";
        }
        cases += "        \"" + command.name + "\") words=\"" + words_of(command.options) + "\" ;;\n";
    }
    return "# bash completion for signet\n"
           "_signet() {\n"
           "    local current=\"${COMP_WORDS[COMP_CWORD]}\" command=\"\" word words=\"\" i\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        word=\"${COMP_WORDS[i]}\"\n"
           "        case \"$word\" in\n"
           "        -*) continue ;;\n"
           "        esac\n"
           "        case \"$command\" in\n"
           "        \"\") case \" " +
           first +
           " \" in *\" $word \"*) command=\"$word\" ;; esac ;;\n"
           "        key|keyring) command=\"$command $word\" ;;\n"
           "        esac\n"
           "    done\n"
           "    if [[ \"$current\" == -* ]]; then\n"
           "        case \"$command\" in\n" +
           cases +
           "        esac\n"
           "        COMPREPLY=($(compgen -W \"$words " +
           words_of(global_options()) +
           "\" -- \"$current\"))\n"
           "        return\n"
           "    fi\n"
           "    case \"$command\" in\n"
           "        \"\") words=\"" +
           first + "\" ;;\n" + groups +
           "    esac\n"
           "    if [[ -n \"$words\" ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "    else\n"
           "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _signet signet\n";
}

ExitCode run(Context& context) {
    if (context.arguments().front() != "bash")
        throw Error(ErrorCode::usage, "completion is there for bash: " + printable(context.arguments().front()));
    context.terminal().raw(as_bytes(bash_script()));
    return ExitCode::done;
}

}  // namespace

Command completion_command() {
    Command command;
    command.name = "completion";
    command.synopsis = "bash";
    command.summary = "print a completion script for a shell";
    command.description = "Prints a script that completes commands and options.";
    command.arguments = {"shell", 1, 1};
    command.examples = {{"source <(signet completion bash)", "In this shell"},
                        {"signet completion bash > /etc/bash_completion.d/signet", "For everybody"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
