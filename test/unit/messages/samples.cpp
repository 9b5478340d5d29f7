#include "test/unit/messages/samples.h"

#include "messages/wire/codec.h"

namespace tagma::samples {
namespace {

bool same_content(const Submit& left, const Submit& right) { return *left.bundle == *right.bundle; }

bool same_batch(const Batch& left, const Batch& right) {
  return left.bytes == right.bytes && left.proposed_time_us == right.proposed_time_us &&
         left.bundles == right.bundles && left.rejoins == right.rejoins;
}

bool same_content(const PrePrepare& left, const PrePrepare& right) {
  return left.view == right.view && left.seq == right.seq && same_batch(*left.batch, *right.batch);
}

bool same_content(const BatchBody& left, const BatchBody& right) {
  return left.seq == right.seq && same_batch(*left.batch, *right.batch);
}

template <typename Content>
bool same_content(const Content& left, const Content& right) {
  return left == right;
}

}  // namespace

Digest digest(std::uint8_t first) {
  Digest digest;
  for (auto& byte : digest.bytes) byte = first++;
  return digest;
}

Bundle bundle() {
  return {digest(1), 3, 7, 1'700'000'000'000'001, 41, 38, {"put city Nicaea", Bytes("\0\xff", 2), ""}};
}

SignedBundle signed_bundle_of(const Bundle& content) {
  return {content, wire::encode_bundle_body(content), Bytes(64, 's')};
}

SignedBundle signed_bundle() { return signed_bundle_of(bundle()); }

SharedBatch batch() {
  auto second = bundle();
  second.client = 8;
  second.first = 1;
  second.acknowledged = 0;
  second.operations = {"get city"};
  return std::make_shared<const Batch>(
      wire::encode_batch(1'700'000'123'456'789, {signed_bundle(), signed_bundle_of(second)}));
}

Rejoin rejoin() {
  Rejoin rejoin{{digest(1), 3, 2, 5, digest(171)}, {}, Bytes(71, 'r')};
  rejoin.body = wire::encode_rejoin_body(rejoin.content);
  return rejoin;
}

SharedBatch batch_with_rejoin() {
  return std::make_shared<const Batch>(wire::encode_batch(1'700'000'123'456'790, {signed_bundle()}, {rejoin()}));
}

CheckpointStatement statement(ReplicaId replica) { return {digest(1), 3, replica, 5, 1280, digest(101)}; }

CheckpointVote vote_of(const CheckpointStatement& content) {
  return {content, wire::encode_checkpoint_body(content), Bytes(71, static_cast<char>('a' + content.replica))};
}

CheckpointVote vote(ReplicaId replica) { return vote_of(statement(replica)); }

CheckpointCertificate certificate() { return {{vote(0), vote(2), vote(3)}}; }

ViewChangeStatement view_change_statement(ReplicaId replica) {
  return {digest(1),
          3,
          replica,
          5,
          9,
          2,
          {{3, digest(202)}, {7, digest(201)}},
          certificate(),
          {{1281, 8, digest(41)}, {1284, 0, digest(42)}},
          {{1281, 8, digest(41)}, {1282, 7, digest(43)}, {1282, 6, digest(44)}, {1284, 0, digest(42)}}};
}

ViewChange view_change_of(const ViewChangeStatement& content) {
  return {content, wire::encode_view_change_body(content), Bytes(71, static_cast<char>('a' + content.replica))};
}

ViewChange view_change(ReplicaId replica) { return view_change_of(view_change_statement(replica)); }

NewView new_view_of(const NewViewStatement& content) {
  return {content, wire::encode_new_view_body(content), Bytes(71, 'n')};
}

NewView new_view() {
  // The last of them speaks of nothing: it has no checkpoint but the first, no NEW-VIEW and no claim.
  const ViewChangeStatement fresh{digest(1), 3, 3, 5, 9, 1, {}, {}, {}, {}};
  return new_view_of({digest(1), 3, 9, {view_change(0), view_change(2), view_change_of(fresh)}});
}

Status status() { return {4, true, false, 1152, 1283, {{1284, true, 0b1011, 0b0010}, {1286, false, 0b0001, 0}}}; }

Replies replies() {
  return {3,
          9,
          7,
          1'700'000'000'000'001,
          {{41, digest(60), 1281, Outcome::executed, Bytes("\0Nicaea", 7)},
           {42, digest(61), 0, Outcome::session_evicted, ""},
           {2000, digest(62), 1281, Outcome::outside_window, ""}}};
}

Report report() {
  return {77, 3, 5, 9, 1283, 1152, 1280, digest(101), true, {{"refused: bad signature", 12}, {"batches", 1283}}};
}

History history() {
  return {78,
          1283,
          900,
          128,
          1281,
          {{digest(1), digest(2)}, {digest(3), digest(4)}},
          {{1152, digest(5)}, {1280, digest(6)}}};
}

StateNodes state_nodes() {
  const Bytes below("\x06\x01", 2);
  return {
      79,
      1280,
      {{Bytes(1, '\x0a'), NodeKind::leaf, 0, 0, {{digest(7), digest(8)}}},
       {Bytes(1, '\x06'), NodeKind::inner, 0b10, 0, {{digest(9), {}}}},
       {below, NodeKind::inner, 0xc001, 0x8001, {{digest(10), digest(11)}, {digest(12), {}}, {digest(13), digest(14)}}},
       {Bytes(63, '\x0f'), NodeKind::absent, 0, 0, {}}}};
}

std::vector<std::pair<std::string, Message>> messages() {
  return {
      {"submit", Submit{std::make_shared<const SignedBundle>(signed_bundle())}},
      {"pre_prepare", PrePrepare{9, 1284, batch()}},
      {"pre_prepare_null", PrePrepare{9, 1285, std::make_shared<const Batch>()}},
      {"pre_prepare_rejoin", PrePrepare{9, 1286, batch_with_rejoin()}},
      {"prepare", Prepare{9, 1284, digest(33)}},
      {"commit", Commit{9, 1284, digest(34)}},
      {"checkpoint_vote", vote(2)},
      {"checkpoint_certificate", certificate()},
      {"status", status()},
      {"decided", Decided{1284, digest(35)}},
      {"fetch_batch", FetchBatch{1284, digest(36)}},
      {"batch_body", BatchBody{1284, batch()}},
      {"replies", replies()},
      {"refusal", Refusal{1'700'000'000'000'001, 41, RefusalReason::busy}},
      {"report_query", ReportQuery{0x1122'3344'5566'7788}},
      {"report", report()},
      {"history_query", HistoryQuery{78, 1281, 2}},
      {"history", history()},
      {"state_nodes_query", StateNodesQuery{79, 1280, {"", Bytes("\0\x0f", 2)}}},
      {"state_nodes", state_nodes()},
      {"state_keys_query", StateKeysQuery{80, 1280, Bytes("\x10\0", 2)}},
      {"state_keys", StateKeys{80, 1280, {"", "abbey", "city"}, true}},
      {"state_values_query", StateValuesQuery{81, 1280, {"abbey", ""}}},
      {"state_values", StateValues{81, 1280, {{true, 6, "Nicaea"}, {false, 0, ""}, {true, 300'000, Bytes("\0x", 2)}}}},
      {"state_lease_query", StateLeaseQuery{90, 1152}},
      {"state_lease", StateLease{90, 4'000'000, certificate()}},
      {"state_parts_query", StatePartsQuery{91, 1280, {{"", true}, {Bytes("\x0a\0", 2), false}}}},
      {"state_parts",
       StateParts{91, 1280, state_nodes().nodes, {{Bytes("\x0a\0", 2), {{"abbey", "old"}, {"city", ""}}}}}},
      {"rejoin", rejoin()},
      {"view_change", view_change(2)},
      {"new_view", new_view()},
      {"fetch_new_view", FetchNewView{9, digest(37)}},
  };
}

bool same(const Message& left, const Message& right) {
  return std::visit(
      []<typename Left, typename Right>(const Left& one, const Right& other) {
        if constexpr (std::is_same_v<Left, Right>) {
          return same_content(one, other);
        } else {
          return false;
        }
      },
      left, right);
}

}  // namespace tagma::samples
