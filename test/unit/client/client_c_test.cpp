// The C interface: what it refuses, what it hands out, and that a callback runs once whatever happens.
#include "tagma/client_c.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tagma/limits.h"
#include "tagma/operation.h"
#include "test/unit/client/client_c_program.h"
#include "test/unit/client/fake_replicas.h"

namespace tagma {
namespace {

using test::Behaviour;
using test::FakeReplicas;

struct Closer {
  void operator()(tagma_client* client) const { tagma_client_close(client); }
};
struct Freer {
  void operator()(tagma_result* result) const { tagma_result_free(result); }
};
using Handle = std::unique_ptr<tagma_client, Closer>;
using ResultHandle = std::unique_ptr<tagma_result, Freer>;

/// The options of a client of these replicas. The strings live in `files`, which must outlive them.
tagma_options options_for(const ClientOptions& files) {
  tagma_options options;
  tagma_options_init(&options);
  options.cluster_file = files.cluster_file.c_str();
  options.identity_file = files.identity_file.c_str();
  return options;
}

Handle open(const tagma_options& options) {
  tagma_client* client = nullptr;
  std::array<char, 512> error{};
  const auto opened = tagma_client_open(&options, &client, error.data(), error.size());
  REQUIRE_MESSAGE(opened == TAGMA_ERROR_NONE, error.data());
  REQUIRE(client != nullptr);
  CHECK(error.front() == '\0');
  return Handle(client);
}

ResultHandle call(const Handle& client, const Bytes& operation) {
  ResultHandle result(tagma_client_call(client.get(), operation.data(), operation.size()));
  REQUIRE(result != nullptr);
  return result;
}

std::string text_of(const tagma_result* result) {
  std::size_t size = 0;
  const char* text = tagma_result_text(result, &size);
  return {text, size};
}

/// How one submission ended.
struct Ends {
  std::atomic<int> count{0};
  std::atomic<int> status{-1};

  static void note(void* context, const tagma_result* result) {
    auto& ends = *static_cast<Ends*>(context);
    ends.status = tagma_result_status(result);
    ++ends.count;
  }
};

void silence(FakeReplicas& replicas) {
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::silent);
}

/// What tagma_client_open() says to options that it refuses, and that it hands out no client.
std::string refusal(const tagma_options& options, tagma_error expected) {
  auto* client = reinterpret_cast<tagma_client*>(std::uintptr_t{1});  // must be overwritten
  std::array<char, 512> error{};
  CHECK(tagma_client_open(&options, &client, error.data(), error.size()) == expected);
  CHECK(client == nullptr);
  const std::string text = error.data();
  CHECK_FALSE(text.empty());
  CHECK(text.find('\n') == std::string::npos);
  return text;
}

}  // namespace

TEST_CASE("the C interface is C: the same program in C89 and in C11") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  CHECK(client_c_program_89(files.cluster_file.c_str(), files.identity_file.c_str()) == 0);
  CHECK(client_c_program_11(files.cluster_file.c_str(), files.identity_file.c_str()) == 0);
}

TEST_CASE("options begin as those of the C++ client") {
  tagma_options options;
  tagma_options_init(&options);
  const ClientOptions defaults;
  CHECK(options.struct_size == sizeof options);
  CHECK(options.cluster_file == nullptr);
  CHECK(options.identity_file == nullptr);
  CHECK(options.client == defaults.id);
  CHECK(options.window == defaults.window);
  CHECK(options.timeout_ms == defaults.timeout.count());
  CHECK(options.queued_max == defaults.queued_max);
  CHECK(options.first_retransmission_ms == defaults.first_retransmission.count());
  tagma_options_init(nullptr);
  CHECK(std::string(tagma_version()).find('.') != std::string::npos);
}

TEST_CASE("opening tells the caller's mistakes from wrong files and options") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  auto options = options_for(files);
  SUBCASE("no options, no place for the client") {
    tagma_client* client = nullptr;
    std::array<char, 64> error{};
    CHECK(tagma_client_open(nullptr, &client, error.data(), error.size()) == TAGMA_ERROR_ARGUMENT);
    CHECK(error.front() != '\0');
    CHECK(tagma_client_open(&options, nullptr, nullptr, 0) == TAGMA_ERROR_ARGUMENT);
  }
  SUBCASE("options that were not initialised") {
    options.struct_size = 0;
    CHECK(refusal(options, TAGMA_ERROR_ARGUMENT).find("tagma_options_init") != std::string::npos);
  }
  SUBCASE("a file that was not set") {
    options.cluster_file = nullptr;
    CHECK(refusal(options, TAGMA_ERROR_ARGUMENT).find("cluster_file") != std::string::npos);
    options = options_for(files);
    options.identity_file = nullptr;
    CHECK(refusal(options, TAGMA_ERROR_ARGUMENT).find("identity_file") != std::string::npos);
  }
  SUBCASE("files that are not there") {
    options.cluster_file = "nowhere/cluster.toml";
    CHECK(refusal(options, TAGMA_ERROR_INPUT).find("nowhere/cluster.toml") != std::string::npos);
    options = options_for(files);
    options.identity_file = "nowhere/identity.key";
    CHECK(refusal(options, TAGMA_ERROR_INPUT).find("nowhere/identity.key") != std::string::npos);
  }
  SUBCASE("another client's key") {
    options.client = 1;
    CHECK(refusal(options, TAGMA_ERROR_INPUT).find(files.identity_file) != std::string::npos);
  }
  SUBCASE("options out of their ranges") {
    options.window = 0;
    CHECK(refusal(options, TAGMA_ERROR_INPUT).find("window") != std::string::npos);
    options = options_for(files);
    options.queued_max = 0;
    CHECK(refusal(options, TAGMA_ERROR_INPUT).find("queued_max") != std::string::npos);
    for (const std::int64_t time_ms :
         {std::numeric_limits<std::int64_t>::min(), std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
      options = options_for(files);
      options.timeout_ms = time_ms;
      CHECK(refusal(options, TAGMA_ERROR_INPUT).find("timeout") != std::string::npos);
      options = options_for(files);
      options.first_retransmission_ms = time_ms;
      CHECK(refusal(options, TAGMA_ERROR_INPUT).find("first retransmission") != std::string::npos);
    }
  }
}

TEST_CASE("an error text is cut to the room that there is, and written nowhere without any") {
  tagma_options options;
  tagma_options_init(&options);
  tagma_client* client = nullptr;
  std::array<char, 8> error{};
  error.fill('#');
  CHECK(tagma_client_open(&options, &client, error.data(), 6) == TAGMA_ERROR_ARGUMENT);
  CHECK(std::string(error.data()) == "tagma");
  CHECK(error[6] == '#');
  CHECK(tagma_client_open(&options, &client, error.data() + 6, 0) == TAGMA_ERROR_ARGUMENT);
  CHECK(error[6] == '#');
  CHECK(tagma_client_open(&options, &client, nullptr, 100) == TAGMA_ERROR_ARGUMENT);
}

TEST_CASE("a result has the voted reply, any bytes, and what goes with it") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  const auto client = open(options_for(files));
  const Bytes operation("a\0b\xff", 4);
  const auto result = call(client, operation);
  CHECK(tagma_result_status(result.get()) == TAGMA_CALL_OK);
  CHECK(tagma_result_reply_status(result.get()) == TAGMA_REPLY_OK);
  CHECK(text_of(result.get()) == "echo " + operation);
  CHECK(tagma_result_text(result.get(), nullptr) == tagma_result_text(result.get(), nullptr));
  CHECK(std::string(tagma_result_error(result.get())).empty());
  CHECK(tagma_result_seq(result.get()) == 1);
  CHECK(tagma_result_view(result.get()) == 0);
  CHECK(tagma_result_matching(result.get()) >= 2);
  CHECK(tagma_result_latency_us(result.get()) > 0);
  CHECK(tagma_result_reply_status(call(client, "absent").get()) == TAGMA_REPLY_ABSENT);
  const auto refused = call(client, "refused");
  CHECK(tagma_result_status(refused.get()) == TAGMA_CALL_OK);
  CHECK(tagma_result_reply_status(refused.get()) == TAGMA_REPLY_REFUSED);
  CHECK(text_of(refused.get()) == "refused");
  tagma_result_free(nullptr);
}

TEST_CASE("without a reply the status says why, and the text is empty and there") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  auto options = options_for(files);
  options.timeout_ms = 300;
  const auto check_none = [](const ResultHandle& result, tagma_call_status status) {
    CHECK(tagma_result_status(result.get()) == status);
    CHECK(tagma_result_reply_status(result.get()) == TAGMA_REPLY_REFUSED);
    CHECK(text_of(result.get()).empty());
    CHECK_FALSE(std::string(tagma_result_error(result.get())).empty());
  };
  SUBCASE("nothing was sent") {
    const auto client = open(options);
    check_none(ResultHandle(tagma_client_call(client.get(), "", 0)), TAGMA_CALL_INVALID);
    check_none(call(client, Bytes(limits::operation_bytes_max + 1, 'x')), TAGMA_CALL_INVALID);
    CHECK(replicas.executed() == 0);
  }
  SUBCASE("nobody agreed") {
    silence(replicas);
    check_none(call(open(options), "hello"), TAGMA_CALL_UNKNOWN);
  }
  SUBCASE("the session was evicted") {
    for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::evicts);
    options.timeout_ms = 10'000;
    check_none(call(open(options), "hello"), TAGMA_CALL_EVICTED);
  }
}

TEST_CASE("a null where something must be is refused, and no callback runs") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  const auto client = open(options_for(files));
  Ends ends;
  CHECK(tagma_client_call(nullptr, "x", 1) == nullptr);
  CHECK(tagma_client_call(client.get(), nullptr, 1) == nullptr);
  CHECK(tagma_client_submit(nullptr, "x", 1, Ends::note, &ends) == TAGMA_ERROR_ARGUMENT);
  CHECK(tagma_client_submit(client.get(), nullptr, 1, Ends::note, &ends) == TAGMA_ERROR_ARGUMENT);
  CHECK(tagma_client_submit(client.get(), "x", 1, nullptr, &ends) == TAGMA_ERROR_ARGUMENT);
  std::size_t count = 77;
  tagma_report report{};
  CHECK(tagma_client_reports(nullptr, 1, &report, 1, &count) == TAGMA_ERROR_ARGUMENT);
  CHECK(tagma_client_reports(client.get(), 0, &report, 1, &count) == TAGMA_ERROR_ARGUMENT);
  CHECK(tagma_client_reports(client.get(), 1, nullptr, 1, &count) == TAGMA_ERROR_ARGUMENT);
  CHECK(tagma_client_reports(client.get(), 1, &report, 1, nullptr) == TAGMA_ERROR_ARGUMENT);
  CHECK(count == 77);
  tagma_client_close(nullptr);
  CHECK(text_of(call(client, "after").get()) == "echo after");
  CHECK(replicas.executed() == 1);
  CHECK(ends.count == 0);
}

TEST_CASE("each submission's callback runs exactly once") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  auto client = open(options_for(files));
  SUBCASE("all are executed") {
    std::vector<Ends> ends(1'000);
    for (auto& each : ends) {
      REQUIRE(tagma_client_submit(client.get(), "x", 1, Ends::note, &each) == TAGMA_ERROR_NONE);
    }
    CHECK(tagma_result_status(call(client, "last").get()) == TAGMA_CALL_OK);
    client.reset();
    for (const auto& each : ends) {
      CHECK(each.count == 1);
      CHECK(each.status == TAGMA_CALL_OK);
    }
    CHECK(replicas.executed() == 1'001);
  }
  SUBCASE("they cannot be sent: before submit returns") {
    Ends ends;
    CHECK(tagma_client_submit(client.get(), "", 0, Ends::note, &ends) == TAGMA_ERROR_NONE);
    CHECK(ends.count == 1);
    CHECK(ends.status == TAGMA_CALL_INVALID);
    client.reset();
    CHECK(ends.count == 1);
  }
  SUBCASE("they are outstanding when the client is closed: before close returns") {
    silence(replicas);
    std::vector<Ends> ends(500);
    for (auto& each : ends) {
      REQUIRE(tagma_client_submit(client.get(), "x", 1, Ends::note, &each) == TAGMA_ERROR_NONE);
    }
    client.reset();
    for (const auto& each : ends) {
      CHECK(each.count == 1);
      CHECK(each.status == TAGMA_CALL_UNKNOWN);
    }
  }
}

TEST_CASE("a callback may submit more") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  auto options = options_for(files);
  options.queued_max = 1;  // its own submission is taken all the same
  const auto client = open(options);
  struct Chain {
    tagma_client* client;
    int left;
    std::promise<std::string> last;
  } chain{client.get(), 5, {}};
  static const tagma_callback next = [](void* context, const tagma_result* result) {
    auto& link = *static_cast<Chain*>(context);
    if (--link.left == 0) {
      link.last.set_value(text_of(result));
    } else if (tagma_client_submit(link.client, "again", 5, next, context) != TAGMA_ERROR_NONE) {
      link.last.set_value("not taken");
    }
  };
  REQUIRE(tagma_client_submit(client.get(), "first", 5, next, &chain) == TAGMA_ERROR_NONE);
  CHECK(chain.last.get_future().get() == "echo again");
}

TEST_CASE("reports fill the room that there is and tell how many there are") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  const auto client = open(options_for(files));
  CHECK(text_of(call(client, "x").get()) == "echo x");
  std::size_t count = 0;
  CHECK(tagma_client_reports(client.get(), 10'000, nullptr, 0, &count) == TAGMA_ERROR_NONE);
  CHECK(count == 4);
  std::array<tagma_report, 4> reports{};
  // However long the wait may be, it is over when all have answered.
  CHECK(tagma_client_reports(client.get(), std::numeric_limits<std::int64_t>::max(), reports.data(), 4, &count) ==
        TAGMA_ERROR_NONE);
  for (const auto& report : reports) CHECK(report.answered == 1);
  reports[2].replica = 77;
  CHECK(tagma_client_reports(client.get(), 10'000, reports.data(), 2, &count) == TAGMA_ERROR_NONE);
  CHECK(count == 4);
  CHECK(reports[1].replica == 1);
  CHECK(reports[2].replica == 77);
  replicas.stop(3);
  CHECK(tagma_client_reports(client.get(), 300, reports.data(), reports.size(), &count) == TAGMA_ERROR_NONE);
  for (std::uint32_t replica = 0; replica < 4; ++replica) {
    CHECK(reports.at(replica).replica == replica);
    CHECK(reports.at(replica).answered == (replica == 3 ? 0 : 1));
    CHECK((reports.at(replica).round_trip_us > 0) == (replica != 3));
  }
}

TEST_CASE("the encoders tell the size first and write only where there is room for all") {
  const Bytes payload("p\0q", 3);
  const Bytes expected = encode_operation("kv", payload);
  CHECK(tagma_encode_operation("kv", payload.data(), payload.size(), nullptr, 0) == expected.size());
  std::string buffer(expected.size(), '#');
  CHECK(tagma_encode_operation("kv", payload.data(), payload.size(), buffer.data(), buffer.size() - 1) ==
        expected.size());
  CHECK(buffer == std::string(expected.size(), '#'));
  CHECK(tagma_encode_operation("kv", payload.data(), payload.size(), buffer.data(), buffer.size()) == expected.size());
  CHECK(buffer == expected);
  CHECK(tagma_encode_operation("kv", nullptr, 0, nullptr, 0) == encode_operation("kv", "").size());

  const std::vector<const void*> words{"put", "a\0b", nullptr};
  const std::vector<std::size_t> sizes{3, 3, 0};
  const Bytes words_expected = encode_operation("kv", encode_words({"put", Bytes("a\0b", 3), ""}));
  CHECK(tagma_encode_words("kv", words.data(), sizes.data(), 3, nullptr, 0) == words_expected.size());
  std::string words_buffer(words_expected.size(), '#');
  CHECK(tagma_encode_words("kv", words.data(), sizes.data(), 3, words_buffer.data(), words_buffer.size() - 1) ==
        words_expected.size());
  CHECK(words_buffer == std::string(words_expected.size(), '#'));
  CHECK(tagma_encode_words("kv", words.data(), sizes.data(), 3, words_buffer.data(), words_buffer.size()) ==
        words_expected.size());
  CHECK(words_buffer == words_expected);
  CHECK(tagma_encode_words("kv", nullptr, nullptr, 0, nullptr, 0) == encode_operation("kv", "").size());
}

TEST_CASE("the encoders refuse what is no operation") {
  const std::string longest(limits::service_name_bytes_max, 's');
  CHECK(tagma_encode_operation(longest.c_str(), nullptr, 0, nullptr, 0) == 1 + longest.size());
  const std::string too_long = longest + "s";
  for (const char* service : {static_cast<const char*>(nullptr), "", too_long.c_str()}) {
    CHECK(tagma_encode_operation(service, "x", 1, nullptr, 0) == 0);
    CHECK(tagma_encode_words(service, nullptr, nullptr, 0, nullptr, 0) == 0);
  }
  CHECK(tagma_encode_operation("kv", nullptr, 1, nullptr, 0) == 0);

  const std::vector<const void*> words(limits::words_max + 1, "w");
  const std::vector<std::size_t> sizes(limits::words_max + 1, 1);
  CHECK(tagma_encode_words("kv", words.data(), sizes.data(), limits::words_max, nullptr, 0) > 0);
  CHECK(tagma_encode_words("kv", words.data(), sizes.data(), limits::words_max + 1, nullptr, 0) == 0);
  CHECK(tagma_encode_words("kv", nullptr, sizes.data(), 1, nullptr, 0) == 0);
  CHECK(tagma_encode_words("kv", words.data(), nullptr, 1, nullptr, 0) == 0);
  const void* missing = nullptr;
  CHECK(tagma_encode_words("kv", &missing, sizes.data(), 1, nullptr, 0) == 0);
}

#ifndef __SANITIZE_THREAD__  // which allows no threads after the fork of a process that has some
TEST_CASE("a forked child opens a client of its own while its parent's is open") {
  FakeReplicas replicas;
  const auto files = replicas.options();
  auto options = options_for(files);
  const auto client = open(options);
  CHECK(text_of(call(client, "before").get()) == "echo before");
  options.timeout_ms = 5'000;
  const pid_t child = ::fork();
  if (child == 0) {
    tagma_client* own = nullptr;
    if (tagma_client_open(&options, &own, nullptr, 0) != TAGMA_ERROR_NONE) ::_exit(2);
    tagma_result* result = tagma_client_call(own, "child", 5);
    ::_exit(result != nullptr && tagma_result_status(result) == TAGMA_CALL_OK ? 0 : 3);
  }
  REQUIRE(child > 0);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(text_of(call(client, "after").get()) == "echo after");
}
#endif

}  // namespace tagma
