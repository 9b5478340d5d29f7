// Attacks whose requests are good ones in the end: one number after the other, or as many as there is room for, each of
// which correct replicas must execute.
#include <utility>

#include "client_lib/session_id.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"
#include "tagma/operation.h"
#include "test/end_to_end/double/client_attack.h"

namespace tagma::end_to_end {
namespace {

/// One number at a time, sent in whatever way the attack has, and the next one when it was executed. One that is not
/// executed for a while is sent to all as it should be, and counted: the cluster owed it an answer before.
class OneByOne : public ClientAttack {
 public:
  explicit OneByOne(const ClientSurroundings& surroundings) : ClientAttack(surroundings) {}

  void act(std::int64_t now_us) final {
    if (waits_) {
      if (surroundings().progress.done(session_) < number_) return look_after(now_us);
      waits_ = false;
      ++number_;
    }
    sent_us_ = now_us;
    waits_ = attack(session_, number_, way_++);
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> details() const override { return {{"unanswered", unanswered_}}; }

 protected:
  /// Sends request `number` in the way `way`. False: nobody can execute that; the next way has the same number.
  virtual bool attack(SessionId session, RequestNumber number, std::uint64_t way) = 0;

 private:
  static constexpr std::int64_t patience_us = 3'000'000;

  void look_after(std::int64_t now_us) {
    if (now_us - sent_us_ < patience_us) return;
    sent_us_ = now_us;
    ++unanswered_;
    send_to_all(maker().submit(maker().bundle(session_, number_, {maker().put("after all")})));
  }

  SessionId session_ = next_session_id();
  RequestNumber number_ = 1;
  std::uint64_t way_ = 0;
  bool waits_ = false;
  std::int64_t sent_us_ = 0;
  std::uint64_t unanswered_ = 0;
};

/// C1: for each subset of the replicas a bundle whose signature is valid there and spoilt elsewhere.
class SignsForSome final : public OneByOne {
 public:
  using OneByOne::OneByOne;
  [[nodiscard]] std::map<std::string, std::uint64_t> details() const override {
    auto details = OneByOne::details();
    details["subsets"] = subsets_.size();
    return details;
  }

 protected:
  bool attack(SessionId session, RequestNumber number, std::uint64_t way) override {
    const std::uint64_t subset = way & ((std::uint64_t{1} << n()) - 1);
    const auto bundle = maker().bundle(session, number, {maker().put("for some")});
    const Bytes valid = maker().submit(bundle);
    const Bytes spoilt = maker().submit(bundle, true);
    bool valid_left = false;
    for (ReplicaId to = 0; to < n(); ++to) {
      const bool is_valid = (subset >> to & 1U) != 0;
      const bool left = send(to, is_valid ? valid : spoilt);
      valid_left = valid_left || (is_valid && left);
    }
    if (subsets_.size() < subsets_max) subsets_.insert({subset, true});
    fire();
    return valid_left;
  }

 private:
  static constexpr std::size_t subsets_max = 65'536;
  std::map<std::uint64_t, bool> subsets_;
};

/// C6: each replica is told another payload for the number.
class SaysDifferentThings final : public OneByOne {
 public:
  using OneByOne::OneByOne;

 protected:
  bool attack(SessionId session, RequestNumber number, std::uint64_t /*way*/) override {
    bool left = false;
    for (ReplicaId to = 0; to < n(); ++to) {
      const auto value = "what replica " + std::to_string(to) + " was told";
      left = send(to, maker().submit(maker().bundle(session, number, {maker().put(value)}))) || left;
    }
    fire();
    return left;
  }
};

/// C7: all but the primary, or a single backup, hear of it.
class SkipsPrimary final : public OneByOne {
 public:
  using OneByOne::OneByOne;

 protected:
  bool attack(SessionId session, RequestNumber number, std::uint64_t way) override {
    const Bytes body = maker().submit(maker().bundle(session, number, {maker().put("around the primary")}));
    fire();
    if (way % 2 == 0) return send_to_backups(body), true;
    const auto backup = (surroundings().progress.primary() + 1 + way / 2 % (n() - 1)) % n();
    return send(static_cast<ReplicaId>(backup), body);
  }
};

/// C4: operations that are too large, malformed, empty, or of a service that is not there, and bundles that are not
/// what a bundle may be.
class SendsHostile final : public OneByOne {
 public:
  using OneByOne::OneByOne;

 protected:
  bool attack(SessionId session, RequestNumber number, std::uint64_t way) override {
    fire();
    const auto executed = [&](const Bytes& operation) {
      send_to_all(maker().submit(maker().bundle(session, number, {operation})));
      return true;
    };
    const auto refused = [&](std::vector<Bytes> operations) {
      send_to_all(maker().submit(maker().bundle(session, number, std::move(operations))));
      return false;
    };
    const auto name_only = [](std::uint8_t size, const Bytes& rest) {
      return Bytes(1, static_cast<char>(size)) + rest;
    };
    switch (way % 12) {
      case 0: return executed(encode_operation("nowhere", "hello"));
      case 1: return executed(name_only(255, "short"));
      case 2: return executed({});
      case 3: return executed(encode_operation("kv", "\xff\xff\xff\x7f"));
      case 4: return executed(encode_operation("kv", encode_words({"put", Bytes(4'096, 'k'), "value"})));
      case 5: return executed(encode_operation("kv", encode_words({"nonsense", Bytes(60'000, 'x')})));
      case 6: return executed(encode_operation("kv", encode_words(Words(limits::words_max, "w"))));
      case 7: return executed(encode_operation("kv", Bytes(limits::operation_bytes_max - 3, '\0')));
      case 8: return refused({Bytes(limits::operation_bytes_max + 1, 'x')});
      case 9: return refused({});
      case 10: return refused(std::vector<Bytes>(limits::bundle_operations_max + 1));
      default: return send_overlong(session, number);
    }
  }

 private:
  /// A body above the limit of a bundle, and bytes that are no message at all.
  bool send_overlong(SessionId session, RequestNumber number) {
    auto content = maker().bundle(session, number, {maker().put("overlong")});
    Bytes body = wire::encode_bundle_body(content);
    body.resize(limits::bundle_bytes_max + 8);
    send_to_all(maker().submit_signed(std::move(content), std::move(body)));
    send_to_all(Bytes(1'000, '\xff'));
    send_to_all({});
    return false;
  }
};

/// C3, its second half: everything that this client may have waiting waits at the primary, above a number that the
/// backups alone are then told.
class FillsQuota final : public ClientAttack {
 public:
  explicit FillsQuota(const ClientSurroundings& surroundings) : ClientAttack(surroundings) {}

  void act(std::int64_t now_us) override {
    const auto done = surroundings().progress.done(session_);
    switch (step_) {
      case Step::open:
        // A session that is not open has no room but for its first number.
        if (done >= first) return go_on(Step::fill, now_us);
        if (now_us - since_us_ < again_us) return;
        since_us_ = now_us;
        return send_to_all(maker().submit(maker().bundle(session_, first, {maker().put("opens")})));
      case Step::fill: return fill(now_us);
      case Step::tell_backups:
        send_to_backups(request(last));
        send_to_backups(request(left_out));
        if (surroundings().progress.busy(session_) > 0) fire();
        return go_on(Step::wait, now_us);
      case Step::wait:
        if (done < left_out && now_us - since_us_ < patience_us) return;
        if (done < left_out) ++unanswered_;
        return go_on(Step::rest, now_us);
      case Step::rest:
        if (now_us - since_us_ < rest_us) return;
        session_ = next_session_id();
        next_ = left_out + 1;
        return go_on(Step::open, 0);
    }
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> details() const override { return {{"unanswered", unanswered_}}; }

 private:
  enum class Step : std::uint8_t { open, fill, tell_backups, wait, rest };
  static constexpr std::int64_t patience_us = 5'000'000;
  static constexpr std::int64_t rest_us = 1'000'000;
  static constexpr std::int64_t again_us = 200'000;
  static constexpr RequestNumber first = 1;
  static constexpr RequestNumber left_out = 2;  ///< everything above waits for it
  static constexpr RequestNumber last = first + limits::session_window;
  /// So many of them, as many as a session may have, are more than a client may have waiting.
  static constexpr std::size_t value_bytes = 8'300;
  static constexpr std::size_t operations_of_bundle = 28;

  void go_on(Step step, std::int64_t now_us) {
    step_ = step;
    since_us_ = now_us;
  }

  [[nodiscard]] Bundle acknowledging_first(RequestNumber number, std::vector<Bytes> operations) const {
    auto bundle = maker().bundle(session_, number, std::move(operations));
    bundle.acknowledged = first;
    return bundle;
  }
  [[nodiscard]] Bytes request(RequestNumber number) const {
    return maker().submit(acknowledging_first(number, {maker().put("for the backups")}));
  }

  /// A bundle at a time, so that the link's queue has room for each; round and round until the primary is full.
  void fill(std::int64_t now_us) {
    if (next_ >= last) {
      // The refusal is on its way, or a little room is left and this closes it.
      next_ = left_out + 1;
      if (surroundings().progress.busy(session_) > 0 || now_us - since_us_ > patience_us) {
        go_on(Step::tell_backups, now_us);
      }
      return;
    }
    std::vector<Bytes> operations;
    const auto begin = next_;
    while (operations.size() < operations_of_bundle && next_ < last) {
      operations.push_back(maker().put(std::string(value_bytes, 'q')));
      ++next_;
    }
    const auto bundle = acknowledging_first(begin, std::move(operations));
    if (!send(surroundings().progress.primary(), maker().submit(bundle))) next_ = begin;
  }

  SessionId session_ = next_session_id();
  RequestNumber next_ = left_out + 1;
  Step step_ = Step::open;
  std::int64_t since_us_ = 0;
  std::uint64_t unanswered_ = 0;
};

/// C3: valid requests on several sessions, as many as it is told, whether or not there is room; and the quota.
class FloodsRequests final : public ClientAttack {
 public:
  explicit FloodsRequests(const ClientSurroundings& surroundings) : ClientAttack(surroundings), quota_(surroundings) {
    for (auto& session : sessions_) session.id = next_session_id();
  }

  void act(std::int64_t now_us) override {
    if (turn_++ % quota_every == 0) quota_.act(now_us);
    auto& session = sessions_[turn_ % sessions];
    const auto done = surroundings().progress.done(session.id);
    if (done > session.done) session.moved_us = now_us;
    session.done = std::max(session.done, done);
    // Refused, or lost: everything from there on again.
    const bool stuck = now_us - session.moved_us > again_us;
    if (session.next > session.done + limits::session_window / 2 || stuck) {
      session.next = session.done + 1;
      session.moved_us = now_us;
    }
    send_to_all(maker().submit(maker().bundle(session.id, session.next, {maker().put("one of many")})));
    ++session.next;
    fire();
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> details() const override {
    auto details = quota_.details();
    details["quota"] = quota_.fired();
    std::uint64_t executed = 0;
    for (const auto& session : sessions_) executed += session.done;
    details["executed"] = executed;
    return details;
  }

 private:
  static constexpr std::size_t sessions = 8;
  static constexpr std::uint64_t quota_every = 10;
  static constexpr std::int64_t again_us = 500'000;
  struct Session {
    SessionId id = 0;
    RequestNumber next = 1;
    RequestNumber done = 0;
    std::int64_t moved_us = 0;
  };
  Session sessions_[sessions];
  std::uint64_t turn_ = 0;
  FillsQuota quota_;
};

}  // namespace

std::unique_ptr<ClientAttack> make_steady_attack(std::string_view name, const ClientSurroundings& surroundings) {
  if (name == "partial") return std::make_unique<SignsForSome>(surroundings);
  if (name == "payloads") return std::make_unique<SaysDifferentThings>(surroundings);
  if (name == "skip_primary") return std::make_unique<SkipsPrimary>(surroundings);
  if (name == "oversized") return std::make_unique<SendsHostile>(surroundings);
  if (name == "quota") return std::make_unique<FillsQuota>(surroundings);
  if (name == "flood") return std::make_unique<FloodsRequests>(surroundings);
  return nullptr;
}

}  // namespace tagma::end_to_end
