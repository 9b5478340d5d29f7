#include "replica/runtime/inbox.h"

#include "messages/assert.h"

namespace tagma::runtime {
namespace {

constexpr std::size_t spare_frames_max = 32;

}  // namespace

std::unique_ptr<Frame> Inbox::take_frame() {
  if (spare_.empty()) return std::make_unique<Frame>();
  auto frame = std::move(spare_.back());
  spare_.pop_back();
  return frame;
}

void Inbox::give_back(std::unique_ptr<Frame> frame) {
  if (!frame || spare_.size() >= spare_frames_max) return;
  frame->routing_id.rebuild();
  frame->record.rebuild();  // a spare frame holds no memory of the last message
  frame->opened.bodies.clear();
  frame->next_body = 0;
  spare_.push_back(std::move(frame));
}

bool Inbox::push(std::unique_ptr<Frame> frame) {
  TAGMA_ASSERT(frame && !frame->opened.bodies.empty(), "a queued frame has a body to serve");
  Queue& queue = queues_[frame->opened.from.principal];
  const std::size_t size = frame->record.size();
  if (queue.frames.size() >= bounds_.frames_per_sender_max || queue.bytes + size > bounds_.bytes_per_sender_max) {
    give_back(std::move(frame));
    return false;
  }
  if (queue.frames.empty()) rotation_of(queue).push_back(&queue);
  queue.bytes += size;
  bytes_ += size;
  queue.frames.push_back(std::move(frame));
  return true;
}

std::optional<Inbox::Item> Inbox::next() {
  give_back(std::move(served_));
  if (empty()) return std::nullopt;
  auto& rotation = rotation_.empty() ? last_rotation_ : rotation_;
  Queue& queue = *rotation.front();
  rotation.pop_front();
  Frame& frame = *queue.frames.front();
  Item item{frame.opened.from, frame.opened.channel, frame.opened.bodies[frame.next_body]};
  if (++frame.next_body == frame.opened.bodies.size()) {
    queue.bytes -= frame.record.size();
    bytes_ -= frame.record.size();
    served_ = std::move(queue.frames.front());
    queue.frames.pop_front();
  }
  if (!queue.frames.empty()) rotation.push_back(&queue);
  return item;
}

void Inbox::serve_last(const Principal& sender, bool last) {
  Queue& queue = queues_[sender];
  if (queue.last == last) return;
  std::erase(rotation_of(queue), &queue);
  queue.last = last;
  if (!queue.frames.empty()) rotation_of(queue).push_back(&queue);
}

}  // namespace tagma::runtime
