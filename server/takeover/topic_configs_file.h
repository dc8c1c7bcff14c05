// Topic overrides from a file: ZooKeeper alone had them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/broker_config.h"
#include "protocol/base/error.h"

namespace moldau::server {

/// Topics that the file names; one without overrides has an empty entry.
using TopicConfigs = std::map<std::string, config::Settings, std::less<>>;

/// `text` of the file `name`: a YAML map of topics to maps of keys when the name ends in .yaml or .yml, else what
/// `kafka-configs --bootstrap-server HOST:PORT --entity-type topics --describe` prints (with --all, only the topics' own values count).
/// Errors: INVALID_CONFIG with file and line, or topic.
Result<TopicConfigs> parse_topic_configs(std::string_view text, const std::string& name, const config::BrokerProperties& broker);

}  // namespace moldau::server
