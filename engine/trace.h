// trace.h: Trace, what a run does and when, in the file format of Chrome's trace viewer.
//
// A row is what does one thing at a time (a lane of a worker, a connection), so its spans nest. A
// thread of the trace's own writes: whoever adds a span only appends to a buffer of at most
// `buffer_bytes_max`; what a slow disk has no room for is left out and counted. Where no trace is
// wanted a TraceRow is empty, and a span over it is two comparisons with null.
// The file is an array of events and can be read even if its end is missing. It holds names of
// files and URLs without their queries, never a secret.
// Thread-safe, but for the end. Format: "Trace Event Format" of the Chromium project.
// Fails with: trace_failed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "io/clock.h"
#include "io/error.h"
#include "io/worker.h"

namespace headrace {

class Trace;

// What belongs to a span, as JSON members; cheap to pass where there is none.
class TraceDetails {
 public:
  TraceDetails& add(std::string_view name, std::string_view value);
  TraceDetails& add(std::string_view name, std::uint64_t value);
  const std::string& members() const { return members_; }

 private:
  std::string members_;
};

struct TraceRow {
  Trace* trace = nullptr;
  std::uint32_t group = 0;
  std::uint64_t number = 0;
  explicit operator bool() const { return trace != nullptr; }
};

class Trace {
 public:
  // Higher holds more while the disk is slow; 4 MiB are some 30,000 spans.
  static constexpr std::size_t buffer_bytes_max = 4 << 20;
  // Groups of rows, as the viewer shows them one below the other.
  static constexpr std::uint32_t lanes = 1;
  static constexpr std::uint32_t connections = 2;

  static Result<std::unique_ptr<Trace>> open(const std::string& path);
  ~Trace();  // writes what is left; nobody adds any more

  TraceRow row(std::uint32_t group, std::string_view name);
  // `category` and `name` are ours, without anything that JSON would have to escape.
  void span(const TraceRow& row, std::string_view category, std::string_view name, Time begin,
            Time end, const TraceDetails& details = {});

 private:
  explicit Trace(std::FILE* file);
  void append(std::string_view event);
  void write_pieces();

  std::FILE* file_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string buffer_;
  std::uint64_t rows_ = 0;
  std::uint64_t left_out_ = 0;
  bool ending_ = false;
  std::thread writer_;
};

// A span from here to end(), or to the end of the block.
class TraceSpan {
 public:
  TraceSpan(const TraceRow& row, Worker& worker, std::string_view category, std::string_view name)
      : row_(row), worker_(worker), category_(category), name_(name) {
    if (row_) begin_ = worker_.now();
  }
  ~TraceSpan() { end(); }
  void end() {
    if (!row_) return;
    row_.trace->span(row_, category_, name_, begin_, worker_.now(), details_);
    row_.trace = nullptr;
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;
  template <class Value>
  TraceSpan& with(std::string_view name, const Value& value) {
    if (row_) details_.add(name, value);
    return *this;
  }

 private:
  TraceRow row_;
  Worker& worker_;
  std::string_view category_;
  std::string_view name_;
  Time begin_{};
  TraceDetails details_;
};

}  // namespace headrace
