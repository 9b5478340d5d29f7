// The part of the page that tells one drill.
#pragma once

#include <string>

#include "docker/drills/drill_result.h"
#include "docker/drills/report_verdict.h"

namespace tagma::drills {

/// A drill in the page.
struct Entry {
  const DrillResult* drill = nullptr;
  Verdict verdict = Verdict::skipped;
  std::string anchor;  ///< unique in the page, and safe as an attribute
};

/// A tick, a cross or a dash, drawn.
[[nodiscard]] std::string verdict_sign(Verdict verdict);
/// The sign and the word.
[[nodiscard]] std::string verdict_badge(Verdict verdict);

/// The drill's rows of the catalogue of attacks, each a label.
[[nodiscard]] std::string row_labels(const DrillResult& drill);

/// "93.1%", and below it whether that is within the aim.
[[nodiscard]] std::string cost_text(const Cost& cost);

/// `open`: not folded away.
[[nodiscard]] std::string drill_section(const Entry& entry, bool open);

}  // namespace tagma::drills
