#include "docker/drills/report_svg.h"

#include <algorithm>
#include <cmath>

#include "docker/drills/report_text.h"

namespace tagma::drills {
namespace {

std::string attribute(std::string_view name, const std::string& value) {
  return " " + std::string(name) + "=\"" + value + "\"";
}

std::string attribute(std::string_view name, double value) { return attribute(name, coordinate(value)); }

std::string class_of(std::string_view style) { return attribute("class", std::string(style)); }

/// The column behind the last of those that are as the one at `at`.
std::size_t end_of_run(const std::vector<Column>& columns, std::size_t at) {
  std::size_t end = at + 1;
  while (end < columns.size() && columns[end] == columns[at]) ++end;
  return end;
}

}  // namespace

std::string width_percent(double part) { return coordinate(part * 100) + "%"; }

std::string title_element(const std::string& text) { return "<title>" + escaped(text) + "</title>"; }

std::string rectangle(std::string_view style, const Box& box, const std::string& hint) {
  const std::string shape = "<rect" + class_of(style) + attribute("x", width_percent(box.from)) +
                            attribute("width", width_percent(box.to - box.from)) + attribute("y", box.y) +
                            attribute("height", box.height);
  return hint.empty() ? shape + "/>" : shape + ">" + title_element(hint) + "</rect>";
}

std::string level_line(std::string_view style, double y) {
  return "<line" + class_of(style) + attribute("x2", "100%") + attribute("y1", y) + attribute("y2", y) + "/>";
}

std::string upright_line(std::string_view style, double part, double y1, double y2) {
  return "<line" + class_of(style) + attribute("x1", width_percent(part)) + attribute("x2", width_percent(part)) +
         attribute("y1", y1) + attribute("y2", y2) + "/>";
}

std::string text_at(std::string_view style, double part, double offset, double y, const std::string& text) {
  return "<text" + class_of(style) + attribute("x", width_percent(part)) +
         (offset != 0 ? attribute("dx", offset) : "") + attribute("y", y) + ">" + escaped(text) + "</text>";
}

std::string stretched(double y, double height, const std::string& paths, std::size_t count) {
  return "<svg" + attribute("y", y) + attribute("width", "100%") + attribute("height", height) +
         attribute("viewBox", "0 0 " + std::to_string(count) + " " + coordinate(height)) +
         attribute("preserveAspectRatio", "none") + ">" + paths + "</svg>";
}

std::string path(std::string_view style, const std::string& points) {
  return points.empty() ? "" : "<path" + class_of(style) + attribute("d", points) + "/>";
}

Scale::Scale(double low, double high, double height, bool logarithmic)
    : low_(low), high_(high), height_(height), logarithmic_(logarithmic) {}

Scale Scale::linear(double greatest, double height) {
  constexpr double lines = 6;
  if (!std::isfinite(greatest)) greatest = 0;
  const double step = round_up(greatest / lines);
  Scale scale(0, step * std::max(1.0, std::ceil(greatest / step)), height, false);
  for (double tick = 0; tick <= scale.high_ * 1.001; tick += step) scale.ticks_.push_back(tick);
  return scale;
}

Scale Scale::logarithmic(double least, double greatest, double height) {
  const double low = std::pow(10, std::floor(std::log10(std::max(least, 1.0))));
  const double high = std::max(low * 10, std::pow(10, std::ceil(std::log10(std::max(greatest, 1.0)))));
  Scale scale(low, high, height, true);
  for (double tick = low; tick <= high * 1.001; tick *= 10) scale.ticks_.push_back(tick);
  return scale;
}

double Scale::y_of(double value) const {
  const double part =
      logarithmic_ ? std::log(std::max(value, low_) / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
  return height_ * (1 - std::clamp(part, 0.0, 1.0));
}

std::string step_points(const std::vector<Column>& columns, const Scale& scale) {
  std::string points;
  bool down = false;
  for (std::size_t at = 0; at < columns.size();) {
    const std::size_t end = end_of_run(columns, at);
    const auto& column = columns[at];
    if (column.known) {
      const std::string low = coordinate(scale.y_of(column.low));
      const std::string high = coordinate(scale.y_of(column.high));
      points += down ? "V" + low : "M" + std::to_string(at) + " " + low;
      if (high != low) points += "V" + high;
      points += "H" + std::to_string(end);
    }
    down = column.known;
    at = end;
  }
  return points;
}

std::string area_points(const std::vector<Column>& columns, const Scale& scale, double Column::*value) {
  const std::string bottom = coordinate(scale.y_of(0));
  std::string points;
  bool open = false;
  for (std::size_t at = 0; at < columns.size();) {
    const std::size_t end = end_of_run(columns, at);
    const auto& column = columns[at];
    if (column.known) {
      if (!open) points += "M" + std::to_string(at) + " " + bottom;
      points += "V" + coordinate(scale.y_of(column.*value)) + "H" + std::to_string(end);
    } else if (open) {
      points += "V" + bottom + "z";
    }
    open = column.known;
    at = end;
  }
  if (open) points += "V" + bottom + "z";
  return points;
}

double round_up(double number) {
  if (!std::isfinite(number) || number <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(number)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (number <= factor * power * 1.0001) return factor * power;
  }
  return 10 * power;
}

}  // namespace tagma::drills
