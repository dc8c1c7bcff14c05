// What a consumer's protocol metadata says: the topics it subscribes to (ConsumerProtocolSubscription).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::server {

/// The subscribed topics. Read with version 0, the prefix of all versions, so that newer clients are understood too
/// (Kafka 3.9 GroupMetadata.computeSubscribedTopics). Nothing when the bytes are no subscription.
std::optional<std::vector<std::string>> subscribed_topics_of(std::string_view metadata);

}  // namespace moldau::server
