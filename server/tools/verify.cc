#include "server/tools/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/tools/findings.h"
#include "server/tools/input_file.h"
#include "server/tools/java_text.h"
#include "server/tools/verify_parts.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/checkpoint/offset_checkpoint.h"
#include "storage/io/posix_disk.h"
#include "storage/log/log_dir_names.h"

namespace moldau::server::tools {
namespace {

using storage::PartitionDirKind;
using storage::posix_disk;

class DirectoryCheck {
 public:
  DirectoryCheck(std::string dir, std::vector<storage::DirEntry> entries, Findings& findings, VerifyTotals& totals)
      : dir_(std::move(dir)), entries_(std::move(entries)), findings_(findings), totals_(totals) {
    std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  }

  void run() {
    const bool clean = has_file(storage::kCleanShutdownFile);
    for (const auto& e : entries_)
      if (e.is_directory) check_directory(e.name, clean);
    check_identity();
    for (const auto* name : {storage::kRecoveryPointFile, storage::kLogStartFile, storage::kHighWatermarkFile, storage::kCleanerFile})
      if (has_file(name)) check_checkpoint(name);
  }

 private:
  [[nodiscard]] bool has_file(std::string_view name) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const auto& e) { return !e.is_directory && e.name == name; });
  }

  void check_directory(const std::string& name, bool clean) {
    if (name == "remote-log-index-cache" || name == "__cluster_metadata-0") return;  // not of this kind of broker
    const auto partition = storage::parse_partition_dir(name);
    if (!partition) {
      findings_.add(dir_ + "/" + name, "the directory's name is not topic-partition: no broker starts with it here");
      return;
    }
    if (partition->kind == PartitionDirKind::to_delete) return;
    const auto end = verify_partition(dir_ + "/" + name, clean, findings_, totals_);
    if (end && partition->kind == PartitionDirKind::live) ends_[partition->partition] = *end;
  }

  void check_identity() {
    const auto file = dir_ + "/" + storage::kMetaPropertiesFile;
    if (!has_file(storage::kMetaPropertiesFile)) return;  // a broker makes it
    const auto text = storage::read_whole(posix_disk(), file);
    const auto parsed = text && *text ? storage::parse_meta_properties(**text, file)
                                      : Result<storage::MetaProperties>(text ? storage::storage_error("the file is gone") : text.error());
    if (!parsed) findings_.add(file, parsed.error().message);
  }

  /// The text, and that no offset is beyond the log of its partition.
  void check_checkpoint(const char* name) {
    const auto file = dir_ + "/" + name;
    const auto offsets = storage::read_offset_checkpoint(posix_disk(), file);
    if (!offsets) {
      findings_.add(file, offsets.error().message);
      return;
    }
    for (const auto& [partition, offset] : *offsets) {
      const auto end = ends_.find(partition);
      if (end != ends_.end() && offset > end->second)
        findings_.add(file, Place{offset, {}},
                      fmt::format("{}-{}: the offset is beyond the end of its log at offset {}", partition.topic, partition.partition, end->second.value()));
    }
    findings_.close(file);
  }

  const std::string dir_;
  std::vector<storage::DirEntry> entries_;
  Findings& findings_;
  VerifyTotals& totals_;
  storage::OffsetMap ends_;
};

/// Whether the directory is a partition's, not one of log.dirs.
bool is_partition(const std::string& dir, const std::vector<storage::DirEntry>& entries) {
  const auto absolute = java_absolute_path(dir);
  return storage::parse_partition_dir(file_name(absolute)) &&
         std::any_of(entries.begin(), entries.end(), [](const auto& e) { return !e.is_directory && file_suffix(e.name) == ".log"; });
}

}  // namespace

int verify(const std::string& dir, std::FILE* out, std::FILE* err) {
  const auto path = java_path(dir);
  auto entries = posix_disk().list(path);
  if (!entries) {
    fmt::print(err, "moldau dump-log: {}\n", entries.error().message);
    return 1;
  }
  Findings findings(out);
  VerifyTotals totals;
  if (is_partition(path, *entries))
    verify_partition(path, false, findings, totals);
  else
    DirectoryCheck(path, std::move(*entries), findings, totals).run();
  fmt::print(out, "{} partitions, {} segments, {} batches, {} records, {} bytes: {} broken files\n", totals.partitions, totals.segments, totals.batches,
             totals.records, totals.bytes, findings.broken_files());
  return findings.broken_files() == 0 ? 0 : 1;
}

}  // namespace moldau::server::tools
