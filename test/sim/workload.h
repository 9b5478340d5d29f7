// What clients ask for, and what they learn from the answers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "messages/messages.h"
#include "test/checkers/execution_oracle.h"
#include "test/checkers/linearizability.h"
#include "test/sim/coverage.h"
#include "test/sim/options.h"
#include "test/sim/random.h"

namespace tagma::sim {

/// One operation that a simulated client submits.
struct Planned {
  enum class Kind : std::uint8_t { put, get, erase, compare, scan, hostile };
  Kind kind = Kind::get;
  Bytes bytes;          ///< what is submitted
  bool unseen = false;  ///< names no service: nobody executes it
  Bytes key;            ///< scan: its begin
  Bytes end;            ///< scan: its end
  Bytes value;
  Bytes expected;
};

class Workload {
 public:
  Workload(const SimOptions& options, Coverage& coverage);

  [[nodiscard]] Planned plan(const checkers::RequestKey& request);
  /// Every key that correct clients use, in order.
  [[nodiscard]] const std::vector<Bytes>& keys() const { return keys_; }

 private:
  [[nodiscard]] Planned plan_hostile(const checkers::RequestKey& request);
  [[nodiscard]] Bytes draw_key();
  [[nodiscard]] Bytes draw_value(const checkers::RequestKey& request);

  WorkloadOptions options_;
  Coverage& coverage_;
  Random random_;
  std::vector<Bytes> keys_;
  std::vector<Bytes> recent_;  ///< values written lately: what a compare-and-set may expect
};

/// The kv operation in the words of the service, behind a tag.
[[nodiscard]] Bytes kv_operation(const checkers::RequestKey& request, const std::vector<Bytes>& words);

/// What the answer says about the keys: one operation per key, a scan is a read of every key in its range. An unknown
/// outcome has no `result`. False if the answer itself is not one that the service may give.
[[nodiscard]] bool observed(const Planned& planned, const Bytes* result, const checkers::KvOperation& frame,
                            const std::vector<Bytes>& keys, std::vector<checkers::KvOperation>& history);

}  // namespace tagma::sim
