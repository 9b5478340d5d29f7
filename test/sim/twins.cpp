#include "test/sim/twins.h"

namespace tagma::sim {

bool TwinSides::speaks(Twin which, const Principal& peer, VirtualUs now_us) {
  if (now_us >= until_us_) {
    until_us_ = now_us + random_.one_of<VirtualUs>({3'000, 30'000, 300'000});
    for (auto& [known, state] : peers_) state.side = random_.one_of({Side::first, Side::second, Side::both});
  }
  const auto found = peers_.find(peer);
  if (found == peers_.end()) {
    peers_.emplace(peer, Peer{.side = random_.one_of({Side::first, Side::second, Side::both})});
    return speaks(which, peer, now_us);
  }
  const Side side = found->second.side;
  return side == Side::both || side == (which == Twin::first ? Side::first : Side::second);
}

bool TwinSides::spoke(Twin which, const Principal& peer) {
  auto& state = peers_[peer];
  (which == Twin::first ? state.heard_first : state.heard_second) = true;
  return state.heard_first && state.heard_second;
}

}  // namespace tagma::sim
