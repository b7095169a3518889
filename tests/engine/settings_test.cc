#include "engine/settings.h"

#include <cerrno>
#include <cstdio>

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/support/environment.h"

namespace headrace {
namespace {

Settings settings_of(TextMap variables, TextMap files = {}, const SettingsFlags& flags = {}) {
  Result<Settings> settings =
      load_settings(flags, environment_of(std::move(variables), std::move(files)));
  REQUIRE(settings.has_value());
  return *settings;
}

std::string failure_of(TextMap variables, TextMap files = {}, const SettingsFlags& flags = {}) {
  Result<Settings> settings =
      load_settings(flags, environment_of(std::move(variables), std::move(files)));
  REQUIRE_FALSE(settings.has_value());
  return settings.error().code;
}

constexpr const char* home_token = "/home/u/.cache/huggingface/token";

}  // namespace

TEST_CASE("HF_ENDPOINT and --endpoint") {
  CHECK(settings_of({}).endpoint == "https://huggingface.co");
  CHECK(settings_of({{"HF_ENDPOINT", "http://localhost:8000//"}}).endpoint ==
        "http://localhost:8000");
  CHECK(settings_of({{"HF_ENDPOINT", ""}}).endpoint == "https://huggingface.co");
  CHECK(settings_of({{"HF_ENDPOINT", "http://a"}}, {}, {.endpoint = "https://b/hub"}).endpoint ==
        "https://b/hub");
  for (const char* bad : {"localhost:8000", "ftp://a", "http://", "http:///x", "http://a b",
                          "http://u:p@a", "http://a?x=1", "http://a#f", "http://a\r\nX: y"}) {
    CHECK_MESSAGE(failure_of({{"HF_ENDPOINT", bad}}) == "bad_endpoint", bad);
  }
}

TEST_CASE("who speaks to no Hub is not stopped by what is said of one") {
  const TextMap wrong = {{"HF_ENDPOINT", "localhost"}, {"HF_TOKEN", "a b"}};
  CHECK(failure_of(wrong) == "bad_endpoint");
  const Settings settings = settings_of(wrong, {}, without_hub({.ca_cert = "/c"}));
  CHECK(settings.endpoint == public_endpoint);
  CHECK(settings.tls.trust.path == "/c");
  CHECK_FALSE(settings_of({}, {}, without_hub({.token_file = "/none"})).token.empty());
}

TEST_CASE("HUGGINGFACE_CO_STAGING") {
  CHECK(settings_of({{"HUGGINGFACE_CO_STAGING", "1"}}).endpoint == "https://hub-ci.huggingface.co");
  CHECK(settings_of({{"HUGGINGFACE_CO_STAGING", "1"}, {"HF_ENDPOINT", "http://a"}}).endpoint ==
        "http://a");
}

TEST_CASE("HF_TOKEN before HUGGING_FACE_HUB_TOKEN before the file, a flag before all") {
  const TextMap files = {{home_token, "from-file\n"}, {"/t", " from-flag-file \r\n"}};
  const TextMap home = {{"HOME", "/home/u"}};
  TextMap both = home;
  both["HUGGING_FACE_HUB_TOKEN"] = "old";
  CHECK(settings_of(home, files).token == "from-file");
  CHECK(settings_of(home, files).token_source == home_token);
  CHECK(settings_of(both, files).token == "old");
  both["HF_TOKEN"] = "new";
  CHECK(settings_of(both, files).token == "new");
  CHECK(settings_of(both, files).token_source == "HF_TOKEN");
  both["HF_TOKEN"] = " \n";
  CHECK(settings_of(both, files).token == "old");
  CHECK(settings_of(both, files, {.token_file = "/t"}).token == "from-flag-file");
  CHECK(settings_of(both, files, {.token = "flag", .token_file = "/t"}).token == "flag");
  CHECK(settings_of({}).token.empty());
}

TEST_CASE("a token that was asked for must be there") {
  CHECK(failure_of({{"HF_TOKEN", "x"}}, {}, {.token = " "}) == "bad_token");
  CHECK(failure_of({{"HF_TOKEN", "x"}}, {}, {.token_file = "/none"}) == "token_file_unreadable");
  CHECK(failure_of({{"HF_TOKEN", "x"}}, {{"/t", "\n"}}, {.token_file = "/t"}) ==
        "token_file_unreadable");
  CHECK(failure_of({{"HOME", "/home/u"}}, {{home_token, "EACCES"}}) == "token_file_unreadable");
}

TEST_CASE("a token cannot carry a second header") {
  CHECK(clean_token("\r\n hf_abc \r\n", "t").value() == "hf_abc");
  // As the ecosystem does it, line ends go wherever they stand.
  CHECK(clean_token("hf_a\r\nbc", "t").value() == "hf_abc");
  CHECK(clean_token("", "t").value().empty());
  for (const char* bad : {"a b", "a\x01", "caf\xc3\xa9", "a\tb"}) {
    Result<std::string> token = clean_token(bad, "HF_TOKEN");
    REQUIRE_FALSE(token.has_value());
    CHECK(token.error().code == "bad_token");
    CHECK(token.error().message.find(bad) == std::string::npos);
  }
  CHECK_FALSE(clean_token(std::string(5000, 'a'), "t").has_value());
}

TEST_CASE("HF_TOKEN_PATH, HF_HOME and XDG_CACHE_HOME name the token file") {
  const auto path = [](TextMap variables) {
    return token_path(environment_of(std::move(variables)));
  };
  CHECK(path({{"HOME", "/home/u"}}) == home_token);
  CHECK(path({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}) == "/x/huggingface/token");
  CHECK(path({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "/f"}}) == "/f/token");
  CHECK(path({{"HOME", "/h"}, {"HF_HOME", "~/f"}}) == "/h/f/token");
  CHECK(path({{"HOME", "/h"}, {"HF_HOME", "/f"}, {"HF_TOKEN_PATH", "~/p"}}) == "/h/p");
}

TEST_CASE("HF_HUB_DISABLE_IMPLICIT_TOKEN leaves the token to the flags") {
  const TextMap variables = {{"HF_HUB_DISABLE_IMPLICIT_TOKEN", "yes"}, {"HF_TOKEN", "x"}};
  CHECK(settings_of(variables).token.empty());
  CHECK(settings_of(variables, {}, {.token = "flag"}).token == "flag");
}

TEST_CASE("HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE, HF_HUB_DISABLE_PROGRESS_BARS, HF_DEBUG") {
  CHECK_FALSE(settings_of({}).offline);
  CHECK(settings_of({{"HF_HUB_OFFLINE", "on"}}).offline);
  CHECK(settings_of({{"TRANSFORMERS_OFFLINE", "1"}}).offline);
  CHECK_FALSE(settings_of({{"HF_HUB_OFFLINE", "0"}}).offline);
  CHECK(settings_of({{"HF_HUB_DISABLE_PROGRESS_BARS", "True"}}).progress_bars_disabled);
  CHECK_FALSE(settings_of({}).progress_bars_disabled);
  CHECK(settings_of({{"HF_DEBUG", "1"}}).debug);
  CHECK_FALSE(settings_of({{"HF_DEBUG", "2"}}).debug);
}

TEST_CASE("proxies by variables and by flags") {
  Url url = *Url::parse("http://hub.test/");
  auto proxy_of = [&url](const Settings& settings) { return (*settings.proxies.choose(url)); };
  CHECK(proxy_of(settings_of({})) == nullptr);
  CHECK(proxy_of(settings_of({{"http_proxy", "p:1"}}))->source == "http_proxy");
  SettingsFlags flags{.proxy = {.proxy = "q:1", .no_proxy = {}}};
  CHECK(proxy_of(settings_of({{"http_proxy", "p:1"}}, {}, flags))->source == "--proxy");
  flags.proxy.no_proxy = "hub.test";
  CHECK(proxy_of(settings_of({}, {}, flags)) == nullptr);
  // A variable may be meant for others; a flag is meant for us.
  CHECK(settings_of({{"http_proxy", "nonsense://"}}).endpoint == "https://huggingface.co");
  CHECK(failure_of({}, {}, {.proxy = {.proxy = "nonsense://", .no_proxy = {}}}) == "bad_proxy");
}

TEST_CASE("the truth values of the ecosystem") {
  for (const char* yes : {"1", "ON", "on", "YES", "Yes", "TRUE", "true"}) CHECK(is_true(yes));
  for (const char* no : {"", "0", "2", "OFF", "no", "false", " 1", "truer"})
    CHECK_FALSE(is_true(no));
}

TEST_CASE("a token file that is too large is an error, not a part of it") {
  const SettingsFlags flags = {.token_file = "/t"};
  std::string text = "hf_x";
  text.resize(64 * 1024, '\n');
  CHECK(settings_of({}, {{"/t", text}}, flags).token == "hf_x");
  Result<Settings> settings = load_settings(flags, environment_of({}, {{"/t", text + "\n"}}));
  REQUIRE_FALSE(settings.has_value());
  CHECK(settings.error().code == "token_file_unreadable");
  CHECK(settings.error().path == "/t");
  CHECK_FALSE(settings.error().hint.empty());
}

TEST_CASE("the files of this process are read whole, a missing one is none") {
  char path[] = "/tmp/headrace_settings_XXXXXX";
  const int fd = ::mkstemp(path);
  REQUIRE(fd >= 0);
  const std::string text(10'000, 'x');
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const Environment environment = process_environment();
  Result<std::optional<std::string>> read = environment.read_file(path);
  REQUIRE(read.has_value());
  CHECK(*read == text);
  constexpr std::size_t most = 4 << 20;
  REQUIRE(::ftruncate(fd, most) == 0);
  CHECK(environment.read_file(path).value().value().size() == most);
  REQUIRE(::ftruncate(fd, most + 1) == 0);
  read = environment.read_file(path);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().sys_error == EFBIG);
  ::close(fd);
  ::unlink(path);
  read = environment.read_file(path);
  REQUIRE(read.has_value());
  CHECK_FALSE(read->has_value());
  read = environment.read_file("/");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().sys_error == EISDIR);
}

}  // namespace headrace
