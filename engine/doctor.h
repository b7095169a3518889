// doctor.h: what a diagnosis asks and finds: of this machine, of the way to the Hub, of the token.
//
// A Finding is one thing that was looked at, with a verdict, and with what to do where it is not
// ok. Its numbers are for programs. Findings hold no secret.
// diagnose_machine() blocks for about half a second: it measures. It reads a file of its own in
// `folder`, which is gone again when it returns, and may be called on any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/repo.h"
#include "io/error.h"
#include "io/rates.h"

namespace headrace {

enum class Verdict : std::uint8_t { ok, warn, fail };

struct Finding {
  std::string about;  // "machine", "token", or host:port
  std::string name;   // stable snake_case
  Verdict verdict = Verdict::ok;
  std::string text;      // one sentence without a full stop
  std::string advice;    // empty where there is nothing to do
  std::string bound_by;  // of an upload: what of this machine bounds it
  std::vector<std::pair<std::string, double>> numbers;
  std::optional<Error> error;
};

struct DoctorRequest {
  std::string endpoint;
  std::string token;  // empty: none
  std::optional<RepoId> repo;
};

std::vector<Finding> diagnose_machine(const std::string& folder, const Clock& clock);

// A finding that failed for this reason.
Finding failed_finding(std::string about, std::string name, Error error);
// Something of this machine that could not be measured; an upload does without.
Finding unknown_finding(std::string name, Error error);

}  // namespace headrace
