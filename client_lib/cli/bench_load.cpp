#include "client_lib/cli/bench_load.h"

#include <algorithm>

#include "client_lib/cli/open_client.h"

namespace tagma::cli {
namespace {

constexpr std::uint64_t read_flag = std::uint64_t{1} << 63;  // of a tag; the rest is the key's number

}  // namespace

BenchWork::BenchWork(const LoadShape& shape, std::uint64_t seed) : shape_(shape), random_(seed) {}

std::string BenchWork::key_of(std::uint64_t number) const {
  // The value's size is part of the key, so that a bench of another shape left no value of another form there.
  return "bench/" + std::to_string(shape_.value_bytes) + "/" + std::to_string(number);
}

std::string BenchWork::value_of(std::uint64_t number, std::uint64_t version) const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string value = key_of(number) + "=";
  for (unsigned bits = 64; bits > 0; bits -= 4) value.push_back(digits[version >> (bits - 4) & 0xfU]);
  value.resize(shape_.value_bytes, '.');
  return value;
}

bool BenchWork::is_value_of(std::uint64_t number, std::string_view text) const {
  const std::string stem = (key_of(number) + "=").substr(0, shape_.value_bytes);
  return text.size() == shape_.value_bytes && text.starts_with(stem) &&
         text.find_first_not_of("0123456789abcdef.", stem.size()) == std::string_view::npos;
}

ClosedLoop::Step BenchWork::next() {
  const std::uint64_t number = random_() % shape_.keys;
  const bool reads = random_() % 100 < shape_.read_percent;
  if (!reads) return put(number);
  return {number | read_flag, encode_operation("kv", encode_words({"get", key_of(number)}))};
}

ClosedLoop::Step BenchWork::put(std::uint64_t number) {
  return {number, encode_operation("kv", encode_words({"put", key_of(number), value_of(number, random_())}))};
}

bool BenchWork::is_plausible(std::uint64_t tag, const ServiceReply& reply) const {
  const bool reads = (tag & read_flag) != 0;
  if (!reads) return reply.status == ReplyStatus::ok;
  if (reply.status == ReplyStatus::absent) return true;
  return reply.status == ReplyStatus::ok && is_value_of(tag & ~read_flag, reply.text);
}

namespace {

std::string describe(const CallResult& result) {
  return result.status == CallStatus::ok ? "a wrong reply: '" + result.reply.text.substr(0, 80) + "'" : result.error;
}

}  // namespace

Result<std::unique_ptr<KeyFill>> KeyFill::open(const std::string& directory, const LoadShape& shape,
                                               std::chrono::milliseconds timeout, const ProgramName& program) {
  auto client = open_client(directory, 0, timeout, window, program);
  if (!client) return Refused{client.reason()};
  return std::unique_ptr<KeyFill>(new KeyFill(std::move(*client), shape));
}

KeyFill::~KeyFill() { loop_.stop(); }

void KeyFill::start() {
  loop_.start(
      [this]() -> std::optional<ClosedLoop::Step> {
        if (next_ == keys_) return std::nullopt;
        return work_.put(next_++);
      },
      [this](std::uint64_t, const CallResult& result) { count(result); });
}

void KeyFill::count(const CallResult& result) {
  if (result.status == CallStatus::ok && result.reply.status == ReplyStatus::ok) {
    if (++written_ == keys_) finished_ = true;
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (error_.empty()) error_ = describe(result);
  }
  loop_.stop();
  finished_ = true;
}

std::string KeyFill::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

Result<std::unique_ptr<BenchLoad>> BenchLoad::open(const std::string& directory, const LoadShape& shape,
                                                   std::chrono::milliseconds timeout, const ProgramName& program) {
  std::unique_ptr<BenchLoad> load(new BenchLoad());
  for (ClientId id = 0; id < shape.clients; ++id) {
    auto client = open_client(directory, id, timeout, shape.window, program);
    if (!client) return Refused{client.reason()};
    load->lanes_.push_back(std::make_unique<Lane>(std::move(*client), shape, id + 1));
  }
  return load;
}

BenchLoad::~BenchLoad() {
  for (auto& lane : lanes_) lane->loop.stop();
}

void BenchLoad::count(Lane& lane, std::uint64_t tag, const CallResult& result) {
  const bool good = result.status == CallStatus::ok && lane.work.is_plausible(tag, result.reply);
  const std::lock_guard lock(lane.mutex);
  if (good) {
    ++lane.counts.operations;
    lane.counts.latency_us.record(result.latency_us);
    return;
  }
  ++lane.counts.errors;
  if (lane.counts.first_error.empty()) lane.counts.first_error = describe(result);
}

void BenchLoad::start() {
  for (auto& lane : lanes_) {
    Lane& one = *lane;
    one.loop.start([&one] { return one.work.next(); },
                   [&one](std::uint64_t tag, const CallResult& result) { count(one, tag, result); });
  }
}

bool BenchLoad::stop(std::chrono::milliseconds timeout) {
  for (auto& lane : lanes_) lane->loop.stop();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  bool idle = true;
  for (auto& lane : lanes_) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    idle = lane->loop.wait_idle(std::max(left, std::chrono::milliseconds(0))) && idle;
  }
  return idle;
}

void BenchLoad::reset_counts() {
  for (auto& lane : lanes_) {
    const std::lock_guard lock(lane->mutex);
    lane->counts = LoadCounts{};
  }
}

LoadCounts BenchLoad::counts() const {
  LoadCounts sum;
  for (const auto& lane : lanes_) {
    const std::lock_guard lock(lane->mutex);
    sum.operations += lane->counts.operations;
    sum.errors += lane->counts.errors;
    if (sum.first_error.empty()) sum.first_error = lane->counts.first_error;
    sum.latency_us.merge(lane->counts.latency_us);
  }
  return sum;
}

std::uint64_t BenchLoad::operations() const {
  std::uint64_t sum = 0;
  for (const auto& lane : lanes_) {
    const std::lock_guard lock(lane->mutex);
    sum += lane->counts.operations;
  }
  return sum;
}

std::uint64_t BenchLoad::errors() const {
  std::uint64_t sum = 0;
  for (const auto& lane : lanes_) {
    const std::lock_guard lock(lane->mutex);
    sum += lane->counts.errors;
  }
  return sum;
}

std::vector<ReplicaReport> BenchLoad::reports(std::chrono::milliseconds timeout) {
  return lanes_.front()->loop.client().reports(timeout);
}

}  // namespace tagma::cli
