#include "test/sim/group_member.h"

#include <charconv>
#include <utility>

namespace tagma::sim {

GroupMember::GroupMember(const SimOptions& options, const SimGroup& group, std::uint32_t member,
                         const Membership& membership, Authenticator& authenticator, Coverage& coverage,
                         Scheduler& scheduler, GroupHost& host)
    : options_(options),
      group_(group),
      member_(member),
      coverage_(coverage),
      scheduler_(scheduler),
      host_(host),
      random_(options.seed + group.definition.members[member], "group member"),
      requester_(
          options, group.definition.members[member], membership, authenticator, scheduler,
          [this](ReplicaId to, const Message& message) {
            host_.member_sends(definition().members[member_], to, message);
          },
          [this](RequestNumber number, Seq seq, const ServiceReply& reply) { answered(number, seq, reply); }) {}

void GroupMember::start() { act_later(random_.between(0, group_.period_us)); }

void GroupMember::act_later(VirtualUs delay_us) {
  if (std::exchange(act_scheduled_, true)) return;
  scheduler_.after(delay_us, [this] {
    act_scheduled_ = false;
    act();
  });
}

/// One thing at a time: the next round's vote, or the question what became of an earlier one.
void GroupMember::act() {
  if (!host_.members_go_on()) return;
  if (requester_.outstanding()) return act_later(group_.period_us);
  if (!correct() && random_.chance(group_.silent_ppm)) {
    coverage_.count("faulty member: silent");
    ++next_vote_;
    return act_later(group_.period_us * random_.between(1, 8));
  }
  const bool votes =
      next_vote_ < next_result_ + definition().rounds_max && (next_vote_ == next_result_ || random_.chance(500'000));
  votes ? vote(next_vote_) : ask(next_result_);
  act_later(random_.between(group_.period_us / 2, group_.period_us * 2));
}

Bytes GroupMember::value_of(std::uint64_t round) const {
  const auto base = static_cast<std::int64_t>(Random(options_.seed + round, definition().name).below(1'000));
  switch (definition().value) {
    case GroupValue::real: return std::to_string(base + member_ % 3);
    case GroupValue::integer_interval:
      return std::to_string(base - 1 - member_ % 2) + ".." + std::to_string(base + 1 + member_ % 3);
    default: return "seen " + std::to_string(base);
  }
}

/// Alike for all liars of the run as often as not: they are in league.
Bytes GroupMember::lie_of(std::uint64_t round) {
  const auto shift = static_cast<std::int64_t>(random_.chance(500'000) ? 7'000 : random_.below(9'000)) +
                     static_cast<std::int64_t>(round);
  switch (definition().value) {
    case GroupValue::real: return std::to_string(random_.chance(100'000) ? -shift : shift);
    case GroupValue::integer_interval: return std::to_string(shift) + ".." + std::to_string(shift + 5);
    default: return "lie " + std::to_string(shift);
  }
}

void GroupMember::vote(std::uint64_t round) {
  if (correct()) {
    next_vote_ = round + 1;
    return submit({"vote", definition().name, std::to_string(round), value_of(round)}, {true, round, value_of(round)});
  }
  const auto lie = [this](std::uint64_t in, std::string_view what) {
    coverage_.count(std::string("faulty member: ").append(what));
    const auto value = lie_of(in);
    submit({"vote", definition().name, std::to_string(in), value}, {true, in, value});
  };
  switch (random_.below(6)) {
    case 0: lie(round + random_.below(definition().rounds_max * 2), "ahead"); break;
    case 1:
      if (round > 1) lie(1 + random_.below(round - 1), "in a round of before");
      break;
    case 2:
      lie(round, "twice");
      lie(round, "twice");
      next_vote_ = round + 1;
      break;
    case 3:
      coverage_.count("faulty member: no value");
      submit({"vote", definition().name, std::to_string(round), "nan", "nan"}, {true, round, "nan"});
      break;
    default: lie(round, "a lie"); next_vote_ = round + 1;
  }
}

void GroupMember::ask(std::uint64_t round) {
  submit({"result", definition().name, std::to_string(round)}, {false, round, {}});
}

void GroupMember::submit(const Words& words, Asked asked) {
  if (asked.vote) host_.vote_asked(definition().name, member_, asked.round);
  const auto number = requester_.submit(encode_operation("group", encode_words(words)));
  asked_.emplace(number, std::move(asked));
}

void GroupMember::answered(RequestNumber number, Seq seq, const ServiceReply& reply) {
  const auto asked = std::move(asked_.at(number));
  asked_.erase(number);
  if (asked.vote) {
    host_.vote_answered(definition().name, member_, asked.round, asked.value, seq, reply);
  } else if (reply.status == ReplyStatus::ok) {
    host_.result_told(definition().name, asked.round, seq, reply.text);
  }
  const bool over = reply.text.starts_with("round\t");
  // Not kept any more: it was away for long.
  const bool forgotten = !asked.vote && reply.status == ReplyStatus::refused;
  if ((over || forgotten) && asked.round == next_result_) ++next_result_;
  if (reply.text.starts_with("late:")) note_next(reply.text);
}

/// A correct member that was late goes on where the group is.
void GroupMember::note_next(const Bytes& text) {
  const auto at = text.rfind(' ');
  std::uint64_t next = 0;
  const auto parsed = std::from_chars(text.data() + at + 1, text.data() + text.size(), next);
  if (parsed.ec == std::errc() && next > next_vote_) next_vote_ = next;
}

}  // namespace tagma::sim
