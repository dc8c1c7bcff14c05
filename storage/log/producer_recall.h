// What a producer snapshot leaves out: it knows the last batch of a producer only, while the log in memory knows five.
#pragma once

#include <vector>

#include "storage/log/producer_rebuild.h"

namespace moldau::storage {

/// Reads back from the log the batches before the last one of each producer of a snapshot at `snapshot`, as far as they lie close before it. A producer with several
/// batches on their way repeats them all after a crash: each of them that is there is then known as a duplicate.
/// DIFFERS: Apache Kafka knows the last one alone, refuses those before it as out of order, and some clients then give up.
Status recall_batches(std::vector<ProducerStateEntry>& entries, const ProducerRebuild& what, Offset snapshot);

}  // namespace moldau::storage
