// Text as a JVM would print it: what Apache Kafka's tools show of bytes that need not be UTF-8, and the order in which Scala's hash collections list their entries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"

namespace moldau::server::tools {

/// `new String(bytes, UTF_8)`: each malformed piece becomes U+FFFD, cut as the JDK's decoder cuts.
std::string java_utf8(Bytes bytes);
/// String.hashCode() of UTF-8 text, over its UTF-16 units.
std::int32_t java_hash(std::string_view utf8);
/// TopicPartition.hashCode().
std::int32_t java_hash(std::string_view topic, std::int32_t partition);
/// java.io.File: doubled and trailing slashes go.
std::string java_path(std::string_view path);
/// File.getAbsolutePath(): the working directory before a relative path, nothing resolved.
std::string java_absolute_path(std::string_view path);
/// Base64 with padding, as Jackson writes bytes.
std::string base64(Bytes bytes);

/// The order of iteration of a Scala 2.13 mutable.HashMap or HashSet that was filled one by one, as positions in `hashes` (hash codes in the order of insertion).
std::vector<std::size_t> scala_hash_order(const std::vector<std::int32_t>& hashes);
/// The same for a table of a given size, a power of two.
std::vector<std::size_t> scala_table_order(const std::vector<std::int32_t>& hashes, std::size_t table_size);

}  // namespace moldau::server::tools
