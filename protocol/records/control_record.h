// Control records: transaction markers in the log (KIP-98).
//   key    int16 version = 0, int16 type (0 ABORT, 1 COMMIT; higher ones are KRaft's)
//   value  int16 version = 0, int32 coordinator epoch
#pragma once

#include <cstdint>

#include "protocol/base/ids.h"
#include "protocol/records/compression/scratch_buffer.h"
#include "protocol/records/record.h"

namespace moldau::protocol {

enum class ControlRecordType : std::int16_t { abort = 0, commit = 1, leader_change = 2, unknown = -1 };

/// What a transaction marker says.
struct EndTransactionMarker {
  ControlRecordType type = ControlRecordType::unknown;
  std::int32_t coordinator_epoch = -1;
};

/// The type in a control record's key; `unknown` for types we do not know. Errors: INVALID_RECORD for a key that is too short or of a negative version.
Result<ControlRecordType> parse_control_record_type(const RecordView& record);
/// Type and coordinator epoch of a transaction marker. Errors: INVALID_RECORD.
Result<EndTransactionMarker> parse_end_transaction_marker(const RecordView& record);

struct MarkerBatchOptions {
  Offset offset{0};
  std::int64_t timestamp_ms = 0;
  LeaderEpoch partition_leader_epoch = kNoLeaderEpoch;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  EndTransactionMarker marker;
};

/// The batch of one marker: 78 bytes, attributes 0x30, no sequence. Kafka 3.9 MemoryRecords.withEndTransactionMarker.
ByteBuffer build_marker_batch(const MarkerBatchOptions& options);

}  // namespace moldau::protocol
