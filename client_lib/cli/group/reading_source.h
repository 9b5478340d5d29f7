// Where a sensor's readings come from: a program that prints lines, or a file.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "client_lib/cli/stop_signals.h"
#include "tagma/result.h"

namespace tagma::cli {

class ReadingSource {
 public:
  ReadingSource() = default;
  ReadingSource(const ReadingSource&) = delete;
  ReadingSource& operator=(const ReadingSource&) = delete;
  virtual ~ReadingSource() = default;

  /// The newest line that was not returned before, awaited for `patience` at most and until a signal comes; or why
  /// there is none.
  [[nodiscard]] virtual Result<std::string> newest(StopSignals& stop, std::chrono::milliseconds patience) = 0;
};

/// The first line of the file, read anew each time.
[[nodiscard]] std::unique_ptr<ReadingSource> readings_of_file(const std::string& path);

/// Lines of a program that /bin/sh runs: one that prints a line and ends is started again for each reading, one that
/// goes on printing is left to it. One that is silent for the whole of the patience is ended, since it may hang. It and
/// all that it started in its process group are gone with this object. Make it on a thread that lives as long.
[[nodiscard]] std::unique_ptr<ReadingSource> readings_of_program(const std::string& command);

}  // namespace tagma::cli
