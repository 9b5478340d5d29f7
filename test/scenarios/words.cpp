#include "test/scenarios/words.h"

#include <algorithm>
#include <charconv>

#include "test/scenarios/scenario.h"

namespace tagma::test {

Words::Words(std::string_view line) {
  std::size_t at = 0;
  while (true) {
    at = line.find_first_not_of(" \t\r", at);
    if (at == std::string_view::npos || line[at] == '#') return;
    if (line[at] == '"') {
      const auto end = line.find('"', at + 1);
      if (end == std::string_view::npos) throw ScenarioError("a quotation without its end");
      words_.push_back({.text = std::string(line.substr(at + 1, end - at - 1)), .quoted = true});
      at = end + 1;
    } else {
      const auto end = std::min(line.find_first_of(" \t\r\"#", at), line.size());
      words_.push_back({.text = std::string(line.substr(at, end - at))});
      at = end;
    }
  }
}

bool Words::accept(std::string_view word) {
  if (done() || words_[at_].quoted || words_[at_].text != word) return false;
  ++at_;
  return true;
}

void Words::demand(std::string_view word) {
  if (accept(word)) return;
  throw ScenarioError("expected \"" + std::string(word) + "\"" +
                      (done() ? ", but the line ends" : ", not \"" + words_[at_].text + "\""));
}

const Words::Word& Words::next(std::string_view what) {
  if (done()) throw ScenarioError("expected " + std::string(what) + ", but the line ends");
  return words_[at_++];
}

std::string Words::word(std::string_view what) {
  const auto& found = next(what);
  if (found.quoted) throw ScenarioError("expected " + std::string(what) + ", not a quotation");
  return found.text;
}

std::string Words::quotation() {
  const auto& found = next("a quotation");
  if (!found.quoted) throw ScenarioError("expected a quotation, not \"" + found.text + "\"");
  return found.text;
}

std::uint64_t Words::number(std::string_view what) { return number_of(word(what), what); }

MonotonicUs Words::duration() {
  const auto text = word("a duration");
  const auto unit = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = static_cast<MonotonicUs>(number_of(text.substr(0, unit), "a duration"));
  if (count <= 100'000 && text.substr(unit) == "ms") return count * 1'000;
  if (count <= 100 && text.substr(unit) == "s") return count * 1'000'000;
  throw ScenarioError("expected a duration up to 100s, such as 400ms or 2s, not \"" + text + "\"");
}

Names Words::names() {
  Names names = divided(word("replicas, such as 0,1,3, or all, or correct"), ',');
  if (std::any_of(names.begin(), names.end(), [](const auto& name) { return name.empty(); })) {
    throw ScenarioError("replicas are separated by one comma, without blanks");
  }
  return names;
}

Pattern Words::pattern() {
  Pattern pattern;
  while (!done()) {
    if (accept("from")) {
      pattern.from = names();
    } else if (accept("to")) {
      pattern.to = names();
    } else if (accept("view")) {
      pattern.view = number("a view");
    } else if (accept("slot")) {
      pattern.slot = number("a slot");
    } else if (accept("batch")) {
      pattern.batch = word("a batch's name");
    } else if (pattern.kinds.empty()) {
      for (auto& kind : divided(word("a kind of message"), ',')) {
        if (!is_kind(kind)) throw ScenarioError("no kind of message is called \"" + kind + "\"");
        pattern.kinds.insert(std::move(kind));
      }
    } else {
      break;
    }
  }
  return pattern;
}

void Words::end() const {
  if (!done()) throw ScenarioError("what is \"" + words_[at_].text + "\" doing here?");
}

std::uint64_t number_of(std::string_view text, std::string_view what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  throw ScenarioError("expected " + std::string(what) + ", not \"" + std::string(text) + "\"");
}

std::vector<std::string> divided(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace tagma::test
