#include "tools/hub/command.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>

#include "engine/copy_request.h"
#include "engine/settings.h"
#include "net/address.h"
#include "tools/hub/encoding.h"
#include "tools/hub/s3_objects.h"
#include "tools/hub/server.h"
#include "tools/hub/store_disk.h"

namespace headrace::hub {
namespace {

// Where LFS content is to lie, if not in the root.
struct StoreArguments {
  std::string address;  // s3://BUCKET[/PREFIX]; empty: in the root
  S3Flags flags;
  SettingsFlags network;
};

struct Arguments {
  std::string root;
  StoreArguments store;
  std::string listen = "127.0.0.1:0";
  std::vector<std::string> tokens;
  bool allow_remote = false;
  std::string certificate;
  std::string key;
  ProtocolOptions options;
};

int say_failure(const Error& error) {
  fmt::print(stderr, "{}\n", describe(error));
  return 1;
}

int say_usage(std::string_view what) {
  fmt::print(stderr, "headrace hub: {}\n", what);
  return 2;
}

// HOST:PORT with a numeric host; [::1]:0 for IPv6.
std::optional<HubServer::Address> parse_address(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  auto port = parse_number(text.substr(colon + 1));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  if (!port || *port > 65535 || !numeric_address(std::string(host), 0)) return std::nullopt;
  return HubServer::Address{.host = std::string(host), .port = static_cast<std::uint16_t>(*port)};
}

bool is_loopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

// T, T:write or T:read.
Token parse_token(std::string text) {
  for (std::string_view role : {":read", ":write"}) {
    if (!text.ends_with(role)) continue;
    text.resize(text.size() - role.size());
    return {.secret = std::move(text), .may_write = role == ":write"};
  }
  return {.secret = std::move(text)};
}

void add_store(CLI::App& app, StoreArguments& store) {
  CLI::Option* address = app.add_option(
      "--s3", store.address,
      "s3://BUCKET[/PREFIX]: LFS content lies there, and clients send it there themselves");
  app.add_option("--endpoint-url", store.flags.endpoint_url, "the store's address")->needs(address);
  app.add_option("--profile", store.flags.profile, "profile of the AWS tools")->needs(address);
  app.add_option("--region", store.flags.region, "the bucket's region")->needs(address);
  app.add_option("--ca-cert", store.network.ca_cert, "trust these certificates only (PEM)")
      ->needs(address);
}

// Null: in the root.
Result<std::unique_ptr<S3Objects>> open_store(const StoreArguments& store) {
  if (store.address.empty()) return std::unique_ptr<S3Objects>();
  Result<StoreAddress> where = parse_store_address(store.address);
  if (!where) return fail(std::move(where.error()));
  while (where->key.ends_with('/')) where->key.pop_back();
  const Environment environment = process_environment();
  Result<S3Account> account = load_s3_account(store.flags, environment);
  if (!account) return fail(std::move(account.error()));
  Result<Settings> settings = load_settings(without_hub(store.network), environment);
  if (!settings) return fail(std::move(settings.error()));
  settings->tls.trust = trust_of(*account, settings->tls.trust);
  return S3Objects::open(
      *account, {.bucket = std::move(where->bucket), .prefix = std::move(where->key)},
      {.tls = TlsContext::of_client(settings->tls), .proxies = settings->proxies});
}

// Nothing: go on. Else the exit code.
std::optional<int> parse(std::vector<std::string> words, Arguments& arguments) {
  CLI::App app("Serves the Hub's upload protocol out of a folder of this machine.", "headrace hub");
  app.add_option("--root", arguments.root, "where everything is kept")->required();
  app.add_option("--listen", arguments.listen, "HOST:PORT; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--token", arguments.tokens,
                 "a token that may write; TOKEN:read may only read; none: every token may write");
  app.add_option("--multipart-threshold", arguments.options.multipart_threshold,
                 "above this many bytes a file comes in parts")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  app.add_option("--part-size", arguments.options.part_size, "bytes of a part")
      ->check(CLI::PositiveNumber)
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  app.add_option("--url-lifetime", arguments.options.url_lifetime_s,
                 "seconds that an upload URL is good for, as in 900 or 900s")
      ->transform(CLI::Validator(
          [](std::string& text) {
            if (text.ends_with('s')) text.pop_back();
            return std::string();
          },
          "SECONDS"))
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--inline-limit", arguments.options.inline_limit,
                 "up to this many bytes files travel in the commit")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  add_store(app, arguments.store);
  app.add_flag("--allow-remote", arguments.allow_remote, "listen beyond loopback");
  CLI::Option* certificate = app.add_option("--cert", arguments.certificate,
                                            "speak TLS, with this certificate and its chain (PEM)");
  app.add_option("--key", arguments.key, "its key (PEM), if it is not in the same file")
      ->needs(certificate);
  std::ranges::reverse(words);  // as the parser wants them
  try {
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    return say_usage(error.what());
  }
  return std::nullopt;
}

}  // namespace

int run_command(std::vector<std::string> words) {
  Arguments arguments;
  if (auto code = parse(std::move(words), arguments)) return *code;
  auto address = parse_address(arguments.listen);
  if (!address) return say_usage("--listen needs a numeric address and a port: 127.0.0.1:0");
  if (!is_loopback(address->host) && !arguments.allow_remote) {
    return say_usage(
        "an address beyond loopback needs --allow-remote: without --cert, tokens travel "
        "unencrypted");
  }
  // Threads inherit the mask, so that the signals wait for sigwait() below.
  sigset_t signals{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  auto disk = open_disk_store(arguments.root);
  if (!disk) return say_failure(disk.error());
  for (std::string& token : arguments.tokens) {
    arguments.options.tokens.push_back(parse_token(std::move(token)));
  }
  arguments.options.secret = std::move(disk->secret);
  auto objects = open_store(arguments.store);
  if (!objects) return say_failure(objects.error());
  arguments.options.objects = objects->get();
  Protocol protocol(*disk->store, std::move(arguments.options));
  std::shared_ptr<const TlsContext> tls;
  if (!arguments.certificate.empty()) {
    auto context = TlsContext::of_server(arguments.certificate, arguments.key);
    if (!context) return say_failure(context.error());
    tls = std::move(*context);
  }
  auto server = HubServer::start(protocol, *address, tls);
  if (!server) return say_failure(server.error());
  bool v6 = address->host.contains(':');
  fmt::print("listening on {}://{}{}{}:{}\n", tls ? "https" : "http", v6 ? "[" : "", address->host,
             v6 ? "]" : "", (*server)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace headrace::hub
