// SimWorld: one machine with its disk, and a broker on it that lives, is cut off, and lives again. One seed decides everything.
//
// The broker is server::Broker with all its parts, as the process has them: metadata store (SQLite), controller, log store, group coordinator, dispatcher,
// connections. Only what it stands on is simulated (server::Platform).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/load.h"
#include "protocol/base/random.h"
#include "server/broker.h"
#include "storage/io/sim_disk.h"
#include "tests/sim/support/sim_actors.h"
#include "tests/sim/support/sim_machine.h"
#include "tests/sim/support/sim_network.h"
#include "tests/sim/support/sim_time.h"
#include "tests/sim/support/sqlite_disk.h"

namespace moldau::storage {
class Log;
}

namespace moldau::sim {

enum class Scenario : std::uint8_t {
  kill,             ///< The process dies; the page cache stays.
  synced_power_loss,  ///< flush.messages=1, and the machine stops: unsynced pages are lost or torn.
  lossy_power_loss,   ///< The same with the default flush settings.
};

class SimWorld {
 public:
  SimWorld(std::uint64_t seed, Scenario scenario);
  ~SimWorld();

  /// Lives, crashes and checks; throws Violation or Stuck.
  void run(int lives);
  /// Of everything that went over the network, with its time: the same seed gives the same.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_; }
  [[nodiscard]] const Model& model() const noexcept { return model_; }

 private:
  struct Life;
  void live(bool last);
  void start(Life& life);
  void clear_away(Life& life);
  void note(std::uint64_t connection, bool at_broker, Bytes bytes);

  void check(Life& life);
  void check_metadata(Life& life);
  void check_partition(const TopicPartition& tp, const storage::Log& log);

  const Scenario scenario_;
  SimTime time_;
  std::unique_ptr<Random> random_;
  storage::SimDisk disk_;
  config::LoadResult config_;
  Model model_;
  std::uint64_t trace_ = 0xcbf29ce484222325ULL;
  int lives_ = 0;
};

}  // namespace moldau::sim
