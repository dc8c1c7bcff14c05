#include "replication/controller/leader_election.h"

#include <algorithm>

namespace moldau::replication {
namespace {

bool has(std::span<const BrokerId> list, BrokerId id) { return std::find(list.begin(), list.end(), id) != list.end(); }

template <class Fits>
std::optional<BrokerId> first(std::span<const BrokerId> replicas, Fits&& fits) {
  for (const auto id : replicas)
    if (fits(id)) return id;
  return std::nullopt;
}

std::vector<BrokerId> keep(const std::vector<BrokerId>& from, auto&& wanted) {
  std::vector<BrokerId> out;
  for (const auto id : from)
    if (wanted(id)) out.push_back(id);
  return out;
}

}  // namespace

std::optional<Election> elect(const ElectionInput& in) {
  const auto& isr = in.current->isr;
  const auto& replicas = in.assignment->replicas;
  const auto live_in_isr = [&](BrokerId id) { return has(in.live_replicas, id) && has(isr, id); };
  Election e;
  e.leadership = *in.current;
  e.live_replicas.assign(in.live_replicas.begin(), in.live_replicas.end());
  std::optional<BrokerId> leader;

  switch (in.strategy) {
    case ElectionStrategy::offline:
    case ElectionStrategy::offline_unclean:
      leader = first(replicas, live_in_isr);
      if (leader) {
        e.leadership.isr = keep(isr, [&](BrokerId id) { return has(in.live_replicas, id); });
        break;
      }
      if (!in.unclean_allowed && in.strategy != ElectionStrategy::offline_unclean) return std::nullopt;
      leader = first(replicas, [&](BrokerId id) { return has(in.live_replicas, id); });
      if (!leader) return std::nullopt;
      e.unclean = true;
      e.leadership.isr = {*leader};
      e.leadership.recovering = true;
      break;
    case ElectionStrategy::reassign: {
      // The target list is the assignment without what is being removed.
      std::vector<BrokerId> target = keep(replicas, [&](BrokerId id) { return !has(in.assignment->removing, id); });
      leader = first(target, live_in_isr);
      break;
    }
    case ElectionStrategy::preferred:
      if (!replicas.empty() && live_in_isr(replicas.front())) leader = replicas.front();
      break;
    case ElectionStrategy::controlled_shutdown:
      leader = first(replicas, [&](BrokerId id) { return has(in.live_or_shutting_down, id) && has(isr, id) && !has(in.shutting_down, id); });
      e.live_replicas.assign(in.live_or_shutting_down.begin(), in.live_or_shutting_down.end());
      if (leader) e.leadership.isr = keep(isr, [&](BrokerId id) { return !has(in.shutting_down, id); });
      break;
  }
  if (!leader) return std::nullopt;
  e.leadership.leader = *leader;
  e.leadership.leader_epoch = in.current->leader_epoch + 1;
  return e;
}

std::optional<LeaderAndIsr> first_leadership(std::span<const BrokerId> live_replicas, std::int32_t controller_epoch) {
  if (live_replicas.empty()) return std::nullopt;
  LeaderAndIsr l;
  l.leader = live_replicas.front();
  l.isr.assign(live_replicas.begin(), live_replicas.end());
  l.controller_epoch = controller_epoch;
  return l;
}

}  // namespace moldau::replication
