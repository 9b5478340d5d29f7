#include "docker/drills/load.h"

#include <algorithm>
#include <future>
#include <map>
#include <stdexcept>
#include <utility>

#include "tagma/operation.h"

namespace tagma::drills {
namespace {

using checkers::KvKind;
using checkers::KvOperation;

constexpr std::uint32_t shared_keys = 64;
/// Longer than any outage of a drill, so that what waits in one is answered after it.
constexpr std::chrono::milliseconds call_timeout{60'000};

/// Behind what a value says, where it is to be larger.
constexpr char filling_mark = '|';

Bytes filled(Bytes value, std::uint32_t size) {
  if (value.size() >= size) return value;
  value.push_back(filling_mark);
  value.resize(std::max<std::size_t>(value.size(), size), '.');
  return value;
}

Bytes kv(const Words& words) { return encode_operation("kv", encode_words(words)); }

/// Takes the answer over into the operation; false where the service cannot have answered so.
bool take_answer(KvOperation& operation, const ServiceReply& reply) {
  const bool ok = reply.status == ReplyStatus::ok;
  switch (operation.kind) {
    case KvKind::put: return ok && reply.text == "ok";
    case KvKind::get:
      operation.found = ok;
      if (ok) operation.value_seen = without_filling(reply.text);
      return reply.status != ReplyStatus::refused;
    case KvKind::compare: operation.found = ok; return true;
    case KvKind::erase: operation.found = ok; return reply.status != ReplyStatus::refused;
  }
  return false;
}

}  // namespace

struct Load::Asking {
  ClientId id = 0;
  std::unique_ptr<Client> client;
  // Recursive: what the library refuses at once ends inside submit().
  mutable std::recursive_mutex mutex;
  std::deque<Call> calls;
  std::uint32_t outstanding = 0;
  std::uint64_t written = 0;
  std::map<std::uint32_t, Bytes> last_seen;  ///< by shared key: what a compare-and-set may hope for
  std::mt19937_64 random;
};

Load::Load(const LoadShape& shape, const std::vector<ClientPlace>& places, std::uint64_t seed,
           std::optional<OwnOperations> own)
    : shape_(shape), own_(std::move(own)) {
  for (const auto& place : places) {
    ClientOptions options;
    options.cluster_file = place.cluster_file;
    options.identity_file = place.identity_file;
    options.id = place.id;
    options.timeout = call_timeout;
    auto client = Client::open(options);
    if (!client) throw std::runtime_error("a client of the load: " + client.reason());
    auto asking = std::make_unique<Asking>();
    asking->id = place.id;
    asking->client = std::move(*client);
    asking->random.seed(seed * 1'000 + place.id);
    clients_.push_back(std::move(asking));
  }
}

Load::~Load() { stop(std::chrono::milliseconds(0)); }

std::int64_t Load::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - zero_).count();
}

void Load::start(Clock::time_point zero) {
  zero_ = zero;
  pacer_ = std::thread([this] { pace(); });
}

/// Gives each client what it may ask: all that it can have outstanding at first, or so many a second.
void Load::pace() {
  constexpr std::chrono::milliseconds tick{1};
  double allowance = 0;
  std::size_t next = 0;
  auto before = Clock::now();
  while (!stopping_) {
    const auto now = Clock::now();
    const double per_second = shape_.per_second_max == 0 ? 1e9 : shape_.per_second_max;
    // What could not be asked in a tenth of a second is not asked later.
    allowance =
        std::min(allowance + per_second * std::chrono::duration<double>(now - std::exchange(before, now)).count(),
                 per_second / 10);
    for (std::size_t skipped = 0; allowance >= 1 && skipped < clients_.size(); ++next) {
      Asking& asking = *clients_[next % clients_.size()];
      const std::lock_guard lock(asking.mutex);
      if (asking.outstanding >= shape_.outstanding || stopping_) {
        ++skipped;
        continue;
      }
      skipped = 0;
      allowance -= 1;
      ask(asking);
    }
    std::this_thread::sleep_for(shape_.per_second_max == 0 ? 10 * tick : tick);
  }
}

/// The mutex is held: operations stand in the history as they were submitted.
void Load::ask(Asking& asking) {
  const std::size_t at = asking.calls.size();
  asking.calls.emplace_back();
  const Bytes operation = draw(asking, asking.calls.back());
  asking.calls.back().operation.process = asking.id;
  asking.calls.back().operation.invoked_us = now_us();
  ++asking.outstanding;
  asking.client->submit(operation, [this, &asking, at](const CallResult& result) {
    const std::lock_guard lock(asking.mutex);
    note(asking, at, result);
    // What ends at once is followed by the pacer's next turn, and not from within itself.
    if (shape_.per_second_max == 0 && !stopping_ && result.status == CallStatus::ok) ask(asking);
  });
}

Bytes Load::draw(Asking& asking, Call& call) {
  if (own_) {
    // Each of its own key: nothing of it is judged but whether it was acknowledged.
    call.operation.kind = KvKind::put;
    call.operation.key = std::to_string(asking.id) + "." + std::to_string(asking.written++);
    return encode_operation(own_->service, encode_words(own_->operation));
  }
  auto& operation = call.operation;
  const auto drawn = asking.random() % 100;
  operation.value = std::to_string(asking.id) + "." + std::to_string(asking.written++);
  if (drawn < 40) {  // a key that nobody else writes: what is acknowledged must be there in the end
    operation.kind = KvKind::put;
    operation.key = "journal-" + operation.value;
    return kv({"put", operation.key, filled(operation.value, shape_.value_bytes)});
  }
  const auto shared = static_cast<std::uint32_t>(asking.random() % shared_keys);
  operation.key = "shared-" + std::to_string(shared);
  if (drawn < 65) {
    operation.kind = KvKind::get;
    return kv({"get", operation.key});
  }
  const auto seen = asking.last_seen.find(shared);
  if (drawn < 75 && seen != asking.last_seen.end()) {
    operation.kind = KvKind::compare;
    operation.expected = seen->second;
    return kv({"cas", operation.key, filled(operation.expected, shape_.value_bytes),
               filled(operation.value, shape_.value_bytes)});
  }
  if (drawn < 80) {
    operation.kind = KvKind::erase;
    return kv({"delete", operation.key});
  }
  operation.kind = KvKind::put;
  asking.last_seen[shared] = operation.value;
  return kv({"put", operation.key, filled(operation.value, shape_.value_bytes)});
}

void Load::note(Asking& asking, std::size_t at, const CallResult& result) {
  --asking.outstanding;
  Call& call = asking.calls[at];
  call.status = result.status;
  if (result.status != CallStatus::ok) return;
  call.operation.returned_us = now_us();
  call.operation.hint = result.seq;
  call.in_order = own_ ? result.reply.status == ReplyStatus::ok : take_answer(call.operation, result.reply);
  ++acknowledged_;
}

void Load::stop(std::chrono::milliseconds patience, const std::function<void()>& meanwhile) {
  stopping_ = true;
  if (pacer_.joinable()) pacer_.join();
  const auto deadline = Clock::now() + patience;
  const auto outstanding = [](const Asking& asking) {
    const std::lock_guard lock(asking.mutex);
    return asking.outstanding;
  };
  for (const auto& asking : clients_) {
    while (outstanding(*asking) > 0 && Clock::now() < deadline) {
      if (meanwhile) meanwhile();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    asking->client.reset();  // what is outstanding ends as unknown
  }
}

std::vector<Call> Load::history() const {
  std::vector<Call> history;
  for (const auto& asking : clients_) history.insert(history.end(), asking->calls.begin(), asking->calls.end());
  return history;
}

Bytes without_filling(const Bytes& value) { return value.substr(0, value.find(filling_mark)); }

std::vector<CallResult> ask_all(Client& client, const std::vector<Bytes>& operations) {
  std::vector<std::future<CallResult>> asked;
  asked.reserve(operations.size());
  for (const auto& operation : operations) asked.push_back(client.submit(operation));
  std::vector<CallResult> results;
  results.reserve(asked.size());
  for (auto& result : asked) results.push_back(result.get());
  return results;
}

}  // namespace tagma::drills
