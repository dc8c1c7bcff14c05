// The arguments of `moldau dump-log`: those of Apache Kafka's kafka-dump-log, parsed as joptsimple parses them, and --verify.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace moldau::server::tools {

struct DumpLogOptions {
  std::vector<std::string> files;
  std::optional<std::string> verify;  ///< a data directory: checked as a whole, nothing is dumped
  bool print_data_log = false;
  bool deep_iteration = false;
  bool verify_index_only = false;
  bool index_sanity_check = false;
  bool skip_record_metadata = false;
  bool offsets_decoder = false;
  bool transaction_log_decoder = false;
  bool remote_log_metadata_decoder = false;
  bool show_version = false;
  std::int32_t max_message_size = 5 * 1024 * 1024;
  std::int32_t max_bytes = INT32_MAX;
  std::string key_decoder_class = "org.apache.kafka.tools.api.StringDecoder";
  std::string value_decoder_class = "org.apache.kafka.tools.api.StringDecoder";
};

/// Why there is nothing to do: printed on stderr, exit code 1.
struct Usage {
  std::string text;
};

/// `--name value`, `--name=value`, `-name value` and unambiguous abbreviations; other words are ignored, as kafka-dump-log ignores them.
std::variant<DumpLogOptions, Usage> parse_dump_log_options(const std::vector<std::string>& words);

}  // namespace moldau::server::tools
