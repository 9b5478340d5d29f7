#include "messages/group.h"

#include <array>
#include <utility>

namespace tagma {
namespace {

constexpr std::array<std::pair<GroupRule, std::string_view>, 4> rules{{
    {GroupRule::exact, "exact"},
    {GroupRule::median, "median"},
    {GroupRule::interval, "interval"},
    {GroupRule::component_median, "component-median"},
}};
constexpr std::array<std::pair<GroupValue, std::string_view>, 7> values{{
    {GroupValue::bytes, "bytes"},
    {GroupValue::operation, "operation"},
    {GroupValue::integer, "integer"},
    {GroupValue::real, "real"},
    {GroupValue::integer_interval, "integer-interval"},
    {GroupValue::real_interval, "real-interval"},
    {GroupValue::reals, "reals"},
}};

template <typename Names, typename Value>
std::string_view name_in(const Names& names, Value wanted) {
  for (const auto& [value, name] : names) {
    if (value == wanted) return name;
  }
  return "unknown";
}

template <typename Value, typename Names>
std::optional<Value> named_in(const Names& names, std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(GroupRule rule) { return name_in(rules, rule); }
std::string_view to_string(GroupValue value) { return name_in(values, value); }
std::optional<GroupRule> group_rule_from(std::string_view text) { return named_in<GroupRule>(rules, text); }
std::optional<GroupValue> group_value_from(std::string_view text) { return named_in<GroupValue>(values, text); }

}  // namespace tagma
