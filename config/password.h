// A secret of the configuration: prints as [hidden], as Kafka's Password does.
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace moldau::config {

class Password {
 public:
  Password() = default;
  explicit Password(std::string secret) : secret_(std::move(secret)) {}

  /// The secret itself: never for a log or an answer.
  const std::string& reveal() const { return secret_; }

  friend bool operator==(const Password&, const Password&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Password&) { return out << "[hidden]"; }

 private:
  std::string secret_;
};

}  // namespace moldau::config
