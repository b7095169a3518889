#include "io/subprocess.h"

#include <cerrno>

#include <doctest/doctest.h>

namespace headrace {
namespace {

Result<ProcessOutput> shell(const std::string& script, const ProcessLimits& limits = {}) {
  return run_process({"sh", "-c", script}, limits);
}

}  // namespace

TEST_CASE("a program's output and how it ended") {
  const auto output = shell("echo out; echo err >&2; exit 3");
  REQUIRE(output.has_value());
  CHECK(output->exit_code == 3);
  CHECK(output->out == "out\n");
  CHECK(output->err == "err\n");
  CHECK(shell("kill -TERM $$").value().exit_code == 143);
  CHECK(shell("cat").value().out.empty());
}

TEST_CASE("words reach a program as they are") {
  const auto output = run_process({"printf", "%s|", "a b", "$HOME", "*", "", "'"}, {});
  CHECK(output.value().out == "a b|$HOME|*||'|");
}

TEST_CASE("of what a program says beside its output the end is kept") {
  const auto output = shell(
      "i=0; while [ $i -lt 2000 ]; do echo 'line of text' >&2; "
      "i=$((i+1)); done; echo last >&2");
  REQUIRE(output.has_value());
  CHECK(output->err.size() == 4096);
  CHECK(output->err.ends_with("line of text\nlast\n"));
}

TEST_CASE("a program that is not there") {
  const auto output = run_process({"/no/such/program"}, {});
  REQUIRE_FALSE(output.has_value());
  CHECK(output.error().code == "program_not_found");
  CHECK(output.error().sys_error == ENOENT);
  CHECK(output.error().path == "/no/such/program");
}

TEST_CASE("a program without end is ended with all that it began, and one that prints too much") {
  // Both hold the pipe: neither outlives the other's end, or this would wait for a day.
  auto output = shell("sleep 86400 & sleep 86400", {.time = 200ms});
  REQUIRE_FALSE(output.has_value());
  CHECK(output.error().code == "program_timeout");
  output = shell("exec >&- 2>&-; sleep 86400", {.time = 200ms});
  REQUIRE_FALSE(output.has_value());
  CHECK(output.error().code == "program_timeout");
  output = shell("while :; do echo 0123456789; done", {.time = 60s, .output_max = 1000});
  REQUIRE_FALSE(output.has_value());
  CHECK(output.error().code == "program_output_too_large");
}

}  // namespace headrace
