// Throughput of compaction, printed, never asserted: unit_storage "[.bench]".
#include <chrono>
#include <cstdio>
#include <ctime>

#include "compaction_fixture.h"

namespace moldau::storage::test {

TEST_CASE("bench: compaction of 256 MiB", "[.bench]") {
  for (const auto codec : {protocol::Codec::none, protocol::Codec::lz4, protocol::Codec::zstd}) {
    for (const std::size_t value : {std::size_t{100}, std::size_t{1000}}) {
      TempDir temp;
      CompactionHarness h(posix_disk(), temp.path());
      h.config->segment_bytes = 64 << 20;
      h.config->index_interval_bytes = 4096;
      h.map_bytes = std::size_t{128} << 20;
      h.create();
      auto random = make_seeded_random(1);
      std::size_t written = 0;
      std::uint64_t records = 0;
      for (std::size_t content = 0; content < (std::size_t{256} << 20);) {
        KeyedBatch batch;
        batch.codec = codec;
        for (std::size_t size = 0; size < 16384; size += value + 20) {
          std::string text(value, 'v');
          for (std::size_t i = 0; i < value / 2; ++i) text[i] = static_cast<char>('a' + random->below(26));
          batch.records.push_back({"key-" + std::to_string(random->below(200'000)), text});
        }
        records += batch.records.size();
        content += batch.records.size() * (value + 20);
        auto bytes = make_keyed(batch);
        written += bytes.size();
        auto done = h.append(std::move(bytes));
        REQUIRE(done);
      }
      h.settle();
      h.clock.advance(Millis(1));
      const auto began = std::chrono::steady_clock::now();
      const auto cpu = std::clock();
      Cleaner cleaner(0, CleanerBuffers{{h.map_bytes, 0.9}, std::size_t{256} << 10}, h.clock, *h.random, [](std::size_t) { return true; });
      auto outcome = h.run(cleaner.clean(h.dirty()));
      REQUIRE(outcome);
      const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      const auto mib = static_cast<double>(written) / (1 << 20);
      std::printf("%s, values of %zu: %.0f MiB, %llu records to %llu in %.2f s (%.2f s CPU): %.0f MiB/s\n", std::string(protocol::to_string(codec)).c_str(), value, mib,
                  static_cast<unsigned long long>(records), static_cast<unsigned long long>(outcome->stats.records_written), seconds,
                  static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC, mib / seconds);
    }
  }
}

}  // namespace moldau::storage::test
