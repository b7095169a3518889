#include "net/http_parser.h"

#include <fmt/format.h>
#include <llhttp.h>

#include "io/check.h"

namespace headrace {

// What llhttp calls back into. Its callbacks only note what came; feed() decides.
struct HttpParser::Impl {
  Impl(Direction direction_, const Limits& limits_) : direction(direction_), limits(limits_) {}

  // Frames head bytes: how many of `bytes` belong to the head, the last one included.
  Result<std::size_t> frame_head(std::span<const std::byte> bytes);
  Status end_line(bool& head_ended);
  Status run(std::span<const std::byte> bytes, std::size_t& consumed);
  bool is_alert(std::span<const std::byte> bytes) const;
  std::unexpected<Error> malformed(std::string_view why) const;
  std::unexpected<Error> too_large(std::string_view what) const;
  int headers_complete();
  const char* unusable_head() const;
  void fill_head();
  int note_extras(std::size_t size);
  void reset();

  const Direction direction;
  const Limits limits;
  llhttp_t parser{};
  HttpHead parsed;
  std::string field_name, field_value;
  bool answers_head = false;
  bool bodyless = false;  // whatever its fields say

  // Framing of the head.
  std::size_t head_size = 0, line_size = 0, lines = 0, fields = 0, extras_size = 0;
  bool saw_cr = false;

  // What the callbacks noted in this feed().
  bool head_done = false, message_done = false;
  bool head_told = false, message_told = false;
  std::span<const std::byte> body;
  const char* refusal = nullptr;
  bool over_limit = false;
};

namespace {

HttpParser::Limits default_limits() { return {}; }

template <class Impl>
Impl& impl_of(llhttp_t* parser) {
  return *static_cast<Impl*>(parser->data);
}

// One table for both directions; templates keep Impl private to HttpParser.
template <class Impl>
struct Callbacks {
  static int on_url(llhttp_t* parser, const char* at, std::size_t size) {
    impl_of<Impl>(parser).parsed.target.append(at, size);
    return 0;
  }
  static int on_field(llhttp_t* parser, const char* at, std::size_t size) {
    Impl& impl = impl_of<Impl>(parser);
    if (impl.head_done) return impl.note_extras(size);
    impl.field_name.append(at, size);
    return 0;
  }
  static int on_value(llhttp_t* parser, const char* at, std::size_t size) {
    Impl& impl = impl_of<Impl>(parser);
    if (impl.head_done) return impl.note_extras(size);
    impl.field_value.append(at, size);
    return 0;
  }
  static int on_value_complete(llhttp_t* parser) {
    Impl& impl = impl_of<Impl>(parser);
    if (impl.head_done) return 0;
    if (!is_http_token(impl.field_name)) {
      impl.refusal = "an invalid field name";
      return HPE_USER;
    }
    if (++impl.fields > impl.limits.fields_max) {
      impl.over_limit = true;
      impl.refusal = "too many header fields";
      return HPE_USER;
    }
    impl.parsed.headers.add(impl.field_name, trimmed(impl.field_value));
    impl.field_name.clear();
    impl.field_value.clear();
    return 0;
  }
  static int on_headers_complete(llhttp_t* parser) {
    return impl_of<Impl>(parser).headers_complete();
  }
  static int on_body(llhttp_t* parser, const char* at, std::size_t size) {
    if (size == 0) return 0;
    impl_of<Impl>(parser).body = std::as_bytes(std::span(at, size));
    return HPE_PAUSED;
  }
  static int on_message_complete(llhttp_t* parser) {
    impl_of<Impl>(parser).message_done = true;
    return HPE_PAUSED;
  }
  static int on_extension(llhttp_t* parser, const char*, std::size_t size) {
    return impl_of<Impl>(parser).note_extras(size);
  }
  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t table = [] {
      llhttp_settings_t all;
      llhttp_settings_init(&all);
      all.on_url = on_url;
      all.on_header_field = on_field;
      all.on_header_value = on_value;
      all.on_header_value_complete = on_value_complete;
      all.on_headers_complete = on_headers_complete;
      all.on_body = on_body;
      all.on_message_complete = on_message_complete;
      all.on_chunk_extension_name = on_extension;
      all.on_chunk_extension_value = on_extension;
      return all;
    }();
    return table;
  }
};

std::unexpected<Error> tls_wanted() {
  return fail(make_error(ErrorClass::fail, "tls_wanted", "the server speaks TLS at this port")
                  .hinting("write https:// in place of http://"));
}

}  // namespace

void HttpParser::Impl::reset() {
  llhttp_init(&parser, direction == Direction::request ? HTTP_REQUEST : HTTP_RESPONSE,
              &Callbacks<Impl>::settings());
  parser.data = this;
  parsed = HttpHead();
  field_name.clear();
  field_value.clear();
  head_size = line_size = lines = fields = extras_size = 0;
  saw_cr = head_done = message_done = head_told = message_told = over_limit = false;
  bodyless = false;
  refusal = nullptr;
  body = {};
}

std::unexpected<Error> HttpParser::Impl::malformed(std::string_view why) const {
  bool answer = direction == Direction::answer;
  return fail(make_error(answer ? ErrorClass::retry : ErrorClass::fail, "bad_http",
                         fmt::format("malformed HTTP {}: {}", answer ? "answer" : "request", why))
                  .hinting(answer ? "see whether something else listens at that address" : ""));
}

std::unexpected<Error> HttpParser::Impl::too_large(std::string_view what) const {
  return fail(make_error(ErrorClass::fail, "http_limit", what)
                  .hinting("look whether the address is right, and what stands in between"));
}

int HttpParser::Impl::note_extras(std::size_t size) {
  extras_size += size;
  if (direction == Direction::request && (parser.flags & F_TRAILING) != 0) {
    refusal = "trailers are not accepted";
    return HPE_USER;
  }
  if (extras_size <= limits.extras_size_max) return 0;
  over_limit = true;
  refusal = "chunk extensions or trailers are too large";
  return HPE_USER;
}

// Why a head that llhttp read may not be used, or nullptr.
const char* HttpParser::Impl::unusable_head() const {
  if (parser.http_major != 1 || parser.http_minor > 1) return "this is not HTTP/1.1";
  std::size_t hosts = 0, codings = 0;
  for (const auto& [name, value] : parsed.headers) {
    hosts += same_name(name, "host") ? 1 : 0;
    if (!same_name(name, "transfer-encoding")) continue;
    ++codings;
    if (!same_name(value, "chunked")) return "a transfer coding that is not chunked";
  }
  if (codings > 1) return "more than one transfer coding";
  if (codings > 0 && parser.http_minor == 0) return "a transfer coding in HTTP/1.0";
  if (codings > 0 && (parser.flags & F_CONTENT_LENGTH) != 0) return "two ways to find the end";
  if (direction == Direction::answer) {
    return parser.status_code == 101 ? "an upgrade that nobody asked for" : nullptr;
  }
  bool one_host = hosts == 1 || (hosts == 0 && parser.http_minor == 0);
  return one_host ? nullptr : "exactly one Host field is needed";
}

void HttpParser::Impl::fill_head() {
  bool asked_close = (parser.flags & F_CONNECTION_CLOSE) != 0;
  bool asked_keep = (parser.flags & F_CONNECTION_KEEP_ALIVE) != 0;
  parsed.chunked = (parser.flags & F_CHUNKED) != 0;
  if ((parser.flags & F_CONTENT_LENGTH) != 0) parsed.content_length = parser.content_length;
  parsed.keep_alive = parser.http_minor == 1 ? !asked_close : asked_keep && !asked_close;
  if (direction == Direction::request) {
    parsed.method = llhttp_method_name(static_cast<llhttp_method_t>(parser.method));
    parsed.expects_continue =
        parser.http_minor == 1 && same_name(parsed.headers.value_or("expect", ""), "100-continue");
    return;
  }
  parsed.status = parser.status_code;
  bodyless = answers_head || parsed.status < 200 || parsed.status == 204 || parsed.status == 304;
  bool until_close = !bodyless && !parsed.chunked && !parsed.content_length;
  if (until_close) parsed.keep_alive = false;
}

int HttpParser::Impl::headers_complete() {
  fill_head();
  refusal = unusable_head();
  if (refusal) return HPE_USER;
  head_done = true;
  parser.upgrade = 0;  // the offer of another protocol is ignored, RFC 9110 7.8
  return bodyless ? 1 : 0;
}

Status HttpParser::Impl::end_line(bool& head_ended) {
  head_ended = false;
  if (line_size == 0 && lines == 0) {
    // RFC 9112 2.2: a server skips empty lines before a request.
    return direction == Direction::request ? Status() : malformed("an empty line before the head");
  }
  head_ended = line_size == 0;
  line_size = 0;
  ++lines;
  return {};
}

// How many TLS servers say that they don't understand.
bool HttpParser::Impl::is_alert(std::span<const std::byte> bytes) const {
  return direction == Direction::answer && head_size == 0 && bytes.size() >= 2 &&
         bytes[0] == std::byte(0x15) && bytes[1] == std::byte(0x03);
}

Result<std::size_t> HttpParser::Impl::frame_head(std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    char c = static_cast<char>(bytes[at]);
    if (++head_size > limits.head_size_max) return too_large("the head is too large");
    if (saw_cr) {
      if (c != '\n') return malformed("a carriage return inside a line");
      saw_cr = false;
      bool ended = false;
      Status line = end_line(ended);
      if (!line) return std::unexpected(std::move(line.error()));
      if (ended) return at + 1;
    } else if (c == '\r') {
      saw_cr = true;
    } else if (c == '\n') {
      return malformed("a line that does not end in CRLF");
    } else {
      if (line_size == 0 && lines > 0 && (c == ' ' || c == '\t')) return malformed("a folded line");
      if (++line_size > limits.line_size_max) return too_large("a line of the head is too long");
    }
  }
  return bytes.size();
}

// Runs llhttp over `bytes`; a pause is where one of our callbacks saw something.
Status HttpParser::Impl::run(std::span<const std::byte> bytes, std::size_t& consumed) {
  const char* data = bytes.empty() ? "" : reinterpret_cast<const char*>(bytes.data());
  llhttp_errno_t result = llhttp_execute(&parser, data, bytes.size());
  if (result == HPE_OK) {
    consumed = bytes.size();
    return {};
  }
  if (result == HPE_PAUSED) {
    consumed = static_cast<std::size_t>(llhttp_get_error_pos(&parser) - data);
    llhttp_resume(&parser);
    return {};
  }
  if (over_limit) return too_large(refusal);
  return malformed(refusal ? refusal : llhttp_get_error_reason(&parser));
}

HttpParser::HttpParser(Direction direction) : HttpParser(direction, default_limits()) {}
HttpParser::HttpParser(Direction direction, const Limits& limits)
    : impl_(std::make_unique<Impl>(direction, limits)) {
  start();
}
HttpParser::~HttpParser() = default;
HttpParser::HttpParser(HttpParser&&) noexcept = default;
HttpParser& HttpParser::operator=(HttpParser&&) noexcept = default;

void HttpParser::start(bool answers_head) {
  impl_->reset();
  impl_->answers_head = answers_head;
}

Result<HttpParser::Step> HttpParser::feed(std::span<const std::byte> bytes) {
  Impl& impl = *impl_;
  CHECK(!impl.message_told);
  Step step;
  if (!impl.head_done) {
    if (impl.is_alert(bytes)) return tls_wanted();
    Result<std::size_t> head_bytes = impl.frame_head(bytes);
    if (!head_bytes) return std::unexpected(std::move(head_bytes.error()));
    std::size_t taken = 0;
    Status read = impl.run(bytes.first(*head_bytes), taken);
    if (!read) return std::unexpected(std::move(read.error()));
    step.consumed = *head_bytes;
    if (!impl.head_done) return step;
    if (impl.direction == Direction::answer && impl.parsed.status < 200) {
      HttpHead interim = std::move(impl.parsed);
      impl.reset();
      impl.parsed.status = interim.status;
      step.event = Event::interim;
    }
  }
  if (step.event == Event::interim) return step;
  if (!impl.head_told) {
    impl.head_told = true;
    step.event = Event::head;
    return step;
  }
  if (!impl.message_done) {
    // Also without bytes: the end of a body is told by a step of its own.
    Status read = impl.run(bytes, step.consumed);
    if (!read) return std::unexpected(std::move(read.error()));
    if (!impl.body.empty()) {
      step.event = Event::body;
      step.body = std::exchange(impl.body, {});
      return step;
    }
  }
  if (impl.message_done) {
    impl.message_told = true;
    step.event = Event::complete;
  }
  return step;
}

Status HttpParser::finish() {
  Impl& impl = *impl_;
  if (impl.message_told || impl.message_done) return {};
  llhttp_errno_t result = llhttp_finish(&impl.parser);
  if (impl.head_done && (result == HPE_OK || result == HPE_PAUSED) && impl.message_done) return {};
  bool answer = impl.direction == Direction::answer;
  return fail(make_error(ErrorClass::retry, "connection_closed",
                         !started()        ? "the connection was closed before the answer"
                         : !impl.head_done ? "the connection was closed inside a head"
                         : answer          ? "the connection was closed inside the answer's body"
                                  : "the connection was closed inside the request's body"));
}

const HttpHead& HttpParser::head() const { return impl_->parsed; }
HttpHead HttpParser::take_head() { return std::move(impl_->parsed); }
bool HttpParser::started() const { return impl_->head_size > 0; }

}  // namespace headrace
