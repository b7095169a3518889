/* What headrace.h promises of uploads into buckets, asked from C99 and, through store_cpp.cc, from
 * C++. ENDPOINT is the address of a store, TOKEN a bucket in it; keys are in the environment, those
 * to be handed in under the names PEERS_KEY and PEERS_SECRET. */
#include <signal.h>

#include "tests/capi/support.h"

static headrace_s3_upload copy_to(const char* target) {
  headrace_s3_upload upload;
  memset(&upload, 0, sizeof upload);
  upload.size = sizeof upload;
  upload.target = target;
  upload.local_path = path;
  upload.endpoint_url = endpoint;
  return upload;
}

/* s3://BUCKET/key; valid for the thread until its next call. */
static const char* at(const char* key) {
  static __thread char text[256];
  snprintf(text, sizeof text, "s3://%s/%s", token, key);
  return text;
}

static headrace_job* start(headrace_engine* engine, const headrace_s3_upload* upload) {
  headrace_error* error = NULL;
  headrace_job* job = headrace_s3_upload_start(engine, upload, &error);
  if (error != NULL) fprintf(stderr, "%s\n", headrace_error_text(error));
  EXPECT(job != NULL);
  return job;
}

/* --- what works --- */

static void everything(void) {
  headrace_engine* engine = new_engine();
  const char* const include[] = {"*.json", "*.bin", NULL};
  const char* const exclude[] = {"left*", NULL};
  const char* const metadata[] = {"author=me", "formula=a=b", NULL};
  const char* const tags[] = {"kind=model", NULL};
  headrace_s3_upload upload = copy_to(at("in"));
  upload.region = "us-east-1";
  upload.addressing = "path";
  upload.access_key_id = getenv("PEERS_KEY");
  upload.secret_access_key = getenv("PEERS_SECRET");
  upload.include = include;
  upload.exclude = exclude;
  upload.content_type = "application/x-peers";
  upload.metadata = metadata;
  upload.tags = tags;
  upload.storage_class = "STANDARD";
  upload.checksum = "crc32c";
  upload.part_size = 5 << 20;
  headrace_job* job = start(engine, &upload);
  expect_done(job);
  EXPECT(strcmp(headrace_job_url(job), at("in")) == 0);
  EXPECT(strstr(headrace_job_result(job), "\"files\":2,") != NULL);
  EXPECT(headrace_job_part_tag(job, 0) == NULL);
  headrace_progress progress;
  memset(&progress, 0, sizeof progress);
  progress.size = sizeof progress;
  EXPECT(headrace_job_progress(job, &progress) == 0);
  EXPECT(progress.files_done == 2 && progress.files_total == 2);
  EXPECT(progress.bytes_total > 0 && progress.bytes_sent == progress.bytes_total);
  headrace_job_destroy(job);

  /* The same again: nothing is sent. */
  upload.target = at("in");
  upload.skip_existing = 1;
  job = start(engine, &upload);
  expect_done(job);
  EXPECT(strstr(headrace_job_result(job), "\"files_unchanged\":2,") != NULL);
  EXPECT(strstr(headrace_job_result(job), "\"bytes_sent\":0,") != NULL);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
}

/* One file by its path, with nothing said that variables don't say, and to a whole key. */
static void file(void) {
  headrace_engine* engine = new_engine();
  headrace_s3_upload upload = copy_to(at("whole/key"));
  upload.size = offsetof(headrace_s3_upload, profile);
  upload.endpoint_url = "never looked at";
  headrace_job* job = start(engine, &upload);
  expect_done(job);
  EXPECT(strcmp(headrace_job_url(job), at("whole/key")) == 0);
  headrace_job_destroy(job);

  /* A name, not standard input. */
  upload = copy_to(at(""));
  upload.local_path = "-";
  job = start(engine, &upload);
  expect_done(job);
  EXPECT(strcmp(headrace_job_url(job), at("-")) == 0);
  headrace_job_destroy(job);

  upload = copy_to(at("never"));
  upload.dry_run = 1;
  job = start(engine, &upload);
  expect_done(job);
  EXPECT(strstr(headrace_job_result(job), "\"dry_run\":true") != NULL);
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
}

/* --- what does not --- */

static void expect_refused(headrace_engine* engine, headrace_s3_upload upload, const char* code) {
  headrace_error* error = NULL;
  EXPECT(headrace_s3_upload_start(engine, &upload, &error) == NULL);
  expect_code(error, code);
  EXPECT(headrace_s3_upload_start(engine, &upload, NULL) == NULL);
}

static void expect_failed(headrace_engine* engine, headrace_s3_upload upload, const char* code,
                          int32_t status, headrace_class kind) {
  headrace_error* error = NULL;
  headrace_job* job = start(engine, &upload);
  EXPECT(headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED);
  EXPECT(headrace_error_status(error) == status);
  EXPECT(headrace_error_class(error) == kind);
  EXPECT(strlen(headrace_error_stage(error)) > 0 && strlen(headrace_error_hint(error)) > 0);
  EXPECT(strstr(headrace_error_text(error), "peersdoorsecret") == NULL);
  EXPECT(strstr(headrace_error_json(error), "peersdoorsecret") == NULL);
  if (status != 0) EXPECT(strstr(endpoint, headrace_error_host(error)) != NULL);
  if (status != 0) EXPECT(strncmp(headrace_error_url(error), endpoint, strlen(endpoint)) == 0);
  expect_code(error, code);
  EXPECT(headrace_job_url(job) == NULL && headrace_job_result(job) == NULL);
  headrace_job_destroy(job);
}

static void refused(void) {
  headrace_engine* engine = new_engine();
  headrace_error* error = NULL;
  EXPECT(headrace_s3_upload_start(engine, NULL, &error) == NULL);
  expect_code(error, "bad_options");
  struct {
    headrace_s3_upload known;
    uint64_t later;
  } newer;
  memset(&newer, 0, sizeof newer);
  newer.known = copy_to(at("never"));
  newer.known.size = sizeof newer;
  newer.later = 1;
  EXPECT(headrace_s3_upload_start(engine, &newer.known, &error) == NULL);
  expect_code(error, "bad_options");

  headrace_s3_upload upload = copy_to(NULL);
  expect_refused(engine, upload, "bad_options");
  expect_refused(engine, copy_to("http://bucket/key"), "bad_arguments");
  expect_refused(engine, copy_to("s3://"), "bad_arguments");
  upload = copy_to(at("never"));
  upload.size = 1;
  expect_refused(engine, upload, "bad_options");
  upload.size = offsetof(headrace_s3_upload, local_path);
  expect_refused(engine, upload, "bad_options");
  upload = copy_to(at("never"));
  upload.local_path = "";
  expect_refused(engine, upload, "bad_options");
  upload = copy_to(at("never"));
  upload.checksum = "md5";
  expect_refused(engine, upload, "bad_options");
  upload = copy_to(at("never"));
  upload.addressing = "paths";
  expect_refused(engine, upload, "bad_options");
  upload = copy_to(at("never"));
  upload.access_key_id = "AKIDALONE";
  expect_refused(engine, upload, "bad_options");
  upload.access_key_id = NULL;
  upload.session_token = "peersdoorsecret";
  expect_refused(engine, upload, "bad_options");
  upload = copy_to(at("never"));
  const char* const nothing[] = {"nothing", NULL};
  upload.metadata = nothing;
  expect_refused(engine, upload, "bad_arguments");
  upload.metadata = NULL;
  upload.tags = nothing;
  expect_refused(engine, upload, "bad_arguments");
  upload = copy_to(at("never"));
  upload.profile = "nobodys";
  expect_refused(engine, upload, "profile_not_found");
  upload = copy_to(at("never"));
  upload.endpoint_url = "ftp://host";
  expect_refused(engine, upload, "bad_endpoint");

  expect_failed(engine, copy_to("s3://in valid/key"), "bad_bucket", 0, HEADRACE_FAIL);
  upload = copy_to(at("never"));
  upload.part_size = 1;
  expect_failed(engine, upload, "bad_part_size", 0, HEADRACE_FAIL);
  upload = copy_to(at("never"));
  upload.local_path = "there/is/none";
  expect_failed(engine, upload, "no_such_path", 0, HEADRACE_FAIL);
  expect_failed(engine, copy_to("s3://peers-nobodys/key"), "no_such_bucket", 404, HEADRACE_FAIL);
  upload = copy_to(at("never"));
  upload.access_key_id = getenv("PEERS_KEY");
  upload.secret_access_key = "peersdoorsecret";
  expect_failed(engine, upload, "keys_refused", 403, HEADRACE_FAIL);
  upload = copy_to(at("never"));
  upload.anonymous = 1;
  expect_failed(engine, upload, "access_denied", 403, HEADRACE_FAIL);

  upload = copy_to(at("once"));
  upload.if_none_match = 1;
  headrace_job* job = start(engine, &upload);
  expect_done(job);
  headrace_job_destroy(job);
  upload.target = at("once");
  expect_failed(engine, upload, "object_exists", 412, HEADRACE_FAIL);
  headrace_engine_destroy(engine);
}

/* --- cancelling --- */

struct Caller {
  headrace_job* job;
  int destroys;
  int events;
};

/* A store that is slow to answer may keep an upload; then that is said. A line each, for whoever
 * looks into the store. */
static void note_what_stays(const char* event) {
  if (strstr(event, "stays unfinished") == NULL) return;
  FILE* file = fopen("stays", "a");
  EXPECT(file != NULL && fprintf(file, "%s\n", event) > 0 && fclose(file) == 0);
}

static void on_event(void* user, const char* event) {
  struct Caller* caller = (struct Caller*)user;
  EXPECT(event[0] == '{');
  note_what_stays(event);
  ++caller->events;
  if (caller->destroys) headrace_job_destroy(caller->job);
  else EXPECT(headrace_job_cancel(caller->job) == 0);
}

/* A file of far too many bytes: it ends because it is told to. */
static void cancel(void) {
  headrace_engine* engine = new_engine();
  headrace_s3_upload upload = copy_to(at("huge"));
  upload.part_size = 5 << 20;
  headrace_error* error = NULL;
  struct Caller caller;
  memset(&caller, 0, sizeof caller);
  caller.job = start(engine, &upload);
  EXPECT(headrace_job_wait(caller.job, 0, NULL, NULL, NULL) == HEADRACE_RUNNING);
  EXPECT(headrace_job_wait(caller.job, -1, on_event, &caller, &error) == HEADRACE_FAILED);
  EXPECT(headrace_error_class(error) == HEADRACE_CANCELLED && caller.events > 0);
  expect_code(error, "cancelled");
  headrace_job_destroy(caller.job);

  upload.target = at("huge");
  caller.job = start(engine, &upload);
  caller.destroys = 1;
  EXPECT(headrace_job_wait(caller.job, -1, on_event, &caller, NULL) == HEADRACE_FAILED);
  EXPECT(headrace_job_wait(caller.job, 0, NULL, NULL, &error) == HEADRACE_FAILED);
  expect_code(error, "bad_handle");

  /* Once parts are on their way, and by the end of the engine. */
  upload.target = at("huge");
  headrace_job* job = start(engine, &upload);
  headrace_progress progress;
  memset(&progress, 0, sizeof progress);
  progress.size = sizeof progress;
  while (progress.bytes_sent == 0) {
    EXPECT(headrace_job_wait(job, 1, NULL, NULL, NULL) == HEADRACE_RUNNING);
    EXPECT(headrace_job_progress(job, &progress) == 0);
  }
  headrace_engine_destroy(engine);
  EXPECT(headrace_job_wait(job, 0, NULL, NULL, &error) == HEADRACE_FAILED);
  expect_code(error, "cancelled");
  const char* event;
  while ((event = headrace_job_next_event(job)) != NULL) note_what_stays(event);
  headrace_job_destroy(job);
}

/* --- the host's signals --- */

/* Keys come from a program, and the host wants to hear of no child: that is its own affair. */
static void children(void) {
  struct sigaction before, after;
  EXPECT(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
  EXPECT(sigaction(SIGCHLD, NULL, &before) == 0);
  headrace_engine* engine = new_engine();
  int i;
  for (i = 0; i < 20; ++i) {
    headrace_s3_upload upload = copy_to(at("by-a-program"));
    upload.profile = "program";
    headrace_job* job = start(engine, &upload);
    expect_done(job);
    headrace_job_destroy(job);
  }
  headrace_engine_destroy(engine);
  EXPECT(sigaction(SIGCHLD, NULL, &after) == 0);
  EXPECT(after.sa_handler == before.sa_handler);
}

/* --- 200 threads --- */

/* Every third cancels at once. */
static void* work(void* user) {
  struct Worker* worker = (struct Worker*)user;
  char key[32];
  snprintf(key, sizeof key, "thread-%d", worker->number);
  headrace_s3_upload upload = copy_to(at(key));
  headrace_job* job = start(worker->engine, &upload);
  if (worker->number % 3 == 0) {
    headrace_error* error = NULL;
    EXPECT(headrace_job_cancel(job) == 0);
    if (headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED)
      expect_code(error, "cancelled");
  } else {
    expect_done(job);
    EXPECT(strcmp(headrace_job_url(job), at(key)) == 0);
  }
  headrace_job_destroy(job);
  return NULL;
}

static void threads(void) { run_threads(work); }

static const struct Scenario scenarios[] = {
    {"everything", everything}, {"file", file},         {"refused", refused},
    {"cancel", cancel},         {"children", children}, {"threads", threads},
};

int main(int count, char** words) {
  return run_scenario(scenarios, sizeof scenarios / sizeof scenarios[0], count, words);
}
