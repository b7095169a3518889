// doctor.h: what a diagnosis asks and finds: of this machine, of the way to the Hub, of the token.
//
// A Finding is one thing that was looked at, with a verdict, and with what to do where it is not
// ok. Its numbers are for programs. Findings hold no secret.
// diagnose_machine() blocks for about half a second: it measures. It reads a file of its own in
// `folder`, which is gone again when it returns, and may be called on any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/repo.h"
#include "io/clock.h"
#include "io/error.h"

namespace headrace {

enum class Verdict : std::uint8_t { ok, warn, fail };

struct Finding {
  std::string about;  // "machine", "token", or host:port
  std::string name;   // stable snake_case
  Verdict verdict = Verdict::ok;
  std::string text;    // one sentence without a full stop
  std::string advice;  // empty where there is nothing to do
  std::vector<std::pair<std::string, double>> numbers;
  std::optional<Error> error;
};

struct DoctorRequest {
  std::string endpoint;
  std::string token;  // empty: none
  std::optional<RepoId> repo;
};

using Clock = std::function<Time()>;
std::vector<Finding> diagnose_machine(const std::string& folder, const Clock& clock);

// A finding that failed for this reason.
Finding failed_finding(std::string about, std::string name, Error error);

}  // namespace headrace
