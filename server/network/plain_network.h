// The machine's TCP sockets as a Network.
#pragma once

#include "server/network/network.h"

namespace moldau::server {

/// One for the process; keeps nothing.
Network& plain_network();

}  // namespace moldau::server
