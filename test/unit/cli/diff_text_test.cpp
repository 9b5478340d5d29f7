#include "client_lib/cli/diff_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "test/unit/cli/support.h"

using namespace tagma;
using namespace tagma::cli;
using tagma::cli::test::contains;

namespace {

const Bytes city("\x10\x02kvcity", 8);

StateValue value(const Bytes& bytes) { return {true, bytes.size(), bytes}; }

std::string text_of(const ComparedPair& pair) {
  std::ostringstream out;
  print_comparison(pair, out);
  return out.str();
}

ComparedPair one_key(const StateValue& left, const StateValue& right) {
  ComparedPair pair{0, 2, {}};
  pair.comparison.verdict = Comparison::Verdict::different;
  pair.comparison.left.seq = 256;
  pair.comparison.right.seq = 256;
  pair.comparison.keys = StateDifference{1, false, {{city, left, right}}};
  return pair;
}

}  // namespace

TEST_CASE("a difference in words: heading, key, both values, where they parted") {
  auto pair = one_key(value("Nicaea"), value("Nicae\n"));
  pair.comparison.parting = Parting{Parting::Kind::writes, 131, 128, 256, false};
  CHECK(text_of(pair) ==
        "replica 0 and replica 2 DIFFER after slot 256, in 1 key\n"
        "  kv \"city\"\n"
        "    replica 0  \"Nicaea\" (6 bytes)\n"
        "    replica 2  \"Nicae\\n\" (6 bytes)\n"
        "  They parted at slot 131: executing the same batch wrote different values. A service that is not "
        "deterministic, or another version of it, or a fault of one machine.\n");
  pair = one_key(value("Nicaea"), {});
  CHECK(contains(text_of(pair), "replica 2  not there\n"));
}

TEST_CASE("the services' keys come first, what the protocol keeps is one line for each kind") {
  auto pair = one_key(value("a"), value("b"));
  const Bytes client(4, '\0');
  const Bytes number(8, '\0');
  auto& keys = *pair.comparison.keys;
  const auto session = [&](char which) { return "\x20" + client + Bytes(7, '\0') + which; };
  keys.first = {{session('\1'), value("s"), value("t")},
                {"\x21" + client + number + number, value("s"), {}},
                {session('\2'), value("s"), value("t")},
                {city, value("a"), value("b")}};
  keys.differing = 7;
  CHECK(text_of(pair) ==
        "replica 0 and replica 2 DIFFER after slot 256, in 7 keys\n"
        "  kv \"city\"\n"
        "    replica 0  \"a\" (1 byte)\n"
        "    replica 2  \"b\" (1 byte)\n"
        "  the protocol's own: replies kept for sessions, 1 key\n"
        "  the protocol's own: sessions, 2 keys\n"
        "  and 3 more (--keys N names more)\n");
  CHECK(comparison_json(pair).at("keys").size() == 4);
}

TEST_CASE("how many more there are") {
  auto pair = one_key(value("a"), value("b"));
  pair.comparison.keys->differing = 10'000;
  pair.comparison.keys->at_least = true;
  CHECK(contains(text_of(pair), "in at least 10,000 keys"));
  CHECK(contains(text_of(pair), "and at least 9,999 more (--keys N names more)"));
}

TEST_CASE("a long value is shown around the byte that differs") {
  Bytes left(1000, 'l');
  Bytes right = left;
  right[517] = 'r';
  const auto text = text_of(one_key(value(left), value(right)));
  CHECK(contains(text, "...\"" + Bytes(24, 'l') + "r" + Bytes(47, 'l') + "\"... (1,000 bytes), shown from byte 493"));
  CHECK(contains(value_text(city, value(Bytes(72, 's')), 70), "\"" + Bytes(72, 's') + "\" (72 bytes)"));
  CHECK(value_text(city, value(Bytes(100, 's')), 0) == "\"" + Bytes(72, 's') + "\"... (100 bytes)");
  CHECK(value_text(city, value(""), 0) == "\"\" (0 bytes)");
  CHECK(value_text(city, {true, 300'000, "cut"}, 0) ==
        "\"cut\"... (300,000 bytes), NOT VERIFIED: only its first 3 bytes were read");
}

TEST_CASE("what is no service's is told by what it is, its value in hexadecimal") {
  CHECK(key_text("\x30") == "the agreed time");
  CHECK(value_text("\x30", value(Bytes("\x01\xff", 2)), 0) == "hex 01ff (2 bytes)");
  CHECK(key_text(Bytes("\x10\x02kv\x1b[2J", 8)) == "kv \"\\x1b[2J\"");
}

TEST_CASE("where they parted, each kind in its words") {
  CHECK(contains(parting_text({Parting::Kind::batches, 7, 0, 0, false}), "slot 7: they executed different batches"));
  CHECK(contains(parting_text({Parting::Kind::outside, 0, 256, 384, false}),
                 "between the checkpoints of slot 256 and slot 384"));
  CHECK(contains(parting_text({Parting::Kind::forgotten, 900, 0, 1024, false}), "before slot 900, the oldest"));
  CHECK(contains(parting_text({Parting::Kind::writes, 7, 0, 0, true}), "may have parted before that"));
}

TEST_CASE("as JSON, with text where it is text and bytes always") {
  const auto json = comparison_json(one_key(value("Nicaea"), value(Bytes("\xff", 1))));
  CHECK(json.at("verdict") == "different");
  CHECK(json.at("differing") == 1);
  const auto& key = json.at("keys").at(0);
  CHECK(key.at("service") == "kv");
  CHECK(key.at("key").at("text") == "city");
  CHECK(key.at("left").at("text") == "Nicaea");
  CHECK(key.at("right").at("text") == nullptr);
  CHECK(key.at("right").at("hex") == "ff");
  CHECK(json.at("left_checkpoint").at("seq") == 256);
  CHECK(json.at("parting") == nullptr);
  CHECK_NOTHROW(static_cast<void>(json.dump()));
}
