#include "server/takeover/kafka_directories.h"

#include <fmt/format.h>

#include <set>

#include "replication/admin/topic_names.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/log/log_dir_names.h"

namespace moldau::server {
namespace {

using storage::PartitionDirKind;

constexpr std::size_t kSmallFile = 65536;

Error refuse(std::string why) { return Error(ErrorCode::invalid_config, std::move(why)); }

class Reader {
 public:
  Reader(storage::Disk& disk, const KafkaDirectoriesRequest& request) : disk_(disk), request_(request) {}

  Result<KafkaDirectories> read() {
    if (request_.log_dirs.empty()) return refuse("log.dirs is empty: name the directories of the Kafka broker");
    found_.log_dirs = request_.log_dirs;
    for (const auto& dir : request_.log_dirs)
      if (auto s = lock(dir, false); !s) return s.error();
    for (const auto& dir : request_.log_dirs)
      if (auto s = read_meta(dir); !s) return s.error();
    if (auto s = settle_identity(); !s) return s.error();
    for (const auto& dir : request_.log_dirs)
      if (auto s = read_dir(dir); !s) return s.error();
    if (auto s = check_futures(); !s) return s.error();
    for (const auto& [topic, entry] : found_.topics)
      if (auto s = check_gaps(topic, entry); !s) return s.error();
    if (request_.make_locks)  // where none was made yet: nothing is written to directories that are refused
      for (const auto& dir : request_.log_dirs)
        if (auto s = lock(dir, true); !s) return s.error();
    return std::move(found_);
  }

 private:
  Status lock(const std::string& dir, bool make) {
    if (locked_.contains(dir)) return {};
    const auto there = disk_.stat(dir);
    if (!there) return there.error();
    if (!*there || !(*there)->is_directory)
      return refuse(fmt::format("log.dirs names {}, which is not a directory: mount its disk or correct log.dirs (every directory must be there, or partitions would be missed)", dir));
    const auto path = dir + "/" + storage::kLockFile;
    if (!make) {
      const auto file = disk_.stat(path);
      if (!file) return file.error();
      if (!*file) return {};
    }
    auto held = disk_.lock(path);
    if (!held) return Error(held.error().code, held.error().message + "; run the takeover as the broker's user");
    if (!*held) return refuse(fmt::format("{} is in use: a running broker holds {}; stop it first, with SIGTERM, and wait until it has ended", dir, path));
    found_.locks.push_back(std::move(*held));
    locked_.insert(dir);
    return {};
  }

  Status read_meta(const std::string& dir) {
    const auto path = dir + "/" + storage::kMetaPropertiesFile;
    const auto text = storage::read_whole(disk_, path, kSmallFile);
    if (!text) return text.error();
    if (!*text) {
      found_.notes.push_back(fmt::format("{} is missing; moldau serve writes it", path));
      return {};
    }
    const auto meta = storage::parse_meta_properties(**text, path);
    if (!meta) return refuse(meta.error().message);
    if (meta->cluster_id) {
      if (!cluster_at_.empty() && found_.cluster_id != *meta->cluster_id)
        return refuse(fmt::format("{} is of cluster {} and {} of cluster {}: take the directory of the other cluster out of log.dirs", cluster_at_, found_.cluster_id, path,
                                  *meta->cluster_id));
      found_.cluster_id = *meta->cluster_id;
      cluster_at_ = path;
    }
    if (meta->broker_id) {
      if (*meta->broker_id < 0) return refuse(fmt::format("{}: broker.id {} is no broker's: correct it to the one of the Kafka broker", path, *meta->broker_id));
      const BrokerId id(*meta->broker_id);
      if (!broker_at_.empty() && found_.broker_id != id)
        return refuse(fmt::format("{} is of broker {} and {} of broker {}: take the directory of the other broker out of log.dirs", broker_at_, found_.broker_id.value(), path, id.value()));
      found_.broker_id = id;
      broker_at_ = path;
    }
    return {};
  }

  Status settle_identity() {
    if (cluster_at_.empty())
      return refuse(fmt::format("no {} with a cluster.id in {}: this is not the data of a Kafka broker; correct log.dirs", storage::kMetaPropertiesFile, fmt::join(request_.log_dirs, ", ")));
    if (request_.cluster_id && *request_.cluster_id != found_.cluster_id)
      return refuse(fmt::format("the directories are of cluster {} ({}) and cluster.id is {}: take cluster.id out of the configuration, or point log.dirs to the right place",
                                found_.cluster_id, cluster_at_, *request_.cluster_id));
    if (broker_at_.empty()) {
      if (!request_.broker_id) return refuse(fmt::format("{} has no broker.id: set broker.id to the one of the Kafka broker", cluster_at_));
      found_.broker_id = *request_.broker_id;
    } else if (request_.broker_id && *request_.broker_id != found_.broker_id) {
      return refuse(fmt::format("broker.id={} is not {} of {}: set broker.id={} or point log.dirs to this broker's own data", request_.broker_id->value(), found_.broker_id.value(),
                                broker_at_, found_.broker_id.value()));
    }
    return {};
  }

  Status read_dir(const std::string& dir) {
    const auto entries = disk_.list(dir);
    if (!entries) return entries.error();
    for (const auto& entry : *entries) {
      if (!entry.is_directory || entry.name == "remote-log-index-cache") continue;
      const auto path = dir + "/" + entry.name;
      if (entry.name.starts_with("__cluster_metadata-"))
        return refuse(fmt::format("{} is the metadata log of a KRaft controller: only directories of Kafka in ZooKeeper mode can be taken over", path));
      const auto name = storage::parse_partition_dir(entry.name);
      if (!name)
        return refuse(fmt::format("{} is not named topic-partition: no Kafka broker starts with it there; move it away, or set log.dirs to the directory below it", path));
      const auto& tp = name->partition;
      switch (name->kind) {
        case PartitionDirKind::to_delete: found_.notes.push_back(fmt::format("{}: deleted before the stop; moldau serve removes it, as Kafka would", path)); continue;
        case PartitionDirKind::stray: found_.notes.push_back(fmt::format("{}: set aside as not of this cluster; it is not served", path)); continue;
        case PartitionDirKind::future: futures_.emplace(tp, path); continue;
        case PartitionDirKind::live: break;
      }
      if (const auto wrong = replication::invalid_topic_name(tp.topic)) return refuse(fmt::format("{} is no topic's directory ({}): move it away", path, *wrong));
      if (auto s = add_partition(tp, path); !s) return s;
    }
    return {};
  }

  Status add_partition(const TopicPartition& tp, const std::string& path) {
    auto& topic = found_.topics[tp.topic];
    const auto [at, fresh] = topic.partitions.emplace(tp.partition, path);
    if (!fresh)
      return refuse(fmt::format("{} and {} are the same partition: keep the one with the higher offsets (kafka-dump-log shows them) and move the other out of log.dirs", at->second, path));
    const auto file = path + "/" + storage::kPartitionMetadataFile;
    const auto text = storage::read_whole(disk_, file, kSmallFile);
    if (!text) return text.error();
    if (!*text) return {};
    const auto id = storage::parse_partition_metadata(**text, file);
    if (!id) return refuse(id.error().message);
    if (!*id) return {};
    if (topic.id && *topic.id != **id) {
      return refuse(fmt::format("topic {} has two ids, {} in {} and {} in {}: it was deleted and made again while a directory was away; move the directories with the old id out of "
                                "log.dirs",
                                tp.topic, topic.id->to_string(), id_at_[tp.topic], (*id)->to_string(), path));
    }
    topic.id = **id;
    id_at_[tp.topic] = path;
    return {};
  }

  Status check_futures() {
    for (const auto& [tp, path] : futures_) {
      const auto topic = found_.topics.find(tp.topic);
      if (topic == found_.topics.end() || !topic->second.partitions.contains(tp.partition))
        return refuse(fmt::format("{} is the unfinished copy of a partition whose own directory {} is missing: add its disk to log.dirs, or rename the copy to {} if that disk is lost", path,
                                  to_string(TopicPartitionView(tp)), to_string(TopicPartitionView(tp))));
      found_.notes.push_back(fmt::format("{}: an unfinished move from {}, which is served meanwhile; moldau serve goes on with it, as Kafka would", path, topic->second.partitions.at(tp.partition)));
    }
    return {};
  }

  /// A number without a directory is a partition that lies somewhere else: a topic with fewer or renumbered partitions would scatter keys and groups.
  Status check_gaps(const std::string& topic, const DirectoryTopic& entry) {
    std::int32_t expected = 0;
    for (const auto& [partition, path] : entry.partitions) {
      if (partition != expected)
        return refuse(fmt::format("{} is there, but no directory of {}-{}: add the log directory that has it to log.dirs, or, if it is lost or on another broker, make an empty directory "
                                  "{}/{}-{} to begin it empty",
                                  path, topic, expected, storage::parent_path(path), topic, expected));
      ++expected;
    }
    return {};
  }

  storage::Disk& disk_;
  const KafkaDirectoriesRequest& request_;
  KafkaDirectories found_;
  std::set<std::string> locked_;
  std::string cluster_at_;
  std::string broker_at_;
  std::map<std::string, std::string> id_at_;
  std::map<TopicPartition, std::string> futures_;
};

}  // namespace

Result<KafkaDirectories> read_kafka_directories(storage::Disk& disk, const KafkaDirectoriesRequest& request) { return Reader(disk, request).read(); }

}  // namespace moldau::server
