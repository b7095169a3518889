// support.h: what the programs that hold headrace.h to its word share. C99 and C++.
//
// Usage of each: PROGRAM SCENARIO ENDPOINT TOKEN PATH. It says nothing and exits 0 if all is as
// promised, else it names the line on standard error.
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/headrace.h"

#define EXPECT(what)                                             \
  do {                                                           \
    if (!(what)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
      _exit(1);                                                  \
    }                                                            \
  } while (0)

static const char* endpoint;
static const char* token;
static const char* path;

/* What each of many threads gets. */
struct Worker {
  headrace_engine* engine;
  int number;
};

static inline headrace_engine* new_engine(void) {
  headrace_error* error = NULL;
  headrace_engine* engine = headrace_engine_create(NULL, &error);
  EXPECT(engine != NULL);
  EXPECT(error == NULL);
  return engine;
}

static inline void expect_done(headrace_job* job) {
  headrace_error* error = NULL;
  headrace_outcome outcome = headrace_job_wait(job, -1, NULL, NULL, &error);
  if (error != NULL) fprintf(stderr, "%s\n", headrace_error_text(error));
  EXPECT(outcome == HEADRACE_DONE);
}

/* Takes the error. */
static inline void expect_code(headrace_error* error, const char* code) {
  EXPECT(error != NULL);
  if (strcmp(headrace_error_code(error), code) != 0)
    fprintf(stderr, "%s\n", headrace_error_text(error));
  EXPECT(strcmp(headrace_error_code(error), code) == 0);
  EXPECT(strlen(headrace_error_message(error)) > 0);
  EXPECT(strstr(headrace_error_json(error), code) != NULL);
  EXPECT(strstr(headrace_error_text(error), headrace_error_message(error)) != NULL);
  headrace_error_destroy(error);
}

/* --- 200 threads --- */

enum { threads_count = 200 };

static inline void run_threads(void* (*one)(void*)) {
  static pthread_t threads[threads_count];
  static struct Worker workers[threads_count];
  headrace_engine* engine = new_engine();
  int i;
  for (i = 0; i < threads_count; ++i) {
    workers[i].engine = engine;
    workers[i].number = i;
    EXPECT(pthread_create(&threads[i], NULL, one, &workers[i]) == 0);
  }
  for (i = 0; i < threads_count; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
  headrace_engine_destroy(engine);
}

struct Scenario {
  const char* name;
  void (*run)(void);
};

static inline int run_scenario(const struct Scenario* scenarios, size_t scenario_count, int count,
                               char** words) {
  size_t i;
  EXPECT(count == 5);
  endpoint = words[2];
  token = words[3];
  path = words[4];
  for (i = 0; i < scenario_count; ++i) {
    if (strcmp(scenarios[i].name, words[1]) != 0) continue;
    scenarios[i].run();
    return 0;
  }
  fprintf(stderr, "no scenario %s\n", words[1]);
  return 2;
}
