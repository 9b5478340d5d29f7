// Where persists and checkpoints become durable: in memory (they do not), or on a disk.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "checkpoint/state_store.h"
#include "replica/core/effects.h"
#include "replica/core/events.h"
#include "replica/runtime/counters.h"

namespace tagma::runtime {

/// What state transfer wants done with the state store.
using TransferJob = std::variant<ReadStaged, StagePieces, InstallState>;

/// What the loop hands over and what it is told in return. All functions are for the loop's thread; none blocks but
/// close().
class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;

  /// To be made durable by a later commit(). Numbers rise by one.
  virtual void persist(PersistNumber number, Record record) = 0;
  /// To be written with the next persist; may be lost.
  virtual void remember(Record record) = 0;
  /// To be applied to the state store, in the order of the calls.
  virtual void write_checkpoint(Seq seq, std::shared_ptr<const Overlay> overlay) = 0;
  /// For state transfer, in the order of the calls and after the checkpoints before them.
  virtual void transfer(TransferJob job) = 0;
  /// Records of slots up to `up_to` are needed no more.
  virtual void collect(Seq up_to) = 0;

  /// Begins to make durable what has gathered, unless it is at it already: what gathers meanwhile goes together with
  /// the next commit().
  virtual void commit(MonotonicUs now_us) = 0;
  /// Persisted, CheckpointWritten, and what ends a job of state transfer, once each; nothing if nothing has ended
  /// since.
  [[nodiscard]] virtual std::optional<Event> next_event() = 0;
  /// Whether commit() or next_event() has something to do now.
  [[nodiscard]] virtual bool ready() = 0;

  /// Readable when ready() may have become true by itself.
  [[nodiscard]] virtual std::vector<int> descriptors() const { return {}; }
  /// When commit() wants to be called though nothing has gathered.
  [[nodiscard]] virtual std::optional<MonotonicUs> wake_at_us() const { return std::nullopt; }

  /// Why no promise can become durable for now (no room for the log), in one line; nothing while all is well.
  [[nodiscard]] virtual std::optional<std::string> stalled() const { return std::nullopt; }
  /// Why this replica must stop: its disk failed or is damaged. In one line.
  [[nodiscard]] virtual std::optional<std::string> failure() const { return std::nullopt; }

  /// Lines for the log since the last call: what else has changed about room.
  [[nodiscard]] virtual std::vector<std::string> take_notices() { return {}; }

  /// Gauges for status.
  virtual void show(Counters& /*counters*/) {}
  /// Ends cleanly: what has gathered is durable on return, if there is room. Only all_durable() and failure() may be
  /// called then.
  virtual void close() {}
  /// Whether everything that was persisted is on the disk.
  [[nodiscard]] virtual bool all_durable() const { return true; }
};

/// Durability "memory": what is committed counts as durable at once, the state store lives in memory.
class MemoryStorage final : public Storage {
 public:
  /// `store` outlives this object.
  explicit MemoryStorage(StateStore& store) : store_(store) {}

  void persist(PersistNumber number, Record /*record*/) override { pushed_ = number; }
  void remember(Record /*record*/) override {}
  void write_checkpoint(Seq seq, std::shared_ptr<const Overlay> overlay) override {
    jobs_.emplace_back(Checkpoint{seq, std::move(overlay)});
  }
  void transfer(TransferJob job) override {
    std::visit([this](auto& what) { jobs_.emplace_back(std::move(what)); }, job);
  }
  void collect(Seq /*up_to*/) override {}
  void commit(MonotonicUs /*now_us*/) override { committed_ = pushed_; }
  [[nodiscard]] std::optional<Event> next_event() override;
  [[nodiscard]] bool ready() override { return pushed_ > committed_ || committed_ > reported_ || !jobs_.empty(); }

 private:
  struct Checkpoint {
    Seq seq = 0;
    std::shared_ptr<const Overlay> overlay;
  };
  [[nodiscard]] Event perform(const Checkpoint& job);
  [[nodiscard]] Event perform(const ReadStaged& job);
  [[nodiscard]] Event perform(const StagePieces& job);
  [[nodiscard]] Event perform(const InstallState& job);

  StateStore& store_;
  PersistNumber pushed_ = 0;     ///< highest persist that came
  PersistNumber committed_ = 0;  ///< highest durable one; <= pushed_
  PersistNumber reported_ = 0;   ///< highest one told; <= committed_
  std::deque<std::variant<Checkpoint, ReadStaged, StagePieces, InstallState>> jobs_;
};

}  // namespace tagma::runtime
