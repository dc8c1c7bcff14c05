// KIP-951: an answer with NOT_LEADER_OR_FOLLOWER names the leader and how to reach it, so that the client need not ask for metadata.
#pragma once

#include "replication/metadata/metadata_cache.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/request_context.h"

namespace moldau::server {

/// Fills `hint` (leader_id, leader_epoch) and adds the leader's endpoint on the request's listener to `endpoints`, once.
template <class Hint, class Endpoints>
void add_leader_hint(RequestContext& ctx, const replication::MetadataImage& image, TopicPartitionView tp, Hint& hint, Endpoints& endpoints) {
  const replication::LeaderAndEpoch leader = ctx.replicas().current_leader(tp);
  hint.leader_id = leader.leader;
  hint.leader_epoch = leader.epoch;
  const auto* endpoint = image.endpoint(leader.leader, ctx.connection().listener);
  if (endpoint == nullptr) return;
  for (const auto& known : endpoints)
    if (known.node_id == leader.leader) return;
  auto& node = endpoints.add(ctx.arena());
  node.node_id = leader.leader;
  node.host = ctx.arena().dup(endpoint->host);
  node.port = endpoint->port;
  const auto* broker = image.broker(leader.leader);
  if (broker != nullptr && broker->rack) node.rack = ctx.arena().dup(*broker->rack);
}

}  // namespace moldau::server
