// The same program, to a C++ compiler.
#include "tests/capi/store.c"
