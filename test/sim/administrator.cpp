#include "test/sim/administrator.h"

#include <algorithm>
#include <string>
#include <utility>

#include "replica/service/admin_rules.h"
#include "test/checkers/admin_oracle.h"

namespace tagma::sim {
namespace {

constexpr VirtualUs period_min_us = 4'000;
constexpr VirtualUs period_max_us = 30'000;
constexpr std::string_view group_name = "administered";

Words group_change(ClientId newcomer, std::uint32_t rounds_max) {
  GroupDefinition group;
  group.name = group_name;
  group.members = {newcomer};
  group.rounds_max = rounds_max;
  return words_of(SetGroup{group});
}

Bytes admin_operation(const Words& words) { return encode_operation(admin_service, encode_words(words)); }

}  // namespace

Agenda make_agenda(const SimAdministration& administration, const std::string& newcomer_key) {
  const auto probe = std::to_string(administration.probe);
  const auto newcomer = std::to_string(administration.newcomer);
  return {{"client", "add", newcomer, newcomer_key},
          {"permission", "set", probe, "none"},
          group_change(administration.newcomer, 2),
          {"permission", "set", probe, "group"},
          group_change(administration.newcomer, 3),
          {"permission", "set", probe, "kv"},
          {"permission", "set", probe, "all"},
          {"group", "remove", std::string(group_name)},
          {"client", "remove", probe}};
}

Agenda contested_changes(const SimAdministration& administration) {
  const std::string key = "ed25519:" + std::string(64, '5');
  return {{"client", "add", std::to_string(administration.newcomer + 2), key},
          {"client", "add", std::to_string(administration.newcomer + 3), key}};
}

// ---------------------------------------------------------------------------------------------------------------------
// Administrators

Administrator::Administrator(const SimOptions& options, AdminId id, const Agenda& agenda, const Membership& membership,
                             Authenticator& authenticator, Coverage& coverage, Scheduler& scheduler,
                             AdministrationHost& host)
    : options_(options),
      id_(id),
      agenda_(agenda),
      coverage_(coverage),
      scheduler_(scheduler),
      host_(host),
      random_(options.seed + id, "administrator"),
      requester_(
          options, requester_of(id), membership, authenticator, scheduler,
          [this](ReplicaId to, const Message& message) { host_.requester_sends(requester_of(id_), to, message); },
          [this](RequestNumber /*number*/, Seq seq, const ServiceReply& reply) { answered(seq, reply); }) {}

void Administrator::act_later() {
  scheduler_.after(random_.between(period_min_us, period_max_us), [this] { act(); });
}

/// One thing at a time: a look at what is proposed, or the word for what comes next.
void Administrator::act() {
  if (!host_.administration_goes_on()) return;
  if (!requester_.outstanding()) {
    if (random_.chance(400'000)) {
      ask({"list"});
    } else if (random_.chance(150'000)) {
      ask({"show", std::to_string(random_.between(1, 16))});
    } else if (!correct()) {
      lie();
    } else if (next_ > 0 && !std::exchange(contested_wanted_, true)) {
      for (const auto& change : contested_changes(options_.administration)) want(change);
    } else if (next_ < agenda_.size() && !given_) {
      want(agenda_[next_]);
    }
  }
  act_later();
}

void Administrator::want(const Words& change) {
  host_.change_wanted(id_, change);
  for (const auto& [number, words] : open_) {
    if (words == change && random_.chance(500'000)) return ask({"approve", std::to_string(number)});
  }
  propose(change);
}

void Administrator::propose(const Words& change) {
  Words words{"propose"};
  words.insert(words.end(), change.begin(), change.end());
  ask(words);
}

/// What nobody correct wants.
Words Administrator::lying_change() {
  const auto client = std::to_string(random_.below(options_.client.clients));
  switch (random_.below(5)) {
    case 0: return {"permission", "set", client, "none"};
    case 1: return {"client", "remove", client};
    case 2: return {"group", "set", "false", "rule=exact", "value=bytes", "members=" + client, "faulty_max=0"};
    case 3: return {"permission", "set", std::to_string(options_.administration.probe), "false"};
    default:
      return {"client", "add", std::to_string(options_.administration.newcomer + 1), "ed25519:" + std::string(64, '7')};
  }
}

void Administrator::lie() {
  if (lies_left_ == 0) return;
  --lies_left_;
  coverage_.count("row C11: a faulty administrator acts");
  const auto some_open = [this]() -> Words {
    if (open_.empty()) return {"list"};
    auto found = open_.begin();
    std::advance(found, static_cast<std::ptrdiff_t>(random_.below(open_.size())));
    return {"approve", std::to_string(found->first)};
  };
  switch (random_.below(8)) {
    case 0: {  // twice, at once
      const auto change = lying_change();
      propose(change);
      return propose(change);
    }
    case 1: return ask(some_open());
    case 2: {
      auto words = some_open();
      if (words.front() == "approve") words.front() = "withdraw";
      return ask(words);
    }
    case 3: return propose(agenda_[random_.below(agenda_.size())]);  // whose time has not come
    case 4:
      requester_.submit(encode_operation("group", encode_words({"list"})));  // which administrators may not ask
      return;
    case 5: return ask({"propose", "client", "add", "4000000000", "key"});
    case 6: return ask({"approve", "18446744073709551616"});
    default: return propose(lying_change());
  }
}

void Administrator::ask(const Words& words) { requester_.submit(admin_operation(words)); }

void Administrator::answered(Seq seq, const ServiceReply& reply) {
  host_.administrator_told(seq, reply);
  if (reply.status == ReplyStatus::ok) learn(reply);
}

void Administrator::learn(const ServiceReply& reply) {
  const bool of_one = reply.text.starts_with("proposal\t");
  if (!of_one) open_.clear();
  bool waits = false;
  std::set<Words> applied;
  for (auto& line : checkers::AdminOracle::lines_of(reply.text)) {
    if (line.state == "applied") applied.insert(line.change);
    if (line.state != "open") continue;
    const bool counted = std::find(line.approved.begin(), line.approved.end(), id_) != line.approved.end();
    waits = waits || (counted && next_ < agenda_.size() && line.change == agenda_[next_]);
    open_[line.number] = std::move(line.change);
  }
  // Who has given its word waits for the others'.
  given_ = waits;
  while (next_ < agenda_.size() && applied.contains(agenda_[next_])) {
    ++next_;
    given_ = false;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Clients

ProbingClient::ProbingClient(const SimOptions& options, ClientId id, const Membership& membership,
                             Authenticator& authenticator, Coverage& coverage, Scheduler& scheduler,
                             AdministrationHost& host)
    : options_(options),
      id_(id),
      coverage_(coverage),
      scheduler_(scheduler),
      host_(host),
      random_(options.seed + id, "probing client"),
      requester_(
          options, id, membership, authenticator, scheduler,
          [this](ReplicaId to, const Message& message) { host_.requester_sends(id_, to, message); },
          [this](RequestNumber number, Seq seq, const ServiceReply& reply) {
            usurping_.contains(number) ? host_.usurper_told(reply) : answered(seq, reply);
          }) {}

void ProbingClient::act_later() {
  scheduler_.after(random_.between(period_min_us, period_max_us), [this] { act(); });
}

void ProbingClient::act() {
  if (!host_.administration_goes_on()) return;
  act_later();
  if (requester_.outstanding()) return;
  if (!newcomer() && random_.chance(100'000)) {
    coverage_.count("row C11: a client asks for what only administrators may");
    usurping_.insert(requester_.submit(admin_operation({"propose", "client", "remove", "0"})));
    return;
  }
  requester_.submit(encode_operation("group", encode_words({"list"})));
}

void ProbingClient::answered(Seq seq, const ServiceReply& reply) {
  newcomer() ? host_.newcomer_told(seq, reply) : host_.probe_told(seq, reply);
}

}  // namespace tagma::sim
