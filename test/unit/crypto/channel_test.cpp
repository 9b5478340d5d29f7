// Channels as stories: who shakes hands with whom, what an attacker on the path does, and that the honest ends recover.
#include "crypto/channel.h"

#include <map>

#include "crypto/record.h"
#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {
namespace {

constexpr std::size_t channels_max = 3;

/// Replica 2 as the acceptor, client 7 as the initiator, and who else the tests need.
struct World {
  explicit World(KeyAlgorithm algorithm = KeyAlgorithm::ecdsa_p256)
      : replica(Identity::generate(algorithm)), client(Identity::generate(algorithm)) {
    members[client_seven.principal] = {client.public_key(), 0};
    acceptor = new_acceptor();
  }

  std::unique_ptr<ChannelAcceptor> new_acceptor() {
    return std::make_unique<ChannelAcceptor>(
        scope, replica_two, replica,
        [this](const Principal& principal) -> ChannelAcceptor::Known {
          const auto found = members.find(principal);
          return found == members.end() ? ChannelAcceptor::Known{}
                                        : ChannelAcceptor::Known{&found->second.key, found->second.incarnation};
        },
        channels_max);
  }
  std::unique_ptr<ChannelInitiator> new_initiator() {
    return std::make_unique<ChannelInitiator>(scope, client_seven, replica_two, replica.public_key(), client);
  }

  /// A whole handshake; returns the HELLO.
  Bytes shake(ChannelInitiator& initiator) const {
    Bytes hello = initiator.hello();
    const Result<Bytes> accept = acceptor->hello(hello);
    REQUIRE(accept.ok());
    REQUIRE_FALSE(initiator.accept(*accept).has_value());
    return hello;
  }
  /// A frame to the acceptor that must arrive; returns the channel.
  ChannelId send(ChannelInitiator& initiator, ByteView text) const {
    const Bytes record = initiator.seal(std::vector<Body>{body(text)});
    const Result<OpenedFrame> opened = acceptor->open(record);
    REQUIRE(opened.ok());
    CHECK(opened->from == client_seven);
    REQUIRE(opened->bodies.size() == 1);
    CHECK(opened->bodies[0] == text);
    return opened->channel;
  }
  /// A frame back that must arrive.
  void answer(ChannelInitiator& initiator, ChannelId channel, ByteView text) const {
    const Bytes record = acceptor->seal(channel, std::vector<Body>{body(text)});
    REQUIRE_FALSE(record.empty());
    const Result<std::vector<ByteView>> opened = initiator.open(record);
    REQUIRE(opened.ok());
    CHECK(*opened == std::vector<ByteView>{text});
  }

  struct Member {
    PublicKey key;
    Incarnation incarnation = 0;
  };
  ChannelScope scope{counting_cluster(), 3};
  Identity replica;
  Identity client;
  std::map<Principal, Member> members;
  std::unique_ptr<ChannelAcceptor> acceptor;
};

std::string hello_reason(ChannelAcceptor& acceptor, ByteView record) {
  const Result<Bytes> result = acceptor.hello(record);
  return result.ok() ? "" : result.reason();
}

std::string open_reason(ChannelAcceptor& acceptor, ByteView record) {
  const Result<OpenedFrame> result = acceptor.open(record);
  return result.ok() ? "" : result.reason();
}

const std::vector<Body> ping = {body("ping")};

}  // namespace

TEST_CASE("two ends shake hands and talk both ways") {
  for (const KeyAlgorithm algorithm : {KeyAlgorithm::ed25519, KeyAlgorithm::ecdsa_p256}) {
    World world(algorithm);
    const auto initiator = world.new_initiator();
    CHECK_FALSE(initiator->established());
    world.shake(*initiator);
    CHECK(initiator->established());
    for (int i = 0; i < 5; ++i) {
      const ChannelId channel = world.send(*initiator, "question " + std::to_string(i));
      world.answer(*initiator, channel, "answer " + std::to_string(i));
    }
  }
}

TEST_CASE("a frame of one direction is no frame of the other") {
  World world;
  const auto initiator = world.new_initiator();
  world.shake(*initiator);
  const ChannelId channel = world.send(*initiator, "question");
  const Bytes out = initiator->seal(ping);
  CHECK_FALSE(initiator->open(out).ok());
  const Bytes back = world.acceptor->seal(channel, ping);
  CHECK_FALSE(world.acceptor->open(back).ok());
  // Not even with the ends exchanged in the header: the keys differ by direction.
  Bytes turned = out;
  std::swap_ranges(turned.begin() + 48, turned.begin() + 64, turned.begin() + 64);
  CHECK(initiator->open(turned).reason() == "frame: wrong MAC");
}

TEST_CASE("a HELLO counts only as a whole and from whom it says") {
  World world;
  const auto initiator = world.new_initiator();
  const Bytes hello = initiator->hello();
  for (std::size_t size = 0; size < hello.size(); ++size) {
    CHECK_FALSE(world.acceptor->hello(ByteView(hello).substr(0, size)).ok());
  }
  for (std::size_t position = 0; position < hello.size(); ++position) {
    CHECK_FALSE(world.acceptor->hello(flipped(hello, position)).ok());
  }
  CHECK(hello_reason(*world.acceptor, flipped(hello, 8)) == "record: of another cluster");
  CHECK(hello_reason(*world.acceptor, flipped(hello, 40)) == "record: of another epoch");
  CHECK(hello_reason(*world.acceptor, flipped(hello, 52)) == "handshake: principal is not a member");
  CHECK(hello_reason(*world.acceptor, flipped(hello, 56)) == "record: from another incarnation");
  CHECK(hello_reason(*world.acceptor, flipped(hello, 68)) == "record: to somebody else");
  CHECK(hello_reason(*world.acceptor, flipped(hello, 72)) == "record: to somebody else");
  CHECK(hello_reason(*world.acceptor, flipped(hello, 80)) == "handshake: wrong signature");
  CHECK(hello_reason(*world.acceptor, flipped(hello, 112)) == "handshake: wrong signature");
  CHECK(world.acceptor->hello(hello).ok());
}

TEST_CASE("an ACCEPT counts only as a whole, from the right replica, for the open HELLO") {
  World world;
  const auto initiator = world.new_initiator();
  const Bytes old_hello = initiator->hello();
  const Result<Bytes> old_accept = world.acceptor->hello(old_hello);
  REQUIRE(old_accept.ok());
  const Bytes hello = initiator->hello();
  const Result<Bytes> accept = world.acceptor->hello(hello);
  REQUIRE(accept.ok());
  for (std::size_t size = 0; size < accept->size(); ++size) {
    CHECK(initiator->accept(ByteView(*accept).substr(0, size)).has_value());
  }
  for (std::size_t position = 0; position < accept->size(); ++position) {
    CHECK(initiator->accept(flipped(*accept, position)).has_value());
  }
  CHECK(initiator->accept(*old_accept) == Refused{"handshake: answers no HELLO of ours that is open"});
  CHECK(initiator->accept(hello).has_value());

  const Identity impostor = Identity::generate(KeyAlgorithm::ecdsa_p256);
  ChannelAcceptor fake(
      world.scope, replica_two, impostor,
      [&](const Principal&) {
        return ChannelAcceptor::Known{&world.client.public_key(), 0};
      },
      1);
  const Result<Bytes> fake_accept = fake.hello(hello);
  REQUIRE(fake_accept.ok());
  CHECK(initiator->accept(*fake_accept) == Refused{"handshake: wrong signature"});
  CHECK_FALSE(initiator->established());

  CHECK_FALSE(initiator->accept(*accept).has_value());
  CHECK(initiator->accept(*accept) == Refused{"handshake: answers no HELLO of ours that is open"});
  world.send(*initiator, "after all that");
}

TEST_CASE("strangers, wrong keys, wrong incarnations and wrong scopes get no channel") {
  World world;
  const Identity thief = Identity::generate(KeyAlgorithm::ecdsa_p256);
  const auto reason = [&](ChannelScope scope, ChannelEnd local, ChannelEnd remote, const Identity& identity) {
    ChannelInitiator initiator(scope, local, remote, world.replica.public_key(), identity);
    return hello_reason(*world.acceptor, initiator.hello());
  };
  const ChannelEnd stranger{{PrincipalKind::client, 8}, 0};
  const ChannelEnd later_life{client_seven.principal, 1};
  const ChannelEnd other_replica{{PrincipalKind::replica, 3}, 5};
  const ChannelEnd earlier_replica{replica_two.principal, 4};
  CHECK(reason(world.scope, client_seven, replica_two, thief) == "handshake: wrong signature");
  CHECK(reason(world.scope, stranger, replica_two, world.client) == "handshake: principal is not a member");
  CHECK(reason(world.scope, later_life, replica_two, world.client) == "record: from another incarnation");
  CHECK(reason(world.scope, client_seven, other_replica, world.client) == "record: to somebody else");
  CHECK(reason(world.scope, client_seven, earlier_replica, world.client) == "record: to somebody else");
  CHECK(reason({world.scope.cluster, 4}, client_seven, replica_two, world.client) == "record: of another epoch");
  CHECK(reason({ClusterId{}, 3}, client_seven, replica_two, world.client) == "record: of another cluster");
  CHECK(reason(world.scope, client_seven, replica_two, world.client).empty());
  world.members[client_seven.principal].key = PublicKey{KeyAlgorithm::ed25519, Bytes(32, '\0')};
  CHECK(reason(world.scope, client_seven, replica_two, world.client) ==
        "handshake: the member's public key is not a valid one");
}

TEST_CASE("an initiator whose remote key is no key says so instead of talking") {
  World world;
  ChannelInitiator initiator(world.scope, client_seven, replica_two, {KeyAlgorithm::ed25519, "short"}, world.client);
  const Result<Bytes> accept = world.acceptor->hello(initiator.hello());
  REQUIRE(accept.ok());
  CHECK(initiator.accept(*accept).has_value());
  CHECK_FALSE(initiator.established());
}

TEST_CASE("a signed HELLO with an ephemeral key of small order is refused") {
  World world;
  Hello hello{{RecordKind::hello, world.scope, client_seven, replica_two}, {}, {}};
  Bytes record = encode_hello(hello);
  Bytes statement("tagma channel HELLO v1\0", 23);
  append_signature(record, world.client.sign(statement + record));
  CHECK(hello_reason(*world.acceptor, record) == "handshake: ephemeral key of small order");
}

TEST_CASE("a signature made for another purpose opens no channel") {
  World world;
  Hello hello{{RecordKind::hello, world.scope, client_seven, replica_two}, {}, {}};
  hello.ephemeral.fill(9);
  for (const Bytes& domain : {Bytes(), Bytes("tagma channel ACCEPT v1\0", 24)}) {
    Bytes record = encode_hello(hello);
    append_signature(record, world.client.sign(domain + record));
    CHECK(hello_reason(*world.acceptor, record) == "handshake: wrong signature");
  }
}

TEST_CASE("frames of an unknown channel are refused and answered by a RESET that makes the client shake hands again") {
  World world;
  const auto initiator = world.new_initiator();
  world.shake(*initiator);
  world.send(*initiator, "before");
  CHECK(world.acceptor->reset_for(initiator->seal(ping)).empty());  // known: no RESET

  world.acceptor = world.new_acceptor();  // the replica restarted
  const Bytes record = initiator->seal(ping);
  CHECK(open_reason(*world.acceptor, record) == "frame: unknown channel");
  const Bytes reset = world.acceptor->reset_for(record);
  REQUIRE_FALSE(reset.empty());
  CHECK(reset.size() < record.size());  // nothing to amplify
  CHECK(initiator->is_reset(reset));
  for (std::size_t position = 0; position < reset.size(); ++position) {
    const bool incarnation_of_sender = position >= 56 && position < 64;  // may have risen: still a reason
    CHECK(initiator->is_reset(flipped(reset, position)) == incarnation_of_sender);
  }
  for (std::size_t size = 0; size < reset.size(); ++size) {
    CHECK_FALSE(initiator->is_reset(ByteView(reset).substr(0, size)));
  }
  CHECK_FALSE(initiator->is_reset(record));
  CHECK_FALSE(world.new_initiator()->is_reset(reset));

  world.shake(*initiator);
  CHECK_FALSE(initiator->is_reset(reset));  // an old RESET does not touch the new channel
  world.answer(*initiator, world.send(*initiator, "after"), "welcome back");
}

TEST_CASE("what is not a frame for this replica gets no RESET") {
  World world;
  const auto initiator = world.new_initiator();
  world.shake(*initiator);
  const Bytes record = initiator->seal(ping);
  world.acceptor = world.new_acceptor();
  CHECK_FALSE(world.acceptor->reset_for(record).empty());
  CHECK(world.acceptor->reset_for(flipped(record, 8)).empty());         // cluster
  CHECK(world.acceptor->reset_for(flipped(record, 40)).empty());        // epoch
  CHECK(world.acceptor->reset_for(flipped(record, 68)).empty());        // to another replica
  CHECK_FALSE(world.acceptor->reset_for(flipped(record, 72)).empty());  // to an earlier life of ours
  CHECK(world.acceptor->reset_for(initiator->hello()).empty());
  CHECK(world.acceptor->reset_for("").empty());
}

TEST_CASE("replayed frames are refused and change nothing") {
  World world;
  const auto initiator = world.new_initiator();
  world.shake(*initiator);
  const Bytes first = initiator->seal(ping);
  CHECK(world.acceptor->open(first).ok());
  CHECK(open_reason(*world.acceptor, first) == "frame: counter not above the last one");
  const ChannelId channel = world.send(*initiator, "still fine");
  const Bytes back = world.acceptor->seal(channel, ping);
  CHECK(initiator->open(back).ok());
  CHECK(initiator->open(back).reason() == "frame: counter not above the last one");
  world.answer(*initiator, channel, "still fine");
}

TEST_CASE("a repeated HELLO gets the same ACCEPT while its channel is unconfirmed, and none later") {
  World world;
  const auto initiator = world.new_initiator();
  const Bytes hello = initiator->hello();
  const Result<Bytes> first = world.acceptor->hello(hello);
  const Result<Bytes> second = world.acceptor->hello(hello);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(*first == *second);
  REQUIRE_FALSE(initiator->accept(*second).has_value());
  world.send(*initiator, "confirmed");
  CHECK(hello_reason(*world.acceptor, hello) == "handshake: HELLO already used");
}

TEST_CASE("replayed HELLOs never displace a live channel") {
  World world;
  const auto initiator = world.new_initiator();
  std::vector<Bytes> recorded;
  recorded.reserve(3 * channels_max);
  for (std::size_t i = 0; i < 3 * channels_max; ++i) {
    recorded.push_back(initiator->hello());
  }
  world.shake(*initiator);
  const ChannelId channel = world.send(*initiator, "alive");
  for (int round = 0; round < 3; ++round) {
    for (const Bytes& hello : recorded) {
      CHECK(world.acceptor->hello(hello).ok());
    }
    CHECK(world.send(*initiator, "still alive") == channel);
    world.answer(*initiator, channel, "yes");
  }
  // And a new handshake succeeds although the unconfirmed places are full of replays.
  const auto another = world.new_initiator();
  world.shake(*another);
  world.answer(*another, world.send(*another, "new"), "welcome");
}

TEST_CASE("unconfirmed channels are bounded: the oldest makes room") {
  World world;
  std::vector<std::unique_ptr<ChannelInitiator>> initiators;
  for (std::size_t i = 0; i < channels_max + 1; ++i) {
    initiators.push_back(world.new_initiator());
    world.shake(*initiators.back());
  }
  CHECK(open_reason(*world.acceptor, initiators.front()->seal(ping)) == "frame: unknown channel");
  for (std::size_t i = 1; i < initiators.size(); ++i) {
    world.send(*initiators[i], "in time");
  }
}

TEST_CASE("confirmed channels are bounded: the least recently used makes room") {
  World world;
  std::vector<std::unique_ptr<ChannelInitiator>> initiators;
  std::vector<ChannelId> channels;
  for (std::size_t i = 0; i < channels_max; ++i) {
    initiators.push_back(world.new_initiator());
    world.shake(*initiators.back());
    channels.push_back(world.send(*initiators.back(), "first"));
  }
  world.send(*initiators[0], "used again");  // now number 1 is the least recent
  const auto late = world.new_initiator();
  world.shake(*late);
  CHECK(world.acceptor->reset_for(initiators[1]->seal(ping)).empty());  // a mere HELLO displaces nobody
  world.send(*late, "hello");
  CHECK(open_reason(*world.acceptor, initiators[1]->seal(ping)) == "frame: unknown channel");
  CHECK(world.acceptor->seal(channels[1], ping).empty());
  world.send(*initiators[0], "still here");
  world.send(*initiators[2], "still here");
  world.send(*late, "still here");
}

TEST_CASE("one principal's channels do not crowd out another's") {
  World world;
  const Identity other_identity = Identity::generate(KeyAlgorithm::ed25519);
  const ChannelEnd other_end{{PrincipalKind::replica, 7}, 9};  // same number, another kind
  world.members[other_end.principal] = {other_identity.public_key(), 9};
  ChannelInitiator other(world.scope, other_end, replica_two, world.replica.public_key(), other_identity);
  world.shake(other);
  const Result<OpenedFrame> opened = world.acceptor->open(other.seal(ping));
  REQUIRE(opened.ok());
  CHECK(opened->from == other_end);
  for (std::size_t i = 0; i < 2 * channels_max; ++i) {
    const auto initiator = world.new_initiator();
    world.shake(*initiator);
    world.send(*initiator, "crowd");
  }
  CHECK(world.acceptor->open(other.seal(ping)).ok());
}

TEST_CASE("an acceptor speaks on a channel only once its initiator has proved to hold the keys") {
  World world;
  const auto initiator = world.new_initiator();
  world.shake(*initiator);
  const Bytes record = initiator->seal(ping);
  const auto id = load_little_endian<ChannelId>(record.data() + frame_channel_offset);
  CHECK(world.acceptor->seal(id, ping).empty());
  REQUIRE(world.acceptor->open(record).ok());
  CHECK_FALSE(world.acceptor->seal(id, ping).empty());
  CHECK(world.acceptor->seal(id + 1, ping).empty());
}

TEST_CASE("keys are replaced while frames under the old ones are still on the way") {
  World world;
  const auto initiator = world.new_initiator();
  world.shake(*initiator);
  const ChannelId old_channel = world.send(*initiator, "old");
  const Bytes old_frame = initiator->seal(ping);

  const Bytes hello = initiator->hello();
  CHECK(world.send(*initiator, "the old keys serve until new ones are accepted") == old_channel);
  world.answer(*initiator, old_channel, "yes");
  const Result<Bytes> accept = world.acceptor->hello(hello);
  REQUIRE(accept.ok());
  const Bytes answer_under_old = world.acceptor->seal(old_channel, ping);
  REQUIRE_FALSE(initiator->accept(*accept).has_value());

  CHECK(initiator->open(answer_under_old).ok());
  CHECK_FALSE(initiator->open(answer_under_old).ok());  // once only, under old keys as well
  const ChannelId new_channel = world.send(*initiator, "new");
  CHECK(new_channel != old_channel);
  CHECK(open_reason(*world.acceptor, old_frame) == "frame: counter not above the last one");
  world.answer(*initiator, old_channel, "late answer under the old keys");
  world.answer(*initiator, new_channel, "answer under the new keys");

  world.shake(*initiator);  // two generations back is forgotten
  CHECK(initiator->open(world.acceptor->seal(old_channel, ping)).reason() == "frame: unknown channel");
}

TEST_CASE("a member that is removed, gets another key or another incarnation loses its channels at once") {
  for (const int change : {0, 1, 2}) {
    CAPTURE(change);
    World world;
    const auto initiator = world.new_initiator();
    world.shake(*initiator);
    const ChannelId channel = world.send(*initiator, "member");
    const auto waiting = world.new_initiator();
    world.shake(*waiting);
    const Identity new_identity = Identity::generate(KeyAlgorithm::ed25519);
    const World::Member before = world.members[client_seven.principal];
    if (change == 0) {
      world.members.erase(client_seven.principal);
    } else if (change == 1) {
      world.members[client_seven.principal].key = new_identity.public_key();
    } else {
      world.members[client_seven.principal].incarnation = 1;
    }
    CHECK(world.acceptor->seal(channel, ping).empty());
    CHECK(open_reason(*world.acceptor, initiator->seal(ping)) == "frame: unknown channel");
    world.members[client_seven.principal] = before;  // even if it comes back: channels do not
    CHECK(open_reason(*world.acceptor, waiting->seal(ping)) == "frame: unknown channel");
    CHECK(open_reason(*world.acceptor, initiator->seal(ping)) == "frame: unknown channel");
    world.shake(*initiator);
    world.send(*initiator, "member again");
  }
}

TEST_CASE("random bytes and changed records never crash an end and never count") {
  World world;
  const auto initiator = world.new_initiator();
  const Bytes hello = world.shake(*initiator);
  const ChannelId channel = world.send(*initiator, "alive");
  const Bytes frame = initiator->seal(ping);
  const Bytes answer = world.acceptor->seal(channel, ping);
  Dice dice(3);
  for (int i = 0; i < 1500; ++i) {
    Bytes junk = dice.bytes(dice.below(260));
    if (dice.below(2) == 0 && junk.size() >= record_header_bytes) {  // half of it with a header that fits
      std::copy_n((dice.below(2) == 0 ? frame : hello).begin(), record_header_bytes, junk.begin());
    }
    CHECK_FALSE(world.acceptor->hello(junk).ok());
    CHECK_FALSE(world.acceptor->open(junk).ok());
    CHECK(initiator->accept(junk).has_value());
    CHECK_FALSE(initiator->open(junk).ok());
    CHECK_FALSE(initiator->is_reset(junk));
    static_cast<void>(world.acceptor->reset_for(junk));
    CHECK_FALSE(world.acceptor->open(flipped(frame, dice.below(frame.size()))).ok());
    CHECK_FALSE(initiator->open(flipped(answer, dice.below(answer.size()))).ok());
  }
  CHECK(world.acceptor->open(frame).ok());
  CHECK(initiator->open(answer).ok());
}

}  // namespace tagma::crypto::test
