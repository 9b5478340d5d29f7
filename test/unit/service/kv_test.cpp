#include "replica/service/kv.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/service/map_context.h"

namespace tagma {
namespace {

/// The bytes behind an escaped text, by the words of README.md.
Bytes unescaped(ByteView text) {
  Bytes bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      bytes.push_back(text[at]);
      continue;
    }
    const char kind = text[++at];
    if (kind == 'x') {
      Bytes byte;
      REQUIRE(from_hex(text.substr(at + 1, 2), byte));
      bytes += byte;
      at += 2;
    } else {
      bytes.push_back(kind == 't' ? '\t' : kind == 'n' ? '\n' : kind == 'r' ? '\r' : '\\');
    }
  }
  return bytes;
}

struct Listing {
  std::vector<std::pair<Bytes, Bytes>> entries;  ///< the value as shown where it begins with the omitted mark
  std::optional<Bytes> more_from;
};

Listing read_listing(const ServiceReply& reply) {
  REQUIRE(reply.status == ReplyStatus::ok);
  REQUIRE(reply.text.size() < limits::reply_bytes_max);
  Listing listing;
  ByteView rest = reply.text;
  while (!rest.empty()) {
    REQUIRE_FALSE(listing.more_from);
    const auto end = std::min(rest.find('\n'), rest.size());
    const ByteView line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto tab = line.find('\t');
    if (tab == ByteView::npos) {
      REQUIRE(line.substr(0, 10) == "more from ");
      listing.more_from = unescaped(line.substr(10));
    } else {
      const ByteView value = line.substr(tab + 1);
      listing.entries.emplace_back(unescaped(line.substr(0, tab)),
                                   value.substr(0, 2) == "\\#" ? Bytes(value) : unescaped(value));
    }
  }
  return listing;
}

TEST_CASE("put, get, delete") {
  KvService kv;
  MapContext context;
  CHECK(run(kv, context, {"get", "city"}) == absent());
  CHECK(run(kv, context, {"put", "city", "Nicaea"}) == ok());
  CHECK(run(kv, context, {"get", "city"}) == ok("Nicaea"));
  CHECK(run(kv, context, {"put", "city", "Nicomedia"}) == ok());
  CHECK(run(kv, context, {"get", "city"}) == ok("Nicomedia"));
  CHECK(run(kv, context, {"delete", "city"}) == ok());
  CHECK(run(kv, context, {"delete", "city"}) == absent());
  CHECK(run(kv, context, {"get", "city"}) == absent());
  CHECK(context.entries.empty());
}

TEST_CASE("keys and values are any bytes, up to their bounds") {
  KvService kv;
  MapContext context;
  const Bytes key("\0\xff\n=", 4);
  const Bytes value("\t\0\\", 3);
  CHECK(run(kv, context, {"put", key, value}) == ok());
  CHECK(run(kv, context, {"get", key}) == ok(value));
  CHECK(run(kv, context, {"put", "empty", ""}) == ok());
  CHECK(run(kv, context, {"get", "empty"}) == ok(""));
  const Bytes longest_key(440, 'k');
  CHECK(run(kv, context, {"put", longest_key, "v"}) == ok());
  CHECK(run(kv, context, {"get", longest_key}) == ok("v"));
  // The longest value that an operation has room for fits into a reply.
  const Bytes longest(limits::operation_bytes_max - encode_operation("kv", encode_words({"put", "k", ""})).size(), 'v');
  CHECK(run(kv, context, {"put", "k", longest}) == ok());
  CHECK(run(kv, context, {"get", "k"}) == ok(longest));
  CHECK(longest.size() < limits::reply_bytes_max);
}

TEST_CASE("cas changes a value only from what the client says it is") {
  KvService kv;
  MapContext context;
  CHECK(run(kv, context, {"cas", "k", "old", "new"}) == absent());
  CHECK(context.entries.empty());
  run(kv, context, {"put", "k", "old"});
  CHECK(run(kv, context, {"cas", "k", "other", "new"}) == refused("the current value differs"));
  CHECK(run(kv, context, {"get", "k"}) == ok("old"));
  CHECK(run(kv, context, {"cas", "k", "old", "new"}) == ok());
  CHECK(run(kv, context, {"get", "k"}) == ok("new"));
  CHECK(run(kv, context, {"cas", "k", "old", "new"}) == refused("the current value differs"));
  CHECK(run(kv, context, {"cas", "k", "new", "new"}) == ok());
}

TEST_CASE("scan lists keys in order, from FROM up to but without TO; an empty TO is no end") {
  KvService kv;
  MapContext context;
  CHECK(run(kv, context, {"scan", "", ""}) == ok(""));
  for (const char* key : {"b", "a", "d", "c"}) run(kv, context, {"put", key, Bytes("value ") + key});
  CHECK(run(kv, context, {"scan", "a", "c"}) == ok("a\tvalue a\nb\tvalue b"));
  CHECK(run(kv, context, {"scan", "bb", ""}) == ok("c\tvalue c\nd\tvalue d"));
  CHECK(run(kv, context, {"scan", "", "b"}) == ok("a\tvalue a"));
  CHECK(run(kv, context, {"scan", "d", "a"}) == ok(""));
  CHECK(run(kv, context, {"scan", "", "", "4"}) == ok("a\tvalue a\nb\tvalue b\nc\tvalue c\nd\tvalue d"));
  CHECK(run(kv, context, {"scan", "", "", "2"}) == ok("a\tvalue a\nb\tvalue b\nmore from c"));
  CHECK(run(kv, context, {"scan", "", "c", "2"}) == ok("a\tvalue a\nb\tvalue b"));
}

TEST_CASE("a scan without LIMIT lists 100, with one up to 1000") {
  KvService kv;
  MapContext context;
  for (int number = 10'000; number < 11'200; ++number) run(kv, context, {"put", std::to_string(number), "v"});
  auto listing = read_listing(run(kv, context, {"scan", "", ""}));
  CHECK(listing.entries.size() == 100);
  CHECK(listing.more_from == "10100");
  listing = read_listing(run(kv, context, {"scan", "", "", "1000"}));
  CHECK(listing.entries.size() == 1000);
  CHECK(listing.more_from == "11000");
  listing = read_listing(run(kv, context, {"scan", *listing.more_from, "", "1000"}));
  CHECK(listing.entries.size() == 200);
  CHECK_FALSE(listing.more_from);
}

TEST_CASE("what a scan lists can be read back whatever the bytes are, page by page within the reply's bound") {
  KvService kv;
  MapContext context;
  // Keys and values that look like the listing's own marks, and sizes that fill a reply.
  const std::vector<Bytes> awkward{"more from x", "a\tb", "\\#5", "line\nbreak", Bytes("\0", 1), "\x7f\x1b", "=", "\\"};
  for (const auto& key : awkward) {
    for (const auto& value : awkward) context.entries[key + value] = value;
  }
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    context.entries[Bytes("big ") + letter] = Bytes(30'000, letter == 'q' ? '\x01' : letter);
  }
  context.entries[Bytes(440, '\x02')] = Bytes(100'000, 'v');
  context.entries[Bytes(440, '\x03')] = "behind";

  std::vector<std::pair<Bytes, Bytes>> all;
  Bytes from;
  for (std::size_t pages = 0;; ++pages) {
    REQUIRE(pages < 100);
    const auto listing = read_listing(run(kv, context, {"scan", from, "", "1000"}));
    REQUIRE_FALSE(listing.entries.empty());
    all.insert(all.end(), listing.entries.begin(), listing.entries.end());
    if (!listing.more_from) break;
    from = *listing.more_from;
  }
  CHECK(all == std::vector<std::pair<Bytes, Bytes>>(context.entries.begin(), context.entries.end()));
}

TEST_CASE("a value that no listing can hold is shown by its size, and the scan goes on behind it") {
  KvService kv;
  MapContext context;
  context.entries["a"] = "before";
  context.entries["b"] = Bytes(50'000, '\x01');  // 200,000 bytes when escaped
  context.entries["c"] = "after";
  CHECK(run(kv, context, {"scan", "", ""}) == ok("a\tbefore\nb\t\\#50000\nc\tafter"));
  CHECK(run(kv, context, {"get", "b"}) == ok(Bytes(50'000, '\x01')));
}

TEST_CASE("every bad operation is refused, shows the right usage and changes nothing") {
  KvService kv;
  MapContext context;
  context.entries["k"] = "v";
  const Bytes long_key(441, 'k');
  const Words operations_of_put[] = {
      {"put"}, {"put", "k"}, {"put", "k", "v", "w"}, {"put", "", "v"}, {"put", long_key, "v"}};
  for (const auto& words : operations_of_put) check_refused(kv, context, words, "kv put KEY VALUE");
  const Words operations_of_get[] = {{"get"}, {"get", "k", "v"}, {"get", ""}, {"get", long_key}};
  for (const auto& words : operations_of_get) check_refused(kv, context, words, "kv get KEY");
  const Words operations_of_delete[] = {{"delete"}, {"delete", "k", "v"}, {"delete", ""}, {"delete", long_key}};
  for (const auto& words : operations_of_delete) check_refused(kv, context, words, "kv delete KEY");
  const Words operations_of_cas[] = {
      {"cas"}, {"cas", "k", "v"}, {"cas", "k", "v", "w", "x"}, {"cas", "", "v", "w"}, {"cas", long_key, "v", "w"}};
  for (const auto& words : operations_of_cas) check_refused(kv, context, words, "kv cas KEY OLD NEW");
  const Words operations_of_scan[] = {{"scan"},
                                      {"scan", "a"},
                                      {"scan", "a", "b", "1", "2"},
                                      {"scan", "a", "b", "0"},
                                      {"scan", "a", "b", "1001"},
                                      {"scan", "a", "b", "-1"},
                                      {"scan", "a", "b", "many"},
                                      {"scan", "a", "b", ""},
                                      {"scan", long_key, ""},
                                      {"scan", "", long_key}};
  for (const auto& words : operations_of_scan) check_refused(kv, context, words, "kv scan FROM TO [LIMIT]");
  const Words unknown_operations[] = {{}, {""}, {"PUT", "k", "v"}, {"drop"}, {Bytes(100'000, '\0')}};
  for (const auto& words : unknown_operations) check_refused(kv, context, words, "kv put|get|delete|cas|scan");
}

TEST_CASE("a payload that is not words is refused") {
  KvService kv;
  MapContext context;
  for (const Bytes& payload : {Bytes("put"), Bytes("\xff\xff\xff\xff put"), Bytes(1, '\0'), Bytes(280, '\0')}) {
    const auto reply = kv.execute(payload, context);
    CHECK(reply.status == ReplyStatus::refused);
    CHECK(reply.text.find("kv put|get|delete|cas|scan") != Bytes::npos);
  }
}

}  // namespace
}  // namespace tagma
