// output.h: what a run shows. One of three: for people, quiet, or JSON lines.
//
// Standard output carries the result alone; everything else goes to standard error, in JSON too
// everything to standard output. Time comes in, so that nothing here waits or reads a clock.
// One thread. Nothing that is shown holds a token or a URL's query.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/copy_request.h"
#include "engine/doctor.h"
#include "engine/event.h"
#include "engine/result.h"
#include "io/error.h"
#include "tools/headrace/arguments.h"

namespace headrace {

struct Streams {
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;
};
// Those of this process, written at once.
Streams process_streams();

struct OutputOptions {
  OutputFormat format = OutputFormat::human;
  int verbosity = 0;
  bool bars = false;   // standard error is a terminal, and nobody asked for none
  bool color = false;  // likewise, and NO_COLOR and TERM=dumb say nothing against it
  std::uint32_t columns = 80;
};

class Output {
 public:
  virtual ~Output() = default;
  virtual void event(const Event&, std::int64_t now_ms) = 0;
  // To be called a few times a second: draws what is due.
  virtual void tick(std::int64_t now_ms) = 0;
  // The end of an upload; `dry_run` ones have no URL.
  virtual void uploaded(const UploadResult&, bool dry_run) = 0;
  virtual void failed(const Error&, int exit_code) = 0;
  // The end of the small verbs: a line for people, fields for programs.
  virtual void done(const std::string& line,
                    const std::vector<std::pair<std::string, std::string>>& fields) = 0;
  // One thing that a diagnosis looked at.
  virtual void finding(const Finding&) = 0;
  // One upload to a store that was begun and not ended; `address` is s3://BUCKET/KEY.
  virtual void unfinished(const std::string& address, const UnfinishedUpload&) = 0;
  virtual void note(NoteLevel, std::string_view text) = 0;
};

std::unique_ptr<Output> make_output(const OutputOptions&, Streams);
// One each; make_output chooses.
std::unique_ptr<Output> make_human_output(const OutputOptions&, Streams);
std::unique_ptr<Output> make_json_output(int verbosity, Streams);
// What the terminal, the environment and the settings allow.
OutputOptions output_options(const CommonArguments&, bool progress_bars_disabled,
                             const Environment&);

// 0 done; 1 failed; 2 asked wrongly; 5 worth running again; 130 told to stop.
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_retry = 5;
inline constexpr int exit_interrupted = 130;
int exit_code_of(const Error&);

}  // namespace headrace
