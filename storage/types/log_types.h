// What goes into and comes out of a Log (Kafka 3.9 LogAppendInfo, FetchDataInfo, LogOffsetMetadata).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "storage/io/file.h"

namespace moldau::storage {

/// Who appends: decides which checks run (Kafka 3.9 AppendOrigin).
enum class AppendOrigin { client, coordinator, replication };

/// Up to where a reader may read.
enum class FetchIsolation { log_end, high_watermark, txn_committed };

/// A record that was refused inside a refused batch (Produce v8+ record_errors).
struct RecordError {
  std::int32_t batch_index = 0;
  std::string message;
};

/// The outcome of a successful append.
struct LogAppendInfo {
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  std::int64_t max_timestamp = -1;
  std::int64_t log_append_time = -1;  ///< -1 for CreateTime.
  Offset log_start_offset = kNoOffset;
  std::int64_t valid_bytes = 0;
  std::int32_t records = 0;
  bool duplicate = false;  ///< The batch was already there: offsets are those of the original.
  bool durable = true;     ///< False after a deferred flush: with flush.messages=1, and not on the disk yet.
  bool rolled = false;     ///< It began a new segment: who waits for more of the old one has all of that.
};

/// A refused append: Kafka's code, a text, and the records that caused it.
struct AppendError {
  ErrorCode code = ErrorCode::none;
  std::string message;
  std::vector<RecordError> record_errors;
};

/// An aborted transaction that overlaps a read range (Fetch v4+ aborted_transactions).
struct AbortedTxn {
  ProducerId producer_id;
  Offset first_offset;
  Offset last_offset;
  Offset last_stable_offset;
};

/// The outcome of a read: one range of one segment.
struct FetchDataInfo {
  Offset fetch_offset = kNoOffset;
  FileSlice slice;                 ///< size 0: nothing to read.
  bool first_entry_incomplete = false;
  bool on_older_segment = false;   ///< More to read lies in a later segment than the one where the read began.
  std::vector<AbortedTxn> aborted; ///< For FetchIsolation::txn_committed only.
};

/// An offset found by time, with the record's timestamp and its leader epoch.
struct TimestampAndOffset {
  std::int64_t timestamp = -1;
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
};

/// Consistent picture of a log's offsets.
struct LogOffsets {
  Offset log_start{0};
  Offset log_end{0};
  Offset high_watermark{0};
  Offset last_stable{0};
};

/// What DescribeProducers tells of a producer.
struct ActiveProducer {
  ProducerId producer_id;
  ProducerEpoch producer_epoch;
  std::int32_t last_sequence = -1;
  std::int64_t last_timestamp = -1;
  std::int32_t coordinator_epoch = -1;
  Offset current_txn_start = kNoOffset;
};

}  // namespace moldau::storage
