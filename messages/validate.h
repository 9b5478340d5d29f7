// One stateless validator per message: nothing, or the first rule that the message breaks, in words. The codec calls
// them on everything that it decodes, so that no other room ever sees a malformed message. Rules that need keys,
// membership or protocol state are judged by the cores.
#pragma once

#include <optional>

#include "messages/messages.h"
#include "tagma/result.h"

namespace tagma {

[[nodiscard]] std::optional<Refused> validate(const Bundle& bundle);
[[nodiscard]] std::optional<Refused> validate(const SignedBundle& bundle);
[[nodiscard]] std::optional<Refused> validate(const Batch& batch);
[[nodiscard]] std::optional<Refused> validate(const Submit& message);
[[nodiscard]] std::optional<Refused> validate(const PrePrepare& message);
[[nodiscard]] std::optional<Refused> validate(const Prepare& message);
[[nodiscard]] std::optional<Refused> validate(const Commit& message);
[[nodiscard]] std::optional<Refused> validate(const CheckpointVote& message);
[[nodiscard]] std::optional<Refused> validate(const CheckpointCertificate& message);
[[nodiscard]] std::optional<Refused> validate(const Status& message);
[[nodiscard]] std::optional<Refused> validate(const Decided& message);
[[nodiscard]] std::optional<Refused> validate(const FetchBatch& message);
[[nodiscard]] std::optional<Refused> validate(const BatchBody& message);
[[nodiscard]] std::optional<Refused> validate(const Replies& message);
[[nodiscard]] std::optional<Refused> validate(const Refusal& message);
[[nodiscard]] std::optional<Refused> validate(const ReportQuery& message);
[[nodiscard]] std::optional<Refused> validate(const Report& message);
[[nodiscard]] std::optional<Refused> validate(const HistoryQuery& message);
[[nodiscard]] std::optional<Refused> validate(const History& message);
[[nodiscard]] std::optional<Refused> validate(const StateNodesQuery& message);
[[nodiscard]] std::optional<Refused> validate(const StateNodes& message);
[[nodiscard]] std::optional<Refused> validate(const StateKeysQuery& message);
[[nodiscard]] std::optional<Refused> validate(const StateKeys& message);
[[nodiscard]] std::optional<Refused> validate(const StateValuesQuery& message);
[[nodiscard]] std::optional<Refused> validate(const StateValues& message);
[[nodiscard]] std::optional<Refused> validate(const StateLeaseQuery& message);
[[nodiscard]] std::optional<Refused> validate(const StateLease& message);
[[nodiscard]] std::optional<Refused> validate(const StatePartsQuery& message);
[[nodiscard]] std::optional<Refused> validate(const StateParts& message);
[[nodiscard]] std::optional<Refused> validate(const Rejoin& message);
[[nodiscard]] std::optional<Refused> validate(const ViewChange& message);
[[nodiscard]] std::optional<Refused> validate(const NewView& message);
[[nodiscard]] std::optional<Refused> validate(const FetchNewView& message);
[[nodiscard]] std::optional<Refused> validate(const Message& message);

/// Whether a principal of this kind may send this message at all, to a replica or (replies) to a client.
[[nodiscard]] bool may_send(PrincipalKind sender, const Message& message);

}  // namespace tagma
