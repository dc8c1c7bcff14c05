// A log directory that Apache Kafka 3.9.2 wrote, stopped cleanly or killed, is loaded as its own clients saw it (golden/make-golden).
#include "tests/unit/source_root.h"
#include "tests/unit/storage/storage_fixture.h"

#include <zlib.h>

#include <boost/asio/use_future.hpp>
#include <map>
#include <sstream>

#include "storage/log/log_manager_impl.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

std::string golden(const std::string& name) { return moldau::test::source_root() + "/tests/unit/storage/golden/" + name; }

/// Lines "<what> <topic> <words>..." by what and topic.
std::map<std::pair<std::string, std::string>, std::vector<std::string>> expectations(const std::string& name) {
  gzFile file = gzopen(golden(name).c_str(), "rb");
  REQUIRE(file != nullptr);
  std::string text;
  char buffer[65536];
  for (int n = 0; (n = gzread(file, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  gzclose(file);
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string what, topic;
    words >> what >> topic;
    auto& list = result[{what, topic}];
    for (std::string w; words >> w;) list.push_back(w);
  }
  return result;
}

std::int64_t number(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

/// What a consumer sees: "offset:timestamp:crc", or bare offsets of committed records.
std::vector<std::string> consume(const Log& log, bool committed) {
  std::vector<std::string> seen;
  auto at = log.log_start_offset();
  while (true) {
    auto info = log.read(at, 50'000, committed ? FetchIsolation::txn_committed : FetchIsolation::high_watermark, true);
    REQUIRE(info);
    if (info->slice.size == 0) return seen;
    std::vector<std::byte> bytes(info->slice.size);
    REQUIRE(*info->slice.file->read_at(info->slice.position, bytes) == bytes.size());
    std::multimap<ProducerId, Offset> aborted;
    for (const auto& a : info->aborted) aborted.emplace(a.producer_id, a.first_offset);
    std::map<ProducerId, bool> dropping;
    for (const auto& batch : protocol::BatchRange(bytes)) {
      REQUIRE(batch.is_valid());
      const auto from = std::exchange(at, batch.next_offset());
      if (batch.is_control_batch()) {
        dropping[batch.producer_id()] = false;
        continue;
      }
      // As a client does it: from the first offset of an aborted transaction on, the producer's records are left out.
      for (auto it = aborted.begin(); it != aborted.end();) {
        if (it->second <= batch.last_offset()) {
          dropping[it->first] = true;
          it = aborted.erase(it);
        } else {
          ++it;
        }
      }
      if (committed && batch.is_transactional() && dropping[batch.producer_id()]) continue;
      auto records = protocol::DeepRecords::open(batch);
      REQUIRE(records);
      protocol::RecordView record;
      while (records->next(record)) {
        if (record.offset < from) continue;
        auto text = std::to_string(record.offset.value());
        if (!committed) {
          const auto crc = record.value ? crc32(0, reinterpret_cast<const Bytef*>(record.value->data()), static_cast<uInt>(record.value->size())) : 0;
          text += ":" + std::to_string(record.timestamp) + ":" + std::to_string(crc);
        }
        seen.push_back(text);
      }
    }
  }
}

}  // namespace

TEST_CASE("A log directory of Apache Kafka is taken over", "[storage]") {
  for (const std::string how : {"clean", "killed"}) {
    CAPTURE(how);
    TempDir temp;
    REQUIRE(std::system(("tar xzf " + golden(how + ".tar.gz") + " -C " + temp.path()).c_str()) == 0);
    auto expected = expectations("expected-" + how + ".txt.gz");
    boost::asio::thread_pool pool(2);
    auto random = make_seeded_random(1);
    // The clock of the golden data, so that no producer has expired.
    ManualClock clock(WallTime(Millis(number(expected[{"records", "plain"}].back().substr(expected[{"records", "plain"}].back().find(':') + 1)) + 3'600'000)));
    auto config = std::make_shared<config::LogConfig>();
    config->index_interval_bytes = 1024;
    LogManagerConfig manager_config;
    manager_config.log_dirs = {temp.path() + "/data"};
    for (int round = 0; round < 2; ++round) {
      auto manager = std::make_unique<LogManagerImpl>(manager_config, config, LogManager::Seams{posix_disk(), clock, *random, pool.get_executor()});
      auto identity = manager->open_dirs();
      REQUIRE(identity);
      CHECK(identity->broker_id == BrokerId(3));
      REQUIRE(manager->load_logs([](const std::string&) { return nullptr; }, {}));
      for (const std::string topic : {"plain", "codecs", "txn", "deleted", "with-dash.and_dot"}) {
        CAPTURE(topic, round);
        const auto log = manager->get({topic, 0});
        REQUIRE(log);
        const auto& offsets = expected[{"offsets", topic}];
        CHECK(log->log_start_offset() == Offset(number(offsets[0])));
        CHECK(log->log_end_offset() == Offset(number(offsets[1])));
        CHECK(log->latest_epoch() == LeaderEpoch(static_cast<std::int32_t>(number(offsets[2]))));
        CHECK((*log->offset_by_timestamp(-3))->offset == Offset(number(offsets[3])));
        CHECK(log->topic_id().to_string() == expected[{"topic_id", topic}][0]);
        log->update_high_watermark(log->log_end_offset());
        CHECK(log->last_stable_offset() == log->log_end_offset());
        CHECK(consume(*log, false) == expected[{"records", topic}]);
        CHECK(consume(*log, true) == expected[{"committed", topic}]);
        for (const auto& word : expected[{"times", topic}]) {
          CAPTURE(word);
          const auto found = log->offset_by_timestamp(number(word));
          REQUIRE(found);
          CHECK((*found ? (*found)->offset.value() : -1) == number(word.substr(word.find(':') + 1)));
        }
        std::map<std::int64_t, std::string> producers;
        for (const auto& p : log->active_producers())
          producers[p.producer_id.value()] = std::to_string(p.producer_id.value()) + ":" + std::to_string(p.producer_epoch.value()) + ":" + std::to_string(p.last_sequence) + ":" +
                                             std::to_string(p.coordinator_epoch) + ":" + std::to_string(p.last_timestamp);
        std::vector<std::string> list;
        for (const auto& [id, text] : producers) list.push_back(text);
        CHECK(list == expected[{"producers", topic}]);
      }
      CHECK(manager->get({"__transaction_state", 0}));
      manager->shutdown();
    }
    pool.join();
  }
}
