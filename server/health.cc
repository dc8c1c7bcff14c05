#include "server/health.h"

namespace moldau::server {
namespace {

constexpr unsigned kOk = 200;
constexpr unsigned kUnavailable = 503;
constexpr const char* kText = "text/plain; charset=utf-8";

}  // namespace

HttpReply Health::healthz() const { return {kOk, kText, "ok\n"}; }

HttpReply Health::readyz() const {
  switch (state()) {
    case BrokerState::running:
      return {kOk, kText, "ready\n"};
    case BrokerState::recovery:
      return {kUnavailable, kText, "loading logs: " + std::to_string(done_.load()) + " of " + std::to_string(total_.load()) + "\n"};
    case BrokerState::pending_controlled_shutdown:
    case BrokerState::shutting_down:
      return {kUnavailable, kText, "stopping\n"};
    case BrokerState::not_running:
    case BrokerState::starting:
      break;
  }
  return {kUnavailable, kText, "starting\n"};
}

}  // namespace moldau::server
