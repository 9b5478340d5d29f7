/*
 * The client library for C, and for every language that can call C. It is tagma/client.h with the same guarantees: a
 * reply counts only once f+1 distinct replicas have given it alike, operations of one client execute in the order of
 * their submission and each exactly once.
 *
 * Handles are opaque. Strings are UTF-8 and end with a zero byte; operations, words and replies are any bytes with a
 * size. No function lets an exception out. All functions on one tagma_client are safe from many threads.
 *
 * Structs keep their layout within one soname (libtagma_client.so.MAJOR.MINOR). Threads do not survive fork(): a child
 * neither uses nor closes a client of its parent, and may open its own.
 */
#ifndef TAGMA_CLIENT_C_H
#define TAGMA_CLIENT_C_H

#include <stddef.h>
#include <stdint.h>

#include "tagma/api.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tagma_client tagma_client; /**< a session with a cluster */
typedef struct tagma_result tagma_result; /**< how one call ended */

/** What a function that can fail returns. */
typedef enum tagma_error {
  TAGMA_ERROR_NONE = 0,
  TAGMA_ERROR_ARGUMENT = 1, /**< a null pointer or a size that makes no sense: the caller's own mistake */
  TAGMA_ERROR_INPUT = 2,    /**< a file, key or option is wrong, or no connection can be begun; the text says which */
  TAGMA_ERROR_SYSTEM = 3    /**< no memory */
} tagma_error;

/** How a call ended. */
typedef enum tagma_call_status {
  TAGMA_CALL_OK = 0,      /**< f+1 distinct replicas gave this same authenticated reply */
  TAGMA_CALL_UNKNOWN = 1, /**< no such agreement in time: it may or may not have been, or yet be, executed */
  TAGMA_CALL_EVICTED =
      2,                 /**< the session was evicted (too many of this client's); whether it was executed is unknown */
  TAGMA_CALL_INVALID = 3 /**< not executed: refused before it was sent, or by f+1 replicas alike */
} tagma_call_status;

/** What the service said, where the call is TAGMA_CALL_OK. */
typedef enum tagma_reply_status {
  TAGMA_REPLY_OK = 0,
  TAGMA_REPLY_ABSENT = 1, /**< the thing asked for is not there */
  TAGMA_REPLY_REFUSED = 2 /**< the service said no; the text says why */
} tagma_reply_status;

/** Begin with tagma_options_init(), then set what differs. Strings are copied by tagma_client_open(). */
typedef struct tagma_options {
  size_t struct_size;              /**< set by tagma_options_init(), to show that it was called */
  const char* cluster_file;        /**< path of cluster.toml */
  const char* identity_file;       /**< path of this client's secret key */
  uint32_t client;                 /**< which client of the cluster file to be, from 0 */
  uint32_t window;                 /**< operations outstanding, 1..1024; default 256 */
  int64_t timeout_ms;              /**< of one call, 1 ms to one year; default 10,000 */
  uint64_t queued_max;             /**< operations inside the library beyond which submitting blocks; default 65,536 */
  int64_t first_retransmission_ms; /**< 1 ms to one year; default 150 */
} tagma_options;

/** What one replica says about itself: its own word, believed by nobody else. */
typedef struct tagma_report {
  uint32_t replica;
  int answered; /**< 0: it did not in time, and all below is 0 */
  int voting;
  uint64_t epoch;
  uint64_t incarnation;
  uint64_t view;
  uint64_t last_executed;
  uint64_t stable_checkpoint;
  uint64_t state_digest_seq; /**< its newest checkpoint; 0: none yet */
  uint8_t state_digest[32];
  int64_t round_trip_us;
} tagma_report;

/** Runs once, on the library's thread: it may submit more; it must not block and must not close the client. `result`
 *  is valid until it returns. */
typedef void (*tagma_callback)(void* context, const tagma_result* result);

/** The library's version, such as "0.1.0". */
TAGMA_API const char* tagma_version(void);

/** Sets every option to its default. */
TAGMA_API void tagma_options_init(tagma_options* options);

/** Opens a session; connects in the background, so it succeeds while replicas are down. On success *client is to be
 *  closed by tagma_client_close(). Otherwise *client is null and `error`, if it has room (error_size bytes, the zero
 *  byte included), holds one line for a person. */
TAGMA_API tagma_error tagma_client_open(const tagma_options* options, tagma_client** client, char* error,
                                        size_t error_size);

/** Ends what is outstanding as TAGMA_CALL_UNKNOWN (callbacks run before it returns) and frees the client. Null is
 *  allowed. Not from a callback, and not while another thread is inside a function of this client. */
TAGMA_API void tagma_client_close(tagma_client* client);

/** Executes one operation and waits for its voted reply, at most timeout_ms. The result is never null but where there
 *  is no memory, or client or operation are null; free it with tagma_result_free(). */
TAGMA_API tagma_result* tagma_client_call(tagma_client* client, const void* operation, size_t operation_size);

/** The same without waiting. After TAGMA_ERROR_NONE the callback runs exactly once, perhaps before this returns (an
 *  operation that cannot be sent); after anything else, never. Blocks while queued_max operations are inside the
 *  library. `operation` is copied. */
TAGMA_API tagma_error tagma_client_submit(tagma_client* client, const void* operation, size_t operation_size,
                                          tagma_callback callback, void* context);

/** Asks every replica for its report, at most timeout_ms (1 or more). Fills at most `capacity` entries of `reports`, by
 *  replica id, and sets *count to the number of replicas of the cluster. Not from a callback. */
TAGMA_API tagma_error tagma_client_reports(tagma_client* client, int64_t timeout_ms, tagma_report* reports,
                                           size_t capacity, size_t* count);

TAGMA_API tagma_call_status tagma_result_status(const tagma_result* result);
/** Only where the status is TAGMA_CALL_OK; else TAGMA_REPLY_REFUSED. */
TAGMA_API tagma_reply_status tagma_result_reply_status(const tagma_result* result);
/** The reply's bytes, valid as long as the result; *size is set where `size` is not null. Never null. */
TAGMA_API const char* tagma_result_text(const tagma_result* result, size_t* size);
/** One line for a person where the status is not TAGMA_CALL_OK, else empty. Valid as long as the result. */
TAGMA_API const char* tagma_result_error(const tagma_result* result);
TAGMA_API uint64_t tagma_result_seq(const tagma_result* result); /**< slot in the total order */
TAGMA_API uint64_t tagma_result_view(const tagma_result* result);
TAGMA_API uint32_t tagma_result_matching(const tagma_result* result); /**< replicas that agreed */
TAGMA_API int64_t tagma_result_latency_us(const tagma_result* result);
/** Null is allowed. Not for the result that a callback is given. */
TAGMA_API void tagma_result_free(tagma_result* result);

/** Encodes an operation of the service named `service` (1..64 bytes) whose payload is `payload`. Returns its size and
 *  writes it to `buffer` if that has room for it (buffer may be null to ask for the size); 0 where the name is too
 *  long, empty or null. */
TAGMA_API size_t tagma_encode_operation(const char* service, const void* payload, size_t payload_size, void* buffer,
                                        size_t buffer_size);

/** The same for a payload of words, which is what the bundled services take: words[i] has word_sizes[i] bytes; at most
 *  64 words. */
TAGMA_API size_t tagma_encode_words(const char* service, const void* const* words, const size_t* word_sizes,
                                    size_t count, void* buffer, size_t buffer_size);

#ifdef __cplusplus
}
#endif

#endif
