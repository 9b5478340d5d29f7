// What every fuzz target defines. entry.cpp hands it libFuzzer's inputs, replay.cpp those that lie in files.
#pragma once

#include "tagma/bytes.h"

namespace tagma::fuzz {

/// Judges one input: returns, or ends the process by an assertion (or a sanitizer) where a promise does not hold. Keeps
/// nothing from one input to the next that changes how the next is judged.
void judge(ByteView input);

}  // namespace tagma::fuzz
