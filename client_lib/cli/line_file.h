// The lines of a file as keys with the numbers of the lines as values.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <unordered_map>
#include <vector>

#include "tagma/limits.h"
#include "tagma/result.h"

namespace tagma::cli {

inline constexpr std::size_t key_bytes_max = limits::service_key_bytes_max;

struct LineFile {
  struct Entry {
    std::string key;
    std::uint64_t line = 0;  ///< counted from 1
  };
  std::vector<Entry> entries;                             ///< in the file's order, repeated lines included
  std::unordered_map<std::string, std::uint64_t> wanted;  ///< what must be there at the end: a key's last line
  std::uint64_t lines = 0;                                ///< all of them
  std::uint64_t empty_lines = 0;                          ///< skipped
  std::uint64_t repeated_lines = 0;                       ///< entries whose key an earlier entry has
  std::uint64_t long_lines = 0;                           ///< refused: longer than key_bytes_max
  std::uint64_t first_long_line = 0;                      ///< its number; 0 when there is none
};

/// Reads to the end. A line ends with a line feed or the file's end; all other bytes belong to it.
[[nodiscard]] LineFile parse_lines(std::istream& input);
/// The same for a file; refuses what is not a readable regular file.
[[nodiscard]] Result<LineFile> read_line_file(const std::string& path);
/// The same for standard input, or what stands for it.
[[nodiscard]] Result<LineFile> read_lines(std::istream& input, const std::string& name);

}  // namespace tagma::cli
