#include "protocol/base/ids.h"

namespace moldau {

std::string to_string(TopicPartitionView tp) {
  std::string text(tp.topic);
  text += '-';
  text += std::to_string(tp.partition);
  return text;
}

}  // namespace moldau
