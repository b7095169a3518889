#include "engine/handles.h"

namespace headrace {

Error bad_handle() {
  return make_error(ErrorClass::fail, "bad_handle",
                    "the handle is null, or what it stood for was destroyed")
      .at("arguments")
      .hinting("look for a use after headrace_engine_destroy or headrace_job_destroy");
}

Error forked_process() {
  return make_error(ErrorClass::fail, "forked_process",
                    "the handle belongs to the process that this one was forked from")
      .at("arguments")
      .hinting("create an engine in the process that uses it");
}

}  // namespace headrace
