// What a scenario demands of a moment.
#pragma once

#include "test/scenarios/scenario.h"
#include "test/scenarios/words.h"

namespace tagma::test {

/// `expect ...`, without its first word.
[[nodiscard]] Action expectation(Words& words);

}  // namespace tagma::test
