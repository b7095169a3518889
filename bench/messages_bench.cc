// messages_bench.cc: what an upload writes and reads beside its content: JSON, NDJSON, signatures,
// and the patterns that choose its files. Bytes are those of the text that is made or read.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/filter.h"
#include "engine/hub/commit_body.h"
#include "engine/hub/messages.h"
#include "engine/s3/sigv4.h"

namespace headrace {
namespace {

using nlohmann::json;

void count_text(benchmark::State& state, std::size_t each) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(each));
}

// --- JSON ---

std::vector<PreuploadFile> asked_files() {
  std::vector<PreuploadFile> files;
  for (std::size_t i = 0; i < batch_files_max; ++i) {
    files.push_back({.path = fmt::format("folder/of/files/{:05}.json", i),
                     .sample = std::string(sample_bytes, 'x'),
                     .size = 4096 + i});
  }
  return files;
}

void build_preupload(benchmark::State& state) {
  const std::vector<PreuploadFile> files = asked_files();
  std::size_t size = 0;
  for (auto _ : state) size = preupload_body(files, std::nullopt).size();
  count_text(state, size);
}
BENCHMARK(build_preupload);

void parse_preupload_answer(benchmark::State& state) {
  const std::vector<PreuploadFile> files = asked_files();
  json answers = json::array();
  for (const PreuploadFile& file : files) {
    answers.push_back({{"path", file.path},
                       {"uploadMode", "regular"},
                       {"shouldIgnore", false},
                       {"oid", std::string(40, 'a')}});
  }
  const std::string body = json{{"files", answers}}.dump();
  for (auto _ : state) benchmark::DoNotOptimize(parse_preupload(body, files)->size());
  count_text(state, body.size());
}
BENCHMARK(parse_preupload_answer);

// The part URLs of one object, with queries as long as a store signs them.
void parse_batch_answer(benchmark::State& state) {
  const auto parts = static_cast<std::uint64_t>(state.range(0));
  constexpr std::uint64_t part_size = 16'000'000;
  const LfsObject object{.oid = std::string(64, 'a'), .size = parts * part_size};
  json header = {{"chunk_size", std::to_string(part_size)}};
  for (std::uint64_t part = 1; part <= parts; ++part) {
    header[fmt::format("{:05}", part)] =
        fmt::format("https://store.example/key?partNumber={}&{}", part, std::string(700, 's'));
  }
  const json upload = {{"href", "https://hub.example/complete"}, {"header", header}};
  const json answer = {
      {"oid", object.oid}, {"size", object.size}, {"actions", {{"upload", upload}}}};
  const std::string body = json{{"objects", json::array({answer})}}.dump();
  for (auto _ : state) {
    benchmark::DoNotOptimize(parse_lfs_batch(body, std::span(&object, 1))->size());
  }
  count_text(state, body.size());
}
BENCHMARK(parse_batch_answer)->Arg(16)->Arg(1000);

void build_completion(benchmark::State& state) {
  const LfsObject object{.oid = std::string(64, 'a'), .size = 1000};
  const std::vector<std::string> etags(1000, "\"" + std::string(32, 'e') + "\"");
  std::size_t size = 0;
  for (auto _ : state) size = lfs_completion_body(object, etags).size();
  count_text(state, size);
}
BENCHMARK(build_completion);

// --- NDJSON ---

// A commit of small files with their content in it, as it goes to the wire.
void build_commit(benchmark::State& state) {
  constexpr std::size_t file_size = 4096;
  std::vector<CommitOperation> operations;
  for (int i = 0; i < 200; ++i) {
    operations.push_back(
        {.path = fmt::format("folder/{:05}.txt", i), .size = file_size, .oid = {}});
  }
  CommitBody body({.summary = "Upload", .description = {}, .parent_commit = {}}, operations);
  const std::string content(file_size, 'c');
  std::string out;
  for (auto _ : state) {
    body.rewind();
    while (body.step() != CommitBody::Step::done) {
      out.clear();
      if (body.step() == CommitBody::Step::text) {
        out = body.take_text();
      } else {
        (void)body.feed(std::as_bytes(std::span(content)), out);
      }
      benchmark::DoNotOptimize(out.data());
    }
  }
  count_text(state, body.size());
}
BENCHMARK(build_commit);

// --- signatures ---

void sign_part(benchmark::State& state) {
  const S3Credentials credentials{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                                  .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                  .session_token = {},
                                  .source = {}};
  const Signing signing{.credentials = credentials, .region = "us-east-1", .now = 1'369'353'600};
  const Url url = *Url::parse("https://bucket.example/a/key.bin?partNumber=17&uploadId=abcdef0123");
  for (auto _ : state) {
    Headers headers;
    headers.set("content-encoding", "aws-chunked");
    headers.set("x-amz-decoded-content-length", "16777216");
    headers.set("x-amz-trailer", "x-amz-checksum-crc64nvme");
    sign_headers(signing, "PUT", url, payload_unsigned_trailer, headers);
    benchmark::DoNotOptimize(headers);
  }
}
BENCHMARK(sign_part);

// --- filters ---

void filter_path(benchmark::State& state) {
  const PathFilter filter =
      folder_filter(std::vector<std::string>{"*.safetensors", "*.json", "data/[0-9]*/*.parquet"},
                    {"*.tmp", "checkpoints/*/optimizer*"});
  const std::string path = "data/2026/train/part-00017-of-00099.parquet";
  for (auto _ : state) benchmark::DoNotOptimize(filter.keeps(path));
  count_text(state, path.size());
}
BENCHMARK(filter_path);

}  // namespace
}  // namespace headrace
