#include "replica/runtime/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>

namespace tagma::runtime {
namespace {

constexpr MonotonicUs warning_interval_us = 5'000'000;
constexpr std::array<std::string_view, 7> levels = {"trace", "debug", "info", "warn", "error", "critical", "off"};

spdlog::level::level_enum level_from(std::string_view text) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (levels[i] == text) return static_cast<spdlog::level::level_enum>(i);
  }
  return spdlog::level::info;
}

}  // namespace

bool Log::is_level(std::string_view level) { return std::find(levels.begin(), levels.end(), level) != levels.end(); }

Log::Log(const std::string& name, const std::string& level)
    : logger_(std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_level(level_from(level));
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");
  logger_->flush_on(spdlog::level::info);
}

Log::~Log() = default;

void Log::debug(std::string_view line) { logger_->debug(line); }
void Log::info(std::string_view line) { logger_->info(line); }
void Log::warn(std::string_view line) { logger_->warn(line); }
void Log::error(std::string_view line) { logger_->error(line); }

bool Log::may_warn(std::string_view key, MonotonicUs now_us) {
  const auto [next, first] = next_warning_us_.try_emplace(key, now_us);
  if (!first && now_us < next->second) return false;
  next->second = now_us + warning_interval_us;
  return true;
}

}  // namespace tagma::runtime
