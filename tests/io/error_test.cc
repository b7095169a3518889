#include "io/error.h"

#include <cerrno>

#include <doctest/doctest.h>

namespace headrace {

TEST_CASE("secrets are cut when an error is made") {
  Error error = make_error(ErrorClass::fail, "x",
                           "GET http://u:p@host/a?X-Amz-Signature=abc#f with hf_abcdefghij and "
                           "Bearer abcdefgh");
  CHECK(error.message == "GET http://host/a?… with hf_*** and Bearer ***");
  CHECK(redact_url("https://user:secret@h:1/p@q?sig=1") == "https://h:1/p@q");
  CHECK(redact_text("my_hf_dataset half") == "my_hf_dataset half");
  CHECK(redact_text("a\x01\x1b[31m") == "a\\x01\\x1b[31m");
}

TEST_CASE("an errno decides the class") {
  CHECK(system_error("connect_failed", "connect", ECONNREFUSED).kind == ErrorClass::retry);
  CHECK(system_error("open_failed", "open", ENOENT).kind == ErrorClass::fail);
  CHECK(system_error("open_failed", "open", EMFILE).kind == ErrorClass::limit);
  CHECK(system_error("cancelled", "read", ECANCELED).kind == ErrorClass::cancelled);
}

TEST_CASE("upper rooms add and never overwrite") {
  Error error =
      make_error(ErrorClass::fail, "x", "m").at("part").at("upload").on_path("a").on_path("b");
  CHECK(error.stage == "part");
  CHECK(error.path == "a");
  error.part = 3;
  error.status = 500;
  error = std::move(error).on_url("PUT", "http://h/p?q=1").hinting("again");
  CHECK(describe(error) ==
        "error: m\n  where: part, a, part 3, PUT http://h/p, status 500\n  next: again\n  code: x");
}

TEST_CASE("a URL in a text is cut whatever it is made of") {
  CHECK(redact_text("at http://h/a?sig='x)]}|y and on") == "at http://h/a?… and on");
  CHECK(redact_text("at HTTPS://h/a'b?sig=x\",") == "at HTTPS://h/a'b?…\",");
  CHECK(redact_text("http://h/\x19\x1b[0m?x") == "http://h/\\x19\\x1b[0m?…");
  CHECK(redact_text("http: //h?x") == "http: //h?x");
  CHECK(redact_text("htt") == "htt");
}

TEST_CASE("half a password is cut like a whole one") {
  CHECK(redact_url("http://user:pass@h:80/x") == "http://h:80/x");
  CHECK(redact_url("http://user:pa?ss@h:80/x") == "http://…");
  CHECK(redact_url("http://user:pa/ss@h:80/x") == "http://…");
  CHECK(redact_url("http://[::1]:80/x") == "http://[::1]:80/x");
}

}  // namespace headrace
