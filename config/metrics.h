// Metrics: counters and histograms that the hot path may count in without a lock, gauges, and their collection. The rows are config/metrics/*.toml; the members
// are in config/metric_handles.h (`metrics().bytes_in.add(n)`).
//
// Threads: every thread writes cells of its own (single writer, relaxed), collection sums over all threads. A thread's cells go to the next thread when it ends.
// Handles are small values, good as long as the process lives; one kept beyond remove() counts into nothing that is seen, until its cell is given out again, at
// least kReuseDelay removals later.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moldau::config {

namespace detail {

using Cell = std::atomic<std::uint64_t>;
inline constexpr std::uint32_t kChunkCells = 1024;
inline constexpr std::uint32_t kMaxChunks = 2048;

/// One thread's cells, in chunks that are made when first touched.
struct Shard {
  std::array<std::atomic<Cell*>, kMaxChunks> chunks{};
};

inline constinit thread_local Shard* this_thread_shard = nullptr;

/// The slow path: takes a shard for the thread, makes the chunk.
Cell* make_chunk(std::uint32_t chunk);

inline Cell& cell(std::uint32_t index) {
  const std::uint32_t chunk = index / kChunkCells;
  Cell* cells = this_thread_shard == nullptr ? nullptr : this_thread_shard->chunks[chunk].load(std::memory_order_relaxed);
  if (cells == nullptr) cells = make_chunk(chunk);
  return cells[index % kChunkCells];
}

inline void bump(std::uint32_t index, std::uint64_t by) {
  Cell& c = cell(index);
  c.store(c.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace detail

/// A count that only grows.
class Counter {
 public:
  Counter() = default;  ///< counts into nothing
  explicit Counter(std::uint32_t index) : index_(index) {}
  void add(std::uint64_t by = 1) const { detail::bump(index_, by); }

 private:
  std::uint32_t index_ = 0;
};

/// Fixed buckets, four to each power of two up to 2^32 (at most 25 % wide); values are whole numbers in the row's recording unit (microseconds, bytes).
class Histogram {
 public:
  static constexpr std::uint32_t kBuckets = 124;
  static constexpr std::uint32_t kCells = 128;
  static constexpr std::uint32_t kSumCell = 127;

  Histogram() = default;
  explicit Histogram(std::uint32_t first) : first_(first) {}
  void record(std::uint64_t value) const {
    detail::bump(first_ + bucket_of(value), 1);
    detail::bump(first_ + kSumCell, value);
  }
  static constexpr std::uint32_t bucket_of(std::uint64_t value) {
    if (value < 4) return static_cast<std::uint32_t>(value);
    if (value >> 32 != 0) return kBuckets - 1;
    const auto top = static_cast<std::uint32_t>(std::bit_width(value) - 1);
    return 4 * (top - 1) + static_cast<std::uint32_t>((value >> (top - 2)) & 3);
  }
  /// Smallest value of a bucket.
  static constexpr std::uint64_t bucket_floor(std::uint32_t bucket) {
    if (bucket < 4) return bucket;
    const auto top = bucket / 4 + 1;
    return static_cast<std::uint64_t>(4 + bucket % 4) << (top - 2);
  }

 private:
  std::uint32_t first_ = 0;
};

/// A value that goes up and down; set from any thread.
class Gauge {
 public:
  Gauge();  ///< sets nothing that is seen
  explicit Gauge(std::shared_ptr<std::atomic<double>> value) : value_(std::move(value)) {}
  void set(double value) const { value_->store(value, std::memory_order_relaxed); }
  void add(double by) const { value_->fetch_add(by, std::memory_order_relaxed); }
  double value() const { return value_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<double>> value_;
};

/// Columns of a row that collection needs.
struct MetricDef {
  std::string name;
  std::string help;
  std::vector<std::string> labels;
  bool optional_labels = false;  ///< there is a series without labels too
  double scale = 1;              ///< recorded number times scale is the value shown
};

struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

/// What a scrape gets; server/http turns it into prometheus::MetricFamily.
struct MetricFamily {
  enum class Type : std::uint8_t { counter, gauge };
  std::string name;
  std::string help;
  Type type = Type::gauge;
  std::vector<MetricSample> samples;
};

/// Receives the series of a callback.
using Emit = std::function<void(std::initializer_list<std::string_view> labels, double value)>;
using MetricCallback = std::function<void(const Emit&)>;
using LabelValues = std::vector<std::string>;

/// What the three kinds share: the row, the label map's lock, callbacks. Families live as long as the process; a test may destroy its own when nobody collects.
class MetricFamilyBase {
 public:
  explicit MetricFamilyBase(MetricDef def);
  MetricFamilyBase(const MetricFamilyBase&) = delete;
  MetricFamilyBase& operator=(const MetricFamilyBase&) = delete;
  virtual ~MetricFamilyBase();

  /// Unregisters when destroyed; waits for a scrape that is calling it.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(MetricFamilyBase* family, std::uint64_t id) : family_(family), id_(id) {}
    Registration(Registration&& other) noexcept : family_(std::exchange(other.family_, nullptr)), id_(other.id_) {}
    Registration& operator=(Registration&& other) noexcept;
    ~Registration() { reset(); }
    void reset();

   private:
    MetricFamilyBase* family_ = nullptr;
    std::uint64_t id_ = 0;
  };

  /// Series computed when scraped, on the scraping thread; several callbacks of one family add up to one family. The callback must not touch this family.
  Registration register_callback(MetricCallback callback);

  const MetricDef& def() const { return def_; }
  virtual void collect(std::vector<MetricFamily>& out, double now_seconds) = 0;

 protected:
  MetricSample sample(std::span<const std::string> values, double value) const;
  bool has_unlabelled() const { return def_.labels.empty() || def_.optional_labels; }
  /// Adds the callbacks' series; true when there was a callback.
  bool collect_callbacks(std::vector<MetricSample>& out);

  mutable std::mutex mutex_;

 private:
  void unregister(std::uint64_t id);

  MetricDef def_;
  std::mutex callback_mutex_;
  std::map<std::uint64_t, MetricCallback> callbacks_;
  std::uint64_t next_callback_ = 1;
};

class CounterFamily : public MetricFamilyBase {
 public:
  explicit CounterFamily(MetricDef def);
  /// The series without labels. REQUIRES: the row has none, or optional_labels.
  void add(std::uint64_t by = 1) const { unlabelled_.add(by); }
  /// The series of these label values, in the row's order; takes a lock: keep the handle.
  Counter with(std::initializer_list<std::string_view> values);
  void remove(std::initializer_list<std::string_view> values);
  /// Current count of the series without labels, of a labelled one (0 when there is none): for tests and the JSON API.
  std::uint64_t value() const;
  std::uint64_t value(std::initializer_list<std::string_view> values) const;
  void collect(std::vector<MetricFamily>& out, double now_seconds) override;

 private:
  struct Series {
    std::uint32_t index;
    std::uint64_t base;  ///< what the cell held before it became ours
  };
  std::uint64_t count_of(const Series& series) const;

  Series unlabelled_series_{};
  Counter unlabelled_;
  std::map<LabelValues, Series> series_;
};

class GaugeFamily : public MetricFamilyBase {
 public:
  explicit GaugeFamily(MetricDef def);
  void set(double value) const { unlabelled_.set(value); }
  void add(double by) const { unlabelled_.add(by); }
  double value() const { return unlabelled_.value(); }
  Gauge with(std::initializer_list<std::string_view> values);
  void remove(std::initializer_list<std::string_view> values);
  void collect(std::vector<MetricFamily>& out, double now_seconds) override;

 private:
  Gauge unlabelled_;
  std::map<LabelValues, Gauge> series_;
};

/// Shown as Kafka's histograms and timers are: one gauge a quantile over the last minutes (older values fade as in Kafka's reservoir, alpha 0.015 a second),
/// `_count` and `_count_total`.
class HistogramFamily : public MetricFamilyBase {
 public:
  explicit HistogramFamily(MetricDef def);
  void record(std::uint64_t value) const { unlabelled_.record(value); }
  Histogram with(std::initializer_list<std::string_view> values);
  void remove(std::initializer_list<std::string_view> values);
  std::uint64_t count() const;
  std::uint64_t count(std::initializer_list<std::string_view> values) const;
  void collect(std::vector<MetricFamily>& out, double now_seconds) override;

 private:
  struct Series;
  struct Deleter {
    void operator()(Series* series) const;
  };
  using SeriesPtr = std::unique_ptr<Series, Deleter>;
  void collect_series(Series& series, std::span<const std::string> values, double now_seconds, MetricFamily& quantiles, MetricFamily& counts) const;

  SeriesPtr unlabelled_series_;
  Histogram unlabelled_;
  std::map<LabelValues, SeriesPtr> series_;

 public:
  ~HistogramFamily() override;
};

/// Every family that has series now, in the order of the rows.
std::vector<MetricFamily> collect_metrics();
/// The same with the monotonic time given (tests).
std::vector<MetricFamily> collect_metrics(double now_seconds);

}  // namespace moldau::config
