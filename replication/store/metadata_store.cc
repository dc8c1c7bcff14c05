#include "replication/store/metadata_store.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include "protocol/base/timer.h"

namespace moldau::replication {
namespace {

constexpr Millis kRetryBackoff{1000};

}  // namespace

std::string_view to_string(StoreError error) noexcept {
  switch (error) {
    case StoreError::ok: return "OK";
    case StoreError::runtime_inconsistency: return "RuntimeInconsistency";
    case StoreError::connection_loss: return "ConnectionLoss";
    case StoreError::bad_arguments: return "BadArguments";
    case StoreError::no_node: return "NoNode";
    case StoreError::no_auth: return "NoAuth";
    case StoreError::bad_version: return "BadVersion";
    case StoreError::no_children_for_ephemerals: return "NoChildrenForEphemerals";
    case StoreError::node_exists: return "NodeExists";
    case StoreError::not_empty: return "NotEmpty";
    case StoreError::session_expired: return "SessionExpired";
    case StoreError::auth_failed: return "AuthFailed";
    case StoreError::session_closed: return "SessionClosed";
  }
  return "Unknown";
}

ErrorCode error_code(StoreError error) noexcept { return error == StoreError::connection_loss ? ErrorCode::request_timed_out : ErrorCode::unknown_server_error; }

std::string_view to_string(StoreEventType type) noexcept {
  switch (type) {
    case StoreEventType::node_created: return "NodeCreated";
    case StoreEventType::node_deleted: return "NodeDeleted";
    case StoreEventType::node_data_changed: return "NodeDataChanged";
    case StoreEventType::node_children_changed: return "NodeChildrenChanged";
  }
  return "Unknown";
}

void throw_exception_from_error(StoreError error, const boost::source_location&) {
  throw std::runtime_error(fmt::format("metadata store: {}", to_string(error)));
}

StoreOp StoreOp::create(std::string path, std::optional<std::string> data, CreateMode mode) {
  StoreOp op;
  op.kind = Kind::create;
  op.mode = mode;
  op.path = std::move(path);
  op.data = std::move(data);
  return op;
}

StoreOp StoreOp::set(std::string path, std::string data, std::int32_t version) {
  StoreOp op;
  op.kind = Kind::set;
  op.version = version;
  op.path = std::move(path);
  op.data = std::move(data);
  return op;
}

StoreOp StoreOp::get(std::string path, bool watch) {
  StoreOp op;
  op.kind = Kind::get;
  op.watch = watch;
  op.path = std::move(path);
  return op;
}

StoreOp StoreOp::remove(std::string path, std::int32_t version) {
  StoreOp op;
  op.kind = Kind::remove;
  op.version = version;
  op.path = std::move(path);
  return op;
}

StoreOp StoreOp::exists(std::string path, bool watch) {
  StoreOp op = get(std::move(path), watch);
  op.kind = Kind::exists;
  return op;
}

StoreOp StoreOp::children(std::string path, bool watch) {
  StoreOp op = get(std::move(path), watch);
  op.kind = Kind::children;
  return op;
}

StoreOp StoreOp::check(std::string path, std::int32_t version) {
  StoreOp op = remove(std::move(path), version);
  op.kind = Kind::check;
  return op;
}

StoreOp StoreOp::multi(std::vector<StoreOp> ops) {
  StoreOp op;
  op.kind = Kind::multi;
  op.ops = std::move(ops);
  return op;
}

/// One submission: answered by the store, or given up by who waits for it.
struct MetadataStore::Attempt {
  Event answered;

  void answer(std::vector<StoreResponse> got) {
    {
      const std::lock_guard lock(mutex);
      answers = std::move(got);
    }
    answered.set();
  }
  std::vector<StoreResponse> take() {
    const std::lock_guard lock(mutex);
    return std::move(answers);
  }

 private:
  std::mutex mutex;  // guards what follows
  std::vector<StoreResponse> answers;
};

/// The time between two attempts, which stop_retrying() ends.
class MetadataStore::Pause {
 public:
  explicit Pause(MetadataStore& store) : store_(store) {
    const std::lock_guard lock(store_.pauses_mutex_);
    if (store_.no_more_retries_) over_.set();
    store_.pauses_.insert(&over_);
  }
  ~Pause() {
    const std::lock_guard lock(store_.pauses_mutex_);
    store_.pauses_.erase(&over_);
  }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  /// False when there is to be no further attempt.
  Awaitable<bool> wait_until(SteadyTime time) {
    const bool over = co_await over_.wait_until(time);
    co_return !over;
  }

 private:
  MetadataStore& store_;
  Event over_;
};

void MetadataStore::back_up(std::string /*path*/, std::function<void(Status)> done) {
  done(Error(ErrorCode::unsupported_version, "the metadata does not lie in this broker's log directories"));
}

void MetadataStore::stop_retrying() {
  const std::lock_guard lock(pauses_mutex_);
  no_more_retries_ = true;
  for (auto* pause : pauses_) pause->set();
}

Awaitable<std::vector<StoreResponse>> MetadataStore::attempt(std::vector<StoreOp> ops) {
  const auto count = ops.size();
  const auto made = std::make_shared<Attempt>();
  submit(std::move(ops), [made](std::vector<StoreResponse> got) { made->answer(std::move(got)); });
  const bool answered = co_await made->answered.wait_for(patience_);
  if (answered) co_return made->take();
  StoreResponse silence;
  silence.error = StoreError::connection_loss;
  co_return std::vector<StoreResponse>(count, silence);
}

Awaitable<std::vector<StoreResponse>> MetadataStore::pipeline(std::vector<StoreOp> ops, std::optional<SteadyTime> deadline) {
  std::vector<StoreResponse> answers;
  if (ops.empty()) co_return answers;
  const auto end = deadline.value_or(TimerClock::now() + patience_);
  answers.resize(ops.size());
  std::vector<std::size_t> open(ops.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
  while (true) {
    std::vector<StoreOp> batch;
    batch.reserve(open.size());
    for (const auto i : open) batch.push_back(ops[i]);
    auto got = co_await attempt(std::move(batch));
    std::vector<std::size_t> lost;
    for (std::size_t i = 0; i < open.size(); ++i) {
      answers[open[i]] = std::move(got[i]);
      if (answers[open[i]].error == StoreError::connection_loss) lost.push_back(open[i]);
    }
    if (lost.empty()) co_return answers;
    open = std::move(lost);
    const auto next = TimerClock::now() + kRetryBackoff;
    if (next > end) co_return answers;
    Pause pause(*this);
    const bool again = co_await pause.wait_until(next);
    if (!again) co_return answers;
  }
}

Awaitable<StoreResponse> MetadataStore::one(StoreOp op) {
  std::vector<StoreOp> ops;
  ops.push_back(std::move(op));
  auto answers = co_await pipeline(std::move(ops));
  co_return std::move(answers.front());
}

Awaitable<StoreResult<std::string>> MetadataStore::create(std::string path, std::optional<std::string> data, CreateMode mode) {
  auto op = StoreOp::create(std::move(path), std::move(data), mode);
  auto r = co_await one(std::move(op));
  if (!r.ok()) co_return r.error;
  co_return std::move(r.path);
}

Awaitable<StoreResult<Stat>> MetadataStore::set(std::string path, std::string data, std::int32_t version) {
  auto op = StoreOp::set(std::move(path), std::move(data), version);
  const auto r = co_await one(std::move(op));
  if (!r.ok()) co_return r.error;
  co_return r.stat;
}

Awaitable<StoreResult<NodeData>> MetadataStore::get(std::string path, bool watch) {
  auto op = StoreOp::get(std::move(path), watch);
  auto r = co_await one(std::move(op));
  if (!r.ok()) co_return r.error;
  NodeData node;
  node.data = std::move(r.data);
  node.stat = r.stat;
  co_return node;
}

Awaitable<StoreResult<void>> MetadataStore::remove(std::string path, std::int32_t version) {
  auto op = StoreOp::remove(std::move(path), version);
  const auto r = co_await one(std::move(op));
  if (!r.ok()) co_return r.error;
  co_return StoreResult<void>{};
}

Awaitable<StoreResult<Stat>> MetadataStore::exists(std::string path, bool watch) {
  auto op = StoreOp::exists(std::move(path), watch);
  const auto r = co_await one(std::move(op));
  if (!r.ok()) co_return r.error;
  co_return r.stat;
}

Awaitable<StoreResult<std::vector<std::string>>> MetadataStore::children(std::string path, bool watch) {
  auto op = StoreOp::children(std::move(path), watch);
  auto r = co_await one(std::move(op));
  if (!r.ok()) co_return r.error;
  co_return std::move(r.children);
}

Awaitable<StoreResponse> MetadataStore::multi(std::vector<StoreOp> ops) {
  auto op = StoreOp::multi(std::move(ops));
  co_return co_await one(std::move(op));
}

Awaitable<StoreResult<void>> MetadataStore::ensure(std::string path) {
  std::vector<StoreOp> ops;
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) ops.push_back(StoreOp::create(path.substr(0, at)));
  ops.push_back(StoreOp::create(std::move(path)));
  const auto answers = co_await pipeline(std::move(ops));
  const auto& last = answers.back();
  if (!last.ok() && last.error != StoreError::node_exists) co_return last.error;
  co_return StoreResult<void>{};
}

}  // namespace moldau::replication
