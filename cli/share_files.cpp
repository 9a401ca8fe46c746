#include "cli/share_files.h"

#include "core/file.h"
#include "keyring/share_text.h"

#include <unistd.h>
#include <filesystem>

namespace signet::cli {
namespace {

keyring::ShareHeader header_of(const keyring::KeyBackup& backup) {
    const keyring::KeyVersion& newest = backup.versions.back();
    return {newest.reference(), newest.thumbprint, backup.record.made};
}

std::vector<std::string> names_in(const std::string& folder, const keyring::SharedKeyBackup& shared) {
    std::vector<std::string> paths;
    for (const keyring::SecretShare& share : shared.shares) {
        paths.push_back(folder + "/" + shared.backup.versions.back().name + "-share-" + std::to_string(share.number) +
                        "-of-" + std::to_string(share.scheme.count) + ".txt");
        if (!std::filesystem::exists(std::filesystem::symlink_status(paths.back()))) continue;
        throw Error(ErrorCode::refused, paths.back() + " is there already",
                    "a share replaces nothing: name another folder with --shares-dir");
    }
    return paths;
}

void print_pages(Context& context, const keyring::SharedKeyBackup& shared) {
    bool first = true;
    for (const keyring::SecretShare& share : shared.shares) {
        if (!first) context.terminal().raw(as_bytes("\f"));
        first = false;
        context.terminal().raw(keyring::share_text(share, header_of(shared.backup)).reveal());
    }
    context.terminal().finish();
}

}  // namespace

std::vector<OptionSpec> share_options() {
    return {
        {.name = "shares",
         .takes = Takes::one,
         .value_name = "N",
         .help = "seal the file under a secret of its own, and print that in so many shares (2 to 16)"},
        {.name = "threshold", .takes = Takes::one, .value_name = "M", .help = "how many of the shares are needed"},
        {.name = "shares-dir",
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "write each share into a file there; without it all go to standard output, for a printer"},
    };
}

std::optional<keyring::ShareScheme> wanted_shares(const Context& context) {
    const Options& options = context.options();
    const auto count = options.integer("shares", 2, keyring::kMostShares);
    const auto threshold = options.integer("threshold", 2, keyring::kMostShares);
    if (!count) {
        if (!threshold && !options.given("shares-dir")) return std::nullopt;
        throw Error(ErrorCode::usage, "how many shares is not said", "add --shares N");
    }
    if (!threshold) throw Error(ErrorCode::usage, "how many shares are needed is not said", "add --threshold M");
    if (*threshold > *count) {
        throw Error(ErrorCode::usage,
                    "of " + std::to_string(*count) + " shares " + std::to_string(*threshold) + " cannot be needed",
                    "--threshold is at most --shares");
    }
    if (options.flag("json") && !options.given("shares-dir")) {
        throw Error(ErrorCode::usage, "shares are pages, not JSON", "name a folder for them with --shares-dir");
    }
    return keyring::ShareScheme{static_cast<std::uint8_t>(*threshold), static_cast<std::uint8_t>(*count)};
}

std::vector<std::string> write_shares(Context& context, const keyring::SharedKeyBackup& shared) {
    const auto folder = context.options().text("shares-dir");
    if (!folder) {
        print_pages(context, shared);
        return {};
    }
    std::vector<std::string> paths = names_in(*folder, shared);
    make_folders(*folder, 0700);
    std::size_t written = 0;
    try {
        for (; written < paths.size(); ++written) {
            const SecretBytes page = keyring::share_text(shared.shares[written], header_of(shared.backup));
            replace_file(paths[written], page.reveal(), 0600);
        }
    } catch (const Error&) {
        for (std::size_t i = 0; i < written; ++i) ::unlink(paths[i].c_str());
        throw;
    }
    return paths;
}

std::vector<keyring::SecretShare> read_shares(const std::vector<std::string>& paths) {
    std::vector<keyring::SecretShare> shares;
    for (const std::string& path : paths) {
        Bytes content = read_file(path, keyring::kMaxShareText);
        const SecretBytes text(content);
        wipe(content);
        for (keyring::SecretShare& share : keyring::parse_shares(as_text(text.reveal()), path)) {
            shares.push_back(std::move(share));
        }
    }
    return shares;
}

}  // namespace signet::cli
