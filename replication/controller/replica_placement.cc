#include "replication/controller/replica_placement.h"

#include <fmt/format.h>

#include <algorithm>

namespace moldau::replication {
namespace {

/// Index of the j-th further replica; the shift moves the pattern on each time all brokers were first once.
std::size_t replica_index(std::size_t first, std::size_t second_shift, std::size_t j, std::size_t brokers) {
  const auto shift = 1 + (second_shift + j) % (brokers - 1);
  return (first + shift) % brokers;
}

/// A broker in the order in which replicas are given out; racks are numbered.
struct Place {
  BrokerId id = kNoBroker;
  std::size_t rack = 0;
};

std::vector<Place> sorted_ids(const std::vector<BrokerRack>& brokers) {
  std::vector<Place> out;
  for (const auto& b : brokers) out.push_back({b.id, 0});
  return out;
}

/// So ordered that neighbours are of different racks.
std::vector<Place> rack_alternated(const std::vector<BrokerRack>& brokers) {
  std::map<std::string, std::vector<BrokerId>> by_rack;
  for (const auto& b : brokers) by_rack[*b.rack].push_back(b.id);
  std::vector<Place> out;
  for (std::size_t round = 0; out.size() < brokers.size(); ++round) {
    std::size_t number = 0;
    for (const auto& [rack, ids] : by_rack) {
      if (round < ids.size()) out.push_back({ids[round], number});
      ++number;
    }
  }
  return out;
}

std::size_t rack_count(const std::vector<Place>& order) {
  std::size_t last = 0;
  for (const auto& place : order) last = std::max(last, place.rack);
  return last + 1;
}

std::vector<BrokerId> in_turn(const std::vector<Place>& order, std::size_t first, std::size_t shift, std::size_t factor) {
  std::vector<BrokerId> replicas{order[first].id};
  replicas.reserve(factor);
  for (std::size_t k = 0; replicas.size() < factor; ++k) replicas.push_back(order[replica_index(first, shift, k, order.size())].id);
  return replicas;
}

/// A broker whose rack or which itself is taken is passed over while others are free.
std::vector<BrokerId> across_racks(const std::vector<Place>& order, std::size_t first, std::size_t shift, std::size_t racks, std::size_t factor) {
  std::vector<BrokerId> replicas{order[first].id};
  replicas.reserve(factor);
  std::vector<bool> used_racks(racks);
  std::vector<bool> used(order.size());
  std::size_t racks_left = racks - 1;
  used_racks[order[first].rack] = true;
  used[first] = true;
  for (std::size_t k = 0; replicas.size() < factor; ++k) {
    const auto at = replica_index(first, shift, k, order.size());
    const auto rack = order[at].rack;
    if (used[at] || (used_racks[rack] && racks_left > 0)) continue;
    if (!used_racks[rack]) --racks_left;
    used_racks[rack] = true;
    used[at] = true;
    replicas.push_back(order[at].id);
  }
  return replicas;
}

}  // namespace

Result<std::map<std::int32_t, std::vector<BrokerId>>> place_replicas(std::vector<BrokerRack> brokers, const PlacementRequest& request, Random& random) {
  if (request.partitions <= 0) return Error(ErrorCode::invalid_partitions, "Number of partitions must be larger than 0.");
  if (request.replication_factor <= 0) return Error(ErrorCode::invalid_replication_factor, "Replication factor must be larger than 0.");
  const auto factor = static_cast<std::size_t>(request.replication_factor);
  if (factor > brokers.size())
    return Error(ErrorCode::invalid_replication_factor, fmt::format("Replication factor: {} larger than available brokers: {}.", request.replication_factor, brokers.size()));
  std::sort(brokers.begin(), brokers.end(), [](const BrokerRack& a, const BrokerRack& b) { return a.id < b.id; });

  const auto with_rack = static_cast<std::size_t>(std::count_if(brokers.begin(), brokers.end(), [](const BrokerRack& b) { return b.rack.has_value(); }));
  if (with_rack != 0 && with_rack != brokers.size())
    return Error(ErrorCode::unknown_server_error, "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica assignment without rack information.");

  const auto n = brokers.size();
  const auto order = with_rack > 0 ? rack_alternated(brokers) : sorted_ids(brokers);
  const auto racks = rack_count(order);

  const auto start = request.fixed_start ? *request.fixed_start % n : static_cast<std::size_t>(random.below(n));
  auto shift = request.fixed_start ? *request.fixed_start % n : static_cast<std::size_t>(random.below(n));
  std::map<std::int32_t, std::vector<BrokerId>> out;
  auto partition = static_cast<std::size_t>(std::max(0, request.first_partition));
  for (std::int32_t i = 0; i < request.partitions; ++i, ++partition) {
    if (partition > 0 && partition % n == 0) ++shift;
    const auto first = (partition + start) % n;
    auto replicas = with_rack > 0 ? across_racks(order, first, shift * racks, racks, factor) : in_turn(order, first, shift, factor);
    out.emplace_hint(out.end(), static_cast<std::int32_t>(partition), std::move(replicas));
  }
  return out;
}

}  // namespace moldau::replication
