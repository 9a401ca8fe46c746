// What AWS answers when it does not do what it is asked, and what that means for a protector.
#pragma once

#include "keyring/key_state.h"

#include <string>
#include <string_view>

namespace signet::keyring {

/// How an answer of AWS is classified. The name of the error decides, not the status: most client faults are 400.
/// type  without prefix and suffix: aws_error_type(); empty: the answer names none
/// Of KMSInvalidStateException and DisabledException the message says which state.
[[nodiscard]] Outcome outcome_of_aws(std::string_view type, std::string_view message, long status);

/// Whether an error says that the credentials are not, or no more, valid: they are fetched anew once.
[[nodiscard]] bool is_about_credentials(std::string_view type);
/// Whether an error can come of a clock that is wrong.
[[nodiscard]] bool is_about_signature(std::string_view type);

/// "DisabledException" of "com.amazonaws.kms#DisabledException:http://internal/". Octets that no name has are left out.
[[nodiscard]] std::string aws_error_type(std::string_view text);

}  // namespace signet::keyring
