// Plays scenario files: `scenarios FILE_OR_FOLDER...`; README.md has their grammar.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "test/scenarios/scenario.h"

namespace {

std::set<std::filesystem::path> scenarios_in(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".scenario") files.insert(entry.path());
  }
  return files;
}

bool holds(const std::filesystem::path& path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    std::cout << path.string() << ": cannot be read\n";
    return false;
  }
  const auto broken = tagma::test::play(path.string(), text);
  std::cout << broken.value_or(path.filename().string() + ": holds") << '\n';
  return !broken;
}

}  // namespace

int main(int count, char** arguments) {
  int played = 0;
  int broken = 0;
  for (int at = 1; at < count; ++at) {
    for (const auto& path : scenarios_in(arguments[at])) {
      ++played;
      if (!holds(path)) ++broken;
    }
  }
  // A folder that has been emptied must not pass for one whose scenarios hold.
  if (played == 0) std::cout << "usage: scenarios FILE_OR_FOLDER... (no scenario found)\n";
  return played > 0 && broken == 0 ? 0 : 1;
}
