#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "crypto/identity.h"
#include "test/fakes/temporary_folder.h"
#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {
namespace {

using ::tagma::test::TemporaryFolder;

void write_file(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// One line that names the file and contains `word`.
bool clear_reason(const Result<Identity>& result, const std::string& path, const std::string& word) {
  if (result.ok()) {
    return false;
  }
  INFO(result.reason());
  return result.reason().find(path) == 0 && result.reason().find(word) != std::string::npos &&
         result.reason().find('\n') == std::string::npos;
}

/// The PEM of a key that OpenSSL knows but we do not take.
std::string foreign_pem(EVP_PKEY* raw, const EVP_CIPHER* cipher, const char* passphrase) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> pkey(raw, EVP_PKEY_free);
  REQUIRE(pkey != nullptr);
  const std::unique_ptr<BIO, void (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free_all);
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey.get(), cipher, passphrase,
                                        static_cast<int>(std::string_view(passphrase).size()), nullptr, nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("a secret key comes back from its file, which only the owner may read") {
  const TemporaryFolder folder;
  for (const KeyAlgorithm algorithm : {KeyAlgorithm::ed25519, KeyAlgorithm::ecdsa_p256}) {
    const std::string path = folder.file("key" + std::to_string(static_cast<int>(algorithm)));
    const Identity identity = Identity::generate(algorithm);
    CHECK_FALSE(identity.save(path).has_value());
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(read_file(path).find("-----BEGIN PRIVATE KEY-----") == 0);
    Result<Identity> loaded = Identity::load(path);
    REQUIRE(loaded.ok());
    CHECK(loaded->public_key() == identity.public_key());
    const Result<Verifier> verifier = Verifier::make(identity.public_key());
    REQUIRE(verifier.ok());
    CHECK(verifier->verify("statement", loaded->sign("statement")));
  }
}

TEST_CASE("a secret key is never overwritten, and a missing folder is said so") {
  const TemporaryFolder folder;
  const std::string path = folder.file("key");
  write_file(path, "precious");
  const std::optional<Refused> refused = Identity::generate(KeyAlgorithm::ed25519).save(path);
  REQUIRE(refused.has_value());
  CHECK(refused->reason.find(path) == 0);
  CHECK(refused->reason.find("exists already") != std::string::npos);
  CHECK(read_file(path) == "precious");
  const std::optional<Refused> nowhere = Identity::generate(KeyAlgorithm::ed25519).save(folder.file("none/key"));
  REQUIRE(nowhere.has_value());
  CHECK(nowhere->reason.find("cannot create") != std::string::npos);
  REQUIRE(::symlink(folder.file("elsewhere").c_str(), folder.file("link").c_str()) == 0);
  CHECK(Identity::generate(KeyAlgorithm::ed25519).save(folder.file("link")).has_value());
  CHECK_FALSE(std::filesystem::exists(folder.file("elsewhere")));
}

TEST_CASE("a secret key that others may read is refused with the mend") {
  const TemporaryFolder folder;
  const std::string path = folder.file("key");
  REQUIRE_FALSE(Identity::generate(KeyAlgorithm::ecdsa_p256).save(path).has_value());
  for (const mode_t mode : {0640U, 0604U, 0660U, 0620U, 0610U, 0601U, 0644U, 0777U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    CHECK(clear_reason(Identity::load(path), path, "chmod 600 " + path));
  }
  for (const mode_t mode : {0600U, 0400U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    CHECK(Identity::load(path).ok());
  }
}

TEST_CASE("missing, damaged and foreign key files are refused with a clear line") {
  const TemporaryFolder folder;
  const std::string path = folder.file("key");
  CHECK(clear_reason(Identity::load(path), path, "No such file"));
  CHECK(clear_reason(Identity::load(folder.file("")), folder.file(""), "not a regular file"));
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
  CHECK(clear_reason(Identity::load(folder.file("pipe")), folder.file("pipe"), "not a regular file"));
  write_file(path, "");
  CHECK(clear_reason(Identity::load(path), path, "no PKCS#8"));
  write_file(path, std::string(100000, 'x'));
  CHECK(clear_reason(Identity::load(path), path, "too large"));
  write_file(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  CHECK(clear_reason(Identity::load(path), path, "damaged"));

  write_file(path, foreign_pem(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"), nullptr, ""));
  CHECK(clear_reason(Identity::load(path), path, "neither"));
  write_file(path, foreign_pem(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), nullptr, ""));
  CHECK(clear_reason(Identity::load(path), path, "neither"));
  write_file(path, foreign_pem(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_aes_128_cbc(), "secret"));
  CHECK(clear_reason(Identity::load(path), path, "encrypted"));
}

TEST_CASE("a key file cut at any length or with any byte changed never crashes and never gives another key silently") {
  const TemporaryFolder folder;
  const std::string path = folder.file("key");
  const Identity identity = Identity::generate(KeyAlgorithm::ecdsa_p256);
  REQUIRE_FALSE(identity.save(path).has_value());
  const Result<Verifier> verifier = Verifier::make(identity.public_key());
  REQUIRE(verifier.ok());
  const std::string text = read_file(path);
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    write_file(path, text.substr(0, size));
    CHECK_FALSE(Identity::load(path).ok());
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    write_file(path, flipped(text, i));
    const Result<Identity> loaded = Identity::load(path);
    // Either half changed alone must be noticed: the key would sign what nobody can verify.
    CHECK((!loaded.ok() || verifier->verify("statement", loaded->sign("statement"))));
  }
}

}  // namespace tagma::crypto::test
