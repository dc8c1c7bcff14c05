// Records of __remote_log_metadata, the topic of tiered storage. All versions are 0:
//
//   value                unsigned varints frame version = 1, kind, version; then a flexible message of that kind
//   0 segment metadata   segment, int64 start, int64 end, int32 broker, int64 max timestamp, int64 event timestamp, epochs, int32 bytes, bytes? custom, int8 state
//   1 its update         segment, int32 broker, int64 event timestamp, bytes? custom, int8 state
//   2 partition deletion partition, int32 broker, int64 event timestamp, int8 state
//   3 snapshot           uuid, int64 start, int64 end, int32 broker, int64 max timestamp, int64 event timestamp, epochs, int32 bytes, bytes? custom, int8 state
//   segment              partition, uuid;  partition: string name, uuid, int32 number;  epochs: array of int32 epoch, int64 offset
#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>

#include "protocol/wire/reader.h"
#include "server/tools/java_text.h"
#include "server/tools/record_decoder.h"

namespace moldau::server::tools {
namespace {

using protocol::Reader;

constexpr std::array kSegmentStates = {"COPY_SEGMENT_STARTED", "COPY_SEGMENT_FINISHED", "DELETE_SEGMENT_STARTED", "DELETE_SEGMENT_FINISHED"};
constexpr std::array kDeletionStates = {"DELETE_PARTITION_MARKED", "DELETE_PARTITION_STARTED", "DELETE_PARTITION_FINISHED"};
constexpr std::uint32_t kLargest = INT16_MAX;

/// What Kafka's toString() says of a message, or, behind a '!', its exception.
using Shown = std::string;
using Epochs = std::map<std::int32_t, std::int64_t>;

template <std::size_t N>
const char* name_of(const std::array<const char*, N>& names, std::int8_t state) {
  return state < 0 || static_cast<std::size_t>(state) >= N ? nullptr : names[static_cast<std::size_t>(state)];
}

Shown read_partition(Reader& r) {
  std::optional<std::string_view> name;
  r.read(name, true, false);
  Uuid id;
  r.read(id);
  const auto number = r.integer<std::int32_t>();
  r.skip_tags();
  return fmt::format("{}:{}-{}", id.to_string(), java_utf8(as_bytes(name.value_or(""))), number);
}

Shown read_segment(Reader& r) {
  const auto partition = read_partition(r);
  Uuid id;
  r.read(id);
  r.skip_tags();
  return fmt::format("RemoteLogSegmentId{{topicIdPartition={}, id={}}}", partition, id.to_string());
}

Epochs read_epochs(Reader& r) {
  constexpr std::size_t kSmallest = 13;
  Epochs epochs;
  for (auto left = r.array_size(true, false, kSmallest); left > 0 && r.ok(); --left) {
    const auto epoch = r.integer<std::int32_t>();
    epochs[epoch] = r.integer<std::int64_t>();
    r.skip_tags();
  }
  return epochs;
}

/// What the two kinds have in common, from the start offset on.
struct Segment {
  std::int64_t start = 0, end = 0;
  std::int32_t broker = 0;
  std::int64_t max_timestamp = 0, event_timestamp = 0;
  Epochs epochs;
  std::int32_t bytes = 0;
  std::optional<Bytes> custom;
  std::int8_t state = 0;
};

Segment read_rest(Reader& r) {
  Segment s;
  r.read(s.start);
  r.read(s.end);
  r.read(s.broker);
  r.read(s.max_timestamp);
  r.read(s.event_timestamp);
  s.epochs = read_epochs(r);
  r.read(s.bytes);
  r.read(s.custom, true, true);
  r.read(s.state);
  r.skip_tags();
  return s;
}

Shown show(const Epochs& epochs) {
  Shown text;
  for (const auto& [epoch, offset] : epochs) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", epoch, offset);
  return "{" + text + "}";
}

Shown show(const std::optional<Bytes>& custom) { return custom ? fmt::format("Optional[CustomMetadata{{{} bytes}}]", custom->size()) : "Optional.empty"; }

// The four kinds. Their result counts only when the reader is ok.

Shown show_segment(Reader& r) {
  const auto id = read_segment(r);
  const auto s = read_rest(r);
  if (s.start < 0) return fmt::format("!Unexpected start offset = {}. StartOffset for a remote segment cannot be negative", s.start);
  if (s.end < s.start) return fmt::format("!Unexpected end offset = {}. EndOffset for a remote segment cannot be less than startOffset = {}", s.end, s.start);
  if (s.epochs.empty()) return "!segmentLeaderEpochs can not be null or empty";
  const auto* state = name_of(kSegmentStates, s.state);
  if (state == nullptr) return "!state can not be null";
  return fmt::format(
      "RemoteLogSegmentMetadata{{remoteLogSegmentId={}, startOffset={}, endOffset={}, brokerId={}, maxTimestampMs={}, eventTimestampMs={}, segmentLeaderEpochs={}, "
      "segmentSizeInBytes={}, customMetadata={}, state={}}}",
      id, s.start, s.end, s.broker, s.max_timestamp, s.event_timestamp, show(s.epochs), s.bytes, show(s.custom), state);
}

Shown show_update(Reader& r) {
  const auto id = read_segment(r);
  const auto broker = r.integer<std::int32_t>();
  const auto event_timestamp = r.integer<std::int64_t>();
  std::optional<Bytes> custom;
  r.read(custom, true, true);
  const auto* state = name_of(kSegmentStates, r.integer<std::int8_t>());
  r.skip_tags();
  if (state == nullptr) return "!state can not be null";
  return fmt::format("RemoteLogSegmentMetadataUpdate{{remoteLogSegmentId={}, customMetadata={}, state={}, eventTimestampMs={}, brokerId={}}}", id, show(custom),
                     state, event_timestamp, broker);
}

Shown show_deletion(Reader& r) {
  const auto partition = read_partition(r);
  const auto broker = r.integer<std::int32_t>();
  const auto event_timestamp = r.integer<std::int64_t>();
  const auto* state = name_of(kDeletionStates, r.integer<std::int8_t>());
  r.skip_tags();
  if (state == nullptr) return "!null";
  return fmt::format("RemotePartitionDeleteMetadata{{topicPartition={}, state={}, eventTimestampMs={}, brokerId={}}}", partition, state, event_timestamp,
                     broker);
}

Shown show_snapshot(Reader& r) {
  Uuid id;
  r.read(id);
  const auto s = read_rest(r);
  const auto* state = name_of(kSegmentStates, s.state);
  if (state == nullptr) return "!state can not be null";
  if (s.epochs.empty()) return "!segmentLeaderEpochs can not be null or empty";
  return fmt::format(
      "RemoteLogSegmentMetadataSnapshot{{segmentId={}, startOffset={}, endOffset={}, maxTimestampMs={}, segmentLeaderEpochs={}, segmentSizeInBytes={}, customMetadata={}, state={}}}",
      id.to_string(), s.start, s.end, s.max_timestamp, show(s.epochs), s.bytes, show(s.custom), state);
}

/// One of the three numbers at the front; the text is what is wrong with it (Kafka 3.9 AbstractApiMessageSerde.unsignedIntToShort).
Shown read_number(Reader& r, const char* what, std::int32_t& out) {
  const auto value = r.uvarint();
  if (!r.ok()) return fmt::format("Error while reading {}", what);
  out = static_cast<std::int32_t>(value);
  if (out > static_cast<std::int32_t>(kLargest)) return fmt::format("Value for {} was too large.", what);
  out = static_cast<std::int16_t>(out);
  return {};
}

Shown show_value(Bytes value) {
  Reader r(value);
  std::int32_t frame = 0, kind = 0, version = 0;
  if (auto wrong = read_number(r, "frame version", frame); !wrong.empty()) return "!" + wrong;
  if (frame == 0)
    return "!Could not deserialize metadata record with frame version 0. Note that upgrades from the preview release of KRaft in 2.8 to newer versions are not supported.";
  if (frame != 1) return fmt::format("!Could not deserialize metadata record due to unknown frame version {}(only frame version 1 is supported)", frame);
  if (auto wrong = read_number(r, "type", kind); !wrong.empty()) return "!" + wrong;
  if (auto wrong = read_number(r, "version", version); !wrong.empty()) return "!" + wrong;
  constexpr std::array kKinds = {&show_segment, &show_update, &show_deletion, &show_snapshot};
  if (kind < 0 || static_cast<std::size_t>(kind) >= kKinds.size())
    return fmt::format("!org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id {}", kind);
  if (version > 0) r.fail("a version that is not known");
  auto shown = kKinds[static_cast<std::size_t>(kind)](r);
  if (!r.ok()) return fmt::format("!Failed to deserialize record with type {}", kind);
  if (r.remaining() > 0) return fmt::format("!Found {} byte(s) of garbage after {}", r.remaining(), kind);
  return shown;
}

class RemoteLogMetadataDecoder final : public RecordDecoder {
 public:
  Result<DecodedRecord> decode(const protocol::RecordView& record) const override {
    auto shown =
        record.value
            ? show_value(*record.value)
            : "!Cannot invoke \"java.nio.ByteBuffer.remaining()\" because the return value of \"org.apache.kafka.common.record.Record.value()\" is null";
    if (shown.starts_with("!")) shown = fmt::format("Error at offset {}, skipping. {}", record.offset.value(), shown.substr(1));
    return DecodedRecord{std::nullopt, std::move(shown)};
  }
};

}  // namespace

std::unique_ptr<RecordDecoder> remote_log_metadata_decoder() { return std::make_unique<RemoteLogMetadataDecoder>(); }

}  // namespace moldau::server::tools
