// Writes the manual page: manual_page DATE HEAD TAIL > tagma.1. A tool of the build; nobody installs it.
#include <fstream>
#include <iostream>
#include <iterator>

#include "client_lib/cli/manual/manual_page.h"

namespace {

bool read_whole(const char* path, std::string& text) {
  std::ifstream file(path, std::ios::binary);
  text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return file.good() && !text.empty();
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 4) {
    std::cerr << "usage: manual_page DATE HEAD TAIL\n";
    return 2;
  }
  tagma::cli::ManualText text;
  text.date = arguments[1];
  if (!read_whole(arguments[2], text.head) || !read_whole(arguments[3], text.tail)) {
    std::cerr << "manual_page: cannot read " << arguments[2] << " and " << arguments[3] << "\n";
    return 2;
  }
  tagma::cli::write_manual_page(text, std::cout);
  return std::cout.good() ? 0 : 1;
}
