// settings.h: what the ecosystem's environment variables and files say, made into one value.
//
// Precedence: flag, then environment, then file. The environment and the file reader are handed
// in, so that nothing here touches the process and tests need no real environment.
// Variables: HF_ENDPOINT, HUGGINGFACE_CO_STAGING, HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH,
// HF_HOME, XDG_CACHE_HOME, HOME, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE,
// TRANSFORMERS_OFFLINE, HF_HUB_DISABLE_PROGRESS_BARS, HF_DEBUG, and those of net/trust.h and
// net/proxy.h.
// Source: shared notes on huggingface_hub 2.4.0 (`constants.py`, `utils/_auth.py`).
// Fails with: bad_endpoint, bad_token, token_file_unreadable, offline_mode; bad_proxy and
// proxy_unsupported of a flag.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "io/error.h"
#include "net/proxy.h"
#include "net/tls_context.h"

namespace headrace {

inline constexpr std::string_view public_endpoint = "https://huggingface.co";

struct Environment {
  // The value of a variable, nothing if it is not set.
  std::function<std::optional<std::string>(std::string_view name)> variable;
  // The whole of a small file; nothing if there is none. A larger one is an error, never cut.
  std::function<Result<std::optional<std::string>>(const std::string& path)> read_file;
};
// The variables and files of this process.
Environment process_environment();

struct SettingsFlags {
  std::optional<std::string> endpoint;
  std::optional<std::string> token;
  std::optional<std::string> token_file;
  std::optional<std::string> ca_cert;  // a file, or a folder
  std::string client_cert;
  std::string client_key;
  bool skip_tls_verification = false;
  ProxyFlags proxy;
};

struct Settings {
  std::string endpoint;      // no trailing slash
  std::string token;         // empty: anonymous
  std::string token_source;  // --token, HF_TOKEN, a path …; for messages, never the token
  ProxyRules proxies;
  bool offline = false;
  bool progress_bars_disabled = false;
  bool debug = false;
  TlsSettings tls;
};

// For those who speak to no Hub: neither its token nor its address is looked for, so none can be
// wrong.
SettingsFlags without_hub(SettingsFlags);
Result<Settings> load_settings(const SettingsFlags&, const Environment&);
// `offline_mode` where the environment forbids requests.
Status check_online(const Settings&);

// 1, ON, YES, TRUE in any case.
bool is_true(std::string_view value);
// Without CR, LF and outer blanks; `bad_token` if what remains cannot stand in a header.
Result<std::string> clean_token(std::string_view text, std::string_view source);
// Where a login leaves its token.
std::string token_path(const Environment&);

}  // namespace headrace
