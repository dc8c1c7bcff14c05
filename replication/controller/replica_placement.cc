#include "replication/controller/replica_placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace moldau::replication {
namespace {

/// Index of the j-th further replica; the shift moves the pattern on each time all brokers were first once.
std::size_t replica_index(std::size_t first, std::size_t second_shift, std::size_t j, std::size_t brokers) {
  const auto shift = 1 + (second_shift + j) % (brokers - 1);
  return (first + shift) % brokers;
}

/// Brokers so ordered that neighbours are of different racks.
std::vector<BrokerId> rack_alternated(const std::map<std::string, std::vector<BrokerId>>& by_rack, std::size_t brokers) {
  std::vector<BrokerId> out;
  for (std::size_t round = 0; out.size() < brokers; ++round)
    for (const auto& [rack, ids] : by_rack)
      if (round < ids.size()) out.push_back(ids[round]);
  return out;
}

}  // namespace

Result<std::map<std::int32_t, std::vector<BrokerId>>> place_replicas(std::vector<BrokerRack> brokers, const PlacementRequest& request, Random& random) {
  if (request.partitions <= 0) return Error(ErrorCode::invalid_partitions, "Number of partitions must be larger than 0.");
  if (request.replication_factor <= 0) return Error(ErrorCode::invalid_replication_factor, "Replication factor must be larger than 0.");
  if (static_cast<std::size_t>(request.replication_factor) > brokers.size())
    return Error(ErrorCode::invalid_replication_factor, fmt::format("Replication factor: {} larger than available brokers: {}.", request.replication_factor, brokers.size()));
  std::sort(brokers.begin(), brokers.end(), [](const BrokerRack& a, const BrokerRack& b) { return a.id < b.id; });

  const auto with_rack = static_cast<std::size_t>(std::count_if(brokers.begin(), brokers.end(), [](const BrokerRack& b) { return b.rack.has_value(); }));
  if (with_rack != 0 && with_rack != brokers.size())
    return Error(ErrorCode::unknown_server_error, "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica assignment without rack information.");

  const auto n = brokers.size();
  std::vector<BrokerId> order;
  std::map<BrokerId, std::string> racks;
  std::set<std::string> distinct;
  if (with_rack > 0) {
    std::map<std::string, std::vector<BrokerId>> by_rack;
    for (const auto& b : brokers) {
      by_rack[*b.rack].push_back(b.id);
      racks[b.id] = *b.rack;
      distinct.insert(*b.rack);
    }
    order = rack_alternated(by_rack, n);
  } else {
    for (const auto& b : brokers) order.push_back(b.id);
  }

  const auto start = request.fixed_start ? *request.fixed_start % n : static_cast<std::size_t>(random.below(n));
  auto shift = request.fixed_start ? *request.fixed_start % n : static_cast<std::size_t>(random.below(n));
  std::map<std::int32_t, std::vector<BrokerId>> out;
  auto partition = static_cast<std::size_t>(std::max(0, request.first_partition));
  for (std::int32_t i = 0; i < request.partitions; ++i, ++partition) {
    if (partition > 0 && partition % n == 0) ++shift;
    const auto first = (partition + start) % n;
    std::vector<BrokerId> replicas{order[first]};
    std::set<std::string> used_racks;
    std::set<BrokerId> used{order[first]};
    if (!racks.empty()) used_racks.insert(racks[order[first]]);
    // With racks, a broker whose rack or which itself is taken is passed over while others are free.
    for (std::size_t k = 0; replicas.size() < static_cast<std::size_t>(request.replication_factor); ++k) {
      const auto step = racks.empty() ? shift : shift * distinct.size();
      const auto id = order[replica_index(first, step, k, n)];
      if (!racks.empty()) {
        const auto& rack = racks[id];
        if ((used_racks.contains(rack) && used_racks.size() != distinct.size()) || (used.contains(id) && used.size() != n)) continue;
        used_racks.insert(rack);
        used.insert(id);
      }
      replicas.push_back(id);
    }
    out.emplace(static_cast<std::int32_t>(partition), std::move(replicas));
  }
  return out;
}

}  // namespace moldau::replication
