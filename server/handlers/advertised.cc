#include "server/handlers/advertised.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <vector>

#include "config/dynamic_config.h"
#include "replication/metadata/metadata_cache.h"

namespace moldau::server {
namespace {

/// This machine's subnets and IPv4 default gateways; read anew when older than a few seconds, as interfaces come and go.
class LocalNetworks {
 public:
  struct View {
    std::vector<std::pair<std::vector<unsigned char>, std::vector<unsigned char>>> subnets;  // address, mask
    std::vector<in_addr_t> gateways;
  };

  static std::shared_ptr<const View> now() {
    static LocalNetworks self;
    const std::lock_guard lock(self.mutex_);
    const auto t = std::chrono::steady_clock::now();
    if (!self.view_ || t - self.read_at_ > kLife) {
      self.view_ = read();
      self.read_at_ = t;
    }
    return self.view_;
  }

 private:
  static constexpr std::chrono::seconds kLife{5};

  static std::shared_ptr<const View> read() {
    auto view = std::make_shared<View>();
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) == 0) {
      for (const auto* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr || i->ifa_netmask == nullptr) continue;
        if (i->ifa_addr->sa_family == AF_INET) {
          view->subnets.emplace_back(bytes(&reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, 4), bytes(&reinterpret_cast<const sockaddr_in*>(i->ifa_netmask)->sin_addr, 4));
        } else if (i->ifa_addr->sa_family == AF_INET6) {
          view->subnets.emplace_back(bytes(&reinterpret_cast<const sockaddr_in6*>(i->ifa_addr)->sin6_addr, 16),
                                     bytes(&reinterpret_cast<const sockaddr_in6*>(i->ifa_netmask)->sin6_addr, 16));
        }
      }
      freeifaddrs(list);
    }
    // Interface, destination, gateway in hexadecimal of the host's byte order, ...
    std::ifstream routes("/proc/net/route");
    std::string line;
    std::getline(routes, line);
    while (std::getline(routes, line)) {
      std::istringstream words(line);
      std::string name;
      std::string destination;
      std::string gateway;
      words >> name >> destination >> gateway;
      if (destination != "00000000" || gateway == "00000000") continue;
      std::uint32_t address = 0;
      if (std::from_chars(gateway.data(), gateway.data() + gateway.size(), address, 16).ec == std::errc{}) view->gateways.push_back(address);
    }
    return view;
  }

  static std::vector<unsigned char> bytes(const void* from, std::size_t n) {
    const auto* p = static_cast<const unsigned char*>(from);
    return {p, p + n};
  }

  std::mutex mutex_;
  std::shared_ptr<const View> view_;
  std::chrono::steady_clock::time_point read_at_;
};

std::vector<unsigned char> parse_address(std::string_view text) {
  const std::string host(text);
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) {
    const auto* p = reinterpret_cast<const unsigned char*>(&four);
    return {p, p + 4};
  }
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) != 1) return {};
  const auto* p = reinterpret_cast<const unsigned char*>(&six);
  if (IN6_IS_ADDR_V4MAPPED(&six)) return {p + 12, p + 16};
  return {p, p + 16};
}

bool in_subnet(const std::vector<unsigned char>& address, const LocalNetworks::View& view) {
  for (const auto& [own, mask] : view.subnets) {
    if (own.size() != address.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < own.size() && same; ++i) same = (own[i] & mask[i]) == (address[i] & mask[i]);
    if (same) return true;
  }
  return false;
}

bool is_gateway(const std::vector<unsigned char>& address, const LocalNetworks::View& view) {
  if (address.size() != 4) return false;
  in_addr_t value = 0;
  std::memcpy(&value, address.data(), 4);
  for (const auto gateway : view.gateways)
    if (gateway == value) return true;
  return false;
}

bool is_loopback(std::string_view host) { return host.starts_with("127.") || host == "::1" || host.starts_with("::ffff:127."); }

}  // namespace

AutoAddress choose_auto_address(const ClientRoute& route) {
  AutoAddress out;
  out.port = route.local_port;
  if (is_loopback(route.peer_host) || route.peer_is_gateway) {
    out.host = "localhost";
    return out;
  }
  if (!route.peer_in_subnet && route.external && !route.external->empty()) {
    const auto text = *route.external;
    const auto colon = text.rfind(':');
    std::int32_t port = 0;
    const bool one_colon = colon != std::string_view::npos && text.find(':') == colon;
    const bool bracketed = colon != std::string_view::npos && colon > 0 && text[colon - 1] == ']';
    if ((one_colon || bracketed) && std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ec == std::errc{}) {
      out.host = text.substr(0, colon);
      out.port = port;
    } else {
      out.host = text;
      out.port = route.advertised_port;
    }
    if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']') out.host = out.host.substr(1, out.host.size() - 2);
    return out;
  }
  out.host = route.local_host.starts_with("::ffff:") ? route.local_host.substr(7) : route.local_host;
  return out;
}

AdvertisedAddress advertised_address(RequestContext& ctx, BrokerId broker, const replication::BrokerEndpoint& endpoint) {
  AdvertisedAddress plain;
  plain.host = endpoint.host;
  plain.port = endpoint.port;
  const auto config = ctx.config().current();
  if (!config->advertised_auto || broker != ctx.metadata().self()) return plain;
  const bool clustered = config->zookeeper_connect && !config->zookeeper_connect->empty();
  if (clustered && endpoint.listener == config->inter_broker_listener) return plain;
  const auto& connection = ctx.connection();
  if (connection.local_host.empty()) return plain;

  ClientRoute route;
  route.peer_host = connection.peer_host;
  route.local_host = connection.local_host;
  route.local_port = connection.local_port;
  route.advertised_port = endpoint.port;
  if (config->advertised_listeners_auto_external) route.external = *config->advertised_listeners_auto_external;
  const auto networks = LocalNetworks::now();
  const auto peer = parse_address(connection.peer_host);
  route.peer_is_gateway = is_gateway(peer, *networks);
  route.peer_in_subnet = in_subnet(peer, *networks);
  const auto chosen = choose_auto_address(route);
  plain.host = ctx.arena().dup(chosen.host);
  plain.port = chosen.port;
  return plain;
}

}  // namespace moldau::server
