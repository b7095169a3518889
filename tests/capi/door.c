/* What headrace.h promises of engines, jobs, errors and uploads to the Hub, asked from C99 and,
 * through door_cpp.cc, from C++. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/capi/support.h"

static headrace_hub_upload upload_to(const char* repo) {
  headrace_hub_upload upload;
  memset(&upload, 0, sizeof upload);
  upload.size = sizeof upload;
  upload.repo = repo;
  upload.local_path = path;
  upload.endpoint = endpoint;
  upload.token = token;
  return upload;
}

static headrace_job* start(headrace_engine* engine, const char* repo) {
  headrace_hub_upload upload = upload_to(repo);
  headrace_error* error = NULL;
  headrace_job* job = headrace_hub_upload_start(engine, &upload, &error);
  EXPECT(error == NULL);
  EXPECT(job != NULL);
  return job;
}

static void versions(void) {
  EXPECT(headrace_abi_version() == HEADRACE_ABI_VERSION);
  EXPECT(strlen(headrace_version()) > 0);
}

/* --- structs --- */

static headrace_error* refused_engine(const headrace_engine_options* options) {
  headrace_error* error = NULL;
  EXPECT(headrace_engine_create(options, &error) == NULL);
  return error;
}

static void engine_options(void) {
  struct {
    headrace_engine_options known;
    uint64_t later;
  } newer;
  memset(&newer, 0, sizeof newer);
  newer.known.size = sizeof newer;
  newer.known.workers = 1;
  newer.known.memory_limit_bytes = 32 << 20;
  headrace_engine* engine = headrace_engine_create(&newer.known, NULL);
  EXPECT(engine != NULL);
  headrace_engine_destroy(engine);
  newer.later = 1;
  expect_code(refused_engine(&newer.known), "bad_options");

  /* What an older caller does not know is not looked at. */
  headrace_engine_options old;
  memset(&old, 0xff, sizeof old);
  old.size = offsetof(headrace_engine_options, workers);
  old.memory_limit_bytes = 32 << 20;
  engine = headrace_engine_create(&old, NULL);
  EXPECT(engine != NULL);
  headrace_engine_destroy(engine);
  old.size = 0;
  expect_code(refused_engine(&old), "bad_options");
  old.size = sizeof old - 1;
  expect_code(refused_engine(&old), "bad_options");
  EXPECT(headrace_engine_create(&old, NULL) == NULL);
}

static void upload_options(void) {
  headrace_engine* engine = new_engine();
  headrace_error* error = NULL;
  EXPECT(headrace_hub_upload_start(engine, NULL, &error) == NULL);
  expect_code(error, "bad_options");
  headrace_hub_upload upload = upload_to(NULL);
  EXPECT(headrace_hub_upload_start(engine, &upload, &error) == NULL);
  expect_code(error, "bad_options");
  upload = upload_to("three/parts/long");
  EXPECT(headrace_hub_upload_start(engine, &upload, &error) == NULL);
  expect_code(error, "bad_repo_id");
  upload = upload_to("me/short");
  upload.local_path = NULL;
  EXPECT(headrace_hub_upload_start(engine, &upload, &error) == NULL);
  expect_code(error, "bad_options");
  EXPECT(headrace_hub_upload_start(engine, &upload, NULL) == NULL);

  /* A struct that ends after the token. */
  headrace_hub_upload old;
  memset(&old, 0xff, sizeof old);
  headrace_hub_upload known = upload_to("me/short");
  memcpy(&old, &known, offsetof(headrace_hub_upload, message));
  old.size = offsetof(headrace_hub_upload, message);
  headrace_job* job = headrace_hub_upload_start(engine, &old, &error);
  EXPECT(error == NULL);
  expect_done(job);

  headrace_progress progress;
  memset(&progress, 0, sizeof progress);
  EXPECT(headrace_job_progress(job, &progress) == -1);
  EXPECT(headrace_job_progress(job, NULL) == -1);
  progress.size = offsetof(headrace_progress, files_total);
  EXPECT(headrace_job_progress(job, &progress) == 0);
  EXPECT(progress.files_done > 0 && progress.files_total == 0);
  progress.size = sizeof progress;
  EXPECT(headrace_job_progress(job, &progress) == 0);
  EXPECT(progress.files_done == progress.files_total && progress.bytes_total > 0);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
}

/* --- watching --- */

/* An event loop: sleeps on the descriptor alone. */
static void events(void) {
  headrace_engine* engine = new_engine();
  headrace_job* job = start(engine, "me/events");
  struct pollfd ready;
  memset(&ready, 0, sizeof ready);
  ready.fd = headrace_job_descriptor(job);
  ready.events = POLLIN;
  EXPECT(ready.fd >= 0);
  int hashed = 0, landed = 0;
  while (headrace_job_wait(job, 0, NULL, NULL, NULL) == HEADRACE_RUNNING) {
    EXPECT(poll(&ready, 1, 60000) == 1);
    const char* event;
    while ((event = headrace_job_next_event(job)) != NULL) {
      EXPECT(strncmp(event, "{\"v\":1,\"seq\":", 13) == 0);
      hashed += strstr(event, "\"event\":\"file_hashed\"") != NULL;
      landed += strstr(event, "\"event\":\"commit_landed\"") != NULL;
    }
  }
  const char* event;
  while ((event = headrace_job_next_event(job)) != NULL)
    landed += strstr(event, "\"event\":\"commit_landed\"") != NULL;
  EXPECT(hashed > 0);
  EXPECT(landed == 1);
  /* What has ended stays ready. */
  EXPECT(poll(&ready, 1, 0) == 1);
  EXPECT(headrace_job_next_event(job) == NULL);
  EXPECT(poll(&ready, 1, 0) == 1);
  EXPECT(strstr(headrace_job_url(job), "/me/events/tree/main") != NULL);
  EXPECT(strstr(headrace_job_result(job), "\"event\":\"result\"") != NULL);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
}

struct Caller {
  pthread_t thread;
  headrace_job* job;
  int events;
  int cancels;
  int destroys;
};

static void on_event(void* user, const char* event) {
  struct Caller* caller = (struct Caller*)user;
  EXPECT(pthread_equal(pthread_self(), caller->thread));
  EXPECT(event[0] == '{');
  ++caller->events;
  if (caller->cancels) EXPECT(headrace_job_cancel(caller->job) == 0);
  if (caller->destroys) headrace_job_destroy(caller->job);
}

static struct Caller caller_of(headrace_job* job) {
  struct Caller caller;
  memset(&caller, 0, sizeof caller);
  caller.thread = pthread_self();
  caller.job = job;
  return caller;
}

static void callbacks(void) {
  headrace_engine* engine = new_engine();
  headrace_job* job = start(engine, "me/callbacks");
  struct Caller caller = caller_of(job);
  EXPECT(headrace_job_wait(job, -1, on_event, &caller, NULL) == HEADRACE_DONE);
  EXPECT(caller.events > 2);
  /* All have been told; the outcome stays. */
  int before = caller.events;
  EXPECT(headrace_job_wait(job, -1, on_event, &caller, NULL) == HEADRACE_DONE);
  EXPECT(caller.events == before);
  EXPECT(headrace_job_cancel(job) == 0);
  EXPECT(headrace_job_wait(job, 0, NULL, NULL, NULL) == HEADRACE_DONE);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
}

/* A folder of far too many bytes: it ends because it is told to. */
static void cancel(void) {
  headrace_engine* engine = new_engine();
  headrace_job* job = start(engine, "me/cancel");
  struct Caller caller = caller_of(job);
  caller.cancels = 1;
  headrace_error* error = NULL;
  EXPECT(headrace_job_wait(job, 0, NULL, NULL, &error) == HEADRACE_RUNNING);
  EXPECT(error == NULL);
  EXPECT(headrace_job_url(job) == NULL);
  EXPECT(headrace_job_wait(job, -1, on_event, &caller, &error) == HEADRACE_FAILED);
  EXPECT(headrace_error_class(error) == HEADRACE_CANCELLED);
  expect_code(error, "cancelled");
  EXPECT(caller.events > 0);
  EXPECT(headrace_job_result(job) == NULL);
  headrace_job_destroy(job);

  job = start(engine, "me/cancel");
  caller = caller_of(job);
  caller.destroys = 1;
  EXPECT(headrace_job_wait(job, -1, on_event, &caller, NULL) == HEADRACE_FAILED);
  EXPECT(headrace_job_wait(job, 0, NULL, NULL, &error) == HEADRACE_FAILED);
  expect_code(error, "bad_handle");

  /* Jobs that run when their engine goes. */
  job = start(engine, "me/cancel");
  headrace_engine_destroy(engine);
  EXPECT(headrace_job_wait(job, 0, NULL, NULL, &error) == HEADRACE_FAILED);
  expect_code(error, "cancelled");
  headrace_job_destroy(job);
}

/* --- handles --- */

static void expect_no_job(headrace_job* job) {
  headrace_error* error = NULL;
  headrace_progress progress;
  memset(&progress, 0, sizeof progress);
  progress.size = sizeof progress;
  EXPECT(headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED);
  expect_code(error, "bad_handle");
  EXPECT(headrace_job_cancel(job) == -1);
  EXPECT(headrace_job_descriptor(job) == -1);
  EXPECT(headrace_job_next_event(job) == NULL);
  EXPECT(headrace_job_progress(job, &progress) == -1);
  EXPECT(headrace_job_url(job) == NULL);
  EXPECT(headrace_job_result(job) == NULL);
  headrace_job_destroy(job);
}

static void expect_no_engine(headrace_engine* engine, const char* code) {
  headrace_hub_upload upload = upload_to("me/never");
  headrace_error* error = NULL;
  EXPECT(headrace_hub_upload_start(engine, &upload, &error) == NULL);
  expect_code(error, code);
  EXPECT(headrace_engine_limit_rate(engine, 0) == -1);
  headrace_engine_destroy(engine);
}

static void handles(void) {
  headrace_engine* engine = new_engine();
  EXPECT(headrace_engine_limit_rate(engine, 1 << 30) == 0);
  headrace_job* job = start(engine, "me/handles");
  expect_done(job);
  headrace_job_destroy(job);
  expect_no_job(job);
  expect_no_job(NULL);
  expect_no_job((headrace_job*)(uintptr_t)0x1238);
  headrace_engine_destroy(engine);
  expect_no_engine(engine, "bad_handle");
  expect_no_engine(NULL, "bad_handle");
  headrace_engine* other = new_engine();
  EXPECT(other != engine);
  expect_no_engine(engine, "bad_handle");
  headrace_engine_destroy(other);
}

/* --- errors --- */

static void errors(void) {
  headrace_engine* engine = new_engine();
  headrace_hub_upload upload = upload_to("me/refused");
  upload.token = "hf_nobodysdoortoken";
  headrace_job* job = headrace_hub_upload_start(engine, &upload, NULL);
  headrace_error* error = NULL;
  EXPECT(headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED);
  EXPECT(headrace_error_class(error) == HEADRACE_FAIL);
  EXPECT(headrace_error_status(error) == 401);
  EXPECT(strcmp(headrace_error_method(error), "POST") == 0);
  EXPECT(strstr(endpoint, headrace_error_host(error)) != NULL);
  EXPECT(strcmp(headrace_error_address(error), headrace_error_host(error)) == 0);
  EXPECT(strncmp(headrace_error_url(error), endpoint, strlen(endpoint)) == 0);
  EXPECT(strlen(headrace_error_stage(error)) > 0);
  EXPECT(strlen(headrace_error_hint(error)) > 0);
  EXPECT(strlen(headrace_error_request_id(error)) > 0);
  EXPECT(headrace_error_server_message(error) != NULL && headrace_error_path(error) != NULL);
  EXPECT(headrace_error_errno(error) == 0 && headrace_error_part(error) == 0);
  EXPECT(headrace_error_attempts(error) >= 0 && headrace_error_retry_after_ms(error) == -1);
  EXPECT(strstr(headrace_error_text(error), "doortoken") == NULL);
  EXPECT(strstr(headrace_error_json(error), "doortoken") == NULL);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
  /* It outlives both. */
  EXPECT(headrace_error_status(error) == 401);
  headrace_error_destroy(error);

  EXPECT(headrace_error_class(NULL) == HEADRACE_FAIL);
  EXPECT(strcmp(headrace_error_code(NULL), "") == 0 && strcmp(headrace_error_text(NULL), "") == 0);
  EXPECT(headrace_error_status(NULL) == 0 && headrace_error_retry_after_ms(NULL) == -1);
  headrace_error_destroy(NULL);
}

/* --- fork --- */

static void in_child(headrace_engine* engine, headrace_job* job) {
  headrace_error* error = NULL;
  expect_no_engine(engine, "forked_process");
  EXPECT(headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED);
  expect_code(error, "forked_process");
  EXPECT(headrace_job_cancel(job) == -1);
  headrace_job_destroy(job);
  headrace_engine* own = new_engine();
  EXPECT(own != engine);
  headrace_job* again = start(own, "me/child");
  expect_done(again);
  headrace_job_destroy(again);
  headrace_engine_destroy(own);
  expect_no_engine(own, "bad_handle");
  expect_no_engine(engine, "forked_process");
}

static void forks(void) {
  headrace_engine* engine = new_engine();
  headrace_job* job = start(engine, "me/parent");
  pid_t child = fork();
  EXPECT(child >= 0);
  if (child == 0) {
    in_child(engine, job);
    _exit(0);
  }
  int status = 0;
  EXPECT(waitpid(child, &status, 0) == child);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  expect_done(job);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
}

/* --- signals --- */

static pthread_t handled_on;
static volatile sig_atomic_t handled;

static void on_signal(int number) {
  (void)number;
  handled_on = pthread_self();
  handled = 1;
}

static void dispositions(struct sigaction* into) {
  int number;
  for (number = 1; number < 65; ++number) {
    memset(&into[number], 0, sizeof into[number]);
    sigaction(number, NULL, &into[number]);
  }
}

static void signals(void) {
  static struct sigaction before[65], after[65];
  struct sigaction mine;
  memset(&mine, 0, sizeof mine);
  mine.sa_handler = on_signal;
  EXPECT(sigaction(SIGUSR1, &mine, NULL) == 0);
  dispositions(before);
  headrace_engine* engine = new_engine();
  headrace_job* job = start(engine, "me/signals");
  /* While this thread does not take it, nobody does. */
  sigset_t usr1, none;
  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  EXPECT(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
  EXPECT(kill(getpid(), SIGUSR1) == 0);
  expect_done(job);
  EXPECT(!handled);
  EXPECT(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL) == 0);
  EXPECT(handled && pthread_equal(handled_on, pthread_self()));
  dispositions(after);
  int number;
  for (number = 1; number < 65; ++number)
    EXPECT(before[number].sa_handler == after[number].sa_handler);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
}

/* --- 200 threads --- */

/* Every third cancels at once, every other waits by callback. */
static void* work(void* user) {
  struct Worker* worker = (struct Worker*)user;
  char repo[32];
  snprintf(repo, sizeof repo, "me/thread-%d", worker->number % 20);
  headrace_job* job = start(worker->engine, repo);
  struct Caller caller = caller_of(job);
  if (worker->number % 3 == 0) headrace_job_cancel(job);
  headrace_error* error = NULL;
  headrace_outcome outcome =
      headrace_job_wait(job, -1, worker->number % 2 ? on_event : NULL, &caller, &error);
  if (outcome == HEADRACE_FAILED) {
    EXPECT(worker->number % 3 == 0);
    EXPECT(headrace_error_class(error) == HEADRACE_CANCELLED);
    headrace_error_destroy(error);
  } else {
    EXPECT(outcome == HEADRACE_DONE);
    EXPECT(headrace_job_url(job) != NULL);
  }
  headrace_job_destroy(job);
  return NULL;
}

static void threads(void) { run_threads(work); }

static const struct Scenario scenarios[] = {
    {"versions", versions},
    {"engine_options", engine_options},
    {"upload_options", upload_options},
    {"events", events},
    {"callbacks", callbacks},
    {"cancel", cancel},
    {"handles", handles},
    {"errors", errors},
    {"forks", forks},
    {"signals", signals},
    {"threads", threads},
};

int main(int count, char** words) {
  return run_scenario(scenarios, sizeof scenarios / sizeof scenarios[0], count, words);
}
