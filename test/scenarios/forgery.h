// What a faulty replica says that its process would not.
#pragma once

#include "test/scenarios/scenario.h"
#include "test/scenarios/words.h"

namespace tagma::test {

/// `forge KIND from P to P ...`, without its first word.
[[nodiscard]] Action forge(Words& words);

}  // namespace tagma::test
