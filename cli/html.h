// Text in pages and other XML.
#pragma once

#include <string>
#include <string_view>

namespace signet::cli {

/// For content and for attributes, of HTML and of XML. What cannot be shown is spelled out, as on a terminal.
[[nodiscard]] std::string html_escaped(std::string_view text);

}  // namespace signet::cli
