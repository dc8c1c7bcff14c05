#include "server/snapshot/broker_outline.h"

#include <boost/json.hpp>

#include <exception>

namespace moldau::server {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

json::object log_json(const storage::LogOutline& log) {
  json::array epochs;
  for (const auto& entry : log.epochs) epochs.emplace_back(json::array{entry.epoch.value(), entry.start.value()});
  json::array segments;
  for (const auto& segment : log.segments) segments.emplace_back(json::array{segment.base.value(), segment.bytes});
  return json::object{{"topic", log.partition.topic},
                      {"partition", log.partition.partition},
                      {"topicId", log.topic_id.to_string()},
                      {"directory", log.dir},
                      {"logDirectory", log.log_dir},
                      {"fileChanges", log.file_changes},
                      {"logStartOffset", log.log_start.value()},
                      {"highWatermark", log.high_watermark.value()},
                      {"logEndOffset", log.log_end.value()},
                      {"recoveryPoint", log.recovery_point.value()},
                      {"leaderEpochs", std::move(epochs)},
                      {"segments", std::move(segments)}};
}

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

Offset offset_of(const json::value& value) {
  const auto number = value.to_number<std::int64_t>();
  if (number < 0) throw std::invalid_argument("a negative offset");
  return Offset(number);
}

storage::LogOutline log_of(const json::value& value) {
  storage::LogOutline log;
  log.partition.topic = text_of(value.at("topic"));
  log.partition.partition = value.at("partition").to_number<std::int32_t>();
  const auto id = TopicId::parse(text_of(value.at("topicId")));
  if (!id) throw std::invalid_argument("a topic id that is none");
  log.topic_id = *id;
  log.dir = text_of(value.at("directory"));
  log.log_dir = text_of(value.at("logDirectory"));
  log.file_changes = value.at("fileChanges").to_number<std::uint64_t>();
  log.log_start = offset_of(value.at("logStartOffset"));
  log.high_watermark = offset_of(value.at("highWatermark"));
  log.log_end = offset_of(value.at("logEndOffset"));
  log.recovery_point = offset_of(value.at("recoveryPoint"));
  for (const auto& entry : value.at("leaderEpochs").as_array())
    log.epochs.push_back({LeaderEpoch(entry.at(0).to_number<std::int32_t>()), offset_of(entry.at(1))});
  for (const auto& segment : value.at("segments").as_array()) log.segments.push_back({offset_of(segment.at(0)), segment.at(1).to_number<std::uint64_t>()});
  if (log.segments.empty()) throw std::invalid_argument("a log without segments");
  return log;
}

}  // namespace

std::string format_broker_outline(const BrokerOutline& outline) {
  json::array logs;
  logs.reserve(outline.logs.size());
  for (const auto& log : outline.logs) logs.emplace_back(log_json(log));
  return json::serialize(json::object{{"logDirs", texts(outline.log_dirs)}, {"offlineLogDirs", texts(outline.offline)}, {"logs", std::move(logs)}});
}

Result<BrokerOutline> parse_broker_outline(std::string_view text) {
  try {
    const auto value = json::parse(json::string_view(text.data(), text.size()));
    BrokerOutline outline;
    for (const auto& dir : value.at("logDirs").as_array()) outline.log_dirs.push_back(text_of(dir));
    for (const auto& dir : value.at("offlineLogDirs").as_array()) outline.offline.push_back(text_of(dir));
    for (const auto& log : value.at("logs").as_array()) outline.logs.push_back(log_of(log));
    return outline;
  } catch (const std::exception& e) {
    return Error(ErrorCode::corrupt_message, std::string("not an outline of a broker's logs: ") + e.what());
  }
}

}  // namespace moldau::server
