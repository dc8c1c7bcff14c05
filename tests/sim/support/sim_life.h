// SimWorld::Life: all that goes with one life of the broker.
#pragma once

#include "replication/store/metadata_store.h"
#include "tests/sim/support/sim_world.h"

namespace moldau::sim {

/// What lasts from one start of the broker to its end.
struct SimWorld::Life {
  Life(SimWorld& world, int number, NetworkWeather weather)
      : machine(world.disk_, world.random_->next(), world.random_->below(3) == 0 ? 0 : 1 + world.random_->below(20)),
        files("sim-" + std::to_string(number), machine, world.time_),
        network(world.time_.context().get_executor(), world.random_->next(), weather,
                [&world](std::uint64_t connection, bool at_broker, Bytes bytes) { world.note(connection, at_broker, bytes); }),
        actors(world.time_.context().get_executor(), network, *world.random_, world.time_, world.model_) {}

  SimMachine machine;
  SqliteDisk files;
  SimNetwork network;
  SimActors actors;
  replication::MetadataStore* store = nullptr;
  std::unique_ptr<server::Broker> broker;
  bool halted = false;  ///< The broker ended its process, for it had no log directory left.
};

}  // namespace moldau::sim
