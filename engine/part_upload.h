// part_upload.h: sends one part to its target, once, and judges the answer.
//
// The bytes come from the arena if they are still there, else from the source, which must be what
// was hashed. The result is the ETag (empty where the target wants none). Errors are of class
// retry, expired (the URL has run out: past its stated end, or the body of a 403 says so), changed,
// fail (any other 4xx) or cancelled, and carry part number and URL.
#pragma once

#include <atomic>

#include "engine/scheduler.h"
#include "net/http_client.h"

namespace headrace {

// Makes of a 403 what it means: the right to send ran out. With what to do about it.
void become_url_expired(Error& error);

struct PartUpload {
  HttpClient& client;
  const Source& source;
  const SendPart& work;
  Ticket& ticket;                          // two blocks let reading overlap sending
  std::atomic<std::uint64_t>& bytes_sent;  // grows as bytes go, whatever becomes of them
  bool new_connection = false;             // after a network error

  Task<Result<std::string>> run(Scope& scope);

 private:
  Task<Result<std::string>> run_from_source(Scope& scope, HttpRequest& request);
  Task<Result<std::string>> send(Scope& scope, HttpRequest& request);
  Result<std::string> judge(const HttpAnswer& answer, const HttpRequest& request) const;
};

}  // namespace headrace
