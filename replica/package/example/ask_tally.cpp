// A client program: adds a number to the replicated tally and says how many replicas agreed.
//
//   ask_tally CLUSTER_FOLDER NUMBER
#include <iostream>
#include <string>

#include "tagma/client.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 3) {
    std::cerr << "usage: ask_tally CLUSTER_FOLDER NUMBER\n";
    return 2;
  }
  const std::string folder = arguments[1];
  tagma::ClientOptions options;
  options.id = 1;
  options.cluster_file = folder + "/cluster.toml";
  options.identity_file = folder + "/client-1/identity.key";
  const auto client = tagma::Client::open(options);
  if (!client) {  // a file or a key is wrong; an unreachable cluster shows only in the call below
    std::cerr << client.reason() << '\n';
    return 2;
  }

  const auto operation = tagma::encode_operation("tally", tagma::encode_words({"add", arguments[2]}));
  const tagma::CallResult result = (*client)->call(operation);
  if (result.status != tagma::CallStatus::ok) {  // unknown: the number may have been added, or may yet be
    std::cerr << result.error << '\n';
    return 3;
  }
  if (result.reply.status != tagma::ReplyStatus::ok) {
    std::cerr << "refused: " << result.reply.text << '\n';
    return 1;
  }
  std::cout << "the tally is " << result.reply.text << ", say " << result.matching << " replicas alike\n";
  return 0;
}
