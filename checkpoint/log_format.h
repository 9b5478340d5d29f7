// The bytes of the log (LOG.md): a mark page at the head of each file, then groups. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "checkpoint/log.h"

namespace tagma::log_format {

/// Marks and groups begin at multiples of it, so that writing one never touches the disk's blocks of another.
inline constexpr std::uint64_t page_bytes = 4096;
/// The most that one group may hold; a file says no more than this of itself before it is believed.
inline constexpr std::uint64_t group_bytes_max = 256UL * 1024 * 1024;

[[nodiscard]] constexpr std::uint64_t page_aligned(std::uint64_t size) {
  return (size + page_bytes - 1) / page_bytes * page_bytes;
}

/// What every mark and every group says of the log as a whole.
struct Place {
  std::uint64_t tag = 0;         ///< of this use of the file
  std::uint64_t generation = 0;  ///< uses of files are numbered, rising by one
  std::uint64_t oldest = 0;      ///< lowest group that was needed when this was written
  std::uint64_t synced = 0;      ///< highest group that was known to be synced then
  auto operator<=>(const Place&) const = default;
};

/// A page.
[[nodiscard]] Bytes encode_mark(const Place& place);
[[nodiscard]] std::optional<Place> decode_mark(ByteView page);

struct GroupHeader {
  Place place;
  std::uint64_t group = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t entries = 0;
  std::uint64_t checksum = 0;  ///< of all that follows it, the payload included
};
inline constexpr std::uint64_t header_bytes = 64;

/// Whole pages: header, entries, zeros.
[[nodiscard]] Bytes encode_group(const Place& place, std::uint64_t group, const std::vector<LogEntry>& entries);
/// The size of what encode_group() would return.
[[nodiscard]] std::uint64_t group_bytes(const std::vector<LogEntry>& entries);

/// The header, if these bytes begin with one. Its checksum is not looked at.
[[nodiscard]] std::optional<GroupHeader> decode_header(ByteView bytes);
/// Whether header and payload, side by side, are whole.
[[nodiscard]] bool is_whole(const GroupHeader& header, ByteView header_and_payload);
/// The entries of a whole group; nothing if they do not fill its payload exactly.
[[nodiscard]] std::optional<std::vector<LogEntry>> decode_entries(const GroupHeader& header, ByteView payload);

}  // namespace tagma::log_format
