#include "server/takeover/takeover_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "replication/metadata/metadata_image.h"

namespace moldau::server {
namespace {

namespace znodes = replication::znodes;

constexpr std::int64_t kBlockSize = 1000;

Error refuse(std::string why) { return Error(ErrorCode::invalid_config, std::move(why)); }

/// Kafka 3.9 GroupCoordinator.groupMetadataTopicConfigs, TransactionCoordinator.transactionStateTopicConfigs; one broker, so one replica in sync.
std::optional<config::Settings> internal_settings(std::string_view topic, const config::BrokerConfig& config) {
  if (topic == replication::kGroupMetadataTopic)
    return config::Settings{{"cleanup.policy", "compact"}, {"compression.type", "producer"}, {"segment.bytes", std::to_string(config.offsets_topic_segment_bytes)}};
  if (topic == replication::kTransactionStateTopic)
    return config::Settings{{"cleanup.policy", "compact"},
                            {"compression.type", "uncompressed"},
                            {"min.insync.replicas", "1"},
                            {"segment.bytes", std::to_string(config.transaction_state_log_segment_bytes)},
                            {"unclean.leader.election.enable", "false"}};
  return std::nullopt;
}

config::Settings safe_settings() { return {{"cleanup.policy", "delete"}, {"retention.bytes", "-1"}, {"retention.ms", "-1"}}; }

class Planner {
 public:
  Planner(const TakeoverInput& input, Random& random) : in_(input), random_(random) {}

  Result<TakeoverPlan> plan() {
    plan_.cluster_id = in_.directories.cluster_id;
    plan_.broker_id = in_.directories.broker_id;
    if (in_.known.cluster_id && *in_.known.cluster_id != plan_.cluster_id)
      return refuse(fmt::format("the embedded metadata is of cluster {}, meta.properties of cluster {}: move moldau-metadata.db* out of the log directory to take this cluster over",
                                *in_.known.cluster_id, plan_.cluster_id));
    for (const auto& [name, topic] : in_.directories.topics)
      if (auto s = plan_topic(name, topic); !s) return s.error();
    if (auto s = check_ids(); !s) return s.error();
    if (auto s = plan_producer_ids(); !s) return s.error();
    warn();
    make_nodes();
    return std::move(plan_);
  }

 private:
  Status plan_topic(const std::string& name, const DirectoryTopic& found) {
    const auto known = in_.known.topics.find(name);
    PlannedTopic topic;
    topic.known = known != in_.known.topics.end();
    if (topic.known && in_.known.deleting.contains(name)) return {};  // its directories go when the broker is back
    if (topic.known && found.id && !known->second.topic_id.is_zero() && known->second.topic_id != *found.id)
      return refuse(fmt::format("topic {} has the id {} in the embedded metadata and {} in {}: it was deleted and made again by Kafka; move moldau-metadata.db* out of the log "
                                "directory and take everything over anew",
                                name, known->second.topic_id.to_string(), found.id->to_string(), found.partitions.begin()->second));
    if (found.id) {
      topic.id = *found.id;
    } else if (topic.known && !known->second.topic_id.is_zero()) {
      topic.id = known->second.topic_id;
    } else {
      topic.id = TopicId::make_random(random_);
      topic.new_id = true;
    }
    for (const auto& [partition, path] : found.partitions) {
      const TopicPartition tp{name, partition};
      const auto& survey = in_.surveys.at(tp);
      const auto state = in_.known.states.find(tp);
      // An epoch that the metadata has led in already stays: nothing else wrote in a later one.
      if (state != in_.known.states.end() && state->second.leader_epoch >= survey.highest_epoch) {
        topic.epochs.emplace(partition, state->second.leader_epoch);
        continue;
      }
      if (in_.keep_leader_epochs) {
        topic.epochs.emplace(partition, std::max(survey.highest_epoch, LeaderEpoch(0)));
        continue;
      }
      if (survey.highest_epoch.value() == std::numeric_limits<std::int32_t>::max())
        return refuse(fmt::format("{}: leader epoch {} leaves no room for another; the files are damaged (kafka-dump-log shows them)", path, survey.highest_epoch.value()));
      topic.epochs.emplace(partition, survey.highest_epoch + 1);
    }
    plan_settings(name, topic);
    plan_.topics.emplace(name, std::move(topic));
    return {};
  }

  /// An id is one topic's. Two directories with one: somebody copied or renamed them.
  Status check_ids() const {
    std::map<std::string, std::string> names;
    const auto check = [&](const TopicId& id, const std::string& name) -> Status {
      const auto [at, fresh] = names.emplace(id.to_string(), name);
      if (fresh || at->second == name) return {};
      return refuse(fmt::format("topics {} and {} have the same id {}: one is a copy of the other, or another name for it; move the directories of the wrong one out of log.dirs", at->second, name,
                                at->first));
    };
    for (const auto& [name, assignment] : in_.known.topics)
      if (!assignment.topic_id.is_zero())
        if (auto s = check(assignment.topic_id, name); !s) return s;
    for (const auto& [name, topic] : plan_.topics)
      if (auto s = check(topic.id, name); !s) return s;
    return {};
  }

  void plan_settings(const std::string& name, PlannedTopic& topic) {
    using Configs = PlannedTopic::Configs;
    if (in_.topic_configs != nullptr)
      if (const auto given = in_.topic_configs->find(name); given != in_.topic_configs->end()) {
        topic.configs = Configs::from_file;
        topic.settings = given->second;
        return;
      }
    if (topic.known && in_.known.configs.contains(name)) {
      topic.configs = Configs::known;
      return;
    }
    topic.settings = internal_settings(name, in_.config);
    topic.configs = topic.settings ? Configs::internal : Configs::kept_safe;
    if (!topic.settings) topic.settings = safe_settings();
  }

  Status plan_producer_ids() {
    for (const auto& [tp, survey] : in_.surveys) plan_.highest_producer_id = std::max(plan_.highest_producer_id, survey.highest_producer_id);
    const auto highest = plan_.highest_producer_id.value();
    if (in_.known.producer_ids && in_.known.producer_ids->last >= std::max(highest, kFirstProducerId - 1)) {
      plan_.first_producer_id = in_.known.producer_ids->last + 1;
      return {};
    }
    // Ids that were handed out and never wrote are not seen: a whole stretch is left out above the highest.
    const auto stretch = highest / kFirstProducerId + 1;
    if (highest >= 0 && stretch > std::numeric_limits<std::int64_t>::max() / kFirstProducerId)
      return refuse(fmt::format("producer id {} leaves no room above it: a producer snapshot or batch is damaged (kafka-dump-log shows them)", highest));
    plan_.first_producer_id = std::max<std::int64_t>(stretch, 1) * kFirstProducerId;
    return {};
  }

  void warn() {
    std::size_t safe = 0;
    std::string one;
    for (const auto& [name, topic] : plan_.topics) {
      if (topic.configs == PlannedTopic::Configs::kept_safe && safe++ == 0) one = name;
      if (topic.new_id)
        plan_.warnings.push_back(fmt::format("topic {} has no partition.metadata and gets the new id {}, which Apache Kafka's ZooKeeper must learn before a return (moldau takeover --back FILE)",
                                            
                                             name, topic.id.to_string()));
    }
    if (safe > 0)
      plan_.warnings.push_back(fmt::format(
          "the configuration of {} topic{} ({}{}) was in ZooKeeper alone: {} kept safe (cleanup.policy=delete, retention.ms=-1, retention.bytes=-1: nothing is deleted or compacted, the "
          "disk fills). Give them by --topic-configs FILE, made on the running Kafka with: kafka-configs --bootstrap-server HOST:PORT --entity-type topics --describe > FILE",
          safe, safe == 1 ? "" : "s", one, safe == 1 ? "" : ", ...", safe == 1 ? "it is" : "they are"));
    for (const auto& [name, assignment] : in_.known.topics)
      if (!in_.directories.topics.contains(name))
        plan_.warnings.push_back(fmt::format("topic {} of the embedded metadata has no directory: moldau serve begins it empty; delete it if Kafka deleted it", name));
    if (in_.topic_configs != nullptr)
      for (const auto& [name, settings] : *in_.topic_configs)
        if (!in_.directories.topics.contains(name)) plan_.warnings.push_back(fmt::format("the configuration file names topic {}, which has no directory; it is passed over", name));
  }

  void make_nodes() {
    auto& nodes = plan_.nodes;
    const auto with_parents = [&](std::string_view path) {
      for (auto at = path.find('/', 1); at != std::string_view::npos; at = path.find('/', at + 1)) nodes.try_emplace(std::string(path.substr(0, at)));
      nodes.try_emplace(std::string(path));
    };
    for (const auto& path : znodes::standing_paths()) with_parents(path);
    with_parents(znodes::kClusterId);
    nodes[std::string(znodes::kClusterId)] = znodes::encode_cluster_id(plan_.cluster_id);
    znodes::ProducerIdBlock block;
    block.broker = plan_.broker_id;
    block.first = plan_.first_producer_id - kBlockSize;
    block.last = plan_.first_producer_id - 1;
    if (!in_.known.producer_ids || in_.known.producer_ids->last != block.last) nodes[std::string(znodes::kProducerIdBlock)] = znodes::encode(block);
    for (const auto& [name, topic] : plan_.topics) make_topic_nodes(name, topic);
  }

  void make_topic_nodes(const std::string& name, const PlannedTopic& topic) {
    auto& nodes = plan_.nodes;
    if (topic.settings) nodes[znodes::config_path("topics/" + name)] = znodes::encode_config(*topic.settings);
    znodes::TopicAssignment assignment;
    if (topic.known) assignment = in_.known.topics.at(name);
    assignment.topic_id = topic.id;
    nodes.try_emplace(znodes::partitions_path(name));
    for (const auto& [partition, epoch] : topic.epochs) {
      assignment.partitions.try_emplace(partition, znodes::ReplicaAssignment{{plan_.broker_id}, {}, {}});
      znodes::PartitionState state;
      if (const auto known = in_.known.states.find(TopicPartition{name, partition}); known != in_.known.states.end()) state = known->second;
      nodes.try_emplace(znodes::partition_path(name, partition));
      if (state.leader != kNoBroker && state.leader_epoch == epoch) continue;
      state.leader = plan_.broker_id;
      state.leader_epoch = epoch;
      state.isr = {plan_.broker_id};
      nodes[znodes::state_path(name, partition)] = znodes::encode(state);
    }
    nodes[znodes::topic_path(name)] = znodes::encode(assignment);
  }

  const TakeoverInput& in_;
  Random& random_;
  TakeoverPlan plan_;
};

}  // namespace

Result<TakeoverPlan> plan_takeover(const TakeoverInput& input, Random& random) { return Planner(input, random).plan(); }

}  // namespace moldau::server
