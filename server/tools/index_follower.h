// IndexFollower: an index of a segment, compared with the batches of its log as these go by in order.
#pragma once

#include <memory>
#include <string>

#include "protocol/base/ids.h"

namespace moldau::server::tools {

class Findings;

/// A batch of the log, as the indexes see it.
struct BatchPlace {
  std::uint64_t position = 0;
  Offset last_offset;
  std::int64_t largest_timestamp = -1;  ///< of all batches up to this one
};

class IndexFollower {
 public:
  virtual ~IndexFollower() = default;
  /// Batches in the order of the log.
  virtual void on_batch(const BatchPlace& batch) = 0;
  /// Behind the last batch: what is left in the index is about nothing. `end` is the offset behind it.
  virtual void on_end(Offset end) = 0;
};

struct FollowRequest {
  std::string log;              ///< path of the .log
  Offset base;
  bool may_lack = false;        ///< the file may be missing: an active segment's after an unclean stop
  bool may_have_zeros = false;  ///< zeros behind the entries are the room of an index in use
};

/// What is broken in the file itself is told at once: size, order, version. A .txnindex may always be missing.
std::unique_ptr<IndexFollower> follow_offset_index(const FollowRequest& request, Findings& findings);
std::unique_ptr<IndexFollower> follow_time_index(const FollowRequest& request, Findings& findings);
std::unique_ptr<IndexFollower> follow_transaction_index(const FollowRequest& request, Findings& findings);

}  // namespace moldau::server::tools
