#include "checkpoint/lmdb_handles.h"

#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "messages/assert.h"

namespace tagma::lmdb {
namespace {

constexpr mdb_mode_t file_mode = 0600;

MDB_val borrowed(ByteView bytes) {
  // LMDB's argument is not const, but it only reads through it.
  return {bytes.size(), const_cast<char*>(bytes.data())};  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

ByteView view(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

}  // namespace

Environment::Environment(std::string folder, std::uint64_t map_bytes, unsigned tables_max, bool read_only)
    : folder_(std::move(folder)) {
  MDB_env* handle = nullptr;
  check(mdb_env_create(&handle), "mdb_env_create");
  handle_.reset(handle);
  check(mdb_env_set_mapsize(handle, map_bytes), "mdb_env_set_mapsize");
  check(mdb_env_set_maxdbs(handle, tables_max), "mdb_env_set_maxdbs");
  // Transactions belong to whoever holds them and not to a thread: the reader's stays open while others write.
  check(mdb_env_open(handle, folder_.c_str(), MDB_NOTLS | (read_only ? MDB_RDONLY : 0U), file_mode), "mdb_env_open");
  // LMDB reads pages where they should be: behind the end of a file that was cut off waits a signal.
  const Size size = this->size();
  struct stat file {};
  if (::stat((folder_ + "/data.mdb").c_str(), &file) != 0) check(errno, "stat");
  if (static_cast<std::uint64_t>(file.st_size) < size.file_bytes) {
    throw StateDamaged(folder_ + ": data.mdb was cut off: it has " + std::to_string(file.st_size) + " of " +
                       std::to_string(size.file_bytes) + " bytes");
  }
}

Environment::Size Environment::size() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  check(mdb_env_info(handle_.get(), &info), "mdb_env_info");
  check(mdb_env_stat(handle_.get(), &stat), "mdb_env_stat");
  return {.file_bytes = (info.me_last_pgno + 1) * stat.ms_psize, .map_bytes = info.me_mapsize};
}

void Environment::check(int code, const char* call) const {
  if (code == MDB_SUCCESS) return;
  const std::string reason = folder_ + ": " + call + ": " + mdb_strerror(code);
  switch (code) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EFBIG:
    case EDQUOT: throw Failed{{DiskFailure::Kind::no_space, reason}};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_NOTFOUND:
    case MDB_INCOMPATIBLE: throw StateDamaged(reason);
    // MDB_PANIC and MDB_BAD_TXN too: what an earlier write that the device refused leaves tells nothing of the disk.
    default: throw Failed{{DiskFailure::Kind::failed, reason}};
  }
}

void Transaction::check(int code, const char* call) const {
  try {
    environment_->check(code, call);
  } catch (const Failed& failed) {
    // No memory says nothing about what is on the disk.
    if (kind_ == Kind::read && code != ENOMEM) throw StateDamaged(failed.failure.reason);
    throw;
  }
}

Transaction::Transaction(const Environment& environment, Kind kind) : environment_(&environment), kind_(kind) {
  MDB_txn* handle = nullptr;
  const unsigned flags = kind == Kind::read ? MDB_RDONLY : 0U;
  environment.check(mdb_txn_begin(environment.handle(), nullptr, flags, &handle), "mdb_txn_begin");
  handle_.reset(handle);
}

Table Transaction::table(const char* name) {
  Table table = 0;
  check(mdb_dbi_open(handle_.get(), name, kind_ == Kind::write ? MDB_CREATE : 0U, &table), "mdb_dbi_open");
  return table;
}

std::optional<ByteView> Transaction::get(Table table, ByteView key) const {
  MDB_val wanted = borrowed(key);
  MDB_val found{};
  const int code = mdb_get(handle_.get(), table, &wanted, &found);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check(code, "mdb_get");
  return record(found);
}

ByteView Transaction::record(const MDB_val& value) const {
  if (value.mv_size <= record_bytes_max) return view(value);
  throw StateDamaged(environment_->folder() + ": a record has " + std::to_string(value.mv_size) +
                     " bytes, which none has");
}

void Transaction::put(Table table, ByteView key, ByteView value, unsigned flags) {
  TAGMA_ASSERT(value.size() <= record_bytes_max, "execution keeps values within their limit");
  MDB_val wanted = borrowed(key);
  MDB_val written = borrowed(value);
  check(mdb_put(handle_.get(), table, &wanted, &written, flags), "mdb_put");
}

void Transaction::put(Table table, ByteView key, ByteView value) { put(table, key, value, 0); }

void Transaction::append(Table table, ByteView key, ByteView value) { put(table, key, value, MDB_APPEND); }

void Transaction::erase(Table table, ByteView key) {
  MDB_val wanted = borrowed(key);
  check(mdb_del(handle_.get(), table, &wanted, nullptr), "mdb_del");
}

void Transaction::clear(Table table) { check(mdb_drop(handle_.get(), table, 0), "mdb_drop"); }

std::uint64_t Transaction::entries(Table table) const {
  MDB_stat stat{};
  check(mdb_stat(handle_.get(), table, &stat), "mdb_stat");
  return stat.ms_entries;
}

std::uint64_t Transaction::bytes(Table table) const {
  MDB_stat stat{};
  check(mdb_stat(handle_.get(), table, &stat), "mdb_stat");
  return std::uint64_t{stat.ms_psize} * (stat.ms_leaf_pages + stat.ms_overflow_pages);
}

void Transaction::commit() {
  errno = 0;
  // LMDB frees the transaction whether it could be committed or not.
  const int code = mdb_txn_commit(handle_.release());
  // Of a write that took only a part, as on a disk that is almost full, it says EIO although no call failed. Nothing of
  // the transaction counts then, and it can be tried again; after a call that failed it must not be (attack K4).
  const bool part_written = code == EIO && errno == 0;
  check(part_written ? ENOSPC : code, "mdb_txn_commit");
}

void Transaction::renew() {
  mdb_txn_reset(handle_.get());
  check(mdb_txn_renew(handle_.get()), "mdb_txn_renew");
}

Cursor::Cursor(const Transaction& transaction, Table table) : transaction_(transaction) {
  MDB_cursor* handle = nullptr;
  transaction.check(mdb_cursor_open(transaction.handle(), table, &handle), "mdb_cursor_open");
  handle_.reset(handle);
}

Cursor::Entry Cursor::entry_at(ByteView from, MDB_cursor_op operation) {
  MDB_val key = borrowed(from);
  MDB_val value{};
  const int code = mdb_cursor_get(handle_.get(), &key, &value, operation);
  if (code == MDB_NOTFOUND) return std::nullopt;
  transaction_.check(code, "mdb_cursor_get");
  return std::pair(view(key), transaction_.record(value));
}

Cursor::Entry Cursor::seek(ByteView from) { return entry_at(from, from.empty() ? MDB_FIRST : MDB_SET_RANGE); }

Cursor::Entry Cursor::next() { return entry_at({}, MDB_NEXT); }

void Cursor::renew() { transaction_.check(mdb_cursor_renew(transaction_.handle(), handle_.get()), "mdb_cursor_renew"); }

std::optional<ByteView> Cursor::find(ByteView key) {
  const auto entry = entry_at(key, MDB_SET_KEY);
  if (!entry) return std::nullopt;
  return entry->second;
}

void Cursor::put(ByteView key, ByteView value, unsigned flags) {
  TAGMA_ASSERT(value.size() <= record_bytes_max, "execution keeps values within their limit");
  MDB_val wanted = borrowed(key);
  MDB_val written = borrowed(value);
  transaction_.check(mdb_cursor_put(handle_.get(), &wanted, &written, flags), "mdb_cursor_put");
}

void Cursor::put(ByteView key, ByteView value) { put(key, value, 0); }

void Cursor::append(ByteView key, ByteView value) { put(key, value, MDB_APPEND); }

}  // namespace tagma::lmdb
