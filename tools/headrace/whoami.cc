#include "engine/engine.h"
#include "tools/headrace/naming.h"
#include "tools/headrace/verbs.h"

namespace headrace {
namespace {

Error no_token() {
  return make_error(ErrorClass::fail, "no_token", "no token was found")
      .at("whoami")
      .hinting("give one with --token-file or HF_TOKEN, or log in with the Hub's own tools");
}

}  // namespace

int run_whoami(const WhoAmIArguments& arguments, Run& run) {
  if (run.settings.token.empty()) return end_with(no_token(), run);
  if (Status online = check_online(run.settings); !online) return end_with(online.error(), run);
  Result<std::unique_ptr<Engine>> engine = Engine::create(arguments.common.engine);
  if (!engine) return end_with(engine.error(), run);
  Result<Engine::Account> account = (*engine)->whoami(run.settings.endpoint, run.settings.token);
  show_requests(**engine, run);
  if (!account) return end_with(account.error(), run);
  std::string orgs;
  for (const std::string& org : account->orgs) orgs += (orgs.empty() ? "" : ",") + org;
  run.output.note(NoteLevel::info, "token from " + run.settings.token_source +
                                       (account->token_role.empty() ? "" : ", role ") +
                                       account->token_role);
  run.output.done(account->name, {{"name", account->name},
                                  {"fullname", account->full_name},
                                  {"orgs", orgs},
                                  {"token_name", account->token_name},
                                  {"token_role", account->token_role},
                                  {"token_source", run.settings.token_source},
                                  {"endpoint", run.settings.endpoint}});
  return 0;
}

}  // namespace headrace
