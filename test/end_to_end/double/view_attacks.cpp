// What is said about views: those that nobody needs, and what stood before one that all need.
#include <limits>
#include <utility>

#include "messages/wire/codec.h"
#include "test/end_to_end/double/replica_attack.h"

namespace tagma::end_to_end {
namespace {

ViewChange signed_view_change(ViewChangeStatement content, Authenticator& authenticator) {
  ViewChange message;
  message.content = std::move(content);
  message.body = wire::encode_view_change_body(message.content);
  message.signature = authenticator.sign(wire::view_change_statement(message.body));
  return message;
}

/// P14: the others but one must learn of the view that it begins from each other.
class WithholdsNewView final : public ReplicaAttack {
 public:
  explicit WithholdsNewView(const Surroundings& surroundings) : surroundings_(surroundings) {}

  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    const auto favoured = (surroundings_.self() + 1) % surroundings_.membership().n();
    const auto* begun = std::get_if<NewView>(&outgoing.message);
    if (begun != nullptr && outgoing.to != favoured) {
      if (surroundings_.membership().primary(begun->content.view) == surroundings_.self()) return fire();
    }
    out.push_back(std::move(outgoing));
  }

 private:
  Surroundings surroundings_;
};

/// B2: VIEW-CHANGEs for views near and far, signed and well-founded, that nobody else wants.
class WantsFarViews final : public ReplicaAttack {
 public:
  WantsFarViews(const AttackOptions& options, const Surroundings& surroundings)
      : surroundings_(surroundings), random_(options.seed + surroundings.self(), "far views") {}

  void act(Deeds& deeds) override {
    const auto& situation = surroundings_.situation;
    if (situation.now_us < next_us_) return;
    next_us_ = situation.now_us + every_us;
    ViewChangeStatement content;
    content.cluster = surroundings_.membership().cluster;
    content.epoch = surroundings_.membership().epoch;
    content.replica = surroundings_.self();
    content.incarnation = situation.core.incarnation;
    content.view =
        situation.core.view + random_.one_of<View>({1, 2, 3, 1'000, 1'000'000, std::numeric_limits<View>::max() / 2});
    content.issue = ++issue_;
    content.certificate = situation.certificate;
    deeds.to_all.emplace_back(signed_view_change(std::move(content), surroundings_.authenticator));
    fire();
  }

 private:
  static constexpr MonotonicUs every_us = 20'000;
  Surroundings surroundings_;
  sim::Random random_;
  MonotonicUs next_us_ = 0;
  std::uint64_t issue_ = 0;
};

/// B4, B5: its own VIEW-CHANGE claims what nobody proposed towards some, and leaves out what it PREPAREd towards
/// others.
class ClaimsFalsely final : public ReplicaAttack {
 public:
  explicit ClaimsFalsely(const Surroundings& surroundings) : surroundings_(surroundings) {}

  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    auto* wish = std::get_if<ViewChange>(&outgoing.message);
    if (wish != nullptr && wish->content.replica == surroundings_.self()) {
      auto content = wish->content;
      if (outgoing.to % 2 == 0) {
        claim_more(content);
      } else {
        content.prepared.clear();
        content.recorded.clear();
      }
      *wish = signed_view_change(std::move(content), surroundings_.authenticator);
      fire();
    }
    out.push_back(std::move(outgoing));
  }

 private:
  /// Slots behind the last one that it may speak of honestly, with batches that are nowhere.
  static void claim_more(ViewChangeStatement& content) {
    Seq last = content.certificate.votes.empty() ? 0 : content.certificate.votes.front().content.seq;
    for (const auto* claims : {&content.prepared, &content.recorded}) {
      if (!claims->empty()) last = std::max(last, claims->back().seq);
    }
    constexpr Seq invented = 3;
    for (Seq seq = last + 1; seq <= last + invented; ++seq) {
      SlotClaim claim{seq, content.view - 1, {}};
      claim.digest.bytes[5] = static_cast<std::uint8_t>(1 + seq % 255);
      content.prepared.push_back(claim);
      content.recorded.push_back(claim);
    }
  }

  Surroundings surroundings_;
};

}  // namespace

std::unique_ptr<ReplicaAttack> make_view_attack(std::string_view name, const AttackOptions& options,
                                                const Surroundings& surroundings) {
  if (name == "withhold_new_view") return std::make_unique<WithholdsNewView>(surroundings);
  if (name == "far_views") return std::make_unique<WantsFarViews>(options, surroundings);
  if (name == "false_claims") return std::make_unique<ClaimsFalsely>(surroundings);
  return nullptr;
}

}  // namespace tagma::end_to_end
