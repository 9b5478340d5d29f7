// The part of the codec that speaks of state transfer. Private to messages/wire.
#pragma once

#include <tagma.capnp.h>

#include "messages/messages.h"
#include "messages/wire/segment.h"
#include "tagma/result.h"

namespace tagma::wire {

/// Words of a message's content, exact.
[[nodiscard]] std::size_t content_words(const StateLeaseQuery& message);
[[nodiscard]] std::size_t content_words(const StateLease& message);
[[nodiscard]] std::size_t content_words(const StatePartsQuery& message);
[[nodiscard]] std::size_t content_words(const StateParts& message);

void write(schema::StateLeaseQuery::Builder out, const StateLeaseQuery& message);
void write(schema::StateLease::Builder out, const StateLease& message);
void write(schema::StatePartsQuery::Builder out, const StatePartsQuery& message);
void write(schema::StateParts::Builder out, const StateParts& message);

// Counts are checked before room is made; the rules of messages/validate.h are left to the caller.
[[nodiscard]] Result<Message> read(schema::StateLeaseQuery::Reader in);
[[nodiscard]] Result<Message> read(schema::StateLease::Reader in);
[[nodiscard]] Result<Message> read(schema::StatePartsQuery::Reader in);
[[nodiscard]] Result<Message> read(schema::StateParts::Reader in);

}  // namespace tagma::wire
