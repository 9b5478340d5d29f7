#include "test/scenarios/scenario.h"

#include <map>

#include "test/scenarios/expectations.h"
#include "test/scenarios/forgery.h"
#include "test/scenarios/words.h"

namespace tagma::test {

namespace {

/// A step that does the same to each of the processes that it names.
template <typename Act>
Action each(Words& words, Act act) {
  return [names = words.names(), act](World& world) {
    for (const auto index : world.find(names)) act(world, index);
  };
}

Action read_submit(Words& words) {
  words.demand("client");
  const auto client = static_cast<ClientId>(words.number("a client"));
  words.demand("number");
  const auto number = words.number("a request's number");
  const auto payload = words.quotation();
  words.demand("to");
  return each(words, [=](World& world, ProcessIndex to) { world.submit(to, client, number, payload); });
}

Action read_batch(Words& words) {
  const auto name = words.word("the batch's name");
  words.demand("client");
  const auto client = static_cast<ClientId>(words.number("a client"));
  words.demand("number");
  const auto number = words.number("a request's number");
  const auto payload = words.quotation();
  return [=](World& world) {
    const auto bundle = world.bundle(client, number, payload);
    world.name_batch(name, std::make_shared<const Batch>(wire::encode_batch(world.wall_us(), {*bundle})));
  };
}

Action read_partition(Words& words) {
  std::vector<Names> sides{words.names()};
  while (words.accept("|")) sides.push_back(words.names());
  if (sides.size() < 2) throw ScenarioError("a partition has two sides or more: 0,1 | 2,3");
  return [sides](World& world) {
    for (const auto& from : sides) {
      for (const auto& to : sides) {
        if (&from != &to) world.lose({.kinds = {}, .view = {}, .slot = {}, .batch = {}, .from = from, .to = to});
      }
    }
  };
}

Action read_cut(Words& words) {
  return [names = words.names()](World& world) {
    world.lose({.kinds = {}, .view = {}, .slot = {}, .batch = {}, .from = names, .to = {}});
    world.lose({.kinds = {}, .view = {}, .slot = {}, .batch = {}, .from = {}, .to = names});
  };
}

Action read_delay(Words& words) {
  const bool records = words.accept("records");
  if (!records) words.demand("checkpoints");
  words.demand("at");
  return each(words, [records](World& world, ProcessIndex index) {
    (records ? world.node(index).persist_at_once : world.node(index).write_checkpoints) = false;
  });
}

Action read_settle(Words& words) {
  const auto names = words.accept("at") ? words.names() : Names{"correct"};
  return [names, named = names != Names{"correct"}](World& world) {
    auto who = world.find(names);
    if (!named) std::erase_if(who, [&](ProcessIndex index) { return !world.is_up(index); });
    world.settle(who);
  };
}

template <typename Act>
Action with_pattern(Words& words, Act act) {
  return [pattern = words.pattern(), act](World& world) { act(world, pattern); };
}

using Reader = Action (*)(Words&);

const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> all{
      {"submit", read_submit},
      {"batch", read_batch},
      {"forge", forge},
      {"expect", expectation},
      {"partition", read_partition},
      {"cut", read_cut},
      {"delay", read_delay},
      {"settle", read_settle},
      {"faulty", [](Words& words) { return each(words, [](World& world, auto at) { world.declare_faulty(at); }); }},
      {"twin", [](Words& words) { return each(words, [](World& world, auto at) { world.add_twin(at); }); }},
      {"crash", [](Words& words) { return each(words, [](World& world, auto at) { world.crash(at); }); }},
      {"restart", [](Words& words) { return each(words, [](World& world, auto at) { world.restart(at); }); }},
      {"wipe", [](Words& words) { return each(words, [](World& world, auto at) { world.wipe(at); }); }},
      {"sync", [](Words& words) { return each(words, [](World& world, auto at) { world.sync(at); }); }},
      {"deliver", [](Words& words) { return with_pattern(words, [](World& w, const auto& p) { w.deliver(p); }); }},
      {"drop", [](Words& words) { return with_pattern(words, [](World& w, const auto& p) { w.drop(p); }); }},
      {"lose", [](Words& words) { return with_pattern(words, [](World& w, const auto& p) { w.lose(p); }); }},
      {"hold", [](Words& words) { return with_pattern(words, [](World& w, const auto& p) { w.hold(p); }); }},
      {"heal", [](Words&) -> Action { return [](World& world) { world.heal(); }; }},
      {"release", [](Words&) -> Action { return [](World& world) { world.release(); }; }},
      {"pass", [](Words& words) -> Action { return [us = words.duration()](World& world) { world.pass(us, false); }; }},
      {"run", [](Words& words) -> Action { return [us = words.duration()](World& world) { world.pass(us, true); }; }},
  };
  return all;
}

Action read_step(Words& words) {
  const auto word = words.word("a step");
  const auto reader = readers().find(word);
  if (reader == readers().end()) throw ScenarioError("\"" + word + "\" is no step");
  return reader->second(words);
}

struct Script {
  std::uint32_t replicas = 0;
  std::vector<Step> steps;
};

/// `at_line` says which line is being looked at, or played: whoever catches an error needs it.
Script read(std::string_view text, std::size_t& at_line) {
  Script script;
  for (const auto& line : divided(text, '\n')) {
    ++at_line;
    Words words(line);
    if (words.done()) continue;
    if (script.replicas == 0) {
      words.demand("replicas");
      const auto replicas = words.number("how many");
      if (replicas < 4 || replicas > 10) throw ScenarioError("4 to 10 replicas");
      script.replicas = static_cast<std::uint32_t>(replicas);
    } else {
      script.steps.push_back({.line = at_line, .action = read_step(words)});
    }
    words.end();
  }
  if (script.steps.empty()) throw ScenarioError("nothing happens");
  return script;
}

}  // namespace

std::optional<std::string> play(std::string_view name, std::string_view text) {
  std::size_t line = 0;
  try {
    const auto script = read(text, line);
    World world(script.replicas);
    for (const auto& step : script.steps) {
      line = step.line;
      step.action(world);
    }
  } catch (const ScenarioError& error) {
    return std::string(name) + ":" + std::to_string(line) + ": " + error.what();
  }
  return std::nullopt;
}

}  // namespace tagma::test
