#include "server/network/socket_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <future>
#include <thread>

#include <fmt/format.h>

#include "config/metric_handles.h"
#include "protocol/base/log.h"
#include "protocol/base/virtual_time.h"
#include "server/network/peer_log.h"

namespace moldau::server {
namespace {

using boost::asio::redirect_error;
using boost::asio::use_awaitable;

constexpr Millis kCloseWait{2000};

}  // namespace

SocketServer::SocketServer(IoThreads& threads, Network& network, Dispatcher& dispatcher, ConnectionQuotas& quotas, SocketServerConfig config)
    : threads_(threads),
      network_(network),
      dispatcher_(dispatcher),
      quotas_(quotas),
      config_(config),
      budget_(config.queued_max_request_bytes),
      connections_(threads.size()),
      tasks_("socket server", LogCategory::network) {}

SocketServer::~SocketServer() = default;

// ---- listeners ----

Result<SocketServer::ListenerPtr> SocketServer::open(const ListenerConfig& config) {
  const Executor executor = threads_.context(0).get_executor();
  auto acceptor = network_.listen(executor, config, config_.backlog);
  if (!acceptor) return acceptor.error();
  auto listener = std::make_shared<Listener>(config, std::move(*acceptor), executor);
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const auto processor = std::to_string(i);
    listener->meters.push_back({config::metrics().connection_count.with({config.name, processor}),
                                config::metrics().connection_creations.with({config.name, processor}),
                                config::metrics().connection_closes.with({config.name, processor})});
  }
  quotas_.add_listener(config.name);
  const std::lock_guard lock(mutex_);
  listeners_.push_back(listener);
  return listener;
}

Status SocketServer::bind(const std::vector<ListenerConfig>& listeners) {
  for (const auto& config : listeners)
    if (const auto opened = open(config); !opened) return opened.error();
  return {};
}

std::vector<SocketServer::ListenerPtr> SocketServer::listeners() const {
  const std::lock_guard lock(mutex_);
  return listeners_;
}

std::uint16_t SocketServer::port(std::string_view listener) const {
  for (const auto& l : listeners())
    if (l->asked.name == listener) return l->acceptor->port();
  return 0;
}

void SocketServer::start_accepting() {
  for (const auto& listener : listeners()) accept_on(listener);
  if (config_.max_idle.count() > 0)
    for (std::size_t i = 0; i < threads_.size(); ++i)
      tasks_.spawn(threads_.context(i).get_executor(), [this, i] { return expire_idle(i); }, OnCancel::interrupt, OnException::restart);
}

void SocketServer::accept_on(const ListenerPtr& listener) {
  tasks_.spawn(threads_.context(0).get_executor(), [this, listener] { return accept_loop(listener); }, OnCancel::interrupt, OnException::restart);
}

std::vector<Error> SocketServer::change_listeners(const std::vector<ListenerConfig>& wanted) {
  std::vector<Error> failed;
  const auto now = listeners();
  const auto named = [](const auto& list, const ListenerConfig& config) {
    return std::find_if(list.begin(), list.end(), [&](const ListenerPtr& l) { return l->asked.name == config.name; });
  };
  for (const auto& old : now)
    if (std::none_of(wanted.begin(), wanted.end(), [&](const ListenerConfig& w) { return w.name == old->asked.name; })) close(old);
  for (const auto& config : wanted) {
    const auto found = named(now, config);
    if (found != now.end() && (*found)->asked == config) continue;
    const auto old = found == now.end() ? nullptr : *found;
    const bool same_port = old && config.port != 0 && old->acceptor->port() == config.port;
    if (same_port) close(old);  // another host on its own port: both at once can't be
    auto opened = open(config);
    if (!opened) {
      failed.push_back(opened.error());
      if (same_port) opened = open(old->asked);
      if (!same_port || !opened) continue;
    } else if (old && !same_port) {
      close(old);
      quotas_.add_listener(config.name);
    }
    accept_on(*opened);
  }
  return failed;
}

void SocketServer::close(const ListenerPtr& listener) {
  {
    const std::lock_guard lock(mutex_);
    std::erase(listeners_, listener);
  }
  quotas_.remove_listener(listener->asked.name);
  const auto done = std::make_shared<std::promise<void>>();
  auto closed = done->get_future();
  boost::asio::post(threads_.context(0), [this, listener, done] {
    listener->closed = true;
    listener->acceptor->close();
    listener->pause.cancel();
    each([listener](Connection& c) {
      if (c.info().listener == listener->asked.name && c.info().local_port == listener->acceptor->port()) c.close();
    });
    done->set_value();
  });
  block_for(std::move(closed));
}

void SocketServer::each(const std::function<void(Connection&)>& action) {
  for (std::size_t i = 0; i < threads_.size(); ++i)
    boost::asio::post(threads_.context(i), [this, i, action] {
      for (const auto& connection : std::vector<std::shared_ptr<Connection>>(connections_[i].begin(), connections_[i].end())) action(*connection);
    });
}

// ---- connections that come ----

Awaitable<void> SocketServer::accept_loop(ListenerPtr listener) {
  const auto& name = listener->asked.name;
  while (!stopping_ && !listener->closed) {
    const std::size_t thread = next_thread_.fetch_add(1, std::memory_order_relaxed) % threads_.size();
    auto accepted = co_await listener->acceptor->accept(threads_.context(thread).get_executor());
    if (stopping_ || listener->closed) co_return;
    if (!accepted) {
      MOLDAU_LOG(network, warn, "accept on listener {} failed: {}", name, accepted.error().message);
      boost::system::error_code ignored;                              // cancelled: the listener is closed
      listener->pause.expires_after(std::chrono::milliseconds(100));  // out of descriptors: give others the time to close some
      co_await listener->pause.async_wait(redirect_error(use_awaitable, ignored));
      continue;
    }
    co_await wait_for_slot(listener);
    if (stopping_ || listener->closed) co_return;
    const auto slot = quotas_.admit(name, accepted->peer_host);
    if (!slot) {
      config::metrics().connections_refused.with({name, "max.connections.per.ip"}).add();
      ConnectionInfo peer;
      peer.listener = name;
      peer.peer_host = accepted->peer_host;
      peer.peer_port = accepted->peer_port;
      log_closing(peer, "its address has max.connections.per.ip connections already");
      accepted->transport->close();
      continue;
    }
    try {
      adopt(*listener, std::move(*accepted), *slot, thread);
    } catch (...) {
      quotas_.release(*slot);
      throw;
    }
    shed();
  }
}

Awaitable<void> SocketServer::wait_for_slot(ListenerPtr listener) {
  const auto& name = listener->asked.name;
  const auto until = TimerClock::now() + quotas_.record_attempt(name, TimerClock::now());
  ++waiting_;  // before the look: who makes room either sees this, or is seen. One too many after an exception costs a look
  while (!stopping_ && !listener->closed) {
    const bool early = TimerClock::now() < until;
    if (!early && quotas_.slot_available(name)) break;
    boost::system::error_code ignored;  // cancelled: look again
    listener->pause.expires_at(early ? until : TimerClock::now() + std::chrono::hours(1));
    co_await listener->pause.async_wait(redirect_error(use_awaitable, ignored));
  }
  --waiting_;
}

void SocketServer::wake_acceptors() {
  if (waiting_ == 0) return;
  boost::asio::post(threads_.context(0), [this] {
    for (const auto& listener : listeners()) listener->pause.cancel();
  });
}

void SocketServer::adopt(const Listener& listener, Accepted accepted, const ConnectionQuotas::Slot& slot, std::size_t thread) {
  ConnectionInfo info;
  info.listener = listener.asked.name;
  info.security_protocol = listener.asked.security_protocol;
  info.peer_host = std::move(accepted.peer_host);
  info.peer_port = accepted.peer_port;
  info.local_host = std::move(accepted.local_host);
  info.local_port = accepted.local_port;
  const auto meter = listener.meters[thread];
  auto on_closed = [this, thread, meter, slot](Connection& closed) {
    connections_[thread].erase(closed.shared_from_this());
    meter.open.add(-1);
    meter.closed.add();
    quotas_.release(slot);
    wake_acceptors();
  };
  auto connection = std::make_shared<Connection>(std::move(accepted.transport), std::move(info), dispatcher_, budget_, config_.limits,
                                                 threads_.context(thread).get_executor(), std::move(on_closed));
  open_.fetch_add(1, std::memory_order_relaxed);
  meter.open.add(1);
  boost::asio::post(threads_.context(thread), [this, thread, connection, meter] {
    meter.created.add();
    connections_[thread].insert(connection);
    boost::asio::co_spawn(threads_.context(thread), connection->run(), [this, connection](const std::exception_ptr&) {
      connection->close();
      open_.fetch_sub(1, std::memory_order_relaxed);
    });
  });
}

// ---- connections that go ----

void SocketServer::update_quotas(ConnectionQuotaConfig config) {
  quotas_.update(std::move(config));
  wake_acceptors();
  boost::asio::post(threads_.context(0), [this] { shed(); });
}

void SocketServer::shed() {
  if (shedding_ || quotas_.excess() == 0) return;
  shedding_ = true;
  if (!tasks_.spawn(threads_.context(0).get_executor(), shed_excess())) shedding_ = false;
}

Awaitable<void> SocketServer::shed_excess() {
  try {
    co_await close_excess();
  } catch (...) {
    shedding_ = false;
    throw;
  }
  shedding_ = false;
}

Awaitable<void> SocketServer::close_excess() {
  while (!stopping_ && quotas_.excess() > 0) {
    Idle oldest;
    std::size_t at = 0;
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      auto candidate = co_await boost::asio::co_spawn(threads_.context(i), least_recently_used(i), use_awaitable);
      if (candidate.since >= oldest.since) continue;
      oldest = std::move(candidate);
      at = i;
    }
    if (oldest.since == SteadyTime::max()) break;  // all are of the listener between brokers
    co_await boost::asio::co_spawn(threads_.context(at), close_on(at, std::move(oldest.connection)), use_awaitable);
  }
}

Awaitable<SocketServer::Idle> SocketServer::least_recently_used(std::size_t thread) {
  Idle oldest;
  for (const auto& connection : connections_[thread]) {
    if (connection->last_active() >= oldest.since || quotas_.is_protected(connection->info().listener)) continue;
    oldest.since = connection->last_active();
    oldest.connection = connection;
  }
  co_return oldest;
}

Awaitable<void> SocketServer::close_on(std::size_t thread, std::weak_ptr<Connection> which) {
  const auto connection = which.lock();
  if (!connection || !connections_[thread].contains(connection)) co_return;  // gone meanwhile
  config::metrics().connections_refused.with({connection->info().listener, "max.connections"}).add();
  log_closing(connection->info(), "max.connections is exceeded, and it was used least recently");
  connection->close();
}

Awaitable<void> SocketServer::expire_idle(std::size_t thread) {
  Timer timer(threads_.context(thread));
  const auto period = std::clamp<std::chrono::milliseconds>(config_.max_idle / 8, std::chrono::milliseconds(50), std::chrono::milliseconds(5000));
  while (!stopping_) {
    boost::system::error_code error;
    timer.expires_after(period);
    co_await timer.async_wait(redirect_error(use_awaitable, error));
    const auto limit = TimerClock::now() - config_.max_idle;
    for (const auto& connection : std::vector<std::shared_ptr<Connection>>(connections_[thread].begin(), connections_[thread].end()))
      if (connection->idle_since(limit)) connection->close();
  }
}

void SocketServer::stop_listening() {
  if (stopping_.exchange(true)) return;
  const auto done = std::make_shared<std::promise<void>>();
  auto closed = done->get_future();
  boost::asio::post(threads_.context(0), [all = listeners(), done] {
    for (const auto& listener : all) {
      listener->acceptor->close();
      listener->pause.cancel();
    }
    done->set_value();
  });
  if (VirtualTime::current() == nullptr) (void)closed.wait_for(kCloseWait);  // a busy thread closes them a little later
}

void SocketServer::stop(std::chrono::milliseconds grace, const std::function<void()>& end_waits) {
  stop_listening();
  each([](Connection& c) { c.finish(); });
  end_waits();
  const auto wait_until = [this](SteadyTime deadline) {
    while (open_.load() > 0 && TimerClock::now() < deadline) {
      if (auto* const simulated = VirtualTime::current(); simulated != nullptr) {
        simulated->run_one();
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    }
  };
  wait_until(TimerClock::now() + grace);
  each([](Connection& c) { c.close(); });
  wait_until(TimerClock::now() + kCloseWait);
  tasks_.cancel();
  tasks_.join_blocking(kCloseWait);
}

}  // namespace moldau::server
