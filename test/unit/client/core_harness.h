// Drives a ClientCore by hand: virtual time, a toy authenticator, replies in protocol words.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client_lib/client_core.h"

namespace tagma::test {

/// Deterministic and cheap; its digests spread over all 32 bytes, its signatures can be checked by anyone.
class ToyAuthenticator final : public Authenticator {
 public:
  [[nodiscard]] Digest digest(ByteView bytes) override {
    Digest digest;
    std::uint64_t state = 0xcbf29ce484222325U;
    for (const char byte : bytes) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
    for (auto& out : digest.bytes) {
      state = (state ^ (state >> 29U)) * 0xbf58476d1ce4e5b9U + 1;
      out = static_cast<std::uint8_t>(state >> 56U);
    }
    return digest;
  }
  [[nodiscard]] Bytes sign(ByteView statement) override { return Bytes("toy") + Bytes(digest(statement).view()); }
  [[nodiscard]] bool verify(const PublicKey&, ByteView statement, ByteView signature) override {
    return signature == sign(statement);
  }
};

[[nodiscard]] inline Membership make_membership(std::uint32_t n) {
  Membership membership;
  membership.cluster.bytes.fill(7);
  membership.epoch = 3;
  membership.faults = faults_tolerated(n);
  for (ReplicaId id = 0; id < n; ++id) {
    ReplicaMember replica;
    replica.id = id;
    membership.replicas.push_back(std::move(replica));
  }
  membership.clients.push_back({5, {}});
  return membership;
}

[[nodiscard]] inline ClientConfig make_config(std::uint32_t n = 4) {
  ClientConfig config;
  config.id = 5;
  config.session = 77;
  config.membership = make_membership(n);
  return config;
}

/// What a client put on the wire.
struct Sent {
  std::int64_t at_us = 0;
  ReplicaId to = 0;
  std::shared_ptr<const SignedBundle> bundle;
};

/// A core with everything that it asked for, sorted by kind.
class Harness {
 public:
  explicit Harness(ClientConfig config = make_config()) : config_(std::move(config)), core_(config_, authenticator_) {}

  RequestNumber submit(const Bytes& operation) {
    operations_.push_back(operation);
    return core_.submit(now_us_, operation);
  }
  void flush() { take(core_.flush(now_us_)); }
  RequestNumber submit_and_flush(const Bytes& operation) {
    const auto number = submit(operation);
    flush();
    return number;
  }

  /// The entry that a correct replica would send for this number.
  [[nodiscard]] ReplyEntry entry(RequestNumber number, const Bytes& result, Seq seq = 10) {
    return {number, authenticator_.digest(operations_.at(number - 1)), seq, Outcome::executed, result};
  }
  void reply(ReplicaId from, std::vector<ReplyEntry> entries, View view = 0) {
    receive(from, Replies{config_.membership.epoch, view, config_.id, config_.session, std::move(entries)});
  }
  void reply(ReplicaId from, RequestNumber number, const Bytes& result, Seq seq = 10, View view = 0) {
    reply(from, {entry(number, result, seq)}, view);
  }
  /// The same honest reply of f+1 replicas.
  void accept(RequestNumber number, const Bytes& result = "done") {
    for (ReplicaId from = 0; from < config_.membership.weak_quorum(); ++from) reply(from, number, result);
  }
  void refuse(ReplicaId from, RequestNumber first, RefusalReason reason) {
    receive(from, Refusal{config_.session, first, reason});
  }
  void receive(ReplicaId from, const Message& message) { take(core_.receive(now_us_, from, message)); }

  /// Lets time pass, waking the core exactly when it asked for it.
  void run_until(std::int64_t until_us) {
    while (wake_at_us_ && *wake_at_us_ <= until_us) {
      now_us_ = std::max(now_us_, *wake_at_us_);
      wake_at_us_.reset();
      take(core_.wake(now_us_));
    }
    now_us_ = until_us;
  }

  void take(ClientEffects effects) {
    for (auto& effect : effects) {
      if (auto* send = std::get_if<ClientSend>(&effect)) {
        sent_.push_back({now_us_, send->to, std::get<Submit>(send->message).bundle});
      } else if (auto* completed = std::get_if<Completed>(&effect)) {
        completed_.push_back(std::move(*completed));
      } else {
        wake_at_us_ = std::get<ClientWakeAt>(effect).at_us;
      }
    }
  }

  [[nodiscard]] std::vector<Sent> take_sent() { return std::exchange(sent_, {}); }
  [[nodiscard]] std::vector<Completed> take_completed() { return std::exchange(completed_, {}); }
  [[nodiscard]] ClientCore& core() { return core_; }
  [[nodiscard]] ToyAuthenticator& authenticator() { return authenticator_; }
  [[nodiscard]] const ClientConfig& config() const { return config_; }
  [[nodiscard]] std::int64_t now_us() const { return now_us_; }
  [[nodiscard]] std::optional<std::int64_t> wake_at_us() const { return wake_at_us_; }

 private:
  ClientConfig config_;
  ToyAuthenticator authenticator_;
  ClientCore core_;
  std::int64_t now_us_ = 1'000'000;
  std::vector<Bytes> operations_;  ///< by number - 1
  std::vector<Sent> sent_;
  std::vector<Completed> completed_;
  std::optional<std::int64_t> wake_at_us_;
};

}  // namespace tagma::test
