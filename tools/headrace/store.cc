#include <fmt/format.h>

#include "engine/engine.h"
#include "tools/headrace/naming.h"
#include "tools/headrace/sizes.h"
#include "tools/headrace/verbs.h"

namespace headrace {
namespace {

int abort_all(Engine& engine, const S3Account& account, const StoreAddress& address,
              const std::vector<UnfinishedUpload>& uploads, Run& run) {
  for (const UnfinishedUpload& upload : uploads) {
    Status aborted = engine.abort_unfinished(account, address.bucket, upload);
    show_requests(engine, run);
    if (!aborted) return end_with(aborted.error(), run);
    run.output.note(NoteLevel::info, "aborted s3://" + address.bucket + "/" + upload.key);
  }
  run.output.done(count_text(uploads.size(), "upload") + " aborted",
                  {{"aborted", std::to_string(uploads.size())}});
  return 0;
}

}  // namespace

int run_store(const StoreArguments& arguments, Run& run) {
  Result<StoreAddress> address = parse_store_address(arguments.target);
  if (!address) return end_with(address.error(), run);
  Result<S3Account> account = load_s3_account(arguments.store, run.environment);
  if (!account) return end_with(account.error(), run);
  if (Status online = check_online(run.settings); !online) return end_with(online.error(), run);
  EngineOptions options = arguments.common.engine;
  options.tls.trust = trust_of(*account, options.tls.trust);
  Result<std::unique_ptr<Engine>> engine = Engine::create(options);
  if (!engine) return end_with(engine.error(), run);
  bool lists = arguments.verb == StoreArguments::Verb::list;
  Result<std::vector<UnfinishedUpload>> uploads =
      (*engine)->list_unfinished(*account, address->bucket, address->key, lists);
  show_requests(**engine, run);
  if (!uploads) return end_with(uploads.error(), run);
  if (!lists) return abort_all(**engine, *account, *address, *uploads, run);
  for (const UnfinishedUpload& upload : *uploads) {
    run.output.unfinished("s3://" + address->bucket + "/" + upload.key, upload);
  }
  run.output.done(count_text(uploads->size(), "unfinished upload"),
                  {{"unfinished", std::to_string(uploads->size())}});
  return 0;
}

}  // namespace headrace
