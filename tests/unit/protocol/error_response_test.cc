#include <catch2/catch.hpp>

#include "protocol/messages/add_partitions_to_txn.h"
#include "protocol/messages/alter_client_quotas.h"
#include "protocol/messages/alter_replica_log_dirs.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/create_acls.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_groups.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/describe_configs.h"
#include "protocol/messages/describe_groups.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/find_coordinator.h"
#include "protocol/messages/init_producer_id.h"
#include "protocol/messages/leader_and_isr.h"
#include "protocol/messages/leave_group.h"
#include "protocol/messages/list_offsets.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/offset_fetch.h"
#include "protocol/messages/produce.h"
#include "protocol/messages/stop_replica.h"

namespace moldau::protocol {
namespace {

constexpr ErrorCode kCode = ErrorCode::cluster_authorization_failed;

TEST_CASE("error_response: every partition asked, with Kafka's values for the rest", "[protocol]") {
  Arena arena;
  ProduceRequest produce;
  auto& topic = produce.topic_data.add(arena);
  topic.name = "t";
  topic.topic_id = Uuid{1, 2};
  topic.partition_data.add(arena).index = 4;
  topic.partition_data.add(arena).index = 7;
  const ProduceResponse answer = error_response(produce, kCode, arena, "why");
  REQUIRE(answer.responses.size() == 1);
  CHECK(answer.responses[0].name == "t");
  CHECK(answer.responses[0].topic_id == Uuid{1, 2});
  REQUIRE(answer.responses[0].partition_responses.size() == 2);
  const auto& p = answer.responses[0].partition_responses[1];
  CHECK(p.index == 7);
  CHECK(p.error_code == kCode);
  CHECK(p.base_offset == Offset(-1));
  CHECK(p.log_append_time_ms == -1);
  CHECK(p.log_start_offset == Offset(-1));
  CHECK(p.error_message == std::string_view("why"));
  CHECK(answer.throttle_time_ms == 0);

  FetchRequest fetch;
  auto& wanted = fetch.topics.add(arena);
  wanted.topic = "t";
  auto& partition = wanted.partitions.add(arena);
  partition.partition = 3;
  partition.log_start_offset = Offset(99);
  fetch.forgotten_topics_data.add(arena).topic = "gone";
  const FetchResponse fetched = error_response(fetch, kCode, arena);
  CHECK(fetched.error_code == kCode);
  REQUIRE(fetched.responses.size() == 1);
  REQUIRE(fetched.responses[0].partitions.size() == 1);
  CHECK(fetched.responses[0].partitions[0].partition_index == 3);
  CHECK(fetched.responses[0].partitions[0].error_code == kCode);
  CHECK(fetched.responses[0].partitions[0].high_watermark == Offset(-1));
  CHECK(fetched.responses[0].partitions[0].log_start_offset == Offset(-1));
  CHECK_FALSE(fetched.responses[0].partitions[0].records.null);

  ListOffsetsRequest offsets;
  auto& t = offsets.topics.add(arena);
  t.name = "t";
  auto& asked = t.partitions.add(arena);
  asked.partition_index = 1;
  asked.timestamp = 12345;
  const ListOffsetsResponse listed = error_response(offsets, kCode, arena);
  CHECK(listed.topics[0].partitions[0].timestamp == -1);
  CHECK(listed.topics[0].partitions[0].offset == kNoOffset);
}

TEST_CASE("error_response: topics, groups, resources by whatever names them", "[protocol]") {
  Arena arena;
  MetadataRequest metadata;
  metadata.topics->add(arena).name = "t";
  const MetadataResponse m = error_response(metadata, kCode, arena);
  REQUIRE(m.topics.size() == 1);
  CHECK(m.topics[0].name == std::string_view("t"));
  CHECK(m.topics[0].error_code == kCode);
  CHECK(m.topics[0].partitions.empty());
  metadata.topics.reset();
  CHECK(error_response(metadata, kCode, arena).topics.empty());

  DescribeGroupsRequest groups;
  groups.groups.push_back(arena, "g1");
  groups.groups.push_back(arena, "g2");
  const DescribeGroupsResponse described = error_response(groups, kCode, arena);
  REQUIRE(described.groups.size() == 2);
  CHECK(described.groups[1].group_id == "g2");
  CHECK(described.groups[1].error_code == kCode);

  DeleteGroupsRequest remove;
  remove.groups_names.push_back(arena, "g");
  CHECK(error_response(remove, kCode, arena).results[0].group_id == "g");

  CreateTopicsRequest create;
  auto& topic = create.topics.add(arena);
  topic.name = "t";
  topic.num_partitions = 5;
  const CreateTopicsResponse created = error_response(create, kCode, arena, "text");
  CHECK(created.topics[0].name == "t");
  CHECK(created.topics[0].error_message == std::string_view("text"));
  CHECK(created.topics[0].num_partitions == -1);
  CHECK(created.topics[0].topic_config_error_code == ErrorCode::none);

  DeleteTopicsRequest by_name;
  by_name.topic_names.push_back(arena, "t");
  by_name.topics.add(arena).topic_id = Uuid{3, 4};
  const DeleteTopicsResponse deleted = error_response(by_name, kCode, arena);
  REQUIRE(deleted.responses.size() == 2);
  CHECK(deleted.responses[0].topic_id == Uuid{3, 4});
  CHECK(deleted.responses[1].name == std::string_view("t"));

  DescribeConfigsRequest configs;
  auto& resource = configs.resources.add(arena);
  resource.resource_type = 2;
  resource.resource_name = "t";
  const DescribeConfigsResponse c = error_response(configs, kCode, arena);
  CHECK(c.results[0].resource_type == 2);
  CHECK(c.results[0].resource_name == "t");
  CHECK(c.results[0].error_code == kCode);

  CreateAclsRequest acls;
  acls.creations.add(arena);
  acls.creations.add(arena);
  CHECK(error_response(acls, kCode, arena).results.size() == 2);

  AlterClientQuotasRequest quotas;
  auto& entity = quotas.entries.add(arena).entity.add(arena);
  entity.entity_type = "user";
  entity.entity_name = "ann";
  const AlterClientQuotasResponse q = error_response(quotas, kCode, arena);
  CHECK(q.entries[0].entity[0].entity_type == "user");
  CHECK(q.entries[0].entity[0].entity_name == std::string_view("ann"));
}

TEST_CASE("error_response: shapes that change with the version", "[protocol]") {
  Arena arena;
  FindCoordinatorRequest find;
  find.coordinator_keys.push_back(arena, "g");
  const FindCoordinatorResponse found = error_response(find, kCode, arena, "m");
  CHECK(found.error_code == kCode);
  CHECK(found.node_id == BrokerId(-1));
  CHECK(found.port == -1);
  REQUIRE(found.coordinators.size() == 1);
  CHECK(found.coordinators[0].key == "g");
  CHECK(found.coordinators[0].node_id == BrokerId(-1));
  CHECK(found.coordinators[0].error_message == std::string_view("m"));

  StopReplicaRequest stop;
  stop.ungrouped_partitions.add(arena).topic_name = "a";
  auto& v1 = stop.topics.add(arena);
  v1.name = "b";
  v1.partition_indexes.push_back(arena, 2);
  auto& v3 = stop.topic_states.add(arena);
  v3.topic_name = "c";
  v3.partition_states.add(arena).partition_index = 3;
  const StopReplicaResponse stopped = error_response(stop, kCode, arena);
  REQUIRE(stopped.partition_errors.size() == 3);
  CHECK(stopped.partition_errors[0].topic_name == "a");
  CHECK(stopped.partition_errors[1].topic_name == "b");
  CHECK(stopped.partition_errors[1].partition_index == 2);
  CHECK(stopped.partition_errors[2].topic_name == "c");
  CHECK(stopped.partition_errors[2].partition_index == 3);

  LeaderAndIsrRequest isr;
  auto& state = isr.topic_states.add(arena);
  state.topic_name = "t";
  state.topic_id = Uuid{5, 6};
  state.partition_states.add(arena).partition_index = 8;
  const LeaderAndIsrResponse r = error_response(isr, kCode, arena);
  CHECK(r.topics[0].topic_id == Uuid{5, 6});
  CHECK(r.topics[0].partition_errors[0].partition_index == 8);
  CHECK(r.partition_errors[0].topic_name == "t");

  AddPartitionsToTxnRequest add;
  auto& topic = add.v3_and_below_topics.add(arena);
  topic.name = "t";
  topic.partitions.push_back(arena, 6);
  const AddPartitionsToTxnResponse added = error_response(add, kCode, arena);
  CHECK(added.error_code == kCode);
  CHECK(added.results_by_topic_v3_and_below[0].name == "t");
  CHECK(added.results_by_topic_v3_and_below[0].results_by_partition[0].partition_index == 6);
  CHECK(added.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code == kCode);

  AlterReplicaLogDirsRequest move;
  auto& dir = move.dirs.add(arena);
  dir.path = "/d";
  auto& moved = dir.topics.add(arena);
  moved.name = "t";
  moved.partitions.push_back(arena, 1);
  const AlterReplicaLogDirsResponse dirs = error_response(move, kCode, arena);
  CHECK(dirs.results[0].topic_name == "t");
  CHECK(dirs.results[0].partitions[0].partition_index == 1);

  OffsetFetchRequest offsets;
  offsets.groups.add(arena).group_id = "g";
  const OffsetFetchResponse o = error_response(offsets, kCode, arena);
  CHECK(o.groups[0].group_id == "g");
  CHECK(o.groups[0].error_code == kCode);
  CHECK(o.error_code == kCode);
}

TEST_CASE("error_response: only the top where Kafka does only that", "[protocol]") {
  Arena arena;
  LeaveGroupRequest leave;
  leave.members.add(arena).member_id = "m";
  const LeaveGroupResponse left = error_response(leave, kCode, arena);
  CHECK(left.error_code == kCode);
  CHECK(left.members.empty());
  CHECK(error_response(ApiVersionsRequest{}, kCode, arena).error_code == kCode);
  const InitProducerIdResponse init = error_response(InitProducerIdRequest{}, kCode, arena);
  CHECK(init.error_code == kCode);
  CHECK(init.producer_id == kNoProducerId);
  CHECK(init.producer_epoch == kNoProducerEpoch);
}

}  // namespace
}  // namespace moldau::protocol
