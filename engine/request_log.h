// request_log.h: RequestLog, each request as a curl command, and each as spans of a trace; and what
// connections are sealed with.
//
// An HttpObserver for all clients of an engine. With a verbosity of 1 it tells for each host which
// version and cipher of TLS was agreed on, again only where that changes. With 2 each connection,
// and each request as one line when it begins and one when it has ended:
//   connection 3: h:443 at 192.0.2.7:443, TLSv1.3 with TLS_AES_128_GCM_SHA256
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
  RequestLog(int verbosity, Tell tell, Trace* trace)
      : verbosity_(verbosity), tell_(std::move(tell)), trace_(trace) {}

  std::uint64_t connected(const HttpLink& link) override;
  std::uint64_t request_begins(const HttpLeg& leg) override;
  void request_ended(const HttpLeg& leg, const Result<HttpAnswer>& answer) override;

 private:
  TraceRow row_of(std::uint64_t connection);
  void trace(const HttpLeg& leg, const Result<HttpAnswer>& answer);
  bool is_news(const HttpLink& link);
  bool tells_requests() const { return tell_ && verbosity_ >= 2; }

  const int verbosity_;
  const Tell tell_;
  Trace* const trace_;
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::mutex mutex_;
  std::map<std::uint64_t, TraceRow> rows_;          // by connection; 0: requests that got none
  std::map<std::string, std::string> sealed_with_;  // by host, as it was told last
};

// The command that sends what `leg` sends.
std::string curl_command(const HttpLeg& leg);

}  // namespace headrace
