#include "docker/drills/report.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace tagma::drills {
namespace {

void write_file(const std::filesystem::path& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) {
    const std::string reason = errno != 0 ? std::string(": ") + std::generic_category().message(errno) : "";
    throw std::runtime_error("cannot write " + path.string() + reason);
  }
}

}  // namespace

void write_report(const RunResult& run, const std::string& folder) {
  const std::filesystem::path path(folder);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw std::runtime_error("cannot make the folder " + folder + ": " + error.message());
  write_file(path / "index.html", html_report(run));
  write_file(path / "junit.xml", junit_report(run));
  write_file(path / "drills.json", json_report(run));
  const std::string costs = cost_table(run);
  if (!costs.empty()) {
    write_file(path / "cost.md", costs);
  } else {
    // One of an earlier run beside this one's page would be taken for this one's.
    std::filesystem::remove(path / "cost.md", error);
  }
}

}  // namespace tagma::drills
