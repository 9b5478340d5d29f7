// How the user called the program, so that every hint can be typed as it stands.
#pragma once

#include <string>
#include <string_view>

namespace tagma::cli {

struct ProgramName {
  std::string word = "tagma";   ///< as one word of a shell: "./tagma", "'./build/my tally'"
  std::string label = "tagma";  ///< without the folders, in front of errors: "tagma", "my tally"
};

/// `called`: the first word of the process's arguments.
[[nodiscard]] ProgramName program_name(std::string_view called);

/// Our own text with the program's name where "tagma" stands in front of a command or an option. Not for text that
/// others have written.
[[nodiscard]] std::string as_called(const ProgramName& name, std::string_view text);

}  // namespace tagma::cli
