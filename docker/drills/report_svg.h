// Shapes of the report's drawings. What lies along the time axis is given in parts of the width, 0 to 1, so that a
// drawing fills any window while its text keeps its size; heights are pixels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "docker/drills/report_series.h"

namespace tagma::drills {

/// 0.125 as "12.5%".
[[nodiscard]] std::string width_percent(double part);

/// `<title>`: what is shown where the pointer rests, and read aloud.
[[nodiscard]] std::string title_element(const std::string& text);

struct Box {
  double from = 0;  ///< part of the width
  double to = 0;
  double y = 0;
  double height = 0;
};
/// A rectangle of a class of the style sheet; `hint` is its title, where there is one.
[[nodiscard]] std::string rectangle(std::string_view style, const Box& box, const std::string& hint = "");

[[nodiscard]] std::string level_line(std::string_view style, double y);
[[nodiscard]] std::string upright_line(std::string_view style, double part, double y1, double y2);

/// Text that begins (or ends, by `style`) so many pixels from a part of the width.
[[nodiscard]] std::string text_at(std::string_view style, double part, double offset, double y,
                                  const std::string& text);

/// Paths whose x are columns, of `count` in the whole width, and whose y are pixels below `y`.
[[nodiscard]] std::string stretched(double y, double height, const std::string& paths, std::size_t count = columns_max);
[[nodiscard]] std::string path(std::string_view style, const std::string& points);

/// Where a value stands in a panel's height.
class Scale {
 public:
  [[nodiscard]] static Scale linear(double greatest, double height);
  /// From a power of ten to a power of ten.
  [[nodiscard]] static Scale logarithmic(double least, double greatest, double height);

  [[nodiscard]] double y_of(double value) const;
  [[nodiscard]] double top() const { return high_; }
  /// Where lines are drawn across: few, and round numbers.
  [[nodiscard]] const std::vector<double>& ticks() const { return ticks_; }

 private:
  Scale(double low, double high, double height, bool logarithmic);

  double low_;
  double high_;
  double height_;
  bool logarithmic_;
  std::vector<double> ticks_;
};

/// The values as steps; within a column with several, down to the least and up to the greatest.
[[nodiscard]] std::string step_points(const std::vector<Column>& columns, const Scale& scale);
/// What lies below the least, or the greatest, of each column.
[[nodiscard]] std::string area_points(const std::vector<Column>& columns, const Scale& scale, double Column::*value);

/// The least of 1, 2, 5, 10, 20 ... that is no less.
[[nodiscard]] double round_up(double number);

}  // namespace tagma::drills
