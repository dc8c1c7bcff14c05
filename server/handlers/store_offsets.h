// Offsets of clients before 0.8.2, which keep them in the metadata store: `/consumers/GROUP/offsets/TOPIC/PARTITION`, decimal text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::replication {
class MetadataStore;
}

namespace moldau::server {

/// NONE or UNKNOWN_SERVER_ERROR. The texts live until the call has completed.
Awaitable<ErrorCode> set_stored_offset(replication::MetadataStore& store, std::string_view group, TopicPartitionView tp, std::int64_t offset);
/// Nothing when there is none (or none that can be read).
Awaitable<Result<std::optional<std::int64_t>>> stored_offset(replication::MetadataStore& store, std::string_view group, TopicPartitionView tp);

}  // namespace moldau::server
