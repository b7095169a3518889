#include "engine/s3/credentials.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "engine/iso_time.h"
#include "engine/shell_words.h"
#include "io/ascii.h"
#include "net/url.h"

namespace headrace {
namespace {

using Found = Result<std::optional<CredentialSource>>;

std::unexpected<Error> bad_credentials(std::string_view what, std::string_view hint) {
  return fail(make_error(ErrorClass::fail, "bad_s3_setting", what).at("settings").hinting(hint));
}

// A key that is there without its secret is a mistake, and no reason to look for other keys.
std::unexpected<Error> partial(std::string_view source, std::string_view missing) {
  return fail(make_error(ErrorClass::fail, "partial_credentials",
                         fmt::format("{} has the id of a key, but not {}", source, missing))
                  .at("settings")
                  .hinting("set both, or neither"));
}

Found in_environment(const AwsProfile& profile, const Environment& environment) {
  if (profile.named_by_flag()) return std::nullopt;
  const auto id = set_variable(environment, "AWS_ACCESS_KEY_ID");
  if (!id) return std::nullopt;
  const auto secret = set_variable(environment, "AWS_SECRET_ACCESS_KEY");
  if (!secret) return partial("the environment", "AWS_SECRET_ACCESS_KEY");
  S3Credentials credentials{.access_key_id = *id,
                            .secret_access_key = *secret,
                            .session_token = {},
                            .source = "the environment"};
  auto token = set_variable(environment, "AWS_SECURITY_TOKEN");
  if (!token) token = set_variable(environment, "AWS_SESSION_TOKEN");
  credentials.session_token = token.value_or("");
  if (const auto end = set_variable(environment, "AWS_CREDENTIAL_EXPIRATION")) {
    const std::optional<std::int64_t> expires_at = parse_iso_time(*end);
    if (!expires_at) {
      return bad_credentials("AWS_CREDENTIAL_EXPIRATION is not a time such as 2026-01-31T12:00:00Z",
                             "correct it, or unset it");
    }
    credentials.expires_at = *expires_at;
  }
  return credentials;
}

Found web_identity(const AwsProfile& profile, const Environment& environment) {
  bool from_variables = false;
  const auto value = [&](std::string_view variable,
                         std::string_view option) -> std::optional<std::string> {
    if (!profile.named_by_flag()) {
      if (auto found = environment.variable(variable)) {
        from_variables = true;
        return found;
      }
    }
    const std::string* found = profile.option(option);
    return found == nullptr ? std::nullopt : std::optional(*found);
  };
  const auto file = value("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
  if (!file || file->empty()) return std::nullopt;
  const auto role = value("AWS_ROLE_ARN", "role_arn");
  if (!role || role->empty()) {
    return bad_credentials("there is a token file of a web identity, but no role",
                           "set AWS_ROLE_ARN, or role_arn in the profile");
  }
  const auto session = value("AWS_ROLE_SESSION_NAME", "role_session_name");
  return WebIdentity{.role_arn = *role,
                     .session_name = session.value_or(""),
                     .token_file = *file,
                     .source = from_variables
                                   ? "a web identity named by the environment"
                                   : fmt::format("the web identity of profile {}", profile.name())};
}

// Keys that other tools fetch.
Found refused(const AwsProfile& profile, std::string_view what) {
  return fail(make_error(ErrorClass::fail, "credentials_unsupported",
                         fmt::format("profile {} gets its keys by {}, which headrace does not do",
                                     profile.name(), what))
                  .at("settings")
                  .hinting(fmt::format("let the AWS command line do it: add a profile with "
                                       "credential_process = aws configure export-credentials "
                                       "--profile {} --format process, and name that one",
                                       profile.name())));
}

Found role_by_other_keys(const AwsProfile& profile, const Environment&) {
  if (!profile.option("role_arn") || profile.option("web_identity_token_file")) return std::nullopt;
  return refused(profile, "a role that it takes on with other keys");
}

Found single_sign_on(const AwsProfile& profile, const Environment&) {
  if (!profile.option("sso_account_id") && !profile.option("sso_role_name")) return std::nullopt;
  return refused(profile, "a single sign-on");
}

Found login(const AwsProfile& profile, const Environment&) {
  if (!profile.option("login_session")) return std::nullopt;
  return refused(profile, "a login");
}

Found keys_of(const IniOptions& options, const AwsProfile& profile, const std::string& path) {
  const std::string* id = find_option(options, "aws_access_key_id");
  if (id == nullptr) return std::nullopt;
  const std::string source = fmt::format("profile {} in {}", profile.name(), path);
  const std::string* secret = find_option(options, "aws_secret_access_key");
  if (secret == nullptr) return partial(source, "aws_secret_access_key");
  const std::string* token = find_option(options, "aws_security_token");
  if (token == nullptr) token = find_option(options, "aws_session_token");
  return S3Credentials{.access_key_id = *id,
                       .secret_access_key = *secret,
                       .session_token = token == nullptr ? std::string() : *token,
                       .source = source};
}

Found in_credentials_file(const AwsProfile& profile, const Environment&) {
  return keys_of(profile.in_credentials_file(), profile, profile.credentials_path());
}

Found in_config_file(const AwsProfile& profile, const Environment&) {
  return keys_of(profile.in_config_file(), profile, profile.config_path());
}

Found by_process(const AwsProfile& profile, const Environment&) {
  const std::string* command = profile.option("credential_process");
  if (command == nullptr) return std::nullopt;
  auto words = split_words(*command);
  if (!words || words->empty() || words->front().empty()) {
    return bad_credentials(
        fmt::format("credential_process of profile {} is no command line", profile.name()),
        "see whether each quote has its other half");
  }
  return CredentialProcess{
      .argv = std::move(*words),
      .source = fmt::format("credential_process of profile {}", profile.name())};
}

// Keys come in the clear over http, so only hosts that no wire leads to are asked that way.
bool may_be_asked(const Url& url) {
  constexpr std::array<std::string_view, 4> hosts = {"169.254.170.2", "169.254.170.23",
                                                     "fd00:ec2::23", "localhost"};
  const bool loopback = url.host.starts_with("127.") &&
                        url.host.find_first_not_of("0123456789.") == std::string::npos;
  if (url.secure() || loopback || url.host == "::1") return true;
  return std::ranges::find(hosts, url.host) != hosts.end();
}

Found in_container(const AwsProfile&, const Environment& environment) {
  const auto relative = environment.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto full = environment.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative && !full) return std::nullopt;
  ContainerCredentials container{
      .url = relative ? "http://169.254.170.2" + *relative : *full,
      .authorization = {},
      .authorization_file =
          environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").value_or(""),
      .source = "the container's credential service"};
  const Result<Url> url = Url::parse(container.url);
  if (!url || !may_be_asked(*url)) {
    return bad_credentials(
        "the container's credential service is at an address where keys must not "
        "be fetched",
        "it has to be https, a loopback address, or one of the container service");
  }
  if (container.authorization_file.empty()) {
    container.authorization =
        environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  }
  return container;
}

Result<int> count_of(const AwsProfile& profile, const Environment& environment,
                     std::string_view variable, std::string_view option) {
  std::optional<std::string> text = set_variable(environment, variable);
  if (const std::string* said = profile.option(option); !text && said != nullptr) text = *said;
  if (!text) return 1;
  int count = 0;
  const auto [end, errc] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (errc == std::errc() && end == text->data() + text->size() && count >= 1 && count <= 3600) {
    return count;
  }
  return bad_credentials(fmt::format("{} is not a number from 1 to 3600", variable), "correct it");
}

Found on_instance(const AwsProfile& profile, const Environment& environment) {
  const auto said = [&](std::string_view variable, std::string_view option) {
    std::optional<std::string> value = set_variable(environment, variable);
    if (const std::string* found = profile.option(option); !value && found) value = *found;
    return value;
  };
  if (lowered(environment.variable("AWS_EC2_METADATA_DISABLED").value_or("")) == "true") {
    return std::nullopt;
  }
  const auto mode =
      said("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
  const auto old_mode = said("AWS_IMDS_USE_IPV6", "imds_use_ipv6");
  const bool ipv6 =
      lowered(mode.value_or(lowered(old_mode.value_or("")) == "true" ? "ipv6" : "")) == "ipv6";
  InstanceCredentials instance{
      .endpoint = said("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")
                      .value_or(ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254"),
      .without_token_allowed =
          lowered(said("AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled").value_or("")) !=
          "true",
      .source = "the instance metadata service"};
  while (instance.endpoint.ends_with('/')) instance.endpoint.pop_back();
  if (!Url::parse(instance.endpoint)) {
    return bad_credentials("the address of the instance metadata service is none",
                           "correct or unset AWS_EC2_METADATA_SERVICE_ENDPOINT");
  }
  Result<int> timeout =
      count_of(profile, environment, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout");
  if (!timeout) return fail(std::move(timeout.error()));
  Result<int> attempts = count_of(profile, environment, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                                  "metadata_service_num_attempts");
  if (!attempts) return fail(std::move(attempts.error()));
  instance.timeout_s = *timeout;
  instance.attempts = *attempts;
  return instance;
}

}  // namespace

Result<CredentialSource> find_credentials(const S3Flags& flags, const AwsProfile& profile,
                                          const Environment& environment) {
  if (flags.no_sign) {
    S3Credentials nobody;
    nobody.source = "--no-sign-request";
    return nobody;
  }
  if (flags.keys) return *flags.keys;
  for (auto look :
       {in_environment, role_by_other_keys, web_identity, single_sign_on, in_credentials_file,
        login, by_process, in_config_file, in_container, on_instance}) {
    Found found = look(profile, environment);
    if (!found) return fail(std::move(found.error()));
    if (*found) return std::move(**found);
  }
  return fail(no_credentials("variables, profile and container"));
}

const std::string& source_of(const CredentialSource& source) {
  return std::visit([](const auto& each) -> const std::string& { return each.source; }, source);
}

Error no_credentials(std::string_view asked) {
  return make_error(ErrorClass::fail, "no_credentials",
                    fmt::format("no keys for the store: {} have none", asked))
      .at("credentials")
      .hinting(
          "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile; for a public "
          "bucket give --no-sign-request");
}

}  // namespace headrace
