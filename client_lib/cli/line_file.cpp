#include "client_lib/cli/line_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <string_view>

namespace tagma::cli {
namespace {

/// One line gathered from pieces; keeps no more of it than tells that it is too long.
class LineCollector {
 public:
  explicit LineCollector(LineFile& file) : file_(file) {}

  void add(std::string_view piece) {
    started_ = started_ || !piece.empty();
    line_.append(piece.substr(0, key_bytes_max + 1 - line_.size()));
  }

  void end_line() {
    ++file_.lines;
    if (line_.empty()) {
      ++file_.empty_lines;
    } else if (line_.size() > key_bytes_max) {
      ++file_.long_lines;
      if (file_.first_long_line == 0) file_.first_long_line = file_.lines;
    } else {
      const bool is_new = file_.wanted.insert_or_assign(line_, file_.lines).second;
      if (!is_new) ++file_.repeated_lines;
      file_.entries.push_back({line_, file_.lines});
    }
    line_.clear();
    started_ = false;
  }

  [[nodiscard]] bool started() const { return started_; }

 private:
  LineFile& file_;
  std::string line_;      ///< at most key_bytes_max + 1 bytes
  bool started_ = false;  ///< the line has bytes
};

}  // namespace

LineFile parse_lines(std::istream& input) {
  LineFile file;
  LineCollector collector(file);
  std::array<char, 65'536> buffer{};
  while (input) {
    input.read(buffer.data(), buffer.size());
    std::string_view text(buffer.data(), static_cast<std::size_t>(input.gcount()));
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      collector.add(text.substr(0, end));
      collector.end_line();
      text.remove_prefix(end + 1);
    }
    collector.add(text);
  }
  if (collector.started()) collector.end_line();
  return file;
}

Result<LineFile> read_line_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::status_known(status)) return Refused{path + ": cannot be looked at: " + error.message()};
  if (!std::filesystem::exists(status)) return Refused{path + ": there is no such file"};
  if (!std::filesystem::is_regular_file(status)) return Refused{path + ": is not a regular file"};
  std::ifstream input(path, std::ios::binary);
  if (!input) return Refused{path + ": cannot be read: " + std::strerror(errno)};
  return read_lines(input, path);
}

Result<LineFile> read_lines(std::istream& input, const std::string& name) {
  auto file = parse_lines(input);
  if (input.bad()) return Refused{name + ": reading failed: " + std::strerror(errno)};
  return file;
}

}  // namespace tagma::cli
