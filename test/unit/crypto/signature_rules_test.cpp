// The fixed rule of acceptance (crypto/identity.h) with its edge cases. The vectors of the curve were computed by an
// independent implementation of RFC 8032; those of P-256 are from RFC 6979, A.2.5.
#include "crypto/signature_rules.h"

#include "crypto/identity.h"
#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {
namespace {

constexpr std::string_view ed25519_key_hex = "b6159bf7935818a78ced8c2ed719bd29229a8c0eb5bbdaf8abbae58cdf02a660";
constexpr std::string_view ed25519_message = "attack at dawn";

Verifier ed25519_verifier(std::string_view key_hex) {
  Result<Verifier> verifier = Verifier::make({KeyAlgorithm::ed25519, hex(key_hex)});
  REQUIRE(verifier.ok());
  return std::move(*verifier);
}

bool ed25519_key_refused(std::string_view key_hex) {
  return !Verifier::make({KeyAlgorithm::ed25519, hex(key_hex)}).ok();
}

constexpr std::string_view p256_key_hex = "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
constexpr std::string_view p256_message = "sample";
constexpr std::string_view r_hex = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
constexpr std::string_view high_s_hex = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
constexpr std::string_view low_s_hex = "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9";
constexpr std::string_view order_hex = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr std::string_view half_order_hex = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
constexpr std::string_view above_half_hex = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9";
constexpr std::string_view zero_hex = "0000000000000000000000000000000000000000000000000000000000000000";

/// A SEQUENCE of two INTEGERs with the contents as given, whether proper or not.
Bytes der_of(std::string_view r_content_hex, std::string_view s_content_hex) {
  const Bytes r = hex(r_content_hex);
  const Bytes s = hex(s_content_hex);
  Bytes content;
  content += '\x02';
  content += static_cast<char>(r.size());
  content += r;
  content += '\x02';
  content += static_cast<char>(s.size());
  content += s;
  Bytes der;
  der += '\x30';
  der += static_cast<char>(content.size());
  return der + content;
}

P256Signature numbers(std::string_view r, std::string_view s) {
  P256Signature signature;
  const Bytes r_bytes = hex(r);
  const Bytes s_bytes = hex(s);
  std::copy(r_bytes.begin(), r_bytes.end(), signature.r.begin());
  std::copy(s_bytes.begin(), s_bytes.end(), signature.s.begin());
  return signature;
}

Verifier p256_verifier() {
  Result<Verifier> verifier = Verifier::make({KeyAlgorithm::ecdsa_p256, hex(p256_key_hex)});
  REQUIRE(verifier.ok());
  return std::move(*verifier);
}

Bytes good_p256_signature() { return der_of("00" + std::string(r_hex), low_s_hex); }

}  // namespace

TEST_CASE("Ed25519: the published vectors are accepted") {
  CHECK(
      ed25519_verifier("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
          .verify("", hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
                          "b46bd25bf5f0595bbe24655141438e7a100b")));
  CHECK(
      ed25519_verifier(ed25519_key_hex)
          .verify(ed25519_message, hex("5c1a0b555947dfdb2d21a7183fee024cbb9f12fd955c9aafab6a8135994f4afaac66e358acca38"
                                       "80db9b616799988cfe616f086d8047748da0c9a4c1284af605")));
}

TEST_CASE("Ed25519: S must be below the group's order") {
  const Verifier verifier = ed25519_verifier(ed25519_key_hex);
  // S + L is the same scalar; S with the top bit set is what lax decoders mask away.
  const Bytes s_plus_order = hex(
      "5c1a0b555947dfdb2d21a7183fee024cbb9f12fd955c9aafab6a8135994f4afa993ad9b5c62d4bd8b138590a78926b13626f086d8047748d"
      "a0c9a4c1284af615");
  const Bytes s_with_top_bit = hex(
      "5c1a0b555947dfdb2d21a7183fee024cbb9f12fd955c9aafab6a8135994f4afaac66e358acca3880db9b616799988cfe616f086d8047748d"
      "a0c9a4c1284af685");
  CHECK_FALSE(verifier.verify(ed25519_message, s_plus_order));
  CHECK_FALSE(ed25519_signature_acceptable(s_plus_order));
  CHECK_FALSE(verifier.verify(ed25519_message, s_with_top_bit));
  CHECK_FALSE(ed25519_signature_acceptable(s_with_top_bit));
  const Bytes r = hex(ed25519_key_hex);
  const Bytes order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const Bytes order_less_one = hex("ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  CHECK_FALSE(ed25519_signature_acceptable(r + order));
  CHECK(ed25519_signature_acceptable(r + order_less_one));
}

TEST_CASE("Ed25519: R must be canonical; the cofactor is not multiplied away; a small R alone is no fault") {
  const Verifier verifier = ed25519_verifier(ed25519_key_hex);
  const Bytes identity_as_p_plus_one = hex(
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fee397d3b72db607d2ea8982e86b58c2576eeb48483d3d8fc"
      "7ad2bb9b8118fd0b");
  CHECK_FALSE(verifier.verify(ed25519_message, identity_as_p_plus_one));
  CHECK_FALSE(ed25519_signature_acceptable(identity_as_p_plus_one));
  CHECK_FALSE(verifier.verify(ed25519_message, hex("680695ba99f052cb01447f95408879f4e7d4424a463acf17c6a8cd15400a2985548"
                                                   "f87606f7859302c7a26801b853415a6e7685bb73d18a7910715cdc7a6be06")));
  CHECK(verifier.verify(ed25519_message,
                        hex("0100000000000000000000000000000000000000000000000000000000000000791036d5ad08"
                            "e750acc26bec5f0d8ddffeb4e7cdefe18e16ffc46194d6015f05")));
}

TEST_CASE("Ed25519: a key with a small-order component follows the cofactorless equation exactly") {
  const Verifier verifier = ed25519_verifier("434176f87383c86e0e3b2dd503ff76e27fe4b0289337b989408f94bfd591b21c");
  CHECK(
      verifier.verify("message 2", hex("5c1a0b555947dfdb2d21a7183fee024cbb9f12fd955c9aafab6a8135994f4afae77dcb126824fa5"
                                       "e3afcf9ad38d69d662b792e7dc2fde5fc2ba123700b2d370a")));
  CHECK_FALSE(
      verifier.verify("message 0", hex("5c1a0b555947dfdb2d21a7183fee024cbb9f12fd955c9aafab6a8135994f4afa40b9958078"
                                       "5732c075ac610ec164d53a8fe3f0dd7e3fc571fe9d9587d95a430c")));
}

TEST_CASE("Ed25519: keys of small order, in every encoding, are refused") {
  for (const std::string_view key : {
           "0100000000000000000000000000000000000000000000000000000000000000",  // order 1
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // order 2
           "0000000000000000000000000000000000000000000000000000000000000000",  // order 4
           "0000000000000000000000000000000000000000000000000000000000000080",
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  // order 8
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
       }) {
    CAPTURE(key);
    CHECK(ed25519_point_small_order(hex(key)));
    CHECK(ed25519_point_canonical(hex(key)));
    CHECK(ed25519_point_on_curve(hex(key)));
    CHECK(ed25519_key_refused(key));
  }
  for (const std::string_view key : {
           "0100000000000000000000000000000000000000000000000000000000000080",  // x = 0 with a sign
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // y = p
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // y = p + 1
           "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
       }) {
    CAPTURE(key);
    CHECK_FALSE(ed25519_point_canonical(hex(key)));
    CHECK(ed25519_key_refused(key));
  }
}

TEST_CASE("Ed25519: keys off the curve and of wrong length are refused") {
  CHECK(ed25519_key_refused("0200000000000000000000000000000000000000000000000000000000000000"));
  CHECK_FALSE(ed25519_key_refused("0300000000000000000000000000000000000000000000000000000000000000"));
  CHECK(ed25519_key_refused("0700000000000000000000000000000000000000000000000000000000000000"));
  CHECK(ed25519_key_refused(""));
  CHECK(ed25519_key_refused(ed25519_key_hex.substr(2)));
  CHECK(ed25519_key_refused(std::string(ed25519_key_hex) + "00"));
  CHECK_FALSE(ed25519_point_canonical(""));
  CHECK_FALSE(ed25519_point_on_curve(""));
  CHECK_FALSE(ed25519_point_small_order(""));
}

TEST_CASE("Ed25519: signatures of wrong length are refused") {
  const Verifier verifier = ed25519_verifier(ed25519_key_hex);
  const Bytes good = hex(
      "5c1a0b555947dfdb2d21a7183fee024cbb9f12fd955c9aafab6a8135994f4afaac66e358acca3880db9b616799988cfe616f086d8047748d"
      "a0c9a4c1284af605");
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(verifier.verify(ed25519_message, ByteView(good).substr(0, size)));
  }
  CHECK_FALSE(verifier.verify(ed25519_message, good + '\0'));
}

TEST_CASE("P-256: the published signature is accepted in its low form only") {
  const Verifier verifier = p256_verifier();
  CHECK(verifier.verify(p256_message, good_p256_signature()));
  CHECK_FALSE(verifier.verify(p256_message, der_of("00" + std::string(r_hex), "00" + std::string(high_s_hex))));
  CHECK_FALSE(verifier.verify("samples", good_p256_signature()));
}

TEST_CASE("P-256: only strict DER is accepted") {
  const Verifier verifier = p256_verifier();
  const std::string r = "00" + std::string(r_hex);
  const std::string s(low_s_hex);
  const Bytes good = good_p256_signature();
  const auto refused = [&](const Bytes& signature) {
    return !p256_signature_from_der(signature).has_value() && !verifier.verify(p256_message, signature);
  };
  CHECK(refused(der_of("00" + r, s)));  // r padded
  CHECK(refused(der_of(r, "00" + s)));  // s padded
  CHECK(refused(der_of(r_hex, s)));     // r negative
  CHECK(refused(der_of("", s)));        // empty integers
  CHECK(refused(der_of(r, "")));
  CHECK(refused(der_of("01" + std::string(r_hex), s)));  // 33 significant bytes
  CHECK(refused(good + '\0'));                           // bytes behind the sequence
  Bytes inside = good + '\0';
  inside[1] = static_cast<char>(inside[1] + 1);  // bytes behind s, inside the sequence
  CHECK(refused(inside));
  Bytes long_form = good;
  long_form.insert(1, 1, '\x81');  // the length in two bytes
  CHECK(refused(long_form));
  Bytes indefinite = good + Bytes(2, '\0');
  indefinite[1] = '\x80';
  CHECK(refused(indefinite));
  Bytes wrong_tag = good;
  wrong_tag[0] = '\x31';
  CHECK(refused(wrong_tag));
  wrong_tag = good;
  wrong_tag[2] = '\x03';
  CHECK(refused(wrong_tag));
  wrong_tag = good;
  wrong_tag[4 + 33] = '\x03';
  CHECK(refused(wrong_tag));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(refused(good.substr(0, size)));
    Bytes with_outer_length = good.substr(0, size);
    if (size > 1) {
      with_outer_length[1] = static_cast<char>(size - 2);
      CHECK(refused(with_outer_length));
    }
  }
  CHECK(refused(Bytes(73, '\x30')));
}

TEST_CASE("P-256: r and s must be in range") {
  const Verifier verifier = p256_verifier();
  const std::string r = "00" + std::string(r_hex);
  CHECK_FALSE(verifier.verify(p256_message, der_of("00", low_s_hex)));
  CHECK_FALSE(verifier.verify(p256_message, der_of(r, "00")));
  CHECK_FALSE(verifier.verify(p256_message, der_of("00", "00")));
  CHECK_FALSE(verifier.verify(p256_message, der_of("00" + std::string(order_hex), low_s_hex)));
  CHECK_FALSE(p256_signature_in_range(numbers(zero_hex, low_s_hex)));
  CHECK_FALSE(p256_signature_in_range(numbers(r_hex, zero_hex)));
  CHECK_FALSE(p256_signature_in_range(numbers(order_hex, low_s_hex)));
  CHECK_FALSE(p256_signature_in_range(numbers(r_hex, above_half_hex)));
  CHECK(p256_signature_in_range(numbers(r_hex, half_order_hex)));
  CHECK(p256_signature_in_range(numbers(r_hex, low_s_hex)));
}

TEST_CASE("P-256: normalising gives the other form, and DER survives a round trip") {
  P256Signature high = numbers(r_hex, high_s_hex);
  p256_normalise(high);
  CHECK(high.s == numbers(r_hex, low_s_hex).s);
  P256Signature half = numbers(r_hex, half_order_hex);
  p256_normalise(half);
  CHECK(half.s == numbers(r_hex, half_order_hex).s);
  P256Signature just_above = numbers(r_hex, above_half_hex);
  p256_normalise(just_above);
  CHECK(just_above.s == numbers(r_hex, half_order_hex).s);

  CHECK(p256_signature_to_der(numbers(r_hex, low_s_hex)) == good_p256_signature());
  const std::string small = std::string(60, '0') + "00ff";
  CHECK(to_hex(p256_signature_to_der(numbers(small, zero_hex))) == "3007020200ff020100");
  const std::optional<P256Signature> read = p256_signature_from_der(hex("3007020200ff020100"));
  REQUIRE(read.has_value());
  CHECK(read->r == numbers(small, zero_hex).r);
}

TEST_CASE("P-256: keys must be compressed points in canonical encoding") {
  const auto refused = [](std::string_view key) { return !Verifier::make({KeyAlgorithm::ecdsa_p256, hex(key)}).ok(); };
  CHECK_FALSE(refused(p256_key_hex));
  CHECK_FALSE(refused("02" + std::string(zero_hex)));                                    // x = 0 is on the curve
  CHECK(refused("02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"));  // x = p, the same point again
  CHECK(refused("02" + std::string(62, '0') + "01"));                                    // no y for this x
  CHECK(refused("04" + std::string(p256_key_hex.substr(2))));
  CHECK(refused("00" + std::string(p256_key_hex.substr(2))));
  CHECK(refused("00"));
  CHECK(refused(""));
  CHECK(refused(p256_key_hex.substr(0, 64)));
  CHECK(refused(std::string(p256_key_hex) + "00"));
  CHECK(
      refused("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b2"
              "0c2d7e9f5177a3c294d4462299"));  // uncompressed
}

TEST_CASE("no key works under the other algorithm") {
  CHECK_FALSE(Verifier::make({KeyAlgorithm::ecdsa_p256, hex(ed25519_key_hex)}).ok());
  CHECK_FALSE(Verifier::make({KeyAlgorithm::ed25519, hex(p256_key_hex)}).ok());
}

}  // namespace tagma::crypto::test
