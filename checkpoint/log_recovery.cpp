#include "checkpoint/log_recovery.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "messages/mutant.h"

namespace tagma::log_recovery {
namespace {

using log_format::decode_entries;
using log_format::decode_header;
using log_format::decode_mark;
using log_format::GroupHeader;
using log_format::header_bytes;
using log_format::is_whole;
using log_format::page_aligned;
using log_format::page_bytes;
using log_format::Place;

constexpr ByteView name_prefix = "log-";
constexpr std::size_t name_digits = 8;

/// What one file says.
struct Scanned {
  Segment segment;
  std::vector<std::vector<LogEntry>> groups;  ///< from segment.first_group on
  Place latest;                               ///< the one with the highest `synced` among mark and whole groups
  std::uint64_t generation_seen = 0;
  std::uint64_t mark_generation = 0;  ///< 0: the mark is unreadable
  std::uint64_t torn_bytes = 0;
  /// The highest group that stands whole behind damage; 0: none.
  std::uint64_t group_behind_damage = 0;

  [[nodiscard]] bool has_groups() const { return segment.first_group != 0; }
};

class Scanner {
 public:
  Scanner(std::string name, std::unique_ptr<DiskFile> file) {
    scanned_.segment.name = std::move(name);
    scanned_.segment.file = std::move(file);
  }

  std::variant<Scanned, DiskFailure> scan() {
    const std::uint64_t size = file().size();
    const auto page = read_at(0, page_bytes);
    if (page) {
      if (const auto mark = decode_mark(*page)) {
        learn(*mark);
        mark_tag_ = mark->tag;
        scanned_.mark_generation = mark->generation;
      }
    }
    std::uint64_t offset = page_bytes;
    while (!failure_ && offset + page_bytes <= size && take_group(offset)) offset = scanned_.segment.end;
    if (!failure_ && offset + page_bytes <= size) look_behind(offset, size);
    if (failure_) return *std::move(failure_);
    return std::move(scanned_);
  }

 private:
  DiskFile& file() { return *scanned_.segment.file; }

  std::optional<Bytes> read_at(std::uint64_t offset, std::uint64_t size) {
    auto bytes = file().read(offset, size);
    if (auto* failure = std::get_if<DiskFailure>(&bytes)) {
      failure_ = std::move(*failure);
      return std::nullopt;
    }
    return std::move(std::get<Bytes>(bytes));
  }

  void learn(const Place& place) {
    if (place.synced >= scanned_.latest.synced) scanned_.latest = place;
    scanned_.generation_seen = std::max(scanned_.generation_seen, place.generation);
  }

  /// The header at `offset` with its payload, if both are whole.
  std::optional<std::pair<GroupHeader, Bytes>> whole_group(std::uint64_t offset) {
    const auto head = read_at(offset, header_bytes);
    if (!head) return std::nullopt;
    const auto header = decode_header(*head);
    if (!header || offset + header_bytes + header->payload_bytes > file().size()) return std::nullopt;
    auto bytes = read_at(offset, header_bytes + header->payload_bytes);
    if (!bytes || !is_whole(*header, *bytes)) return std::nullopt;
    return std::pair{*header, *std::move(bytes)};
  }

  /// Takes the group at `offset` if it continues this file's run.
  bool take_group(std::uint64_t offset) {
    auto group = whole_group(offset);
    if (!group) return false;
    const auto& [header, bytes] = *group;
    auto& segment = scanned_.segment;
    // The first place of a file is never inside of another group, so what stands there tells the tag.
    if (segment.first_group == 0) {
      segment.tag = header.place.tag;
      segment.generation = header.place.generation;
      segment.first_group = header.group;
    } else if (header.place.tag != segment.tag || header.group != segment.last_group + 1) {
      return false;
    }
    auto entries = decode_entries(header, ByteView(bytes).substr(header_bytes));
    if (!entries) {
      if (segment.last_group == 0) segment.first_group = 0;
      return false;
    }
    for (const auto& entry : *entries) segment.seq_max = std::max(segment.seq_max, entry.seq);
    segment.last_group = header.group;
    segment.end = offset + page_aligned(bytes.size());
    scanned_.groups.push_back(*std::move(entries));
    learn(header.place);
    return true;
  }

  /// What follows the run: a group of the same use that is torn or damaged, or nothing of this use.
  void look_behind(std::uint64_t offset, std::uint64_t size) {
    const std::uint64_t tag = scanned_.has_groups() ? scanned_.segment.tag : mark_tag_;
    if (tag == 0) return look_for_any_use(size);
    const auto is_ours = [&](const GroupHeader& header) {
      return header.place.tag == tag && header.group > scanned_.segment.last_group;
    };
    if (const auto head = read_at(offset, header_bytes)) {
      const auto header = decode_header(*head);
      if (header && is_ours(*header)) scanned_.torn_bytes = page_aligned(header_bytes + header->payload_bytes);
    }
    for (std::uint64_t at = offset; !failure_ && at + page_bytes <= size; at += page_bytes) {
      const auto head = read_at(at, header_bytes);
      if (!head) return;
      const auto header = decode_header(*head);
      if (!header || !is_ours(*header)) continue;
      const auto group = whole_group(at);
      if (!group) continue;
      scanned_.group_behind_damage = std::max(scanned_.group_behind_damage, header->group);
      learn(header->place);
    }
  }

  /// Mark and first group are unreadable, and nothing tells the file's tag: whole groups of whichever use are witnesses
  /// that the groups before them were synced. That harms no file that waits for its next use: its groups are lower than
  /// what is needed. But nothing else is learnt from them, for a client may have chosen their bytes. (What is inside of
  /// a group that is whole is not looked at.)
  void look_for_any_use(std::uint64_t size) {
    std::uint64_t at = page_bytes;
    while (!failure_ && at + page_bytes <= size) {
      const auto group = whole_group(at);
      const bool witness = group && group->first.place.synced + 1 == group->first.group;
      if (witness) scanned_.group_behind_damage = std::max(scanned_.group_behind_damage, group->first.group);
      at += witness ? page_aligned(group->second.size()) : page_bytes;
    }
  }

  Scanned scanned_;
  std::uint64_t mark_tag_ = 0;
  std::optional<DiskFailure> failure_;
};

std::variant<std::vector<Scanned>, DiskFailure> scan_all(DiskFolder& folder) {
  auto names = folder.list();
  if (auto* failure = std::get_if<DiskFailure>(&names)) return std::move(*failure);
  std::vector<Scanned> all;
  for (const auto& name : std::get<std::vector<std::string>>(names)) {
    if (!is_segment_name(name)) continue;
    auto file = folder.open(name);
    if (auto* failure = std::get_if<DiskFailure>(&file)) return std::move(*failure);
    auto scanned = Scanner(name, std::move(std::get<std::unique_ptr<DiskFile>>(file))).scan();
    if (auto* failure = std::get_if<DiskFailure>(&scanned)) return std::move(*failure);
    all.push_back(std::move(std::get<Scanned>(scanned)));
  }
  std::sort(all.begin(), all.end(), [](const Scanned& left, const Scanned& right) {
    return left.segment.first_group < right.segment.first_group;
  });
  return all;
}

/// The first group of [oldest, end] that no file holds; end + 1 if there is none.
std::uint64_t first_missing(const std::vector<Scanned>& all, std::uint64_t oldest, std::uint64_t end) {
  std::uint64_t next = oldest;
  for (const auto& each : all) {
    if (each.segment.first_group == 0 || each.segment.last_group < next) continue;
    if (each.segment.first_group > next) break;
    next = each.segment.last_group + 1;
  }
  return std::min(next, end + 1);
}

/// The file that was begun with this group, as far as can be told; null: it was not, or none says so. `before` holds
/// the groups up to it.
const Scanned* begun_with(const std::vector<Scanned>& all, std::uint64_t group, const Scanned* before) {
  if (before != nullptr && before->group_behind_damage > group) return nullptr;  // it stands in the middle of that one
  const Scanned* found = nullptr;
  for (const auto& each : all) {
    if (each.has_groups()) continue;
    const bool says_so = before != nullptr && each.mark_generation > before->segment.generation;
    if (!says_so && each.group_behind_damage <= group) continue;
    // Of several the one that was begun first.
    if (found == nullptr || each.mark_generation < found->mark_generation) found = &each;
  }
  return found;
}

bool is_last_known(const std::vector<Scanned>& all, std::uint64_t group) {
  return std::all_of(all.begin(), all.end(), [group](const Scanned& each) {
    return each.segment.last_group <= group && each.group_behind_damage <= group;
  });
}

LogDamage damage(const std::vector<Scanned>& all, std::uint64_t missing, std::uint64_t synced) {
  const Scanned* before = nullptr;
  for (const auto& each : all) {
    if (each.has_groups() && each.segment.last_group + 1 == missing) before = &each;
  }
  const Scanned* begun = begun_with(all, missing, before);
  const Scanned* holder = begun != nullptr ? begun : before;
  std::string where = "no file of the log holds it";
  if (holder != nullptr) {
    where = "it should stand in " + holder->segment.name + " from byte " + std::to_string(holder->segment.end) + " on";
    if (begun == nullptr && is_last_known(all, missing - 1)) where += ", or in a later file that is gone";
  }
  return {"group " + std::to_string(missing) + " of the log is damaged or missing, although everything up to group " +
          std::to_string(synced) + " had been synced; " + where};
}

}  // namespace

bool is_segment_name(const std::string& name) {
  return name.size() == name_prefix.size() + name_digits && name.starts_with(name_prefix) &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(name_prefix.size()), name.end(),
                     [](char letter) { return letter >= '0' && letter <= '9'; });
}

std::variant<Recovered, LogDamage, DiskFailure> read(DiskFolder& folder) {
  auto scanned = scan_all(folder);
  if (auto* failure = std::get_if<DiskFailure>(&scanned)) return std::move(*failure);
  auto& all = std::get<std::vector<Scanned>>(scanned);

  Recovered recovered;
  Place latest{.tag = 0, .generation = 0, .oldest = 1, .synced = 0};
  std::uint64_t behind_damage = 0;
  for (const auto& each : all) {
    // Of two with equal `synced` the later use knows better what is needed.
    if (std::pair(each.latest.synced, each.latest.generation) >= std::pair(latest.synced, latest.generation)) {
      latest = each.latest;
    }
    recovered.generation_max = std::max(recovered.generation_max, each.generation_seen);
    recovered.torn_bytes += each.torn_bytes;
    behind_damage = std::max(behind_damage, each.group_behind_damage);
  }
  latest.oldest = std::max<std::uint64_t>(latest.oldest, 1);
  std::uint64_t synced = std::max(latest.synced, behind_damage == 0 ? 0 : behind_damage - 1);
  const std::uint64_t missing = first_missing(all, latest.oldest, synced);
  if (mutant(Mutant::log_cut_below_mark)) synced = std::min(synced, missing - 1);
  if (missing <= synced) return damage(all, missing, synced);

  // One group may stand whole above what was known to be synced.
  recovered.oldest = latest.oldest;
  recovered.last_group = first_missing(all, latest.oldest, synced + 1) - 1;
  for (auto& each : all) {
    auto& segment = each.segment;
    if (segment.first_group == 0 || segment.last_group < recovered.oldest ||
        segment.first_group > recovered.last_group) {
      recovered.free.push_back(std::move(segment));
      continue;
    }
    for (auto& group : each.groups) std::move(group.begin(), group.end(), std::back_inserter(recovered.entries));
    recovered.needed.push_back(std::move(segment));
  }
  return recovered;
}

}  // namespace tagma::log_recovery
