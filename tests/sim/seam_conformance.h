// seam_conformance.h: what io/backend.h promises, as cases that any backend must pass.
//
// A Rig is two workers over one machine: the kernel's rings with a thread each, or a simulated
// world. Each case is a coroutine on the first worker; it checks with doctest and ends.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/worker.h"

namespace headrace {

class Rig {
 public:
  virtual ~Rig() = default;
  virtual Worker& worker(std::size_t index) = 0;
  // Runs the case on worker 0 until it has ended.
  virtual void run(const std::function<Task<void>(Scope&, Rig&)>& body) = 0;
  // A path that holds these bytes.
  virtual std::string file(const std::string& bytes) = 0;
  virtual void rewrite(const std::string& path, const std::string& bytes) = 0;
  virtual std::string directory() = 0;
  virtual std::string missing() = 0;
};

struct SeamCase {
  const char* name;
  Task<void> (*body)(Scope&, Rig&);
};
const std::vector<SeamCase>& seam_cases();

}  // namespace headrace
