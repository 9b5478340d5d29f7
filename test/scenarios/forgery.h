// What a faulty replica says that its process would not.
#pragma once

#include "test/scenarios/scenario.h"
#include "test/scenarios/words.h"

namespace tagma::test {

/// `forge KIND from P to P ...`, without its first word.
[[nodiscard]] Action forge(Words& words);

/// The batch of this name; throws ScenarioError where there is none.
[[nodiscard]] SharedBatch batch_named(const World& world, const std::string& name);
[[nodiscard]] Digest digest_of(const Batch& batch);

}  // namespace tagma::test
