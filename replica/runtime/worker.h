// A thread for what would hold up the loop: a sync, a checkpoint transaction.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace tagma::runtime {

/// Does one task at a time and makes a descriptor readable when it is done. All functions are for the owner's thread;
/// what the task wrote may be read there once finished() has said so.
class Worker {
 public:
  /// `name`: of the thread, as process monitors show it; at most 15 characters.
  explicit Worker(const char* name);
  /// Waits for the task that runs.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Whether a task was begun whose end finished() has not told yet.
  [[nodiscard]] bool busy() const { return busy_; }
  /// Not while busy. The task must not throw.
  void begin(std::function<void()> task);
  /// Once per task: whether it has ended.
  [[nodiscard]] bool finished();
  /// Waits for the end of the task that runs, if one does.
  void wait();
  /// Readable from a task's end until finished() or wait() has told it.
  [[nodiscard]] int descriptor() const { return event_descriptor_; }

 private:
  void run();
  void take_event() const;

  int event_descriptor_ = -1;
  bool busy_ = false;  ///< the owner's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;  ///< under the mutex, as the two below
  bool done_ = false;
  bool stop_ = false;
  std::thread thread_;  ///< last: it uses the rest
};

}  // namespace tagma::runtime
