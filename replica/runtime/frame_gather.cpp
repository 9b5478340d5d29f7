#include "replica/runtime/frame_gather.h"

namespace tagma::runtime {

void FrameGather::flush(const SendFrame& send_frame) {
  views_.clear();
  std::size_t frame_bytes = 0;
  for (const auto& body : bodies_) {
    const std::size_t cost = body.bytes->size() + body_overhead_bytes;
    if (!views_.empty() && (frame_bytes + cost > frame_body_bytes_max || views_.size() == limits::frame_messages_max)) {
      send_frame(views_);
      views_.clear();
      frame_bytes = 0;
    }
    views_.push_back(crypto::Body{*body.bytes, body.digest});
    frame_bytes += cost;
  }
  if (!views_.empty()) send_frame(views_);
  clear();
}

void FrameGather::clear() {
  bodies_.clear();
  views_.clear();
  bytes_ = 0;
}

}  // namespace tagma::runtime
