// What is done to the cluster, each with the proof that it happened.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "client_lib/cli/child_process.h"
#include "client_lib/cli/process_usage.h"
#include "docker/drills/command.h"
#include "docker/drills/stage.h"

namespace tagma::drills {
namespace {

namespace files = std::filesystem;

constexpr const char* attacker_name = "attacker";
constexpr const char* twin_name = "twin";

std::vector<std::string> names_of(const std::vector<ReplicaId>& ids) {
  std::vector<std::string> names;
  for (const auto id : ids) names.push_back(replica_name(id));
  return names;
}

std::uint64_t bytes_below(const std::string& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : files::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

/// By name: a log's files are numbered.
std::string newest_file(const std::string& folder) {
  std::string newest;
  for (const auto& entry : files::directory_iterator(folder)) {
    if (!entry.is_symlink() && entry.is_regular_file()) newest = std::max(newest, entry.path().string());
  }
  return newest;
}

/// How often an attack says that it has struck: the highest "fired NAME COUNT" of a log.
std::uint64_t strikes_in(const std::string& log, std::string& names) {
  std::istringstream lines(log);
  std::map<std::string, std::uint64_t> counts;
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find("fired ");
    if (at == std::string::npos) continue;
    std::istringstream words(line.substr(at + 6));
    std::string name;
    std::uint64_t count = 0;
    if (words >> name >> count) counts[name] = std::max(counts[name], count);
  }
  std::uint64_t total = 0;
  for (const auto& [name, count] : counts) {
    total += count;
    names += (names.empty() ? "" : ", ") + name + " " + std::to_string(count);
  }
  return total;
}

std::string text_of(const LinkFault& link) {
  std::vector<std::string> parts;
  if (link.cut) parts.emplace_back("cut");
  if (link.delay_us > 0) parts.push_back(std::to_string(link.delay_us / 1'000) + " ms late");
  if (link.jitter_us > 0) parts.push_back("up to " + std::to_string(link.jitter_us / 1'000) + " ms later still");
  if (link.loss_ppm > 0) parts.push_back(std::to_string(link.loss_ppm / 10'000) + "% lost");
  if (link.bytes_per_second_max > 0) {
    parts.push_back("at most " + std::to_string(link.bytes_per_second_max / 1'000) + " kB/s");
  }
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

void Stage::kill(const Chosen& chosen) {
  for (const auto id : chosen.replicas) down_.insert(id);
  const auto names = names_of(chosen.replicas);
  mark(chosen.text + " killed");
  backend_->signal(names, SIGKILL);
  const bool all = ended(names);
  std::string detail = all ? "" : "still runs";
  bool by_signal = all;
  for (const auto& name : names) {
    const auto status = backend_->wait_status(name);
    by_signal = by_signal && status && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL;
    if (status) detail += (detail.empty() ? "" : "; ") + name + " " + cli::describe_end(*status);
  }
  prove(chosen.text + " killed", by_signal, detail);
  for (const auto id : chosen.replicas) {
    paused_.erase(id);
    starved_.erase(id);
    const bool lies = scenario_.lying_disk == id;
    if (scenario_.forgetful_disks || lies) lost_bytes_[id] = prove_lost_writes(id, lies);
  }
}

/// A disk that forgets must have been in force; what it had not synced at that moment may be nothing at one of them.
std::uint64_t Stage::prove_lost_writes(ReplicaId id, bool must_lose) {
  std::uint64_t numbers[2] = {0, 0};
  std::ifstream file(site_->lost_writes_count(id), std::ios::binary);
  file.read(reinterpret_cast<char*>(numbers), sizeof numbers);
  const auto [written, synced] = numbers;
  const bool in_force = written > 0 && (!must_lose || written > synced);
  prove("the disk of replica " + std::to_string(id) + " loses what it has not synced", in_force,
        std::to_string(written) + " bytes written, " + std::to_string(written - synced) + " of them lost");
  return written - synced;
}

/// It has refused to go on: it has ended by itself, with a status that says so.
void Stage::prove_gone(ReplicaId id) {
  const bool gone = ended({replica_name(id)});
  const auto status = backend_->wait_status(replica_name(id));
  const bool failed = gone && status && WIFEXITED(*status) && WEXITSTATUS(*status) != 0;
  prove("replica " + std::to_string(id) + " ends by itself", failed,
        status ? cli::describe_end(*status) : "it still runs");
}

void Stage::start(const Chosen& chosen) {
  for (const auto id : chosen.replicas) {
    if (!backend_->running(replica_name(id))) start_replica(id);
  }
  mark(chosen.text + " started again", true);
}

void Stage::restart(const Chosen& chosen) {
  const auto names = names_of(chosen.replicas);
  for (const auto id : chosen.replicas) down_.insert(id);
  mark(chosen.text + " stopped, to be started again");
  backend_->signal(names, SIGTERM);
  const bool all = ended(names);
  bool clean = all;
  for (const auto& name : names) {
    const auto status = backend_->wait_status(name);
    clean = clean && status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
  }
  prove(chosen.text + " stopped cleanly and started again", clean, all ? "ended with status 0" : "did not end");
  for (const auto id : chosen.replicas) start_replica(id);
  mark(chosen.text + " started again", true);
}

void Stage::roll(const Chosen& chosen, const Step& step) {
  const bool other = step.program == "other";
  for (const auto id : chosen.replicas) {
    if (other) programs_[id] = setting_.other_program;
    restart({{id}, {replica_party(id)}, "replica " + std::to_string(id) + (other ? " (the other build)" : "")});
    settle("after replica " + std::to_string(id));
  }
  if (!other) return;
  for (const auto id : chosen.replicas) {
    std::error_code error;
    const auto runs = files::read_symlink("/proc/" + std::to_string(backend_->pid(replica_name(id))) + "/exe", error);
    const std::string file = files::path(setting_.programs.at(setting_.other_program)).filename();
    // Of a container's process this machine's root alone is told; else the command that started it must do.
    const bool is_other = backend_->running(replica_name(id)) && (error || runs.filename() == file);
    prove("replica " + std::to_string(id) + " runs the other build", is_other,
          error ? "started as " + file : "its process runs " + runs.filename().string());
  }
}

void Stage::pause(const Chosen& chosen, bool on) {
  mark(chosen.text + (on ? " paused" : " goes on"), !on);
  bool paused = true;
  for (const auto id : chosen.replicas) {
    const auto name = replica_name(id);
    if (on) {
      backend_->pause(name);
      paused_.insert(id);
    } else {
      paused = paused && backend_->paused(name);
      backend_->resume(name);
      paused_.erase(id);
    }
  }
  // Proved when it ends: all the while it was.
  if (!on) prove(chosen.text + " paused", paused, paused ? "it was stopped until now" : "it ran");
}

void Stage::wipe(const Chosen& chosen) {
  kill(chosen);
  for (const auto id : chosen.replicas) {
    const auto bytes = bytes_below(site_->data_folder(id));
    files::remove_all(site_->data_folder(id));
    prove("the data of replica " + std::to_string(id) + " removed", bytes > 0, std::to_string(bytes) + " bytes");
    new_lives_.insert(id);
  }
  mark("the data of " + chosen.text + " removed");
}

void Stage::cut_power() {
  std::vector<ReplicaId> all(scenario_.replicas);
  for (ReplicaId id = 0; id < scenario_.replicas; ++id) all[id] = id;
  kill({all, {}, "all replicas"});
  start({all, {}, "all replicas"});
}

void Stage::spoil_network(const Chosen& chosen, const Step& step) {
  const Chosen others = choose(step.to, chosen.replicas);
  OpenLink open;
  open.text =
      "messages from " + chosen.text + (step.both ? " to and from " : " to ") + others.text + ": " + text_of(step.link);
  open.fault = step.link;
  std::set<std::pair<Party, Party>> links;
  for (const auto& from : chosen.parties) {
    for (const auto& to : others.parties) {
      if (from == to) continue;
      links.emplace(from, to);
      if (step.both) links.emplace(to, from);
    }
  }
  // What takes the place of an earlier fault ends it.
  const auto overrides = [&](const OpenLink& earlier) {
    return std::any_of(earlier.links.begin(), earlier.links.end(),
                       [&](const auto& link) { return links.contains(link); });
  };
  for (const auto& earlier : open_links_) {
    if (overrides(earlier)) close(earlier);
  }
  open_links_.erase(std::remove_if(open_links_.begin(), open_links_.end(), overrides), open_links_.end());
  for (const auto& [from, to] : links) {
    proxy_->set(from, to, step.link);
    open.links.emplace_back(from, to);
    open.before.push_back(proxy_->counts(from, to));
  }
  mark(open.text);
  open_links_.push_back(std::move(open));
}

/// Ends the fault and proves what it did: a cut lets nothing pass, but what was on its way; loss and delay have struck.
void Stage::close(const OpenLink& open) {
  constexpr std::uint64_t under_way_max = 2;
  LinkCounts all;
  std::uint64_t passed_most = 0;
  for (std::size_t at = 0; at < open.links.size(); ++at) {
    const auto& [from, to] = open.links[at];
    const auto counts = proxy_->counts(from, to);
    const auto messages = counts.messages - open.before[at].messages;
    const auto dropped = counts.dropped - open.before[at].dropped;
    passed_most = std::max(passed_most, messages - std::min(messages, dropped));
    all.dropped += dropped;
    all.delayed += counts.delayed - open.before[at].delayed;
    proxy_->set(from, to, {});
  }
  const bool drops = open.fault.cut || open.fault.loss_ppm > 0;
  const bool delays = open.fault.delay_us > 0 || open.fault.jitter_us > 0 || open.fault.bytes_per_second_max > 0;
  const bool struck = (!drops || all.dropped > 0) && (!delays || all.delayed > 0);
  const bool tight = !open.fault.cut || passed_most <= under_way_max;
  prove(open.text, struck && tight,
        std::to_string(all.dropped) + " messages dropped, " + std::to_string(all.delayed) + " held back" +
            (open.fault.cut ? ", at most " + std::to_string(passed_most) + " of one link passed" : ""));
}

void Stage::heal() {
  for (const auto& open : open_links_) close(open);
  open_links_.clear();
  mark("all links whole again", true);
}

void Stage::disk_fault(const Chosen& chosen, Action action) {
  const bool ends = action == Action::free_disk;
  const bool syncs = action == Action::fail_syncs;
  const std::string file = syncs ? "sync-fails" : "disk-full";
  const std::string what = syncs ? ": syncs of its disk fail" : ": its disk is full";
  for (const auto id : chosen.replicas) {
    if (ends) {
      files::remove(site_->control_folder(id) + "/" + file);
    } else {
      write_control(id, file, "x");
    }
    if (syncs) down_.insert(id);  // it must stop, and not go on
  }
  mark(chosen.text + (ends ? ": there is room on its disk again" : what), ends);
  if (ends) return;
  const std::string word = syncs ? "STOPPED:" : "STALLED:";
  for (const auto id : chosen.replicas) {
    const bool said =
        await([&] { return log_of(replica_name(id)).find(word) != std::string::npos; }, std::chrono::seconds(20));
    prove("replica " + std::to_string(id) + what, said,
          "its log " + std::string(said ? "says " : "does not say ") + word);
    if (syncs) prove_gone(id);
  }
}

void Stage::shift_clock(const Chosen& chosen, double seconds) {
  std::ostringstream shift;
  shift << std::showpos << seconds;
  mark(chosen.text + ": its clock jumps by " + shift.str() + " s", seconds == 0);
  for (const auto id : chosen.replicas) {
    const std::string clock = site_->control_folder(id) + "/clock";
    write_control(id, "clock", shift.str() + "\n");
    const auto maps = cli::proc_text(backend_->pid(replica_name(id)), "maps").value_or("");
    // A program that reads the same file in the same way tells what the replica's clock says.
    const auto told = run_command(
        {"env", "FAKETIME_TIMESTAMP_FILE=" + clock, std::string("LD_PRELOAD=") + faketime_preload, "date", "+%s"});
    const double off = std::strtod(told.output.c_str(), nullptr) - static_cast<double>(std::time(nullptr));
    const bool shifted = off > seconds - 3 && off < seconds + 3 && maps.find("libfaketime") != std::string::npos;
    prove("the clock of replica " + std::to_string(id) + " jumps by " + shift.str() + " s", shifted,
          "a clock that reads the same file is off by " + std::to_string(static_cast<long>(off)) + " s");
  }
}

void Stage::starve(const Chosen& chosen, std::optional<double> percent) {
  std::ostringstream share;
  if (percent) share << ": " << *percent << "% of a core";
  mark(chosen.text + (percent ? share.str() : ": as much processor as it wants"), !percent);
  for (const auto id : chosen.replicas) {
    const auto name = replica_name(id);
    if (!percent) {
      const auto held_back = backend_->held_back(name);
      prove("replica " + std::to_string(id) + " starved of the processor", held_back > 0,
            "held back " + std::to_string(held_back) + " times");
    }
    backend_->limit_cpu(name, percent);
    if (percent) {
      starved_.insert(id);
    } else {
      starved_.erase(id);
    }
  }
}

void Stage::attack(bool on) {
  const auto& byzantine = scenario_.byzantine.value();
  const auto name = replica_name(byzantine.id);
  const std::string who = "replica " + std::to_string(byzantine.id);
  if (!on)
    prove(who + " lied to the end", backend_->running(name), backend_->running(name) ? "it runs" : "it has ended");
  backend_->signal({name}, on ? SIGUSR1 : SIGUSR2);
  mark(who + (on ? " begins to lie: " : " behaves again: ") + byzantine.attack, !on);
  marks_.back().attacks = on;
  if (on) attacks_.emplace_back(name, byzantine.attack);
}

void Stage::client_attack(const Step& step) {
  ProcessSpec spec;
  spec.name = attacker_name;
  spec.program = "byzantine_client";
  spec.folder = site_->attacker_folder();
  const ClientId id = site_->extra(ExtraClient::attacker);
  spec.words = {step.program,
                "--cluster",
                spec.folder + "/cluster.toml",
                "--id",
                std::to_string(id),
                "--identity",
                secret_path(spec.folder, client_party(id))};
  spec.words.insert(spec.words.end(), step.options.begin(), step.options.end());
  backend_->start(spec);
  mark("a client attacks: " + step.program);
  marks_.back().attacks = true;
  attacks_.emplace_back(attacker_name, step.program);
}

void Stage::end_client_attack() {
  // It counts once a second: it must go on until it is ended.
  std::string names;
  const auto before = strikes_in(log_of(attacker_name), names);
  const bool goes_on =
      await([&] { return strikes_in(log_of(attacker_name), names) > before; }, std::chrono::seconds(5));
  backend_->signal({attacker_name}, SIGTERM);
  static_cast<void>(ended({attacker_name}));
  mark("the attacking client ends", true);
  const auto status = backend_->wait_status(attacker_name);
  const bool clean = status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
  prove("the client attacked to the end", goes_on && clean, status ? cli::describe_end(*status) : "it still runs");
}

void Stage::twin(const Chosen& chosen) {
  const ReplicaId id = chosen.replicas.front();
  ProcessSpec spec = spec_of(id);
  spec.name = twin_name;
  spec.program = setting_.program;
  spec.folder = site_->make_twin(id);
  spec.host = backend_->place().twin_host;
  spec.words = {"replica",          "--cluster", spec.folder + "/cluster.toml", "--id",
                std::to_string(id), "--data",    spec.folder + "/data"};
  backend_->start(spec);
  mark("a twin of " + chosen.text + " begins: another process with its key");
  const bool ready =
      await([&] { return log_of(twin_name).find("ready: connected") != std::string::npos; }, std::chrono::seconds(30));
  prove("a second process speaks as replica " + std::to_string(id), ready,
        ready ? "it is connected to a quorum" : "it is not connected");
}

void Stage::end_twin() {
  const bool ran = backend_->running(twin_name);
  prove("the twin spoke to the end", ran, ran ? "it runs" : "it has ended");
  backend_->signal({twin_name}, SIGKILL);
  static_cast<void>(ended({twin_name}));
  mark("the twin ends", true);
}

void Stage::save_disk(const Chosen& chosen) {
  for (const auto id : chosen.replicas) {
    down_.insert(id);
    backend_->signal({replica_name(id)}, SIGTERM);
    static_cast<void>(ended({replica_name(id)}));
    const std::string data = site_->data_folder(id);
    files::remove_all(data + ".copy");
    files::copy(data, data + ".copy", files::copy_options::recursive | files::copy_options::copy_symlinks);
    const auto sight = observer_->look();
    const ReplicaId other = id == 0 ? 1 : 0;
    saved_[id] = sight.of(other) == nullptr ? 0 : sight.of(other)->report.last_executed;
    start_replica(id);
  }
  mark("the disk of " + chosen.text + " copied");
}

void Stage::restore_disk(const Chosen& chosen) {
  kill(chosen);
  for (const auto id : chosen.replicas) {
    const std::string data = site_->data_folder(id);
    files::remove_all(data);
    files::rename(data + ".copy", data);
    const auto sight = observer_->look();
    const ReplicaId other = id == 0 ? 1 : 0;
    const Seq now = sight.of(other) == nullptr ? 0 : sight.of(other)->report.last_executed;
    prove("replica " + std::to_string(id) + " is given an old copy of its disk", now > saved_[id],
          "of slot " + std::to_string(saved_[id]) + ", while the others are at " + std::to_string(now));
  }
  mark(chosen.text + " is given an old copy of its disk");
  start(chosen);
  // It finds out where others remember what it promised (docs/protocol.md, K11); then it promises nothing any more,
  // like one that has ended. Else it is one that forgot, of whom f are tolerated.
  for (const auto id : chosen.replicas) {
    const auto says = [&] { return log_of(replica_name(id)).find("older copy") != std::string::npos; };
    if (!await(says, std::chrono::seconds(3))) continue;
    mark("replica " + std::to_string(id) + " finds out that its disk is an old copy, and stops voting");
    down_.insert(id);
  }
}

void Stage::damage_disk(const Chosen& chosen) {
  kill(chosen);
  for (const auto id : chosen.replicas) {
    const std::string path = newest_file(site_->data_folder(id) + "/log");
    std::uint64_t changed = 0;
    {
      std::fstream log(path, std::ios::in | std::ios::out | std::ios::binary);
      const auto size = static_cast<std::streamoff>(files::file_size(path));
      // One byte in each of many blocks: a record that a promise is in is hit for certain.
      constexpr std::streamoff block = 512;
      constexpr std::streamoff first = 8 * block;  // behind what a file begins with
      for (std::streamoff at = first; at < size; at += block) {
        log.seekg(at);
        const int byte = log.get();
        if (byte == std::fstream::traits_type::eof()) break;
        if (byte == 0) continue;  // behind the end of what is written, perhaps
        log.seekp(at);
        log.put(static_cast<char>(byte ^ 0x55));
        ++changed;
      }
    }
    prove("the log of replica " + std::to_string(id) + " damaged", changed > 0,
          std::to_string(changed) + " bytes changed");
    new_lives_.insert(id);
  }
  mark("the log of " + chosen.text + " damaged");
}

void Stage::prove_new_lives() {
  const auto sight = observer_->look();
  for (const auto id : new_lives_) {
    const auto* const report = sight.of(id);
    const auto incarnation = report == nullptr ? 0 : report->report.incarnation;
    prove("replica " + std::to_string(id) + " is back as another life", incarnation > 0,
          report == nullptr ? "it does not answer" : "its incarnation is " + std::to_string(incarnation));
  }
}

void Stage::prove_attacks() {
  for (const auto& [process, attack] : attacks_) {
    std::string names;
    const auto strikes = strikes_in(log_of(process), names);
    prove("the attack took place: " + attack, strikes > 0, strikes > 0 ? names : "it never struck");
  }
}

void Stage::conclude() {
  std::uint64_t lost_bytes = 0;
  for (const auto& [id, bytes] : lost_bytes_) lost_bytes += bytes;
  if (!lost_bytes_.empty()) {
    prove("what was not synced is lost when the power is cut", lost_bytes > 0,
          std::to_string(lost_bytes) + " bytes in all");
  }
  prove_new_lives();
  prove_attacks();
}

}  // namespace tagma::drills
