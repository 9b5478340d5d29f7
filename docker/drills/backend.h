// Where the processes of a drill run: on this machine, or in containers. The same drill runs on either.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tagma::drills {

/// A program that a drill may start, by the name of its file, and where it lies on this machine.
using Programs = std::map<std::string, std::string>;

/// The clock that faketime shifts: of the package libfaketime, here and in the image.
inline constexpr const char* faketime_library = "faketime";
/// What is loaded for it. The C library comes again behind it: its allocator is then used in the place of jemalloc,
/// which asks for the time while it begins, and gets faketime to ask for memory; the C++ library too, whose operator
/// new jemalloc has as well.
inline constexpr const char* faketime_preload = "/usr/$LIB/faketime/libfaketimeMT.so.1:libc.so.6:libstdc++.so.6";

struct ProcessSpec {
  std::string name;     ///< "replica-0": of the process, its log and its container
  std::string program;  ///< a name of Programs
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> preload;  ///< names of Programs, or faketime_library: loaded in front of the C library
  std::string host;                  ///< the address that it listens on; empty: it listens nowhere
  std::string folder;                ///< all that it may write, by the same path here and in a container
  std::string control_folder;        ///< what it may read beside it; empty: nothing
};

/// Where replicas listen.
struct Place {
  std::vector<std::string> hosts;  ///< one for each replica
  std::uint16_t base_port = 0;     ///< as `tagma init --base-port`
  std::string door_host;           ///< the address of this machine at which replicas find what listens here
  std::string twin_host;           ///< one more, for a second process with a replica's key; its ports are others
};

/// Used by one thread alone, which lives as long as the processes shall. Whatever does not go as it should throws
/// std::runtime_error with a line for a person.
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  [[nodiscard]] virtual const Place& place() const = 0;
  /// So that the process can use what is in the folder.
  virtual void hand_over(const std::string& folder) = 0;

  /// Starts a process under a name that has none running. Its output goes to the log of that name.
  virtual void start(const ProcessSpec& spec) = 0;
  /// Sends a signal to all of them, as nearly at once as can be. Those that do not run are left out.
  virtual void signal(const std::vector<std::string>& names, int number) = 0;
  virtual void pause(const std::string& name) = 0;
  virtual void resume(const std::string& name) = 0;
  /// Whether it is paused, as the system tells.
  [[nodiscard]] virtual bool paused(const std::string& name) = 0;
  /// Lets it have so many percent of a core; nothing: as much as it wants.
  virtual void limit_cpu(const std::string& name, std::optional<double> percent) = 0;
  /// How often the limit has held it back so far.
  [[nodiscard]] virtual std::uint64_t held_back(const std::string& name) = 0;

  /// Takes over what the processes wrote and notices their ends; to be called often.
  virtual void attend() = 0;
  [[nodiscard]] virtual bool running(const std::string& name) const = 0;
  /// Its wait status, once it has ended: of the last process of this name.
  [[nodiscard]] virtual std::optional<int> wait_status(const std::string& name) const = 0;
  /// Its process as this machine numbers it; 0 where it does not run.
  [[nodiscard]] virtual pid_t pid(const std::string& name) const = 0;

  /// Ends everything that still runs and leaves nothing behind but files.
  virtual void end() = 0;
};

/// The processes are children of this one. `logs` is the folder of their logs.
[[nodiscard]] std::unique_ptr<Backend> make_process_backend(const Programs& programs, std::uint32_t replicas,
                                                            const std::string& logs);

/// Each process is in a container of its own on a private network. `image` holds the programs; `name` tells this
/// drill's containers from all others.
[[nodiscard]] std::unique_ptr<Backend> make_docker_backend(const Programs& programs, std::uint32_t replicas,
                                                           const std::string& logs, const std::string& image,
                                                           const std::string& name);

/// Whether there is an engine that answers; the reason where there is none.
[[nodiscard]] std::optional<std::string> no_docker();

}  // namespace tagma::drills
