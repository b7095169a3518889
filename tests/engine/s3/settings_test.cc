// settings_test.cc: profiles, settings and where keys come from; settings_table.inc has what
// botocore makes of a few hundred environments.
#include "engine/s3/settings.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/s3/credentials.h"
#include "engine/s3_account.h"
#include "tests/support/environment.h"

namespace headrace {
namespace {

constexpr const char* config_path = "/home/u/.aws/config";
constexpr const char* credentials_path = "/home/u/.aws/credentials";

struct SettingsRow {
  const char* variables;
  const char* config;
  const char* credentials;
  const char* flag;
  const char* region;
  const char* keys;
};

const SettingsRow settings_rows[] = {
#include "tests/engine/s3/settings_table.inc"
};

TextMap variables_of(std::string_view lines) {
  TextMap variables = {{"HOME", "/home/u"}};
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    variables.emplace(line.substr(0, line.find('=')), line.substr(line.find('=') + 1));
  }
  return variables;
}

// With the blank of an empty word at its end taken off, as the table has it.
std::string trimmed_end(std::string text) {
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

std::string described(const CredentialSource& source) {
  if (const auto* keys = std::get_if<S3Credentials>(&source)) {
    return trimmed_end(fmt::format("keys {} {} {}", keys->access_key_id, keys->secret_access_key,
                                   keys->session_token));
  }
  if (const auto* process = std::get_if<CredentialProcess>(&source)) {
    return fmt::format("process {}", fmt::join(process->argv, "|"));
  }
  if (const auto* web = std::get_if<WebIdentity>(&source)) {
    return trimmed_end(
        fmt::format("web {} {} {}", web->role_arn, web->token_file, web->session_name));
  }
  if (const auto* container = std::get_if<ContainerCredentials>(&source)) {
    return trimmed_end(fmt::format("container {} {}", container->url, container->authorization));
  }
  return fmt::format("instance {}", std::get<InstanceCredentials>(source).endpoint);
}

// The region and the keys, as a row of the table has them.
std::pair<std::string, std::string> ask(const S3Flags& flags, const Environment& environment) {
  const Result<AwsProfile> profile = AwsProfile::load(flags.profile, environment);
  if (!profile) return {"", "error"};
  const Result<S3Settings> settings = load_s3_settings(flags, *profile, environment);
  if (!settings) return {"", "error"};
  const std::string region = settings->region_source == "the default" ? "" : settings->region;
  const Result<CredentialSource> source = find_credentials(flags, *profile, environment);
  if (source) return {region, described(*source)};
  if (source.error().code == "credentials_unsupported") return {region, "unsupported"};
  if (source.error().code == "no_credentials") return {region, "none"};
  return {"", "error"};
}

S3Settings s3_settings_of(TextMap variables, std::string config = "", const S3Flags& flags = {}) {
  variables.emplace("HOME", "/home/u");
  const Environment environment =
      environment_of(std::move(variables), {{config_path, std::move(config)}});
  const Result<AwsProfile> profile = AwsProfile::load(flags.profile, environment);
  REQUIRE(profile.has_value());
  const Result<S3Settings> settings = load_s3_settings(flags, *profile, environment);
  REQUIRE_MESSAGE(settings.has_value(), (settings ? "" : settings.error().message));
  return *settings;
}

Error s3_failure_of(TextMap variables, std::string config = "", const S3Flags& flags = {}) {
  variables.emplace("HOME", "/home/u");
  const Environment environment =
      environment_of(std::move(variables), {{config_path, std::move(config)}});
  const Result<AwsProfile> profile = AwsProfile::load(flags.profile, environment);
  if (!profile) return profile.error();
  const Result<S3Settings> settings = load_s3_settings(flags, *profile, environment);
  if (!settings) return settings.error();
  const Result<CredentialSource> source = find_credentials(flags, *profile, environment);
  REQUIRE_FALSE(source.has_value());
  return source.error();
}

}  // namespace

TEST_CASE("S3: region and keys of an environment, as botocore finds them") {
  for (const SettingsRow& row : settings_rows) {
    CAPTURE(std::string(row.variables));
    CAPTURE(std::string(row.config));
    CAPTURE(std::string(row.credentials));
    CAPTURE(std::string(row.flag));
    S3Flags flags;
    if (row.flag[0] != '\0') flags.profile = row.flag;
    const auto [region, keys] = ask(
        flags, environment_of(variables_of(row.variables),
                              {{config_path, row.config}, {credentials_path, row.credentials}}));
    CHECK(keys == std::string(row.keys));
    CHECK(region == std::string(row.region));
  }
}

TEST_CASE("S3: the region of a flag, then of AWS_REGION, then as botocore has it") {
  const std::string config = "[default]\nregion = eu-north-1\n";
  CHECK(s3_settings_of({}).region == "us-east-1");
  CHECK(s3_settings_of({}, config).region == "eu-north-1");
  CHECK(s3_settings_of({{"AWS_DEFAULT_REGION", "a"}}, config).region == "a");
  const TextMap both = {{"AWS_DEFAULT_REGION", "a"}, {"AWS_REGION", "b"}};
  CHECK(s3_settings_of(both, config).region == "b");
  CHECK(s3_settings_of(both, config).region_source == "AWS_REGION");
  CHECK(s3_settings_of(both, config, {.region = "c"}).region == "c");
  CHECK(s3_failure_of({{"AWS_REGION", "a/b"}}).code == "bad_s3_setting");
}

TEST_CASE("S3: the endpoint of a flag, of variables, of services, of the profile") {
  const std::string config =
      "[default]\nendpoint_url = http://profile/\nservices = local\n"
      "[services local]\ns3 =\n  endpoint_url = http://service/path/\n"
      "sts =\n  endpoint_url = http://sts-service\n";
  CHECK(s3_settings_of({}).endpoint_url.empty());
  CHECK(s3_settings_of({}, config).endpoint_url == "http://service/path");
  CHECK(s3_settings_of({}, config).sts_endpoint_url == "http://sts-service");
  CHECK(s3_settings_of({}, "[default]\nendpoint_url = http://profile/\n").endpoint_url ==
        "http://profile");
  TextMap variables = {{"AWS_ENDPOINT_URL", "http://all"}};
  CHECK(s3_settings_of(variables, config).endpoint_url == "http://all");
  variables["AWS_ENDPOINT_URL_S3"] = "http://s3:9000";
  CHECK(s3_settings_of(variables, config).endpoint_url == "http://s3:9000");
  CHECK(s3_settings_of(variables, config).endpoint_source == "AWS_ENDPOINT_URL_S3");
  CHECK(s3_settings_of(variables, config).sts_endpoint_url == "http://all");
  CHECK(s3_settings_of(variables, config, {.endpoint_url = "https://flag"}).endpoint_url ==
        "https://flag");
  variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  CHECK(s3_settings_of(variables, config).endpoint_url.empty());
  CHECK(s3_settings_of(variables, config, {.endpoint_url = "https://flag"}).endpoint_url ==
        "https://flag");
  for (const char* bad : {"s3.example.org", "ftp://a", "http://u:secret@a", "http://a?x=y"}) {
    const Error error = s3_failure_of({{"AWS_ENDPOINT_URL", bad}});
    CHECK(error.code == "bad_endpoint");
    CHECK_FALSE(error.message.contains("secret"));
  }
  CHECK(s3_failure_of({}, "[default]\nservices = none\n").code == "bad_ini");
}

TEST_CASE("S3: the options below s3 =") {
  const S3Settings settings = s3_settings_of({{"AWS_CA_BUNDLE", "~/ca.pem"}},
                                             "[default]\ns3 =\n"
                                             "    addressing_style = virtual\n"
                                             "    payload_signing_enabled = true\n"
                                             "    use_accelerate_endpoint = True\n"
                                             "    use_dualstack_endpoint = false\n"
                                             "    multipart_threshold = 64MB\n"
                                             "    multipart_chunksize = 16777216\n"
                                             "    max_concurrent_requests = 20\n"
                                             "    signature_version = s3v4\n"
                                             "request_checksum_calculation = when_required\n");
  CHECK(settings.addressing == S3Addressing::virtual_host);
  CHECK(settings.sign_payload == true);
  CHECK(settings.accelerate);
  CHECK_FALSE(settings.dualstack);
  CHECK(settings.multipart_chunksize == 16 << 20);
  CHECK(settings.checksums_only_if_needed);
  CHECK(settings.ca_bundle == "/home/u/ca.pem");
  CHECK(settings.ca_bundle_source == "AWS_CA_BUNDLE");
  REQUIRE(settings.ignored.size() == 3);
  CHECK(settings.ignored[0].name == "s3.multipart_threshold");
  CHECK(settings.ignored[1].name == "s3.max_concurrent_requests");
  for (const IgnoredSetting& ignored : settings.ignored) CHECK_FALSE(ignored.reason.empty());

  const S3Settings plain = s3_settings_of({});
  CHECK(plain.addressing == S3Addressing::automatic);
  CHECK_FALSE(plain.sign_payload.has_value());
  CHECK_FALSE(plain.multipart_chunksize.has_value());
  CHECK(s3_settings_of({}, "[default]\ns3 =\n  addressing_style = path\n").addressing ==
        S3Addressing::path);
  for (const char* bad : {"addressing_style = paths", "multipart_chunksize = 0",
                          "multipart_chunksize = 8 MB", "multipart_chunksize = 99999999TB"}) {
    const std::string config = fmt::format("[default]\ns3 =\n  {}\n", bad);
    CHECK(s3_failure_of({}, config).code == "bad_s3_setting");
  }
  // What has no effect stops nothing either.
  CHECK(s3_settings_of({}, "[default]\ns3 =\n  multipart_threshold = 8 MB\n").ignored.size() == 1);
  CHECK(s3_failure_of({{"AWS_REQUEST_CHECKSUM_CALCULATION", "never"}}).code == "bad_s3_setting");
}

TEST_CASE("S3: whose certificates are believed: the flag's, the account's, all others'") {
  const S3Account said{
      .settings = s3_settings_of({{"AWS_CA_BUNDLE", "/a"}}, "[default]\nca_bundle=/b\n"),
      .credentials = S3Credentials(),
      .stores_file = {}};
  const Trust flag{.source = "--ca-cert", .path = "/c", .root = {}};
  const Trust variable{.source = "SSL_CERT_FILE", .path = "/d", .root = {}};
  CHECK(trust_of(said, flag).path == "/c");
  CHECK(trust_of(said, variable).path == "/a");
  CHECK(trust_of(said, Trust()).text() == "AWS_CA_BUNDLE /a");
  const S3Account silent{
      .settings = s3_settings_of({}), .credentials = S3Credentials(), .stores_file = {}};
  CHECK(trust_of(silent, variable).path == "/d");
  const S3Account profile{.settings = s3_settings_of({}, "[default]\nca_bundle = /b\n"),
                          .credentials = S3Credentials(),
                          .stores_file = {}};
  CHECK(trust_of(profile, variable).text() == "ca_bundle of profile default /b");
}

TEST_CASE("S3: anonymous by flag, whatever keys there are") {
  const Environment environment =
      environment_of({{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "B"}});
  const Result<AwsProfile> profile = AwsProfile::load(std::nullopt, environment);
  REQUIRE(profile.has_value());
  const auto source = find_credentials({.no_sign = true}, *profile, environment);
  REQUIRE(source.has_value());
  CHECK(std::get<S3Credentials>(*source).anonymous());
}

TEST_CASE("S3: what is wrong with keys is said without them") {
  const TextMap off = {{"AWS_EC2_METADATA_DISABLED", "true"}};
  CHECK(s3_failure_of(off).code == "no_credentials");
  const Error half = s3_failure_of({{"AWS_ACCESS_KEY_ID", "AKIDSECRETID"}});
  CHECK(half.code == "partial_credentials");
  CHECK_FALSE(half.message.contains("AKIDSECRETID"));
  CHECK(s3_failure_of({{"AWS_PROFILE", "none"}}).code == "profile_not_found");
  const Error broken = s3_failure_of({}, "[default]\naws_secret_access_key MYSECRET\n");
  CHECK(broken.code == "bad_ini");
  CHECK(broken.path == config_path);
  CHECK(broken.message.contains("line 2"));
  CHECK_FALSE(broken.message.contains("MYSECRET"));
  const Error login = s3_failure_of(off, "[default]\nlogin_session = x\n");
  CHECK(login.code == "credentials_unsupported");
  CHECK(login.hint.contains("credential_process"));
  CHECK(s3_failure_of(off, "[default]\ncredential_process = 'keys\n").code == "bad_s3_setting");
  for (const char* url : {"http://127.example.org/x", "http://127.0.0.1.example.org/", "keys"}) {
    CAPTURE(url);
    CHECK(s3_failure_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}}).code == "bad_s3_setting");
  }
}

TEST_CASE("S3: the expiry of keys in the environment, and the instance's limits") {
  TextMap variables = {{"AWS_ACCESS_KEY_ID", "A"},
                       {"AWS_SECRET_ACCESS_KEY", "B"},
                       {"AWS_CREDENTIAL_EXPIRATION", "2026-01-31T12:00:00Z"}};
  const auto find = [](const TextMap& said) {
    const Environment environment = environment_of(said);
    const Result<AwsProfile> profile = AwsProfile::load(std::nullopt, environment);
    REQUIRE(profile.has_value());
    return find_credentials({}, *profile, environment);
  };
  CHECK(std::get<S3Credentials>(find(variables).value()).expires_at == 1769860800);
  variables["AWS_CREDENTIAL_EXPIRATION"] = "soon";
  CHECK(find(variables).error().code == "bad_s3_setting");
  const auto instance = find({{"AWS_METADATA_SERVICE_TIMEOUT", "3"},
                              {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2"},
                              {"AWS_EC2_METADATA_V1_DISABLED", "true"}});
  CHECK(std::get<InstanceCredentials>(instance.value()).timeout_s == 3);
  CHECK(std::get<InstanceCredentials>(instance.value()).attempts == 2);
  CHECK_FALSE(std::get<InstanceCredentials>(instance.value()).without_token_allowed);
  CHECK(find({{"AWS_METADATA_SERVICE_TIMEOUT", "0"}}).error().code == "bad_s3_setting");
}

}  // namespace headrace
