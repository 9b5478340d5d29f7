// Shared by the tests of the command line: a temporary folder, and commands run with captured streams.
#pragma once

#include <sstream>
#include <string>

#include "client_lib/cli/command_line.h"
#include "test/fakes/temporary_folder.h"

namespace tagma::cli::test {

using ::tagma::test::TemporaryFolder;

struct Ran {
  int status = -1;
  std::string out;
  std::string err;
};

inline Ran run(const Arguments& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int status =
      run_command_line(arguments, {out, err, false, nullptr, false, program_name("./tagma")}, {bundled_services()});
  return {status, out.str(), err.str()};
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace tagma::cli::test
