// All request handlers, one line an API, in the order of their names. Each lives in a file of its own.
#pragma once

#include "protocol/base/async.h"
#include "server/handlers/request_context.h"

namespace moldau::protocol {
struct AlterConfigsRequest;
struct AlterConfigsResponse;
struct AlterReplicaLogDirsRequest;
struct AlterReplicaLogDirsResponse;
struct ApiVersionsRequest;
struct ApiVersionsResponse;
struct CreateAclsRequest;
struct CreateAclsResponse;
struct CreatePartitionsRequest;
struct CreatePartitionsResponse;
struct CreateTopicsRequest;
struct CreateTopicsResponse;
struct DeleteAclsRequest;
struct DeleteAclsResponse;
struct DeleteGroupsRequest;
struct DeleteGroupsResponse;
struct DeleteRecordsRequest;
struct DeleteRecordsResponse;
struct DeleteTopicsRequest;
struct DeleteTopicsResponse;
struct DescribeAclsRequest;
struct DescribeAclsResponse;
struct DescribeClusterRequest;
struct DescribeClusterResponse;
struct DescribeConfigsRequest;
struct DescribeConfigsResponse;
struct DescribeGroupsRequest;
struct DescribeGroupsResponse;
struct DescribeLogDirsRequest;
struct DescribeLogDirsResponse;
struct DescribeProducersRequest;
struct DescribeProducersResponse;
struct FetchRequest;
struct FetchResponse;
struct FindCoordinatorRequest;
struct FindCoordinatorResponse;
struct HeartbeatRequest;
struct HeartbeatResponse;
struct IncrementalAlterConfigsRequest;
struct IncrementalAlterConfigsResponse;
struct InitProducerIdRequest;
struct InitProducerIdResponse;
struct JoinGroupRequest;
struct JoinGroupResponse;
struct LeaveGroupRequest;
struct LeaveGroupResponse;
struct ListGroupsRequest;
struct ListGroupsResponse;
struct ListOffsetsRequest;
struct ListOffsetsResponse;
struct MetadataRequest;
struct MetadataResponse;
struct OffsetCommitRequest;
struct OffsetCommitResponse;
struct OffsetDeleteRequest;
struct OffsetDeleteResponse;
struct OffsetFetchRequest;
struct OffsetFetchResponse;
struct OffsetForLeaderEpochRequest;
struct OffsetForLeaderEpochResponse;
struct ProduceRequest;
struct ProduceResponse;
struct SyncGroupRequest;
struct SyncGroupResponse;
}  // namespace moldau::protocol

namespace moldau::server {

Awaitable<protocol::AlterConfigsResponse> handle_alter_configs(RequestContext& ctx, const protocol::AlterConfigsRequest& req);
Awaitable<protocol::ApiVersionsResponse> handle_api_versions(RequestContext& ctx, const protocol::ApiVersionsRequest& req);
Awaitable<protocol::CreateAclsResponse> handle_create_acls(RequestContext& ctx, const protocol::CreateAclsRequest& req);
Awaitable<protocol::CreatePartitionsResponse> handle_create_partitions(RequestContext& ctx, const protocol::CreatePartitionsRequest& req);
Awaitable<protocol::CreateTopicsResponse> handle_create_topics(RequestContext& ctx, const protocol::CreateTopicsRequest& req);
Awaitable<protocol::DeleteAclsResponse> handle_delete_acls(RequestContext& ctx, const protocol::DeleteAclsRequest& req);
Awaitable<protocol::DeleteGroupsResponse> handle_delete_groups(RequestContext& ctx, const protocol::DeleteGroupsRequest& req);
Awaitable<protocol::DeleteRecordsResponse> handle_delete_records(RequestContext& ctx, const protocol::DeleteRecordsRequest& req);
Awaitable<protocol::DeleteTopicsResponse> handle_delete_topics(RequestContext& ctx, const protocol::DeleteTopicsRequest& req);
Awaitable<protocol::DescribeAclsResponse> handle_describe_acls(RequestContext& ctx, const protocol::DescribeAclsRequest& req);
Awaitable<protocol::DescribeClusterResponse> handle_describe_cluster(RequestContext& ctx, const protocol::DescribeClusterRequest& req);
Awaitable<protocol::DescribeConfigsResponse> handle_describe_configs(RequestContext& ctx, const protocol::DescribeConfigsRequest& req);
Awaitable<protocol::DescribeGroupsResponse> handle_describe_groups(RequestContext& ctx, const protocol::DescribeGroupsRequest& req);
Awaitable<protocol::AlterReplicaLogDirsResponse> handle_alter_replica_log_dirs(RequestContext& ctx, const protocol::AlterReplicaLogDirsRequest& req);
Awaitable<protocol::DescribeLogDirsResponse> handle_describe_log_dirs(RequestContext& ctx, const protocol::DescribeLogDirsRequest& req);
Awaitable<protocol::DescribeProducersResponse> handle_describe_producers(RequestContext& ctx, const protocol::DescribeProducersRequest& req);
Awaitable<protocol::FetchResponse> handle_fetch(RequestContext& ctx, const protocol::FetchRequest& req);
Awaitable<protocol::FindCoordinatorResponse> handle_find_coordinator(RequestContext& ctx, const protocol::FindCoordinatorRequest& req);
Awaitable<protocol::HeartbeatResponse> handle_heartbeat(RequestContext& ctx, const protocol::HeartbeatRequest& req);
Awaitable<protocol::IncrementalAlterConfigsResponse> handle_incremental_alter_configs(RequestContext& ctx, const protocol::IncrementalAlterConfigsRequest& req);
Awaitable<protocol::InitProducerIdResponse> handle_init_producer_id(RequestContext& ctx, const protocol::InitProducerIdRequest& req);
Awaitable<protocol::JoinGroupResponse> handle_join_group(RequestContext& ctx, const protocol::JoinGroupRequest& req);
Awaitable<protocol::LeaveGroupResponse> handle_leave_group(RequestContext& ctx, const protocol::LeaveGroupRequest& req);
Awaitable<protocol::ListGroupsResponse> handle_list_groups(RequestContext& ctx, const protocol::ListGroupsRequest& req);
Awaitable<protocol::ListOffsetsResponse> handle_list_offsets(RequestContext& ctx, const protocol::ListOffsetsRequest& req);
Awaitable<protocol::MetadataResponse> handle_metadata(RequestContext& ctx, const protocol::MetadataRequest& req);
Awaitable<protocol::OffsetCommitResponse> handle_offset_commit(RequestContext& ctx, const protocol::OffsetCommitRequest& req);
Awaitable<protocol::OffsetDeleteResponse> handle_offset_delete(RequestContext& ctx, const protocol::OffsetDeleteRequest& req);
Awaitable<protocol::OffsetFetchResponse> handle_offset_fetch(RequestContext& ctx, const protocol::OffsetFetchRequest& req);
Awaitable<protocol::OffsetForLeaderEpochResponse> handle_offset_for_leader_epoch(RequestContext& ctx, const protocol::OffsetForLeaderEpochRequest& req);
Awaitable<protocol::ProduceResponse> handle_produce(RequestContext& ctx, const protocol::ProduceRequest& req);
Awaitable<protocol::SyncGroupResponse> handle_sync_group(RequestContext& ctx, const protocol::SyncGroupRequest& req);

}  // namespace moldau::server
