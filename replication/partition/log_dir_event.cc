#include "replication/partition/log_dir_event.h"

#include <string>
#include <utility>
#include <vector>

#include "replication/store/znodes.h"

namespace moldau::replication {

Awaitable<StoreResult<std::string>> propagate_log_dir_event(MetadataStore& store, BrokerId self) {
  std::string prefix(znodes::kLogDirEvents);
  prefix += "/log_dir_event_";
  auto text = znodes::encode_log_dir_event(self);
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::create(std::move(prefix), std::move(text), CreateMode::persistent_sequential));
  auto answers = co_await store.pipeline(std::move(ops), MetadataStore::kUntilStopped);
  if (!answers.front().ok()) co_return answers.front().error;
  co_return std::move(answers.front().path);
}

}  // namespace moldau::replication
