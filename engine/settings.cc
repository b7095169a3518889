#include "engine/settings.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace headrace {
namespace {

// Files of settings list every account of a company at most. Anything longer is the wrong file.
constexpr std::size_t small_file_bytes_max = 4 << 20;
// A token file holds one line. Anything much longer is the wrong file, and is told so: a part of it
// would pass for another token.
constexpr std::size_t token_file_bytes_max = 64 * 1024;

std::optional<std::string> non_empty(const Environment& environment, std::string_view name) {
  std::optional<std::string> value = environment.variable(name);
  if (value && value->empty()) value.reset();
  return value;
}

bool flag_of(const Environment& environment, std::string_view name) {
  return is_true(environment.variable(name).value_or(""));
}

std::string expand_home(std::string path, const Environment& environment) {
  if (path == "~" || path.starts_with("~/")) {
    path.replace(0, 1, environment.variable("HOME").value_or("/"));
  }
  return path;
}

Result<std::string> clean_endpoint(std::string_view text, std::string_view source) {
  while (text.ends_with('/')) text.remove_suffix(1);
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '@';
  });
  const bool known = text.starts_with("http://") || text.starts_with("https://");
  const std::size_t host = text.find("://");
  if (!plain || !known || host + 3 >= text.size() || text[host + 3] == '/') {
    return fail(make_error(ErrorClass::fail, "bad_endpoint",
                           fmt::format("{} is not an http:// or https:// address without "
                                       "user, query and fragment",
                                       source))
                    .at("settings")
                    .hinting("give the address of a Hub, such as https://huggingface.co"));
  }
  return std::string(text);
}

Result<std::string> endpoint_of(const SettingsFlags& flags, const Environment& environment) {
  if (flags.endpoint) return clean_endpoint(*flags.endpoint, "--endpoint");
  if (auto value = non_empty(environment, "HF_ENDPOINT")) {
    return clean_endpoint(*value, "HF_ENDPOINT");
  }
  if (flag_of(environment, "HUGGINGFACE_CO_STAGING")) return "https://hub-ci.huggingface.co";
  return std::string(public_endpoint);
}

Result<std::optional<std::string>> token_in_file(const std::string& path,
                                                 const Environment& environment) {
  Result<std::optional<std::string>> text = environment.read_file(path);
  if (!text) return fail(std::move(text.error()).at("settings").on_path(path));
  if (!*text) return std::optional<std::string>();
  if ((*text)->size() > token_file_bytes_max) {
    return fail(make_error(ErrorClass::fail, "token_file_unreadable",
                           "the token file is larger than 64 KiB, so it is none")
                    .at("settings")
                    .on_path(path)
                    .hinting("name the file whose one line is the token"));
  }
  Result<std::string> token = clean_token(**text, path);
  if (!token) return fail(std::move(token.error()));
  return std::optional<std::string>(std::move(*token));
}

// A token that was asked for by name must be there; silence would send the wrong one.
Status explicit_token(const SettingsFlags& flags, const Environment& environment,
                      Settings& settings) {
  if (flags.token) {
    Result<std::string> token = clean_token(*flags.token, "--token");
    if (!token) return fail(std::move(token.error()));
    settings.token = std::move(*token);
    settings.token_source = "--token";
  } else {
    Result<std::optional<std::string>> token = token_in_file(*flags.token_file, environment);
    if (!token) return fail(std::move(token.error()));
    settings.token = std::move(*token).value_or("");
    settings.token_source = *flags.token_file;
  }
  if (!settings.token.empty()) return {};
  return fail(make_error(ErrorClass::fail, flags.token ? "bad_token" : "token_file_unreadable",
                         flags.token
                             ? "--token is empty"
                             : "the file given with --token-file has no token or is missing")
                  .at("settings")
                  .on_path(flags.token ? "" : *flags.token_file)
                  .hinting("create a token in the settings of your account on the Hub"));
}

Status implicit_token(const Environment& environment, Settings& settings) {
  for (std::string_view name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    std::optional<std::string> value = environment.variable(name);
    if (!value) continue;
    Result<std::string> token = clean_token(*value, name);
    if (!token) return fail(std::move(token.error()));
    if (token->empty()) continue;
    settings.token = std::move(*token);
    settings.token_source = name;
    return {};
  }
  std::string path = token_path(environment);
  Result<std::optional<std::string>> token = token_in_file(path, environment);
  if (!token) return fail(std::move(token.error()));
  if (*token && !(*token)->empty()) {
    settings.token = std::move(**token);
    settings.token_source = std::move(path);
  }
  return {};
}

Result<std::optional<std::string>> read_small_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
    return fail(system_error("token_file_unreadable", "cannot open the file", errno));
  }
  std::string text;
  std::array<char, 4096> block;
  ssize_t count = 0;
  do {
    count = ::read(fd, block.data(), block.size());
    if (count > 0) text.append(block.data(), static_cast<std::size_t>(count));
  } while ((count > 0 && text.size() <= small_file_bytes_max) || (count < 0 && errno == EINTR));
  int read_errno = count < 0 ? errno : 0;
  if (text.size() > small_file_bytes_max) read_errno = EFBIG;
  ::close(fd);
  if (read_errno != 0) {
    return fail(system_error("token_file_unreadable", "cannot read the file", read_errno));
  }
  return std::optional<std::string>(std::move(text));
}

}  // namespace

Environment process_environment() {
  return {.variable = [](std::string_view name) -> std::optional<std::string> {
            const char* value = std::getenv(std::string(name).c_str());
            if (value == nullptr) return std::nullopt;
            return std::string(value);
          },
          .read_file = read_small_file};
}

bool is_true(std::string_view value) {
  std::string upper(value);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper == "1" || upper == "ON" || upper == "YES" || upper == "TRUE";
}

Result<std::string> clean_token(std::string_view text, std::string_view source) {
  std::string token;
  for (char c : text) {
    if (c != '\r' && c != '\n') token += c;
  }
  constexpr std::string_view blanks = " \t\v\f";
  const std::size_t begin = token.find_first_not_of(blanks);
  if (begin == std::string::npos) return std::string();
  token = token.substr(begin, token.find_last_not_of(blanks) - begin + 1);
  const bool printable =
      std::all_of(token.begin(), token.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (printable && token.size() <= 4096) return token;
  return fail(make_error(ErrorClass::fail, "bad_token",
                         fmt::format("the token from {} holds characters that no token has, or is "
                                     "too long",
                                     source))
                  .at("settings")
                  .hinting("look whether the right variable or file was given"));
}

std::string token_path(const Environment& environment) {
  if (auto path = non_empty(environment, "HF_TOKEN_PATH")) return expand_home(*path, environment);
  if (auto home = non_empty(environment, "HF_HOME")) {
    return expand_home(*home, environment) + "/token";
  }
  if (auto cache = non_empty(environment, "XDG_CACHE_HOME")) {
    return expand_home(*cache, environment) + "/huggingface/token";
  }
  return expand_home("~/.cache/huggingface/token", environment);
}

SettingsFlags without_hub(SettingsFlags flags) {
  flags.endpoint = public_endpoint;
  flags.token = "none";
  return flags;
}

Result<Settings> load_settings(const SettingsFlags& flags, const Environment& environment) {
  Settings settings;
  Result<std::string> endpoint = endpoint_of(flags, environment);
  if (!endpoint) return fail(std::move(endpoint.error()));
  settings.endpoint = std::move(*endpoint);
  if (flags.token || flags.token_file) {
    if (Status found = explicit_token(flags, environment, settings); !found) {
      return fail(std::move(found.error()));
    }
  } else if (!flag_of(environment, "HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
    if (Status found = implicit_token(environment, settings); !found) {
      return fail(std::move(found.error()));
    }
  }
  Result<ProxyRules> proxies = ProxyRules::load(flags.proxy, environment.variable);
  if (!proxies) return fail(std::move(proxies.error()));
  settings.proxies = std::move(*proxies);
  settings.offline =
      flag_of(environment, "HF_HUB_OFFLINE") || flag_of(environment, "TRANSFORMERS_OFFLINE");
  settings.progress_bars_disabled = flag_of(environment, "HF_HUB_DISABLE_PROGRESS_BARS");
  settings.debug = flag_of(environment, "HF_DEBUG");
  settings.tls = {.trust = choose_trust(flags.ca_cert, environment.variable),
                  .certificate = flags.client_cert,
                  .key = flags.client_key,
                  .skip_verification = flags.skip_tls_verification};
  return settings;
}

Status check_online(const Settings& settings) {
  if (!settings.offline) return {};
  return fail(make_error(ErrorClass::fail, "offline_mode",
                         "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids requests")
                  .at("connect")
                  .hinting("unset it, or use --dry-run"));
}

}  // namespace headrace
