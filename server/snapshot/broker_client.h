// BrokerClient: the calls of `moldau snapshot` to the broker that runs on the directories. Blocking, each with a deadline.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/base/error.h"
#include "server/snapshot/broker_outline.h"
#include "server/snapshot/snapshot_api.h"

namespace moldau::server {

/// The calls, for tests too.
class SnapshotBroker {
 public:
  virtual ~SnapshotBroker() = default;
  virtual Result<BrokerOutline> outlines(SnapshotLogs which) = 0;
  /// Path of a fresh copy of the metadata store, which the caller removes. UNSUPPORTED_VERSION: the metadata is elsewhere.
  virtual Result<std::string> copy_metadata() = 0;
};

class BrokerClient final : public SnapshotBroker {
 public:
  BrokerClient(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}
  Result<BrokerOutline> outlines(SnapshotLogs which) override;
  Result<std::string> copy_metadata() override;

 private:
  struct Answer {
    unsigned status = 0;
    std::string body;
  };
  Result<Answer> call(bool reads, const char* path) const;
  [[nodiscard]] Error refused(const Answer& answer, const char* path) const;

  std::string host_;
  std::uint16_t port_;
};

}  // namespace moldau::server
