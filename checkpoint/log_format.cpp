#include "checkpoint/log_format.h"

#include <xxhash.h>

#include "checkpoint/numbers.h"
#include "messages/assert.h"
#include "messages/mutant.h"

namespace tagma::log_format {
namespace {

constexpr ByteView mark_magic = "tagmamrk";
constexpr ByteView group_magic = "tagmagrp";
constexpr std::size_t magic_bytes = 8;
constexpr std::size_t checked_from = 16;  ///< behind magic and checksum
constexpr std::size_t mark_bytes = 48;
constexpr std::size_t entry_head_bytes = 4 + 1 + 8;

/// Written over the eight bytes that encode left for it.
void fill_checksum(Bytes& bytes, std::size_t end) {
  Bytes checksum;
  append_number(checksum, std::uint64_t{XXH3_64bits(bytes.data() + checked_from, end - checked_from)});
  bytes.replace(magic_bytes, checksum.size(), checksum);
}

void append_place(Bytes& bytes, const Place& place) {
  append_number(bytes, place.tag);
  append_number(bytes, place.generation);
  append_number(bytes, place.oldest);
  append_number(bytes, place.synced);
}

Place read_place(ByteView bytes) {
  return {.tag = read_number<std::uint64_t>(bytes, 16),
          .generation = read_number<std::uint64_t>(bytes, 24),
          .oldest = read_number<std::uint64_t>(bytes, 32),
          .synced = read_number<std::uint64_t>(bytes, 40)};
}

std::uint64_t payload_bytes(const std::vector<LogEntry>& entries) {
  std::uint64_t size = 0;
  for (const auto& entry : entries) size += entry_head_bytes + entry.payload.size();
  return size;
}

}  // namespace

Bytes encode_mark(const Place& place) {
  Bytes page(mark_magic);
  append_number(page, std::uint64_t{0});
  append_place(page, place);
  fill_checksum(page, mark_bytes);
  page.resize(page_bytes);
  return page;
}

std::optional<Place> decode_mark(ByteView page) {
  if (page.size() < mark_bytes || page.substr(0, magic_bytes) != mark_magic) return std::nullopt;
  if (read_number<std::uint64_t>(page, magic_bytes) !=
      XXH3_64bits(page.data() + checked_from, mark_bytes - checked_from)) {
    return std::nullopt;
  }
  return read_place(page);
}

std::uint64_t group_bytes(const std::vector<LogEntry>& entries) {
  return page_aligned(header_bytes + payload_bytes(entries));
}

Bytes encode_group(const Place& place, std::uint64_t group, const std::vector<LogEntry>& entries) {
  const std::uint64_t payload = payload_bytes(entries);
  TAGMA_ASSERT(header_bytes + payload <= group_bytes_max, "a group is cut before it grows that large");
  Bytes bytes;
  bytes.reserve(page_aligned(header_bytes + payload));
  bytes.append(group_magic);
  append_number(bytes, std::uint64_t{0});
  append_place(bytes, place);
  append_number(bytes, group);
  append_number(bytes, static_cast<std::uint32_t>(payload));
  append_number(bytes, static_cast<std::uint32_t>(entries.size()));
  for (const auto& entry : entries) {
    append_number(bytes, static_cast<std::uint32_t>(entry.payload.size()));
    append_number(bytes, entry.kind);
    append_number(bytes, entry.seq);
    bytes.append(entry.payload);
  }
  fill_checksum(bytes, bytes.size());
  bytes.resize(page_aligned(bytes.size()));
  return bytes;
}

std::optional<GroupHeader> decode_header(ByteView bytes) {
  if (bytes.size() < header_bytes || bytes.substr(0, magic_bytes) != group_magic) return std::nullopt;
  GroupHeader header;
  header.checksum = read_number<std::uint64_t>(bytes, magic_bytes);
  header.place = read_place(bytes);
  header.group = read_number<std::uint64_t>(bytes, 48);
  header.payload_bytes = read_number<std::uint32_t>(bytes, 56);
  header.entries = read_number<std::uint32_t>(bytes, 60);
  if (header_bytes + header.payload_bytes > group_bytes_max) return std::nullopt;
  if (header.entries > header.payload_bytes / entry_head_bytes) return std::nullopt;
  return header;
}

bool is_whole(const GroupHeader& header, ByteView header_and_payload) {
  return header_and_payload.size() == header_bytes + header.payload_bytes &&
         (mutant(Mutant::log_checksum_ignored) ||
          header.checksum ==
              XXH3_64bits(header_and_payload.data() + checked_from, header_and_payload.size() - checked_from));
}

std::optional<std::vector<LogEntry>> decode_entries(const GroupHeader& header, ByteView payload) {
  std::vector<LogEntry> entries;
  entries.reserve(header.entries);
  while (!payload.empty()) {
    if (payload.size() < entry_head_bytes || entries.size() == header.entries) return std::nullopt;
    const auto size = read_number<std::uint32_t>(payload, 0);
    if (payload.size() - entry_head_bytes < size) return std::nullopt;
    entries.push_back({.kind = read_number<std::uint8_t>(payload, 4),
                       .seq = read_number<std::uint64_t>(payload, 5),
                       .payload = Bytes(payload.substr(entry_head_bytes, size))});
    payload.remove_prefix(entry_head_bytes + size);
  }
  if (entries.size() != header.entries) return std::nullopt;
  return entries;
}

}  // namespace tagma::log_format
