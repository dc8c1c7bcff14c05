// The configuration while the broker runs: static settings under the cluster's default under this broker's own. Kafka 3.9 DynamicBrokerConfig.
//
// Any thread reads current(); changes come from the metadata store (/config/brokers/<default> and /config/brokers/<id>) and are applied one at a time.
// Invariants: (1) a snapshot is whole and passed the cross checks; (2) a change that would break that is refused by validate() and passed over, with a warning, by
// the apply functions; (3) listeners are called after the swap, on the applying thread, in the order of registration, without a lock on the snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/broker_config.h"
#include "config/load.h"
#include "config/topic_config.h"

namespace moldau::config {

/// The three layers of settings and what they make; immutable.
struct ConfigLayers {
  StaticSettings static_settings;
  Settings cluster_default;  ///< dynamic, for all brokers
  Settings broker;           ///< dynamic, for this broker
  BrokerConfigPtr config;
};
using ConfigLayersPtr = std::shared_ptr<const ConfigLayers>;

enum class DynamicScope : std::uint8_t { cluster_default, broker };

class DynamicConfig {
 public:
  using Listener = std::function<void(const BrokerConfig& before, const BrokerConfig& after)>;

  /// REQUIRES: loaded.ok().
  explicit DynamicConfig(const LoadResult& loaded);
  /// From texts alone (tests, simulation). Throws ConfigError.
  explicit DynamicConfig(const Settings& static_settings);
  DynamicConfig(const DynamicConfig&) = delete;
  DynamicConfig& operator=(const DynamicConfig&) = delete;

  /// The snapshot of now; hold the pointer as long as one request, not longer.
  BrokerConfigPtr current() const;
  ConfigLayersPtr layers() const;

  /// May the dynamic settings of a scope become `proposed` (all of them, not the difference)? nullopt: they may. A broker's unknown keys are let through, as Kafka
  /// does for its plug-ins.
  std::optional<SettingsError> validate(DynamicScope scope, const Settings& proposed) const;

  /// Takes over the settings of a scope from the metadata store, passing over what is not good; returns what was passed over and why.
  std::vector<std::string> apply(DynamicScope scope, const Settings& settings);

  /// Calls back after each change; unregisters when destroyed, and must be destroyed before this object.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(DynamicConfig* owner, std::uint64_t id) : owner_(owner), id_(id) {}
    Registration(Registration&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_) {}
    Registration& operator=(Registration&& other) noexcept;
    ~Registration() { reset(); }
    void reset();

   private:
    DynamicConfig* owner_ = nullptr;
    std::uint64_t id_ = 0;
  };
  Registration on_change(Listener listener);

 private:
  void unregister(std::uint64_t id);
  void swap(ConfigLayers next);

  mutable std::mutex mutex_;  ///< guards layers_
  ConfigLayersPtr layers_;
  std::recursive_mutex apply_mutex_;  ///< guards listeners_; held over a change and its call-backs
  std::vector<std::pair<std::uint64_t, Listener>> listeners_;
  std::uint64_t next_listener_ = 1;
};

}  // namespace moldau::config
