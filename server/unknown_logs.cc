#include "server/unknown_logs.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"
#include "storage/io/disk.h"
#include "storage/log/log_dir_names.h"

namespace moldau::server {
namespace {

namespace znodes = replication::znodes;

struct FoundLogs {
  std::size_t count = 0;
  std::string example;  ///< The path of the first by name.
};

FoundLogs find_unknown(storage::Disk& disk, const std::vector<std::string>& log_dirs, const std::set<std::string, std::less<>>& known) {
  FoundLogs found;
  for (const auto& dir : log_dirs) {
    const auto entries = disk.list(dir);
    if (!entries) continue;  // an offline directory: the log manager has told of it
    for (const auto& entry : *entries) {
      if (!entry.is_directory) continue;
      const auto name = storage::parse_partition_dir(entry.name);
      if (!name || name->kind != storage::PartitionDirKind::live || known.contains(name->partition.topic)) continue;
      const auto path = dir + "/" + entry.name;
      if (found.count++ == 0 || path < found.example) found.example = path;
    }
  }
  return found;
}

}  // namespace

Awaitable<Status> refuse_unknown_logs(replication::MetadataStore& store, storage::Disk& disk, std::vector<std::string> log_dirs) {
  std::set<std::string, std::less<>> known;
  for (const auto path : {znodes::kTopics, znodes::kDeleteTopics}) {
    auto names = co_await store.children(std::string(path));
    if (!names && names.error() == replication::StoreError::no_node) continue;
    if (!names) co_return Error(ErrorCode::unknown_server_error, fmt::format("metadata store: {}", replication::to_string(names.error())));
    known.insert(std::make_move_iterator(names->begin()), std::make_move_iterator(names->end()));
  }
  const auto unknown = find_unknown(disk, log_dirs, known);
  if (unknown.count == 0) co_return Status{};
  const auto what = fmt::format("{} partition{} on disk (for example {}) {} of topics that this broker's metadata does not know", unknown.count, unknown.count == 1 ? "" : "s", unknown.example,
                                unknown.count == 1 ? "is" : "are");
  // DIFFERS: Apache Kafka starts, and clients find that their topics are gone.
  if (known.empty())
    co_return Error(ErrorCode::invalid_config, what + ": run moldau takeover with the same configuration (README, Taking over a Kafka data directory), or set log.dirs to an empty directory");
  MOLDAU_LOG(server, warn, "{}, so that nobody can read them; stop the broker and run moldau takeover, or move them out of log.dirs", what);
  co_return Status{};
}

}  // namespace moldau::server
