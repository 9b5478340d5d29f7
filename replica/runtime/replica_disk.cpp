#include "replica/runtime/replica_disk.h"

#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include "crypto/digest.h"
#include "replica/core/record_codec.h"
#include "replica/runtime/state_check.h"

namespace tagma::runtime {
namespace {

constexpr std::chrono::seconds progress_interval{5};

/// What a lasting loss is told as; the caller decides what to do about it.
struct Damaged {
  std::string reason;
};

/// A log is one life's: what an earlier one promised does not bind a later one, which has no need of it.
Bytes owner_of_log(const ReplicaDiskOptions& options, const Life& life) {
  Bytes owner = options.owner;
  return life.nonce == LifeNonce{} ? owner : owner.append(life.nonce.view());
}

DiskRefused unusable(const DiskFailure& failure) { return {failure.reason, true}; }

std::uint64_t random_tag() {
  const Bytes bytes = crypto::random_bytes(sizeof(std::uint64_t));
  std::uint64_t tag = 0;
  std::memcpy(&tag, bytes.data(), sizeof tag);
  return tag;
}

struct OpenLog {
  tagma::Log log;
  std::vector<Record> records;
};

using OpenLogResult = std::variant<OpenLog, Damaged, DiskRefused>;

/// What the entries say, the owner's aside.
std::variant<std::vector<Record>, Damaged, DiskRefused> records_of(const LogContent& content, const std::string& path,
                                                                   const ReplicaDiskOptions& options,
                                                                   const Life& life) {
  bool owned = false;
  std::vector<Record> records;
  for (const auto& entry : content.entries) {
    if (entry.kind == log_owner_kind) {
      const bool of_a_life = entry.payload.size() == options.owner.size() ||
                             entry.payload.size() == options.owner.size() + Digest::size_bytes;
      if (!of_a_life || !entry.payload.starts_with(options.owner)) {
        return DiskRefused{path +
                           ": the log belongs to another replica or another cluster, or was made with other limits "
                           "or groups in cluster.toml"};
      }
      if (entry.payload != owner_of_log(options, life)) return Damaged{path + ": the log is of an earlier life"};
      owned = true;
      continue;
    }
    auto record = decode_record(entry);
    // Its group is whole, so that it was written like this: by another version, and no promise is lost.
    if (!record) return DiskRefused{path + ": a record of the log cannot be read by this version: " + record.reason()};
    records.push_back(std::move(*record));
  }
  if (!owned && !life.begins) return Damaged{path + ": the log is missing, or the record of its owner"};
  if (life.begins && !records.empty()) {
    return Damaged{path + ": the log has records although the mark DATA/started is missing"};
  }
  return records;
}

OpenLogResult open_log(const ReplicaDiskOptions& options, const Life& life, const std::string& path,
                       PosixFolder& folder) {
  if (auto failure = folder.prepare()) return unusable(*failure);
  auto opened = tagma::Log::open(folder, {.draw_tag = random_tag});
  if (const auto* damage = std::get_if<LogDamage>(&opened)) return Damaged{path + ": " + damage->reason};
  if (const auto* failure = std::get_if<DiskFailure>(&opened)) return unusable(*failure);
  auto& [log, content] = std::get<tagma::Log::Opened>(opened);
  auto records = records_of(content, path, options, life);
  if (auto* damage = std::get_if<Damaged>(&records)) return std::move(*damage);
  if (auto* refused = std::get_if<DiskRefused>(&records)) return std::move(*refused);
  if (life.begins) {
    const LogEntry owner{.kind = log_owner_kind, .seq = 0, .payload = owner_of_log(options, life)};
    if (auto failure = log.commit({owner})) return unusable(*failure);
  }
  return OpenLog{std::move(log), std::move(std::get<std::vector<Record>>(records))};
}

/// Reads all of it, with a line in the log where that takes long.
StateCheck check_with_progress(const std::string& path, const ReplicaDiskOptions& options, Log& log) {
  auto told_at = std::chrono::steady_clock::now();
  return check_state(path, [&](std::uint64_t done, std::uint64_t total) {
    if (options.asked_to_stop()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_at < progress_interval) return true;
    told_at = now;
    log.info("verifying the state: " + std::to_string(done) + " of " + std::to_string(total) + " records");
    return true;
  });
}

using OpenState = std::variant<std::unique_ptr<LmdbStateStore>, Damaged, DiskRefused, DiskAbandoned>;

OpenState open_state(const ReplicaDiskOptions& options, const std::string& path, bool create, Log& log) {
  // What a write met need not be met by reading: such a state is not asked again whether it is whole.
  const auto found = options.data.damage_found();
  if (!found) return DiskRefused{found.reason(), true};
  if (*found) return Damaged{"a write found " + **found};
  PosixFolder folder(path);
  if (auto failure = folder.prepare()) return unusable(*failure);
  std::error_code error;
  if (!create || std::filesystem::exists(path + "/data.mdb", error)) {
    const auto checked = check_with_progress(path, options, log);
    if (std::holds_alternative<CheckAbandoned>(checked)) return DiskAbandoned{};
    if (const auto* damage = std::get_if<StateDamaged>(&checked)) return Damaged{damage->reason()};
    if (const auto* failed = std::get_if<CheckFailed>(&checked)) return DiskRefused{failed->reason, failed->may_pass};
  }
  LmdbOptions store_options;
  store_options.mode = create ? LmdbOptions::Mode::create : LmdbOptions::Mode::open;
  store_options.folder = path;
  store_options.owner = options.owner;
  store_options.make_hash = make_state_hash;
  auto opened = LmdbStateStore::open(store_options);
  if (const auto* refused = std::get_if<StoreRefused>(&opened)) return DiskRefused{refused->reason};
  if (const auto* damage = std::get_if<StateDamaged>(&opened)) return Damaged{damage->reason()};
  if (const auto* failure = std::get_if<DiskFailure>(&opened)) return unusable(*failure);
  auto& store = std::get<std::unique_ptr<LmdbStateStore>>(opened);
  if (options.life.begins && options.life.nonce == LifeNonce{} && store->reader().seq() != 0 &&
      store->reader().seq() != options.genesis_slot) {
    return DiskRefused{path +
                       ": there is a state although this replica has never started here; remove the folder, or "
                       "the file genesis that lets it begin"};
  }
  return std::move(store);
}

}  // namespace

std::variant<ReplicaDisk, DiskRefused, DiskAbandoned> open_replica_disk(const ReplicaDiskOptions& options, Log& log) {
  const std::string log_path = options.data.path() + "/log";
  const std::string state_path = options.data.path() + "/state";
  Life life = options.life;
  auto folder = std::make_unique<PosixFolder>(log_path);
  auto opened = open_log(options, life, log_path, *folder);
  if (auto* refused = std::get_if<DiskRefused>(&opened)) return std::move(*refused);
  // Before anything is set aside: a disk that is somebody else's is left alone.
  auto state = open_state(options, state_path, options.life.begins, log);
  if (auto* refused = std::get_if<DiskRefused>(&state)) return std::move(*refused);
  if (std::holds_alternative<DiskAbandoned>(state)) return DiskAbandoned{};
  if (const auto* damage = std::get_if<Damaged>(&opened)) {
    log.warn("damaged: " + damage->reason + "; what this replica promised is lost. Set aside as " +
             options.data.name_aside("log") + "; it asks the others to take it back as another life");
    life = new_life();
    // First the mark: were the log gone and the mark the old one, the next start would take the log for lost again, but
    // were the mark gone first, old promises could pass for the new life's.
    if (auto refused = options.data.write_mark({.cluster = options.cluster, .life = life.nonce})) {
      return DiskRefused{refused->reason, true};
    }
    if (auto refused = options.data.set_aside("log")) return DiskRefused{refused->reason, true};
    opened = open_log(options, life, log_path, *folder);
  }
  if (const auto* damage = std::get_if<Damaged>(&state)) {
    log.warn("damaged: " + damage->reason + ". Set aside as " + options.data.name_aside("state") +
             ", to be removed when nobody needs it; it is fetched from the others");
    if (auto refused = options.data.set_aside("state")) return DiskRefused{refused->reason, true};
    // Before there is another state, which the mark does not speak of.
    if (auto refused = options.data.remove_damage_found()) return DiskRefused{refused->reason, true};
    state = open_state(options, state_path, true, log);
  }
  // Damaged again, just made.
  if (const auto* again = std::get_if<Damaged>(&opened)) return DiskRefused{again->reason, true};
  if (const auto* again = std::get_if<Damaged>(&state)) return DiskRefused{again->reason, true};
  if (auto* refused = std::get_if<DiskRefused>(&opened)) return std::move(*refused);
  if (auto* refused = std::get_if<DiskRefused>(&state)) return std::move(*refused);
  if (std::holds_alternative<DiskAbandoned>(state)) return DiskAbandoned{};
  auto& [disk_log, records] = std::get<OpenLog>(opened);
  return ReplicaDisk{std::move(folder), std::move(disk_log),
                     std::move(std::get<std::unique_ptr<LmdbStateStore>>(state)), std::move(records), life};
}

}  // namespace tagma::runtime
