// Changes as administrators write them: one way of writing each, and what is refused.
#include "replica/service/admin_rules.h"

#include <doctest/doctest.h>

using namespace tagma;

namespace {

const std::string key = "ed25519:" + std::string(64, 'a');

Words words(const std::string& text) {
  Words made;
  std::string word;
  for (const char letter : text + " ") {
    if (letter != ' ') {
      word.push_back(letter);
    } else if (!word.empty()) {
      made.push_back(std::exchange(word, {}));
    }
  }
  return made;
}

std::string written(const std::string& text) {
  const auto change = read_admin_change(words(text));
  if (!change.ok()) return "refused: " + change.reason();
  std::string line;
  for (const auto& word : words_of(*change)) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace

TEST_CASE("a change is written in one way, whatever the order in which it was asked for") {
  CHECK(written("group set heat members=0,1,2,3 faulty_max=1 value=real rule=median") ==
        "group set heat rule=median value=real members=0,1,2,3 faulty_max=1 rounds_max=16");
  CHECK(written("group set g rule=interval value=real-interval members=3,1,4,5,9,2,6 faulty_max=2 width_max=1.5 "
                "deadline_ms=0 grade=unconditional rounds_max=3 operation kv put heat {low}") ==
        "group set g rule=interval value=real-interval members=3,1,4,5,9,2,6 faulty_max=2 width_max=1.5 "
        "grade=unconditional rounds_max=3 operation kv put heat {low}");
  CHECK(written("permission set 7 memory kv memory") == "permission set 7 kv memory");
  for (const auto* const text :
       {"group remove heat", "client remove 0", "permission set 2147483647 all", "permission set 0 none"}) {
    CHECK(written(text) == text);
  }
  CHECK(written("client add 9 " + key) == "client add 9 " + key);
}

TEST_CASE("what is written reads back to the same value") {
  for (const auto& text :
       {std::string("group set g rule=component-median value=reals components=3 members=0,1,2,3 faulty_max=1"),
        "client add 12 " + key, std::string("permission set 3 kv")}) {
    const auto change = read_admin_change(words(text));
    REQUIRE(change.ok());
    const auto again = read_admin_change(words_of(*change));
    REQUIRE(again.ok());
    CHECK(*again == *change);
  }
}

TEST_CASE("what is no change is refused with what is wrong about it") {
  const auto refused = [](const std::string& text, const std::string& why) {
    CAPTURE(text);
    const auto line = written(text);
    CHECK(line.starts_with("refused: "));
    CHECK(line.find(why) != std::string::npos);
  };
  refused("", "no change");
  refused("group", "no change");
  refused("group set", "no change");
  refused("client add 9", "no change");
  refused("permission set 9", "no change");
  refused("group set heat rule=median value=real members=0,1,2", "has no faulty_max");
  refused("group set heat rule=median value=real members=0,1,2 faulty_max=2", "m >= ");
  refused("group set heat rule=median rule=median value=real members=0 faulty_max=0", "twice");
  refused("group set heat rule=mean value=real members=0 faulty_max=0", "no field of a group");
  refused("group set heat rule=median value=real members=0,,1 faulty_max=0", "no field of a group");
  refused("group set heat rule=median value=real members=0 faulty_max=0 colour=red", "no field of a group");
  refused("group set HEAT rule=median value=real members=0 faulty_max=0", "name");
  refused("group remove a/b", "name");
  refused("client remove 2147483648", "from 0 to 2147483647");
  refused("client remove -1", "from 0 to 2147483647");
  refused("client add 1 p256:00", "public key");
  refused("client add 1 " + key + "0", "public key");
  refused("permission set 1 kv all", "stands alone");
  refused("permission set 1 KV", "no name of a service");
  refused("permission set 1 " + std::string(admin_change_bytes_max, 'k'), "16 KiB");
}

TEST_CASE("more than half of the administrators, so that no half can act against the other") {
  CHECK(admin_quorum(1) == 1);
  CHECK(admin_quorum(2) == 2);
  for (std::size_t t = 1; t < 8; ++t) {
    CHECK(admin_quorum(2 * t + 1) == t + 1);
    CHECK(admin_quorum(2 * t) == t + 1);
  }
}
