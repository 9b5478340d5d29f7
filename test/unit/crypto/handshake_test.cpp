#include "crypto/handshake.h"

#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {

TEST_CASE("both sides of a key agreement derive the same secret, and no third one") {
  const EphemeralSecret left;
  const EphemeralSecret right;
  const EphemeralSecret stranger;
  EphemeralSecret::Shared at_left;
  EphemeralSecret::Shared at_right;
  EphemeralSecret::Shared at_stranger;
  REQUIRE(left.derive(right.public_half(), at_left));
  REQUIRE(right.derive(left.public_half(), at_right));
  REQUIRE(stranger.derive(left.public_half(), at_stranger));
  CHECK(std::memcmp(at_left.data(), at_right.data(), 32) == 0);
  CHECK(std::memcmp(at_left.data(), at_stranger.data(), 32) != 0);
  CHECK(left.public_half() != right.public_half());
}

TEST_CASE("ephemeral keys of small order are refused: they would force an all-zero secret") {
  const EphemeralSecret secret;
  for (const std::string_view point : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "0000000000000000000000000000000000000000000000000000000000000080",
       }) {
    CAPTURE(point);
    EphemeralKey remote{};
    const Bytes bytes = hex(point);
    std::copy(bytes.begin(), bytes.end(), remote.begin());
    EphemeralSecret::Shared shared;
    CHECK_FALSE(secret.derive(remote, shared));
  }
}

TEST_CASE("the keys of a channel are those of the worked example, and bound to everything") {
  EphemeralSecret::Shared shared;
  std::fill_n(shared.data(), 32, static_cast<unsigned char>(0x77));
  const ChannelScope scope{counting_cluster(), 3};
  Hello hello{{RecordKind::hello, scope, client_seven, replica_two}, {}, {}};
  hello.ephemeral.fill(0x0a);
  hello.nonce.fill(0x0b);
  Bytes hello_record = encode_hello(hello);
  append_signature(hello_record, Bytes(64, 'Z'));
  Accept accept{{RecordKind::accept, scope, replica_two, client_seven}, {}, {}, 0x1122334455667788U};
  accept.ephemeral.fill(0x0c);
  accept.hello_digest = Hasher().digest(hello_record);
  const Bytes accept_part = encode_accept(accept);
  const PublicKey initiator_key{KeyAlgorithm::ed25519, Bytes(32, '\xa1')};
  const PublicKey acceptor_key{KeyAlgorithm::ecdsa_p256, '\x02' + Bytes(32, '\xa2')};

  const auto derived = [&](const PublicKey& initiator, const PublicKey& acceptor, ByteView first, ByteView second) {
    ChannelKeys keys;
    derive_channel_keys(shared, {initiator, acceptor, first, second}, keys);
    return Bytes(reinterpret_cast<const char*>(keys.to_acceptor.data()), 32) +
           Bytes(reinterpret_cast<const char*>(keys.to_initiator.data()), 32);
  };
  const Bytes golden = derived(initiator_key, acceptor_key, hello_record, accept_part);
  CHECK(to_hex(golden) ==
        "f45a27492d5fd4c393a08b0864c578ad8cc5dca9624fabb41afa1d1b29a5faf1"
        "26c102695fb5f708f67d9adfec62ab2871cee3e1997d3351d9041e6b0095198c");

  PublicKey other = initiator_key;
  other.bytes[5] = 'x';
  CHECK(derived(other, acceptor_key, hello_record, accept_part) != golden);
  other = acceptor_key;
  other.bytes[5] = 'x';
  CHECK(derived(initiator_key, other, hello_record, accept_part) != golden);
  for (std::size_t i = 0; i < hello_record.size(); ++i) {
    CHECK(derived(initiator_key, acceptor_key, flipped(hello_record, i), accept_part) != golden);
  }
  for (std::size_t i = 0; i < accept_part.size(); ++i) {
    CHECK(derived(initiator_key, acceptor_key, hello_record, flipped(accept_part, i)) != golden);
  }
  shared.data()[31] ^= 1U;
  CHECK(derived(initiator_key, acceptor_key, hello_record, accept_part) != golden);
}

TEST_CASE("what is signed names the kind of record") {
  CHECK(hello_statement("content") != accept_statement("content"));
  CHECK(hello_statement("content") == Bytes("tagma channel HELLO v1\0content", 30));
  CHECK(accept_statement("content") == Bytes("tagma channel ACCEPT v1\0content", 31));
}

TEST_CASE("secrets are wiped when their owner goes") {
  alignas(FrameKey) std::array<unsigned char, sizeof(FrameKey)> place{};
  auto* key = new (place.data()) FrameKey;
  std::fill_n(key->data(), FrameKey::size_bytes(), static_cast<unsigned char>(0xee));
  key->~FrameKey();
  // Through volatile: the compiler may not assume what a destroyed object's place holds.
  const volatile unsigned char* left = place.data();
  for (std::size_t i = 0; i < FrameKey::size_bytes(); ++i) {
    CHECK(static_cast<unsigned>(left[i]) == 0U);
  }
}

}  // namespace tagma::crypto::test
