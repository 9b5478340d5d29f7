// The data directory of one replica: who holds it, and the mark that tells a first start from a loss of memory.
#pragma once

#include <optional>
#include <string>

#include "messages/membership.h"
#include "tagma/result.h"

namespace tagma::runtime {

/// What the mark DATA/started says.
enum class StartedMark : std::uint8_t {
  absent,         ///< never started here
  this_cluster,   ///< started before, in this genesis: its memory of that life is gone
  other_cluster,  ///< started before, in another genesis: of no concern to this one
};

/// A data directory held by this process (flock on DATA/lock) until destruction. Movable, not thread-safe.
class DataDirectory {
 public:
  /// Makes the directory if absent (mode 0700) and locks it. The reason names the path and the mend.
  [[nodiscard]] static Result<DataDirectory> open(const std::string& path);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&& other) noexcept;
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;
  ~DataDirectory();

  /// Reads the mark. A damaged mark is refused: corrupt is not absent.
  [[nodiscard]] Result<StartedMark> started(const ClusterId& cluster) const;
  /// The cluster that the mark names; refuses where there is none or it is damaged.
  [[nodiscard]] Result<ClusterId> cluster() const;
  /// Writes or replaces the mark: atomic, and durable on return.
  [[nodiscard]] std::optional<Refused> mark_started(const ClusterId& cluster) const;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  DataDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  [[nodiscard]] Result<std::optional<ClusterId>> read_mark() const;
  [[nodiscard]] std::string mark_path() const { return path_ + "/started"; }

  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace tagma::runtime
