// The process's log: lines to standard error, warnings at a limited rate.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "replica/core/config.h"

namespace spdlog {
class logger;
}

namespace tagma::runtime {

/// Not thread-safe. What outsiders can cause is logged through may_warn() only: never a line per message.
class Log {
 public:
  /// `name` stands in every line; `level` is one of is_level()'s.
  Log(const std::string& name, const std::string& level);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] static bool is_level(std::string_view level);

  void debug(std::string_view line);
  void info(std::string_view line);
  void warn(std::string_view line);
  void error(std::string_view line);

  /// Whether a warning under this key (a literal) may be written now: at most one in five seconds.
  [[nodiscard]] bool may_warn(std::string_view key, MonotonicUs now_us);

 private:
  std::shared_ptr<spdlog::logger> logger_;
  std::map<std::string_view, MonotonicUs> next_warning_us_;
};

}  // namespace tagma::runtime
