#include "server/snapshot/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>

#include "config/load.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "server/snapshot/running_copy.h"
#include "server/snapshot/settle.h"
#include "server/snapshot/snapshot_options.h"
#include "server/snapshot/stopped_copy.h"
#include "server/snapshot/verify_snapshot.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/io/posix_disk.h"

namespace moldau::server {
namespace {

namespace fs = std::filesystem;

using Locks = std::vector<std::unique_ptr<storage::FileLock>>;

Error refused(std::string why) { return Error(ErrorCode::invalid_config, std::move(why)); }

fs::path absolute(const std::string& path) {
  std::error_code error;
  auto found = fs::weakly_canonical(fs::absolute(path), error);
  return error ? fs::path(path) : found;
}

bool is_inside(const fs::path& path, const fs::path& dir) {
  const auto [at, end] = std::mismatch(dir.begin(), dir.end(), path.begin(), path.end());
  return at == dir.end();
}

Status check_directories(const SnapshotRequest& request, storage::Disk& disk) {
  for (const auto& dir : request.log_dirs) {
    const auto meta = disk.stat(dir + "/" + storage::kMetaPropertiesFile);
    if (!meta) return meta.error();
    if (!*meta)
      return refused(dir + " holds no broker's data (it has no meta.properties): name the broker's configuration, or its log.dirs by --override log.dirs=...");
    // A broker does not start with a directory of that kind among its partitions.
    if (is_inside(absolute(request.to), absolute(dir))) return refused(request.to + " lies in the log directory " + dir + ": name a directory outside of it");
  }
  return {};
}

/// The locks of a stopped broker's directories; none when one of them is in use.
Result<Locks> lock_directories(const SnapshotRequest& request, storage::Disk& disk) {
  Locks locks;
  for (const auto& dir : request.log_dirs) {
    auto lock = disk.lock(dir + "/" + storage::kLockFile);
    if (!lock) return lock.error();
    if (!*lock) return Locks{};
    locks.push_back(std::move(*lock));
  }
  return locks;
}

std::vector<ManifestDirectory> name_directories(const std::vector<std::string>& log_dirs) {
  std::vector<ManifestDirectory> named;
  for (const auto& dir : log_dirs) named.push_back({fmt::format("dir{}", named.size()), dir});
  return named;
}

Status fill_from_running(const SnapshotRequest& request, const SnapshotSeams& seams, SnapshotTarget& target, Manifest& manifest, SnapshotReport& report) {
  if (request.broker == nullptr)
    return refused(
        fmt::format("{} is in use, and its broker has no HTTP port to be asked by: set http.listeners, name the port by --server, or stop the broker",
                    request.log_dirs.front()));
  auto copied = copy_running(seams.disk, target, manifest.directories, *request.broker);
  if (!copied) {
    if (copied.error().code != ErrorCode::broker_not_available) return copied.error();
    return Error(copied.error().code,
                 fmt::format("{} is in use, and no Moldau broker can be asked for its logs ({}): name its HTTP address by --server, or stop the broker",
                             request.log_dirs.front(), copied.error().message));
  }
  for (const auto& log : copied->logs) manifest.partitions.push_back({log.outline.partition, log.outline.log_start, log.outline.high_watermark});
  report.notes.insert(report.notes.end(), copied->notes.begin(), copied->notes.end());
  return settle(seams.disk, target.root(), manifest.directories, copied->logs, {request.producer_id_expiration_ms, request.stop_asked});
}

Status fill(const SnapshotRequest& request, const SnapshotSeams& seams, SnapshotTarget& target, SnapshotReport& report) {
  Manifest manifest;
  manifest.directories = report.directories;
  const auto locks = lock_directories(request, seams.disk);
  if (!locks) return locks.error();
  report.running = locks->empty();
  if (request.copy) target.copy_only();
  if (report.running) {
    if (auto s = fill_from_running(request, seams, target, manifest, report); !s) return s;
  } else {
    auto copied = copy_stopped(seams.disk, target, manifest.directories);
    if (!copied) return copied.error();
    report.clean = copied->clean;
    report.notes.insert(report.notes.end(), copied->notes.begin(), copied->notes.end());
  }
  manifest.created_ms = seams.clock.wall_ms();
  manifest.clean = report.clean;
  return target.seal(std::move(manifest), {request.checksums});
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kKi = 1024;
  if (bytes < kKi * kKi) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / static_cast<double>(kKi));
  if (bytes < kKi * kKi * kKi) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / static_cast<double>(kKi * kKi));
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(kKi * kKi * kKi));
}

std::string totals_text(const SnapshotTotals& totals) {
  return fmt::format("{} partitions, {} files linked ({}), {} copied ({})", totals.partitions, totals.linked_files, size_text(totals.linked_bytes),
                     totals.copied_files, size_text(totals.copied_bytes));
}

/// The stop signal that has come, 0 without one. REQUIRES: they are blocked.
int pending_signal() {
  sigset_t pending;
  ::sigemptyset(&pending);
  ::sigpending(&pending);
  for (const int signal : {SIGINT, SIGTERM})
    if (::sigismember(&pending, signal) == 1) return signal;
  return 0;
}

void block_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

/// host:port of --server or http.listeners; an address for all interfaces is asked on this machine.
std::optional<BrokerClient> client_of(const SnapshotOptions& options, const config::BrokerConfig& config, std::string& wrong) {
  std::string host;
  std::uint16_t port = 0;
  if (options.server) {
    auto text = *options.server;
    if (text.starts_with("http://")) text.erase(0, 7);
    while (text.ends_with("/")) text.pop_back();
    const auto colon = text.rfind(':');
    int number = 0;
    if (colon != std::string::npos) number = std::atoi(text.c_str() + colon + 1);
    if (number < 1 || number > 65535) {
      wrong = "--server " + *options.server + ": HOST:PORT is wanted, such as 127.0.0.1:8080";
      return std::nullopt;
    }
    host = text.substr(0, colon);
    port = static_cast<std::uint16_t>(number);
  } else if (config.http_endpoint) {
    host = config.http_endpoint->host;
    port = static_cast<std::uint16_t>(config.http_endpoint->port);
  } else {
    return std::nullopt;
  }
  if (host.starts_with("[") && host.ends_with("]")) host = host.substr(1, host.size() - 2);
  if (host.empty() || host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  return BrokerClient(host, port);
}

SnapshotProgress printed_progress(std::FILE* err, bool quiet) {
  return [err, quiet, last = system_clock().steady()](const SnapshotTotals& totals) mutable -> Status {
    if (pending_signal() != 0) return Error(ErrorCode::broker_not_available, "stopped by a signal");
    const auto now = system_clock().steady();
    if (quiet || now - last < std::chrono::seconds(1)) return {};
    last = now;
    fmt::print(err, "{}\n", totals_text(totals));
    return {};
  };
}

int report_failure(const Error& error, std::FILE* err) {
  fmt::print(err, "moldau snapshot: {}; no snapshot was made\n", error.message);
  const int signal = pending_signal();
  return signal != 0 ? 128 + signal : 1;
}

void report_success(const SnapshotReport& report, const std::string& to, std::FILE* out, std::FILE* err) {
  for (const auto& note : report.notes) fmt::print(err, "moldau snapshot: {}\n", note);
  if (report.totals.not_linkable > 0)
    fmt::print(err, "moldau snapshot: {} closed segments could not be linked (another file system, or one without hard links) and were copied\n",
               report.totals.not_linkable);
  if (!report.clean) fmt::print(err, "moldau snapshot: the broker had not been stopped cleanly: who starts on the snapshot recovers its logs\n");
  std::vector<std::string> dirs;
  for (const auto& d : report.directories) dirs.push_back(to + "/" + d.name);
  fmt::print(out, "{}: {}, of a {} broker\n", to, totals_text(report.totals), report.running ? "running" : "stopped");
  fmt::print(out, "to restore: a broker with log.dirs={}\n", fmt::join(dirs, ","));
}

}  // namespace

Result<SnapshotReport> make_snapshot(const SnapshotRequest& request, const SnapshotSeams& seams) {
  SnapshotReport report;
  if (request.log_dirs.empty()) return refused("log.dirs is empty; name at least one directory");
  if (auto s = check_directories(request, seams.disk); !s) return s.error();
  report.directories = name_directories(request.log_dirs);
  auto target = SnapshotTarget::begin(seams.disk, request.to, request.progress, report.notes);
  if (!target) return target.error();
  if (auto s = fill(request, seams, **target, report); !s) {
    if (auto removed = (*target)->abandon(); !removed)
      return Error(s.error().code, fmt::format("{} ({} is left behind: {})", s.error().message, (*target)->root(), removed.error().message));
    return s.error();
  }
  report.totals = (*target)->totals();
  return report;
}

int run_snapshot(const std::vector<std::string>& words, std::FILE* out, std::FILE* err) {
  constexpr int kUsageError = 2;
  const auto parsed = parse_snapshot_options(words);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) {
    fmt::print(err, "moldau snapshot: {}\n", *wrong);
    return kUsageError;
  }
  const auto& options = std::get<SnapshotOptions>(parsed);
  if (options.help) {
    fmt::print(out, "{}", snapshot_help());
    return 0;
  }
  if (options.verify) return verify_snapshot(storage::posix_disk(), *options.verify, out, err);
  const auto loaded = config::load(options.load);
  for (const auto& error : loaded.errors) fmt::print(err, "moldau snapshot: {}\n", error);
  if (!loaded.ok()) return 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(LogCategory::count_); ++i) (void)set_log_level(static_cast<LogCategory>(i), "warn");
  block_signals();
  std::string wrong;
  auto client = client_of(options, *loaded.config, wrong);
  if (!wrong.empty()) {
    fmt::print(err, "moldau snapshot: {}\n", wrong);
    return kUsageError;
  }
  SnapshotRequest request;
  request.log_dirs = loaded.config->data_dirs;
  request.to = options.to;
  while (request.to.size() > 1 && request.to.ends_with("/")) request.to.pop_back();
  request.copy = options.copy;
  request.checksums = options.checksums;
  request.producer_id_expiration_ms = loaded.config->producer_id_expiration_ms;
  request.broker = client ? &*client : nullptr;
  request.progress = printed_progress(err, options.quiet);
  request.stop_asked = [] { return pending_signal() != 0; };
  const auto report = make_snapshot(request, {storage::posix_disk(), system_clock()});
  if (!report) return report_failure(report.error(), err);
  report_success(*report, request.to, out, err);
  return 0;
}

}  // namespace moldau::server
