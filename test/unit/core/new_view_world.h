// Small worlds for the decision of a new view: what three correct replicas can have recorded and prepared for one slot
// beside one liar. It states the rules anew and shares nothing with new_view.cpp but the type of its input.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/messages.h"

namespace tagma::test {

/// Digest 0 stands for the null batch. Views count only those in which something happened: 0, 4, 8 have one primary
/// as well, so the liar may lead in each.
struct Dimensions {
  int digests = 2;
  int views = 2;  ///< the history is of views 0 .. views-1
};

constexpr int digests_max = 3;
constexpr int views_max = 3;
constexpr int correct_replicas = 3;
constexpr ReplicaId liar = 3;
constexpr std::int8_t no_view = -1;

/// What a NEW-VIEW does with the slot: 0 leaves it free, 1+d chooses d.
using Choice = int;
constexpr Choice free_slot = 0;
constexpr Choice choice_of(int digest) { return 1 + digest; }

/// A set of Choices, or of digests, as bits.
using Mask = std::uint8_t;
constexpr bool has(Mask mask, int bit) { return ((mask >> bit) & 1) != 0; }
constexpr Mask mask_of(int bit) { return static_cast<Mask>(1 << bit); }

/// An array with the numbers that digests, views and replicas are here.
template <typename T, int size>
struct Row {
  std::array<T, static_cast<std::size_t>(size)> items{};

  T& operator[](int index) { return items[static_cast<std::size_t>(index)]; }
  const T& operator[](int index) const { return items[static_cast<std::size_t>(index)]; }
  auto begin() { return items.begin(); }
  auto end() { return items.end(); }
  [[nodiscard]] auto begin() const { return items.begin(); }
  [[nodiscard]] auto end() const { return items.end(); }
  auto operator<=>(const Row&) const = default;
};

/// P and Q of one slot. All members are bytes, so that worlds can be hashed as bytes.
struct Claims {
  std::int8_t prepared = 0;  ///< meaningless without prepared_view
  std::int8_t prepared_view = no_view;
  Row<std::int8_t, digests_max> recorded{{no_view, no_view, no_view}};  ///< view by digest

  void record(int digest, int view) { recorded[digest] = static_cast<std::int8_t>(view); }
  void prepare(int digest, int view) {
    prepared = static_cast<std::int8_t>(digest);
    prepared_view = static_cast<std::int8_t>(view);
    record(digest, view);
  }
  /// What verifying a NEW-VIEW(view) of this choice leaves.
  [[nodiscard]] Claims pruned(int view, Choice choice) const {
    Claims left = *this;
    for (int digest = 0; digest < digests_max; ++digest) {
      if (choice == choice_of(digest)) continue;
      if (recorded[digest] < view) left.recorded[digest] = no_view;
      if (prepared_view != no_view && prepared == digest && prepared_view < view) {
        left.prepared = 0;
        left.prepared_view = no_view;
      }
    }
    return left;
  }
  /// A number below 2^10.
  [[nodiscard]] std::uint32_t code() const {
    auto result = static_cast<std::uint32_t>(prepared_view == no_view ? 0 : 1 + prepared * views_max + prepared_view);
    for (const auto view : recorded) result = result * (views_max + 1) + static_cast<std::uint32_t>(view + 1);
    return result;
  }
  auto operator<=>(const Claims&) const = default;
};

/// NEW-VIEWs by their view; of one view a faulty primary may send several.
using NewViews = Row<Mask, views_max>;

struct CorrectReplica {
  Claims claims;
  NewViews dropped_by{};  ///< acted under, or verified later and something was dropped
  auto operator<=>(const CorrectReplica&) const = default;
};

/// The NEW-VIEWs that a VIEW-CHANGE has to name, so that others drop what its sender has dropped: of all that it has
/// dropped by, a highest one and a highest one of those with another choice than that. Two are enough for a slot,
/// however many there were: what chooses x drops all but x below its view, and what chooses y drops x below its own.
NewViews named(const NewViews& dropped_by);

/// What verifying all of them leaves.
Claims pruned_by_all(Claims claims, const NewViews& new_views);

using Triple = Row<Claims, correct_replicas>;

struct World {
  Row<CorrectReplica, correct_replicas> replicas;  ///< sorted: they are alike
  NewViews possible{};                             ///< what the liar can still show to anybody
  Mask decided = 0;  ///< digests for which two correct replicas have sent COMMIT in one view: the liar's makes a quorum
  auto operator<=>(const World&) const = default;
};

/// In which states each of the replicas may have left the views before.
using FormsOfReplicas = Row<std::vector<CorrectReplica>, correct_replicas>;

struct HashOfWorld {
  std::size_t operator()(const World& world) const {
    static_assert(std::has_unique_object_representations_v<World>);
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&world), sizeof(world)});
  }
};

/// Calls `use` with all that a VIEW-CHANGE for `view` may say: any P, at most two entries in Q.
void for_each_lie(Dimensions dimensions, int view, const std::function<void(const Claims&)>& use);

/// Calls `use` with every world that view 0 can leave behind.
void for_each_first_world(Dimensions dimensions, const std::function<void(World)>& use);

/// The replica as it is, and after each of the possible NEW-VIEWs that come late, one after the other.
std::vector<CorrectReplica> late_forms(const CorrectReplica& replica, const NewViews& possible);

/// Calls `use` with every world that `view` can leave behind in which the replicas left the views before in one of
/// their `forms` and the liar can show NEW-VIEWs of `choices` to whom it likes.
void for_each_next_world(Dimensions dimensions, const World& world, const FormsOfReplicas& forms, int view,
                         Mask choices, const std::function<void(World)>& use);

std::string describe(const Claims& claims);

}  // namespace tagma::test
