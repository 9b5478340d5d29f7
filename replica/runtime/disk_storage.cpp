#include "replica/runtime/disk_storage.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "checkpoint/state_damaged.h"
#include "messages/assert.h"
#include "replica/core/record_codec.h"

namespace tagma::runtime {
namespace {

/// About what a record takes in the log.
std::uint64_t size_of(const Record& record) {
  constexpr std::uint64_t without_batch = 64;
  const auto batch_bytes = [](const SharedBatch& batch) { return batch == nullptr ? 0 : batch->bytes.size(); };
  return without_batch + std::visit(
                             [&](const auto& content) -> std::uint64_t {
                               if constexpr (requires { content.batch; }) return batch_bytes(content.batch);
                               if constexpr (requires { content.new_view; }) return content.new_view->body.size();
                               return 0;
                             },
                             record);
}

MonotonicUs us_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
}

/// A lack is told again each time that so much more has become free.
constexpr std::uint64_t told_again_bytes = 1'000'000;

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::uint64_t kilo = 1'000;
  if (bytes < kilo * kilo) return std::to_string((bytes + kilo - 1) / kilo) + " kB";
  const std::uint64_t tenths = (bytes + 50'000) / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

/// What a job writes at the very least: its keys and values.
std::uint64_t bytes_of(const Overlay& overlay) {
  std::uint64_t bytes = 0;
  for (const auto& [key, value] : overlay) bytes += key.size() + (value ? value->size() : 0);
  return bytes;
}

}  // namespace

DiskStorage::DiskStorage(tagma::Log log, StateTarget target, DiskStorageOptions options)
    : disk_log_(std::move(log)), target_(std::move(target)), options_(options) {
  result_.size = disk_log_.size();
}

DiskStorage::~DiskStorage() {
  log_worker_.wait();
  state_worker_.wait();
}

void DiskStorage::persist(PersistNumber number, Record record) {
  TAGMA_ASSERT(number == pushed_ + 1, "persists come without gaps");
  pushed_ = number;
  remember(std::move(record));
  gathered_.back().number = number;
}

void DiskStorage::remember(Record record) {
  if (gathered_.empty() || gathered_.back().bytes >= options_.group_bytes_max) gathered_.emplace_back();
  gathered_.back().bytes += size_of(record);
  gathered_.back().records.push_back(std::move(record));
}

void DiskStorage::write_checkpoint(Seq seq, std::shared_ptr<const Overlay> overlay) {
  state_jobs_.push_back({.what = Checkpoint{seq, std::move(overlay)}, .outcome = {}, .damage = {}, .took_us = 0});
}

void DiskStorage::transfer(TransferJob job) {
  std::visit(
      [this](auto& what) {
        state_jobs_.push_back({.what = std::move(what), .outcome = {}, .damage = {}, .took_us = 0});
      },
      job);
}

void DiskStorage::collect(Seq up_to) { collect_ = up_to; }

void DiskStorage::commit(MonotonicUs now_us) {
  now_us_ = now_us;
  for (auto& group : gathered_) {
    if (group.number > 0 && group.since_us == 0) group.since_us = now_us;
  }
  take_group();
  take_state_job();
  if (failure_) return;
  if (!log_worker_.busy() && retry_group_at_us_ <= now_us) begin_group();
  if (!state_worker_.busy() && retry_state_at_us_ <= now_us) begin_state_job();
}

void DiskStorage::begin_group() {
  const bool again = retry_group_at_us_ != 0;
  if (!again) {
    const bool idle = durable_ == pushed_;
    if (idle && (marked_ || now_us_ - idle_since_us_ < options_.idle_us)) return;
    running_ = {};
    if (!idle) {
      running_ = std::move(gathered_.front());
      gathered_.pop_front();
    }
    running_.collect = collect_;
  }
  log_worker_.begin([this] { result_ = write_group(disk_log_, running_); });
}

DiskStorage::GroupResult DiskStorage::write_group(tagma::Log& log, const Group& group) {
  const auto start = std::chrono::steady_clock::now();
  GroupResult result;
  log.collect(group.collect);
  if (group.records.empty()) {
    result.outcome = log.mark();
  } else {
    std::vector<LogEntry> entries;
    entries.reserve(group.records.size());
    for (const auto& record : group.records) entries.push_back(encode_record(record));
    result.outcome = log.commit(entries);
  }
  result.sync_us = us_since(start);
  result.size = log.size();
  return result;
}

void DiskStorage::take_group() {
  if (!log_worker_.finished()) return;
  if (result_.outcome) {
    if (survives(*result_.outcome, true)) retry_group_at_us_ = now_us_ + options_.retry_us;
    return;
  }
  retry_group_at_us_ = 0;
  found_room(true);
  idle_since_us_ = now_us_;
  marked_ = running_.records.empty();
  if (marked_) return;
  durable_ = std::max(durable_, running_.number);
  ++groups_;
  records_ += running_.records.size();
  sync_us_ += result_.sync_us;
  if (running_.number > 0) lag_max_seen_us_ = std::max(lag_max_seen_us_, now_us_ - running_.since_us);
  running_ = {};
}

void DiskStorage::begin_state_job() {
  if (state_jobs_.empty() || state_event_) return;
  state_worker_.begin([this, &job = state_jobs_.front()] { perform_job(job); });
}

void DiskStorage::perform_job(StateJob& job) const {
  const auto start = std::chrono::steady_clock::now();
  try {
    auto outcome = std::visit([this](const auto& what) { return perform(what); }, job.what);
    std::visit([&](auto& content) { job.outcome = std::move(content); }, outcome);
  } catch (const StateDamaged& damaged) {
    job.damage = damage_met(job, damaged.reason());
  }
  job.took_us = us_since(start);
}

/// A failure of the disk is no damage and leaves no mark: the state may be whole. Nor does damage that a job met which
/// writes nothing: the next start, which reads all, meets it too.
std::string DiskStorage::damage_met(const StateJob& job, const std::string& reason) const {
  if (std::holds_alternative<ReadStaged>(job.what)) return reason;
  if (const auto failure = target_.leave_mark(reason)) {
    return reason + "; the next start could not be told of it: " + *failure;
  }
  return reason + "; the next start sets the state aside and fetches it from the others";
}

DiskStorage::JobOutcome DiskStorage::perform(const Checkpoint& job) const {
  const auto outcome = target_.write(job.seq, *job.overlay);
  if (const auto* failure = std::get_if<DiskFailure>(&outcome)) return *failure;
  return Event(CheckpointWritten{job.seq, std::get<Digest>(outcome)});
}

DiskStorage::JobOutcome DiskStorage::perform(const ReadStaged& /*job*/) const {
  auto outcome = target_.staged();
  if (const auto* failure = std::get_if<DiskFailure>(&outcome)) return *failure;
  if (auto* discarded = std::get_if<StagedDiscarded>(&outcome)) {
    return Event(StagedRead{.staged = {}, .damage = std::move(discarded->reason)});
  }
  return Event(StagedRead{.staged = std::move(std::get<StagedPieces>(outcome)), .damage = {}});
}

DiskStorage::JobOutcome DiskStorage::perform(const StagePieces& job) const {
  if (const auto failure = target_.stage(job.pieces)) return *failure;
  return Event(PiecesStaged{});
}

DiskStorage::JobOutcome DiskStorage::perform(const InstallState& job) const {
  const auto outcome = target_.install(job);
  if (const auto* failure = std::get_if<DiskFailure>(&outcome)) return *failure;
  return Event(StateInstalled{job.seq, job.root, std::holds_alternative<Digest>(outcome)});
}

void DiskStorage::take_state_job() {
  if (!state_worker_.finished()) return;
  auto& job = state_jobs_.front();
  if (job.damage) {
    failure_ = "the state is damaged: " + *job.damage;
    return;
  }
  if (const auto* failure = std::get_if<DiskFailure>(&job.outcome)) {
    if (survives(*failure, false)) retry_state_at_us_ = now_us_ + options_.retry_us;
    return;
  }
  retry_state_at_us_ = 0;
  found_room(false);
  target_.refresh();
  note_checkpoint(job);
  state_event_ = std::move(std::get<Event>(job.outcome));
  state_jobs_.pop_front();
}

void DiskStorage::note_checkpoint(const StateJob& job) {
  if (!std::holds_alternative<Checkpoint>(job.what)) return;
  ++checkpoints_;
  checkpoints_us_ += job.took_us;
  checkpoint_max_seen_us_ = std::max(checkpoint_max_seen_us_, job.took_us);
}

/// After a failed write or sync nobody knows what is on the disk: it is not tried again (attack K4).
bool DiskStorage::survives(const DiskFailure& failure, bool of_log) {
  if (failure.kind == DiskFailure::Kind::no_space) {
    note_lack(failure, of_log);
    return true;
  }
  failure_ = std::string("the disk failed under ") + (of_log ? "the log: " : "the state: ") + failure.reason;
  return false;
}

/// Of the log the beginning is for the loop to tell, with what follows from it (stalled()).
void DiskStorage::note_lack(const DiskFailure& failure, bool of_log) {
  auto& lack = of_log ? log_lack_ : state_lack_;
  const bool begins = !lack;
  if (begins) lack = Lack{};
  lack->reason = failure.reason;
  lack->free_bytes = free_bytes();
  if (of_log) {
    lack->needed_bytes = LogOptions{}.segment_bytes;
  } else if (const auto* checkpoint = std::get_if<Checkpoint>(&state_jobs_.front().what)) {
    lack->needed_bytes = bytes_of(*checkpoint->overlay);
  }
  const bool more = !begins && lack->free_bytes >= lack->told_bytes + told_again_bytes;
  if (begins || more) lack->told_bytes = lack->free_bytes;
  if (more) {
    notices_.push_back(std::string("STALLED: still no room for ") + (of_log ? "the log" : "the state") +
                       amounts(*lack, of_log));
  } else if (begins && !of_log) {
    notices_.push_back("STALLED: no room for the state: " + lack->reason + amounts(*lack, false) +
                       "; this replica votes until its window of slots is full, it tries again by itself");
  }
}

void DiskStorage::found_room(bool for_log) {
  if (for_log) return log_lack_.reset();
  if (state_lack_) notices_.emplace_back("there is room for the state again");
  state_lack_.reset();
}

std::string DiskStorage::amounts(const Lack& lack, bool of_log) const {
  std::string text;
  if (options_.free_bytes) text += "; " + bytes_text(lack.free_bytes) + " free";
  if (lack.needed_bytes == 0) return text;
  text += text.empty() ? "; " : ", ";
  return text + (of_log ? "about " : "more than ") + bytes_text(lack.needed_bytes) + " needed";
}

std::optional<std::string> DiskStorage::stalled() const {
  if (!log_lack_) return std::nullopt;
  return "no room for the log: " + log_lack_->reason + amounts(*log_lack_, true);
}

bool DiskStorage::may_run_ahead() const {
  if (!options_.ahead_of_disk || log_lack_ || state_lack_ || failure_) return false;
  const auto* oldest = oldest_group();
  return (oldest == nullptr || oldest->since_us == 0 || now_us_ - oldest->since_us <= options_.lag_max_us) &&
         waiting_bytes() <= options_.lag_max_bytes;
}

const DiskStorage::Group* DiskStorage::oldest_group() const {
  if (running_.number > 0) return &running_;
  const auto found =
      std::find_if(gathered_.begin(), gathered_.end(), [](const Group& group) { return group.number > 0; });
  return found == gathered_.end() ? nullptr : &*found;
}

std::uint64_t DiskStorage::waiting_bytes() const {
  std::uint64_t bytes = running_.bytes;
  for (const auto& group : gathered_) bytes += group.bytes;
  return bytes;
}

std::optional<Event> DiskStorage::next_event() {
  take_group();
  take_state_job();
  const PersistNumber reportable = may_run_ahead() ? pushed_ : durable_;
  if (reportable > reported_) {
    reported_ = reportable;
    return Event(Persisted{reported_});
  }
  return std::exchange(state_event_, std::nullopt);
}

bool DiskStorage::ready() {
  take_group();
  take_state_job();
  if (failure_) return false;
  if ((may_run_ahead() ? pushed_ : durable_) > reported_ || state_event_) return true;
  const bool group_waits = durable_ < pushed_ && !log_worker_.busy() && retry_group_at_us_ == 0;
  const bool job_waits = !state_jobs_.empty() && !state_worker_.busy() && retry_state_at_us_ == 0;
  return group_waits || job_waits;
}

std::vector<int> DiskStorage::descriptors() const { return {log_worker_.descriptor(), state_worker_.descriptor()}; }

std::optional<MonotonicUs> DiskStorage::wake_at_us() const {
  std::optional<MonotonicUs> at_us;
  const auto at_latest = [&at_us](MonotonicUs time_us) { at_us = std::min(at_us.value_or(time_us), time_us); };
  if (failure_) return at_us;
  if (!log_worker_.busy()) {
    if (retry_group_at_us_ != 0) {
      at_latest(retry_group_at_us_);
    } else if (!marked_) {
      at_latest(idle_since_us_ + options_.idle_us);
    }
  }
  if (!state_worker_.busy() && retry_state_at_us_ != 0) at_latest(retry_state_at_us_);
  return at_us;
}

void DiskStorage::show(Counters& counters) {
  // What `status` says of room goes by these names.
  counters.set("no room on the disk", log_lack_ || state_lack_ ? 1 : 0);
  counters.set("no room for the log", log_lack_ ? 1 : 0);
  counters.set("no room for the state", state_lack_ ? 1 : 0);
  counters.set("log bytes needed", log_lack_ ? log_lack_->needed_bytes : 0);
  counters.set("state bytes needed", state_lack_ ? state_lack_->needed_bytes : 0);
  if (options_.free_bytes) {
    // A try that is under way has taken a part of what is free.
    const auto& lack = log_lack_ ? log_lack_ : state_lack_;
    counters.set("disk bytes free", lack ? lack->free_bytes : options_.free_bytes());
  }
  counters.set("log groups", groups_);
  counters.set("log records", records_);
  counters.set("log sync us (mean)", groups_ == 0 ? 0 : static_cast<std::uint64_t>(sync_us_) / groups_);
  counters.set("log lag us (max)", static_cast<std::uint64_t>(lag_max_seen_us_));
  counters.set("checkpoints written", checkpoints_);
  counters.set("checkpoint us (mean)",
               checkpoints_ == 0 ? 0 : static_cast<std::uint64_t>(checkpoints_us_) / checkpoints_);
  counters.set("checkpoint us (max)", static_cast<std::uint64_t>(checkpoint_max_seen_us_));
  const auto* checkpoint = state_jobs_.empty() ? nullptr : std::get_if<Checkpoint>(&state_jobs_.front().what);
  counters.set("checkpoint keys being written", checkpoint == nullptr ? 0 : checkpoint->overlay->size());
  if (log_worker_.busy()) return;
  counters.set("log bytes used", result_.size.used_bytes);
  counters.set("log bytes of files", result_.size.file_bytes);
}

void DiskStorage::close() {
  log_worker_.wait();
  take_group();
  // One that found no room gets one more chance.
  if (retry_group_at_us_ != 0) write_last(running_);
  for (; !gathered_.empty() && !failure_ && retry_group_at_us_ == 0; gathered_.pop_front()) {
    write_last(gathered_.front());
  }
  if (!failure_ && retry_group_at_us_ == 0) {
    if (auto failure = disk_log_.mark()) static_cast<void>(survives(*failure, true));
  }
  state_worker_.wait();
}

void DiskStorage::write_last(const Group& group) {
  if (failure_) return;
  const auto outcome = write_group(disk_log_, group).outcome;
  if (outcome) {
    static_cast<void>(survives(*outcome, true));
    retry_group_at_us_ = now_us_ + options_.retry_us;
    return;
  }
  retry_group_at_us_ = 0;
  durable_ = std::max(durable_, group.number);
}

}  // namespace tagma::runtime
