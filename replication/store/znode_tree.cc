#include "replication/store/znode_tree.h"

#include <fmt/format.h>

#include <algorithm>

namespace moldau::replication {
namespace {

StoreResponse failed(StoreError error) {
  StoreResponse r;
  r.error = error;
  return r;
}

/// The children are not copied: /brokers/topics may have many thousands of them.
Znode without_children(const Znode& node) {
  Znode copy;
  copy.data = node.data;
  copy.czxid = node.czxid;
  copy.mzxid = node.mzxid;
  copy.pzxid = node.pzxid;
  copy.ctime = node.ctime;
  copy.mtime = node.mtime;
  copy.version = node.version;
  copy.creates = node.creates;
  copy.owner = node.owner;
  return copy;
}

bool is_sequential(CreateMode mode) { return mode == CreateMode::persistent_sequential || mode == CreateMode::ephemeral_sequential; }
bool is_ephemeral(CreateMode mode) { return mode == CreateMode::ephemeral || mode == CreateMode::ephemeral_sequential; }

}  // namespace

bool is_valid_path(std::string_view path) noexcept {
  if (path.empty() || path.front() != '/') return false;
  if (path.size() == 1) return true;
  for (std::size_t at = 1; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto step = path.substr(at, end - at);
    if (step.empty() || step == "." || step == ".." || step.find('\0') != std::string_view::npos) return false;
    at = end + 1;
  }
  return path.back() != '/';
}

std::string_view parent_path(std::string_view path) noexcept {
  const auto at = path.rfind('/');
  return at == 0 || at == std::string_view::npos ? std::string_view("/") : path.substr(0, at);
}

std::string_view node_name(std::string_view path) noexcept { return path.substr(path.rfind('/') + 1); }

Stat Znode::stat() const {
  Stat s;
  s.czxid = czxid;
  s.mzxid = mzxid;
  s.pzxid = pzxid;
  s.ctime = ctime;
  s.mtime = mtime;
  s.version = version;
  s.num_children = static_cast<std::int32_t>(children.size());
  s.cversion = creates * 2 - s.num_children;
  s.ephemeral_owner = owner;
  s.data_length = data ? static_cast<std::int32_t>(data->size()) : 0;
  return s;
}

ZnodeTree::ZnodeTree() { nodes_.emplace("/", Znode{}); }

const Znode* ZnodeTree::find(std::string_view path) const {
  const auto it = nodes_.find(path);
  return it == nodes_.end() ? nullptr : &it->second;
}

Znode& ZnodeTree::touch(Change::Kind kind, const std::string& path, std::string child) {
  auto& node = nodes_.find(path)->second;
  Change change;
  change.kind = kind;
  change.path = path;
  change.child = std::move(child);
  change.before = without_children(node);
  changes_.push_back(std::move(change));
  return node;
}

void ZnodeTree::undo_to(std::size_t mark) {
  while (changes_.size() > mark) {
    auto& change = changes_.back();
    if (change.kind == Change::Kind::created) {
      nodes_.erase(change.path);
    } else if (change.kind == Change::Kind::removed) {
      nodes_[change.path] = std::move(change.before);
    } else {
      auto& node = nodes_.find(change.path)->second;
      auto children = std::move(node.children);
      node = std::move(change.before);
      node.children = std::move(children);
      if (change.kind == Change::Kind::child_added) node.children.erase(change.child);
      if (change.kind == Change::Kind::child_removed) node.children.insert(change.child);
    }
    changes_.pop_back();
  }
}

void ZnodeTree::commit() {
  changes_.clear();
  committed_zxid_ = zxid_;
}

void ZnodeTree::roll_back(const std::vector<Event>& events) {
  undo_to(0);
  zxid_ = committed_zxid_;
  for (const auto& e : events) {
    auto& watches = watches_[e.session];
    if (e.event.type != StoreEventType::node_children_changed) watches.data.insert(e.event.path);
    if (e.event.type == StoreEventType::node_children_changed || e.event.type == StoreEventType::node_deleted) watches.children.insert(e.event.path);
  }
}

StoreResponse ZnodeTree::create(const StoreOp& op, std::int64_t session, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired) {
  if (!is_valid_path(op.path) || op.path == "/") return failed(op.path == "/" ? StoreError::node_exists : StoreError::bad_arguments);
  const std::string parent_name(parent_path(op.path));
  const auto* parent = find(parent_name);
  if (parent == nullptr) return failed(StoreError::no_node);
  if (parent->owner != 0) return failed(StoreError::no_children_for_ephemerals);
  std::string path = op.path;
  if (is_sequential(op.mode)) path += fmt::format("{:010}", parent->creates);
  if (find(path) != nullptr) return failed(StoreError::node_exists);

  auto& changed = touch(Change::Kind::child_added, parent_name, std::string(node_name(path)));
  ++changed.creates;
  changed.pzxid = zxid;
  changed.children.emplace(node_name(path));

  Change change;
  change.kind = Change::Kind::created;
  change.path = path;
  changes_.push_back(std::move(change));
  Znode node;
  node.data = op.data;
  node.czxid = node.mzxid = node.pzxid = zxid;
  node.ctime = node.mtime = now_ms;
  node.owner = is_ephemeral(op.mode) ? session : 0;
  StoreResponse r;
  r.path = path;
  r.stat = node.stat();
  nodes_.emplace(path, std::move(node));
  fired.push_back({StoreEventType::node_created, std::move(path)});
  fired.push_back({StoreEventType::node_children_changed, parent_name});
  return r;
}

StoreResponse ZnodeTree::set(const StoreOp& op, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired) {
  const auto* old = find(op.path);
  if (old == nullptr) return failed(StoreError::no_node);
  if (op.version != kAnyVersion && op.version != old->version) return failed(StoreError::bad_version);
  auto& node = touch(Change::Kind::data_set, op.path);
  node.data = op.data;
  node.mzxid = zxid;
  node.mtime = now_ms;
  ++node.version;
  StoreResponse r;
  r.stat = node.stat();
  fired.push_back({StoreEventType::node_data_changed, op.path});
  return r;
}

StoreResponse ZnodeTree::remove(const StoreOp& op, std::int64_t zxid, std::vector<StoreEvent>& fired) {
  if (op.path == "/") return failed(StoreError::bad_arguments);
  const auto* old = find(op.path);
  if (old == nullptr) return failed(StoreError::no_node);
  if (op.version != kAnyVersion && op.version != old->version) return failed(StoreError::bad_version);
  if (!old->children.empty()) return failed(StoreError::not_empty);
  const std::string parent_name(parent_path(op.path));
  touch(Change::Kind::removed, op.path);
  nodes_.erase(op.path);
  const std::string child(node_name(op.path));
  auto& parent = touch(Change::Kind::child_removed, parent_name, child);
  parent.children.erase(child);
  parent.pzxid = zxid;
  fired.push_back({StoreEventType::node_deleted, op.path});
  fired.push_back({StoreEventType::node_children_changed, parent_name});
  return {};
}

StoreResponse ZnodeTree::check(const StoreOp& op) const {
  const auto* node = find(op.path);
  if (node == nullptr) return failed(StoreError::no_node);
  if (op.version != kAnyVersion && op.version != node->version) return failed(StoreError::bad_version);
  return {};
}

StoreResponse ZnodeTree::apply_write(const StoreOp& op, std::int64_t session, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired) {
  switch (op.kind) {
    case StoreOp::Kind::create: return create(op, session, zxid, now_ms, fired);
    case StoreOp::Kind::set: return set(op, zxid, now_ms, fired);
    case StoreOp::Kind::remove: return remove(op, zxid, fired);
    case StoreOp::Kind::check: return check(op);
    default: return failed(StoreError::bad_arguments);
  }
}

StoreResponse ZnodeTree::multi(const StoreOp& op, std::int64_t session, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired) {
  StoreResponse r;
  const auto mark = changes_.size();
  for (const auto& step : op.ops) {
    r.results.push_back(apply_write(step, session, zxid, now_ms, fired));
    if (r.results.back().ok()) continue;
    r.error = r.results.back().error;
    undo_to(mark);
    fired.clear();
    r.results.resize(op.ops.size(), failed(StoreError::runtime_inconsistency));
    break;
  }
  return r;
}

StoreResponse ZnodeTree::read(const StoreOp& op, std::int64_t session) {
  if (!is_valid_path(op.path)) return failed(StoreError::bad_arguments);
  const auto* node = find(op.path);
  StoreResponse r;
  if (node == nullptr) r.error = StoreError::no_node;
  switch (op.kind) {
    case StoreOp::Kind::exists:
      if (op.watch) watches_[session].data.insert(op.path);
      break;
    case StoreOp::Kind::get:
      if (op.watch && node != nullptr) watches_[session].data.insert(op.path);
      if (node != nullptr && node->data) r.data = *node->data;
      break;
    default:
      if (op.watch && node != nullptr) watches_[session].children.insert(op.path);
      if (node != nullptr) r.children.assign(node->children.begin(), node->children.end());
  }
  if (node != nullptr) r.stat = node->stat();
  return r;
}

StoreResponse ZnodeTree::apply(const StoreOp& op, std::int64_t session, std::int64_t now_ms, std::vector<Event>& events) {
  using Kind = StoreOp::Kind;
  if (op.kind == Kind::get || op.kind == Kind::exists || op.kind == Kind::children) return read(op, session);
  std::vector<StoreEvent> fired;
  auto r = op.kind == Kind::multi ? multi(op, session, zxid_ + 1, now_ms, fired) : apply_write(op, session, zxid_ + 1, now_ms, fired);
  if (!r.ok() || op.kind == Kind::check) return r;
  ++zxid_;
  for (const auto& event : fired) fire(event, events);
  return r;
}

void ZnodeTree::fire(const StoreEvent& event, std::vector<Event>& events) {
  for (auto& [session, watches] : watches_) {
    bool hit = false;
    if (event.type == StoreEventType::node_children_changed) {
      hit = watches.children.erase(event.path) > 0;
    } else {
      hit = watches.data.erase(event.path) > 0;
      // A deletion reaches both kinds of watches, as one event.
      if (event.type == StoreEventType::node_deleted) hit = watches.children.erase(event.path) > 0 || hit;
    }
    if (hit) events.push_back({session, event});
  }
}

void ZnodeTree::close_session(std::int64_t session, std::int64_t now_ms, std::vector<Event>& events) {
  watches_.erase(session);
  std::vector<std::string> owned;
  for (const auto& [path, node] : nodes_)
    if (node.owner == session && session != 0) owned.push_back(path);
  std::sort(owned.begin(), owned.end());
  for (auto& path : owned) apply(StoreOp::remove(std::move(path)), session, now_ms, events);
}

std::vector<std::pair<std::string, const Znode*>> ZnodeTree::sorted() const {
  std::vector<std::pair<std::string, const Znode*>> all;
  all.reserve(nodes_.size());
  for (const auto& [path, node] : nodes_) all.emplace_back(path, &node);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

void ZnodeTree::load(std::string path, Znode node) { nodes_[std::move(path)] = std::move(node); }

void ZnodeTree::finish_load(std::int64_t zxid) {
  zxid_ = committed_zxid_ = zxid;
  std::vector<std::string> orphans;
  for (auto& [path, node] : nodes_) {
    if (path == "/") continue;
    const auto parent = nodes_.find(parent_path(path));
    if (parent != nodes_.end())
      parent->second.children.emplace(node_name(path));
    else
      orphans.push_back(path);
  }
  for (const auto& path : orphans) nodes_.erase(path);
}

}  // namespace moldau::replication
