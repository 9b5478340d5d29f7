#include "replica/service/memory.h"

#include <limits>

#include "replica/service/text.h"

namespace tagma {
namespace {

constexpr ByteView read_usage = "memory read LOCATION";
constexpr ByteView write_usage = "memory write LOCATION VALUE";
constexpr ByteView location_wrong = "LOCATION is a number from 0 to 18446744073709551615";

/// Big-endian, so that the order of the keys is that of the numbers; "007" and "7" are one location.
std::optional<Bytes> location_key(ByteView word) {
  const auto location = parse_number(word, std::numeric_limits<std::uint64_t>::max());
  if (!location) return std::nullopt;
  Bytes key;
  for (unsigned shift = 64; shift > 0; shift -= 8) key.push_back(static_cast<char>(*location >> (shift - 8) & 0xffU));
  return key;
}

ServiceReply read(const Words& words, Context& context) {
  if (words.size() != 2) return refuse_usage("'read' has one argument", read_usage);
  const auto key = location_key(words[1]);
  if (!key) return refuse_usage(location_wrong, read_usage);
  return {ReplyStatus::ok, context.get(*key).value_or(Bytes(MemoryService::initial_value))};
}

ServiceReply write(const Words& words, Context& context) {
  if (words.size() != 3) return refuse_usage("'write' has two arguments", write_usage);
  const auto key = location_key(words[1]);
  if (!key) return refuse_usage(location_wrong, write_usage);
  context.put(*key, words[2]);
  return {ReplyStatus::ok, "ok"};
}

}  // namespace

ByteView MemoryService::usage() {
  return "memory read LOCATION\n"
         "memory write LOCATION VALUE";
}

ServiceReply MemoryService::execute(ByteView payload, Context& context) {
  constexpr ByteView verbs = "memory read|write ...";
  const auto words = decode_words(payload);
  if (!words.ok()) return refuse_usage(words.reason(), verbs);
  if (words->empty()) return refuse_usage("there is no operation", verbs);
  if (words->front() == "read") return read(*words, context);
  if (words->front() == "write") return write(*words, context);
  return refuse_usage("there is no operation " + quoted(words->front()), verbs);
}

}  // namespace tagma
