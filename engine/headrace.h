// headrace.h: the door for other programs: uploads from C, and from whatever can call C.
//
// C99 and C++. Link with libheadrace (pkg-config headrace). An engine is made once and does any
// number of jobs at a time; a job is started, watched, waited for and destroyed. What holds for all
// of it stands below, what holds for one call stands at the call.
#pragma once

// Threads.    Every function may be called on any thread, at any time. Two rules only: the events
//             of one job are taken by one thread at a time, and nothing else is being done with an
//             engine or an error while it is destroyed. The engine has threads of its own.
// Callbacks.  They are called on the thread that waits, while it waits, and on no other. They may
//             call everything here, cancelling and destroying their own job included.
// Fork.       A child made by fork() has none of its parent's engines and jobs: a call with one of
//             them fails with `forked_process`, destroying one does nothing, and errors and strings
//             stay readable. The child may create an engine of its own.
// Signals.    No handler is installed, no disposition changed. The engine's threads take no signal,
//             and SIGPIPE is never raised.
// Output.     Nothing is printed. (A broken invariant of the library's own ends the process with a
//             line on standard error: that is a bug to be reported.)
// Memory.     What goes in is copied before the call returns, but for the bytes of an upload from
//             memory. Strings that come out are never null unless it is said so, and UTF-8 but for
//             local paths. The host's allocator is used.
// Errors.     A function that takes `error` stores null there if it succeeded, else an error that
//             the caller destroys; `error` itself may be null. No field of one holds a secret.
// Handles.    Engines and jobs are numbers in the clothes of pointers, never followed: one that is
//             null, destroyed or made up is found out, and the call fails with `bad_handle`.
// Structs.    They begin with their size, which the caller sets; zero is each other field's
// default:
//             `headrace_hub_upload it = {0}; it.size = sizeof it;`. A struct of an older header,
//             shorter than today's, is taken; one of a newer header too, as long as what this
//             library does not know is zero.
// Versions.   Within one ABI version functions and fields are added, none is changed or removed.

#include <stddef.h>
#include <stdint.h>

#define HEADRACE_ABI_VERSION 0
#define HEADRACE_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct headrace_engine headrace_engine;
typedef struct headrace_job headrace_job;
typedef struct headrace_error headrace_error;

// Those of the library that is running; compare with the macro above.
HEADRACE_EXPORT const char* headrace_version(void);
HEADRACE_EXPORT uint32_t headrace_abi_version(void);

// --- errors ---

// What may be done about it.
typedef enum headrace_class {
  HEADRACE_RETRY = 0,      // it was tried several times, and may work later
  HEADRACE_FAIL = 1,       // it will not: a person has to change something
  HEADRACE_EXPIRED = 2,    // a right to upload ran out, again and again
  HEADRACE_CHANGED = 3,    // the source is no longer what was read before
  HEADRACE_CANCELLED = 4,  // it was told to stop
  HEADRACE_LIMIT = 5       // a limit of this machine or of the library was reached
} headrace_class;

// Fields that are not known are "" or 0. A null error has none.
HEADRACE_EXPORT headrace_class headrace_error_class(const headrace_error* error);
// Stable, a row of errors.md.
HEADRACE_EXPORT const char* headrace_error_code(const headrace_error* error);
HEADRACE_EXPORT const char* headrace_error_message(const headrace_error* error);
// What was being done: connect, part, commit …
HEADRACE_EXPORT const char* headrace_error_stage(const headrace_error* error);
HEADRACE_EXPORT const char* headrace_error_host(const headrace_error* error);
// Of the host's addresses the one spoken to.
HEADRACE_EXPORT const char* headrace_error_address(const headrace_error* error);
HEADRACE_EXPORT const char* headrace_error_method(const headrace_error* error);
// Without its query.
HEADRACE_EXPORT const char* headrace_error_url(const headrace_error* error);
HEADRACE_EXPORT const char* headrace_error_request_id(const headrace_error* error);
HEADRACE_EXPORT const char* headrace_error_server_message(const headrace_error* error);
// A local file, or a path in the repo.
HEADRACE_EXPORT const char* headrace_error_path(const headrace_error* error);
HEADRACE_EXPORT const char* headrace_error_hint(const headrace_error* error);
// errno, if the kernel was the cause.
HEADRACE_EXPORT int32_t headrace_error_errno(const headrace_error* error);
HEADRACE_EXPORT int32_t headrace_error_status(const headrace_error* error);
// From 1.
HEADRACE_EXPORT int32_t headrace_error_part(const headrace_error* error);
HEADRACE_EXPORT int32_t headrace_error_attempts(const headrace_error* error);
// The server's wish; -1 if it had none.
HEADRACE_EXPORT int64_t headrace_error_retry_after_ms(const headrace_error* error);
// All of it, for a person: several lines.
HEADRACE_EXPORT const char* headrace_error_text(const headrace_error* error);
// All of it, for a program: the `error` event of cli.md, without its exit code.
HEADRACE_EXPORT const char* headrace_error_json(const headrace_error* error);
HEADRACE_EXPORT void headrace_error_destroy(headrace_error* error);

// --- the engine ---

typedef struct headrace_engine_options {
  size_t size;
  uint64_t memory_limit_bytes;  // for blocks; 0: the smaller of 256 MiB and a quarter of the limit
  uint64_t workers;             // threads that send; 0: one a usable core
  uint64_t connections;         // at once, of one job; 0: as the job needs them
  uint64_t verbosity;           // 1, 2: as the command's -v and -vv, told by events
  const char* trace_path;       // where a trace in Chrome's format is written; null: none
  uint64_t bytes_per_second;    // of content, all jobs together; 0: no limit
  const char* proxy;            // http://HOST:PORT; null: from the environment
  const char* no_proxy;         // hosts that go without it; null: from the environment
  const char* ca_cert;          // trusted roots, a file or a folder; null: from the environment
  const char* client_cert;      // with its chain, in PEM; null: none
  const char* client_key;       // null: in the same file
  uint64_t insecure_skip_tls_verify;  // 1: believes anybody who answers
} headrace_engine_options;

// Null options are all defaults. Null if it failed.
HEADRACE_EXPORT headrace_engine* headrace_engine_create(const headrace_engine_options* options,
                                                        headrace_error** error);
// Changes the limit while jobs run; it takes effect within a second. 0, or -1 for a bad handle.
HEADRACE_EXPORT int headrace_engine_limit_rate(headrace_engine* engine, uint64_t bytes_per_second);
// Cancels the jobs that still run, and waits for them; their handles stay to be asked and
// destroyed.
HEADRACE_EXPORT void headrace_engine_destroy(headrace_engine* engine);

// --- what a job may be ---

// A file or a folder to a repo on the Hub, as the command `headrace upload` does it. What is not
// given here is taken from the ecosystem's variables and files (HF_ENDPOINT, HF_TOKEN …; cli.md).
// Lists of patterns end with null.
typedef struct headrace_hub_upload {
  size_t size;
  const char* repo;                    // OWNER/NAME, or hf://…; needed
  const char* repo_type;               // model, dataset, space, kernel; null: model
  const char* revision;                // null: main
  const char* local_path;              // needed
  const char* path_in_repo;            // null: the file's own name, or the root
  const char* endpoint;                // null: from the environment
  const char* token;                   // null: from the environment; "": none
  const char* message;                 // of the commit; null: a usual one
  const char* description;             // null: none
  const char* const* include;          // of a folder's files; null: all
  const char* const* exclude;          // null: none
  const char* const* delete_patterns;  // remote files that a folder's upload deletes; null: none
  uint64_t visibility;                 // of a repo that is created: 0 usual, 1 public, 2 private
  uint64_t create_pr;                  // 1: as a pull request
  uint64_t keep_going;                 // 1: a file that fails is left out, the others go in
  uint64_t dry_run;                    // 1: reads and plans, sends nothing
} headrace_hub_upload;
HEADRACE_EXPORT headrace_job* headrace_hub_upload_start(headrace_engine* engine,
                                                        const headrace_hub_upload* upload,
                                                        headrace_error** error);

// A file or a folder into a bucket of S3 or of a store that speaks it, as the command `headrace cp`
// does it. What is not given here is found as the AWS tools find it (AWS_PROFILE, AWS_ENDPOINT_URL,
// ~/.aws …; cli.md); but whose certificates are believed, the engine's options say. Lists end with
// null.
typedef struct headrace_s3_upload {
  size_t size;
  const char* target;             // s3://BUCKET[/KEY]; needed
  const char* local_path;         // needed
  const char* profile;            // null: from the environment
  const char* region;             // null: from the environment or the profile
  const char* endpoint_url;       // null: from the environment or the profile, else AWS's own
  const char* addressing;         // auto, path, virtual; null: by the profile
  const char* access_key_id;      // with its secret; null: from the environment, a profile …
  const char* secret_access_key;  //
  const char* session_token;      // of keys that do not last; null: none
  const char* const* include;     // patterns, of a folder's files; null: all
  const char* const* exclude;     // null: none
  const char* content_type;       // of every object; null: by its name
  const char* const* metadata;    // NAME=VALUE; null: none
  const char* const* tags;        // NAME=VALUE; null: none
  const char* storage_class;      // null: as the bucket has it
  const char* encryption;         // AES256, aws:kms …; null: as the bucket has it
  const char* kms_key_id;         // null: as the bucket has it
  const char* checksum;           // crc64nvme, crc32c, sha256; null: crc64nvme
  uint64_t part_size;             // of large objects; 0: by their size
  uint64_t anonymous;             // 1: nothing is signed, whatever keys there are
  uint64_t if_none_match;         // 1: an object that exists is an error
  uint64_t skip_existing;         // 1: one that exists with the same content is left alone
  uint64_t keep_going;            // 1: a file that fails is left out
  uint64_t dry_run;               // 1: reads and plans, sends nothing
} headrace_s3_upload;
HEADRACE_EXPORT headrace_job* headrace_s3_upload_start(headrace_engine* engine,
                                                       const headrace_s3_upload* upload,
                                                       headrace_error** error);

// Bytes of a file, or of memory, cut into parts of one size, each by one PUT to its own URL, which
// somebody else has negotiated: what hf_transfer's multipart_upload does. Nothing is asked before
// and nothing is said afterwards; the parts' tags (ETags) are in the result. Bytes in memory are
// lent, not copied: they stay as they are until the job has ended or is destroyed.
typedef struct headrace_urls_upload {
  size_t size;
  const char* path;         // a regular file; null: the bytes are in memory
  const void* data;         // then these
  uint64_t data_size;       //
  uint64_t offset;          // where in them the upload begins
  uint64_t length;          // 0: to their end
  uint64_t part_size;       // of each part but the last; needed
  const char* const* urls;  // of all parts, in order; one for no bytes at all
  uint64_t url_count;       //
  uint64_t connections;     // at once; 0: as the engine has it
} headrace_urls_upload;
HEADRACE_EXPORT headrace_job* headrace_urls_upload_start(headrace_engine* engine,
                                                         const headrace_urls_upload* upload,
                                                         headrace_error** error);

// --- watching a job ---

// A descriptor for any event loop: it can be read from (POLLIN) while headrace_job_next_event() has
// something to say, and from the job's end on. Not to be read or closed. -1: a bad handle.
HEADRACE_EXPORT int headrace_job_descriptor(headrace_job* job);

// The next event, null if there is none now: one line of JSON as the command prints with --json
// (cli.md). Valid until the next call for this job. Events that nobody takes are dropped from some
// thousands on, and a note says how many.
HEADRACE_EXPORT const char* headrace_job_next_event(headrace_job* job);

typedef struct headrace_progress {
  size_t size;
  uint64_t files_done;
  uint64_t files_total;
  uint64_t bytes_hashed;
  uint64_t bytes_sent;     // of content, and arrived; what was sent again counts once
  uint64_t bytes_to_send;  // what is known so far to need sending
  uint64_t bytes_total;    // of all files
} headrace_progress;
// Fills as much as `progress->size` says. 0, or -1 for a bad handle or size.
HEADRACE_EXPORT int headrace_job_progress(headrace_job* job, headrace_progress* progress);

// Called with each event, and with one that says how far it is about twice a second.
typedef void (*headrace_event_callback)(void* user, const char* event);

typedef enum headrace_outcome {
  HEADRACE_FAILED = -1,  // `error` says why: of the job, or of the call
  HEADRACE_RUNNING = 0,  // the time is over
  HEADRACE_DONE = 1
} headrace_outcome;
// Waits for the end, at most `timeout_ms` (0: only looks; negative: as long as it takes). With
// `callback` all events that there are have been given to it when this returns.
HEADRACE_EXPORT headrace_outcome headrace_job_wait(headrace_job* job, int64_t timeout_ms,
                                                   headrace_event_callback callback, void* user,
                                                   headrace_error** error);

// Asks for an early end; the job then fails with class cancelled, unless it was done before. Does
// not wait. 0, or -1 for a bad handle.
HEADRACE_EXPORT int headrace_job_cancel(headrace_job* job);

// --- what a job has done; null until it has ended well ---

// The URL of what was uploaded, or s3://BUCKET/KEY; "" if it has none.
HEADRACE_EXPORT const char* headrace_job_url(headrace_job* job);
// The ETag of a part, counted from 0, as the store gave it; "" if it gave none. Null beyond the
// last part.
HEADRACE_EXPORT const char* headrace_job_part_tag(headrace_job* job, uint64_t part);
// All of it: the `result` event of cli.md.
HEADRACE_EXPORT const char* headrace_job_result(headrace_job* job);

// Cancels the job if it still runs, and waits for its end: what was lent to it is free afterwards.
HEADRACE_EXPORT void headrace_job_destroy(headrace_job* job);

#ifdef __cplusplus
}
#endif
