// A disk that loses power, for processes that are killed: loaded in front of the C library (LD_PRELOAD), it keeps every
// write to a replica's data below $TAGMA_LOST_WRITES in the process, and hands it to the kernel only when the file is
// synced. A process that is killed takes along what no completed sync covered, as a power cut takes what is in the page
// cache.
//
// Plays: lost writes; a sync cut short, which leaves a part of them, since they are handed over one by one. Does not
// play: writes that come back in another order than they were made, or torn below one call (the simulator's disk does
// both); names of files, which the kernel keeps. Descriptors that are opened for synchronous writing write through, and
// so does the first write to a new file of LMDB, which maps it before it syncs it.
//
// With $TAGMA_LOST_WRITES_OF=PART only files in whose path PART stands are such: a part that is read back while it
// is not synced (LMDB maps its file) must be left alone where the disk lies for good.
//
// In the file $TAGMA_LOST_WRITES_COUNT stand two numbers of eight bytes each, which outlive the process: how many bytes
// have been kept so far, and how many of them were handed over. What is between them when it is killed is lost.
//
// With $TAGMA_SYNC_US a sync takes so long, as on a disk of its own, and only then is anything handed over: what is
// being synced at the moment of the power cut is lost too. No real sync is made then, since the kernel goes on.
//
// With $TAGMA_HONEST_SYNCS=N only the first N syncs of a process do anything: a disk that lies, on which writes must
// get lost. It shows that whoever uses this double would find a loss.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Inode = std::pair<dev_t, ino_t>;

struct Write {
  off_t offset = 0;
  std::string bytes;
};

/// What is written and not synced yet, by file.
struct Pending {
  std::mutex mutex;
  std::map<Inode, std::vector<Write>> writes;
};

Pending& pending() {
  static auto* all = new Pending();  // never destroyed: threads may write until the very end
  return *all;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// The file behind a descriptor, if its writes may be lost.
bool may_be_lost(int descriptor, Inode& inode) {
  static const char* const folder = std::getenv("TAGMA_LOST_WRITES");
  if (folder == nullptr) return false;
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || (flags & O_DSYNC) != 0) return false;
  std::string path(4096, '\0');
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = readlink(link.c_str(), path.data(), path.size());
  if (length < 0 || path.compare(0, std::strlen(folder), folder) != 0) return false;
  // LMDB maps a new file before it syncs it.
  if (status.st_size == 0 && path.find(".mdb") != std::string::npos) return false;
  static const char* const given_part = std::getenv("TAGMA_LOST_WRITES_OF");
  const char* const part = given_part == nullptr ? "/data/" : given_part;
  if (path.find(part, std::strlen(folder)) == std::string::npos) return false;
  inode = {status.st_dev, status.st_ino};
  return true;
}

struct Counts {
  std::atomic<std::uint64_t> kept;
  std::atomic<std::uint64_t> handed_over;
};

/// In shared memory, where it is asked for.
Counts& counts() {
  static Counts own{};
  static Counts* const shared = [] {
    const char* const path = std::getenv("TAGMA_LOST_WRITES_COUNT");
    if (path == nullptr) return &own;
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0 || ftruncate(file, sizeof(Counts)) != 0) return &own;
    void* const place = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return place == MAP_FAILED ? &own : static_cast<Counts*>(place);
  }();
  return *shared;
}

ssize_t keep(const Inode& inode, const void* bytes, size_t size, off_t offset) {
  const std::lock_guard lock(pending().mutex);
  counts().kept += size;
  pending().writes[inode].push_back({offset, std::string(static_cast<const char*>(bytes), size)});
  return static_cast<ssize_t>(size);
}

/// Whether this sync is one of those that count.
bool honest_sync() {
  static const char* const text = std::getenv("TAGMA_HONEST_SYNCS");
  static const long limit = [] {
    long number = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
    return number;
  }();
  static std::atomic<long> made{0};
  return text == nullptr || made++ < limit;
}

/// How long a sync takes on the disk that is played; 0: as long as on the real one.
long sync_us() {
  static const long duration = [] {
    const char* const text = std::getenv("TAGMA_SYNC_US");
    long number = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
    return number;
  }();
  return duration;
}

bool anything_pending(const Inode& inode) {
  const std::lock_guard lock(pending().mutex);
  return pending().writes.count(inode) != 0;
}

/// Hands over what is kept of the file, in order.
bool hand_over(int descriptor) {
  static auto* const write_through = next<ssize_t(int, const void*, size_t, off_t)>("pwrite64");
  Inode inode;
  if (!may_be_lost(descriptor, inode) || !honest_sync()) return true;
  if (sync_us() > 0 && anything_pending(inode)) std::this_thread::sleep_for(std::chrono::microseconds(sync_us()));
  const std::lock_guard lock(pending().mutex);
  const auto found = pending().writes.find(inode);
  if (found == pending().writes.end()) return true;
  for (const auto& write : found->second) {
    if (write_through(descriptor, write.bytes.data(), write.bytes.size(), write.offset) < 0) return false;
    counts().handed_over += write.bytes.size();
  }
  pending().writes.erase(found);
  return true;
}

ssize_t kept_pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  static auto* const write_through = next<ssize_t(int, const void*, size_t, off_t)>("pwrite64");
  Inode inode;
  if (!may_be_lost(descriptor, inode)) return write_through(descriptor, bytes, size, offset);
  return keep(inode, bytes, size, offset);
}

/// For descriptors with a place of their own: where it stands, and on.
ssize_t kept_write(int descriptor, const Inode& inode, const void* bytes, size_t size) {
  const off_t offset = lseek(descriptor, 0, SEEK_CUR);
  keep(inode, bytes, size, offset);
  lseek(descriptor, static_cast<off_t>(size), SEEK_CUR);
  return static_cast<ssize_t>(size);
}

ssize_t kept_vector(const Inode& inode, const iovec* parts, int count, off_t offset) {
  ssize_t total = 0;
  for (int part = 0; part < count; ++part) {
    keep(inode, parts[part].iov_base, parts[part].iov_len, offset + total);
    total += static_cast<ssize_t>(parts[part].iov_len);
  }
  return total;
}

ssize_t kept_pwritev(int descriptor, const iovec* parts, int count, off_t offset) {
  static auto* const write_through = next<ssize_t(int, const iovec*, int, off_t)>("pwritev64");
  Inode inode;
  if (!may_be_lost(descriptor, inode)) return write_through(descriptor, parts, count, offset);
  return kept_vector(inode, parts, count, offset);
}

}  // namespace

#pragma GCC visibility push(default)  // or they would stand in front of nothing
extern "C" {

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return kept_pwrite(descriptor, bytes, size, offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t offset) {
  return kept_pwrite(descriptor, bytes, size, offset);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static auto* const write_through = next<ssize_t(int, const void*, size_t)>("write");
  Inode inode;
  if (!may_be_lost(descriptor, inode)) return write_through(descriptor, bytes, size);
  return kept_write(descriptor, inode, bytes, size);
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  static auto* const write_through = next<ssize_t(int, const iovec*, int)>("writev");
  Inode inode;
  if (!may_be_lost(descriptor, inode)) return write_through(descriptor, parts, count);
  const ssize_t total = kept_vector(inode, parts, count, lseek(descriptor, 0, SEEK_CUR));
  lseek(descriptor, total, SEEK_CUR);
  return total;
}

ssize_t pwritev(int descriptor, const iovec* parts, int count, off_t offset) {
  return kept_pwritev(descriptor, parts, count, offset);
}

ssize_t pwritev64(int descriptor, const iovec* parts, int count, off64_t offset) {
  return kept_pwritev(descriptor, parts, count, offset);
}

/// A process that read back what it has not synced would need this double to answer; none of the replica's does.
ssize_t pread(int descriptor, void* bytes, size_t size, off_t offset) {
  static auto* const read_through = next<ssize_t(int, void*, size_t, off_t)>("pread64");
  Inode inode;
  if (may_be_lost(descriptor, inode)) {
    const std::lock_guard lock(pending().mutex);
    if (pending().writes.count(inode) != 0) std::abort();
  }
  return read_through(descriptor, bytes, size, offset);
}

int fdatasync(int descriptor) {
  static auto* const sync_through = next<int(int)>("fdatasync");
  if (!hand_over(descriptor)) return -1;
  return sync_us() > 0 ? 0 : sync_through(descriptor);
}

int fsync(int descriptor) {
  static auto* const sync_through = next<int(int)>("fsync");
  if (!hand_over(descriptor)) return -1;
  return sync_us() > 0 ? 0 : sync_through(descriptor);
}

}  // extern "C"
#pragma GCC visibility pop
