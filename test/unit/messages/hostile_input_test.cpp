// The codec towards everybody else: nothing crashes, nothing grows, everything gets a reason.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <doctest/doctest.h>
#include <tagma.capnp.h>

#include <functional>
#include <random>
#include <set>

#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"
#include "test/unit/messages/allocation_meter.h"
#include "test/unit/messages/samples.h"

namespace tagma {
namespace {

namespace schema = wire::schema;

Bytes flat(capnp::MessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

/// A message in one segment, filled by hand instead of by encode().
Bytes crafted(const std::function<void(schema::Message::Builder)>& fill) {
  capnp::MallocMessageBuilder message(400'000);
  fill(message.initRoot<schema::Message>());
  return flat(message);
}

kj::ArrayPtr<const kj::byte> blob(ByteView bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

void write_word(Bytes& bytes, std::size_t word, std::uint64_t value) {
  for (std::size_t at = 0; at < 8; ++at) bytes[word * 8 + at] = static_cast<char>(value >> (8 * at) & 0xffU);
}

std::uint64_t read_word(const Bytes& bytes, std::size_t word) {
  std::uint64_t value = 0;
  for (std::size_t at = 0; at < 8; ++at) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[word * 8 + at])} << (8 * at);
  }
  return value;
}

/// Framing that announces exactly what follows.
void fix_framing(Bytes& bytes) { write_word(bytes, 0, static_cast<std::uint64_t>(bytes.size() / 8 - 1) << 32U); }

/// Decodes; whatever is accepted must be valid and encodable.
void must_hold_out(ByteView bytes) {
  const auto decoded = wire::decode(bytes);
  if (!decoded) {
    CHECK_FALSE(decoded.reason().empty());
    return;
  }
  CHECK_FALSE(validate(*decoded));
  CHECK(wire::decode(wire::encode(*decoded)).ok());
}

void check_reason(const Bytes& bytes, std::string_view reason) {
  const auto decoded = wire::decode(bytes);
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.reason() == reason);
}

TEST_CASE("every truncation of every message is refused") {
  for (const auto& sample : samples::messages()) {
    const auto& name = sample.first;
    const auto& message = sample.second;
    CAPTURE(name);
    const auto bytes = wire::encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(wire::decode(bytes.substr(0, size)).ok());
    CHECK_FALSE(wire::decode(bytes + '\0').ok());
    CHECK_FALSE(wire::decode(bytes + Bytes(8, '\0')).ok());
  }
}

TEST_CASE("a truncation with mended framing is refused or says something valid") {
  for (const auto& sample : samples::messages()) {
    const auto& name = sample.first;
    const auto& message = sample.second;
    CAPTURE(name);
    const auto bytes = wire::encode(message);
    for (std::size_t size = 16; size < bytes.size(); size += 8) {
      auto cut = bytes.substr(0, size);
      fix_framing(cut);
      must_hold_out(cut);
    }
  }
}

TEST_CASE("no flipped bit crashes the decoder") {
  for (const auto& sample : samples::messages()) {
    const auto& name = sample.first;
    const auto& message = sample.second;
    CAPTURE(name);
    auto bytes = wire::encode(message);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const auto mask = static_cast<char>(1U << bit % 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
      must_hold_out(bytes);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    }
  }
}

TEST_CASE("random bytes never crash the decoder") {
  std::mt19937_64 random(20);  // fixed: a failure must come back
  for (int round = 0; round < 200'000; ++round) {
    Bytes bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (round % 2 == 0 && bytes.size() >= 16) {
      // Right framing, and words that are small as lengths and offsets are.
      bytes.resize(bytes.size() / 8 * 8);
      fix_framing(bytes);
      for (std::size_t word = 1; word < bytes.size() / 8; ++word) {
        if (random() % 2 == 0) write_word(bytes, word, (random() % 64) << 32U | random() % 64);
      }
    }
    const auto decoded = wire::decode(bytes);
    if (decoded) CHECK_FALSE(validate(*decoded));
    static_cast<void>(wire::decode_batch(bytes));
    static_cast<void>(wire::decode_signed_bundle(bytes, "s"));
    static_cast<void>(wire::decode_new_view(bytes, "s"));
  }
}

TEST_CASE("damaged messages with right framing never crash the decoder") {
  std::mt19937_64 random(21);
  std::vector<Bytes> originals;
  for (const auto& [name, message] : samples::messages()) originals.push_back(wire::encode(message));
  for (int round = 0; round < 50'000; ++round) {
    auto bytes = originals[random() % originals.size()];
    for (auto changes = random() % 4; changes != ~std::uint64_t{0}; --changes) {
      const auto word = 1 + random() % (bytes.size() / 8 - 1);
      const auto other = 1 + random() % (bytes.size() / 8 - 1);
      write_word(bytes, word, random() % 2 == 0 ? read_word(bytes, other) : read_word(bytes, word) + random() % 16);
    }
    must_hold_out(bytes);
  }
}

TEST_CASE("reasons come from a finite set, whatever the input") {
  std::mt19937_64 random(22);
  std::set<std::string> reasons;
  std::vector<Bytes> originals;
  for (const auto& [name, message] : samples::messages()) originals.push_back(wire::encode(message));
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = originals[random() % originals.size()];
    write_word(bytes, random() % (bytes.size() / 8), random());
    const auto decoded = wire::decode(bytes);
    if (!decoded) reasons.insert(decoded.reason());
  }
  CHECK(reasons.size() > 5);
  CHECK(reasons.size() < 80);
}

TEST_CASE("framing is one segment that fills the input") {
  const auto good = wire::encode(ReportQuery{5});
  check_reason({}, "shorter than the smallest message");
  check_reason(good.substr(0, 8), "shorter than the smallest message");
  check_reason(good + "x", "the size is not a multiple of eight bytes");
  check_reason(good + Bytes(8, '\0'), "the segment's size differs from that of the input");
  auto two_segments = good;
  two_segments[0] = 1;
  check_reason(two_segments, "not exactly one segment");
  auto shorter = good;
  shorter[4] = static_cast<char>(shorter[4] - 1);
  check_reason(shorter, "the segment's size differs from that of the input");

  capnp::MallocMessageBuilder several(1, capnp::AllocationStrategy::FIXED_SIZE);
  several.initRoot<schema::Message>().initReportQuery().setNonce(5);
  check_reason(flat(several), "not exactly one segment");
}

TEST_CASE("an empty message and unknown types are refused") {
  check_reason(crafted([](auto message) { message.setNone(); }), "the message is empty");
  Bytes null_root(16, '\0');
  fix_framing(null_root);
  check_reason(null_root, "the message is empty");
  auto unknown = wire::encode(ReportQuery{5});
  unknown[16] = 99;  // the union's tag is the first word of the root struct
  check_reason(unknown, "the message is of an unknown type");
}

TEST_CASE("oversized input is refused by its size alone") {
  const Bytes huge(limits::message_bytes_max + 8, '\0');
  const auto before = test::allocated_bytes();
  const auto decoded = wire::decode(huge);
  CHECK(test::allocated_bytes() - before < 1024);
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.reason() == "the message has more than 6 MiB");
  CHECK(wire::decode_batch(Bytes(limits::batch_bytes_max + 8, '\0')).reason() == "the batch has more than 1 MiB");
  CHECK(wire::decode_signed_bundle(Bytes(limits::bundle_bytes_max + 8, '\0'), "s").reason() ==
        "the bundle's body has more than 256 KiB");
}

TEST_CASE("digests of another size are refused") {
  for (const std::size_t size : {0UL, 31UL, 33UL}) {
    const Bytes wrong(size, 'd');
    check_reason(crafted([&](auto message) {
                   auto vote = message.initPrepare();
                   vote.setSeq(1);
                   vote.setDigest(blob(wrong));
                 }),
                 "the vote's digest has not 32 bytes");
    check_reason(crafted([&](auto message) {
                   auto decided = message.initDecided();
                   decided.setSeq(1);
                   decided.setDigest(blob(wrong));
                 }),
                 "the batch's digest has not 32 bytes");
    check_reason(crafted([&](auto message) { message.initFetchNewView().setDigest(blob(wrong)); }),
                 "the NEW-VIEW's digest has not 32 bytes");
    check_reason(crafted([&](auto message) { message.initReport().setStateDigest(blob(wrong)); }),
                 "the report's digest has not 32 bytes");
    check_reason(crafted([&](auto message) { message.initReplies().initEntries(1)[0].setRequestDigest(blob(wrong)); }),
                 "a reply's request digest has not 32 bytes");
    check_reason(crafted([&](auto message) { message.initHistory().setSlots(blob(Bytes(63, 's'))); }),
                 "the history's slots have not 64 bytes each");
    check_reason(crafted([&](auto message) {
                   auto history = message.initHistory();
                   history.initRootSeqs(2);
                   history.setRoots(blob(wrong));
                 }),
                 "the history's roots have not 32 bytes each");
    const auto node = [&](auto message) {
      auto first = message.initStateNodes().initNodes(1)[0];
      first.setKind(2);
      return first;
    };
    check_reason(crafted([&](auto message) { node(message).setPaths(blob(wrong)); }),
                 "a node's paths have not 32 bytes each");
    check_reason(crafted([&](auto message) { node(message).setDigests(blob(Bytes(33, 'd'))); }),
                 "a node's digests have not 32 bytes each");
    check_reason(crafted([&](auto message) { node(message).setDigests(blob(Bytes(17 * 32, 'd'))); }),
                 "a node's digests have not 32 bytes each");
    check_reason(crafted([&](auto message) { node(message).setPrefix(blob(Bytes(64, '\1'))); }),
                 "a place in the state tree has more than 63 nibbles");
  }
}

/// A refusal for which nothing is allocated but `copied` bytes: signed or hashed bodies are copied before they are
/// read.
void check_cheap_refusal(const Bytes& bytes, std::size_t copied, std::string_view reason) {
  const auto before = test::allocated_bytes();
  const auto decoded = wire::decode(bytes);
  const auto allocated = test::allocated_bytes() - before;
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.reason() == reason);
  CHECK(allocated < copied + 1024);
}

TEST_CASE("counts above the limits are refused before anything is allocated for them") {
  check_cheap_refusal(crafted([](auto message) { message.initStatus().initSlots(60'000); }), 0,
                      "the status speaks of more than 64 slots");
  check_cheap_refusal(crafted([](auto message) { message.initStatus().initSlots(65); }), 0,
                      "the status speaks of more than 64 slots");
  check_cheap_refusal(crafted([](auto message) { message.initReplies().initEntries(40'000); }), 0,
                      "there are more than 512 replies in one message");
  check_cheap_refusal(crafted([](auto message) { message.initReplies().initEntries(513); }), 0,
                      "there are more than 512 replies in one message");
  check_cheap_refusal(crafted([](auto message) { message.initReport().initCounters(100'000); }), 0,
                      "the report has more than 256 counters");
  check_cheap_refusal(crafted([](auto message) { message.initReport().initCounters(257); }), 0,
                      "the report has more than 256 counters");
  check_cheap_refusal(crafted([](auto message) { message.initCheckpointCertificate().initVotes(100'000); }), 0,
                      "the certificate has more than 64 votes");
  check_cheap_refusal(crafted([](auto message) { message.initCheckpointCertificate().initVotes(65); }), 0,
                      "the certificate has more than 64 votes");

  check_cheap_refusal(crafted([](auto message) { message.initStateNodesQuery().initPrefixes(100'000); }), 0,
                      "more than 128 nodes are asked for");
  check_cheap_refusal(crafted([](auto message) { message.initStateNodes().initNodes(20'000); }), 0,
                      "there are more than 128 nodes");
  check_cheap_refusal(crafted([](auto message) { message.initStateKeys().initKeys(100'000); }), 0,
                      "there are more than 1024 keys");
  check_cheap_refusal(crafted([](auto message) { message.initStateValuesQuery().initKeys(65); }), 0,
                      "more than 64 values are asked for");
  check_cheap_refusal(crafted([](auto message) { message.initStateValues().initValues(40'000); }), 0,
                      "there are more than 64 values");
  check_cheap_refusal(crafted([](auto message) { message.initStateLease().initVotes(65); }), 0,
                      "the certificate has more than 64 votes");
  check_cheap_refusal(crafted([](auto message) { message.initStatePartsQuery().initPlaces(50'000); }), 0,
                      "more than 64 places are asked about");
  check_cheap_refusal(crafted([](auto message) { message.initStateParts().initNodes(20'000); }), 0,
                      "there are more than 64 nodes");
  check_cheap_refusal(crafted([](auto message) { message.initStateParts().initPieces(50'000); }), 0,
                      "there are more than 64 pieces");
  // Entries of nothing: heads of zeros.
  const auto empty_entries = [](std::size_t count) { return blob(Bytes(count * StateEntries::head_bytes, '\0')); };
  constexpr auto entries_reason = "a piece has broken entries, or the pieces together more than 16384";
  check_cheap_refusal(
      crafted([&](auto message) { message.initStateParts().initPieces(1)[0].setEntries(empty_entries(50'000)); }), 0,
      entries_reason);
  check_cheap_refusal(crafted([&](auto message) {
                        auto pieces = message.initStateParts().initPieces(2);
                        for (auto piece : pieces) piece.setEntries(empty_entries(8'193));
                      }),
                      8'193 * StateEntries::head_bytes, entries_reason);
  check_cheap_refusal(crafted([](auto message) { message.initHistory().initRootSeqs(65); }), 0,
                      "the history has more than 64 roots");
  check_cheap_refusal(crafted([](auto message) { message.initHistory().setSlots(blob(Bytes(1025 * 64, 's'))); }), 0,
                      "the history has more than 1024 slots");

  for (const unsigned count : {257U, 30'000U}) {
    capnp::MallocMessageBuilder bundle(40'000);
    auto body = bundle.initRoot<schema::BundleBody>();
    body.setCluster(blob(Bytes(32, 'c')));
    body.initOperations(count);
    const auto wide = flat(bundle);
    check_cheap_refusal(crafted([&](auto message) { message.initSubmit().setBody(blob(wide)); }), wide.size(),
                        "the bundle has more than 256 operations");
  }
  for (const unsigned count : {1025U, 60'000U}) {
    capnp::MallocMessageBuilder batch(130'000);
    batch.initRoot<schema::Batch>().initBundles(count);
    const auto wide = flat(batch);
    check_cheap_refusal(crafted([&](auto message) { message.initPrePrepare().setBatch(blob(wide)); }), wide.size(),
                        "the batch has more than 1024 bundles");
  }
}

/// The body of a VIEW-CHANGE in which everything is right but what `fill` changes.
Bytes crafted_view_change(const std::function<void(schema::ViewChangeBody::Builder)>& fill) {
  capnp::MallocMessageBuilder message(20'000);
  auto body = message.initRoot<schema::ViewChangeBody>();
  body.setCluster(blob(Bytes(32, 'c')));
  body.setView(1);
  fill(body);
  return flat(message);
}

void check_view_change_reason(const Bytes& body, std::string_view reason) {
  check_cheap_refusal(crafted([&](auto message) { message.initViewChange().setBody(blob(body)); }), body.size(),
                      reason);
}

TEST_CASE("a VIEW-CHANGE's claims are counted before room is made for them") {
  using Body = schema::ViewChangeBody::Builder;
  const std::string_view uneven = "the VIEW-CHANGE's claims have not 48 bytes each";
  for (const std::size_t size : {1UL, 47UL, 49UL}) {
    const Bytes claims(size, '\1');
    check_view_change_reason(crafted_view_change([&](Body body) { body.setPrepared(blob(claims)); }), uneven);
    check_view_change_reason(crafted_view_change([&](Body body) { body.setRecorded(blob(claims)); }), uneven);
  }
  check_view_change_reason(crafted_view_change([](Body body) { body.setPrepared(blob(Bytes(513UL * 48, '\1'))); }),
                           "the VIEW-CHANGE claims more than 512 prepared slots");
  check_view_change_reason(crafted_view_change([](Body body) { body.setRecorded(blob(Bytes(1025UL * 48, '\1'))); }),
                           "the VIEW-CHANGE claims more than 1024 recorded proposals");
  for (const std::size_t size : {1UL, 39UL, 41UL}) {
    const Bytes names(size, '\1');
    check_view_change_reason(crafted_view_change([&](Body body) { body.setDroppedBy(blob(names)); }),
                             "the VIEW-CHANGE's names of NEW-VIEWs have not 40 bytes each");
  }
  check_view_change_reason(crafted_view_change([](Body body) { body.setDroppedBy(blob(Bytes(129UL * 40, '\1'))); }),
                           "the VIEW-CHANGE names more than 128 NEW-VIEWs");
  check_view_change_reason(crafted_view_change([](Body body) { body.initCertificate(65); }),
                           "the certificate has more than 64 votes");
  for (const std::size_t size : {0UL, 31UL, 33UL}) {
    const Bytes wrong(size, 'd');
    check_view_change_reason(crafted_view_change([&](Body body) { body.setCluster(blob(wrong)); }),
                             "the VIEW-CHANGE's cluster id has not 32 bytes");
  }
}

TEST_CASE("an oversized VIEW-CHANGE or NEW-VIEW is refused before it is copied") {
  const Bytes big(limits::view_change_bytes_max + 8, '\0');
  check_cheap_refusal(crafted([&](auto message) { message.initViewChange().setBody(blob(big)); }), 0,
                      "the VIEW-CHANGE's body has more than 96 KiB");
  for (const unsigned count : {65U, 60'000U}) {
    capnp::MallocMessageBuilder many(130'000);
    auto body = many.initRoot<schema::NewViewBody>();
    body.setCluster(blob(Bytes(32, 'c')));
    body.initViewChanges(count);
    const auto wide = flat(many);
    check_cheap_refusal(crafted([&](auto message) { message.initNewView().setBody(blob(wide)); }), wide.size(),
                        "the NEW-VIEW has more than 64 VIEW-CHANGEs");
  }
  capnp::MallocMessageBuilder one(20'000);
  auto body = one.initRoot<schema::NewViewBody>();
  body.setCluster(blob(Bytes(32, 'c')));
  body.initViewChanges(1)[0].setBody(blob(big));
  const auto holds_big = flat(one);
  check_cheap_refusal(crafted([&](auto message) { message.initNewView().setBody(blob(holds_big)); }),
                      holds_big.size() + sizeof(ViewChange), "the VIEW-CHANGE's body has more than 96 KiB");
  const Bytes huge(limits::new_view_bytes_max + 8, '\0');
  CHECK(wire::decode_new_view(huge, "s").reason() == "the NEW-VIEW's body has more than 6140 KiB");
}

TEST_CASE("a bad VIEW-CHANGE inside of a NEW-VIEW spoils the NEW-VIEW, with the VIEW-CHANGE's reason") {
  auto bad = samples::view_change_statement(2);
  bad.prepared.front().seq = 1;
  const auto sample = samples::new_view_of({samples::digest(1), 3, 9, {samples::view_change_of(bad)}});
  check_reason(wire::encode(sample), "the VIEW-CHANGE claims a slot that its certificate covers");
  CHECK(wire::decode_new_view(sample.body, "s").reason() ==
        "the VIEW-CHANGE claims a slot that its certificate covers");
  CHECK(wire::decode_new_view({}, "s").reason() == "shorter than the smallest message");
}

TEST_CASE("P10: a batch with a million empty operations is refused at the limit") {
  Bundle full = samples::bundle();
  full.operations.assign(limits::bundle_operations_max, "");
  const auto bundle = samples::signed_bundle_of(full);
  const std::vector<SignedBundle> too_many(limits::batch_operations_max / limits::bundle_operations_max + 1, bundle);
  const auto batch = wire::encode_batch(1, too_many);
  const auto decoded = wire::decode_batch(batch.bytes);
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.reason() == "the batch has more than 8192 operations");
}

TEST_CASE("P10: an oversized batch is refused before it is copied") {
  const Bytes big(limits::batch_bytes_max + 8, '\0');
  const auto bytes = crafted([&](auto message) { message.initBatchBody().setBatch(blob(big)); });
  const auto before = test::allocated_bytes();
  const auto decoded = wire::decode(bytes);
  CHECK(test::allocated_bytes() - before < 4096);
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.reason() == "the batch has more than 1 MiB");
}

TEST_CASE("pointers that share their target do not multiply the input") {
  Bundle content = samples::bundle();
  content.operations.assign(200, "");
  content.operations.front().assign(64UL * 1024, 'z');
  auto body = wire::encode_bundle_body(content);
  // Find the list's pointers: the only non-null one is the first; let each of the others point to the same bytes.
  std::size_t list = 0;
  for (std::size_t word = 1; word + 200 < body.size() / 8; ++word) {
    if (read_word(body, word) >> 32U == (64UL * 1024 << 3U | 2U) && read_word(body, word + 1) >> 32U == 2) list = word;
  }
  REQUIRE(list != 0);
  const auto offset = (read_word(body, list) & 0xffff'ffffU) >> 2U;
  for (std::size_t at = 1; at < 200; ++at) {
    write_word(body, list + at, (64UL * 1024 << 3U | 2U) << 32U | ((offset - at) << 2U | 1U));
  }
  const auto before = test::allocated_bytes();
  const auto decoded = wire::decode_signed_bundle(body, "s");
  CHECK(test::allocated_bytes() - before < 4 * body.size());
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.reason() == "not a well-formed Cap'n Proto message within the limits");
}

TEST_CASE("lists of nothing do not multiply the input") {
  auto bytes = wire::encode(samples::status());
  // Turn the list of slots into a list of 2^29-1 elements without a size.
  std::size_t list = 0;
  for (std::size_t word = 1; word < bytes.size() / 8; ++word) {
    if ((read_word(bytes, word) & 3U) == 1 && (read_word(bytes, word) >> 32U & 7U) == 7) list = word;
  }
  REQUIRE(list != 0);
  write_word(bytes, list, 0xffff'fff8ULL << 32U | (read_word(bytes, list) & 0xffff'ffffU));
  const auto before = test::allocated_bytes();
  CHECK_FALSE(wire::decode(bytes).ok());
  CHECK(test::allocated_bytes() - before < 4096);
}

TEST_CASE("a list of bytes in the place of a list of structs is refused before anything is made of it") {
  auto batch = wire::encode_batch(1, {samples::signed_bundle()}).bytes;
  // The second word of the root struct points to the list; turn it into 1,000 elements of one byte each.
  batch.append(1'000, '\0');
  fix_framing(batch);
  const std::size_t pointer = 3;
  REQUIRE((read_word(batch, pointer) & 3U) == 1);
  write_word(batch, pointer, (1'000UL << 3U | 2U) << 32U | (read_word(batch, pointer) & 0xffff'ffffU));
  const auto before = test::allocated_bytes();
  const auto decoded = wire::decode_batch(batch);
  CHECK(test::allocated_bytes() - before < 2 * batch.size());
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.reason() == "the batch's bundles are not a list of structs");
}

TEST_CASE("a bad bundle inside of a batch spoils the batch, with the bundle's reason") {
  auto bad = samples::bundle();
  bad.session = 0;
  auto batch = wire::encode_batch(1, {samples::signed_bundle(), samples::signed_bundle_of(bad)});
  CHECK(wire::decode_batch(batch.bytes).reason() == "the session is 0; sessions start at 1");
  const auto message = wire::encode(PrePrepare{0, 1, std::make_shared<const Batch>(batch)});
  check_reason(message, "the session is 0; sessions start at 1");
}

TEST_CASE("a bad vote inside of a certificate spoils the certificate, with the vote's reason") {
  auto bad = samples::certificate();
  bad.votes[1].signature.clear();
  check_reason(wire::encode(bad), "the signature is missing");
  auto twice = samples::certificate();
  twice.votes.push_back(twice.votes.front());
  check_reason(wire::encode(twice), "a replica stands twice in the certificate");
}

}  // namespace
}  // namespace tagma
