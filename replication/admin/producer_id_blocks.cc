#include "replication/admin/producer_id_blocks.h"

#include <fmt/format.h>

#include <limits>

namespace moldau::replication {

Awaitable<Result<znodes::ProducerIdBlock>> allocate_producer_id_block(MetadataStore& store, BrokerId broker) {
  const std::string path(znodes::kProducerIdBlock);
  while (true) {
    const auto node = co_await store.get(path);
    if (!node) co_return Error(ErrorCode::unknown_server_error, fmt::format("metadata store: {}: {}", path, to_string(node.error())));
    const auto latest = znodes::decode_producer_id_block(node->data);
    if (!latest) co_return Error(ErrorCode::unknown_server_error, fmt::format("znode {}: {}", path, latest.error().message));
    znodes::ProducerIdBlock next;
    next.broker = broker;
    if (*latest) {
      if ((*latest)->last > std::numeric_limits<std::int64_t>::max() - kProducerIdBlockSize) co_return Error(ErrorCode::unknown_server_error, "all producer ids are used up");
      next.first = (*latest)->last + 1;
    }
    next.last = next.first + kProducerIdBlockSize - 1;
    const auto written = co_await store.set(path, znodes::encode(next), node->stat.version);
    if (written) co_return next;
    // A lost answer reads like a lost race: then the node is ours already, and the next round takes one block more.
    if (written.error() != StoreError::bad_version) co_return Error(ErrorCode::unknown_server_error, fmt::format("metadata store: {}: {}", path, to_string(written.error())));
  }
}

}  // namespace moldau::replication
