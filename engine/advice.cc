#include "engine/advice.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace headrace {
namespace {

// Answers that no Hub gives.
constexpr std::array<std::string_view, 6> strange_answers = {
    "bad_answer", "bad_url",          "answer_too_large",
    "http_limit", "redirect_refused", "too_many_redirects"};

std::string_view advice_on_failure(const Error& error) {
  bool strange = std::ranges::find(strange_answers, error.code) != strange_answers.end();
  if (strange) {
    return "look whether the endpoint is a Hub (--endpoint, HF_ENDPOINT), and whether something in "
           "between changes its answers";
  }
  if (error.status != 0) {
    return "see what the server said; whoever runs it finds the request by its id and time";
  }
  if (!error.path.empty()) return "mend the file, or leave it out with --exclude";
  return "see the message and its code; the list of errors (tools/doc/errors.md) says more";
}

std::string_view advice_on_limit(const Error& error) {
  if (error.sys_error == EMFILE) {
    return "raise the limit on open files (`ulimit -n`) or use fewer connections (--connections) "
           "or workers (--workers)";
  }
  return "free what has run out or raise its limit, then run the same command again";
}

}  // namespace

Error advised(Error error) {
  std::string_view advice;
  switch (error.kind) {
    case ErrorClass::retry:
    case ErrorClass::expired:
      advice = "run the same command again: what was sent is not sent again";
      break;
    case ErrorClass::changed:
      advice = "let whoever writes the file finish, then run the same command again";
      break;
    case ErrorClass::cancelled:
      advice = "run the same command again to go on: what was sent and committed stays";
      break;
    case ErrorClass::limit:
      advice = advice_on_limit(error);
      break;
    case ErrorClass::fail:
      advice = advice_on_failure(error);
      break;
  }
  return std::move(error).hinting(advice);
}

}  // namespace headrace
