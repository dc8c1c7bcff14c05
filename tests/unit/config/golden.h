// Reads the tab-separated golden files beside the tests.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/source_root.h"

namespace moldau::config::test {

inline std::vector<std::vector<std::string>> read_golden(const std::string& name) {
  std::ifstream in(moldau::test::source_root() + "/tests/unit/config/golden/" + name);
  if (!in) throw std::runtime_error("no golden file " + name);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> fields;
    std::size_t start = 0;
    for (auto tab = line.find('\t'); tab != std::string::npos; start = tab + 1, tab = line.find('\t', start)) fields.push_back(line.substr(start, tab - start));
    fields.push_back(line.substr(start));
    rows.push_back(std::move(fields));
  }
  return rows;
}

}  // namespace moldau::config::test
