#include "replica/core/record_codec.h"

#include <optional>
#include <string>
#include <utility>

#include "messages/wire/codec.h"

namespace tagma {
namespace {

constexpr std::size_t view_bytes = 8;
constexpr char no_batch = 0;
constexpr char with_batch = 1;

void append_view(Bytes& out, View view) {
  for (std::size_t byte = 0; byte < view_bytes; ++byte) out.push_back(static_cast<char>(view >> (8 * byte)));
}

void append_batch(Bytes& out, const SharedBatch& batch) {
  out.push_back(batch == nullptr ? no_batch : with_batch);
  if (batch != nullptr) out.append(batch->bytes);
}

/// Takes fields off the front; `broken` once there were too few bytes.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  [[nodiscard]] ByteView take(std::size_t size) {
    if (bytes_.size() < size) {
      broken_ = true;
      return {};
    }
    const auto taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  [[nodiscard]] View view() {
    View view = 0;
    std::size_t byte = 0;
    for (const char each : take(view_bytes)) view |= View{static_cast<unsigned char>(each)} << (8 * byte++);
    return view;
  }

  [[nodiscard]] Digest digest() {
    Digest digest;
    if (!digest_from_bytes(take(Digest::size_bytes), digest)) broken_ = true;
    return digest;
  }

  /// The rest, as the batch of a record; null where the record has none.
  [[nodiscard]] SharedBatch batch() {
    const auto flag = take(1);
    if (broken_ || (flag[0] != no_batch && flag[0] != with_batch) || (flag[0] == no_batch && !bytes_.empty())) {
      broken_ = true;
      return nullptr;
    }
    if (flag[0] == no_batch) return nullptr;
    auto batch = wire::decode_batch(Bytes(bytes_));
    if (!batch.ok()) {
      broken_ = true;
      return nullptr;
    }
    return std::make_shared<const Batch>(*std::move(batch));
  }

  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

 private:
  ByteView bytes_;
  bool broken_ = false;
};

LogEntry encode(const RecordPrePrepared& record) {
  LogEntry entry{.kind = static_cast<std::uint8_t>(RecordKind::pre_prepared), .seq = record.seq, .payload = {}};
  entry.payload.reserve(view_bytes + Digest::size_bytes + 1 + record.batch->bytes.size());
  append_view(entry.payload, record.view);
  entry.payload.append(record.digest.view());
  append_batch(entry.payload, record.batch);
  return entry;
}

LogEntry encode(const RecordPrepared& record) {
  LogEntry entry{.kind = static_cast<std::uint8_t>(RecordKind::prepared), .seq = record.seq, .payload = {}};
  append_view(entry.payload, record.view);
  entry.payload.append(record.digest.view());
  append_batch(entry.payload, record.batch);
  return entry;
}

LogEntry encode(const RecordCertificate& record) {
  return {.kind = static_cast<std::uint8_t>(RecordKind::certificate),
          .seq = 0,
          .payload = wire::encode(Message(record.certificate))};
}

LogEntry encode(const RecordDecided& record) {
  LogEntry entry{.kind = static_cast<std::uint8_t>(RecordKind::decided), .seq = record.seq, .payload = {}};
  entry.payload.append(record.digest.view());
  append_batch(entry.payload, record.batch);
  return entry;
}

LogEntry encode(const RecordStanding& record) {
  LogEntry entry{.kind = static_cast<std::uint8_t>(RecordKind::standing), .seq = 0, .payload = {}};
  entry.payload.push_back(record.diverged ? 1 : 0);
  append_view(entry.payload, record.wrong_votes_up_to);
  append_view(entry.payload, record.installed);
  return entry;
}

LogEntry encode(const RecordView& record) {
  LogEntry entry{.kind = static_cast<std::uint8_t>(RecordKind::view), .seq = 0, .payload = {}};
  append_view(entry.payload, record.view);
  append_view(entry.payload, record.issue);
  return entry;
}

LogEntry encode(const RecordNewView& record) {
  LogEntry entry{.kind = static_cast<std::uint8_t>(RecordKind::new_view), .seq = 0, .payload = {}};
  append_view(entry.payload, record.choices.start);
  append_view(entry.payload, record.choices.chosen.size());
  for (const auto& [seq, digest] : record.choices.chosen) {
    append_view(entry.payload, seq);
    entry.payload.append(digest.view());
  }
  entry.payload.append(wire::encode(Message(*record.new_view)));
  return entry;
}

Refused broken(const LogEntry& entry) {
  return Refused{"an entry of slot " + std::to_string(entry.seq) + " does not hold what its kind (" +
                 std::to_string(entry.kind) + ") has"};
}

/// PRE-PREPARE and prepared records alike.
template <typename SlotRecord>
Result<Record> decode_slot_record(const LogEntry& entry, bool needs_batch) {
  Reader reader(entry.payload);
  SlotRecord record;
  record.seq = entry.seq;
  record.view = reader.view();
  record.digest = reader.digest();
  record.batch = reader.batch();
  if (reader.broken() || entry.seq == 0 || (needs_batch && record.batch == nullptr)) return broken(entry);
  return Record(std::move(record));
}

Result<Record> decode_decided(const LogEntry& entry) {
  Reader reader(entry.payload);
  RecordDecided record;
  record.seq = entry.seq;
  record.digest = reader.digest();
  record.batch = reader.batch();
  if (reader.broken() || entry.seq == 0) return broken(entry);
  return Record(std::move(record));
}

Result<Record> decode_standing(const LogEntry& entry) {
  Reader reader(entry.payload);
  const auto flag = reader.take(1);
  RecordStanding record;
  record.wrong_votes_up_to = reader.view();
  record.installed = reader.view();
  if (reader.broken() || reader.left() > 0 || entry.seq != 0 || flag.front() < 0 || flag.front() > 1) {
    return broken(entry);
  }
  record.diverged = flag.front() == 1;
  return Record(record);
}

Result<Record> decode_certificate(const LogEntry& entry) {
  auto message = wire::decode(entry.payload);
  if (!message.ok()) return broken(entry);
  auto* certificate = std::get_if<CheckpointCertificate>(&*message);
  if (certificate == nullptr || entry.seq != 0) return broken(entry);
  return Record(RecordCertificate{std::move(*certificate)});
}

Result<Record> decode_view(const LogEntry& entry) {
  Reader reader(entry.payload);
  RecordView record;
  record.view = reader.view();
  record.issue = reader.view();
  if (reader.broken() || reader.left() > 0 || entry.seq != 0) return broken(entry);
  return Record(record);
}

Result<Record> decode_new_view(const LogEntry& entry) {
  Reader reader(entry.payload);
  RecordNewView record;
  record.choices.start = reader.view();
  for (auto left = reader.view(); left > 0 && !reader.broken(); --left) {
    const Seq seq = reader.view();
    record.choices.chosen[seq] = reader.digest();
  }
  auto message = wire::decode(reader.take(reader.left()));
  if (reader.broken() || entry.seq != 0 || !message.ok()) return broken(entry);
  auto* new_view = std::get_if<NewView>(&*message);
  if (new_view == nullptr) return broken(entry);
  record.new_view = std::make_shared<const NewView>(std::move(*new_view));
  return Record(std::move(record));
}

}  // namespace

LogEntry encode_record(const Record& record) {
  return std::visit([](const auto& content) { return encode(content); }, record);
}

Result<Record> decode_record(const LogEntry& entry) {
  switch (static_cast<RecordKind>(entry.kind)) {
    case RecordKind::pre_prepared: return decode_slot_record<RecordPrePrepared>(entry, true);
    case RecordKind::prepared: return decode_slot_record<RecordPrepared>(entry, false);
    case RecordKind::certificate: return decode_certificate(entry);
    case RecordKind::decided: return decode_decided(entry);
    case RecordKind::standing: return decode_standing(entry);
    case RecordKind::view: return decode_view(entry);
    case RecordKind::new_view: return decode_new_view(entry);
  }
  return Refused{"an entry of kind " + std::to_string(entry.kind) +
                 ", which this version does not know: it was written by a newer one"};
}

}  // namespace tagma
