#include "checkpoint/state_transfer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "test/fakes/state_pieces.h"
#include "test/unit/checkpoint/lmdb_support.h"
#include "test/unit/checkpoint/tampered.h"

namespace tagma {
namespace {

using test::change_entries;

using Judgement = StateTransfer::Judgement;

/// Two states on disk: one that a replica has, one that a root certifies; with a model of the latter.
struct Pair {
  Pair() : have(opened(have_folder, Mode::create)), want(opened(want_folder, Mode::create)) {}

  /// A common past, and what changed in each since then.
  void fill(Chance& chance, std::uint64_t kinds, std::size_t common, std::size_t apart) {
    const Overlay past = overlay(chance, kinds, common, false);
    apply(*have, 10, past);
    apply(*want, 10, past);
    model.apply(10, past);
    apply(*have, 20, overlay(chance, kinds, apart / 2, true));
    advance(chance, kinds, apart);
  }

  void advance(Chance& chance, std::uint64_t kinds, std::size_t changes) {
    const Overlay next = overlay(chance, kinds, changes, true);
    const Seq seq = want->reader().seq() + 20;
    apply(*want, seq, next);
    model.apply(seq, next);
  }

  static Overlay overlay(Chance& chance, std::uint64_t kinds, std::size_t changes, bool erases) {
    Overlay overlay;
    for (std::size_t count = 0; count < changes; ++count) {
      auto& value = overlay[chance.key(kinds)];
      value = erases && chance.below(3) == 0 ? std::nullopt : std::optional(chance.value());
    }
    return overlay;
  }

  [[nodiscard]] StateTransfer transfer() const {
    const auto& reader = want->reader();
    return {have->reader(), sha256, {reader.seq(), reader.root()}, staged()};
  }

  [[nodiscard]] StagedPieces staged() const { return std::get<StagedPieces>(have->staged()); }

  Folder have_folder;
  Folder want_folder;
  Store have;
  Store want;
  MemoryStateStore model{sha256};
};

/// What an honest source answers: the piece where it is wanted and small enough, else the node.
Judgement answered(StateTransfer& transfer, const LmdbReader& source, const StateQuestion& question,
                   std::size_t piece_bytes_max) {
  if (!question.node_wanted) {
    if (auto piece = source.piece(question.prefix, piece_bytes_max)) return transfer.judge(*std::move(piece));
  }
  const StateNode node = source.node(question.prefix);
  if (node.kind == NodeKind::inner) return transfer.judge(node);
  return transfer.judge(*source.piece(question.prefix, 1'000'000));
}

struct Effort {
  std::size_t questions = 0;
  std::size_t pieces = 0;
};

void stage(LmdbStateStore& store, StateTransfer& transfer, Effort& effort) {
  const auto verified = transfer.take_verified();
  effort.pieces += verified.size();
  REQUIRE_FALSE(store.stage(verified));
}

/// Asks and stages until nothing is left, or `questions_max` have been asked.
Effort run(StateTransfer& transfer, Pair& pair, Chance& chance, std::size_t piece_bytes_max,
           std::size_t questions_max = 1'000'000) {
  Effort effort;
  while (!transfer.complete() && effort.questions < questions_max) {
    auto questions = transfer.ask(1 + chance.below(9));
    REQUIRE_FALSE(questions.empty());
    std::reverse(questions.begin(), questions.end());  // answers come in any order
    for (const auto& question : questions) {
      ++effort.questions;
      if (chance.below(10) == 0) {
        transfer.ask_again(question.prefix);
        continue;
      }
      REQUIRE(answered(transfer, pair.want->reader(), question, piece_bytes_max) == Judgement::accepted);
      CHECK(transfer.judge(pair.want->reader().node(question.prefix)) == Judgement::unasked);
    }
    if (chance.below(3) == 0) stage(*pair.have, transfer, effort);
  }
  stage(*pair.have, transfer, effort);
  return effort;
}

void install(Pair& pair, const StateTransfer& transfer) {
  const auto& [seq, root] = transfer.target();
  const auto outcome = pair.have->install(seq, root, transfer.cover());
  REQUIRE(std::holds_alternative<Digest>(outcome));
  REQUIRE(std::get<Digest>(outcome) == root);
  pair.have->reader().refresh();
  REQUIRE(pair.have->reader().roots() == std::vector<StateRoot>{{seq, root}});
  REQUIRE(pair.staged().empty());
  check_alike(*pair.have, pair.model);
}

TEST_CASE("whatever two states have in common and apart, one becomes the other, with pieces of any size") {
  struct Shape {
    std::uint64_t kinds;
    std::size_t common;
    std::size_t apart;
  };
  const std::array shapes{Shape{1, 0, 1},     Shape{1, 1, 2},      Shape{2, 2, 3},       Shape{12, 8, 8},
                          Shape{300, 0, 200}, Shape{300, 200, 20}, Shape{300, 200, 200}, Shape{2000, 700, 1}};
  for (const auto& shape : shapes) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      CAPTURE(shape.common);
      CAPTURE(shape.apart);
      CAPTURE(seed);
      Chance chance(seed);
      Pair pair;
      pair.fill(chance, shape.kinds, shape.common, shape.apart);
      StateTransfer transfer = pair.transfer();
      run(transfer, pair, chance, seed % 3 == 0 ? 1 : seed % 3 == 1 ? 300 : 100'000);
      install(pair, transfer);
      CHECK(pair.transfer().complete());
      CHECK(pair.transfer().cover().empty());
    }
  }
}

TEST_CASE("a state that becomes empty, and one that was") {
  for (const bool empties : {true, false}) {
    Pair pair;
    Chance chance(4);
    Overlay keys = Pair::overlay(chance, 300, 60, false);
    if (empties) {
      apply(*pair.have, 10, keys);
      apply(*pair.want, 20, {});
      pair.model.apply(20, {});
    } else {
      apply(*pair.want, 20, keys);
      pair.model.apply(20, keys);
    }
    StateTransfer transfer = pair.transfer();
    const Effort effort = run(transfer, pair, chance, 100'000);
    CHECK(effort.questions == (empties ? 0 : 1));
    install(pair, transfer);
  }
}

TEST_CASE("one key that differs among many costs the nodes above it and itself") {
  Pair pair;
  Chance chance(5);
  pair.fill(chance, 3000, 2500, 0);
  const Bytes key = pair.model.keys("", 1, 1).front();
  apply(*pair.want, 50, {{key, "changed"}});
  pair.model.apply(50, {{key, "changed"}});
  StateTransfer transfer = pair.transfer();
  std::size_t questions = 0;
  while (!transfer.complete()) {
    for (const auto& question : transfer.ask(8)) {
      ++questions;
      REQUIRE(answered(transfer, pair.want->reader(), question, 100'000) == Judgement::accepted);
    }
  }
  CHECK(questions <= 6);
  CHECK(transfer.accepted_bytes() == key.size() + 7);
  Effort effort;
  stage(*pair.have, transfer, effort);
  CHECK(effort.pieces == 1);
  install(pair, transfer);
}

TEST_CASE("a later life goes on with what is staged, and asks for none of it again") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Pair pair;
    pair.fill(chance, 600, 300, 300);
    Effort without_crash;
    {
      StateTransfer transfer = pair.transfer();
      while (!transfer.complete()) {
        for (const auto& question : transfer.ask(8)) {
          ++without_crash.questions;
          REQUIRE(answered(transfer, pair.want->reader(), question, 500) == Judgement::accepted);
        }
      }
    }
    Effort before;
    for (int life = 0; life < 4; ++life) {
      StateTransfer transfer = pair.transfer();
      const Effort effort = run(transfer, pair, chance, 500, 1 + chance.below(40));
      before.pieces += effort.pieces;
      CHECK(pair.staged().size() == before.pieces);
      pair.have.reset();
      pair.have = opened(pair.have_folder, Mode::open);
      REQUIRE_FALSE(verified(*pair.have));
    }
    StateTransfer transfer = pair.transfer();
    const Effort last = run(transfer, pair, chance, 500);
    CHECK(last.pieces + before.pieces == transfer.cover().size());
    install(pair, transfer);
  }
}

TEST_CASE("what is staged is not fetched again as a part of a larger piece, though the own state has nothing there") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Pair pair;
    pair.advance(chance, 600, 500);
    StateTransfer first = pair.transfer();
    run(first, pair, chance, 300, 20 + chance.below(30));
    StateTransfer second = pair.transfer();
    run(second, pair, chance, 1'000'000);
    CHECK(first.accepted_bytes() > 0);
    CHECK(first.accepted_bytes() + second.accepted_bytes() == pair.model.content_bytes());
    install(pair, second);
  }
}

TEST_CASE("a staged piece that is damaged takes the others with it and nothing else, at reading and at installing") {
  for (const bool at_install : {false, true}) {
    CAPTURE(at_install);
    Chance chance(3);
    Pair pair;
    pair.fill(chance, 400, 200, 200);
    const Digest before = pair.have->reader().root();
    StateTransfer transfer = pair.transfer();
    run(transfer, pair, chance, 400);
    pair.have.reset();
    const auto [key, record] = *Tampered(pair.have_folder).records("pieces").begin();
    Bytes changed = record;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    Tampered(pair.have_folder).put("pieces", key, changed);
    pair.have = opened(pair.have_folder, Mode::open);
    REQUIRE_FALSE(verified(*pair.have));  // the state itself is whole
    if (at_install) {
      const auto& [seq, root] = transfer.target();
      CHECK(std::holds_alternative<RootDiffers>(pair.have->install(seq, root, transfer.cover())));
    } else {
      const auto outcome = pair.have->staged();
      REQUIRE(std::holds_alternative<StagedDiscarded>(outcome));
      CHECK(std::get<StagedDiscarded>(outcome).reason.find("table pieces") != std::string::npos);
    }
    CHECK(pair.staged().empty());
    pair.have->reader().refresh();
    CHECK(pair.have->reader().root() == before);
    StateTransfer again = pair.transfer();
    run(again, pair, chance, 400);
    install(pair, again);
  }
}

TEST_CASE("an empty piece at the place of everything takes the place of all that is staged") {
  Chance chance(7);
  Pair pair;
  pair.fill(chance, 400, 200, 200);
  StateTransfer transfer = pair.transfer();
  run(transfer, pair, chance, 400, 50);
  REQUIRE(pair.staged().size() > 2);
  std::vector<VerifiedPiece> nothing;
  nothing.push_back({{{}, {}}, std::nullopt});
  REQUIRE_FALSE(pair.have->stage(nothing));
  CHECK(pair.staged() == StagedPieces{{{}, std::nullopt}});
  StateTransfer again = pair.transfer();
  run(again, pair, chance, 400);
  install(pair, again);
}

TEST_CASE("where pieces are known to be too large, nodes are asked for") {
  Chance chance(6);
  Pair pair;
  pair.advance(chance, 600, 500);
  StateTransfer transfer = pair.transfer();
  transfer.want_nodes(0, true);
  transfer.want_nodes(1, true);
  transfer.want_nodes(2, true);
  transfer.want_nodes(2, false);
  std::array<std::size_t, 2> nodes_and_pieces{};
  std::size_t asked = 0;
  while (!transfer.complete()) {
    for (const auto& question : transfer.ask(8)) {
      const bool probe = question.prefix.size() == 1 && ++asked % StateTransfer::probe_interval == 0;
      CHECK(question.node_wanted == (question.prefix.size() < 2 && !probe));
      ++nodes_and_pieces.at(question.node_wanted ? 0 : 1);
      REQUIRE(answered(transfer, pair.want->reader(), question, 1'000'000) == Judgement::accepted);
    }
  }
  CHECK(nodes_and_pieces[0] == 1 + 16 - 16 / StateTransfer::probe_interval);
  CHECK(nodes_and_pieces[1] > 100);
  Effort effort;
  stage(*pair.have, transfer, effort);
  install(pair, transfer);
}

TEST_CASE("what was staged for an earlier target serves a later one where it still fits, and does no harm elsewhere") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Pair pair;
    pair.fill(chance, 400, 200, 200);
    for (int target = 0; target < 4; ++target) {
      StateTransfer transfer = pair.transfer();
      run(transfer, pair, chance, 1 + chance.below(4) * 400, 1 + chance.below(60));
      pair.advance(chance, 400, chance.below(100));
    }
    StateTransfer transfer = pair.transfer();
    run(transfer, pair, chance, 1 + chance.below(4) * 400);
    install(pair, transfer);
  }
}

/// Every way in which an answer can be wrong.
using PieceLie = std::function<void(StatePiece&)>;
using NodeLie = std::function<void(StateNode&)>;

TEST_CASE("a lie about a piece or a node is told, and the honest answer is taken after it") {
  const std::vector<PieceLie> piece_lies{
      [](StatePiece& piece) { change_entries(piece.entries, [](auto& list) { list.front().second += "x"; }); },
      [](StatePiece& piece) { change_entries(piece.entries, [](auto& list) { list.back().first += "x"; }); },
      [](StatePiece& piece) { change_entries(piece.entries, [](auto& list) { list.pop_back(); }); },
      [](StatePiece& piece) { piece.entries.clear(); },
      [](StatePiece& piece) { change_entries(piece.entries, [](auto& list) { list.push_back(list.back()); }); },
      [](StatePiece& piece) { piece.entries.append("more", "more"); },
      [](StatePiece& piece) {
        change_entries(piece.entries, [](auto& list) { std::swap(list.front(), list.back()); });
      },
      [](StatePiece& piece) { change_entries(piece.entries, [](auto& list) { list.front().second.clear(); }); },
  };
  const std::vector<NodeLie> node_lies{
      [](StateNode& node) { node.children.front().digest.bytes[3] ^= 1; },
      [](StateNode& node) { node.children.pop_back(); },
      [](StateNode& node) { node.children.clear(); },
      [](StateNode& node) { node.children.push_back(node.children.front()); },
      [](StateNode& node) { node.occupied ^= 1; },
      [](StateNode& node) { node.kind = NodeKind::leaf; },
      [](StateNode& node) { node.kind = NodeKind::absent; },
      [](StateNode& node) { std::swap(node.children.front(), node.children.back()); },
  };
  Chance chance(8);
  Pair pair;
  pair.fill(chance, 900, 300, 300);
  StateTransfer transfer = pair.transfer();
  const auto& source = pair.want->reader();
  std::size_t lies = 0;
  while (!transfer.complete()) {
    for (const auto& question : transfer.ask(3)) {
      const auto piece = source.piece(question.prefix, 400);
      if (piece && piece->entries.size() > 1) {
        for (const auto& lie : piece_lies) {
          StatePiece false_piece = *piece;
          lie(false_piece);
          REQUIRE(transfer.judge(std::move(false_piece)) == Judgement::false_);
          ++lies;
        }
      }
      const StateNode node = source.node(question.prefix);
      if (node.kind == NodeKind::inner && node.children.size() > 1) {
        for (const auto& lie : node_lies) {
          StateNode false_node = node;
          lie(false_node);
          REQUIRE(transfer.judge(false_node) == Judgement::false_);
          ++lies;
        }
      }
      REQUIRE(answered(transfer, source, question, 400) == Judgement::accepted);
    }
  }
  CHECK(lies > 200);
  Effort effort;
  stage(*pair.have, transfer, effort);
  install(pair, transfer);
}

TEST_CASE("a node that calls inner children leaves, or gives leaves another path, misleads nobody") {
  Chance chance(9);
  Pair pair;
  pair.fill(chance, 900, 300, 300);
  StateTransfer transfer = pair.transfer();
  const auto& source = pair.want->reader();
  while (!transfer.complete()) {
    for (const auto& question : transfer.ask(3)) {
      StateNode node = source.node(question.prefix);
      if (node.kind == NodeKind::inner) {
        node.leaves = static_cast<std::uint16_t>(node.occupied & ~node.leaves);
        for (auto& child : node.children) child.path.bytes[0] ^= 0x80;
        REQUIRE(transfer.judge(node) == Judgement::accepted);
      } else {
        REQUIRE(answered(transfer, source, question, 400) == Judgement::accepted);
      }
    }
  }
  Effort effort;
  stage(*pair.have, transfer, effort);
  install(pair, transfer);
}

TEST_CASE("what does not make up the certified root is not installed, and is thrown away") {
  Chance chance(10);
  Pair pair;
  pair.fill(chance, 400, 200, 200);
  const Digest before = pair.have->reader().root();
  const Seq seq = pair.want->reader().seq();
  StateTransfer transfer = pair.transfer();
  run(transfer, pair, chance, 400);
  auto cover = transfer.cover();
  REQUIRE(cover.size() > 2);

  SUBCASE("another root") { CHECK(std::holds_alternative<RootDiffers>(pair.have->install(seq, before, cover))); }
  SUBCASE("a place left out") {
    cover.erase(cover.begin());
    CHECK(std::holds_alternative<RootDiffers>(pair.have->install(seq, transfer.target().root, cover)));
  }
  SUBCASE("a piece that is gone") {
    cover.insert(NibblePrefix("\1\2\3\4\5\6\7"));
    CHECK(std::holds_alternative<RootDiffers>(pair.have->install(seq, transfer.target().root, cover)));
  }
  pair.have->reader().refresh();
  CHECK(pair.have->reader().root() == before);
  CHECK(pair.have->reader().seq() == 20);
  CHECK_FALSE(verified(*pair.have));
  CHECK_FALSE(pair.have->discard_staged());
  CHECK(pair.staged().empty());

  StateTransfer again = pair.transfer();
  run(again, pair, chance, 400);
  install(pair, again);
}

TEST_CASE("without room nothing is staged or installed, and it goes on once there is some") {
  const Folder folder;
  Pair pair;
  Overlay keys;
  for (int key = 0; key < 400; ++key) keys["key " + std::to_string(key)] = Bytes(1000, 'v');
  apply(*pair.want, 10, keys);
  pair.model.apply(10, keys);
  auto options = options_for(folder, Mode::create);
  options.map_bytes = 320UL * 1024;
  pair.have = std::move(std::get<Store>(LmdbStateStore::open(options)));
  bool full = false;
  {
    StateTransfer transfer = pair.transfer();
    while (!full && !transfer.complete()) {
      for (const auto& question : transfer.ask(4)) {
        REQUIRE(answered(transfer, pair.want->reader(), question, 8000) == Judgement::accepted);
      }
      const auto failure = pair.have->stage(transfer.take_verified());
      if (failure) CHECK(failure->kind == DiskFailure::Kind::no_space);
      full = failure.has_value();
    }
  }
  REQUIRE(full);
  pair.have->reader().refresh();
  CHECK(pair.have->reader().seq() == 0);
  CHECK_FALSE(verified(*pair.have));
  const std::size_t staged = pair.staged().size();
  CHECK(staged > 0);
  pair.have.reset();
  options.map_bytes = 64UL * 1024 * 1024;
  options.mode = Mode::open;
  pair.have = std::move(std::get<Store>(LmdbStateStore::open(options)));
  StateTransfer transfer = pair.transfer();
  Chance chance(1);
  const Effort effort = run(transfer, pair, chance, 8000);
  CHECK(effort.pieces + staged == transfer.cover().size());
  install(pair, transfer);
}

}  // namespace
}  // namespace tagma
