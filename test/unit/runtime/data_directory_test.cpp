#include "replica/runtime/data_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support.h"

using namespace tagma;
using runtime::DataDirectory;
using runtime::StartedMark;
using runtime_test::Folder;

namespace {

ClusterId cluster_id(std::uint8_t fill) {
  ClusterId id;
  id.bytes.fill(fill);
  return id;
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a first start finds no mark, a second one does, another cluster replaces it") {
  const Folder folder;
  const std::string path = folder.file("a/b/data");
  auto data = DataDirectory::open(path);
  REQUIRE(data);
  CHECK(*data->started(cluster_id(1)) == StartedMark::absent);
  CHECK_FALSE(data->mark_started(cluster_id(1)));
  CHECK(*data->started(cluster_id(1)) == StartedMark::this_cluster);
  CHECK(*data->started(cluster_id(2)) == StartedMark::other_cluster);
  CHECK_FALSE(data->mark_started(cluster_id(2)));
  CHECK(*data->started(cluster_id(1)) == StartedMark::other_cluster);
  CHECK(*data->started(cluster_id(2)) == StartedMark::this_cluster);
  CHECK(text_of(path + "/started") == to_hex(cluster_id(2).view()) + "\n");
  CHECK_FALSE(std::filesystem::exists(path + "/started.new"));
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a damaged mark is refused, never taken for an absent one") {
  const Folder folder;
  auto data = DataDirectory::open(folder.path());
  REQUIRE(data);
  const std::string whole = to_hex(cluster_id(1).view()) + "\n";
  for (const std::string& damaged :
       {std::string(), whole.substr(0, 10), whole.substr(0, whole.size() - 1), whole + "x", "zz" + whole.substr(2)}) {
    std::ofstream(folder.file("started"), std::ios::trunc) << damaged;
    const auto mark = data->started(cluster_id(1));
    REQUIRE_FALSE(mark);
    CHECK(mark.reason().find("damaged") != std::string::npos);
    CHECK(mark.reason().find(folder.file("started")) != std::string::npos);
  }
}

TEST_CASE("a data directory belongs to one process at a time") {
  const Folder folder;
  {
    auto first = DataDirectory::open(folder.path());
    REQUIRE(first);
    const auto second = DataDirectory::open(folder.path());
    REQUIRE_FALSE(second);
    CHECK(second.reason().find("locked by another process") != std::string::npos);
    auto moved = std::move(*first);
    CHECK_MESSAGE(!DataDirectory::open(folder.path()), "moving keeps the lock");
  }
  CHECK_MESSAGE(DataDirectory::open(folder.path()), "the end of the holder frees it");
}

TEST_CASE("a path that cannot be a directory is refused by name") {
  const Folder folder;
  std::ofstream(folder.file("plain")) << "x";
  const auto data = DataDirectory::open(folder.file("plain/data"));
  REQUIRE_FALSE(data);
  CHECK(data.reason().find(folder.file("plain/data")) == 0);
  CHECK_FALSE(DataDirectory::open(""));
}
