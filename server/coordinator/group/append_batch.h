// The batch of an AppendAction, as Apache Kafka builds it.
#pragma once

#include <cstdint>

#include "protocol/base/error.h"
#include "protocol/records/compression/scratch_buffer.h"
#include "server/coordinator/group/group_types.h"

namespace moldau::server {

/// `codec`: id of `offsets.topic.compression.codec`. Errors: those of compression.
Result<protocol::ByteBuffer> build_append_batch(const AppendAction& action, std::uint8_t codec);

}  // namespace moldau::server
