#include "checkpoint/log.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <utility>

#include "checkpoint/log_format.h"
#include "checkpoint/log_recovery.h"
#include "messages/assert.h"

namespace tagma {

using log_format::encode_group;
using log_format::encode_mark;
using log_format::group_bytes;
using log_format::page_bytes;
using log_format::Place;
using log_recovery::Segment;

class Log::Implementation {
 public:
  Implementation(DiskFolder& folder, LogOptions options, log_recovery::Recovered recovered)
      : folder_(folder), options_(std::move(options)) {
    for (auto& segment : recovered.needed) used_.push_back(std::move(segment));
    for (auto& segment : recovered.free) free_.push_back(std::move(segment));
    group_ = recovered.last_group;
    oldest_ = oldest_synced_ = recovered.oldest;
    generation_ = recovered.generation_max;
    for (auto& entry : recovered.entries) remember_lasting(entry);
  }

  DiskOutcome commit(const std::vector<LogEntry>& entries) {
    if (failed_) return failed_;
    TAGMA_ASSERT(!entries.empty(), "a group has an entry");
    for (const auto& entry : entries) remember_lasting(entry);
    const std::vector<LogEntry>* group = &entries;
    std::vector<LogEntry> with_lasting;
    const bool full = used_.empty() || used_.back().end + group_bytes(entries) > used_.back().file->size();
    if (full || used_.back().first_group == 0) {
      // What must outlive its file begins the new one, so that the old one need not be kept for it.
      with_lasting = lasting_before(entries);
      group = &with_lasting;
      if (full || used_.back().end + group_bytes(with_lasting) > used_.back().file->size()) {
        if (auto failure = roll(page_bytes + group_bytes(with_lasting))) return failure;
      }
    }
    return write(*group);
  }

  DiskOutcome mark() {
    if (failed_) return failed_;
    if (used_.empty()) return std::nullopt;
    auto& segment = used_.back();
    return finish(write_mark(segment, group_));
  }

  void collect(Seq seq) {
    collected_ = std::max(collected_, seq);
    // Only from the front: the groups that are kept stay without a gap, so that a gap always means damage.
    for (std::size_t at = 0; at + 1 < used_.size() && used_[at].seq_max <= collected_; ++at) {
      oldest_ = used_[at].last_group + 1;
    }
  }

  [[nodiscard]] Size size() const {
    Size size;
    for (const auto& segment : used_) {
      size.file_bytes += segment.file->size();
      if (segment.last_group >= oldest_) size.used_bytes += segment.end;
    }
    for (const auto& segment : free_) size.file_bytes += segment.file->size();
    size.files = used_.size() + free_.size();
    return size;
  }

  [[nodiscard]] std::uint64_t group() const { return group_; }

  /// What was read may still be in the page cache only, if the process that wrote it was killed before its sync.
  DiskOutcome make_durable_what_was_read() {
    for (auto& segment : used_) {
      if (auto failure = segment.file->sync()) return failure;
    }
    if (auto failure = mark_before(group_)) return failure;
    return mark();
  }

 private:
  /// Entries without a slot are replaced by later ones of their kind only.
  void remember_lasting(const LogEntry& entry) {
    if (entry.seq == 0) lasting_[entry.kind] = entry.payload;
  }

  [[nodiscard]] std::vector<LogEntry> lasting_before(const std::vector<LogEntry>& entries) const {
    std::vector<LogEntry> all;
    all.reserve(lasting_.size() + entries.size());
    for (const auto& [kind, payload] : lasting_) all.push_back({.kind = kind, .seq = 0, .payload = payload});
    all.insert(all.end(), entries.begin(), entries.end());
    return all;
  }

  /// Begins a new use of a file with room for `bytes`.
  DiskOutcome roll(std::uint64_t bytes) {
    while (!used_.empty() && used_.front().last_group < oldest_synced_) {
      free_.push_back(std::move(used_.front()));
      used_.pop_front();
    }
    auto found =
        std::find_if(free_.begin(), free_.end(), [&](const Segment& segment) { return segment.file->size() >= bytes; });
    Segment segment;
    if (found != free_.end()) {
      segment.name = std::move(found->name);
      segment.file = std::move(found->file);
      free_.erase(found);
    } else {
      segment.name = unused_name();
      auto file = folder_.create(segment.name, std::max(options_.segment_bytes, bytes));
      if (auto* failure = std::get_if<DiskFailure>(&file)) return remember_failure(std::move(*failure));
      segment.file = std::move(std::get<std::unique_ptr<DiskFile>>(file));
    }
    segment.tag = options_.draw_tag() | 1U;  // never 0, which stands for "none"
    segment.generation = ++generation_;
    used_.push_back(std::move(segment));
    return std::nullopt;
  }

  [[nodiscard]] std::string unused_name() const {
    unsigned long highest = 0;
    const auto look_at = [&](const Segment& segment) {
      highest = std::max(highest, std::stoul(segment.name.substr(4)));
    };
    std::for_each(used_.begin(), used_.end(), look_at);
    std::for_each(free_.begin(), free_.end(), look_at);
    char name[16];
    std::snprintf(name, sizeof name, "log-%08lu", highest + 1);
    return name;
  }

  [[nodiscard]] Place place_of(const Segment& segment, std::uint64_t synced) const {
    return {.tag = segment.tag, .generation = segment.generation, .oldest = oldest_, .synced = synced};
  }

  DiskOutcome write_mark(Segment& segment, std::uint64_t synced) {
    if (auto failure = segment.file->write(0, encode_mark(place_of(segment, synced)))) return failure;
    return segment.file->sync();
  }

  /// The file before the newest says that a group of the newest is synced: without its own words the newest one would
  /// pass for a file that nothing was written to.
  DiskOutcome mark_before(std::uint64_t synced) {
    if (used_.size() < 2) return std::nullopt;
    return finish(write_mark(used_[used_.size() - 2], synced));
  }

  DiskOutcome write(const std::vector<LogEntry>& entries) {
    auto& segment = used_.back();
    const std::uint64_t number = group_ + 1;
    const Place place = place_of(segment, group_);
    const Bytes bytes = encode_group(place, number, entries);
    // The mark of the group before goes with this sync: a second place that says what had been synced.
    auto failure = segment.file->write(0, encode_mark(place));
    if (!failure) failure = segment.file->write(segment.end, bytes);
    if (!failure) failure = segment.file->sync();
    if (!failure && segment.first_group == 0) failure = mark_before(number);
    if (failure) return finish(std::move(failure));
    group_ = number;
    if (segment.first_group == 0) segment.first_group = number;
    segment.last_group = number;
    segment.end += bytes.size();
    for (const auto& entry : entries) segment.seq_max = std::max(segment.seq_max, entry.seq);
    return finish(std::nullopt);
  }

  DiskOutcome finish(DiskOutcome failure) {
    if (failure) return remember_failure(*std::move(failure));
    oldest_synced_ = oldest_;
    return std::nullopt;
  }

  /// After a failed write or sync nobody knows what is on the disk (attack K4): nothing is tried again.
  DiskOutcome remember_failure(DiskFailure failure) {
    if (failure.kind == DiskFailure::Kind::failed) failed_ = failure;
    return failure;
  }

  DiskFolder& folder_;
  LogOptions options_;
  std::deque<Segment> used_;               ///< in the order of their groups; the last one is written to
  std::vector<Segment> free_;              ///< to be used again
  std::map<std::uint8_t, Bytes> lasting_;  ///< by kind: the newest entry without a slot
  std::uint64_t group_ = 0;                ///< of the last group; it is synced
  std::uint64_t generation_ = 0;
  std::uint64_t oldest_ = 1;         ///< lowest group that is needed
  std::uint64_t oldest_synced_ = 1;  ///< what the disk says of it: a file is used again only below this
  Seq collected_ = 0;
  DiskOutcome failed_;
};

Log::Log(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;
Log::~Log() = default;

namespace {

LogContent content_of(const log_recovery::Recovered& recovered) {
  return {.entries = recovered.entries,
          .groups = recovered.last_group + 1 - recovered.oldest,
          .torn_bytes = recovered.torn_bytes};
}

}  // namespace

std::variant<LogContent, LogDamage, DiskFailure> Log::read(DiskFolder& folder) {
  auto read = log_recovery::read(folder);
  if (auto* failure = std::get_if<DiskFailure>(&read)) return std::move(*failure);
  if (auto* damage = std::get_if<LogDamage>(&read)) return std::move(*damage);
  return content_of(std::get<log_recovery::Recovered>(read));
}

Log::OpenResult Log::open(DiskFolder& folder, const LogOptions& options) {
  auto read = log_recovery::read(folder);
  if (auto* failure = std::get_if<DiskFailure>(&read)) return std::move(*failure);
  if (auto* damage = std::get_if<LogDamage>(&read)) return std::move(*damage);
  auto& recovered = std::get<log_recovery::Recovered>(read);
  LogContent content = content_of(recovered);
  Log log(std::make_unique<Implementation>(folder, options, std::move(recovered)));
  if (auto failure = log.implementation_->make_durable_what_was_read()) return *std::move(failure);
  return Opened{std::move(log), std::move(content)};
}

DiskOutcome Log::commit(const std::vector<LogEntry>& entries) { return implementation_->commit(entries); }
DiskOutcome Log::mark() { return implementation_->mark(); }
void Log::collect(Seq seq) { implementation_->collect(seq); }
Log::Size Log::size() const { return implementation_->size(); }
std::uint64_t Log::group() const { return implementation_->group(); }

}  // namespace tagma
