// The program: reads the command line, makes the broker, waits for a signal, stops it. No logic of its own.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "config/effective.h"
#include "config/load.h"
#include "protocol/base/log.h"
#include "protocol/base/log_writer.h"
#include "server/broker.h"
#include "server/command_line.h"
#include "server/snapshot/snapshot.h"
#include "server/takeover/takeover.h"
#include "server/tools/dump_log.h"
#include "storage/io/posix_disk.h"

namespace {

using namespace moldau;

constexpr int kUsageError = 2;

/// Blocks the signals that stop the broker in all threads: they stay pending until run_broker() asks for them or waits for them.
sigset_t block_stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  return set;
}

/// The stop signal that has come, 0 without one.
int pending_stop_signal() {
  sigset_t pending;
  ::sigemptyset(&pending);
  ::sigpending(&pending);
  for (const int signal : {SIGTERM, SIGINT})
    if (::sigismember(&pending, signal) == 1) return signal;
  return 0;
}

/// Ends the process once all is flushed and closed: a client that doesn't read its answer may still hold coroutines, which have nothing left to do.
[[noreturn]] void end_process(int code) {
  logger(LogCategory::server).flush();
  std::fflush(nullptr);
  std::_Exit(code);
}

[[noreturn]] void run_broker(const config::LoadResult& loaded) {
  const sigset_t stop_signals = block_stop_signals();
  write_log_in_background();
  storage::raise_descriptor_limit();
  server::Broker broker(loaded);
  if (const auto started = broker.start([] { return pending_stop_signal() != 0; }); !started) {
    // DIFFERS: Apache Kafka is "still starting up" and halts with 1. The code tells a supervisor that the broker was never up; a clean stop of a running one ends with 0,
    // where the JVM says 143 too.
    if (const int early = pending_stop_signal(); early != 0) {
      MOLDAU_LOG(server, info, "{} during the start: stopping ({})", early == SIGTERM ? "SIGTERM" : "SIGINT", started.error().message);
      broker.stop();
      end_process(128 + early);
    }
    MOLDAU_LOG(server, critical, "cannot start: {}", started.error().message);
    broker.stop();
    end_process(1);
  }
  int signal = 0;
  ::sigwait(&stop_signals, &signal);
  logger(LogCategory::server).flush();  // makes room for the lines of the stop
  MOLDAU_LOG(server, info, "{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  broker.stop();
  end_process(0);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    auto parsed = server::parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
    if (const auto* wrong = std::get_if<std::string>(&parsed)) {
      fmt::print(stderr, "moldau: {}\n", *wrong);
      return kUsageError;
    }
    const auto& line = std::get<server::CommandLine>(parsed);
    if (line.command == server::Command::help) {
      fmt::print("{}", server::help_text());
      return 0;
    }
    if (line.command == server::Command::version) {
      fmt::print("moldau {}\n", MOLDAU_VERSION);
      return 0;
    }
    if (line.command == server::Command::snapshot) return server::run_snapshot(line.tool_words, stdout, stderr);
    if (line.command == server::Command::dump_log) return server::tools::dump_log(line.tool_words, MOLDAU_VERSION, stdout, stderr);
    const auto loaded = config::load(line.load);
    if (line.command == server::Command::check) {
      fmt::print("{}", config::print_effective(loaded, line.json ? config::EffectiveFormat::json : config::EffectiveFormat::text, line.all));
      return loaded.ok() ? 0 : 1;
    }
    for (const auto& warning : loaded.warnings) MOLDAU_LOG(config, warn, "{}", warning);
    for (const auto& error : loaded.errors) MOLDAU_LOG(config, critical, "{}", error);
    if (!loaded.ok()) return 1;
    if (line.command == server::Command::takeover) {
      server::TakeoverOptions options;
      options.dry_run = line.dry_run;
      options.keep_leader_epochs = line.keep_leader_epochs;
      options.back = line.back;
      options.topic_configs = line.topic_configs;
      return server::run_takeover(*loaded.config, options);
    }
    run_broker(loaded);
  } catch (const std::exception& e) {
    logger(LogCategory::server).flush();
    fmt::print(stderr, "moldau: {}\n", e.what());
    return 1;
  }
}
