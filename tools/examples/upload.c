/* Uploads a file or a folder to a repo on the Hub or into a bucket, and says how far it is.
 *
 *   cc -std=c99 upload.c $(pkg-config --cflags --libs headrace) -o upload
 *   ./upload OWNER/NAME PATH
 *   ./upload s3://BUCKET/KEY PATH
 *
 * Endpoint, token and keys are those that the Hub's own tools and AWS's would take. */
#include <headrace.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int failed(headrace_error* error) {
  fprintf(stderr, "%s\n", headrace_error_text(error));
  headrace_error_destroy(error);
  return 1;
}

static void show(headrace_job* job) {
  headrace_progress progress = {0};
  progress.size = sizeof progress;
  headrace_job_progress(job, &progress);
  fprintf(stderr, "%" PRIu64 " of %" PRIu64 " files, %" PRIu64 " MiB sent\n", progress.files_done,
          progress.files_total, progress.bytes_sent >> 20);
}

static headrace_job* start(headrace_engine* engine, const char* target, const char* path,
                           headrace_error** error) {
  if (strncmp(target, "s3://", 5) == 0) {
    headrace_s3_upload copy = {0};
    copy.size = sizeof copy;
    copy.target = target;
    copy.local_path = path;
    return headrace_s3_upload_start(engine, &copy, error);
  }
  headrace_hub_upload upload = {0};
  upload.size = sizeof upload;
  upload.repo = target;
  upload.local_path = path;
  return headrace_hub_upload_start(engine, &upload, error);
}

static int upload(headrace_engine* engine, const char* target, const char* path) {
  headrace_error* error = NULL;
  headrace_job* job = start(engine, target, path, &error);
  if (!job) return failed(error);

  headrace_outcome outcome;
  while ((outcome = headrace_job_wait(job, 1000, NULL, NULL, &error)) == HEADRACE_RUNNING)
    show(job);
  if (outcome == HEADRACE_DONE) printf("%s\n", headrace_job_url(job));
  headrace_job_destroy(job);
  return outcome == HEADRACE_DONE ? 0 : failed(error);
}

int main(int count, char** words) {
  if (count != 3) {
    fprintf(stderr, "usage: upload OWNER/NAME|s3://BUCKET/KEY PATH\n");
    return 2;
  }
  headrace_error* error = NULL;
  headrace_engine* engine = headrace_engine_create(NULL, &error);
  if (!engine) return failed(error);
  int code = upload(engine, words[1], words[2]);
  headrace_engine_destroy(engine);
  return code;
}
