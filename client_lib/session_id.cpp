#include "client_lib/session_id.h"

#include <atomic>
#include <chrono>

#include "crypto/digest.h"

namespace tagma {
namespace {

constexpr unsigned random_bits = 6;

}  // namespace

SessionId next_session_id() {
  static std::atomic<SessionId> last{0};
  const auto since_epoch_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const auto random = static_cast<unsigned char>(crypto::random_bytes(1).front()) & ((1U << random_bits) - 1U);
  const SessionId wanted = (static_cast<SessionId>(since_epoch_us) << random_bits) | random;
  SessionId previous = last.load();
  SessionId chosen = 0;
  do {
    chosen = wanted > previous ? wanted : previous + 1;
  } while (!last.compare_exchange_weak(previous, chosen));
  return chosen;
}

}  // namespace tagma
