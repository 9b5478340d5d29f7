// A context over a plain map that keeps the promises of service.h, and short ways to run an operation in it.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <ostream>
#include <stdexcept>

#include "tagma/limits.h"
#include "tagma/service.h"

namespace tagma {

class MapContext final : public Context {
 public:
  std::map<Bytes, Bytes, std::less<>> entries;

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const override {
    const auto at = entries.find(checked(key));
    return at == entries.end() ? std::nullopt : std::optional<Bytes>(at->second);
  }
  void put(ByteView key, ByteView value) override {
    if (value.size() > limits::operation_bytes_max) throw std::length_error("a value is too long");
    entries.insert_or_assign(Bytes(checked(key)), Bytes(value));
  }
  bool erase(ByteView key) override { return entries.erase(Bytes(checked(key))) == 1; }
  void scan(ByteView from, ByteView to, const std::function<bool(ByteView key, ByteView value)>& visit) const override {
    for (auto at = entries.lower_bound(from); at != entries.end() && (to.empty() || at->first < to); ++at) {
      if (!visit(at->first, at->second)) return;
    }
  }
  [[nodiscard]] const VotedInput* voted() const override { return nullptr; }
  [[nodiscard]] TimeUs agreed_time_us() const override { return 1'000'000; }
  [[nodiscard]] ClientId client() const override { return 7; }
  [[nodiscard]] Seq seq() const override { return 9; }

 private:
  static ByteView checked(ByteView key) {
    if (key.empty() || key.size() > limits::service_key_bytes_max) throw std::length_error("a key has 1 to 440 bytes");
    return key;
  }
};

inline std::ostream& operator<<(std::ostream& out, const ServiceReply& reply) {
  return out << "status " << static_cast<int>(reply.status) << ": " << reply.text.substr(0, 200);
}

inline ServiceReply run(Service& service, Context& context, const Words& words) {
  return service.execute(encode_words(words), context);
}

inline ServiceReply ok(Bytes text = "ok") { return {ReplyStatus::ok, std::move(text)}; }
inline ServiceReply absent() { return {ReplyStatus::absent, "absent"}; }
inline ServiceReply refused(Bytes text) { return {ReplyStatus::refused, std::move(text)}; }

/// Runs an operation that must be refused with the usage in the text, and change nothing.
inline void check_refused(Service& service, MapContext& context, const Words& words, ByteView usage) {
  const auto before = context.entries;
  const auto reply = run(service, context, words);
  CHECK(reply.status == ReplyStatus::refused);
  CHECK_MESSAGE(reply.text.find(usage) != Bytes::npos, "the text shows the usage: " << reply.text);
  CHECK(reply.text.size() < 512);
  CHECK(context.entries == before);
}

}  // namespace tagma
