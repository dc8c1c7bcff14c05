#include <fmt/format.h>

#include "server/tools/java_text.h"
#include "server/tools/record_decoder.h"

namespace moldau::server::tools {
namespace {

using Show = Result<std::string> (*)(Bytes);

template <class T>
Result<std::string> show_number(Bytes bytes) {
  if (bytes.size() < sizeof(T))
    return Error(ErrorCode::corrupt_message, fmt::format("a number of {} bytes cannot be read from {} bytes", sizeof(T), bytes.size()));
  return std::to_string(load_be<T>(bytes.data()));
}

Result<std::string> show_text(Bytes bytes) { return java_utf8(bytes); }

/// DIFFERS: kafka-dump-log prints the identity of the Java array (`[B@1b2c3d`), which tells nothing.
Result<std::string> show_hex(Bytes bytes) {
  std::string text;
  for (const auto b : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(b));
  return text;
}

Result<Show> find_class(std::string_view name) {
  for (const std::string_view package : {"org.apache.kafka.tools.api.", "kafka.serializer."}) {
    if (!name.starts_with(package)) continue;
    const auto simple = name.substr(package.size());
    if (simple == "StringDecoder") return &show_text;
    if (simple == "IntegerDecoder") return &show_number<std::int32_t>;
    if (simple == "LongDecoder") return &show_number<std::int64_t>;
    if (simple == "DefaultDecoder") return &show_hex;
  }
  return Error(
      ErrorCode::invalid_config,
      fmt::format("the decoder class {} is not known; there are StringDecoder, IntegerDecoder, LongDecoder and DefaultDecoder of org.apache.kafka.tools.api",
                  name));
}

class ClassDecoder final : public RecordDecoder {
 public:
  ClassDecoder(Show key, Show value) : key_(key), value_(value) {}

  Result<DecodedRecord> decode(const protocol::RecordView& record) const override {
    DecodedRecord decoded;
    if (record.key) {
      auto text = key_(*record.key);
      if (!text) return text.error();
      decoded.key = std::move(*text);
    }
    if (record.value) {
      auto text = value_(*record.value);
      if (!text) return text.error();
      decoded.value = std::move(*text);
    }
    return decoded;
  }

 private:
  Show key_;
  Show value_;
};

}  // namespace

Result<std::unique_ptr<RecordDecoder>> class_decoder(const std::string& key_class, const std::string& value_class) {
  const auto value = find_class(value_class);
  if (!value) return value.error();
  const auto key = find_class(key_class);
  if (!key) return key.error();
  return std::unique_ptr<RecordDecoder>(std::make_unique<ClassDecoder>(*key, *value));
}

}  // namespace moldau::server::tools
