#include "docker/drills/observer.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "client_lib/cli/process_usage.h"

namespace tagma::drills {
namespace {

constexpr std::chrono::milliseconds sample_interval{500};
constexpr std::chrono::milliseconds answer_time{400};
constexpr double bytes_per_mb = 1024.0 * 1024.0;

}  // namespace

const ReplicaReport* Sight::of(ReplicaId id) const {
  const auto found =
      std::find_if(reports_.begin(), reports_.end(), [id](const auto& report) { return report.id == id; });
  return found == reports_.end() || !found->answered ? nullptr : &*found;
}

std::optional<View> Sight::view() const {
  std::map<View, int> votes;
  for (const auto& report : reports_) {
    if (report.answered && report.report.voting) ++votes[report.report.view];
  }
  const auto most = std::max_element(votes.begin(), votes.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  return most == votes.end() ? std::nullopt : std::optional(most->first);
}

bool Sight::together(const std::vector<ReplicaId>& ids, Seq apart_max) const {
  Seq least = std::numeric_limits<Seq>::max();
  Seq most = 0;
  const auto agreed = view();
  for (const auto id : ids) {
    const auto* const report = of(id);
    if (report == nullptr || !report->report.voting || report->report.view != agreed) return false;
    least = std::min(least, report->report.last_executed);
    most = std::max(most, report->report.last_executed);
  }
  return most - least <= apart_max;
}

bool Sight::same_state(const std::vector<ReplicaId>& ids, Seq from) const {
  const ReplicaReport* first = nullptr;
  for (const auto id : ids) {
    const auto* const report = of(id);
    if (report == nullptr || report->report.state_digest_seq < from) return false;
    if (first == nullptr) first = report;
    if (report->report.state_digest_seq != first->report.state_digest_seq) return false;
    if (report->report.state_digest != first->report.state_digest) return false;
  }
  return first != nullptr;
}

std::string Sight::text() const {
  std::string text;
  for (const auto& report : reports_) {
    text += (text.empty() ? "" : "; ") + std::to_string(report.id) + ": ";
    if (!report.answered) {
      text += "no answer";
      continue;
    }
    const auto& said = report.report;
    text += "view " + std::to_string(said.view) + ", slot " + std::to_string(said.last_executed) + ", checkpoint " +
            std::to_string(said.state_digest_seq) + " " + to_hex(said.state_digest.view()).substr(0, 8) +
            (said.voting ? "" : ", not voting");
  }
  return text;
}

Observer::Observer(const ClientPlace& place, std::uint32_t replicas) : processes_(replicas) {
  ClientOptions options;
  options.cluster_file = place.cluster_file;
  options.identity_file = place.identity_file;
  options.id = place.id;
  auto client = Client::open(options);
  if (!client) throw std::runtime_error("the observer: " + client.reason());
  client_ = std::move(*client);
}

Observer::~Observer() { stop(); }

void Observer::start(Clock::time_point zero) {
  zero_ = before_ = zero;
  thread_ = std::thread([this] { run(); });
}

void Observer::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

Sight Observer::look() {
  Sight sight(client_->reports(std::chrono::seconds(1)));
  const std::lock_guard lock(mutex_);
  last_ = sight;
  return sight;
}

Sight Observer::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void Observer::run() {
  auto next = Clock::now();
  while (!stopping_) {
    sample();
    next = std::max(next + sample_interval, Clock::now());
    std::this_thread::sleep_until(next);
  }
}

void Observer::sample() {
  const auto now = Clock::now();
  Sight sight(client_->reports(answer_time));
  const double passed_us = std::chrono::duration<double, std::micro>(now - std::exchange(before_, now)).count();
  for (ReplicaId id = 0; id < processes_.size(); ++id) {
    ReplicaSample sample;
    sample.at_s = std::chrono::duration<double>(now - zero_).count();
    sample.id = id;
    if (const auto* const report = sight.of(id)) {
      sample.answered = true;
      sample.view = report->report.view;
      sample.executed = report->report.last_executed;
      sample.stable_checkpoint = report->report.stable_checkpoint;
      sample.voting = report->report.voting;
    }
    const pid_t process = processes_[id];
    const auto cpu_us = process == 0 ? std::nullopt : cli::cpu_time_us(process);
    if (cpu_us) {
      const auto before = std::exchange(cpu_before_us_[id], {process, *cpu_us});
      if (before.first == process && passed_us > 0) {
        sample.cpu_cores = static_cast<double>(*cpu_us - before.second) / passed_us;
      }
      sample.resident_mb = static_cast<double>(cli::anonymous_memory_bytes(process).value_or(0)) / bytes_per_mb;
    }
    samples_.push_back(sample);
  }
  const std::lock_guard lock(mutex_);
  last_ = std::move(sight);
}

}  // namespace tagma::drills
