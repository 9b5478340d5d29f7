// The codec towards honest input: round trips, exact bytes, alignment, the largest valid messages.
#include "messages/wire/codec.h"

#include <doctest/doctest.h>

#include <thread>

#include "messages/validate.h"
#include "tagma/limits.h"
#include "test/unit/messages/samples.h"

namespace tagma {
namespace {

void check_round_trip(const Message& message) {
  REQUIRE_FALSE(validate(message));
  const auto bytes = wire::encode(message);
  CHECK(bytes.size() <= limits::message_bytes_max);
  const auto decoded = wire::decode(bytes);
  REQUIRE_MESSAGE(decoded.ok(), decoded.reason());
  CHECK(samples::same(*decoded, message));
}

TEST_CASE("every message survives a round trip at every alignment") {
  for (const auto& sample : samples::messages()) {
    const auto& name = sample.first;
    const auto& message = sample.second;
    CAPTURE(name);
    const auto bytes = wire::encode(message);
    for (std::size_t shift = 0; shift < 8; ++shift) {
      const auto shifted = Bytes(shift, 'x') + bytes;
      const auto decoded = wire::decode(ByteView(shifted).substr(shift));
      REQUIRE_MESSAGE(decoded.ok(), decoded.reason());
      CHECK(samples::same(*decoded, message));
    }
  }
}

TEST_CASE("encoding leaves nothing behind for the next message") {
  const auto all = samples::messages();
  std::vector<Bytes> alone;
  for (const auto& [name, message] : all) {
    // A fresh thread has a fresh scratch buffer.
    std::thread([&alone, &content = message] { alone.push_back(wire::encode(content)); }).join();
  }
  for (std::size_t before = 0; before < all.size(); ++before) {
    for (std::size_t at = 0; at < all.size(); ++at) {
      static_cast<void>(wire::encode(all[before].second));
      CHECK(wire::encode(all[at].second) == alone[at]);
    }
  }
}

TEST_CASE("a bundle keeps the exact bytes that were signed") {
  const auto sample = samples::signed_bundle();
  const auto decoded = wire::decode(wire::encode(Submit{std::make_shared<const SignedBundle>(sample)}));
  REQUIRE(decoded.ok());
  const auto& bundle = *std::get<Submit>(*decoded).bundle;
  CHECK(bundle.body == sample.body);
  CHECK(bundle.signature == sample.signature);
  CHECK(bundle.content == sample.content);
}

TEST_CASE("another encoding of the same bundle keeps its own bytes") {
  // An unused word at the segment's end changes the bytes and not what they say.
  auto body = wire::encode_bundle_body(samples::bundle());
  body.append(8, '\x5a');
  body[4] = static_cast<char>(body[4] + 1);
  const auto decoded = wire::decode_signed_bundle(body, Bytes(64, 's'));
  REQUIRE_MESSAGE(decoded.ok(), decoded.reason());
  CHECK(decoded->content == samples::bundle());
  CHECK(decoded->body == body);
}

TEST_CASE("empty bytes are the null batch") {
  const auto batch = wire::decode_batch({});
  REQUIRE(batch.ok());
  CHECK(batch->is_null());
  CHECK(batch->bundles.empty());
  CHECK(batch->proposed_time_us == 0);
}

TEST_CASE("B12: statements of different types never coincide") {
  const Bytes body = "the same body";
  const std::vector<Bytes> statements{wire::bundle_statement(body), wire::checkpoint_statement(body),
                                      wire::rejoin_statement(body), wire::view_change_statement(body),
                                      wire::new_view_statement(body)};
  CHECK(statements[0] == Bytes("tagma bundle 1\0the same body", 28));
  CHECK(statements[1] == Bytes("tagma checkpoint 1\0the same body", 32));
  CHECK(statements[2] == Bytes("tagma rejoin 1\0the same body", 28));
  CHECK(statements[3] == Bytes("tagma view-change 1\0the same body", 33));
  CHECK(statements[4] == Bytes("tagma new-view 1\0the same body", 30));
  // No domain is the beginning of another, so no body makes one statement out of the other.
  for (const auto& one : statements) {
    for (const auto& other : statements) {
      if (&one == &other) continue;
      CHECK(one.substr(0, one.find('\0') + 1) != other.substr(0, one.find('\0') + 1));
    }
  }
}

TEST_CASE("a NEW-VIEW keeps the exact bytes that were signed, of each VIEW-CHANGE as well") {
  // An unused word at the segment's end changes the bytes and not what they say.
  auto view_change = samples::view_change(2);
  view_change.body.append(8, '\x5a');
  ++view_change.body[4];
  const auto sample = samples::new_view_of({samples::digest(1), 3, 9, {view_change}});
  const auto decoded = wire::decode(wire::encode(sample));
  REQUIRE_MESSAGE(decoded.ok(), decoded.reason());
  const auto& new_view = std::get<NewView>(*decoded);
  CHECK(new_view.body == sample.body);
  CHECK(new_view.signature == sample.signature);
  CHECK(new_view.content.view_changes.front() == view_change);
  const auto alone = wire::decode_new_view(sample.body, sample.signature);
  REQUIRE(alone.ok());
  CHECK(*alone == new_view);
}

TEST_CASE("the largest valid messages fit") {
  Bundle widest = samples::bundle();
  widest.operations.assign(limits::bundle_operations_max, Bytes(1000, 'w'));
  check_round_trip(Submit{std::make_shared<const SignedBundle>(samples::signed_bundle_of(widest))});

  Bundle longest = samples::bundle();
  longest.operations = {Bytes(limits::operation_bytes_max, 'l'), Bytes(limits::operation_bytes_max - 1024, 'l')};
  check_round_trip(Submit{std::make_shared<const SignedBundle>(samples::signed_bundle_of(longest))});

  Bundle small = samples::bundle();
  small.operations.assign(limits::batch_operations_max / limits::batch_bundles_max, "small");
  const std::vector<SignedBundle> many(limits::batch_bundles_max, samples::signed_bundle_of(small));
  check_round_trip(PrePrepare{1, 2, std::make_shared<const Batch>(wire::encode_batch(5, many))});
  check_round_trip(BatchBody{2, std::make_shared<const Batch>(wire::encode_batch(5, many))});

  Replies replies = samples::replies();
  replies.entries.assign(limits::replies_max, {1, samples::digest(5), 1, Outcome::executed, Bytes(2048, 'r')});
  check_round_trip(replies);
  replies.entries.assign(8, {1, samples::digest(5), 1, Outcome::executed, Bytes(limits::reply_bytes_max, 'r')});
  check_round_trip(replies);

  Status status = samples::status();
  status.slots.clear();
  for (Seq seq = 1; seq <= limits::status_slots_max; ++seq) status.slots.push_back({status.executed + seq, true, 1, 1});
  check_round_trip(status);

  CheckpointCertificate certificate;
  for (ReplicaId id = 0; id < replicas_max; ++id) certificate.votes.push_back(samples::vote(id));
  check_round_trip(certificate);

  Report report = samples::report();
  report.counters.assign(limits::report_counters_max, {std::string(limits::text_bytes_max, 'c'), ~std::uint64_t{0}});
  check_round_trip(report);

  History history = samples::history();
  history.first = 1;
  history.oldest = 1;
  history.executed = 10'000;
  history.slots.assign(limits::history_slots_max, {samples::digest(3), samples::digest(4)});
  history.roots.clear();
  for (Seq seq = 1; seq <= limits::history_roots_max; ++seq) history.roots.push_back({seq, samples::digest(5)});
  check_round_trip(history);

  StateNodes nodes{1, 2, {}};
  nodes.nodes.assign(limits::state_nodes_max,
                     {Bytes(63, '\x0f'), NodeKind::inner, 0xffff, 0xffff,
                      std::vector<StateNode::Child>(16, {samples::digest(1), samples::digest(2)})});
  check_round_trip(nodes);
  check_round_trip(StateNodesQuery{1, 2, std::vector<NibblePrefix>(limits::state_nodes_max, Bytes(63, '\x0f'))});

  StateKeys keys{1, 2, {}, true};
  for (std::size_t key = 0; key < limits::state_keys_max; ++key) keys.keys.push_back(std::to_string(10'000 + key));
  for (auto& key : keys.keys) key.resize(limits::state_keys_bytes_max / limits::state_keys_max, 'k');
  check_round_trip(keys);

  check_round_trip(
      StateValuesQuery{1, 2, std::vector<Bytes>(limits::state_values_max, Bytes(limits::state_key_bytes_max, 'k'))});
  check_round_trip(
      StateValues{1, 2, std::vector<StateValue>(2, {true, 1UL << 40U, Bytes(limits::state_value_bytes_max, 'v')})});
}

TEST_CASE("as many claims as are allowed fit, and those of 64 replicas into one NEW-VIEW") {
  CheckpointCertificate certificate;
  for (ReplicaId id = 0; id < replicas_max; ++id) {
    certificate.votes.push_back(samples::vote(id));
    certificate.votes.back().signature.assign(limits::signature_bytes_max, 's');
  }
  NewViewStatement all{samples::digest(1), 3, 9, {}};
  for (ReplicaId id = 0; id < replicas_max; ++id) {
    auto statement = samples::view_change_statement(id);
    statement.certificate = certificate;
    statement.prepared.clear();
    statement.recorded.clear();
    for (Seq seq = 1281; statement.prepared.size() < limits::view_change_slots_max; ++seq) {
      statement.prepared.push_back({seq, 8, samples::digest(1)});
      statement.recorded.push_back({seq, 8, samples::digest(1)});
      statement.recorded.push_back({seq, 7, samples::digest(2)});
    }
    all.view_changes.push_back(samples::view_change_of(statement));
    all.view_changes.back().signature.assign(limits::signature_bytes_max, 's');
  }
  check_round_trip(all.view_changes.front());
  auto new_view = samples::new_view_of(all);
  new_view.signature.assign(limits::signature_bytes_max, 's');
  check_round_trip(new_view);
}

TEST_CASE("as many and as large parts of the state as are allowed") {
  StateParts parts{1, 2, {}, {}};
  parts.nodes.assign(limits::state_places_max,
                     {Bytes(63, '\x0f'), NodeKind::inner, 0xffff, 0xffff,
                      std::vector<StateNode::Child>(16, {samples::digest(1), samples::digest(2)})});
  const std::size_t each = limits::state_entries_max / limits::state_places_max;
  const std::size_t bytes = limits::state_parts_bytes_max / limits::state_entries_max;
  StatePiece piece{Bytes(63, '\x0f'), {}};
  for (std::size_t at = 0; at < each; ++at) piece.entries.append("k", Bytes(bytes - 1, 'v'));
  parts.pieces.assign(limits::state_places_max, piece);
  check_round_trip(parts);
  StatePartsQuery query{1, 2, {}};
  for (char nibble = 0; query.places.size() < limits::state_places_max; ++nibble) {
    query.places.push_back({Bytes(61, '\x0f') + static_cast<char>(nibble / 16) + static_cast<char>(nibble % 16), true});
  }
  check_round_trip(query);
}

TEST_CASE("extreme numbers travel unchanged") {
  constexpr auto top = ~std::uint64_t{0};
  check_round_trip(Prepare{top, top, samples::digest(255)});
  check_round_trip(Status{top, true, true, top - 1, top - 1, {{top, true, top, top}}});
  check_round_trip(FetchNewView{top, samples::digest(255)});
  ViewChangeStatement view_change = samples::view_change_statement(63);
  view_change.epoch = top;
  view_change.incarnation = top;
  view_change.view = top;
  view_change.issue = top;
  view_change.dropped_by = {{1, samples::digest(7)}, {top - 1, samples::digest(255)}};
  view_change.prepared = {{top, top - 1, samples::digest(255)}};
  view_change.recorded = {{top, top - 1, samples::digest(1)}, {top, top - 1, samples::digest(2)}};
  check_round_trip(samples::view_change_of(view_change));
  check_round_trip(samples::new_view_of({view_change.cluster, top, top, {samples::view_change_of(view_change)}}));
  check_round_trip(ReportQuery{top});
  Bundle bundle = samples::bundle();
  bundle.first = top - bundle.operations.size();
  bundle.acknowledged = bundle.first - 1;
  bundle.session = top;
  bundle.epoch = top;
  bundle.client = ~ClientId{0};
  check_round_trip(Submit{std::make_shared<const SignedBundle>(samples::signed_bundle_of(bundle))});
}

TEST_CASE("a bundle body's size is as the validator reckons it") {
  // The longest second operation that the validator lets pass must make the largest body, to the word.
  Bundle bundle = samples::bundle();
  bundle.operations = {Bytes(limits::operation_bytes_max, 'a'), ""};
  std::size_t longest = 0;
  for (std::size_t size = limits::operation_bytes_max - 512; size <= limits::operation_bytes_max; ++size) {
    bundle.operations[1].assign(size, 'b');
    if (!validate(bundle)) longest = size;
  }
  bundle.operations[1].assign(longest, 'b');
  CHECK(wire::encode_bundle_body(bundle).size() == limits::bundle_bytes_max);
  bundle.operations[1].assign(longest + 1, 'b');
  const auto refused = validate(bundle);
  REQUIRE(refused);
  CHECK(refused->reason == "the bundle's body has more than 256 KiB");
}

}  // namespace
}  // namespace tagma
