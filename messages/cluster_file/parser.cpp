#include <algorithm>
#include <array>
#include <limits>
#include <sstream>

#include "messages/cluster_file/field_reader.h"
#include "messages/cluster_file/rules.h"

namespace tagma::cluster_file {
namespace {

constexpr std::array<std::string_view, 13> file_keys{
    "format",       "cluster",      "epoch",    "faults",  "durability", "services", "limits",
    "genesis_slot", "genesis_root", "replicas", "clients", "admins",     "groups"};
constexpr std::array<std::string_view, 4> limit_keys{"checkpoint_interval", "window", "sessions_per_client_max",
                                                     "clock_window_ms"};
constexpr std::array<std::string_view, 5> replica_keys{"id", "incarnation", "key", "replica_address", "client_address"};
constexpr std::array<std::string_view, 2> member_keys{"id", "key"};

/// The parser goes down one level of its stack for each part of a dotted key; a key stands on one line.
constexpr std::size_t dots_per_line_max = 256;

std::optional<std::size_t> line_with_too_many_dots(std::string_view text) {
  std::size_t line = 1;
  std::size_t dots = 0;
  for (const char letter : text) {
    if (letter == '\n') {
      ++line;
      dots = 0;
    } else if (letter == '.' && ++dots > dots_per_line_max) {
      return line;
    }
  }
  return std::nullopt;
}

void read_replicas(FieldReader& reader, const toml::table& file, Membership& membership) {
  if (file.get("replicas") == nullptr) reader.fail("replicas", "missing; add a [[replicas]] table for each");
  const auto tables = reader.tables(file, "replicas");
  for (std::size_t at = 0; at < tables.size(); ++at) {
    const auto prefix = prefix_of("replicas", at);
    const auto& table = *tables[at];
    reader.refuse_unknown(table, prefix, replica_keys);
    ReplicaMember& member = membership.replicas.emplace_back();
    member.id = static_cast<ReplicaId>(reader.number(table, prefix, "id", id_max));
    member.incarnation = reader.number(table, prefix, "incarnation", number_max);
    member.key = reader.key(table, prefix);
    member.replica_address = reader.text(table, prefix, "replica_address");
    member.client_address = reader.text(table, prefix, "client_address");
  }
}

template <typename Member>
void read_members(FieldReader& reader, const toml::table& file, std::string_view list, std::vector<Member>& members) {
  const auto tables = reader.tables(file, list);
  for (std::size_t at = 0; at < tables.size(); ++at) {
    const auto prefix = prefix_of(list, at);
    reader.refuse_unknown(*tables[at], prefix, member_keys);
    Member& member = members.emplace_back();
    member.id = static_cast<std::uint32_t>(reader.number(*tables[at], prefix, "id", id_max));
    member.key = reader.key(*tables[at], prefix);
  }
}

void read_services(FieldReader& reader, const toml::table& file, std::vector<std::string>& services) {
  constexpr std::string_view mend = "not a list of names; write services = [\"kv\"]";
  const auto* const node = file.get("services");
  const auto* const array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr) {
    reader.fail("services", node == nullptr ? "missing; write services = [\"kv\"]" : mend);
    return;
  }
  for (const auto& element : *array) {
    const auto* const name = element.as_string();
    if (name == nullptr) {
      reader.fail("services", mend);
      return;
    }
    services.push_back(name->get());
  }
}

/// Each limit may be left out; its default then holds.
void read_limits(FieldReader& reader, const toml::table& file, ClusterFile& result) {
  const auto* const node = file.get("limits");
  if (node == nullptr) return;
  const auto* const table = node->as_table();
  if (table == nullptr) {
    reader.fail("limits", "not a table; write [limits] and one limit per line below it");
    return;
  }
  reader.refuse_unknown(*table, "limits.", limit_keys);
  const auto read = [&reader, table](std::string_view key, std::uint64_t& value) {
    if (table->get(key) != nullptr) value = reader.number(*table, "limits.", key, number_max);
  };
  read("checkpoint_interval", result.checkpoint_interval);
  read("window", result.window);
  read("sessions_per_client_max", result.sessions_per_client_max);
  read("clock_window_ms", result.clock_window_ms);
}

/// Both or none.
void read_genesis(FieldReader& reader, const toml::table& file, ClusterFile& result) {
  if (file.get("genesis_slot") == nullptr && file.get("genesis_root") == nullptr) return;
  result.genesis_slot = reader.number(file, "", "genesis_slot", number_max);
  Bytes root;
  if (result.genesis_slot == 0 || !from_hex(reader.text(file, "", "genesis_root"), root) ||
      !digest_from_bytes(root, result.genesis_root)) {
    reader.fail("genesis_root",
                "not 64 hexadecimal digits beside a genesis_slot above 0; take both from the file that "
                "`tagma recover` wrote");
  }
}

ClusterFile read_fields(FieldReader& reader, const toml::table& file) {
  ClusterFile result;
  reader.refuse_unknown(file, "", file_keys);
  if (reader.number(file, "", "format", number_max) != static_cast<std::uint64_t>(format_version)) {
    reader.fail("format", "not a version that this program reads; it reads format = 1");
  }
  Bytes cluster;
  if (!from_hex(reader.text(file, "", "cluster"), cluster) || !digest_from_bytes(cluster, result.membership.cluster)) {
    reader.fail("cluster", "not 64 hexadecimal digits; take it from the other replicas' files");
  }
  result.membership.epoch = reader.number(file, "", "epoch", number_max);
  result.membership.faults = static_cast<std::uint32_t>(reader.number(file, "", "faults", replicas_max));
  const auto durability = durability_from(reader.text(file, "", "durability"));
  if (durability) {
    result.durability = *durability;
  } else {
    reader.fail("durability", durability.reason());
  }
  read_services(reader, file, result.services);
  read_genesis(reader, file, result);
  read_limits(reader, file, result);
  read_replicas(reader, file, result.membership);
  read_members(reader, file, "clients", result.membership.clients);
  read_members(reader, file, "admins", result.membership.admins);
  result.groups = read_groups(reader, file);
  return result;
}

/// What `read` makes of the text of a file.
template <typename Made, typename Read>
Result<Made> parse_with(std::string_view text, Read read) {
  if (const auto line = line_with_too_many_dots(text)) {
    return Refused{"line " + std::to_string(*line) + ": has more than " + std::to_string(dots_per_line_max) +
                   " dots, which no line of this file needs; correct that line"};
  }
  try {
    const toml::table file = toml::parse(text);
    FieldReader reader;
    Made made = read(reader, file);
    if (reader.problem()) return Refused{*reader.problem()};
    return made;
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << "line " << error.source().begin.line << ", column " << error.source().begin.column
          << ": not TOML: " << error.description() << "; correct that line";
    return Refused{where.str()};
  }
}

}  // namespace

Result<ClusterFile> parse(std::string_view text) {
  auto file = parse_with<ClusterFile>(text, read_fields);
  if (!file) return file;
  if (auto problem = first_problem(*file)) return Refused{*std::move(problem)};
  return file;
}

Result<std::vector<GroupDefinition>> parse_groups(std::string_view text) {
  return parse_with<std::vector<GroupDefinition>>(text, [](FieldReader& reader, const toml::table& file) {
    constexpr std::array<std::string_view, 1> keys{"groups"};
    reader.refuse_unknown(file, "", keys);
    return read_groups(reader, file);
  });
}

}  // namespace tagma::cluster_file
