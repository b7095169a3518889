#include "engine/s3/checksum_use.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "net/url.h"

namespace headrace {
namespace {

// Stores are made new without a word; longer, and who waits for it has to know the file.
constexpr std::int64_t remembered_s = 30 * 24 * 3600;
// Addresses of a machine that speaks to very many stores.
constexpr std::size_t lines_max = 1000;

S3ChecksumUse no_checksums(std::string_view why) {
  return {.part_way = S3ChecksumWay::none,
          .declared = false,
          .parts_listed = false,
          .whole = false,
          .why = std::string(why)};
}

// Undeclared: a store that doesn't know the fields is told nothing that it could refuse.
S3ChecksumUse plain_fields(std::string_view why) {
  S3ChecksumUse use = no_checksums(why);
  use.part_way = S3ChecksumWay::header;
  return use;
}

bool is_host_of(std::string_view host, std::string_view domain) {
  return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

// One line: the endpoint, the way, three signs for what is said of it, the time.
struct Line {
  std::string_view endpoint;
  S3ChecksumUse use;
  std::int64_t tried_at = 0;
};

std::optional<Line> read_line(std::string_view text) {
  std::array<std::string_view, 4> words;
  for (std::string_view& word : words) {
    word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  Line line{.endpoint = words[0], .use = no_checksums("what a trial showed before")};
  constexpr std::array ways = {S3ChecksumWay::trailer, S3ChecksumWay::header, S3ChecksumWay::none};
  const auto way =
      std::ranges::find(ways, words[1], [](S3ChecksumWay each) { return name_of(each); });
  const char* end = words[3].data() + words[3].size();
  const auto [stop, errc] = std::from_chars(words[3].data(), end, line.tried_at);
  const bool flags = words[2].size() == 3 && words[2].find_first_not_of("+-") == words[2].npos;
  if (way == ways.end() || !flags || errc != std::errc() || stop != end || line.tried_at < 0) {
    return std::nullopt;
  }
  line.use.part_way = *way;
  line.use.declared = words[2][0] == '+';
  line.use.parts_listed = words[2][1] == '+';
  line.use.whole = words[2][2] == '+';
  return line;
}

bool is_fresh(const Line& line, std::int64_t now) {
  return line.tried_at <= now && now - line.tried_at < remembered_s;
}

// Calls `see` with each line that can be read, and its text.
template <class See>
void each_line(std::string_view file, const See& see) {
  while (!file.empty()) {
    const std::string_view text = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(file.size(), text.size() + 1));
    if (const std::optional<Line> line = read_line(text)) see(*line, text);
  }
}

}  // namespace

std::optional<S3ChecksumUse> preset_checksums(const S3Settings& settings) {
  if (settings.checksums_only_if_needed) {
    return no_checksums("request_checksum_calculation is when_required");
  }
  if (settings.endpoint_url.empty()) return S3ChecksumUse{.why = "AWS takes trailers"};
  const Result<Url> url = Url::parse(settings.endpoint_url);
  if (!url) return std::nullopt;
  if (is_host_of(url->host, aws_domain(settings.region))) {
    return S3ChecksumUse{.why = "AWS takes trailers"};
  }
  if (is_host_of(url->host, "s3.hf.co")) {
    return no_checksums("the Hub's storage buckets take none");
  }
  if (is_host_of(url->host, "backblazeb2.com")) return no_checksums("Backblaze B2 takes none");
  if (is_host_of(url->host, "r2.cloudflarestorage.com")) {
    return plain_fields("Cloudflare R2 reads no trailers");
  }
  return std::nullopt;
}

S3ChecksumUse checksums_after(const S3Trial& trial) {
  if (!trial.declared) return no_checksums("the store began no upload with a checksum declared");
  const bool decoded = trial.trailer && trial.size == trial_content.size();
  if (decoded && trial.names_parts) return {.why = "the store took a trailer on trial"};
  // It may take what stands before the bytes; where it doesn't know them, the fields say nothing.
  return plain_fields(decoded         ? "the store took a trailer on trial, and did not look at it"
                      : trial.trailer ? "the store took a trailer for content on trial"
                                      : "the store refused a trailer on trial");
}

S3ChecksumUse checksums_untried() {
  return plain_fields("what goes in one piece has its checksum before it");
}

std::string stores_file(const Environment& environment) {
  const std::string cache =
      set_variable(environment, "XDG_CACHE_HOME").value_or(expand_path("~/.cache", environment));
  return cache + "/headrace/stores";
}

std::optional<S3ChecksumUse> remembered_checksums(std::string_view file, std::string_view endpoint,
                                                  std::int64_t now) {
  std::optional<S3ChecksumUse> found;
  each_line(file, [&](const Line& line, std::string_view) {
    if (line.endpoint == endpoint && is_fresh(line, now)) found = line.use;
  });
  return found;
}

std::string remember_checksums(std::string_view file, std::string_view endpoint,
                               const S3ChecksumUse& use, std::int64_t now) {
  const auto sign = [](bool on) { return on ? '+' : '-'; };
  std::string text = fmt::format("{} {} {}{}{} {}\n", endpoint, name_of(use.part_way),
                                 sign(use.declared), sign(use.parts_listed), sign(use.whole), now);
  std::size_t count = 1;
  each_line(file, [&](const Line& line, std::string_view whole) {
    if (line.endpoint == endpoint || !is_fresh(line, now) || ++count > lines_max) return;
    text += whole;
    text += '\n';
  });
  return text;
}

}  // namespace headrace
