#include "test/unit/client/client_c_program.h"

#include <string.h>

#include "tagma/client_c.h"

static void count_end(void* context, const tagma_result* result) {
  if (tagma_result_status(result) == TAGMA_CALL_OK) *(int*)context += 1;
}

/* The reply of the fake replicas is "echo " and the operation as it came. */
static int check_call(tagma_client* client, const char* operation, size_t operation_size) {
  int wrong = 0;
  size_t text_size = 0;
  const char* text;
  tagma_result* result = tagma_client_call(client, operation, operation_size);
  if (result == NULL) return 4;
  text = tagma_result_text(result, &text_size);
  if (tagma_result_status(result) != TAGMA_CALL_OK || tagma_result_reply_status(result) != TAGMA_REPLY_OK) wrong = 5;
  if (text_size != operation_size + 5 || memcmp(text, "echo ", 5) != 0) wrong = 6;
  if (wrong == 0 && memcmp(text + 5, operation, operation_size) != 0) wrong = 7;
  tagma_result_free(result);
  return wrong;
}

int CLIENT_C_PROGRAM(const char* cluster_file, const char* identity_file) {
  const void* words[2];
  const size_t word_sizes[2] = {3, 4};
  char operation[64];
  char error[256];
  size_t operation_size;
  tagma_options options;
  tagma_client* client = NULL;
  int ends = 0;
  int wrong;

  words[0] = "get";
  words[1] = "ci\0y";
  operation_size = tagma_encode_words("kv", words, word_sizes, 2, operation, sizeof operation);
  if (operation_size == 0 || operation_size > sizeof operation) return 1;

  tagma_options_init(&options);
  options.cluster_file = cluster_file;
  options.identity_file = identity_file;
  if (tagma_client_open(&options, &client, error, sizeof error) != TAGMA_ERROR_NONE) return 2;
  if (tagma_client_submit(client, operation, operation_size, count_end, &ends) != TAGMA_ERROR_NONE) wrong = 3;
  /* Operations execute in the order of their submission, so the one before has ended as well. */
  else
    wrong = check_call(client, operation, operation_size);
  tagma_client_stop(client);
  tagma_client_stop(NULL);
  tagma_client_close(client);
  if (wrong == 0 && ends != 1) wrong = 8;
  return wrong;
}
