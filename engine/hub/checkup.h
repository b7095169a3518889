// checkup.h: HubCheckup, a diagnosis of the way to a Hub, of the Hub, and of what a token may do.
//
// run() once, on the client's worker. Each step is made by itself and once, so that its time and
// its failure are its own; a step that cannot be made without another's success is left out. What
// it asks changes nothing, but that a batch call (with a repo only) may reserve a URL for one byte
// that is never sent.
#pragma once

#include <set>

#include "engine/doctor.h"
#include "engine/hub/client.h"
#include "net/tls_error.h"

namespace headrace {

class HubCheckup {
 public:
  HubCheckup(HttpClient& client, Resolver& resolver, DoctorRequest request)
      : client_(client), resolver_(resolver), request_(std::move(request)) {}

  Task<std::vector<Finding>> run(Scope& scope);

 private:
  // All steps to a host, or to its proxy and through that; false if there is no way.
  Task<bool> reach(Scope& scope, const Url& url);
  Task<bool> reach_proxy(Scope& scope, const ProxyServer& proxy);
  // A tunnel, and TLS with the target through it.
  Task<bool> look_through(Scope& scope, const Url& url, const ProxyServer& proxy);
  // Which proxy leads there, null for none; an error where nobody can say.
  Result<const ProxyServer*> judge_proxy(const Url& url);
  // Names and addresses, each connected to, and TLS over the first.
  Task<bool> connect_to(Scope& scope, const Url& url);
  // Takes the stream over.
  Task<bool> speak_tls(Scope& scope, std::unique_ptr<Stream> stream, const Url& url);
  void judge_certificate(const CertificateFacts& certificate, const std::string& host);
  Task<void> ask_whoami(Scope& scope, const Url& endpoint);
  void judge_clock(const HttpAnswer& answer, const std::string& host);
  void judge_token(const HttpAnswer& answer, const HttpRequest& request);
  Task<void> ask_repo(Scope& scope);
  Task<void> ask_storage(Scope& scope, HubClient& hub);
  void add(std::string about, std::string name, Verdict verdict, std::string text,
           std::string advice = {}, std::vector<std::pair<std::string, double>> numbers = {});

  HttpClient& client_;
  Resolver& resolver_;
  const DoctorRequest request_;
  std::vector<Finding> found_;
  std::set<std::string> reached_;
};

}  // namespace headrace
