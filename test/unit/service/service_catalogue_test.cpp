#include "replica/service/service_catalogue.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "replica/service/service_registry.h"

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

ServiceEntry entry(const std::string& name, const std::string& object_name) {
  return {name, [object_name] { return std::make_unique<Named>(object_name); }, name + " read"};
}

TEST_CASE("a service of one's own joins the bundled ones and is made anew each time") {
  ServiceCatalogue catalogue = bundled_services();
  REQUIRE_FALSE(catalogue.add(entry("tally", "tally")));
  CHECK(catalogue.names() == std::vector<std::string>{"counter", "kv", "memory", "tally"});
  CHECK(catalogue.usage("tally") == "tally read");
  const auto first = catalogue.make("tally");
  const auto second = catalogue.make("tally");
  REQUIRE(first != nullptr);
  CHECK(first->name() == "tally");
  CHECK(first != second);
}

TEST_CASE("an entry that is ill formed, repeated, empty or named otherwise is refused and leaves no trace") {
  ServiceCatalogue catalogue = bundled_services();
  const auto before = catalogue.names();
  const auto refused = [&](ServiceEntry bad, const std::string& why) {
    const auto refusal = catalogue.add(std::move(bad));
    REQUIRE(refusal);
    CHECK(refusal->reason.find(why) != std::string::npos);
  };
  refused(entry("Tally", "Tally"), "1 to 64");
  refused(entry("", ""), "1 to 64");
  refused(entry(std::string(65, 'x'), std::string(65, 'x')), "1 to 64");
  refused(entry("kv", "kv"), "already");
  refused(entry("tally", "talley"), "talley");
  refused({"tally", nullptr, ""}, "makes no object");
  refused({"tally", [] { return std::unique_ptr<Service>(); }, ""}, "makes no object");
  CHECK(catalogue.names() == before);
}

TEST_CASE("every bundled service can be made under its name and has a usage for each operation") {
  const ServiceCatalogue catalogue = bundled_services();
  CHECK(catalogue.names() == std::vector<std::string>{"counter", "kv", "memory"});
  ServiceRegistry registry;
  for (const auto& name : catalogue.names()) {
    auto service = catalogue.make(name);
    REQUIRE(service != nullptr);
    CHECK(service->name() == name);
    CHECK_FALSE(registry.add(std::move(service)));
    ByteView usage = catalogue.usage(name);
    REQUIRE_FALSE(usage.empty());
    while (!usage.empty()) {
      const auto end = std::min(usage.find('\n'), usage.size());
      CHECK(usage.substr(0, name.size() + 1) == name + " ");
      usage.remove_prefix(std::min(end + 1, usage.size()));
    }
  }
  CHECK(catalogue.make("none") == nullptr);
  CHECK(catalogue.make("") == nullptr);
  CHECK(catalogue.usage("none").empty());
}

}  // namespace
}  // namespace tagma
