#include "engine/c_options.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/settings.h"

namespace headrace {
namespace {

std::unexpected<Error> bad_options(std::string_view why) {
  Error error = make_error(ErrorClass::fail, "bad_options", why);
  return fail(
      std::move(error)
          .at("arguments")
          .hinting(
              "see headrace.h: each struct begins with its size, and what is not used is zero"));
}

// Sizes come from sizeof, so none cuts a field in two.
bool is_size_of(std::size_t size, std::size_t alignment) {
  return size >= sizeof(std::size_t) && size % alignment == 0;
}

template <class Struct>
Result<Struct> whole(const Struct* given, std::string_view name) {
  if (given == nullptr) return bad_options(fmt::format("{} is null", name));
  if (!is_size_of(given->size, alignof(Struct)))
    return bad_options(fmt::format("{} says it has {} bytes", name, given->size));
  Struct all{};
  std::memcpy(&all, given, std::min(given->size, sizeof all));
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t at = sizeof all; at < given->size; ++at) {
    if (bytes[at] == 0) continue;
    return bad_options(fmt::format("{} sets a field that this version does not know", name));
  }
  return all;
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

std::optional<std::string> if_given(const char* text) {
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

std::vector<std::string> list_of(const char* const* texts) {
  std::vector<std::string> list;
  for (; texts != nullptr && *texts != nullptr; ++texts) list.emplace_back(*texts);
  return list;
}

std::optional<std::vector<std::string>> list_if_given(const char* const* texts) {
  if (texts == nullptr) return std::nullopt;
  return list_of(texts);
}

Result<RepoUri> repo_of(const headrace_hub_upload& upload) {
  std::string text = text_of(upload.repo);
  if (is_repo_uri(text)) {
    if (upload.repo_type != nullptr || upload.revision != nullptr || upload.path_in_repo != nullptr)
      return bad_options("an hf:// address names type, revision and path itself");
    return parse_repo_uri(text);
  }
  Result<RepoType> type = parse_repo_type(upload.repo_type == nullptr ? "model" : upload.repo_type);
  if (!type) return fail(std::move(type.error()));
  Result<RepoId> repo = parse_repo_id(*type, text);
  if (!repo) return fail(std::move(repo.error()));
  return RepoUri{.repo = std::move(*repo),
                 .revision = if_given(upload.revision),
                 .path = text_of(upload.path_in_repo)};
}

bool is_file(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
}

// The environment's, but for what is given. An empty token says that none is wanted.
Result<Settings> settings_of(const headrace_hub_upload& upload) {
  Environment environment = process_environment();
  SettingsFlags flags{.endpoint = if_given(upload.endpoint), .token = if_given(upload.token)};
  if (flags.token && flags.token->empty()) {
    flags.token.reset();
    environment.variable = [all = environment.variable](std::string_view name) {
      return name == "HF_HUB_DISABLE_IMPLICIT_TOKEN" ? std::optional<std::string>("1") : all(name);
    };
  }
  Result<Settings> settings = load_settings(flags, environment);
  if (!settings) return settings;
  if (upload.dry_run == 0) {
    if (Status online = check_online(*settings); !online) return fail(std::move(online.error()));
  }
  return settings;
}

}  // namespace

Result<EngineOptions> options_from_c(const headrace_engine_options* given) {
  headrace_engine_options defaults{};
  defaults.size = sizeof defaults;
  Result<headrace_engine_options> all =
      whole(given == nullptr ? &defaults : given, "headrace_engine_options");
  if (!all) return fail(std::move(all.error()));
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  if (all->workers > most || all->connections > most)
    return bad_options("headrace_engine_options asks for more than there can be");
  EngineOptions options;
  options.memory_limit_bytes = all->memory_limit_bytes;
  options.workers = static_cast<std::uint32_t>(all->workers);
  options.connections = static_cast<std::uint32_t>(all->connections);
  options.verbosity = static_cast<std::uint8_t>(std::min<std::uint64_t>(all->verbosity, 2));
  options.trace_path = text_of(all->trace_path);
  options.rate_limit = all->bytes_per_second;
  ProxyFlags flags{.proxy = if_given(all->proxy), .no_proxy = if_given(all->no_proxy)};
  Result<ProxyRules> proxies = ProxyRules::load(flags, process_environment().variable);
  if (!proxies) return fail(std::move(proxies.error()));
  options.proxies = std::move(*proxies);
  options.tls = {.trust = choose_trust(if_given(all->ca_cert), process_environment().variable),
                 .certificate = text_of(all->client_cert),
                 .key = text_of(all->client_key),
                 .skip_verification = all->insecure_skip_tls_verify != 0};
  return options;
}

Result<UploadRequest> request_from_c(const headrace_hub_upload* given) {
  Result<headrace_hub_upload> all = whole(given, "headrace_hub_upload");
  if (!all) return fail(std::move(all.error()));
  if (all->repo == nullptr) return bad_options("headrace_hub_upload names no repo");
  if (all->local_path == nullptr) return bad_options("headrace_hub_upload names no local path");
  if (all->visibility > 2) return bad_options("headrace_hub_upload asks for no known visibility");
  Result<RepoUri> uri = repo_of(*all);
  if (!uri) return fail(std::move(uri.error()));
  Result<Settings> settings = settings_of(*all);
  if (!settings) return fail(std::move(settings.error()));
  UploadRequest request;
  request.endpoint = std::move(settings->endpoint);
  request.token = std::move(settings->token);
  request.repo = std::move(uri->repo);
  request.revision = std::move(uri->revision);
  request.create_pr = all->create_pr != 0;
  if (all->visibility != 0) request.is_private = all->visibility == 2;
  request.local_paths = {all->local_path};
  request.path_in_repo = std::move(uri->path);
  request.include = list_if_given(all->include);
  request.exclude = list_of(all->exclude);
  // Of a folder: for a file they would mean all of the repo.
  if (!is_file(all->local_path)) request.delete_patterns = list_if_given(all->delete_patterns);
  request.message = text_of(all->message);
  request.description = text_of(all->description);
  request.keep_going = all->keep_going != 0;
  request.dry_run = all->dry_run != 0;
  return request;
}

Result<UrlsRequest> request_from_c(const headrace_urls_upload* given) {
  Result<headrace_urls_upload> all = whole(given, "headrace_urls_upload");
  if (!all) return fail(std::move(all.error()));
  if (all->path != nullptr && all->data != nullptr)
    return bad_options("headrace_urls_upload names a file and memory");
  if (all->path == nullptr && all->data == nullptr && all->data_size > 0)
    return bad_options("headrace_urls_upload names neither a file nor memory");
  if (all->path != nullptr && *all->path == '\0')
    return bad_options("headrace_urls_upload has an empty path");
  if (all->connections > std::numeric_limits<std::uint32_t>::max())
    return bad_options("headrace_urls_upload asks for more connections than there can be");
  UrlsRequest request;
  request.path = text_of(all->path);
  request.memory = {static_cast<const std::byte*>(all->data), all->data_size};
  request.offset = all->offset;
  request.length = all->length;
  request.part_size = all->part_size;
  request.connections = static_cast<std::uint32_t>(all->connections);
  for (std::uint64_t part = 0; part < all->url_count; ++part) {
    if (all->urls == nullptr || all->urls[part] == nullptr)
      return bad_options("headrace_urls_upload has fewer URLs than it says");
    request.urls.emplace_back(all->urls[part]);
  }
  return request;
}

Status progress_to_c(const Progress& progress, headrace_progress* into) {
  if (into == nullptr || !is_size_of(into->size, alignof(headrace_progress)))
    return bad_options("headrace_progress has no size");
  headrace_progress all{};
  all.size = into->size;
  all.files_done = progress.files_done;
  all.files_total = progress.files_total;
  all.bytes_hashed = progress.bytes_hashed;
  all.bytes_sent = progress.bytes_sent;
  all.bytes_to_send = progress.bytes_to_send;
  all.bytes_total = progress.bytes_total;
  std::memcpy(into, &all, std::min(into->size, sizeof all));
  return {};
}

}  // namespace headrace
