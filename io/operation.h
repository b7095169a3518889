// operation.h: what is asked of the machine, as data, and its way back.
//
// A Pending is one operation in flight. It comes from its worker's free list and passes two
// moments: *done* (the result is known, the coroutine that waits goes on) and *released* (nobody
// below reads or writes the bytes any more; `hold` lets go of its block). Over a plain send the two
// coincide; with zero-copy, and in the simulation, they need not.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>

#include <sys/socket.h>

#include "io/scope.h"
#include "io/slice.h"

namespace headrace {

// What a file was when we looked; any difference later means that it changed.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};
struct FileStatus {
  FileIdentity identity;
  bool regular = false;
  bool directory = false;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

struct Operation {
  enum class Kind : std::uint8_t {
    open,      // path, read only; result: a file
    stat,      // file; fills *status
    read,      // file, data, size, offset; result: bytes, 0 at the end
    close,     // file or socket
    connect,   // socket, *address
    accept,    // socket; result: a socket
    receive,   // socket, data, size; result: bytes, 0 at the end
    send,      // socket, data, size: all of it, or the operation failed
    shutdown,  // socket, both directions
  };
  Kind kind = Kind::close;
  int file = -1;  // a file or a socket, as the backend numbers them
  std::byte* data = nullptr;
  std::uint32_t size = 0;
  std::uint64_t offset = 0;
  const char* path = nullptr;
  const SocketAddress* address = nullptr;
  FileStatus* status = nullptr;
};

// Each pointer in the operation stays valid until *done*; the bytes at `data` until *released*.
struct Pending {
  Operation operation;
  Slice hold;  // what keeps the bytes, if they lie in a block
  class OperationWait* waiter = nullptr;
  Worker* worker = nullptr;
  bool wait_for_release = false;  // the bytes lie in the waiter's own memory
  bool done = false;
  bool released = false;
  int result = 0;
  Pending* next = nullptr;        // free list
  void* backend_state = nullptr;  // for the backend's use
};

}  // namespace headrace
