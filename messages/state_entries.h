// Entries of the replicated state, packed one behind the other: a piece of the state is read, sent, judged and staged
// as one run of bytes, which for short values costs a fraction of what a pair of strings for each entry does.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>

#include "tagma/bytes.h"

namespace tagma {

/// Each entry is: length of the key (2 bytes), of the value (4), both little-endian, then key and value.
class StateEntries {
 public:
  /// Borrowed from the packed bytes.
  struct Entry {
    ByteView key;
    ByteView value;
  };

  class Iterator {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    explicit Iterator(ByteView rest) : rest_(rest) {}
    [[nodiscard]] Entry operator*() const;
    Iterator& operator++();
    void operator++(int) { ++*this; }
    [[nodiscard]] bool operator==(const Iterator& other) const { return rest_.size() == other.rest_.size(); }

   private:
    ByteView rest_;
  };

  /// What an entry takes beside its key and value.
  static constexpr std::size_t head_bytes = 2 + 4;

  StateEntries() = default;
  StateEntries(std::initializer_list<Entry> entries) {
    for (const auto& [key, value] : entries) append(key, value);
  }
  /// Nothing if the bytes are not whole entries, or are more than `count_max`.
  [[nodiscard]] static std::optional<StateEntries> unpacked(ByteView packed, std::size_t count_max);

  /// Room for so many packed bytes.
  void reserve(std::size_t bytes) { packed_.reserve(bytes); }
  /// `key` has at most 2^16 - 1 bytes, `value` at most 2^32 - 1.
  void append(ByteView key, ByteView value);
  void clear();

  [[nodiscard]] Iterator begin() const { return Iterator(packed_); }
  [[nodiscard]] Iterator end() const { return Iterator({}); }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const Bytes& packed() const { return packed_; }
  /// Of keys and values alone.
  [[nodiscard]] std::size_t content_bytes() const { return packed_.size() - count_ * head_bytes; }

  auto operator<=>(const StateEntries&) const = default;

 private:
  Bytes packed_;           ///< whole entries, always
  std::size_t count_ = 0;  ///< of the entries in it
};

}  // namespace tagma
