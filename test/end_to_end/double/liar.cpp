// A lying replica: a test double that holds one replica's identity and its client port, in front of the real process.
// It authenticates itself to clients as that replica may, and answers every request at once and wrongly, several times
// over, before any honest replica has executed it. What it hears it forwards to nobody.
//
// usage: liar CLUSTER_FILE REPLICA_ID LIE
//   value    a well-formed reply with another value
//   ok       "ok" with nothing, whatever was asked
//   absent   "there is no such key", whatever was asked
//   garbage  random results, random messages in good frames, random records
// Prints "serves" once it is bound, and then a line "lied" for every request that it answered.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <random>
#include <string>
#include <zmq.hpp>

#include "crypto/channel.h"
#include "crypto/digest.h"
#include "messages/cluster_file/cluster_file.h"
#include "messages/wire/codec.h"
#include "tagma/operation.h"

namespace tagma {
namespace {

enum class Lie : std::uint8_t { value, ok, absent, garbage };

class Liar {
 public:
  Liar(const ClusterFile& cluster, ReplicaId id, const crypto::Identity& identity, Lie lie)
      : lie_(lie),
        membership_(cluster.membership),
        acceptor_(
            {membership_.cluster, membership_.epoch},
            {{PrincipalKind::replica, id}, membership_.find_replica(id)->incarnation}, identity,
            [this](const Principal& principal) {
              return principal.kind == PrincipalKind::client
                         ? crypto::ChannelAcceptor::Known{membership_.find_key(principal), 0}
                         : crypto::ChannelAcceptor::Known{};
            },
            64),
        socket_(context_, zmq::socket_type::router) {
    socket_.bind(membership_.find_replica(id)->client_address);
  }

  [[noreturn]] void serve() {
    for (;;) {
      zmq::message_t routing_id;
      zmq::message_t record;
      static_cast<void>(socket_.recv(routing_id));
      static_cast<void>(socket_.recv(record));
      bool more = record.more();
      while (more) {  // nothing of ours has a third part
        zmq::message_t surplus;
        static_cast<void>(socket_.recv(surplus));
        more = surplus.more();
      }
      answer(routing_id.to_string(), record.to_string());
    }
  }

 private:
  void answer(const Bytes& routing_id, const Bytes& record) {
    const auto kind = crypto::record_kind(record);
    if (!kind) return;
    if (*kind == crypto::RecordKind::hello) {
      const auto accepted = acceptor_.hello(record);
      if (accepted) send(routing_id, *accepted);
      return;
    }
    const auto frame = acceptor_.open(record);
    if (!frame) {
      const Bytes reset = acceptor_.reset_for(record);
      if (!reset.empty()) send(routing_id, reset);
      return;
    }
    for (const ByteView body : frame->bodies) {
      const auto message = wire::decode(body);
      if (!message || !std::holds_alternative<Submit>(*message)) continue;
      lie_about(routing_id, frame->channel, std::get<Submit>(*message).bundle->content);
    }
  }

  void lie_about(const Bytes& routing_id, crypto::ChannelId channel, const Bundle& bundle) {
    constexpr Seq guesses = 40;  // the slot is part of the match: a lone liar tries what it may be
    for (Seq seq = 1; seq <= guesses; ++seq) {
      Replies replies{membership_.epoch, 0, bundle.client, bundle.session, {}};
      RequestNumber number = bundle.first;
      for (const auto& operation : bundle.operations) {
        replies.entries.push_back({number++, hasher_.digest(operation), seq, Outcome::executed, wrong_result()});
      }
      const Bytes body = wire::encode(replies);
      for (int repeated = 0; repeated < 3; ++repeated) send_body(routing_id, channel, body);
    }
    if (lie_ == Lie::garbage) {
      send_body(routing_id, channel, random_bytes(300));
      send(routing_id, random_bytes(300));
    }
    std::cout << "lied" << std::endl;
  }

  Bytes wrong_result() {
    switch (lie_) {
      case Lie::value: return encode_reply({ReplyStatus::ok, "Carthage"});
      case Lie::ok: return encode_reply({ReplyStatus::ok, ""});
      case Lie::absent: return encode_reply({ReplyStatus::absent, ""});
      case Lie::garbage: break;
    }
    return random_bytes(64);
  }

  Bytes random_bytes(std::size_t size) {
    Bytes bytes;
    while (bytes.size() < size) bytes.push_back(static_cast<char>(random_() & 0xff));
    return bytes;
  }

  void send_body(const Bytes& routing_id, crypto::ChannelId channel, const Bytes& body) {
    const crypto::Body sealed{body, hasher_.digest(body)};
    send(routing_id, acceptor_.seal(channel, {&sealed, 1}));
  }

  void send(const Bytes& routing_id, const Bytes& record) {
    static_cast<void>(socket_.send(zmq::buffer(routing_id), zmq::send_flags::sndmore));
    static_cast<void>(socket_.send(zmq::buffer(record), zmq::send_flags::dontwait));
  }

  Lie lie_;
  Membership membership_;
  crypto::ChannelAcceptor acceptor_;
  crypto::Hasher hasher_;
  std::mt19937 random_{1990};
  zmq::context_t context_;
  zmq::socket_t socket_;
};

int run(const std::string& cluster_file, const std::string& id_text, const std::string& lie_text) {
  const auto cluster = read_cluster_file(cluster_file);
  if (!cluster) {
    std::cerr << cluster.reason() << '\n';
    return 2;
  }
  const auto id = static_cast<ReplicaId>(std::stoul(id_text));
  const auto folder = cluster_file.substr(0, cluster_file.rfind('/'));
  const auto identity = crypto::Identity::load(secret_path(folder, {PrincipalKind::replica, id}));
  if (!identity) {
    std::cerr << identity.reason() << '\n';
    return 2;
  }
  Lie lie = Lie::garbage;
  if (lie_text == "value") lie = Lie::value;
  if (lie_text == "ok") lie = Lie::ok;
  if (lie_text == "absent") lie = Lie::absent;
  Liar liar(*cluster, id, *identity, lie);
  std::cout << "serves" << std::endl;
  liar.serve();
}

}  // namespace
}  // namespace tagma

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "usage: liar CLUSTER_FILE REPLICA_ID value|ok|absent|garbage\n";
    return 2;
  }
  try {
    return tagma::run(words[1], words[2], words[3]);
  } catch (const std::exception& problem) {
    std::cerr << "liar: " << problem.what() << '\n';
    return 1;
  }
}
