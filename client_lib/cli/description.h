// A command's options as something to read: for completion and the manual page, which so never go stale.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

namespace tagma::cli {

/// What `describe` tells the parser, without anything to parse; the place of the values lives as long as the result.
template <typename Options>
[[nodiscard]] std::shared_ptr<CLI::App> described(void (*describe)(CLI::App& app, Options& options)) {
  struct Described {
    Options options;
    CLI::App app;
  };
  auto both = std::make_shared<Described>();
  describe(both->app, both->options);
  return {both, &both->app};
}

}  // namespace tagma::cli
