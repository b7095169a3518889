// store_peer.h: a small store that speaks S3 over loopback, and copies into it, for tests that
// decide what it answers.
//
// It keeps objects and uploads in maps, takes bodies as they are or aws-chunked, and computes the
// checksum of what it got by itself. `instead` may answer in its place.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include "engine/copy_request.h"
#include "engine/s3/copy.h"
#include "tests/support/http.h"

namespace headrace {

struct StoredObject {
  std::string bytes;
  Headers fields;  // of the request that began it
};

class StorePeer {
 public:
  using Seen = ScriptedHandler::Seen;
  std::map<std::string, StoredObject> objects;  // by BUCKET/KEY
  struct Upload {
    std::string name;
    Headers fields;
    std::map<int, std::string> parts;
  };
  std::map<std::string, Upload> uploads;
  std::vector<std::string> calls;  // METHOD and what the query asks for
  std::size_t uploads_begun = 0;
  bool names_checksums = true;
  std::function<std::optional<ServerReply>(const Seen&)> instead;

  ServerReply answer(const Seen& seen);
  static ServerReply error(int status, const std::string& code, const std::string& more = "");
  // How often `call` came.
  std::size_t count(const std::string& call) const;

 private:
  ServerReply put(const Seen& seen, const std::string& name);
  ServerReply put_part(const Seen& seen, const std::string& upload, int number);
  ServerReply list_parts(const std::string& upload);
  ServerReply complete(const Seen& seen, const std::string& upload);
  ServerReply head(const std::string& name);
};

// The bytes of a body, and whether its trailer is their checksum.
struct Unpacked {
  std::string bytes;
  std::string trailer;  // NAME:VALUE
};
Unpacked unpack(const StorePeer::Seen& seen);
std::string crc64_text(std::string_view bytes);

// A folder of files that goes with the test.
class CopyFolder {
 public:
  CopyFolder();
  ~CopyFolder();
  CopyFolder(const CopyFolder&) = delete;
  std::string write(const std::string& name, std::string_view bytes);
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/headrace-copy-XXXXXX";
  std::vector<std::string> files_;
};

// A crew of one beside the store.
struct CopyLoop {
  NetLoop net;
  StorePeer store;
  Arena arena{64ULL << 20};
  struct Heard final : Reporter {
    std::vector<Event> events;
    void event(Event event) override { events.push_back(std::move(event)); }
    bool noted(std::string_view text) const;
  } reporter;

  // The store is known to take all there is, so nothing is tried.
  CopyLoop();
  CopyFolder memory;
  std::string stores_file;
  CopyRequest request(const std::string& source, const std::string& target_key);
  Result<UploadResult> copy(CopyRequest request, std::function<void(Scope&)> meanwhile = {});

 private:
  Task<void> task(CopyRequest request, Scope& scope, std::optional<Result<UploadResult>>& result);

  bool served_ = false;  // by the server, which stops listening when it ends
};

}  // namespace headrace
