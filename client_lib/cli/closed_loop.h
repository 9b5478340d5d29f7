// A closed loop: so many operations of one client are outstanding, and each that ends lets the next one go.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "tagma/client.h"

namespace tagma::cli {

/// Drives one Client. `next` and `done` run one at a time, on this or the library's thread; operations are submitted in
/// the order in which `next` gave them.
class ClosedLoop {
 public:
  struct Step {
    std::uint64_t tag = 0;  ///< handed back to `done`
    Bytes operation;
  };
  /// The next operation, or nothing when there are no more.
  using Next = std::function<std::optional<Step>()>;
  using Done = std::function<void(std::uint64_t tag, const CallResult& result)>;

  ClosedLoop(std::unique_ptr<Client> client, std::uint32_t window);
  /// Closes the client; what is outstanding then ends as unknown.
  ~ClosedLoop();
  ClosedLoop(const ClosedLoop&) = delete;
  ClosedLoop& operator=(const ClosedLoop&) = delete;

  /// Starts, or starts anew once idle.
  void start(Next next, Done done);
  /// Submits nothing further. May be called from `done`.
  void stop();
  /// Waits until nothing is outstanding and nothing will be submitted; false if that takes longer than `timeout`.
  [[nodiscard]] bool wait_idle(std::chrono::milliseconds timeout);
  /// The client, for reports(). Not to be used inside `next` and `done`.
  [[nodiscard]] Client& client() { return *client_; }

 private:
  void fill();
  void finish(std::uint64_t tag, const CallResult& result);

  std::unique_ptr<Client> client_;
  const std::uint32_t window_;
  // Recursive: an operation that the library refuses at once ends inside submit().
  std::recursive_mutex mutex_;
  std::condition_variable_any idle_;
  Next next_;
  Done done_;
  std::uint32_t outstanding_ = 0;
  bool stopped_ = true;
  bool filling_ = false;  ///< fill() is on the stack of the thread that holds the mutex
};

}  // namespace tagma::cli
