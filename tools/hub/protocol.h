// protocol.h: the Hub's wire protocol over a Store: a request in, an answer and its effects out.
// No sockets, no clock, no randomness but what the options give; the server and the simulation
// both drive it.
// Thread: handle(), receive() and every Receiver may be used from any thread at once. Commits and
// changes of refs go one after another; no lock is held while a body streams in.
// Errors: always as an Answer. Paths not offered here answer 404 and say so.
// Source of the wire: the Hub's upload protocol as its clients speak it (tools/doc).
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tools/hub/call.h"
#include "tools/hub/remote_lfs.h"
#include "tools/hub/store.h"
#include "tools/hub/target.h"
#include "tools/hub/tree_edit.h"
#include "tools/hub/uploads.h"

namespace headrace::hub {

struct Token {
  std::string secret;
  bool may_write = true;
};

struct ProtocolOptions {
  // None: every token is taken and may write.
  std::vector<Token> tokens;
  // Above this an object goes up in parts. 64 MiB: a cut connection costs a few seconds and not
  // the file. Higher loses more with each cut, lower costs a completion call for small files.
  std::uint64_t multipart_threshold = std::uint64_t{64} << 20;
  // 16 MiB keeps several connections busy on one file; raised where a file would need more than
  // 10,000 parts.
  std::uint64_t part_size = std::uint64_t{16} << 20;
  // How long a part, PUT or completion URL is good for.
  std::int64_t url_lifetime_s = 3600;
  // Files up to this size are asked for in the commit itself, whatever they hold.
  std::uint64_t inline_limit = 0;
  std::string secret;  // key of the URLs' signatures; the same for the life of a root
  std::string user = "me";
  RemoteObjects* objects = nullptr;       // where LFS content lies; null: in the store
  std::function<std::int64_t()> now;      // unix seconds
  std::function<std::uint64_t()> random;  // ids of requests and uploads
};

class Protocol {
 public:
  Protocol(Store& store, ProtocolOptions options);

  // The answer to a call whose body is all there.
  Answer handle(const Call& call);
  // For calls that is_transfer() names: the head is judged, then the body goes to the Receiver.
  // An Answer at once means that the body is not wanted.
  std::variant<Answer, std::unique_ptr<Receiver>> receive(const Call& head);
  // Whether the body is to be streamed: a part, an object, or a commit.
  static bool is_transfer(std::string_view method, std::string_view target);

  struct Request;
  template <class T>
  using Outcome = std::expected<T, Answer>;

 private:
  friend class CommitReceiver;
  friend class PartReceiver;
  friend class ObjectReceiver;
  using Handler = Answer (Protocol::*)(Request&);
  struct Route;
  static const std::vector<Route>& routes();
  using Received = std::variant<Answer, std::unique_ptr<Receiver>>;

  // protocol.cc: routing and access.
  Answer dispatch(const Call& call);
  Received receive_untagged(const Call& head);
  Outcome<void> authenticate(Request& request, bool writes) const;
  Outcome<void> open_repo(Request& request);
  Answer whoami(Request&);
  Answer validate(Request&);
  std::string fresh_id();

  // protocol_repos.cc: repositories, refs.
  Answer create_repo(Request&);
  Answer delete_repo(Request&);
  Answer repo_info(Request&);
  Answer auth_check(Request&);
  Answer list_refs(Request&);
  Answer create_branch(Request&);
  Answer delete_branch(Request&);
  Answer create_tag(Request&);
  Answer delete_tag(Request&);
  Answer list_commits(Request&);
  // The ref and commit that `revision` names; empty name for a bare commit.
  Outcome<Ref> resolve(const RepoId& repo, std::string_view revision);
  Outcome<CommitObject> commit_of(const RepoId& repo, std::string_view id);
  ObjectReader reader(const RepoId& repo);

  // protocol_files.cc: what is in a repository.
  struct FileInfo;
  Outcome<FileInfo> file_info(const RepoId& repo, std::string_view blob_id);
  Answer list_tree(Request&);
  Answer paths_info(Request&);
  Answer resolve_file(Request&);
  Answer preupload(Request&);

  // protocol_lfs.cc: batch and verify; protocol_transfer.cc: the URLs that batch gives out.
  struct TransferUrl;
  struct Batch;
  Answer lfs_batch(Request&);
  Outcome<Batch> parse_batch(Request&);
  nlohmann::json action(std::string href, std::int64_t expires) const;
  nlohmann::json batch_action(const Request&, const Batch&, TransferUrl) const;
  Outcome<nlohmann::json> upload_actions(const Request&, const Batch&, const std::string& oid,
                                         std::uint64_t size);
  Answer verify(Request& request, const TransferUrl& url);
  std::string signed_url(const Request& request, TransferUrl url) const;
  Outcome<TransferUrl> check_url(const Request& request) const;
  Received receive_transfer(Request& request);
  Answer transfer(Request& request);  // completion, verify and download
  Answer complete_upload(Request& request, const TransferUrl& url);
  std::string part_etag(std::string_view upload, std::uint64_t number) const;
  // An LFS object as this repository sees it, wherever it lies.
  Result<std::uint64_t> lfs_size(const RepoId& repo, std::string_view oid);

  // protocol_remote.cc: the same where LFS content lies elsewhere.
  Outcome<nlohmann::json> remote_put(const Request&, const UploadRecord& wanted,
                                     std::int64_t expires);
  Outcome<nlohmann::json> remote_parts(const Request&, const UploadRecord& wanted,
                                       std::int64_t expires);
  Answer remote_verify(const TransferUrl& url);
  Answer remote_verdict(const TransferUrl& url, const Status& done);
  Answer remote_complete(Request& request, const TransferUrl& url);
  Answer remote_content(const RepoId& repo, std::string_view oid);

  // protocol_commit.cc and protocol_discussions.cc.
  Received receive_commit(Request& request);
  Answer list_discussions(Request&);
  Answer show_discussion(Request&);
  Answer create_discussion(Request&);
  struct NewDiscussion;
  Outcome<std::uint64_t> add_discussion(const RepoId& repo, const NewDiscussion& fresh);

  Store& store_;
  const ProtocolOptions options_;
  Uploads uploads_;
  const std::unique_ptr<RemoteLfs> remote_;  // null: LFS content lies in the store
  std::mutex change_mutex_;                  // one commit or change of refs at a time
};

}  // namespace headrace::hub
