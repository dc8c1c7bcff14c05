#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "server/tools/findings.h"
#include "server/tools/input_file.h"
#include "server/tools/verify_parts.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/epoch/leader_epoch_file_cache.h"
#include "storage/io/file_cache.h"
#include "storage/io/posix_disk.h"
#include "storage/producer_state/producer_snapshots.h"

namespace moldau::server::tools {
namespace {

using storage::posix_disk;

class PartitionCheck {
 public:
  PartitionCheck(std::string dir, bool clean, Findings& findings, VerifyTotals& totals)
      : dir_(std::move(dir)), clean_(clean), findings_(findings), totals_(totals) {}

  std::optional<Offset> run() {
    const auto entries = posix_disk().list(dir_);
    if (!entries) {
      findings_.add(dir_, entries.error().message);
      return std::nullopt;
    }
    ++totals_.partitions;
    for (const auto& e : *entries)
      if (!e.is_directory) sort_in(e.name);
    check_segments();
    check_orphans();
    for (const auto offset : snapshots_) check_snapshot(offset);
    if (has_epochs_) check_epochs();
    if (has_metadata_) check_metadata();
    return end_;
  }

 private:
  /// Files with other suffixes (.deleted, .cleaned, .swap, .tmp) are work in progress, which a start of a broker ends.
  void sort_in(const std::string& name) {
    has_epochs_ |= name == storage::LeaderEpochFileCache::kFileName;
    has_metadata_ |= name == storage::kPartitionMetadataFile;
    const auto suffix = file_suffix(name);
    const bool index = suffix == ".index" || suffix == ".timeindex" || suffix == ".txnindex";
    if (suffix != ".log" && suffix != storage::kSnapshotSuffix && !index) return;
    const auto base = offset_in_name(name);
    if (!base || name != storage::segment_file_name(base->value(), suffix.c_str())) {
      findings_.add(path(name), "its name is not an offset of 20 digits");
      return;
    }
    if (suffix == ".log")
      segments_.insert(*base);
    else if (index)
      indexes_[*base].push_back(name);
    else
      snapshots_.insert(*base);
  }

  void check_segments() {
    Offset next{0};
    for (auto it = segments_.begin(); it != segments_.end(); ++it) {
      const SegmentRequest request{path(storage::segment_file_name(it->value(), ".log")), next, std::next(it) == segments_.end(), clean_};
      next = verify_segment(request, findings_, totals_);
    }
    if (!segments_.empty()) end_ = next;
  }

  void check_orphans() {
    for (const auto& [base, names] : indexes_)
      if (!segments_.contains(base))
        for (const auto& name : names) findings_.add(path(name), "an index without its .log file");
  }

  void check_snapshot(Offset offset) {
    const auto file = path(storage::segment_file_name(offset.value(), storage::kSnapshotSuffix));
    const auto bytes = storage::read_whole(posix_disk(), file);
    if (!bytes || !*bytes) {
      findings_.add(file, bytes ? "the file is gone" : bytes.error().message);
      return;
    }
    const auto entries = storage::decode_producer_snapshot(**bytes);
    if (!entries) {
      findings_.add(file, Place{offset, {}}, entries.error().message);
      return;
    }
    for (const auto& e : *entries) {
      if (e.last_offset() >= offset || e.current_txn_first_offset.value_or(kNoOffset) >= offset)
        findings_.add(file, Place{offset, {}},
                      fmt::format("producer {} has offset {}, which is not below the snapshot's", e.id.value(),
                                  std::max(e.last_offset(), e.current_txn_first_offset.value_or(kNoOffset)).value()));
    }
    if (end_ && offset > *end_) findings_.add(file, Place{offset, {}}, fmt::format("it is beyond the end of the log at offset {}", end_->value()));
    findings_.close(file);
  }

  void check_epochs() {
    const auto file = path(storage::LeaderEpochFileCache::kFileName);
    const auto text = storage::read_whole(posix_disk(), file);
    if (!text || !*text) {
      findings_.add(file, text ? "the file is gone" : text.error().message);
      return;
    }
    const auto entries = storage::LeaderEpochFileCache::parse(**text);
    if (!entries)
      findings_.add(file, entries.error().message);
    else if (end_ && !entries->empty() && entries->back().start > *end_)
      findings_.add(file, Place{entries->back().start, {}},
                    fmt::format("epoch {} begins beyond the end of the log at offset {}", entries->back().epoch.value(), end_->value()));
  }

  void check_metadata() {
    const auto file = path(storage::kPartitionMetadataFile);
    const auto text = storage::read_whole(posix_disk(), file);
    if (!text || !*text) {
      findings_.add(file, text ? "the file is gone" : text.error().message);
      return;
    }
    const auto id = storage::parse_partition_metadata(**text, file);
    if (!id)
      findings_.add(file, id.error().message);
    else if (!*id)
      findings_.add(file, "it is empty or torn: the topic id is not known from here");
  }

  [[nodiscard]] std::string path(const std::string& name) const { return dir_ + "/" + name; }

  const std::string dir_;
  const bool clean_;
  Findings& findings_;
  VerifyTotals& totals_;
  std::set<Offset> segments_;
  std::set<Offset> snapshots_;
  std::map<Offset, std::vector<std::string>> indexes_;
  bool has_epochs_ = false;
  bool has_metadata_ = false;
  std::optional<Offset> end_;
};

}  // namespace

std::optional<Offset> verify_partition(const std::string& dir, bool clean, Findings& findings, VerifyTotals& totals) {
  return PartitionCheck(dir, clean, findings, totals).run();
}

}  // namespace moldau::server::tools
