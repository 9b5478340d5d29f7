// One program at a time for a secret key.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace tagma::cli {

/// Holds an advisory lock on the file of a key until it is destroyed. Programs that ask with the same administrator's
/// key share what replicas allow that administrator, and would only make each other time out.
class KeyLock {
 public:
  /// Waits until nobody else holds the lock, at most for `wait_max`. `waiting` is called once if it has to wait. Where
  /// there is no file, or one that cannot be locked, nothing is held: whoever reads the key will say what is wrong.
  KeyLock(const std::string& key_file, std::chrono::milliseconds wait_max, const std::function<void()>& waiting);
  ~KeyLock();
  KeyLock(const KeyLock&) = delete;
  KeyLock& operator=(const KeyLock&) = delete;

  /// Somebody else held the lock all the time.
  [[nodiscard]] bool taken_by_another() const { return taken_by_another_; }

 private:
  int descriptor_ = -1;
  bool taken_by_another_ = false;
};

}  // namespace tagma::cli
