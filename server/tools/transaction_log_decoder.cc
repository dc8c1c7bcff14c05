#include <fmt/format.h>

#include <array>
#include <set>
#include <vector>

#include "protocol/base/arena.h"
#include "protocol/messages/transaction_records.h"
#include "protocol/wire/reader.h"
#include "server/tools/java_text.h"
#include "server/tools/record_decoder.h"

namespace moldau::server::tools {
namespace {

constexpr std::array kStates = {"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"};

constexpr std::size_t kSmallSet = 4;

Error broken(const protocol::RecordView& record, std::string_view what, std::string_view why) {
  return Error(ErrorCode::corrupt_message, fmt::format("the {} of the record at offset {} is no transaction log record: {}", what, record.offset.value(), why));
}

/// The partitions in the order of Scala's mutable.HashSet, to which they are added topic by topic, as immutable sets: it is first made large enough for the new set
/// alone. A set of up to four is then added one by one, with room made where needed; a larger one (an immutable.HashSet) without.
std::string partition_list(const Array<protocol::TransactionLogValue::PartitionsSchema>& topics) {
  std::vector<std::string> names;
  std::set<std::pair<std::string_view, std::int32_t>> seen;
  std::vector<std::int32_t> hashes;
  std::size_t table = 16;
  for (const auto& topic : topics) {
    const std::set<std::int32_t> ids(topic.partition_ids.begin(), topic.partition_ids.end());
    while (table < (ids.size() + 1) * 4 / 3) table *= 2;
    for (std::size_t n = 0; ids.size() <= kSmallSet && n < ids.size(); ++n)
      if (names.size() + n + 1 >= table / 4 * 3) table *= 2;
    for (const auto id : topic.partition_ids) {
      if (!seen.emplace(topic.topic, id).second) continue;
      names.push_back(fmt::format("{}-{}", java_utf8(as_bytes(topic.topic)), id));
      hashes.push_back(java_hash(topic.topic, id));
    }
  }
  std::string list;
  for (const auto i : scala_table_order(hashes, table)) list += (list.empty() ? "" : ",") + names[i];
  return list;
}

class TransactionLogDecoder final : public RecordDecoder {
 public:
  Result<DecodedRecord> decode(const protocol::RecordView& record) const override {
    if (!record.key) return broken(record, "key", "it is null");
    protocol::Reader r(*record.key);
    const auto version = r.integer<std::int16_t>();
    if (!r.ok()) return broken(record, "key", r.error());
    if (version != 0) return DecodedRecord{fmt::format("unknown::version={}", version), std::nullopt};
    Arena arena(256);
    protocol::TransactionLogKey key;
    if (const auto s = key.decode(r, version, arena); !s) return broken(record, "key", s.error().message);
    auto value = show_value(record);
    if (!value) return value.error();
    return DecodedRecord{"transaction_metadata::transactionalId=" + java_utf8(as_bytes(key.transactional_id)), std::move(*value)};
  }

 private:
  static Result<std::string> show_value(const protocol::RecordView& record) {
    if (!record.value) return std::string("<DELETE>");
    protocol::Reader r(*record.value);
    const auto version = r.integer<std::int16_t>();
    if (!r.ok()) return broken(record, "value", r.error());
    Arena arena;
    protocol::TransactionLogValue v;
    if (const auto s = v.decode(r, version, arena); !s) return broken(record, "value", s.error().message);
    if (v.transaction_status < 0 || static_cast<std::size_t>(v.transaction_status) >= kStates.size())
      return broken(record, "value", fmt::format("unknown transaction state id {}", v.transaction_status));
    if (v.transaction_status != 0 && !v.transaction_partitions) return broken(record, "value", "its list of partitions is null");
    return fmt::format("producerId:{},producerEpoch:{},state={},partitions=[{}],txnLastUpdateTimestamp={},txnTimeoutMs={}", v.producer_id.value(),
                       v.producer_epoch.value(), kStates[static_cast<std::size_t>(v.transaction_status)],
                       v.transaction_status == 0 ? std::string() : partition_list(*v.transaction_partitions), v.transaction_last_update_timestamp_ms,
                       v.transaction_timeout_ms);
  }
};

}  // namespace

std::unique_ptr<RecordDecoder> transaction_log_decoder() { return std::make_unique<TransactionLogDecoder>(); }

}  // namespace moldau::server::tools
