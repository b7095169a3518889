// request_log.h: RequestLog, each request as a curl command, and each as spans of a trace.
//
// An HttpObserver for all clients of an engine. A request is told as one line when it begins and
// one when it has ended:
//   request 7: curl -X POST -H "content-type: application/json" … --data-raw "{…}" "http://h/a?…"
//   request 7: 200 in 12 ms, request id r-1, 532 bytes
// Of fields only those that are known to hold no secret show their value, of URLs never the query;
// bodies only where they are short texts of ours, whatever looks like a secret cut out.
// Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>

#include "engine/trace.h"
#include "net/http_client.h"

namespace headrace {

class RequestLog final : public HttpObserver {
 public:
  // Called from any worker. Either may be null.
  using Tell = std::function<void(std::string line)>;
  RequestLog(Tell tell, Trace* trace) : tell_(std::move(tell)), trace_(trace) {}

  std::uint64_t connection_number() override;
  std::uint64_t request_begins(const HttpLeg& leg) override;
  void request_ended(const HttpLeg& leg, const Result<HttpAnswer>& answer) override;

 private:
  TraceRow row_of(std::uint64_t connection);
  void trace(const HttpLeg& leg, const Result<HttpAnswer>& answer);

  const Tell tell_;
  Trace* const trace_;
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::mutex mutex_;
  std::map<std::uint64_t, TraceRow> rows_;  // by connection; 0: requests that got none
};

// The command that sends what `leg` sends.
std::string curl_command(const HttpLeg& leg);

}  // namespace headrace
