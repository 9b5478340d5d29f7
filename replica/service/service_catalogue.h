// The services that a program can host, of which a cluster file chooses some.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tagma/result.h"
#include "tagma/service.h"

namespace tagma {

/// Whether it can name a service: 1 to 64 of the characters a-z, 0-9, _ and -.
[[nodiscard]] bool is_service_name(ByteView name);

/// Immutable once the program runs.
class ServiceCatalogue {
 public:
  /// Adds a service; refuses an ill-formed or repeated name, and an entry whose objects have another name.
  [[nodiscard]] std::optional<Refused> add(ServiceEntry entry);

  /// A new object; null if no service has that name.
  [[nodiscard]] std::unique_ptr<Service> make(ByteView name) const;
  /// In rising order.
  [[nodiscard]] std::vector<std::string> names() const;
  /// What one can type behind `tagma call`, one operation per line ("kv put KEY VALUE"); empty for an unknown name.
  [[nodiscard]] ByteView usage(ByteView name) const;

 private:
  std::map<std::string, ServiceEntry, std::less<>> entries_;  ///< by name
};

/// The services that come with tagma ("kv", "memory") and the example ("counter").
[[nodiscard]] ServiceCatalogue bundled_services();

}  // namespace tagma
