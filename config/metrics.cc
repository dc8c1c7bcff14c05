#include "config/metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>

namespace moldau::config {
namespace {

using detail::Cell;
using detail::kChunkCells;
using detail::kMaxChunks;
using detail::Shard;

/// Removals after which a cell may be given out again.
constexpr std::size_t kReuseDelay = 1024;
constexpr std::array<std::pair<double, std::string_view>, 6> kQuantiles = {
    {{0.50, "0.50"}, {0.75, "0.75"}, {0.95, "0.95"}, {0.98, "0.98"}, {0.99, "0.99"}, {0.999, "0.999"}}};
constexpr double kDecayPerSecond = 0.015;

/// Hands out ranges of `width` cells; a range never crosses a chunk.
class CellAllocator {
 public:
  CellAllocator(std::uint32_t width, std::uint32_t reserved) : width_(width), reserved_(reserved) {}

  /// take_chunk gives the next free chunk number, or kMaxChunks when there is none. Returns `sink` when the space is used up.
  template <class TakeChunk>
  std::uint32_t take(std::uint32_t sink, TakeChunk take_chunk) {
    if (free_.size() > kReuseDelay) {
      const auto index = free_.front();
      free_.pop_front();
      return index;
    }
    if (next_ == end_) {
      const std::uint32_t chunk = take_chunk();
      if (chunk == kMaxChunks) return sink;
      next_ = chunk * kChunkCells + reserved_;
      end_ = (chunk + 1) * kChunkCells;
      reserved_ = 0;
    }
    const auto index = next_;
    next_ += width_;
    return index;
  }
  void give_back(std::uint32_t index) { free_.push_back(index); }

 private:
  std::uint32_t width_;
  std::uint32_t reserved_;
  std::uint32_t next_ = 0;
  std::uint32_t end_ = 0;
  std::deque<std::uint32_t> free_;
};

/// All shards and families. Never destroyed, as threads may count until the process ends.
class Registry {
 public:
  static Registry& instance() {
    static Registry* const registry = new Registry;
    return *registry;
  }

  Shard* take_shard() {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto* shard = idle_.back();
      idle_.pop_back();
      return shard;
    }
    shards_.push_back(std::make_unique<Shard>());
    return shards_.back().get();
  }
  void give_back_shard(Shard* shard) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(shard);
  }

  std::uint32_t take_counter() { return take(counters_, 0); }
  std::uint32_t take_histogram() { return take(histograms_, kHistogramSink); }
  void free_counter(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    if (index != 0) counters_.give_back(index);
  }
  void free_histogram(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    if (index != kHistogramSink) histograms_.give_back(index);
  }

  /// Sums `count` neighbouring cells over all threads.
  void sum(std::uint32_t first, std::uint32_t count, std::uint64_t* out) const {
    std::fill_n(out, count, 0);
    const std::lock_guard lock(mutex_);
    for (const auto& shard : shards_) {
      const Cell* cells = shard->chunks[first / kChunkCells].load(std::memory_order_acquire);
      if (cells == nullptr) continue;
      for (std::uint32_t i = 0; i < count; ++i) out[i] += cells[first % kChunkCells + i].load(std::memory_order_relaxed);
    }
  }

  void add_family(MetricFamilyBase* family) {
    const std::lock_guard lock(family_mutex_);
    families_.push_back(family);
  }
  void remove_family(MetricFamilyBase* family) {
    const std::lock_guard lock(family_mutex_);
    std::erase(families_, family);
  }
  void collect(std::vector<MetricFamily>& out, double now) {
    const std::lock_guard lock(family_mutex_);
    for (auto* family : families_) family->collect(out, now);
  }

 private:
  // Chunk 0 begins with the cells of handles that count into nothing: 0 for counters, 128..255 for histograms.
  static constexpr std::uint32_t kHistogramSink = Histogram::kCells;
  static constexpr std::uint32_t kReserved = 2 * Histogram::kCells;

  std::uint32_t take(CellAllocator& from, std::uint32_t sink) {
    const std::lock_guard lock(mutex_);
    return from.take(sink, [this] { return next_chunk_ == kMaxChunks ? kMaxChunks : next_chunk_++; });
  }

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<Shard*> idle_;
  CellAllocator counters_{1, kReserved};
  CellAllocator histograms_{Histogram::kCells, kReserved};
  std::uint32_t next_chunk_ = 0;
  std::mutex family_mutex_;
  std::vector<MetricFamilyBase*> families_;
};

/// Gives the thread's shard back when the thread ends.
struct ShardLease {
  Shard* shard = nullptr;
  ~ShardLease() {
    if (shard == nullptr) return;
    detail::this_thread_shard = nullptr;
    Registry::instance().give_back_shard(shard);
  }
};

LabelValues to_key(std::initializer_list<std::string_view> values) { return {values.begin(), values.end()}; }

std::shared_ptr<std::atomic<double>> make_gauge_value() { return std::make_shared<std::atomic<double>>(0.0); }

double monotonic_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

using Buckets = std::array<double, Histogram::kBuckets>;

/// The value below which the share `quantile` lies; evenly spread within a bucket.
double quantile_of(const Buckets& buckets, double total, double quantile) {
  double below = 0;
  const double rank = quantile * total;
  for (std::uint32_t i = 0; i < Histogram::kBuckets; ++i) {
    if (buckets[i] > 0 && below + buckets[i] >= rank) {
      const auto low = static_cast<double>(Histogram::bucket_floor(i));
      if (i < 4) return low;  // whole numbers of their own
      const auto high = static_cast<double>(Histogram::bucket_floor(i + 1));
      return low + (high - low) * std::clamp((rank - below) / buckets[i], 0.0, 1.0);
    }
    below += buckets[i];
  }
  return 0;
}

}  // namespace

Cell* detail::make_chunk(std::uint32_t chunk) {
  static thread_local ShardLease lease;
  if (this_thread_shard == nullptr) {
    lease.shard = Registry::instance().take_shard();
    this_thread_shard = lease.shard;
  }
  auto& slot = this_thread_shard->chunks[chunk];
  Cell* cells = slot.load(std::memory_order_relaxed);
  if (cells == nullptr) {
    cells = new Cell[kChunkCells]();  // lives as long as the process: the shard passes from thread to thread
    slot.store(cells, std::memory_order_release);
  }
  return cells;
}

Gauge::Gauge() {
  static const auto nothing = make_gauge_value();
  value_ = nothing;
}

// ---- what the kinds share

MetricFamilyBase::MetricFamilyBase(MetricDef def) : def_(std::move(def)) { Registry::instance().add_family(this); }
MetricFamilyBase::~MetricFamilyBase() { Registry::instance().remove_family(this); }

MetricFamilyBase::Registration& MetricFamilyBase::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    reset();
    family_ = std::exchange(other.family_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void MetricFamilyBase::Registration::reset() {
  if (auto* family = std::exchange(family_, nullptr)) family->unregister(id_);
}

MetricFamilyBase::Registration MetricFamilyBase::register_callback(MetricCallback callback) {
  const std::lock_guard lock(callback_mutex_);
  const auto id = next_callback_++;
  callbacks_.emplace(id, std::move(callback));
  return {this, id};
}

void MetricFamilyBase::unregister(std::uint64_t id) {
  const std::lock_guard lock(callback_mutex_);
  callbacks_.erase(id);
}

MetricSample MetricFamilyBase::sample(std::span<const std::string> values, double value) const {
  MetricSample out;
  for (std::size_t i = 0; i < values.size() && i < def_.labels.size(); ++i) out.labels.emplace_back(def_.labels[i], values[i]);
  out.value = value;
  return out;
}

bool MetricFamilyBase::collect_callbacks(std::vector<MetricSample>& out) {
  const std::lock_guard lock(callback_mutex_);
  const Emit emit = [&](std::initializer_list<std::string_view> values, double value) { out.push_back(sample(to_key(values), value)); };
  for (const auto& [id, callback] : callbacks_) callback(emit);
  return !callbacks_.empty();
}

// ---- counters

CounterFamily::CounterFamily(MetricDef def) : MetricFamilyBase(std::move(def)) {
  if (!has_unlabelled()) return;
  unlabelled_series_ = {Registry::instance().take_counter(), 0};
  unlabelled_ = Counter(unlabelled_series_.index);
}

std::uint64_t CounterFamily::count_of(const Series& series) const {
  std::uint64_t total = 0;
  Registry::instance().sum(series.index, 1, &total);
  return total - series.base;
}

Counter CounterFamily::with(std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(mutex_);
  auto key = to_key(values);
  auto at = series_.find(key);
  if (at == series_.end()) {
    Series series{Registry::instance().take_counter(), 0};
    series.base = count_of(series);
    at = series_.emplace(std::move(key), series).first;
  }
  return Counter(at->second.index);
}

void CounterFamily::remove(std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(mutex_);
  const auto at = series_.find(to_key(values));
  if (at == series_.end()) return;
  Registry::instance().free_counter(at->second.index);
  series_.erase(at);
}

std::uint64_t CounterFamily::value() const { return has_unlabelled() ? count_of(unlabelled_series_) : 0; }

std::uint64_t CounterFamily::value(std::initializer_list<std::string_view> values) const {
  const std::lock_guard lock(mutex_);
  const auto at = series_.find(to_key(values));
  return at == series_.end() ? 0 : count_of(at->second);
}

void CounterFamily::collect(std::vector<MetricFamily>& out, double) {
  MetricFamily family{def().name, def().help, MetricFamily::Type::counter, {}};
  const bool computed = collect_callbacks(family.samples);
  const std::lock_guard lock(mutex_);
  if (has_unlabelled() && !computed) family.samples.push_back(sample({}, static_cast<double>(count_of(unlabelled_series_)) * def().scale));
  for (const auto& [values, series] : series_) family.samples.push_back(sample(values, static_cast<double>(count_of(series)) * def().scale));
  if (!family.samples.empty()) out.push_back(std::move(family));
}

// ---- gauges

GaugeFamily::GaugeFamily(MetricDef def) : MetricFamilyBase(std::move(def)) {
  if (has_unlabelled()) unlabelled_ = Gauge(make_gauge_value());
}

Gauge GaugeFamily::with(std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(mutex_);
  auto key = to_key(values);
  auto at = series_.find(key);
  if (at == series_.end()) at = series_.emplace(std::move(key), Gauge(make_gauge_value())).first;
  return at->second;
}

void GaugeFamily::remove(std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(mutex_);
  series_.erase(to_key(values));
}

void GaugeFamily::collect(std::vector<MetricFamily>& out, double) {
  MetricFamily family{def().name, def().help, MetricFamily::Type::gauge, {}};
  const bool computed = collect_callbacks(family.samples);
  const std::lock_guard lock(mutex_);
  if (has_unlabelled() && !computed) family.samples.push_back(sample({}, unlabelled_.value() * def().scale));
  for (const auto& [values, gauge] : series_) family.samples.push_back(sample(values, gauge.value() * def().scale));
  if (!family.samples.empty()) out.push_back(std::move(family));
}

// ---- histograms

struct HistogramFamily::Series {
  using Counts = std::array<std::uint64_t, Histogram::kBuckets>;

  Series() : first(Registry::instance().take_histogram()) { base = read_cells(); }
  ~Series() { Registry::instance().free_histogram(first); }
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  Counts read_cells() const {
    Counts counts{};
    Registry::instance().sum(first, Histogram::kBuckets, counts.data());
    return counts;
  }
  std::uint64_t count() const {
    const auto now = read_cells();
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < now.size(); ++i) total += now[i] - base[i];
    return total;
  }

  std::uint32_t first;
  Counts base{};       ///< what the cells held before they became ours
  Counts seen{};       ///< counts at the last scrape, over base
  Buckets recent{};    ///< counts that fade
  double last_seconds = 0;
};

void HistogramFamily::Deleter::operator()(Series* series) const { delete series; }

HistogramFamily::HistogramFamily(MetricDef def) : MetricFamilyBase(std::move(def)) {
  if (!has_unlabelled()) return;
  unlabelled_series_ = SeriesPtr(new Series);
  unlabelled_ = Histogram(unlabelled_series_->first);
}

HistogramFamily::~HistogramFamily() = default;

Histogram HistogramFamily::with(std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(mutex_);
  auto& series = series_[to_key(values)];
  if (series == nullptr) series = SeriesPtr(new Series);
  return Histogram(series->first);
}

void HistogramFamily::remove(std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(mutex_);
  series_.erase(to_key(values));
}

std::uint64_t HistogramFamily::count() const { return unlabelled_series_ == nullptr ? 0 : unlabelled_series_->count(); }

std::uint64_t HistogramFamily::count(std::initializer_list<std::string_view> values) const {
  const std::lock_guard lock(mutex_);
  const auto at = series_.find(to_key(values));
  return at == series_.end() ? 0 : at->second->count();
}

void HistogramFamily::collect_series(Series& series, std::span<const std::string> values, double now_seconds, MetricFamily& quantiles,
                                     MetricFamily& counts) const {
  const double fade = std::exp(-kDecayPerSecond * std::max(0.0, now_seconds - series.last_seconds));
  series.last_seconds = now_seconds;
  const auto cells = series.read_cells();
  std::uint64_t count = 0;
  double recent = 0;
  for (std::uint32_t i = 0; i < Histogram::kBuckets; ++i) {
    const auto now = cells[i] - series.base[i];
    series.recent[i] = series.recent[i] * fade + static_cast<double>(now - series.seen[i]);
    series.seen[i] = now;
    count += now;
    recent += series.recent[i];
  }
  for (const auto& [share, text] : kQuantiles) {
    auto line = sample(values, quantile_of(series.recent, recent, share) * def().scale);
    line.labels.emplace_back("quantile", std::string(text));
    quantiles.samples.push_back(std::move(line));
  }
  counts.samples.push_back(sample(values, static_cast<double>(count)));
}

void HistogramFamily::collect(std::vector<MetricFamily>& out, double now_seconds) {
  MetricFamily quantiles{def().name, def().help, MetricFamily::Type::gauge, {}};
  MetricFamily counts{def().name + "_count", def().help, MetricFamily::Type::counter, {}};
  const std::lock_guard lock(mutex_);
  if (unlabelled_series_ != nullptr) collect_series(*unlabelled_series_, {}, now_seconds, quantiles, counts);
  for (const auto& [values, series] : series_) collect_series(*series, values, now_seconds, quantiles, counts);
  if (quantiles.samples.empty()) return;
  out.push_back(std::move(quantiles));
  // Version 1 of the Prometheus agent spells every counter with _total, version 0 did not: dashboards of both kinds exist.
  auto again = counts;
  again.name += "_total";
  out.push_back(std::move(counts));
  out.push_back(std::move(again));
}

std::vector<MetricFamily> collect_metrics() { return collect_metrics(monotonic_seconds()); }

std::vector<MetricFamily> collect_metrics(double now_seconds) {
  std::vector<MetricFamily> out;
  Registry::instance().collect(out, now_seconds);
  return out;
}

}  // namespace moldau::config
