// What an embedded metadata store knows before a takeover: nothing, or the tree of an earlier one, which is added to.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "replication/store/znodes.h"

namespace moldau::replication {
class MetadataStore;
}

namespace moldau::server {

struct MetadataSnapshot {
  std::optional<std::string> cluster_id;
  std::map<std::string, replication::znodes::TopicAssignment> topics;
  std::map<TopicPartition, replication::znodes::PartitionState> states;
  std::set<std::string> deleting;                                    ///< Topics whose deletion was asked for.
  std::map<std::string, replication::znodes::EntityConfig> configs;  ///< Of topics that have a configuration node.
  std::optional<replication::znodes::ProducerIdBlock> producer_ids;
};

/// Path and data of nodes that shall be; nothing for null data. In order of paths, so parents come before children.
using ZnodeMap = std::map<std::string, std::optional<std::string>>;

/// Errors: the node that cannot be read, and why. Blocking; not on the store's thread.
Result<MetadataSnapshot> read_metadata(replication::MetadataStore& store);

/// Makes missing nodes and sets the data of the others, all in one transaction: after a crash there is all or nothing of it. Blocking.
Status write_metadata(replication::MetadataStore& store, const ZnodeMap& nodes);

}  // namespace moldau::server
