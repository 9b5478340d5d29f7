#include "client_lib/cli/shell/script_input.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace tagma::cli {

ScriptInput::int_type ScriptInput::underflow() {
  for (;;) {
    std::array<pollfd, 2> waited{pollfd{descriptor_, POLLIN, 0}, pollfd{stop_.descriptor(), POLLIN, 0}};
    poll(waited.data(), waited.size(), -1);
    if (stop_.requested()) return traits_type::eof();
    if (waited[0].revents == 0) continue;
    const ssize_t size = read(descriptor_, buffer_.data(), buffer_.size());
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) return traits_type::eof();
    setg(buffer_.data(), buffer_.data(), buffer_.data() + size);
    return traits_type::to_int_type(buffer_[0]);
  }
}

}  // namespace tagma::cli
