#include "test/sim/trace.h"

#include <cstdio>

#include "test/sim/fake_authenticator.h"

namespace tagma::sim {
namespace {

std::uint64_t first_word(const Digest& digest) {
  std::uint64_t word = 0;
  for (std::size_t byte = 0; byte < 8; ++byte) word = word << 8U | digest.bytes[byte];
  return word;
}

struct Describe {
  TraceLine& line;

  void operator()(const Submit& message) const { bundle(message.bundle->content); }
  void operator()(const PrePrepare& message) const {
    line.view = message.view;
    line.seq = message.seq;
    line.count = message.batch->operation_count();
  }
  void operator()(const Prepare& message) const { vote(message.view, message.seq, message.digest); }
  void operator()(const Commit& message) const { vote(message.view, message.seq, message.digest); }
  void operator()(const CheckpointVote& message) const { vote(0, message.content.seq, message.content.root); }
  void operator()(const CheckpointCertificate& message) const {
    line.count = message.votes.size();
    if (!message.votes.empty()) vote(0, message.votes.front().content.seq, message.votes.front().content.root);
  }
  void operator()(const Status& message) const {
    line.view = message.view;
    line.seq = message.executed;
    line.number = message.certificate;
    line.count = message.slots.size();
  }
  void operator()(const Decided& message) const { vote(0, message.seq, message.digest); }
  void operator()(const FetchBatch& message) const { vote(0, message.seq, message.digest); }
  void operator()(const BatchBody& message) const {
    line.seq = message.seq;
    line.count = message.batch->operation_count();
  }
  void operator()(const Replies& message) const {
    line.view = message.view;
    line.session = message.session;
    line.count = message.entries.size();
    if (!message.entries.empty()) {
      line.number = message.entries.front().number;
      line.seq = message.entries.front().seq;
    }
  }
  void operator()(const Refusal& message) const {
    line.session = message.session;
    line.number = message.first;
    line.count = static_cast<std::uint64_t>(message.reason);
  }
  void operator()(const ReportQuery& message) const { line.number = message.nonce; }
  void operator()(const Report& message) const {
    line.number = message.nonce;
    line.seq = message.last_executed;
  }
  void operator()(const Rejoin& message) const {
    line.number = message.content.incarnation;
    line.digest = first_word(message.content.nonce);
  }
  void operator()(const ViewChange& message) const {
    line.view = message.content.view;
    line.number = message.content.issue;
    line.count = message.content.recorded.size();
    if (!message.content.certificate.votes.empty()) line.seq = message.content.certificate.votes.front().content.seq;
  }
  void operator()(const NewView& message) const {
    line.view = message.content.view;
    line.count = message.content.view_changes.size();
  }
  void operator()(const FetchNewView& message) const { vote(message.view, 0, message.digest); }
  // Questions of administrators and their answers; nobody asks them here.
  template <typename Inspection>
  void operator()(const Inspection& message) const {
    line.number = message.nonce;
  }

 private:
  void bundle(const Bundle& content) const {
    line.session = content.session;
    line.number = content.first;
    line.count = content.operations.size();
  }
  void vote(View view, Seq seq, const Digest& digest) const {
    line.view = view;
    line.seq = seq;
    line.digest = first_word(digest);
  }
};

void append(std::string& text, std::string_view name, std::uint64_t value) {
  if (value == 0) return;
  text += ' ';
  text += name;
  text += ' ';
  text += std::to_string(value);
}

}  // namespace

void describe(const Message& message, TraceLine& line) {
  line.note = name_of(message);
  std::visit(Describe{line}, message);
}

void Trace::add(const TraceLine& line) {
  const std::uint64_t words[] = {static_cast<std::uint64_t>(line.at_us),
                                 fast_hash(static_cast<std::uint64_t>(line.who.kind), line.what),
                                 fast_hash(static_cast<std::uint64_t>(line.peer.kind), line.note),
                                 line.who.id,
                                 line.peer.id,
                                 line.view,
                                 line.seq,
                                 line.session,
                                 line.number,
                                 line.count,
                                 line.digest};
  for (const auto word : words) {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15ULL;
    hash_ ^= hash_ >> 32U;
  }
  lines_[added_++ % kept] = line;
  if (print_) std::printf("%s\n", to_string(line).c_str());
}

std::vector<std::string> Trace::last() const {
  std::vector<std::string> result;
  const auto first = added_ > kept ? added_ - kept : 0;
  for (auto at = first; at < added_; ++at) result.push_back(to_string(lines_[at % kept]));
  return result;
}

std::string to_string(const TraceLine& line) {
  char time[32];
  std::snprintf(time, sizeof time, "%10.3f ms  ", static_cast<double>(line.at_us) / 1000.0);
  std::string text = time;
  text += tagma::to_string(line.who);
  text += ' ';
  text += line.what;
  if (!line.note.empty()) {
    text += ' ';
    text += line.note;
  }
  if (line.has_peer) text += " (" + tagma::to_string(line.peer) + ")";
  append(text, "view", line.view);
  append(text, "slot", line.seq);
  append(text, "session", line.session);
  append(text, "number", line.number);
  append(text, "count", line.count);
  if (line.digest != 0) {
    char digest[20];
    std::snprintf(digest, sizeof digest, " %08llx", static_cast<unsigned long long>(line.digest >> 32U));
    text += digest;
  }
  return text;
}

}  // namespace tagma::sim
