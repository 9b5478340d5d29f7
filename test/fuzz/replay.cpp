// The main function of a target without libFuzzer: judges the files that are named, and those in the folders that are
// named. So regressions are replayed by every compiler.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "test/fuzz/target.h"

namespace {

std::vector<std::filesystem::path> files_of(const std::vector<std::string>& arguments) {
  std::vector<std::filesystem::path> files;
  for (const auto& argument : arguments) {
    if (!std::filesystem::is_directory(argument)) {
      files.emplace_back(argument);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argument)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

int replay(const std::vector<std::string>& arguments) {
  const auto files = files_of(arguments);
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
      return 2;
    }
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    // Said before it is judged: what follows in a log belongs to this file.
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
    tagma::fuzz::judge(input);
  }
  std::printf("%zu inputs, nothing found\n", files.size());
  return files.empty() ? 2 : 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: %s FILE_OR_FOLDER...\n", arguments[0]);
    return 2;
  }
  try {
    return replay({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "an exception left the target: %s\n", error.what());
    return 1;
  }
}
