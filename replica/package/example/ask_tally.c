/* The client program in C: adds a number to the replicated tally and says how many replicas agreed.
 *
 *   ask_tally_c CLUSTER_FOLDER NUMBER
 */
#include <stdio.h>
#include <string.h>

#include "tagma/client_c.h"

static int call(tagma_client* client, const char* number) {
  const void* const words[] = {"add", number};
  const size_t sizes[] = {3, strlen(number)};
  char operation[256];
  const size_t size = tagma_encode_words("tally", words, sizes, 2, operation, sizeof operation);
  if (size == 0 || size > sizeof operation) {
    fprintf(stderr, "the number is too long\n");
    return 2;
  }

  tagma_result* const result = tagma_client_call(client, operation, size);
  int status = 3;
  if (result == NULL) {
    fprintf(stderr, "no memory\n");
  } else if (tagma_result_status(result) != TAGMA_CALL_OK) {
    fprintf(stderr, "%s\n", tagma_result_error(result));
  } else if (tagma_result_reply_status(result) != TAGMA_REPLY_OK) {
    fprintf(stderr, "refused: %s\n", tagma_result_text(result, NULL));
    status = 1;
  } else {
    printf("the tally is %s, say %u replicas alike\n", tagma_result_text(result, NULL), tagma_result_matching(result));
    status = 0;
  }
  tagma_result_free(result);
  return status;
}

int main(int argument_count, char** arguments) {
  char cluster_file[4096], identity_file[4096], error[256];
  tagma_options options;
  tagma_client* client = NULL;
  int status;
  if (argument_count != 3 || strlen(arguments[1]) > 4000) {
    fprintf(stderr, "usage: ask_tally_c CLUSTER_FOLDER NUMBER\n");
    return 2;
  }
  snprintf(cluster_file, sizeof cluster_file, "%s/cluster.toml", arguments[1]);
  snprintf(identity_file, sizeof identity_file, "%s/client-2/identity.key", arguments[1]);
  tagma_options_init(&options);
  options.client = 2;
  options.cluster_file = cluster_file;
  options.identity_file = identity_file;
  if (tagma_client_open(&options, &client, error, sizeof error) != TAGMA_ERROR_NONE) {
    fprintf(stderr, "%s\n", error);
    return 2;
  }
  status = call(client, arguments[2]);
  tagma_client_close(client);
  return status;
}
