// A cluster of controllers over one store in memory, on one thread, with brokers that only note what they are told.
#pragma once

#include <boost/asio/io_context.hpp>

#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/random.h"
#include "replication/controller/kafka_controller.h"
#include "replication/store/memory_store.h"

namespace moldau::replication {

class ControllerWorld {
 public:
  ControllerWorld();
  ~ControllerWorld();

  /// Runs one command and returns its trace: requests to brokers in order, then what changed in the store.
  std::string run(const std::string& command);

 private:
  struct Broker {
    std::unique_ptr<MetadataStore> session;
    std::shared_ptr<KafkaController> controller;
  };
  class Channel;

  void settle();
  void broker_up(BrokerId id, const std::string& rack);
  void broker_down(BrokerId id);
  Awaitable<void> register_broker_node(BrokerId id, std::string rack);
  void write(std::vector<StoreOp> ops);
  void note(const std::string& line) { trace_ << line << '\n'; }
  void received(BrokerId by, const ControlRequest& request, BrokerChannel::Completion done);
  std::string store_changes();
  std::string name_id(const std::string& text);

  boost::asio::io_context context_;
  ManualClock clock_;
  std::unique_ptr<Random> random_;
  MemoryEnsemble ensemble_;
  std::unique_ptr<MetadataStore> tool_;  // the session of whoever creates topics
  std::map<BrokerId, Broker> brokers_;
  std::set<std::pair<BrokerId, TopicPartition>> storage_errors_;
  std::set<BrokerId> mute_;                  // brokers that do not answer
  bool unclean_ = false;
  std::ostringstream trace_;
  std::map<std::string, std::string> store_before_;
  std::map<std::string, std::string> ids_;
};

}  // namespace moldau::replication
