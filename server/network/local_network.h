// LocalNetwork: this machine's addresses, subnets and default gateway, to tell where a client comes from (advertised.listeners=auto).
#pragma once

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace moldau::server {

enum class PeerPlace : std::uint8_t {
  this_machine,  ///< Loopback or one of our own addresses.
  gateway,       ///< The default gateway: in a container, the host behind a published port.
  subnet,        ///< A neighbour in one of our subnets.
  elsewhere
};

/// One interface address with the bits of its network.
struct Subnet {
  boost::asio::ip::address address;
  unsigned prefix_bits = 0;
};

/// Immutable.
class LocalNetwork {
 public:
  LocalNetwork(std::vector<Subnet> subnets, std::vector<boost::asio::ip::address> gateways) : subnets_(std::move(subnets)), gateways_(std::move(gateways)) {}
  /// An address that does not parse is elsewhere.
  [[nodiscard]] PeerPlace place_of(std::string_view peer) const;

 private:
  std::vector<Subnet> subnets_;
  std::vector<boost::asio::ip::address> gateways_;
};

/// Read from the system on first use (getifaddrs, /proc/net/route).
const LocalNetwork& local_network();

}  // namespace moldau::server
