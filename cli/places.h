// Where things are when nobody says: the XDG base directories.
#pragma once

#include <string>

namespace signet::cli {

/// The value of a variable; empty when it is not set.
[[nodiscard]] std::string variable(const char* name);

/// $HOME, else the home of the user that runs this.
[[nodiscard]] std::string home_folder();

/// ${XDG_CONFIG_HOME:-~/.config}/signet/keyring
[[nodiscard]] std::string default_keyring();
/// ${XDG_CONFIG_HOME:-~/.config}/signet/vault
[[nodiscard]] std::string default_vault();
/// ${XDG_CONFIG_HOME:-~/.config}/signet/signet.ini, read when it exists and no other is named
[[nodiscard]] std::string default_config();
/// ${XDG_CACHE_HOME:-~/.cache}/signet
[[nodiscard]] std::string default_cache();

/// Name of this host, as backups record it.
[[nodiscard]] std::string host_name();
/// Name of the user that runs this, else its number.
[[nodiscard]] std::string user_name();

/// Relative to the present working directory, if it is relative.
[[nodiscard]] std::string absolute_path(const std::string& path);
[[nodiscard]] std::string working_folder();

}  // namespace signet::cli
