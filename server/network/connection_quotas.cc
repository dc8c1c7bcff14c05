#include "server/network/connection_quotas.h"

namespace moldau::server {

bool ConnectionQuotas::admit(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto own = config_.per_ip_overrides.find(address);
  const auto limit = own == config_.per_ip_overrides.end() ? config_.max_connections_per_ip : own->second;
  auto& count = by_address_[address];
  if (count >= limit) {
    if (count == 0) by_address_.erase(address);
    return false;
  }
  ++count;
  ++total_;
  return true;
}

void ConnectionQuotas::release(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return;
  if (--found->second == 0) by_address_.erase(found);
  --total_;
}

bool ConnectionQuotas::full() const {
  const std::lock_guard lock(mutex_);
  return total_ >= config_.max_connections;
}

std::int32_t ConnectionQuotas::count() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

void ConnectionQuotas::update(ConnectionQuotaConfig config) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
}

}  // namespace moldau::server
