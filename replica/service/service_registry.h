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

}  // namespace tagma
