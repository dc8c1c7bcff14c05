// The text files of a log directory: any bytes are refused or understood, and what is understood is written back to the same value. Byte 0 is the kind.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/checkpoint/metadata_files.h"
#include "storage/checkpoint/offset_checkpoint.h"
#include "storage/epoch/leader_epoch_file_cache.h"

using namespace moldau;
using namespace moldau::storage;

namespace {

void require(bool good) {
  if (!good) std::abort();
}

/// Also the cleaner's checkpoint.
void offset_checkpoint(std::string_view text) {
  const auto offsets = parse_offset_checkpoint(text, "file");
  if (!offsets) return;
  const auto again = parse_offset_checkpoint(format_offset_checkpoint(*offsets), "file");
  require(again.has_value() && *again == *offsets);
}

void leader_epochs(std::string_view text) {
  auto entries = LeaderEpochFileCache::parse(text);
  if (!entries) return;
  for (std::size_t i = 1; i < entries->size(); ++i) require((*entries)[i - 1].epoch < (*entries)[i].epoch && (*entries)[i - 1].start < (*entries)[i].start);
  const auto again = LeaderEpochFileCache::parse(LeaderEpochFileCache::format(*entries));
  require(again.has_value() && again->size() == entries->size());
  LeaderEpochFileCache cache;
  cache.load(std::move(*entries));
  cache.truncate_from_end(Offset(1000));
  cache.truncate_from_start(Offset(10));
  cache.assign(LeaderEpoch(5), Offset(20));
  static_cast<void>(cache.end_offset_for(LeaderEpoch(3), Offset(2000)));
}

void meta_properties(std::string_view text) {
  const auto properties = parse_meta_properties(text, "meta.properties");
  if (!properties) return;
  if (properties->cluster_id && properties->cluster_id->find('\r') != std::string::npos) return;  // half of a line's end
  const auto again = parse_meta_properties(format_meta_properties(*properties, 1'700'000'000'000), "meta.properties");
  require(again.has_value() && again->broker_id == properties->broker_id && again->cluster_id == properties->cluster_id);
}

void partition_metadata(std::string_view text) {
  const auto id = parse_partition_metadata(text, "partition.metadata");
  if (!id || !*id) return;
  const auto again = parse_partition_metadata(format_partition_metadata(**id), "partition.metadata");
  require(again.has_value() && *again == *id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: offset_checkpoint(text); break;
    case 1: leader_epochs(text); break;
    case 2: meta_properties(text); break;
    default: partition_metadata(text);
  }
  return 0;
}
