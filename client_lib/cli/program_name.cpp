#include "client_lib/cli/program_name.h"

#include <algorithm>
#include <cctype>

#include "client_lib/cli/text_format.h"

namespace tagma::cli {

ProgramName program_name(std::string_view called) {
  return {shell_word(called), std::string(called.substr(called.rfind('/') + 1))};
}

std::string as_called(const ProgramName& name, std::string_view text) {
  constexpr std::string_view written = "tagma ";
  std::string called;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(written, at), text.size());
    called += text.substr(at, found - at);
    if (found == text.size()) break;
    const std::size_t behind = found + written.size();
    const bool starts_word = found == 0 || text[found - 1] == ' ' || text[found - 1] == '\n' || text[found - 1] == '(';
    const bool takes_command =
        behind < text.size() && (std::islower(static_cast<unsigned char>(text[behind])) != 0 ||
                                 text.substr(behind).starts_with("--") || text.substr(behind).starts_with("COMMAND"));
    called += starts_word && takes_command ? name.word + " " : std::string(written);
    at = behind;
  }
  return called;
}

}  // namespace tagma::cli
