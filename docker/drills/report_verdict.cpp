#include "docker/drills/report_verdict.h"

#include "docker/drills/report_text.h"

namespace tagma::drills {
namespace {

std::string with_detail(const std::string& text, const std::string& detail) {
  return detail.empty() ? text : text + " (" + detail + ")";
}

}  // namespace

Verdict verdict_of(const DrillResult& drill) {
  if (!drill.skipped.empty()) return Verdict::skipped;
  return drill.passed() ? Verdict::passed : Verdict::failed;
}

std::string name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed: return "passed";
    case Verdict::failed: return "failed";
    case Verdict::skipped: break;
  }
  return "skipped";
}

std::vector<std::string> failures_of(const DrillResult& drill) {
  std::vector<std::string> failures;
  if (verdict_of(drill) != Verdict::failed) return failures;
  for (const auto& one : drill.evidence) {
    if (!one.happened) failures.push_back("did not happen: " + with_detail(one.text, one.detail));
  }
  for (const auto& one : drill.expectations) {
    if (!one.met) failures.push_back("not kept: " + with_detail(one.text, one.detail));
  }
  if (drill.expectations.empty()) failures.emplace_back("it ended before anything that it promises was looked at");
  return failures;
}

std::string stall_text(const Stall& stall) {
  return "the drill's own network stood still for " + latency_text(stall.ms * 1000) + " at " + fixed(stall.at_s, 1) +
         " s (its thread computed for " + fixed(stall.cpu_ms, 0) + " ms of it)";
}

void Tally::add(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed: ++passed; break;
    case Verdict::failed: ++failed; break;
    case Verdict::skipped: ++skipped; break;
  }
}

Tally tally_of(const std::vector<DrillResult>& drills) {
  Tally tally;
  for (const auto& drill : drills) tally.add(verdict_of(drill));
  return tally;
}

std::string headline_of(const Tally& tally) {
  const std::string all = counted(tally.all(), "drill");
  if (tally.all() == 0) return "no drill was run";
  if (tally.failed == tally.all()) return tally.all() == 1 ? "the drill failed" : "all " + all + " failed";
  if (tally.failed > 0) return with_commas(tally.failed) + " of " + all + " failed";
  if (tally.passed == tally.all()) return tally.all() == 1 ? "the drill passed" : "all " + all + " passed";
  if (tally.passed == 0) return "nothing was run: " + all + " skipped";
  return counted(tally.passed, "drill") + " passed, " + with_commas(tally.skipped) + " skipped";
}

}  // namespace tagma::drills
