// Records as entries of the durable log. The bytes come from the own disk, where a checksum has vouched for them; what
// does not decode all the same is damage and never taken for absent.
#pragma once

#include "checkpoint/log.h"
#include "replica/core/effects.h"
#include "tagma/result.h"

namespace tagma {

/// Kinds of entries. The numbers are on disk: they never change, new ones are added.
enum class RecordKind : std::uint8_t {
  pre_prepared = 1,
  prepared = 2,
  certificate = 3,
  decided = 4,
  standing = 5,
  view = 6,
  new_view = 7,
};

/// An entry of the record's slot, so that the log forgets it when that is collected. A certificate is an entry of slot
/// 0, and so are a standing, a view and a new view: each lasts until the next one of its kind. README.md defines every
/// byte.
[[nodiscard]] LogEntry encode_record(const Record& record);

/// The record, or why the entry is none.
[[nodiscard]] Result<Record> decode_record(const LogEntry& entry);

}  // namespace tagma
