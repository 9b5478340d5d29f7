// A client to copy: puts a key and gets it back. Each answer has been given alike by f+1 replicas.
//
//   example_client CLUSTER_DIR [CLIENT_ID]        e.g. example_client tagma-cluster 0
#include <cstdlib>
#include <iostream>
#include <string>

#include "tagma/client.h"

namespace {

/// Executes one operation of the key-value service and prints its answer. False where there is none.
bool run(tagma::Client& client, const tagma::Words& words) {
  const auto result = client.call(tagma::encode_operation("kv", tagma::encode_words(words)));
  if (result.status != tagma::CallStatus::ok) {
    std::cerr << words.front() << ": " << result.error << '\n';
    return false;
  }
  std::cout << words.front() << ": " << result.reply.text << "  (slot " << result.seq << ", " << result.matching
            << " replicas agreed)\n";
  return result.reply.status == tagma::ReplyStatus::ok;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 2 || argument_count > 3) {
    std::cerr << "usage: example_client CLUSTER_DIR [CLIENT_ID]\n";
    return 2;
  }
  const std::string directory = arguments[1];
  tagma::ClientOptions options;
  if (argument_count == 3) options.id = static_cast<tagma::ClientId>(std::strtoul(arguments[2], nullptr, 10));
  options.cluster_file = directory + "/cluster.toml";
  options.identity_file = directory + "/client-" + std::to_string(options.id) + "/identity.key";

  auto client = tagma::Client::open(options);
  if (!client) {
    std::cerr << client.reason() << '\n';
    return 2;
  }
  return run(**client, {"put", "city", "Nicaea"}) && run(**client, {"get", "city"}) ? 0 : 1;
}
