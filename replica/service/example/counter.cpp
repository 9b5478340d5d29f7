// A replicated counter: an example to copy.
//
//   tagma call counter add 5      -> 5
//   tagma call counter add -2     -> 3
//   tagma call counter read       -> 3
//
// To make a service of your own:
//   1. copy this file to replica/service/example/NAME.cpp, rename the class, name() and the function at its end, and
//   write
//      your operations into execute();
//   2. add the file to replica/service/CMakeLists.txt, and your function beside the one in counter.h;
//   3. add one entry to the list in replica/service/service_registry.cpp: the name, the function, and the usage that
//      help texts show, such as {"greeter", make_greeter_service, "greeter add NUMBER"};
//   4. ./tagma up --fresh: which services a cluster hosts is fixed in its cluster.toml when it is made.
// Then `tagma call NAME ...` reaches it: ordered, executed on every replica, and answered by f+1 of them alike.
#include "replica/service/example/counter.h"

#include <charconv>
#include <stdexcept>

namespace tagma {
namespace {

constexpr ByteView usage = "usage: counter add NUMBER | counter read";

// The state lives in the context under keys that you choose, never in members of the class: only what is in the context
// is checkpointed, compared between replicas and carried to a replica that fell behind. Keys are your service's own;
// no other service sees them.
constexpr ByteView total_key = "total";

std::optional<std::int64_t> to_number(ByteView text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

class CounterService final : public Service {
 public:
  // What clients write behind `tagma call`.
  [[nodiscard]] ByteView name() const override { return "counter"; }

  // Called once per operation, in the same order on every replica. The same operation on the same state must give the
  // same reply and the same new state everywhere, so read nothing but the payload and the context: no clock (take
  // context.agreed_time_us()), no random numbers, no files, no threads, no unordered containers.
  [[nodiscard]] ServiceReply execute(ByteView payload, Context& context) override {
    // The payload comes from a client, who may send anything at all. The command line sends words; with a client of
    // your own you may use any encoding. A bad operation gets a refusal that says how to do it right.
    const Result<Words> words = decode_words(payload);
    if (!words.ok() || words->empty()) return {ReplyStatus::refused, Bytes(usage)};

    const std::int64_t total = to_number(context.get(total_key).value_or("0")).value();
    if (words->front() == "read" && words->size() == 1) return {ReplyStatus::ok, std::to_string(total)};
    if (words->front() != "add" || words->size() != 2) return {ReplyStatus::refused, Bytes(usage)};

    const auto number = to_number((*words)[1]);
    if (!number) return {ReplyStatus::refused, Bytes(usage)};
    std::int64_t sum = 0;
    // An exception takes back everything that this operation wrote and becomes a refusal with its text. It is the same
    // on every replica as long as it comes from the payload and the state alone.
    if (__builtin_add_overflow(total, *number, &sum)) throw std::overflow_error("the counter would overflow");
    context.put(total_key, std::to_string(sum));
    return {ReplyStatus::ok, std::to_string(sum)};
  }
};

}  // namespace

std::unique_ptr<Service> make_counter_service() { return std::make_unique<CounterService>(); }

}  // namespace tagma
