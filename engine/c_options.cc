#include "engine/c_options.h"

#include <algorithm>
#include <array>
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

// What one of a few words stands for; `unsaid` where there is none.
template <class Meaning, std::size_t count>
Result<Meaning> one_of(std::string_view what, const char* word, Meaning unsaid,
                       const std::array<std::pair<std::string_view, Meaning>, count>& meanings) {
  if (word == nullptr) return unsaid;
  for (const auto& [name, meaning] : meanings) {
    if (word == name) return meaning;
  }
  return bad_options(fmt::format("headrace_s3_upload knows no {} '{}'", what, word));
}

Result<CopyChecksum> checksum_of(const headrace_s3_upload& upload) {
  constexpr std::array<std::pair<std::string_view, CopyChecksum>, 3> known = {
      {{"crc64nvme", CopyChecksum::crc64nvme},
       {"crc32c", CopyChecksum::crc32c},
       {"sha256", CopyChecksum::sha256}}};
  return one_of("checksum", upload.checksum, CopyChecksum::crc64nvme, known);
}

Result<S3Flags> store_of(const headrace_s3_upload& upload) {
  using Addressing = std::optional<S3Addressing>;
  constexpr std::array<std::pair<std::string_view, Addressing>, 3> known = {
      {{"auto", S3Addressing::automatic},
       {"path", S3Addressing::path},
       {"virtual", S3Addressing::virtual_host}}};
  Result<Addressing> addressing = one_of("addressing", upload.addressing, Addressing(), known);
  if (!addressing) return fail(std::move(addressing.error()));
  S3Flags flags{.profile = if_given(upload.profile),
                .region = if_given(upload.region),
                .endpoint_url = if_given(upload.endpoint_url),
                .addressing = *addressing,
                .no_sign = upload.anonymous != 0,
                .keys = {}};
  S3Credentials keys{.access_key_id = text_of(upload.access_key_id),
                     .secret_access_key = text_of(upload.secret_access_key),
                     .session_token = text_of(upload.session_token),
                     .source = "headrace_s3_upload"};
  bool none = keys.access_key_id.empty();
  if (none != keys.secret_access_key.empty() || (none && !keys.session_token.empty()))
    return bad_options("headrace_s3_upload gives keys by half");
  if (!none) flags.keys = std::move(keys);
  return flags;
}

Status check_not_offline(const Environment& environment) {
  Result<Settings> settings = load_settings(without_hub({}), environment);
  if (!settings) return fail(std::move(settings.error()));
  return check_online(*settings);
}

// Where it goes, in whose name, and what is written of it as text.
Result<CopyRequest> copy_of(const headrace_s3_upload& upload, const Environment& environment) {
  Result<StoreAddress> address = parse_store_address(upload.target);
  if (!address) return fail(std::move(address.error()));
  Result<NamedValues> metadata = parse_named_values("metadata", list_of(upload.metadata));
  if (!metadata) return fail(std::move(metadata.error()));
  Result<NamedValues> tags = parse_named_values("tags", list_of(upload.tags));
  if (!tags) return fail(std::move(tags.error()));
  Result<CopyChecksum> checksum = checksum_of(upload);
  if (!checksum) return fail(std::move(checksum.error()));
  Result<S3Flags> flags = store_of(upload);
  if (!flags) return fail(std::move(flags.error()));
  Result<S3Account> account = load_s3_account(*flags, environment);
  if (!account) return fail(std::move(account.error()));
  CopyRequest request{.account = std::move(*account)};
  request.bucket = std::move(address->bucket);
  request.prefix = std::move(address->key);
  request.metadata = std::move(*metadata);
  request.tags = std::move(*tags);
  request.checksum = *checksum;
  return request;
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

Result<CopyRequest> request_from_c(const headrace_s3_upload* given) {
  Result<headrace_s3_upload> all = whole(given, "headrace_s3_upload");
  if (!all) return fail(std::move(all.error()));
  if (all->target == nullptr) return bad_options("headrace_s3_upload names no target");
  if (all->local_path == nullptr || *all->local_path == '\0')
    return bad_options("headrace_s3_upload names no local path");
  Environment environment = process_environment();
  Result<CopyRequest> request = copy_of(*all, environment);
  if (!request) return request;
  if (all->dry_run == 0) {
    if (Status online = check_not_offline(environment); !online)
      return fail(std::move(online.error()));
  }
  // The host's standard input is not ours to read: here this is the name of a file.
  std::string path = all->local_path;
  request->sources = {path == "-" ? "./-" : path};
  request->include = list_if_given(all->include);
  request->exclude = list_of(all->exclude);
  request->content_type = text_of(all->content_type);
  request->storage_class = text_of(all->storage_class);
  request->encryption = text_of(all->encryption);
  request->kms_key_id = text_of(all->kms_key_id);
  request->part_size = all->part_size;
  request->if_none_match = all->if_none_match != 0;
  request->skip_same = all->skip_existing != 0;
  request->keep_going = all->keep_going != 0;
  request->dry_run = all->dry_run != 0;
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
