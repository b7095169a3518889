#include "io/small_file.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace headrace {
namespace {

// Those that are there already are left as they are.
void make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != path.npos;
       slash = path.find('/', slash + 1)) {
    ::mkdir(path.substr(0, slash).c_str(), 0700);
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Status write_small_file(const std::string& path, std::string_view text) {
  make_folders(path);
  std::string beside = path + ".XXXXXX";
  const int fd = ::mkostemp(beside.data(), O_CLOEXEC);
  if (fd < 0)
    return fail(system_error("write_failed", "cannot make the file", errno).on_path(path));
  bool done = write_all(fd, text);
  int why = errno;
  if (::close(fd) != 0 && done) {
    done = false;
    why = errno;
  }
  if (done && ::rename(beside.c_str(), path.c_str()) == 0) return {};
  if (done) why = errno;
  ::unlink(beside.c_str());
  return fail(system_error("write_failed", "cannot write the file", why).on_path(path));
}

}  // namespace headrace
