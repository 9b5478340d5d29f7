// Real files: the disk of the product.
#pragma once

#include <string>

#include "checkpoint/disk.h"

namespace tagma {

/// One folder of the file system, made (0700) if it is absent. Files are made with mode 0600.
class PosixFolder final : public DiskFolder {
 public:
  explicit PosixFolder(std::string path) : path_(std::move(path)) {}

  /// Makes the folder durably, and removes files that a crash left half made. Call it first.
  [[nodiscard]] DiskOutcome prepare();

  [[nodiscard]] std::variant<std::vector<std::string>, DiskFailure> list() override;
  [[nodiscard]] std::variant<std::unique_ptr<DiskFile>, DiskFailure> open(const std::string& name) override;
  [[nodiscard]] std::variant<std::unique_ptr<DiskFile>, DiskFailure> create(const std::string& name,
                                                                            std::uint64_t size) override;

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  std::string path_;
};

}  // namespace tagma
