// What a partition directory says of leader epochs and producer ids: the highest of each in its epoch file, producer snapshots and batches.
#pragma once

#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::storage {
class Disk;
}

namespace moldau::server {

struct LogSurvey {
  LeaderEpoch highest_epoch = kNoLeaderEpoch;
  ProducerId highest_producer_id = kNoProducerId;
  std::vector<std::string> notes;  ///< Files that cannot be read as what they are; moldau serve rebuilds them.
};

/// Reads the headers of all batches. A number from a batch counts only when the batch's checksum is right: behind a kill -9 there may be garbage. Changes nothing.
/// Errors: KAFKA_STORAGE_ERROR.
Result<LogSurvey> survey_log(storage::Disk& disk, const std::string& dir);

}  // namespace moldau::server
