#include "test/sim/faulty_client.h"

#include <memory>
#include <string>

#include "messages/wire/codec.h"
#include "test/sim/workload.h"

namespace tagma::sim {

FaultyClient::FaultyClient(const SimOptions& options, ClientId id, const Membership& membership,
                           Authenticator& authenticator, Coverage& coverage)
    : id_(id),
      membership_(membership),
      authenticator_(authenticator),
      coverage_(coverage),
      random_(options.seed + id, "faulty client") {}

Bundle FaultyClient::bundle(RequestNumber first, std::size_t operations, std::uint64_t variant) {
  Bundle content;
  content.cluster = membership_.cluster;
  content.epoch = membership_.epoch;
  content.client = id_;
  content.session = session_;
  content.first = first;
  content.acknowledged = random_.chance(500'000) ? first - 1 : 0;
  for (std::size_t at = 0; at < operations; ++at) {
    // Keys of its own: what it writes is no part of the correct clients' history. The tag tells the truth, since it is
    // what the oracle counts by.
    content.operations.push_back(kv_operation({id_, session_, first + at}, {"put", "faulty", std::to_string(variant)}));
  }
  return content;
}

Bytes FaultyClient::submit(const Bundle& content, bool spoil_signature) {
  SignedBundle bundle;
  bundle.body = wire::encode_bundle_body(content);
  bundle.content = content;
  bundle.signature = authenticator_.sign(wire::bundle_statement(bundle.body));
  if (spoil_signature) bundle.signature[0] = static_cast<char>(bundle.signature[0] ^ 1);
  auto bytes = wire::encode(Submit{std::make_shared<const SignedBundle>(std::move(bundle))});
  if (old_.size() < 50) old_.push_back(bytes);
  return bytes;
}

void FaultyClient::send_to_all(const Bytes& bytes, Outgoing& out) const {
  for (ReplicaId to = 0; to < membership_.n(); ++to) out.emplace_back(to, bytes);
}

void FaultyClient::open_session() {
  session_ += 1 + random_.below(3);
  next_ = 1;
  ++sessions_opened_;
  old_.clear();
}

void FaultyClient::same_number_different_payloads(Outgoing& out) {
  coverage_.count("faulty client: same number, different payloads");
  for (ReplicaId to = 0; to < membership_.n(); ++to) {
    out.emplace_back(to, submit(bundle(next_, 1 + random_.below(3), random_.below(3))));
  }
  next_ += 1;
}

void FaultyClient::overlapping(Outgoing& out) {
  coverage_.count("faulty client: overlapping bundles");
  const auto last = next_ + 8;
  for (auto first = next_ > 4 ? next_ - 4 : 1; first < last; ++first) {
    send_to_all(submit(bundle(first, 1 + random_.below(12), first)), out);
  }
  next_ = last;
}

void FaultyClient::in_another_name(Outgoing& out) {
  coverage_.count("faulty client: request in another client's name");
  auto content = bundle(1 + random_.below(40), 1, 0);
  content.client = static_cast<ClientId>(random_.below(membership_.clients.size() + 1));
  content.session = 1 + random_.below(4);
  if (content.client == id_) content.client = 0;
  content.operations = {"forged"};
  send_to_all(submit(content), out);
}

void FaultyClient::garbage(Outgoing& out) {
  coverage_.count("faulty client: garbage bytes");
  Bytes bytes =
      old_.empty() || random_.chance(300'000) ? Bytes(random_.below(100), '\0') : old_[random_.below(old_.size())];
  for (auto left = 1 + random_.below(8); left > 0 && !bytes.empty(); --left) {
    bytes[random_.below(bytes.size())] = static_cast<char>(random_.below(256));
  }
  if (random_.chance(300'000)) bytes.resize(random_.below(bytes.size() + 1));
  send_to_all(bytes, out);
}

FaultyClient::Outgoing FaultyClient::act() {
  Outgoing out;
  const auto random_replica = static_cast<ReplicaId>(random_.below(membership_.n()));
  switch (random_.below(11)) {
    case 0:
      out.emplace_back(0, submit(bundle(next_, 1 + random_.below(4), 0)));
      next_ += 1;
      break;
    case 1: same_number_different_payloads(out); break;
    case 2:
      if (old_.empty()) break;
      coverage_.count("faulty client: replay");
      out.emplace_back(random_replica, old_[random_.below(old_.size())]);
      break;
    case 3: {
      coverage_.count("faulty client: number far ahead");
      const auto ahead = random_.one_of<RequestNumber>({2, 50, 1'500, 1ULL << 62U});
      send_to_all(submit(bundle(next_ + ahead, 1, 0)), out);
      break;
    }
    case 4: in_another_name(out); break;
    case 5:
      coverage_.count("faulty client: backups only");
      for (ReplicaId to = 1; to < membership_.n(); ++to) out.emplace_back(to, submit(bundle(next_, 1, 0)));
      next_ += 1;
      break;
    case 6: garbage(out); break;
    case 7:
      coverage_.count("faulty client: spoilt signature");
      send_to_all(submit(bundle(next_, 1, 7), true), out);
      break;
    case 8: open_session(); break;
    case 9: overlapping(out); break;
    default: {
      coverage_.count("faulty client: wrong epoch");
      auto content = bundle(next_, 1, 0);
      content.epoch += 1;
      send_to_all(submit(content), out);
      break;
    }
  }
  return out;
}

}  // namespace tagma::sim
