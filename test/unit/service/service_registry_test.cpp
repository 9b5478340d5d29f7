#include "replica/service/service_registry.h"

#include <doctest/doctest.h>

namespace tagma {
namespace {

class Named final : public Service {
 public:
  explicit Named(Bytes name) : name_(std::move(name)) {}
  [[nodiscard]] ByteView name() const override { return name_; }
  [[nodiscard]] ServiceReply execute(ByteView, Context&) override { return {}; }

 private:
  Bytes name_;
};

TEST_CASE("services are found by their names and listed in order") {
  ServiceRegistry registry;
  CHECK(registry.names().empty());
  CHECK(registry.find("kv") == nullptr);
  for (const char* name : {"tally", "kv", "a-b_9"}) CHECK_FALSE(registry.add(std::make_unique<Named>(name)));
  CHECK(registry.names() == std::vector<std::string>{"a-b_9", "kv", "tally"});
  for (const char* name : {"tally", "kv", "a-b_9"}) {
    REQUIRE(registry.find(name) != nullptr);
    CHECK(registry.find(name)->name() == name);
  }
  CHECK(registry.find("k") == nullptr);
  CHECK(registry.find("kvv") == nullptr);
  CHECK(registry.find("") == nullptr);
}

TEST_CASE("ill-formed and repeated names are refused with a reason") {
  ServiceRegistry registry;
  CHECK_FALSE(registry.add(std::make_unique<Named>(Bytes(64, 'x'))));
  for (const Bytes& name :
       {Bytes(), Bytes(65, 'x'), Bytes("KV"), Bytes("k v"), Bytes("k.v"), Bytes("k\0", 2), Bytes("\xc3\xa6")}) {
    CAPTURE(name);
    const auto refusal = registry.add(std::make_unique<Named>(name));
    REQUIRE(refusal);
    CHECK(refusal->reason.find("1 to 64") != std::string::npos);
  }
  CHECK_FALSE(registry.add(std::make_unique<Named>("kv")));
  const auto* first = registry.find("kv");
  const auto refusal = registry.add(std::make_unique<Named>("kv"));
  REQUIRE(refusal);
  CHECK(refusal->reason.find("kv") != std::string::npos);
  CHECK(registry.find("kv") == first);
  CHECK(registry.names().size() == 2);
}

}  // namespace
}  // namespace tagma
