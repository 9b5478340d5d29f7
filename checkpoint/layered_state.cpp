#include "checkpoint/layered_state.h"

#include <stdexcept>

#include "messages/assert.h"
#include "messages/mutant.h"

namespace tagma {
namespace {

/// Where a scan stands in one overlay.
struct Cursor {
  Overlay::const_iterator at;
  Overlay::const_iterator end;
};

/// Merges layers, newest first, above the store.
class Merge {
 public:
  Merge(const StateReader& store, ByteView from, ByteView to)
      : store_(store), from_(from), to_(to), stored_(store.seek(from)) {}

  void add_older(const Overlay& overlay) {
    const auto at = overlay.lower_bound(from_);
    if (at != overlay.end()) cursors_.push_back({at, overlay.end()});
  }

  /// The next key with a value, in rising order; false at the end. The views hold until the next call.
  bool next(ByteView& key, ByteView& value) {
    for (;;) {
      pass_visited();
      const Overlay::value_type* newest = nullptr;
      for (const auto& cursor : cursors_) {
        if (cursor.at == cursor.end) continue;
        if (newest == nullptr || cursor.at->first < newest->first) newest = &*cursor.at;
      }
      if (stored_ && (newest == nullptr || stored_->first < newest->first)) {
        if (beyond(stored_->first)) return false;
        visited_ = stored_->first;
        key = stored_->first;
        value = stored_->second;
        return true;
      }
      if (newest == nullptr || beyond(newest->first)) return false;
      visited_ = newest->first;
      if (!newest->second) continue;
      key = newest->first;
      value = *newest->second;
      return true;
    }
  }

 private:
  [[nodiscard]] bool beyond(ByteView key) const { return !to_.empty() && key >= to_; }

  void pass_visited() {
    if (!visited_) return;
    for (auto& cursor : cursors_) {
      if (cursor.at != cursor.end && cursor.at->first == *visited_) ++cursor.at;
    }
    if (stored_ && stored_->first == *visited_) {
      Bytes after = std::move(stored_->first);  // visited_ looks into it: nothing below reads visited_ again
      visited_.reset();
      after.push_back('\0');  // the smallest key behind it
      stored_ = store_.seek(after);
    }
  }

  const StateReader& store_;
  ByteView from_;
  ByteView to_;
  std::vector<Cursor> cursors_;  ///< newest layer first
  std::optional<std::pair<Bytes, Bytes>> stored_;
  std::optional<ByteView> visited_;  ///< the key that every layer has still to pass
};

/// Counts a running scan, also when `visit` throws.
class ScanMark {
 public:
  explicit ScanMark(std::uint32_t& scans) : scans_(scans) { ++scans_; }
  ~ScanMark() { --scans_; }
  ScanMark(const ScanMark&) = delete;
  ScanMark& operator=(const ScanMark&) = delete;

 private:
  std::uint32_t& scans_;
};

}  // namespace

std::optional<Bytes> LayeredState::get(ByteView key) const {
  if (const auto at = top_.find(key); at != top_.end()) return at->second;
  return get_below_top(key);
}

void LayeredState::restart() {
  TAGMA_ASSERT(!in_operation_ && scans_ == 0, "nothing is being executed");
  top_.clear();
  frozen_.clear();
}

std::optional<Bytes> LayeredState::get_below_top(ByteView key) const {
  if (!mutant(Mutant::overlay_loses_write)) {
    for (const auto& layer : frozen_) {
      if (const auto at = layer.overlay->find(key); at != layer.overlay->end()) return at->second;
    }
  }
  return store_.get(key);
}

void LayeredState::put(ByteView key, ByteView value) {
  check_no_scan();
  write(top_.lower_bound(key), key, value);
}

bool LayeredState::erase(ByteView key) {
  check_no_scan();
  const auto at = top_.lower_bound(key);
  const bool in_top = at != top_.end() && at->first == key;
  const bool there = in_top ? at->second.has_value() : get_below_top(key).has_value();
  if (there) write(at, key, std::nullopt);
  return there;
}

void LayeredState::write(Overlay::iterator hint, ByteView key, std::optional<ByteView> value) {
  if (trace_ != nullptr) trace_->wrote(key, value);
  if (hint == top_.end() || hint->first != key) {
    const auto entry = top_.emplace_hint(hint, key, value);
    if (in_operation_) undo_.push_back({entry, std::nullopt});
    return;
  }
  if (in_operation_) {
    undo_.push_back({hint, std::move(hint->second)});
    hint->second.reset();
  }
  if (!value) {
    hint->second.reset();
  } else if (hint->second) {
    hint->second->assign(*value);
  } else {
    hint->second.emplace(*value);
  }
}

void LayeredState::scan(ByteView from, ByteView to,
                        const std::function<bool(ByteView key, ByteView value)>& visit) const {
  const ScanMark mark(scans_);
  Merge merge(store_, from, to);
  merge.add_older(top_);
  if (!mutant(Mutant::overlay_loses_write)) {
    for (const auto& layer : frozen_) merge.add_older(*layer.overlay);
  }
  ByteView key;
  ByteView value;
  while (merge.next(key, value)) {
    if (!visit(key, value)) return;
  }
}

void LayeredState::begin() {
  TAGMA_ASSERT(!in_operation_, "operations are not nested");
  in_operation_ = true;
  if (trace_ != nullptr) trace_->begin();
}

void LayeredState::commit() {
  TAGMA_ASSERT(in_operation_, "an operation is running");
  in_operation_ = false;
  if (trace_ != nullptr) trace_->commit();
  undo_.clear();
}

void LayeredState::rollback() {
  TAGMA_ASSERT(in_operation_, "an operation is running");
  check_no_scan();
  in_operation_ = false;
  if (trace_ != nullptr) trace_->rollback();
  while (!undo_.empty()) {
    Undo& last = undo_.back();
    if (last.before) {
      last.entry->second = std::move(*last.before);
    } else {
      top_.erase(last.entry);
    }
    undo_.pop_back();
  }
}

void LayeredState::freeze(Seq seq) {
  TAGMA_ASSERT(!in_operation_, "a checkpoint lies between operations");
  TAGMA_ASSERT(frozen_.empty() ? seq > store_.seq() : seq > frozen_.front().seq, "checkpoints rise");
  frozen_.push_front({seq, std::make_shared<const Overlay>(std::exchange(top_, {}))});
}

std::shared_ptr<const Overlay> LayeredState::frozen(Seq seq) const {
  for (const auto& layer : frozen_) {
    if (layer.seq == seq) return layer.overlay;
  }
  return nullptr;
}

void LayeredState::written(Seq seq) {
  TAGMA_ASSERT(!frozen_.empty() && frozen_.back().seq == seq, "checkpoints are written in the order of their slots");
  frozen_.pop_back();
}

void LayeredState::check_no_scan() const {
  if (scans_ > 0) throw std::logic_error("the state was changed during a scan");
}

}  // namespace tagma
