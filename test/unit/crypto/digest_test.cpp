#include "crypto/digest.h"

#include <set>

#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {

TEST_CASE("SHA-256 gives the published digests, again and again from one context") {
  Hasher hasher;
  for (int round = 0; round < 3; ++round) {
    CHECK(to_hex(hasher.digest("").view()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(to_hex(hasher.digest("abc").view()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(to_hex(hasher.digest(Bytes(1000000, 'a')).view()) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST_CASE("random bytes have the size asked for and do not repeat") {
  std::set<Bytes> seen;
  for (int i = 0; i < 64; ++i) {
    const Bytes bytes = random_bytes(16);
    CHECK(bytes.size() == 16);
    CHECK(seen.insert(bytes).second);
  }
  CHECK(random_bytes(0).empty());
}

}  // namespace tagma::crypto::test
