#include "messages/messages.h"

#include <array>

namespace tagma {

std::string_view to_string(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::busy: return "busy";
    case RefusalReason::unknown_client: return "unknown client";
    case RefusalReason::bad_signature: return "bad signature";
    case RefusalReason::wrong_epoch: return "wrong epoch";
    case RefusalReason::outside_window: return "outside the session window";
    case RefusalReason::too_many_sessions: return "too many sessions";
    case RefusalReason::not_serving: return "not serving";
  }
  return "unknown reason";
}

std::string_view name_of(const Message& message) {
  static constexpr std::array<std::string_view, std::variant_size_v<Message>> names{"SUBMIT",
                                                                                    "PRE-PREPARE",
                                                                                    "PREPARE",
                                                                                    "COMMIT",
                                                                                    "CHECKPOINT",
                                                                                    "CERTIFICATE",
                                                                                    "STATUS",
                                                                                    "DECIDED",
                                                                                    "FETCH-BATCH",
                                                                                    "BATCH-BODY",
                                                                                    "REPLIES",
                                                                                    "REFUSAL",
                                                                                    "REPORT-QUERY",
                                                                                    "REPORT",
                                                                                    "HISTORY-QUERY",
                                                                                    "HISTORY",
                                                                                    "STATE-NODES-QUERY",
                                                                                    "STATE-NODES",
                                                                                    "STATE-KEYS-QUERY",
                                                                                    "STATE-KEYS",
                                                                                    "STATE-VALUES-QUERY",
                                                                                    "STATE-VALUES",
                                                                                    "STATE-LEASE-QUERY",
                                                                                    "STATE-LEASE",
                                                                                    "STATE-PARTS-QUERY",
                                                                                    "STATE-PARTS",
                                                                                    "REJOIN",
                                                                                    "VIEW-CHANGE",
                                                                                    "NEW-VIEW",
                                                                                    "FETCH-NEW-VIEW"};
  return names.at(message.index());
}

}  // namespace tagma
