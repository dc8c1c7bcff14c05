// Blocks of producer ids from /latest_producer_id_block (Kafka 3.9 ZkProducerIdManager.getNewProducerIdBlock, AllocateProducerIds).
#pragma once

#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"

namespace moldau::replication {

inline constexpr std::int64_t kProducerIdBlockSize = 1000;

/// The next block for a broker, by conditional writes until one wins. No id is ever in two blocks.
Awaitable<Result<znodes::ProducerIdBlock>> allocate_producer_id_block(MetadataStore& store, BrokerId broker);

}  // namespace moldau::replication
