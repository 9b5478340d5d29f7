// Secrets in files: PKCS#8 PEM, mode 0600.
#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "crypto/identity_implementation.h"

namespace tagma::crypto {
namespace {

constexpr std::size_t key_file_bytes_max = std::size_t{16} * 1024;

/// A file descriptor that is closed at the end of its scope.
class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { static_cast<void>(close_now()); }

  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool valid() const { return descriptor_ >= 0; }
  [[nodiscard]] bool close_now() {
    const int descriptor = std::exchange(descriptor_, -1);
    return descriptor < 0 || ::close(descriptor) == 0;
  }

 private:
  int descriptor_;
};

/// File contents that are wiped on destruction. Sized once, so that no copy is left behind by growth.
class SecretText {
 public:
  explicit SecretText(std::size_t size) : text_(size, '\0') {}
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { OPENSSL_cleanse(text_.data(), text_.size()); }

  [[nodiscard]] char* data() { return text_.data(); }
  [[nodiscard]] std::size_t size() const { return text_.size(); }
  [[nodiscard]] std::string_view view(std::size_t size) const { return {text_.data(), size}; }

 private:
  std::vector<char> text_;
};

std::string errno_text() { return std::generic_category().message(errno); }

Refused refused(const std::string& path, const std::string& what) { return Refused{path + ": " + what}; }

std::optional<Refused> check_file(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    return refused(path, "cannot be examined: " + errno_text());
  }
  if (!S_ISREG(status.st_mode)) {
    return refused(path, "is not a regular file; name the key file itself");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return refused(path, "this secret key is open to other users; mend it with: chmod 600 " + path);
  }
  if (status.st_size > static_cast<off_t>(key_file_bytes_max)) {
    return refused(path, "is too large for a secret key; name a PKCS#8 PEM file");
  }
  return std::nullopt;
}

/// Reads until the end or until `text` is full; the number of bytes, or nothing on an error.
std::optional<std::size_t> read_all(int descriptor, SecretText& text) {
  std::size_t count = 0;
  while (count < text.size()) {
    const ssize_t got = ::read(descriptor, text.data() + count, text.size() - count);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return std::nullopt;
    }
    if (got == 0) {
      break;
    }
    count += static_cast<std::size_t>(got);
  }
  return count;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Never asks anybody for a passphrase, which the library does by default.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

bool sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string folder = ".";
  if (slash != std::string::npos) {
    folder = slash == 0 ? "/" : path.substr(0, slash);
  }
  const FileDescriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return descriptor.valid() && ::fsync(descriptor.get()) == 0;
}

}  // namespace

Result<Identity> Identity::load(const std::string& path) {
  // Without O_NONBLOCK a pipe in the key's place would hang the start.
  const FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor.valid()) {
    const char* const advice =
        errno == EACCES ? "run this as the user that it belongs to" : "check the path, or make keys with tagma init";
    return refused(path, "cannot open the secret key: " + errno_text() + "; " + advice);
  }
  if (std::optional<Refused> problem = check_file(path, descriptor.get())) {
    return std::move(*problem);
  }
  SecretText text(key_file_bytes_max);
  const std::optional<std::size_t> size = read_all(descriptor.get(), text);
  if (!size) {
    return refused(path, "cannot be read: " + errno_text());
  }
  const std::string_view pem = text.view(*size);
  if (pem.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") != std::string_view::npos) {
    return refused(path, "the secret key is encrypted; store it without a passphrase and with mode 600");
  }
  if (pem.find("-----BEGIN PRIVATE KEY-----") == std::string_view::npos) {
    return refused(path, "holds no PKCS#8 secret key in PEM (BEGIN PRIVATE KEY); restore the file or make new keys");
  }
  const BioHandle bio(openssl_must_have(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), "memory buffer"));
  PkeyHandle pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!pkey) {
    return refused(path, "the secret key is damaged; restore the file from a backup or make new keys");
  }
  std::unique_ptr<Implementation> implementation = Implementation::adopt(std::move(pkey));
  if (!implementation) {
    return refused(path, "the secret key is neither a valid Ed25519 nor a valid P-256 key; use one of these two");
  }
  return Identity(std::move(implementation));
}

std::optional<Refused> Identity::save(const std::string& path) const {
  // The library wipes this buffer when it is freed.
  const BioHandle bio(openssl_must_have(BIO_new(BIO_s_secmem()), "memory buffer"));
  openssl_must(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), implementation_->pkey(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
      "PKCS#8 encoding");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  openssl_must(size > 0 && data != nullptr, "PKCS#8 text");

  FileDescriptor descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!descriptor.valid()) {
    if (errno == EEXIST) {
      return refused(path, "exists already and a secret key is never overwritten; remove it or choose another folder");
    }
    return refused(path, "cannot create the secret key: " + errno_text() + "; check that the folder exists");
  }
  const bool written = ::fchmod(descriptor.get(), 0600) == 0 &&
                       write_all(descriptor.get(), {data, static_cast<std::size_t>(size)}) &&
                       ::fsync(descriptor.get()) == 0 && descriptor.close_now() && sync_folder_of(path);
  if (!written) {
    Refused problem = refused(path, "cannot write the secret key: " + errno_text() + "; check the disk and try again");
    ::unlink(path.c_str());
    return problem;
  }
  return std::nullopt;
}

}  // namespace tagma::crypto
