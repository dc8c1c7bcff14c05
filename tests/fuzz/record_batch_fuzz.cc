// Batches of any magic: walking a buffer, headers, deep iteration, control records, down-conversion.
#include <cstddef>
#include <cstdint>

#include "protocol/records/any_batch.h"
#include "protocol/records/control_record.h"
#include "storage/log/record_conversion.h"

using namespace moldau;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(reinterpret_cast<const std::byte*>(data), size);
  protocol::BatchCursor cursor(input);
  while (const auto batch = cursor.next()) {
    (void)batch->is_valid();
    (void)batch->base_offset();
    (void)batch->max_timestamp();
    auto records = protocol::DeepRecords::open(*batch, 1 << 20);
    if (!records) continue;
    protocol::RecordView r;
    while (records->next(r)) {
      std::size_t headers = 0;
      for (const auto& h : r.headers) headers += h.key.size() + (h.value ? h.value->size() : 0);
      if (headers > size + (1 << 20) || r.headers.size() > (1 << 20)) __builtin_trap();
      (void)protocol::parse_end_transaction_marker(r);
    }
    if (batch->is_v2() && !batch->is_compressed()) {
      protocol::RecordScan scan;
      // The fast check and the reader agree on what is well-formed.
      if (protocol::scan_records(batch->v2().payload(), batch->v2().record_context(), scan) == records->failed()) __builtin_trap();
    }
  }
  for (const std::int8_t magic : {std::int8_t{0}, std::int8_t{1}}) (void)storage::down_convert(input, magic, Offset(0), 1 << 20);
  return 0;
}
