/**
 * @file
 * @brief The client library for C, and for every language that can call C.
 *
 * It is tagma/client.h with the same guarantees: a reply counts only once f+1 distinct replicas have given it alike
 * (Castro and Liskov 2002, the client), operations of one client execute in the order of their submission and each
 * exactly once (Schneider 1990, section 1, O1). What is durable on return is told at tagma::Client.
 *
 * Handles are opaque and owned by whoever got them. Strings are UTF-8 and end with a zero byte; operations, words and
 * replies are any bytes with a size. No function lets an exception out. All functions on one tagma_client are safe from
 * many threads but tagma_client_close(); those on a tagma_result read only, until it is freed.
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

typedef struct tagma_client tagma_client; /**< a session with a cluster; ended by tagma_client_close() */
typedef struct tagma_result tagma_result; /**< how one call ended; ended by tagma_result_free() */

/** What a function that can fail returns. */
typedef enum tagma_error {
  TAGMA_ERROR_NONE = 0,     /**< done */
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
  TAGMA_REPLY_OK = 0,     /**< done; the text is the answer */
  TAGMA_REPLY_ABSENT = 1, /**< the thing asked for is not there */
  TAGMA_REPLY_REFUSED = 2 /**< the service said no; the text says why */
} tagma_reply_status;

/** Begin with tagma_options_init(), then set what differs. Strings are copied by tagma_client_open(). */
typedef struct tagma_options {
  size_t struct_size;        /**< set by tagma_options_init(), to show that it was called */
  const char* cluster_file;  /**< path of cluster.toml; must be set */
  const char* identity_file; /**< path of this client's secret key; must be set */
  uint32_t client;           /**< which client of the cluster file to be, from 0 */
  uint32_t window;           /**< operations outstanding, 1..1024; default 256 */
  int64_t timeout_ms;        /**< of one call, in milliseconds, 1 to one year; default 10,000 */
  uint64_t queued_max; /**< operations inside the library beyond which submitting blocks, at least 1; default 65,536 */
  int64_t first_retransmission_ms; /**< how long the primary alone is asked, 1 ms to one year; default 150 */
} tagma_options;

/** What one replica says about itself: its own word, believed by nobody else. */
typedef struct tagma_report {
  uint32_t replica;           /**< its id, from 0 */
  int answered;               /**< 0: it did not in time, and all below is 0 */
  int voting;                 /**< 1: it takes part in agreement */
  uint64_t epoch;             /**< the configuration that it is in */
  uint64_t incarnation;       /**< its life; raised when it lost its memory */
  uint64_t view;              /**< the view that it is in */
  uint64_t last_executed;     /**< the highest slot that it has executed; 0: none */
  uint64_t stable_checkpoint; /**< the highest checkpoint with a quorum's certificate; 0: none */
  uint64_t state_digest_seq;  /**< its newest checkpoint; 0: none yet */
  uint8_t state_digest[32];   /**< the state's root there: equal where replicas agree */
  int64_t round_trip_us;      /**< from the question to the answer, in microseconds */
} tagma_report;

/**
 * Is told how a submitted operation ended. Runs once, on the library's thread: it may submit more; it must not block,
 * must not wait for a result and must not close the client.
 *
 * @param context  what tagma_client_submit() was given
 * @param result   valid until the callback returns; not to be freed
 */
typedef void (*tagma_callback)(void* context, const tagma_result* result);

/** The library's version, such as "0.1.0"; valid for ever. */
TAGMA_API const char* tagma_version(void);

/**
 * Sets every option to its default.
 *
 * @param[out] options  null is allowed and changes nothing
 */
TAGMA_API void tagma_options_init(tagma_options* options);

/**
 * Opens a session. Connects in the background, so it succeeds while replicas are down.
 *
 * @param options      initialised by tagma_options_init(); copied
 * @param[out] client  on success the client, to be ended with tagma_client_close(); otherwise null
 * @param[out] error   one line for a person, cut to fit, or empty on success; null is allowed
 * @param error_size   bytes that `error` has room for, the zero byte included; 0 is allowed
 * @return TAGMA_ERROR_NONE, or why there is no client
 */
TAGMA_API tagma_error tagma_client_open(const tagma_options* options, tagma_client** client, char* error,
                                        size_t error_size);

/**
 * Ends what is outstanding as TAGMA_CALL_UNKNOWN (callbacks run before it returns) and frees the client. Not from a
 * callback, and not while another thread is inside a function of this client.
 *
 * @param client  not to be used afterwards; null is allowed
 */
TAGMA_API void tagma_client_close(tagma_client* client);

/**
 * Ends the session without waiting for it: what is outstanding ends as TAGMA_CALL_UNKNOWN, and threads that are inside
 * a function of this client return soon, those in tagma_client_reports() with what has come so far, or with a count of
 * 0. Later operations end as TAGMA_CALL_INVALID. From any thread, also from a callback; tagma_client_close() still has
 * to follow, when no other thread is inside.
 *
 * @param client  null is allowed; twice does nothing
 */
TAGMA_API void tagma_client_stop(tagma_client* client);

/**
 * Executes one operation and waits for its voted reply, at most about timeout_ms once it found room in the library. Not
 * from a callback on the library's thread: what it waits for would come on that thread, so it ends the process.
 *
 * @param client          the session
 * @param operation       tagma_encode_operation()'s or tagma_encode_words()'s; copied
 * @param operation_size  1 to 131,072 bytes; another size ends as TAGMA_CALL_INVALID
 * @return how it ended, to be freed with tagma_result_free(); null only where there is no memory, or where client or
 *         operation are null
 */
TAGMA_API tagma_result* tagma_client_call(tagma_client* client, const void* operation, size_t operation_size);

/**
 * The same without waiting for the reply. Blocks while queued_max operations are inside the library, at most for
 * timeout_ms, except from a callback on the library's thread.
 *
 * @param client          the session
 * @param operation       as with tagma_client_call(); copied
 * @param operation_size  as with tagma_client_call()
 * @param callback        after TAGMA_ERROR_NONE it runs exactly once, perhaps before this returns (an operation that
 *                        cannot be sent); after anything else, never
 * @param context         handed to the callback as it is; the caller's
 * @return TAGMA_ERROR_NONE, TAGMA_ERROR_ARGUMENT or TAGMA_ERROR_SYSTEM
 */
TAGMA_API tagma_error tagma_client_submit(tagma_client* client, const void* operation, size_t operation_size,
                                          tagma_callback callback, void* context);

/**
 * Asks every replica for its report. Not from a callback.
 *
 * @param client        the session
 * @param timeout_ms    how long to wait at most, in milliseconds, at least 1
 * @param[out] reports  the first `capacity` reports, by replica id; null is allowed where capacity is 0
 * @param capacity      reports that there is room for
 * @param[out] count    the number of replicas of the cluster
 * @return TAGMA_ERROR_NONE, TAGMA_ERROR_ARGUMENT or TAGMA_ERROR_SYSTEM
 */
TAGMA_API tagma_error tagma_client_reports(tagma_client* client, int64_t timeout_ms, tagma_report* reports,
                                           size_t capacity, size_t* count);

/** How the call ended. The result must not be null, here and below. */
TAGMA_API tagma_call_status tagma_result_status(const tagma_result* result);
/** How the service ended it; only where the status is TAGMA_CALL_OK, else TAGMA_REPLY_REFUSED. */
TAGMA_API tagma_reply_status tagma_result_reply_status(const tagma_result* result);
/** The reply's bytes, with a zero byte behind them, valid as long as the result; *size is set where `size` is not null.
 *  Never null; empty where the status is not TAGMA_CALL_OK. */
TAGMA_API const char* tagma_result_text(const tagma_result* result, size_t* size);
/** One line for a person where the status is not TAGMA_CALL_OK, else empty. Valid as long as the result. */
TAGMA_API const char* tagma_result_error(const tagma_result* result);
/** Slot in the total order, from 1; 0 where the status is not TAGMA_CALL_OK. */
TAGMA_API uint64_t tagma_result_seq(const tagma_result* result);
/** A view that some correct replica has reached, for information. */
TAGMA_API uint64_t tagma_result_view(const tagma_result* result);
/** Replicas that had agreed when the call ended: f+1 or more where the status is TAGMA_CALL_OK. */
TAGMA_API uint32_t tagma_result_matching(const tagma_result* result);
/** From submission to the end, in microseconds of the monotonic clock. */
TAGMA_API int64_t tagma_result_latency_us(const tagma_result* result);
/** Frees a result of tagma_client_call(). Null is allowed. Not for the result that a callback is given. */
TAGMA_API void tagma_result_free(tagma_result* result);

/**
 * Encodes an operation.
 *
 * @param service       name of the service, 1 to 64 bytes before its zero byte
 * @param payload       any bytes; null is allowed where payload_size is 0
 * @param payload_size  bytes of `payload`
 * @param[out] buffer   the operation, if there is room for all of it, else untouched; null is allowed, to ask for the
 *                      size
 * @param buffer_size   bytes that `buffer` has room for
 * @return the operation's size in bytes, whether it was written or not; 0 where an argument is not as told here
 */
TAGMA_API size_t tagma_encode_operation(const char* service, const void* payload, size_t payload_size, void* buffer,
                                        size_t buffer_size);

/**
 * Encodes an operation whose payload is words, which is what the bundled services take.
 *
 * @param service      name of the service, 1 to 64 bytes before its zero byte
 * @param words        `count` words, any bytes each; a null word is allowed where its size is 0
 * @param word_sizes   bytes of each word
 * @param count        at most 64
 * @param[out] buffer  as with tagma_encode_operation()
 * @param buffer_size  as with tagma_encode_operation()
 * @return as with tagma_encode_operation()
 */
TAGMA_API size_t tagma_encode_words(const char* service, const void* const* words, const size_t* word_sizes,
                                    size_t count, void* buffer, size_t buffer_size);

#ifdef __cplusplus
}
#endif

#endif
