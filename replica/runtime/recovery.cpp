#include "replica/runtime/recovery.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "checkpoint/lmdb_state_store.h"
#include "checkpoint/log.h"
#include "checkpoint/posix_disk.h"
#include "crypto/authenticator.h"
#include "messages/assert.h"
#include "messages/cluster_file/genesis.h"
#include "messages/state_key.h"
#include "messages/wire/codec.h"
#include "replica/core/executor.h"
#include "replica/core/record_codec.h"
#include "replica/runtime/data_directory.h"
#include "replica/runtime/hosted_services.h"
#include "replica/runtime/replica_disk.h"
#include "replica/runtime/state_check.h"

namespace tagma {
namespace {

namespace fs = std::filesystem;
using runtime::CheckedState;

/// What the logs together know of a slot.
struct KnownSlot {
  enum class Degree : std::uint8_t { recorded, prepared, decided };
  /// How well a batch is known: decided; else by the latest view, which has chosen it over those of views before.
  struct Standing {
    bool decided = false;
    View view = 0;
    Degree degree = Degree::recorded;
    auto operator<=>(const Standing&) const = default;
  };
  std::map<Digest, Standing> digests;
  std::map<Digest, SharedBatch> batches;

  void learn(const Digest& digest, Degree degree, View view, const SharedBatch& batch) {
    const Standing standing{.decided = degree == Degree::decided, .view = view, .degree = degree};
    auto& known = digests.try_emplace(digest, standing).first->second;
    known = std::max(known, standing);
    if (batch != nullptr) batches[digest] = batch;
  }
  /// What is best known; of two alike the smaller digest, as in a view change.
  [[nodiscard]] std::pair<Digest, Standing> best() const {
    return *std::max_element(digests.begin(), digests.end(), [](const auto& left, const auto& right) {
      return left.second != right.second ? left.second < right.second : left.first > right.first;
    });
  }
};

struct Knowledge {
  ClusterFile file;
  std::map<ReplicaId, CheckedState> states;
  std::map<Seq, KnownSlot> slots;
  std::map<Seq, Digest> certified;  ///< roots that a quorum signed
  std::set<ReplicaId> diverged;     ///< whose state is known to be another one than a certified
  RecoveryPlan plan;
};

std::string replica_folder(const std::string& directory, ReplicaId id) {
  return fs::path(secret_path(directory, {PrincipalKind::replica, id})).parent_path().string();
}

/// Where the data of this cluster is: a recovery that was interrupted has moved it.
std::string data_before(const std::string& directory, ReplicaId id, const ClusterId& cluster) {
  const std::string aside = data_set_aside(directory, id, cluster);
  std::error_code error;
  return fs::exists(aside, error) ? aside : replica_folder(directory, id) + "/data";
}

/// What a write found damaged may be whole to a reader; a copy of it would give the damage to all.
std::optional<std::string> damage_found(const std::string& data) {
  std::ifstream mark(data + "/damage-found");
  if (!mark) return std::nullopt;
  std::string reason;
  std::getline(mark, reason);
  return "a write found " + (reason.empty() ? data + "/state: damaged" : reason) +
         " (without the file damage-found beside it, it is taken all the same)";
}

bool certificate_holds(const ClusterFile& file, const CheckpointCertificate& certificate) {
  const auto& membership = file.membership;
  std::set<ReplicaId> signers;
  for (const auto& vote : certificate.votes) {
    const auto* member = membership.find_replica(vote.content.replica);
    if (member == nullptr || vote.content.cluster != membership.cluster) continue;
    const auto verifier = crypto::Verifier::make(member->key);
    if (verifier && verifier->verify(wire::checkpoint_statement(vote.body), vote.signature)) {
      signers.insert(vote.content.replica);
    }
  }
  return signers.size() >= membership.quorum();
}

class LogReader {
 public:
  LogReader(Knowledge& knowledge, RecoveryPlan::Found& found) : knowledge_(knowledge), found_(found) {}

  void read(const std::string& path) {
    std::error_code error;
    if (!fs::exists(path, error)) return remark("no log");
    PosixFolder folder(path);
    const auto read = Log::read(folder);
    if (const auto* damage = std::get_if<LogDamage>(&read)) return remark("log damaged: " + damage->reason);
    if (const auto* failure = std::get_if<DiskFailure>(&read)) return remark("log unreadable: " + failure->reason);
    for (const auto& entry : std::get<LogContent>(read).entries) {
      if (entry.kind == runtime::log_owner_kind) continue;
      auto record = decode_record(entry);
      if (!record) return remark("log unreadable: " + record.reason());
      std::visit([this](const auto& content) { learn(content); }, *record);
      found_.last = std::max(found_.last, entry.seq);
    }
    found_.log = true;
    knowledge_.plan.seen = std::max(knowledge_.plan.seen, found_.last);
  }

 private:
  void remark(const std::string& what) { found_.remark += (found_.remark.empty() ? "" : "; ") + what; }
  void learn(const RecordPrePrepared& record) {
    knowledge_.slots[record.seq].learn(record.digest, KnownSlot::Degree::recorded, record.view, record.batch);
  }
  void learn(const RecordPrepared& record) {
    knowledge_.slots[record.seq].learn(record.digest, KnownSlot::Degree::prepared, record.view, record.batch);
  }
  void learn(const RecordDecided& record) {
    knowledge_.slots[record.seq].learn(record.digest, KnownSlot::Degree::decided, 0, record.batch);
  }
  void learn(const RecordView& /*record*/) {}
  void learn(const RecordNewView& /*record*/) {}
  void learn(const RecordStanding& record) {
    if (record.diverged) {
      knowledge_.diverged.insert(found_.id);
    } else {
      knowledge_.diverged.erase(found_.id);
    }
  }
  void learn(const RecordCertificate& record) {
    const auto& content = record.certificate.votes.front().content;
    if (knowledge_.certified.contains(content.seq) || !certificate_holds(knowledge_.file, record.certificate)) return;
    knowledge_.certified[content.seq] = content.root;
  }

  Knowledge& knowledge_;
  RecoveryPlan::Found& found_;
};

void read_state(const std::string& data, Knowledge& knowledge, RecoveryPlan::Found& found,
                const RecoveryOptions& options) {
  const auto checked = runtime::check_state(data + "/state", [&](std::uint64_t done, std::uint64_t total) {
    if (total > 0) {
      options.progress("replica " + std::to_string(found.id) + ": verified " + std::to_string(done) + " of " +
                       std::to_string(total) + " records");
    }
    return true;
  });
  std::string wrong = damage_found(data).value_or("");
  if (const auto* damage = std::get_if<StateDamaged>(&checked)) wrong = damage->reason();
  if (const auto* failed = std::get_if<runtime::CheckFailed>(&checked)) wrong = failed->reason;
  if (!wrong.empty()) {
    found.remark += (found.remark.empty() ? "" : "; ") + ("state lost: " + wrong);
    return;
  }
  const auto& state = std::get<CheckedState>(checked);
  if (knowledge.diverged.contains(found.id)) {
    found.remark += (found.remark.empty() ? "" : "; ") + std::string("its state differs from the certified one");
    return;
  }
  found.state = state.seq;
  knowledge.states.emplace(found.id, state);
}

/// The state that a cluster begins with, where no log knows what came then: all who have lost theirs have it, and it
/// says nothing of what was.
bool is_empty_beginning(const Knowledge& knowledge, const CheckedState& state) {
  return state.seq <= knowledge.file.genesis_slot && !knowledge.slots.contains(state.seq + 1);
}

/// The highest state that a quorum certified or f+1 replicas have; if there is none, the highest.
std::optional<Refused> choose_base(Knowledge& knowledge) {
  auto& plan = knowledge.plan;
  std::map<std::pair<Seq, Digest>, std::uint32_t> holders;
  for (const auto& [id, state] : knowledge.states) ++holders[{state.seq, state.root}];
  bool proven = false;
  for (const auto& [id, state] : knowledge.states) {
    const auto certified = knowledge.certified.find(state.seq);
    const bool by_quorum = certified != knowledge.certified.end() && certified->second == state.root;
    if (certified != knowledge.certified.end() && !by_quorum) continue;  // not what a quorum had
    const auto alike = holders.at({state.seq, state.root});
    const bool shared = alike >= knowledge.file.membership.weak_quorum() && !is_empty_beginning(knowledge, state);
    const bool proves = by_quorum || shared;
    if (std::pair(proves, state.seq) <= std::pair(proven, plan.base) && plan.vouchers > 0) continue;
    proven = proves;
    plan.base_of = id;
    plan.base = state.seq;
    plan.vouchers = alike;
    plan.certified = by_quorum;
  }
  if (plan.vouchers == 0) return Refused{"no replica's state can be read: there is nothing to begin a cluster with"};
  return std::nullopt;
}

void choose_slots(Knowledge& knowledge) {
  auto& plan = knowledge.plan;
  plan.last = plan.base;
  for (auto slot = knowledge.slots.find(plan.last + 1); slot != knowledge.slots.end() && slot->first == plan.last + 1;
       ++slot) {
    const auto [digest, standing] = slot->second.best();
    const auto degree = standing.degree;
    if (!slot->second.batches.contains(digest)) break;
    if (slot->second.digests.size() > 1 && !plan.conflict) plan.conflict = slot->first;
    plan.decided += degree == KnownSlot::Degree::decided ? 1U : 0U;
    plan.prepared += degree == KnownSlot::Degree::prepared ? 1U : 0U;
    plan.recorded += degree == KnownSlot::Degree::recorded ? 1U : 0U;
    plan.last = slot->first;
  }
}

Result<Knowledge> gather(const RecoveryOptions& options) {
  auto file = read_cluster_file(options.directory + "/cluster.toml");
  if (!file) return Refused{file.reason()};
  if (file->durability == Durability::memory) {
    return Refused{options.directory + ": durability is memory: there is nothing on disk to recover"};
  }
  Knowledge knowledge;
  knowledge.file = std::move(*file);
  for (const auto& replica : knowledge.file.membership.replicas) {
    RecoveryPlan::Found found;
    found.id = replica.id;
    const std::string data = data_before(options.directory, replica.id, knowledge.file.membership.cluster);
    std::error_code error;
    if (fs::exists(data, error)) {
      LogReader(knowledge, found).read(data + "/log");
      read_state(data, knowledge, found, options);
    } else {
      found.remark = "no data folder";
    }
    knowledge.plan.replicas.push_back(std::move(found));
  }
  if (auto refused = choose_base(knowledge)) return *std::move(refused);
  choose_slots(knowledge);
  return knowledge;
}

/// Digests as the replicas compute them; nothing is signed here, and what was signed has been checked.
class DigestOnly final : public Authenticator {
 public:
  [[nodiscard]] Digest digest(ByteView bytes) override { return hasher_.digest(bytes); }
  [[nodiscard]] Bytes sign(ByteView) override { TAGMA_ASSERT(false, "execution signs nothing"); }
  [[nodiscard]] bool verify(const PublicKey&, ByteView, ByteView) override {
    TAGMA_ASSERT(false, "execution verifies nothing");
  }

 private:
  crypto::Hasher hasher_;
};

Refused failed(const std::string& path, const std::string& what) { return Refused{path + ": " + what}; }

std::optional<Refused> as_refused(const std::optional<DiskFailure>& failure) {
  if (!failure) return std::nullopt;
  return Refused{failure->reason};
}

/// Throws StateDamaged.
Result<std::unique_ptr<LmdbStateStore>> open_store(const std::string& folder, const Bytes& owner) {
  LmdbOptions options;
  options.mode = LmdbOptions::Mode::open;
  options.folder = folder;
  options.owner = owner;
  options.make_hash = runtime::make_state_hash;
  auto opened = LmdbStateStore::open(options);
  if (const auto* refused = std::get_if<StoreRefused>(&opened)) return Refused{refused->reason};
  if (const auto* damaged = std::get_if<StateDamaged>(&opened)) throw StateDamaged(*damaged);
  if (const auto* failure = std::get_if<DiskFailure>(&opened)) return Refused{failure->reason};
  return std::move(std::get<std::unique_ptr<LmdbStateStore>>(opened));
}

/// What the new cluster begins with.
struct BuiltState {
  Seq seq = 0;
  Digest root;
  Bytes owner;
};

/// Executes the chosen slots on a copy of a replica's state in `folder`, and forgets the lives of the old cluster: in
/// the new one every replica is in its first. The recovery is a slot of its own, behind the last one.
/// Throws StateDamaged.
Result<BuiltState> build_state(const Knowledge& knowledge, ReplicaId holder, const std::string& folder,
                               const RecoveryOptions& options, const ServiceCatalogue& catalogue) {
  const auto& plan = knowledge.plan;
  ServiceRegistry services;
  if (auto refused = runtime::add_services(options.directory + "/cluster.toml", catalogue, knowledge.file, services)) {
    return *std::move(refused);
  }
  const auto& key = knowledge.file.membership.find_replica(holder)->key;
  const Bytes owner = runtime::owner_of(knowledge.file, key);
  auto store = open_store(folder, owner);
  if (!store) return Refused{store.reason()};
  const CoreConfig config = runtime::execution_config(knowledge.file);
  DigestOnly authenticator;
  LayeredState state((*store)->reader());
  Executor executor(config, authenticator, services, state);
  for (Seq seq = plan.base + 1; seq <= plan.last; ++seq) {
    const auto& slot = knowledge.slots.at(seq);
    static_cast<void>(executor.execute(seq, *slot.batches.at(slot.best().first), 0));
    options.progress("executed slot " + std::to_string(seq) + " of " + std::to_string(plan.last));
  }
  std::vector<Bytes> lives;
  const Bytes first(1, state_key::member_prefix);
  const Bytes end(1, static_cast<char>(state_key::member_prefix + 1));
  state.scan(first, end, [&lives](ByteView each, ByteView) {
    lives.emplace_back(each);
    return true;
  });
  for (const auto& each : lives) static_cast<void>(state.erase(each));
  const Seq seq = plan.last + 1;
  state.freeze(seq);
  const auto root = (*store)->write(seq, *state.frozen(seq));
  if (const auto* failure = std::get_if<DiskFailure>(&root)) return Refused{failure->reason};
  return BuiltState{seq, std::get<Digest>(root), owner};
}

std::optional<Refused> copy_state(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::remove_all(to, error);
  if (!error) fs::create_directories(to, error);
  if (!error) fs::permissions(fs::path(to).parent_path(), fs::perms::owner_all, error);
  if (!error) fs::copy_file(from + "/data.mdb", to + "/data.mdb", error);
  if (error) return failed(to, "cannot be copied from " + from + ": " + error.message());
  return std::nullopt;
}

/// Those that have the chosen state, beginning with the chosen one.
std::vector<ReplicaId> holders_of_base(const Knowledge& knowledge) {
  const auto& base = knowledge.states.at(knowledge.plan.base_of);
  std::vector<ReplicaId> holders{knowledge.plan.base_of};
  for (const auto& [id, state] : knowledge.states) {
    if (id != holders.front() && state.seq == base.seq && state.root == base.root) holders.push_back(id);
  }
  return holders;
}

/// Damage may also be met by the writing alone, or have come since the state was read: then another one's state, which
/// is the same, takes its place.
Result<BuiltState> build_from_first_whole(const Knowledge& knowledge, const std::string& folder,
                                          const RecoveryOptions& options, const ServiceCatalogue& catalogue) {
  std::string damages;
  for (const ReplicaId holder : holders_of_base(knowledge)) {
    try {
      const std::string state = data_before(options.directory, holder, knowledge.file.membership.cluster) + "/state";
      if (auto refused = copy_state(state, folder)) return *std::move(refused);
      return build_state(knowledge, holder, folder, options, catalogue);
    } catch (const StateDamaged& damaged) {
      const std::string what = "the state of replica " + std::to_string(holder) +
                               " cannot be gone on with, its copy is damaged: " + damaged.reason();
      options.warn(what);
      damages += what + "; ";
    }
  }
  return Refused{damages +
                 "no other replica has the same state. Without the folders state of these, recover begins "
                 "with what is left"};
}

/// Locked, so that no replica begins in the middle of it, as whatever looks after the processes may want.
using DataDirectories = std::vector<runtime::DataDirectory>;

/// Makes them where there are none: what such a replica is given would pass for what it had, were this run again.
std::optional<Refused> lock(const std::string& data, DataDirectories& locked) {
  auto directory = runtime::DataDirectory::open(data);
  if (!directory) return Refused{directory.reason()};
  locked.push_back(*std::move(directory));
  return std::nullopt;
}

std::optional<Refused> lock_all(const Knowledge& knowledge, const std::string& directory, DataDirectories& locked) {
  for (const auto& replica : knowledge.file.membership.replicas) {
    if (auto refused = lock(replica_folder(directory, replica.id) + "/data", locked)) return refused;
  }
  return std::nullopt;
}

std::optional<Refused> set_all_aside(const Knowledge& knowledge, const std::string& directory,
                                     DataDirectories& locked) {
  for (const auto& replica : knowledge.file.membership.replicas) {
    const std::string data = replica_folder(directory, replica.id) + "/data";
    const std::string aside = data_set_aside(directory, replica.id, knowledge.file.membership.cluster);
    std::error_code error;
    if (fs::exists(aside, error)) continue;
    fs::rename(data, aside, error);
    if (error) return failed(data, "cannot be set aside as " + aside + ": " + error.message());
    if (auto refused = lock(data, locked)) return refused;  // the other lock went with the folder
  }
  return std::nullopt;
}

/// Every replica gets the state as its own, and the permission to begin with it. Throws StateDamaged.
std::optional<Refused> hand_out(const ClusterFile& file, const std::string& directory, const std::string& built,
                                const Bytes& built_owner, const RecoveryOptions& options) {
  for (const auto& replica : file.membership.replicas) {
    options.progress("giving the state to replica " + std::to_string(replica.id));
    const std::string folder = replica_folder(directory, replica.id);
    if (auto refused = copy_state(built, folder + "/data/state")) return refused;
    auto store = open_store(folder + "/data/state", built_owner);
    if (!store) return Refused{store.reason()};
    if (auto refused = as_refused((*store)->change_owner(runtime::owner_of(file, replica.key)))) return refused;
    if (auto refused = as_refused(PosixFolder(folder + "/data/state").prepare()))
      return refused;  // its names are durable
    if (auto refused = write_genesis(folder, file.membership.cluster)) return refused;
  }
  return std::nullopt;
}

/// From here on folders are moved.
std::optional<Refused> begin_with(const Knowledge& knowledge, const ClusterFile& file, const std::string& built,
                                  const Bytes& built_owner, const RecoveryOptions& options) {
  try {
    DataDirectories locked;
    if (auto refused = lock_all(knowledge, options.directory, locked)) return refused;
    if (auto refused = set_all_aside(knowledge, options.directory, locked)) return refused;
    if (auto refused = hand_out(file, options.directory, built, built_owner, options)) return refused;
    return write_cluster_file(options.directory + "/cluster.toml", file);
  } catch (const StateDamaged& damaged) {
    return Refused{damaged.reason()};
  }
}

}  // namespace

std::string data_set_aside(const std::string& directory, ReplicaId replica, const ClusterId& cluster) {
  return replica_folder(directory, replica) + "/data.of-" + to_hex(cluster.view()).substr(0, 12);
}

Result<RecoveryPlan> plan_recovery(const RecoveryOptions& options, const ServiceCatalogue& /*catalogue*/) {
  auto knowledge = gather(options);
  if (!knowledge) return Refused{knowledge.reason()};
  return std::move(knowledge->plan);
}

Result<ClusterFile> recover(const RecoveryOptions& options, const ServiceCatalogue& catalogue) {
  auto knowledge = gather(options);
  if (!knowledge) return Refused{knowledge.reason()};
  const std::string work_folder = options.directory + "/recovered-state";
  const std::string built = work_folder + "/state";
  // Before any folder is moved: what fails so far leaves all as it was.
  const auto state = build_from_first_whole(*knowledge, built, options, catalogue);
  std::error_code error;
  if (!state) {
    fs::remove_all(work_folder, error);
    return Refused{state.reason() + "; no folder was moved"};
  }
  ClusterFile file = knowledge->file;
  const bool drawn = digest_from_bytes(crypto::random_bytes(Digest::size_bytes), file.membership.cluster);
  TAGMA_ASSERT(drawn, "random_bytes() gives as many bytes as asked for");
  file.genesis_slot = state->seq;
  file.genesis_root = state->root;
  if (auto refused = begin_with(*knowledge, file, built, state->owner, options)) {
    return Refused{
        refused->reason + "; what a replica had before lies in its folder " +
        fs::path(data_set_aside(options.directory, 0, knowledge->file.membership.cluster)).filename().string() +
        ", if not in data; recover looks there first and may be run again"};
  }
  // Now it is another cluster; what was set aside is nobody's any more, but stays.
  fs::remove_all(work_folder, error);
  return file;
}

}  // namespace tagma
