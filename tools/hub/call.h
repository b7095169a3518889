// call.h: one request to the hub and its answer, as data.
// Nothing here knows of sockets: the server turns HTTP into a Call and an Answer into HTTP, the
// simulation does the same without a network. Plain values; a Content or a Receiver is used by one
// thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/error.h"
#include "net/headers.h"

namespace headrace::hub {

struct Call {
  std::string method;
  std::string target;  // raw path and query, as on the request line
  Headers headers;
  std::string body;
  std::string origin;  // scheme and authority as the client addressed us: http://127.0.0.1:1234
};

// Stored bytes that a body is cut from. Stays readable after the repository is gone.
class Content {
 public:
  virtual ~Content() = default;
  virtual std::uint64_t size() const = 0;
  // At least one byte unless `offset` is the end or `into` is empty.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) = 0;
};

// The body is `body`, or the range of `content` if that is set. An answer to HEAD has neither and
// carries its Content-Length as a field; every other answer leaves that field to the server.
struct Answer {
  int status = 200;
  Headers headers;
  std::string body;
  std::unique_ptr<Content> content;
  std::uint64_t content_offset = 0;
  std::uint64_t content_size = 0;
};

// Takes a request body in order, piece by piece. Destroyed without finish() means that the
// connection was cut: nothing of the body remains. After an error of write() the connection is
// answered by finish() all the same, which then says what was wrong.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual Status write(std::span<const std::byte> bytes) = 0;
  virtual Answer finish() = 0;
};

}  // namespace headrace::hub
