#include "server/network/connection_quotas.h"

#include <algorithm>
#include <utility>

namespace moldau::server {

ConnectionQuotas::ConnectionQuotas(ConnectionQuotaConfig config) : config_(std::move(config)), rate_(config_.windows) {}

void ConnectionQuotas::add_listener(const std::string& listener) {
  const std::lock_guard lock(mutex_);
  auto& known = listeners_[listener];
  if (!known) known = std::make_shared<Listener>(Listener{0, ConnectionRate(config_.windows)});
}

void ConnectionQuotas::remove_listener(std::string_view listener) {
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find(listener);
  if (found != listeners_.end()) listeners_.erase(found);
}

ListenerConnectionLimits ConnectionQuotas::limits_of(std::string_view listener) const {
  const auto own = config_.listeners.find(listener);
  return own == config_.listeners.end() ? ListenerConnectionLimits{} : own->second;
}

std::chrono::milliseconds ConnectionQuotas::record_attempt(std::string_view listener, std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto limits = limits_of(listener);
  auto wait = protects(listener) ? std::chrono::milliseconds(0) : rate_.record(now, config_.creation_rate);
  if (const auto found = listeners_.find(listener); found != listeners_.end()) wait = std::max(wait, found->second->rate.record(now, limits.creation_rate));
  return wait;
}

bool ConnectionQuotas::slot_available(std::string_view listener) const {
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find(listener);
  if (found != listeners_.end() && found->second->count >= limits_of(listener).max_connections) return false;
  return protects(listener) || total_ < config_.max_connections;
}

std::optional<ConnectionQuotas::Slot> ConnectionQuotas::admit(std::string_view listener, const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto own = config_.per_ip_overrides.find(address);
  const auto limit = own == config_.per_ip_overrides.end() ? config_.max_connections_per_ip : own->second;
  const auto known = by_address_.find(address);
  if ((known == by_address_.end() ? 0 : known->second) >= limit) return std::nullopt;
  std::optional<Slot> slot(std::in_place);
  slot->address_ = address;
  if (const auto found = listeners_.find(listener); found != listeners_.end()) slot->listener_ = found->second;
  ++by_address_[address];
  ++total_;
  if (slot->listener_) ++slot->listener_->count;
  return slot;
}

void ConnectionQuotas::release(const Slot& slot) noexcept {
  const std::lock_guard lock(mutex_);
  if (const auto known = by_address_.find(slot.address_); --known->second == 0) by_address_.erase(known);
  --total_;
  if (slot.listener_) --slot.listener_->count;
}

std::int32_t ConnectionQuotas::excess() const {
  const std::lock_guard lock(mutex_);
  return std::max(0, total_ - config_.max_connections);
}

bool ConnectionQuotas::is_protected(std::string_view listener) const {
  const std::lock_guard lock(mutex_);
  return protects(listener);
}

std::int32_t ConnectionQuotas::count() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

std::int32_t ConnectionQuotas::count(std::string_view listener) const {
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find(listener);
  return found == listeners_.end() ? 0 : found->second->count;
}

void ConnectionQuotas::update(ConnectionQuotaConfig config) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
}

}  // namespace moldau::server
