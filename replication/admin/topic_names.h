// The rules of topic names (Kafka 3.9 Topic).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace moldau::replication {

/// Why a name cannot be a topic's: "Topic name is invalid: ..."; nothing when it can.
std::optional<std::string> invalid_topic_name(std::string_view name);

/// '.' and '_' become the same character in metric names: names that differ in them only collide.
bool has_collision_chars(std::string_view name) noexcept;
bool collides(std::string_view a, std::string_view b);

}  // namespace moldau::replication
