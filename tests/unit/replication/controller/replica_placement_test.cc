#include "replication/controller/replica_placement.h"

#include <catch2/catch.hpp>

#include <set>

using namespace moldau;
using namespace moldau::replication;

namespace {

std::vector<BrokerRack> brokers(int n, int racks = 0) {
  std::vector<BrokerRack> out;
  for (int i = 0; i < n; ++i) {
    BrokerRack b;
    b.id = BrokerId(i);
    if (racks > 0) b.rack = "rack" + std::to_string(i % racks);
    out.push_back(b);
  }
  return out;
}

PlacementRequest request(int partitions, int factor, std::optional<std::size_t> start = std::nullopt, int first = 0) {
  PlacementRequest r;
  r.partitions = partitions;
  r.replication_factor = factor;
  r.fixed_start = start;
  r.first_partition = first;
  return r;
}

}  // namespace

TEST_CASE("place_replicas: Kafka's table for ten partitions on five brokers", "[controller]") {
  const auto random = make_seeded_random(1);
  // The example in the comment of Apache Kafka's AdminUtils: start 0, shift 0.
  const auto placed = place_replicas(brokers(5), request(10, 3, 0), *random);
  REQUIRE(placed.has_value());
  const int expected[10][3] = {{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 0}, {4, 0, 1}, {0, 2, 3}, {1, 3, 4}, {2, 4, 0}, {3, 0, 1}, {4, 1, 2}};
  for (int p = 0; p < 10; ++p)
    for (std::size_t r = 0; r < 3; ++r) CHECK(placed->at(p)[r] == BrokerId(expected[p][r]));
}

TEST_CASE("place_replicas: no broker twice, leaders spread evenly, racks apart while there are free ones", "[controller]") {
  const auto random = make_seeded_random(5);
  for (const int racks : {0, 3}) {
    const auto placed = place_replicas(brokers(6, racks), request(60, 3), *random);
    REQUIRE(placed.has_value());
    std::map<BrokerId, int> leaders;
    for (const auto& [partition, replicas] : *placed) {
      CHECK(std::set<BrokerId>(replicas.begin(), replicas.end()).size() == 3);
      ++leaders[replicas.front()];
      if (racks == 0) continue;
      std::set<int> used;
      for (const auto id : replicas) used.insert(id.value() % racks);
      CHECK(used.size() == 3);
    }
    for (const auto& [id, n] : leaders) CHECK(n == 10);
  }
}

TEST_CASE("place_replicas: refuses what cannot be, in Kafka's words", "[controller]") {
  const auto random = make_seeded_random(1);
  CHECK(place_replicas(brokers(1), request(0, 1), *random).error().message == "Number of partitions must be larger than 0.");
  CHECK(place_replicas(brokers(1), request(1, 0), *random).error().code == ErrorCode::invalid_replication_factor);
  CHECK(place_replicas(brokers(1), request(1, 5), *random).error().message == "Replication factor: 5 larger than available brokers: 1.");
  auto some = brokers(2);
  some[0].rack = "r";
  CHECK(place_replicas(some, request(1, 1), *random).error().code == ErrorCode::unknown_server_error);
}
