#include "client_lib/cli/bench_facts.h"

#include <sys/utsname.h>

#include <array>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "crypto/digest.h"
#include "tagma/bytes.h"

namespace tagma::cli {
namespace {

std::string read_text(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string cpu_model_of(std::string_view cpuinfo) {
  constexpr std::string_view label = "model name";
  const std::size_t line = cpuinfo.find(label);
  if (line == std::string_view::npos) return "unknown";
  cpuinfo.remove_prefix(line + label.size());
  cpuinfo = cpuinfo.substr(0, cpuinfo.find('\n'));
  const std::size_t start = cpuinfo.find_first_not_of("\t :");
  return start == std::string_view::npos ? "unknown" : std::string(cpuinfo.substr(start));
}

MachineFacts machine_facts() {
  MachineFacts facts;
  facts.cores = std::thread::hardware_concurrency();
  facts.cpu_model = cpu_model_of(read_text("/proc/cpuinfo"));
  utsname name{};
  if (uname(&name) == 0) {
    facts.kernel = std::string(name.sysname) + " " + name.release + " " + name.machine;
  }
  return facts;
}

BuildFacts build_facts() {
  BuildFacts facts{TAGMA_VERSION, TAGMA_COMPILER, TAGMA_BUILD_TYPE, TAGMA_BUILD_FLAGS, TAGMA_SANITIZERS, {}};
  const std::string executable = read_text("/proc/self/exe");
  if (!executable.empty()) facts.executable_sha256 = to_hex(crypto::Hasher().digest(executable).view());
  return facts;
}

std::string date_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

nlohmann::json to_json(const MachineFacts& facts) {
  return {{"cores", facts.cores}, {"cpu_model", facts.cpu_model}, {"kernel", facts.kernel}};
}

nlohmann::json to_json(const BuildFacts& facts) {
  return {{"version", facts.version}, {"compiler", facts.compiler},     {"type", facts.type},
          {"flags", facts.flags},     {"sanitizers", facts.sanitizers}, {"executable_sha256", facts.executable_sha256}};
}

}  // namespace tagma::cli
