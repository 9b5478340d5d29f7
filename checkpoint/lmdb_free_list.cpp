#include "checkpoint/lmdb_free_list.h"

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace tagma::lmdb {
namespace {

// LMDB's own two tables, which have these handles everywhere: the free pages, and the names and roots of the others.
constexpr Table free_pages_table = 0;
constexpr Table names_table = 1;
/// The first pages of the file, which no table has.
constexpr std::uint64_t meta_pages = 2;

/// LMDB writes these numbers in the machine's order and without alignment.
std::size_t number_at(ByteView bytes, std::size_t index) {
  std::size_t number = 0;
  std::memcpy(&number, bytes.data() + index * sizeof number, sizeof number);
  return number;
}

/// A record is what one transaction freed: its number is the key; then how many pages, and their numbers, in falling
/// order.
class FreeList {
 public:
  FreeList(const Transaction& transaction, const MDB_envinfo& file)
      : transaction_(transaction), transaction_number_(mdb_txn_id(transaction.handle())) {
    // Another process or thread may have written meanwhile: then the file is larger than what this reader sees.
    newest_ = file.me_last_txnid == transaction_number_;
    last_page_ = file.me_last_pgno;
    MDB_stat stat{};
    transaction_.check(mdb_stat(transaction_.handle(), free_pages_table, &stat), "mdb_stat");
    entries_ = stat.ms_entries;
    if (last_page_ < meta_pages - 1 || last_page_ >= file.me_mapsize / stat.ms_psize) damaged("the last page's number");
    free_.resize(last_page_ + 1);
  }

  void check(const Tables& tables) {
    std::uint64_t records = 0;
    Cursor cursor(transaction_, free_pages_table);
    for (auto entry = cursor.seek({}); entry; entry = cursor.next()) {
      check_record(entry->first, entry->second);
      ++records;
    }
    if (records != entries_) damaged(std::to_string(records) + " records of " + std::to_string(entries_));
    if (newest_) check_sum(tables);
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    throw StateDamaged(transaction_.environment().folder() + ": LMDB's list of free pages is damaged: " + what);
  }

  void check_record(ByteView key, ByteView record) {
    constexpr std::size_t number_bytes = sizeof(std::size_t);
    if (key.size() != number_bytes) damaged("a record's key has " + std::to_string(key.size()) + " bytes");
    const std::size_t freed_by = number_at(key, 0);
    const std::string name = "the record of transaction " + std::to_string(freed_by);
    if (freed_by == 0 || freed_by > transaction_number_) damaged(name + ", which has not been");
    if (record.size() < number_bytes || record.size() % number_bytes != 0) {
      damaged(name + " has " + std::to_string(record.size()) + " bytes");
    }
    const std::size_t count = number_at(record, 0);
    // LMDB may keep room for more pages than there are.
    if (count > record.size() / number_bytes - 1)
      damaged(name + " is too short for " + std::to_string(count) + " pages");
    std::size_t before = std::numeric_limits<std::size_t>::max();
    for (std::size_t index = 1; index <= count; ++index) {
      const std::size_t page = number_at(record, index);
      if (page < meta_pages || page > last_page_)
        damaged(name + " names page " + std::to_string(page) + ", which is none");
      if (page >= before) damaged(name + " is not in order");
      if (free_[page]) damaged("page " + std::to_string(page) + " is in it twice");
      free_[page] = true;
      before = page;
    }
    free_pages_ += count;
  }

  /// That no more pages are in use or free than the file has: so far as LMDB's own numbers are right, none that is in
  /// use is free. Fewer are no damage: a page that is neither is lost room, and nobody is harmed.
  void check_sum(const Tables& tables) const {
    std::uint64_t in_use = 0;
    for (const Table table : std::array{free_pages_table, names_table, tables.leaves, tables.keys, tables.nodes,
                                        tables.meta, tables.pieces}) {
      MDB_stat stat{};
      transaction_.check(mdb_stat(transaction_.handle(), table, &stat), "mdb_stat");
      in_use += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    }
    if (meta_pages + in_use + free_pages_ <= last_page_ + 1) return;
    damaged(std::to_string(in_use) + " pages in use and " + std::to_string(free_pages_) +
            " free ones are more than the " + std::to_string(last_page_ + 1 - meta_pages) + " of the file");
  }

  const Transaction& transaction_;
  std::size_t transaction_number_;
  bool newest_ = false;
  std::size_t last_page_ = 0;
  std::size_t entries_ = 0;
  std::vector<bool> free_;  ///< by page
  std::uint64_t free_pages_ = 0;
};

}  // namespace

void check_free_list(const Transaction& transaction, const Tables& tables) {
  MDB_envinfo file{};
  transaction.check(mdb_env_info(transaction.environment().handle(), &file), "mdb_env_info");
  FreeList(transaction, file).check(tables);
}

}  // namespace tagma::lmdb
