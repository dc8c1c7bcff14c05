// The records of `__consumer_offsets` as classic groups write them, and as anybody may have written them (disk.md §12).
//
// Key and value start with an int16 version. Written: offset commits with key v1 and value v3 (v1 when the client gave a
// retention); groups with key v2 and value v3. Read: all versions that there are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/bytes.h"
#include "server/coordinator/group/group_metadata.h"
#include "server/coordinator/group/group_types.h"

namespace moldau::server {

// ---- writing ----

std::string offset_commit_key(std::string_view group, std::string_view topic, std::int32_t partition);
std::string offset_commit_value(const OffsetToCommit& offset);
std::string group_metadata_key(std::string_view group);
/// The group as its next generation holds it: `assignments` by member id (a member that is not in there gets an empty one).
std::string group_metadata_value(const GroupMetadata& group, const std::map<std::string, std::string, std::less<>>& assignments);

// ---- reading ----

/// Key v0-1. The texts borrow from the record.
struct OffsetKey {
  std::string_view group;
  std::string_view topic;
  std::int32_t partition = 0;
};
/// Key v2.
struct GroupKey {
  std::string_view group;
};
/// A record of another kind (KIP-848, share groups, or a broker newer than this one).
struct UnknownKey {
  std::int16_t version = -1;
};
/// A key that is too short or broken.
struct BrokenKey {};

using RecordKey = std::variant<OffsetKey, GroupKey, UnknownKey, BrokenKey>;

RecordKey read_key(Bytes key);

/// Nothing for a version or bytes that can't be read. record_offset is the caller's to set.
std::optional<CommittedOffset> read_offset_value(Bytes value);

/// A group as its record has it.
struct StoredGroup {
  std::optional<std::string> protocol_type;
  std::int32_t generation = 0;
  std::optional<std::string> protocol;
  std::optional<std::string> leader;
  std::optional<std::int64_t> state_timestamp_ms;
  std::vector<GroupMember> members;
};

/// Nothing for a version or bytes that can't be read.
std::optional<StoredGroup> read_group_value(Bytes value);

}  // namespace moldau::server
