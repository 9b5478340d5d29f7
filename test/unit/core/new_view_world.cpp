#include "test/unit/core/new_view_world.h"

#include <algorithm>

namespace tagma::test {
namespace {

constexpr int nothing_recorded = -1;

/// A replica in a view, before anything is prepared in it.
struct Member {
  CorrectReplica replica;
  int recorded = nothing_recorded;
  auto operator<=>(const Member&) const = default;
};

using Members = Row<Member, correct_replicas>;

/// All that PREPAREs can do: with the liar's help two that recorded the same digest make a quorum for whomever the
/// network lets see it, also for one that recorded another digest. Two digests cannot have that in one view.
void for_each_preparation(const Dimensions dimensions, const World& before, const Members& members, int view,
                          const std::function<void(World)>& use) {
  World world = before;
  for (int i = 0; i < correct_replicas; ++i) world.replicas[i] = members[i].replica;
  use(world);
  for (int digest = 0; digest < dimensions.digests; ++digest) {
    const auto same = [digest](const Member& member) { return member.recorded == digest; };
    if (std::count_if(members.begin(), members.end(), same) < 2) continue;
    for (int who = 1; who < 1 << correct_replicas; ++who) {
      World next = world;
      int commits = 0;
      bool sound = true;
      for (int i = 0; i < correct_replicas; ++i) {
        if (((who >> i) & 1) == 0) continue;
        // One that has nothing recorded records before it COMMITs: that is another of the members' states.
        sound = sound && members[i].recorded != nothing_recorded;
        next.replicas[i].claims.prepare(digest, view);
        ++commits;
      }
      if (!sound) continue;
      if (commits >= 2) next.decided |= mask_of(digest);
      use(next);
    }
  }
}

/// What one replica can do with a view: not see it, or act under one of its NEW-VIEWs and record something or not.
std::vector<Member> ways_through(Dimensions dimensions, const std::vector<CorrectReplica>& forms, int view,
                                 Mask choices) {
  std::vector<Member> ways;
  for (const auto& form : forms) {
    ways.push_back({form, nothing_recorded});
    for (Choice choice = 0; choice <= dimensions.digests; ++choice) {
      if (!has(choices, choice)) continue;
      CorrectReplica acting = form;
      acting.claims = form.claims.pruned(view, choice);
      acting.dropped_by[view] |= mask_of(choice);
      ways.push_back({acting, nothing_recorded});
      for (int digest = 0; digest < dimensions.digests; ++digest) {
        if (choice != free_slot && choice != choice_of(digest)) continue;
        Member recording{acting, digest};
        recording.replica.claims.record(digest, view);
        ways.push_back(recording);
      }
    }
  }
  std::sort(ways.begin(), ways.end());
  ways.erase(std::unique(ways.begin(), ways.end()), ways.end());
  return ways;
}

World sorted(World world) {
  std::sort(world.replicas.begin(), world.replicas.end());
  return world;
}

}  // namespace

void for_each_lie(Dimensions dimensions, int view, const std::function<void(const Claims&)>& use) {
  int combinations = 1;
  for (int digest = 0; digest < dimensions.digests; ++digest) combinations *= view + 1;
  for (int prepared = 0; prepared <= dimensions.digests * view; ++prepared) {
    for (int combination = 0; combination < combinations; ++combination) {
      Claims lie;
      int entries = 0;
      for (int digest = 0, rest = combination; digest < dimensions.digests; ++digest, rest /= view + 1) {
        lie.record(digest, rest % (view + 1) - 1);
        if (lie.recorded[digest] != no_view) ++entries;
      }
      if (entries > 2) continue;
      if (prepared > 0) {
        lie.prepared = static_cast<std::int8_t>((prepared - 1) / view);
        lie.prepared_view = static_cast<std::int8_t>((prepared - 1) % view);
      }
      use(lie);
    }
  }
}

void for_each_first_world(Dimensions dimensions, const std::function<void(World)>& use) {
  // View 0 begins like a view whose NEW-VIEW leaves the slot free, but without one that could be shown.
  FormsOfReplicas forms;
  for (auto& form : forms) form.emplace_back();
  for_each_next_world(dimensions, {}, forms, 0, mask_of(free_slot), [&](World world) {
    world.possible[0] = 0;
    for (auto& replica : world.replicas) replica.dropped_by[0] = 0;
    use(sorted(world));
  });
}

NewViews named(const NewViews& dropped_by) {
  NewViews result;
  constexpr Choice none = -1;
  Choice first = none;
  for (int view = views_max - 1; view > 0; --view) {
    for (Choice choice = 0; choice <= digests_max; ++choice) {
      if (!has(dropped_by[view], choice) || choice == first) continue;
      result[view] |= mask_of(choice);
      if (first != none) return result;
      first = choice;
    }
  }
  return result;
}

Claims pruned_by_all(Claims claims, const NewViews& new_views) {
  for (int view = 1; view < views_max; ++view) {
    for (Choice choice = 0; choice <= digests_max; ++choice) {
      if (has(new_views[view], choice)) claims = claims.pruned(view, choice);
    }
  }
  return claims;
}

std::vector<CorrectReplica> late_forms(const CorrectReplica& replica, const NewViews& possible) {
  std::vector<CorrectReplica> forms{replica};
  for (std::size_t at = 0; at < forms.size(); ++at) {
    for (int view = 1; view < views_max; ++view) {
      for (Choice choice = 0; choice <= digests_max; ++choice) {
        if (!has(possible[view], choice)) continue;
        CorrectReplica later = forms[at];
        later.claims = later.claims.pruned(view, choice);
        if (later.claims == forms[at].claims) continue;
        later.dropped_by[view] |= mask_of(choice);
        if (std::find(forms.begin(), forms.end(), later) == forms.end()) forms.push_back(later);
      }
    }
  }
  return forms;
}

void for_each_next_world(Dimensions dimensions, const World& world, const FormsOfReplicas& forms, int view,
                         Mask choices, const std::function<void(World)>& use) {
  World begun = world;
  begun.possible[view] |= choices;
  const auto first = ways_through(dimensions, forms[0], view, choices);
  const auto second = ways_through(dimensions, forms[1], view, choices);
  const auto third = ways_through(dimensions, forms[2], view, choices);
  for (const auto& a : first) {
    for (const auto& b : second) {
      for (const auto& c : third) {
        for_each_preparation(dimensions, begun, Members{{a, b, c}}, view,
                             [&](const World& next) { use(sorted(next)); });
      }
    }
  }
}

std::string describe(const Claims& claims) {
  std::string text = "{P=";
  if (claims.prepared_view == no_view) {
    text += "none";
  } else {
    text += "d" + std::to_string(claims.prepared) + "@" + std::to_string(claims.prepared_view);
  }
  for (int digest = 0; digest < digests_max; ++digest) {
    if (claims.recorded[digest] == no_view) continue;
    text += " Q[d" + std::to_string(digest) + "]=" + std::to_string(claims.recorded[digest]);
  }
  return text + "}";
}

}  // namespace tagma::test
