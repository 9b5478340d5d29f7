// Administration as replicated state: what administrators have proposed, who wants it too, and what of it holds. A
// change takes effect with the vote that makes more than half of the administrators want the same one, so that one
// liar among three changes nothing (Schneider 1990, section 5.1: the exact rule).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/layered_state.h"
#include "replica/core/config.h"
#include "replica/core/group_table.h"
#include "replica/service/admin_rules.h"

namespace tagma {

/// Deterministic; judged at execution only.
///
/// Why a client's key may be looked up while a batch is checked, before execution: a number is given to one key once
/// and for ever, here and in the cluster file, so that replicas whose states differ in age can differ in whether they
/// know a client, never in which key is its own. One that does not know it yet waits (normal_case.cpp). Removal is
/// judged at execution, where all are of one age.
class AdminTable {
 public:
  /// All outlive this object.
  AdminTable(LayeredState& state, const CoreConfig& config, GroupTable& groups);

  /// The state is another one now.
  void restart();

  /// The key of whoever signs requests under this number, one that was removed included; null if nobody does.
  [[nodiscard]] const PublicKey* find_key(ClientId requester) const;
  [[nodiscard]] bool is_removed(ClientId requester) const;
  /// Why this requester may not call this service; nothing if it may.
  [[nodiscard]] std::optional<std::string> refusal(ClientId requester, ByteView service) const;

  /// An operation of the admin service: `propose`, `approve`, `withdraw`, `show`, `list`, `clients`.
  [[nodiscard]] ServiceReply execute(AdminId administrator, ByteView payload);

  /// A client that is not in the cluster file, or not any more.
  struct ClientEntry {
    PublicKey key;
    bool removed = false;
  };
  [[nodiscard]] const std::map<ClientId, ClientEntry>& clients() const { return clients_; }
  /// Rises with every change of clients(); of this process alone.
  [[nodiscard]] std::uint64_t client_changes() const { return client_changes_; }

  /// Proposals that one administrator may have open; those that are over and still shown, of those that came to
  /// something and of those that were taken back.
  static constexpr std::size_t open_max = 8;
  static constexpr std::size_t over_max = 64;
  static constexpr std::size_t added_clients_max = 4096;
  static constexpr std::size_t permissions_max = 8192;

 private:
  enum class Stage : std::uint8_t { open, applied, refused, withdrawn };
  /// Invariant: `approved` rises, and holds somebody while it is open.
  struct Proposal {
    std::uint64_t number = 0;
    AdminId proposer = 0;
    Stage stage = Stage::open;
    std::vector<AdminId> approved;
    Words change;             ///< as words_of() writes it
    std::string why;          ///< of one that was refused
    std::uint64_t ended = 0;  ///< when it was over, among all that have been
  };

  [[nodiscard]] static std::string_view to_string(Stage stage);
  [[nodiscard]] static Bytes encode(const Proposal& proposal);
  [[nodiscard]] static std::optional<Proposal> decode(ByteView bytes);
  void store(const Proposal& proposal);

  [[nodiscard]] ServiceReply propose(AdminId administrator, const Words& words);
  [[nodiscard]] ServiceReply approve(AdminId administrator, Proposal& proposal);
  [[nodiscard]] ServiceReply withdraw(AdminId administrator, Proposal& proposal);
  [[nodiscard]] ServiceReply list() const;
  [[nodiscard]] ServiceReply list_clients() const;
  [[nodiscard]] ServiceReply describe(const Proposal& proposal) const;
  [[nodiscard]] Proposal* find(ByteView number);
  [[nodiscard]] bool enough(const Proposal& proposal) const;
  void end(Proposal& proposal, Stage stage);
  [[nodiscard]] bool hand_on(AdminId from, Proposal& proposal);
  [[nodiscard]] std::size_t open_of(AdminId administrator) const;
  void forget_old();
  void store_counts();

  /// Why the change cannot be made as things stand; nothing if it can.
  [[nodiscard]] std::optional<std::string> fault_of(const AdminChange& change) const;
  [[nodiscard]] std::optional<std::string> fault_of(const SetGroup& set) const;
  [[nodiscard]] std::optional<std::string> fault_of(const RemoveGroup& remove) const;
  [[nodiscard]] std::optional<std::string> fault_of(const AddClient& add) const;
  [[nodiscard]] std::optional<std::string> fault_of(const RemoveClient& remove) const;
  [[nodiscard]] std::optional<std::string> fault_of(const SetPermission& permission) const;
  void apply(const AdminChange& change);
  void set_client(ClientId id, const ClientEntry& entry);
  void set_permission(const SetPermission& permission);

  LayeredState& state_;
  const CoreConfig& config_;
  GroupTable& groups_;
  // What the state says.
  std::uint64_t next_ = 1;   ///< the number that the next proposal gets
  std::uint64_t ended_ = 0;  ///< proposals that are over
  std::map<std::uint64_t, Proposal> proposals_;
  std::map<ClientId, ClientEntry> clients_;
  std::map<ClientId, std::vector<std::string>> permissions_;
  std::uint64_t client_changes_ = 0;
};

namespace state_key {
/// How many proposals there have been, and how many are over.
[[nodiscard]] Bytes admin();
[[nodiscard]] Bytes admin_proposal(std::uint64_t number);
[[nodiscard]] Bytes admin_client(ClientId client);
[[nodiscard]] Bytes admin_permission(ClientId client);
}  // namespace state_key

}  // namespace tagma
