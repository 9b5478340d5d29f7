// Channels towards whoever reaches the socket: records, frames, handshakes.
//
// The first byte chooses. Record: the rest is one record for every reader of records. Frame: the rest gives the bodies
// of genuine frames, how they are damaged and in which order they come. Channel: the rest is a script for an initiator
// and an acceptor with a network that repeats, damages and invents. The promise: only what the other end sealed is
// opened, once; only a HELLO or an ACCEPT that the other end signed is taken; every refusal has a reason.
#include <map>
#include <set>

#include "crypto/frame.h"
#include "messages/assert.h"
#include "tagma/limits.h"
#include "test/fuzz/input.h"
#include "test/fuzz/target.h"

namespace tagma::fuzz {
namespace {

using namespace tagma::crypto;

constexpr std::size_t body_bytes_max = 300;
constexpr std::size_t bodies_max = 20;

const ChannelEnd initiator_end{{PrincipalKind::client, 7}, 0};
const ChannelEnd acceptor_end{{PrincipalKind::replica, 2}, 5};

ChannelScope scope() {
  ChannelScope scope;
  scope.cluster.bytes.fill(0x11);
  scope.epoch = 3;
  return scope;
}

void judge_record(ByteView record) {
  const auto kind = record_kind(record);
  const auto header = decode_header(record);
  if (header) {
    TAGMA_ASSERT(kind.ok() && *kind == header->kind, "the kind is in the header");
    const auto again = encode_header(*header);
    TAGMA_ASSERT(record.substr(0, again.size()) == ByteView(again.data(), again.size()), "a header has one encoding");
    TAGMA_ASSERT(!compare_headers(*header, *header), "a header equals itself");
  }
  if (const auto hello = decode_hello(record)) {
    auto again = encode_hello(hello->content);
    TAGMA_ASSERT(hello->statement == again, "the signed part is in front of the signature");
    append_signature(again, hello->signature);
    TAGMA_ASSERT(again == record, "a HELLO has one encoding");
  }
  if (const auto accept = decode_accept(record)) {
    auto again = encode_accept(accept->content);
    TAGMA_ASSERT(accept->statement == again, "the signed part is in front of the signature");
    append_signature(again, accept->signature);
    TAGMA_ASSERT(again == record, "an ACCEPT has one encoding");
  }
  if (const auto reset = decode_reset(record)) TAGMA_ASSERT(encode_reset(*reset) == record, "a RESET has one encoding");
  const auto layout = decode_frame_layout(record);
  if (!layout) return;
  std::size_t end = layout->bodies_offset;
  TAGMA_ASSERT(layout->count <= limits::frame_messages_max, "the count keeps to its limit");
  for (std::uint32_t at = 0; at < layout->count; ++at) end += FrameLayout::body_bytes(record, at);
  TAGMA_ASSERT(end + mac_bytes == record.size(), "header, bodies and MAC are the whole frame");
}

/// The bodies of one frame, with their digests.
class Bodies {
 public:
  explicit Bodies(Input& input) {
    const auto count = input.below(bodies_max);
    texts_.reserve(count);
    for (std::size_t at = 0; at < count; ++at) {
      texts_.push_back(input.bytes(body_bytes_max));
      bodies_.push_back({texts_.back(), hasher_.digest(texts_.back())});
    }
  }
  [[nodiscard]] const std::vector<Bytes>& texts() const { return texts_; }
  [[nodiscard]] std::span<const Body> span() const { return bodies_; }

 private:
  Hasher hasher_;
  std::vector<Bytes> texts_;
  std::vector<Body> bodies_;
};

bool equal(const std::vector<ByteView>& opened, const std::vector<Bytes>& sealed) {
  return std::equal(opened.begin(), opened.end(), sealed.begin(), sealed.end());
}

/// The record with a few changes, or none.
Bytes damaged(Bytes record, Input& input) {
  for (auto changes = input.byte() % 4; changes > 0; --changes) {
    if (record.empty()) return record;
    const auto at = input.below(record.size());
    switch (input.byte() % 6) {
      case 0: record[at] = static_cast<char>(static_cast<std::uint8_t>(record[at]) ^ 1U << input.byte() % 8U); break;
      case 1: record[at] = static_cast<char>(input.byte()); break;
      case 2: record.resize(at); break;
      case 3: record.insert(at, input.bytes(64)); break;
      case 4: record.erase(at, 1 + input.byte()); break;
      default: {
        // Eight bytes at once: a counter, a channel, two lengths.
        Bytes word(sizeof(std::uint64_t), '\0');
        store_little_endian(word.data(), input.number());
        record.replace(at, word.size(), word);
      }
    }
  }
  return record;
}

/// Frames under one key that is known to nobody but the two ends.
void judge_frames(Input& input) {
  FrameKey key;
  std::fill_n(key.data(), FrameKey::size_bytes(), static_cast<unsigned char>(0x40));
  const RecordHeader header{RecordKind::frame, scope(), initiator_end, acceptor_end};
  constexpr ChannelId channel = 0x1122'3344'5566'7788;
  FrameSealer sealer(header, channel, key);
  FrameOpener opener(header, channel, key);
  Hasher hasher;
  std::map<Bytes, std::vector<Bytes>> genuine;
  std::vector<Bytes> sealed;
  std::uint64_t last_counter = 0;
  for (int rounds = 0; rounds < 16 && !input.empty(); ++rounds) {
    if (sealed.empty() || input.flag()) {
      const Bodies bodies(input);
      sealed.push_back(sealer.seal(bodies.span()));
      genuine.emplace(sealed.back(), bodies.texts());
    }
    const auto record = damaged(sealed[input.below(sealed.size())], input);
    const auto layout = decode_frame_layout(record);
    if (!layout || layout->channel != channel) continue;  // who opens frames finds the channel first
    const auto opened = opener.open(record, *layout, hasher);
    const auto found = genuine.find(record);
    if (!opened) {
      TAGMA_ASSERT(found == genuine.end() || layout->counter <= last_counter, "a genuine, new frame is opened");
      continue;
    }
    TAGMA_ASSERT(found != genuine.end(), "a forged frame is never opened");
    TAGMA_ASSERT(layout->counter > last_counter, "no frame is opened twice");
    TAGMA_ASSERT(equal(*opened, found->second), "a frame opens to what was sealed");
    last_counter = layout->counter;
  }
}

/// Made once: a key pair costs more than an input. Which ones they are decides nothing.
const Identity& identity_of(KeyAlgorithm algorithm, bool initiator) {
  static const Identity p256_initiator = Identity::generate(KeyAlgorithm::ecdsa_p256);
  static const Identity p256_acceptor = Identity::generate(KeyAlgorithm::ecdsa_p256);
  static const Identity ed25519_initiator = Identity::generate(KeyAlgorithm::ed25519);
  static const Identity ed25519_acceptor = Identity::generate(KeyAlgorithm::ed25519);
  if (algorithm == KeyAlgorithm::ecdsa_p256) return initiator ? p256_initiator : p256_acceptor;
  return initiator ? ed25519_initiator : ed25519_acceptor;
}

/// Two ends, and everything that ever went over the wire between them.
class Wire {
 public:
  explicit Wire(Input& input)
      : input_(input),
        algorithm_(input.flag() ? KeyAlgorithm::ed25519 : KeyAlgorithm::ecdsa_p256),
        initiator_(scope(), initiator_end, acceptor_end, identity_of(algorithm_, false).public_key(),
                   identity_of(algorithm_, true)),
        acceptor_(
            scope(), acceptor_end, identity_of(algorithm_, false),
            [this](const Principal& principal) {
              if (principal != initiator_end.principal) return ChannelAcceptor::Known{};
              return ChannelAcceptor::Known{&identity_of(algorithm_, true).public_key(), initiator_end.incarnation};
            },
            2) {}

  void step() {
    switch (input_.byte() % 8) {
      case 0: hellos_.insert(remember(initiator_.hello())); break;
      case 1: to_acceptor(from_wire()); break;
      case 2: to_initiator(from_wire()); break;
      case 3: seal_at_initiator(); break;
      case 4: seal_at_acceptor(); break;
      case 5: to_acceptor(invented()); break;
      case 6: to_initiator(invented()); break;
      default: shake_hands(); break;
    }
  }

 private:
  struct Sealed {
    std::vector<Bytes> texts;
    bool opened = false;
  };

  const Bytes& remember(Bytes record) {
    records_.push_back(std::move(record));
    return records_.back();
  }

  /// A record of before, the newest as a rule, damaged or not.
  Bytes from_wire() {
    if (records_.empty()) return {};
    const auto back = input_.byte() % 8U;
    const auto age = back < 4 ? 0U : std::min<std::size_t>(back - 3, records_.size() - 1);
    return damaged(records_[records_.size() - 1 - age], input_);
  }

  /// A record of nobody, with a header that fits so that it gets past the first comparison.
  Bytes invented() {
    const auto kind = static_cast<RecordKind>(1 + input_.byte() % 4);
    const bool from_initiator = input_.flag();
    const RecordHeader header{kind, scope(), from_initiator ? initiator_end : acceptor_end,
                              from_initiator ? acceptor_end : initiator_end};
    const auto start = encode_header(header);
    Bytes record(start.data(), start.size());
    if (kind == RecordKind::frame) {
      record.resize(frame_count_offset, '\0');
      store_little_endian(record.data() + frame_channel_offset, channel_);
      store_little_endian(record.data() + frame_counter_offset, input_.number());
    }
    return damaged(record + input_.bytes(body_bytes_max), input_);
  }

  void shake_hands() {
    const auto hello = remember(initiator_.hello());
    hellos_.insert(hello);
    const auto accepted = acceptor_.hello(hello);
    TAGMA_ASSERT(accepted.ok(), "a genuine HELLO is taken");
    accepts_.insert(remember(*accepted));
    TAGMA_ASSERT(!initiator_.accept(*accepted), "the genuine ACCEPT of the last HELLO is taken");
    note_channel(*accepted);
  }

  void note_channel(ByteView accept) { channel_ = decode_accept(accept)->content.channel; }

  void seal_at_initiator() {
    if (!initiator_.established()) return;
    const Bodies bodies(input_);
    to_acceptor_.emplace(remember(initiator_.seal(bodies.span())), Sealed{bodies.texts()});
  }

  void seal_at_acceptor() {
    const Bodies bodies(input_);
    auto record = acceptor_.seal(channel_, bodies.span());
    if (!record.empty()) to_initiator_.emplace(remember(std::move(record)), Sealed{bodies.texts()});
  }

  void take(std::map<Bytes, Sealed>& sealed, const Bytes& record, const std::vector<ByteView>& opened) {
    const auto found = sealed.find(record);
    TAGMA_ASSERT(found != sealed.end(), "a forged frame is never opened");
    TAGMA_ASSERT(!std::exchange(found->second.opened, true), "no frame is opened twice");
    TAGMA_ASSERT(equal(opened, found->second.texts), "a frame opens to what was sealed");
  }

  void to_acceptor(const Bytes& record) {
    judge_record(record);
    if (const auto accepted = acceptor_.hello(record)) {
      TAGMA_ASSERT(hellos_.contains(record), "a HELLO that nobody signed is never taken");
      accepts_.insert(remember(*accepted));
    } else {
      TAGMA_ASSERT(!accepted.reason().empty(), "a refusal has a reason");
    }
    if (const auto opened = acceptor_.open(record)) {
      TAGMA_ASSERT(opened->from == initiator_end, "a frame is from whom its keys belong to");
      take(to_acceptor_, record, opened->bodies);
    } else {
      TAGMA_ASSERT(!opened.reason().empty(), "a refusal has a reason");
    }
    const auto reset = acceptor_.reset_for(record);
    TAGMA_ASSERT(reset.empty() || decode_reset(reset).ok(), "a RESET is well formed");
    if (!reset.empty()) remember(reset);
  }

  void to_initiator(const Bytes& record) {
    judge_record(record);
    if (!initiator_.accept(record)) {
      TAGMA_ASSERT(accepts_.contains(record), "an ACCEPT that nobody signed is never taken");
      note_channel(record);
    }
    if (const auto opened = initiator_.open(record)) take(to_initiator_, record, *opened);
    static_cast<void>(initiator_.is_reset(record));
  }

  Input& input_;
  KeyAlgorithm algorithm_;
  ChannelInitiator initiator_;
  ChannelAcceptor acceptor_;
  std::vector<Bytes> records_;  ///< all that anybody ever sent, in order
  std::set<Bytes> hellos_;
  std::set<Bytes> accepts_;
  std::map<Bytes, Sealed> to_acceptor_;
  std::map<Bytes, Sealed> to_initiator_;
  ChannelId channel_ = 0;  ///< the newest that the initiator has taken
};

}  // namespace

void judge(ByteView bytes) {
  Input input(bytes);
  switch (input.byte() % 4) {
    case 0: judge_record(input.rest()); break;
    case 1: judge_frames(input); break;
    default: {
      Wire wire(input);
      for (int steps = 0; steps < 32 && !input.empty(); ++steps) wire.step();
    }
  }
}

}  // namespace tagma::fuzz
