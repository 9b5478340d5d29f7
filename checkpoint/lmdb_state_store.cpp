#include "checkpoint/lmdb_state_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "checkpoint/lmdb_incoming.h"
#include "checkpoint/lmdb_new_keys.h"
#include "checkpoint/numbers.h"
#include "messages/assert.h"

namespace tagma {
namespace {

using lmdb::Environment;
using lmdb::Failed;
using lmdb::Tables;
using lmdb::Transaction;

/// Makes the names of files in the folder durable.
void sync_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool failed = descriptor < 0 || ::fsync(descriptor) != 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (failed) throw Failed{{DiskFailure::Kind::failed, folder + ": fsync: " + std::strerror(error)}};
}

/// Opens the tables; makes what is absent if that is allowed. Nothing is left of it if it is refused.
std::variant<Tables, StoreRefused> open_store(const LmdbOptions& options, const Environment& environment) {
  const bool looks = options.mode == LmdbOptions::Mode::look;
  Transaction transaction(environment, looks ? Transaction::Kind::read : Transaction::Kind::write);
  const lmdb::Table meta = lmdb::open_meta(transaction);
  Bytes format;
  append_number(format, lmdb::format_version);
  const auto found = read_meta(transaction, meta, lmdb::format_key);
  if (found && *found != format) {
    return StoreRefused{options.folder + ": the state is in a format that this version does not know"};
  }
  if (!found && options.mode != LmdbOptions::Mode::create) {
    throw StateDamaged(options.folder + ": table meta: the record of the format is missing");
  }
  const Tables tables = open_tables(transaction);
  if (!found) {
    if (transaction.entries(tables.keys) != 0) {
      throw StateDamaged(options.folder + ": table meta: the record of the format is missing");
    }
    write_meta(transaction, meta, lmdb::format_key, format);
    write_meta(transaction, meta, lmdb::owner_key, options.owner);
    write_roots(transaction, meta, {});
    write_head(transaction, meta, {0, options.make_hash()(empty_state_bytes())});
  } else if (const auto owner = read_meta(transaction, meta, lmdb::owner_key); !owner) {
    throw StateDamaged(options.folder + ": table meta: the record of the owner is missing");
  } else if (!looks && *owner != options.owner) {
    return StoreRefused{options.folder +
                        ": the state belongs to another replica or another cluster, or was made with other limits or "
                        "groups in cluster.toml"};
  }
  transaction.commit();
  return tables;
}

/// So many changes are looked up, taken into the tree and written before the next ones: the pages of their leaves,
/// which each of these steps goes to, stay in the processor's cache meanwhile.
constexpr std::size_t changes_at_once = 256;

/// An entry of an overlay and where its leaf lies.
struct Placed {
  Digest path;
  std::uint64_t front = 0;  ///< of the path: almost always enough to tell which of two comes first
  Overlay::const_iterator entry;
};

std::uint64_t front_of(const Digest& path) {
  std::uint64_t front = 0;
  for (std::size_t at = 0; at < sizeof front; ++at) front = front << 8U | path.bytes[at];
  return front;
}

/// In the order of the disk: several leaves of a page are then changed one after the other.
std::vector<Placed> in_order_of_paths(const StoredTree& tree, const Overlay& overlay) {
  std::vector<Placed> placed;
  placed.reserve(overlay.size());
  for (auto entry = overlay.begin(); entry != overlay.end(); ++entry) {
    const Digest path = tree.path(entry->first);
    placed.push_back({path, front_of(path), entry});
  }
  std::sort(placed.begin(), placed.end(), [](const Placed& left, const Placed& right) {
    return left.front != right.front ? left.front < right.front : left.path < right.path;
  });
  return placed;
}

/// An entry as the tree sees it.
struct Changed {
  Placed placed;
  StoredTree::Change change;
  bool same = false;  ///< the leaf that is there stays: asked is only whether the tree has it so
};

/// What leaves the state as it is costs one hash, for the path. Changes nothing yet: the tree must see the leaves as
/// they are. Also where nothing changes, so that neither a key that damage took away is forgotten nor an older leaf
/// that it brought back believed.
Changed changed(const Transaction& transaction, lmdb::Cursor& leaves, const StoredTree& tree, const Placed& placed) {
  const auto& [key, value] = *placed.entry;
  TAGMA_ASSERT(!key.empty() && key.size() <= lmdb::key_bytes_max, "execution keeps keys within their limit");
  Changed seen{.placed = placed, .change = {.path = placed.path, .leaf = std::nullopt, .there = false}, .same = false};
  auto& change = seen.change;
  if (const auto found = leaves.find(change.path.view())) {
    const auto leaf = read_leaf(transaction, change.path.view(), *found);
    if (leaf.key != key) {
      throw StateDamaged(transaction.environment().folder() + ": table leaves: the record of key " + to_hex(key) +
                         " is that of another key");
    }
    change.there = true;
    seen.same = value && leaf.value == *value;
    if (seen.same) change.leaf = leaf.digest;
  }
  if (value && !seen.same) change.leaf = tree.leaf(key, *value);
  return seen;
}

void write_changed(Transaction& transaction, const Tables& tables, lmdb::Cursor& leaves, lmdb::NewKeys& new_keys,
                   const Changed& changed) {
  const auto& [key, value] = *changed.placed.entry;
  const auto& [path, leaf, there] = changed.change;
  if (changed.same) return;
  if (value) {
    const lmdb::LeafRecord content{.key = key, .value = *value, .digest = *leaf};
    leaves.put(path.view(), lmdb::leaf_record(path, content));
    if (!there) new_keys.add(key);
  } else if (there) {
    transaction.erase(tables.leaves, path.view());
    transaction.erase(tables.keys, key);
  }
}

}  // namespace

LmdbStateStore::OpenResult LmdbStateStore::open(const LmdbOptions& options) {
  try {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(options.folder + "/data.mdb", error);
    if (options.mode != LmdbOptions::Mode::create && (error || bytes == 0)) {
      return StateDamaged(options.folder + ": the state is missing (" +
                          (error ? "no data.mdb)" : "data.mdb is empty)"));
    }
    const auto environment = std::make_shared<const Environment>(options.folder, options.map_bytes, lmdb::tables_max,
                                                                 options.mode == LmdbOptions::Mode::look);
    const auto tables = open_store(options, *environment);
    if (const auto* refused = std::get_if<StoreRefused>(&tables)) return *refused;
    if (options.mode == LmdbOptions::Mode::create) sync_folder(options.folder);
    return std::unique_ptr<LmdbStateStore>(new LmdbStateStore(options, std::get<Tables>(tables), environment));
  } catch (const Failed& failed) {
    return failed.failure;
  } catch (const StateDamaged& damaged) {
    return damaged;
  }
}

LmdbStateStore::LmdbStateStore(const LmdbOptions& options, const Tables& tables,
                               std::shared_ptr<const Environment> environment)
    : environment_(std::move(environment)),
      tables_(tables),
      make_hash_(options.make_hash),
      writer_hash_(make_hash_()),
      reader_(environment_, tables_, make_hash_) {}

/// Performs `write(transaction, tree)` in a transaction of its own.
template <typename Write>
std::optional<DiskFailure> LmdbStateStore::written(const Write& write) {
  try {
    Transaction transaction(*environment_, Transaction::Kind::write);
    bool wanted = false;
    {
      lmdb::TransactionNodes nodes(transaction, tables_);
      StoredTree tree(writer_hash_, nodes);
      wanted = write(transaction, tree);
    }
    if (wanted) transaction.commit();
    return std::nullopt;
  } catch (const Failed& failed) {
    return failed.failure;
  }
}

std::variant<Digest, DiskFailure> LmdbStateStore::write(Seq seq, const Overlay& overlay) {
  Digest root;
  const auto failure = written([&](Transaction& transaction, StoredTree& tree) {
    TAGMA_ASSERT(seq > read_head(transaction, tables_.meta).seq, "checkpoints are applied in rising order");
    check_root(transaction, tables_, tree);
    lmdb::Cursor leaves(transaction, tables_.leaves);
    lmdb::NewKeys new_keys(transaction, tables_.keys);
    std::vector<Changed> waiting;
    const auto apply_waiting = [&] {
      std::vector<StoredTree::Change> changes;
      changes.reserve(waiting.size());
      for (const auto& one : waiting) changes.push_back(one.change);
      root = tree.update(std::move(changes));
      for (const auto& one : waiting) write_changed(transaction, tables_, leaves, new_keys, one);
      waiting.clear();
    };
    for (const auto& placed : in_order_of_paths(tree, overlay)) {
      waiting.push_back(changed(transaction, leaves, tree, placed));
      if (waiting.size() == changes_at_once) apply_waiting();
    }
    apply_waiting();
    new_keys.write();
    auto roots = read_roots(transaction, tables_.meta);
    roots.push_back({seq, root});
    write_roots(transaction, tables_.meta, std::move(roots));
    write_head(transaction, tables_.meta, {seq, root});
    return true;
  });
  if (failure) return *failure;
  return root;
}

std::optional<DiskFailure> LmdbStateStore::stage(const std::vector<VerifiedPiece>& pieces) {
  return written([&](Transaction& transaction, StoredTree& tree) {
    lmdb::IncomingState incoming(transaction, tables_, tree);
    for (const auto& piece : pieces) incoming.stage(piece);
    return true;
  });
}

std::variant<StagedPieces, StagedDiscarded, DiskFailure> LmdbStateStore::staged() {
  try {
    return lmdb::staged_pieces(Transaction(*environment_, Transaction::Kind::read), tables_);
  } catch (const Failed& failed) {
    return failed.failure;
  } catch (const StagedDamaged& damaged) {
    if (auto not_discarded = discard_staged()) return *std::move(not_discarded);
    return StagedDiscarded{damaged.reason()};
  }
}

std::variant<Digest, RootDiffers, DiskFailure> LmdbStateStore::install(Seq seq, const Digest& root,
                                                                       const std::set<NibblePrefix>& cover) {
  Digest installed;
  const auto take = [&](Transaction& transaction, StoredTree& tree) {
    TAGMA_ASSERT(seq >= read_head(transaction, tables_.meta).seq, "a replica does not go back");
    check_root(transaction, tables_, tree);
    installed = lmdb::IncomingState(transaction, tables_, tree).install(cover);
    if (installed != root) return false;
    write_roots(transaction, tables_.meta, {{seq, root}});
    write_head(transaction, tables_.meta, {seq, root});
    return true;
  };
  try {
    if (const auto failure = written(take)) return *failure;
  } catch (const StagedDamaged&) {
    installed = {};  // nothing was committed, and the state is whole
  }
  if (installed == root) return root;
  if (const auto not_discarded = discard_staged()) return *not_discarded;
  return RootDiffers{installed};
}

std::optional<DiskFailure> LmdbStateStore::change_owner(const Bytes& owner) {
  return written([&](Transaction& transaction, StoredTree& /*tree*/) {
    write_meta(transaction, tables_.meta, lmdb::owner_key, owner);
    return true;
  });
}

std::optional<DiskFailure> LmdbStateStore::discard_staged() {
  return written([this](Transaction& transaction, StoredTree& tree) {
    lmdb::IncomingState(transaction, tables_, tree).discard();
    return true;
  });
}

}  // namespace tagma
