// The durable log: what a replica has promised, in the order in which it promised it (protocol: "effects as one durable
// sequence"). LOG.md defines every byte.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "checkpoint/disk.h"
#include "tagma/identifiers.h"

namespace tagma {

/// One record. `kind` belongs to whoever writes it. An entry of slot `seq` may be forgotten once the log is collected
/// up to that slot; one of slot 0 stays until a later entry of the same kind replaces it.
struct LogEntry {
  std::uint8_t kind = 0;
  Seq seq = 0;
  Bytes payload;

  auto operator<=>(const LogEntry&) const = default;
};

struct LogOptions {
  std::uint64_t segment_bytes = 16UL * 1024 * 1024;  ///< size of a file; a larger group gets a file of its own size
  /// Draws the tag of a file's use. Nobody outside may be able to guess it: old bytes behind the end of the log, which
  /// clients chose, must not pass for records.
  std::function<std::uint64_t()> draw_tag;
};

/// Where and how the log is damaged although it had been synced.
struct LogDamage {
  std::string reason;  ///< one line: file, offset, what is wrong
};

/// What a log holds when it is opened.
struct LogContent {
  std::vector<LogEntry> entries;  ///< in the order of their writing; forgotten ones may still be among them
  std::uint64_t groups = 0;
  std::uint64_t torn_bytes = 0;  ///< of a last group that no sync had covered, cut off
};

/// Appends groups of entries to files that are used again and again. One thread at a time.
///
/// Invariants: group g+1 is written only after the sync of group g has returned; so at most one group, the last, may be
/// torn by a crash, and everything that a later group or mark calls synced must be there and whole.
class Log {
 public:
  struct Opened;
  using OpenResult = std::variant<Opened, LogDamage, DiskFailure>;

  /// Reads and verifies everything; cuts a torn tail. Damage at or below what had been synced is told apart from that
  /// and never cut. `folder` outlives the log; it holds nothing but the log's files.
  [[nodiscard]] static OpenResult open(DiskFolder& folder, const LogOptions& options);

  /// What open() would return, with nothing changed on the disk: for those who look at a stopped replica's log.
  [[nodiscard]] static std::variant<LogContent, LogDamage, DiskFailure> read(DiskFolder& folder);

  Log(Log&&) noexcept;
  Log& operator=(Log&&) noexcept;
  ~Log();

  /// Writes the entries as one group and syncs: durable on return, all or none of them. After a failure of the kind
  /// `failed` the log refuses everything; after `no_space` the same entries may be committed again.
  [[nodiscard]] DiskOutcome commit(const std::vector<LogEntry>& entries);

  /// Writes down that everything so far is synced, so that later damage to the last group is not taken for a torn one.
  /// For idle moments and a clean end.
  [[nodiscard]] DiskOutcome mark();

  /// Entries of slots up to `seq` are needed no more; files that hold nothing else are used again by later groups.
  void collect(Seq seq);

  struct Size {
    std::uint64_t used_bytes = 0;  ///< in files that hold something that is needed
    std::uint64_t file_bytes = 0;  ///< all files
    std::uint64_t files = 0;
  };
  [[nodiscard]] Size size() const;
  /// The number of the last group.
  [[nodiscard]] std::uint64_t group() const;

 private:
  class Implementation;
  explicit Log(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

struct Log::Opened {
  Log log;
  LogContent content;
};

}  // namespace tagma
