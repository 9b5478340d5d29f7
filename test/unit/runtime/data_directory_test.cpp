#include "replica/runtime/data_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support.h"

using namespace tagma;
using runtime::DataDirectory;
using runtime::StartMark;
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

TEST_CASE("a first start finds no mark, a second one does, and another replaces it") {
  const Folder folder;
  const std::string path = folder.file("a/b/data");
  auto data = DataDirectory::open(path);
  REQUIRE(data);
  CHECK(*data->mark() == std::nullopt);
  const StartMark first{cluster_id(1), {}, false};
  CHECK_FALSE(data->write_mark(first));
  CHECK(*data->mark() == first);
  CHECK(text_of(path + "/started") == to_hex(cluster_id(1).view()) + "\n");
  const StartMark later{cluster_id(1), cluster_id(7), false};
  CHECK_FALSE(data->write_mark(later));
  CHECK(*data->mark() == later);
  CHECK(text_of(path + "/started") == to_hex(cluster_id(1).view()) + " " + to_hex(cluster_id(7).view()) + "\n");
  for (const StartMark& ahead : {StartMark{cluster_id(1), {}, true}, StartMark{cluster_id(1), cluster_id(7), true}}) {
    CHECK_FALSE(data->write_mark(ahead));
    CHECK(*data->mark() == ahead);
  }
  CHECK_FALSE(std::filesystem::exists(path + "/started.new"));
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a damaged mark is refused, never taken for an absent one") {
  const Folder folder;
  auto data = DataDirectory::open(folder.path());
  REQUIRE(data);
  const std::string hex = to_hex(cluster_id(1).view());
  const std::string whole = hex + "\n";
  for (const std::string& damaged :
       {std::string(), whole.substr(0, 10), hex, whole + "x", "zz" + whole.substr(2), hex + " " + hex, hex + hex + "\n",
        hex + " zz" + whole.substr(2), hex + " " + whole + "x", hex + " " + to_hex(cluster_id(0).view()) + "\n",
        hex + " ahead", hex + " ahead ahead\n", hex + "ahead\n"}) {
    std::ofstream(folder.file("started"), std::ios::trunc) << damaged;
    const auto mark = data->mark();
    REQUIRE_FALSE(mark);
    CHECK(mark.reason().find("damaged") != std::string::npos);
    CHECK(mark.reason().find(folder.file("started")) != std::string::npos);
  }
}

TEST_CASE("the mark of damage says its reason until it is removed, and is there however it was damaged itself") {
  const Folder folder;
  auto data = DataDirectory::open(folder.path());
  REQUIRE(data);
  CHECK(*data->damage_found() == std::nullopt);
  CHECK_FALSE(data->remove_damage_found());
  CHECK_FALSE(data->write_damage_found("a page"));
  CHECK_FALSE(data->write_damage_found("another page"));
  CHECK(text_of(folder.file("damage-found")) == "another page\n");
  CHECK_FALSE(std::filesystem::exists(folder.file("damage-found.new")));
  CHECK(*data->damage_found() == "another page");
  std::ofstream(folder.file("damage-found"), std::ios::trunc) << "";
  CHECK(*data->damage_found() == folder.path() + "/state: damaged");
  std::ofstream(folder.file("damage-found"), std::ios::trunc) << std::string(100'000, 'x');
  CHECK((*data->damage_found())->size() == 4096);
  CHECK_FALSE(data->remove_damage_found());
  CHECK(*data->damage_found() == std::nullopt);
  std::filesystem::create_directory(folder.file("damage-found"));
  CHECK_FALSE(data->damage_found());
}

TEST_CASE("what is set aside stays, however often something is; an empty folder goes") {
  const Folder folder;
  auto data = DataDirectory::open(folder.path());
  REQUIRE(data);
  CHECK_FALSE(data->set_aside("log"));
  std::filesystem::create_directory(folder.file("log"));
  CHECK_FALSE(data->set_aside("log"));
  CHECK_FALSE(std::filesystem::exists(folder.file("log")));
  CHECK_FALSE(std::filesystem::exists(folder.file("damaged-log")));
  for (const std::string content : {"first", "second", "third"}) {
    std::filesystem::create_directory(folder.file("log"));
    std::ofstream(folder.file("log/" + content)) << content;
    CHECK_FALSE(data->set_aside("log"));
    CHECK_FALSE(std::filesystem::exists(folder.file("log")));
  }
  CHECK(text_of(folder.file("damaged-log/first")) == "first");
  CHECK(text_of(folder.file("damaged-log-2/second")) == "second");
  CHECK(text_of(folder.file("damaged-log-3/third")) == "third");
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
