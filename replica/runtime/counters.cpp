#include "replica/runtime/counters.h"

#include "tagma/limits.h"

namespace tagma::runtime {
namespace {

constexpr std::string_view overflow_name = "other";

}  // namespace

void Counters::add(std::string_view name, std::uint64_t amount) {
  auto found = counts_.find(name);
  if (found == counts_.end()) {
    if (counts_.size() >= names_max) name = overflow_name;
    found = counts_.try_emplace(std::string(name.substr(0, name_bytes_max)), 0).first;
  }
  found->second += amount;
}

void Counters::set(std::string_view name, std::uint64_t value) {
  const auto found = counts_.find(name);
  if (found != counts_.end()) {
    found->second = value;
  } else if (counts_.size() < names_max) {
    counts_.emplace(name, value);
  }
}

void Counters::refuse(std::string_view category, std::string_view reason) {
  ++refused_total_;
  note(category, reason);
}

void Counters::note(std::string_view category, std::string_view what) {
  std::string name(category);
  name += ": ";
  const std::size_t what_at = name.size();
  name += what;
  if (name.size() > name_bytes_max) name.resize(name_bytes_max);
  if (counts_.find(name) == counts_.end()) {
    auto distinct = reasons_.find(category);
    if (distinct == reasons_.end()) distinct = reasons_.try_emplace(std::string(category), 0).first;
    if (distinct->second >= reasons_per_category_max) {
      name.resize(what_at);
      name += overflow_name;
    } else {
      ++distinct->second;
    }
  }
  add(name);
}

std::uint64_t Counters::value(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

void Counters::append_to(Report& report) const {
  std::map<std::string, std::uint64_t, std::less<>> merged(report.counters.begin(), report.counters.end());
  merged.try_emplace("turns", traffic.turns);
  merged.try_emplace("waits", traffic.waits);
  merged.try_emplace("events", traffic.events);
  merged.try_emplace("frames_received", traffic.frames_received);
  merged.try_emplace("bytes_received", traffic.bytes_received);
  merged.try_emplace("messages_received", traffic.messages_received);
  merged.try_emplace("frames_sent", traffic.frames_sent);
  merged.try_emplace("bytes_sent", traffic.bytes_sent);
  merged.try_emplace("messages_sent", traffic.messages_sent);
  merged.try_emplace("refused_total", refused_total_);
  for (const auto& [name, count] : counts_) {
    if (merged.size() >= limits::report_counters_max) break;
    merged.try_emplace(name, count);
  }
  report.counters.assign(merged.begin(), merged.end());
}

}  // namespace tagma::runtime
