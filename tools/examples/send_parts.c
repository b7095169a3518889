/* Sends a file to the URLs of its parts, as a store or a Hub has given them, and prints the parts'
 * ETags, which whoever completes the upload wants to see.
 *
 *   cc -std=c99 send_parts.c $(pkg-config --cflags --libs headrace) -o send_parts
 *   ./send_parts FILE PART_SIZE URL... */
#include <headrace.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(headrace_error* error) {
  fprintf(stderr, "%s\n", headrace_error_text(error));
  headrace_error_destroy(error);
  return 1;
}

int main(int count, char** words) {
  if (count < 4) {
    fprintf(stderr, "usage: send_parts FILE PART_SIZE URL...\n");
    return 2;
  }
  headrace_error* error = NULL;
  headrace_engine* engine = headrace_engine_create(NULL, &error);
  if (!engine) return failed(error);

  headrace_urls_upload what = {0};
  what.size = sizeof what;
  what.path = words[1];
  what.part_size = strtoull(words[2], NULL, 10);
  what.urls = (const char* const*)&words[3];
  what.url_count = (uint64_t)count - 3;
  headrace_job* job = headrace_urls_upload_start(engine, &what, &error);
  if (!job) return failed(error);

  headrace_outcome outcome = headrace_job_wait(job, -1, NULL, NULL, &error);
  uint64_t part;
  for (part = 0; outcome == HEADRACE_DONE && part < what.url_count; ++part)
    printf("%s\n", headrace_job_part_tag(job, part));
  headrace_job_destroy(job);
  headrace_engine_destroy(engine);
  return outcome == HEADRACE_DONE ? 0 : failed(error);
}
