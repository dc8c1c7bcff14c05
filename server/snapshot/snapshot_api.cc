#include "server/snapshot/snapshot_api.h"

#include <fmt/format.h>

#include <chrono>
#include <future>
#include <memory>

#include "replication/store/metadata_store.h"
#include "server/snapshot/broker_outline.h"
#include "storage/log/log_manager.h"
#include "storage/log/unified_log.h"

namespace moldau::server {
namespace {

constexpr std::chrono::seconds kCopyTime{20};
constexpr const char* kText = "text/plain; charset=utf-8";

bool is_internal(const std::string& topic) { return topic == "__consumer_offsets" || topic == "__transaction_state"; }

}  // namespace

HttpReply snapshot_outlines(const storage::LogManager& logs, SnapshotLogs which) {
  // What is not loaded has no outline, and would be missing.
  for (const auto& dir : logs.load_progress().dirs) {
    if (dir.remaining_logs > 0)
      return {503, kText, fmt::format("{} logs of {} are still being recovered: try again when they are (see /readyz)\n", dir.remaining_logs, dir.path)};
    if (dir.failed_logs > 0)
      return {503, kText, fmt::format("{} logs of {} could not be loaded, and would be missing: the broker's log says why\n", dir.failed_logs, dir.path)};
  }
  BrokerOutline outline;
  for (const auto& dir : logs.dirs()) (dir.online ? outline.log_dirs : outline.offline).push_back(dir.path);
  for (const auto& log : logs.unified_logs())
    if (is_internal(log->topic_partition().topic) == (which == SnapshotLogs::internal)) outline.logs.push_back(log->outline());
  return {200, "application/json", format_broker_outline(outline)};
}

HttpReply snapshot_metadata(replication::MetadataStore& store, const std::string& dir) {
  const auto path = dir + "/" + kMetadataCopyFile;
  auto done = std::make_shared<std::promise<Status>>();
  auto copied = done->get_future();
  store.back_up(path, [done](Status s) { done->set_value(std::move(s)); });
  if (copied.wait_for(kCopyTime) != std::future_status::ready) return {503, kText, "the metadata store does not answer\n"};
  if (const auto s = copied.get(); !s) return {s.error().code == ErrorCode::unsupported_version ? 501U : 503U, kText, s.error().message + "\n"};
  return {200, kText, path};
}

}  // namespace moldau::server
