// A counter of one's own, replicated: a service and the program that hosts it.
#include <charconv>
#include <stdexcept>

#include "tagma/program.h"
#include "tagma/service.h"

namespace {

constexpr tagma::ByteView total_key = "total";

std::optional<long long> to_number(tagma::ByteView text) {
  long long number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

class Tally final : public tagma::Service {
 public:
  [[nodiscard]] tagma::ByteView name() const override { return "tally"; }

  // Runs on every replica, one operation after the other, in the same order everywhere. What it answers and what it
  // changes may depend on the payload and the context alone: no clock, no chance, no file, no member variables.
  [[nodiscard]] tagma::ServiceReply execute(tagma::ByteView payload, tagma::Context& context) override {
    const auto words = tagma::decode_words(payload);  // from any client: it may be anything at all
    if (!words) return refused();
    const auto total = to_number(context.get(total_key).value_or("0")).value();
    if (words->size() == 1 && words->front() == "read") return {tagma::ReplyStatus::ok, std::to_string(total)};
    if (words->size() != 2 || words->front() != "add") return refused();

    const auto number = to_number(words->back());
    if (!number) return refused();
    long long sum = 0;
    // An exception undoes the operation and is answered as a refusal with this text, the same by every replica.
    if (__builtin_add_overflow(total, *number, &sum)) throw std::overflow_error("the tally would overflow");
    context.put(total_key, std::to_string(sum));
    return {tagma::ReplyStatus::ok, std::to_string(sum)};
  }

 private:
  static tagma::ServiceReply refused() { return {tagma::ReplyStatus::refused, "usage: tally add NUMBER | tally read"}; }
};

}  // namespace

int main(int argument_count, char** arguments) {
  const auto make = [] { return std::make_unique<Tally>(); };
  return tagma::run_program(argument_count, arguments, {{"tally", make, "tally add NUMBER\ntally read"}});
}
