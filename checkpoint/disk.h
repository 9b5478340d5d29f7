// What the log needs of a disk. Real files and the simulator's faulty disk are two implementations of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tagma/bytes.h"

namespace tagma {

/// Why a disk did not do what was asked.
struct DiskFailure {
  enum class Kind : std::uint8_t {
    no_space,  ///< nothing is lost; may go on once there is room
    failed,    ///< the device failed; after a failed sync nobody knows what is on it, so it is never tried again
  };
  Kind kind = Kind::failed;
  std::string reason;  ///< file, call and the system's words, in one line
};

/// Nothing, or the failure.
using DiskOutcome = std::optional<DiskFailure>;

/// One open file. Not thread-safe.
class DiskFile {
 public:
  DiskFile() = default;
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  virtual ~DiskFile() = default;

  /// Writes all of `bytes` at `offset`. Not durable before sync() has returned without a failure; until then a crash
  /// may leave any part of it.
  [[nodiscard]] virtual DiskOutcome write(std::uint64_t offset, ByteView bytes) = 0;
  /// Makes everything that was written to the file so far durable.
  [[nodiscard]] virtual DiskOutcome sync() = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// At most `size` bytes from `offset` on; fewer at the file's end.
  [[nodiscard]] virtual std::variant<Bytes, DiskFailure> read(std::uint64_t offset, std::size_t size) = 0;
};

/// One folder of flat files. Not thread-safe.
class DiskFolder {
 public:
  DiskFolder() = default;
  DiskFolder(const DiskFolder&) = delete;
  DiskFolder& operator=(const DiskFolder&) = delete;
  virtual ~DiskFolder() = default;

  /// The names of its files, in rising order.
  [[nodiscard]] virtual std::variant<std::vector<std::string>, DiskFailure> list() = 0;
  /// Opens a file that exists.
  [[nodiscard]] virtual std::variant<std::unique_ptr<DiskFile>, DiskFailure> open(const std::string& name) = 0;
  /// Makes a file of `size` zero bytes that have been written, and makes it and its name durable: later writes into it
  /// change no metadata, which is what makes syncing them cheap. A failure or a
  /// crash in the middle leaves either no file of that name or a whole one.
  [[nodiscard]] virtual std::variant<std::unique_ptr<DiskFile>, DiskFailure> create(const std::string& name,
                                                                                    std::uint64_t size) = 0;
};

}  // namespace tagma
