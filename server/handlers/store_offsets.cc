#include "server/handlers/store_offsets.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "replication/store/metadata_store.h"

namespace moldau::server {

namespace {

std::string offset_path(std::string_view group, TopicPartitionView tp) { return fmt::format("/consumers/{}/offsets/{}/{}", group, tp.topic, tp.partition); }

}  // namespace

Awaitable<ErrorCode> set_stored_offset(replication::MetadataStore& store, std::string_view group, TopicPartitionView tp, std::int64_t offset) {
  // A name with a slash would lie elsewhere in the tree.
  if (group.empty() || group.find('/') != std::string_view::npos) co_return ErrorCode::unknown_server_error;
  const auto path = offset_path(group, tp);
  auto set = co_await store.set(path, std::to_string(offset));
  if (!set && set.error() == replication::StoreError::no_node) {
    const auto made = co_await store.ensure(path);
    if (!made) co_return ErrorCode::unknown_server_error;
    set = co_await store.set(path, std::to_string(offset));
  }
  co_return set ? ErrorCode::none : ErrorCode::unknown_server_error;
}

Awaitable<Result<std::optional<std::int64_t>>> stored_offset(replication::MetadataStore& store, std::string_view group, TopicPartitionView tp) {
  std::optional<std::int64_t> found;
  if (group.empty() || group.find('/') != std::string_view::npos) co_return found;
  const auto node = co_await store.get(offset_path(group, tp));
  if (!node) {
    if (node.error() == replication::StoreError::no_node) co_return found;
    co_return Error(ErrorCode::unknown_server_error, std::string(replication::to_string(node.error())));
  }
  std::int64_t offset = 0;
  const auto& text = node->data;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size()) found = offset;
  co_return found;
}

}  // namespace moldau::server
