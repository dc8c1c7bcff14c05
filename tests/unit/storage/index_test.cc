#include "tests/unit/storage/storage_fixture.h"

#include "storage/index/offset_index.h"
#include "storage/index/time_index.h"
#include "storage/index/transaction_index.h"

using namespace moldau;
using namespace moldau::storage;

namespace {

struct Files {
  SimDisk disk{1};
  FileCache cache{disk, 16};
  std::shared_ptr<DirPath> dir = std::make_shared<DirPath>("/d");
  Files() { REQUIRE(disk.make_directory("/d", true)); }
};

}  // namespace

TEST_CASE("OffsetIndex: greatest entry not above the target, near and far", "[storage]") {
  Files f;
  OffsetIndex index(f.cache, f.dir, Offset(1000));
  CHECK(index.lookup(Offset(5000))->offset == Offset(1000));
  REQUIRE(index.presize(80000));
  for (int i = 1; i <= 5000; ++i) REQUIRE(index.append(Offset(1000 + i * 10), static_cast<std::uint32_t>(i * 100)));
  for (const int i : {1, 2, 63, 64, 65, 127, 128, 129, 1000, 2500, 4871, 4872, 4873, 4999, 5000}) {
    CHECK(index.lookup(Offset(1000 + i * 10))->position == static_cast<std::uint32_t>(i * 100));
    CHECK(index.lookup(Offset(1009 + i * 10))->position == static_cast<std::uint32_t>(i * 100));
    CHECK(index.lookup(Offset(999 + i * 10))->position == static_cast<std::uint32_t>((i - 1) * 100));
  }
  CHECK(index.last()->offset == Offset(51000));
  CHECK_FALSE(index.is_full(40008));
  CHECK(index.is_full(40000));
  CHECK(**index.upper_bound(100) == Offset(1010));
  CHECK(**index.upper_bound(101) == Offset(1020));
  CHECK_FALSE(index.upper_bound(500001)->has_value());
  // Entries that do not rise are left out.
  REQUIRE(index.append(Offset(1001), 5));
  CHECK(index.entries().count() == 5000);

  REQUIRE(index.truncate_to(Offset(26000)));
  CHECK(index.entries().count() == 2499);
  CHECK(index.last()->offset == Offset(25990));
  REQUIRE(index.append(Offset(30000), 7));
  REQUIRE(index.trim());
  CHECK((*f.disk.stat("/d/00000000000000001000.index"))->size == 2500 * 8);

  OffsetIndex again(f.cache, f.dir, Offset(1000));
  again.attach(2500 * 8);
  REQUIRE(again.sanity_check(2500 * 8, 1'000'000));
  CHECK(again.lookup(Offset(25995))->position == 249900);
  CHECK(again.lookup(Offset(1015))->position == 100);
  CHECK(again.lookup(Offset(99999))->position == 7);
  CHECK_FALSE(again.sanity_check(2500 * 8 + 1, 1'000'000));
  CHECK_FALSE(again.sanity_check(2500 * 8, 7));
}

TEST_CASE("TimeIndex: rising timestamps only, one slot kept", "[storage]") {
  Files f;
  TimeIndex index(f.cache, f.dir, Offset(0));
  CHECK(index.last()->timestamp == -1);
  REQUIRE(index.maybe_append(-1, Offset(0)));
  CHECK(index.entries().count() == 0);
  for (int i = 0; i < 300; ++i) REQUIRE(index.maybe_append(1000 + i * 2, Offset(i * 3)));
  REQUIRE(index.maybe_append(1500, Offset(900)));
  CHECK(index.entries().count() == 300);
  CHECK(index.lookup(999)->timestamp == -1);
  CHECK(index.lookup(1000)->offset == Offset(0));
  CHECK(index.lookup(1003)->offset == Offset(3));
  CHECK(index.lookup(9999)->offset == Offset(897));
  CHECK(index.is_full(301 * 12));
  CHECK_FALSE(index.is_full(302 * 12));
  REQUIRE(index.truncate_to(Offset(10)));
  CHECK(index.last()->offset == Offset(9));
  REQUIRE(index.presize(10485760));
  CHECK((*f.disk.stat("/d/00000000000000000000.timeindex"))->size == 10485756);
  REQUIRE(index.trim());
  CHECK((*f.disk.stat("/d/00000000000000000000.timeindex"))->size == 48);
}

TEST_CASE("TransactionIndex: collects what overlaps, in marker order", "[storage]") {
  Files f;
  TransactionIndex index(f.cache, f.dir, Offset(0));
  CHECK_FALSE(index.exists());
  std::vector<AbortedTxn> out;
  CHECK_FALSE(*index.collect(Offset(0), Offset(100), out));
  for (int i = 0; i < 100; ++i) REQUIRE(index.append(AbortedTxn{ProducerId(i), Offset(i * 10), Offset(i * 10 + 5), Offset(i * 10 + 6)}));
  CHECK(*index.collect(Offset(44), Offset(62), out));
  REQUIRE(out.size() == 3);
  CHECK(out[0].producer_id == ProducerId(4));
  CHECK(out[2].producer_id == ProducerId(6));
  out.clear();
  CHECK_FALSE(*index.collect(Offset(950), Offset(5000), out));
  CHECK(out.size() == 5);
  CHECK((*f.disk.stat("/d/00000000000000000000.txnindex"))->size == 3400);
  REQUIRE(index.sanity_check(3400));
  REQUIRE(index.truncate_to(Offset(100)));
  CHECK(index.all()->size() == 10);
  CHECK((*f.disk.stat("/d/00000000000000000000.txnindex"))->size == 340);
  REQUIRE(index.truncate_to(Offset(0)));
  CHECK_FALSE((*f.disk.stat("/d/00000000000000000000.txnindex")).has_value());
}

TEST_CASE("FileCache: keeps at most its capacity open", "[storage]") {
  Files f;
  std::vector<std::unique_ptr<CachedFile>> files;
  for (int i = 0; i < 100; ++i) {
    files.push_back(std::make_unique<CachedFile>(f.cache, f.dir, i, ".log"));
    const auto text = std::to_string(i);
    REQUIRE((*files.back()->get(OpenMode::create))->write_at(0, as_bytes(text)));
  }
  CHECK(f.cache.open_count() == 16);
  for (int i = 0; i < 100; ++i) {
    char c[3]{};
    REQUIRE((*files[static_cast<std::size_t>(i)]->get())->read_at(0, {reinterpret_cast<std::byte*>(c), 2}));
    CHECK(std::string(c) == std::to_string(i));
  }
  files.erase(files.begin(), files.begin() + 90);
  CHECK(f.cache.open_count() <= 10);
  REQUIRE(files[0]->rename_suffix(".log.deleted"));
  REQUIRE(files[0]->get());
  CHECK((*f.disk.stat("/d/00000000000000000090.log.deleted")).has_value());
}
