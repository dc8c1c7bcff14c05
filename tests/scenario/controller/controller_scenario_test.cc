// Runs controller/*.txt: a line `> command`, then the trace it must leave. `#` begins a comment.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "controller_world.h"

using moldau::replication::ControllerWorld;

namespace {

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The script with the traces that really came.
std::string play(const std::string& script) {
  ControllerWorld world;
  std::istringstream in(script);
  std::string out;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') {
      out += line + '\n';
    } else if (line.starts_with("> ")) {
      out += line + '\n' + world.run(line.substr(2));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("controller scenarios leave the traces that stand beside their commands", "[controller]") {
  std::size_t played = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MOLDAU_SCRIPTS)) {
    if (entry.path().extension() != ".txt") continue;
    ++played;
    DYNAMIC_SECTION(entry.path().filename().string()) {
      const auto script = read(entry.path());
      const auto played_out = play(script);
      if (std::getenv("MOLDAU_REWRITE") != nullptr) {
        std::ofstream(entry.path()) << played_out;
      } else {
        CHECK(played_out == script);
      }
    }
  }
  CHECK(played > 5);
}
