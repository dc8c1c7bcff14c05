// `moldau takeover --topic-configs`: a file of anybody's, as YAML (byte 0 odd) or as kafka-configs prints it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/takeover/topic_configs_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const moldau::config::BrokerProperties broker;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static_cast<void>(moldau::server::parse_topic_configs(text, data[0] % 2 == 1 ? "topics.yaml" : "topics.txt", broker));
  return 0;
}
