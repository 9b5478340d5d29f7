#include "test/fakes/fake_disk.h"

#include <algorithm>

namespace tagma::fakes {
namespace {

constexpr std::uint64_t sector_bytes = 512;

DiskFailure no_power() { return {DiskFailure::Kind::failed, "the power is off"}; }

}  // namespace

class FakeFile final : public DiskFile {
 public:
  FakeFile(FakeDisk& disk, std::string name) : disk_(disk), name_(std::move(name)) {}

  [[nodiscard]] DiskOutcome write(std::uint64_t offset, ByteView bytes) override {
    return disk_.write(name_, offset, bytes);
  }
  [[nodiscard]] DiskOutcome sync() override { return disk_.sync(name_); }
  [[nodiscard]] std::uint64_t size() const override { return disk_.files_.at(name_).seen.size(); }
  [[nodiscard]] std::variant<Bytes, DiskFailure> read(std::uint64_t offset, std::size_t size) override {
    if (disk_.powerless_) return no_power();
    const Bytes& content = disk_.files_.at(name_).seen;
    return offset >= content.size() ? Bytes() : content.substr(offset, size);
  }

 private:
  FakeDisk& disk_;
  std::string name_;
};

std::variant<std::vector<std::string>, DiskFailure> FakeDisk::list() { return names(); }

std::vector<std::string> FakeDisk::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : files_) names.push_back(name);
  return names;
}

std::variant<std::unique_ptr<DiskFile>, DiskFailure> FakeDisk::open(const std::string& name) {
  if (!files_.contains(name)) return DiskFailure{DiskFailure::Kind::failed, name + ": no such file"};
  return std::make_unique<FakeFile>(*this, name);
}

std::variant<std::unique_ptr<DiskFile>, DiskFailure> FakeDisk::create(const std::string& name, std::uint64_t size) {
  if (full_) return DiskFailure{DiskFailure::Kind::no_space, name + ": no space left"};
  const bool fails = power_fails();
  // A crash in the middle of making the file leaves it there, whole, or not at all: it gets its name when it is whole.
  if (!fails || random_() % 2 == 0) {
    auto& file = files_[name];
    file.platter.assign(size, '\0');
    file.seen = file.platter;
  }
  if (fails) return no_power();
  return std::make_unique<FakeFile>(*this, name);
}

bool FakeDisk::power_fails() {
  if (powerless_) return true;
  if (!power_fails_after_) return false;
  if (*power_fails_after_ > 0) {
    --*power_fails_after_;
    return false;
  }
  lose_power();
  powerless_ = true;
  return true;
}

DiskOutcome FakeDisk::write(const std::string& name, std::uint64_t offset, ByteView bytes) {
  if (powerless_) return no_power();
  auto& file = files_.at(name);
  if (offset + bytes.size() > file.seen.size())
    return DiskFailure{DiskFailure::Kind::failed, name + ": beyond its end"};
  file.pending.push_back({offset, Bytes(bytes)});
  file.seen.replace(offset, bytes.size(), bytes);
  if (power_fails()) return no_power();
  return std::nullopt;
}

DiskOutcome FakeDisk::sync(const std::string& name) {
  if (power_fails()) return no_power();
  auto& file = files_.at(name);
  if (sync_fails_after_) {
    if (*sync_fails_after_ == 0) {
      // The kernel may have dropped the pages: a later read sees what is on the platter.
      settle(file);
      sync_fails_after_.reset();
      return DiskFailure{DiskFailure::Kind::failed, name + ": fdatasync: input/output error"};
    }
    --*sync_fails_after_;
  }
  ++syncs_;
  for (const auto& write : file.pending) file.platter.replace(write.offset, write.bytes.size(), write.bytes);
  file.pending.clear();
  return std::nullopt;
}

/// Every sector of every pending write arrives or not, in any order.
void FakeDisk::settle(File& file) {
  std::shuffle(file.pending.begin(), file.pending.end(), random_);
  for (const auto& write : file.pending) {
    for (std::uint64_t at = 0; at < write.bytes.size(); at += sector_bytes) {
      if (random_() % 2 == 0) continue;
      const auto size = std::min<std::uint64_t>(sector_bytes, write.bytes.size() - at);
      file.platter.replace(write.offset + at, size, write.bytes, at, size);
    }
  }
  file.pending.clear();
  file.seen = file.platter;
}

void FakeDisk::lose_power() {
  for (auto& [name, file] : files_) settle(file);
}

void FakeDisk::corrupt(const std::string& name, std::uint64_t offset) {
  auto& file = files_.at(name);
  file.platter[offset] = static_cast<char>(file.platter[offset] ^ 0x40);
  file.seen[offset] = static_cast<char>(file.seen[offset] ^ 0x40);
}

}  // namespace tagma::fakes
