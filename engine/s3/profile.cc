#include "engine/s3/profile.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/shell_words.h"

namespace headrace {
namespace {

Status check_nested(const IniSection& section) {
  for (const auto& [name, value] : section.options) {
    Result<IniOptions> nested = nested_options(value);
    if (!nested) return fail(std::move(nested.error()));
  }
  return {};
}

Result<std::vector<IniSection>> read_sections(const std::string& path,
                                              const Environment& environment) {
  Result<std::optional<std::string>> text = environment.read_file(path);
  if (!text) {
    Error error = std::move(text.error());
    error.code = "aws_config_unreadable";
    return fail(std::move(error).at("settings").on_path(path));
  }
  if (!*text) return std::vector<IniSection>();
  Result<std::vector<IniSection>> sections = parse_ini(**text);
  // Of all sections, as botocore does it: a file is right or wrong, whichever profile is asked for.
  Status nested;
  for (std::size_t i = 0; sections && nested && i < sections->size(); ++i) {
    nested = check_nested((*sections)[i]);
  }
  if (!sections || !nested) {
    return fail(std::move(sections ? nested.error() : sections.error())
                    .on_path(path)
                    .hinting("mend the file, or name another one with AWS_CONFIG_FILE or "
                             "AWS_SHARED_CREDENTIALS_FILE"));
  }
  return sections;
}

// NAME where `section` is `KIND NAME`, however NAME is quoted.
std::optional<std::string> named_section(std::string_view section, std::string_view kind) {
  if (!section.starts_with(kind)) return std::nullopt;
  auto words = split_words(section);
  if (!words || words->size() != 2) return std::nullopt;
  return words->back();
}

// The last section that is of that profile wins whole, as it does in botocore.
const IniSection* profile_section(const std::vector<IniSection>& config, std::string_view name) {
  const IniSection* found = nullptr;
  for (const IniSection& section : config) {
    const bool plain_default = section.name == "default" && name == "default";
    if (plain_default || named_section(section.name, "profile") == name) found = &section;
  }
  return found;
}

const IniSection* plain_section(const std::vector<IniSection>& file, std::string_view name) {
  const auto found = std::ranges::find(file, name, &IniSection::name);
  return found == file.end() ? nullptr : &*found;
}

bool is_name_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

std::optional<std::string> set_variable(const Environment& environment, std::string_view name) {
  std::optional<std::string> value = environment.variable(name);
  if (value && value->empty()) value.reset();
  return value;
}

std::string expand_path(std::string_view path, const Environment& environment) {
  std::string out;
  if (path == "~" || path.starts_with("~/")) {
    out = environment.variable("HOME").value_or("/");
    path.remove_prefix(1);
  }
  for (std::size_t at = 0; at < path.size();) {
    const bool braces = path.substr(at).starts_with("${");
    const std::size_t begin = at + (braces ? 2 : 1);
    std::size_t end = begin;
    while (end < path.size() && is_name_char(path[end])) ++end;
    const bool closed = !braces || (end < path.size() && path[end] == '}');
    std::optional<std::string> value;
    if (path[at] == '$' && end > begin && closed) {
      value = environment.variable(path.substr(begin, end - begin));
    }
    if (value) {
      out += *value;
      at = end + (braces ? 1 : 0);
    } else {
      out += path[at++];
    }
  }
  return out;
}

Result<AwsProfile> AwsProfile::load(const std::optional<std::string>& flag,
                                    const Environment& environment) {
  AwsProfile profile;
  std::optional<std::string> named = flag;
  for (std::string_view variable : {"AWS_DEFAULT_PROFILE", "AWS_PROFILE"}) {
    if (!named) named = set_variable(environment, variable);
  }
  profile.name_ = named.value_or("default");
  profile.named_by_flag_ = flag.has_value();
  profile.config_path_ = expand_path(
      set_variable(environment, "AWS_CONFIG_FILE").value_or("~/.aws/config"), environment);
  profile.credentials_path_ = expand_path(
      set_variable(environment, "AWS_SHARED_CREDENTIALS_FILE").value_or("~/.aws/credentials"),
      environment);
  auto config = read_sections(profile.config_path_, environment);
  if (!config) return fail(std::move(config.error()));
  auto credentials = read_sections(profile.credentials_path_, environment);
  if (!credentials) return fail(std::move(credentials.error()));
  if (Status status = profile.choose(*config, *credentials, named.has_value()); !status) {
    return fail(std::move(status.error()));
  }
  if (Status status = profile.read_services(*config); !status) {
    return fail(std::move(status.error()));
  }
  return profile;
}

Status AwsProfile::choose(const std::vector<IniSection>& config,
                          const std::vector<IniSection>& credentials, bool must_exist) {
  const IniSection* in_config = profile_section(config, name_);
  const IniSection* in_credentials = plain_section(credentials, name_);
  if (in_config == nullptr && in_credentials == nullptr && must_exist) {
    return fail(make_error(ErrorClass::fail, "profile_not_found",
                           fmt::format("there is no profile '{}' in {} or {}", name_, config_path_,
                                       credentials_path_))
                    .at("settings")
                    .hinting("see `aws configure list-profiles`, or unset AWS_PROFILE"));
  }
  if (in_config != nullptr) config_ = in_config->options;
  if (in_credentials != nullptr) credentials_ = in_credentials->options;
  options_ = config_;
  for (const auto& [name, value] : credentials_) set_option(options_, name, value);
  if (const std::string* s3 = option("s3")) {
    Result<IniOptions> nested = nested_options(*s3);
    if (!nested) return fail(std::move(nested.error()).on_path(config_path_));
    s3_ = std::move(*nested);
  }
  return {};
}

Status AwsProfile::read_services(const std::vector<IniSection>& config) {
  const std::string* wanted = option("services");
  if (wanted == nullptr) return {};
  for (const IniSection& section : config) {
    if (named_section(section.name, "services") != *wanted) continue;
    for (const auto& [service, value] : section.options) {
      Result<IniOptions> nested = nested_options(value);
      if (!nested) return fail(std::move(nested.error()).on_path(config_path_));
      services_[service] = std::move(*nested);
    }
    return {};
  }
  return fail(
      make_error(ErrorClass::fail, "bad_ini",
                 fmt::format("the profile '{}' names services '{}', and there is no such section",
                             name_, *wanted))
          .at("settings")
          .on_path(config_path_)
          .hinting("add the section, or take the line out"));
}

const std::string* AwsProfile::service_option(std::string_view service,
                                              std::string_view name) const {
  const auto found = services_.find(service);
  return found == services_.end() ? nullptr : find_option(found->second, name);
}

}  // namespace headrace
