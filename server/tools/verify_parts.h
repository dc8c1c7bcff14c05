// The parts of --verify: a partition, its segments, their indexes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::server::tools {

class Findings;

/// What has been read, for the summary.
struct VerifyTotals {
  std::uint64_t partitions = 0;
  std::uint64_t segments = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

struct SegmentRequest {
  std::string log;        ///< path of the .log
  Offset expected_first;  ///< no offset may be below it
  bool active = false;    ///< the last one of its partition
  bool clean = false;     ///< the broker has stopped cleanly: the files are trimmed
};

/// Checks a .log and, in the same pass, its .index, .timeindex and .txnindex. Returns the offset behind the last whole batch.
/// Invariants checked: sizes, checksums and records of all batches; offsets rise, from the file's base on and within 31 bits; leader epochs do not fall; each
/// entry of an index is about a batch that is there.
Offset verify_segment(const SegmentRequest& request, Findings& findings, VerifyTotals& totals);

/// A partition's directory with all of its files. Returns its log end offset; nothing without a segment.
std::optional<Offset> verify_partition(const std::string& dir, bool clean, Findings& findings, VerifyTotals& totals);

}  // namespace moldau::server::tools
