// RecordDecoder: how dump-log shows key and value of a record (Kafka 3.9 DumpLogSegments.MessageParser).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/base/error.h"
#include "protocol/records/record.h"

namespace moldau::server::tools {

struct DecodedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
};

class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;
  /// An error ends the dump, as an exception of a decoder ends kafka-dump-log.
  [[nodiscard]] virtual Result<DecodedRecord> decode(const protocol::RecordView& record) const = 0;
};

/// Keys and values one by one, by decoder classes of org.apache.kafka.tools.api (or of kafka.serializer, their old names): String, Integer, Long, Default.
/// Errors: a class that is not one of these.
Result<std::unique_ptr<RecordDecoder>> class_decoder(const std::string& key_class, const std::string& value_class);
/// Records of __consumer_offsets as JSON, record types 0 to 8 (Kafka 3.9 CoordinatorRecordSerde).
std::unique_ptr<RecordDecoder> offsets_decoder();
/// Records of __transaction_state (Kafka 3.9 TransactionLog.formatRecordKeyAndValue).
std::unique_ptr<RecordDecoder> transaction_log_decoder();
/// Records of __remote_log_metadata (Kafka 3.9 RemoteLogMetadataSerde). One that cannot be read is shown with the reason, and the dump goes on.
std::unique_ptr<RecordDecoder> remote_log_metadata_decoder();

}  // namespace moldau::server::tools
