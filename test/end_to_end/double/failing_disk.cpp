// A disk that fails at request, for one replica: loaded in front of the C library (LD_PRELOAD). It concerns files below
// the folder $TAGMA_FAILING_DISK only. While the file $TAGMA_DISK_FAULTS/sync-fails exists every sync of them ends with
// EIO; while $TAGMA_DISK_FAULTS/disk-full exists none of them grows (ENOSPC).
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// For names below it: a lookup from the root is served, with checks of rights, by a container's file system, which
/// some engines keep in a process; a log file that is filled in thousands of writes would wait for as many.
int opened_folder(const char* path) { return path == nullptr ? -1 : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); }

bool asked_for(const char* fault) {
  static const int folder = opened_folder(std::getenv("TAGMA_DISK_FAULTS"));
  return folder >= 0 && faccessat(folder, fault, F_OK, 0) == 0;
}

bool concerned(int descriptor) {
  static const char* const folder = std::getenv("TAGMA_FAILING_DISK");
  if (folder == nullptr) return false;
  static const int processes = opened_folder("/proc");  // "self" is looked up each time: a child has its own
  std::string path(4096, '\0');
  const std::string link = "self/fd/" + std::to_string(descriptor);
  const ssize_t length = readlinkat(processes, link.c_str(), path.data(), path.size());
  return length > 0 && path.compare(0, std::strlen(folder), folder) == 0;
}

/// Whether a write up to this end has no room.
bool no_room(int descriptor, off_t end) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && end > status.st_size && asked_for("disk-full") &&
         concerned(descriptor);
}

ssize_t refused() {
  errno = ENOSPC;
  return -1;
}

off_t size_of(const iovec* parts, int count) {
  off_t size = 0;
  for (int part = 0; part < count; ++part) size += static_cast<off_t>(parts[part].iov_len);
  return size;
}

bool sync_fails(int descriptor) {
  if (!asked_for("sync-fails") || !concerned(descriptor)) return false;
  errno = EIO;
  return true;
}

}  // namespace

#pragma GCC visibility push(default)  // or they would stand in front of nothing
extern "C" {

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t offset) {
  static auto* const write_through = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  if (no_room(descriptor, offset + static_cast<off_t>(size))) return refused();
  return write_through(descriptor, bytes, size, offset);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return pwrite64(descriptor, bytes, size, offset);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static auto* const write_through = next<ssize_t(int, const void*, size_t)>("write");
  if (no_room(descriptor, lseek(descriptor, 0, SEEK_CUR) + static_cast<off_t>(size))) return refused();
  return write_through(descriptor, bytes, size);
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  static auto* const write_through = next<ssize_t(int, const iovec*, int)>("writev");
  if (no_room(descriptor, lseek(descriptor, 0, SEEK_CUR) + size_of(parts, count))) return refused();
  return write_through(descriptor, parts, count);
}

ssize_t pwritev64(int descriptor, const iovec* parts, int count, off64_t offset) {
  static auto* const write_through = next<ssize_t(int, const iovec*, int, off64_t)>("pwritev64");
  if (no_room(descriptor, offset + size_of(parts, count))) return refused();
  return write_through(descriptor, parts, count, offset);
}

ssize_t pwritev(int descriptor, const iovec* parts, int count, off_t offset) {
  return pwritev64(descriptor, parts, count, offset);
}

int ftruncate64(int descriptor, off64_t size) {
  static auto* const truncate_through = next<int(int, off64_t)>("ftruncate64");
  if (no_room(descriptor, size)) return static_cast<int>(refused());
  return truncate_through(descriptor, size);
}

int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

int fdatasync(int descriptor) {
  static auto* const sync_through = next<int(int)>("fdatasync");
  return sync_fails(descriptor) ? -1 : sync_through(descriptor);
}

int fsync(int descriptor) {
  static auto* const sync_through = next<int(int)>("fsync");
  return sync_fails(descriptor) ? -1 : sync_through(descriptor);
}

}  // extern "C"
#pragma GCC visibility pop
