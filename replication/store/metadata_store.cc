#include "replication/store/metadata_store.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

namespace moldau::replication {
namespace {

constexpr std::chrono::milliseconds kRetryBackoff{1000};

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

Awaitable<std::vector<StoreResponse>> MetadataStore::attempt(std::vector<StoreOp> ops) {
  namespace asio = boost::asio;
  // The handler can only be moved, std::function wants copies: it is shared. It is posted to its own executor, so that the store's thread goes on.
  const auto initiate = [this](auto handler, std::vector<StoreOp> batch) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    submit(std::move(batch), [shared](std::vector<StoreResponse> responses) {
      auto executor = asio::get_associated_executor(*shared);
      auto result = std::make_shared<std::vector<StoreResponse>>(std::move(responses));
      asio::post(executor, [shared, result] { (*shared)(std::move(*result)); });
    });
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(std::vector<StoreResponse>)>(initiate, asio::use_awaitable, std::move(ops));
}

Awaitable<std::vector<StoreResponse>> MetadataStore::pipeline(std::vector<StoreOp> ops) {
  std::vector<StoreResponse> answers;
  if (ops.empty()) co_return answers;
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
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, kRetryBackoff);
    co_await timer.async_wait(boost::asio::use_awaitable);
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

Awaitable<StoreResult<void>> MetadataStore::remove_recursive(std::string path) {
  // Level by level: all children lists of a level in one round, then all deletions, deepest first.
  std::vector<std::string> found{path};
  for (std::size_t from = 0; from < found.size();) {
    const auto to = found.size();
    std::vector<StoreOp> ops;
    for (auto i = from; i < to; ++i) ops.push_back(StoreOp::children(found[i]));
    const auto answers = co_await pipeline(std::move(ops));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i].ok() && answers[i].error != StoreError::no_node) co_return answers[i].error;
      for (const auto& child : answers[i].children) found.push_back(found[from + i] + "/" + child);
    }
    from = to;
  }
  std::vector<StoreOp> ops;
  for (auto it = found.rbegin(); it != found.rend(); ++it) ops.push_back(StoreOp::remove(*it));
  const auto answers = co_await pipeline(std::move(ops));
  for (const auto& r : answers)
    if (!r.ok() && r.error != StoreError::no_node) co_return r.error;
  co_return StoreResult<void>{};
}

}  // namespace moldau::replication
