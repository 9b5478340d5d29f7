#include <nlohmann/json.hpp>

#include "docker/drills/report.h"
#include "docker/drills/report_verdict.h"

namespace tagma::drills {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T>
Json by_name(const std::vector<std::pair<std::string, T>>& pairs) {
  Json object = Json::object();
  for (const auto& [name, value] : pairs) object[name] = value;
  return object;
}

template <typename T, typename Convert>
Json each(const std::vector<T>& items, const Convert& convert) {
  Json array = Json::array();
  for (const auto& item : items) array.push_back(convert(item));
  return array;
}

Json json_of(const Mark& mark) { return {{"at_s", mark.at_s}, {"text", mark.text}, {"heals", mark.heals}}; }

Json json_of(const Interval& interval) {
  return {{"at_s", interval.at_s},       {"acknowledged", interval.acknowledged},
          {"unknown", interval.unknown}, {"p50_us", interval.p50_us},
          {"p99_us", interval.p99_us},   {"max_us", interval.max_us}};
}

Json json_of(const ReplicaSample& sample) {
  return {{"at_s", sample.at_s},          {"id", sample.id},
          {"answered", sample.answered},  {"view", sample.view},
          {"executed", sample.executed},  {"stable_checkpoint", sample.stable_checkpoint},
          {"voting", sample.voting},      {"resident_mb", sample.resident_mb},
          {"cpu_cores", sample.cpu_cores}};
}

Json json_of(const Evidence& one) { return {{"text", one.text}, {"happened", one.happened}, {"detail", one.detail}}; }

Json json_of(const Expectation& one) { return {{"text", one.text}, {"met", one.met}, {"detail", one.detail}}; }

Json json_of(const std::optional<Stall>& stall) {
  if (!stall) return nullptr;
  return {{"at_s", stall->at_s}, {"ms", stall->ms}, {"cpu_ms", stall->cpu_ms}};
}

Json json_of(const std::optional<Cost>& cost) {
  if (!cost) return nullptr;
  return {{"before_per_s", cost->before_per_s},
          {"after_per_s", cost->after_per_s},
          {"baseline_per_s", cost->baseline_per_s},
          {"attacked_per_s", cost->attacked_per_s},
          {"worst_second_ratio", cost->worst_second_ratio},
          {"within_aim", cost->within_aim},
          {"ratio", cost->ratio()}};
}

constexpr auto convert = [](const auto& item) { return json_of(item); };

Json json_of(const DrillResult& drill) {
  return {{"name", drill.name},
          {"title", drill.title},
          {"about", drill.about},
          {"rows", drill.rows},
          {"backend", drill.backend},
          {"skipped", drill.skipped},
          {"verdict", name_of(verdict_of(drill))},
          {"passed", drill.passed()},
          {"duration_s", drill.duration_s},
          {"interval_s", drill.interval_s},
          {"replicas", drill.replicas},
          {"clients", drill.clients},
          {"load", drill.load},
          {"acknowledged", drill.acknowledged},
          {"unknown", drill.unknown},
          {"longest_pause_ms", drill.longest_pause_ms},
          {"recovery_ms", or_null(drill.recovery_ms)},
          {"network_stall", json_of(drill.network_stall)},
          {"cost", json_of(drill.cost)},
          {"evidence", each(drill.evidence, convert)},
          {"expectations", each(drill.expectations, convert)},
          {"counters", by_name(drill.counters)},
          {"kept", drill.kept},
          {"marks", each(drill.marks, convert)},
          {"intervals", each(drill.intervals, convert)},
          {"samples", each(drill.samples, convert)}};
}

}  // namespace

std::string json_report(const RunResult& run) {
  const Tally tally = tally_of(run.drills);
  const Json whole = {{"command", run.command},
                      {"started_at", run.started_at},
                      {"backend", run.backend},
                      {"seed", run.seed},
                      {"duration_s", run.duration_s},
                      {"passed", tally.passed > 0 && tally.failed == 0},
                      {"facts", by_name(run.facts)},
                      {"drills", each(run.drills, [](const DrillResult& drill) { return json_of(drill); })}};
  // On one line: a long drill has tens of thousands of samples. What is no UTF-8 must not cost the report.
  return whole.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tagma::drills
