// Where the state and the recent past of one replica are read from. Private to client_lib.
#pragma once

#include <string>
#include <vector>

#include "messages/inspection.h"
#include "tagma/result.h"

namespace tagma {

/// One replica's word about itself: nothing of it is believed that is not held against a root. A running replica is one
/// source (admin_client.h); the data directory of a stopped one can be another. A refusal means that there was no
/// answer, and why.
class StateSource {
 public:
  StateSource() = default;
  StateSource(const StateSource&) = delete;
  StateSource& operator=(const StateSource&) = delete;
  virtual ~StateSource() = default;

  /// As a person would say it: "replica 2".
  [[nodiscard]] virtual std::string name() const = 0;

  [[nodiscard]] virtual Result<History> history(Seq first, std::uint32_t count) = 0;
  /// The three below speak of the newest checkpoint, which may have become another than `seq`: the answer says so.
  [[nodiscard]] virtual Result<StateNodes> nodes(Seq seq, const std::vector<NibblePrefix>& prefixes) = 0;
  [[nodiscard]] virtual Result<StateKeys> keys(Seq seq, const Bytes& from) = 0;
  [[nodiscard]] virtual Result<StateValues> values(Seq seq, const std::vector<Bytes>& keys) = 0;
};

}  // namespace tagma
