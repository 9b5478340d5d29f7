// A replica that diverges: the real process, but for its service `kv`, which from some operation on writes one wrong
// byte into the values of one key. Everything else, its votes and its answers to clients, is what a correct replica
// with that service does.
//
// usage: diverging_replica CLUSTER_FILE REPLICA_ID DATA_FOLDER IDENTITY_FILE KEY FIRST [repair]
//   KEY    the key whose values it spoils
//   FIRST  the first put of KEY that it spoils, counted from 1
//   repair its state is repaired when it finds that it differs; otherwise it stays as it is, to be looked at
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include "replica/runtime/replica_process.h"
#include "replica/service/kv.h"
#include "replica/service/service_catalogue.h"

namespace tagma {
namespace {

/// Hands everything on and spoils the puts of one key.
class SpoilingContext final : public Context {
 public:
  SpoilingContext(Context& real, const Bytes& key, std::uint64_t first, std::uint64_t& puts)
      : real_(real), key_(key), first_(first), puts_(puts) {}

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const override { return real_.get(key); }
  void put(ByteView key, ByteView value) override {
    if (key != key_ || value.empty() || ++puts_ < first_) return real_.put(key, value);
    Bytes spoilt(value);
    spoilt.back() = static_cast<char>(spoilt.back() ^ 1);
    real_.put(key, spoilt);
  }
  bool erase(ByteView key) override { return real_.erase(key); }
  void scan(ByteView from, ByteView to, const std::function<bool(ByteView key, ByteView value)>& visit) const override {
    real_.scan(from, to, visit);
  }
  [[nodiscard]] const VotedInput* voted() const override { return real_.voted(); }
  [[nodiscard]] TimeUs agreed_time_us() const override { return real_.agreed_time_us(); }
  [[nodiscard]] ClientId client() const override { return real_.client(); }
  [[nodiscard]] Seq seq() const override { return real_.seq(); }

 private:
  Context& real_;
  const Bytes& key_;
  std::uint64_t first_;
  std::uint64_t& puts_;
};

class SpoilingKv final : public Service {
 public:
  SpoilingKv(Bytes key, std::uint64_t first) : key_(std::move(key)), first_(first) {}
  [[nodiscard]] ByteView name() const override { return real_.name(); }
  [[nodiscard]] ServiceReply execute(ByteView payload, Context& context) override {
    SpoilingContext spoiling(context, key_, first_, puts_);
    return real_.execute(payload, spoiling);
  }

 private:
  KvService real_;
  Bytes key_;
  std::uint64_t first_;
  std::uint64_t puts_ = 0;  ///< of the key, so far
};

int run(char** words, bool repair) {
  ReplicaOptions options;
  options.cluster_file = words[1];
  options.id = static_cast<ReplicaId>(std::stoul(words[2]));
  options.data_directory = words[3];
  options.identity_file = words[4];
  options.keeps_divergence = !repair;
  const Bytes key = words[5];
  const std::uint64_t first = std::stoull(words[6]);
  const ServiceCatalogue bundled = bundled_services();
  ServiceCatalogue catalogue;
  for (const auto& name : bundled.names()) {
    const auto make = [&, name]() -> std::unique_ptr<Service> {
      if (name == "kv") return std::make_unique<SpoilingKv>(key, first);
      return bundled.make(name);
    };
    if (const auto refused = catalogue.add({name, make, ""})) throw std::logic_error(refused->reason);
  }
  return run_replica(options, catalogue);
}

}  // namespace
}  // namespace tagma

int main(int count, char** words) {
  const bool repair = count == 8 && std::string(words[7]) == "repair";
  if (count != 7 && !repair) {
    std::cerr << "usage: diverging_replica CLUSTER_FILE REPLICA_ID DATA_FOLDER IDENTITY_FILE KEY FIRST [repair]\n";
    return 2;
  }
  try {
    return tagma::run(words, repair);
  } catch (const std::exception& problem) {
    std::cerr << "diverging_replica: " << problem.what() << '\n';
    return 1;
  }
}
