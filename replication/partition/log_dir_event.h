// The broker's word to the controller that one of its log directories has failed (KIP-112; Kafka 3.9 KafkaZkClient.propagateLogDirEvent).
#pragma once

#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "replication/store/metadata_store.h"

namespace moldau::replication {

/// Writes /log_dir_event_notification/log_dir_event_<n>. The controller then asks the broker for all its replicas again, hears which of them are lost, elects
/// other leaders for those, and removes the node. However long the store is away: the broker stops before it gives up.
Awaitable<StoreResult<std::string>> propagate_log_dir_event(MetadataStore& store, BrokerId self);

}  // namespace moldau::replication
