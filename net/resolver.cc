#include "net/resolver.h"

#include <cstring>

#include <fmt/format.h>
#include <netdb.h>

#include "io/worker.h"
#include "net/address.h"

namespace headrace {
namespace {

Error lookup_error(const std::string& host, int code, int errno_value) {
  std::string why = code == EAI_SYSTEM ? std::strerror(errno_value) : gai_strerror(code);
  std::string message = fmt::format("the host name {} could not be resolved: {}", host, why);
  bool unknown = code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY;
  Error error = unknown ? make_error(ErrorClass::fail, "name_not_found", message)
                        : make_error(ErrorClass::retry, "name_lookup_failed", message);
  error.sys_error = code == EAI_SYSTEM ? errno_value : 0;
  return std::move(error).at("resolve").hinting(
      "check the spelling of the address and the name service of this machine");
}

// Blocks; runs as a job of its own.
Result<std::vector<SocketAddress>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (code != 0) return fail(lookup_error(host, code, errno));
  std::vector<SocketAddress> addresses;
  for (addrinfo* one = found; one; one = one->ai_next) {
    if (one->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
  }
  freeaddrinfo(found);
  if (addresses.empty()) return fail(lookup_error(host, EAI_NODATA, 0));
  return by_turns(addresses);
}

}  // namespace

std::vector<SocketAddress> by_turns(const std::vector<SocketAddress>& addresses) {
  std::vector<SocketAddress> v6, v4, mixed;
  for (const SocketAddress& address : addresses) {
    (family_of(address) == AF_INET6 ? v6 : v4).push_back(address);
  }
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) mixed.push_back(v6[i]);
    if (i < v4.size()) mixed.push_back(v4[i]);
  }
  return mixed;
}

Task<Result<std::vector<SocketAddress>>> SystemResolver::resolve(Scope& scope, std::string host,
                                                                 std::uint16_t port) {
  if (std::optional<SocketAddress> address = numeric_address(host, port)) {
    co_return std::vector<SocketAddress>{*address};
  }
  auto job = [host, port] { return look_up(host, port); };
  std::optional<Result<std::vector<SocketAddress>>> found =
      co_await blocking(scope, std::move(job));
  if (!found) {
    co_return fail(
        make_error(ErrorClass::cancelled, "cancelled", "cancelled while a host name was resolved")
            .at("resolve"));
  }
  co_return known_or(std::move(*found), host, port);
}

Result<std::vector<SocketAddress>> SystemResolver::known_or(
    Result<std::vector<SocketAddress>> found, const std::string& host, std::uint16_t port) {
  std::lock_guard lock(mutex_);
  if (found) {
    known_[{host, port}] = *found;
    return found;
  }
  auto known = known_.find({host, port});
  if (known == known_.end()) return found;
  return known->second;
}

}  // namespace headrace
