#include "tagma/client_c.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "tagma/client.h"
#include "tagma/limits.h"

/// The handles of the C interface are the C++ objects themselves.
struct tagma_client {
  std::unique_ptr<tagma::Client> client;
};
/// A call's result is kept in `own`; a callback's is only looked at, so that handing it over needs no memory and cannot
/// fail: the callback would otherwise not run.
struct tagma_result {
  tagma::CallResult own;
  const tagma::CallResult* seen = nullptr;

  [[nodiscard]] const tagma::CallResult& get() const { return seen != nullptr ? *seen : own; }
};

namespace {

void write_error(char* error, std::size_t error_size, const char* text) {
  if (error == nullptr || error_size == 0) return;
  const std::size_t length = std::min(std::strlen(text), error_size - 1);
  std::memcpy(error, text, length);
  error[length] = '\0';
}

tagma::ByteView view_of(const void* bytes, std::size_t size) { return {static_cast<const char*>(bytes), size}; }

tagma::ClientOptions options_of(const tagma_options& given) {
  tagma::ClientOptions options;
  options.cluster_file = given.cluster_file;
  options.identity_file = given.identity_file;
  options.id = given.client;
  options.window = given.window;
  options.timeout = std::chrono::milliseconds(given.timeout_ms);
  options.queued_max = static_cast<std::size_t>(given.queued_max);
  options.first_retransmission = std::chrono::milliseconds(given.first_retransmission_ms);
  return options;
}

tagma_report report_of(const tagma::ReplicaReport& from) {
  tagma_report report{};
  report.replica = from.id;
  if (!from.answered) return report;
  report.answered = 1;
  report.voting = from.report.voting ? 1 : 0;
  report.epoch = from.report.epoch;
  report.incarnation = from.report.incarnation;
  report.view = from.report.view;
  report.last_executed = from.report.last_executed;
  report.stable_checkpoint = from.report.stable_checkpoint;
  report.state_digest_seq = from.report.state_digest_seq;
  std::copy(from.report.state_digest.bytes.begin(), from.report.state_digest.bytes.end(), report.state_digest);
  report.round_trip_us = from.round_trip_us;
  return report;
}

std::size_t hand_out(const tagma::Bytes& operation, void* buffer, std::size_t buffer_size) {
  if (buffer != nullptr && buffer_size >= operation.size()) std::memcpy(buffer, operation.data(), operation.size());
  return operation.size();
}

bool is_service(const char* service) {
  return service != nullptr && *service != '\0' &&
         ::strnlen(service, tagma::limits::service_name_bytes_max + 1) <= tagma::limits::service_name_bytes_max;
}

}  // namespace

extern "C" {

const char* tagma_version(void) { return TAGMA_VERSION; }

void tagma_options_init(tagma_options* options) {
  if (options == nullptr) return;
  const tagma::ClientOptions defaults;
  *options = {};
  options->struct_size = sizeof *options;
  options->window = defaults.window;
  options->timeout_ms = defaults.timeout.count();
  options->queued_max = defaults.queued_max;
  options->first_retransmission_ms = defaults.first_retransmission.count();
}

tagma_error tagma_client_open(const tagma_options* options, tagma_client** client, char* error, size_t error_size) {
  if (client != nullptr) *client = nullptr;
  if (options == nullptr || client == nullptr) {
    write_error(error, error_size, "tagma_client_open: options and client must not be null");
    return TAGMA_ERROR_ARGUMENT;
  }
  if (options->struct_size != sizeof *options || options->cluster_file == nullptr ||
      options->identity_file == nullptr) {
    write_error(error, error_size,
                "tagma_client_open: begin with tagma_options_init() and set cluster_file and identity_file");
    return TAGMA_ERROR_ARGUMENT;
  }
  try {
    auto handle = std::make_unique<tagma_client>();
    auto opened = tagma::Client::open(options_of(*options));
    if (!opened) {
      write_error(error, error_size, opened.reason().c_str());
      return TAGMA_ERROR_INPUT;
    }
    handle->client = *std::move(opened);
    *client = handle.release();
    write_error(error, error_size, "");
    return TAGMA_ERROR_NONE;
  } catch (const std::exception& failure) {
    write_error(error, error_size, failure.what());
    return TAGMA_ERROR_SYSTEM;
  }
}

void tagma_client_close(tagma_client* client) { delete client; }

void tagma_client_stop(tagma_client* client) {
  if (client != nullptr) client->client->stop();
}

tagma_result* tagma_client_call(tagma_client* client, const void* operation, size_t operation_size) {
  if (client == nullptr || operation == nullptr) return nullptr;
  try {
    auto result = std::make_unique<tagma_result>();
    result->own = client->client->call(view_of(operation, operation_size));
    return result.release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

tagma_error tagma_client_submit(tagma_client* client, const void* operation, size_t operation_size,
                                tagma_callback callback, void* context) {
  if (client == nullptr || operation == nullptr || callback == nullptr) return TAGMA_ERROR_ARGUMENT;
  try {
    client->client->submit(view_of(operation, operation_size), [callback, context](const tagma::CallResult& result) {
      const tagma_result handed{{}, &result};
      callback(context, &handed);
    });
    return TAGMA_ERROR_NONE;
  } catch (const std::exception&) {
    return TAGMA_ERROR_SYSTEM;
  }
}

tagma_error tagma_client_reports(tagma_client* client, int64_t timeout_ms, tagma_report* reports, size_t capacity,
                                 size_t* count) {
  if (client == nullptr || count == nullptr || timeout_ms <= 0 || (reports == nullptr && capacity > 0)) {
    return TAGMA_ERROR_ARGUMENT;
  }
  try {
    const auto answers = client->client->reports(std::chrono::milliseconds(timeout_ms));
    *count = answers.size();
    for (std::size_t at = 0; at < std::min(capacity, answers.size()); ++at) reports[at] = report_of(answers[at]);
    return TAGMA_ERROR_NONE;
  } catch (const std::exception&) {
    return TAGMA_ERROR_SYSTEM;
  }
}

tagma_call_status tagma_result_status(const tagma_result* result) {
  return static_cast<tagma_call_status>(result->get().status);
}

tagma_reply_status tagma_result_reply_status(const tagma_result* result) {
  if (result->get().status != tagma::CallStatus::ok) return TAGMA_REPLY_REFUSED;
  return static_cast<tagma_reply_status>(result->get().reply.status);
}

const char* tagma_result_text(const tagma_result* result, size_t* size) {
  if (size != nullptr) *size = result->get().reply.text.size();
  return result->get().reply.text.c_str();
}

const char* tagma_result_error(const tagma_result* result) { return result->get().error.c_str(); }
uint64_t tagma_result_seq(const tagma_result* result) { return result->get().seq; }
uint64_t tagma_result_view(const tagma_result* result) { return result->get().view; }
uint32_t tagma_result_matching(const tagma_result* result) { return result->get().matching; }
int64_t tagma_result_latency_us(const tagma_result* result) { return result->get().latency_us; }
void tagma_result_free(tagma_result* result) { delete result; }

size_t tagma_encode_operation(const char* service, const void* payload, size_t payload_size, void* buffer,
                              size_t buffer_size) {
  if (!is_service(service) || (payload == nullptr && payload_size > 0)) return 0;
  try {
    return hand_out(tagma::encode_operation(service, view_of(payload, payload_size)), buffer, buffer_size);
  } catch (const std::exception&) {
    return 0;
  }
}

size_t tagma_encode_words(const char* service, const void* const* words, const size_t* word_sizes, size_t count,
                          void* buffer, size_t buffer_size) {
  if (!is_service(service) || count > tagma::limits::words_max ||
      (count > 0 && (words == nullptr || word_sizes == nullptr)))
    return 0;
  try {
    tagma::Words list;
    for (std::size_t at = 0; at < count; ++at) {
      if (words[at] == nullptr && word_sizes[at] > 0) return 0;
      list.emplace_back(view_of(words[at], word_sizes[at]));
    }
    return hand_out(tagma::encode_operation(service, tagma::encode_words(list)), buffer, buffer_size);
  } catch (const std::exception&) {
    return 0;
  }
}

}  // extern "C"
