// How the page looks, and the little that it does: all of it inline, for the page is to be read without a network.
#pragma once

#include <string_view>
#include <vector>

namespace tagma::drills {

/// In parts, in this order.
[[nodiscard]] std::vector<std::string_view> style_sheet();
/// Opens a drill that a link leads to, and all of them for printing. The page can be read without it.
[[nodiscard]] std::string_view script();

}  // namespace tagma::drills
