// What a process has used, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace tagma::cli {

/// User and system time of a live process; nothing if there is no such process.
[[nodiscard]] std::optional<std::int64_t> cpu_time_us(pid_t process);
/// Anonymous resident memory of a live process.
[[nodiscard]] std::optional<std::int64_t> anonymous_memory_bytes(pid_t process);

/// The sum of utime and stime in the text of /proc/PID/stat, in clock ticks.
[[nodiscard]] std::optional<std::int64_t> ticks_of_stat(std::string_view stat);
/// RssAnon in the text of /proc/PID/status, in bytes.
[[nodiscard]] std::optional<std::int64_t> anonymous_bytes_of_status(std::string_view status);

}  // namespace tagma::cli
