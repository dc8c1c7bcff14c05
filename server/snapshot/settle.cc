#include "server/snapshot/settle.h"

#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>

#include "protocol/base/clock.h"
#include "protocol/base/format.h"
#include "protocol/base/random.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/log/log_manager.h"
#include "storage/log/log_segment.h"

namespace moldau::server {
namespace {

constexpr std::size_t kThreads = 2;

/// Nothing of what was copied may have been cut off.
Status check_logs(storage::Disk& disk, const std::string& root, const std::vector<CopiedLog>& logs, const storage::LogManager& manager) {
  for (const auto& copied : logs) {
    const auto& tp = copied.outline.partition;
    const auto name = storage::segment_file_name(copied.last_base.value(), storage::kLogSuffix);
    const auto log = manager.get(TopicPartitionView(tp));
    if (!log)
      return storage::storage_error(
          fmt::format("the copy of {} cannot be loaded: see the lines above, and moldau dump-log --verify {}", tp, copied.outline.log_dir));
    const auto info = disk.stat(fmt::format("{}/{}/{}-{}/{}", root, copied.directory, tp.topic, tp.partition, name));
    if (!info) return info.error();
    const auto bytes = *info ? (*info)->size : 0;
    if (bytes != copied.last_bytes)
      return storage::storage_error(
          fmt::format("{}/{} is damaged: of the {} bytes below the high watermark {} only {} are whole batches (moldau dump-log --verify {} tells more)",
                      copied.outline.dir, name, copied.last_bytes, copied.outline.high_watermark.value(), bytes, copied.outline.log_dir));
  }
  return {};
}

}  // namespace

Status settle(storage::Disk& disk, const std::string& root, const std::vector<ManifestDirectory>& directories, const std::vector<CopiedLog>& logs,
              const SettleOptions& options) {
  storage::LogManagerConfig config;
  for (const auto& d : directories) config.log_dirs.push_back(root + "/" + d.name);
  config.producer_id_expiration_ms = options.producer_id_expiration_ms;
  const auto random = make_system_random();
  boost::asio::thread_pool pool(kThreads);
  const auto manager =
      storage::LogManager::make(std::move(config), std::make_shared<const config::LogConfig>(), {disk, system_clock(), *random, pool.get_executor()});
  if (const auto opened = manager->open_dirs(); !opened) return opened.error();
  if (auto loaded = manager->load_logs({}, {}, options.stop_asked); !loaded) return loaded;
  auto checked = check_logs(disk, root, logs, *manager);
  manager->shutdown();
  if (!checked) return checked;
  for (const auto& d : directories) {
    const auto marker = disk.stat(root + "/" + d.name + "/" + storage::kCleanShutdownFile);
    if (!marker) return marker.error();
    if (!*marker) return storage::storage_error(root + "/" + d.name + " could not be closed cleanly: see the lines above");
  }
  return {};
}

}  // namespace moldau::server
