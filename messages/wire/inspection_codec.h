// The part of the codec that speaks of an administrator's queries and their answers. Private to messages/wire.
#pragma once

#include <tagma.capnp.h>

#include "messages/messages.h"
#include "messages/wire/segment.h"
#include "tagma/result.h"

namespace tagma::wire {

/// A node of the state tree, for whoever sends one.
[[nodiscard]] std::size_t node_words(const StateNode& node);
void write_node(schema::StateNode::Builder out, const StateNode& node);
[[nodiscard]] std::optional<Refused> read_node(schema::StateNode::Reader in, StateNode& node);

/// Words of a message's content, exact.
[[nodiscard]] std::size_t content_words(const HistoryQuery& message);
[[nodiscard]] std::size_t content_words(const History& message);
[[nodiscard]] std::size_t content_words(const StateNodesQuery& message);
[[nodiscard]] std::size_t content_words(const StateNodes& message);
[[nodiscard]] std::size_t content_words(const StateKeysQuery& message);
[[nodiscard]] std::size_t content_words(const StateKeys& message);
[[nodiscard]] std::size_t content_words(const StateValuesQuery& message);
[[nodiscard]] std::size_t content_words(const StateValues& message);

void write(schema::HistoryQuery::Builder out, const HistoryQuery& message);
void write(schema::History::Builder out, const History& message);
void write(schema::StateNodesQuery::Builder out, const StateNodesQuery& message);
void write(schema::StateNodes::Builder out, const StateNodes& message);
void write(schema::StateKeysQuery::Builder out, const StateKeysQuery& message);
void write(schema::StateKeys::Builder out, const StateKeys& message);
void write(schema::StateValuesQuery::Builder out, const StateValuesQuery& message);
void write(schema::StateValues::Builder out, const StateValues& message);

// Counts are checked before room is made; the rules of messages/validate.h are left to the caller.
[[nodiscard]] Result<Message> read(schema::HistoryQuery::Reader in);
[[nodiscard]] Result<Message> read(schema::History::Reader in);
[[nodiscard]] Result<Message> read(schema::StateNodesQuery::Reader in);
[[nodiscard]] Result<Message> read(schema::StateNodes::Reader in);
[[nodiscard]] Result<Message> read(schema::StateKeysQuery::Reader in);
[[nodiscard]] Result<Message> read(schema::StateKeys::Reader in);
[[nodiscard]] Result<Message> read(schema::StateValuesQuery::Reader in);
[[nodiscard]] Result<Message> read(schema::StateValues::Reader in);

}  // namespace tagma::wire
