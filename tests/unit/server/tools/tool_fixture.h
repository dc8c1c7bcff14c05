// What the tests of the tools share: a partition's directory made of batches, and the tool run with its output caught.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "server/tools/dump_log.h"
#include "storage/io/file_cache.h"
#include "storage/producer_state/producer_snapshots.h"
#include "tests/unit/storage/storage_fixture.h"

namespace moldau::server::tools::test {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

inline Outcome run_tool(const std::vector<std::string>& words) {
  char *out = nullptr, *err = nullptr;
  std::size_t out_size = 0, err_size = 0;
  std::FILE* out_file = ::open_memstream(&out, &out_size);
  std::FILE* err_file = ::open_memstream(&err, &err_size);
  Outcome outcome;
  outcome.code = dump_log(words, "test", out_file, err_file);
  std::fclose(out_file);
  std::fclose(err_file);
  outcome.out.assign(out, out_size);
  outcome.err.assign(err, err_size);
  std::free(out);
  std::free(err);
  return outcome;
}

using File = std::vector<std::byte>;

inline void write_file(const std::string& path, const File& bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline File read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return {reinterpret_cast<const std::byte*>(text.data()), reinterpret_cast<const std::byte*>(text.data()) + text.size()};
}

/// A data directory of a broker that has stopped cleanly, with one partition `t-0`: segments at 0 and 40 of four batches each, ten records a batch.
class DataDir {
 public:
  static constexpr int kBatches = 4;
  static constexpr int kRecords = 10;

  DataDir() {
    std::filesystem::create_directory(partition());
    std::ofstream(root() + "/.kafka_cleanshutdown") << R"({"version":0,"brokerEpoch":-1})";
    std::ofstream(root() + "/recovery-point-offset-checkpoint") << "0\n1\nt 0 80\n";
    std::ofstream(partition() + "/leader-epoch-checkpoint") << "0\n1\n2 0\n";
    for (const int base : {0, 40}) make_segment(base);
    storage::ProducerStateEntry producer;
    producer.id = ProducerId(7);
    producer.add_batch(ProducerEpoch(0), storage::BatchMetadata{79, 9, Offset(79), storage::test::kNow});
    const auto snapshot = storage::encode_producer_snapshot({producer});
    std::ofstream(file(80, ".snapshot"), std::ios::binary) << snapshot;
  }

  [[nodiscard]] const std::string& root() const { return temp_.path(); }
  [[nodiscard]] std::string partition() const { return root() + "/t-0"; }
  [[nodiscard]] std::string file(std::int64_t base, const char* suffix) const { return partition() + "/" + storage::segment_file_name(base, suffix); }
  [[nodiscard]] std::size_t batch_size() const { return batch_size_; }

  template <class Change>
  void change(const std::string& path, Change how) const {
    auto bytes = read_file(path);
    how(bytes);
    write_file(path, bytes);
  }
  [[nodiscard]] Outcome verify() const { return run_tool({"--verify", root()}); }

 private:
  void make_segment(int base) {
    File log, index, times;
    for (int i = 0; i < kBatches; ++i) {
      const auto first = base + i * kRecords;
      const auto timestamp = storage::test::kNow + first;
      const auto batch = storage::test::make_batch(
          {.records = kRecords, .timestamp = timestamp, .producer_id = 7, .epoch = 0, .sequence = first, .base_offset = first, .leader_epoch = 2});
      batch_size_ = batch.size();
      if (i > 0) {
        put(index, static_cast<std::int32_t>(i * kRecords + kRecords - 1));
        put(index, static_cast<std::int32_t>(log.size()));
        put(times, timestamp + kRecords - 1);
        put(times, static_cast<std::int32_t>(i * kRecords + kRecords - 1));
      }
      log.insert(log.end(), batch.begin(), batch.end());
    }
    write_file(file(base, ".log"), log);
    write_file(file(base, ".index"), index);
    write_file(file(base, ".timeindex"), times);
  }
  template <class T>
  static void put(File& bytes, T value) {
    bytes.resize(bytes.size() + sizeof(T));
    store_be(bytes.data() + bytes.size() - sizeof(T), value);
  }

  storage::test::TempDir temp_;
  std::size_t batch_size_ = 0;
};

}  // namespace moldau::server::tools::test
