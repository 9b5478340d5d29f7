// LMDB's environment, transactions and cursors as values that end by themselves, with its error codes told apart.
// For this room and for measurements.
#pragma once

#include <lmdb.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "checkpoint/disk.h"
#include "checkpoint/state_damaged.h"

namespace tagma::lmdb {

/// Thrown where the disk did not do what was asked. Stays within the room: its functions return the failure.
struct Failed {
  DiskFailure failure;
};

using Table = MDB_dbi;

/// One folder, open in this process once.
class Environment {
 public:
  /// Throws Failed or StateDamaged. Files get mode 0600. `map_bytes`: address space, of which the file takes as much
  /// as it needs.
  Environment(std::string folder, std::uint64_t map_bytes, unsigned tables_max, bool read_only);

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] MDB_env* handle() const { return handle_.get(); }
  struct Size {
    std::uint64_t file_bytes = 0;
    std::uint64_t map_bytes = 0;
  };
  [[nodiscard]] Size size() const;
  /// Throws Failed for what an operator can mend (no room) or the device did, StateDamaged for what LMDB finds wrong
  /// with its file; returns for MDB_SUCCESS.
  void check(int code, const char* call) const;

 private:
  struct Close {
    void operator()(MDB_env* handle) const { mdb_env_close(handle); }
  };
  std::string folder_;
  std::unique_ptr<MDB_env, Close> handle_;
};

/// Aborted where it is not committed. For one thread at a time.
class Transaction {
 public:
  enum class Kind { read, write };
  Transaction(const Environment& environment, Kind kind);

  /// Opens a table; a writer makes it if it is absent. It stays open once the transaction is committed.
  [[nodiscard]] Table table(const char* name);
  /// Borrowed until the transaction changes something or ends. `key` has 1 to key_bytes_max bytes.
  [[nodiscard]] std::optional<ByteView> get(Table table, ByteView key) const;
  void put(Table table, ByteView key, ByteView value);
  /// The same for a key above all that are there, which saves the search for its place.
  void append(Table table, ByteView key, ByteView value);
  /// What is there.
  void erase(Table table, ByteView key);
  /// All that is there.
  void clear(Table table);
  [[nodiscard]] std::uint64_t entries(Table table) const;
  /// That its leaf pages take.
  [[nodiscard]] std::uint64_t bytes(Table table) const;
  /// Durable on return; nothing else may be called then.
  void commit();
  /// A reader sees the newest state from now on.
  void renew();

  /// As Environment::check(); but whatever keeps a reader from reading is StateDamaged.
  void check(int code, const char* call) const;
  /// What LMDB found.
  [[nodiscard]] ByteView record(const MDB_val& value) const;
  [[nodiscard]] MDB_txn* handle() const { return handle_.get(); }
  [[nodiscard]] const Environment& environment() const { return *environment_; }

 private:
  void put(Table table, ByteView key, ByteView value, unsigned flags);

  struct Abort {
    void operator()(MDB_txn* handle) const { mdb_txn_abort(handle); }
  };
  const Environment* environment_;
  Kind kind_;
  std::unique_ptr<MDB_txn, Abort> handle_;
};

/// Goes through a table in the order of its keys. What it returns is borrowed from the transaction. A record longer
/// than any that is written is StateDamaged, here and in Transaction::get(). It must not outlive the transaction. Keys
/// that are asked for, or written, in rising order are found without a search where they lie on the same page.
class Cursor {
 public:
  using Entry = std::optional<std::pair<ByteView, ByteView>>;
  Cursor(const Transaction& transaction, Table table);

  /// The first entry whose key is >= `from`.
  [[nodiscard]] Entry seek(ByteView from);
  [[nodiscard]] Entry next();
  /// Of a reader, once its transaction was renewed.
  void renew();
  /// As Transaction::get().
  [[nodiscard]] std::optional<ByteView> find(ByteView key);
  /// As Transaction::put().
  void put(ByteView key, ByteView value);
  /// As Transaction::append().
  void append(ByteView key, ByteView value);

 private:
  struct Close {
    void operator()(MDB_cursor* handle) const { mdb_cursor_close(handle); }
  };
  [[nodiscard]] Entry entry_at(ByteView from, MDB_cursor_op operation);
  void put(ByteView key, ByteView value, unsigned flags);

  const Transaction& transaction_;
  std::unique_ptr<MDB_cursor, Close> handle_;
};

/// Of every LMDB that Debian builds.
inline constexpr std::size_t key_bytes_max = 511;
/// More than any record has: the largest by `state_key::value_bytes_max` is a run of replies of one
/// bundle, 256 of 128 KiB each, though execution begins a new run after 256 KiB. LMDB believes the lengths in its
/// pages, and a damaged one is not to be read, nor memory to be taken for it.
inline constexpr std::size_t record_bytes_max = 48UL * 1024 * 1024;

}  // namespace tagma::lmdb
