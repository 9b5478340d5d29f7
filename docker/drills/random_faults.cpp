#include "docker/drills/random_faults.h"

#include <functional>
#include <random>
#include <vector>

namespace tagma::drills {
namespace {

/// One fault and what ends it, `length_s` later.
struct Drawn {
  Step begins;
  Step ends;
};

class Drawing {
 public:
  Drawing(std::uint64_t seed, std::uint32_t replicas) : random_(seed), replicas_(replicas) {}

  [[nodiscard]] double between(double least, double most) {
    return least + (most - least) * static_cast<double>(random_() % 1'000) / 1'000;
  }

  [[nodiscard]] Drawn fault() {
    const auto victim = static_cast<ReplicaId>(random_() % replicas_);
    Drawn drawn;
    drawn.begins.who = drawn.ends.who = {Selector::Kind::replicas, {victim}};
    const auto pair = [&](Action begins, Action ends) {
      drawn.begins.action = begins;
      drawn.ends.action = ends;
    };
    switch (random_() % 9) {
      case 0:
      case 1: pair(Action::kill, Action::start); break;
      case 2: pair(Action::pause, Action::resume); break;
      case 3: pair(Action::wipe, Action::start); break;
      case 4: pair(Action::restart, Action::settle); break;
      case 5:
        pair(Action::starve, Action::feed);
        drawn.begins.percent = between(2, 8);
        break;
      default:
        pair(Action::network, Action::heal);
        spoil(drawn.begins);
        break;
    }
    if (drawn.ends.action == Action::settle) drawn.ends.who = {};
    return drawn;
  }

 private:
  void spoil(Step& step) {
    step.to = {Selector::Kind::others, {}};
    step.both = random_() % 2 == 0;
    switch (random_() % 4) {
      case 0: step.link.cut = true; break;
      case 1:
        step.link.delay_us = static_cast<std::uint32_t>(between(5'000, 60'000));
        step.link.jitter_us = step.link.delay_us / 2;
        break;
      case 2: step.link.loss_ppm = static_cast<std::uint32_t>(between(10'000, 200'000)); break;
      default: step.link.bytes_per_second_max = static_cast<std::uint64_t>(between(30'000, 150'000)); break;
    }
  }

  std::mt19937_64 random_;
  std::uint32_t replicas_;
};

}  // namespace

void draw_faults(Scenario& scenario, std::uint64_t seed) {
  Drawing drawing(seed, scenario.replicas);
  scenario.steps.clear();
  double at_s = 5;
  const double last_s = *scenario.random_faults_s;
  while (at_s < last_s) {
    auto [begins, ends] = drawing.fault();
    begins.at_s = at_s;
    at_s += drawing.between(1, 8);
    ends.at_s = at_s;
    Step settles;
    settles.action = Action::settle;
    settles.at_s = at_s;
    scenario.steps.insert(scenario.steps.end(), {begins, ends, settles});
    at_s += drawing.between(2, 10);
  }
  scenario.seconds = at_s + 5;
}

}  // namespace tagma::drills
