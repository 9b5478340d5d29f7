// The processes of a drill as children of the runner, on the loopback address.
#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "client_lib/cli/child_process.h"
#include "client_lib/cli/process_usage.h"
#include "docker/drills/backend.h"
#include "test/end_to_end/harness/ports.h"

namespace tagma::drills {
namespace {

using cli::ChildProcess;

constexpr const char* loopback = "127.0.0.1";

/// Lets a process run for a part of each tenth of a second only.
class Throttle {
 public:
  Throttle(pid_t process, double percent) : thread_([this, process, percent] { run(process, percent); }) {}
  ~Throttle() {
    ended_ = true;
    thread_.join();
  }
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  [[nodiscard]] std::uint64_t held_back() const { return held_back_; }

 private:
  void run(pid_t process, double percent) {
    constexpr std::chrono::duration<double, std::milli> period{100};
    while (!ended_) {
      kill(process, SIGSTOP);
      ++held_back_;
      std::this_thread::sleep_for(period * (1 - percent / 100));
      kill(process, SIGCONT);
      std::this_thread::sleep_for(period * percent / 100);
    }
  }

  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> held_back_{0};
  std::thread thread_;  ///< last: it uses the others
};

class ProcessBackend final : public Backend {
 public:
  ProcessBackend(Programs programs, std::uint32_t replicas, std::string logs)
      : programs_(std::move(programs)), logs_(std::move(logs)) {
    place_.hosts.assign(replicas, loopback);
    if (4 * replicas > end_to_end::Ports::count)
      throw std::runtime_error("so many replicas have no room on one machine");
    place_.base_port = ports_.base();
    place_.door_host = loopback;
    place_.twin_host = loopback;
  }
  ~ProcessBackend() override { ProcessBackend::end(); }

  [[nodiscard]] const Place& place() const override { return place_; }
  void hand_over(const std::string& /*folder*/) override {}

  void start(const ProcessSpec& spec) override {
    children_.erase(spec.name);
    std::vector<std::string> arguments{"env"};
    for (const auto& [name, value] : spec.environment) arguments.push_back(name + "=" + value);
    if (!spec.preload.empty()) arguments.push_back("LD_PRELOAD=" + preload_of(spec));
    arguments.push_back(path_of(spec.program));
    arguments.insert(arguments.end(), spec.words.begin(), spec.words.end());
    auto child = ChildProcess::start("/usr/bin/env", arguments, logs_ + "/" + spec.name + ".log");
    if (!child) throw std::runtime_error(spec.name + ": " + child.reason());
    children_.emplace(spec.name, std::move(*child));
  }

  void signal(const std::vector<std::string>& names, int number) override {
    for (const auto& name : names) {
      if (number == SIGKILL || number == SIGTERM) throttles_.erase(name);
      if (const auto found = children_.find(name); found != children_.end()) found->second.signal(number);
    }
  }

  void pause(const std::string& name) override { signal({name}, SIGSTOP); }
  void resume(const std::string& name) override { signal({name}, SIGCONT); }
  [[nodiscard]] bool paused(const std::string& name) override {
    const auto line = cli::proc_text(pid(name), "stat").value_or("");
    const auto name_end = line.rfind(')');
    return name_end != std::string::npos && line.compare(name_end, 3, ") T") == 0;
  }

  void limit_cpu(const std::string& name, std::optional<double> percent) override {
    throttles_.erase(name);
    if (percent && running(name)) throttles_.emplace(name, std::make_unique<Throttle>(pid(name), *percent));
  }
  [[nodiscard]] std::uint64_t held_back(const std::string& name) override {
    const auto found = throttles_.find(name);
    return found == throttles_.end() ? 0 : found->second->held_back();
  }

  void attend() override {
    for (auto& [name, child] : children_) {
      child.pump();
      if (child.has_ended()) throttles_.erase(name);
    }
  }
  [[nodiscard]] bool running(const std::string& name) const override {
    const auto found = children_.find(name);
    return found != children_.end() && !found->second.has_ended();
  }
  [[nodiscard]] std::optional<int> wait_status(const std::string& name) const override {
    const auto found = children_.find(name);
    return found == children_.end() ? std::nullopt : found->second.wait_status();
  }
  [[nodiscard]] pid_t pid(const std::string& name) const override {
    const auto found = children_.find(name);
    return found == children_.end() || found->second.has_ended() ? 0 : found->second.pid();
  }

  void end() override {
    throttles_.clear();
    children_.clear();
  }

 private:
  [[nodiscard]] std::string path_of(const std::string& program) const {
    const auto found = programs_.find(program);
    if (found == programs_.end()) throw std::runtime_error("there is no program " + program);
    return found->second;
  }
  [[nodiscard]] std::string preload_of(const ProcessSpec& spec) const {
    std::string paths;
    for (const auto& name : spec.preload) {
      paths += (paths.empty() ? "" : ":") + (name == faketime_library ? std::string(faketime_preload) : path_of(name));
    }
    return paths;
  }

  Programs programs_;
  std::string logs_;
  end_to_end::Ports ports_;
  Place place_;
  std::map<std::string, ChildProcess> children_;
  std::map<std::string, std::unique_ptr<Throttle>> throttles_;  ///< above the children: they end first
};

}  // namespace

std::unique_ptr<Backend> make_process_backend(const Programs& programs, std::uint32_t replicas,
                                              const std::string& logs) {
  return std::make_unique<ProcessBackend>(programs, replicas, logs);
}

}  // namespace tagma::drills
