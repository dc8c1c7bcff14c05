// CleanedTransactions (Kafka 3.9 CleanedTransactionMetadata): which batches belong to aborted transactions, and which markers have outlived their data.
//
// Fed with the batches of a range in offset order. Sans-I/O: aborted transactions of the range come in, those whose marker stays come out for the new
// transaction index. One thread.
#pragma once

#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/records/any_batch.h"
#include "storage/types/log_types.h"

namespace moldau::storage {

class CleanedTransactions {
 public:
  /// What the transaction indexes know of the range that comes next. The same transaction may come more than once, while its marker has not been read.
  void add_aborted(const std::vector<AbortedTxn>& transactions);
  /// Takes in a data batch. True when its transaction was aborted: its records are of no use to anybody.
  bool on_data_batch(const protocol::AnyBatch& batch);
  /// Takes in a marker. True when none of its transaction's batches was read: nobody needs the marker. Errors: INVALID_RECORD for a marker that can't be read.
  Result<bool> on_control_batch(const protocol::AnyBatch& batch);
  /// Aborted transactions whose markers were read since the last call while some of their batches were still there.
  std::vector<AbortedTxn> take_retained() { return std::exchange(retained_, {}); }

 private:
  struct Ongoing {
    AbortedTxn transaction;
    bool batch_seen = false;
  };
  struct LaterFirst {
    bool operator()(const AbortedTxn& a, const AbortedTxn& b) const noexcept { return a.first_offset > b.first_offset; }
  };
  void begin_up_to(Offset offset);

  std::priority_queue<AbortedTxn, std::vector<AbortedTxn>, LaterFirst> aborted_;  ///< not begun yet
  std::unordered_map<ProducerId, Ongoing> ongoing_aborted_;
  std::unordered_set<ProducerId> ongoing_committed_;
  std::vector<AbortedTxn> retained_;
};

}  // namespace moldau::storage
