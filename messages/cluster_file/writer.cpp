#include <cerrno>
#include <sstream>
#include <system_error>

#include "messages/cluster_file/atomic_file.h"
#include "messages/cluster_file/rules.h"

namespace tagma {
namespace cluster_file {
namespace {

std::string quoted(std::string_view text) {
  std::string written = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') written.push_back('\\');
    written.push_back(letter);
  }
  return written + "\"";
}

void render_group(std::ostream& out, const GroupDefinition& group) {
  out << "\n[[groups]]\nname = " << quoted(group.name) << "\nrule = " << quoted(to_string(group.rule))
      << "\nvalue = " << quoted(to_string(group.value)) << "\nmembers = [";
  for (std::size_t at = 0; at < group.members.size(); ++at) out << (at == 0 ? "" : ", ") << group.members[at];
  out << "]\nfaulty_max = " << group.faulty_max << "\n";
  if (group.deadline_us > 0) out << "deadline_ms = " << group.deadline_us / 1'000 << "\n";
  if (group.width_of_correct) out << "width = \"correct\"\n";
  if (!group.width_max.empty()) out << "width_max = " << quoted(group.width_max) << "\n";
  if (group.unconditional_only) out << "grade = \"unconditional\"\n";
  if (group.components > 0) out << "components = " << group.components << "\n";
  out << "rounds_max = " << group.rounds_max << "\n";
  if (group.operation.empty()) return;
  out << "operation = [";
  for (std::size_t at = 0; at < group.operation.size(); ++at) {
    out << (at == 0 ? "" : ", ") << quoted(group.operation[at]);
  }
  out << "]\n";
}

template <typename Member>
void render_members(std::ostream& out, std::string_view list, const std::vector<Member>& members) {
  for (const auto& member : members) {
    out << "\n[[" << list << "]]\nid = " << member.id << "\nkey = " << quoted(public_key_text(member.key)) << "\n";
  }
}

Refused cannot_write(const std::string& path, int error) {
  return in_one_line(path, std::string("cannot be written (") + std::generic_category().message(error) +
                               "); check the folder and its rights");
}

}  // namespace

std::string render(const ClusterFile& file) {
  const auto& membership = file.membership;
  std::ostringstream out;
  out << "# The public description of one tagma cluster: addresses, public keys and limits; no secrets.\n"
         "# All replicas of the cluster must have exactly this file; clients use it to find and to know the replicas.\n"
      << "format = " << format_version << "\ncluster = " << quoted(to_hex(membership.cluster.view()))
      << "\nepoch = " << membership.epoch << "\nfaults = " << membership.faults
      << "\ndurability = " << quoted(to_string(file.durability)) << "\nservices = [";
  for (std::size_t at = 0; at < file.services.size(); ++at) out << (at == 0 ? "" : ", ") << quoted(file.services[at]);
  out << "]\n";
  if (file.genesis_slot > 0) {
    out << "genesis_slot = " << file.genesis_slot << "\ngenesis_root = " << quoted(to_hex(file.genesis_root.view()))
        << "\n";
  }
  out << "\n[limits]\ncheckpoint_interval = " << file.checkpoint_interval << "\nwindow = " << file.window
      << "\nsessions_per_client_max = " << file.sessions_per_client_max
      << "\nclock_window_ms = " << file.clock_window_ms << "\n";
  for (const auto& replica : membership.replicas) {
    out << "\n[[replicas]]\nid = " << replica.id << "\nincarnation = " << replica.incarnation
        << "\nkey = " << quoted(public_key_text(replica.key))
        << "\nreplica_address = " << quoted(replica.replica_address)
        << "\nclient_address = " << quoted(replica.client_address) << "\n";
  }
  render_members(out, "clients", membership.clients);
  render_members(out, "admins", membership.admins);
  for (const auto& group : file.groups) render_group(out, group);
  return out.str();
}

}  // namespace cluster_file

std::optional<Refused> write_cluster_file(const std::string& path, const ClusterFile& file) {
  if (auto problem = cluster_file::first_problem(file)) return cluster_file::in_one_line(path, *problem);
  const auto text = cluster_file::render(file);
  if (text.size() > cluster_file::file_bytes_max)
    return cluster_file::in_one_line(path, "the file would have more than 4 MiB; use fewer clients");
  // What we could not read again (a path that is not UTF-8, for one) must not reach the disk.
  if (const auto again = cluster_file::parse(text); !again) return cluster_file::in_one_line(path, again.reason());

  if (!cluster_file::write_atomically(path, text)) return cluster_file::cannot_write(path, errno);
  return std::nullopt;
}

}  // namespace tagma
