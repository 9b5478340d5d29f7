#include "replica/service/kv.h"

#include "replica/service/text.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

constexpr ByteView put_usage = "kv put KEY VALUE";
constexpr ByteView get_usage = "kv get KEY";
constexpr ByteView delete_usage = "kv delete KEY";
constexpr ByteView cas_usage = "kv cas KEY OLD NEW";
constexpr ByteView scan_usage = "kv scan FROM TO [LIMIT]";

// The last line of a scan that was cut. It has no tab, which every line of an entry has.
constexpr ByteView more_text = "more from ";
// In place of a value that no reply can hold; no escape begins like this.
constexpr ByteView omitted_mark = "\\#";

ServiceReply ok() { return {ReplyStatus::ok, "ok"}; }
ServiceReply absent() { return {ReplyStatus::absent, "absent"}; }

bool is_key(ByteView word) { return !word.empty() && word.size() <= limits::service_key_bytes_max; }

/// What is wrong with an operation that must have `count` words and a key as its second one; nothing if it is well
/// formed.
std::optional<ServiceReply> refuse_form(const Words& words, std::size_t count, ByteView usage) {
  if (words.size() != count) {
    return refuse_usage(quoted(words[0]) + (words.size() < count ? " lacks an argument" : " has too many arguments"),
                        usage);
  }
  if (!is_key(words[1])) return refuse_usage("a key has 1 to 440 bytes", usage);
  return std::nullopt;
}

ServiceReply put(const Words& words, Context& context) {
  if (auto refusal = refuse_form(words, 3, put_usage)) return *std::move(refusal);
  context.put(words[1], words[2]);
  return ok();
}

ServiceReply get(const Words& words, Context& context) {
  if (auto refusal = refuse_form(words, 2, get_usage)) return *std::move(refusal);
  auto value = context.get(words[1]);
  if (!value) return absent();
  return {ReplyStatus::ok, *std::move(value)};
}

ServiceReply erase(const Words& words, Context& context) {
  if (auto refusal = refuse_form(words, 2, delete_usage)) return *std::move(refusal);
  return context.erase(words[1]) ? ok() : absent();
}

ServiceReply compare_and_set(const Words& words, Context& context) {
  if (auto refusal = refuse_form(words, 4, cas_usage)) return *std::move(refusal);
  const auto current = context.get(words[1]);
  if (!current) return absent();
  if (*current != words[2]) return {ReplyStatus::refused, "the current value differs"};
  context.put(words[1], words[3]);
  return ok();
}

/// Gathers the lines of a scan within the bounds of one reply.
class Listing {
 public:
  explicit Listing(std::uint64_t limit) : left_(limit) {}

  /// Returns whether the entry was taken; if not, the reply ends with the key from which to go on.
  bool add(ByteView key, ByteView value) {
    // A line feed, the key, a tab.
    const std::size_t head_bytes = 2 + escaped_size(key);
    std::size_t value_bytes = escaped_size(value);
    const bool omitted = head_bytes + value_bytes > text_bytes_max;
    if (omitted) value_bytes = omitted_mark.size() + std::to_string(value.size()).size();
    if (left_ == 0 || text_.size() + head_bytes + value_bytes > text_bytes_max) {
      begin_line();
      text_.append(more_text);
      append_escaped(text_, key);
      return false;
    }
    --left_;
    begin_line();
    append_escaped(text_, key);
    text_.push_back('\t');
    if (omitted) {
      text_.append(omitted_mark).append(std::to_string(value.size()));
    } else {
      append_escaped(text_, value);
    }
    return true;
  }

  [[nodiscard]] ServiceReply reply() && { return {ReplyStatus::ok, std::move(text_)}; }

 private:
  // Room is left for the last line with the longest key; an escape takes up to four bytes.
  static constexpr std::size_t more_bytes_max = 1 + more_text.size() + 4 * limits::service_key_bytes_max;
  static constexpr std::size_t text_bytes_max = limits::reply_bytes_max - 1 - more_bytes_max;

  void begin_line() {
    if (!text_.empty()) text_.push_back('\n');
  }

  std::uint64_t left_;
  Bytes text_;
};

ServiceReply scan(const Words& words, Context& context) {
  if (words.size() != 3 && words.size() != 4) {
    return refuse_usage(quoted(words[0]) + (words.size() < 3 ? " lacks an argument" : " has too many arguments"),
                        scan_usage);
  }
  std::uint64_t limit = KvService::scan_limit_default;
  if (words.size() == 4) {
    const auto given = parse_number(words[3], KvService::scan_limit_max);
    if (!given || *given == 0) return refuse_usage("LIMIT is a number from 1 to 1000", scan_usage);
    limit = *given;
  }
  if (words[1].size() > limits::service_key_bytes_max || words[2].size() > limits::service_key_bytes_max) {
    return refuse_usage("FROM and TO have up to 440 bytes", scan_usage);
  }
  Listing listing(limit);
  context.scan(words[1], words[2], [&](ByteView key, ByteView value) { return listing.add(key, value); });
  return std::move(listing).reply();
}

}  // namespace

ByteView KvService::usage() {
  return "kv put KEY VALUE\n"
         "kv get KEY\n"
         "kv delete KEY\n"
         "kv cas KEY OLD NEW\n"
         "kv scan FROM TO [LIMIT]";
}

ServiceReply KvService::execute(ByteView payload, Context& context) {
  constexpr ByteView verbs = "kv put|get|delete|cas|scan ...";
  const auto words = decode_words(payload);
  if (!words.ok()) return refuse_usage(words.reason(), verbs);
  if (words->empty()) return refuse_usage("there is no operation", verbs);
  const ByteView verb = words->front();
  if (verb == "put") return put(*words, context);
  if (verb == "get") return get(*words, context);
  if (verb == "delete") return erase(*words, context);
  if (verb == "cas") return compare_and_set(*words, context);
  if (verb == "scan") return scan(*words, context);
  return refuse_usage("there is no operation " + quoted(verb), verbs);
}

}  // namespace tagma
