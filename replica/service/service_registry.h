// The services that one replica hosts, by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tagma/result.h"
#include "tagma/service.h"

namespace tagma {

/// Owns the hosted services and finds the one that an operation names. Immutable once the replica runs.
class ServiceRegistry {
 public:
  /// Adds a service; refuses an ill-formed or repeated name.
  [[nodiscard]] std::optional<Refused> add(std::unique_ptr<Service> service);
  /// Null if no service has that name.
  [[nodiscard]] Service* find(ByteView name) const;
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::vector<std::unique_ptr<Service>> services_;  ///< ordered by name, no name twice
};

/// The bundled services ("kv", "memory") and the example ("counter"); null for any other name.
[[nodiscard]] std::unique_ptr<Service> make_bundled_service(ByteView name);
[[nodiscard]] std::vector<std::string> bundled_service_names();

/// What one can type behind `tagma call`, one operation per line ("kv put KEY VALUE"); empty for an unknown name.
[[nodiscard]] ByteView bundled_service_usage(ByteView name);

}  // namespace tagma
