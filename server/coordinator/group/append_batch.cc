#include "server/coordinator/group/append_batch.h"

#include "protocol/base/bytes.h"
#include "protocol/records/record_batch_builder.h"

namespace moldau::server {

Result<protocol::ByteBuffer> build_append_batch(const AppendAction& action, std::uint8_t codec) {
  protocol::RecordBatchOptions options;
  options.codec = static_cast<protocol::Codec>(codec);
  // Kafka gives commits the sequence 0, also without a producer (GroupMetadataManager.storeOffsets).
  if (action.is_commit) options.base_sequence = 0;
  if (action.producer) {
    options.producer_id = action.producer->id;
    options.producer_epoch = action.producer->epoch;
    options.transactional = true;
  }
  std::size_t size = protocol::kBatchHeaderSize;
  for (const auto& r : action.records) size += protocol::RecordBatchBuilder::record_size_upper_bound(r.key.size(), r.value ? r.value->size() : 0, 0);
  protocol::RecordBatchBuilder builder(options, size);
  for (const auto& r : action.records) {
    std::optional<Bytes> value;
    if (r.value) value = as_bytes(*r.value);
    builder.append(action.timestamp_ms, as_bytes(r.key), value);
  }
  return builder.build();
}

}  // namespace moldau::server
