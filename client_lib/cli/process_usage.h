// What a process has used, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tagma::cli {

/// What /proc/PID/name says, for one of its text files; nothing if there is no such process, or if it ended meanwhile.
[[nodiscard]] std::optional<std::string> proc_text(pid_t process, const std::string& name);
/// User and system time of a live process; nothing if there is no such process.
[[nodiscard]] std::optional<std::int64_t> cpu_time_us(pid_t process);
/// How often the threads that a live process has now have gone to sleep, each of which ends in a wake-up: their
/// voluntary context switches. A thread that ends takes its count with it.
[[nodiscard]] std::optional<std::int64_t> wake_ups(pid_t process);
/// Time that all processors of this machine spent on processes, interrupts and waiting aside; time that a host withheld
/// counts as spent.
[[nodiscard]] std::optional<std::int64_t> machine_cpu_time_us();
/// Anonymous resident memory of a live process.
[[nodiscard]] std::optional<std::int64_t> anonymous_memory_bytes(pid_t process);

/// The sum of utime and stime in the text of /proc/PID/stat, in clock ticks.
[[nodiscard]] std::optional<std::int64_t> ticks_of_stat(std::string_view stat);
/// voluntary_ctxt_switches in the text of /proc/PID/task/TID/status.
[[nodiscard]] std::optional<std::int64_t> voluntary_switches_of_status(std::string_view status);
/// The sum of user, nice, system and steal in the first line of /proc/stat, in clock ticks.
[[nodiscard]] std::optional<std::int64_t> busy_ticks_of_machine(std::string_view stat);
/// RssAnon in the text of /proc/PID/status, in bytes.
[[nodiscard]] std::optional<std::int64_t> anonymous_bytes_of_status(std::string_view status);

}  // namespace tagma::cli
