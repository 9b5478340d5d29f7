// Free ports.
#pragma once

#include <cstdint>
#include <string>

namespace tagma::end_to_end {

/// A range of TCP ports on the loopback address that nobody listened on, reserved against other tests (by a lock on a
/// file) as long as this object lives. Below the range from which the system takes ports for outgoing connections.
class Ports {
 public:
  static constexpr std::uint16_t count = 40;

  Ports();
  ~Ports();
  Ports(const Ports&) = delete;
  Ports& operator=(const Ports&) = delete;

  [[nodiscard]] std::uint16_t base() const { return base_; }

 private:
  std::uint16_t base_ = 0;
  int lock_ = -1;
  std::string lock_path_;
};

}  // namespace tagma::end_to_end
