// What clients and users may type: operations, words, replies, the command line, and the bundled services' operations.
//
// The first byte chooses: bytes as an operation, words and a reply; operations on a service, one after the other; the
// arguments of a command (parted by zero bytes), which are read while nothing is performed; a file for `load`.
// Promises: a value or a reason; what was decoded encodes to the same bytes; a service answers or throws what
// tagma/service.h and the example name, a refusal changes nothing, and the same operations give the same answers.
#include <sstream>
#include <stdexcept>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/command_line.h"
#include "client_lib/cli/line_file.h"
#include "client_lib/cli/open_client.h"
#include "messages/assert.h"
#include "replica/service/service_catalogue.h"
#include "replica/service/text.h"
#include "tagma/limits.h"
#include "tagma/operation.h"
#include "test/fuzz/input.h"
#include "test/fuzz/target.h"
#include "test/unit/service/map_context.h"

namespace tagma::fuzz {
namespace {

constexpr std::size_t operations_max = 24;

void judge_encodings(ByteView bytes) {
  if (const auto operation = decode_operation(bytes)) {
    TAGMA_ASSERT(!operation->service.empty(), "an operation names a service");
    TAGMA_ASSERT(encode_operation(operation->service, operation->payload) == bytes, "an operation has one encoding");
  } else {
    TAGMA_ASSERT(!operation.reason().empty(), "a refusal has a reason");
  }
  if (const auto words = decode_words(bytes)) {
    TAGMA_ASSERT(words->size() <= 64, "an operation has at most 64 words");
    TAGMA_ASSERT(encode_words(*words) == bytes, "words have one encoding");
  } else {
    TAGMA_ASSERT(!words.reason().empty(), "a refusal has a reason");
  }
  if (const auto reply = decode_reply(bytes)) {
    TAGMA_ASSERT(encode_reply(*reply) == bytes, "a reply has one encoding");
  } else {
    TAGMA_ASSERT(!reply.reason().empty(), "a refusal has a reason");
  }
  if (const auto place = cli::parse_tcp_address(bytes)) {
    const auto again = cli::parse_tcp_address(cli::tcp_address(*place));
    TAGMA_ASSERT(again && again->port == place->port, "an address is read as it is written");
  }
}

/// The bytes that append_escaped() made this text of: what "any reader can get them back" promises.
Bytes unescaped(ByteView text) {
  Bytes bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      bytes.push_back(text[at]);
      continue;
    }
    TAGMA_ASSERT(++at < text.size(), "an escape has a letter");
    switch (text[at]) {
      case '\\': bytes.push_back('\\'); break;
      case 't': bytes.push_back('\t'); break;
      case 'n': bytes.push_back('\n'); break;
      case 'r': bytes.push_back('\r'); break;
      default: {
        Bytes byte;
        TAGMA_ASSERT(text[at] == 'x' && from_hex(text.substr(at + 1, 2), byte) && byte.size() == 1,
                     "\\x has two digits");
        bytes.append(byte);
        at += 2;
      }
    }
  }
  return bytes;
}

void judge_escapes(ByteView bytes) {
  Bytes text;
  append_escaped(text, bytes);
  TAGMA_ASSERT(text.size() == escaped_size(bytes), "the size of an escaped text is known beforehand");
  TAGMA_ASSERT(text.find_first_of("\t\n\r") == Bytes::npos, "an escaped text is one line without tabs");
  TAGMA_ASSERT(unescaped(text) == bytes, "escaped bytes can be had back");
}

/// The payload of one operation: raw, or words that begin with a verb.
Bytes made_payload(Input& input) {
  static constexpr std::array<ByteView, 9> verbs{"put", "get", "delete", "cas", "scan", "read", "write", "add", ""};
  const auto shape = input.byte();
  if (shape % 8 == 7) return input.bytes(400);
  Words words{Bytes(verbs[shape / 8 % verbs.size()])};
  for (auto count = shape % 8U; count > 0; --count) {
    const auto kind = input.byte();
    if (kind % 8 == 0) {
      words.emplace_back(input.size_around(kind < 128 ? 1024 : limits::operation_bytes_max - 100), '\x01');
    } else if (kind % 8 == 1) {
      words.push_back(std::to_string(static_cast<std::int64_t>(input.number())));
    } else if (kind % 8 == 2) {
      words.push_back(std::to_string(input.number()));
    } else if (kind % 8 < 6) {
      words.emplace_back(1, static_cast<char>('a' + kind / 8 % 4));  // few keys, which therefore meet
    } else {
      words.push_back(input.bytes(40));
    }
  }
  return encode_words(words);
}

/// As the executor does it: an exception takes back what the operation wrote.
std::optional<ServiceReply> execute(Service& service, ByteView payload, MapContext& context) {
  const auto before = context.entries;
  try {
    auto reply = service.execute(payload, context);
    TAGMA_ASSERT(reply.text.size() < limits::reply_bytes_max, "a bundled service's reply fits");
    TAGMA_ASSERT(reply.status != ReplyStatus::refused || context.entries == before, "a refusal changes nothing");
    TAGMA_ASSERT(decode_reply(encode_reply(reply)).ok(), "a reply can be decoded");
    return reply;
  } catch (const std::length_error&) {
    context.entries = before;  // of the context: a key or value that is too long
  } catch (const std::overflow_error& error) {
    TAGMA_ASSERT(service.name() == "counter", "only the counter overflows");
    context.entries = before;
  }
  return std::nullopt;
}

void judge_services(Input& input) {
  const auto catalogue = bundled_services();
  const auto names = catalogue.names();
  const auto service = catalogue.make(names[input.byte() % names.size()]);
  MapContext context;
  MapContext twin;
  for (std::size_t count = 0; count < operations_max && !input.empty(); ++count) {
    const auto payload = made_payload(input);
    if (payload.size() > limits::operation_bytes_max) continue;  // validate() lets no such operation through
    const auto reply = execute(*service, payload, context);
    TAGMA_ASSERT(reply == execute(*service, payload, twin), "a service is deterministic");
    TAGMA_ASSERT(context.entries == twin.entries, "a service is deterministic");
  }
}

void judge_arguments(ByteView text) {
  cli::Arguments arguments;
  for (auto end = text.find('\0'); end != ByteView::npos; end = text.find('\0')) {
    arguments.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) arguments.emplace_back(text);
  std::ostringstream out;
  std::ostringstream err;
  const auto status = cli::check_command_line(arguments, {out, err, false, nullptr, false, {}});
  if (!status) {
    TAGMA_ASSERT(out.str().empty() && err.str().empty(), "reading arguments says nothing");
  } else if (*status == cli::exit_ok) {
    TAGMA_ASSERT(!out.str().empty() && err.str().empty(), "help and version go to standard output");
  } else {
    TAGMA_ASSERT(*status == cli::exit_usage, "bad arguments are bad usage");
    TAGMA_ASSERT(out.str().empty() && !err.str().empty(), "bad usage is told on standard error");
  }
  const auto operation = cli::operation_of(arguments);
  if (!operation) return;
  TAGMA_ASSERT(operation->size() <= limits::operation_bytes_max, "an operation keeps to its limit");
  const auto parts = decode_operation(*operation);
  TAGMA_ASSERT(parts.ok() && parts->service == arguments.front(), "an operation names its service");
  const auto words = decode_words(parts->payload);
  TAGMA_ASSERT(words.ok() && *words == Words(arguments.begin() + 1, arguments.end()),
               "words arrive as they were given");
}

void judge_lines(ByteView text) {
  std::istringstream stream{Bytes(text)};
  const auto file = cli::parse_lines(stream);
  TAGMA_ASSERT(file.entries.size() + file.empty_lines + file.long_lines == file.lines, "every line is accounted for");
  TAGMA_ASSERT(file.entries.size() == file.wanted.size() + file.repeated_lines, "every entry is wanted or repeated");
  for (const auto& entry : file.entries) {
    TAGMA_ASSERT(!entry.key.empty() && entry.key.size() <= cli::key_bytes_max, "a line that was taken can be a key");
    TAGMA_ASSERT(entry.line >= 1 && entry.line <= file.lines, "a line has a number");
    TAGMA_ASSERT(file.wanted.at(entry.key) >= entry.line, "of a repeated line the last counts");
  }
}

}  // namespace

void judge(ByteView bytes) {
  Input input(bytes);
  switch (input.byte() % 4) {
    case 0:
      judge_encodings(input.rest());
      judge_escapes(input.rest());
      break;
    case 1: judge_services(input); break;
    case 2: judge_arguments(input.rest()); break;
    default: judge_lines(input.rest()); break;
  }
}

}  // namespace tagma::fuzz
