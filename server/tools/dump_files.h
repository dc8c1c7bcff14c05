// The dumps of the single kinds of files. Each prints what Apache Kafka's kafka-dump-log prints; an error ends the whole dump, as its exception does.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "protocol/base/error.h"

namespace moldau::server::tools {

struct Complaints;
class RecordDecoder;

struct SegmentDumpOptions {
  bool deep_iteration = false;
  bool print_contents = false;
  bool skip_record_metadata = false;
  std::int32_t max_bytes = INT32_MAX;
};

/// .log: a line for each batch, and with deep iteration one for each record.
Status dump_segment(const std::string& path, const SegmentDumpOptions& options, const RecordDecoder& decoder, std::FILE* out, Complaints& complaints);

struct IndexDumpOptions {
  bool sanity_check_only = false;
  bool verify_only = false;
  std::int32_t max_message_size = 5 * 1024 * 1024;
};

/// .index: its entries, each compared with the batch at its position.
Status dump_offset_index(const std::string& path, const IndexDumpOptions& options, std::FILE* out, Complaints& complaints);
/// .timeindex: its entries, each compared with the batch that holds its offset.
Status dump_time_index(const std::string& path, const IndexDumpOptions& options, std::FILE* out, Complaints& complaints);
/// .txnindex: the aborted transactions.
Status dump_transaction_index(const std::string& path, std::FILE* out);
/// .snapshot: the producers. A corrupt file is told on `err` and is no error.
Status dump_producer_snapshot(const std::string& path, std::FILE* out, std::FILE* err);

}  // namespace moldau::server::tools
