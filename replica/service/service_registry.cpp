#include "replica/service/service_registry.h"

#include <algorithm>

#include "messages/assert.h"
#include "replica/service/service_catalogue.h"

namespace tagma {
std::optional<Refused> ServiceRegistry::add(std::unique_ptr<Service> service) {
  TAGMA_ASSERT(service != nullptr, "a service is an object");
  const ByteView name = service->name();
  if (!is_service_name(name)) return Refused{"a service's name has 1 to 64 of the characters a-z, 0-9, _ and -"};
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

}  // namespace tagma
