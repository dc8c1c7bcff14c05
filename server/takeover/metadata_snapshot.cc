#include "server/takeover/metadata_snapshot.h"

#include <fmt/format.h>

#include <future>
#include <utility>

#include "replication/store/metadata_store.h"

namespace moldau::server {
namespace {

namespace znodes = replication::znodes;
using replication::MetadataStore;
using replication::StoreError;
using replication::StoreOp;
using replication::StoreResponse;

std::vector<StoreResponse> ask(MetadataStore& store, std::vector<StoreOp> ops) {
  std::promise<std::vector<StoreResponse>> answered;
  auto answers = answered.get_future();
  store.submit(std::move(ops), [&answered](std::vector<StoreResponse> got) { answered.set_value(std::move(got)); });
  return answers.get();
}

Error failed(const std::string& path, StoreError error) {
  return Error(ErrorCode::kafka_storage_error, fmt::format("metadata store: {}: {}", path, to_string(error)));
}

class SnapshotReader {
 public:
  explicit SnapshotReader(MetadataStore& store) : store_(store) {}

  Result<MetadataSnapshot> read() {
    if (auto s = read_single_nodes(); !s) return s.error();
    const auto deleting = children(std::string(znodes::kDeleteTopics));
    if (!deleting) return deleting.error();
    found_.deleting.insert(deleting->begin(), deleting->end());
    const auto configured = children(znodes::config_path("topics"));
    if (!configured) return configured.error();
    if (auto s = read_configs(*configured); !s) return s.error();
    const auto topics = children(std::string(znodes::kTopics));
    if (!topics) return topics.error();
    if (auto s = read_topics(*topics); !s) return s.error();
    return std::move(found_);
  }

 private:
  Result<std::vector<std::string>> children(const std::string& path) {
    auto answers = ask(store_, {StoreOp::children(path)});
    if (answers.front().error == StoreError::no_node) return std::vector<std::string>();
    if (!answers.front().ok()) return failed(path, answers.front().error);
    return std::move(answers.front().children);
  }

  /// The data of nodes, nothing for those that are not there.
  Result<std::vector<std::optional<std::string>>> data_of(const std::vector<std::string>& paths) {
    std::vector<StoreOp> ops;
    ops.reserve(paths.size());
    for (const auto& path : paths) ops.push_back(StoreOp::get(path));
    auto answers = ask(store_, std::move(ops));
    std::vector<std::optional<std::string>> data;
    data.reserve(paths.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].error == StoreError::no_node)
        data.emplace_back();
      else if (!answers[i].ok())
        return failed(paths[i], answers[i].error);
      else
        data.emplace_back(std::move(answers[i].data));
    }
    return data;
  }

  Status read_single_nodes() {
    const auto data = data_of({std::string(znodes::kClusterId), std::string(znodes::kProducerIdBlock)});
    if (!data) return data.error();
    if (const auto& cluster = data->front()) {
      auto id = znodes::decode_cluster_id(*cluster);
      if (!id) return broken(std::string(znodes::kClusterId), id.error());
      found_.cluster_id = std::move(*id);
    }
    if (const auto& block = data->back()) {
      auto decoded = znodes::decode_producer_id_block(*block);
      if (!decoded) return broken(std::string(znodes::kProducerIdBlock), decoded.error());
      found_.producer_ids = *decoded;
    }
    return {};
  }

  Status read_configs(const std::vector<std::string>& topics) {
    std::vector<std::string> paths;
    for (const auto& topic : topics) paths.push_back(znodes::config_path("topics/" + topic));
    const auto data = data_of(paths);
    if (!data) return data.error();
    for (std::size_t i = 0; i < topics.size(); ++i) {
      if (!(*data)[i]) continue;
      auto config = znodes::decode_config(*(*data)[i]);
      if (!config) return broken(paths[i], config.error());
      found_.configs.emplace(topics[i], std::move(*config));
    }
    return {};
  }

  Status read_topics(const std::vector<std::string>& topics) {
    std::vector<std::string> paths;
    for (const auto& topic : topics) paths.push_back(znodes::topic_path(topic));
    const auto data = data_of(paths);
    if (!data) return data.error();
    std::vector<TopicPartition> partitions;
    std::vector<std::string> state_paths;
    for (std::size_t i = 0; i < topics.size(); ++i) {
      if (!(*data)[i]) continue;
      auto assignment = znodes::decode_topic(*(*data)[i]);
      if (!assignment) return broken(paths[i], assignment.error());
      for (const auto& [partition, replicas] : assignment->partitions) {
        partitions.push_back({topics[i], partition});
        state_paths.push_back(znodes::state_path(topics[i], partition));
      }
      found_.topics.emplace(topics[i], std::move(*assignment));
    }
    const auto states = data_of(state_paths);
    if (!states) return states.error();
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (!(*states)[i]) continue;
      auto state = znodes::decode_state(*(*states)[i]);
      if (!state) return broken(state_paths[i], state.error());
      found_.states.emplace(partitions[i], std::move(*state));
    }
    return {};
  }

  static Error broken(const std::string& path, const Error& why) { return Error(why.code, fmt::format("metadata store: {}: {}", path, why.message)); }

  MetadataStore& store_;
  MetadataSnapshot found_;
};

}  // namespace

Result<MetadataSnapshot> read_metadata(MetadataStore& store) { return SnapshotReader(store).read(); }

Status write_metadata(MetadataStore& store, const ZnodeMap& nodes) {
  std::vector<StoreOp> reads;
  reads.reserve(nodes.size());
  for (const auto& [path, data] : nodes) reads.push_back(StoreOp::get(path));
  const auto there = ask(store, std::move(reads));
  std::vector<StoreOp> changes;
  std::size_t i = 0;
  for (const auto& [path, data] : nodes) {
    const auto& now = there[i++];
    if (now.error == StoreError::no_node)
      changes.push_back(StoreOp::create(path, data));
    else if (!now.ok())
      return failed(path, now.error);
    else if (data && *data != now.data)
      changes.push_back(StoreOp::set(path, *data, now.stat.version));
  }
  if (changes.empty()) return {};
  std::vector<StoreOp> all;
  all.push_back(StoreOp::multi(std::move(changes)));
  const auto done = ask(store, std::move(all));
  if (!done.front().ok()) return failed("the tree is not written, nothing is changed", done.front().error);
  return {};
}

}  // namespace moldau::server
