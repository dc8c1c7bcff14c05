#include "server/takeover/way_back.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

namespace moldau::server {
namespace {

namespace znodes = replication::znodes;

/// The shell takes words apart at spaces; in JSON they may be escaped, and ours stand inside of strings only.
std::string one_word(std::string_view json) {
  std::string word;
  word.reserve(json.size());
  for (const char c : json) {
    if (c == ' ')
      word += "\\u0020";
    else
      word += c;
  }
  return word;
}

class Writer {
 public:
  explicit Writer(const WayBackInput& input) : in_(input) {}

  Result<std::string> write() {
    for (const auto& [name, assignment] : in_.known.topics) {
      if (in_.known.deleting.contains(name)) continue;
      write_topic(name, assignment);
      for (const auto& [partition, replicas] : assignment.partitions)
        if (auto s = write_partition(name, partition); !s) return s.error();
    }
    return std::move(commands_);
  }

 private:
  // The configuration comes first and the topic's own node with its partitions before the states: whatever the controller finds is whole.
  void write_topic(const std::string& name, znodes::TopicAssignment assignment) {
    for (auto& [partition, replicas] : assignment.partitions) replicas = znodes::ReplicaAssignment{{in_.directories.broker_id}, {}, {}};
    const auto config = in_.known.configs.find(name);
    create(znodes::config_path("topics/" + name), znodes::encode_config(config == in_.known.configs.end() ? znodes::EntityConfig() : config->second));
    create(znodes::topic_path(name));
    set(znodes::topic_path(name), znodes::encode(assignment));
    create(znodes::partitions_path(name));
  }

  Status write_partition(const std::string& name, std::int32_t partition) {
    const TopicPartition tp{name, partition};
    auto highest = kNoLeaderEpoch;
    if (const auto survey = in_.surveys.find(tp); survey != in_.surveys.end()) highest = survey->second.highest_epoch;
    if (const auto state = in_.known.states.find(tp); state != in_.known.states.end()) highest = std::max(highest, state->second.leader_epoch);
    if (highest.value() == std::numeric_limits<std::int32_t>::max())
      return Error(ErrorCode::invalid_config,
                   fmt::format("{}-{}: leader epoch {} leaves no room for another; the files are damaged (kafka-dump-log shows them)", name, partition,
                               highest.value()));
    znodes::PartitionState state;
    state.leader = in_.directories.broker_id;
    state.isr = {state.leader};
    state.leader_epoch = highest + 1;
    state.controller_epoch = 0;  // below that of any controller, which would not touch what a later one wrote
    create(znodes::partition_path(name, partition));
    create(znodes::state_path(name, partition));
    set(znodes::state_path(name, partition), znodes::encode(state));
    return {};
  }

  void create(const std::string& path) { fmt::format_to(std::back_inserter(commands_), "create {}\n", path); }
  void create(const std::string& path, const std::string& json) { fmt::format_to(std::back_inserter(commands_), "create {} {}\n", path, one_word(json)); }
  void set(const std::string& path, const std::string& json) { fmt::format_to(std::back_inserter(commands_), "set {} {}\n", path, one_word(json)); }

  const WayBackInput& in_;
  std::string commands_;
};

}  // namespace

Result<std::string> plan_way_back(const WayBackInput& input) { return Writer(input).write(); }

}  // namespace moldau::server
