#include "server/platform.h"

#include <cstdlib>

#include "replication/store/embedded_store.h"
#include "server/network/plain_network.h"
#include "storage/io/posix_disk.h"

namespace moldau::server {

Platform system_platform() {
  Platform made;
  made.clock = &system_clock();
  made.random = make_system_random();
  made.disk = &storage::posix_disk();
  made.network = &plain_network();
  made.open_store = [](const config::BrokerConfig& config) -> Result<std::unique_ptr<replication::MetadataStore>> {
    const auto dir = replication::find_embedded_store(config.data_dirs);
    if (!dir) return dir.error();
    return replication::open_embedded_store(*dir, system_clock());
  };
  made.halt = [] { std::_Exit(1); };
  return made;
}

}  // namespace moldau::server
