// profile.h: one profile out of the files that the tools of AWS share, and the variables before it.
//
// The files are AWS_CONFIG_FILE (else ~/.aws/config), whose sections are `[profile NAME]`, and
// AWS_SHARED_CREDENTIALS_FILE (else ~/.aws/credentials), whose sections are `[NAME]`; what stands
// in the second goes before the first. The profile is that of the flag, else of
// AWS_DEFAULT_PROFILE, else of AWS_PROFILE, else "default"; one that was named must exist.
// Pure but for the reader it is handed. Source: botocore 1.44 (configloader.py, session.py).
// Fails with: bad_ini, aws_config_unreadable, profile_not_found.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/ini.h"
#include "engine/settings.h"

namespace headrace {

class AwsProfile {
 public:
  static Result<AwsProfile> load(const std::optional<std::string>& flag,
                                 const Environment& environment);

  const std::string& name() const { return name_; }
  // By the flag, which then goes before the variables that hold keys.
  bool named_by_flag() const { return named_by_flag_; }
  // An option of both files together, null if it is not there.
  const std::string* option(std::string_view name) const { return find_option(options_, name); }
  // One of the indented lines below `s3 =`.
  const std::string* s3_option(std::string_view name) const { return find_option(s3_, name); }
  const IniOptions& s3_options() const { return s3_; }
  // One of the lines below `SERVICE =` in the `[services …]` section that the profile names.
  const std::string* service_option(std::string_view service, std::string_view name) const;

  // The two files apart: keys are looked for in one after the other.
  const IniOptions& in_credentials_file() const { return credentials_; }
  const IniOptions& in_config_file() const { return config_; }
  const std::string& credentials_path() const { return credentials_path_; }
  const std::string& config_path() const { return config_path_; }

 private:
  Status choose(const std::vector<IniSection>& config, const std::vector<IniSection>& credentials,
                bool must_exist);
  Status read_services(const std::vector<IniSection>& config);

  std::string name_;
  bool named_by_flag_ = false;
  std::string config_path_;
  std::string credentials_path_;
  IniOptions config_;
  IniOptions credentials_;
  IniOptions options_;
  IniOptions s3_;
  std::map<std::string, IniOptions, std::less<>> services_;
};

// The value of a variable, nothing if it is not set or empty.
std::optional<std::string> set_variable(const Environment& environment, std::string_view name);

// With ~ at its beginning and $NAME or ${NAME} anywhere put in.
std::string expand_path(std::string_view path, const Environment& environment);

}  // namespace headrace
