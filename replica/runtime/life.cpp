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
  if (*mark && (*mark)->cluster == cluster) {
    // What was ahead of the disk when the process ended had left it perhaps, and is lost.
    const bool remembers = on_disk && !(*mark)->ahead_of_disk;
    return remembers ? Life{.nonce = (*mark)->life, .begins = false} : new_life();
  }
  if (*mark && on_disk) {
    return Refused{data.path() +
                   ": holds the data of another cluster; give --data another directory, or remove this one"};
  }
  for (const auto& folder : {secret_folder, data.path()}) {
    const auto permitted = has_genesis(folder, cluster);
    if (!permitted) return Refused{permitted.reason()};
    if (*permitted) return Life{.nonce = {}, .begins = true};
  }
  return new_life();
}

std::optional<Refused> begin_life(const DataDirectory& data, const ClusterId& cluster, const Life& life,
                                  Durability durability, const std::string& secret_folder) {
  const bool ahead = durability == Durability::async;
  if (life.begins || ahead) {
    const StartMark mark{.cluster = cluster, .life = life.nonce, .ahead_of_disk = ahead};
    if (auto refused = data.write_mark(mark)) return refused;
  }
  // Also where the process ended in between the last time. The secret's folder may be one that nobody can write.
  for (const auto& folder : {secret_folder, data.path()}) {
    const auto permitted = has_genesis(folder, cluster);
    if (!permitted) return Refused{permitted.reason()};
    if (!*permitted) continue;
    if (auto refused = remove_genesis(folder)) return refused;
  }
  return std::nullopt;
}

std::optional<Refused> end_cleanly(const DataDirectory& data, const ClusterId& cluster, const Life& life,
                                   Durability durability) {
  if (durability != Durability::async) return std::nullopt;
  return data.write_mark({.cluster = cluster, .life = life.nonce, .ahead_of_disk = false});
}

}  // namespace tagma::runtime
