// Where `bench --output` writes: a file that is replaced as a whole, or whatever else lies at the path, written into.
#pragma once

#include <optional>
#include <string>

namespace tagma::cli {

/// What rules the path out, found before a measurement of minutes; a reason that begins with "--output".
[[nodiscard]] std::optional<std::string> check_result_path(const std::string& path);

/// Replaces a file only once the new one is whole beside it; through a symbolic link the file that it names. Devices,
/// pipes and the like are written into, and so is the file that standard output goes to: behind what is there. A
/// reason if that fails.
[[nodiscard]] std::optional<std::string> write_result(const std::string& path, const std::string& text);

}  // namespace tagma::cli
