#include "client_lib/admin_client.h"

#include <algorithm>
#include <utility>

#include "client_lib/client_loop.h"
#include "client_lib/replica_link.h"
#include "crypto/digest.h"
#include "crypto/identity.h"
#include "messages/cluster_file/cluster_file.h"
#include "messages/wire/codec.h"

namespace tagma {
namespace {

/// A replica that was asked faster than it allows says nothing; it is asked again.
constexpr std::int64_t ask_again_us = 150'000;
/// Records taken from a replica before the deadline is looked at again: one that floods does not hold us here.
constexpr int records_per_turn = 64;

std::uint64_t random_number() {
  std::uint64_t number = 0;
  for (const char byte : crypto::random_bytes(sizeof(number))) {
    number = (number << 8U) | static_cast<unsigned char>(byte);
  }
  return number;
}

}  // namespace

class AdminClient::Implementation {
 public:
  Implementation(const AdminOptions& options, Membership membership, crypto::Identity identity)
      : options_(options),
        membership_(std::move(membership)),
        identity_(std::move(identity)),
        context_(shared_context()),
        nonce_(random_number()) {}

  [[nodiscard]] const Membership& membership() const { return membership_; }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return options_.timeout; }
  [[nodiscard]] std::uint64_t next_nonce() { return nonce_++; }

  [[nodiscard]] std::vector<std::optional<Message>> exchange(const std::vector<ReplicaId>& replicas,
                                                             const Message& query,
                                                             const std::function<bool(const Message&)>& answers) {
    auto encoded = std::make_shared<EncodedMessage>();
    encoded->bytes = wire::encode(query);
    encoded->digest = hasher_.digest(encoded->bytes);
    std::vector<Asked> asked;
    asked.reserve(replicas.size());
    for (const ReplicaId id : replicas) asked.push_back({&link_to(id), 0, std::nullopt});
    const std::int64_t end_us = monotonic_us() + std::chrono::microseconds(options_.timeout).count();
    for (;;) {
      const std::int64_t now_us = monotonic_us();
      bool all = true;
      for (auto& each : asked) {
        attend(each, encoded, now_us, answers);
        all = all && each.answer;
      }
      if (all || now_us >= end_us) break;
      wait(asked, now_us, end_us);
    }
    std::vector<std::optional<Message>> found;
    found.reserve(asked.size());
    for (auto& each : asked) found.push_back(std::move(each.answer));
    return found;
  }

 private:
  struct Asked {
    ReplicaLink* link = nullptr;
    std::int64_t again_us = 0;  ///< when to ask again
    std::optional<Message> answer;
  };

  ReplicaLink& link_to(ReplicaId id) {
    auto& link = links_[id];
    if (!link) {
      link = std::make_unique<ReplicaLink>(*context_, *membership_.find_replica(id),
                                           crypto::ChannelScope{membership_.cluster, membership_.epoch},
                                           crypto::ChannelEnd{{PrincipalKind::admin, options_.id}, 0}, identity_);
    }
    return *link;
  }

  /// Receives, asks where it is time to, shakes hands.
  static void attend(Asked& asked, const SharedEncodedMessage& query, std::int64_t now_us,
                     const std::function<bool(const Message&)>& answers) {
    LinkInput input;
    for (int taken = 0; taken < records_per_turn && asked.link->receive(now_us, input); ++taken) {
      if (input.connected) asked.again_us = now_us;
      for (auto& message : input.messages) {
        if (!asked.answer && answers(message)) asked.answer = std::move(message);
      }
    }
    asked.link->tick(now_us);
    if (asked.answer || !asked.link->established() || now_us < asked.again_us) return;
    asked.again_us = now_us + ask_again_us;
    asked.link->post(query);
    asked.link->transmit(now_us);
  }

  static void wait(std::vector<Asked>& asked, std::int64_t now_us, std::int64_t end_us) {
    std::int64_t due_us = end_us;
    std::vector<zmq::pollitem_t> items;
    for (const auto& each : asked) {
      items.push_back(each.link->poll_item());
      if (const auto link_us = each.link->due_us()) due_us = std::min(due_us, *link_us);
      if (!each.answer && each.link->established()) due_us = std::min(due_us, each.again_us);
    }
    const auto wait_ms = std::max<std::int64_t>((due_us - now_us + 999) / 1000, 0);
    try {
      zmq::poll(items, std::chrono::milliseconds(wait_ms));
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
      return;
    }
    for (std::size_t at = 0; at < items.size(); ++at) {
      if ((items[at].revents & ZMQ_POLLOUT) != 0) asked[at].link->on_writable(monotonic_us());
    }
  }

  const AdminOptions options_;
  const Membership membership_;
  const crypto::Identity identity_;
  crypto::Hasher hasher_;
  std::shared_ptr<zmq::context_t> context_;  ///< above the links: destroyed after them
  std::map<ReplicaId, std::unique_ptr<ReplicaLink>> links_;
  std::uint64_t nonce_;
};

AdminClient::AdminClient(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
AdminClient::~AdminClient() = default;

Result<std::unique_ptr<AdminClient>> AdminClient::open(const AdminOptions& options) {
  if (options.timeout.count() <= 0) return Refused{"the timeout must be at least 1 ms"};
  auto file = read_cluster_file(options.cluster_file);
  if (!file) return Refused{file.reason()};
  const auto* member = file->membership.find_admin(options.id);
  if (member == nullptr) {
    return Refused{options.cluster_file + ": there is no administrator " + std::to_string(options.id) + " among its " +
                   std::to_string(file->membership.admins.size()) + " administrators; choose one of those"};
  }
  auto identity = crypto::Identity::load(options.identity_file);
  if (!identity) return Refused{identity.reason()};
  if (identity->public_key() != member->key) {
    return Refused{options.identity_file + ": this is not the key of administrator " + std::to_string(options.id) +
                   " in " + options.cluster_file + "; use the secret that was made with that file"};
  }
  return std::unique_ptr<AdminClient>(
      new AdminClient(std::make_unique<Implementation>(options, std::move(file->membership), std::move(*identity))));
}

const Membership& AdminClient::membership() const { return implementation_->membership(); }
std::chrono::milliseconds AdminClient::timeout() const { return implementation_->timeout(); }
std::uint64_t AdminClient::next_nonce() { return implementation_->next_nonce(); }

std::vector<std::optional<Message>> AdminClient::exchange(const std::vector<ReplicaId>& replicas, const Message& query,
                                                          const std::function<bool(const Message&)>& answers) {
  return implementation_->exchange(replicas, query, answers);
}

std::string RunningReplica::name() const { return "replica " + std::to_string(id_); }

template <typename Answer, typename Query>
Result<Answer> RunningReplica::ask(const Query& query) {
  auto answers = client_.ask<Answer>({id_}, query);
  if (answers.front()) return *std::move(answers.front());
  return Refused{name() + " gave no answer within " + std::to_string(client_.timeout().count()) + " ms"};
}

Result<History> RunningReplica::history(Seq first, std::uint32_t count) {
  return ask<History>(HistoryQuery{0, first, count});
}
Result<StateNodes> RunningReplica::nodes(Seq seq, const std::vector<NibblePrefix>& prefixes) {
  return ask<StateNodes>(StateNodesQuery{0, seq, prefixes});
}
Result<StateKeys> RunningReplica::keys(Seq seq, const Bytes& from) {
  return ask<StateKeys>(StateKeysQuery{0, seq, from});
}
Result<StateValues> RunningReplica::values(Seq seq, const std::vector<Bytes>& keys) {
  return ask<StateValues>(StateValuesQuery{0, seq, keys});
}

}  // namespace tagma
