// One well-formed value of every message type, the same in every run.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "messages/messages.h"

namespace tagma::samples {

/// 32 bytes: first, first+1, ...
[[nodiscard]] Digest digest(std::uint8_t first);
[[nodiscard]] Bundle bundle();
[[nodiscard]] SignedBundle signed_bundle();
/// Signs nothing: `content` with its exact body and a made-up signature.
[[nodiscard]] SignedBundle signed_bundle_of(const Bundle& content);
[[nodiscard]] SharedBatch batch();
[[nodiscard]] Rejoin rejoin();
[[nodiscard]] SharedBatch batch_with_rejoin();
[[nodiscard]] CheckpointStatement statement(ReplicaId replica);
[[nodiscard]] CheckpointVote vote(ReplicaId replica);
[[nodiscard]] CheckpointVote vote_of(const CheckpointStatement& content);
[[nodiscard]] CheckpointCertificate certificate();
[[nodiscard]] ViewChangeStatement view_change_statement(ReplicaId replica);
[[nodiscard]] ViewChange view_change(ReplicaId replica);
/// Signs nothing: `content` with its exact body and a made-up signature.
[[nodiscard]] ViewChange view_change_of(const ViewChangeStatement& content);
[[nodiscard]] NewView new_view();
[[nodiscard]] NewView new_view_of(const NewViewStatement& content);
[[nodiscard]] Status status();
[[nodiscard]] Replies replies();
[[nodiscard]] Report report();
[[nodiscard]] History history();
[[nodiscard]] StateNodes state_nodes();

/// Every message type, by the name of its golden vector.
[[nodiscard]] std::vector<std::pair<std::string, Message>> messages();

/// Whether two messages say the same, in the values that shared pointers point to as well.
[[nodiscard]] bool same(const Message& left, const Message& right);

}  // namespace tagma::samples
