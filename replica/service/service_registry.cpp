#include "replica/service/service_registry.h"

#include <algorithm>

#include "messages/assert.h"
#include "replica/service/example/counter.h"
#include "replica/service/kv.h"
#include "replica/service/memory.h"

namespace tagma {
namespace {

constexpr std::size_t name_bytes_max = 64;

bool well_formed(ByteView name) {
  if (name.empty() || name.size() > name_bytes_max) return false;
  return std::all_of(name.begin(), name.end(), [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
  });
}

struct BundledService {
  ByteView name;
  std::unique_ptr<Service> (*make)();
  ByteView usage;
};

/// Every service that a cluster can host. A service of one's own is one line more.
const std::vector<BundledService>& bundled_services() {
  static const std::vector<BundledService> services{
      {"counter", make_counter_service, "counter add NUMBER\ncounter read"},
      {"kv", [] { return std::unique_ptr<Service>(std::make_unique<KvService>()); }, KvService::usage()},
      {"memory", [] { return std::unique_ptr<Service>(std::make_unique<MemoryService>()); }, MemoryService::usage()},
  };
  return services;
}

const BundledService* find_bundled(ByteView name) {
  const auto& services = bundled_services();
  const auto at =
      std::find_if(services.begin(), services.end(), [&](const auto& service) { return service.name == name; });
  return at == services.end() ? nullptr : &*at;
}

}  // namespace

std::optional<Refused> ServiceRegistry::add(std::unique_ptr<Service> service) {
  TAGMA_ASSERT(service != nullptr, "a service is an object");
  const ByteView name = service->name();
  if (!well_formed(name)) return Refused{"a service's name has 1 to 64 of the characters a-z, 0-9, _ and -"};
  const auto at = std::lower_bound(services_.begin(), services_.end(), name,
                                   [](const auto& hosted, ByteView wanted) { return hosted->name() < wanted; });
  if (at != services_.end() && (*at)->name() == name) {
    return Refused{"there is already a service named " + Bytes(name)};
  }
  services_.insert(at, std::move(service));
  return std::nullopt;
}

Service* ServiceRegistry::find(ByteView name) const {
  // A replica hosts a handful: comparing names one by one is faster than anything cleverer.
  for (const auto& service : services_) {
    if (service->name() == name) return service.get();
  }
  return nullptr;
}

std::vector<std::string> ServiceRegistry::names() const {
  std::vector<std::string> names;
  names.reserve(services_.size());
  for (const auto& service : services_) names.emplace_back(service->name());
  return names;
}

std::unique_ptr<Service> make_bundled_service(ByteView name) {
  const auto* bundled = find_bundled(name);
  return bundled == nullptr ? nullptr : bundled->make();
}

std::vector<std::string> bundled_service_names() {
  std::vector<std::string> names;
  for (const auto& service : bundled_services()) names.emplace_back(service.name);
  return names;
}

ByteView bundled_service_usage(ByteView name) {
  const auto* bundled = find_bundled(name);
  return bundled == nullptr ? ByteView() : bundled->usage;
}

}  // namespace tagma
