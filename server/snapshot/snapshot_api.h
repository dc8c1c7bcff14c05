// What a running broker does for `moldau snapshot`: it tells the outlines of its logs, and makes a copy of its metadata store. The files are copied by the command itself,
// with the rights of who runs it, so that nobody reaches data through HTTP.
#pragma once

#include <cstdint>
#include <string>

#include "server/http/http_server.h"

namespace moldau::replication {
class MetadataStore;
}
namespace moldau::storage {
class LogManager;
}

namespace moldau::server {

inline constexpr const char* kSnapshotInternalPath = "/api/snapshot/internal-logs";
inline constexpr const char* kSnapshotDataPath = "/api/snapshot/data-logs";
inline constexpr const char* kSnapshotMetadataPath = "/api/snapshot/metadata";
/// The copy of the metadata store, in its directory: a plain file, which brokers ignore there.
inline constexpr const char* kMetadataCopyFile = "moldau-metadata.db.copy";

/// The logs of groups' offsets and of transactions are copied before the others, so that no committed offset lies behind the data.
enum class SnapshotLogs : std::uint8_t { internal, data };

/// Any thread; asks volumes for nothing, reads no file.
HttpReply snapshot_outlines(const storage::LogManager& logs, SnapshotLogs which);
/// Makes `<dir>/moldau-metadata.db.copy` and answers with its path. Blocking; never on an I/O thread.
HttpReply snapshot_metadata(replication::MetadataStore& store, const std::string& dir);

}  // namespace moldau::server
