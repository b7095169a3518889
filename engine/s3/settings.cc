#include "engine/s3/settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "io/ascii.h"
#include "net/url.h"

namespace headrace {
namespace {

std::unexpected<Error> bad_setting(std::string_view name, std::string_view what) {
  return fail(
      make_error(ErrorClass::fail, "bad_s3_setting", fmt::format("{} is not {}", name, what))
          .at("settings")
          .hinting("correct it, or take it out"));
}

// A value and where it stands.
struct Said {
  std::string value;
  std::string source;
};

class Reader {
 public:
  Reader(const AwsProfile& profile, const Environment& environment)
      : profile_(profile), environment_(environment) {}

  std::optional<Said> variable(std::string_view name) const {
    std::optional<std::string> value = set_variable(environment_, name);
    if (!value) return std::nullopt;
    return Said{.value = std::move(*value), .source = std::string(name)};
  }

  std::optional<Said> option(std::string_view name) const {
    return in_profile(profile_.option(name), name);
  }
  std::optional<Said> s3_option(std::string_view name) const {
    return in_profile(profile_.s3_option(name), fmt::format("s3.{}", name));
  }
  std::optional<Said> service_option(std::string_view service, std::string_view name) const {
    return in_profile(profile_.service_option(service, name), fmt::format("{}.{}", service, name));
  }

  std::optional<Said> either(std::string_view variable_name, std::string_view option_name) const {
    std::optional<Said> said = variable(variable_name);
    return said ? said : option(option_name);
  }

  bool is_true(std::string_view variable_name, std::string_view option_name) const {
    const std::optional<Said> said = either(variable_name, option_name);
    return said && lowered(said->value) == "true";
  }

 private:
  std::optional<Said> in_profile(const std::string* value, std::string_view name) const {
    if (value == nullptr || value->empty()) return std::nullopt;
    return Said{.value = *value, .source = fmt::format("{} of profile {}", name, profile_.name())};
  }

  const AwsProfile& profile_;
  const Environment& environment_;
};

Status read_region(const S3Flags& flags, const Reader& reader, S3Settings& settings) {
  std::optional<Said> said;
  if (flags.region) said = Said{.value = *flags.region, .source = "--region"};
  if (!said) said = reader.variable("AWS_REGION");
  if (!said) said = reader.either("AWS_DEFAULT_REGION", "region");
  if (!said) said = Said{.value = "us-east-1", .source = "the default"};
  // It becomes part of a host and of a signature.
  const bool is_label = !said->value.empty() && said->value.size() <= 63 &&
                        std::ranges::all_of(said->value, [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '-' || c == '_';
                        });
  if (!is_label) return bad_setting(said->source, "the name of a region");
  settings.region = std::move(said->value);
  settings.region_source = std::move(said->source);
  return {};
}

Result<std::string> clean_endpoint(const Said& said) {
  const Result<Url> url = Url::parse(said.value);
  if (!url || !url->query().empty()) {
    return fail(make_error(ErrorClass::fail, "bad_endpoint",
                           fmt::format("{} is not an http:// or https:// address without user, "
                                       "query and fragment",
                                       said.source))
                    .at("settings")
                    .hinting("give the address of the store, such as https://s3.example.org"));
  }
  std::string text = url->text();
  while (text.ends_with('/')) text.pop_back();
  return text;
}

// What is configured for a service of AWS, whichever it is.
std::optional<Said> configured_endpoint(const Reader& reader, std::string_view service) {
  if (reader.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")) {
    return std::nullopt;
  }
  std::optional<Said> said =
      reader.variable(service == "s3" ? "AWS_ENDPOINT_URL_S3" : "AWS_ENDPOINT_URL_STS");
  if (!said) said = reader.variable("AWS_ENDPOINT_URL");
  if (!said) said = reader.service_option(service, "endpoint_url");
  if (!said) said = reader.option("endpoint_url");
  return said;
}

Status read_endpoints(const S3Flags& flags, const Reader& reader, S3Settings& settings) {
  std::optional<Said> said = configured_endpoint(reader, "s3");
  if (flags.endpoint_url) said = Said{.value = *flags.endpoint_url, .source = "--endpoint-url"};
  if (said) {
    Result<std::string> url = clean_endpoint(*said);
    if (!url) return fail(std::move(url.error()));
    settings.endpoint_url = std::move(*url);
    settings.endpoint_source = std::move(said->source);
  }
  said = configured_endpoint(reader, "sts");
  if (!said) return {};
  Result<std::string> url = clean_endpoint(*said);
  if (!url) return fail(std::move(url.error()));
  settings.sts_endpoint_url = std::move(*url);
  return {};
}

Status read_addressing(const S3Flags& flags, const Reader& reader, S3Settings& settings) {
  if (flags.addressing) {
    settings.addressing = *flags.addressing;
    return {};
  }
  const std::optional<Said> said = reader.s3_option("addressing_style");
  if (!said || said->value == "auto") return {};
  if (said->value != "path" && said->value != "virtual") {
    return bad_setting(said->source, "one of auto, path and virtual");
  }
  settings.addressing = said->value == "path" ? S3Addressing::path : S3Addressing::virtual_host;
  return {};
}

// 8388608, 8MB or 8MiB: all the same, as the AWS command line has it.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::string low = lowered(text);
  std::uint64_t count = 0;
  const auto [end, errc] = std::from_chars(low.data(), low.data() + low.size(), count);
  if (errc != std::errc() || count == 0) return std::nullopt;
  const std::string_view unit(end, low.data() + low.size());
  constexpr std::array<std::string_view, 4> units = {"k", "m", "g", "t"};
  if (unit.empty()) return count;
  for (std::size_t power = 0; power < units.size(); ++power) {
    if (!unit.starts_with(units[power])) continue;
    const std::string_view rest = unit.substr(1);
    const unsigned shift = static_cast<unsigned>(10 * (power + 1));
    if ((rest != "b" && rest != "ib") || count >> (63 - shift) != 0) return std::nullopt;
    return count << shift;
  }
  return std::nullopt;
}

Status read_size(const Reader& reader, std::string_view name, std::optional<std::uint64_t>& size) {
  const std::optional<Said> said = reader.s3_option(name);
  if (!said) return {};
  size = parse_size(said->value);
  return size ? Status() : bad_setting(said->source, "a size such as 8388608 or 8MB");
}

std::string_view reason_to_ignore(std::string_view option) {
  if (option == "max_concurrent_requests" || option == "max_queue_size") {
    return "connections follow what the line and the memory budget bear; see --connections";
  }
  if (option == "max_bandwidth" || option == "target_bandwidth") return "see --limit-rate";
  if (option == "multipart_threshold") return "what is not larger than a part goes whole";
  if (option == "io_chunksize") return "blocks of 256 KiB are read";
  if (option == "preferred_transfer_client") return "there is one way to transfer";
  return "headrace has no such option";
}

void list_ignored(const AwsProfile& profile, S3Settings& settings) {
  constexpr std::array<std::string_view, 5> known = {
      "addressing_style", "payload_signing_enabled", "use_accelerate_endpoint",
      "use_dualstack_endpoint", "multipart_chunksize"};
  for (const auto& [name, value] : profile.s3_options()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    settings.ignored.push_back(
        {.name = "s3." + name, .reason = std::string(reason_to_ignore(name))});
  }
}

Status read_checksums(const Reader& reader, S3Settings& settings) {
  const std::optional<Said> said =
      reader.either("AWS_REQUEST_CHECKSUM_CALCULATION", "request_checksum_calculation");
  if (!said) return {};
  const std::string value = lowered(said->value);
  if (value != "when_supported" && value != "when_required") {
    return bad_setting(said->source, "when_supported or when_required");
  }
  settings.checksums_only_if_needed = value == "when_required";
  return {};
}

}  // namespace

Result<S3Settings> load_s3_settings(const S3Flags& flags, const AwsProfile& profile,
                                    const Environment& environment) {
  S3Settings settings;
  const Reader reader(profile, environment);
  for (auto read : {read_region, read_endpoints, read_addressing}) {
    if (Status status = read(flags, reader, settings); !status) {
      return fail(std::move(status.error()));
    }
  }
  if (Status status = read_checksums(reader, settings); !status) {
    return fail(std::move(status.error()));
  }
  const auto is_true = [&](std::string_view name) {
    const std::optional<Said> said = reader.s3_option(name);
    return said && lowered(said->value) == "true";
  };
  settings.dualstack = reader.s3_option("use_dualstack_endpoint")
                           ? is_true("use_dualstack_endpoint")
                           : reader.is_true("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
  settings.fips = reader.is_true("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
  settings.accelerate = is_true("use_accelerate_endpoint");
  if (reader.s3_option("payload_signing_enabled")) {
    settings.sign_payload = is_true("payload_signing_enabled");
  }
  if (auto said = reader.either("AWS_CA_BUNDLE", "ca_bundle")) {
    settings.ca_bundle = expand_path(said->value, environment);
    settings.ca_bundle_source = std::move(said->source);
  }
  Status size = read_size(reader, "multipart_chunksize", settings.multipart_chunksize);
  if (!size) return fail(std::move(size.error()));
  list_ignored(profile, settings);
  return settings;
}

std::string_view aws_domain(std::string_view region) {
  struct Partition {
    std::string_view prefix;
    std::string_view domain;
  };
  constexpr std::array<Partition, 6> partitions = {{{"cn-", "amazonaws.com.cn"},
                                                    {"eusc-", "amazonaws.eu"},
                                                    {"us-iso-", "c2s.ic.gov"},
                                                    {"us-isob-", "sc2s.sgov.gov"},
                                                    {"eu-isoe-", "cloud.adc-e.uk"},
                                                    {"us-isof-", "csp.hci.ic.gov"}}};
  for (const Partition& partition : partitions) {
    if (region.starts_with(partition.prefix)) return partition.domain;
  }
  return "amazonaws.com";
}

}  // namespace headrace
