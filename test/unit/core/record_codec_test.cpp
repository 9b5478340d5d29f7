#include "replica/core/record_codec.h"

#include <doctest/doctest.h>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

Digest digest_of(std::uint8_t first) {
  Digest digest;
  digest.bytes[0] = first;
  return digest;
}

SharedBatch some_batch() {
  const auto bundle = toy_bundle(toy_config(4, 0).membership, 1, 5, 1, {"set a 1", "get a"});
  return std::make_shared<const Batch>(wire::encode_batch(1'700'000'000'000'000, {*bundle}));
}

RecordCertificate some_certificate() {
  RecordCertificate record;
  for (ReplicaId id = 0; id < 3; ++id) {
    CheckpointVote vote;
    vote.content = {.cluster = {}, .epoch = 0, .replica = id, .incarnation = 0, .seq = 8, .root = digest_of(9)};
    vote.body = wire::encode_checkpoint_body(vote.content);
    vote.signature = Bytes(64, 's');
    record.certificate.votes.push_back(std::move(vote));
  }
  return record;
}

const Bytes& bytes_of(const SharedBatch& batch) {
  static const Bytes none = "no batch";
  return batch == nullptr ? none : batch->bytes;
}

}  // namespace

TEST_CASE("every kind of record comes back from its entry") {
  const auto batch = some_batch();
  SUBCASE("a PRE-PREPARE, the null batch too") {
    for (const auto& each : {batch, std::make_shared<const Batch>()}) {
      const auto entry = encode_record(RecordPrePrepared{.view = 3, .seq = 7, .digest = digest_of(1), .batch = each});
      CHECK(entry.seq == 7);
      const auto record = decode_record(entry);
      REQUIRE(record.ok());
      const auto& content = std::get<RecordPrePrepared>(*record);
      CHECK(content.view == 3);
      CHECK(content.seq == 7);
      CHECK(content.digest == digest_of(1));
      CHECK(bytes_of(content.batch) == each->bytes);
    }
  }
  SUBCASE("prepared, with a batch and without") {
    for (const auto& each : {batch, SharedBatch()}) {
      const auto entry =
          encode_record(RecordPrepared{.view = 0x0102030405060708, .seq = 7, .digest = digest_of(1), .batch = each});
      const auto record = decode_record(entry);
      REQUIRE(record.ok());
      const auto& content = std::get<RecordPrepared>(*record);
      CHECK(content.view == 0x0102030405060708);
      CHECK(bytes_of(content.batch) == bytes_of(each));
    }
  }
  SUBCASE("decided") {
    const auto record = decode_record(encode_record(RecordDecided{.seq = 9, .digest = digest_of(2), .batch = batch}));
    REQUIRE(record.ok());
    const auto& content = std::get<RecordDecided>(*record);
    CHECK(content.seq == 9);
    CHECK(content.digest == digest_of(2));
    CHECK(bytes_of(content.batch) == batch->bytes);
  }
  SUBCASE("a certificate, which belongs to no slot and so outlives all of them") {
    const auto entry = encode_record(some_certificate());
    CHECK(entry.seq == 0);
    const auto record = decode_record(entry);
    REQUIRE(record.ok());
    const auto& votes = std::get<RecordCertificate>(*record).certificate.votes;
    REQUIRE(votes.size() == 3);
    CHECK(votes[2].content.root == digest_of(9));
    CHECK(votes[2].body == some_certificate().certificate.votes[2].body);
  }
}

TEST_CASE("what a replica knows of its own state is read back, and an odd flag is none") {
  const RecordStanding standing{.diverged = true, .wrong_votes_up_to = 640, .installed = 0x0102030405060708};
  auto entry = encode_record(standing);
  CHECK(entry.seq == 0);
  const auto record = decode_record(entry);
  REQUIRE(record.ok());
  const auto& content = std::get<RecordStanding>(*record);
  CHECK(content.diverged);
  CHECK(content.wrong_votes_up_to == 640);
  CHECK(content.installed == 0x0102030405060708);
  entry.payload.front() = 2;
  CHECK_FALSE(decode_record(entry).ok());
}

TEST_CASE("an entry that is cut, longer, of another slot or of an unknown kind is no record") {
  const auto batch = some_batch();
  const std::vector<Record> records = {RecordPrePrepared{.view = 3, .seq = 7, .digest = digest_of(1), .batch = batch},
                                       RecordPrepared{.view = 3, .seq = 7, .digest = digest_of(1), .batch = nullptr},
                                       RecordDecided{.seq = 9, .digest = digest_of(2), .batch = nullptr},
                                       some_certificate(), RecordStanding{}};
  for (const auto& record : records) {
    const auto whole = encode_record(record);
    CHECK(decode_record(whole).ok());
    for (std::size_t size = 0; size < whole.payload.size(); ++size) {
      auto cut = whole;
      cut.payload.resize(size);
      // A PRE-PREPARE that is cut just behind its flag has the null batch.
      if (std::holds_alternative<RecordPrePrepared>(record) && size == 41) continue;
      CHECK_FALSE(decode_record(cut).ok());
    }
    auto longer = whole;
    longer.payload.push_back('x');
    CHECK_FALSE(decode_record(longer).ok());
    auto elsewhere = whole;
    elsewhere.seq = whole.seq == 0 ? 1 : 0;
    CHECK_FALSE(decode_record(elsewhere).ok());
  }
  auto unknown = encode_record(records.front());
  unknown.kind = 77;
  CHECK_FALSE(decode_record(unknown).ok());
}
