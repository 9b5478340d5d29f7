// What the list of bundled services needs to know of the example.
#pragma once

#include <memory>

#include "tagma/service.h"

namespace tagma {

[[nodiscard]] std::unique_ptr<Service> make_counter_service();

}  // namespace tagma
