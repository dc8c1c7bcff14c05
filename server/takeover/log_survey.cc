#include "server/takeover/log_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "storage/epoch/leader_epoch_file_cache.h"
#include "storage/io/disk.h"
#include "storage/log/batch_scanner.h"
#include "storage/producer_state/producer_snapshots.h"

namespace moldau::server {
namespace {

using storage::BatchScanner;

/// A pipe or device among the files: opening one may never end. Not through Disk, which knows files and directories only.
bool waits_for_a_writer(const std::string& path) {
  std::error_code ignored;  // what is not there is told when it is opened
  const auto type = std::filesystem::status(path, ignored).type();
  using enum std::filesystem::file_type;
  return type == fifo || type == socket || type == character || type == block;
}

class Surveyor {
 public:
  Surveyor(storage::Disk& disk, const std::string& dir) : disk_(disk), dir_(dir) {}

  Result<LogSurvey> survey() {
    const auto entries = disk_.list(dir_);
    if (!entries) return entries.error();
    for (const auto& entry : *entries) {
      if (entry.is_directory || waits_for_a_writer(dir_ + "/" + entry.name)) continue;
      const std::string_view name = entry.name;
      Status read;
      if (name == storage::LeaderEpochFileCache::kFileName)
        read = read_epochs(dir_ + "/" + entry.name);
      else if (name.ends_with(storage::kSnapshotSuffix))
        read = read_snapshot(dir_ + "/" + entry.name);
      else if (name.ends_with(".log") || name.ends_with(".log.swap"))
        read = read_batches(dir_ + "/" + entry.name);
      if (!read) return read.error();
    }
    std::sort(survey_.notes.begin(), survey_.notes.end());
    return std::move(survey_);
  }

 private:
  Status read_epochs(const std::string& path) {
    const auto text = storage::read_whole(disk_, path);
    if (!text) return text.error();
    const auto entries = storage::LeaderEpochFileCache::parse(text->value_or(""));
    if (!entries) {
      note(path, entries.error());
      return {};
    }
    for (const auto& entry : *entries) survey_.highest_epoch = std::max(survey_.highest_epoch, entry.epoch);
    return {};
  }

  Status read_snapshot(const std::string& path) {
    const auto bytes = storage::read_whole(disk_, path);
    if (!bytes) return bytes.error();
    const auto entries = storage::decode_producer_snapshot(bytes->value_or(""));
    if (!entries) {
      note(path, entries.error());
      return {};
    }
    for (const auto& entry : *entries) survey_.highest_producer_id = std::max(survey_.highest_producer_id, entry.id);
    return {};
  }

  Status read_batches(const std::string& path) {
    const auto file = disk_.open(path, storage::OpenMode::read);
    if (!file) return file.error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    BatchScanner headers(**file, 0, *size, BatchScanner::Mode::headers);
    while (true) {
      const auto batch = headers.next();
      if (!batch) return batch.error();
      if (!*batch) return {};
      const auto epoch = (*batch)->partition_leader_epoch();
      const auto producer = (*batch)->producer_id();
      if (epoch <= survey_.highest_epoch && producer <= survey_.highest_producer_id) continue;
      BatchScanner whole(**file, headers.position(), headers.next_position(), BatchScanner::Mode::whole);
      const auto checked = whole.next();
      if (!checked) return checked.error();
      if (!*checked || !(*checked)->is_valid()) continue;
      survey_.highest_epoch = std::max(survey_.highest_epoch, epoch);
      survey_.highest_producer_id = std::max(survey_.highest_producer_id, producer);
    }
  }

  void note(const std::string& path, const Error& error) { survey_.notes.push_back(fmt::format("{}: {}; moldau serve rebuilds it", path, error.message)); }

  storage::Disk& disk_;
  const std::string& dir_;
  LogSurvey survey_;
};

}  // namespace

Result<LogSurvey> survey_log(storage::Disk& disk, const std::string& dir) { return Surveyor(disk, dir).survey(); }

}  // namespace moldau::server
