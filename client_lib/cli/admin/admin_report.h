// What the admin service answers, read: proposals, and what they have made of the clients. Texts in, values out.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "client_lib/cli/program_name.h"
#include "tagma/identifiers.h"
#include "tagma/operation.h"
#include "tagma/result.h"

namespace tagma::cli {

struct ProposalReport {
  std::uint64_t number = 0;
  std::string state;  ///< "open", "applied", "refused", "withdrawn"
  AdminId proposer = 0;
  std::vector<AdminId> approved;
  std::uint64_t needed = 0;
  Words change;
  std::string why;  ///< of one that was refused
};
/// The answer to `propose`, `approve`, `withdraw`, `show`.
[[nodiscard]] Result<ProposalReport> read_proposal(std::string_view text);
[[nodiscard]] nlohmann::json to_json(const ProposalReport& proposal);
/// What it is, and for an open one what to type to approve it. `directory_argument` is that of the commands shown.
[[nodiscard]] std::string proposal_text(const ProposalReport& proposal, const ProgramName& program,
                                        std::string_view directory_argument);

/// The answer to `list`: open ones first, the newest of them first. Long changes end in "...".
struct ProposalList {
  std::vector<ProposalReport> proposals;
  std::uint64_t left_out = 0;
};
[[nodiscard]] Result<ProposalList> read_proposals(std::string_view text);
[[nodiscard]] nlohmann::json to_json(const ProposalList& list);
[[nodiscard]] std::string proposals_table(const ProposalList& list);

/// One line of `clients`: a client that was added or removed, or whose permission is its own.
struct ClientReport {
  ClientId client = 0;
  std::string what;    ///< "added", "removed", "may call"
  std::string detail;  ///< the key, or the services
};
struct ClientList {
  std::vector<ClientReport> clients;
  std::uint64_t left_out = 0;
};
[[nodiscard]] Result<ClientList> read_clients(std::string_view text);
[[nodiscard]] nlohmann::json to_json(const ClientList& list);
[[nodiscard]] std::string clients_table(const ClientList& list);

/// A change in one line, as it can be typed behind `tagma admin propose` where its words are plain text.
[[nodiscard]] std::string change_text(const Words& change);

}  // namespace tagma::cli
