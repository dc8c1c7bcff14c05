#include "server/health.h"

#include "protocol/base/format.h"

namespace moldau::server {
namespace {

constexpr unsigned kOk = 200;
constexpr unsigned kUnavailable = 503;
constexpr const char* kText = "text/plain; charset=utf-8";

}  // namespace

void Health::set_load_progress(std::function<storage::LoadProgress()> source) {
  const std::lock_guard lock(mutex_);
  load_progress_ = std::move(source);
}

std::string Health::missing_logs() const {
  std::function<storage::LoadProgress()> source;
  {
    const std::lock_guard lock(mutex_);
    source = load_progress_;
  }
  std::string lines;
  if (!source) return lines;
  for (const auto& dir : source().dirs) {
    if (dir.remaining_logs > 0)
      lines += fmt::format("{} {}: {} of {} logs remain, {} segments, {} bytes\n", dir.recovering ? "recovering" : "loading", dir.path, dir.remaining_logs,
                           dir.logs, dir.remaining.segments, dir.remaining.bytes);
    if (dir.failed_logs > 0) lines += fmt::format("not available in {}: {} of {} logs, which could not be loaded\n", dir.path, dir.failed_logs, dir.logs);
  }
  return lines;
}

HttpReply Health::healthz() const { return {kOk, kText, "ok\n"}; }

HttpReply Health::readyz() const {
  switch (state()) {
    case BrokerState::running: return {kOk, kText, "ready\n" + missing_logs()};
    case BrokerState::recovery: return {kUnavailable, kText, "loading logs\n" + missing_logs()};
    case BrokerState::pending_controlled_shutdown:
    case BrokerState::shutting_down: return {kUnavailable, kText, "stopping\n"};
    case BrokerState::not_running:
    case BrokerState::starting: break;
  }
  return {kUnavailable, kText, "starting\n"};
}

}  // namespace moldau::server
