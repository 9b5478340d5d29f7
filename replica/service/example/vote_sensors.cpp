// Believes no sensor alone: votes on what several of them say, without any cluster.
//
//   vote_sensors FAULTY_MAX FILE...
//
// Each file is one sensor's: a number a line, a line a round; "-" where it said nothing in time.
#include <charconv>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tagma/voting.h"

namespace voting = tagma::voting;

int main(int argument_count, char** arguments) {
  const std::vector<std::string> words(arguments, arguments + argument_count);
  std::uint32_t faulty_max = 0;
  if (words.size() < 3 ||
      std::from_chars(words[1].data(), words[1].data() + words[1].size(), faulty_max).ec != std::errc()) {
    std::cerr << "usage: vote_sensors FAULTY_MAX FILE...\n";
    return 2;
  }
  std::vector<std::ifstream> sensors;
  for (std::size_t at = 2; at < words.size(); ++at) sensors.emplace_back(words[at]);
  const voting::Shape shape{.rule = voting::Rule::median,
                            .members = static_cast<std::uint32_t>(sensors.size()),
                            .faulty_max = faulty_max,
                            .deadline = true};  // a line of every file is the end of the round
  if (const auto why = voting::refusal(shape)) {
    std::cerr << *why << '\n';
    return 2;
  }
  for (bool more = true; more;) {
    more = false;
    voting::Round<double> round(shape);
    for (std::uint32_t member = 0; member < shape.members; ++member) {
      std::string line;
      if (!std::getline(sensors[member], line)) continue;
      more = true;
      double value = 0;
      const auto read = std::from_chars(line.data(), line.data() + line.size(), value);
      if (read.ec == std::errc() && voting::admissible(value)) round.take(member, value);
    }
    if (!more) break;
    const auto made = round.decision();
    constexpr const char* grades[] = {"none", "timely", "unconditional"};
    std::cout << (made.value ? std::to_string(*made.value) : "-") << ' ' << grades[static_cast<int>(made.grade)]
              << ", present " << made.present.size() << '\n';
  }
  return 0;
}
