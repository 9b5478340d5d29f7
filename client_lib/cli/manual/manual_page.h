// The manual page tagma(1): a hand-written head and tail around what the commands say of themselves.
#pragma once

#include <iosfwd>
#include <string>

namespace tagma::cli {

struct ManualText {
  std::string date;  ///< "2026-01-31"
  std::string head;  ///< everything in front of the commands, in the macros of man(7)
  std::string tail;  ///< everything behind
};

void write_manual_page(const ManualText& text, std::ostream& out);

}  // namespace tagma::cli
