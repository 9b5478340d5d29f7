#include "client_lib/cli/process_usage.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>

namespace tagma::cli {
namespace {

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  // Reading fails where a process ends between opening and reading. An iterator over the buffer would throw then.
  if (!std::getline(file, text, '\0')) return std::nullopt;
  return text;
}

std::optional<std::int64_t> number_at(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  return number;
}

/// The number behind a label that begins a line; `label` starts with the line end before it.
std::optional<std::int64_t> labelled_number(std::string_view text, std::string_view label) {
  const std::size_t place = text.find(label);
  if (place == std::string_view::npos) return std::nullopt;
  return number_at(text.substr(place + label.size()));
}

std::optional<std::int64_t> microseconds_of_ticks(std::optional<std::int64_t> ticks) {
  const std::int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
  if (!ticks || ticks_per_second <= 0) return std::nullopt;
  return *ticks * 1'000'000 / ticks_per_second;
}

}  // namespace

std::optional<std::int64_t> ticks_of_stat(std::string_view stat) {
  // The second field is the program's name in brackets and may hold anything, so the fields are counted behind it.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  std::int64_t ticks = 0;
  for (int field = 3; field <= 15; ++field) {
    const std::size_t start = stat.find_first_not_of(' ');
    if (start == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(start);
    if (field >= 14) {
      const auto number = number_at(stat);
      if (!number) return std::nullopt;
      ticks += *number;
    }
    const std::size_t end = stat.find(' ');
    stat.remove_prefix(end == std::string_view::npos ? stat.size() : end);
  }
  return ticks;
}

std::optional<std::int64_t> anonymous_bytes_of_status(std::string_view status) {
  const auto kibibytes = labelled_number(status, "\nRssAnon:");
  if (!kibibytes) return std::nullopt;
  return *kibibytes * 1024;
}

std::optional<std::int64_t> voluntary_switches_of_status(std::string_view status) {
  return labelled_number(status, "\nvoluntary_ctxt_switches:");
}

std::optional<std::int64_t> busy_ticks_of_machine(std::string_view stat) {
  constexpr std::string_view label = "cpu ";
  if (!stat.starts_with(label)) return std::nullopt;
  stat = stat.substr(label.size(), stat.find('\n') - label.size());
  enum Field { user, nice, system, idle, iowait, irq, softirq, steal, field_count };
  std::int64_t busy = 0;
  for (int field = user; field < field_count; ++field) {
    const auto number = number_at(stat);
    if (!number) return std::nullopt;
    if (field == user || field == nice || field == system || field == steal) busy += *number;
    stat.remove_prefix(stat.find_first_not_of(' '));
    stat.remove_prefix(std::min(stat.find(' '), stat.size()));
  }
  return busy;
}

std::optional<std::string> proc_text(pid_t process, const std::string& name) {
  return read_text("/proc/" + std::to_string(process) + "/" + name);
}

std::optional<std::int64_t> cpu_time_us(pid_t process) {
  const auto stat = proc_text(process, "stat");
  if (!stat) return std::nullopt;
  return microseconds_of_ticks(ticks_of_stat(*stat));
}

std::optional<std::int64_t> machine_cpu_time_us() {
  const auto stat = read_text("/proc/stat");
  if (!stat) return std::nullopt;
  return microseconds_of_ticks(busy_ticks_of_machine(*stat));
}

std::optional<std::int64_t> wake_ups(pid_t process) {
  std::int64_t sum = 0;
  bool any = false;
  std::error_code error;
  std::filesystem::directory_iterator thread("/proc/" + std::to_string(process) + "/task", error);
  for (; !error && thread != std::filesystem::directory_iterator(); thread.increment(error)) {
    const auto status = read_text(thread->path() / "status");
    const auto count = status ? voluntary_switches_of_status(*status) : std::nullopt;
    if (!count) continue;  // it has ended meanwhile
    any = true;
    sum += *count;
  }
  return any ? std::optional(sum) : std::nullopt;
}

std::optional<std::int64_t> anonymous_memory_bytes(pid_t process) {
  const auto status = proc_text(process, "status");
  if (!status) return std::nullopt;
  return anonymous_bytes_of_status(*status);
}

}  // namespace tagma::cli
