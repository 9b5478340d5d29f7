#include "test/end_to_end/harness/cluster.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tagma::end_to_end {
namespace {

/// Gone, or a zombie without other threads: files and locks are given back then. A process that is being killed loses
/// its arguments earlier, and is a zombie while one of its threads still waits for a disk.
bool has_ended(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream stat(folder + "/stat");
  std::string line;
  std::getline(stat, line, '\0');  // stays empty where the process ends between opening and reading: no exception
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return true;
  if (line.compare(name_end, 3, ") Z") != 0) return false;
  std::error_code error;
  std::size_t threads = 0;
  for (auto at = std::filesystem::directory_iterator(folder + "/task", error); at != std::filesystem::end(at);
       at.increment(error)) {
    ++threads;
  }
  return threads <= 1;
}

}  // namespace

std::string tagma_binary() { return TAGMA_BINARY; }

Cluster::Cluster(std::vector<std::string> options) : directory_(folder_.file("cluster")), options_(std::move(options)) {
  options_.emplace_back("--base-port");
  options_.push_back(std::to_string(ports_.base()));
}

Cluster::~Cluster() {
  // Replicas may be in groups of their own, so each is looked for by the folder that it names.
  for (const auto& seen : processes_naming(directory_)) kill(seen.pid, SIGKILL);
  process_.reset();
  static_cast<void>(await([this] { return processes_naming(directory_).empty(); }, in(seconds(10))));
}

std::vector<std::string> Cluster::command(std::vector<std::string> words) const {
  words.insert(words.begin(), tagma_binary());
  words.insert(words.begin() + 2, {"--dir", directory_});
  return words;
}

Finished Cluster::tagma(std::vector<std::string> words, milliseconds limit) const {
  return run(command(std::move(words)), limit);
}

Finished Cluster::init() {
  std::vector<std::string> words{"init"};
  words.insert(words.end(), options_.begin(), options_.end());
  return tagma(words);
}

bool Cluster::up() {
  std::vector<std::string> words{"up"};
  if (!std::filesystem::exists(cluster_file())) words.insert(words.end(), options_.begin(), options_.end());
  process_ = std::make_unique<Process>(command(words));
  return process_->await_text("ready", in(seconds(30)));
}

Finished Cluster::stop() {
  process_->signal(SIGTERM);
  return process_->finish(in(seconds(15)));
}

void Cluster::kill_all() {
  std::vector<pid_t> killed;
  for (const auto& seen : processes_naming(directory_)) {
    if (seen.arguments.size() < 2 || (seen.arguments[1] != "up" && seen.arguments[1] != "replica")) continue;
    killed.push_back(seen.pid);
    kill(seen.pid, SIGKILL);
  }
  static_cast<void>(process_->finish(in(seconds(10))));
  for (const pid_t pid : killed) {
    if (!await([pid] { return has_ended(pid); }, in(seconds(10)))) throw std::runtime_error("SIGKILL did not end it");
  }
}

pid_t Cluster::replica(std::uint32_t id) const {
  for (const auto& seen : processes_naming(directory_)) {
    for (std::size_t i = 1; i + 1 < seen.arguments.size(); ++i) {
      if (seen.arguments[i] == "--id" && seen.arguments[i + 1] == std::to_string(id)) return seen.pid;
    }
  }
  return 0;
}

bool Cluster::signal_replica(std::uint32_t id, int number) const {
  const pid_t pid = replica(id);
  return pid != 0 && kill(pid, number) == 0;
}

bool Cluster::kill_replica(std::uint32_t id) const {
  const pid_t pid = replica(id);
  return pid != 0 && kill(pid, SIGKILL) == 0 && await([pid] { return has_ended(pid); }, in(seconds(10)));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();  // what can be read: no exception for the status of a process that ended meanwhile
  return content.str();
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

bool edit_file(const std::string& path, const std::string& from, const std::string& to) {
  std::string content = read_file(path);
  const auto at = content.find(from);
  if (at == std::string::npos) return false;
  content.replace(at, from.size(), to);
  write_file(path, content);
  return true;
}

}  // namespace tagma::end_to_end
