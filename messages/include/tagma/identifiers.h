// The numbers by which everything is named. What each means is told once, in the README's table of words.
#pragma once

#include <cstdint>

namespace tagma {

using ReplicaId = std::uint32_t;      ///< 0..n-1
using ClientId = std::uint32_t;       ///< 0.., from cluster.toml
using AdminId = std::uint32_t;        ///< 0.., from cluster.toml
using Epoch = std::uint64_t;          ///< number of a configuration; 0 is that of the genesis
using Incarnation = std::uint64_t;    ///< raised by a replica that has lost its memory
using View = std::uint64_t;           ///< leadership period; its primary is replica (view mod n)
using Seq = std::uint64_t;            ///< a slot's number in the total order, from 1; 0 is "before the first"
using SessionId = std::uint64_t;      ///< chosen by the client, rising; never 0
using RequestNumber = std::uint64_t;  ///< position of a request in its session, from 1, without gaps

/// Microseconds since the Unix epoch: proposed and agreed time.
using TimeUs = std::int64_t;

}  // namespace tagma
