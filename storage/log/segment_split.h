// Splits a segment whose offsets do not fit its base (KAFKA-6264; Kafka 3.9 LocalLog.splitOverflowedSegment, LogSegmentOffsetOverflowException).
//
// Brokers before 2.0 could compact segments into one whose last offset lies more than 2^31 - 1 above its base: its indexes cannot name such an offset. A loader
// that meets one has it cut into segments that fit and starts over. A crash at any point leaves the old segment or all of the new ones:
//
//   1  <base>.log.cleaned for each piece, synced        a crash here: `.cleaned` files are removed, the segment is split again
//   2  renamed to .log.swap, the highest base first     a `.swap` above a `.cleaned` is not complete: removed too
//   3  the old segment's files removed                  only `.swap`: the loader finishes the replacement
//   4  renamed to .log; indexes are rebuilt by the loader
#pragma once

#include <string>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "storage/io/disk.h"

namespace moldau::storage {

/// REQUIRES: `<dir>/<base>.log` consists of whole batches in rising order, and nobody has it open for writing. KAFKA_STORAGE_ERROR; CORRUPT_MESSAGE for bytes
/// that are no batches.
Status split_overflowed_segment(Disk& disk, const std::string& dir, Offset base);

}  // namespace moldau::storage
