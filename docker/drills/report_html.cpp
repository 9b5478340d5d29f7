#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "docker/drills/report.h"
#include "docker/drills/report_chart.h"
#include "docker/drills/report_cost.h"
#include "docker/drills/report_drill.h"
#include "docker/drills/report_style.h"
#include "docker/drills/report_text.h"
#include "docker/drills/report_verdict.h"

namespace tagma::drills {
namespace {

/// What failed comes first, what was not run last; else as they were run.
std::vector<Entry> entries_of(const RunResult& run) {
  std::vector<Entry> entries;
  std::set<std::string> taken;
  for (const Verdict verdict : {Verdict::failed, Verdict::passed, Verdict::skipped}) {
    for (const auto& drill : run.drills) {
      if (verdict_of(drill) != verdict) continue;
      std::string anchor = "drill-" + drill.name;
      for (char& character : anchor) {
        const bool plain = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                           (character >= '0' && character <= '9') || character == '_';
        if (!plain) character = '-';
      }
      std::string unique = anchor;
      for (int number = 2; !taken.insert(unique).second; ++number) unique = anchor + "-" + std::to_string(number);
      entries.push_back({&drill, verdict, unique});
    }
  }
  return entries;
}

Verdict verdict_of(const Tally& tally) {
  if (tally.failed > 0) return Verdict::failed;
  return tally.passed > 0 ? Verdict::passed : Verdict::skipped;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 32);
  return text;
}

std::string fact(const std::string& name, const std::string& value) {
  if (value.empty()) return "";
  return "<div><dt>" + escaped(name) + "</dt><dd>" + escaped(value) + "</dd></div>";
}

/// A square for each drill, in the order of the page.
std::string strip_of(const std::vector<Entry>& entries) {
  std::string items;
  for (const auto& entry : entries) {
    const std::string text = escaped(entry.drill->name) + ": " + name_of(entry.verdict);
    items += "<li><a class=\"" + name_of(entry.verdict) + "\" href=\"#" + entry.anchor + "\" title=\"" + text +
             "\" aria-label=\"" + text + "\">" + verdict_sign(entry.verdict) + "</a></li>";
  }
  return items.empty() ? "" : "<ul class=\"strip\">" + items + "</ul>";
}

/// An attack that costs more than is aimed at fails no drill, but whoever looks at the verdict must see it.
std::string missed_aims(const std::vector<Entry>& entries) {
  const auto missed = std::count_if(entries.begin(), entries.end(), [](const Entry& entry) {
    return entry.verdict != Verdict::skipped && entry.drill->cost && !entry.drill->cost->within_aim;
  });
  if (missed == 0) return "";
  return "<li class=\"failed\"><a href=\"#cost\">" + verdict_sign(Verdict::failed) + "<b>" +
         with_commas(static_cast<std::uint64_t>(missed)) + "</b> " + (missed == 1 ? "misses" : "miss") +
         " the aim under attack</a></li>";
}

std::string header_of(const RunResult& run, const std::vector<Entry>& entries) {
  const Tally tally = tally_of(run.drills);
  const Verdict verdict = verdict_of(tally);
  const auto count = [](Verdict kind, std::size_t number) {
    return "<li class=\"" + name_of(kind) + (number == 0 ? " none" : "") + "\">" + verdict_sign(kind) + "<b>" +
           with_commas(number) + "</b> " + name_of(kind) + "</li>";
  };
  std::vector<std::string> about = {"Fault drills of tagma"};
  if (!run.backend.empty()) about.push_back("backend " + run.backend);
  if (!run.started_at.empty()) about.push_back(run.started_at);
  about.push_back("took " + duration_text(run.duration_s));
  std::string facts = fact("seed", std::to_string(run.seed));
  for (const auto& [name, value] : run.facts) facts += fact(name, value);
  if (!run.command.empty()) {
    facts += "<div class=\"long\"><dt>command</dt><dd><code>" + escaped(run.command) + "</code></dd></div>";
  }
  return "<header class=\"" + name_of(verdict) + "\"><div class=\"verdict\">" + verdict_sign(verdict) + "<div><h1>" +
         escaped(capitalised(headline_of(tally))) + "</h1><p>" + escaped(joined(about, " · ")) +
         "</p></div></div><ul class=\"counts\">" + count(Verdict::passed, tally.passed) +
         count(Verdict::failed, tally.failed) + count(Verdict::skipped, tally.skipped) + missed_aims(entries) +
         "</ul>" + strip_of(entries) + "<dl class=\"facts\">" + facts + "</dl></header>";
}

std::string verdict_row(const Entry& entry) {
  const auto& drill = *entry.drill;
  std::string text = "<tr class=\"" + name_of(entry.verdict) + "\"><td class=\"state\">" +
                     verdict_badge(entry.verdict) + "</td><th scope=\"row\"><a href=\"#" + entry.anchor + "\">" +
                     escaped(drill.name) + "</a><span>" + escaped(drill.title) + "</span></th>" +
                     "<td class=\"labels\" data-label=\"attacks\">" + row_labels(drill) + "</td>";
  if (entry.verdict == Verdict::skipped) {
    return text + "<td colspan=\"6\" class=\"reason\">" + escaped(drill.skipped) + "</td></tr>";
  }
  text += "<td class=\"drawn\">" + spark_line(drill) + "</td>";
  const auto number = [](std::string_view label, const std::string& content) {
    return "<td class=\"number\" data-label=\"" + std::string(label) + "\">" + content + "</td>";
  };
  text += number("longest pause", latency_text(drill.longest_pause_ms * 1000));
  text += number("recovery", drill.recovery_ms ? latency_text(*drill.recovery_ms * 1000) : "-");
  text += number("acknowledged", with_commas(drill.acknowledged));
  text += number("unknown", with_commas(drill.unknown));
  return text + number("under attack", drill.cost ? cost_text(*drill.cost) : "-") + "</tr>";
}

std::string verdict_section(const std::vector<Entry>& entries) {
  if (entries.empty()) return "<section><p class=\"soft\">There is nothing to show.</p></section>";
  std::string rows;
  for (const auto& entry : entries) rows += verdict_row(entry);
  return "<section><h2 id=\"verdicts\">Verdicts</h2><div class=\"card\"><table class=\"overview\"><thead><tr>"
         "<th scope=\"col\">verdict</th><th scope=\"col\">drill</th><th scope=\"col\">attacks</th>"
         "<th scope=\"col\">throughput</th>"
         "<th scope=\"col\" class=\"number\">longest pause</th><th scope=\"col\" "
         "class=\"number\">recovery</th>"
         "<th scope=\"col\" class=\"number\">acknowledged</th>"
         "<th scope=\"col\" class=\"number\">unknown</th><th "
         "scope=\"col\" class=\"number\">under attack</th>"
         "</tr></thead><tbody>" +
         rows + "</tbody></table></div></section>";
}

std::string drills_section(const std::vector<Entry>& entries) {
  if (entries.empty()) return "";
  std::string text =
      "<section><div class=\"heading\"><h2 id=\"drills\">Drills</h2>"
      "<button type=\"button\" id=\"all\" hidden>open all</button></div>";
  for (const auto& entry : entries) {
    text += drill_section(entry, entry.verdict == Verdict::failed || entries.size() == 1);
  }
  return text + "</section>";
}

/// The verdict as the icon of the browser's tab.
std::string icon_of(Verdict verdict) {
  std::string_view colour = "%235c6672";
  if (verdict == Verdict::passed) colour = "%2300705a";
  if (verdict == Verdict::failed) colour = "%23b3400a";
  std::string_view points = "M4 8h8";
  if (verdict == Verdict::passed) points = "M3.5 8.5l3 3 6-7";
  if (verdict == Verdict::failed) points = "M4.5 4.5l7 7m0-7l-7 7";
  return "<link rel=\"icon\" href=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
         "<circle cx='8' cy='8' r='8' fill='" +
         std::string(colour) + "'/><path d='" + std::string(points) +
         "' fill='none' stroke='white' stroke-width='2'/></svg>\">";
}

}  // namespace

std::string html_report(const RunResult& run) {
  const auto entries = entries_of(run);
  const Tally tally = tally_of(run.drills);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>Fault drills: ";
  page += escaped(headline_of(tally)) + "</title>" + icon_of(verdict_of(tally)) + "<style>";
  for (const auto part : style_sheet()) page += part;
  page += "</style></head>\n<body>" + shared_patterns() + header_of(run, entries) + "\n<main>";
  page += verdict_section(entries) + "\n" + cost_section(entries) + "\n" + drills_section(entries);
  page += "</main>\n<script>";
  page += script();
  return page + "</script></body></html>\n";
}

}  // namespace tagma::drills
