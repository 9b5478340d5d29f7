// What is piped into `tagma shell`, read so that a signal ends the wait for it.
#pragma once

#include <array>
#include <streambuf>

#include "client_lib/cli/stop_signals.h"

namespace tagma::cli {

/// The bytes of a descriptor; they end where a signal arrives, too. While StopSignals lives a signal interrupts no
/// read(), so that a script whose writer is slow could not be stopped otherwise.
class ScriptInput : public std::streambuf {
 public:
  /// Both outlive this object. Nobody else reads from the descriptor.
  ScriptInput(int descriptor, StopSignals& stop) : descriptor_(descriptor), stop_(stop) {}

 private:
  int_type underflow() override;

  const int descriptor_;
  StopSignals& stop_;
  std::array<char, 65'536> buffer_{};
};

}  // namespace tagma::cli
