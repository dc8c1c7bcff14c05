// Values as Apache Kafka's RemoteLogMetadataSerde wrote them; what is made of thousands of broken ones is compared with kafka-dump-log in tests/conformance/dump_log.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "server/tools/record_decoder.h"

using namespace moldau;
using namespace moldau::server::tools;

namespace {

std::vector<std::byte> bytes_of(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string shown(const std::vector<std::byte>& value) {
  protocol::RecordView record;
  record.offset = Offset(7);
  record.value = Bytes(value);
  const auto decoded = remote_log_metadata_decoder()->decode(record);
  REQUIRE(decoded.has_value());
  CHECK_FALSE(decoded->key.has_value());
  return decoded->value.value_or("(none)");
}

const std::string kSegment =
    "01000006746f7069630000000000000001000000000000000200000003000000000000000005fffffffffffffffa00000000000000000000000000000000640000000100000000000000110000018bcfe56800040000"
    "00000000000000000000000000000300000000000000320000000007000000000000005a00000004000401fe030100";

}  // namespace

TEST_CASE("dump-log: records of tiered storage's metadata", "[tools]") {
  CHECK(shown(bytes_of(kSegment)) ==
        "RemoteLogSegmentMetadata{remoteLogSegmentId=RemoteLogSegmentId{topicIdPartition=AAAAAAAAAAEAAAAAAAAAAg:topic-3, id=AAAAAAAAAAX_________-g}, startOffset=0, endOffset=100, "
        "brokerId=1, maxTimestampMs=17, eventTimestampMs=1700000000000, segmentLeaderEpochs={0=0, 3=50, 7=90}, segmentSizeInBytes=1024, "
        "customMetadata=Optional[CustomMetadata{3 bytes}], state=COPY_SEGMENT_FINISHED}");
  CHECK(shown(bytes_of("01010006746f7069630000000000000001000000000000000200000003000000000000000005fffffffffffffffa00000000040000000000000063000200")) ==
        "RemoteLogSegmentMetadataUpdate{remoteLogSegmentId=RemoteLogSegmentId{topicIdPartition=AAAAAAAAAAEAAAAAAAAAAg:topic-3, id=AAAAAAAAAAX_________-g}, "
        "customMetadata=Optional.empty, state=DELETE_SEGMENT_STARTED, eventTimestampMs=99, brokerId=4}");
  CHECK(shown(bytes_of("01020006746f7069630000000000000001000000000000000200000003000000000600000000000000050100")) ==
        "RemotePartitionDeleteMetadata{topicPartition=AAAAAAAAAAEAAAAAAAAAAg:topic-3, state=DELETE_PARTITION_STARTED, eventTimestampMs=5, brokerId=6}");
}

TEST_CASE("dump-log: broken records of tiered storage's metadata are told, one by one", "[tools]") {
  const auto whole = bytes_of(kSegment);
  for (std::size_t n = 3; n < whole.size(); ++n) {
    INFO("cut to " << n);
    CHECK(shown({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)}) == "Error at offset 7, skipping. Failed to deserialize record with type 0");
  }
  auto longer = whole;
  longer.resize(whole.size() + 2);
  CHECK(shown(longer) == "Error at offset 7, skipping. Found 2 byte(s) of garbage after 0");
  CHECK(shown({}) == "Error at offset 7, skipping. Error while reading frame version");
  CHECK(shown(bytes_of("8080040000")) == "Error at offset 7, skipping. Value for frame version was too large.");
  CHECK(shown(bytes_of("ffffffff0f0000")) == "Error at offset 7, skipping. Could not deserialize metadata record due to unknown frame version -1(only frame version 1 is supported)");
  CHECK(shown(bytes_of("01ffffffff0f0000")) == "Error at offset 7, skipping. org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id -1");
}
