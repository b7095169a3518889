// What headrace.h promises, over the front door. Functions stand in the order of the header.
#include "engine/c_options.h"
#include "engine/engine.h"
#include "engine/event_json.h"
#include "engine/handles.h"
#include "engine/headrace.h"
#include "engine/job_handle.h"

struct headrace_error {
  headrace::Error error;
  std::string text;
  std::string json;
};

namespace headrace {
namespace {

constinit Handles<headrace_engine, Engine> engines;
constinit Handles<headrace_job, JobHandle> jobs;

constexpr std::chrono::hours for_ever(24 * 365);

void set(headrace_error** into, const Error& error) {
  if (into == nullptr) return;
  *into = new headrace_error{error, describe(error), error_json(error, std::nullopt, 1)};
}

void set_none(headrace_error** into) {
  if (into != nullptr) *into = nullptr;
}

// Of a job that has ended well; null else.
std::shared_ptr<JobHandle> succeeded(headrace_job* handle) {
  Result<std::shared_ptr<JobHandle>> found = jobs.find(handle);
  bool good = found && (*found)->job().ended() && (*found)->outcome();
  return good ? *found : nullptr;
}

// Starts what `request` asks for.
template <class Request>
headrace_job* start(headrace_engine* handle, Result<Request> request, bool dry_run,
                    headrace_error** error) {
  set_none(error);
  Result<std::shared_ptr<Engine>> engine = engines.find(handle);
  if (!engine) return set(error, engine.error()), nullptr;
  if (!request) return set(error, request.error()), nullptr;
  auto job = std::make_shared<JobHandle>((*engine)->start(std::move(*request)), dry_run);
  return jobs.add(std::move(job));
}

const char* field(const headrace_error* error, std::string Error::* which) {
  return error == nullptr ? "" : (error->error.*which).c_str();
}

}  // namespace
}  // namespace headrace

using headrace::Error;

const char* headrace_version(void) { return HEADRACE_VERSION; }
uint32_t headrace_abi_version(void) { return HEADRACE_ABI_VERSION; }

// --- errors ---

headrace_class headrace_error_class(const headrace_error* error) {
  if (error == nullptr) return HEADRACE_FAIL;
  switch (error->error.kind) {
    case headrace::ErrorClass::retry:
      return HEADRACE_RETRY;
    case headrace::ErrorClass::fail:
      return HEADRACE_FAIL;
    case headrace::ErrorClass::expired:
      return HEADRACE_EXPIRED;
    case headrace::ErrorClass::changed:
      return HEADRACE_CHANGED;
    case headrace::ErrorClass::cancelled:
      return HEADRACE_CANCELLED;
    case headrace::ErrorClass::limit:
      return HEADRACE_LIMIT;
  }
  return HEADRACE_FAIL;
}
const char* headrace_error_code(const headrace_error* error) {
  return headrace::field(error, &Error::code);
}
const char* headrace_error_message(const headrace_error* error) {
  return headrace::field(error, &Error::message);
}
const char* headrace_error_stage(const headrace_error* error) {
  return headrace::field(error, &Error::stage);
}
const char* headrace_error_host(const headrace_error* error) {
  return headrace::field(error, &Error::host);
}
const char* headrace_error_address(const headrace_error* error) {
  return headrace::field(error, &Error::address);
}
const char* headrace_error_method(const headrace_error* error) {
  return headrace::field(error, &Error::method);
}
const char* headrace_error_url(const headrace_error* error) {
  return headrace::field(error, &Error::url);
}
const char* headrace_error_request_id(const headrace_error* error) {
  return headrace::field(error, &Error::request_id);
}
const char* headrace_error_server_message(const headrace_error* error) {
  return headrace::field(error, &Error::server_message);
}
const char* headrace_error_path(const headrace_error* error) {
  return headrace::field(error, &Error::path);
}
const char* headrace_error_hint(const headrace_error* error) {
  return headrace::field(error, &Error::hint);
}
int32_t headrace_error_errno(const headrace_error* error) {
  return error == nullptr ? 0 : error->error.sys_error;
}
int32_t headrace_error_status(const headrace_error* error) {
  return error == nullptr ? 0 : error->error.status;
}
int32_t headrace_error_part(const headrace_error* error) {
  return error == nullptr ? 0 : error->error.part;
}
int32_t headrace_error_attempts(const headrace_error* error) {
  return error == nullptr ? 0 : error->error.attempts;
}
int64_t headrace_error_retry_after_ms(const headrace_error* error) {
  return error == nullptr ? -1 : error->error.retry_after_ms;
}
const char* headrace_error_text(const headrace_error* error) {
  return error == nullptr ? "" : error->text.c_str();
}
const char* headrace_error_json(const headrace_error* error) {
  return error == nullptr ? "" : error->json.c_str();
}
void headrace_error_destroy(headrace_error* error) { delete error; }

// --- the engine ---

headrace_engine* headrace_engine_create(const headrace_engine_options* options,
                                        headrace_error** error) {
  headrace::set_none(error);
  headrace::Result<headrace::EngineOptions> wanted = headrace::options_from_c(options);
  if (!wanted) return headrace::set(error, wanted.error()), nullptr;
  headrace::Result<std::unique_ptr<headrace::Engine>> engine = headrace::Engine::create(*wanted);
  if (!engine) return headrace::set(error, engine.error()), nullptr;
  return headrace::engines.add(std::move(*engine));
}

int headrace_engine_limit_rate(headrace_engine* engine, uint64_t bytes_per_second) {
  auto found = headrace::engines.find(engine);
  if (!found) return -1;
  (*found)->limit_rate(bytes_per_second);
  return 0;
}

void headrace_engine_destroy(headrace_engine* engine) { headrace::engines.remove(engine); }

// --- what a job may be ---

headrace_job* headrace_hub_upload_start(headrace_engine* engine, const headrace_hub_upload* upload,
                                        headrace_error** error) {
  headrace::Result<headrace::UploadRequest> request = headrace::request_from_c(upload);
  bool dry_run = request && request->dry_run;
  return headrace::start(engine, std::move(request), dry_run, error);
}

headrace_job* headrace_s3_upload_start(headrace_engine* engine, const headrace_s3_upload* upload,
                                       headrace_error** error) {
  headrace::Result<headrace::CopyRequest> request = headrace::request_from_c(upload);
  bool dry_run = request && request->dry_run;
  return headrace::start(engine, std::move(request), dry_run, error);
}

headrace_job* headrace_urls_upload_start(headrace_engine* engine,
                                         const headrace_urls_upload* upload,
                                         headrace_error** error) {
  return headrace::start(engine, headrace::request_from_c(upload), false, error);
}

// --- watching a job ---

int headrace_job_descriptor(headrace_job* job) {
  auto found = headrace::jobs.find(job);
  return found ? (*found)->descriptor() : -1;
}

const char* headrace_job_next_event(headrace_job* job) {
  auto found = headrace::jobs.find(job);
  return found ? (*found)->next_event() : nullptr;
}

int headrace_job_progress(headrace_job* job, headrace_progress* progress) {
  auto found = headrace::jobs.find(job);
  return found && headrace::progress_to_c((*found)->job().progress(), progress) ? 0 : -1;
}

headrace_outcome headrace_job_wait(headrace_job* job, int64_t timeout_ms,
                                   headrace_event_callback callback, void* user,
                                   headrace_error** error) {
  headrace::set_none(error);
  auto found = headrace::jobs.find(job);
  if (!found) return headrace::set(error, found.error()), HEADRACE_FAILED;
  headrace::JobHandle::Tell tell;
  if (callback != nullptr) tell = [callback, user](const char* line) { callback(user, line); };
  std::chrono::milliseconds limit = headrace::for_ever;
  if (timeout_ms >= 0) limit = std::min(limit, std::chrono::milliseconds(timeout_ms));
  while (!(*found)->wait(std::chrono::steady_clock::now() + limit, tell)) {
    if (timeout_ms >= 0) return HEADRACE_RUNNING;
  }
  const auto& outcome = (*found)->outcome();
  if (!outcome) return headrace::set(error, outcome.error()), HEADRACE_FAILED;
  return HEADRACE_DONE;
}

int headrace_job_cancel(headrace_job* job) {
  auto found = headrace::jobs.find(job);
  if (!found) return -1;
  (*found)->job().cancel();
  return 0;
}

// --- what a job has done ---

const char* headrace_job_url(headrace_job* job) {
  auto found = headrace::succeeded(job);
  return found ? found->outcome()->url.c_str() : nullptr;
}

const char* headrace_job_part_tag(headrace_job* job, uint64_t part) {
  auto found = headrace::succeeded(job);
  if (!found || part >= found->outcome()->part_tags.size()) return nullptr;
  return found->outcome()->part_tags[part].c_str();
}

const char* headrace_job_result(headrace_job* job) {
  auto found = headrace::succeeded(job);
  return found ? found->result_line().c_str() : nullptr;
}

void headrace_job_destroy(headrace_job* job) {
  auto found = headrace::jobs.remove(job);
  if (!found) return;
  found->job().cancel();
  while (!found->job().wait_for_end(headrace::for_ever)) {
  }
}
