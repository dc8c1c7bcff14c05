// Requests to a GroupCoordinator as its tests send them.
#pragma once

#include <string>

#include "protocol/base/clock.h"
#include "server/coordinator/group/group_types.h"

namespace moldau::server::test {

inline CommitRequest commit_of(const std::string& group, std::int64_t offset, const std::string& topic = "t", std::int32_t partition = 0,
                               std::int64_t at_ms = system_clock().wall_ms()) {
  CommitRequest r;
  r.group_id = group;
  OffsetToCommit o;
  o.topic = topic;
  o.partition = partition;
  o.offset = offset;
  o.commit_timestamp_ms = at_ms;
  r.offsets.push_back(o);
  return r;
}

inline JoinRequest join_of(const std::string& group, std::int32_t session_timeout_ms = 60'000, std::int32_t rebalance_timeout_ms = 60'000) {
  JoinRequest r;
  r.group_id = group;
  r.client_id = "c";
  r.session_timeout_ms = session_timeout_ms;
  r.rebalance_timeout_ms = rebalance_timeout_ms;
  r.protocol_type = "consumer";
  r.protocols = {{"range", ""}};
  return r;
}

}  // namespace moldau::server::test
