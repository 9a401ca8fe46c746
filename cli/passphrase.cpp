#include "cli/passphrase.h"

#include "cli/child.h"
#include "cli/input.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "core/file.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>
#include <cerrno>
#include <memory>

namespace signet::cli {
namespace {

constexpr std::size_t kMaxPassphrase = 4096;
using keyring::PassphraseRequest;
using keyring::PassphraseSource;

SecretBytes without_line_end(SecretBytes text, std::size_t size) {
    const ByteView octets = text.reveal();
    if (size > 0 && octets[size - 1] == '\n') --size;
    if (size > 0 && octets[size - 1] == '\r') --size;
    return SecretBytes(octets.first(size));
}

SecretBytes read_passphrase(int descriptor, const std::string& what) {
    SecretBytes buffer(kMaxPassphrase + 1);
    const std::size_t size = read_full(descriptor, buffer.mutable_view(), what);
    if (size > kMaxPassphrase) {
        throw Error(ErrorCode::usage, what + " holds more than " + std::to_string(kMaxPassphrase) + " octets");
    }
    SecretBytes passphrase = without_line_end(std::move(buffer), size);
    if (passphrase.empty()) throw Error(ErrorCode::usage, "empty passphrase from " + what);
    return passphrase;
}

/// The terminal without echo; as it was before, at the end.
class SilentTerminal {
public:
    SilentTerminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
        if (!descriptor_ || ::tcgetattr(descriptor_.get(), &before_) != 0) {
            throw Error(ErrorCode::wrong_passphrase, "no passphrase: there is no terminal to ask at",
                        "give --passphrase-file, --passphrase-command or --passphrase-fd");
        }
        struct termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(descriptor_.get(), TCSAFLUSH, &silent);
    }
    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;
    ~SilentTerminal() { ::tcsetattr(descriptor_.get(), TCSAFLUSH, &before_); }

    SecretBytes ask(const std::string& prompt) {
        write_full(descriptor_.get(), as_bytes(prompt), "the terminal");
        SecretBytes line(kMaxPassphrase);
        std::size_t size = 0;
        for (;;) {
            const ssize_t got = ::read(descriptor_.get(), line.mutable_view().data() + size, 1);
            if (got < 0 && errno == EINTR) {
                stop_if_interrupted();
                continue;
            }
            if (got < 0) throw Error::from_errno("read", "the terminal", errno);
            if (got == 0 || line.reveal()[size] == '\n') break;
            if (++size == kMaxPassphrase) throw Error(ErrorCode::usage, "passphrase too long");
        }
        write_full(descriptor_.get(), as_bytes("\n"), "the terminal");
        return SecretBytes(line.reveal().first(size));
    }

private:
    UniqueFd descriptor_;
    struct termios before_ {};
};

bool has_terminal() { return static_cast<bool>(UniqueFd(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY))); }

bool has_unattended(const Options& options, const std::string& prefix) {
    return options.given(prefix + "-file") || options.given(prefix + "-command") || options.given(prefix + "-fd");
}

/// A descriptor can be read once; what it said answers for every vault.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    SecretBytes get() {
        if (known_.empty()) known_ = passphrase_from_descriptor(number_);
        return known_.clone();
    }

private:
    int number_;
    SecretBytes known_;
};

}  // namespace

SecretBytes passphrase_from_file(const std::string& path) {
    const UniqueFd file = open_input(path, "passphrase file");
    return read_passphrase(file.get(), "passphrase file " + path);
}

SecretBytes passphrase_from_command(const std::string& line, const std::string& object) {
    Child child = Child::shell_with_output(line, {{"SIGNET_PASSPHRASE_FOR", object}});
    SecretBytes buffer(kMaxPassphrase + 1);
    const std::size_t size = read_full(child.output(), buffer.mutable_view(), "the passphrase command");
    const ChildEnd end = child.wait();
    stop_if_interrupted();
    if (!end.ok()) throw Error(ErrorCode::failed, "the passphrase command ended with " + end.text());
    if (size > kMaxPassphrase) throw Error(ErrorCode::usage, "the passphrase command printed too much");
    SecretBytes passphrase = without_line_end(std::move(buffer), size);
    if (passphrase.empty()) throw Error(ErrorCode::usage, "the passphrase command printed nothing");
    return passphrase;
}

SecretBytes passphrase_from_descriptor(int descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0) {
        throw Error(ErrorCode::usage, "passphrase descriptor " + std::to_string(descriptor) + " is not open");
    }
    return read_passphrase(descriptor, "passphrase descriptor " + std::to_string(descriptor));
}

SecretBytes passphrase_from_terminal(const PassphraseRequest& request) {
    SilentTerminal terminal;
    const std::string kind = request.is_new ? "new passphrase" : "passphrase";
    SecretBytes first = terminal.ask(kind + " of " + printable(request.object) + ": ");
    if (!request.is_new) return first;
    if (first.empty()) throw Error(ErrorCode::usage, "empty passphrase");
    const SecretBytes second = terminal.ask("once more: ");
    if (!second.equals(first.reveal())) throw Error(ErrorCode::wrong_passphrase, "the two passphrases differ");
    return first;
}

PassphraseSource::Ask passphrase_asker(const Options& options, const std::string& prefix) {
    if (const auto path = options.text(prefix + "-file")) {
        return [file = *path](const PassphraseRequest&) { return passphrase_from_file(file); };
    }
    if (const auto command = options.text(prefix + "-command")) {
        return [line = *command](const PassphraseRequest& request) {
            return passphrase_from_command(line, request.object);
        };
    }
    if (const auto number = options.integer(prefix + "-fd", 0, 1'000'000)) {
        auto descriptor = std::make_shared<Descriptor>(static_cast<int>(*number));
        return [descriptor](const PassphraseRequest&) { return descriptor->get(); };
    }
    return passphrase_from_terminal;
}

PassphraseSource::Manner passphrase_manner(const Options& options) {
    if (has_unattended(options, "passphrase")) return PassphraseSource::Manner::unattended;
    return has_terminal() ? PassphraseSource::Manner::prompt : PassphraseSource::Manner::none;
}

}  // namespace signet::cli
