#include <fmt/format.h>

#include "protocol/base/arena.h"
#include "protocol/messages/consumer_group_records.h"
#include "protocol/messages/group_records.h"
#include "protocol/wire/reader.h"
#include "server/tools/group_record_json.h"
#include "server/tools/record_decoder.h"

namespace moldau::server::tools {
namespace {

/// One side of a record: {"<label>":"<version>","data":{...}}. Errors: why it cannot be read.
template <class Message>
Result<std::string> show(Bytes bytes, const char* label, const char* side) {
  protocol::Reader r(bytes);
  const auto version = r.integer<std::int16_t>();
  if (!r.ok()) return Error(ErrorCode::corrupt_message, fmt::format("Could not read version from {}'s buffer.", side));
  Arena arena;
  Message message;
  if (const auto s = message.decode(r, version, arena); !s)
    return Error(ErrorCode::corrupt_message,
                 fmt::format("Could not read record with version {} from {}'s buffer due to: {}.", version, side, s.error().message));
  JsonText json;
  json.open();
  json.field(label, std::string_view(std::to_string(version)));
  json.name("data");
  write_json(json, message, version);
  json.close();
  return json.take();
}

template <class Key, class Value>
Result<DecodedRecord> show_both(const protocol::RecordView& record) {
  auto key = show<Key>(*record.key, "type", "key");
  if (!key) return key.error();
  if (!record.value) return DecodedRecord{std::move(*key), "<DELETE>"};
  auto value = show<Value>(*record.value, "version", "value");
  if (!value) return value.error();
  return DecodedRecord{std::move(*key), std::move(*value)};
}

/// The version of the key is the type of the record.
Result<DecodedRecord> show_type(const protocol::RecordView& record, std::int16_t type) {
  switch (type) {
    case 0:
    case 1: return show_both<protocol::OffsetCommitKey, protocol::OffsetCommitValue>(record);
    case 2: return show_both<protocol::GroupMetadataKey, protocol::GroupMetadataValue>(record);
    case 3: return show_both<protocol::ConsumerGroupMetadataKey, protocol::ConsumerGroupMetadataValue>(record);
    case 4: return show_both<protocol::ConsumerGroupPartitionMetadataKey, protocol::ConsumerGroupPartitionMetadataValue>(record);
    case 5: return show_both<protocol::ConsumerGroupMemberMetadataKey, protocol::ConsumerGroupMemberMetadataValue>(record);
    case 6: return show_both<protocol::ConsumerGroupTargetAssignmentMetadataKey, protocol::ConsumerGroupTargetAssignmentMetadataValue>(record);
    case 7: return show_both<protocol::ConsumerGroupTargetAssignmentMemberKey, protocol::ConsumerGroupTargetAssignmentMemberValue>(record);
    case 8: return show_both<protocol::ConsumerGroupCurrentMemberAssignmentKey, protocol::ConsumerGroupCurrentMemberAssignmentValue>(record);
    default: return DecodedRecord{fmt::format("Unknown record type {} at offset {}, skipping.", type, record.offset.value()), std::nullopt};
  }
}

class OffsetsDecoder final : public RecordDecoder {
 public:
  Result<DecodedRecord> decode(const protocol::RecordView& record) const override {
    if (!record.key)
      return Error(ErrorCode::corrupt_message,
                   fmt::format("Failed to decode message at offset {} using offset topic decoder (message had a missing key)", record.offset.value()));
    protocol::Reader r(*record.key);
    const auto type = r.integer<std::int16_t>();
    auto decoded = r.ok() ? show_type(record, type) : Result<DecodedRecord>(Error(ErrorCode::corrupt_message, "Could not read version from key's buffer."));
    if (decoded) return decoded;
    return DecodedRecord{fmt::format("Error at offset {}, skipping. {}", record.offset.value(), decoded.error().message), std::nullopt};
  }
};

}  // namespace

std::unique_ptr<RecordDecoder> offsets_decoder() { return std::make_unique<OffsetsDecoder>(); }

}  // namespace moldau::server::tools
