#include "server/network/local_network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "protocol/base/bytes.h"

namespace moldau::server {
namespace {

namespace ip = boost::asio::ip;

template <class Array>
bool same_prefix(const Array& a, const Array& b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned>(0xff << (8 - rest)) & 0xffU;
  return (a[whole] & mask) == (b[whole] & mask);
}

bool in_subnet(const ip::address& peer, const Subnet& subnet) {
  if (peer.is_v4() != subnet.address.is_v4()) return false;
  if (peer.is_v4()) return same_prefix(peer.to_v4().to_bytes(), subnet.address.to_v4().to_bytes(), subnet.prefix_bits);
  return same_prefix(peer.to_v6().to_bytes(), subnet.address.to_v6().to_bytes(), subnet.prefix_bits);
}

std::vector<Subnet> read_subnets() {
  std::vector<Subnet> subnets;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return subnets;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_netmask == nullptr || (i->ifa_flags & IFF_UP) == 0) continue;
    if (i->ifa_addr->sa_family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(i->ifa_addr);
      const auto* mask = reinterpret_cast<const sockaddr_in*>(i->ifa_netmask);
      subnets.push_back({ip::address_v4(ntohl(address->sin_addr.s_addr)), static_cast<unsigned>(std::popcount(mask->sin_addr.s_addr))});
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(i->ifa_addr);
      const auto* mask = reinterpret_cast<const sockaddr_in6*>(i->ifa_netmask);
      ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &address->sin6_addr, bytes.size());
      unsigned bits = 0;
      for (const auto b : mask->sin6_addr.s6_addr) bits += static_cast<unsigned>(std::popcount(b));
      subnets.push_back({ip::address_v6(bytes), bits});
    }
  }
  ::freeifaddrs(list);
  return subnets;
}

/// Lines of /proc/net/route: interface, destination, gateway as little-endian hex; the default route has destination 0.
std::vector<ip::address> read_gateways() {
  std::vector<ip::address> gateways;
  std::ifstream routes("/proc/net/route");
  std::string line;
  std::getline(routes, line);
  while (std::getline(routes, line)) {
    std::istringstream words(line);
    std::string interface;
    std::string destination;
    std::string gateway;
    if (!(words >> interface >> destination >> gateway) || destination != "00000000") continue;
    const auto value = static_cast<std::uint32_t>(std::strtoul(gateway.c_str(), nullptr, 16));
    if (value != 0) gateways.push_back(ip::address_v4(ntohl(value)));
  }
  return gateways;
}

}  // namespace

PeerPlace LocalNetwork::place_of(std::string_view peer) const {
  boost::system::error_code error;
  const auto address = ip::make_address(peer, error);
  if (error) return PeerPlace::elsewhere;
  if (address.is_loopback()) return PeerPlace::this_machine;
  if (std::any_of(subnets_.begin(), subnets_.end(), [&](const Subnet& s) { return s.address == address; })) return PeerPlace::this_machine;
  if (std::find(gateways_.begin(), gateways_.end(), address) != gateways_.end()) return PeerPlace::gateway;
  if (std::any_of(subnets_.begin(), subnets_.end(), [&](const Subnet& s) { return in_subnet(address, s); })) return PeerPlace::subnet;
  return PeerPlace::elsewhere;
}

const LocalNetwork& local_network() {
  static const LocalNetwork network(read_subnets(), read_gateways());
  return network;
}

}  // namespace moldau::server
