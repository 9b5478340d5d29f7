#include "client_lib/cli/admin/admin_report.h"

#include <nlohmann/json.hpp>

#include "client_lib/cli/answer_text.h"
#include "client_lib/cli/text_format.h"
#include "replica/service/text.h"

namespace tagma::cli {
namespace {

constexpr std::string_view left_out_mark = "left out";

std::string left_out_line(std::uint64_t left_out) {
  return left_out == 0 ? "" : "and " + std::to_string(left_out) + " more, for which a reply has no room\n";
}

Refused not_an_answer(std::string_view line) {
  return Refused{"this is no answer of the admin service: \"" + std::string(line.substr(0, 80)) +
                 "\"; do the replicas have another version than this program?"};
}

/// A faulty administrator's words must not look like other ones, or like lines of ours: letters beyond ASCII can.
std::string in_one_line(ByteView word) {
  constexpr std::string_view digits = "0123456789abcdef";
  Bytes escaped;
  append_escaped(escaped, word);
  std::string text;
  for (const char letter : escaped) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x80) {
      text.push_back(letter);
    } else {
      text += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xfU]};
    }
  }
  return text;
}

std::optional<Words> words_in(const std::vector<std::string>& parts, std::size_t from) {
  Words words;
  for (std::size_t at = from; at < parts.size(); ++at) {
    auto word = unescaped(parts[at]);
    if (!word) return std::nullopt;
    words.push_back(*std::move(word));
  }
  return words;
}

/// Takes one line over. False: it is none of a proposal.
bool take_field(ProposalReport& proposal, const std::vector<std::string>& parts) {
  const auto& name = parts.front();
  if (parts.size() < 2) return false;
  if (name == "change") {
    auto words = words_in(parts, 1);
    if (words) proposal.change = *std::move(words);
    return words.has_value();
  }
  const auto& value = parts[1];
  if (name == "state") proposal.state = value;
  if (name == "why") proposal.why = unescaped(value).value_or("");
  if (name == "approved") {
    const auto approved = value.empty() ? std::vector<AdminId>() : numbers_of(value);
    if (approved) proposal.approved = *approved;
    return approved.has_value();
  }
  const auto number = number_of<std::uint64_t>(value);
  if (name == "proposal") proposal.number = number.value_or(0);
  if (name == "proposer") proposal.proposer = static_cast<AdminId>(number.value_or(0));
  if (name == "needed") proposal.needed = number.value_or(0);
  return true;  // a later version may say more
}

}  // namespace

Result<ProposalReport> read_proposal(std::string_view text) {
  ProposalReport proposal;
  for (const auto& line : parts_of(text, '\n')) {
    if (!take_field(proposal, parts_of(line, '\t'))) return not_an_answer(line);
  }
  if (proposal.number == 0 || proposal.state.empty() || proposal.change.empty()) return not_an_answer(text);
  return proposal;
}

nlohmann::json to_json(const ProposalReport& proposal) {
  nlohmann::json json = {{"proposal", proposal.number},
                         {"state", proposal.state},
                         {"proposer", proposal.proposer},
                         {"approved", proposal.approved},
                         {"needed", proposal.needed},
                         {"change", proposal.change},
                         {"why", nullptr}};
  if (!proposal.why.empty()) json["why"] = proposal.why;
  return json;
}

std::string change_text(const Words& change) {
  std::string text;
  for (const auto& word : change) text += (text.empty() ? "" : " ") + shell_word(in_one_line(word));
  return text;
}

std::string proposal_text(const ProposalReport& proposal, const ProgramName& program,
                          std::string_view directory_argument) {
  const std::string number = std::to_string(proposal.number);
  std::string text = "proposal " + number + " is " + proposal.state + ": " + change_text(proposal.change) + "\n";
  if (!proposal.why.empty()) text += "refused because " + in_one_line(proposal.why) + "\n";
  text += "wanted by " + std::to_string(proposal.approved.size()) + " of the " + std::to_string(proposal.needed) +
          " administrators that it takes" + (proposal.approved.empty() ? "" : ": " + joined(proposal.approved)) + "\n";
  if (proposal.state == "open") {
    text += "another administrator approves it with: " + program.word + " admin" + std::string(directory_argument) +
            " approve " + number + " --admin N\n";
  }
  return text;
}

Result<ProposalList> read_proposals(std::string_view text) {
  ProposalList proposals;
  if (text.empty()) return proposals;
  for (const auto& line : parts_of(text, '\n')) {
    const auto parts = parts_of(line, '\t');
    if (parts.front() == left_out_mark && parts.size() == 2) {
      proposals.left_out = number_of<std::uint64_t>(parts[1]).value_or(0);
      continue;
    }
    if (parts.size() < 6) return not_an_answer(line);
    const auto number = number_of<std::uint64_t>(parts[0]);
    const auto proposer = number_of<AdminId>(parts[2]);
    const auto approved = parts[3].empty() ? std::vector<AdminId>() : numbers_of(parts[3]);
    const auto needed = number_of<std::uint64_t>(parts[4]);
    auto change = words_in(parts, 5);
    if (!number || !proposer || !approved || !needed || !change) return not_an_answer(line);
    proposals.proposals.push_back({*number, parts[1], *proposer, *approved, *needed, *std::move(change), ""});
  }
  return proposals;
}

nlohmann::json to_json(const ProposalList& list) {
  nlohmann::json json = {{"proposals", nlohmann::json::array()}, {"left_out", list.left_out}};
  for (const auto& proposal : list.proposals) {
    json["proposals"].push_back(to_json(proposal));
    json["proposals"].back().erase("why");
  }
  return json;
}

std::string proposals_table(const ProposalList& list) {
  if (list.proposals.empty()) return "there are no proposals\n";
  std::vector<std::vector<std::string>> rows{{"proposal", "state", "wanted by", "needed", "change"}};
  for (const auto& proposal : list.proposals) {
    rows.push_back({std::to_string(proposal.number), proposal.state, joined(proposal.approved),
                    std::to_string(proposal.needed), change_text(proposal.change)});
  }
  return table_of(rows) + left_out_line(list.left_out);
}

Result<ClientList> read_clients(std::string_view text) {
  ClientList clients;
  if (text.empty()) return clients;
  for (const auto& line : parts_of(text, '\n')) {
    const auto parts = parts_of(line, '\t');
    if (parts.front() == left_out_mark && parts.size() == 2) {
      clients.left_out = number_of<std::uint64_t>(parts[1]).value_or(0);
      continue;
    }
    const auto client = number_of<ClientId>(parts.front());
    if (parts.size() != 3 || !client) return not_an_answer(line);
    clients.clients.push_back({*client, parts[1], parts[2]});
  }
  return clients;
}

nlohmann::json to_json(const ClientList& list) {
  nlohmann::json json = {{"left_out", list.left_out},
                         {"added", nlohmann::json::array()},
                         {"removed", nlohmann::json::array()},
                         {"permissions", nlohmann::json::array()}};
  for (const auto& client : list.clients) {
    if (client.what == "may call") {
      const auto services = client.detail.empty() ? std::vector<std::string>() : parts_of(client.detail, ' ');
      json["permissions"].push_back({{"client", client.client}, {"services", services}});
    } else {
      json[client.what].push_back({{"client", client.client}, {"key", client.detail}});
    }
  }
  return json;
}

std::string clients_table(const ClientList& list) {
  if (list.clients.empty()) return "all clients are those of the cluster file, and may call every service\n";
  std::vector<std::vector<std::string>> rows{{"client", "", ""}};
  for (const auto& client : list.clients) {
    rows.push_back({std::to_string(client.client), client.what, client.detail.empty() ? "nothing" : client.detail});
  }
  return table_of(rows) + left_out_line(list.left_out);
}

}  // namespace tagma::cli
