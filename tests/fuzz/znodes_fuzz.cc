// Znodes come from other brokers, old tools and operators: every decoder takes any bytes, and what one takes it writes back to the same value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "replication/store/znode_tree.h"
#include "replication/store/znodes.h"

using namespace moldau;
using namespace moldau::replication;

namespace {

void require(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto topic = znodes::decode_topic(text)) {
    const auto again = znodes::decode_topic(znodes::encode(*topic));
    require(again.has_value() && again->partitions == topic->partitions && again->topic_id == topic->topic_id);
  }
  if (const auto state = znodes::decode_state(text)) require(znodes::decode_state(znodes::encode(*state)).value() == *state);
  if (const auto config = znodes::decode_config(text)) require(znodes::decode_config(znodes::encode_config(*config)).value() == *config);
  if (const auto broker = znodes::decode_broker(BrokerId(1), text)) require(znodes::decode_broker(BrokerId(1), znodes::encode(*broker)).has_value());
  if (const auto change = znodes::decode_config_change(text)) require(znodes::decode_config_change(znodes::encode_config_change(*change)).value() == *change);
  if (const auto feature = znodes::decode_feature(text)) require(znodes::decode_feature(znodes::encode(*feature)).has_value());
  if (const auto block = znodes::decode_producer_id_block(text); block && *block) require(znodes::decode_producer_id_block(znodes::encode(**block)).has_value());
  static_cast<void>(znodes::decode_controller(text));
  static_cast<void>(znodes::decode_epoch(text));
  static_cast<void>(znodes::decode_cluster_id(text));
  static_cast<void>(znodes::decode_partitions(text));
  static_cast<void>(znodes::decode_reassignments(text));
  static_cast<void>(znodes::decode_log_dir_event(text));
  require(znodes::desanitize(znodes::sanitize(text)) == text);

  // As a path, for the tree.
  ZnodeTree tree;
  std::vector<ZnodeTree::Event> events;
  const auto made = tree.apply(StoreOp::create(std::string(text)), 1, 0, events);
  require(made.ok() == (tree.find(text) != nullptr && text != "/"));
  return 0;
}
