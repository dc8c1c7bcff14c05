// The binary files beside a segment: an index that passes its check is searched, cut and appended to without harm; a producer snapshot is refused or written back as
// it was read. Byte 0 is the kind, byte 1 says whether a snapshot's checksum is mended, so that the fuzzer gets behind it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/crc32c.h"
#include "storage/index/offset_index.h"
#include "storage/index/time_index.h"
#include "storage/index/transaction_index.h"
#include "storage/io/file_cache.h"
#include "storage/io/sim_disk.h"
#include "storage/producer_state/producer_snapshots.h"

using namespace moldau;
using namespace moldau::storage;

namespace {

constexpr std::int64_t kBase = 100;
constexpr Offset kProbes[] = {Offset(0), Offset(kBase), Offset(kBase + 7), Offset(kBase + 1000), Offset(kBase + INT32_MAX)};

void require(bool good) {
  if (!good) std::abort();
}

struct World {
  explicit World(Bytes content, const char* suffix) {
    require(disk.make_directory("/d", true).has_value());
    auto file = disk.open("/d/" + segment_file_name(kBase, suffix), OpenMode::truncate);
    require(file.has_value() && (*file)->write_at(0, content).has_value());
  }
  SimDisk disk{1};
  FileCache cache{disk, 4};
  std::shared_ptr<DirPath> dir = std::make_shared<DirPath>("/d");
};

void offset_index(Bytes content) {
  World w(content, OffsetIndex::kSuffix);
  OffsetIndex index(w.cache, w.dir, Offset(kBase));
  index.attach(content.size());
  const bool sane = index.sanity_check(content.size(), std::uint64_t{1} << 31).has_value();
  for (const auto probe : kProbes) {
    require(index.lookup(probe).has_value());
    require(index.upper_bound(static_cast<std::uint64_t>(probe.value())).has_value());
  }
  if (!sane) return;
  require(index.truncate_to(Offset(kBase + 1000)).has_value());
  const auto last = index.last();
  require(last.has_value());
  require(index.append(Offset(kBase + 2000), 77).has_value());
  require(index.trim().has_value());
}

void time_index(Bytes content) {
  World w(content, TimeIndex::kSuffix);
  TimeIndex index(w.cache, w.dir, Offset(kBase));
  index.attach(content.size());
  const bool sane = index.sanity_check(content.size()).has_value();
  for (const std::int64_t time : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1'700'000'000'000}, INT64_MAX}) require(index.lookup(time).has_value());
  if (!sane) return;
  require(index.truncate_to(Offset(kBase + 1000)).has_value());
  require(index.maybe_append(1'800'000'000'000, Offset(kBase + 2000)).has_value());
  require(index.last().has_value());
}

void transaction_index(Bytes content) {
  World w(content, TransactionIndex::kSuffix);
  TransactionIndex index(w.cache, w.dir, Offset(kBase));
  index.attach(content.size());
  const bool sane = index.sanity_check(content.size()).has_value();
  for (const auto probe : kProbes) {
    std::vector<AbortedTxn> found;
    require(index.collect(probe, Offset(kBase + 5000), found).has_value());
    require(found.size() <= content.size() / TransactionIndex::kEntrySize);
  }
  const auto all = index.all();
  require(all.has_value());
  if (!sane) return;
  for (const auto& txn : *all) require(txn.first_offset <= txn.last_offset);
  require(index.truncate_to(Offset(kBase + 1000)).has_value());
  require(index.append(AbortedTxn{ProducerId(1), Offset(kBase + 1000), Offset(INT64_MAX - 1), Offset(kBase + 1000)}).has_value());
}

void producer_snapshot(Bytes content, bool mend) {
  std::string bytes(reinterpret_cast<const char*>(content.data()), content.size());
  if (mend && bytes.size() >= 10) {
    auto* p = reinterpret_cast<std::byte*>(bytes.data());
    store_be(p, std::int16_t{1});
    store_be(p + 6, static_cast<std::int32_t>((bytes.size() - 10) / 46));
    store_be(p + 2, crc32c(as_bytes(bytes).subspan(6)));
  }
  const auto entries = decode_producer_snapshot(bytes);
  if (!entries) return;
  const auto again = decode_producer_snapshot(encode_producer_snapshot(*entries));
  require(again.has_value() && again->size() == entries->size());
  for (std::size_t i = 0; i < entries->size(); ++i)
    require((*again)[i].id == (*entries)[i].id && (*again)[i].current_txn_first_offset == (*entries)[i].current_txn_first_offset);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes content(reinterpret_cast<const std::byte*>(data) + 2, size - 2);
  switch (data[0] % 4) {
    case 0: offset_index(content); break;
    case 1: time_index(content); break;
    case 2: transaction_index(content); break;
    default: producer_snapshot(content, data[1] % 2 == 1);
  }
  return 0;
}
