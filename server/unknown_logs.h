// Partitions on disk of which the metadata store knows nothing: the directory of an Apache Kafka broker that `moldau takeover` has not seen yet.
#pragma once

#include <string>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/error.h"

namespace moldau::storage {
class Disk;
}
namespace moldau::replication {
class MetadataStore;
}

namespace moldau::server {

/// INVALID_CONFIG when there are partitions in `log_dirs` and no topic in the store: nobody could read them, and their topics could not be made again under other
/// ids. With any topic in the store it is only a warning, as then a crash may have left them behind (Apache Kafka serves without a word). Directories that are being
/// deleted, futures and strays don't count, nor does a directory that can't be listed. Reads names only.
Awaitable<Status> refuse_unknown_logs(replication::MetadataStore& store, storage::Disk& disk, std::vector<std::string> log_dirs);

}  // namespace moldau::server
