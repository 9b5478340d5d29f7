#include "replica/runtime/inbox.h"

#include <algorithm>
#include <utility>

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
  const bool waits = !queue.frames.empty() || &queue == in_service_;
  queue.bytes += size;
  bytes_ += size;
  queue.frames.push_back(std::move(frame));
  if (!waits) stand_in_line(queue);
  return true;
}

void Inbox::stand_in_line(Queue& queue) {
  queue.turn_ns = std::max(queue.turn_ns, virtual_ns_);
  queue.place = ++places_;
  line_of(queue).emplace(queue.turn_ns, queue.place, &queue);
}

/// What it cost is known now, and so is the turn of its sender's next message.
void Inbox::end_service() {
  if (in_service_ == nullptr) return;
  Queue& queue = *std::exchange(in_service_, nullptr);
  queue.turn_ns += std::max<std::uint64_t>(std::exchange(cost_ns_, 0), 1);
  if (!queue.frames.empty()) stand_in_line(queue);
}

bool Inbox::empty() const {
  return line_.empty() && last_line_.empty() && (in_service_ == nullptr || in_service_->frames.empty());
}

std::optional<Inbox::Item> Inbox::next() {
  end_service();
  give_back(std::move(served_));
  if (empty()) return std::nullopt;
  auto& line = line_.empty() ? last_line_ : line_;
  Queue& queue = *std::get<Queue*>(*line.begin());
  line.erase(line.begin());
  in_service_ = &queue;
  virtual_ns_ = std::max(virtual_ns_, queue.turn_ns);
  Frame& frame = *queue.frames.front();
  Item item{frame.opened.from, frame.opened.channel, frame.opened.bodies[frame.next_body]};
  if (++frame.next_body == frame.opened.bodies.size()) {
    queue.bytes -= frame.record.size();
    bytes_ -= frame.record.size();
    served_ = std::move(queue.frames.front());
    queue.frames.pop_front();
  }
  return item;
}

void Inbox::charge(std::uint64_t cost_ns) {
  if (in_service_ != nullptr) cost_ns_ += cost_ns;
}

void Inbox::serve_last(const Principal& sender, bool last) {
  Queue& queue = queues_[sender];
  if (queue.last == last) return;
  const bool waits = !queue.frames.empty() && &queue != in_service_;
  if (waits) line_of(queue).erase({queue.turn_ns, queue.place, &queue});
  queue.last = last;
  if (waits) stand_in_line(queue);
}

}  // namespace tagma::runtime
