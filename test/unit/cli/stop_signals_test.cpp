#include "client_lib/cli/stop_signals.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/types.h>

#include <csignal>
#include <initializer_list>

using tagma::cli::StopSignals;

TEST_CASE("a signal is remembered instead of ending the process, and the descriptor tells of it") {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    StopSignals stop;
    CHECK_FALSE(stop.requested());
    pollfd descriptor{stop.descriptor(), POLLIN, 0};
    CHECK(poll(&descriptor, 1, 0) == 0);
    raise(number);
    CHECK(poll(&descriptor, 1, 0) == 1);
    CHECK(stop.requested());
    CHECK(stop.requested());
  }
}

TEST_CASE("a signal that was ignored before is remembered too, and ignored again afterwards") {
  struct sigaction ignore {};
  struct sigaction former {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &former);
  {
    StopSignals stop;
    raise(SIGINT);
    CHECK(stop.requested());
  }
  struct sigaction after {};
  sigaction(SIGINT, &former, &after);
  const bool ignored_again = after.sa_handler == SIG_IGN;
  CHECK(ignored_again);
}
