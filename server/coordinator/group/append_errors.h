// What a failed append to `__consumer_offsets` means to the client (interbroker.md §13).
#pragma once

#include "protocol/base/error_code.h"

namespace moldau::server {

/// Kafka 3.9 GroupMetadataManager.maybeConvertOffsetCommitError.
constexpr ErrorCode offset_commit_error(ErrorCode append) noexcept {
  switch (append) {
    case ErrorCode::network_exception: return ErrorCode::coordinator_load_in_progress;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append: return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error: return ErrorCode::not_coordinator;
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::invalid_fetch_size: return ErrorCode::invalid_commit_offset_size;
    default: return append;
  }
}

/// Kafka 3.9 GroupMetadataManager.storeGroup.
constexpr ErrorCode group_metadata_error(ErrorCode append) noexcept {
  switch (append) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append: return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error: return ErrorCode::not_coordinator;
    case ErrorCode::request_timed_out: return ErrorCode::rebalance_in_progress;
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::invalid_fetch_size: return ErrorCode::unknown_server_error;
    default: return append;
  }
}

}  // namespace moldau::server
