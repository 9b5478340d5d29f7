#include "replica/runtime/replica_disk.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "crypto/digest.h"
#include "replica/core/record_codec.h"

namespace tagma::runtime {
namespace {

constexpr std::chrono::seconds progress_interval{5};

Bytes owner_of(const ReplicaDiskOptions& options) {
  Bytes owner(options.cluster.view());
  owner.push_back(static_cast<char>(options.key.algorithm));
  return owner.append(options.key.bytes);
}

DiskRefused damaged(const std::string& reason) {
  return {reason + "; what this replica promised is lost, so that it cannot return to this cluster"};
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

/// What the entries say, the owner's aside.
std::variant<std::vector<Record>, DiskRefused> records_of(const LogContent& content, const std::string& path,
                                                          const Bytes& owner, bool first_start) {
  bool owned = false;
  std::vector<Record> records;
  for (const auto& entry : content.entries) {
    if (entry.kind == log_owner_kind) {
      if (entry.payload != owner) return DiskRefused{path + ": the log belongs to another replica or another cluster"};
      owned = true;
      continue;
    }
    auto record = decode_record(entry);
    if (!record) return damaged(path + ": a record of the log is damaged: " + record.reason());
    records.push_back(std::move(*record));
  }
  if (!owned && !first_start) return damaged(path + ": the log is missing, or the record of its owner");
  if (first_start && !records.empty()) {
    return damaged(path + ": the log has records although the mark DATA/started is missing");
  }
  return records;
}

std::variant<OpenLog, DiskRefused> open_log(const ReplicaDiskOptions& options, const std::string& path,
                                            PosixFolder& folder) {
  const Bytes owner = owner_of(options);
  const bool first_start = options.mark == StartedMark::absent;
  if (auto failure = folder.prepare()) return unusable(*failure);
  auto opened = tagma::Log::open(folder, {.draw_tag = random_tag});
  if (const auto* damage = std::get_if<LogDamage>(&opened)) return damaged(path + ": " + damage->reason);
  if (const auto* failure = std::get_if<DiskFailure>(&opened)) return unusable(*failure);
  auto& [log, content] = std::get<tagma::Log::Opened>(opened);
  auto records = records_of(content, path, owner, first_start);
  if (auto* refused = std::get_if<DiskRefused>(&records)) return std::move(*refused);
  if (first_start) {
    if (auto failure = log.commit({{.kind = log_owner_kind, .seq = 0, .payload = owner}})) return unusable(*failure);
  }
  return OpenLog{std::move(log), std::move(std::get<std::vector<Record>>(records))};
}

/// Reads all of it, with a line in the log where that takes long.
LmdbReader::Verification verify_state(const LmdbReader& reader, const ReplicaDiskOptions& options, Log& log) {
  auto told_at = std::chrono::steady_clock::now();
  return reader.verify([&](std::uint64_t done, std::uint64_t total) {
    if (options.asked_to_stop()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_at < progress_interval) return true;
    told_at = now;
    log.info("verifying the state: " + std::to_string(done) + " of " + std::to_string(total) + " records");
    return true;
  });
}

using OpenState = std::variant<std::unique_ptr<LmdbStateStore>, DiskRefused, DiskAbandoned>;

OpenState open_state(const ReplicaDiskOptions& options, const std::string& path, Log& log) {
  const bool first_start = options.mark == StartedMark::absent;
  PosixFolder folder(path);
  if (auto failure = folder.prepare()) return unusable(*failure);
  LmdbOptions store_options;
  store_options.mode = first_start ? LmdbOptions::Mode::create : LmdbOptions::Mode::open;
  store_options.folder = path;
  store_options.owner = owner_of(options);
  store_options.make_hash = make_state_hash;
  auto opened = LmdbStateStore::open(store_options);
  if (const auto* refused = std::get_if<StoreRefused>(&opened)) return DiskRefused{refused->reason};
  if (const auto* damage = std::get_if<StateDamaged>(&opened)) return damaged(damage->reason());
  if (const auto* failure = std::get_if<DiskFailure>(&opened)) return unusable(*failure);
  auto& store = std::get<std::unique_ptr<LmdbStateStore>>(opened);
  if (first_start && store->reader().seq() > 0) {
    return damaged(path + ": there is a state although the mark DATA/started is missing");
  }
  const auto verified = verify_state(store->reader(), options, log);
  if (std::holds_alternative<LmdbReader::Abandoned>(verified)) return DiskAbandoned{};
  if (const auto* damage = std::get_if<StateDamaged>(&verified)) return damaged(damage->reason());
  return std::move(store);
}

}  // namespace

HashFunction make_state_hash() {
  return [hasher = std::make_shared<crypto::Hasher>()](ByteView bytes) { return hasher->digest(bytes); };
}

std::variant<ReplicaDisk, DiskRefused, DiskAbandoned> open_replica_disk(const ReplicaDiskOptions& options, Log& log) {
  if (options.mark == StartedMark::other_cluster) {
    return DiskRefused{options.data_directory +
                       ": holds the data of another cluster; give --data another directory, or remove this one"};
  }
  const std::string log_path = options.data_directory + "/log";
  auto folder = std::make_unique<PosixFolder>(log_path);
  auto opened = open_log(options, log_path, *folder);
  if (auto* refused = std::get_if<DiskRefused>(&opened)) return std::move(*refused);
  auto state = open_state(options, options.data_directory + "/state", log);
  if (auto* refused = std::get_if<DiskRefused>(&state)) return std::move(*refused);
  if (std::holds_alternative<DiskAbandoned>(state)) return DiskAbandoned{};
  auto& [disk_log, records] = std::get<OpenLog>(opened);
  return ReplicaDisk{std::move(folder), std::move(disk_log),
                     std::move(std::get<std::unique_ptr<LmdbStateStore>>(state)), std::move(records)};
}

}  // namespace tagma::runtime
