#include "docker/drills/report_replicas.h"

#include <algorithm>
#include <map>

#include "docker/drills/report_text.h"

namespace tagma::drills {
namespace {

struct ReplicaSummary {
  std::uint64_t samples = 0;
  std::uint64_t answered = 0;
  std::uint64_t voting = 0;
  Seq executed = 0;
  Seq stable_checkpoint = 0;
  double first_mb = 0;
  double most_mb = 0;
  double last_mb = 0;
  double cores_sum = 0;
  double cores_most = 0;
};

/// By number. Samples are in order of time as the runner took them.
std::map<ReplicaId, ReplicaSummary> summaries_of(const DrillResult& drill) {
  std::map<ReplicaId, ReplicaSummary> summaries;
  for (const auto& sample : drill.samples) {
    auto& summary = summaries[sample.id];
    ++summary.samples;
    if (sample.answered) {
      ++summary.answered;
      summary.voting += sample.voting ? 1U : 0U;
      summary.executed = sample.executed;
      summary.stable_checkpoint = sample.stable_checkpoint;
    }
    if (sample.resident_mb > 0) {
      if (summary.first_mb <= 0) summary.first_mb = sample.resident_mb;
      summary.most_mb = std::max(summary.most_mb, sample.resident_mb);
      summary.last_mb = sample.resident_mb;
    }
    summary.cores_sum += sample.cpu_cores;
    summary.cores_most = std::max(summary.cores_most, sample.cpu_cores);
  }
  return summaries;
}

std::string cell(const std::string& text) { return "<td>" + escaped(text) + "</td>"; }

std::string share_of(std::uint64_t part, std::uint64_t whole) {
  return percent_text(static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

std::string replicas_table(const DrillResult& drill) {
  std::string rows;
  for (const auto& [id, summary] : summaries_of(drill)) {
    const bool memory_known = summary.most_mb > 0;
    const auto megabytes = [&](double number) { return cell(memory_known ? fixed(number, 1) : "-"); };
    rows += "<tr><th scope=\"row\">" + std::to_string(id) + "</th>" +
            cell(share_of(summary.answered, summary.samples)) + cell(share_of(summary.voting, summary.samples)) +
            cell(with_commas(summary.executed)) + cell(with_commas(summary.stable_checkpoint)) +
            megabytes(summary.first_mb) + megabytes(summary.most_mb) + megabytes(summary.last_mb) +
            cell(fixed(summary.cores_sum / static_cast<double>(summary.samples), 2)) +
            cell(fixed(summary.cores_most, 2)) + "</tr>";
  }
  if (rows.empty()) return "";
  return "<h4>Replicas</h4><div class=\"scroll wide\"><table class=\"numbers\"><thead><tr>"
         "<th scope=\"col\">replica</th><th scope=\"col\">answered</th><th scope=\"col\">voted</th>"
         "<th scope=\"col\">last executed</th><th scope=\"col\">stable checkpoint</th>"
         "<th scope=\"col\">MB at first</th><th scope=\"col\">MB at most</th><th scope=\"col\">MB at last</th>"
         "<th scope=\"col\">cores, mean</th><th scope=\"col\">cores, most</th></tr></thead><tbody>" +
         rows + "</tbody></table></div>";
}

}  // namespace tagma::drills
