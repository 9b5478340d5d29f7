// Shared by the tests of the command line: a temporary folder, and commands run with captured streams.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include "client_lib/cli/command_line.h"

namespace tagma::cli::test {

/// A folder that is removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tagma-unit-cli-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Ran {
  int status = -1;
  std::string out;
  std::string err;
};

inline Ran run(const Arguments& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int status = run_command_line(arguments, {out, err, false}, {"./tagma", bundled_services()});
  return {status, out.str(), err.str()};
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace tagma::cli::test
