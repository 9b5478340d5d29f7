// cluster.toml from any hand. The input is the file's text.
//
// Promises: a file or a reason in one line; nothing throws; an accepted file breaks no rule, can be written, and is
// read again as the same.
#include "messages/cluster_file/cluster_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "messages/assert.h"
#include "messages/cluster_file/rules.h"
#include "test/fuzz/target.h"

namespace tagma::fuzz {
namespace {

bool same(const ClusterFile& left, const ClusterFile& right) {
  // The text has every field, and a file has exactly one.
  return cluster_file::render(left) == cluster_file::render(right);
}

void check_line(const std::string& line) {
  TAGMA_ASSERT(!line.empty(), "a refusal has a reason");
  for (const char letter : line) {
    TAGMA_ASSERT(static_cast<unsigned char>(letter) >= ' ' && letter != '\x7f', "a reason is one line for a person");
  }
}

/// The path of a file in memory with this text.
class FileInMemory {
 public:
  explicit FileInMemory(ByteView text) : descriptor_(::memfd_create("cluster.toml", MFD_CLOEXEC)) {
    TAGMA_ASSERT(descriptor_ >= 0, "there is a file in memory");
    const auto written = ::write(descriptor_, text.data(), text.size());
    TAGMA_ASSERT(written == static_cast<ssize_t>(text.size()), "the text fits into it");
  }
  ~FileInMemory() { ::close(descriptor_); }
  FileInMemory(const FileInMemory&) = delete;
  FileInMemory& operator=(const FileInMemory&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Writes the file into a folder of its own and reads it back.
void judge_on_disk(const ClusterFile& file) {
  auto folder = (std::filesystem::temp_directory_path() / "tagma-fuzz-XXXXXX").string();
  TAGMA_ASSERT(::mkdtemp(folder.data()) != nullptr, "there is a folder for temporary files");
  const auto path = folder + "/cluster.toml";
  const auto refused = write_cluster_file(path, file);
  TAGMA_ASSERT(!refused, "an accepted file can be written");
  const auto again = read_cluster_file(path);
  std::filesystem::remove_all(folder);
  TAGMA_ASSERT(again.ok() && same(file, *again), "a written file is read as the same");
}

}  // namespace

void judge(ByteView text) {
  const FileInMemory in_memory(text);
  const auto file = read_cluster_file(in_memory.path());
  const auto parsed = cluster_file::parse(text);
  TAGMA_ASSERT(file.ok() == parsed.ok(), "reading is parsing what the file holds");
  if (!file) {
    check_line(file.reason());
    return;
  }
  TAGMA_ASSERT(!cluster_file::first_problem(*file), "an accepted file breaks no rule");
  const auto rendered = cluster_file::render(*file);
  const auto again = cluster_file::parse(rendered);
  TAGMA_ASSERT(again.ok(), "an accepted file can be written and read");
  TAGMA_ASSERT(same(*file, *again) && file->membership.cluster == again->membership.cluster &&
                   file->membership.n() == again->membership.n() && file->services == again->services,
               "a rendered file is read as the same");
  // The disk is slow; the same inputs always go there.
  if (std::hash<ByteView>()(text) % 64 == 0) judge_on_disk(*file);
}

}  // namespace tagma::fuzz
