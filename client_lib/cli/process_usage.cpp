#include "client_lib/cli/process_usage.h"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

namespace tagma::cli {
namespace {

std::optional<std::string> read_proc(pid_t process, const char* name) {
  std::ifstream file("/proc/" + std::to_string(process) + "/" + name);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
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
  constexpr std::string_view label = "\nRssAnon:";
  const std::size_t place = status.find(label);
  if (place == std::string_view::npos) return std::nullopt;
  const auto kibibytes = number_at(status.substr(place + label.size()));
  if (!kibibytes) return std::nullopt;
  return *kibibytes * 1024;
}

std::optional<std::int64_t> cpu_time_us(pid_t process) {
  const auto stat = read_proc(process, "stat");
  if (!stat) return std::nullopt;
  const auto ticks = ticks_of_stat(*stat);
  const std::int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
  if (!ticks || ticks_per_second <= 0) return std::nullopt;
  return *ticks * 1'000'000 / ticks_per_second;
}

std::optional<std::int64_t> anonymous_memory_bytes(pid_t process) {
  const auto status = read_proc(process, "status");
  if (!status) return std::nullopt;
  return anonymous_bytes_of_status(*status);
}

}  // namespace tagma::cli
