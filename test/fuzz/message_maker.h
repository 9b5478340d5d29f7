// Messages of every type, valid and invalid, built from the choices of a fuzz input. Numbers and sizes lie around the
// edges of what is allowed.
#pragma once

#include "messages/messages.h"
#include "test/fuzz/input.h"

namespace tagma::fuzz {

/// Makes values for one input; their parts agree (`content` is what `body` says) where `whole()` says so.
class MessageMaker {
 public:
  explicit MessageMaker(Input& input) : input_(input) {}

  [[nodiscard]] Message message();
  [[nodiscard]] Bundle bundle();
  [[nodiscard]] SignedBundle signed_bundle();
  [[nodiscard]] Batch batch();
  [[nodiscard]] CheckpointVote checkpoint_vote();

  /// Everything made so far has parts that agree and can be handed to the encoder, valid or not.
  [[nodiscard]] bool whole() const { return whole_; }

 private:
  /// Bytes of about this size; what all of them together may take is bounded, so that no input is slow.
  [[nodiscard]] Bytes filled(std::size_t size);
  [[nodiscard]] Bytes signature();
  [[nodiscard]] SharedBatch shared_batch();
  [[nodiscard]] CheckpointCertificate certificate();
  [[nodiscard]] Rejoin rejoin();
  /// Claims for P or Q, of at most about `count_max`, mostly by rising slot above `seq` and of views below `view`.
  [[nodiscard]] std::vector<SlotClaim> claims(std::size_t count_max, Seq seq, View view);
  [[nodiscard]] ViewChange view_change();
  [[nodiscard]] NewView new_view();
  [[nodiscard]] Status status();
  [[nodiscard]] Replies replies();
  [[nodiscard]] Report report();
  [[nodiscard]] NibblePrefix prefix();
  [[nodiscard]] StateNode state_node();
  [[nodiscard]] Message inspection();
  [[nodiscard]] StateParts state_parts(std::uint64_t nonce, Seq seq);

  Input& input_;
  bool whole_ = true;
  std::size_t bytes_left_ = 3UL * 1024 * 1024;
};

}  // namespace tagma::fuzz
