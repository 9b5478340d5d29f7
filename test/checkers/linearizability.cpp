#include "test/checkers/linearizability.h"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace tagma::checkers {
namespace {

/// A value of one key; 0 is "absent".
using Value = std::uint32_t;

struct Step {
  const KvOperation* operation = nullptr;
  Value value = 0;
  Value expected = 0;
  Value seen = 0;
};

/// The operations of one process on one key.
struct Chain {
  std::vector<Step> steps;
  /// returns[i]: the earliest return among steps i and later.
  std::vector<std::int64_t> returns;
  /// Up to here every step must be placed; the unknown ones behind the last known one need not.
  std::size_t required = 0;
};

/// What the operation makes of the value, or nothing if its answer does not fit.
std::optional<Value> apply(const Step& step, Value state) {
  const auto& operation = *step.operation;
  const bool known = operation.returned_us != never;
  switch (operation.kind) {
    case KvKind::put: return step.value;
    case KvKind::get:
      if (known && (operation.found ? state != step.seen : state != 0)) return std::nullopt;
      return state;
    case KvKind::erase:
      if (known && operation.found != (state != 0)) return std::nullopt;
      return Value{0};
    case KvKind::compare: {
      const bool fits = state != 0 && state == step.expected;
      if (known && operation.found != fits) return std::nullopt;
      return fits ? step.value : state;
    }
  }
  return std::nullopt;
}

/// The search over the operations of one key.
class KeySearch {
 public:
  KeySearch(std::vector<Chain> chains, std::size_t configurations_max)
      : chains_(std::move(chains)), position_(chains_.size(), 0), configurations_max_(configurations_max) {}

  /// True: an order was found. False: there is none, or gave_up().
  bool run();
  [[nodiscard]] bool gave_up() const { return gave_up_; }
  [[nodiscard]] std::size_t configurations() const { return seen_.size(); }
  /// The first operation of every process that the deepest attempt could not place.
  [[nodiscard]] std::string stuck() const;

 private:
  struct Frame {
    Value state = 0;
    std::vector<std::size_t> candidates;  ///< chains to try, the best guess last
    std::size_t taken = 0;                ///< the chain that led to the next frame
  };

  [[nodiscard]] bool done() const;
  [[nodiscard]] std::vector<std::size_t> candidates() const;
  /// Remembers the configuration; false if it was seen before.
  bool remember(Value state);

  std::vector<Chain> chains_;
  std::vector<std::size_t> position_;
  std::size_t configurations_max_;
  bool gave_up_ = false;
  std::unordered_set<std::string> seen_;
  std::size_t deepest_ = 0;
  std::vector<std::size_t> deepest_position_;
};

bool KeySearch::done() const {
  for (std::size_t chain = 0; chain < chains_.size(); ++chain) {
    if (position_[chain] < chains_[chain].required) return false;
  }
  return true;
}

std::vector<std::size_t> KeySearch::candidates() const {
  // An operation may come next unless another one that is not placed yet returned before it was invoked.
  auto earliest_return = never;
  for (std::size_t chain = 0; chain < chains_.size(); ++chain) {
    const auto at = position_[chain];
    if (at < chains_[chain].steps.size()) earliest_return = std::min(earliest_return, chains_[chain].returns[at]);
  }
  std::vector<std::size_t> result;
  for (std::size_t chain = 0; chain < chains_.size(); ++chain) {
    const auto at = position_[chain];
    if (at == chains_[chain].steps.size()) continue;
    if (chains_[chain].steps[at].operation->invoked_us <= earliest_return) result.push_back(chain);
  }
  std::sort(result.begin(), result.end(), [this](std::size_t left, std::size_t right) {
    const auto& a = *chains_[left].steps[position_[left]].operation;
    const auto& b = *chains_[right].steps[position_[right]].operation;
    return a.hint != b.hint ? a.hint > b.hint : left > right;
  });
  return result;
}

bool KeySearch::remember(Value state) {
  std::string configuration;
  configuration.reserve(2 * position_.size() + sizeof(state));
  const auto append = [&configuration](std::size_t number) {
    while (number >= 0x80) {
      configuration.push_back(static_cast<char>(0x80U | (number & 0x7FU)));
      number >>= 7U;
    }
    configuration.push_back(static_cast<char>(number));
  };
  for (const auto at : position_) append(at);
  append(state);
  return seen_.insert(std::move(configuration)).second;
}

bool KeySearch::run() {
  std::vector<Frame> frames;
  frames.push_back({0, candidates(), 0});
  deepest_position_ = position_;
  if (done()) return true;
  while (!frames.empty()) {
    auto& frame = frames.back();
    if (frame.candidates.empty()) {
      frames.pop_back();
      if (!frames.empty()) --position_[frames.back().taken];
      continue;
    }
    const auto chain = frame.candidates.back();
    frame.candidates.pop_back();
    const auto next = apply(chains_[chain].steps[position_[chain]], frame.state);
    if (!next) continue;
    ++position_[chain];
    if (!remember(*next)) {
      --position_[chain];
      continue;
    }
    if (done()) return true;
    if (seen_.size() > configurations_max_) {
      gave_up_ = true;
      return false;
    }
    frame.taken = chain;
    if (frames.size() > deepest_) {
      deepest_ = frames.size();
      deepest_position_ = position_;
    }
    frames.push_back({*next, candidates(), 0});
  }
  return false;
}

std::string KeySearch::stuck() const {
  std::string text;
  for (std::size_t chain = 0; chain < chains_.size(); ++chain) {
    const auto at = deepest_position_[chain];
    if (at >= chains_[chain].required) continue;
    if (!text.empty()) text += "; ";
    text += to_string(*chains_[chain].steps[at].operation);
  }
  return text;
}

/// Small numbers for the values of one key.
class ValueNames {
 public:
  Value of(const Bytes& value) { return names_.emplace(value, static_cast<Value>(names_.size() + 1)).first->second; }

 private:
  std::map<Bytes, Value> names_;
};

std::vector<Chain> chains_of(const std::vector<const KvOperation*>& operations,
                             const std::map<const KvOperation*, bool>& took_effect) {
  std::map<std::uint64_t, Chain> by_process;
  ValueNames names;
  for (const auto* operation : operations) {
    auto& chain = by_process[operation->process];
    Step step{operation, names.of(operation->value), names.of(operation->expected), names.of(operation->value_seen)};
    chain.steps.push_back(step);
    if (operation->returned_us != never || took_effect.at(operation)) chain.required = chain.steps.size();
  }
  std::vector<Chain> chains;
  for (auto& [process, chain] : by_process) {
    chain.returns.assign(chain.steps.size(), never);
    auto earliest = never;
    for (auto at = chain.steps.size(); at-- > 0;) {
      earliest = std::min(earliest, chain.steps[at].operation->returned_us);
      chain.returns[at] = earliest;
    }
    chains.push_back(std::move(chain));
  }
  return chains;
}

}  // namespace

std::string to_string(const KvOperation& operation) {
  const bool known = operation.returned_us != never;
  std::string text = "process " + std::to_string(operation.process) + " ";
  switch (operation.kind) {
    case KvKind::put: text += "put " + operation.key + " := " + operation.value; break;
    case KvKind::get: text += "get " + operation.key; break;
    case KvKind::erase: text += "delete " + operation.key; break;
    case KvKind::compare: text += "cas " + operation.key + " " + operation.expected + " -> " + operation.value; break;
  }
  if (!known) return text + " (unknown)";
  if (operation.kind == KvKind::get) {
    text += operation.found ? " = " + operation.value_seen : " = absent";
  } else if (operation.kind != KvKind::put) {
    text += operation.found ? " = done" : " = not done";
  }
  return text + " [" + std::to_string(operation.invoked_us) + ".." + std::to_string(operation.returned_us) + " us]";
}

LinearizabilityResult check_linearizable(const std::vector<KvOperation>& history, std::size_t configurations_max) {
  // Numbers of a session are executed without gaps: an unknown operation before a known one did take effect.
  std::map<const KvOperation*, bool> took_effect;
  std::map<std::uint64_t, bool> known_behind;
  for (auto operation = history.rbegin(); operation != history.rend(); ++operation) {
    auto& known = known_behind[operation->process];
    took_effect[&*operation] = known;
    known = known || operation->returned_us != never;
  }
  std::map<Bytes, std::vector<const KvOperation*>> by_key;
  for (const auto& operation : history) by_key[operation.key].push_back(&operation);

  LinearizabilityResult result;
  for (const auto& [key, operations] : by_key) {
    KeySearch search(chains_of(operations, took_effect), configurations_max);
    const bool found = search.run();
    result.configurations += search.configurations();
    if (found) continue;
    result.linearizable = false;
    result.undecided = search.gave_up();
    result.explanation = "key " + key +
                         (search.gave_up() ? ": no order found in time; stuck at: " : ": no order places: ") +
                         search.stuck();
    return result;
  }
  return result;
}

}  // namespace tagma::checkers
