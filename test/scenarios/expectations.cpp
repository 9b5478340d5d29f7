#include "test/scenarios/expectations.h"

#include "messages/state_key.h"
#include "tagma/operation.h"

namespace tagma::test {

namespace {

/// A number of one replica, compared with what the line says.
using Count = std::uint64_t (*)(const CoreView&);

Action expect_count(Words& words, std::string what, Count count, std::optional<bool> active) {
  const bool at_least = words.accept("at-least");
  const auto wanted = words.number("a number");
  words.demand("at");
  return [=, names = words.names(), what = std::move(what)](World& world) {
    for (const auto index : world.find(names)) {
      const auto view = world.node(index).core.view();
      const auto found = count(view);
      if ((at_least ? found >= wanted : found == wanted) && (!active || view.active == *active)) continue;
      throw ScenarioError(
          "replica " + world.name(index) + ": " + what + " is " + std::to_string(found) +
          (active && view.active != *active ? (view.active ? ", and begun" : ", and only wanted") : ""));
    }
  };
}

std::uint64_t view_of(const CoreView& view) { return view.view; }

/// The service's value, as the executed state has it.
std::string value_at(World& world, ProcessIndex index, const std::string& key) {
  const std::string service = "toy";
  const auto value = world.node(index).core.state().get(Bytes(1, state_key::service_prefix) +
                                                        Bytes(1, static_cast<char>(service.size())) + service + key);
  return value.value_or("nothing");
}

Action expect_value(Words& words) {
  const auto key = words.word("a key");
  const auto wanted = words.word("a value, or nothing");
  words.demand("at");
  return [key, wanted, names = words.names()](World& world) {
    for (const auto index : world.find(names)) {
      const auto found = value_at(world, index, key);
      if (found != wanted) throw ScenarioError("replica " + world.name(index) + " has " + found + " at " + key);
    }
  };
}

Action expect_slot(Words& words) {
  const auto slot = words.number("a slot");
  words.demand("holds");
  const auto batch = words.word("a batch's name, or null");
  words.demand("at");
  return [slot, batch, names = words.names()](World& world) {
    const auto wanted = digest_of(*world.batch(batch));
    for (const auto index : world.find(names)) {
      const auto found = world.node(index).core.executed_digest(slot);
      if (found != wanted) {
        throw ScenarioError("replica " + world.name(index) + " has executed " + (found ? "something else" : "nothing") +
                            " as slot " + std::to_string(slot));
      }
    }
  };
}

AnswerTo read_asker(Words& words) {
  AnswerTo to;
  words.demand("to");
  words.demand("client");
  to.client = static_cast<ClientId>(words.number("a client"));
  words.demand("number");
  to.number = words.number("a request's number");
  return to;
}

/// With `from`: what each of these has answered; without: what the client could accept.
Action expect_answer(Words& words) {
  const auto wanted = words.quotation();
  const auto to = read_asker(words);
  const auto names = words.accept("from") ? std::optional(words.names()) : std::nullopt;
  return [wanted, to, names](World& world) {
    const auto compare = [&](const std::string& who, const std::optional<Bytes>& found) {
      if (!found) throw ScenarioError(who + " no answer");
      const auto reply = decode_reply(*found);
      if (!reply || reply->text != wanted) throw ScenarioError(who + " another answer");
    };
    if (!names) compare("the client has", world.accepted(to));
    for (const auto index : names ? world.find(*names) : std::set<ProcessIndex>{}) {
      const auto found = world.answer(world.replica_of(index), to);
      compare("replica " + world.name(index) + " gave", found ? std::optional(found->second) : std::nullopt);
    }
  };
}

Action expect_no_answer(Words& words) {
  const auto to = read_asker(words);
  const auto names = words.accept("from") ? std::optional(words.names()) : std::nullopt;
  return [to, names](World& world) {
    if (!names && world.accepted(to)) throw ScenarioError("the client has an answer");
    for (const auto index : names ? world.find(*names) : std::set<ProcessIndex>{}) {
      if (world.answer(world.replica_of(index), to)) throw ScenarioError("replica " + world.name(index) + " answered");
    }
  };
}

Action expect_sent(Words& words, bool wanted) {
  return [pattern = words.pattern(), wanted](World& world) {
    if (world.was_sent(pattern) != wanted) throw ScenarioError(wanted ? "nobody sent that" : "that was sent");
  };
}

Action expect_counted(Words& words) {
  const auto reason = words.quotation();
  words.demand("at");
  return [reason, names = words.names()](World& world) {
    for (const auto index : world.find(names)) {
      if (!world.node(index).counted(reason))
        throw ScenarioError("replica " + world.name(index) + " never counted that");
    }
  };
}

/// How a replica that lost its memory votes again: as which of its lives.
Action expect_life(Words& words) {
  const auto life = words.number("a life's number");
  words.demand("at");
  return [life, names = words.names()](World& world) {
    for (const auto index : world.find(names)) {
      const auto view = world.node(index).core.view();
      if (view.incarnation == life && view.remembers && view.voting) continue;
      throw ScenarioError("replica " + world.name(index) + " is in life " + std::to_string(view.incarnation) +
                          (view.voting && view.remembers ? "" : " and does not vote yet"));
    }
  };
}

}  // namespace

Action expectation(Words& words) {
  if (words.accept("executed")) {
    return expect_count(
        words, "executed", [](const CoreView& view) { return view.executed; }, std::nullopt);
  }
  if (words.accept("certificate")) {
    return expect_count(
        words, "the certificate", [](const CoreView& view) { return view.certificate; }, std::nullopt);
  }
  if (words.accept("in")) {
    words.demand("view");
    return expect_count(words, "the view", view_of, true);
  }
  if (words.accept("wants")) {
    words.demand("view");
    return expect_count(words, "the view", view_of, false);
  }
  if (words.accept("value")) return expect_value(words);
  if (words.accept("slot")) return expect_slot(words);
  if (words.accept("answer")) return expect_answer(words);
  if (words.accept("sent")) return expect_sent(words, true);
  if (words.accept("counted")) return expect_counted(words);
  if (words.accept("life")) return expect_life(words);
  if (words.accept("no")) {
    if (words.accept("answer")) return expect_no_answer(words);
    return expect_sent(words, false);
  }
  throw ScenarioError("what is expected? \"" + words.word("an expectation") + "\" is no such word");
}

}  // namespace tagma::test
