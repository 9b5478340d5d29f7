#include "replica/service/service_catalogue.h"

#include <algorithm>
#include <utility>

#include "messages/assert.h"
#include "replica/service/example/counter.h"
#include "replica/service/kv.h"
#include "replica/service/memory.h"
#include "tagma/limits.h"

namespace tagma {
bool is_service_name(ByteView name) {
  if (name.empty() || name.size() > limits::service_name_bytes_max) return false;
  return std::all_of(name.begin(), name.end(), [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
  });
}

std::optional<Refused> ServiceCatalogue::add(ServiceEntry entry) {
  if (!is_service_name(entry.name)) {
    return Refused{"'" + entry.name + "' cannot name a service: 1 to 64 of the characters a-z, 0-9, _ and -"};
  }
  if (entry.name == "group" || entry.name == "admin") {
    return Refused{"'" + entry.name + "' is the name under which the cluster itself is asked; choose another one"};
  }
  if (entries_.contains(entry.name)) return Refused{"there is already a service named " + entry.name};
  const auto object = entry.make ? entry.make() : nullptr;
  if (object == nullptr) return Refused{"the entry of the service " + entry.name + " makes no object"};
  if (object->name() != entry.name) {
    return Refused{"the entry of the service " + entry.name + " makes one that is named '" + Bytes(object->name()) +
                   "'"};
  }
  std::string name = entry.name;
  entries_.emplace(std::move(name), std::move(entry));
  return std::nullopt;
}

std::unique_ptr<Service> ServiceCatalogue::make(ByteView name) const {
  const auto at = entries_.find(name);
  return at == entries_.end() ? nullptr : at->second.make();
}

std::vector<std::string> ServiceCatalogue::names() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

ByteView ServiceCatalogue::usage(ByteView name) const {
  const auto at = entries_.find(name);
  return at == entries_.end() ? ByteView() : ByteView(at->second.usage);
}

ServiceCatalogue bundled_services() {
  ServiceCatalogue catalogue;
  for (auto& entry : std::vector<ServiceEntry>{
           {"counter", make_counter_service, "counter add NUMBER\ncounter read"},
           {"kv", [] { return std::make_unique<KvService>(); }, Bytes(KvService::usage())},
           {"memory", [] { return std::make_unique<MemoryService>(); }, Bytes(MemoryService::usage())},
       }) {
    const auto refused = catalogue.add(std::move(entry));
    TAGMA_ASSERT(!refused, "the bundled services have well-formed names, each once");
  }
  return catalogue;
}

}  // namespace tagma
