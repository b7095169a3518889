#include "engine/advice.h"

#include <cerrno>

#include <doctest/doctest.h>

namespace headrace {
namespace {

std::string hint_of(ErrorClass kind, std::string_view code = "x", int status = 0,
                    std::string_view path = "") {
  Error error = make_error(kind, code, "m").on_path(path);
  error.status = status;
  return advised(std::move(error)).hint;
}

}  // namespace

TEST_CASE("what an error says of itself stays") {
  CHECK(advised(make_error(ErrorClass::retry, "x", "m").hinting("mine")).hint == "mine");
}

TEST_CASE("every class has a next step") {
  CHECK(hint_of(ErrorClass::retry).contains("run the same command again"));
  CHECK(hint_of(ErrorClass::expired) == hint_of(ErrorClass::retry));
  CHECK(hint_of(ErrorClass::cancelled).contains("to go on"));
  CHECK(hint_of(ErrorClass::changed).contains("finish"));
  CHECK(hint_of(ErrorClass::limit).contains("limit"));
  CHECK_FALSE(hint_of(ErrorClass::fail).empty());
}

TEST_CASE("what has run out is named") {
  CHECK(advised(system_error("x", "m", EMFILE)).hint.contains("ulimit -n"));
  CHECK(advised(system_error("x", "m", ENOSPC)).hint.contains("free"));
}

TEST_CASE("a failure is mended where it lies") {
  CHECK(hint_of(ErrorClass::fail, "bad_answer", 200).contains("HF_ENDPOINT"));
  CHECK(hint_of(ErrorClass::fail, "http_status", 400, "a.bin").contains("what the server said"));
  CHECK(hint_of(ErrorClass::fail, "not_a_file", 0, "pipe").contains("--exclude"));
}

}  // namespace headrace
