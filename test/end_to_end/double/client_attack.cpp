#include "test/end_to_end/double/client_attack.h"

#include <algorithm>
#include <utility>

#include "messages/wire/codec.h"
#include "tagma/operation.h"
#include "test/sim/faulty_client.h"

namespace tagma::end_to_end {
namespace {

/// The simulator's faulty client, which does whatever it draws.
class Anything final : public ClientAttack {
 public:
  explicit Anything(const ClientSurroundings& surroundings)
      : ClientAttack(surroundings),
        client_(drawn_by(surroundings), surroundings.client, surroundings.membership, surroundings.authenticator,
                coverage_) {}

  void act(std::int64_t /*now_us*/) override {
    for (const auto& [to, bytes] : client_.act()) send(to, bytes);
  }
  [[nodiscard]] std::uint64_t fired() const override {
    std::uint64_t sum = 0;
    for (const auto& [name, count] : coverage_.counts()) sum += count;
    return sum;
  }

 private:
  static sim::SimOptions drawn_by(const ClientSurroundings& surroundings) {
    sim::SimOptions options;
    options.seed = surroundings.seed;
    return options;
  }

  sim::Coverage coverage_;
  sim::FaultyClient client_;
};

struct Known {
  std::string_view name;
  std::uint32_t rate;
};
constexpr Known known[] = {{"partial", 200},  {"ahead", 200},      {"flood", 1'000},  {"quota", 100},
                           {"oversized", 50}, {"replay", 500},     {"payloads", 200}, {"skip_primary", 200},
                           {"churn", 50},     {"other_name", 200}, {"anything", 200}};

}  // namespace

Bundle RequestMaker::bundle(SessionId session, RequestNumber first, std::vector<Bytes> operations) const {
  Bundle content;
  content.cluster = membership_.cluster;
  content.epoch = membership_.epoch;
  content.client = client_;
  content.session = session;
  content.first = first;
  content.acknowledged = first - 1;
  content.operations = std::move(operations);
  return content;
}

Bytes RequestMaker::submit(const Bundle& bundle, bool spoilt) const {
  return submit_signed(bundle, wire::encode_bundle_body(bundle), spoilt);
}

Bytes RequestMaker::submit_signed(Bundle content, Bytes body, bool spoilt) const {
  SignedBundle bundle;
  bundle.content = std::move(content);
  bundle.body = std::move(body);
  bundle.signature = authenticator_.sign(wire::bundle_statement(bundle.body));
  if (spoilt) bundle.signature.back() = static_cast<char>(bundle.signature.back() ^ 1);
  return wire::encode(Submit{std::make_shared<const SignedBundle>(std::move(bundle))});
}

Bytes RequestMaker::put(const std::string& value) const {
  return encode_operation("kv", encode_words({"put", "byzantine-" + std::to_string(client_), value}));
}

void Progress::heard(const ClientLinks::Heard& heard) {
  const auto* refusal = std::get_if<Refusal>(&heard.message);
  if (refusal != nullptr && refusal->reason == RefusalReason::busy) ++busy_[refusal->session];
  if (busy_.size() > sessions_max) busy_.erase(busy_.begin());
  const auto* replies = std::get_if<Replies>(&heard.message);
  if (replies == nullptr) return;
  auto& view = views_[heard.from];
  view = std::max<std::uint64_t>(view, replies->view);
  auto& number = numbers_[replies->session][heard.from];
  for (const auto& entry : replies->entries) number = std::max(number, entry.number);
  if (numbers_.size() > sessions_max) numbers_.erase(numbers_.begin());
}

RequestNumber Progress::done(SessionId session) const {
  const auto found = numbers_.find(session);
  return found == numbers_.end() ? 0 : vouched(found->second);
}

std::uint64_t Progress::busy(SessionId session) const {
  const auto found = busy_.find(session);
  return found == busy_.end() ? 0 : found->second;
}

ReplicaId Progress::primary() const { return membership_.primary(vouched(views_)); }

std::uint64_t Progress::vouched(const std::map<ReplicaId, std::uint64_t>& by_replica) const {
  std::vector<std::uint64_t> values;
  for (const auto& [replica, value] : by_replica) values.push_back(value);
  std::sort(values.rbegin(), values.rend());
  return values.size() <= membership_.faults ? 0 : values[membership_.faults];
}

void ClientAttack::send_to_all(const Bytes& body) {
  for (ReplicaId to = 0; to < n(); ++to) send(to, body);
}

void ClientAttack::send_to_backups(const Bytes& body) {
  const auto primary = surroundings_.progress.primary();
  for (ReplicaId to = 0; to < n(); ++to) {
    if (to != primary) send(to, body);
  }
}

std::unique_ptr<ClientAttack> make_client_attack(std::string_view name, const ClientSurroundings& surroundings) {
  if (name == "anything") return std::make_unique<Anything>(surroundings);
  if (auto made = make_steady_attack(name, surroundings)) return made;
  return make_loose_attack(name, surroundings);
}

std::uint32_t usual_rate(std::string_view name) {
  for (const auto& each : known) {
    if (each.name == name) return each.rate;
  }
  return 100;
}

std::vector<std::string_view> client_attack_names() {
  std::vector<std::string_view> names;
  for (const auto& each : known) names.push_back(each.name);
  return names;
}

}  // namespace tagma::end_to_end
