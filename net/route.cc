#include "net/route.h"

#include "net/http_head.h"

namespace headrace {

std::string Route::key() const {
  if (!proxy) return target.origin();
  std::string through = "through " + proxy->url.origin();
  return tunnelled() ? target.origin() + " " + through : through;
}

Result<std::string> Route::head_of(std::string_view method, const Headers& fields) const {
  if (!forwarded()) return write_request_head(method, target.target, fields);
  Headers with_credentials = fields;
  if (!proxy->authorization.empty()) {
    with_credentials.set("proxy-authorization", proxy->authorization);
  }
  return write_request_head(method, target.text(), with_credentials);
}

}  // namespace headrace
