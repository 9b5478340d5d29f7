// Entries of a piece as a list that tests and liars can change.
#pragma once

#include <utility>
#include <vector>

#include "messages/state_entries.h"

namespace tagma::test {

using EntryList = std::vector<std::pair<Bytes, Bytes>>;

[[nodiscard]] inline EntryList list_of(const StateEntries& entries) {
  EntryList list;
  for (const auto& [key, value] : entries) list.emplace_back(key, value);
  return list;
}

[[nodiscard]] inline StateEntries packed(const EntryList& list) {
  StateEntries entries;
  for (const auto& [key, value] : list) entries.append(key, value);
  return entries;
}

/// Calls `change(list)` on the entries.
template <typename Change>
void change_entries(StateEntries& entries, const Change& change) {
  EntryList list = list_of(entries);
  change(list);
  entries = packed(list);
}

}  // namespace tagma::test
