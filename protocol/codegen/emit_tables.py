"""All APIs -> protocol/wire/api_keys.{h,cc}; all messages -> protocol/messages/message_table.{h,cc}."""

from model import snake
from parse import MAX_VERSION

HEAD = "// Generated from protocol/schema by protocol/codegen. Do not edit.\n"


def api_keys_header(apis):
    out = HEAD + """#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace moldau::protocol {

/// The number of an API on the wire.
enum class ApiKey : std::int16_t {
"""
    for a in apis:
        out += f"  {snake(a.name)} = {a.key},\n"
    out += """};

/// What is known of an API, whoever serves it.
struct ApiInfo {
  ApiKey key;
  std::string_view name;         ///< As Kafka prints it: "OffsetForLeaderEpoch".
  std::int16_t min_version;      ///< Versions that the schema describes; what a broker offers may be less.
  std::int16_t max_version;
  std::int16_t first_flexible;   ///< 32767: never.
  bool cluster_action;           ///< Needs ClusterAction on the cluster.
  bool forwardable;              ///< May come inside an Envelope.
  bool in_zk_broker;             ///< Offered by Apache Kafka 3.9 on ZooKeeper.

  /// Header of a request in this version: 2 flexible, 1 otherwise; 0 for ControlledShutdown v0.
  [[nodiscard]] constexpr std::int16_t request_header_version(std::int16_t version) const noexcept {
    if (key == ApiKey::controlled_shutdown && version == 0) return 0;
    return version >= first_flexible ? std::int16_t{2} : std::int16_t{1};
  }
  /// Header of the answer: 1 flexible, 0 otherwise; always 0 for ApiVersions (KIP-511).
  [[nodiscard]] constexpr std::int16_t response_header_version(std::int16_t version) const noexcept {
    if (key == ApiKey::api_versions) return 0;
    return version >= first_flexible ? std::int16_t{1} : std::int16_t{0};
  }
};

/// All APIs in the order of their keys.
std::span<const ApiInfo> all_apis() noexcept;
/// Null when there is no API of this number.
const ApiInfo* find_api(std::int16_t key) noexcept;
inline const ApiInfo& api_info(ApiKey key) noexcept { return *find_api(static_cast<std::int16_t>(key)); }
/// "Fetch"; "Unknown" when there is none.
std::string_view to_string(ApiKey key) noexcept;

}  // namespace moldau::protocol
"""
    return out


def api_keys_source(apis):
    def b(v):
        return "true" if v else "false"

    out = HEAD + '#include "protocol/wire/api_keys.h"\n\n#include <array>\n#include <cstddef>\n\nnamespace moldau::protocol {\n\nnamespace {\n'
    out += f"constexpr std::array<ApiInfo, {len(apis)}> kApis{{{{\n"
    for a in apis:
        first = MAX_VERSION if a.flexible.empty() else a.flexible.low
        out += (f'    {{ApiKey::{snake(a.name)}, "{a.name}", {a.versions.low}, {a.versions.high}, {first}, '
                f"{b(a.cluster_action)}, {b(a.forwardable)}, {b('zk' in a.listeners)}}},\n")
    top = max(a.key for a in apis) + 1
    index = [-1] * top
    for i, a in enumerate(apis):
        index[a.key] = i
    out += "}};\n"
    out += f"constexpr std::array<std::int16_t, {top}> kIndex{{{', '.join(map(str, index))}}};\n"
    out += """}  // namespace

std::span<const ApiInfo> all_apis() noexcept { return kApis; }

const ApiInfo* find_api(std::int16_t key) noexcept {
  if (key < 0 || static_cast<std::size_t>(key) >= kIndex.size()) return nullptr;
  const std::int16_t i = kIndex[static_cast<std::size_t>(key)];
  return i < 0 ? nullptr : &kApis[static_cast<std::size_t>(i)];
}

std::string_view to_string(ApiKey key) noexcept {
  const ApiInfo* api = find_api(static_cast<std::int16_t>(key));
  return api == nullptr ? std::string_view("Unknown") : api->name;
}

}  // namespace moldau::protocol
"""
    return out


def table_header():
    return HEAD + """// Every message by name, type-erased: for tests, fuzzers and tools.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/wire/byte_buffer.h"

namespace moldau::protocol {

enum class MessageKind { request, response, data };

/// What came of decoding a body and encoding it again.
struct RoundTrip {
  std::size_t consumed = 0;      ///< Bytes that decode() took.
  std::size_t encoded_size = 0;  ///< What encoded_size() said.
  bool encodable = false;        ///< What check_encodable() said.
  bool equal_to_itself = false;  ///< Decoding the new bytes gave an equal message.
  std::string text;              ///< to_string().
};

struct MessageEntry {
  std::string_view name;
  MessageKind kind;
  std::int16_t api_key;  ///< -1 for data.
  std::int16_t min_version;
  std::int16_t max_version;
  /// Decodes `in` and appends the same message to `out`.
  Result<RoundTrip> (*round_trip)(Bytes in, std::int16_t version, ByteBuffer& out);
};

std::span<const MessageEntry> all_messages() noexcept;
const MessageEntry* find_message(std::string_view name) noexcept;

}  // namespace moldau::protocol
"""


ROUND_TRIP = """template <class M>
Result<RoundTrip> round_trip(Bytes in, std::int16_t version, ByteBuffer& out) {
  Arena arena;
  Reader r(in);
  M message;
  if (Status s = message.decode(r, version, arena); !s) return s.error();
  RoundTrip result;
  result.consumed = r.position();
  result.encodable = static_cast<bool>(message.check_encodable(version));
  result.encoded_size = message.encoded_size(version);
  const std::size_t start = out.size();
  Writer w(out);
  message.encode(w, version);
  Reader again(out.bytes().subspan(start));
  M copy;
  result.equal_to_itself = static_cast<bool>(copy.decode(again, version, arena)) && again.remaining() == 0 && copy == message;
  result.text = to_string(message);
  return result;
}
"""


def table_source(files):
    out = HEAD + '#include "protocol/messages/message_table.h"\n\n#include <array>\n\n#include "protocol/base/arena.h"\n'
    for f in files:
        out += f'#include "protocol/messages/{f.stem}.h"\n'
    out += '#include "protocol/wire/reader.h"\n#include "protocol/wire/writer.h"\n'
    messages = [(m, f.api) for f in files for m in f.messages]
    out += f"\nnamespace moldau::protocol {{\n\nnamespace {{\n{ROUND_TRIP}\nconstexpr std::array<MessageEntry, {len(messages)}> kMessages{{{{\n"
    for m, api in messages:
        out += f'    {{"{m.name}", MessageKind::{m.kind}, {api.key if api else -1}, {m.versions.low}, {m.versions.high}, round_trip<{m.name}>}},\n'
    out += """}};
}  // namespace

std::span<const MessageEntry> all_messages() noexcept { return kMessages; }

const MessageEntry* find_message(std::string_view name) noexcept {
  for (const auto& m : kMessages)
    if (m.name == name) return &m;
  return nullptr;
}

}  // namespace moldau::protocol
"""
    return out
