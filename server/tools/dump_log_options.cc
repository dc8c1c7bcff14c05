#include "server/tools/dump_log_options.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <string_view>

#include "server/tools/dump_log_usage.h"
#include "storage/checkpoint/text_lines.h"

namespace moldau::server::tools {
namespace {

enum class Takes { nothing, required, optional };

struct OptionSpec {
  std::string_view name;
  Takes takes = Takes::nothing;
};

constexpr std::array kOptions = {
    OptionSpec{"cluster-metadata-decoder"},
    OptionSpec{"deep-iteration"},
    OptionSpec{"files", Takes::required},
    OptionSpec{"help"},
    OptionSpec{"index-sanity-check"},
    OptionSpec{"key-decoder-class", Takes::optional},
    OptionSpec{"max-bytes", Takes::required},
    OptionSpec{"max-message-size", Takes::required},
    OptionSpec{"offsets-decoder"},
    OptionSpec{"print-data-log"},
    OptionSpec{"remote-log-metadata-decoder"},
    OptionSpec{"skip-record-metadata"},
    OptionSpec{"transaction-log-decoder"},
    OptionSpec{"value-decoder-class", Takes::optional},
    OptionSpec{"verify", Takes::required},
    OptionSpec{"verify-index-only"},
    OptionSpec{"version"},
};

/// The option of this name, or the only one that begins with it.
const OptionSpec* find_option(std::string_view name) {
  const OptionSpec* found = nullptr;
  for (const auto& option : kOptions) {
    if (option.name == name) return &option;
    if (!option.name.starts_with(name)) continue;
    if (found != nullptr) return nullptr;
    found = &option;
  }
  return found;
}

/// Options that were given, with their values.
using Given = std::map<std::string_view, std::vector<std::string>>;

std::variant<Given, Usage> collect(const std::vector<std::string>& words) {
  Given given;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == "--") break;
    if (!word.starts_with('-') || word == "-") continue;
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const auto equals = word.find('=');
    const auto* option = word.empty() ? nullptr : find_option(word.substr(0, equals));
    if (option == nullptr) return Usage{fmt::format("{} is not a recognized option\n", word.substr(0, equals))};
    auto& values = given[option->name];
    if (equals != std::string_view::npos) {
      if (option->takes == Takes::nothing) return Usage{fmt::format("Option {} takes no argument\n", option->name)};
      values.emplace_back(word.substr(equals + 1));
      continue;
    }
    const bool more = i + 1 < words.size();
    if (option->takes == Takes::required) {
      if (!more) return Usage{fmt::format("Option {} requires an argument\n", option->name)};
      values.push_back(words[++i]);
    } else if (option->takes == Takes::optional && more && !words[i + 1].starts_with('-')) {
      values.push_back(words[++i]);
    }
  }
  for (const auto& [name, values] : given)
    if (values.size() > 1) return Usage{fmt::format("Found multiple arguments for option {}, but you asked for only one\n", name)};
  return given;
}

/// Between commas; as Java's split, empty ones at the end are dropped.
std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const auto comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  while (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  return parts;
}

/// Empty, or why the option's number is none.
std::string take_number(const Given& given, std::string_view name, std::int32_t& number) {
  const auto it = given.find(name);
  if (it == given.end()) return {};
  const auto& text = it->second.front();
  const auto parsed = storage::parse_number<std::int32_t>(text.starts_with('+') ? std::string_view(text).substr(1) : std::string_view(text));
  if (!parsed) return fmt::format("Cannot parse argument '{}' of option {}\n", text, name);
  number = *parsed;
  return {};
}

void take_class(const Given& given, std::string_view name, std::string& into) {
  if (const auto it = given.find(name); it != given.end() && !it->second.empty()) into = it->second.front();
}

}  // namespace

std::variant<DumpLogOptions, Usage> parse_dump_log_options(const std::vector<std::string>& words) {
  auto collected = collect(words);
  if (auto* usage = std::get_if<Usage>(&collected)) return std::move(*usage);
  const auto& given = std::get<Given>(collected);
  const auto has = [&](std::string_view name) { return given.contains(name); };

  if (words.empty() || has("help")) return Usage{std::string(kDumpLogPurpose) + kDumpLogTable};
  DumpLogOptions options;
  options.show_version = has("version");
  if (options.show_version) return options;
  if (has("cluster-metadata-decoder"))
    return Usage{"The option cluster-metadata-decoder is for the logs of KRaft controllers, which are not this broker's: use kafka-dump-log\n"};
  if (const auto it = given.find("verify"); it != given.end()) {
    options.verify = it->second.front();
    return options;
  }
  if (!has("files")) return Usage{std::string("Missing required argument \"[files]\"\n") + kDumpLogTable};
  options.files = split_commas(given.at("files").front());
  options.verify_index_only = has("verify-index-only");
  options.index_sanity_check = has("index-sanity-check");
  options.skip_record_metadata = has("skip-record-metadata");
  options.offsets_decoder = has("offsets-decoder");
  options.transaction_log_decoder = has("transaction-log-decoder");
  options.remote_log_metadata_decoder = has("remote-log-metadata-decoder");
  options.print_data_log = has("print-data-log") || options.offsets_decoder || options.transaction_log_decoder || options.remote_log_metadata_decoder ||
                           has("value-decoder-class") || has("key-decoder-class");
  options.deep_iteration = has("deep-iteration") || options.print_data_log;
  take_class(given, "key-decoder-class", options.key_decoder_class);
  take_class(given, "value-decoder-class", options.value_decoder_class);
  for (const auto& [name, number] : {std::pair{"max-message-size", &options.max_message_size}, std::pair{"max-bytes", &options.max_bytes}})
    if (auto wrong = take_number(given, name, *number); !wrong.empty()) return Usage{std::move(wrong)};
  return options;
}

}  // namespace moldau::server::tools
