// Records of a store on disk that a test changes behind its back.
#pragma once

#include <doctest/doctest.h>
#include <lmdb.h>

#include "test/unit/checkpoint/lmdb_support.h"

namespace tagma {

/// The records of one table, changed behind the store's back.
class Tampered {
 public:
  explicit Tampered(const Folder& folder) {
    REQUIRE(mdb_env_create(&environment_) == 0);
    REQUIRE(mdb_env_set_maxdbs(environment_, 5) == 0);
    REQUIRE(mdb_env_set_mapsize(environment_, 64UL * 1024 * 1024) == 0);
    REQUIRE(mdb_env_open(environment_, folder.path().c_str(), 0, 0600) == 0);
    REQUIRE(mdb_txn_begin(environment_, nullptr, 0, &transaction_) == 0);
  }
  ~Tampered() {
    mdb_txn_commit(transaction_);
    mdb_env_close(environment_);
  }
  Tampered(const Tampered&) = delete;
  Tampered& operator=(const Tampered&) = delete;

  Model records(const char* table) {
    Model records;
    MDB_cursor* cursor = nullptr;
    REQUIRE(mdb_cursor_open(transaction_, opened(table), &cursor) == 0);
    MDB_val key{};
    MDB_val value{};
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
      records.emplace(Bytes(static_cast<char*>(key.mv_data), key.mv_size),
                      Bytes(static_cast<char*>(value.mv_data), value.mv_size));
    }
    mdb_cursor_close(cursor);
    return records;
  }
  void put(const char* table, Bytes key, Bytes value) {
    MDB_val key_of{key.size(), key.data()};
    MDB_val value_of{value.size(), value.data()};
    REQUIRE(mdb_put(transaction_, opened(table), &key_of, &value_of, 0) == 0);
  }
  void erase(const char* table, Bytes key) {
    MDB_val key_of{key.size(), key.data()};
    REQUIRE(mdb_del(transaction_, opened(table), &key_of, nullptr) == 0);
  }

 private:
  MDB_dbi opened(const char* table) {
    MDB_dbi handle = 0;
    REQUIRE(mdb_dbi_open(transaction_, table, 0, &handle) == 0);
    return handle;
  }
  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
};

}  // namespace tagma
