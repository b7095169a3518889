#include "engine/s3/keys.h"

#include <fmt/format.h>

#include "engine/settings.h"
#include "io/worker.h"

namespace headrace {
namespace {

Error cancelled() {
  return make_error(ErrorClass::cancelled, "cancelled", "told to stop").at("keys");
}

Result<std::string> read_token(const std::string& path) {
  Result<std::optional<std::string>> text = process_environment().read_file(path);
  if (text && *text) {
    std::string token = std::move(**text);
    while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
    return token;
  }
  return fail(make_error(ErrorClass::fail, "keys_file_unreadable",
                         "the file with the token for keys is missing or can't be read")
                  .at("keys")
                  .on_path(path)
                  .hinting("check the variable or profile that names it"));
}

// By its first line.
std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

// A log shows a body that is one text; one of two pieces it does not.
Body unshown(std::string text) {
  Body body;
  std::string rest = text.empty() ? std::string() : text.substr(1);
  text.resize(std::min<std::size_t>(text.size(), 1));
  body.add(std::move(text)).add(std::move(rest));
  return body;
}

}  // namespace

Task<Result<S3Credentials>> KeyFetch::run(Scope& scope, const CredentialSource& source) {
  if (auto* keys = std::get_if<S3Credentials>(&source)) co_return *keys;
  Result<S3Credentials> got = fail(no_credentials(source_of(source)));
  if (auto* process = std::get_if<CredentialProcess>(&source)) {
    got = co_await of_process(scope, *process);
  } else if (auto* identity = std::get_if<WebIdentity>(&source)) {
    got = co_await of_web_identity(scope, *identity);
  } else if (auto* container = std::get_if<ContainerCredentials>(&source)) {
    got = co_await of_container(scope, *container);
  } else if (auto* instance = std::get_if<InstanceCredentials>(&source)) {
    got = co_await of_instance(scope, *instance);
  }
  if (!got) co_return fail(std::move(got.error()).at("keys"));
  got->source = source_of(source);
  co_return got;
}

Task<Result<S3Credentials>> KeyFetch::of_process(Scope& scope, CredentialProcess process) {
  auto output = co_await blocking(
      scope, [argv = process.argv] { return run_process(argv, ProcessLimits()); });
  if (!output) co_return fail(cancelled());
  if (!*output) co_return fail(std::move(output->error()));
  co_return credentials_of_process(process, **output);
}

Task<Result<S3Credentials>> KeyFetch::of_web_identity(Scope& scope, const WebIdentity& identity) {
  auto token = co_await blocking(scope, [path = identity.token_file] { return read_token(path); });
  if (!token) co_return fail(cancelled());
  if (!*token) co_return fail(std::move(token->error()));
  std::int64_t now = scope.worker().backend().wall_seconds();
  Result<std::string> answer = co_await ask(
      scope, web_identity_request(identity, **token, settings, now), RetryPolicy(), 60s);
  if (!answer) co_return fail(std::move(answer.error()));
  co_return parse_web_identity(*answer);
}

Task<Result<S3Credentials>> KeyFetch::of_container(Scope& scope,
                                                   const ContainerCredentials& container) {
  std::string authorization = container.authorization;
  if (!container.authorization_file.empty()) {
    auto token = co_await blocking(
        scope, [path = container.authorization_file] { return read_token(path); });
    if (!token) co_return fail(cancelled());
    if (!*token) co_return fail(std::move(token->error()));
    authorization = std::move(**token);
  }
  Result<std::string> answer =
      co_await ask(scope, container_request(container, authorization), RetryPolicy(), 10s);
  if (!answer) co_return fail(std::move(answer.error()));
  co_return parse_container(*answer);
}

Task<Result<S3Credentials>> KeyFetch::of_instance(Scope& scope,
                                                  const InstanceCredentials& instance) {
  RetryPolicy policy{.tries_max = instance.attempts};
  Duration limit = std::chrono::seconds(instance.timeout_s);
  Result<std::string> token = co_await ask(scope, instance_token_request(instance), policy, limit);
  if (!token) {
    // No service, or an old one: what is said then is who was asked for keys.
    bool old_service = token.error().status == 404 || token.error().status == 405;
    if (!old_service || !instance.without_token_allowed) {
      if (token.error().kind == ErrorClass::cancelled) co_return fail(std::move(token.error()));
      co_return fail(no_credentials(source_of(instance)));
    }
    token = std::string();
  }
  Result<std::string> role =
      co_await ask(scope, instance_role_request(instance, *token), policy, limit);
  if (!role) co_return fail(std::move(role.error()));
  Result<std::string> answer = co_await ask(
      scope, instance_keys_request(instance, *token, first_line(*role)), policy, limit);
  if (!answer) co_return fail(std::move(answer.error()));
  co_return parse_instance(*answer);
}

Task<Result<std::string>> KeyFetch::ask(Scope& scope, Result<CredentialRequest> wish,
                                        const RetryPolicy& policy, Duration limit) {
  if (!wish) co_return fail(std::move(wish.error()));
  HttpRequest request;
  request.method = std::move(wish->method);
  request.url = std::move(wish->url);
  request.headers = std::move(wish->headers);
  request.body = unshown(std::move(wish->body));
  request.answer_size_max = 64 * 1024;
  request.deadlines.connect = limit;
  request.deadlines.first_byte = limit;
  request.deadlines.idle = limit;
  request.follow_redirects = false;
  request.stage = "keys";
  Result<HttpAnswer> answer = co_await send_retried(scope, client, request, policy);
  if (!answer) co_return fail(std::move(answer.error()));
  if (answer->status < 300) co_return std::move(answer->body);
  Error error = error_of_answer(*answer, request, scope.worker().backend().wall_seconds());
  error.server_message.clear();  // it may hold what is secret
  error.code = "keys_unavailable";
  co_return fail(std::move(error).hinting("look at the service that hands out keys"));
}

}  // namespace headrace
