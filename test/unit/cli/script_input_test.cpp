#include "client_lib/cli/shell/script_input.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <istream>
#include <string>

using tagma::cli::ScriptInput;
using tagma::cli::StopSignals;

namespace {

/// A pipe whose writer is this test.
class Pipe {
 public:
  Pipe() { REQUIRE(pipe(ends_.data()) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(ends_[0]);
    finish();
  }
  [[nodiscard]] int reader() const { return ends_[0]; }
  void write(const std::string& text) const {
    REQUIRE(::write(ends_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void finish() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

}  // namespace

TEST_CASE("a script is read to its end, in as many pieces as it comes") {
  StopSignals stop;
  Pipe pipe;
  ScriptInput input(pipe.reader(), stop);
  std::istream in(&input);
  std::string line;
  pipe.write("kv put a ");
  CHECK(in.get() == 'k');
  pipe.write("1\nkv get a");
  CHECK(std::getline(in, line));
  CHECK(line == "v put a 1");
  pipe.finish();
  CHECK(std::getline(in, line));
  CHECK(line == "kv get a");
  CHECK_FALSE(std::getline(in, line));
}

TEST_CASE("a signal ends the wait for a script whose writer says nothing") {
  StopSignals stop;
  Pipe pipe;
  ScriptInput input(pipe.reader(), stop);
  std::istream in(&input);
  raise(SIGTERM);
  CHECK(in.get() == std::istream::traits_type::eof());
  CHECK(stop.requested());
}
