// http_parser.h: HttpParser, bytes in, events out, for answers (client) and requests (server).
//
// Pure glue over llhttp, strict, without any of its lenient flags. Before llhttp sees a head its
// lines are framed here: only CRLF ends a line, folded lines are refused, and sizes are bounded.
// A message that could be read in two ways (length and chunks at once, two lengths, a coding that
// is not chunked) is refused. Give feed() what came; it returns after at most one event and says
// how many bytes it took; call it again with the rest. Body spans point into the bytes given.
// One parser per connection, start() before each message. One thread.
// Fails with: bad_http (malformed), http_limit (a size beyond Limits), connection_closed (finish()
// in the middle). For answers the first and the last may be retried.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "io/error.h"
#include "net/http_head.h"

namespace headrace {

class HttpParser {
 public:
  enum class Direction { request, answer };
  struct Limits {
    std::size_t head_size_max = 64 * 1024;
    std::size_t line_size_max = 32 * 1024;
    std::size_t fields_max = 256;
    // Chunk extensions and trailers have no use for us; beyond this somebody plays with us.
    std::size_t extras_size_max = 16 * 1024;
  };
  enum class Event {
    need_more,  // everything was taken, nothing is complete yet
    interim,    // an answer 1xx but 101 was read; the parser waits for the next head
    head,       // head() is whole
    body,       // `body` came
    complete,   // the message is over; bytes behind it were not taken
  };
  struct Step {
    Event event = Event::need_more;
    std::size_t consumed = 0;
    std::span<const std::byte> body;
  };

  explicit HttpParser(Direction);
  HttpParser(Direction, const Limits&);
  ~HttpParser();
  HttpParser(HttpParser&&) noexcept;
  HttpParser& operator=(HttpParser&&) noexcept;

  // A new message begins. `answers_head`: the request was HEAD, so no body follows.
  void start(bool answers_head = false);
  Result<Step> feed(std::span<const std::byte> bytes);
  // The other side closed: fine where the body lasts until then (or is over).
  Status finish();

  // Valid from Event::head (Event::interim: its status) until start().
  const HttpHead& head() const;
  HttpHead take_head();
  // True once a byte of the message was seen.
  bool started() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headrace
