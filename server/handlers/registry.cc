#include "server/handlers/registry.h"

#include <array>

#include "protocol/messages/alter_configs.h"
#include "protocol/messages/alter_replica_log_dirs.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/create_acls.h"
#include "protocol/messages/create_partitions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_acls.h"
#include "protocol/messages/delete_groups.h"
#include "protocol/messages/delete_records.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/describe_acls.h"
#include "protocol/messages/describe_cluster.h"
#include "protocol/messages/describe_configs.h"
#include "protocol/messages/describe_groups.h"
#include "protocol/messages/describe_log_dirs.h"
#include "protocol/messages/describe_producers.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/find_coordinator.h"
#include "protocol/messages/heartbeat.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "protocol/messages/init_producer_id.h"
#include "protocol/messages/join_group.h"
#include "protocol/messages/leave_group.h"
#include "protocol/messages/list_groups.h"
#include "protocol/messages/list_offsets.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/offset_commit.h"
#include "protocol/messages/offset_delete.h"
#include "protocol/messages/offset_fetch.h"
#include "protocol/messages/offset_for_leader_epoch.h"
#include "protocol/messages/produce.h"
#include "protocol/messages/sync_group.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

constexpr std::array kRows = {
    overlapping_row<handle_produce>(),
    row<handle_fetch>(),
    row<handle_list_offsets>(),
    row<handle_metadata>(),
    row<handle_offset_commit>(),
    row<handle_offset_fetch>(),
    row<handle_find_coordinator>(),
    row<handle_join_group>(),
    row<handle_heartbeat>(),
    row<handle_leave_group>(),
    row<handle_sync_group>(),
    row<handle_describe_groups>(),
    row<handle_list_groups>(),
    row<handle_api_versions>(),
    row<handle_create_topics>(),
    row<handle_delete_topics>(),
    row<handle_delete_records>(),
    row<handle_init_producer_id>(),
    row<handle_offset_for_leader_epoch>(),
    row<handle_describe_acls>(),
    row<handle_create_acls>(),
    row<handle_delete_acls>(),
    row<handle_describe_configs>(),
    row<handle_alter_configs>(),
    row<handle_alter_replica_log_dirs>(),
    row<handle_describe_log_dirs>(),
    row<handle_create_partitions>(),
    row<handle_delete_groups>(),
    row<handle_incremental_alter_configs>(),
    row<handle_offset_delete>(),
    row<handle_describe_cluster>(),
    row<handle_describe_producers>(),
};

constexpr std::size_t kKeys = 128;

/// Key to row; null where there is none.
constexpr std::array<const ApiRow*, kKeys> kByKey = [] {
  std::array<const ApiRow*, kKeys> table{};
  for (const auto& r : kRows) table[static_cast<std::size_t>(r.key)] = &r;
  return table;
}();

}  // namespace

std::span<const ApiRow> api_rows() { return kRows; }

const ApiRow* find_row(std::int16_t api_key) noexcept {
  return api_key >= 0 && static_cast<std::size_t>(api_key) < kKeys ? kByKey[static_cast<std::size_t>(api_key)] : nullptr;
}

}  // namespace moldau::server
