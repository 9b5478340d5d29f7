#include "docker/drills/report_cost.h"

#include <algorithm>

#include "docker/drills/report.h"
#include "docker/drills/report_svg.h"
#include "docker/drills/report_text.h"

namespace tagma::drills {
namespace {

// The aim, as the drills judge it (Cost::within_aim): drawn, not decided here.
constexpr double aim_ratio = 0.9;
constexpr double worst_second_aim_ratio = 0.5;

/// Throughput under attack as a bar, its worst second as a mark, both against the fault-free throughput at `whole`.
std::string bar_of(const Cost& cost) {
  constexpr double whole = 1 / 1.15;  // there is room for an attack that is faster by chance
  constexpr double height = 20;
  const auto part = [](double ratio) { return std::clamp(ratio * whole, 0.0, 1.0); };
  const std::string text = percent_text(cost.ratio()) + " of the fault-free throughput, worst second " +
                           percent_text(cost.worst_second_ratio);
  return "<svg class=\"bar\" role=\"img\" height=\"20\">" + title_element(text) +
         rectangle("whole", {0, whole, 3, 14}) +
         rectangle(cost.within_aim ? "kept" : "missed", {0, part(cost.ratio()), 5, 10}) +
         upright_line("aim", part(aim_ratio), 0, height) +
         upright_line("aim", part(worst_second_aim_ratio), 0, height) +
         upright_line("worst", part(cost.worst_second_ratio), 2, height - 2) + "</svg>";
}

std::string row_of(const Entry& entry) {
  const auto& cost = *entry.drill->cost;
  const auto cell = [](const std::string& label, const std::string& content) {
    return "<td data-label=\"" + label + "\">" + content + "</td>";
  };
  const auto number = [](const std::string& label, const std::string& content) {
    return "<td class=\"number\" data-label=\"" + label + "\">" + content + "</td>";
  };
  const Verdict verdict = cost.within_aim ? Verdict::passed : Verdict::failed;
  return "<tr><th scope=\"row\"><a href=\"#" + entry.anchor + "\">" + escaped(entry.drill->name) + "</a></th>" +
         "<td class=\"labels\" data-label=\"attacks\">" + row_labels(*entry.drill) + "</td>" +
         number("before", rate_text(cost.before_per_s)) + number("under attack", rate_text(cost.attacked_per_s)) +
         number("after", cost.after_per_s > 0 ? rate_text(cost.after_per_s) : "") +
         number("ratio", percent_text(cost.ratio())) + number("worst second", percent_text(cost.worst_second_ratio)) +
         "<td class=\"drawn\">" + bar_of(cost) + "</td>" +
         cell("aim", "<span class=\"badge " + name_of(verdict) + "\">" + verdict_sign(verdict) +
                         (cost.within_aim ? "within" : "misses") + "</span>") +
         "</tr>";
}

/// In a cell of a Markdown table.
std::string markdown(const std::string& text) {
  std::string result;
  for (const char character : valid_utf8(text)) {
    if (character == '|' || character == '\\') result += '\\';
    result += character == '\n' ? ' ' : character;
  }
  return result;
}

}  // namespace

std::string cost_section(const std::vector<Entry>& entries) {
  std::string rows;
  for (const auto& entry : entries) {
    if (entry.drill->cost && entry.verdict != Verdict::skipped) rows += row_of(entry);
  }
  if (rows.empty()) return "";
  return "<section><h2 id=\"cost\">Throughput under attack</h2><p class=\"soft\">Against the fault-free throughput "
         "of the same run, through the same proxy: the mean of that before the attack and that after it, but no less "
         "than that before. The aim: from "
         "ten seconds after the attack's beginning on at most "
         "10% "
         "less, and no second below half, primaries' replacements aside. In the bars the frame is the fault-free "
         "throughput, the upright line the worst second; the dashed lines stand at 90% and at half.</p>"
         "<div class=\"card\"><table class=\"overview cost\"><thead><tr><th scope=\"col\">drill</th>"
         "<th scope=\"col\">attacks</th>"
         "<th scope=\"col\" class=\"number\">before op/s</th><th scope=\"col\" "
         "class=\"number\">under attack op/s</th><th scope=\"col\" class=\"number\">after op/s</th>"
         "<th scope=\"col\" class=\"number\">ratio</th>"
         "<th scope=\"col\" class=\"number\">worst second</th><th "
         "scope=\"col\">drawn</th>"
         "<th scope=\"col\">aim</th></tr></thead><tbody>" +
         rows + "</tbody></table></div></section>";
}

std::string cost_table(const RunResult& run) {
  std::string rows;
  for (const auto& drill : run.drills) {
    if (!drill.cost || verdict_of(drill) == Verdict::skipped) continue;
    const auto& cost = *drill.cost;
    rows += "| " + markdown(drill.name) + " | " + markdown(joined(drill.rows, ", ")) + " | " +
            rate_text(cost.before_per_s) + " | " + rate_text(cost.attacked_per_s) + " | " +
            (cost.after_per_s > 0 ? rate_text(cost.after_per_s) : "") + " | " + percent_text(cost.ratio()) + " | " +
            percent_text(cost.worst_second_ratio) + " | " + (cost.within_aim ? "yes" : "**misses**") + " |\n";
  }
  if (rows.empty()) return "";
  return "| drill | rows | before op/s | under attack op/s | after op/s | ratio | worst second | within the aim? |\n"
         "|---|---|--:|--:|--:|--:|--:|---|\n" +
         rows;
}

}  // namespace tagma::drills
