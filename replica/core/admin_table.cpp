#include "replica/core/admin_table.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/state_key.h"
#include "replica/core/group_codec.h"
#include "replica/core/session_table.h"
#include "replica/service/text.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

constexpr ByteView usage = "admin propose CHANGE... | approve N | withdraw N | show N | list | clients";

ServiceReply refuse(std::string why) {
  return {ReplyStatus::refused, Bytes(ByteView(why).substr(0, limits::text_bytes_max))};
}

std::string client_text(ClientId id) { return "client " + std::to_string(id); }

void append_change(Bytes& text, const Words& words, char between) {
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (at > 0) text.push_back(between);
    append_escaped(text, words[at]);
  }
}

std::string listed(const std::vector<AdminId>& ids) {
  std::string text;
  for (const auto id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

}  // namespace

AdminTable::AdminTable(LayeredState& state, const CoreConfig& config, GroupTable& groups)
    : state_(state), config_(config), groups_(groups) {
  restart();
}

void AdminTable::restart() {
  const auto counts = state_.get(state_key::admin());
  const bool counted = counts && counts->size() == 2 * sizeof(std::uint64_t);
  next_ = counted ? read_big_endian(ByteView(*counts).substr(0, sizeof next_)) : 1;
  ended_ = counted ? read_big_endian(ByteView(*counts).substr(sizeof next_)) : 0;
  const auto scan = [this](char prefix, auto take) {
    const Bytes from(1, prefix);
    const Bytes to(1, static_cast<char>(prefix + 1));
    state_.scan(from, to, [&](ByteView key, ByteView value) {
      take(read_big_endian(key.substr(1)), value);
      return true;
    });
  };
  proposals_.clear();
  clients_.clear();
  permissions_.clear();
  scan(state_key::admin_proposal_prefix, [this](std::uint64_t number, ByteView value) {
    if (auto proposal = decode(value)) proposals_[number] = *std::move(proposal);
  });
  scan(state_key::admin_client_prefix, [this](std::uint64_t id, ByteView value) {
    TAGMA_ASSERT(value.size() > 2, "a client's record has its own layout");
    if (value.size() <= 2) return;  // a mutant's state
    clients_[static_cast<ClientId>(id)] = {
        .key = {.algorithm = static_cast<KeyAlgorithm>(value[1]), .bytes = Bytes(value.substr(2))},
        .removed = value[0] != 0};
  });
  scan(state_key::admin_permission_prefix, [this](std::uint64_t id, ByteView value) {
    const auto services = decode_words(value);
    TAGMA_ASSERT(services.ok(), "a permission's record has its own layout");
    if (services.ok()) permissions_[static_cast<ClientId>(id)] = *services;
  });
  ++client_changes_;
}

// ---------------------------------------------------------------------------------------------------------------------
// Requesters

const PublicKey* AdminTable::find_key(ClientId requester) const {
  const auto principal = principal_of(requester);
  if (const auto* const key = config_.membership.find_key(principal)) return key;
  const auto found = clients_.find(requester);
  return found == clients_.end() ? nullptr : &found->second.key;
}

bool AdminTable::is_removed(ClientId requester) const {
  const auto found = clients_.find(requester);
  return found != clients_.end() && found->second.removed;
}

std::optional<std::string> AdminTable::refusal(ClientId requester, ByteView service) const {
  const bool administers = principal_of(requester).kind == PrincipalKind::admin;
  if (administers != (service == admin_service)) {
    return administers ? "administrators call no service but admin" : "only administrators call admin";
  }
  if (mutant(Mutant::permission_not_looked_at)) return std::nullopt;
  if (is_removed(requester)) return client_text(requester) + " has been removed";
  const auto permission = permissions_.find(requester);
  if (permission == permissions_.end()) return std::nullopt;
  const auto& services = permission->second;
  if (std::binary_search(services.begin(), services.end(), service)) return std::nullopt;
  return client_text(requester) + " may not call " + Bytes(quoted(service.substr(0, 64)));
}

// ---------------------------------------------------------------------------------------------------------------------
// Operations

ServiceReply AdminTable::execute(AdminId administrator, ByteView payload) {
  const auto words = decode_words(payload);
  if (!words.ok()) return refuse(words.reason() + "; usage: " + std::string(usage));
  const ByteView verb = words->empty() ? ByteView() : ByteView(words->front());
  if (verb == "propose") return propose(administrator, Words(words->begin() + 1, words->end()));
  if (verb == "list" && words->size() == 1) return list();
  if (verb == "clients" && words->size() == 1) return list_clients();
  if (words->size() != 2 || (verb != "approve" && verb != "withdraw" && verb != "show")) {
    return refuse("usage: " + std::string(usage));
  }
  auto* const proposal = find((*words)[1]);
  if (proposal == nullptr) return refuse("no proposal " + Bytes(quoted((*words)[1])) + " is kept");
  if (verb == "show") return describe(*proposal);
  if (proposal->stage != Stage::open) {
    return refuse("proposal " + std::to_string(proposal->number) +
                  " is over: " + std::string(to_string(proposal->stage)));
  }
  return verb == "approve" ? approve(administrator, *proposal) : withdraw(administrator, *proposal);
}

ServiceReply AdminTable::propose(AdminId administrator, const Words& words) {
  const auto change = read_admin_change(words);
  if (!change.ok()) return refuse(change.reason());
  const auto written = words_of(*change);
  for (auto& [number, proposal] : proposals_) {
    if (proposal.stage == Stage::open && proposal.change == written) return approve(administrator, proposal);
  }
  if (const auto fault = fault_of(*change)) return refuse(*fault);
  if (open_of(administrator) >= open_max) {
    return refuse("administrator " + std::to_string(administrator) + " has " + std::to_string(open_max) +
                  " open proposals; withdraw one first");
  }
  Proposal made{
      .number = next_++, .proposer = administrator, .stage = Stage::open, .approved = {}, .change = written, .why = {}};
  store_counts();
  return approve(administrator, proposals_[made.number] = std::move(made));
}

ServiceReply AdminTable::approve(AdminId administrator, Proposal& proposal) {
  auto& approved = proposal.approved;
  const auto place = std::lower_bound(approved.begin(), approved.end(), administrator);
  const bool again = place != approved.end() && *place == administrator;
  if (!again || mutant(Mutant::approval_counted_twice)) approved.insert(place, administrator);
  if (enough(proposal)) {
    const auto change = read_admin_change(proposal.change);
    // Much may have changed since it was proposed.
    const auto fault = change.ok() ? fault_of(*change) : std::optional(change.reason());
    if (fault) {
      proposal.why = *fault;
    } else {
      apply(*change);
    }
    end(proposal, fault ? Stage::refused : Stage::applied);
  }
  store(proposal);
  auto reply = describe(proposal);
  forget_old();
  return reply;
}

ServiceReply AdminTable::withdraw(AdminId administrator, Proposal& proposal) {
  auto& approved = proposal.approved;
  const auto place = std::lower_bound(approved.begin(), approved.end(), administrator);
  if (place == approved.end() || *place != administrator) {
    return refuse("administrator " + std::to_string(administrator) + " has not approved proposal " +
                  std::to_string(proposal.number));
  }
  approved.erase(place);
  if (!hand_on(administrator, proposal)) end(proposal, Stage::withdrawn);
  store(proposal);
  auto reply = describe(proposal);
  forget_old();
  return reply;
}

bool AdminTable::enough(const Proposal& proposal) const {
  const auto administrators = config_.membership.admins.size();
  return proposal.approved.size() >= (mutant(Mutant::one_administrator_enough) ? 1 : admin_quorum(administrators));
}

void AdminTable::end(Proposal& proposal, Stage stage) {
  proposal.stage = stage;
  proposal.ended = ++ended_;
  store_counts();
}

/// Somebody who still wants it stands for it from now on, where that does not give anybody more than may be open: else
/// two could take turns and leave ever more behind. False: nobody does.
bool AdminTable::hand_on(AdminId from, Proposal& proposal) {
  if (proposal.proposer != from) return !proposal.approved.empty();
  for (const auto id : proposal.approved) {
    if (open_of(id) >= open_max) continue;
    proposal.proposer = id;
    return true;
  }
  return false;
}

std::size_t AdminTable::open_of(AdminId administrator) const {
  return static_cast<std::size_t>(std::count_if(proposals_.begin(), proposals_.end(), [&](const auto& each) {
    return each.second.stage == Stage::open && each.second.proposer == administrator;
  }));
}

/// Of those that are over the last to end stay; those that were taken back do not displace those that came to
/// something.
void AdminTable::forget_old() {
  for (const bool taken_back : {false, true}) {
    std::size_t over = 0;
    const Proposal* oldest = nullptr;
    for (const auto& [number, proposal] : proposals_) {
      if (proposal.stage == Stage::open || (proposal.stage == Stage::withdrawn) != taken_back) continue;
      ++over;
      if (oldest == nullptr || proposal.ended < oldest->ended) oldest = &proposal;
    }
    if (over <= over_max) continue;  // one ends at a time
    state_.erase(state_key::admin_proposal(oldest->number));
    proposals_.erase(oldest->number);
  }
}

void AdminTable::store_counts() {
  Bytes counts;
  append_big_endian(counts, next_, sizeof next_);
  append_big_endian(counts, ended_, sizeof ended_);
  state_.put(state_key::admin(), counts);
}

AdminTable::Proposal* AdminTable::find(ByteView number) {
  const auto wanted = parse_number(number, next_);
  const auto found = proposals_.find(wanted.value_or(0));
  return found == proposals_.end() ? nullptr : &found->second;
}

ServiceReply AdminTable::describe(const Proposal& proposal) const {
  Bytes text = "proposal\t" + std::to_string(proposal.number) + "\nstate\t" + std::string(to_string(proposal.stage)) +
               "\nproposer\t" + std::to_string(proposal.proposer) + "\napproved\t" + listed(proposal.approved) +
               "\nneeded\t" + std::to_string(admin_quorum(config_.membership.admins.size())) + "\nchange\t";
  append_change(text, proposal.change, '\t');
  if (!proposal.why.empty()) {
    text += "\nwhy\t";
    append_escaped(text, proposal.why);
  }
  return {ReplyStatus::ok, std::move(text)};
}

namespace {

/// Lines as far as a reply has room; what has none is counted in a last line.
class Lines {
 public:
  void add(const Bytes& line) {
    constexpr std::size_t last_line_bytes = 64;
    if (left_out_ > 0 || text_.size() + line.size() + last_line_bytes > limits::reply_bytes_max) {
      ++left_out_;
      return;
    }
    if (!text_.empty()) text_.push_back('\n');
    text_ += line;
  }
  [[nodiscard]] ServiceReply reply() {
    if (left_out_ > 0) text_ += "\nleft out\t" + std::to_string(left_out_);
    return {ReplyStatus::ok, std::move(text_)};
  }

 private:
  Bytes text_;
  std::size_t left_out_ = 0;
};

/// A change as far as a line has room; `show` has all of it.
Words shortened(const Words& change) {
  constexpr std::size_t line_bytes_max = 512;
  std::size_t bytes = 0;
  Words kept;
  for (const auto& word : change) {
    bytes += escaped_size(word);
    kept.push_back(bytes > line_bytes_max ? Bytes("...") : word);
    if (bytes > line_bytes_max) break;
  }
  return kept;
}

}  // namespace

ServiceReply AdminTable::list() const {
  Lines lines;
  // Open ones first, and the newest of them.
  for (const bool open : {true, false}) {
    for (auto each = proposals_.rbegin(); each != proposals_.rend(); ++each) {
      const auto& proposal = each->second;
      if ((proposal.stage == Stage::open) != open) continue;
      Bytes line = std::to_string(proposal.number) + "\t" + std::string(to_string(proposal.stage)) + "\t" +
                   std::to_string(proposal.proposer) + "\t" + listed(proposal.approved) + "\t" +
                   std::to_string(admin_quorum(config_.membership.admins.size())) + "\t";
      append_change(line, shortened(proposal.change), '\t');
      lines.add(line);
    }
  }
  return lines.reply();
}

ServiceReply AdminTable::list_clients() const {
  Lines lines;
  for (const auto& [id, services] : permissions_) {
    Bytes line = std::to_string(id) + "\tmay call\t";
    append_change(line, services, ' ');
    lines.add(line);
  }
  for (const auto& [id, entry] : clients_) {
    lines.add(std::to_string(id) + "\t" + (entry.removed ? "removed" : "added") + "\t" + public_key_text(entry.key));
  }
  return lines.reply();
}

// ---------------------------------------------------------------------------------------------------------------------
// Changes

std::optional<std::string> AdminTable::fault_of(const AdminChange& change) const {
  return std::visit([this](const auto& each) { return fault_of(each); }, change);
}

std::optional<std::string> AdminTable::fault_of(const SetGroup& set) const {
  for (const auto member : set.definition.members) {
    if (find_key(member) == nullptr || is_removed(member)) return "members: there is no " + client_text(member);
  }
  const GroupTiming timing{.faults = config_.membership.faults, .clock_window_us = config_.clock_window_us};
  if (auto fault = group_timing_fault(set.definition, timing)) return fault;
  return groups_.fault_of_setting(set.definition);
}

std::optional<std::string> AdminTable::fault_of(const RemoveGroup& remove) const {
  if (groups_.has(remove.name)) return std::nullopt;
  return "there is no group " + remove.name;
}

std::optional<std::string> AdminTable::fault_of(const AddClient& add) const {
  if (is_removed(add.id)) return client_text(add.id) + " has been removed, and a number is given once";
  if (find_key(add.id) != nullptr) return "there is a " + client_text(add.id) + " already";
  if (clients_.size() >= added_clients_max) return "4096 clients have been added or removed, no more fit";
  const auto taken = [&add](const auto& member) { return member.key == add.key; };
  const auto& membership = config_.membership;
  const bool known =
      std::any_of(membership.replicas.begin(), membership.replicas.end(), taken) ||
      std::any_of(membership.clients.begin(), membership.clients.end(), taken) ||
      std::any_of(membership.admins.begin(), membership.admins.end(), taken) ||
      std::any_of(clients_.begin(), clients_.end(), [&add](const auto& each) { return each.second.key == add.key; });
  if (known) return "that key is somebody's; everybody needs a key of their own";
  return std::nullopt;
}

std::optional<std::string> AdminTable::fault_of(const RemoveClient& remove) const {
  if (find_key(remove.id) == nullptr || is_removed(remove.id)) return "there is no " + client_text(remove.id);
  if (clients_.size() >= added_clients_max && !clients_.contains(remove.id)) {
    return "4096 clients have been added or removed, no more fit";
  }
  if (const auto group = groups_.group_of(remove.id)) {
    return client_text(remove.id) + " is a member of the group " + *group + "; change or remove that first";
  }
  return std::nullopt;
}

std::optional<std::string> AdminTable::fault_of(const SetPermission& permission) const {
  if (permissions_.size() < permissions_max || permissions_.contains(permission.client)) return std::nullopt;
  return "8192 clients have permissions of their own, no more fit";
}

void AdminTable::apply(const AdminChange& change) {
  if (const auto* set = std::get_if<SetGroup>(&change)) return groups_.set(set->definition);
  if (const auto* remove = std::get_if<RemoveGroup>(&change)) return groups_.remove(remove->name);
  if (const auto* add = std::get_if<AddClient>(&change)) return set_client(add->id, {.key = add->key});
  if (const auto* remove = std::get_if<RemoveClient>(&change)) {
    return set_client(remove->id, {.key = *find_key(remove->id), .removed = true});
  }
  set_permission(std::get<SetPermission>(change));
}

void AdminTable::set_client(ClientId id, const ClientEntry& entry) {
  Bytes record(1, entry.removed ? '\1' : '\0');
  record.push_back(static_cast<char>(entry.key.algorithm));
  record += entry.key.bytes;
  state_.put(state_key::admin_client(id), record);
  clients_[id] = entry;
  ++client_changes_;
}

void AdminTable::set_permission(const SetPermission& permission) {
  const auto key = state_key::admin_permission(permission.client);
  if (!permission.services) {
    state_.erase(key);
    permissions_.erase(permission.client);
    return;
  }
  state_.put(key, encode_words(*permission.services));
  permissions_[permission.client] = *permission.services;
}

// ---------------------------------------------------------------------------------------------------------------------
// Records

std::string_view AdminTable::to_string(Stage stage) {
  switch (stage) {
    case Stage::open: return "open";
    case Stage::applied: return "applied";
    case Stage::refused: return "refused";
    case Stage::withdrawn: return "withdrawn";
  }
  return "unknown";
}

Bytes AdminTable::encode(const Proposal& proposal) {
  Bytes bytes;
  append_big_endian(bytes, proposal.number, sizeof proposal.number);
  append_big_endian(bytes, proposal.proposer, sizeof(std::uint64_t));
  append_big_endian(bytes, static_cast<std::uint64_t>(proposal.stage), sizeof(std::uint64_t));
  append_big_endian(bytes, proposal.approved.size(), sizeof(std::uint64_t));
  for (const auto id : proposal.approved) append_big_endian(bytes, id, sizeof(std::uint64_t));
  append_big_endian(bytes, proposal.ended, sizeof proposal.ended);
  append_big_endian(bytes, proposal.why.size(), sizeof(std::uint64_t));
  return bytes + proposal.why + encode_words(proposal.change);
}

std::optional<AdminTable::Proposal> AdminTable::decode(ByteView bytes) {
  constexpr std::size_t number_bytes = sizeof(std::uint64_t);
  Proposal proposal;
  bool whole = bytes.size() >= 4 * number_bytes;
  if (whole) {
    proposal.number = take_number(bytes);
    proposal.proposer = static_cast<AdminId>(take_number(bytes));
    proposal.stage = static_cast<Stage>(take_number(bytes));
    for (auto left = take_number(bytes); left > 0 && bytes.size() >= number_bytes; --left) {
      proposal.approved.push_back(static_cast<AdminId>(take_number(bytes)));
    }
    whole = bytes.size() >= 2 * number_bytes;
  }
  if (whole) {
    proposal.ended = take_number(bytes);
    const auto why_bytes = take_number(bytes);
    whole = bytes.size() >= why_bytes;
    proposal.why = bytes.substr(0, why_bytes);
  }
  const auto change = decode_words(whole ? bytes.substr(proposal.why.size()) : ByteView());
  TAGMA_ASSERT(whole && change.ok(), "a proposal's record has its own layout");
  if (!whole || !change.ok()) return std::nullopt;  // a mutant's state
  proposal.change = *change;
  return proposal;
}

void AdminTable::store(const Proposal& proposal) {
  state_.put(state_key::admin_proposal(proposal.number), encode(proposal));
}

namespace state_key {

Bytes admin() { return Bytes(1, admin_prefix); }

Bytes admin_proposal(std::uint64_t number) {
  Bytes bytes(1, admin_proposal_prefix);
  append_big_endian(bytes, number, sizeof number);
  return bytes;
}

Bytes admin_client(ClientId client) {
  Bytes bytes(1, admin_client_prefix);
  append_big_endian(bytes, client, sizeof client);
  return bytes;
}

Bytes admin_permission(ClientId client) {
  Bytes bytes(1, admin_permission_prefix);
  append_big_endian(bytes, client, sizeof client);
  return bytes;
}

}  // namespace state_key

}  // namespace tagma
