#include "engine/hub/checkup.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "io/digest/sha256.h"
#include "io/worker.h"
#include "net/address.h"
#include "net/connector.h"
#include "net/dialer.h"
#include "net/proxy_error.h"
#include "net/tls_stream.h"

namespace headrace {
namespace {

constexpr std::size_t addresses_tried_max = 8;
// Signatures and certificates forgive less than this nowhere; beyond it they begin to fail.
constexpr std::int64_t clock_skew_max_s = 60;
constexpr std::int64_t day_s = 24 * 60 * 60;
// Whoever renews certificates by a machine does it well before.
constexpr std::int64_t certificate_days_low = 7;

double milliseconds(Duration duration) { return seconds_of(duration) * 1000; }

void tell_otherwise(Finding& finding, Error error) {
  finding.text = error.message;
  finding.advice = error.hint;
  finding.error = std::move(error);
}

}  // namespace

void HubCheckup::add(std::string about, std::string name, Verdict verdict, std::string text,
                     std::string advice, std::vector<std::pair<std::string, double>> numbers) {
  found_.push_back({.about = std::move(about),
                    .name = std::move(name),
                    .verdict = verdict,
                    .text = std::move(text),
                    .advice = std::move(advice),
                    .numbers = std::move(numbers),
                    .error = std::nullopt});
}

Task<std::vector<Finding>> HubCheckup::run(Scope& scope) {
  Result<Url> endpoint = Url::parse(request_.endpoint);
  if (!endpoint) {
    found_.push_back(failed_finding("hub", "endpoint", std::move(endpoint.error())));
    co_return std::move(found_);
  }
  bool there = co_await reach(scope, *endpoint);
  if (there) {
    co_await ask_whoami(scope, *endpoint);
    bool answers = found_.back().name != "http";
    if (answers && request_.repo) co_await ask_repo(scope);
  }
  co_await client_.close_idle(scope);
  co_return std::move(found_);
}

Task<bool> HubCheckup::reach(Scope& scope, const Url& url) {
  if (!reached_.insert(url.endpoint()).second) co_return true;
  Result<const ProxyServer*> proxy = judge_proxy(url);
  if (!proxy) co_return false;
  bool there = false;
  if (!*proxy) {
    there = co_await connect_to(scope, url);
    co_return there;
  }
  there = co_await reach_proxy(scope, **proxy);
  if (there && url.secure()) there = co_await look_through(scope, url, **proxy);
  co_return there;
}

Task<bool> HubCheckup::reach_proxy(Scope& scope, const ProxyServer& proxy) {
  if (!reached_.insert(proxy.url.endpoint()).second) co_return true;
  const std::size_t found_before = found_.size();
  bool connected = co_await connect_to(scope, proxy.url);
  for (std::size_t i = found_before; i < found_.size(); ++i) {
    if (!found_[i].error) continue;
    tell_otherwise(found_[i], at_proxy(std::move(*found_[i].error), proxy));
  }
  co_return connected;
}

Task<bool> HubCheckup::look_through(Scope& scope, const Url& url, const ProxyServer& proxy) {
  Worker& worker = scope.worker();
  std::string host = url.endpoint();
  Connector connector(worker, resolver_, client_.network());
  const Route route{url, &proxy};
  const Deadlines deadlines;
  Time begin = worker.now();
  Result<std::unique_ptr<Stream>> stream = co_await connector.open(scope, route, deadlines);
  if (!stream) {
    found_.push_back(failed_finding(host, "tunnel", std::move(stream.error())));
    co_return false;
  }
  double took_ms = milliseconds(worker.now() - begin);
  add(host, "tunnel", Verdict::ok,
      fmt::format("{} opened a tunnel to it in {:.1f} ms", proxy.url.endpoint(), took_ms), {},
      {{"ms", took_ms}});
  bool secured = co_await speak_tls(scope, std::move(*stream), url);
  if (secured) co_return true;
  tell_otherwise(found_.back(), through_proxy(std::move(*found_.back().error), proxy));
  co_return false;
}

Result<const ProxyServer*> HubCheckup::judge_proxy(const Url& url) {
  const ProxyRules& rules = client_.network().proxies;
  std::string host = url.endpoint();
  Result<const ProxyServer*> proxy = rules.choose(url);
  if (!proxy) {
    found_.push_back(failed_finding(host, "proxy", proxy.error()));
    return proxy;
  }
  std::string_view kept_by = rules.kept_straight_by(url);
  std::string text = "it is spoken to without a proxy";
  if (*proxy) {
    text = fmt::format("it is spoken to through the proxy {} that {} names{}",
                       (*proxy)->url.origin(), (*proxy)->source,
                       (*proxy)->authorization.empty() ? "" : ", with user and password");
  } else if (!kept_by.empty()) {
    text += fmt::format(", as {} keeps it away from that", kept_by);
  }
  add(host, "proxy", Verdict::ok, std::move(text));
  return proxy;
}

Task<bool> HubCheckup::connect_to(Scope& scope, const Url& url) {
  std::string host = url.endpoint();
  Worker& worker = scope.worker();
  Deadlines deadlines;
  Time begin = worker.now();
  Scope resolving(scope, deadlines.resolve);
  Result<std::vector<SocketAddress>> addresses =
      co_await resolver_.resolve(resolving, url.host, url.port);
  if (!addresses) {
    found_.push_back(failed_finding(host, "resolve", std::move(addresses.error())));
    co_return false;
  }
  add(host, "resolve", Verdict::ok,
      fmt::format("{} has {} address{}", url.host, addresses->size(),
                  addresses->size() == 1 ? "" : "es"),
      {}, {{"addresses", addresses->size()}, {"ms", milliseconds(worker.now() - begin)}});
  std::size_t connected = 0;
  bool secured = !url.secure();
  std::vector<Finding> dead;
  for (std::size_t i = 0; i < std::min(addresses->size(), addresses_tried_max); ++i) {
    std::span<const SocketAddress> one(&(*addresses)[i], 1);
    begin = worker.now();
    Result<Dialed> dialed = co_await dial(scope, one, deadlines.connect, host);
    double took_ms = milliseconds(worker.now() - begin);
    std::string address = text_of(one.front());
    if (!dialed) {
      dead.push_back(failed_finding(host, "connect", std::move(dialed.error())));
      dead.back().text = fmt::format("{}: {}", address, dead.back().text);
      continue;
    }
    auto stream = std::make_unique<PlainStream>(worker, dialed->socket, address);
    add(host, "connect", Verdict::ok, fmt::format("{} connected in {:.1f} ms", address, took_ms),
        {}, {{"ms", took_ms}});
    if (++connected == 1 && url.secure()) {
      secured = co_await speak_tls(scope, std::move(stream), url);
    } else {
      co_await stream->close(scope);
    }
  }
  for (Finding& each : dead) {
    // The others are used instead, after a moment's wait each time.
    if (connected > 0) each.verdict = Verdict::warn;
    found_.push_back(std::move(each));
  }
  co_return connected > 0 && secured;
}

Task<bool> HubCheckup::speak_tls(Scope& scope, std::unique_ptr<Stream> stream, const Url& url) {
  Worker& worker = scope.worker();
  std::shared_ptr<const TlsContext> context = client_.network().tls;
  std::string host = url.endpoint();
  // Kept apart from the sessions of requests, so that the whole handshake is seen.
  TlsPeer peer{.host = url.host, .origin = "doctor of " + host, .place = host};
  std::string address = stream->address();
  Time begin = worker.now();
  TlsStream::Made made = co_await TlsStream::connect(scope, std::move(stream), context,
                                                     std::move(peer), Deadlines().tls);
  double took_ms = milliseconds(worker.now() - begin);
  if (!made) {
    Error error = std::move(made.error()).from(address);
    if (error.host.empty()) error.host = url.authority();
    found_.push_back(failed_finding(host, "tls", std::move(error)));
    co_return false;
  }
  TlsFacts facts = (*made)->facts();
  co_await (*made)->close(scope);
  add(host, "tls", Verdict::ok,
      fmt::format("{} with {} in {:.1f} ms", facts.version, facts.cipher, took_ms), {},
      {{"ms", took_ms}});
  for (const CertificateFacts& each : facts.chain) judge_certificate(each, host);
  bool unchecked = context->settings().skip_verification;
  add(host, "trust", unchecked ? Verdict::warn : Verdict::ok,
      fmt::format("trust comes from {}", context->trust_text()),
      unchecked ? "leave --insecure-skip-tls-verify out, and name the CA with --ca-cert" : "",
      {{"certificates", static_cast<double>(context->trusted().certificates)}});
  co_return true;
}

void HubCheckup::judge_certificate(const CertificateFacts& certificate, const std::string& host) {
  std::int64_t left_s = certificate.valid_until - client_.worker().backend().wall_seconds();
  bool ends_soon = left_s < certificate_days_low * day_s;
  std::string whom = certificate.names.empty() ? "" : fmt::format(" for {}", certificate.names);
  add(host, "certificate", ends_soon ? Verdict::warn : Verdict::ok,
      fmt::format("{}{}, issued by {}, valid from {} until {}", certificate.subject, whom,
                  certificate.issuer, time_text(certificate.valid_from),
                  time_text(certificate.valid_until)),
      ends_soon ? "ask whoever runs the server whether it will be renewed in time" : "",
      {{"days_left", static_cast<double>(left_s / day_s)}});
}

Task<void> HubCheckup::ask_whoami(Scope& scope, const Url& endpoint) {
  Worker& worker = scope.worker();
  HttpRequest request;
  Result<Url> url = Url::parse(request_.endpoint + "/api/whoami-v2");
  if (!url) co_return;
  request.url = std::move(*url);
  request.stage = "whoami";
  if (!request_.token.empty()) request.headers.set("authorization", "Bearer " + request_.token);
  Time begin = worker.now();
  Result<HttpAnswer> answer = co_await client_.send(scope, request);
  double took_ms = milliseconds(worker.now() - begin);
  std::string host = endpoint.endpoint();
  if (!answer) {
    found_.push_back(failed_finding(host, "http", std::move(answer.error())));
    co_return;
  }
  bool troubled = answer->status >= 500 || answer->status == 429;
  add(host, "answer", troubled ? Verdict::warn : Verdict::ok,
      fmt::format("the Hub answered {} in {:.1f} ms", answer->status, took_ms),
      troubled ? "wait a few minutes: the Hub has trouble of its own" : "",
      {{"ms", took_ms}, {"status", answer->status}});
  judge_clock(*answer, host);
  judge_token(*answer, request);
}

void HubCheckup::judge_clock(const HttpAnswer& answer, const std::string& host) {
  std::optional<std::int64_t> date = parse_http_date(answer.headers.value_or("date", ""));
  if (!date) return;
  std::int64_t ahead_s = client_.worker().backend().wall_seconds() - *date;
  bool off = std::abs(ahead_s) > clock_skew_max_s;
  add(host, "clock", off ? Verdict::warn : Verdict::ok,
      off ? fmt::format("this machine's clock is {} s {} the Hub's", std::abs(ahead_s),
                        ahead_s > 0 ? "ahead of" : "behind")
          : std::string("this machine's clock agrees with the Hub's"),
      off ? "set the clock: signed URLs and certificates are judged by it" : "",
      {{"ahead_s", static_cast<double>(ahead_s)}});
}

void HubCheckup::judge_token(const HttpAnswer& answer, const HttpRequest& request) {
  if (request_.token.empty()) {
    add("token", "token", Verdict::warn, "there is no token, so nothing can be uploaded",
        "set HF_TOKEN, or give --token-file");
    return;
  }
  if (answer.status >= 400) {
    Error error = error_of_answer(answer, request, client_.worker().backend().wall_seconds());
    bool refused = answer.status == 401 || answer.status == 403;
    if (refused) {
      error.message = "the Hub does not know the token, or does not accept it any more";
      error.hint = "make a new one in the settings of the account, and set HF_TOKEN";
    }
    found_.push_back(failed_finding("token", "token", std::move(error)));
    return;
  }
  Result<WhoAmI> who = parse_whoami(answer.body);
  if (!who) {
    found_.push_back(failed_finding("token", "token", std::move(who.error())));
    return;
  }
  bool reads = who->token_role == "read";
  std::string role =
      who->token_role.empty() ? "" : fmt::format(", its role is {}", who->token_role);
  add("token", "token", reads ? Verdict::warn : Verdict::ok,
      fmt::format("the token is {}'s{}", who->name, role),
      reads ? "it may not upload: make one that may write" : "");
}

Task<void> HubCheckup::ask_repo(Scope& scope) {
  HubClient hub(client_, {request_.endpoint, request_.token, *request_.repo});
  std::string name = request_.repo->text();
  Result<RepoInfo> info = co_await hub.revision(scope, "main");
  if (info) {
    add("repo", "repo", Verdict::ok,
        fmt::format("{} is there{}", name, info->is_private ? ", and private" : ""));
    co_await ask_storage(scope, hub);
    co_return;
  }
  if (info.error().code == "repo_not_found") {
    add("repo", "repo", Verdict::warn, fmt::format("{} is not there, or may not be seen", name),
        "an upload makes it where the token may; look whether its name is right");
    co_return;
  }
  found_.push_back(failed_finding("repo", "repo", std::move(info.error())));
}

Task<void> HubCheckup::ask_storage(Scope& scope, HubClient& hub) {
  // One byte that nobody has: what names it is no digest of anything.
  std::string random = std::to_string(scope.worker().prng().next());
  const LfsObject objects[] = {{.oid = sha256_of(random).hex(), .size = 1}};
  Result<std::vector<LfsAnswer>> answers = co_await hub.lfs_batch(scope, objects, "main");
  if (!answers) {
    Error error = std::move(answers.error());
    found_.push_back(failed_finding("repo", "write", std::move(error)));
    co_return;
  }
  add("repo", "write", Verdict::ok, "the token may upload to it");
  Result<Url> url = Url::parse(on_endpoint(answers->front().href, request_.endpoint));
  if (answers->front().href.empty() || !url) co_return;
  add(url->endpoint(), "storage", Verdict::ok,
      fmt::format("large files go to {}", url->endpoint()));
  (void)co_await reach(scope, *url);
}

}  // namespace headrace
