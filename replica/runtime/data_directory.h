// The data directory of one replica: who holds it, the mark that tells a first start from a loss of memory, and the one
// that tells the next start of damage.
#pragma once

#include <optional>
#include <string>

#include "messages/messages.h"
#include "tagma/result.h"

namespace tagma::runtime {

/// What the mark DATA/started says: in which cluster this replica has started here, and as which life.
struct StartMark {
  ClusterId cluster;
  LifeNonce life;              ///< zero: the first one
  bool ahead_of_disk = false;  ///< it may have promised what is not on the disk
  auto operator<=>(const StartMark&) const = default;
};

/// A data directory held by this process (flock on DATA/lock) until destruction. Movable, not thread-safe.
class DataDirectory {
 public:
  /// Makes the directory durably if absent (mode 0700) and locks it. The reason names the path and the mend.
  [[nodiscard]] static Result<DataDirectory> open(const std::string& path);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&& other) noexcept;
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;
  ~DataDirectory();

  /// Reads the mark; nothing where there is none. A damaged mark is refused: corrupt is not absent.
  [[nodiscard]] Result<std::optional<StartMark>> mark() const;
  /// Writes or replaces the mark: atomic, and durable on return.
  [[nodiscard]] std::optional<Refused> write_mark(const StartMark& mark) const;

  /// What the mark DATA/damage-found says: the damage of the state that a write met, in one line; nothing where there
  /// is none. Where it cannot be read, it is not taken for absent.
  [[nodiscard]] Result<std::optional<std::string>> damage_found() const;
  /// Leaves that mark: atomic, and durable on return. Any thread may, also while another one writes the mark of a
  /// start.
  [[nodiscard]] std::optional<Refused> write_damage_found(const std::string& reason) const;
  /// Once the state is set aside; durable on return, and nothing happens where there is no mark.
  [[nodiscard]] std::optional<Refused> remove_damage_found() const;

  /// Puts the folder `name` out of the way, as DATA/damaged-NAME or the first name damaged-NAME-2, -3, ... that is
  /// free; an empty one is removed, and nothing happens where there is none. Durable on return.
  [[nodiscard]] std::optional<Refused> set_aside(const std::string& name) const;
  /// The name that it would get.
  [[nodiscard]] std::string name_aside(const std::string& name) const;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  DataDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  [[nodiscard]] std::optional<Refused> sync() const;
  [[nodiscard]] std::optional<Refused> replace_file(const std::string& path, ByteView text) const;
  [[nodiscard]] std::string mark_path() const { return path_ + "/started"; }
  [[nodiscard]] std::string damage_path() const { return path_ + "/damage-found"; }

  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace tagma::runtime
