// part_upload.h: sends one part to its target, once; the target judges the answer.
//
// The bytes come from the arena if they are still there, else from the source, which must be what
// was hashed: the last bytes of a part leave when that was looked at once more. A part that its
// target wants to know whole is read before it goes, within the budget. The result is the part's
// tag (empty where the target has none). Errors are of class retry, expired (the right to send has
// run out), changed, fail or cancelled, and carry part number and URL.
#pragma once

#include "engine/line_gauge.h"
#include "engine/reporter.h"
#include "engine/scheduler.h"
#include "net/http_client.h"

namespace headrace {

struct PartUpload {
  HttpClient& client;
  const Source& source;
  const SendPart& work;
  Ticket& ticket;                   // two blocks let reading overlap sending
  Counters& counters;               // bytes_sent, and bytes_on_way while this runs
  bool new_connection = false;      // after a network error
  SendObserver* watcher = nullptr;  // of this try alone
  LineGauge* gauge = nullptr;
  Arena* arena = nullptr;  // for parts that are read whole before they go

  Task<Result<std::string>> run(Scope& scope);

 private:
  Task<Result<std::unique_ptr<Reader>>> open(Scope& scope);
  Task<Result<std::string>> run_from_source(Scope& scope);
  Task<Result<std::string>> send_from(Scope& scope, Reader& reader);
  Task<Result<Ticket>> memory_for(Scope& scope, std::uint64_t size);
  Task<Status> read_whole(Scope& scope, const Body::Range& range, std::vector<Slice>& slices);
  Task<Result<std::string>> send(Scope& scope, const PartContent& content);
  Result<std::string> judge(const Parcel& parcel, const HttpAnswer& answer,
                            const HttpRequest& request) const;
};

}  // namespace headrace
