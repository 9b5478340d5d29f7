#include "replica/runtime/life.h"

#include "crypto/digest.h"
#include "messages/assert.h"
#include "messages/cluster_file/genesis.h"

namespace tagma::runtime {

Life new_life() {
  Life life{.nonce = {}, .begins = true};
  const bool copied = digest_from_bytes(crypto::random_bytes(Digest::size_bytes), life.nonce);
  TAGMA_ASSERT(copied, "random_bytes() gives as many bytes as asked for");
  return life;
}

Result<Life> life_at_start(const DataDirectory& data, const ClusterId& cluster, Durability durability,
                           const std::string& secret_folder) {
  const auto mark = data.mark();
  if (!mark) return Refused{mark.reason()};
  const bool on_disk = durability != Durability::memory;
  if (*mark && (*mark)->cluster == cluster) return on_disk ? Life{.nonce = (*mark)->life, .begins = false} : new_life();
  if (*mark && on_disk) {
    return Refused{data.path() +
                   ": holds the data of another cluster; give --data another directory, or remove this one"};
  }
  const bool permitted = has_genesis(secret_folder, cluster) || has_genesis(data.path(), cluster);
  return permitted ? Life{.nonce = {}, .begins = true} : new_life();
}

std::optional<Refused> begin_life(const DataDirectory& data, const ClusterId& cluster, const Life& life,
                                  const std::string& secret_folder) {
  if (life.begins) {
    if (auto refused = data.write_mark({.cluster = cluster, .life = life.nonce})) return refused;
  }
  // Also where the process ended in between the last time.
  for (const auto& folder : {secret_folder, data.path()}) {
    if (!has_genesis(folder, cluster)) continue;
    if (auto refused = remove_genesis(folder)) return refused;
  }
  return std::nullopt;
}

}  // namespace tagma::runtime
