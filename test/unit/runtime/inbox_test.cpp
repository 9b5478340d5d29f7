#include "replica/runtime/inbox.h"

#include <doctest/doctest.h>

#include <cstring>
#include <map>

using namespace tagma;
using runtime::Frame;
using runtime::Inbox;
using runtime::InboxBounds;

namespace {

/// A frame whose bodies are the letters of `text`.
std::unique_ptr<Frame> frame_of(Inbox& inbox, std::uint32_t client, const std::string& text) {
  auto frame = inbox.take_frame();
  frame->record.rebuild(text.data(), text.size());
  frame->opened.from.principal = Principal{PrincipalKind::client, client};
  frame->opened.channel = 100 + client;
  const ByteView record{static_cast<const char*>(frame->record.data()), frame->record.size()};
  for (std::size_t i = 0; i < record.size(); ++i) frame->opened.bodies.push_back(record.substr(i, 1));
  return frame;
}

std::string drain(Inbox& inbox) {
  std::string order;
  while (const auto item = inbox.next()) order += item->body;
  return order;
}

}  // namespace

TEST_CASE("senders whose messages cost alike are served in rotation, each in its own order") {
  Inbox inbox({});
  CHECK(inbox.push(frame_of(inbox, 1, "aaaaaa")));
  CHECK(inbox.push(frame_of(inbox, 2, "bc")));
  CHECK(inbox.push(frame_of(inbox, 1, "A")));
  CHECK(inbox.push(frame_of(inbox, 3, "x")));
  CHECK(drain(inbox) == "abxacaaaaA");
  CHECK(inbox.empty());
  CHECK(inbox.bytes() == 0);
}

TEST_CASE("B11: each sender has its share of the time, however much it sends and however long that takes") {
  Inbox inbox({});
  CHECK(inbox.push(frame_of(inbox, 1, "HHHHHHHH")));
  CHECK(inbox.push(frame_of(inbox, 2, std::string(40, 'a'))));
  CHECK(inbox.push(frame_of(inbox, 3, std::string(40, 'b'))));
  std::map<char, std::uint64_t> cost_ns;
  std::size_t served = 0;
  for (; served < 42; ++served) {
    const char letter = inbox.next()->body.front();
    const std::uint64_t cost = letter == 'H' ? 10'000 : 1'000;
    inbox.charge(cost / 2);
    inbox.charge(cost - cost / 2);
    cost_ns[letter] += cost;
  }
  CHECK(cost_ns['H'] == 20'000);
  CHECK(cost_ns['a'] == 20'000);
  CHECK(cost_ns['b'] == 20'000);
  CHECK(drain(inbox).size() == 46);
}

TEST_CASE("B11: a costly message leaves its sender behind others although none of its messages waited meanwhile") {
  Inbox inbox({});
  CHECK(inbox.push(frame_of(inbox, 1, "H")));
  CHECK(inbox.push(frame_of(inbox, 2, "aaaa")));
  CHECK(inbox.next()->body == "H");
  inbox.charge(3'500);
  for (int i = 0; i < 2; ++i) {
    CHECK(inbox.next()->body == "a");
    inbox.charge(1'000);
  }
  CHECK(inbox.push(frame_of(inbox, 1, "H")));
  CHECK(inbox.next()->body == "a");
  inbox.charge(1'000);
  CHECK(inbox.next()->body == "a");
  inbox.charge(1'000);
  CHECK(inbox.push(frame_of(inbox, 2, "a")));
  CHECK(inbox.next()->body == "H");
  CHECK(inbox.next()->body == "a");
  CHECK(inbox.empty());
}

TEST_CASE("time that nobody else wanted is not held against a sender, nor saved up by one that had nothing") {
  Inbox inbox({});
  CHECK(inbox.push(frame_of(inbox, 1, "HH")));
  for (int i = 0; i < 2; ++i) {
    CHECK(inbox.next()->body == "H");
    inbox.charge(1'000'000);
  }
  CHECK_FALSE(inbox.next());
  inbox.charge(5);  // to nobody
  CHECK(inbox.push(frame_of(inbox, 2, "aaa")));
  CHECK(inbox.push(frame_of(inbox, 1, "HHH")));
  std::string order;
  for (int i = 0; i < 6; ++i) {
    order += inbox.next()->body;
    inbox.charge(1'000'000);
  }
  CHECK(order == "aHaHaH");
}

TEST_CASE("an item says whose it is and on which channel it came") {
  Inbox inbox({});
  CHECK(inbox.push(frame_of(inbox, 5, "z")));
  const auto item = inbox.next();
  REQUIRE(item);
  CHECK(item->from.principal == Principal{PrincipalKind::client, 5});
  CHECK(item->channel == 105);
  CHECK(item->body == "z");
  CHECK_FALSE(inbox.next());
}

TEST_CASE("whoever has lost trust is served when nobody else waits, until it has it again") {
  Inbox inbox({});
  inbox.serve_last({PrincipalKind::client, 2}, true);
  CHECK(inbox.push(frame_of(inbox, 2, "bcd")));
  CHECK(inbox.push(frame_of(inbox, 1, "aa")));
  CHECK(inbox.next()->body == "a");
  CHECK(inbox.push(frame_of(inbox, 3, "x")));
  CHECK(inbox.next()->body == "x");
  CHECK(inbox.next()->body == "a");
  CHECK(inbox.next()->body == "b");
  CHECK_FALSE(inbox.empty());
  CHECK(inbox.push(frame_of(inbox, 1, "aa")));
  inbox.serve_last({PrincipalKind::client, 2}, false);  // while its message is served
  CHECK(drain(inbox) == "cada");
  CHECK(inbox.empty());
}

TEST_CASE("B11, C3: a sender's queue is bounded in frames and in bytes, others keep their room") {
  Inbox inbox(InboxBounds{.frames_per_sender_max = 3, .bytes_per_sender_max = 10, .bytes_max = 1'000});
  CHECK(inbox.push(frame_of(inbox, 1, "a")));
  CHECK(inbox.push(frame_of(inbox, 1, "a")));
  CHECK(inbox.push(frame_of(inbox, 1, "a")));
  CHECK_FALSE(inbox.push(frame_of(inbox, 1, "a")));
  CHECK(inbox.push(frame_of(inbox, 2, "bbbbbbbbb")));
  CHECK_FALSE(inbox.push(frame_of(inbox, 2, "bb")));
  CHECK(inbox.push(frame_of(inbox, 2, "b")));
  CHECK(drain(inbox).size() == 13);
  CHECK_MESSAGE(inbox.push(frame_of(inbox, 1, "a")), "served frames make room again");
}

TEST_CASE("above the bound of all senders the socket is left unread") {
  Inbox inbox(InboxBounds{.frames_per_sender_max = 100, .bytes_per_sender_max = 100, .bytes_max = 6});
  CHECK(inbox.push(frame_of(inbox, 1, "aaa")));
  CHECK_FALSE(inbox.full());
  CHECK(inbox.push(frame_of(inbox, 2, "bbb")));
  CHECK(inbox.full());
  static_cast<void>(inbox.next());
  static_cast<void>(inbox.next());
  static_cast<void>(inbox.next());
  CHECK_MESSAGE(inbox.full(), "a frame is held until its last message is served");
  static_cast<void>(inbox.next());
  static_cast<void>(inbox.next());
  CHECK_FALSE(inbox.full());
}

TEST_CASE("recycled frames hold nothing of the last message") {
  Inbox inbox({});
  CHECK(inbox.push(frame_of(inbox, 1, std::string(1'000, 'a'))));
  static_cast<void>(drain(inbox));
  const auto frame = inbox.take_frame();
  CHECK(frame->record.size() == 0);
  CHECK(frame->opened.bodies.empty());
  CHECK(frame->next_body == 0);
}
