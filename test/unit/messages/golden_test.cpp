// The checked-in golden vectors: the format may not drift unseen.
//
// After a deliberate change of the format, TAGMA_WRITE_GOLDEN=FOLDER makes this test write what is encoded now into
// that folder; the comparison is still with the checked-in vectors.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "messages/wire/codec.h"
#include "tagma/operation.h"
#include "test/unit/messages/samples.h"

namespace tagma {
namespace {

std::vector<std::pair<std::string, Bytes>> encoded_now() {
  std::vector<std::pair<std::string, Bytes>> vectors;
  for (const auto& [name, message] : samples::messages()) vectors.emplace_back(name, wire::encode(message));
  const auto bundle_body = wire::encode_bundle_body(samples::bundle());
  const auto checkpoint_body = wire::encode_checkpoint_body(samples::statement(2));
  vectors.emplace_back("bundle_body", bundle_body);
  vectors.emplace_back("bundle_statement", wire::bundle_statement(bundle_body));
  vectors.emplace_back("batch", samples::batch()->bytes);
  vectors.emplace_back("rejoin_body", samples::rejoin().body);
  vectors.emplace_back("rejoin_statement", wire::rejoin_statement(samples::rejoin().body));
  vectors.emplace_back("checkpoint_body", checkpoint_body);
  vectors.emplace_back("view_change_body", samples::view_change(2).body);
  vectors.emplace_back("view_change_statement", wire::view_change_statement(samples::view_change(2).body));
  vectors.emplace_back("new_view_body", samples::new_view().body);
  vectors.emplace_back("new_view_statement", wire::new_view_statement(samples::new_view().body));
  vectors.emplace_back("checkpoint_statement", wire::checkpoint_statement(checkpoint_body));
  vectors.emplace_back("operation", encode_operation("kv", encode_words({"put", "city", "Nicaea"})));
  vectors.emplace_back("reply", encode_reply({ReplyStatus::absent, "no such key"}));
  return vectors;
}

/// Sixteen bytes a line, so that a change shows where it is.
void write_vector(const std::filesystem::path& folder, const std::string& name, const Bytes& bytes) {
  std::ofstream file(folder / (name + ".hex"));
  for (std::size_t at = 0; at < bytes.size(); at += 16) file << to_hex(ByteView(bytes).substr(at, 16)) << "\n";
  REQUIRE(file.good());
}

Bytes read_vector(const std::string& name) {
  std::ifstream file(std::filesystem::path(TAGMA_GOLDEN_DIR) / (name + ".hex"));
  REQUIRE_MESSAGE(file.good(), "no golden vector of that name: " << name);
  std::string hex;
  for (std::string line; std::getline(file, line);) hex += line;
  Bytes bytes;
  REQUIRE(from_hex(hex, bytes));
  return bytes;
}

TEST_CASE("every encoding equals its golden vector") {
  if (const char* folder = std::getenv("TAGMA_WRITE_GOLDEN")) {  // NOLINT(concurrency-mt-unsafe): one thread only
    for (const auto& [name, bytes] : encoded_now()) write_vector(folder, name, bytes);
  }
  for (const auto& vector : encoded_now()) {
    const auto& name = vector.first;
    const auto& bytes = vector.second;
    CAPTURE(name);
    CHECK(to_hex(bytes) == to_hex(read_vector(name)));
  }
}

TEST_CASE("every golden vector decodes to its value") {
  for (const auto& sample : samples::messages()) {
    const auto& name = sample.first;
    const auto& message = sample.second;
    CAPTURE(name);
    const auto decoded = wire::decode(read_vector(name));
    REQUIRE_MESSAGE(decoded.ok(), decoded.reason());
    CHECK(samples::same(*decoded, message));
  }
  const auto bundle = wire::decode_signed_bundle(read_vector("bundle_body"), Bytes(64, 's'));
  REQUIRE(bundle.ok());
  CHECK(*bundle == samples::signed_bundle());
  const auto new_view = wire::decode_new_view(read_vector("new_view_body"), Bytes(71, 'n'));
  REQUIRE(new_view.ok());
  CHECK(*new_view == samples::new_view());
  const auto batch = wire::decode_batch(read_vector("batch"));
  REQUIRE(batch.ok());
  CHECK(batch->bundles == samples::batch()->bundles);
  const auto operation = read_vector("operation");
  const auto view = decode_operation(operation);
  REQUIRE(view.ok());
  CHECK(view->service == "kv");
  CHECK(*decode_words(view->payload) == Words{"put", "city", "Nicaea"});
  CHECK(*decode_reply(read_vector("reply")) == ServiceReply{ReplyStatus::absent, "no such key"});
}

TEST_CASE("there is a golden vector for every message type and none without a test") {
  std::set<std::size_t> types;
  for (const auto& [name, message] : samples::messages()) types.insert(message.index());
  CHECK(types.size() == std::variant_size_v<Message>);

  std::set<std::string> tested;
  for (const auto& [name, bytes] : encoded_now()) tested.insert(name + ".hex");
  std::set<std::string> stored;
  for (const auto& entry : std::filesystem::directory_iterator(TAGMA_GOLDEN_DIR)) {
    stored.insert(entry.path().filename().string());
  }
  CHECK(stored == tested);
}

}  // namespace
}  // namespace tagma
