// Random schedules of clients, timers, append outcomes and unloads against what must always hold.
#include <cstdlib>
#include <set>

#include "server/coordinator/group/group_records.h"
#include "tests/unit/server/coordinator/group/shard_driver.h"

namespace moldau::server::test {
namespace {

/// A client as the protocol has it: one request in flight.
struct SimClient {
  std::optional<std::string> instance;
  std::string member;
  std::int32_t generation = -1;
  bool leads = false;
  std::vector<std::string> assign_to;
  enum { idle, joining, syncing, stable } phase = idle;
  RequestId waits = 0;
  bool gone = false;  // crashed: never looks at its answer
  bool forgot_id = false;
};

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : rnd_(make_seeded_random(seed)), d_(config()) {
    for (int i = 0; i < 6; ++i) {
      SimClient c;
      if (i >= 4) c.instance = "i" + std::to_string(i);
      clients_.push_back(c);
    }
  }

  void run(int steps) {
    for (step_ = 0; step_ < steps; ++step_) {
      one();
      check();
    }
    finish();
  }

 private:
  static GroupConfig config() {
    GroupConfig c;
    c.initial_rebalance_delay_ms = 500;
    c.max_size = 5;
    return c;
  }

  void one() {
    const auto what = rnd_->below(100);
    auto& c = clients_[rnd_->below(clients_.size())];
    if (what < 45) {
      act(c);
    } else if (what < 60) {
      d_.advance(static_cast<std::int64_t>(rnd_->below(2'000)));
    } else if (what < 63) {
      d_.advance(static_cast<std::int64_t>(rnd_->below(15'000)));
    } else if (what < 90) {
      if (!d_.appends.empty()) {
        const bool fails = rnd_->below(10) == 0;
        d_.append_done(fails ? ErrorCode::not_enough_replicas : ErrorCode::none);
      }
    } else if (what < 94) {
      // The client dies; another process takes its place.
      c.phase = SimClient::idle;
      c.waits = 0;
      c.member.clear();
      c.generation = -1;
    } else if (what < 96) {
      if (!c.member.empty()) {
        d_.leave(c.member, c.instance);
        c.member.clear();
        c.phase = SimClient::idle;
      }
    } else if (what < 98) {
      // A second request of the same member while the first waits (a client that timed out and came back).
      if (c.phase == SimClient::joining && !c.member.empty()) join(c);
    } else if (what == 98) {
      Effects fx;
      d_.shard.unload(fx);
      d_.take(fx);
      generation_ = -1;
    } else {
      d_.expire();
    }
  }

  void join(SimClient& c) {
    JoinArgs a;
    a.member = c.member;
    a.instance = c.instance;
    a.require_known = !c.instance && rnd_->below(2) == 0;
    a.skip = rnd_->below(2) == 0;
    a.session = 6'000 + static_cast<std::int32_t>(rnd_->below(6'000));
    a.rebalance = 1'000 + static_cast<std::int32_t>(rnd_->below(6'000));
    a.protocols = {{"range", subscription({"t"})}};
    if (rnd_->below(4) == 0) a.protocols.push_back({"sticky", std::to_string(rnd_->below(3))});
    if (rnd_->below(8) == 0) a.protocols = {{"sticky", "s"}, {"range", "r"}};
    c.waits = d_.join(a);
    asked_.insert(c.waits);
    c.phase = SimClient::joining;
  }

  void act(SimClient& c) {
    switch (c.phase) {
      case SimClient::idle: join(c); return;
      case SimClient::joining: {
        if (!d_.answered(c.waits)) return;
        const auto& r = d_.joined(c.waits);
        c.phase = SimClient::idle;
        if (r.error == ErrorCode::member_id_required) c.member = r.member_id;
        if (r.error == ErrorCode::unknown_member_id || r.error == ErrorCode::fenced_instance_id || r.error == ErrorCode::group_max_size_reached) c.member.clear();
        if (r.error != ErrorCode::none) return;
        REQUIRE(r.generation >= 0);
        c.member = r.member_id;
        c.generation = r.generation;
        c.leads = r.leader == r.member_id && !r.skip_assignment;
        c.assign_to.clear();
        for (const auto& m : r.members) c.assign_to.push_back(m.member_id);
        if (c.leads) REQUIRE(!c.assign_to.empty());
        std::vector<std::pair<std::string, std::string>> plan;
        if (c.leads)
          for (const auto& m : c.assign_to) plan.emplace_back(m, m + "@" + std::to_string(c.generation));
        c.waits = d_.sync(c.member, c.generation, std::move(plan), c.instance);
        asked_.insert(c.waits);
        c.phase = SimClient::syncing;
        return;
      }
      case SimClient::syncing: {
        if (!d_.answered(c.waits)) return;
        const auto& r = d_.synced(c.waits);
        c.phase = r.error == ErrorCode::none ? SimClient::stable : SimClient::idle;
        if (r.error == ErrorCode::unknown_member_id || r.error == ErrorCode::fenced_instance_id) c.member.clear();
        if (r.error == ErrorCode::none && !c.instance && !r.assignment.empty()) {
          // Nobody gets what was meant for another, or for another generation.
          CHECK(r.assignment == c.member + "@" + std::to_string(c.generation));
        }
        return;
      }
      case SimClient::stable: {
        if (rnd_->below(3) == 0) {
          const auto request = d_.commit({offset_of("t", 0, step_)}, c.member, c.generation, c.instance);
          asked_.insert(request);
          return;
        }
        const auto error = d_.heartbeat(c.member, c.generation, c.instance);
        if (error == ErrorCode::none) return;
        c.phase = SimClient::idle;
        if (error != ErrorCode::rebalance_in_progress) c.member.clear();
        return;
      }
    }
  }

  void check() {
    INFO("step " << step_);
    const auto* g = d_.shard.find("g");
    if (g == nullptr) {
      generation_ = -1;
      return;
    }
    if (g->uid != uid_) {
      uid_ = g->uid;
      generation_ = -1;
    }
    REQUIRE(g->generation() >= generation_);
    generation_ = g->generation();
    std::size_t awaiting = 0;
    std::size_t statics = 0;
    std::set<RequestId> waiting;
    std::set<std::string> ids;
    for (const auto& m : g->members()) {
      REQUIRE(ids.insert(m.id).second);
      REQUIRE(!g->is_pending(m.id));
      if (m.awaiting_join) {
        ++awaiting;
        REQUIRE(waiting.insert(*m.awaiting_join).second);
        REQUIRE(!d_.answered(*m.awaiting_join));
      }
      if (m.awaiting_sync) {
        REQUIRE(waiting.insert(*m.awaiting_sync).second);
        REQUIRE(!d_.answered(*m.awaiting_sync));
        REQUIRE(g->is(GroupState::completing_rebalance));
      }
      if (m.instance_id) {
        ++statics;
        REQUIRE(g->static_member_id(*m.instance_id) != nullptr);
        REQUIRE(*g->static_member_id(*m.instance_id) == m.id);
      }
      REQUIRE(m.session_timer_at.has_value());  // nobody stays for ever
    }
    REQUIRE(awaiting == g->awaiting_join_count());
    REQUIRE(statics == g->static_member_count());
    REQUIRE(g->awaiting_join_count() <= 5);
    if (g->size() > 0) {
      REQUIRE(g->leader());
      REQUIRE(g->has(*g->leader()));
      REQUIRE(!g->is(GroupState::empty));
    }
    if (g->is(GroupState::preparing_rebalance)) REQUIRE(g->join_deadline.has_value());
    if (g->is(GroupState::completing_rebalance)) REQUIRE((g->sync_deadline.has_value() || g->pending_sync().empty()));
  }

  void finish() {
    // Left alone, everybody times out and every request is answered.
    d_.appends_done();
    for (int i = 0; i < 10; ++i) {
      d_.advance(300'000);
      d_.appends_done();
    }
    for (const auto request : asked_) {
      INFO("request " << request);
      REQUIRE(d_.answered(request));
    }
    if (const auto* g = d_.shard.find("g")) CHECK(g->size() == 0);
  }

  std::unique_ptr<Random> rnd_;
  ShardDriver d_;
  std::vector<SimClient> clients_;
  std::set<RequestId> asked_;
  std::int32_t generation_ = -1;
  std::uint64_t uid_ = 0;
  int step_ = 0;
};

TEST_CASE("GroupShard: random schedules hold the invariants", "[group]") {
  // MOLDAU_SEED=n runs one schedule again; MOLDAU_SCHEDULES=n runs more of them.
  const char* seed = std::getenv("MOLDAU_SEED");
  const char* count = std::getenv("MOLDAU_SCHEDULES");
  const std::uint64_t from = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  const std::uint64_t n = seed != nullptr ? 1 : count != nullptr ? std::strtoull(count, nullptr, 10) : 200;
  for (std::uint64_t s = from; s < from + n; ++s) {
    INFO("seed " << s);
    Schedule(s).run(400);
  }
}

}  // namespace
}  // namespace moldau::server::test
