#include "docker/drills/fault_proxy.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <list>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "docker/drills/event_loop.h"
#include "docker/drills/fault_link.h"
#include "docker/drills/heartbeat.h"
#include "docker/drills/proxied_connection.h"
#include "docker/drills/tcp.h"

namespace tagma::drills {
namespace {

/// Read at once; what need not wait is sent on from there.
constexpr std::size_t scratch_bytes = std::size_t{256} << 10;
/// How many connections a door lets in before others get their turn.
constexpr int accepted_per_turn_max = 16;
/// How long a door waits when this process has no descriptors left.
constexpr MonotonicNs descriptors_wait_ns = 100'000'000;

}  // namespace

/// Everything but the loop's commands belongs to the thread.
class FaultProxy::Implementation {
 public:
  explicit Implementation(std::uint64_t seed) : seed_(seed), scratch_(scratch_bytes), thread_([this] { run(); }) {}
  ~Implementation() {
    loop_.perform([this] { stopping_ = true; });
    thread_.join();
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  [[nodiscard]] std::string open(const Party& from, const Party& to, const std::string& host,
                                 const std::string& target) {
    const sockaddr_in target_address = tcp_address(target);
    const int listener = listen_on(host);
    const std::string endpoint = tcp_endpoint(local_address(listener));
    loop_.perform([&] { doors_.emplace_back(*this, listener, target_address, link(from, to), link(to, from)); });
    return endpoint;
  }

  void set(const Party& from, const Party& to, const LinkFault& fault) {
    loop_.perform([&] {
      const MonotonicNs now_ns = monotonic_ns();
      link(from, to).set(fault, now_ns);
      for (auto& connection : connections_) connection.fault_changed(now_ns);
      for (auto& door : doors_) door.update();
    });
  }

  [[nodiscard]] LinkCounts counts(const Party& from, const Party& to) {
    LinkCounts counts;
    loop_.perform([&] { counts = link(from, to).counts(); });
    return counts;
  }

  [[nodiscard]] ProxyStall take_longest_stall() {
    ProxyStall longest;
    loop_.perform([&] { longest = heartbeat_.take_longest(); });
    return longest;
  }

 private:
  /// Where connections come in. While one direction is cut they stay in the kernel's queue, without an answer.
  class Door final : public Watched {
   public:
    Door(Implementation& proxy, int listener, const sockaddr_in& target, FaultLink& forward, FaultLink& backward)
        : proxy_(proxy), listener_(listener), target_(target), forward_(forward), backward_(backward) {
      proxy_.loop_.add(listener_, events_, *this);
      update();
    }
    ~Door() override { ::close(listener_); }

    void update() {
      const bool open = !waiting_ && !forward_.fault().cut && !backward_.fault().cut;
      const std::uint32_t events = open ? std::uint32_t{EPOLLIN} : 0;
      if (events == events_) return;
      events_ = events;
      proxy_.loop_.change(listener_, events_, *this);
    }

    void on_time(MonotonicNs /*now_ns*/) override {
      waiting_ = false;
      update();
    }

    void on_ready(std::uint32_t /*events*/, MonotonicNs now_ns) override {
      for (int i = 0; i < accepted_per_turn_max && events_ != 0; ++i) {
        const int accepted = accept_one(listener_);
        if (accepted >= 0) {
          let_in(accepted, now_ns);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
          return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
          wait(now_ns);
        }
      }
    }

   private:
    void let_in(int accepted, MonotonicNs now_ns) {
      // Who has lost patience during a cut does not come as far as the target.
      if (has_hung_up(accepted)) {
        ::close(accepted);
        return;
      }
      const int connecting = begin_to_connect(target_);
      if (connecting >= 0) {
        proxy_.connections_.emplace_back(proxy_.loop_, std::span(proxy_.scratch_), accepted, connecting, forward_,
                                         backward_);
        return;
      }
      if (errno == EMFILE || errno == ENFILE) wait(now_ns);
      ::close(accepted);
    }

    void wait(MonotonicNs now_ns) {
      waiting_ = true;
      proxy_.loop_.wake(*this, now_ns + descriptors_wait_ns);
      update();
    }

    Implementation& proxy_;
    int listener_;
    sockaddr_in target_;
    FaultLink& forward_;
    FaultLink& backward_;
    std::uint32_t events_ = 0;
    bool waiting_ = false;  ///< for descriptors
  };

  void run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the program's affair
    heartbeat_.start();
    while (!stopping_) {
      loop_.turn();
      connections_.remove_if([](const ProxiedConnection& connection) { return connection.closed(); });
    }
  }

  [[nodiscard]] FaultLink& link(const Party& from, const Party& to) {
    return links_.try_emplace({from, to}, seed_, from, to).first->second;
  }

  std::uint64_t seed_;
  bool stopping_ = false;
  EventLoop loop_;
  Heartbeat heartbeat_{loop_};
  std::vector<char> scratch_;
  std::map<std::pair<Party, Party>, FaultLink> links_;
  std::list<Door> doors_;
  std::list<ProxiedConnection> connections_;
  std::thread thread_;  ///< last: begins when all else is there
};

FaultProxy::FaultProxy(std::uint64_t seed) : implementation_(std::make_unique<Implementation>(seed)) {}

FaultProxy::~FaultProxy() = default;

std::string FaultProxy::open(const Party& from, const Party& to, const std::string& host, const std::string& target) {
  return implementation_->open(from, to, host, target);
}

void FaultProxy::set(const Party& from, const Party& to, const LinkFault& fault) {
  implementation_->set(from, to, fault);
}

ProxyStall FaultProxy::take_longest_stall() { return implementation_->take_longest_stall(); }

LinkCounts FaultProxy::counts(const Party& from, const Party& to) const { return implementation_->counts(from, to); }

}  // namespace tagma::drills
