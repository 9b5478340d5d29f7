#include "client_lib/cli/terminal_buffer.h"

#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {
constexpr std::size_t waiting_max = 4'096;
}

TerminalBuffer::~TerminalBuffer() { sync(); }

TerminalBuffer::int_type TerminalBuffer::overflow(int_type byte) {
  if (traits_type::eq_int_type(byte, traits_type::eof())) return traits_type::not_eof(byte);
  const char character = traits_type::to_char_type(byte);
  return xsputn(&character, 1) == 1 ? byte : traits_type::eof();
}

std::streamsize TerminalBuffer::xsputn(const char* bytes, std::streamsize count) {
  waiting_.append(bytes, static_cast<std::size_t>(count));
  // A line feed is no part of a longer character.
  const auto feed = waiting_.size() < waiting_max ? std::string::npos : waiting_.rfind('\n');
  if (feed != std::string::npos) pass_on(feed + 1);
  return terminal_.good() ? count : 0;
}

int TerminalBuffer::sync() {
  pass_on(waiting_.size());
  terminal_.flush();
  return terminal_.good() ? 0 : -1;
}

void TerminalBuffer::pass_on(std::size_t size) {
  terminal_ << harmless(std::string_view(waiting_).substr(0, size));
  waiting_.erase(0, size);
}

}  // namespace tagma::cli
