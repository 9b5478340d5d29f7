// The processes of a drill in containers: one each, on a private network without a way out, without rights, on a file
// system that cannot be written but for the process's own folder.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <random>
#include <sstream>
#include <stdexcept>

#include "client_lib/cli/child_process.h"
#include "docker/drills/backend.h"
#include "docker/drills/command.h"

namespace tagma::drills {
namespace {

using cli::ChildProcess;

constexpr const char* programs_folder = "/opt/tagma/";
/// Of containers and networks: which runner they belong to.
constexpr const char* label_name = "tagma-drill";
constexpr uid_t user_in_containers = 10'001;
constexpr std::uint16_t base_port = 4'600;
constexpr int first_host = 10;

/// Who the processes are: whoever runs the drill, but never root.
uid_t container_user() { return geteuid() == 0 ? user_in_containers : geteuid(); }

class DockerBackend final : public Backend {
 public:
  DockerBackend(const Programs& programs, std::uint32_t replicas, std::string logs, std::string image, std::string name)
      : logs_(std::move(logs)), image_(std::move(image)), name_(std::move(name)) {
    remove_left_over();
    for (const auto& [program, path] : programs) files_[program] = std::filesystem::path(path).filename();
    make_network();
    for (std::uint32_t id = 0; id < replicas; ++id) {
      place_.hosts.push_back(subnet_ + "." + std::to_string(first_host + static_cast<int>(id)));
    }
    place_.base_port = base_port;
    place_.door_host = subnet_ + ".1";
    place_.twin_host = subnet_ + "." + std::to_string(first_host + static_cast<int>(replicas));
  }
  ~DockerBackend() override { DockerBackend::end(); }

  [[nodiscard]] const Place& place() const override { return place_; }

  void hand_over(const std::string& folder) override {
    if (geteuid() != 0) return;
    const auto give = [](const std::string& path) {
      if (lchown(path.c_str(), user_in_containers, user_in_containers) != 0) {
        throw std::runtime_error(path + ": cannot be given to the containers' user");
      }
    };
    give(folder);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) give(entry.path());
  }

  void start(const ProcessSpec& spec) override {
    remove(spec.name);
    auto child = ChildProcess::start("/usr/bin/env", command_of(spec), logs_ + "/" + spec.name + ".log");
    if (!child) throw std::runtime_error(spec.name + ": " + child.reason());
    children_.erase(spec.name);
    children_.emplace(spec.name, std::move(*child));
    await_pid(spec.name);
  }

  void signal(const std::vector<std::string>& names, int number) override {
    std::vector<std::string> words{"docker", "kill", "--signal", std::to_string(number)};
    for (const auto& name : names) {
      if (running(name)) words.push_back(container(name));
    }
    // One that has ended meanwhile makes the command fail, and needs no signal.
    if (words.size() > 4) static_cast<void>(run_command(words));
  }

  void pause(const std::string& name) override { run_or_throw({"docker", "pause", container(name)}); }
  void resume(const std::string& name) override { run_or_throw({"docker", "unpause", container(name)}); }
  [[nodiscard]] bool paused(const std::string& name) override {
    return run_or_throw({"docker", "inspect", "-f", "{{.State.Paused}}", container(name)}) == "true";
  }

  void limit_cpu(const std::string& name, std::optional<double> percent) override {
    std::ostringstream cores;
    cores << (percent ? *percent / 100 : static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN)));
    run_or_throw({"docker", "update", "--cpus", cores.str(), container(name)});
  }
  [[nodiscard]] std::uint64_t held_back(const std::string& name) override {
    const auto id = run_or_throw({"docker", "inspect", "-f", "{{.Id}}", container(name)});
    // Where control groups of the first and of the second kind keep it.
    for (const auto& path : {"/sys/fs/cgroup/cpu/docker/" + id, "/sys/fs/cgroup/cpu,cpuacct/docker/" + id,
                             "/sys/fs/cgroup/system.slice/docker-" + id + ".scope", "/sys/fs/cgroup/docker/" + id}) {
      std::ifstream stat(path + "/cpu.stat");
      for (std::string word; stat >> word;) {
        std::uint64_t count = 0;
        if (word == "nr_throttled" && stat >> count) return count;
      }
    }
    return 0;
  }

  void attend() override {
    for (auto& [name, child] : children_) {
      child.pump();
      if (child.has_ended()) pids_.erase(name);
    }
  }
  [[nodiscard]] bool running(const std::string& name) const override {
    const auto found = children_.find(name);
    return found != children_.end() && !found->second.has_ended();
  }
  /// `docker run` ends with the status of what it ran, and 128 and its number for a signal.
  [[nodiscard]] std::optional<int> wait_status(const std::string& name) const override {
    const auto found = children_.find(name);
    if (found == children_.end() || !found->second.has_ended()) return std::nullopt;
    const int status = *found->second.wait_status();
    if (WIFEXITED(status) && WEXITSTATUS(status) > 128) return W_EXITCODE(0, WEXITSTATUS(status) - 128);
    return status;
  }
  [[nodiscard]] pid_t pid(const std::string& name) const override {
    const auto found = pids_.find(name);
    return found == pids_.end() ? 0 : found->second;
  }

  void end() override {
    std::vector<std::string> words{"docker", "rm", "--force"};
    for (const auto& [name, child] : children_) words.push_back(container(name));
    if (words.size() > 3) static_cast<void>(run_command(words));
    children_.clear();
    if (!network_.empty()) static_cast<void>(run_command({"docker", "network", "rm", network_}));
    network_.clear();
  }

 private:
  [[nodiscard]] std::vector<std::string> command_of(const ProcessSpec& spec) const {
    const std::string user = std::to_string(container_user());
    std::vector<std::string> words{"env", "docker", "run"};
    const auto add = [&words](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
    add({"--name", container(spec.name), "--label", label_of(getpid()), "--network", network_});
    add({"--user", user + ":" + user, "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"});
    add({"--log-driver", "none", "--ulimit", "core=0", "--pids-limit", "256", "--memory", "4g"});
    add({"-v", spec.folder + ":" + spec.folder, "--workdir", spec.folder});
    if (!spec.control_folder.empty()) add({"-v", spec.control_folder + ":" + spec.control_folder + ":ro"});
    if (!spec.host.empty()) add({"--ip", spec.host});
    for (const auto& [name, value] : spec.environment) add({"-e", name + "=" + value});
    if (!spec.preload.empty()) add({"-e", "LD_PRELOAD=" + preload_of(spec)});
    add({"--entrypoint", programs_folder + file_of(spec.program), image_});
    words.insert(words.end(), spec.words.begin(), spec.words.end());
    return words;
  }

  /// A process's number means nothing in another namespace of numbers: who cannot see a runner must not judge it.
  static std::string label_of(pid_t runner) {
    struct stat space {};
    const bool known = ::stat("/proc/self/ns/pid", &space) == 0;
    return std::string(label_name) + "=" + (known ? std::to_string(space.st_ino) : "") + "." + std::to_string(runner);
  }

  /// What runners that were killed could not take away: containers, then their networks.
  static void remove_left_over() {
    const std::string format = std::string("{{.ID}} ") + label_name + "={{.Label \"" + label_name + "\"}}";
    for (const std::string kind : {"container", "network"}) {
      std::vector<std::string> list{"docker",   kind,  "ls", "--filter", std::string("label=") + label_name,
                                    "--format", format};
      if (kind == "container") list.insert(list.begin() + 3, "--all");
      std::istringstream lines(run_command(list).output);
      std::string label;
      for (std::string id; lines >> id >> label;) {
        pid_t runner = 0;
        const auto digits = label.rfind('.') + 1;
        std::from_chars(label.data() + digits, label.data() + label.size(), runner);
        const bool gone = runner > 0 && ::kill(runner, 0) != 0 && errno == ESRCH;
        if (label != label_of(runner) || !gone) continue;
        if (kind == "container") static_cast<void>(run_command({"docker", "kill", id}));
        static_cast<void>(run_command({"docker", kind, "rm", id}));
      }
    }
  }

  /// Of its own, in a range that no other network of this machine has.
  void make_network() {
    std::random_device chance;
    CommandResult made;
    for (int tried = 0; tried < 30; ++tried) {
      subnet_ = "172." + std::to_string(20 + chance() % 12) + "." + std::to_string(chance() % 250);
      made = run_command({"docker", "network", "create", "--internal", "--label", label_of(getpid()), "--subnet",
                          subnet_ + ".0/24", "--gateway", subnet_ + ".1", name_});
      if (made.status != 0) continue;
      network_ = name_;
      return;
    }
    throw std::runtime_error("no network for the containers: " + made.output);
  }

  [[nodiscard]] std::string container(const std::string& process) const { return name_ + "-" + process; }

  [[nodiscard]] std::string file_of(const std::string& program) const {
    const auto found = files_.find(program);
    if (found == files_.end()) throw std::runtime_error("there is no program " + program);
    return found->second;
  }
  [[nodiscard]] std::string preload_of(const ProcessSpec& spec) const {
    std::string paths;
    for (const auto& name : spec.preload) {
      paths += (paths.empty() ? "" : ":") +
               (name == faketime_library ? std::string(faketime_preload) : programs_folder + file_of(name));
    }
    return paths;
  }

  void remove(const std::string& name) {
    if (!children_.contains(name)) return;
    static_cast<void>(run_command({"docker", "rm", "--force", container(name)}));
    pids_.erase(name);
  }

  void await_pid(const std::string& name) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      attend();
      if (!running(name)) break;  // it has ended already: its log says why
      const auto seen = run_command({"docker", "inspect", "-f", "{{.State.Pid}}", container(name)});
      pid_t process = 0;
      std::from_chars(seen.output.data(), seen.output.data() + seen.output.size(), process);
      if (seen.status == 0 && process > 0) {
        pids_[name] = process;
        return;
      }
    }
    if (running(name)) throw std::runtime_error(name + ": its container does not start");
  }

  std::string logs_;
  std::string image_;
  std::string name_;
  std::string network_;
  std::string subnet_;
  Place place_;
  std::map<std::string, std::string> files_;      ///< of the programs, in the image
  std::map<std::string, ChildProcess> children_;  ///< the attached docker clients
  std::map<std::string, pid_t> pids_;
};

}  // namespace

std::unique_ptr<Backend> make_docker_backend(const Programs& programs, std::uint32_t replicas, const std::string& logs,
                                             const std::string& image, const std::string& name) {
  return std::make_unique<DockerBackend>(programs, replicas, logs, image, name);
}

std::optional<std::string> no_docker() {
  try {
    const auto asked = run_command({"docker", "version", "--format", "{{.Server.Version}}"}, std::chrono::seconds(20));
    if (asked.status == 0) return std::nullopt;
    // Its reason comes last: what was asked for stands before it, empty.
    const auto reason = asked.output.substr(0, asked.output.find_last_not_of('\n') + 1);
    return "there is no docker engine that answers: " + reason.substr(reason.rfind('\n') + 1);
  } catch (const std::exception& problem) {
    return problem.what();
  }
}

}  // namespace tagma::drills
