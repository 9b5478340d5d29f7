#include "checkpoint/lmdb_new_keys.h"

#include <algorithm>

namespace tagma::lmdb {
namespace {

constexpr std::size_t gathered_bytes_max = 64UL * 1024 * 1024;

}  // namespace

void NewKeys::add(ByteView key) {
  bytes_.append(key);
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  if (bytes_.size() >= gathered_bytes_max) write();
}

void NewKeys::write() {
  std::vector<ByteView> keys;
  keys.reserve(ends_.size());
  std::size_t from = 0;
  for (const std::size_t end : ends_) {
    keys.push_back(ByteView(bytes_).substr(from, end - from));
    from = end;
  }
  std::sort(keys.begin(), keys.end());
  const bool above_all = transaction_.entries(keys_) == 0;
  Cursor cursor(transaction_, keys_);
  for (const auto& key : keys) write_key(cursor, key, above_all);
  bytes_.clear();
  ends_.clear();
}

}  // namespace tagma::lmdb
