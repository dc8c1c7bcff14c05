// Reads tests/unit/records/data/golden.txt.gz: what Apache Kafka wrote and read (tests/conformance/records/RecordVectors.java).
#pragma once

#include <fmt/format.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/base/format.h"
#include "protocol/records/any_batch.h"
#include "protocol/records/checksum/crc32.h"
#include "tests/unit/source_root.h"

namespace moldau::test {

using Buffer = std::vector<std::byte>;

/// One case of the file. `output` are the bytes after `result`; `lines` the batch and record lines behind the last bytes.
struct GoldenCase {
  std::string kind, name;
  std::map<std::string, std::string> options;
  Buffer input, output;
  std::map<std::string, std::string> result;
  bool failed = false;
  int error_code = 0;
  std::string error_message;
  std::vector<std::string> record_errors, lines;
  [[nodiscard]] std::int64_t number(const std::string& key) const { return std::strtoll(options.at(key).c_str(), nullptr, 10); }
};

inline Buffer from_base64(const std::string& text) {
  static const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Buffer out;
  unsigned bits = 0;
  int have = 0;
  for (const char c : text) {
    const auto at = alphabet.find(c);
    if (at == std::string::npos) break;
    bits = bits << 6 | static_cast<unsigned>(at);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<std::byte>(bits >> have));
    }
  }
  return out;
}

inline std::string golden_path() { return moldau::test::source_root() + "/tests/unit/records/data/golden.txt.gz"; }

inline std::map<std::string, std::string> parse_options(std::istringstream& words) {
  std::map<std::string, std::string> out;
  std::string word;
  while (words >> word) {
    const auto eq = word.find('=');
    if (eq != std::string::npos) out[word.substr(0, eq)] = word.substr(eq + 1);
  }
  return out;
}

inline std::vector<GoldenCase> load_golden() {
  gzFile file = gzopen(golden_path().c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot open " + golden_path());
  std::string all;
  char chunk[65536];
  for (int n = 0; (n = gzread(file, chunk, sizeof chunk)) > 0;) all.append(chunk, static_cast<std::size_t>(n));
  gzclose(file);
  std::vector<GoldenCase> cases;
  GoldenCase current;
  bool in_result = false;
  std::istringstream in(all);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "vector" || word == "validate" || word == "convert") {
      current = GoldenCase{};
      current.kind = word;
      words >> current.name;
      current.options = parse_options(words);
      in_result = false;
    } else if (word == "bytes") {
      words >> word;
      (in_result ? current.output : current.input) = from_base64(word);
    } else if (word == "result") {
      in_result = true;
      current.result = parse_options(words);
    } else if (word == "error") {
      current.failed = true;
      words >> current.error_code;
      std::getline(words >> std::ws, current.error_message);
    } else if (word == "record_error") {
      current.record_errors.push_back(line.substr(word.size() + 1));
    } else if (word == "batch" || word == "record") {
      current.lines.push_back(line);
    } else if (word == "end") {
      cases.push_back(std::move(current));
    }
  }
  return cases;
}

inline const std::vector<GoldenCase>& golden() {
  static const auto cases = load_golden();
  return cases;
}

inline std::string print_field(const std::optional<Bytes>& b) {
  if (!b) return "null";
  if (b->empty()) return "empty";
  std::string out;
  if (b->size() <= 40) {
    for (const auto x : *b) out += fmt::format("{:02x}", std::to_integer<unsigned>(x));
    return out;
  }
  return fmt::format("#{}:{:08x}", b->size(), protocol::crc32(*b));
}

/// Our reading of a buffer in the words of the golden file; errors become a line.
inline std::vector<std::string> describe(Bytes buffer) {
  std::vector<std::string> lines;
  protocol::BatchCursor cursor(buffer);
  while (const auto batch = cursor.next()) {
    const auto base = batch->base_offset();
    const bool v2 = batch->is_v2();
    const auto view = v2 ? batch->v2() : protocol::RecordBatchView();
    lines.push_back(fmt::format(
        "batch magic={} base={} last={} size={} max_timestamp={} type={} codec={} pid={} epoch={} sequence={} last_sequence={} txn={} control={} leader_epoch={} count={} horizon={}",
        batch->magic(), base ? base->value() : -1, batch->last_offset(), batch->size_in_bytes(), batch->max_timestamp(),
        batch->timestamp_type() == config::TimestampType::log_append_time ? "append" : "create", to_string(batch->codec()), batch->producer_id(),
        v2 ? view.producer_epoch().value() : std::int16_t{-1}, v2 ? view.base_sequence() : -1, v2 ? view.last_sequence() : -1, batch->is_transactional() ? 1 : 0,
        batch->is_control_batch() ? 1 : 0, batch->partition_leader_epoch(), v2 ? view.record_count() : -1, v2 ? view.delete_horizon_ms().value_or(-1) : -1));
    if (auto valid = batch->ensure_valid(); !valid) lines.push_back("invalid: " + valid.error().message);
    auto records = protocol::DeepRecords::open(*batch);
    if (!records) {
      lines.push_back("error: " + records.error().message);
      continue;
    }
    protocol::RecordView r;
    while (records->next(r)) {
      std::string line = fmt::format("record offset={} timestamp={} sequence={} key={} value={} headers={}", r.offset, r.timestamp, r.sequence, print_field(r.key),
                                     print_field(r.value), r.headers.size());
      for (const auto& h : r.headers) {
        line += fmt::format(" {}:{}", print_field(as_bytes(h.key)), print_field(h.value));
      }
      lines.push_back(line);
    }
    if (records->failed()) lines.push_back("error: " + records->error().message);
  }
  if (cursor.error()) lines.push_back("error: " + cursor.error()->message);
  return lines;
}

}  // namespace moldau::test
