#include "net/proxy.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "io/ascii.h"

namespace headrace {
namespace {

std::unexpected<Error> unusable(std::string_view source, std::string_view why) {
  return fail(make_error(ErrorClass::fail, "bad_proxy", fmt::format("{} {}", source, why))
                  .at("settings")
                  .hinting("write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with "
                           "special characters of user and password as %XX"));
}

std::string base64_of(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                             reinterpret_cast<const unsigned char*>(text.data()),
                             static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

// RFC 7617: a colon ends the user's name, so it cannot hold one.
Result<std::string> basic_of(std::string_view user_info, std::string_view source) {
  std::size_t colon = std::min(user_info.find(':'), user_info.size());
  Result<std::string> user = percent_decode(user_info.substr(0, colon));
  Result<std::string> password =
      percent_decode(colon == user_info.size() ? std::string_view() : user_info.substr(colon + 1));
  if (!user || !password || user->contains(':') || user_info.size() > 4096) {
    return unusable(source, "holds a user or password that cannot be read");
  }
  return "Basic " + base64_of(*user + ":" + *password);
}

std::optional<std::string> value_of(const ProxyRules::Variable& variable, std::string_view lower,
                                    std::string_view upper, std::string_view& name) {
  name = lower;
  std::optional<std::string> value = variable(lower);
  if (!value && !(upper == "HTTP_PROXY" && variable("REQUEST_METHOD"))) {
    name = upper;
    value = variable(upper);
  }
  if (value && value->empty()) value.reset();
  return value;
}

std::optional<Result<ProxyServer>> named(const ProxyRules::Variable& variable,
                                         std::string_view lower, std::string_view upper) {
  std::string_view name;
  std::optional<std::string> value = value_of(variable, lower, upper, name);
  if (!value) return std::nullopt;
  return ProxyServer::parse(*value, name);
}

}  // namespace

Result<ProxyServer> ProxyServer::parse(std::string_view text, std::string_view source) {
  constexpr std::string_view blanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  text = text.substr(0, text.find_last_not_of(blanks) + 1);
  std::string_view scheme = "http";
  if (std::size_t mark = text.find("://"); mark != std::string_view::npos) {
    scheme = text.substr(0, mark);
    text.remove_prefix(mark + 3);
  }
  const std::string lower = lowered(scheme);
  if (lower.starts_with("socks")) {
    return fail(
        make_error(ErrorClass::fail, "proxy_unsupported",
                   fmt::format("{} names a SOCKS proxy, which headrace does not speak to", source))
            .at("settings")
            .hinting("name an http:// or https:// proxy, or go without one: --no-proxy '*'"));
  }
  if (lower != "http" && lower != "https") {
    return unusable(source, "does not begin with http:// or https://");
  }
  std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  ProxyServer proxy{.source = std::string(source)};
  if (std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    Result<std::string> basic = basic_of(authority.substr(0, at), source);
    if (!basic) return std::unexpected(std::move(basic.error()));
    proxy.authorization = std::move(*basic);
    authority.remove_prefix(at + 1);
  }
  Result<Url> url = Url::parse(lower + "://" + std::string(authority));
  if (!url) return unusable(source, "names no host and port");
  proxy.url = std::move(*url);
  return proxy;
}

Result<ProxyRules> ProxyRules::load(const ProxyFlags& flags, const Variable& variable) {
  ProxyRules rules;
  std::string_view no_proxy_name = "--no-proxy";
  std::optional<std::string> no_proxy = flags.no_proxy;
  if (!no_proxy) no_proxy = value_of(variable, "no_proxy", "NO_PROXY", no_proxy_name);
  rules.no_proxy_ = NoProxy::parse(no_proxy.value_or(""));
  rules.no_proxy_source_ = no_proxy_name;
  if (!flags.proxy) {
    rules.http_ = named(variable, "http_proxy", "HTTP_PROXY");
    rules.https_ = named(variable, "https_proxy", "HTTPS_PROXY");
    rules.all_ = named(variable, "all_proxy", "ALL_PROXY");
  } else if (!flags.proxy->empty()) {
    Result<ProxyServer> server = ProxyServer::parse(*flags.proxy, "--proxy");
    if (!server) return std::unexpected(std::move(server.error()));
    rules.all_ = std::move(server);
  }
  return rules;
}

const ProxyRules::Named& ProxyRules::named_for(const Url& url) const {
  const Named& by_scheme = url.secure() ? https_ : http_;
  return by_scheme ? by_scheme : all_;
}

Result<const ProxyServer*> ProxyRules::choose(const Url& url) const {
  const Named& named = named_for(url);
  if (!named || no_proxy_.matches(url)) return nullptr;
  if (!*named) return std::unexpected(named->error());
  return &**named;
}

std::string_view ProxyRules::kept_straight_by(const Url& url) const {
  bool kept = named_for(url) && no_proxy_.matches(url);
  return kept ? std::string_view(no_proxy_source_) : std::string_view();
}

}  // namespace headrace
