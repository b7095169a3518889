/* What headrace.h promises of uploads to given URLs, asked from C99 and, through urls_cpp.cc, from
 * C++. The endpoint is a store that answers each PUT with its path as tag. */
#include "tests/capi/support.h"

enum { part_size = 1 << 20 };

static char* content;
static uint64_t content_size;

static void read_content(void) {
  FILE* file = fopen(path, "rb");
  EXPECT(file != NULL);
  EXPECT(fseek(file, 0, SEEK_END) == 0);
  content_size = (uint64_t)ftell(file);
  rewind(file);
  content = (char*)malloc(content_size);
  EXPECT(content != NULL && fread(content, 1, content_size, file) == content_size);
  fclose(file);
}

/* {endpoint}/{name}/{part from 0}, for as many parts as there are bytes for. */
struct Urls {
  const char** list;
  uint64_t count;
};

static struct Urls urls_of(const char* name, uint64_t bytes) {
  struct Urls urls;
  uint64_t i;
  urls.count = bytes == 0 ? 1 : (bytes + part_size - 1) / part_size;
  urls.list = (const char**)calloc(urls.count, sizeof *urls.list);
  for (i = 0; i < urls.count; ++i) {
    char* url = (char*)malloc(256);
    snprintf(url, 256, "%s/%s/%d", endpoint, name, (int)i);
    urls.list[i] = url;
  }
  return urls;
}

static void forget(struct Urls urls) {
  uint64_t i;
  for (i = 0; i < urls.count; ++i) free((void*)urls.list[i]);
  free(urls.list);
}

static headrace_urls_upload parts_to(struct Urls urls) {
  headrace_urls_upload upload;
  memset(&upload, 0, sizeof upload);
  upload.size = sizeof upload;
  upload.part_size = part_size;
  upload.urls = urls.list;
  upload.url_count = urls.count;
  return upload;
}

static headrace_job* send_parts(headrace_engine* engine, const headrace_urls_upload* upload) {
  headrace_error* error = NULL;
  headrace_job* job = headrace_urls_upload_start(engine, upload, &error);
  if (error != NULL) fprintf(stderr, "%s\n", headrace_error_text(error));
  EXPECT(job != NULL);
  return job;
}

static void expect_tags(headrace_job* job, const char* name, uint64_t count) {
  uint64_t i;
  for (i = 0; i < count; ++i) {
    char tag[64];
    snprintf(tag, sizeof tag, "\"/%s/%d\"", name, (int)i);
    EXPECT(headrace_job_part_tag(job, i) != NULL);
    EXPECT(strcmp(headrace_job_part_tag(job, i), tag) == 0);
  }
  EXPECT(headrace_job_part_tag(job, count) == NULL);
}

static void send_and_check(headrace_engine* engine, headrace_urls_upload upload, const char* name,
                           uint64_t bytes) {
  struct Urls urls = urls_of(name, bytes);
  upload.urls = urls.list;
  upload.url_count = urls.count;
  headrace_job* job = send_parts(engine, &upload);
  uint64_t count = urls.count;
  forget(urls); /* what went in was copied */
  expect_done(job);
  expect_tags(job, name, count);
  EXPECT(strcmp(headrace_job_url(job), "") == 0);
  headrace_progress progress;
  memset(&progress, 0, sizeof progress);
  progress.size = sizeof progress;
  EXPECT(headrace_job_progress(job, &progress) == 0);
  EXPECT(progress.bytes_sent == bytes && progress.bytes_total == bytes);
  EXPECT(progress.bytes_to_send == bytes);
  headrace_job_destroy(job);
}

static void urls(void) {
  headrace_engine* engine = new_engine();
  struct Urls none = {NULL, 0};
  headrace_urls_upload upload = parts_to(none);
  read_content();
  upload.path = path;
  send_and_check(engine, upload, "file", content_size);
  upload.offset = 1000;
  send_and_check(engine, upload, "tail", content_size - 1000);
  upload.length = part_size + 1;
  send_and_check(engine, upload, "range", part_size + 1);
  upload = parts_to(none);
  upload.data = content;
  upload.data_size = content_size;
  send_and_check(engine, upload, "memory", content_size);
  upload.offset = 1000;
  upload.length = part_size + 1;
  upload.connections = 1;
  send_and_check(engine, upload, "memory-range", part_size + 1);
  upload = parts_to(none);
  send_and_check(engine, upload, "nothing", 0);
  headrace_engine_destroy(engine);
}

static void expect_refused(headrace_engine* engine, headrace_urls_upload upload, const char* code) {
  headrace_error* error = NULL;
  headrace_job* job = headrace_urls_upload_start(engine, &upload, &error);
  if (job != NULL) EXPECT(headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED);
  expect_code(error, code);
  headrace_job_destroy(job);
}

static void urls_refused(void) {
  headrace_engine* engine = new_engine();
  read_content();
  struct Urls all = urls_of("file", content_size);
  headrace_urls_upload upload = parts_to(all);
  headrace_error* error = NULL;
  EXPECT(headrace_urls_upload_start(engine, NULL, &error) == NULL);
  expect_code(error, "bad_options");
  upload.data_size = 1;
  expect_refused(engine, upload, "bad_options");
  upload.data = content;
  upload.path = path;
  expect_refused(engine, upload, "bad_options");
  upload = parts_to(all);
  upload.path = path;
  upload.size = offsetof(headrace_urls_upload, urls);
  expect_refused(engine, upload, "bad_part_urls");
  upload.size = sizeof upload;
  upload.url_count = all.count - 1;
  expect_refused(engine, upload, "bad_part_urls");
  upload.url_count = all.count;
  upload.part_size = 0;
  expect_refused(engine, upload, "bad_part_urls");
  upload.part_size = part_size;
  upload.offset = content_size + 1;
  expect_refused(engine, upload, "bad_part_urls");
  upload.offset = 1;
  upload.length = content_size;
  expect_refused(engine, upload, "bad_part_urls");
  upload.offset = upload.length = 0;
  upload.path = "there/is/none";
  expect_refused(engine, upload, "open_failed");
  upload.path = path;
  const char* kept = all.list[1];
  all.list[1] = "ftp://host/part";
  expect_refused(engine, upload, "bad_url");
  all.list[1] = kept;

  /* A URL that has run out, and one that was never good. */
  struct Urls late = urls_of("expired", content_size);
  upload.urls = late.list;
  headrace_job* job = send_parts(engine, &upload);
  EXPECT(headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED);
  EXPECT(headrace_error_class(error) == HEADRACE_EXPIRED);
  EXPECT(headrace_error_status(error) == 403 && headrace_error_part(error) > 0);
  expect_code(error, "url_expired");
  headrace_job_destroy(job);
  forget(late);
  struct Urls wrong = urls_of("refused", content_size);
  upload.urls = wrong.list;
  job = send_parts(engine, &upload);
  EXPECT(headrace_job_wait(job, -1, NULL, NULL, &error) == HEADRACE_FAILED);
  EXPECT(headrace_error_class(error) == HEADRACE_FAIL);
  expect_code(error, "part_refused");
  headrace_job_destroy(job);
  forget(wrong);
  /* One that fails once. */
  struct Urls shaky = urls_of("shaky", content_size);
  upload.urls = shaky.list;
  job = send_parts(engine, &upload);
  expect_done(job);
  expect_tags(job, "shaky", shaky.count);
  headrace_job_destroy(job);
  forget(shaky);
  forget(all);
  headrace_engine_destroy(engine);
}

/* Parts that never get an answer: what was lent is free once the job is destroyed. */
static void urls_cancel(void) {
  headrace_engine* engine = new_engine();
  read_content();
  struct Urls held = urls_of("held", content_size);
  headrace_urls_upload upload = parts_to(held);
  upload.data = content;
  upload.data_size = content_size;
  headrace_job* job = send_parts(engine, &upload);
  EXPECT(headrace_job_wait(job, 300, NULL, NULL, NULL) == HEADRACE_RUNNING);
  headrace_job_destroy(job);
  free(content);
  forget(held);
  headrace_engine_destroy(engine);
}

static void* send_some(void* user) {
  struct Worker* worker = (struct Worker*)user;
  char name[32];
  snprintf(name, sizeof name, "thread-%d", worker->number);
  struct Urls none = {NULL, 0};
  headrace_urls_upload upload = parts_to(none);
  upload.data = content;
  upload.data_size = content_size;
  send_and_check(worker->engine, upload, name, content_size);
  return NULL;
}

static void urls_threads(void) {
  read_content();
  run_threads(send_some);
  free(content);
}

static const struct Scenario scenarios[] = {
    {"urls", urls},
    {"urls_refused", urls_refused},
    {"urls_cancel", urls_cancel},
    {"urls_threads", urls_threads},
};

int main(int count, char** words) {
  return run_scenario(scenarios, sizeof scenarios / sizeof scenarios[0], count, words);
}
