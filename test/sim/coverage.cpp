#include "test/sim/coverage.h"

#include <algorithm>

namespace tagma::sim {
namespace {

/// A branch that seeds are expected to reach, and the profiles that can: c calm, l lossy, k crash, i byzantine-backups,
/// r real-crypto, p byzantine-primary, o byzantine-clients, v liveness, t twins.
struct Expected {
  std::string_view name;
  std::string_view profiles;
};

constexpr Expected expected_branches[] = {
    {"liveness: a correct replica failed for ever", "v"},
    {"row X4: the second process spoke for its replica", "t"},
    {"row X4: both spoke to the same replica", "t"},
    {"liveness: n-f correct replicas were left alone", "v"},
    {"fault: log damaged", "clkirp"},
    {"restart: damaged log found", "clkirp"},
    {"account: a faulty primary was given up", "p"},
    {"client refused: bad signature", "i"},
    {"client refused: busy", "clkirp"},
    {"client refused: outside the session window", "i"},
    {"client refused: too many sessions", "clkirp"},
    {"client refused: wrong epoch", "i"},
    {"client: outcome unknown", "clkirp"},
    {"client: session abandoned with calls outstanding", "clkirp"},
    {"client: session left", "clkirp"},
    {"client: told that its session was evicted", "clkirp"},
    {"codec refused: not a well-formed Cap'n Proto message within the limits", "i"},
    {"codec refused: shorter than the smallest message", "i"},
    {"codec refused: the size is not a multiple of eight bytes", "i"},
    {"core: CHECKPOINT of another replica", "ip"},
    {"core: CHECKPOINT outside of the window", "lkirp"},
    {"core: CHECKPOINT sent again", "clkirp"},
    {"core: COMMIT sent again", "clkirp"},
    {"core: DECIDED sent to a replica that is behind", "clkirp"},
    {"core: DECIDED too far ahead", "lkirp"},
    {"core: PRE-PREPARE not by the primary", "ip"},
    {"core: PRE-PREPARE of another view", "ip"},
    {"core: PRE-PREPARE repeated", "clkirp"},
    {"core: PRE-PREPARE sent again", "clkir"},
    {"core: PRE-PREPARE with a forged request", "p"},
    {"core: PREPARE of a view of before", "clkirp"},
    {"core: PREPARE sent again", "clkirp"},
    {"core: asked for a batch that is not here", "ip"},
    {"core: bad signature", "ip"},
    {"core: batch fetched", "clkirp"},
    {"core: batch that nobody asked for", "ip"},
    {"core: bundle of another client", "i"},
    {"core: busy", "clkirp"},
    {"core: certificate learnt from another replica", "clkirp"},
    {"core: certificate sent to a replica that is behind", "clkirp"},
    {"core: certificate without a quorum", "ip"},
    {"core: contradictory CHECKPOINT", "ip"},
    {"core: contradictory COMMIT", "ip"},
    {"core: contradictory DECIDED", "ip"},
    {"core: contradictory PRE-PREPARE", "p"},
    {"core: contradictory PREPARE", "ip"},
    {"core: duplicate request not executed again", "ip"},
    {"core: forged CHECKPOINT", "ip"},
    {"core: forged certificate", "ip"},
    {"core: lease of the state ended", "clkirp"},
    {"core: lease that nobody asked for", "clkirp"},
    {"core: message not meant for a replica", "ip"},
    {"core: outside the session window", "i"},
    {"core: parts of no leased state asked for", "clkirp"},
    {"core: parts of the state received", "clkirp"},
    {"core: parts that nobody asked for", "clkirp"},
    {"core: primary doubted: f+1 others do", "ip"},
    {"core: primary doubted: two accounts of a proposal", "ip"},
    {"core: proposed time outside of the clock window", "clkirp"},
    {"core: recorded on the word of f+1 others", "clkirp"},
    {"core: recorded without the PRE-PREPARE", "clkirp"},
    {"core: reply sent again", "clkirp"},
    {"core: request already pending", "clkirp"},
    {"core: request of an evicted session", "clkirp"},
    {"core: request passed on to the primary", "clkirp"},
    {"core: request refused at execution", "clkirp"},
    {"core: session evicted", "clkirp"},
    {"core: slot outside of the window", "clkirp"},
    {"core: source of the state lied", "i"},
    {"core: source of the state busy", "clkirp"},
    {"core: source of the state lost", "clkirp"},
    {"core: state installed", "clkirp"},
    {"core: state leased", "clkirp"},
    {"core: state transfer begun", "clkirp"},
    {"core: state transfer goes on with what was staged", "clkirp"},
    {"core: state transfer not needed any more", "clkirp"},
    {"core: state transfer seeks another target", "clkirp"},
    {"core: too many sessions", "clkirp"},
    {"core: unknown client", "ip"},
    {"core: wrong epoch", "i"},
    {"fault: all replicas crashed at once", "clkirp"},
    {"fault: backup crashed", "k"},
    {"fault: message cut off", "lkirp"},
    {"fault: message duplicated", "lkirp"},
    {"fault: message lost", "lkirp"},
    {"fault: message overtaken", "clkirp"},
    {"fault: message slow", "clkirp"},
    {"fault: one direction of one link cut", "lkirp"},
    {"fault: one replica crashed and returned", "clkirp"},
    {"fault: primary crashed and returned", "clkirp"},
    {"fault: replica hears nobody", "lkirp"},
    {"fault: replica is not heard", "lkirp"},
    {"fault: replica isolated", "lkirp"},
    {"fault: some replicas crashed and returned", "clkirp"},
    {"fault: sync failed", "clkirp"},
    {"faulty client: backups only", "io"},
    {"faulty client: garbage bytes", "io"},
    {"faulty client: number far ahead", "io"},
    {"faulty client: overlapping bundles", "io"},
    {"faulty client: replay", "io"},
    {"faulty client: request in another client's name", "io"},
    {"faulty client: same number, different payloads", "io"},
    {"faulty client: spoilt signature", "io"},
    {"faulty client: wrong epoch", "io"},
    {"liar: CHECKPOINT held back", "ip"},
    {"liar: contradictory vote", "ip"},
    {"liar: garbage STATUS", "ip"},
    {"liar: lease withheld", "ip"},
    {"liar: parts of the state withheld", "ip"},
    {"liar: primary equivocated", "p"},
    {"liar: primary left a request out", "p"},
    {"liar: primary ordered a forged request", "p"},
    {"liar: primary ordered a request twice in a batch", "p"},
    {"liar: primary ordered an old request again", "p"},
    {"liar: primary proposed a bad time", "p"},
    {"liar: silent", "ip"},
    {"liar: stray message", "ip"},
    {"liar: stray question or answer about the state", "ip"},
    {"liar: vote for the other batch", "p"},
    {"liar: wrong DECIDED", "ip"},
    {"liar: wrong batch body", "ip"},
    {"liar: wrong checkpoint root", "ip"},
    {"liar: wrong part of the state", "ip"},
    {"liar: wrong reply", "ip"},
    {"received BATCH-BODY", "clkirp"},
    {"received CERTIFICATE", "clkirp"},
    {"received CHECKPOINT", "clkirp"},
    {"received COMMIT", "clkirp"},
    {"received DECIDED", "clkirp"},
    {"received FETCH-BATCH", "clkirp"},
    {"received PRE-PREPARE", "clkirp"},
    {"received PREPARE", "clkirp"},
    {"received REFUSAL", "clkirp"},
    {"received REPLIES", "clkirp"},
    {"received REPORT", "clkirp"},
    {"received REPORT-QUERY", "clkirp"},
    {"received STATE-LEASE", "clkirp"},
    {"received STATE-LEASE-QUERY", "clkirp"},
    {"received STATE-PARTS", "clkirp"},
    {"received STATE-PARTS-QUERY", "clkirp"},
    {"received STATUS", "clkirp"},
    {"received SUBMIT", "clkirp"},
    {"restart: from a checkpoint", "clkirp"},
    {"restart: replica returned", "clkirp"},
    {"restart: third life or later", "clkirp"},
    {"restart: torn tail cut", "clkirp"},
    {"sent BATCH-BODY", "clkirp"},
    {"sent CERTIFICATE", "clkirp"},
    {"sent CHECKPOINT", "clkirp"},
    {"sent COMMIT", "clkirp"},
    {"sent DECIDED", "clkirp"},
    {"sent FETCH-BATCH", "clkirp"},
    {"sent PRE-PREPARE", "clkirp"},
    {"sent PREPARE", "clkirp"},
    {"sent REFUSAL", "clkirp"},
    {"sent REPLIES", "clkirp"},
    {"sent REPORT", "clkirp"},
    {"sent REPORT-QUERY", "clkirp"},
    {"sent STATE-LEASE", "clkirp"},
    {"sent STATE-LEASE-QUERY", "clkirp"},
    {"sent STATE-PARTS", "clkirp"},
    {"sent STATE-PARTS-QUERY", "clkirp"},
    {"sent STATUS", "clkirp"},
    {"sent SUBMIT", "clkirp"},
    {"transfer: state installed", "clkirp"},
    {"workload: hostile operation", "clkirp"},
    {"workload: throwing operation", "clkirp"},
    {"core: PRE-PREPARE accepted later", "clkirp"},
    {"core: REJOIN received", "clkirp"},
    {"core: REJOIN sent", "clkirp"},
    {"core: null batch proposed", "clkirp"},
    {"core: own life ordered", "clkirp"},
    {"core: slot of an earlier life", "clkirp"},
    {"core: forged REJOIN", "ip"},
    {"core: REJOIN of another incarnation", "ip"},
    {"core: NEW-VIEW fetched", "clkirp"},
    {"core: NEW-VIEW received", "clkirp"},
    {"core: NEW-VIEW sent", "clkirp"},
    {"core: NEW-VIEW sent again", "clkirp"},
    {"core: VIEW-CHANGE for a view of before", "clkirp"},
    {"core: VIEW-CHANGE joined", "clkirp"},
    {"core: VIEW-CHANGE not judged: too many", "ip"},
    {"core: VIEW-CHANGE received", "clkirp"},
    {"core: VIEW-CHANGE sent again", "clkirp"},
    {"core: new view undecided: waiting for more VIEW-CHANGEs", "clkirp"},
    {"core: own view given up", "clkirp"},
    {"core: own view given up: it began before this process", "clkirp"},
    {"core: own view given up: no quorum of it votes on the next slot", "clkirp"},
    {"core: request relayed to all", "clkirp"},
    {"core: primary wastes time", "lkirp"},
    {"core: request pressed on the primary", "clkirpov"},
    {"core: request pressed: to all", "clkirpov"},
    {"core: timeout: a REJOIN", "clkirp"},
    {"core: timeout: a request", "clkirp"},
    {"core: timeout: a slot in flight", "clkirp"},
    {"core: timeout: no NEW-VIEW", "clkirp"},
    {"core: timeout: nothing is executed", "clkirp"},
    {"core: unsound NEW-VIEW", "ip"},
    {"core: unsound VIEW-CHANGE", "ip"},
    {"core: view entered", "clkirp"},
    {"core: view given up by its primary", "clkirp"},
    {"core: view given up: its primary lost its memory", "clkirp"},
    {"core: view given up: 2f+1 doubt its primary", "ip"},
    {"fault: primary crashed", "k"},
    {"fault: a wall clock jumped", "clkirp"},
    {"evidence: a liar contradicted itself", "ip"},
    {"liar: NEW-VIEW for a view of another primary", "ip"},
    {"liar: NEW-VIEW with VIEW-CHANGEs that know nothing", "ip"},
    {"liar: NEW-VIEW with a forged VIEW-CHANGE", "ip"},
    {"liar: NEW-VIEW with another VIEW-CHANGE of its own", "ip"},
    {"liar: NEW-VIEW with one VIEW-CHANGE in another's place", "ip"},
    {"liar: NEW-VIEW withheld", "ip"},
    {"liar: NEW-VIEW without one of its VIEW-CHANGEs", "ip"},
    {"liar: VIEW-CHANGE with false claims", "ip"},
    {"liar: VIEW-CHANGE withheld", "ip"},
    {"liar: VIEW-CHANGE without a reason", "ip"},
    {"liar: primary left a proposal out", "ip"},
    {"core: PRE-PREPARE with a forged REJOIN", "p"},
    {"fault: disk wiped", "clkirp"},
    {"fault: log lost", "clkirp"},
    {"fault: state lost", "clkirp"},
    {"liar: REJOIN without a loss", "ip"},
    {"liar: primary ordered a forged REJOIN", "ip"},
    {"liar: primary ordered an old REJOIN again", "p"},
    {"liar: primary left a REJOIN out", "p"},
};

/// Which row of the catalogue a counter, or several that begin like this, is a case of.
struct AttackRow {
  std::string_view counter;
  std::string_view attack;
};

constexpr AttackRow attack_rows[] = {
    {"liar: primary equivocated", "P1"},
    {"row P2", "P2"},
    {"row P3", "P3"},
    {"row P4", "P4"},
    {"liar: primary left a request out", "P5"},
    {"liar: primary reversed a batch", "P6"},
    {"row P7", "P7"},
    {"row P8", "P8"},
    {"liar: primary left a proposal out", "P8"},
    {"row P9", "P9, B14"},
    {"row P10", "P10"},
    {"liar: primary ordered a forged request", "P11"},
    {"liar: primary ordered a request twice", "P11"},
    {"liar: primary ordered an old request", "P11"},
    {"liar: primary proposed a bad time", "P12"},
    {"liar: NEW-VIEW with", "P13"},
    {"liar: NEW-VIEW for", "P13"},
    {"liar: NEW-VIEW withheld", "P14"},
    {"row P15", "P15"},
    {"liar: wrong reply", "B1"},
    {"liar: VIEW-CHANGE without a reason", "B2"},
    {"row B3", "B3"},
    {"liar: VIEW-CHANGE with false claims", "B4, B5"},
    {"liar: VIEW-CHANGE withheld", "B5"},
    {"liar: wrong checkpoint root", "B6"},
    {"liar: VIEW-CHANGE without its certificate", "B7"},
    {"liar: wrong part of the state", "B8"},
    {"liar: parts of the state withheld", "B9"},
    {"liar: CHECKPOINT held back", "B10"},
    {"row B11", "B11"},
    {"row B12", "B12, B13"},
    {"liar: contradictory vote", "B15"},
    {"row B16", "B16"},
    {"row B17", "B17"},
    {"row X1", "X1"},
    {"row X2", "X2"},
    {"row X3", "X3"},
    {"row X4", "X4"},
    {"faulty client: spoilt signature", "C1"},
    {"faulty client: number far ahead", "C2"},
    {"faulty client: overlapping bundles", "C3"},
    {"workload: hostile operation", "C4"},
    {"workload: throwing operation", "C4"},
    {"faulty client: replay", "C5"},
    {"faulty client: same number", "C6"},
    {"faulty client: backups only", "C7"},
    {"row C8", "C8"},
    {"row C9", "C9"},
    {"row C11", "C11"},
    {"fault: disk wiped", "K1"},
    {"restart: torn tail cut", "K2"},
    {"fault: sync failed", "K4"},
    {"restart: damaged log found", "K6"},
    {"fault: a wall clock jumped", "K7"},
    {"fault: all replicas crashed at once", "K8"},
};

std::string_view letters_of(std::string_view profile) {
  if (profile == "calm") return "c";
  if (profile == "lossy") return "l";
  if (profile == "crash") return "k";
  if (profile == "byzantine-backups") return "i";
  if (profile == "real-crypto") return "r";
  if (profile == "byzantine-primary") return "p";
  if (profile == "byzantine-clients") return "o";
  if (profile == "liveness") return "v";
  if (profile == "twins") return "t";
  return profile == "common" ? "clki" : "clkipovt";
}

}  // namespace

void Coverage::count(std::string_view name, std::uint64_t by) {
  const auto found = counts_.find(name);
  if (found != counts_.end()) {
    found->second += by;
  } else {
    counts_.emplace(std::string(name), by);
    first_.emplace(std::string(name), slots_);
  }
}

bool Coverage::committed_after(std::string_view name) const {
  const auto first = first_.find(name);
  return first != first_.end() && first->second < slots_;
}

std::uint64_t Coverage::of(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

void CoverageTable::add(const Coverage& run) {
  ++runs_;
  for (const auto& [name, total] : run.counts()) {
    auto& row = rows_[name];
    row.name = name;
    ++row.seeds;
    row.committed += run.committed_after(name) ? 1U : 0U;
    row.total += total;
  }
  std::map<std::string_view, std::pair<bool, std::uint64_t>> played;  // whether a slot was committed afterwards; times
  for (const auto& [name, total] : run.counts()) {
    for (const auto& [counter, attack] : attack_rows) {
      if (!name.starts_with(counter)) continue;
      auto& [committed, times] = played[attack];
      committed = committed || run.committed_after(name);
      times += total;
    }
  }
  for (const auto& [name, what] : played) {
    auto& row = attacks_[std::string(name)];
    row.name = name;
    ++row.seeds;
    row.committed += what.first ? 1U : 0U;
    row.total += what.second;
  }
}

std::vector<CoverageTable::Row> CoverageTable::attacks() const {
  std::vector<Row> result;
  for (const auto& [counter, attack] : attack_rows) {
    const bool told = std::any_of(result.begin(), result.end(), [&](const Row& row) { return row.name == attack; });
    if (told) continue;
    const auto found = attacks_.find(attack);
    result.push_back(found == attacks_.end() ? Row{.name = std::string(attack)} : found->second);
  }
  return result;
}

std::vector<CoverageTable::Row> CoverageTable::rows() const {
  std::vector<Row> result;
  for (const auto& [name, row] : rows_) result.push_back(row);
  return result;
}

std::vector<std::string> CoverageTable::unreached(std::string_view profile) const {
  const auto letters = letters_of(profile);
  std::vector<std::string> result;
  for (const auto& branch : expected_branches) {
    const bool possible = std::any_of(letters.begin(), letters.end(), [&branch](char letter) {
      return branch.profiles.find(letter) != std::string_view::npos;
    });
    if (possible && rows_.find(branch.name) == rows_.end()) result.emplace_back(branch.name);
  }
  return result;
}

}  // namespace tagma::sim
