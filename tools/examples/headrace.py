"""libheadrace from Python, with nothing but ctypes.

    import headrace
    with headrace.Engine() as engine:
        job = engine.upload("me/my-model", "folder")
        print(job.wait(print)["url"])

HEADRACE_LIBRARY names the library, else the loader finds it. As a program:
headrace.py OWNER/NAME PATH, or s3://BUCKET/KEY PATH.
"""

import ctypes
import json
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint64, c_void_p

library = ctypes.CDLL(os.environ.get("HEADRACE_LIBRARY", "libheadrace.so.0"))
Callback = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
FAILED, RUNNING, DONE = -1, 0, 1
STEP_MS = 200


class Struct(ctypes.Structure):
    """One of headrace.h's: its size comes first, what is not given is zero."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(self), **fields)


class EngineOptions(Struct):
    _fields_ = [("size", c_size_t), ("memory_limit_bytes", c_uint64), ("workers", c_uint64),
                ("connections", c_uint64), ("verbosity", c_uint64), ("trace_path", c_char_p),
                ("bytes_per_second", c_uint64), ("proxy", c_char_p), ("no_proxy", c_char_p),
                ("ca_cert", c_char_p), ("client_cert", c_char_p), ("client_key", c_char_p),
                ("insecure_skip_tls_verify", c_uint64)]


class HubUpload(Struct):
    _fields_ = [("size", c_size_t), ("repo", c_char_p), ("repo_type", c_char_p),
                ("revision", c_char_p), ("local_path", c_char_p), ("path_in_repo", c_char_p),
                ("endpoint", c_char_p), ("token", c_char_p), ("message", c_char_p),
                ("description", c_char_p), ("include", POINTER(c_char_p)),
                ("exclude", POINTER(c_char_p)), ("delete_patterns", POINTER(c_char_p)),
                ("visibility", c_uint64), ("create_pr", c_uint64), ("keep_going", c_uint64),
                ("dry_run", c_uint64)]


class S3Upload(Struct):
    _fields_ = [("size", c_size_t), ("target", c_char_p), ("local_path", c_char_p),
                ("profile", c_char_p), ("region", c_char_p), ("endpoint_url", c_char_p),
                ("addressing", c_char_p), ("access_key_id", c_char_p),
                ("secret_access_key", c_char_p), ("session_token", c_char_p),
                ("include", POINTER(c_char_p)), ("exclude", POINTER(c_char_p)),
                ("content_type", c_char_p), ("metadata", POINTER(c_char_p)),
                ("tags", POINTER(c_char_p)), ("storage_class", c_char_p), ("encryption", c_char_p),
                ("kms_key_id", c_char_p), ("checksum", c_char_p), ("part_size", c_uint64),
                ("anonymous", c_uint64), ("if_none_match", c_uint64), ("skip_existing", c_uint64),
                ("keep_going", c_uint64), ("dry_run", c_uint64)]


class UrlsUpload(Struct):
    _fields_ = [("size", c_size_t), ("path", c_char_p), ("data", c_void_p), ("data_size", c_uint64),
                ("offset", c_uint64), ("length", c_uint64), ("part_size", c_uint64),
                ("urls", POINTER(c_char_p)), ("url_count", c_uint64), ("connections", c_uint64)]


class Progress(Struct):
    _fields_ = [("size", c_size_t), ("files_done", c_uint64), ("files_total", c_uint64),
                ("bytes_hashed", c_uint64), ("bytes_sent", c_uint64), ("bytes_to_send", c_uint64),
                ("bytes_total", c_uint64)]


def declare(name, result, *arguments):
    function = getattr(library, "headrace_" + name)
    function.restype, function.argtypes = result, arguments
    return function


version = declare("version", c_char_p)
engine_create = declare("engine_create", c_void_p, POINTER(EngineOptions), POINTER(c_void_p))
engine_destroy = declare("engine_destroy", None, c_void_p)
hub_upload_start = declare("hub_upload_start", c_void_p, c_void_p, POINTER(HubUpload),
                           POINTER(c_void_p))
s3_upload_start = declare("s3_upload_start", c_void_p, c_void_p, POINTER(S3Upload),
                          POINTER(c_void_p))
urls_upload_start = declare("urls_upload_start", c_void_p, c_void_p, POINTER(UrlsUpload),
                            POINTER(c_void_p))
job_progress = declare("job_progress", c_int, c_void_p, POINTER(Progress))
job_wait = declare("job_wait", c_int, c_void_p, c_int64, Callback, c_void_p, POINTER(c_void_p))
job_cancel = declare("job_cancel", c_int, c_void_p)
job_result = declare("job_result", c_char_p, c_void_p)
job_destroy = declare("job_destroy", None, c_void_p)
error_json = declare("error_json", c_char_p, c_void_p)
error_text = declare("error_text", c_char_p, c_void_p)
error_destroy = declare("error_destroy", None, c_void_p)


class Error(Exception):
    """What went wrong: `fields` are those of the `error` event."""

    def __init__(self, error):
        super().__init__(error_text(error).decode(errors="replace"))
        self.fields = json.loads(error_json(error))
        error_destroy(error)


def c_value(value):
    """Text, a list of texts or a number, as the structs take them."""
    if isinstance(value, (list, tuple)):
        return (c_char_p * (len(value) + 1))(*map(os.fsencode, value), None)
    return os.fsencode(value) if isinstance(value, (str, os.PathLike)) else value


class Engine:
    def __init__(self, **options):
        error = c_void_p()
        self.handle = engine_create(EngineOptions(**{n: c_value(v) for n, v in options.items()}),
                                    byref(error))
        if not self.handle:
            raise Error(error)

    def upload(self, repo, local_path, **options):
        """A file or folder to a repo; options are the fields of headrace_hub_upload."""
        return Job(self, hub_upload_start, HubUpload, repo=repo, local_path=local_path, **options)

    def copy(self, local_path, target, **options):
        """A file or folder to s3://BUCKET[/KEY]; options are the fields of headrace_s3_upload."""
        return Job(self, s3_upload_start, S3Upload, target=target, local_path=local_path, **options)

    def send_parts(self, source, urls, part_size, **options):
        """A file by its path, or bytes, to one URL a part. The ETags are the result's part_tags."""
        if isinstance(source, bytes):
            options |= {"data": ctypes.cast(source, c_void_p), "data_size": len(source)}
        else:
            options["path"] = source
        job = Job(self, urls_upload_start, UrlsUpload, part_size=part_size, urls=urls,
                  url_count=len(urls), **options)
        job.source = source  # lent until the job is gone
        return job

    def close(self):
        engine_destroy(self.handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Job:
    def __init__(self, engine, start, struct, **fields):
        error = c_void_p()
        values = {name: c_value(value) for name, value in fields.items() if value is not None}
        self.handle = start(engine.handle, struct(**values), byref(error))
        if not self.handle:
            raise Error(error)

    def wait(self, on_event=None):
        """The result event as a dict. Waits in steps, so that Ctrl-C is heard."""
        told = Callback(lambda _, line: on_event(json.loads(line))) if on_event else Callback()
        error = c_void_p()
        while (outcome := job_wait(self.handle, STEP_MS, told, None, byref(error))) == RUNNING:
            pass
        if outcome == FAILED:
            raise Error(error)
        return json.loads(job_result(self.handle))

    def progress(self):
        progress = Progress()
        job_progress(self.handle, byref(progress))
        return progress

    def cancel(self):
        job_cancel(self.handle)

    def __del__(self):
        if getattr(self, "handle", None):
            job_destroy(self.handle)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: headrace.py OWNER/NAME|s3://BUCKET/KEY PATH")
    target, path = sys.argv[1:]
    with Engine() as engine:
        try:
            to_store = target.startswith("s3://")
            job = engine.copy(path, target) if to_store else engine.upload(target, path)
            print(job.wait()["url"])
        except Error as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
