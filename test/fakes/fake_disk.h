// A disk in memory that loses what was not synced, tears writes, fills up and fails, all by one seed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checkpoint/disk.h"

namespace tagma::fakes {

/// What is on the platter and what is only promised. Outlives the processes that use it, as a disk does: crash(), then
/// open a new log on the same folder.
class FakeDisk final : public DiskFolder {
 public:
  explicit FakeDisk(std::uint64_t seed) : random_(seed) {}

  // The folder.
  [[nodiscard]] std::variant<std::vector<std::string>, DiskFailure> list() override;
  [[nodiscard]] std::variant<std::unique_ptr<DiskFile>, DiskFailure> open(const std::string& name) override;
  [[nodiscard]] std::variant<std::unique_ptr<DiskFile>, DiskFailure> create(const std::string& name,
                                                                            std::uint64_t size) override;

  /// The power fails: of everything that was not synced, any sector may or may not have arrived. Files that are open
  /// must not be used any more.
  void lose_power();
  /// The process is killed: what it wrote stays, synced or not.
  void kill_process() {}

  // Faults.
  /// The n-th sync from now on fails (0: the next one), once, and with it what it should have made durable is as after
  /// a loss of power.
  void fail_sync_after(std::uint64_t syncs) { sync_fails_after_ = syncs; }
  void set_full(bool full) { full_ = full; }
  /// Changes one byte that lies on the platter.
  void corrupt(const std::string& name, std::uint64_t offset);
  /// How many more writes and syncs happen before the power fails in the middle of one; every later one does nothing
  /// and fails.
  void lose_power_after(std::uint64_t operations) { power_fails_after_ = operations; }
  [[nodiscard]] bool powerless() const { return powerless_; }
  /// Failures that were planned and have not come are called off too.
  void restore_power() {
    sync_fails_after_.reset();
    powerless_ = false;
    power_fails_after_.reset();
  }

  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }
  [[nodiscard]] std::uint64_t bytes(const std::string& name) const { return files_.at(name).platter.size(); }
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  friend class FakeFile;
  struct Pending {
    std::uint64_t offset = 0;
    Bytes bytes;
  };
  struct File {
    Bytes platter;                 ///< what survives
    Bytes seen;                    ///< what reads return: the platter with all that is pending
    std::vector<Pending> pending;  ///< in the order of writing
  };

  [[nodiscard]] DiskOutcome write(const std::string& name, std::uint64_t offset, ByteView bytes);
  [[nodiscard]] DiskOutcome sync(const std::string& name);
  /// Whether the power fails at this operation.
  [[nodiscard]] bool power_fails();
  void settle(File& file);

  std::mt19937_64 random_;
  std::map<std::string, File> files_;
  bool full_ = false;
  bool powerless_ = false;
  std::uint64_t syncs_ = 0;
  std::optional<std::uint64_t> sync_fails_after_;
  std::optional<std::uint64_t> power_fails_after_;
};

}  // namespace tagma::fakes
