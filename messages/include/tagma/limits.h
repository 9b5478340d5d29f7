/**
 * @file
 * @brief Hard limits of the wire. Each is checked before memory is allocated for what it limits.
 *
 * They are the same in every build, since replicas must judge alike what is too large. Sizes are in bytes; a limit is
 * the largest value that is still allowed. Services and clients meet the first five; the rest bound what replicas say
 * to each other and are told so that an operator can work out what a host must hold.
 */
#pragma once

#include <cstddef>
#include <cstdint>

/// The hard limits of the wire, see tagma/limits.h.
namespace tagma::limits {

inline constexpr std::size_t service_name_bytes_max = 64;          ///< name of a service, at the head of an operation
inline constexpr std::size_t service_key_bytes_max = 440;          ///< a key of a service's state
inline constexpr std::size_t words_max = 64;                       ///< words of an operation behind its service
inline constexpr std::size_t operation_bytes_max = 128UL * 1024;   ///< one operation, its service's name included
inline constexpr std::size_t reply_bytes_max = 128UL * 1024;       ///< one encoded reply: status byte and text
inline constexpr std::size_t bundle_operations_max = 256;          ///< operations under one signature
inline constexpr std::size_t bundle_bytes_max = 256UL * 1024;      ///< encoded, signed bundle
inline constexpr std::size_t batch_bundles_max = 1024;             ///< bundles in one PRE-PREPARE
inline constexpr std::size_t batch_operations_max = 8192;          ///< operations in one PRE-PREPARE
inline constexpr std::size_t batch_bytes_max = 1024UL * 1024;      ///< encoded batch
inline constexpr std::size_t message_bytes_max = 6144UL * 1024;    ///< any encoded message
inline constexpr std::size_t frame_messages_max = 4096;            ///< messages in one frame
inline constexpr std::size_t frame_bytes_max = 8192UL * 1024;      ///< a whole frame; the transport's own cap too
inline constexpr std::size_t replies_max = 512;                    ///< entries of one REPLIES message
inline constexpr std::size_t replies_bytes_max = 1024UL * 1024;    ///< results of one REPLIES message together
inline constexpr std::size_t statement_bytes_max = 256;            ///< encoded, signed statement of a replica
inline constexpr std::size_t view_change_slots_max = 512;          ///< claims of P; Q has up to twice as many
inline constexpr std::size_t view_change_named_max = 128;          ///< NEW-VIEWs that a VIEW-CHANGE names
inline constexpr std::size_t view_change_bytes_max = 96UL * 1024;  ///< encoded, signed body of a VIEW-CHANGE
inline constexpr std::size_t new_view_bytes_max = 6140UL * 1024;  ///< the same of a NEW-VIEW; its message adds a little
inline constexpr std::size_t status_slots_max = 64;               ///< slots that one STATUS speaks of
inline constexpr std::size_t signature_bytes_max = 72;            ///< P-256 in DER at its longest; Ed25519 has 64
inline constexpr std::size_t text_bytes_max = 512;                ///< a reason or a counter's name
inline constexpr std::size_t report_counters_max = 256;           ///< counters of one REPORT
inline constexpr std::size_t history_slots_max = 1024;            ///< slots of one HISTORY
inline constexpr std::size_t history_roots_max = 64;              ///< roots of one HISTORY
inline constexpr std::size_t state_nodes_max = 128;               ///< nodes of one STATE-NODES, and its query
inline constexpr std::size_t state_keys_max = 1024;               ///< keys of one STATE-KEYS
inline constexpr std::size_t state_keys_bytes_max = 128UL * 1024;  ///< together
inline constexpr std::size_t state_key_bytes_max = 511;  ///< a key of the replicated state: the longest that LMDB takes
inline constexpr std::size_t state_values_max = 64;      ///< values of one STATE-VALUES, and its query
inline constexpr std::size_t state_value_bytes_max = 256UL * 1024;        ///< what is shown of one value
inline constexpr std::size_t state_values_bytes_max = 512UL * 1024;       ///< of all values of one STATE-VALUES
inline constexpr std::size_t state_places_max = 64;                       ///< places of one STATE-PARTS, and its query
inline constexpr std::size_t state_entries_max = 16'384;                  ///< keys of one STATE-PARTS
inline constexpr std::size_t state_entry_value_bytes_max = 512UL * 1024;  ///< any value of the replicated state
inline constexpr std::size_t state_parts_bytes_max = 768UL * 1024;        ///< keys and values of one STATE-PARTS
inline constexpr std::size_t nesting_max = 8;                             ///< Cap'n Proto nesting
inline constexpr std::uint64_t session_window = 1024;  ///< numbers a session may have above what it acknowledged

}  // namespace tagma::limits
