// A partition directory of any content is loaded, or refused: whatever is in it, the log can be read, takes the next record and loads again; when recovery has looked at
// all of it, its offsets are in order and it is the same after a clean stop.
//
// Input: byte 0 flags (1: clean shutdown, 2: compacted, 4: checksums of batches are mended), byte 1 recovery point, byte 2 log start, then files:
// byte name, 2 bytes size, content.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/log.h"
#include "protocol/base/random.h"
#include "protocol/records/any_batch.h"
#include "protocol/records/record_batch_builder.h"
#include "storage/io/sim_disk.h"
#include "storage/log/log_loader.h"

using namespace moldau;
using namespace moldau::storage;

namespace {

constexpr const char* kNames[] = {
    "00000000000000000000.log",
    "00000000000000000010.log",
    "00000000000000000020.log",
    "00000000000000000000.index",
    "00000000000000000000.timeindex",
    "00000000000000000000.txnindex",
    "00000000000000000010.index",
    "00000000000000000010.timeindex",
    "00000000000000000010.txnindex",
    "00000000000000000010.snapshot",
    "00000000000000000020.snapshot",
    "leader-epoch-checkpoint",
    "partition.metadata",
    "00000000000000000000.log.swap",
    "00000000000000000010.log.swap",
    "00000000000000000000.index.swap",
    "00000000000000000000.log.cleaned",
    "00000000000000000010.log.deleted",
    "00000000000000000020.index",
    "leader-epoch-checkpoint.tmp",
    "99999999999999999999.log",
    "09223372036854775807.log",
    "unknown",
};
constexpr std::size_t kMaxFiles = 12;

void require(bool good) {
  if (!good) std::abort();
}

class NoDeletion final : public DelayedDeletion {
 public:
  void delete_later(std::shared_ptr<LogSegment>, std::int64_t) override {}
};

/// The checksums of whole batches made right.
void mend(MutableBytes bytes) {
  for (std::size_t at = 0; at + protocol::kBatchHeaderSize <= bytes.size();) {
    const auto prefix = protocol::parse_batch_prefix(Bytes(bytes).subspan(at, protocol::kBatchPrefixSize));
    if (!prefix || prefix->size_in_bytes < protocol::kBatchHeaderSize || prefix->size_in_bytes > bytes.size() - at) return;
    if (bytes[at + 16] == std::byte{2}) protocol::batch_header::update_checksum(bytes.subspan(at, prefix->size_in_bytes));
    at += prefix->size_in_bytes;
  }
}

struct World {
  SimDisk disk{1};
  ManualClock clock;
  std::unique_ptr<Random> random = make_seeded_random(1);
  boost::asio::io_context io;
  FileCache cache{disk, 16};
  std::shared_ptr<BackgroundJobs> jobs = std::make_shared<BackgroundJobs>(io.get_executor());
  std::shared_ptr<LogDirState> dir = std::make_shared<LogDirState>("/d");
  std::shared_ptr<NoDeletion> deletion = std::make_shared<NoDeletion>();
  std::shared_ptr<config::LogConfig> config = std::make_shared<config::LogConfig>();

  Result<std::shared_ptr<UnifiedLog>> load(bool clean, Offset recovery_point, Offset log_start) {
    LogEnvironment env{cache, clock, *random, jobs, dir, deletion, 86'400'000};
    LoadRequest request{std::move(env), TopicPartition{"t", 0}, "/d/t-0", config, recovery_point, log_start, clean};
    return load_log(std::move(request));
  }
  void drain() {
    io.restart();
    io.run();
  }
};

/// When recovery has looked at every batch: offsets rise, none is outside the log. Else a broken batch is a reader's to find.
void read_all(const UnifiedLog& log, bool all_recovered) {
  auto at = log.log_start_offset();
  Offset last = kNoOffset;
  while (at < log.log_end_offset()) {
    const auto info = log.read(at, 1 << 20, FetchIsolation::log_end, true);
    if (!info || info->slice.size == 0) return;
    std::vector<std::byte> bytes(info->slice.size);
    const auto got = info->slice.file->read_at(info->slice.position, bytes);
    require(got.has_value() && *got == bytes.size());
    const auto before = at;
    for (const auto& batch : protocol::BatchRange(bytes)) {
      if (!all_recovered && (batch.last_offset() <= last || batch.last_offset() >= log.log_end_offset())) return;
      require(batch.last_offset() > last && batch.last_offset() < log.log_end_offset());
      last = batch.last_offset();
      at = batch.next_offset();
    }
    if (at <= before) return;
  }
}

void append_one(World& w, UnifiedLog& log) {
  protocol::RecordBatchBuilder builder(protocol::RecordBatchOptions{});
  builder.append(1'700'000'000'000, as_bytes(std::string_view("k")), as_bytes(std::string_view("v")));
  const auto built = builder.build();
  require(built.has_value());
  std::vector<std::byte> bytes(built->data(), built->data() + built->size());
  const auto end = log.log_end_offset();
  if (end.value() > INT64_MAX / 2) return;
  LeaderAppend append{bytes, LeaderEpoch(INT32_MAX - 1), AppendOrigin::client, 11};
  std::optional<Offset> first;
  auto appending = log.append_as_leader(append);
  boost::asio::co_spawn(w.io, std::move(appending), [&first](std::exception_ptr e, AppendResult<LogAppendInfo> r) {
    require(e == nullptr);
    if (r) first = r->first_offset;
  });
  w.drain();
  require(first == end && log.log_end_offset() == end + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = [] {
    for (const auto category : {LogCategory::storage, LogCategory::replica, LogCategory::server}) set_log_level(category, "off");
    return true;
  }();
  static_cast<void>(quiet);
  if (size < 3) return 0;
  const auto flags = data[0];
  World w;
  w.config->cleanup_compact = (flags & 2) != 0;
  require(w.disk.make_directory("/d/t-0", true).has_value());
  std::size_t at = 3;
  for (std::size_t n = 0; n < kMaxFiles && at + 3 <= size; ++n) {
    const std::string name = kNames[data[at] % std::size(kNames)];
    const auto length = std::min<std::size_t>(static_cast<std::size_t>(data[at + 1]) | static_cast<std::size_t>(data[at + 2]) << 8, size - at - 3);
    std::vector<std::byte> content(reinterpret_cast<const std::byte*>(data) + at + 3, reinterpret_cast<const std::byte*>(data) + at + 3 + length);
    if ((flags & 4) != 0 && name.find(".log") != std::string::npos) mend(content);
    auto file = w.disk.open("/d/t-0/" + name, OpenMode::truncate);
    require(file.has_value() && (*file)->write_at(0, content).has_value());
    at += 3 + length;
  }
  auto log = w.load((flags & 1) != 0, Offset(data[1]), Offset(data[2]));
  if (!log) {
    // Not the disk's fault: the other partitions of the directory go on.
    require(log.error().code != ErrorCode::kafka_storage_error);
    return 0;
  }
  require((*log)->log_start_offset() <= (*log)->log_end_offset());
  require((*log)->recovery_point() <= (*log)->log_end_offset());
  // Segments that overlap are taken as they are, as Apache Kafka takes them.
  const bool all_recovered = (flags & 1) == 0 && data[1] == 0;
  read_all(**log, all_recovered && (*log)->segment_count() == 1);
  append_one(w, **log);
  const auto start = (*log)->log_start_offset();
  const auto end = (*log)->log_end_offset();
  const auto epoch = (*log)->latest_epoch();
  w.drain();
  require((*log)->try_seal() && (*log)->close(true).has_value());
  w.drain();
  log->reset();
  auto again = w.load(true, Offset(0), start);
  require(again.has_value());
  // A broken batch that nobody looked at may come to light with a repair of an index, and then ends the log.
  if (all_recovered) require((*again)->log_start_offset() == start && (*again)->log_end_offset() == end && (*again)->latest_epoch() == epoch);
  again->reset();
  w.drain();
  return 0;
}
