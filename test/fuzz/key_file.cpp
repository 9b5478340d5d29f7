// identity.key as it may lie on a disk. The input is the file's text.
//
// Promises: an identity that signs what its public key verifies, or a reason that names the file; nothing throws,
// nothing asks for a passphrase. (The parsing of PEM and DER is OpenSSL's; what is tested is what we make of it.)
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/identity.h"
#include "crypto/signature_rules.h"
#include "messages/assert.h"
#include "test/fuzz/target.h"

namespace tagma::fuzz {

void judge(ByteView text) {
  const int descriptor = ::memfd_create("identity.key", MFD_CLOEXEC);
  TAGMA_ASSERT(descriptor >= 0 && ::fchmod(descriptor, 0600) == 0, "there is a file in memory");
  TAGMA_ASSERT(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
               "the text fits into it");
  const auto path = "/proc/self/fd/" + std::to_string(descriptor);
  const auto identity = crypto::Identity::load(path);
  ::close(descriptor);
  if (!identity) {
    TAGMA_ASSERT(identity.reason().starts_with(path + ": "), "a reason names the file");
    TAGMA_ASSERT(identity.reason().find('\n') == std::string::npos, "a reason is one line");
    return;
  }
  const auto& key = identity->public_key();
  const auto verifier = crypto::Verifier::make(key);
  TAGMA_ASSERT(verifier.ok(), "the public half of a loaded key is a valid one");
  TAGMA_ASSERT(verifier->verify("statement", identity->sign("statement")), "a loaded key signs");
  TAGMA_ASSERT(!verifier->verify("another", identity->sign("statement")), "a signature is of one statement");
}

}  // namespace tagma::fuzz
