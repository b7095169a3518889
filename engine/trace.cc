#include "engine/trace.h"

#include <cerrno>

#include <fmt/format.h>

#include "engine/utf8.h"

namespace headrace {
namespace {

// Enough that a write is worth its call, little enough that a run's end is soon on the disk.
constexpr std::size_t piece_bytes = 64 << 10;
constexpr std::size_t event_bytes_max = 4096;

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

double microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

}  // namespace

TraceDetails& TraceDetails::add(std::string_view name, std::string_view value) {
  std::string shown = redact_text(value, 500);
  members_ += members_.empty() ? "" : ",";
  append_text(members_, name);
  members_ += ':';
  append_text(members_, is_valid_utf8(shown) ? shown : "(not UTF-8)");
  return *this;
}

TraceDetails& TraceDetails::add(std::string_view name, std::uint64_t value) {
  members_ += members_.empty() ? "" : ",";
  append_text(members_, name);
  members_ += fmt::format(":{}", value);
  return *this;
}

Result<std::unique_ptr<Trace>> Trace::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file) return std::unique_ptr<Trace>(new Trace(file));
  Error error = system_error("trace_failed", "the trace can't be written", errno);
  return fail(std::move(error).at("start").on_path(path).hinting(
      "name a file in a folder that exists and may be written to"));
}

Trace::Trace(std::FILE* file) : file_(file) {
  buffer_ =
      "[\n"
      R"({"ph":"M","name":"process_name","pid":1,"args":{"name":"lanes"}})"
      ",\n"
      R"({"ph":"M","name":"process_name","pid":2,"args":{"name":"connections"}})";
  writer_ = std::thread([this] { write_pieces(); });
}

Trace::~Trace() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    if (left_out_ > 0) {
      buffer_ += fmt::format(
          ",\n"
          R"({{"ph":"M","name":"left_out","pid":1,"args":{{"spans":{}}}}})",
          left_out_);
    }
    buffer_ += "\n]\n";
  }
  changed_.notify_one();
  writer_.join();
  std::fclose(file_);
}

TraceRow Trace::row(std::uint32_t group, std::string_view name) {
  std::uint64_t number = 0;
  {
    std::lock_guard lock(mutex_);
    number = ++rows_;
  }
  append(
      fmt::format(R"({{"ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":"{}"}}}})",
                  group, number, name));
  return {this, group, number};
}

void Trace::span(const TraceRow& row, std::string_view category, std::string_view name, Time begin,
                 Time end, const TraceDetails& details) {
  append(fmt::format(
      R"({{"ph":"X","name":"{}","cat":"{}","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{{}}}}})",
      name, category, row.group, row.number, microseconds(begin.time_since_epoch()),
      microseconds(end - begin), details.members()));
}

void Trace::append(std::string_view event) {
  bool piece = false;
  {
    std::lock_guard lock(mutex_);
    if (buffer_.size() + event_bytes_max > buffer_bytes_max) {
      ++left_out_;
      return;
    }
    buffer_ += ",\n";
    buffer_ += event;
    piece = buffer_.size() >= piece_bytes;
  }
  if (piece) changed_.notify_one();
}

void Trace::write_pieces() {
  std::string piece;
  bool over = false;
  while (!over) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || buffer_.size() >= piece_bytes; });
      over = ending_;
      std::swap(piece, buffer_);
    }
    // A full disk costs the trace, not the upload.
    (void)std::fwrite(piece.data(), 1, piece.size(), file_);
    piece.clear();
  }
}

}  // namespace headrace
