#include "docker/drills/report_drill.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "docker/drills/report_chart.h"
#include "docker/drills/report_replicas.h"
#include "docker/drills/report_series.h"
#include "docker/drills/report_text.h"

namespace tagma::drills {
namespace {

std::string element(std::string_view name, const std::string& content) {
  return "<" + std::string(name) + ">" + content + "</" + std::string(name) + ">";
}

struct Figure {
  std::string name;
  std::string value;
  std::string note;
};

std::vector<Figure> figures_of(const DrillResult& drill) {
  std::vector<Figure> figures;
  figures.push_back({"longest pause", latency_text(drill.longest_pause_ms * 1000), "intended outages aside"});
  if (drill.recovery_ms) {
    figures.push_back({"recovery", latency_text(*drill.recovery_ms * 1000), "from the last heal on"});
  }
  if (drill.network_stall) {
    figures.push_back({"drill's own network", latency_text(drill.network_stall->ms * 1000),
                       "stood still at " + moment_text(drill.network_stall->at_s, axis_of(drill).length_s())});
  }
  std::string per_s;
  if (!drill.intervals.empty()) {
    const double load_s = interval_s_of(drill) * static_cast<double>(drill.intervals.size());
    per_s = rate_text(static_cast<double>(drill.acknowledged) / load_s) + " a second";
  }
  figures.push_back({"acknowledged", with_commas(drill.acknowledged), per_s});
  figures.push_back({"unknown", with_commas(drill.unknown), "without an outcome"});
  const auto views = views_of(drill, axis_of(drill));
  if (!views.empty()) {
    const std::string first = std::to_string(views.front().view);
    const std::string last = std::to_string(views.back().view);
    figures.push_back({"view", first == last ? first : first + " → " + last, first == last ? "throughout" : ""});
  }
  if (drill.cost) {
    figures.push_back({"under attack", percent_text(drill.cost->ratio()),
                       drill.cost->within_aim ? "within the aim" : "misses the aim"});
  }
  return figures;
}

std::string figures_list(const DrillResult& drill) {
  std::string list;
  for (const auto& figure : figures_of(drill)) {
    list += "<div><dt>" + escaped(figure.name) + "</dt><dd>" + escaped(figure.value) + "</dd>" +
            (figure.note.empty() ? "" : "<dd class=\"note\">" + escaped(figure.note) + "</dd>") + "</div>";
  }
  return "<dl class=\"figures\">" + list + "</dl>";
}

std::string failures_box(const DrillResult& drill) {
  std::string items;
  for (const auto& failure : failures_of(drill)) items += element("li", escaped(failure));
  return items.empty() ? "" : "<div class=\"why\"><h4>What failed</h4><ul>" + items + "</ul></div>";
}

std::string marks_list(const DrillResult& drill) {
  std::string items;
  std::size_t number = 0;
  const double length_s = axis_of(drill).length_s();
  for (const auto& mark : ordered_marks(drill)) {
    items += "<li class=\"" + std::string(mark.heals ? "heal" : "fault") + "\"><span class=\"number\">" +
             std::to_string(++number) + "</span><span class=\"time\">" + escaped(moment_text(mark.at_s, length_s)) +
             "</span><span>" + escaped(mark.text) + (mark.heals ? "<span class=\"aside\"> (heals)</span>" : "") +
             "</span></li>";
  }
  return items.empty() ? "" : "<ol class=\"marks\">" + items + "</ol>";
}

std::string chart_of(const Entry& entry) {
  const std::string chart = time_line(*entry.drill, entry.anchor + "-time");
  const std::string marks = marks_list(*entry.drill);
  if (chart.empty()) return "<p class=\"soft\">No time line was recorded.</p>" + marks;
  return "<figure>" + chart + "<figcaption>" + time_line_legend(*entry.drill) + marks + "</figcaption></figure>";
}

/// What was found, with a sign for each line.
struct Finding {
  bool good = false;
  std::string text;
  std::string detail;
};
std::string findings_table(std::string_view caption, std::string_view good, std::string_view bad,
                           const std::vector<Finding>& findings) {
  std::string rows;
  for (const auto& finding : findings) {
    rows += "<tr class=\"" + std::string(finding.good ? "good" : "bad") + "\"><td class=\"state\">" +
            verdict_sign(finding.good ? Verdict::passed : Verdict::failed) + "<span>" +
            std::string(finding.good ? good : bad) + "</span></td><td>" + escaped(finding.text) +
            "<span class=\"seen\">" + escaped(finding.detail) + "</span></td></tr>";
  }
  if (rows.empty()) return "";
  return "<table class=\"findings\"><caption>" + std::string(caption) +
         "</caption><thead><tr><th scope=\"col\">state</th><th scope=\"col\">what, and what was seen</th></tr></thead>"
         "<tbody>" +
         rows + "</tbody></table>";
}

std::string findings_of(const DrillResult& drill) {
  std::vector<Finding> faults;
  for (const auto& one : drill.evidence) faults.push_back({one.happened, one.text, one.detail});
  std::vector<Finding> promises;
  for (const auto& one : drill.expectations) promises.push_back({one.met, one.text, one.detail});
  const std::string tables = findings_table("Faults, and the proof of them", "happened", "did not happen", faults) +
                             findings_table("Promises", "kept", "not kept", promises);
  return tables.empty() ? "" : "<div class=\"pair\">" + tables + "</div>";
}

std::string counters_list(const DrillResult& drill) {
  std::string items;
  for (const auto& [name, count] : drill.counters) {
    items += "<div><dt>" + escaped(name) + "</dt><dd>" + with_commas(count) + "</dd></div>";
  }
  return items.empty()
             ? ""
             : "<h4>Counters that rose, correct replicas together</h4><dl class=\"counters\">" + items + "</dl>";
}

std::string circumstances(const DrillResult& drill) {
  std::vector<std::string> parts;
  parts.push_back(counted(drill.replicas, "replica"));
  if (!drill.load.empty()) {
    parts.push_back(drill.load);
  } else if (drill.clients > 0) {
    parts.push_back(counted(drill.clients, "client"));
  }
  if (!drill.backend.empty()) parts.push_back("backend " + drill.backend);
  parts.push_back("took " + duration_text(drill.duration_s));
  return "<p class=\"soft\">" + escaped(joined(parts, " · ")) + "</p>";
}

}  // namespace

std::string verdict_sign(Verdict verdict) {
  std::string_view points = "M4 8h8";
  if (verdict == Verdict::passed) points = "M3.5 8.5l3 3 6-7";
  if (verdict == Verdict::failed) points = "M4.5 4.5l7 7m0-7l-7 7";
  return "<svg class=\"sign\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"" + std::string(points) +
         "\"/></svg>";
}

std::string verdict_badge(Verdict verdict) {
  return "<span class=\"badge " + name_of(verdict) + "\">" + verdict_sign(verdict) + name_of(verdict) + "</span>";
}

std::string row_labels(const DrillResult& drill) {
  std::string labels;
  for (const auto& row : drill.rows) labels += "<span class=\"row\">" + escaped(row) + "</span> ";
  return labels;
}

std::string cost_text(const Cost& cost) {
  return percent_text(cost.ratio()) +
         (cost.within_aim ? "<span>within the aim</span>" : "<span class=\"missed\">misses the aim</span>");
}

std::string drill_section(const Entry& entry, bool open) {
  const auto& drill = *entry.drill;
  std::string text = "<details class=\"drill " + name_of(entry.verdict) + "\" id=\"" + entry.anchor + "\"" +
                     (open ? " open" : "") + "><summary>" + verdict_badge(entry.verdict) + "<h3>" +
                     escaped(drill.title.empty() ? drill.name : drill.title) + "</h3><span class=\"name\">" +
                     escaped(drill.name) + "</span>" + row_labels(drill) + "</summary><div class=\"body\">";
  if (!drill.about.empty()) text += "<p class=\"about\">" + escaped(drill.about) + "</p>";
  text += circumstances(drill);
  if (entry.verdict == Verdict::skipped) {
    return text + "<p class=\"why\">Not run: " + escaped(drill.skipped) + "</p></div></details>";
  }
  text += failures_box(drill) + figures_list(drill) + chart_of(entry) + findings_of(drill) + replicas_table(drill) +
          counters_list(drill);
  if (!drill.kept.empty()) {
    text += "<p class=\"soft\">Logs and data are kept in <code>" + escaped(drill.kept) + "</code></p>";
  }
  return text + "</div></details>";
}

}  // namespace tagma::drills
