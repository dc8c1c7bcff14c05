#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "config/metric_handles.h"
#include "config/process_metrics.h"

using namespace moldau::config;

namespace {

const MetricFamily* find(const std::vector<MetricFamily>& families, const std::string& name) {
  const auto at = std::find_if(families.begin(), families.end(), [&](const MetricFamily& f) { return f.name == name; });
  return at == families.end() ? nullptr : &*at;
}

double value_of(const std::vector<MetricFamily>& families, const std::string& name, const std::vector<std::pair<std::string, std::string>>& labels = {}) {
  const auto* family = find(families, name);
  REQUIRE(family != nullptr);
  for (const auto& sample : family->samples)
    if (sample.labels == labels) return sample.value;
  FAIL("no such series of " << name);
  return 0;
}

}  // namespace

TEST_CASE("Metrics: counters sum over threads, living and ended", "[config]") {
  CounterFamily family({"test_counter_total", "A test.", {"topic"}, true, 1});
  const auto labelled = family.with({"t"});
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 10000; ++j) {
        family.add(2);
        labelled.add();
      }
    });
  for (auto& thread : threads) thread.join();
  family.add();
  CHECK(family.value() == 160001);
  CHECK(family.value({"t"}) == 80000);
  CHECK(family.value({"other"}) == 0);
  const auto families = collect_metrics();
  CHECK(value_of(families, "test_counter_total") == 160001);
  CHECK(value_of(families, "test_counter_total", {{"topic", "t"}}) == 80000);
}

TEST_CASE("Metrics: a removed series is gone, and its cell starts from nothing again", "[config]") {
  CounterFamily family({"test_removed_total", "A test.", {"topic"}, false, 1});
  for (int round = 0; round < 3000; ++round) {
    const auto name = "t" + std::to_string(round);
    const auto counter = family.with({name});
    counter.add(7);
    REQUIRE(family.value({name}) == 7);
    family.remove({name});
  }
  CHECK(find(collect_metrics(), "test_removed_total") == nullptr);
}

TEST_CASE("Metrics: histogram buckets", "[config]") {
  for (std::uint64_t value : {0ULL, 1ULL, 3ULL, 4ULL, 5ULL, 7ULL, 8ULL, 9ULL, 100ULL, 1000ULL, 123456789ULL, 4294967295ULL}) {
    const auto bucket = Histogram::bucket_of(value);
    CHECK(Histogram::bucket_floor(bucket) <= value);
    if (bucket + 1 < Histogram::kBuckets) CHECK(Histogram::bucket_floor(bucket + 1) > value);
  }
  CHECK(Histogram::bucket_of(~0ULL) == Histogram::kBuckets - 1);
}

TEST_CASE("Metrics: quantiles in the row's unit, fading with time", "[config]") {
  HistogramFamily family({"test_time", "A test.", {"request"}, false, 0.001});
  const auto histogram = family.with({"Fetch"});
  for (std::uint64_t i = 1; i <= 1000; ++i) histogram.record(i * 1000);  // 1 to 1000 ms in microseconds
  auto families = collect_metrics(1000);
  const auto quantile = [&](const char* q) { return value_of(families, "test_time", {{"request", "Fetch"}, {"quantile", q}}); };
  CHECK(quantile("0.50") == Approx(500).epsilon(0.13));
  CHECK(quantile("0.99") == Approx(990).epsilon(0.13));
  CHECK(value_of(families, "test_time_count", {{"request", "Fetch"}}) == 1000);
  CHECK(value_of(families, "test_time_count_total", {{"request", "Fetch"}}) == 1000);
  for (int i = 0; i < 100; ++i) histogram.record(5000000);
  families = collect_metrics(1000 + 600);  // ten minutes later the old values weigh next to nothing
  CHECK(quantile("0.50") == Approx(5000).epsilon(0.25));
  CHECK(value_of(families, "test_time_count", {{"request", "Fetch"}}) == 1100);
}

TEST_CASE("Metrics: gauges, set and computed", "[config]") {
  GaugeFamily plain({"test_gauge", "A test.", {}, false, 1});
  plain.set(3);
  plain.add(2);
  CHECK(value_of(collect_metrics(), "test_gauge") == 5);
  GaugeFamily labelled({"test_partition_gauge", "A test.", {"topic", "partition"}, false, 1});
  CHECK(find(collect_metrics(), "test_partition_gauge") == nullptr);
  {
    const auto registration = labelled.register_callback([](const Emit& emit) {
      emit({"t", "0"}, 10);
      emit({"t", "1"}, 11);
    });
    labelled.with({"u", "0"}).set(1);
    const auto families = collect_metrics();
    CHECK(value_of(families, "test_partition_gauge", {{"topic", "t"}, {"partition", "1"}}) == 11);
    CHECK(value_of(families, "test_partition_gauge", {{"topic", "u"}, {"partition", "0"}}) == 1);
  }
  labelled.remove({"u", "0"});
  CHECK(find(collect_metrics(), "test_partition_gauge") == nullptr);
  const Gauge nothing;
  nothing.set(1);
  const Counter counts_into_nothing;
  counts_into_nothing.add();
  const Histogram records_into_nothing;
  records_into_nothing.record(1);
}

TEST_CASE("Metrics: the table's families carry the names that dashboards use", "[config]") {
  auto& m = metrics();
  const auto before = m.bytes_in.value();
  m.bytes_in.add(100);
  m.bytes_in.with({"orders"}).add(100);
  m.requests.with({"Produce", "11"}).add();
  m.request_total_time.with({"Produce"}).record(1500);
  const auto process = register_process_metrics();
  const auto families = collect_metrics();
  CHECK(m.bytes_in.value() == before + 100);
  CHECK(value_of(families, "kafka_server_brokertopicmetrics_bytesin_total", {{"topic", "orders"}}) >= 100);
  CHECK(value_of(families, "kafka_network_requestmetrics_requests_total", {{"request", "Produce"}, {"version", "11"}}) >= 1);
  CHECK(value_of(families, "kafka_network_requestmetrics_totaltimems_count", {{"request", "Produce"}}) >= 1);
  CHECK(find(families, "kafka_server_replicamanager_underreplicatedpartitions") != nullptr);
  CHECK(value_of(families, "process_resident_memory_bytes") > 1e6);
  CHECK(value_of(families, "process_open_fds") >= 3);
  CHECK(value_of(families, "process_cpu_seconds_total") > 0);
  CHECK(value_of(families, "process_start_time_seconds") > 1.6e9);
  std::set<std::string> names;
  for (const auto& family : families) {
    INFO(family.name);
    CHECK(names.insert(family.name).second);
    CHECK_FALSE(family.samples.empty());
  }
  m.bytes_in.remove({"orders"});
}
