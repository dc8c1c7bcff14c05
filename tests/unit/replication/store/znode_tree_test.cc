#include "replication/store/znode_tree.h"

#include <catch2/catch.hpp>

#include "protocol/base/random.h"

using namespace moldau;
using namespace moldau::replication;

namespace {

struct Fixture {
  ZnodeTree tree;
  std::vector<ZnodeTree::Event> events;

  StoreResponse apply(const StoreOp& op, std::int64_t session = 1) { return tree.apply(op, session, 1000, events); }
  std::string told() {
    std::string out;
    for (const auto& e : events) out += std::to_string(e.session) + ":" + std::string(to_string(e.event.type)) + " " + e.event.path + ";";
    events.clear();
    return out;
  }
};

}  // namespace

TEST_CASE("ZnodeTree: creates, reads and deletes with ZooKeeper's errors", "[store]") {
  Fixture f;
  CHECK(f.apply(StoreOp::create("/a/b")).error == StoreError::no_node);
  CHECK(f.apply(StoreOp::create("/a", "x")).ok());
  CHECK(f.apply(StoreOp::create("/a", "y")).error == StoreError::node_exists);
  CHECK(f.apply(StoreOp::create("/a/b")).ok());
  CHECK(f.apply(StoreOp::remove("/a")).error == StoreError::not_empty);
  CHECK(f.apply(StoreOp::get("/a")).data == "x");
  CHECK(f.apply(StoreOp::get("/a/b")).data.empty());
  CHECK(f.apply(StoreOp::get("/nowhere")).error == StoreError::no_node);
  CHECK(f.apply(StoreOp::children("/a")).children == std::vector<std::string>{"b"});
  CHECK(f.apply(StoreOp::set("/a", "z", 5)).error == StoreError::bad_version);
  CHECK(f.apply(StoreOp::set("/a", "z", 0)).stat.version == 1);
  CHECK(f.apply(StoreOp::remove("/a/b", 3)).error == StoreError::bad_version);
  CHECK(f.apply(StoreOp::remove("/a/b")).ok());
  CHECK(f.apply(StoreOp::remove("/a", 1)).ok());
  CHECK(f.apply(StoreOp::remove("/a")).error == StoreError::no_node);
  for (const char* bad : {"", "a", "/a/", "/a//b", "/./a", "/a/.."}) CHECK(f.apply(StoreOp::create(bad)).error == StoreError::bad_arguments);
}

TEST_CASE("ZnodeTree: stat counts as ZooKeeper's does", "[store]") {
  Fixture f;
  const auto a = f.apply(StoreOp::create("/a", "data")).stat;
  CHECK(a.czxid == 1);
  CHECK(a.mzxid == 1);
  CHECK(a.data_length == 4);
  f.apply(StoreOp::create("/a/1"));
  f.apply(StoreOp::create("/a/2"));
  f.apply(StoreOp::remove("/a/1"));
  f.apply(StoreOp::set("/a", "more"));
  const auto s = f.apply(StoreOp::exists("/a")).stat;
  CHECK(s.czxid == 1);
  CHECK(s.pzxid == 4);
  CHECK(s.mzxid == 5);
  CHECK(s.cversion == 3);
  CHECK(s.num_children == 1);
  CHECK(s.version == 1);
  CHECK(f.tree.last_zxid() == 5);
  // Failed and reading operations use no transaction number.
  f.apply(StoreOp::create("/a"));
  f.apply(StoreOp::check("/a", 1));
  CHECK(f.tree.last_zxid() == 5);
}

TEST_CASE("ZnodeTree: sequential nodes number on, over deletions too", "[store]") {
  Fixture f;
  f.apply(StoreOp::create("/q"));
  CHECK(f.apply(StoreOp::create("/q/n_", "", CreateMode::persistent_sequential)).path == "/q/n_0000000000");
  CHECK(f.apply(StoreOp::create("/q/n_", "", CreateMode::ephemeral_sequential)).path == "/q/n_0000000001");
  f.apply(StoreOp::remove("/q/n_0000000001"));
  CHECK(f.apply(StoreOp::create("/q/n_", "", CreateMode::persistent_sequential)).path == "/q/n_0000000002");
}

TEST_CASE("ZnodeTree: a multi is all or nothing and names the operation that failed", "[store]") {
  Fixture f;
  f.apply(StoreOp::create("/epoch", "1"));
  f.told();
  const auto good = f.apply(StoreOp::multi({StoreOp::check("/epoch", 0), StoreOp::create("/x", "1"), StoreOp::set("/epoch", "2", 0)}));
  CHECK(good.ok());
  CHECK(good.results[2].stat.version == 1);
  CHECK(good.results[1].stat.czxid == good.results[2].stat.mzxid);
  const auto zxid = f.tree.last_zxid();
  f.apply(StoreOp::exists("/y", true));
  const auto bad = f.apply(StoreOp::multi({StoreOp::create("/y"), StoreOp::create("/x"), StoreOp::remove("/epoch")}));
  CHECK(bad.error == StoreError::node_exists);
  CHECK(bad.results[0].ok());
  CHECK(bad.results[1].error == StoreError::node_exists);
  CHECK(bad.results[2].error == StoreError::runtime_inconsistency);
  CHECK(f.tree.find("/y") == nullptr);
  CHECK(f.tree.find("/epoch") != nullptr);
  CHECK(f.tree.last_zxid() == zxid);
  CHECK(f.told().empty());
  // Broker registration: created without data, set in the same transaction, so its version is 1.
  const auto broker = f.apply(StoreOp::multi({StoreOp::create("/b", std::nullopt, CreateMode::ephemeral), StoreOp::set("/b", "{}", 0)}));
  CHECK(broker.results[1].stat.version == 1);
  CHECK(broker.results[1].stat.ephemeral_owner == 1);
}

TEST_CASE("ZnodeTree: watches fire once, for the session that set them", "[store]") {
  Fixture f;
  f.apply(StoreOp::create("/a"));
  f.apply(StoreOp::get("/a", true), 1);
  f.apply(StoreOp::get("/a", true), 2);
  f.apply(StoreOp::set("/a", "1"));
  CHECK(f.told() == "1:NodeDataChanged /a;2:NodeDataChanged /a;");
  f.apply(StoreOp::set("/a", "2"));
  CHECK(f.told().empty());
  // exists() also watches what is not there yet, get() and children() do not.
  f.apply(StoreOp::exists("/b", true));
  f.apply(StoreOp::get("/c", true));
  f.apply(StoreOp::children("/c", true));
  f.apply(StoreOp::create("/b"));
  f.apply(StoreOp::create("/c"));
  CHECK(f.told() == "1:NodeCreated /b;");
  f.apply(StoreOp::children("/a", true));
  f.apply(StoreOp::create("/a/x"));
  CHECK(f.told() == "1:NodeChildrenChanged /a;");
  f.apply(StoreOp::create("/a/y"));
  CHECK(f.told().empty());
  // A deletion reaches data and children watches as one event, and the parent's.
  f.apply(StoreOp::get("/b", true));
  f.apply(StoreOp::children("/b", true));
  f.apply(StoreOp::children("/", true));
  f.apply(StoreOp::remove("/b"));
  CHECK(f.told() == "1:NodeDeleted /b;1:NodeChildrenChanged /;");
}

TEST_CASE("ZnodeTree: ephemeral nodes go with their session and have no children", "[store]") {
  Fixture f;
  f.apply(StoreOp::create("/ids"));
  f.apply(StoreOp::create("/ids/1", "one", CreateMode::ephemeral), 1);
  f.apply(StoreOp::create("/ids/2", "two", CreateMode::ephemeral), 2);
  CHECK(f.apply(StoreOp::create("/ids/1/x")).error == StoreError::no_children_for_ephemerals);
  f.apply(StoreOp::children("/ids", true), 2);
  f.tree.close_session(1, 1000, f.events);
  CHECK(f.told() == "2:NodeChildrenChanged /ids;");
  CHECK(f.tree.find("/ids/1") == nullptr);
  CHECK(f.tree.find("/ids/2") != nullptr);
}

TEST_CASE("ZnodeTree: rolled back changes leave no trace, and their watches stay set", "[store]") {
  const auto random = make_seeded_random(11);
  Fixture f;
  f.apply(StoreOp::create("/a", "1"));
  f.apply(StoreOp::create("/a/k", "k"));
  f.tree.commit();
  const auto print = [&] {
    std::string out;
    for (const auto& [path, node] : f.tree.sorted()) {
      out += path + "=" + node->data.value_or("-") + " v" + std::to_string(node->version) + " c" + std::to_string(node->creates) + " p" + std::to_string(node->pzxid) + ":";
      for (const auto& c : node->children) out += c + ",";
      out += ";";
    }
    return out + std::to_string(f.tree.last_zxid());
  };
  const auto before = print();
  for (int round = 0; round < 50; ++round) {
    f.events.clear();
    f.apply(StoreOp::get("/a", true));
    f.apply(StoreOp::children("/a", true));
    for (int i = 0; i < 20; ++i) {
      const auto path = "/a/" + std::to_string(random->below(6));
      switch (random->below(4)) {
        case 0: f.apply(StoreOp::create(path, "n")); break;
        case 1: f.apply(StoreOp::remove(path)); break;
        case 2: f.apply(StoreOp::set("/a", std::to_string(i))); break;
        default: f.apply(StoreOp::multi({StoreOp::create(path + "x"), StoreOp::remove("/a/k"), StoreOp::create("/a/k", "new")})); break;
      }
    }
    f.tree.roll_back(f.events);
    REQUIRE(print() == before);
  }
  f.events.clear();
  f.apply(StoreOp::set("/a", "really"));
  f.apply(StoreOp::create("/a/really"));
  CHECK(f.told() == "1:NodeDataChanged /a;1:NodeChildrenChanged /a;");
}
