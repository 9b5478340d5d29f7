// Standard output where it is a terminal: what replicas and clients wrote cannot control it.
#pragma once

#include <ostream>
#include <streambuf>
#include <string>

namespace tagma::cli {

/// Passes everything on through harmless(), at each flush and wherever a line ends. One place for all commands: none
/// can forget it. Pipes and files get their bytes exactly, so it is for terminals only.
class TerminalBuffer final : public std::streambuf {
 public:
  explicit TerminalBuffer(std::ostream& terminal) : terminal_(terminal) {}
  ~TerminalBuffer() override;
  TerminalBuffer(const TerminalBuffer&) = delete;
  TerminalBuffer& operator=(const TerminalBuffer&) = delete;

 protected:
  int_type overflow(int_type byte) override;
  std::streamsize xsputn(const char* bytes, std::streamsize count) override;
  int sync() override;

 private:
  void pass_on(std::size_t size);

  std::ostream& terminal_;
  std::string waiting_;  ///< a character may be only begun
};

}  // namespace tagma::cli
