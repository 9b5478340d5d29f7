// Digests, signatures, and frames with their MAC.
#include <cstdlib>
#include <filesystem>

#include "crypto/channel.h"
#include "crypto/digest.h"
#include "crypto/identity.h"
#include "messages/assert.h"
#include "messages/wire/codec.h"
#include "test/bench/fixture.h"

namespace tagma::bench {
namespace {

using crypto::Identity;
using crypto::Verifier;

void add_digests() {
  for (const std::int64_t size : {32, 100, 1'024, 8'192}) {
    add("digest",
        [](benchmark::State& state) {
          crypto::Hasher hasher;
          const Bytes bytes(static_cast<std::size_t>(state.range(0)), 'x');
          for (auto step : state) {
            static_cast<void>(step);
            benchmark::DoNotOptimize(hasher.digest(bytes));
          }
          state.SetBytesProcessed(state.iterations() * state.range(0));
        })
        ->Arg(size)
        ->ArgName("bytes");
  }
}

/// A secret key in a file that is removed at the end.
class KeyFile {
 public:
  explicit KeyFile(const Identity& identity) {
    std::string folder = (std::filesystem::temp_directory_path() / "tagma-microbench-XXXXXX").string();
    TAGMA_ASSERT(mkdtemp(folder.data()) != nullptr, "a temporary folder can be made");
    folder_ = folder;
    TAGMA_ASSERT(!identity.save(path()), "a key can be saved in a folder of one's own");
  }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;
  ~KeyFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path() const { return folder_ + "/identity.key"; }

 private:
  std::string folder_;
};

/// "Kept" keys are what authenticators use; "cold" ones are prepared for a single use.
void add_signatures(const std::string& name, KeyAlgorithm algorithm) {
  const Bytes statement = wire::bundle_statement(Bytes(200, 's'));
  add("signature/sign/" + name + "/kept_key", [=](benchmark::State& state) {
    const Identity identity = Identity::generate(algorithm);
    for (auto step : state) {
      static_cast<void>(step);
      benchmark::DoNotOptimize(identity.sign(statement));
    }
  });
  add("signature/sign/" + name + "/cold_key", [=](benchmark::State& state) {
    const KeyFile file(Identity::generate(algorithm));
    for (auto step : state) {
      static_cast<void>(step);
      const auto identity = Identity::load(file.path());
      if (!identity) return state.SkipWithError(identity.reason().c_str());
      benchmark::DoNotOptimize(identity->sign(statement));
    }
  });
  add("signature/verify/" + name + "/kept_key", [=](benchmark::State& state) {
    const Identity identity = Identity::generate(algorithm);
    const auto verifier = Verifier::make(identity.public_key());
    const Bytes signature = identity.sign(statement);
    for (auto step : state) {
      static_cast<void>(step);
      if (!verifier->verify(statement, signature)) return state.SkipWithError("a good signature was refused");
    }
  });
  add("signature/verify/" + name + "/cold_key", [=](benchmark::State& state) {
    const Identity identity = Identity::generate(algorithm);
    const Bytes signature = identity.sign(statement);
    for (auto step : state) {
      static_cast<void>(step);
      const auto verifier = Verifier::make(identity.public_key());
      if (!verifier || !verifier->verify(statement, signature)) {
        return state.SkipWithError("a good signature was refused");
      }
    }
  });
}

/// Two ends of one established channel.
class ChannelPair {
 public:
  ChannelPair()
      : initiator_(scope, client, replica, replica_identity_.public_key(), client_identity_),
        acceptor_(
            scope, replica, replica_identity_,
            [this](const Principal& principal) {
              return principal == client.principal ? crypto::ChannelAcceptor::Known{&client_identity_.public_key(), 0}
                                                   : crypto::ChannelAcceptor::Known{};
            },
            4) {
    const auto accept = acceptor_.hello(initiator_.hello());
    TAGMA_ASSERT(accept.ok() && !initiator_.accept(*accept), "two ends that know each other agree");
  }

  [[nodiscard]] crypto::ChannelInitiator& initiator() { return initiator_; }
  [[nodiscard]] crypto::ChannelAcceptor& acceptor() { return acceptor_; }

 private:
  static constexpr crypto::ChannelScope scope{};
  static constexpr crypto::ChannelEnd client{{PrincipalKind::client, 0}, 0};
  static constexpr crypto::ChannelEnd replica{{PrincipalKind::replica, 0}, 0};
  Identity client_identity_ = Identity::generate(KeyAlgorithm::ecdsa_p256);
  Identity replica_identity_ = Identity::generate(KeyAlgorithm::ecdsa_p256);
  crypto::ChannelInitiator initiator_;
  crypto::ChannelAcceptor acceptor_;
};

struct FrameShape {
  std::size_t bodies;
  std::size_t bytes;
  [[nodiscard]] std::string text() const {
    return "bodies:" + std::to_string(bodies) + "/bytes:" + std::to_string(bytes);
  }
};

void add_frames(const FrameShape& shape) {
  const Bytes content(shape.bytes, 'b');
  // Sealing takes the digests as given, since a body that goes to many is hashed once; opening computes them.
  add("frame/seal/" + shape.text(), [=](benchmark::State& state) {
    ChannelPair pair;
    const std::vector<crypto::Body> bodies(shape.bodies, {content, crypto::Hasher().digest(content)});
    for (auto step : state) {
      static_cast<void>(step);
      benchmark::DoNotOptimize(pair.initiator().seal(bodies));
    }
  });
  add("frame/open/" + shape.text(), [=](benchmark::State& state) {
    constexpr std::size_t frames_at_once = 64;  // a frame opens once: its counter must rise
    ChannelPair pair;
    const std::vector<crypto::Body> bodies(shape.bodies, {content, crypto::Hasher().digest(content)});
    std::vector<Bytes> frames(frames_at_once);
    while (state.KeepRunningBatch(frames_at_once)) {
      state.PauseTiming();
      for (auto& frame : frames) frame = pair.initiator().seal(bodies);
      state.ResumeTiming();
      for (const auto& frame : frames) {
        const auto opened = pair.acceptor().open(frame);
        if (!opened) return state.SkipWithError(opened.reason().c_str());
        benchmark::DoNotOptimize(opened->bodies.data());
      }
    }
  });
}

}  // namespace

void register_crypto() {
  add_digests();
  add_signatures("ed25519", KeyAlgorithm::ed25519);
  add_signatures("ecdsa_p256", KeyAlgorithm::ecdsa_p256);
  for (const FrameShape& shape : {FrameShape{1, 100}, FrameShape{32, 100}, FrameShape{1, 8'192}}) add_frames(shape);
}

}  // namespace tagma::bench
