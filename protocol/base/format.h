// fmt printers of the vocabulary: strong types print their number, error codes their Kafka name.
#pragma once

#include <fmt/format.h>

#include <string>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

template <class Tag, class Rep>
struct fmt::formatter<moldau::Strong<Tag, Rep>> : fmt::formatter<Rep> {
  auto format(moldau::Strong<Tag, Rep> v, fmt::format_context& ctx) const { return fmt::formatter<Rep>::format(v.value(), ctx); }
};

template <>
struct fmt::formatter<moldau::ErrorCode> : fmt::formatter<std::string_view> {
  auto format(moldau::ErrorCode v, fmt::format_context& ctx) const { return fmt::formatter<std::string_view>::format(moldau::to_string(v), ctx); }
};

template <>
struct fmt::formatter<moldau::Uuid> : fmt::formatter<std::string_view> {
  auto format(const moldau::Uuid& v, fmt::format_context& ctx) const { return fmt::formatter<std::string_view>::format(v.to_string(), ctx); }
};

template <>
struct fmt::formatter<moldau::TopicPartition> : fmt::formatter<std::string_view> {
  auto format(const moldau::TopicPartition& v, fmt::format_context& ctx) const {
    return fmt::formatter<std::string_view>::format(moldau::to_string(moldau::TopicPartitionView(v)), ctx);
  }
};

template <>
struct fmt::formatter<moldau::TopicPartitionView> : fmt::formatter<std::string_view> {
  auto format(moldau::TopicPartitionView v, fmt::format_context& ctx) const {
    return fmt::formatter<std::string_view>::format(moldau::to_string(v), ctx);
  }
};
