// Attacks that expect no answer: what nobody should execute, and connections that nobody reads.
#include <deque>
#include <utility>

#include "client_lib/session_id.h"
#include "messages/wire/codec.h"
#include "test/end_to_end/double/client_attack.h"
#include "test/sim/random.h"

namespace tagma::end_to_end {
namespace {

/// C2: numbers near and far beyond the next one; now and then the next one, so that the session lives on.
class RunsAhead final : public ClientAttack {
 public:
  explicit RunsAhead(const ClientSurroundings& surroundings)
      : ClientAttack(surroundings), random_(surroundings.seed, "runs ahead") {}

  void act(std::int64_t /*now_us*/) override {
    next_ = std::max(next_, surroundings().progress.done(session_) + 1);
    if (turn_++ % next_one_every == 0) {
      return send_to_all(maker().submit(maker().bundle(session_, next_, {maker().put("in turn")})));
    }
    const auto ahead = random_.one_of<RequestNumber>({2, 50, 1'500, 1ULL << 62U});
    auto bundle = maker().bundle(session_, next_ + ahead, {maker().put("ahead")});
    if (random_.chance(700'000)) bundle.acknowledged = next_ - 1;
    send_to_all(maker().submit(bundle));
    fire();
  }

 private:
  static constexpr std::uint64_t next_one_every = 20;
  sim::Random random_;
  SessionId session_ = next_session_id();
  RequestNumber next_ = 1;
  std::uint64_t turn_ = 0;
};

/// C5: its own requests and whole records, again and again, to whom they went and to others.
class RepeatsItself final : public ClientAttack {
 public:
  explicit RepeatsItself(const ClientSurroundings& surroundings)
      : ClientAttack(surroundings), random_(surroundings.seed, "repeats itself") {}

  void act(std::int64_t /*now_us*/) override {
    if (old_.size() < old_max || turn_++ % fresh_every == 0) {
      old_.push_back(maker().submit(maker().bundle(session_, next_++, {maker().put("again and again")})));
      if (old_.size() > old_max) old_.pop_front();
      return send_to_all(old_.back());
    }
    const auto to = static_cast<ReplicaId>(random_.below(n()));
    if (random_.chance(500'000)) {
      if (send(to, old_[random_.below(old_.size())])) fire();
      return;
    }
    auto& from = surroundings().links.to(random_.chance(500'000) ? to : static_cast<ReplicaId>(random_.below(n())));
    if (from.sent().empty()) return;
    if (surroundings().links.to(to).send_record(from.sent()[random_.below(from.sent().size())])) fire();
  }

 private:
  static constexpr std::size_t old_max = 50;
  static constexpr std::uint64_t fresh_every = 100;
  sim::Random random_;
  SessionId session_ = next_session_id();
  RequestNumber next_ = 1;
  std::uint64_t turn_ = 0;
  std::deque<Bytes> old_;
};

/// C8: connections that come and go, with and without a handshake, and are never read once they are up.
class Churns final : public ClientAttack {
 public:
  explicit Churns(const ClientSurroundings& surroundings)
      : ClientAttack(surroundings), random_(surroundings.seed, "churns") {}

  void act(std::int64_t now_us) override {
    open_one();
    // The youngest shake hands; the rest ask, and never read what they are answered.
    const Bytes question = wire::encode(ReportQuery{random_.next()});
    for (std::size_t at = 0; at < open_.size(); ++at) {
      auto& link = *open_[at];
      if (!link.established() && at + shaking_max >= open_.size()) {
        std::vector<Message> unread;
        link.tick(now_us);
        link.receive(unread);
      } else if (link.established()) {
        for (int asked = 0; asked < questions; ++asked) link.send(question);
      }
    }
  }

 private:
  static constexpr std::size_t open_max = 100;
  static constexpr std::size_t shaking_max = 30;
  static constexpr int questions = 4;

  void open_one() {
    const auto& membership = surroundings().membership;
    const auto& replica = membership.replicas[random_.below(n())];
    open_.push_back(std::make_unique<ClientLink>(surroundings().context, replica, membership,
                                                 Principal{PrincipalKind::client, surroundings().client},
                                                 surroundings().identity));
    if (open_.size() > open_max) {
      // Any of them, whatever was going on there.
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(random_.below(open_.size() - 1)));
    }
    fire();
  }

  sim::Random random_;
  std::deque<std::unique_ptr<ClientLink>> open_;
};

/// Requests in the name of others, of another epoch, of another cluster, of no session.
class NamesOthers final : public ClientAttack {
 public:
  explicit NamesOthers(const ClientSurroundings& surroundings)
      : ClientAttack(surroundings), random_(surroundings.seed, "names others") {}

  void act(std::int64_t /*now_us*/) override {
    auto bundle = maker().bundle(session_, 1 + random_.below(40), {maker().put("forged")});
    switch (random_.below(5)) {
      case 0: bundle.client = another_client(); break;
      case 1: bundle.client = requester_of(AdminId{static_cast<AdminId>(random_.below(3))}); break;
      case 2: bundle.epoch += 1; break;
      case 3: bundle.cluster.bytes[0] = static_cast<std::uint8_t>(bundle.cluster.bytes[0] ^ 1U); break;
      default: bundle.session = 0; break;
    }
    send_to_all(maker().submit(bundle));
    fire();
  }

 private:
  [[nodiscard]] ClientId another_client() {
    const auto& clients = surroundings().membership.clients;
    const auto id = clients[random_.below(clients.size())].id;
    return id == surroundings().client ? id + 1 : id;
  }

  sim::Random random_;
  SessionId session_ = next_session_id();
};

}  // namespace

std::unique_ptr<ClientAttack> make_loose_attack(std::string_view name, const ClientSurroundings& surroundings) {
  if (name == "ahead") return std::make_unique<RunsAhead>(surroundings);
  if (name == "replay") return std::make_unique<RepeatsItself>(surroundings);
  if (name == "churn") return std::make_unique<Churns>(surroundings);
  if (name == "other_name") return std::make_unique<NamesOthers>(surroundings);
  return nullptr;
}

}  // namespace tagma::end_to_end
