/**
 * @file
 * @brief The numbers by which everything is named. What each word means is told once, in the README's table of words.
 */
#pragma once

#include <cstdint>

namespace tagma {

using ReplicaId = std::uint32_t;      ///< a replica of the cluster file: 0 to n-1
using ClientId = std::uint32_t;       ///< a client of the cluster file, from 0
using AdminId = std::uint32_t;        ///< an administrator of the cluster file, from 0
using Epoch = std::uint64_t;          ///< number of a configuration (Schneider 1990, section 7); 0 is the genesis
using Incarnation = std::uint64_t;    ///< raised by a replica that has lost its memory; 0 is its first life
using View = std::uint64_t;           ///< leadership period, from 0; its primary is replica (view mod n)
using Seq = std::uint64_t;            ///< a slot's number in the total order, from 1; 0 is "before the first"
using SessionId = std::uint64_t;      ///< one client's numbered sequence of requests; chosen by it, rising, never 0
using RequestNumber = std::uint64_t;  ///< position of a request in its session, from 1, without gaps

/// Microseconds since 1970-01-01 00:00 UTC, leap seconds aside: proposed and agreed time.
using TimeUs = std::int64_t;

}  // namespace tagma
