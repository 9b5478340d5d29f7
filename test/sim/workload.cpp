#include "test/sim/workload.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tagma/operation.h"
#include "test/sim/observer_service.h"

namespace tagma::sim {
namespace {

constexpr std::size_t scan_limit = 20;

/// The entries of a scan's answer: lines "key<tab>value", then perhaps "more from <key>". The simulator's keys and
/// values need no escapes.
struct Listing {
  std::map<Bytes, Bytes> entries;
  std::optional<Bytes> cut_at;  ///< keys from here on are not listed
};

std::optional<Listing> parse_listing(ByteView text) {
  constexpr ByteView more = "more from ";
  Listing listing;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto tab = line.find('\t');
    if (tab == ByteView::npos) {
      if (line.substr(0, more.size()) != more || !text.empty()) return std::nullopt;
      listing.cut_at = Bytes(line.substr(more.size()));
      break;
    }
    if (!listing.entries.emplace(line.substr(0, tab), line.substr(tab + 1)).second) return std::nullopt;
  }
  return listing;
}

bool observed_scan(const Planned& planned, const ServiceReply& reply, const checkers::KvOperation& frame,
                   const std::vector<Bytes>& keys, std::vector<checkers::KvOperation>& history) {
  if (reply.status != ReplyStatus::ok) return false;
  auto listing = parse_listing(reply.text);
  if (!listing) return false;
  for (const auto& key : keys) {
    if (key < planned.key || key >= planned.end) continue;
    if (listing->cut_at && key >= *listing->cut_at) break;
    auto read = frame;
    read.kind = checkers::KvKind::get;
    read.key = key;
    const auto entry = listing->entries.find(key);
    read.found = entry != listing->entries.end();
    if (read.found) {
      read.value_seen = entry->second;
      listing->entries.erase(entry);
    }
    history.push_back(std::move(read));
  }
  return listing->entries.empty();  // what is left are keys that nobody ever wrote
}

}  // namespace

Workload::Workload(const SimOptions& options, Coverage& coverage)
    : options_(options.workload), coverage_(coverage), random_(options.seed, "workload") {
  for (std::uint32_t at = 0; at < options_.keys; ++at) {
    auto digits = std::to_string(at);
    keys_.push_back("k" + Bytes(3 - digits.size(), '0') + digits);
  }
  keys_.emplace_back(thrown_key);
  std::sort(keys_.begin(), keys_.end());
}

Bytes kv_operation(const checkers::RequestKey& request, const std::vector<Bytes>& words) {
  return encode_operation("kv", tagged(request, encode_words(words)));
}

Bytes Workload::draw_key() {
  // The first key of the order is the one that throwing operations write: it may only be read.
  if (random_.chance(options_.hot_ppm)) return keys_[1 + random_.below(std::min<std::uint64_t>(2, options_.keys))];
  return keys_[1 + random_.below(options_.keys)];
}

Bytes Workload::draw_value(const checkers::RequestKey& request) {
  Bytes value =
      std::to_string(request.client) + "." + std::to_string(request.session) + "." + std::to_string(request.number);
  if (random_.chance(options_.big_value_ppm)) value += Bytes(random_.below(6'000), '.');
  if (recent_.size() < 8) {
    recent_.push_back(value);
  } else {
    recent_[random_.below(recent_.size())] = value;
  }
  return value;
}

Planned Workload::plan(const checkers::RequestKey& request) {
  const std::uint32_t weights[] = {options_.put_weight, options_.get_weight,  options_.delete_weight,
                                   options_.cas_weight, options_.scan_weight, options_.hostile_weight};
  std::uint64_t total = 0;
  for (const auto weight : weights) total += weight;
  auto drawn = random_.below(total);
  std::size_t kind = 0;
  while (drawn >= weights[kind]) drawn -= weights[kind++];
  Planned planned;
  planned.kind = static_cast<Planned::Kind>(kind);
  planned.key = draw_key();
  switch (planned.kind) {
    case Planned::Kind::put:
      planned.value = draw_value(request);
      planned.bytes = kv_operation(request, {"put", planned.key, planned.value});
      break;
    case Planned::Kind::get:
      if (random_.chance(50'000)) planned.key = Bytes(thrown_key);
      planned.bytes = kv_operation(request, {"get", planned.key});
      break;
    case Planned::Kind::erase: planned.bytes = kv_operation(request, {"delete", planned.key}); break;
    case Planned::Kind::compare:
      planned.expected = recent_.empty() ? Bytes("nothing") : recent_[random_.below(recent_.size())];
      planned.value = draw_value(request);
      planned.bytes = kv_operation(request, {"cas", planned.key, planned.expected, planned.value});
      break;
    case Planned::Kind::scan:
      planned.key = random_.chance(300'000) ? Bytes("k") : planned.key;
      planned.end = planned.key + "~";
      if (planned.key != "k") planned.end = keys_[std::min<std::size_t>(keys_.size() - 1, random_.below(keys_.size()))];
      planned.bytes = kv_operation(request, {"scan", planned.key, planned.end, std::to_string(scan_limit)});
      break;
    case Planned::Kind::hostile: return plan_hostile(request);
  }
  return planned;
}

Planned Workload::plan_hostile(const checkers::RequestKey& request) {
  coverage_.count("workload: hostile operation");
  Planned planned;
  planned.kind = Planned::Kind::hostile;
  switch (random_.below(8)) {
    case 0:
      planned.bytes = encode_operation("nowhere", tagged(request, "hello"));
      planned.unseen = true;
      break;
    case 1:
      planned.bytes = Bytes(random_.below(40), '\xff');  // a name of 255 bytes, or nothing at all
      planned.unseen = true;
      break;
    case 2: planned.bytes = encode_operation("kv", tagged(request, "\xff\xff\xff\x7f")); break;
    case 3: planned.bytes = kv_operation(request, {"put", Bytes(1'025, 'k'), "value"}); break;
    case 4: planned.bytes = kv_operation(request, {"put", keys_[1]}); break;
    case 5:
      planned.bytes = random_.chance(100'000) ? kv_operation(request, {"nonsense", Bytes(60'000, 'x')})
                                              : kv_operation(request, {"nonsense"});
      break;
    default:
      coverage_.count("workload: throwing operation");
      planned.bytes = encode_operation("kv", tagged(request, throwing_payload));
      break;
  }
  return planned;
}

bool observed(const Planned& planned, const Bytes* result, const checkers::KvOperation& frame,
              const std::vector<Bytes>& keys, std::vector<checkers::KvOperation>& history) {
  auto operation = frame;
  operation.key = planned.key;
  operation.value = planned.value;
  operation.expected = planned.expected;
  switch (planned.kind) {
    case Planned::Kind::put: operation.kind = checkers::KvKind::put; break;
    case Planned::Kind::get: operation.kind = checkers::KvKind::get; break;
    case Planned::Kind::erase: operation.kind = checkers::KvKind::erase; break;
    case Planned::Kind::compare: operation.kind = checkers::KvKind::compare; break;
    case Planned::Kind::scan: break;
    case Planned::Kind::hostile: return true;
  }
  if (result == nullptr) {
    // An unknown read explains nothing and hinders nothing.
    if (planned.kind != Planned::Kind::scan && planned.kind != Planned::Kind::get)
      history.push_back(std::move(operation));
    return true;
  }
  const auto reply = decode_reply(*result);
  if (!reply.ok()) return false;
  if (planned.kind == Planned::Kind::scan) return observed_scan(planned, *reply, frame, keys, history);
  operation.found = reply->status == ReplyStatus::ok;
  const bool may_refuse = planned.kind == Planned::Kind::compare;
  if (reply->status == ReplyStatus::refused && !may_refuse) return false;
  if (planned.kind == Planned::Kind::put && !operation.found) return false;
  if (planned.kind == Planned::Kind::get && operation.found) operation.value_seen = reply->text;
  history.push_back(std::move(operation));
  return true;
}

}  // namespace tagma::sim
