// error.h: the one error type of the house, and Result<T>.
//
// The lowest room that knows the cause makes the Error; each room above fills in what it knows
// (stage, path, part, attempts, hint) and never overwrites what stands there. `engine` judges it
// by its class, `tools` shows it once. Secrets are cut when a text or URL goes in: tokens,
// Authorization values, user info and queries of URLs never reach a field.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace headrace {

// What may be done about it.
enum class ErrorClass : std::uint8_t {
  retry,      // the same call may work if it is sent again
  fail,       // it will not: a person has to change something
  expired,    // the right to do it ran out (a pre-signed URL): ask for a new one
  changed,    // the source is no longer what was read before
  cancelled,  // we were told to stop
  limit,      // a limit of this machine or of ours was reached
};
std::string_view name_of(ErrorClass);

struct Error {
  ErrorClass kind = ErrorClass::fail;
  std::string code;        // stable snake_case name, a row of tools/doc/errors.md
  std::string message;     // one sentence without a full stop
  std::string stage;       // what was being done: resolve, connect, send, preupload, part, commit …
  int sys_error = 0;       // errno, 0 if the kernel was not the cause
  std::string host;        // host[:port] spoken to
  std::string address;     // of its addresses the one spoken to, with the port
  std::string method;      // HTTP method
  std::string url;         // without query, fragment and user info
  int status = 0;          // HTTP status, 0 without an answer
  std::string request_id;  // as the server named it
  std::string server_message;        // what the server said, shortened
  std::string path;                  // local file, or path in the repo
  int part = 0;                      // part number from 1, 0 if none
  int attempts = 0;                  // tries made
  std::int64_t retry_after_ms = -1;  // the server's wish, -1 if none
  std::string hint;                  // what to do next

  // Each fills a field that is still empty and returns the same error, so that calls chain.
  Error at(std::string_view stage_name) &&;
  Error from(std::string_view numeric_address) &&;
  Error on_path(std::string_view local_or_repo_path) &&;
  Error on_url(std::string_view method_name, std::string_view any_url) &&;
  Error hinting(std::string_view what_to_do) &&;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// An error of our own; `message` is redacted.
Error make_error(ErrorClass, std::string_view code, std::string_view message);
// An error of the kernel. The class follows the errno (ECONNRESET and its kin: retry; ECANCELED:
// cancelled; EMFILE, ENOMEM, ENOSPC: limit; else fail). `what` says what was tried.
Error system_error(std::string_view code, std::string_view what, int errno_value);
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// Without user info, query and fragment.
std::string redact_url(std::string_view url);
// `text` with tokens (hf_…), Bearer and Basic credentials, and queries of URLs cut out, control
// characters escaped, at most `size_max` bytes long.
std::string redact_text(std::string_view text, std::size_t size_max = 2000);

// The error for a person, over several lines, ending without a newline:
//   error: MESSAGE
//     where: STAGE, PATH, part N · METHOD URL · host · status · request id …
//     next: HINT
std::string describe(const Error&);

}  // namespace headrace
