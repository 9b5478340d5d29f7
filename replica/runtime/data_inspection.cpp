#include "replica/runtime/data_inspection.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "checkpoint/log.h"
#include "checkpoint/posix_disk.h"
#include "replica/core/record_codec.h"
#include "replica/runtime/data_directory.h"
#include "replica/runtime/replica_disk.h"
#include "replica/runtime/state_check.h"

namespace tagma {
namespace {

using runtime::DataDirectory;

void count(LogInspection& log, const RecordPrePrepared& /*record*/) { ++log.pre_prepared; }
void count(LogInspection& log, const RecordPrepared& /*record*/) { ++log.prepared; }
void count(LogInspection& log, const RecordDecided& /*record*/) { ++log.decided; }
void count(LogInspection& /*log*/, const RecordStanding& /*record*/) {}
void count(LogInspection& log, const RecordView& record) { log.view = std::max(log.view, record.view); }
void count(LogInspection& log, const RecordNewView& record) {
  log.view = std::max(log.view, record.new_view->content.view);
}
void count(LogInspection& log, const RecordCertificate& record) {
  log.certificate = std::max(log.certificate, record.certificate.votes.front().content.seq);
}

/// Whether the entry that says whose log it is names the life of the mark: what another one promised does not count.
bool is_of_life(ByteView owner, const DataInspection& inspection) {
  return owner.starts_with(inspection.cluster.view()) &&
         (inspection.life == LifeNonce{} || owner.ends_with(inspection.life.view()));
}

void inspect_log(const std::string& path, DataInspection& inspection) {
  PosixFolder folder(path);
  const auto read = Log::read(folder);
  if (const auto* damage = std::get_if<LogDamage>(&read)) {
    inspection.damage = path + ": " + damage->reason;
    return;
  }
  if (const auto* failure = std::get_if<DiskFailure>(&read)) {
    inspection.damage = failure->reason;
    return;
  }
  const auto& content = std::get<LogContent>(read);
  LogInspection log;
  log.groups = content.groups;
  log.torn_bytes = content.torn_bytes;
  bool owned = false;
  for (const auto& entry : content.entries) {
    if (entry.kind == runtime::log_owner_kind) {
      owned = true;
      if (is_of_life(entry.payload, inspection)) continue;
      inspection.damage =
          path + ": the log is of another life of the replica, or of another cluster, than the file started";
      return;
    }
    const auto record = decode_record(entry);
    if (!record) {
      inspection.damage = path + ": a record of the log is damaged: " + record.reason();
      return;
    }
    std::visit([&log](const auto& known) { count(log, known); }, *record);
    if (entry.seq == 0) continue;
    log.first = log.first == 0 ? entry.seq : std::min(log.first, entry.seq);
    log.last = std::max(log.last, entry.seq);
  }
  if (!owned) {
    inspection.damage = path + ": the log is missing, or the record of its owner";
    return;
  }
  inspection.log = log;
}

void inspect_state(const std::string& path, const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                   DataInspection& inspection) {
  const auto checked = runtime::check_state(path, [&progress](std::uint64_t done, std::uint64_t total) {
    progress(done, total);
    return true;
  });
  std::optional<std::string> damage;
  if (const auto* found = std::get_if<StateDamaged>(&checked)) damage = found->reason();
  if (const auto* failed = std::get_if<runtime::CheckFailed>(&checked)) damage = failed->reason;
  if (const auto* whole = std::get_if<runtime::CheckedState>(&checked)) {
    inspection.state = StateInspection{whole->seq, whole->root, whole->keys, whole->file_bytes};
  }
  if (damage && !inspection.damage) inspection.damage = damage;
}

}  // namespace

Result<DataInspection> inspect_data(const std::string& data_directory,
                                    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::error_code error;
  if (!std::filesystem::exists(data_directory + "/started", error)) {
    if (error) return Refused{data_directory + ": cannot be looked into: " + error.message()};
    return Refused{data_directory + ": not the data folder of a replica that has started (no file started in it)"};
  }
  const auto data = DataDirectory::open(data_directory);
  if (!data) return Refused{data.reason()};
  const auto mark = data->mark();
  if (!mark) return Refused{mark.reason()};
  if (!*mark) return Refused{data_directory + ": has no mark that its replica has started"};
  DataInspection inspection;
  inspection.cluster = (*mark)->cluster;
  inspection.life = (*mark)->life;
  inspection.ahead_of_disk = (*mark)->ahead_of_disk;
  const std::string log_path = data_directory + "/log";
  const std::string state_path = data_directory + "/state";
  inspection.on_disk = std::filesystem::exists(log_path, error) || std::filesystem::exists(state_path, error);
  if (!inspection.on_disk) return inspection;
  inspect_log(log_path, inspection);
  const auto found = data->damage_found();
  if (!found) return Refused{found.reason()};
  if (*found) {
    if (!inspection.damage) inspection.damage = "a write found " + **found;
    return inspection;
  }
  inspect_state(state_path, progress, inspection);
  return inspection;
}

}  // namespace tagma
