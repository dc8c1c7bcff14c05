#include "server/start_report.h"

#include <filesystem>

#include "protocol/base/format.h"
#include "server/broker_settings.h"

namespace moldau::server {
namespace {

bool on_every_address(std::string_view host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

std::string address(std::string_view host, int port) {
  if (on_every_address(host)) host = "localhost";
  return host.find(':') == std::string_view::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

std::string absolute_paths(const std::vector<std::string>& dirs) {
  std::vector<std::string> paths;
  for (const auto& dir : dirs) {
    std::error_code gone;
    const auto path = std::filesystem::absolute(dir, gone);
    paths.push_back(gone ? dir : path.lexically_normal().string());
  }
  return fmt::format("{}", fmt::join(paths, ", "));
}

std::string http_line(const config::BrokerConfig& config, std::optional<std::uint16_t> port) {
  if (port) return "health and metrics at http://" + address(config.http_endpoint->host, *port) + ": /healthz, /readyz, /metrics";
  return config.http_endpoint ? "no health and metrics: the port of http.listeners was taken" : "no health and metrics: http.listeners is empty";
}

}  // namespace

std::vector<std::string> start_report(const config::BrokerConfig& config, BrokerId self, const std::function<std::uint16_t(std::string_view listener)>& bound_port,
                                      std::optional<std::uint16_t> http_port) {
  std::vector<std::string> connect;
  for (const auto& endpoint : config.endpoints) {
    const auto at = address(endpoint.host, endpoint.port == 0 ? bound_port(endpoint.listener_name) : endpoint.port);
    connect.push_back(config.endpoints.size() == 1 ? at : at + " (" + endpoint.listener_name + ")");
  }
  std::vector<std::string> told;
  for (const auto& endpoint : make_advertised_endpoints(config, bound_port)) told.push_back(address(endpoint.host, endpoint.port));
  const auto first = connect.front().substr(0, connect.front().find(' '));
  return {
      fmt::format("Kafka clients connect to {}; they are told {}", fmt::join(connect, ", "),
                  config.advertised_auto ? "the address by which they came (advertised.listeners=auto)" : fmt::format("{}", fmt::join(told, ", "))),
      fmt::format("one broker, id {}, with embedded metadata (no ZooKeeper); data in {}", self, absolute_paths(config.data_dirs)),
      http_line(config, http_port),
      fmt::format("try: echo hello | kcat -b {0} -P -t test; kcat -b {0} -C -t test -e; Ctrl-C or SIGTERM stops it", first),
  };
}

}  // namespace moldau::server
