#include "config/topic_config.h"

#include <catch2/catch.hpp>
#include <limits>

#include "config/alter.h"

using namespace moldau::config;

TEST_CASE("Topic configuration: broker keys give the defaults, with their units", "[config]") {
  CHECK(make_log_config(make_broker_config({}), {}) == LogConfig{});
  const auto hours = make_broker_config({{"log.retention.hours", "2"}, {"log.roll.hours", "3"}, {"log.roll.jitter.hours", "1"}, {"log.flush.scheduler.interval.ms", "70"}});
  CHECK(hours.log_defaults.retention_ms == 7200000);
  CHECK(hours.log_defaults.segment_ms == 10800000);
  CHECK(hours.log_defaults.segment_jitter_ms == 3600000);
  CHECK(hours.log_defaults.flush_ms == 70);
  const auto minutes = make_broker_config({{"log.retention.hours", "2"}, {"log.retention.minutes", "5"}});
  CHECK(minutes.log_defaults.retention_ms == 300000);
  const auto ms = make_broker_config({{"log.retention.hours", "2"}, {"log.retention.minutes", "5"}, {"log.retention.ms", "9"}});
  CHECK(ms.log_defaults.retention_ms == 9);
  CHECK(make_broker_config({{"log.retention.hours", "-1"}}).log_defaults.retention_ms == -1);
  const auto more = make_broker_config({{"log.cleanup.policy", "compact"}, {"compression.type", "zstd"}, {"log.message.timestamp.type", "LogAppendTime"},
                                        {"message.max.bytes", "100"}, {"min.insync.replicas", "2"}, {"log.cleaner.min.cleanable.ratio", "0.1"}});
  CHECK(more.log_defaults.cleanup_compact);
  CHECK_FALSE(more.log_defaults.cleanup_delete);
  CHECK(more.log_defaults.compression_type == CompressionSetting::zstd);
  CHECK(more.log_defaults.message_timestamp_type == TimestampType::log_append_time);
  CHECK(more.log_defaults.max_message_bytes == 100);
  CHECK(more.log_defaults.min_insync_replicas == 2);
  CHECK(more.log_defaults.min_cleanable_dirty_ratio == 0.1);
}

TEST_CASE("Topic configuration: a topic's own keys win", "[config]") {
  const auto broker = make_broker_config({{"log.retention.hours", "2"}});
  const auto config = make_log_config(broker, {{"retention.ms", "-1"}, {"segment.bytes", "1000"}, {"cleanup.policy", "compact,delete"},
                                               {"leader.replication.throttled.replicas", "0:1,1:2"}, {"unknown", "x"}});
  CHECK(config.retention_ms == -1);
  CHECK(config.segment_bytes == 1000);
  CHECK(config.cleanup_compact);
  CHECK(config.cleanup_delete);
  CHECK(config.leader_replication_throttled_replicas == std::vector<std::string>{"0:1", "1:2"});
}

TEST_CASE("Topic configuration: the old timestamp limit counts where the new ones are not set", "[config]") {
  const auto broker = make_broker_config({});
  const auto old = make_log_config(broker, {{"message.timestamp.difference.max.ms", "500"}});
  CHECK(old.message_timestamp_before_max_ms == 500);
  CHECK(old.message_timestamp_after_max_ms == 500);
  const auto mixed = make_log_config(broker, {{"message.timestamp.difference.max.ms", "500"}, {"message.timestamp.after.max.ms", "7"}});
  CHECK(mixed.message_timestamp_before_max_ms == 500);
  CHECK(mixed.message_timestamp_after_max_ms == 7);
}

TEST_CASE("Topic configuration: validation", "[config]") {
  const auto broker = make_broker_config({});
  const auto message = [&](const Settings& settings) {
    const auto error = validate_topic_settings(broker, settings);
    return error ? (error->bad_value ? "value: " : "") + error->message : std::string("good");
  };
  CHECK(message({{"segment.bytes", "1000"}, {"cleanup.policy", ""}, {"message.format.version", "2.8"}, {"local.retention.ms", "5"}}) == "good");
  CHECK(message({{"foo", "1"}}) == "Unknown topic config name: foo");
  CHECK(message({{"segment.bytes", "1"}}) == "value: Invalid value 1 for configuration segment.bytes: Value must be at least 14");
  CHECK(message({{"min.compaction.lag.ms", "10"}, {"max.compaction.lag.ms", "5"}}) ==
        "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)");
  CHECK(message({{"remote.storage.enable", "true"}}) ==
        "value: Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.");
  CHECK(message({{"remote.storage.enable", "false"}}) == "good");
}

TEST_CASE("Alter: set, delete, append, subtract", "[config]") {
  const std::vector<Alteration> mixed = {{"retention.ms", "5", AlterOperation::set},
                                         {"segment.bytes", std::nullopt, AlterOperation::remove},
                                         {"cleanup.policy", "compact", AlterOperation::append}};
  const auto result = alter_settings(ResourceKind::topic, {{"segment.bytes", "1000"}}, mixed);
  REQUIRE_FALSE(result.error);
  CHECK(result.settings == Settings{{"retention.ms", "5"}, {"cleanup.policy", "delete,compact"}});

  const auto one = [](ResourceKind kind, Settings current, const Alteration& alteration) {
    return alter_settings(kind, std::move(current), std::vector<Alteration>{alteration});
  };
  CHECK(one(ResourceKind::topic, {{"cleanup.policy", "compact,delete"}}, {"cleanup.policy", "delete", AlterOperation::subtract}).settings.at("cleanup.policy") == "compact");
  CHECK(one(ResourceKind::broker, {}, {"log.cleanup.policy", "delete", AlterOperation::subtract}).settings.at("log.cleanup.policy").empty());
  CHECK(one(ResourceKind::topic, {{"cleanup.policy", "compact"}}, {"cleanup.policy", "compact", AlterOperation::append}).settings.at("cleanup.policy") == "compact");
  CHECK(one(ResourceKind::topic, {}, {"segment.bytes", "1", AlterOperation::append}).error->message == "Config value append is not allowed for config key: segment.bytes");
  CHECK(one(ResourceKind::broker, {}, {"log.segment.bytes", "1", AlterOperation::subtract}).error->message ==
        "Config value subtract is not allowed for config key: log.segment.bytes");
  CHECK(one(ResourceKind::topic, {}, {"foo", "1", AlterOperation::append}).error->message == "Unknown topic config name: foo");
  CHECK(one(ResourceKind::topic, {}, {"segment.bytes", std::nullopt, AlterOperation::set}).error->message == "Null value not supported for : segment.bytes");
  const std::vector<Alteration> twice = {{"a", "1", AlterOperation::set}, {"a", "2", AlterOperation::set}};
  CHECK_THAT(alter_settings(ResourceKind::broker, {}, twice).error->message, Catch::Contains("duplicate config keys"));
}
