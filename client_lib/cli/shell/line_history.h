// The lines that were typed, kept across runs in a file that several shells may share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tagma/result.h"

struct history;  // libedit's

namespace tagma::cli {

/// libedit has a function of the same name, which hides the type.
using HistoryHandle = struct ::history*;

/// $XDG_STATE_HOME/tagma/history, or ~/.local/state/tagma/history; empty where neither variable is an absolute path.
[[nodiscard]] std::string history_path();

class LineHistory {
 public:
  static constexpr int lines_max = 1'000;                  ///< remembered
  static constexpr std::size_t line_bytes_max = 4'096;     ///< longer lines are not
  static constexpr std::size_t file_bytes_max = 1U << 20;  ///< a larger file is cut to the newest lines when opened

  /// In memory only.
  LineHistory();

  /// Reads the newest lines of the file, which is made (0600, its folders 0700) when the first line is added. Where
  /// that cannot be, says so in one line; the history is then kept in memory only.
  [[nodiscard]] std::optional<Refused> open(const std::string& path);

  /// Remembers a line and appends it to the file. Not: an empty line, one with a blank in front, a repetition of the
  /// newest one, one that is too long.
  void add(const std::string& line);

  /// The newest `count` lines, the oldest of them first.
  [[nodiscard]] std::vector<std::string> newest(std::size_t count) const;

  /// For the editor.
  [[nodiscard]] HistoryHandle handle() { return history_.get(); }

 private:
  std::unique_ptr<struct ::history, void (*)(HistoryHandle)> history_;
  std::string path_;  ///< empty: in memory only
};

}  // namespace tagma::cli
