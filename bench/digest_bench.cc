// digest_bench.cc: what a digest costs over blocks that are in the cache.
#include <string>

#include <benchmark/benchmark.h>

#include "io/digest/sha1.h"
#include "io/digest/sha256.h"

namespace {

void sha256_update(benchmark::State& state) {
  std::string block(static_cast<std::size_t>(state.range(0)), 'x');
  headrace::Sha256 digest;
  for (auto _ : state) digest.update(block);
  benchmark::DoNotOptimize(digest.finish());
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(sha256_update)->Arg(1 << 10)->Arg(16 << 10)->Arg(256 << 10)->Arg(1 << 20);

// A small file from its first byte to its name: the cost of beginning and ending one.
void sha256_small_file(benchmark::State& state) {
  std::string file(static_cast<std::size_t>(state.range(0)), 'x');
  headrace::Sha256 digest;
  for (auto _ : state) {
    digest.update(file);
    benchmark::DoNotOptimize(digest.finish());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(sha256_small_file)->Arg(64)->Arg(4 << 10);

void git_blob_sha1(benchmark::State& state) {
  std::string file(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(headrace::git_blob_sha1_of(file));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(git_blob_sha1)->Arg(4 << 10)->Arg(256 << 10);

}  // namespace
