#include "client_lib/cli/diff_text.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/text_format.h"
#include "messages/state_key.h"
#include "replica/service/text.h"

namespace tagma::cli {
namespace {

constexpr std::size_t shown_bytes_max = 72;
/// Shown in front of the byte that differs.
constexpr std::size_t shown_before = 24;

std::string name_of(ReplicaId id) { return "replica " + std::to_string(id); }

std::string in_quotes(ByteView bytes) {
  Bytes text;
  append_escaped(text, bytes);
  return "\"" + text + "\"";
}

/// The first byte at which two values differ.
std::size_t first_difference(const Bytes& left, const Bytes& right) {
  return static_cast<std::size_t>(std::mismatch(left.begin(), left.end(), right.begin(), right.end()).first -
                                  left.begin());
}

std::string slot_text(Seq seq) { return "slot " + std::to_string(seq); }

std::string same_text(const ComparedPair& pair) {
  const auto& comparison = pair.comparison;
  return name_of(pair.left) + " and " + name_of(pair.right) + " have the same state up to " +
         slot_text(comparison.same_up_to) + "\n";
}

std::string heading_text(const ComparedPair& pair) {
  const auto& comparison = pair.comparison;
  std::string text = name_of(pair.left) + " and " + name_of(pair.right) + " DIFFER";
  if (!comparison.keys) return text + "\n";
  if (comparison.left.seq == comparison.right.seq) {
    text += " after " + slot_text(comparison.left.seq);
  } else {
    text += ", after " + slot_text(comparison.left.seq) + " and " + slot_text(comparison.right.seq);
  }
  return text + ", in " + (comparison.keys->at_least ? "at least " : "") + counted(comparison.keys->differing, "key") +
         "\n";
}

void print_key(const ComparedPair& pair, const KeyDifference& key, std::ostream& out) {
  const std::size_t at = first_difference(key.left.value, key.right.value);
  const auto width = std::max(name_of(pair.left).size(), name_of(pair.right).size());
  out << "  " << key_text(key.key) << "\n"
      << "    " << left_aligned(name_of(pair.left), width) << "  " << value_text(key.key, key.left, at) << "\n"
      << "    " << left_aligned(name_of(pair.right), width) << "  " << value_text(key.key, key.right, at) << "\n";
}

/// What a state holds beside the services' keys, by kind.
std::string_view kind_of_bookkeeping(const Bytes& key) {
  switch (key.empty() ? '\0' : key.front()) {
    case state_key::session_prefix: return "sessions";
    case state_key::reply_prefix: return "replies kept for sessions";
    case state_key::floor_prefix: return "evicted sessions of clients";
    case state_key::agreed_time_prefix: return "the agreed time";
    case state_key::member_prefix: return "incarnations of replicas";
    default: return "entries of unknown kind";
  }
}

/// The services' keys each, what the protocol keeps beside them summed.
void print_keys(const ComparedPair& pair, const StateDifference& keys, std::ostream& out) {
  std::map<std::string_view, std::size_t> bookkeeping;
  for (const auto& key : keys.first) {
    if (state_key::describe(key.key).service.empty()) {
      ++bookkeeping[kind_of_bookkeeping(key.key)];
    } else {
      print_key(pair, key, out);
    }
  }
  for (const auto& [kind, count] : bookkeeping) {
    out << "  the protocol's own: " << kind << ", " << counted(count, "key") << "\n";
  }
}

nlohmann::json bytes_json(const Bytes& bytes) {
  nlohmann::json json = {{"text", bytes}, {"hex", to_hex(bytes)}};
  try {
    static_cast<void>(json.dump());
  } catch (const nlohmann::json::type_error&) {
    json["text"] = nullptr;  // no UTF-8
  }
  return json;
}

nlohmann::json value_json(const StateValue& value) {
  if (!value.present) return nullptr;
  auto json = bytes_json(value.value);
  json["bytes"] = value.size_bytes;
  json["verified"] = !value.is_cut();
  return json;
}

nlohmann::json key_json(const KeyDifference& difference) {
  const auto described = state_key::describe(difference.key);
  nlohmann::json json = {{"service", nullptr}, {"key", nullptr}, {"what", key_text(difference.key)}};
  if (!described.service.empty()) {
    json["service"] = described.service;
    json["key"] = bytes_json(described.key);
  }
  json["left"] = value_json(difference.left);
  json["right"] = value_json(difference.right);
  return json;
}

std::string_view kind_name(Parting::Kind kind) {
  switch (kind) {
    case Parting::Kind::batches: return "batches";
    case Parting::Kind::writes: return "writes";
    case Parting::Kind::outside: return "outside";
    case Parting::Kind::forgotten: return "forgotten";
  }
  return "unknown";
}

std::string_view verdict_name(Comparison::Verdict verdict) {
  switch (verdict) {
    case Comparison::Verdict::same: return "same";
    case Comparison::Verdict::different: return "different";
    case Comparison::Verdict::unknown: return "unknown";
  }
  return "unknown";
}

nlohmann::json checkpoint_json(const CheckpointRoot& at) {
  if (at.seq == 0) return nullptr;
  return {{"seq", at.seq}, {"root", to_hex(at.root.view())}};
}

}  // namespace

std::string key_text(ByteView key) {
  const auto described = state_key::describe(key);
  if (described.service.empty()) return described.what;
  Bytes text;
  append_escaped(text, described.service);
  return text + " " + in_quotes(described.key);
}

std::string value_text(ByteView key, const StateValue& value, std::size_t at) {
  if (!value.present) return "not there";
  const std::string size = " (" + counted(value.size_bytes, "byte") + ")";
  const std::size_t start = value.value.size() <= shown_bytes_max ? 0 : at - std::min(at, shown_before);
  const ByteView shown = ByteView(value.value).substr(std::min(start, value.value.size()), shown_bytes_max);
  const bool of_service = !state_key::describe(key).service.empty();
  std::string text = of_service ? in_quotes(shown) : "hex " + to_hex(shown);
  if (start > 0) text = "..." + text;
  if (start + shown.size() < value.size_bytes) text += "...";
  text += size;
  if (start > 0) text += ", shown from byte " + with_commas(start);
  if (value.is_cut()) text += ", NOT VERIFIED: only its first " + with_commas(value.value.size()) + " bytes were read";
  return text;
}

std::string parting_text(const Parting& parting) {
  const std::string slot = slot_text(parting.slot);
  std::string text;
  switch (parting.kind) {
    case Parting::Kind::batches: text = "They parted at " + slot + ": they executed different batches there."; break;
    case Parting::Kind::writes:
      text = "They parted at " + slot +
             ": executing the same batch wrote different values. A service that is not deterministic, or another "
             "version of it, or a fault of one machine.";
      break;
    case Parting::Kind::outside:
      text = "They parted between the checkpoints of " + slot_text(parting.after) + " and " +
             slot_text(parting.before) +
             ", and every slot in between wrote the same: the state of one was changed outside of execution. Suspect "
             "its memory or its disk.";
      break;
    case Parting::Kind::forgotten:
      text =
          "They parted before " + slot + ", the oldest that both remember" +
          (parting.before == 0 ? std::string() : " (not after the checkpoint of " + slot_text(parting.before) + ")") +
          ".";
      break;
  }
  if (parting.may_be_earlier) text += " They may have parted before that: older slots are no longer remembered.";
  return text;
}

void print_comparison(const ComparedPair& pair, std::ostream& out) {
  const auto& comparison = pair.comparison;
  switch (comparison.verdict) {
    case Comparison::Verdict::same: out << same_text(pair); break;
    case Comparison::Verdict::different: out << heading_text(pair); break;
    case Comparison::Verdict::unknown:
      out << name_of(pair.left) << " and " << name_of(pair.right) << " cannot be compared";
      if (comparison.answered && comparison.same_up_to > 0) {
        out << ", but executed and wrote the same up to " << slot_text(comparison.same_up_to);
      }
      out << "\n";
      break;
  }
  if (comparison.keys) {
    const auto& keys = *comparison.keys;
    print_keys(pair, keys, out);
    if (keys.differing > keys.first.size()) {
      out << "  and " << (keys.at_least ? "at least " : "") << with_commas(keys.differing - keys.first.size())
          << (keys.full ? " more, not named: their values are too large together\n" : " more (--keys N names more)\n");
    }
  }
  if (!comparison.trouble.empty()) out << "  note: " << comparison.trouble << "\n";
  if (comparison.parting) out << "  " << parting_text(*comparison.parting) << "\n";
}

nlohmann::json comparison_json(const ComparedPair& pair) {
  const auto& comparison = pair.comparison;
  nlohmann::json json = {{"left", pair.left},
                         {"right", pair.right},
                         {"verdict", verdict_name(comparison.verdict)},
                         {"left_checkpoint", checkpoint_json(comparison.left)},
                         {"right_checkpoint", checkpoint_json(comparison.right)},
                         {"same_up_to", comparison.same_up_to},
                         {"differing", nullptr},
                         {"at_least", false},
                         {"full", false},
                         {"keys", nlohmann::json::array()},
                         {"parting", nullptr},
                         {"note", comparison.trouble}};
  if (comparison.keys) {
    json["differing"] = comparison.keys->differing;
    json["at_least"] = comparison.keys->at_least;
    json["full"] = comparison.keys->full;
    for (const auto& key : comparison.keys->first) json["keys"].push_back(key_json(key));
  }
  if (comparison.parting) {
    const auto& parting = *comparison.parting;
    json["parting"] = {{"kind", kind_name(parting.kind)},
                       {"slot", parting.slot},
                       {"after", parting.after},
                       {"before", parting.before},
                       {"may_be_earlier", parting.may_be_earlier},
                       {"text", parting_text(parting)}};
  }
  return json;
}

}  // namespace tagma::cli
