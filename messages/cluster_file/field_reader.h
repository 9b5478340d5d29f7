// Takes a TOML file apart, field by field, with reasons for people. Private to messages/cluster_file.
#pragma once

#include <toml++/toml.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "messages/cluster_file/rules.h"
#include "messages/group.h"

namespace tagma::cluster_file {

inline constexpr std::uint64_t number_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
inline constexpr std::uint64_t id_max = std::numeric_limits<std::uint32_t>::max();

/// Takes a file apart and keeps the first problem; later reads then return empty values that nobody looks at.
class FieldReader {
 public:
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

  void fail(const std::string& field, std::string_view what_and_mend) {
    if (!problem_) problem_ = field + ": " + std::string(what_and_mend);
  }

  void refuse_unknown(const toml::table& table, const std::string& prefix, std::span<const std::string_view> known) {
    for (const auto& [key, value] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      fail(prefix + std::string(key.str()),
           "no such key; did you mean \"" + std::string(nearest(key.str(), known)) + "\"?");
    }
  }

  std::uint64_t number(const toml::table& table, const std::string& prefix, std::string_view key,
                       std::uint64_t maximum) {
    const auto* const node = find(table, prefix, key);
    if (node == nullptr) return 0;
    const auto* const value = node->as_integer();
    if (value == nullptr || value->get() < 0 || static_cast<std::uint64_t>(value->get()) > maximum) {
      fail(prefix + std::string(key), "not a number from 0 to " + std::to_string(maximum) + "; write one");
      return 0;
    }
    return static_cast<std::uint64_t>(value->get());
  }

  std::string text(const toml::table& table, const std::string& prefix, std::string_view key) {
    const auto* const node = find(table, prefix, key);
    if (node == nullptr) return {};
    const auto* const value = node->as_string();
    if (value == nullptr) {
      fail(prefix + std::string(key), "not a text; put it in quotation marks");
      return {};
    }
    return value->get();
  }

  PublicKey key(const toml::table& table, const std::string& prefix) {
    const auto written = text(table, prefix, "key");
    auto key = public_key_from(written);
    if (!key) {
      fail(prefix + "key", "not a public key; write \"p256:\" or \"ed25519:\" and the key in hexadecimal");
      return {};
    }
    return *std::move(key);
  }

  /// The tables of an array such as [[replicas]]; nothing if there is none.
  std::vector<const toml::table*> tables(const toml::table& file, std::string_view key) {
    std::vector<const toml::table*> found;
    const auto* const node = file.get(key);
    if (node == nullptr) return found;
    const auto* const array = node->as_array();
    if (array == nullptr) {
      fail(std::string(key), "not a list of tables; write [[" + std::string(key) + "]] above each of them");
      return found;
    }
    for (const auto& element : *array) {
      const auto* const table = element.as_table();
      if (table == nullptr) {
        fail(std::string(key), "not a list of tables; write [[" + std::string(key) + "]] above each of them");
        return {};
      }
      found.push_back(table);
    }
    return found;
  }

 private:
  const toml::node* find(const toml::table& table, const std::string& prefix, std::string_view key) {
    const auto* const node = table.get(key);
    if (node == nullptr) fail(prefix + std::string(key), "missing; add it");
    return node;
  }

  std::optional<Problem> problem_;
};

inline std::string prefix_of(std::string_view list, std::size_t at) {
  return std::string(list) + "[" + std::to_string(at) + "].";
}

/// The tables of [[groups]]; nothing if there is none.
[[nodiscard]] std::vector<GroupDefinition> read_groups(FieldReader& reader, const toml::table& file);

}  // namespace tagma::cluster_file
