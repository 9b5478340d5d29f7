// Reading a log after a crash: what is whole, what is torn, what is damaged. Private to the log.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "checkpoint/log_format.h"

namespace tagma::log_recovery {

/// One file with the run of whole groups that it begins with.
struct Segment {
  std::string name;
  std::unique_ptr<DiskFile> file;
  std::uint64_t tag = 0;
  std::uint64_t generation = 0;
  std::uint64_t first_group = 0;  ///< 0: none
  std::uint64_t last_group = 0;
  std::uint64_t end = log_format::page_bytes;  ///< where the next group would begin
  Seq seq_max = 0;                             ///< of its entries
};

struct Recovered {
  /// Files with groups in the order of their generations, all needed: the groups of one follow those of the one before.
  std::vector<Segment> needed;
  std::vector<Segment> free;  ///< all other files
  std::vector<LogEntry> entries;
  std::uint64_t last_group = 0;
  std::uint64_t oldest = 1;
  std::uint64_t generation_max = 0;
  std::uint64_t torn_bytes = 0;
};

/// Whether a file of the folder is one of the log's.
[[nodiscard]] bool is_segment_name(const std::string& name);

[[nodiscard]] std::variant<Recovered, LogDamage, DiskFailure> read(DiskFolder& folder);

}  // namespace tagma::log_recovery
