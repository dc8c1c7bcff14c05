#include "server/health.h"

#include <catch2/catch.hpp>

using namespace moldau;
using namespace moldau::server;

TEST_CASE("Health: ready when requests are served, with what is missing named", "[server]") {
  Health health;
  CHECK(health.readyz().status == 503);
  CHECK(health.readyz().body == "starting\n");
  storage::LoadProgress progress;
  health.set_load_progress([&] { return progress; });
  storage::LoadProgress::Dir dir;
  dir.path = "/data";
  dir.recovering = true;
  dir.logs = 50;
  dir.remaining_logs = 12;
  dir.remaining = storage::RecoveryWork{34, 5678};
  progress.dirs = {dir};

  health.set(BrokerState::recovery);
  CHECK(health.readyz().status == 503);
  CHECK(health.readyz().body == "loading logs\nrecovering /data: 12 of 50 logs remain, 34 segments, 5678 bytes\n");

  // The others are served: clients are sent here, and the operator sees what is left.
  health.set(BrokerState::running);
  CHECK(health.readyz().status == 200);
  CHECK(health.readyz().body == "ready\nrecovering /data: 12 of 50 logs remain, 34 segments, 5678 bytes\n");

  progress.dirs[0].remaining_logs = 0;
  progress.dirs[0].failed_logs = 2;
  CHECK(health.readyz().body == "ready\nnot available in /data: 2 of 50 logs, which could not be loaded\n");
  progress.dirs.clear();
  CHECK(health.readyz().body == "ready\n");
  health.set(BrokerState::shutting_down);
  CHECK(health.readyz().status == 503);
  CHECK(health.healthz().status == 200);
}
