// What `tagma diff` says of one comparison, for people and as JSON.
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "client_lib/state_comparison.h"

namespace tagma::cli {

/// A few lines, the last one ended.
void print_comparison(const ComparedPair& pair, std::ostream& out);
[[nodiscard]] nlohmann::json comparison_json(const ComparedPair& pair);

/// A key of the replicated state: `kv "city"`, or what else it is.
[[nodiscard]] std::string key_text(ByteView key);
/// A value in quotes, or in hexadecimal where it is no service's; of a long one the part around `at`.
[[nodiscard]] std::string value_text(ByteView key, const StateValue& value, std::size_t at);
/// Where two replicas parted, as one sentence.
[[nodiscard]] std::string parting_text(const Parting& parting);

}  // namespace tagma::cli
