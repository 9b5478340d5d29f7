// One case for each rule: a well-formed message with just that rule broken, and the words that must come back.
#include "messages/validate.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "messages/wire/codec.h"
#include "tagma/limits.h"
#include "test/fakes/state_pieces.h"
#include "test/unit/messages/samples.h"

namespace tagma {
namespace {

using test::change_entries;

template <typename Value>
struct Broken {
  std::function<void(Value&)> change;
  std::string reason;
};

/// The sample passes; each change alone breaks the rule that it names.
template <typename Value>
void check_rules(const Value& sample, const std::vector<Broken<Value>>& cases) {
  CHECK_FALSE(validate(sample));
  for (const auto& broken : cases) {
    CAPTURE(broken.reason);
    auto changed = sample;
    broken.change(changed);
    const auto refused = validate(changed);
    REQUIRE(refused);
    CHECK(refused->reason == broken.reason);
  }
}

constexpr auto number_max = std::numeric_limits<std::uint64_t>::max();

TEST_CASE("rules of a bundle") {
  check_rules<Bundle>(
      samples::bundle(),
      {
          {[](Bundle& b) { b.session = 0; }, "the session is 0; sessions start at 1"},
          {[](Bundle& b) { b.first = 0; }, "the first number is 0; numbers start at 1"},
          {[](Bundle& b) { b.acknowledged = b.first; }, "the bundle acknowledges its own numbers"},
          {[](Bundle& b) { b.acknowledged = number_max; }, "the bundle acknowledges its own numbers"},
          {[](Bundle& b) { b.operations.clear(); }, "the bundle has no operation"},
          {[](Bundle& b) { b.operations.assign(257, "x"); }, "the bundle has more than 256 operations"},
          {[](Bundle& b) { b.first = number_max; }, "the bundle's numbers overflow"},
          {[](Bundle& b) { b.first = number_max - b.operations.size() + 1; }, "the bundle's numbers overflow"},
          {[](Bundle& b) { b.operations[1].assign(limits::operation_bytes_max + 1, 'x'); },
           "an operation has more than 128 KiB"},
          {[](Bundle& b) { b.operations.assign(3, Bytes(100UL * 1024, 'x')); },
           "the bundle's body has more than 256 KiB"},
      });
}

TEST_CASE("what a bundle may be") {
  auto bundle = samples::bundle();
  bundle.operations = {""};
  CHECK_FALSE(validate(bundle));
  bundle.first = number_max - 1;
  bundle.acknowledged = bundle.first - 1;
  CHECK_FALSE(validate(bundle));
  CHECK(bundle.end() == number_max);
  bundle.operations = {Bytes(limits::operation_bytes_max, 'x')};
  CHECK_FALSE(validate(bundle));
}

TEST_CASE("rules of a signed bundle and a SUBMIT") {
  check_rules<SignedBundle>(
      samples::signed_bundle(),
      {
          {[](SignedBundle& b) { b.body.clear(); }, "the bundle's body is missing"},
          {[](SignedBundle& b) { b.body.assign(limits::bundle_bytes_max + 1, 'x'); },
           "the bundle's body has more than 256 KiB"},
          {[](SignedBundle& b) { b.signature.clear(); }, "the signature is missing"},
          {[](SignedBundle& b) { b.signature.assign(73, 's'); }, "the signature has more than 72 bytes"},
          {[](SignedBundle& b) { b.content.session = 0; }, "the session is 0; sessions start at 1"},
      });
  CHECK(validate(Submit{})->reason == "the bundle is missing");
  auto bad = samples::signed_bundle();
  bad.content.operations.clear();
  CHECK(validate(Submit{std::make_shared<const SignedBundle>(bad)})->reason == "the bundle has no operation");
}

TEST_CASE("rules of a batch") {
  check_rules<Batch>(
      *samples::batch(),
      {
          {[](Batch& b) { b.bytes.assign(limits::batch_bytes_max + 1, 'x'); }, "the batch has more than 1 MiB"},
          {[](Batch& b) { b.proposed_time_us = -1; }, "the batch proposes a time before the epoch"},
          {[](Batch& b) { b.bundles.resize(1025, b.bundles.front()); }, "the batch has more than 1024 bundles"},
          {[](Batch& b) {
             auto wide = b.bundles.front();
             wide.content.operations.assign(256, "");
             b.bundles.assign(33, wide);
           },
           "the batch has more than 8192 operations"},
          {[](Batch& b) { b.bundles[1].signature.clear(); }, "the signature is missing"},
          {[](Batch& b) { b.bytes.clear(); }, "the null batch orders something"},
          {[](Batch& b) {
             b.bytes.clear();
             b.bundles.clear();
           },
           "the null batch proposes a time"},
      });
  CHECK_FALSE(validate(Batch{}));
  check_rules<Batch>(
      *samples::batch_with_rejoin(),
      {
          {[](Batch& b) { b.rejoins.resize(65, b.rejoins.front()); }, "the batch has more than 64 REJOINs"},
          {[](Batch& b) { b.rejoins.resize(2, b.rejoins.front()); }, "a replica stands twice among the REJOINs"},
          {[](Batch& b) { b.rejoins.front().signature.clear(); }, "the signature is missing"},
          {[](Batch& b) {
             b.bytes.clear();
             b.bundles.clear();
           },
           "the null batch orders something"},
      });
  auto lone = *samples::batch_with_rejoin();
  lone.bundles.clear();
  CHECK_FALSE(validate(lone));
}

TEST_CASE("rules of a REJOIN") {
  check_rules<Rejoin>(
      samples::rejoin(),
      {
          {[](Rejoin& r) { r.body.clear(); }, "the REJOIN's body is missing"},
          {[](Rejoin& r) { r.body.assign(257, 'x'); }, "the REJOIN's body has more than 256 bytes"},
          {[](Rejoin& r) { r.signature.clear(); }, "the signature is missing"},
          {[](Rejoin& r) { r.content.replica = 64; }, "the REJOIN's replica id is above 63"},
          {[](Rejoin& r) { r.content.nonce = {}; }, "the REJOIN's nonce is zero"},
          {[](Rejoin& r) { r.content.incarnation = ~Incarnation{0}; }, "the REJOIN's incarnation has no next one"},
      });
}

TEST_CASE("rules of a VIEW-CHANGE") {
  check_rules<ViewChange>(
      samples::view_change(2),
      {
          {[](ViewChange& v) { v.body.clear(); }, "the VIEW-CHANGE's body is missing"},
          {[](ViewChange& v) { v.body.assign(limits::view_change_bytes_max + 1, 'x'); },
           "the VIEW-CHANGE's body has more than 96 KiB"},
          {[](ViewChange& v) { v.signature.clear(); }, "the signature is missing"},
          {[](ViewChange& v) { v.signature.assign(73, 's'); }, "the signature has more than 72 bytes"},
          {[](ViewChange& v) { v.content.replica = 64; }, "the VIEW-CHANGE's replica id is above 63"},
          {[](ViewChange& v) { v.content.view = 0; }, "the VIEW-CHANGE is for view 0, which needs none"},
          {[](ViewChange& v) { v.content.dropped_by.back().view = v.content.view; },
           "the VIEW-CHANGE names a NEW-VIEW of its own or a later view"},
          {[](ViewChange& v) { v.content.dropped_by.front().view = 0; },
           "the VIEW-CHANGE names a NEW-VIEW of view 0, which has none"},
          {[](ViewChange& v) { v.content.dropped_by.push_back(v.content.dropped_by.back()); },
           "the VIEW-CHANGE's names of NEW-VIEWs are out of order"},
          {[](ViewChange& v) { v.content.dropped_by.assign(129, v.content.dropped_by.front()); },
           "the VIEW-CHANGE names more than 128 NEW-VIEWs"},
          {[](ViewChange& v) { v.content.certificate.votes[1].signature.clear(); }, "the signature is missing"},
          {[](ViewChange& v) { v.content.certificate.votes[1].content.root = samples::digest(9); },
           "the certificate mixes state roots"},
          {[](ViewChange& v) { v.content.certificate.votes[1] = v.content.certificate.votes[0]; },
           "a replica stands twice in the certificate"},
      });
  auto fresh = samples::view_change(2);
  fresh.content.dropped_by.clear();
  fresh.content.certificate.votes.clear();
  fresh.content.prepared = {{1, 0, samples::digest(1)}};
  fresh.content.recorded.clear();
  CHECK_FALSE(validate(fresh));
  fresh.content.prepared[0].seq = 0;
  CHECK(validate(fresh)->reason == "slot 0 does not exist; slots start at 1");
}

TEST_CASE("rules of a VIEW-CHANGE's claims") {
  const std::string order = "the VIEW-CHANGE's claims are out of order";
  const std::string covered = "the VIEW-CHANGE claims a slot that its certificate covers";
  const std::string later = "the VIEW-CHANGE claims something of its own or a later view";
  const std::string too_much = "the VIEW-CHANGE claims too much of one slot";
  const auto fill = [](std::vector<SlotClaim>& claims, std::size_t count) {
    claims.clear();
    for (Seq seq = 1281; claims.size() < count; ++seq) claims.push_back({seq, 8, samples::digest(1)});
  };
  check_rules<ViewChange>(
      samples::view_change(2),
      {
          {[&](ViewChange& v) { fill(v.content.prepared, 513); },
           "the VIEW-CHANGE claims more than 512 prepared slots"},
          {[&](ViewChange& v) { fill(v.content.recorded, 1025); },
           "the VIEW-CHANGE claims more than 1024 recorded proposals"},
          {[](ViewChange& v) { v.content.prepared[0].seq = 1280; }, covered},
          {[](ViewChange& v) { v.content.recorded[0].seq = 1280; }, covered},
          {[](ViewChange& v) { v.content.recorded[0].seq = 0; }, "slot 0 does not exist; slots start at 1"},
          {[](ViewChange& v) { v.content.prepared[1].view = v.content.view; }, later},
          {[](ViewChange& v) { v.content.recorded[1].view = v.content.view + 1; }, later},
          {[](ViewChange& v) { std::swap(v.content.prepared[0], v.content.prepared[1]); }, order},
          {[](ViewChange& v) { v.content.prepared[1] = v.content.prepared[0]; }, order},
          {[](ViewChange& v) { v.content.prepared[1].seq = v.content.prepared[0].seq; }, too_much},
          {[](ViewChange& v) { std::swap(v.content.recorded[1], v.content.recorded[2]); }, order},
          {[](ViewChange& v) { v.content.recorded[2].digest = v.content.recorded[1].digest; }, order},
          {[](ViewChange& v) {
             v.content.recorded[3] = {1282, 8, samples::digest(45)};
           },
           too_much},
      });
}

TEST_CASE("rules of a NEW-VIEW and of asking for one") {
  check_rules<NewView>(
      samples::new_view(),
      {
          {[](NewView& v) { v.body.clear(); }, "the NEW-VIEW's body is missing"},
          {[](NewView& v) { v.body.assign(limits::new_view_bytes_max + 1, 'x'); },
           "the NEW-VIEW's body has more than 6140 KiB"},
          {[](NewView& v) { v.signature.clear(); }, "the signature is missing"},
          {[](NewView& v) { v.content.view = 0; }, "the NEW-VIEW is for view 0, which needs none"},
          {[](NewView& v) { v.content.view = 10; }, "the NEW-VIEW has a VIEW-CHANGE for another view"},
          {[](NewView& v) { v.content.view_changes.clear(); }, "the NEW-VIEW has no VIEW-CHANGE"},
          {[](NewView& v) { v.content.view_changes.resize(65, v.content.view_changes.back()); },
           "the NEW-VIEW has more than 64 VIEW-CHANGEs"},
          {[](NewView& v) { v.content.view_changes[1].content.view = 10; },
           "the NEW-VIEW has a VIEW-CHANGE for another view"},
          {[](NewView& v) { v.content.view_changes[1].signature.clear(); }, "the signature is missing"},
          {[](NewView& v) { v.content.view_changes[1] = v.content.view_changes[0]; },
           "the NEW-VIEW's VIEW-CHANGEs are out of order"},
          {[](NewView& v) { std::swap(v.content.view_changes[0], v.content.view_changes[1]); },
           "the NEW-VIEW's VIEW-CHANGEs are out of order"},
      });
  check_rules<FetchNewView>(
      {1, {}}, {{[](FetchNewView& m) { m.view = 0; }, "a NEW-VIEW for view 0 is asked for, which needs none"}});
}

TEST_CASE("rules of the messages about slots") {
  const std::string no_slot = "slot 0 does not exist; slots start at 1";
  check_rules<PrePrepare>({0, 1, samples::batch()},
                          {{[](PrePrepare& m) { m.seq = 0; }, no_slot},
                           {[](PrePrepare& m) { m.batch = nullptr; }, "the batch is missing"}});
  check_rules<BatchBody>({1, samples::batch()}, {{[](BatchBody& m) { m.seq = 0; }, no_slot},
                                                 {[](BatchBody& m) { m.batch = nullptr; }, "the batch is missing"}});
  check_rules<Prepare>({0, 1, {}}, {{[](Prepare& m) { m.seq = 0; }, no_slot}});
  check_rules<Commit>({0, 1, {}}, {{[](Commit& m) { m.seq = 0; }, no_slot}});
  check_rules<Decided>({1, {}}, {{[](Decided& m) { m.seq = 0; }, no_slot}});
  check_rules<FetchBatch>({1, {}}, {{[](FetchBatch& m) { m.seq = 0; }, no_slot}});
}

TEST_CASE("rules of a checkpoint vote") {
  check_rules<CheckpointVote>(
      samples::vote(2),
      {
          {[](CheckpointVote& v) { v.body.clear(); }, "the checkpoint vote's body is missing"},
          {[](CheckpointVote& v) { v.body.assign(257, 'x'); }, "the checkpoint vote's body has more than 256 bytes"},
          {[](CheckpointVote& v) { v.signature.clear(); }, "the signature is missing"},
          {[](CheckpointVote& v) { v.signature.assign(73, 's'); }, "the signature has more than 72 bytes"},
          {[](CheckpointVote& v) { v.content.replica = 64; }, "the checkpoint vote's replica id is above 63"},
          {[](CheckpointVote& v) { v.content.seq = 0; }, "slot 0 does not exist; slots start at 1"},
      });
}

TEST_CASE("rules of a checkpoint certificate") {
  using Certificate = CheckpointCertificate;
  check_rules<Certificate>(
      samples::certificate(),
      {
          {[](Certificate& c) { c.votes.clear(); }, "the certificate has no vote"},
          {[](Certificate& c) { c.votes.resize(65, c.votes.front()); }, "the certificate has more than 64 votes"},
          {[](Certificate& c) { c.votes[1].signature.clear(); }, "the signature is missing"},
          {[](Certificate& c) { c.votes[2].content.cluster = samples::digest(9); }, "the certificate mixes clusters"},
          {[](Certificate& c) { c.votes[2].content.epoch = 4; }, "the certificate mixes epochs"},
          {[](Certificate& c) { c.votes[2].content.seq = 1281; }, "the certificate mixes slots"},
          {[](Certificate& c) { c.votes[2].content.root = samples::digest(9); }, "the certificate mixes state roots"},
          // One signer twice, with the very same vote and in another of its lives.
          {[](Certificate& c) { c.votes[2] = c.votes[0]; }, "a replica stands twice in the certificate"},
          {[](Certificate& c) {
             c.votes[2] = c.votes[0];
             c.votes[2].content.incarnation = 6;
           },
           "a replica stands twice in the certificate"},
      });
}

TEST_CASE("rules of a STATUS") {
  check_rules<Status>(
      samples::status(),
      {
          {[](Status& s) { s.slots.resize(65); }, "the status speaks of more than 64 slots"},
          {[](Status& s) { s.slots[0].seq = s.certificate; },
           "the status lists a slot below its sender's stable checkpoint"},
          {[](Status& s) { s.slots[1].seq = s.slots[0].seq; }, "the status lists its slots out of order"},
          {[](Status& s) { std::swap(s.slots[0], s.slots[1]); }, "the status lists its slots out of order"},
      });
  auto ahead = samples::status();
  ahead.certificate = ahead.executed + 100;  // a replica may hold a certificate ahead of its execution
  ahead.slots.clear();
  CHECK_FALSE(validate(ahead));
  auto voting = samples::status();
  voting.slots[0].seq = voting.executed;  // executed, but without an own COMMIT
  CHECK_FALSE(validate(voting));
}

TEST_CASE("rules of REPLIES") {
  check_rules<Replies>(
      samples::replies(),
      {
          {[](Replies& r) { r.session = 0; }, "the session is 0; sessions start at 1"},
          {[](Replies& r) { r.entries.clear(); }, "there is no reply in the message"},
          {[](Replies& r) { r.entries.resize(513, r.entries.front()); },
           "there are more than 512 replies in one message"},
          {[](Replies& r) { r.entries[1].number = 0; }, "a reply's number is 0; numbers start at 1"},
          {[](Replies& r) { r.entries[1].outcome = static_cast<Outcome>(0); }, "a reply's outcome is unknown"},
          {[](Replies& r) { r.entries[1].outcome = static_cast<Outcome>(4); }, "a reply's outcome is unknown"},
          {[](Replies& r) { r.entries[0].seq = 0; }, "an ordered reply names no slot"},
          {[](Replies& r) { r.entries[2].seq = 0; }, "an ordered reply names no slot"},
          {[](Replies& r) { r.entries[0].result.assign(limits::reply_bytes_max + 1, 'x'); },
           "a result has more than 128 KiB"},
          {[](Replies& r) {
             const ReplyEntry longest{1, {}, 1, Outcome::executed, Bytes(limits::reply_bytes_max, 'x')};
             r.entries.assign(9, longest);
           },
           "the results together have more than 1 MiB"},
      });
}

TEST_CASE("rules of a refusal") {
  check_rules<Refusal>(
      {1, 1, RefusalReason::busy},
      {
          {[](Refusal& r) { r.session = 0; }, "the session is 0; sessions start at 1"},
          {[](Refusal& r) { r.first = 0; }, "the first number is 0; numbers start at 1"},
          {[](Refusal& r) { r.reason = static_cast<RefusalReason>(0); }, "the refusal's reason is unknown"},
          {[](Refusal& r) { r.reason = static_cast<RefusalReason>(8); }, "the refusal's reason is unknown"},
      });
  for (std::uint8_t reason = 1; reason <= 7; ++reason) {
    CHECK_FALSE(validate(Refusal{1, 1, static_cast<RefusalReason>(reason)}));
  }
}

TEST_CASE("rules of a report") {
  CHECK_FALSE(validate(ReportQuery{}));
  CHECK_FALSE(validate(Report{}));
  check_rules<Report>(samples::report(), {
                                             {[](Report& r) {
                                                r.counters.resize(257, {"c", 1});
                                              },
                                              "the report has more than 256 counters"},
                                             {[](Report& r) { r.counters[0].first.clear(); }, "a counter has no name"},
                                             {[](Report& r) { r.counters[0].first.assign(513, 'c'); },
                                              "a counter's name has more than 512 bytes"},
                                             {[](Report& r) { r.counters[0].first = "\x1b[2J"; },
                                              "a counter's name has a character that is not printable ASCII"},
                                             {[](Report& r) { r.counters[0].first = "caf\xc3\xa9"; },
                                              "a counter's name has a character that is not printable ASCII"},
                                         });
}

TEST_CASE("rules of what an administrator asks") {
  check_rules<HistoryQuery>(
      {1, 5, 1024}, {
                        {[](HistoryQuery& q) { q.count = 1025; }, "the history asked for has more than 1024 slots"},
                        {[](HistoryQuery& q) { q.first = 0; }, "slot 0 does not exist; slots start at 1"},
                    });
  check_rules<StateNodesQuery>(
      {1, 8, {""}},
      {
          {[](StateNodesQuery& q) { q.prefixes.clear(); }, "no node is asked for"},
          {[](StateNodesQuery& q) { q.prefixes.assign(129, ""); }, "more than 128 nodes are asked for"},
          {[](StateNodesQuery& q) { q.prefixes[0] = Bytes(64, '\1'); },
           "a place in the state tree has more than 63 nibbles"},
          {[](StateNodesQuery& q) { q.prefixes[0] = "\x10"; }, "a place in the state tree has no nibbles"},
          {[](StateNodesQuery& q) { q.prefixes[0] = "\xff"; }, "a place in the state tree has no nibbles"},
          {[](StateNodesQuery& q) { q.seq = 0; }, "there is no checkpoint of slot 0"},
      });
  check_rules<StateKeysQuery>(
      {1, 8, Bytes(511, 'k')},
      {
          {[](StateKeysQuery& q) { q.from += 'k'; }, "a key of the state has more than 511 bytes"},
          {[](StateKeysQuery& q) { q.seq = 0; }, "there is no checkpoint of slot 0"},
      });
  check_rules<StateValuesQuery>(
      {1, 8, {"k"}},
      {
          {[](StateValuesQuery& q) { q.keys.clear(); }, "no value is asked for"},
          {[](StateValuesQuery& q) { q.keys.assign(65, "k"); }, "more than 64 values are asked for"},
          {[](StateValuesQuery& q) { q.keys[0].assign(512, 'k'); }, "a key of the state has more than 511 bytes"},
          {[](StateValuesQuery& q) { q.seq = 0; }, "there is no checkpoint of slot 0"},
      });
}

TEST_CASE("rules of a history") {
  CHECK_FALSE(validate(History{}));
  check_rules<History>(
      samples::history(),
      {
          {[](History& h) { h.slots.resize(1025); }, "the history has more than 1024 slots"},
          {[](History& h) { h.roots.resize(65); }, "the history has more than 64 roots"},
          {[](History& h) { h.checkpoint_interval = 0; }, "the history's checkpoint interval is 0"},
          {[](History& h) { h.oldest = 0; }, "slot 0 does not exist; slots start at 1"},
          {[](History& h) { h.first = 0; }, "slot 0 does not exist; slots start at 1"},
          {[](History& h) { h.first = h.executed; }, "the history tells of slots that it does not cover"},
          {[](History& h) { h.first = number_max; }, "the history tells of slots that it does not cover"},
          {[](History& h) { h.oldest = h.first + 1; }, "the history tells of slots that it does not cover"},
          {[](History& h) { h.roots[1].seq = h.roots[0].seq; }, "the history's roots are out of order"},
          {[](History& h) { h.roots[0].seq = 0; }, "the history's roots are out of order"},
          {[](History& h) { h.roots[1].seq = h.executed + 1; },
           "the history has a root of a slot that was not executed"},
      });
}

TEST_CASE("rules of nodes, keys and values of a state") {
  const std::size_t leaf = 0;
  const std::size_t lone = 1;
  const std::size_t inner = 2;
  const std::size_t absent = 3;
  check_rules<StateNodes>(
      samples::state_nodes(),
      {
          {[](StateNodes& n) { n.nodes.resize(129, n.nodes[absent]); }, "there are more than 128 nodes"},
          {[](StateNodes& n) { n.nodes[leaf].prefix = "\x11"; }, "a place in the state tree has no nibbles"},
          {[](StateNodes& n) { n.nodes[leaf].kind = static_cast<NodeKind>(0); }, "a node's kind is unknown"},
          {[](StateNodes& n) { n.nodes[leaf].kind = static_cast<NodeKind>(4); }, "a node's kind is unknown"},
          {[](StateNodes& n) { n.nodes[leaf].occupied = 1; }, "a node without children names some"},
          {[](StateNodes& n) { n.nodes[leaf].children.clear(); }, "a leaf is not one leaf"},
          {[](StateNodes& n) { n.nodes[absent].leaves = 1; }, "a node without children names some"},
          {[](StateNodes& n) { n.nodes[absent].children.resize(1); }, "an absent node has content"},
          {[](StateNodes& n) { n.nodes[inner].occupied = 0; }, "an inner node's children are not those that it names"},
          {[](StateNodes& n) { n.nodes[inner].children.pop_back(); },
           "an inner node's children are not those that it names"},
          {[](StateNodes& n) { n.nodes[inner].leaves = 2; }, "an inner node names a leaf that it has not"},
          {[](StateNodes& n) { n.nodes[lone].leaves = n.nodes[lone].occupied; },
           "an inner node has one leaf and nothing else"},
      });
  check_rules<StateKeys>(
      {1, 8, {"a", "b"}, true},
      {
          {[](StateKeys& k) {
             k.keys.clear();
             for (int key = 0; key < 1025; ++key) k.keys.push_back(std::to_string(10'000 + key));
           },
           "there are more than 1024 keys"},
          {[](StateKeys& k) { k.keys[0] = "b"; }, "the keys are out of order"},
          {[](StateKeys& k) { k.keys[1].assign(512, 'x'); }, "a key of the state has more than 511 bytes"},
          {[](StateKeys& k) { k.keys.clear(); }, "there are more keys than none"},
          {[](StateKeys& k) {
             k.keys.clear();
             for (int key = 0; key < 264; ++key) k.keys.push_back(std::to_string(100 + key) + Bytes(500, 'k'));
           },
           "the keys together have more than 128 KiB"},
      });
  check_rules<StateValues>({1, 8, {{true, 1, "v"}, {false, 0, ""}}},
                           {
                               {[](StateValues& v) { v.values.resize(65); }, "there are more than 64 values"},
                               {[](StateValues& v) { v.values[1].size_bytes = 1; }, "an absent value has content"},
                               {[](StateValues& v) { v.values[1].value = "v"; }, "an absent value has content"},
                               {[](StateValues& v) { v.values[0].size_bytes = 0; }, "a value is longer than it says"},
                               {[](StateValues& v) {
                                  v.values[0] = {true, number_max, Bytes(limits::state_value_bytes_max + 1, 'v')};
                                },
                                "a value has more than 256 KiB"},
                               {[](StateValues& v) {
                                  v.values.assign(3, {true, number_max, Bytes(limits::state_value_bytes_max, 'v')});
                                },
                                "the values together have more than 512 KiB"},
                           });
}

TEST_CASE("rules of parts of the state and of questions about them") {
  check_rules<StatePartsQuery>(
      {1, 8, {{"", true}}},
      {
          {[](StatePartsQuery& q) { q.places.clear(); }, "no place is asked about"},
          {[](StatePartsQuery& q) {
             q.places.assign(65, {"", true});
           },
           "more than 64 places are asked about"},
          {[](StatePartsQuery& q) { q.places[0].prefix = "\x10"; }, "a place in the state tree has no nibbles"},
          {[](StatePartsQuery& q) { q.places[0].prefix = Bytes(64, '\1'); },
           "a place in the state tree has more than 63 nibbles"},
          {[](StatePartsQuery& q) { q.seq = 0; }, "there is no checkpoint of slot 0"},
          {[](StatePartsQuery& q) { q.places.push_back(q.places[0]); }, "the places asked about are out of order"},
      });
  check_rules<StateLease>({1, 100, samples::certificate()},
                          {{[](StateLease& l) { l.votes.votes.clear(); }, "the certificate has no vote"}});
  CHECK_FALSE(validate(StateParts{1, 0, {}, {}}));
  const Bytes longest(limits::state_entry_value_bytes_max, 'v');
  check_rules<StateParts>(
      {1, 8, samples::state_nodes().nodes, {{"\1", {{"k", longest}}}, {"\2", {}}}},
      {
          {[](StateParts& p) { p.nodes.resize(65, p.nodes[0]); }, "there are more than 64 nodes"},
          {[](StateParts& p) { p.pieces.resize(65); }, "there are more than 64 pieces"},
          {[](StateParts& p) { p.nodes[0].children.clear(); }, "a leaf is not one leaf"},
          {[](StateParts& p) { p.pieces[0].prefix = "\x10"; }, "a place in the state tree has no nibbles"},
          {[](StateParts& p) { change_entries(p.pieces[0].entries, [](auto& list) { list[0].first.clear(); }); },
           "a key of the state is empty"},
          {[](StateParts& p) {
             change_entries(p.pieces[0].entries, [](auto& list) { list[0].first.assign(512, 'k'); });
           },
           "a key of the state has more than 511 bytes"},
          {[](StateParts& p) { change_entries(p.pieces[0].entries, [](auto& list) { list[0].second += 'v'; }); },
           "a value has more than 512 KiB"},
          {[](StateParts& p) {
             for (int count = 0; count < 16'384; ++count) p.pieces[1].entries.append("k", "");
           },
           "the pieces together have more than 16384 entries"},
          {[](StateParts& p) { p.pieces[1].entries = p.pieces[0].entries; },
           "the pieces together have more than 768 KiB"},
      });
}

TEST_CASE("the validator of any message asks that of its content") {
  for (const auto& sample : samples::messages()) {
    const auto& name = sample.first;
    const auto& message = sample.second;
    CAPTURE(name);
    CHECK_FALSE(validate(message));
  }
  CHECK(validate(Message{Prepare{}}));
  CHECK(validate(Message{Submit{}}));
}

TEST_CASE("who may send what") {
  for (const auto& sample : samples::messages()) {
    const auto& name = sample.first;
    const auto& message = sample.second;
    CAPTURE(name);
    const bool asks = name == "submit" || name == "report_query";
    const bool asks_about_state = name == "history_query" || name == "state_nodes_query" ||
                                  name == "state_keys_query" || name == "state_values_query";
    CHECK(may_send(PrincipalKind::client, message) == asks);
    CHECK(may_send(PrincipalKind::admin, message) == (asks || asks_about_state));
    CHECK(may_send(PrincipalKind::replica, message) == (name != "report_query" && !asks_about_state));
    CHECK_FALSE(may_send(static_cast<PrincipalKind>(9), message));
  }
}

}  // namespace
}  // namespace tagma
