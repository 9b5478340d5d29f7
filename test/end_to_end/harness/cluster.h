// Temporary folders, and a cluster started as a user starts it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "test/end_to_end/harness/ports.h"
#include "test/end_to_end/harness/process.h"
#include "test/fakes/temporary_folder.h"

namespace tagma::end_to_end {

/// The product binary under test.
[[nodiscard]] std::string tagma_binary();

using test::TemporaryFolder;

/// `tagma up` on a folder of its own. Everything that it started is gone when the object is.
class Cluster {
 public:
  /// Starts nothing yet. `options` are further options of init.
  explicit Cluster(std::vector<std::string> options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string cluster_file() const { return directory_ + "/cluster.toml"; }
  [[nodiscard]] std::uint16_t base_port() const { return ports_.base(); }

  /// `tagma init` on the folder.
  [[nodiscard]] Finished init();
  /// `tagma up`; true once it has said "ready".
  [[nodiscard]] bool up();
  [[nodiscard]] Process& process() { return *process_; }
  /// SIGTERM to `tagma up`, and its end.
  [[nodiscard]] Finished stop();

  /// SIGKILL to `tagma up` and all replicas at once; on return they have ended and hold no file any more.
  void kill_all();

  /// A command with `--dir` of this cluster: tagma({"call", "kv", "get", "k"}) puts it behind the verb.
  [[nodiscard]] Finished tagma(std::vector<std::string> words, milliseconds limit = seconds(30)) const;
  /// The command line of such a call, for a Process.
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> words) const;

  /// The process of a replica; 0 if it is not running.
  [[nodiscard]] pid_t replica(std::uint32_t id) const;
  /// Sends a signal to a replica's process. False if there is none.
  [[nodiscard]] bool signal_replica(std::uint32_t id, int number) const;
  /// SIGKILL to it; on return it has ended and holds no file or port any more. False if there is none.
  [[nodiscard]] bool kill_replica(std::uint32_t id) const;

 private:
  TemporaryFolder folder_;
  Ports ports_;
  std::string directory_;
  std::vector<std::string> options_;
  std::unique_ptr<Process> process_;
};

/// Reads and writes whole files of the test.
[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);
/// Replaces the first occurrence of `from` in the file; false if there is none.
[[nodiscard]] bool edit_file(const std::string& path, const std::string& from, const std::string& to);

}  // namespace tagma::end_to_end
